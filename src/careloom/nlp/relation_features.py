"""What a linear model sees of a pair of annotations: how they lie to one another and what stands between and around."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from careloom.nlp.relation_pairs import Pair, Row, group_of

_WORD = re.compile(r"[^\W\d_]+|\d+|[^\w\s]")
_NUMBER = re.compile(r"\d+")
_GAP = re.compile(r"\s+")
_NEAR, _WORDS, _AROUND = 24, 12, 4
"""Longest text between that is a feature as it stands; words between that are; words looked at on both sides."""


@dataclass(frozen=True, slots=True)
class Words:
    """The words, numbers and marks of a row in lower case, each number as ``0``, and where each begins."""

    words: Sequence[str]
    starts: Sequence[int]

    @classmethod
    def of(cls, row: Row, text: str) -> "Words":
        """Of a row of a text."""
        found = list(_WORD.finditer(text, row.span.start, row.span.end))
        return cls([_plain_word(one[0]) for one in found], [one.start() for one in found])

    def between(self, start: int, end: int) -> Sequence[str]:
        """Those that begin between two places."""
        return self.words[bisect_left(self.starts, start) : bisect_left(self.starts, end)]

    def before(self, place: int) -> Sequence[str]:
        """The last ones that begin before a place."""
        at = bisect_left(self.starts, place)
        return self.words[max(0, at - _AROUND) : at]

    def after(self, place: int) -> Sequence[str]:
        """The first ones from a place on."""
        at = bisect_left(self.starts, place)
        return self.words[at : at + _AROUND]


@lru_cache(8_192)
def _plain_word(word: str) -> str:
    return "0" if word[0].isdigit() else word.lower()[:20]


@lru_cache(8_192)
def _plain(text: str) -> str:
    return _NUMBER.sub("0", _GAP.sub(" ", text.lower()))


def features(pair: Pair, row: Row, words: Words, text: str) -> list[str]:
    """The names of what holds of the pair, each once and without its type.

    row, words  of the pair's tail
    """
    head, tail = pair.head, pair.tail
    is_first = head.span.start < tail.span.start
    order = ">" if is_first else "<"
    start, end = (head.span.end, tail.span.start) if is_first else (tail.span.end, head.span.start)
    found = [
        "bias",
        order,
        f"{order}rank{min(pair.rank if is_first else -1 - pair.rank, 3)}",
        f"{order}far{(end - start).bit_length()}",
        f"{order}rival{_rival(pair.rival, end - start)}",
        f"label {head.label} {tail.label}",
        f"section {head.section or tail.section}",
        f"above{pair.above}",
    ]
    _count(found, pair, row, order)
    _look_between(found, text[start : min(end, start + 200)], end - start, order)
    if pair.above:
        found += [f"{order}closes {word}" for word in words.before(tail.span.start)[-1:]]
        return found
    _read_between(found, words.between(start, end), order)
    _name_between(found, pair, row, order)
    begin, stop = (head.span.start, tail.span.end) if is_first else (tail.span.start, head.span.end)
    before, after = words.before(begin), words.after(stop)
    found += [f"{order}before {word}" for word in {*before}]
    found += [f"{order}after {word}" for word in {*after}]
    found.append(f"{order}left {before[-1] if before else '^'}")
    found.append(f"{order}right {after[0] if after else '$'}")
    return found


def _rival(rival: int, distance: int) -> str:
    if rival < 0:
        return "none"
    return "nearer" if rival < distance else "farther"


def _count(found: list[str], pair: Pair, row: Row, order: str) -> None:
    """How many of each kind there are, and whether the row begins with the head."""
    heads = len(row.groups.get(group_of(pair.head.label), ()))
    tails = len(row.groups.get(group_of(pair.tail.label), ()))
    found.append(f"heads{min(heads, 3)}")
    found.append(f"tails{min(tails, 3)}")
    if heads == tails and heads > 1:
        found.append(f"{order}as many")
    if row.items[0] is pair.head:
        found.append("begins")


def _look_between(found: list[str], between: str, length: int, order: str) -> None:
    if length <= _NEAR:
        found.append(f"{order}gap {_plain(between)}")
        if not any(sign.isalnum() for sign in between):
            found.append(f"{order}bare")
    found += [f"{order}has {mark}" for mark in ";|()" if mark in between]
    if ". " in between or ".\n" in between:
        found.append(f"{order}has stop")
    if "\n" in between:
        found.append(f"{order}has line")


def _read_between(found: list[str], words: Sequence[str], order: str) -> None:
    if words:
        found.append(f"{order}opens {words[0]}")
        found.append(f"{order}closes {words[-1]}")
        if len(words) <= _WORDS:
            found += [f"{order}word {word}" for word in {*words}]


def _name_between(found: list[str], pair: Pair, row: Row, order: str) -> None:
    """What else was annotated between the two."""
    low, high = pair.inner
    if low == high:
        found.append(f"{order}next")
        return
    labels = [group_of(one.label) for one in row.items[low : min(high, low + _WORDS)]]
    own = (group_of(pair.head.label), group_of(pair.tail.label))
    found += [f"{order}over {label}" for label in {*labels}]
    found.append(f"{order}rivals{min(3, sum(label in own for label in labels))}")
