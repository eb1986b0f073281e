"""Names that are no patient's, from the packaged terminologies: what stands in where too few patients share a name.

How often a name is used in notes is not known to a terminology. In its place stand roots of counts that are public:
diseases by how often the literature mentions them (BC5CDR, NCBI, as counted in the names of `nlp/linking_table.py`),
drugs by how many products of RxNorm hold them; tests, procedures and symptoms are drawn alike.
"""

import re
from collections.abc import Iterator
from functools import cache
from math import isqrt

from careloom.deid.name_lists import names, words
from careloom.nlp.linking_table import SYSTEMS, Meaning, packaged_table
from careloom.synth.notes_public import WORDS, Public, PublicName
from careloom.terminology.packaged import PACKAGED
from careloom.terminology.systems import RXNORM, SNOMED_CT, SYMPTOM_ONTOLOGY

_MOST_WORDS, _LONGEST = 3, 8
_ODD = re.compile(r"[\[\]/,()]|\d{3}|symptom|obsolete|nos\b|panel|score", re.IGNORECASE)
_LOOKS = re.compile(
    r"x-ray|mri|ct of|imaging|graphy|gram\b|scopy|culture|screen|test|measure|level|count|vital|examination",
    re.IGNORECASE,
)
"""Acts that find something out; the others do something."""


@cache
def public_names() -> Public:
    """Label of a head -> names with codes as ``system|code``; PROBLEM, SYMPTOM, MEDICATION, TEST and PROCEDURE;
    and under WORDS common words that are in none of them.
    """
    found: dict[str, dict[str, PublicName]] = {}
    for label, one in (*_problems(), *_symptoms(), *_drugs(), *_acts()):
        if one.name and len(one.name.split()) <= _MOST_WORDS and not _ODD.search(one.name):
            found.setdefault(label, {}).setdefault(one.name.casefold(), one)
    taken = {word for its in found.values() for name in its for word in name.split()}
    found[WORDS] = {word: PublicName(word, "") for word in sorted(words()) if _is_common(word) and word not in taken}
    return {label: tuple(its.values()) for label, its in sorted(found.items())}


def _is_common(word: str) -> bool:
    """A word that names nobody, in letters only."""
    return word.isalpha() and 4 <= len(word) <= _LONGEST and word not in names()


def _coded(meaning: Meaning, letters: str) -> str:
    """The first code of the first of these systems that a meaning has."""
    for letter in letters:
        for each, code in meaning.codes:
            if each == letter:
                system, prefix = SYSTEMS[letter]
                return f"{system}|{prefix}{code}"
    return ""


def _problems() -> Iterator[tuple[str, PublicName]]:
    table = packaged_table("diseases")
    for number, times in enumerate(table.mentioned):
        if times and (code := _coded(table.meaning_of(number), "SID")):
            yield "PROBLEM", PublicName(table.meaning_of(number).display, code, 1 + isqrt(times))


def _symptoms() -> Iterator[tuple[str, PublicName]]:
    for code in PACKAGED.codes(SYMPTOM_ONTOLOGY):
        concept = PACKAGED.find(SYMPTOM_ONTOLOGY, code)
        if concept is not None:
            yield "SYMPTOM", PublicName(concept.name, f"{SYMPTOM_ONTOLOGY}|{code}")


def _drugs() -> Iterator[tuple[str, PublicName]]:
    for code in PACKAGED.codes(RXNORM):
        concept = PACKAGED.find(RXNORM, code)
        if concept is not None and concept.properties.get("tty", ("",))[0] in ("IN", "BN"):
            products = sum(one.equivalence == "narrower" for one in PACKAGED.translations(RXNORM, code))
            yield "MEDICATION", PublicName(concept.name, f"{RXNORM}|{code}", 1 + isqrt(products))


def _acts() -> Iterator[tuple[str, PublicName]]:
    table = packaged_table("acts")
    for number in range(len(table)):
        meaning = table.meaning_of(number)
        code = _coded(meaning, "LS")
        finds_out = code.startswith(SYSTEMS["L"][0]) or bool(_LOOKS.search(meaning.display))
        is_ours = meaning.display[:1].islower()  # the long names of LOINC's questionnaires begin with a capital
        if code and is_ours and (finds_out or code.startswith(SNOMED_CT)):
            yield ("TEST" if finds_out else "PROCEDURE"), PublicName(meaning.display, code)
