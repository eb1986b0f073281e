"""Sentences of BC5CDR as a model of adverse events, and one of relations, learns from them."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from careloom.text.note import Span
from careloom.text.sentences import sentences

Mention = tuple[int, int, str]
"""Start, end, concept."""


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
