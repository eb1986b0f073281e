"""Tasks of `careloom evaluate nlp` beside entities: negation and history, headers of sections, codes of diseases.

What shipped models and rules were made with is known by the names of its files. Those are left out unless asked for:
a held-out part lies beside them under another name, or in a folder ``holdout``.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from careloom.errors import QueryError
from careloom.nlp.evaluate_context import accuracy, kit_tallies
from careloom.nlp.evaluate_linking import Answer
from careloom.nlp.evaluate_linking import accuracy as linked
from careloom.nlp.linking import Linker
from careloom.nlp.section_classifier import packaged_classifier
from careloom.services.evaluate_nlp_reports import Measure, TaskReport
from careloom.terminology.packaged import PACKAGED

Rows = Sequence[dict[str, Any]]
_IDS = ("doid", "mondo")
_AMONG = 5


@dataclass(frozen=True, slots=True)
class Task:
    """A task over rows of JSON.

    folder   of the corpus
    known    files that models or rules were made with
    measure  rows to measures
    """

    folder: str
    known: frozenset[str]
    measure: Callable[[Rows], TaskReport]

    def rows(self, data: Path, *, seen: bool) -> list[dict[str, Any]]:
        """The rows to measure on. raises QueryError with the file and line that is no JSON"""
        return [row for path in self._files(data / self.folder, seen=seen) for row in _read(path)]

    def _files(self, folder: Path, *, seen: bool) -> Iterator[Path]:
        for path in sorted(folder.glob("*.jsonl")):
            if seen or path.name not in self.known:
                yield path
        yield from sorted((folder / "holdout").glob("*.jsonl"))


def _read(path: Path) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            yield orjson.loads(line)
        except orjson.JSONDecodeError:
            raise QueryError(f"{path}: line {number} is no JSON", "A line is one JSON object.") from None


def context(rows: Rows) -> TaskReport:
    """Negation and history on rows of the NegEx kit, the phrase given."""
    found = []
    for name, tally in kit_tallies(rows).items():
        of = f"{tally.right + tally.missed:,} of {len(rows):,} phrases"
        found.append(Measure(f"{name} F1", tally.f1, of))
        found += [Measure(f"{name} precision", tally.precision, of), Measure(f"{name} recall", tally.recall, of)]
    return TaskReport(tuple(found))


def headers(rows: Rows) -> TaskReport:
    """The header of a section from its text alone, on rows of MTS-Dialog."""
    classifier = packaged_classifier()
    told = [classifier.header(row["section_text"])[0] for row in rows]
    right = accuracy([row["section_header"] for row in rows], told)
    return TaskReport((Measure("accuracy", right, f"{len(rows):,} sections"),))


def codes(rows: Rows) -> TaskReport:
    """Diseases to DO or MONDO on distinct mentions; any accepted id counts, rows without one are left out."""
    linker = Linker.packaged(PACKAGED)
    answers = []
    for row in rows:
        ranked: list[set[str]] = [set() for _ in range(_AMONG)]
        for concept in linker.link(row["mention"], "PROBLEM", row.get("context", ""), _AMONG):
            ranked[concept.rank - 1].add(concept.code)
        gold = frozenset(code for name in _IDS for code in row[name])
        answers.append(Answer(tuple(map(frozenset, ranked)), gold, 1.0, row.get("count", 1)))
    score = linked(answers)
    return TaskReport(
        tuple(
            Measure(f"accuracy at {among}", share.share, f"{share.trials:,} mentions", (share.low, share.high))
            for among, share in ((1, score.at_1), (_AMONG, score.at_5))
        )
    )


TASKS = {
    "negex_context": Task("negex_context", frozenset(("annotations.jsonl",)), context),
    "mts_dialog": Task("mts_dialog", frozenset(("train.jsonl", "valid.jsonl", "test1.jsonl")), headers),
    "normalization_gold": Task("normalization_gold", frozenset(("disease_mentions.jsonl",)), codes),
}
"""Task -> what it reads and measures."""
