"""Mappings between the packaged terminologies: which code of one system says what a code of another says.

source  MONDO (CC0), Disease Ontology (CC0), Symptom Ontology (CC0); tools/make_starter.py, tools/starter_maps.py
"""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

import zstandard

from careloom import runtime
from careloom.terminology.concepts import EQUIVALENCES, REVERSED, Translation
from careloom.terminology.systems import DISEASE_ONTOLOGY, ICD_10_CM, MONDO, SNOMED_CT, SYMPTOM_ONTOLOGY

SYSTEMS: Mapping[str, str] = MappingProxyType(
    {"S": SNOMED_CT, "I": ICD_10_CM, "D": DISEASE_ONTOLOGY, "M": MONDO, "Y": SYMPTOM_ONTOLOGY}
)
"""Letter in the file -> code system."""


@cache
def _mappings() -> Mapping[tuple[str, str], tuple[Translation, ...]]:
    text = zstandard.ZstdDecompressor().decompress(runtime.packaged("terminology", "tables/maps.zst")).decode()
    found: dict[tuple[str, str], list[Translation]] = {}
    for line in text.splitlines():
        left, one, right, other, equivalence, origin = line.split("\t")
        source, target = SYSTEMS[left], SYSTEMS[right]
        back = REVERSED.get(equivalence, equivalence)
        found.setdefault((source, one), []).append(Translation(target, other, equivalence, origin))
        found.setdefault((target, other), []).append(Translation(source, one, back, origin))
    exactness = {equivalence: place for place, equivalence in enumerate(EQUIVALENCES)}
    return {
        key: tuple(sorted(values, key=lambda each: (exactness[each.equivalence], each.system, each.code)))
        for key, values in found.items()
    }


def mapped(system: str, code: str) -> tuple[Translation, ...]:
    """Every packaged mapping of a code, in either direction, most exact first."""
    return _mappings().get((system, code), ())
