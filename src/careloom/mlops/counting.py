"""What is counted of a version while it answers: requests, errors, how long, which scores, and whether they came true.

Counts alone, no patient: they add up over processes and time. Times fall into classes that grow by a fifth; scores into
20 equal ones.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from math import ceil, isfinite, log
from typing import Any

from careloom.errors import QueryError

FIRST_MS, GROWTH, TIMES = 0.1, 1.2, 80
"""Class 0 ends at 0.1 ms, each further one a fifth later, the last at about three minutes."""
SCORES = 20


@dataclass(slots=True)
class Counts:
    """Counts of one version over a while.

    requests, errors  errors are requests that got no score
    times             [TIMES] answered requests by how long they took
    scores            [SCORES] scores by size
    expected          sum of the probabilities of those whose outcome is known by now
    variance          sum of p (1 - p) of the same
    known, happened   how many those are, and for how many it happened
    """

    requests: int = 0
    errors: int = 0
    times: list[int] = field(default_factory=lambda: [0] * TIMES)
    scores: list[int] = field(default_factory=lambda: [0] * SCORES)
    expected: float = 0.0
    variance: float = 0.0
    known: int = 0
    happened: int = 0

    def answered(self, milliseconds: float, score: float) -> None:
        """Counts a request that got a score in 0..1."""
        self.requests += 1
        self.times[time_class(milliseconds)] += 1
        self.scores[min(int(score * SCORES), SCORES - 1)] += 1

    def failed(self) -> None:
        """Counts a request that got none."""
        self.requests += 1
        self.errors += 1

    def came_true(self, probability: float, *, happened: bool) -> None:
        """Counts an outcome that became known, and what had been said of it."""
        self.expected += probability
        self.variance += probability * (1 - probability)
        self.known += 1
        self.happened += int(happened)

    def as_json(self) -> dict[str, Any]:
        """The counts for machines; `from_json` reads them."""
        return asdict(self)


def time_class(milliseconds: float) -> int:
    """The class of a time: the first whose end is not before it."""
    if milliseconds <= FIRST_MS:
        return 0
    return min(ceil(log(milliseconds / FIRST_MS, GROWTH) - 1e-9), TIMES - 1)


def class_end_ms(number: int) -> float:
    """Where a class of times ends, in milliseconds."""
    return float(FIRST_MS * GROWTH**number)


def from_json(told: Mapping[str, Any]) -> Counts:
    """Counts that somebody sent. raises QueryError where they cannot be counts"""
    names = {one.name for one in fields(Counts)}
    made = Counts(**{name: value for name, value in told.items() if name in names})
    whole = [made.requests, made.errors, made.known, made.happened, *made.times, *made.scores]
    is_right = len(made.times) == TIMES and len(made.scores) == SCORES and set(told) <= names
    is_right = is_right and all(isinstance(one, int) and not isinstance(one, bool) and one >= 0 for one in whole)
    if not is_right or not _fits(made):
        raise QueryError("the counts are none", f"{TIMES} classes of times, {SCORES} of scores, no negative number.")
    return made


def _fits(made: Counts) -> bool:
    sums = all(isfinite(one) and one >= 0 for one in (made.expected, made.variance))
    is_less = made.errors <= made.requests and made.happened <= made.known and made.expected <= made.known
    return sums and is_less and sum(made.times) == sum(made.scores) == made.requests - made.errors


def together(counts: Iterable[Counts]) -> Counts:
    """The counts of several whiles or processes as one."""
    total = Counts()
    for each in counts:
        for name in ("requests", "errors", "expected", "variance", "known", "happened"):
            setattr(total, name, getattr(total, name) + getattr(each, name))
        total.times = [a + b for a, b in zip(total.times, each.times, strict=True)]
        total.scores = [a + b for a, b in zip(total.scores, each.scores, strict=True)]
    return total


def p99_ms(counts: Counts) -> float | None:
    """The time within which 99 of 100 answers came: the end of its class; None where nothing was answered."""
    total, so_far = sum(counts.times), 0
    for number, each in enumerate(counts.times):
        so_far += each
        if total and so_far >= 0.99 * total:
            return class_end_ms(number)
    return None
