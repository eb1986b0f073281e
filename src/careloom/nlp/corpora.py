"""Corpora that others annotated, as texts with gold spans: bytes in, documents out.

    BC5CDR, NCBI disease   a line of JSON a document: pmid, text, entities with start, end, label
    MACCROBAT              BRAT: a text and its .ann (Caufield and others, 2020, doi:10.6084/m9.figshare.9764942)
    corrections            what people say of notes, from `careloom annotate export --corrections`

Of spans that overlap the longest counts, and what is in several pieces is left out: a tagger finds neither.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from careloom.errors import InputError

Gold = tuple[int, int, str]
"""Start, end, label."""

CHEMICAL_DISEASE = ("Chemical", "Disease")
DISEASE = ("Disease",)
CASE_REPORT = {
    "Disease_disorder": "PROBLEM",
    "Sign_symptom": "SYMPTOM",
    "Medication": "MEDICATION",
    "Dosage": "DOSAGE",
    "Administration": "ROUTE",
    "Frequency": "FREQUENCY",
    "Duration": "DURATION",
    "Diagnostic_procedure": "TEST",
    "Lab_value": "TEST_VALUE",
    "Therapeutic_procedure": "PROCEDURE",
    "Biological_structure": "ANATOMY",
    "Severity": "SEVERITY",
    "Date": "DATE_TIME",
    "Time": "DATE_TIME",
    "Age": "AGE",
    "Sex": "SEX",
    "Clinical_event": "EVENT",
    "History": "HISTORY",
    "Family_history": "FAMILY_HISTORY",
}
"""MACCROBAT's types as labels; EVENT, HISTORY and FAMILY_HISTORY are no entities of ours but clauses that hold some."""
DETAIL = {"Detailed_description": "DETAIL", "Nonbiological_location": "PLACE", "Subject": "FAMILY_RELATION"}
"""Types that a tagger learns beside them, so as not to take one for the other."""


@dataclass(frozen=True, slots=True)
class Document:
    """A text of a corpus.

    gold    sorted and disjoint
    family  who wrote it, where the corpus has families of authors; else empty
    """

    id: str
    text: str
    gold: tuple[Gold, ...]
    family: str = ""


def pubtator(lines: bytes, labels: Mapping[str, str] | None = None) -> list[Document]:
    """The documents of BC5CDR or NCBI disease.

    labels  theirs -> ours; whatever is not named keeps its name
    raises  InputError with the line that is none
    """
    found = []
    for number, line in enumerate(lines.splitlines(), 1):
        try:
            row = json.loads(line)
            gold = [
                (one["start"], one["end"], (labels or {}).get(one["label"], one["label"])) for one in row["entities"]
            ]
            found.append(Document(str(row["pmid"]), row["text"], longest(gold)))
        except (ValueError, KeyError, TypeError):
            raise InputError(
                f"line {number} of the corpus is no document", "A line has pmid, text, entities."
            ) from None
    return found


def brat(name: str, text: str, annotations: str, labels: Mapping[str, str]) -> Document:
    """A document in BRAT's stand-off form, with the spans whose type `labels` names."""
    gold = []
    for line in annotations.split("\n"):
        if line.startswith("T") and line.count("\t") >= 2:
            kind, _, place = line.split("\t")[1].partition(" ")
            if kind in labels and ";" not in place:
                start, end = place.split(" ")
                gold.append((int(start), int(end), labels[kind]))
    return Document(name, text, longest(gold))


def corrected(lines: bytes, labels: Iterable[str]) -> list[Document]:
    """Notes that people corrected, as `careloom annotate export --corrections` prints them; only `labels` are gold.

    raises  InputError with the line that is none
    """
    known = set(labels)
    found = []
    for number, line in enumerate(lines.splitlines(), 1):
        try:
            row = json.loads(line)
            gold = [(one["start"], one["end"], one["label"]) for one in row["annotations"] if one["label"] in known]
            found.append(Document(f"correction {number}", row["text"], longest(gold)))
        except (ValueError, KeyError, TypeError):
            raise InputError(f"line {number} is no corrected note", "A line has text and annotations.") from None
    return found


def longest(gold: Iterable[Gold]) -> tuple[Gold, ...]:
    """Those spans that overlap no longer one, nor an equally long one before them, by place."""
    kept: list[Gold] = []
    for start, end, label in sorted(gold, key=lambda one: (one[0] - one[1], one[0])):
        if start < end and all(end <= other[0] or other[1] <= start for other in kept):
            kept.append((start, end, label))
    return tuple(sorted(kept))
