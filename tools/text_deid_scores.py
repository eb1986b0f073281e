"""How well identifiers in text are found: tokens and spans against gold, and what was removed besides."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import Protocol

from careloom.deid.text_spans import AGE_OVER_89
from careloom.text.note import Span

Gold = tuple[int, int, str]
"""Start, end, label; a label of ``""`` is looked at by neither side."""


class Place(Protocol):
    """What a detector found: `careloom.deid.text_spans.Found`, or the tag of a model."""

    @property
    def span(self) -> Span: ...

    @property
    def label(self) -> str: ...


Find = Callable[[str], Sequence[Place]]
TOKEN = re.compile(r"\w+")
_OF_AGE = frozenset("year years yr yrs y o yo old aged age of".split())
"""Words beside a number in the gold of an age, which identify nobody."""
YEAR = re.compile(r"(?:19|20)\d\d")


@dataclass
class Scores:
    """Counts over texts: tokens by gold label, spans by label."""

    found: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    removed: int = 0
    tokens: int = 0
    same: Counter[str] = field(default_factory=Counter)
    only_gold: Counter[str] = field(default_factory=Counter)
    only_found: Counter[str] = field(default_factory=Counter)
    removed_words: Counter[str] = field(default_factory=Counter)
    leaky: int = 0
    texts: int = 0

    def recall(self, labels: Iterable[str] | None = None) -> float:
        """Share of identifying tokens that were found, at least in part."""
        kept = set(labels) if labels is not None else set(self.found) | set(self.missed)
        found, missed = (sum(n for label, n in c.items() if label in kept) for c in (self.found, self.missed))
        return found / max(1, found + missed)

    def interval(self) -> tuple[float, float]:
        """Wilson's interval of 95 % for the recall of tokens."""
        n = self.found.total() + self.missed.total()
        p, z = self.recall(), 1.96
        middle, half = (p + z * z / (2 * n)), z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)

    def precision(self) -> float:
        """Share of removed tokens that identify."""
        return self.found.total() / max(1, self.found.total() + self.removed)

    def f1(self, label: str | None = None) -> float:
        """Strict F1 of spans: same place, same label."""
        same, gold, found = (
            c.total() if label is None else c[label] for c in (self.same, self.only_gold, self.only_found)
        )
        return 2 * same / max(1, 2 * same + gold + found)


def score(
    texts: Iterable[tuple[str, Sequence[Gold]]], find: Find, ignored: Callable[[str], bool] | None = None
) -> Scores:
    """Counts over texts with gold. `ignored`: texts of spans that neither side counts, e.g. a year alone."""
    scores = Scores()
    for text, gold in texts:
        found = find(text)
        labelled = {span: one for span in gold for one in [span[2]]}
        skipped = [span for span in gold if not span[2] or (ignored is not None and ignored(text[span[0] : span[1]]))]
        wanted = [span for span in gold if span not in skipped]
        missed = scores.missed.total()
        _tokens(text, wanted, skipped, found, scores)
        spans = {(one.span.start, one.span.end, one.label) for one in found if not _touches(one, skipped)}
        _spans(spans, {span for span in labelled if span in wanted}, scores)
        scores.texts += 1
        scores.leaky += scores.missed.total() > missed
    return scores


def neighbours_joined(text: str, places: Iterable[Gold]) -> list[Gold]:
    """Places of one label with no letter or digit between them as one, as some scorers take them."""
    result: list[Gold] = []
    for start, end, label in sorted(places):
        if result and result[-1][2] == label and not TOKEN.search(text, result[-1][1], max(start, result[-1][1])):
            result[-1] = (result[-1][0], max(end, result[-1][1]), label)
        else:
            result.append((start, end, label))
    return result


def _touches(one: Place, spans: Sequence[Gold]) -> bool:
    return any(start < one.span.end and one.span.start < end for start, end, _ in spans)


def _tokens(text: str, wanted: Sequence[Gold], skipped: Sequence[Gold], found: Sequence[Place], scores: Scores) -> None:
    for token in TOKEN.finditer(text):
        start, end = token.span()
        scores.tokens += 1
        is_found = any(one.span.start < end and start < one.span.end for one in found)
        label = next((span[2] for span in wanted if span[0] < end and start < span[1]), "")
        if label == AGE_OVER_89 and token[0].lower() in _OF_AGE:
            continue
        if label:
            (scores.found if is_found else scores.missed)[label] += 1
        elif is_found and not any(span[0] < end and start < span[1] for span in skipped):
            scores.removed += 1
            scores.removed_words[token[0]] += 1


def _spans(found: set[Gold], gold: set[Gold], scores: Scores) -> None:
    for counter, spans in (
        (scores.same, found & gold),
        (scores.only_gold, gold - found),
        (scores.only_found, found - gold),
    ):
        for _, _, label in spans:
            counter[label] += 1


def is_reported(template: object) -> bool:
    """True for the half of templates that nothing was developed on, by a hash of the template."""
    return hashlib.sha256(str(template).encode()).digest()[0] % 2 == 0


def is_year(text: str) -> bool:
    """True for a year alone, which Safe Harbor lets stay."""
    return YEAR.fullmatch(text.strip()) is not None
