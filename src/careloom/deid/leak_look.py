"""The last look over a whole batch: which of its resources hold a number that must stand in none.

What is told is what `careloom.deid.leaks.has_number` tells of each resource. To ask it of every one takes a third of a
run's time, so one pass over the bytes of all leaves those alone in which no number can be: no piece that it looks at
has other letters and digits than the JSON of the resource, one after another.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson

from careloom.deid.canaries import plain
from careloom.deid.leaks import SHORTEST, has_number

_ENCODED = b'"data":'
_FIRST = 4
"""Letters of a number by which places are told apart in one go; what begins so is then read on."""
_BITS = 18
_FACTOR = np.uint32(0x9E3779B1)
_SHIFT = np.uint32(32 - _BITS)


def holding(
    resources: Sequence[Any], numbers: frozenset[str], written: Sequence[bytes | None] | None = None
) -> frozenset[int]:
    """Places in the list of the resources that hold one of `careloom.deid.leaks.numbers_of`; None holds none.

    written  the JSON of each, from whoever has it at hand
    """
    if not numbers:
        return frozenset()
    there = [at for at, resource in enumerate(resources) if resource is not None]
    raws = [(written and written[at]) or orjson.dumps(resources[at]) for at in there]
    unclear = {place for place, raw in enumerate(raws) if _ENCODED in raw or not raw.isascii()}
    told = [place for place in range(len(raws)) if place not in unclear]
    asked = unclear | {told[one] for one in _suspects([raws[place] for place in told], numbers)}
    return frozenset(there[place] for place in asked if has_number(resources[there[place]], numbers))


def _suspects(raws: list[bytes], numbers: frozenset[str]) -> set[int]:
    """Those in whose letters and digits one of the numbers stands, or seems to over the border of two."""
    by_head: dict[bytes, list[bytes]] = {}
    found: set[int] = set()
    for number in numbers:
        term = plain(number.encode())
        if len(term) >= SHORTEST and number.isascii():
            by_head.setdefault(term[:SHORTEST], []).append(term)
    told = [plain(raw) for raw in raws]
    text = b"".join(told)
    if len(text) < SHORTEST or not by_head:
        return found
    known = np.zeros(1 << _BITS, bool)
    known[_slots(np.frombuffer(b"".join(head[:_FIRST] for head in by_head), np.uint32))] = True
    ends = np.cumsum([len(one) for one in told])
    windows = np.ndarray((len(text) - _FIRST + 1,), np.uint32, text, strides=(1,))  # overlapping, without a copy
    for at in np.flatnonzero(known[_slots(windows)]).tolist():
        if any(text.startswith(term, at) for term in by_head.get(text[at : at + SHORTEST], ())):
            found.add(int(np.searchsorted(ends, at, "right")))
    return found


def _slots(letters: np.ndarray) -> np.ndarray:
    """[n] letters, `_FIRST` as one number -> [n] places in the filter."""
    return (letters * _FACTOR) >> _SHIFT
