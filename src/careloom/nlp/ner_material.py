"""What the tagger of entities that ships is trained on: corpora by name, and the names of its gazetteer."""

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

from careloom.nlp.corpora import CASE_REPORT, CHEMICAL_DISEASE, DETAIL, DISEASE, Document
from careloom.nlp.corpora_notes import NOTE

NCBI = dict.fromkeys(("SpecificDisease", "DiseaseClass", "Modifier", "CompositeMention"), "Disease")
"""NCBI's kinds of mentions as one label, as everybody measures it."""
HEADS: Mapping[str, tuple[str, ...]] = {
    "chemical_disease": CHEMICAL_DISEASE,
    "disease": DISEASE,
    "case_report": tuple(sorted({*CASE_REPORT.values(), *DETAIL.values()})),
    "note": tuple(sorted(set(NOTE.values()))),
}
"""Guideline -> what it annotates: BC5CDR's, NCBI disease's, MACCROBAT's, and that of simulated notes."""
SHARES: Mapping[str, int | None] = {"chemical_disease": None, "disease": None, "case_report": 240, "note": 260}
"""Documents that an epoch reads of each; all where None."""
SMALLER_SHARES: Mapping[str, int] = {"chemical_disease": 300, "disease": 214, "case_report": 240, "note": 100}
"""The same where a smaller tagger learns from a larger one, which has read all of them often."""
HELD_OUT: Mapping[str, int] = {"chemical_disease": 100, "disease": 50, "case_report": 30, "note": 0}
"""The last documents of each, by order of the corpus, that no training sees: what is reported is measured on them."""
_TERM_TYPES = ("IN", "PIN", "BN")


def kept_and_held_out(documents: Sequence[Document], held_out: int) -> tuple[list[Document], list[Document]]:
    """The documents to learn from, and the last ones, so many as are held out."""
    last = max(len(documents) - held_out, 0)
    return list(documents[:last]), list(documents[last:])


def fingerprint(text: str) -> str:
    """Twelve hex digits by which a model's card remembers a text that it has learnt from."""
    return sha256(text.encode()).hexdigest()[:12]


def joined(lines: Sequence[str], held_out: Iterable[str], count: int = 6) -> Iterator[str]:
    """Sentences, some of which stood together, as texts of `count`; what a text of `held_out` says is left out."""
    told = "\n".join(map(_letters, held_out))
    kept = [line for line in lines if _letters(line) not in told]
    for at in range(0, len(kept), count):
        yield " ".join(line if line.endswith((".", "?", "!")) else f"{line}." for line in kept[at : at + count])


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.lower()))


def gazetteer_names(rxnorm: bytes, symptoms: bytes, *diseases: bytes) -> list[tuple[str, str]]:
    """(kind, name): drugs of RxNorm by ingredient and brand, symptoms, diseases; each name once, by the first kind.

    rxnorm    gzipped lines of JSON: name, tty
    symptoms  lines of JSON as of an ontology: name, synonyms
    diseases  gzipped lines of the same, or with ``synonyms_ncit2018``
    """
    found: dict[str, tuple[str, str]] = {}
    drugs = (row["name"] for row in _rows(gzip.decompress(rxnorm)) if row["tty"] in _TERM_TYPES)
    for kind, names in (
        ("drug", drugs),
        ("symptom", _names(symptoms)),
        *(("disease", _names(gzip.decompress(one))) for one in diseases),
    ):
        for name in names:
            plain = " ".join(name.split())
            if len(plain) >= 3:
                found.setdefault(plain.lower(), (kind, plain))
    return list(found.values())


def _names(lines: bytes) -> Iterator[str]:
    for row in _rows(lines):
        yield row["name"]
        for synonym in (*row.get("synonyms", ()), *row.get("synonyms_ncit2018", ())):
            yield synonym if isinstance(synonym, str) else synonym["text"]


def _rows(lines: bytes) -> Iterable[dict[str, Any]]:
    return map(json.loads, lines.splitlines())
