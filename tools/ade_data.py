"""Sentences of ade_corpus_v2 (Gurulingappa and others, 2012) and of BC5CDR as a model of adverse events reads them.

The corpus may be used "with citation" and has no licence of its own: what is trained on it stays with whoever trained
it and is not shipped.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from careloom.text.note import Span
from careloom.text.sentences import sentences

Place = tuple[int, int]
Pair = tuple[Place, Place]
"""Drug and event, each as start and end."""
Mention = tuple[int, int, str]
"""Start, end, concept."""
Part = Literal["train", "choose", "report", "all"]
_PARTS: Mapping[str, range] = {"train": range(15), "choose": range(15, 16), "report": range(16, 20), "all": range(20)}


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


def positives(related: Path, doses: Path | None = None) -> list[Sentence]:
    """The sentences of a file ``drug_ae.jsonl``, each once, in order, with drugs of a file ``drug_dose.jsonl``."""
    found: dict[str, Sentence] = {}
    for row in _rows(related):
        one = found.setdefault(row["sentence"], Sentence(row["sentence"], row["pmid"]))
        one.pairs.add(((row["drug_start"], row["drug_end"]), (row["arg_start"], row["arg_end"])))
    for row in _rows(doses) if doses is not None and doses.exists() else ():
        known = found.get(row["sentence"])
        if known is not None:
            drug = (row["drug_start"], row["drug_end"])
            if not any(drug[0] < other[1] and other[0] < drug[1] for other in known.drugs):
                known.others.add(drug)
    return list(found.values())


def negatives(file: Path) -> list[Sentence]:
    """The sentences of a file ``ade_neg.jsonl``, each once, in order."""
    found: dict[str, Sentence] = {}
    for row in _rows(file):
        found.setdefault(row["sentence"], Sentence(row["sentence"], row["pmid"]))
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Abstract:
    """A sentence of BC5CDR: chemicals, diseases, and which of each are known to be related in the abstract."""

    text: str
    pmid: str
    chemicals: tuple[Mention, ...]
    diseases: tuple[Mention, ...]
    related: frozenset[tuple[str, str]]


def cdr(suites: Path, without: Iterable[str] = (), files: Iterable[str] = ("train", "devel")) -> Iterator[Abstract]:
    """The sentences of BC5CDR's train and devel parts, concepts with each mention; abstracts in `without` left out."""
    left_out = set(without)
    for name in files:
        for row in _rows(suites / "bc5cdr" / f"{name}.jsonl"):
            if row["pmid"] in left_out:
                continue
            spans: dict[str, list[Mention]] = defaultdict(list)
            for one in row["entities"]:
                spans[one["label"]].append((one["start"], one["end"], one["concept"]))
            related = frozenset((one["head"], one["tail"]) for one in row["relations"])
            for span in sentences(row["text"]):
                chemicals, diseases = (_inside(spans[label], span) for label in ("Chemical", "Disease"))
                yield Abstract(span.of(row["text"]), row["pmid"], chemicals, diseases, related)


def _inside(mentions: Iterable[Mention], span: Span) -> tuple[Mention, ...]:
    at = span.start
    return tuple((start - at, end - at, concept) for start, end, concept in mentions if at <= start < end <= span.end)


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)
