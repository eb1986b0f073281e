"""Sentences of ade_corpus_v2 (Gurulingappa and others, 2012, doi:10.1016/j.jbi.2012.04.008): lines of JSON in.

    drug_ae.jsonl    a related pair a line: pmid, sentence, drug_start, drug_end, arg_start, arg_end
    drug_dose.jsonl  a drug with its dose a line, likewise
    ade_neg.jsonl    a sentence without a relation a line: pmid, sentence

The corpus may be used "with citation" and has no licence of its own: what is trained on it stays with whoever trained
it and is not shipped.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from careloom.errors import InputError

Place = tuple[int, int]
Pair = tuple[Place, Place]
"""Drug and event, each as start and end."""
Part = Literal["train", "choose", "report", "all"]
_PARTS: Mapping[str, range] = {"train": range(15), "choose": range(15, 16), "report": range(16, 20), "all": range(20)}
_DRUG = ("drug_start", "drug_end")


@dataclass(slots=True)
class Sentence:
    """A sentence with its related pairs; `others` are drugs that the corpus names there for another reason."""

    text: str
    pmid: str
    pairs: set[Pair] = field(default_factory=set)
    others: set[Place] = field(default_factory=set)

    @property
    def drugs(self) -> list[Place]:
        """The drugs of the pairs, in order."""
        return sorted({drug for drug, _ in self.pairs})

    @property
    def events(self) -> list[Place]:
        """The events of the pairs, in order."""
        return sorted({event for _, event in self.pairs})

    def candidates(self) -> list[tuple[Place, Place, bool]]:
        """Every drug with every event, and whether they are related."""
        drugs = sorted({*self.drugs, *self.others})
        return [(drug, event, (drug, event) in self.pairs) for drug in drugs for event in self.events]


def part_of(pmid: str) -> int:
    """Which of twenty parts of the abstracts it is in."""
    return int(hashlib.sha256(pmid.encode()).hexdigest(), 16) % 20


def in_part(pmid: str, part: Part) -> bool:
    """True where the abstract is in `part`: 75 % to train, 5 % to choose thresholds by, 20 % to report on."""
    return part_of(pmid) in _PARTS[part]


def positives(related: bytes, doses: bytes = b"") -> list[Sentence]:
    """The sentences of ``drug_ae.jsonl``, each once, in order, with other drugs that ``drug_dose.jsonl`` names there.

    raises  InputError with the line that is none
    """
    found: dict[str, Sentence] = {}
    for row in _rows(related, *_DRUG, "arg_start", "arg_end"):
        one = found.setdefault(row["sentence"], Sentence(row["sentence"], row["pmid"]))
        one.pairs.add(((row["drug_start"], row["drug_end"]), (row["arg_start"], row["arg_end"])))
    for row in _rows(doses, *_DRUG):
        known = found.get(row["sentence"])
        if known is not None:
            drug = (row["drug_start"], row["drug_end"])
            if not any(drug[0] < other[1] and other[0] < drug[1] for other in known.drugs):
                known.others.add(drug)
    return list(found.values())


def negatives(lines: bytes) -> list[Sentence]:
    """The sentences of ``ade_neg.jsonl``, each once, in order. raises InputError with the line that is none"""
    found: dict[str, Sentence] = {}
    for row in _rows(lines):
        found.setdefault(row["sentence"], Sentence(row["sentence"], row["pmid"]))
    return list(found.values())


def _rows(lines: bytes, *places: str) -> Iterator[dict[str, Any]]:
    """Rows that name an abstract, a sentence, and places in it."""
    for number, line in enumerate(lines.splitlines(), 1):
        try:
            row = json.loads(line)
            is_one = isinstance(row["sentence"], str) and all(isinstance(row[name], int) for name in places)
            found = row | {"pmid": str(row["pmid"])}
        except (ValueError, KeyError, TypeError):
            is_one = False
        if not is_one:
            raise InputError(f"line {number} of the corpus is no sentence", "A line has pmid, sentence and places.")
        yield found
