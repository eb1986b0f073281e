"""The words of a patient's stream: what can be said of a life in a hospital, learnt from records.

A stream is: each static category, when the first encounter was, how old the patient was, then encounters. A ``gap``
closes the open encounter and says how long after its start the next one starts; an ``encounter`` word says its kind and
how long it lasts; events follow, those of a later day after a ``later``. It ends in ``end`` or ``death``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from careloom.errors import FormatError
from careloom.synth import records_bins
from careloom.synth.hierarchies import path
from careloom.synth.records import EVENTS
from careloom.synth.records_bins import KNOTS, Bins, Floats, Ints

VERSION = 1
PAD, BEGIN = 0, 1
"""Words that are never drawn."""
FRAME = ("static", "start", "age", "encounter", "gap", "later", "death", "end")
KINDS = ("pad", "begin", *FRAME, *EVENTS)
Key = tuple[str, str]
"""(kind of word, its code): ``("conditions", "http://...|I10")``."""
_HIERARCHIES = {"icd-10-cm": "icd-10-cm", "icd-9-cm": "icd-9-cm"}
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of one code.

    told       columns of the tables that hang on the code: display, unit, category
    only       the value of the first static that a patient must have for it; empty: any
    repeats    it may start again while it has not ended
    """

    bins: Bins
    told: Mapping[str, str] = field(default_factory=dict)
    only: str = ""
    repeats: bool = True


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """All words, as arrays by number of the word; the first are padding and the beginning.

    entries   code by code, in the order in which a day of an encounter tells them
    statics   names of the static categories
    last_day  the day (since 1970) after which nothing is known
    hours     encounter code -> [48] how often one starts in each half hour
    """

    entries: Mapping[Key, Entry]
    statics: tuple[str, ...]
    last_day: int
    hours: Mapping[str, tuple[float, ...]]

    @cached_property
    def first(self) -> dict[Key, int]:
        """Key -> number of the word of its first bin."""
        at, found = 2, {}
        for key, entry in self.entries.items():
            found[key] = at
            at += entry.bins.size
        return found

    @cached_property
    def keys(self) -> tuple[Key, ...]:
        """Number of a word -> its key."""
        spelt: list[Key] = [("pad", ""), ("begin", "")]
        for key, entry in self.entries.items():
            spelt += [key] * entry.bins.size
        return tuple(spelt)

    @cached_property
    def bins(self) -> Ints:
        """[words] which bin of its code each word is."""
        return np.concatenate([np.zeros(2, np.int64), *(np.arange(each.bins.size) for each in self.entries.values())])

    @cached_property
    def kinds(self) -> Ints:
        """[words] place in `KINDS`."""
        return np.array([KINDS.index(kind) for kind, _ in self.keys])

    @cached_property
    def ranks(self) -> Ints:
        """[words] place of the code: events of a day stand in this order, each at most once."""
        return np.repeat(np.arange(len(self.entries) + 2), [1, 1, *(each.bins.size for each in self.entries.values())])

    @cached_property
    def knots(self) -> Floats:
        """[words, KNOTS] quantiles of the values that a word stands for; NaN where it has none."""
        out = np.full((self.size, KNOTS), np.nan)
        for key, entry in self.entries.items():
            for at, knots in enumerate(entry.bins.knots):
                out[self.first[key] + at] = knots
        return out

    @cached_property
    def decimals(self) -> Ints:
        """[words] digits after the point of a value."""
        return np.array([0, 0, *(each.bins.decimals for each in self.entries.values() for _ in range(each.bins.size))])

    @property
    def size(self) -> int:
        """How many words there are."""
        return len(self.keys)

    def is_kind(self, *kinds: str) -> Bools:
        """[words] which are of these kinds."""
        return np.isin(self.kinds, [KINDS.index(each) for each in kinds])

    @cached_property
    def parts(self) -> list[tuple[int, ...]]:
        """Word -> numbers of what it is made of: kind, chapter and category of its code, code, bin, the word itself.

        What words share they learn together: rare codes lean on their chapter, bins of one code on the code.
        """
        known: dict[tuple[str, ...], int] = {}
        made = []
        for number, (kind, code) in enumerate(self.keys):
            entry = self.entries.get((kind, code))
            spelt: list[tuple[str, ...]] = [("kind", kind), ("word", str(number))]
            spelt += [("code", kind, *above) for above in _above(code)] if code else []
            if entry is not None and entry.bins.size > 1:
                eighth = int(self.bins[number]) * 8 // entry.bins.size
                spelt.append(("bin", kind if kind in FRAME else "", str(eighth)))
            made.append(tuple(known.setdefault(each, len(known)) for each in spelt))
        return made

    def to_json(self) -> dict[str, Any]:
        """What `from_json` takes."""
        entries = [
            {"kind": kind, "code": code, "bins": entry.bins.to_json(), "told": dict(entry.told), "only": entry.only,
             "repeats": entry.repeats}
            for (kind, code), entry in self.entries.items()
        ]  # fmt: skip
        hours = {code: list(counts) for code, counts in self.hours.items()}
        return {"version": VERSION, "statics": list(self.statics), "last_day": self.last_day, "hours": hours,
                "entries": entries}  # fmt: skip


def from_json(told: dict[str, Any]) -> Vocabulary:
    """The inverse. raises FormatError for what is no vocabulary"""
    try:
        if told["version"] != VERSION:
            raise FormatError("this vocabulary has another version", "Fit it again.")
        entries = {
            (str(each["kind"]), str(each["code"])): Entry(
                records_bins.from_json(each["bins"]), dict(each["told"]), str(each["only"]), bool(each["repeats"])
            )
            for each in told["entries"]
        }
        hours = {str(code): tuple(float(one) for one in counts) for code, counts in told["hours"].items()}
        return Vocabulary(entries, tuple(told["statics"]), int(told["last_day"]), hours)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise FormatError("this is no vocabulary of records", "Give what to_json wrote.") from None


def _above(code: str) -> list[tuple[str, ...]]:
    """A code and what stands above it, where the system has a hierarchy that is known."""
    system, _, bare = code.rpartition("|")
    name = _HIERARCHIES.get(system.rpartition("/")[2], "")
    return [(system, each) for each in path(name, bare)] if name and bare else [(code,)]
