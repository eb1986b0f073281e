"""Agreement with the bundles that another converter makes of the same HL7 v2 messages, counted in triples.

Expected bundles are those of Microsoft's FHIR-Converter (MIT, hl7v2_ms_fhir_converter): one implementation's reading,
and not the guide's. Measured is the recall of their triples (tests/triples.py) in ours, as sets, message by message:
raw, and adjusted, where the triples of the classes of hl7v2_differences.py are left out. A class is a rule that says
when the other converter's triple is not what the HL7 v2-to-FHIR guide (or FHIR itself) asks for, with the row that says
so; no class names a message. A triple that we have too is never in a class. docs/reference/hl7v2.md quotes the numbers.
"""

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path

import pytest

from careloom.hl7v2.batch import split
from tests.conformance.hl7v2_differences import DIFFERENCES
from tests.conformance.hl7v2_seen import SYSTEMS, Seen
from tests.triples import Triple, triples
from tests.unit.ingest.hl7v2_support import converted, keyed

MUST = 0.97


def pairs(suites: Path) -> Iterator[tuple[str, bytes, list[dict[str, object]]]]:
    """(case, message, expected resources) of every pair, those that we refuse too."""
    folder = suites / "hl7v2_ms_fhir_converter"
    for place in sorted((*folder.glob("*.expected.json"), *folder.glob("*.expected.json.gz"))):
        case = place.name.partition(".expected")[0]
        raw = place.read_bytes()
        bundle = json.loads(gzip.decompress(raw) if place.suffix == ".gz" else raw)
        yield case, (folder / f"{case}.hl7").read_bytes(), [entry["resource"] for entry in bundle["entry"]]


@cache
def measured(suites: Path, every: int) -> list[tuple[str, set[Triple], set[Triple], dict[Triple, str]]]:
    """(case, expected triples, those that we have, the class of those that we lack) of pairs."""
    out = []
    for case, raw, expected in islice(pairs(suites), 0, None, every):
        found = converted(next(split(raw)))
        ours = keyed(found.drafts)
        wanted, made = triples(expected, SYSTEMS), triples(ours, SYSTEMS)
        seen = Seen(raw.decode("utf-8-sig", "replace"), wanted, made, expected)
        classes = {
            triple: difference.name
            for triple in wanted - made
            if (difference := next((one for one in DIFFERENCES if one.covers(triple, seen)), None)) is not None
        }
        out.append((case, wanted, wanted & made, classes))
    return out


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.long)])
def test_recall_of_the_triples_that_the_guide_does_not_decide_otherwise(
    suites: Path, capsys: pytest.CaptureFixture[str], every: int
) -> None:
    """Each fourth pair of every day, all of them in the campaigns."""
    results = measured(suites, every)
    wanted = sum(len(expected) for _, expected, _, _ in results)
    both = sum(len(found) for _, _, found, _ in results)
    classes = Counter(name for _, _, _, found in results for name in found.values())
    adjusted = both / (wanted - classes.total())
    with capsys.disabled():
        print(f"\n{len(results)} messages, {wanted} expected triples: {both} are ours ({both / wanted:.1%});")
        print(f"{classes.total()} are in a class where the guide wins; of the rest {adjusted:.2%} are ours")
        for name, count in classes.most_common():
            print(f"  {count:5} {name}")
    assert len(results) >= 80 // every
    assert adjusted >= MUST


def test_every_class_cites_its_rule() -> None:
    assert all(one.rule for one in DIFFERENCES)
    assert len({one.name for one in DIFFERENCES}) == len(DIFFERENCES)


@pytest.mark.long
def test_every_class_is_met(suites: Path) -> None:
    met = {name for _, _, _, found in measured(suites, 1) for name in found.values()}
    assert {one.name for one in DIFFERENCES} == met
