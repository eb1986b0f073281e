"""What is counted of a version while it answers: requests, errors, how long, which scores, and what came of them.

Counts alone, no patient: they add up over processes, routes and time. Times fall into classes that grow by a fifth;
scores into 20 equal ones.
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
    refused           asked with an input that the version does not take: not among the requests, and nobody's error
    dropped           of a shadow: patients whom nobody asked it about, for it was behind; not among the requests
    rows, lost        of batches; a batch that failed is one row, and lost, for one cause took all of it
    times             [TIMES] answered requests, and parts of batches by the time a row, by how long they took
    scores            [SCORES] scores by size, of rows of whoever asks
    routed            [SCORES] of patients whom the traffic led here: versions beside each other get the same mix
    expected          sum of the probabilities of those whose outcome is known by now
    variance          sum of p (1 - p) of the same
    misfit            sum of (outcome - p)(1 - 2 p) of the same: how far their Brier score lies above what the
                      probabilities themselves promise; below 0 where it lies below
    misfit_variance   sum of (1 - 2 p)^2 p (1 - p) of the same: the variance of ``misfit`` where they are right
    known, happened   how many those are, and for how many it happened
    alerts, hits      of the same, whom somebody was told of, and for how many of them it happened
    promised          sum of the probabilities of the alerts
    answers, overridden  alerts that a clinician answered, and how many of them were overridden
    """

    requests: int = 0
    errors: int = 0
    refused: int = 0
    dropped: int = 0
    rows: int = 0
    lost: int = 0
    times: list[int] = field(default_factory=lambda: [0] * TIMES)
    scores: list[int] = field(default_factory=lambda: [0] * SCORES)
    routed: list[int] = field(default_factory=lambda: [0] * SCORES)
    expected: float = 0.0
    variance: float = 0.0
    misfit: float = 0.0
    misfit_variance: float = 0.0
    known: int = 0
    happened: int = 0
    alerts: int = 0
    hits: int = 0
    promised: float = 0.0
    answers: int = 0
    overridden: int = 0

    def answered(self, milliseconds: float | None, score: float | None, *, is_routed: bool = False) -> None:
        """Counts a request that got a score in 0..1.

        milliseconds  None where the version was being loaded
        score         None where it is compared with nobody's: it was asked of a version by name, or counted before
        is_routed     it is of a patient whom the traffic led here
        """
        self.requests += 1
        if milliseconds is not None:
            self.times[time_class(milliseconds)] += 1
        if score is not None:
            kept = self.routed if is_routed else self.scores
            kept[min(int(score * SCORES), SCORES - 1)] += 1

    def failed(self) -> None:
        """Counts a request that got none."""
        self.requests += 1
        self.errors += 1

    def batch(self, rows: int, milliseconds: float) -> None:
        """Counts a part of a batch that got its scores, each in so many milliseconds."""
        self.rows += rows
        if rows:
            self.times[time_class(milliseconds)] += 1

    def batch_failed(self) -> None:
        """Counts a batch that got none."""
        self.rows += 1
        self.lost += 1

    def came_true(self, probability: float, *, happened: bool, is_alert: bool = False) -> None:
        """Counts an outcome that became known, and what had been said of it."""
        self.expected += probability
        self.variance += probability * (1 - probability)
        self.misfit += (happened - probability) * (1 - 2 * probability)
        self.misfit_variance += (1 - 2 * probability) ** 2 * probability * (1 - probability)
        self.known += 1
        self.happened += int(happened)
        if is_alert:
            self.alerts += 1
            self.promised += probability
            self.hits += int(happened)

    def reacted(self, *, is_overridden: bool) -> None:
        """Counts a clinician's answer to an alert."""
        self.answers += 1
        self.overridden += int(is_overridden)

    def apart(self) -> tuple["Counts", "Counts"]:
        """What was asked, and what came of it: the second becomes known later, and is kept longer."""
        late = Counts(
            expected=self.expected, variance=self.variance, misfit=self.misfit, misfit_variance=self.misfit_variance,
            known=self.known, happened=self.happened, alerts=self.alerts, hits=self.hits, promised=self.promised,
            answers=self.answers, overridden=self.overridden,
        )  # fmt: skip
        soon = Counts(
            self.requests, self.errors, self.refused, self.dropped, self.rows, self.lost, self.times, self.scores,
            self.routed,
        )  # fmt: skip
        return soon, late

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
    whole = [getattr(made, name) for name in _WHOLE] + [one for name in _LISTS for one in getattr(made, name)]
    is_right = all(len(getattr(made, name)) == size for name, size in _LISTS.items()) and set(told) <= names
    is_right = is_right and all(isinstance(one, int) and not isinstance(one, bool) and one >= 0 for one in whole)
    if not is_right or not _fits(made):
        raise QueryError("the counts are none", f"{TIMES} classes of times, {SCORES} of scores, no negative number.")
    return made


_LISTS = {"times": TIMES, "scores": SCORES, "routed": SCORES}
_SUMS = ("expected", "variance", "misfit", "misfit_variance", "promised")
_WHOLE = tuple(one.name for one in fields(Counts) if one.name not in (*_LISTS, *_SUMS))


def _fits(made: Counts) -> bool:
    sums = all(isfinite(getattr(made, name)) and (getattr(made, name) >= 0 or name == "misfit") for name in _SUMS)
    parts = (
        (made.errors, made.requests), (made.lost, made.rows), (made.happened, made.known), (made.expected, made.known),
        (abs(made.misfit), made.known), (made.alerts, made.known), (made.hits, made.alerts),
        (made.promised, made.alerts),
        (made.overridden, made.answers), (sum(made.scores) + sum(made.routed), made.requests - made.errors),
        (sum(made.times), made.requests - made.errors + made.rows - made.lost),
    )  # fmt: skip
    return sums and all(part <= whole for part, whole in parts)


def together(counts: Iterable[Counts]) -> Counts:
    """The counts of several whiles, routes or processes as one."""
    found, total = list(counts), Counts()
    for name in (*_WHOLE, *_SUMS):
        setattr(total, name, sum(getattr(each, name) for each in found))
    for name in _LISTS if found else ():
        setattr(total, name, [sum(of) for of in zip(*(getattr(each, name) for each in found), strict=True)])
    return total


def p99_ms(counts: Counts) -> float | None:
    """The time within which 99 of 100 answers came: the end of its class; None where nothing was answered."""
    total, so_far = sum(counts.times), 0
    for number, each in enumerate(counts.times):
        so_far += each
        if total and so_far >= 0.99 * total:
            return class_end_ms(number)
    return None
