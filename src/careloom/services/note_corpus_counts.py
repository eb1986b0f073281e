"""Counts over many notes: concepts, which stand together, trends, how things are said, kinds of documents.

Pure: arrays in, plain data out. A count that fewer than `smallest` patients stand behind is None or is not named, and
so is what would give it away (`careloom.tables.suppression`).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from careloom.services.note_corpus_rows import PLAIN, SAID, Corpus, Numbers
from careloom.tables.suppression import may_be_shown, rounded_down

MOST_PERIODS = 40
TRENDS = 8
MOST_PAIRS = 200
_COUNTS = frozenset({"notes", "patients", "mentions", "said", "written"})
Json = dict[str, Any]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Narrowed:
    """What counts.

    labels        of mentions; any where empty
    said          how they are said, of `SAID`; any where empty
    since, until  months since 0 CE in which notes were written, half-open; None is open
    concepts      named at most
    """

    labels: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None
    concepts: int = 30

    @property
    def is_whole(self) -> bool:
        """True where nothing is narrowed."""
        return not self.labels and not self.said and self.since is None and self.until is None


def counted(corpus: Corpus, ask: Narrowed, smallest: int) -> Json:
    """Everything that is told of a corpus; see `careloom.services.note_corpus.corpus`.

    Of a narrowed one counts are rounded down to multiples of `smallest`, and ``lift`` to a decimal.
    """
    told: Json = _Counts(corpus, ask, smallest).told()
    if ask.is_whole:
        return told
    pairs = [one | {"lift": round(one["lift"], 1)} for one in told["pairs"]]
    made: Json = rounded_down(told | {"pairs": pairs}, _COUNTS, smallest)
    return made


class _Counts:
    def __init__(self, corpus: Corpus, ask: Narrowed, smallest: int) -> None:
        self._corpus, self._ask, self._smallest = corpus, ask, smallest
        self._notes = _in_time(corpus, ask)
        labels = [at for at, name in enumerate(corpus.labels) if not ask.labels or name in ask.labels]
        self._asked = self._notes[corpus.note] & np.isin(corpus.label, labels)
        wanted = [at for at, name in enumerate(SAID) if name in ask.said]
        self._mentions = self._asked & np.isin(corpus.said, wanted) if ask.said else self._asked
        self._width = max(1, len(corpus.people))

    def told(self) -> Json:
        notes, patients = int(self._notes.sum()), self._people(self._notes)
        is_large = patients >= self._smallest or patients == 0
        top, left_out = self._top()
        periods, step = self._periods(top)
        return {
            "notes": notes if is_large else None, "patients": patients if is_large else None,
            "looked_at": len(self._corpus.patient), "of": self._corpus.of, "smallest_cell": self._smallest,
            "concepts": [self._concept(at) for at in top], "left_out": left_out, "pairs": self._pairs(top),
            "step": step, "periods": [_named(period, step) for period in periods],
            "written": self._written(periods, step),
            "trends": [self._trend(place, at, periods, step) for place, at in enumerate(top[:TRENDS])],
            "assertions": self._assertions(), "types": self._types(),
        }  # fmt: skip

    def _people(self, notes: Mask) -> int:
        return int(np.unique(self._corpus.patient[notes]).size)

    def _patients(self, keys: Numbers, notes: Numbers, size: int) -> Numbers:
        """[size] patients behind each key; `notes` says in which note each key stands."""
        pairs = np.unique(keys * self._width + self._corpus.patient[notes])
        return np.bincount(pairs // self._width, minlength=size)

    def _in_notes(self, keys: Numbers, notes: Numbers, size: int) -> Numbers:
        """[size] notes in which each key stands."""
        height = max(1, len(self._corpus.patient))
        return np.bincount(np.unique(keys * height + notes) // height, minlength=size)

    def _top(self) -> tuple[list[int], int]:
        """The commonest concepts that may be named, by patients, and how many others have anybody."""
        keys, notes, size = *self._of(self._mentions), len(self._corpus.concepts)
        patients, in_notes = self._patients(keys, notes, size), self._in_notes(keys, notes, size)
        large = np.flatnonzero(patients >= self._smallest)
        order = sorted(large.tolist(), key=lambda at: (-patients[at], -in_notes[at], self._corpus.concepts[at]))
        return order[: self._ask.concepts], int(((patients > 0) & (patients < self._smallest)).sum())

    def _of(self, mask: Mask) -> tuple[Numbers, Numbers]:
        coded = mask & (self._corpus.concept != PLAIN)
        return self._corpus.concept[coded], self._corpus.note[coded]

    def _concept(self, at: int) -> Json:
        corpus = self._corpus
        mask = self._mentions & (corpus.concept == at)
        keys = corpus.said[self._asked & (corpus.concept == at) & (corpus.said != PLAIN)]
        notes = corpus.note[self._asked & (corpus.concept == at) & (corpus.said != PLAIN)]
        patients = self._patients(keys, notes, len(SAID))
        whole = self._people(_places(notes, len(corpus.patient)))
        shown = may_be_shown([[*patients, whole]], self._smallest)[0]
        split = {name: int(patients[place]) if shown[place] else None for place, name in enumerate(SAID)}
        system, code, display = corpus.concepts[at]
        return {
            "system": system, "code": code, "display": display,
            "label": corpus.labels[int(np.bincount(corpus.label[mask]).argmax())],
            "notes": int(np.unique(corpus.note[mask]).size), "mentions": int(mask.sum()),
            "patients": self._people(_places(corpus.note[mask], len(corpus.patient))), "said": split,
        }  # fmt: skip

    def _pairs(self, top: list[int]) -> list[Json]:
        """Which of them stand in the same notes, as far as neither both nor one without the other is of few."""
        number = max(1, int(self._notes.sum()))
        held = [self._held(at) for at in top]
        people = [self._people(one) for one in held]
        found = []
        for first in range(len(top)):
            for second in range(first + 1, len(top)):
                both = held[first] & held[second]
                shared = self._people(both)
                alone = (people[first] - shared, people[second] - shared)
                if shared < self._smallest or any(0 < rest < self._smallest for rest in alone):
                    continue
                notes = int(both.sum())
                lift = notes * number / (int(held[first].sum()) * int(held[second].sum()))
                found.append(
                    {"first": first, "second": second, "notes": notes, "patients": shared, "lift": round(lift, 3)}
                )
        return sorted(found, key=lambda one: (-one["patients"], -one["lift"]))[:MOST_PAIRS]

    def _periods(self, top: list[int]) -> tuple[list[int], str]:
        """The finest periods of which most may be shown."""
        months = self._corpus.month[self._notes & (self._corpus.month != PLAIN)]
        if months.size == 0:
            return [], "month"
        first, last = int(months.min()), int(months.max())
        for step, size in SIZES.items():
            periods = list(range(first // size, last // size + 1))
            if len(periods) <= MOST_PERIODS and self._is_filled(periods, step, top):
                break
        return periods, step

    def _is_filled(self, periods: list[int], step: str, top: list[int]) -> bool:
        """True where most periods with notes may be shown: of all notes, and of the commonest concept."""
        for mask in (self._notes, *(self._held(at) for at in top[:1])):
            numbers, shown = self._by_period(mask, periods, step)
            if 3 * int((numbers[np.array(shown)] > 0).sum()) < 2 * int((numbers > 0).sum()):
                return False
        return True

    def _held(self, at: int) -> Mask:
        """[n] notes that mention a concept."""
        return _places(self._corpus.note[self._mentions & (self._corpus.concept == at)], len(self._corpus.patient))

    def _by_period(self, mask: Mask, periods: list[int], step: str) -> tuple[Numbers, list[bool]]:
        """Notes of each period, and whether they may be shown; those of no time are a cell of their own."""
        if not periods:
            return np.zeros(0, dtype=np.int64), []
        size, places = len(periods), np.flatnonzero(mask)
        month = self._corpus.month[places]
        keys = np.where(month == PLAIN, size, month // SIZES[step] - periods[0])
        patients = self._patients(keys, places, size + 1)
        shown = may_be_shown([[*patients, self._people(mask)]], self._smallest)[0]
        return np.bincount(keys, minlength=size + 1)[:size], shown[:size].tolist()

    def _written(self, periods: list[int], step: str) -> list[int | None]:
        return _shown(*self._by_period(self._notes, periods, step))

    def _trend(self, place: int, at: int, periods: list[int], step: str) -> Json:
        return {"concept": place, "notes": _shown(*self._by_period(self._held(at), periods, step))}

    def _assertions(self) -> list[Json]:
        """Mentions of each label by how they are said; cells of few patients are None, with what gives them away."""
        corpus = self._corpus
        mask = self._asked & (corpus.said != PLAIN)
        height, width = len(corpus.labels), len(SAID)
        keys, notes = corpus.label[mask] * width + corpus.said[mask], corpus.note[mask]
        mentions = np.bincount(keys, minlength=height * width).reshape(height, width)
        patients = self._patients(keys, notes, height * width).reshape(height, width)
        across = self._patients(corpus.label[mask], notes, height)
        down = self._patients(corpus.said[mask], notes, width)
        whole = self._people(_places(notes, len(corpus.patient)))
        shown = may_be_shown(np.vstack((np.column_stack((patients, across)), [*down, whole])), self._smallest)
        order = sorted(np.flatnonzero(mentions.any(axis=1)).tolist(), key=lambda at: -int(mentions[at].sum()))
        return [
            {"label": corpus.labels[at],
             "said": {name: int(mentions[at][place]) if shown[at][place] else None for place, name in enumerate(SAID)}}
            for at in order
        ]  # fmt: skip

    def _types(self) -> list[Json]:
        corpus, places = self._corpus, np.flatnonzero(self._notes)
        size = len(corpus.kinds)
        if size == 0:
            return []
        notes = np.bincount(corpus.kind[places], minlength=size)
        patients = self._patients(corpus.kind[places], places, size)
        shown = may_be_shown([[*patients, self._people(self._notes)]], self._smallest)[0]
        order = sorted(np.flatnonzero(notes).tolist(), key=lambda at: -int(notes[at]))
        return [
            {"type": corpus.kinds[at], "notes": int(notes[at]) if shown[at] else None,
             "patients": int(patients[at]) if shown[at] else None}
            for at in order
        ]  # fmt: skip


SIZES = {"month": 1, "quarter": 3, "year": 12}
"""Months of a period."""


def _named(period: int, step: str) -> str:
    """``2026-03``, ``2026-Q1``, ``2026``."""
    month = period * SIZES[step]
    year, rest = divmod(month, 12)
    return {"month": f"{year:04}-{rest + 1:02}", "quarter": f"{year:04}-Q{rest // 3 + 1}", "year": f"{year:04}"}[step]


def _in_time(corpus: Corpus, ask: Narrowed) -> Mask:
    """[n] notes that were written in the period; those of no time are in the one that is open at both ends."""
    if ask.since is None and ask.until is None:
        return np.ones(len(corpus.month), dtype=np.bool_)
    there: Mask = corpus.month != PLAIN
    if ask.since is not None:
        there &= corpus.month >= ask.since
    if ask.until is not None:
        there &= corpus.month < ask.until
    return there


def _places(notes: Numbers, size: int) -> Mask:
    made = np.zeros(size, dtype=np.bool_)
    made[notes] = True
    return made


def _shown(numbers: Numbers, shown: list[bool]) -> list[int | None]:
    return [int(number) if may else None for number, may in zip(numbers, shown, strict=True)]
