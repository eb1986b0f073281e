"""How scores lay and what came of them: the part of a profile that later windows of predictions are held against.

Shift and slope are those of a logistic recalibration: logit P(event) = shift + logit(score), and slope * logit(score).

source  Cox DR, Biometrika 1958;45:562-565; Steyerberg EW, Clinical Prediction Models, 2nd ed., 2019, section 15.3
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from careloom.errors import InputError

Floats = NDArray[np.float64]
Json = dict[str, Any]
_BINS = 10
_TINY = 1e-6
_ROUNDS = 50
_FARTHEST = 12.0
"""Of a shift or slope: beyond it nobody can tell it from never or always."""


@dataclass(frozen=True, slots=True)
class Recalibration:
    """How far scores are from what came.

    shift, slope  of the log odds; 0 and 1 where the scores are right
    shift_error, slope_error  their standard errors
    """

    shift: float
    shift_error: float
    slope: float
    slope_error: float


@dataclass(frozen=True, slots=True)
class Tally:
    """Of one group: rows with a known outcome, events, and the events that the scores promised."""

    rows: int
    events: int
    promised: float


@dataclass(frozen=True, slots=True)
class ScoreProfile:
    """How the scores of a model lay when it was judged.

    edges      bin i holds edges[i - 1] <= score < edges[i]
    counts     rows of each bin
    threshold  from which score on somebody is told; above 1 where nobody is
    alerts, hits  rows at or above it whose outcome is known, and events among them; None where they are too few
    whole      rows with a known outcome, events, promised events; None where nobody knows outcomes, or they are too few
    recalibration  None where `whole` is
    groups     kind of group -> group -> rows; those too small are left out
    judged     kind of group -> group -> what came of it
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    threshold: float = 1.1
    alerts: int | None = None
    hits: int | None = None
    whole: Tally | None = None
    recalibration: Recalibration | None = None
    groups: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    judged: Mapping[str, Mapping[str, Tally]] = field(default_factory=dict)

    @property
    def ppv(self) -> float | None:
        """Share of the alerts that an event followed; None where nobody knows."""
        return None if not self.alerts or self.hits is None else self.hits / self.alerts

    def tallied(self, scores: Floats) -> NDArray[np.int64]:
        """[B] how many scores fall into each bin."""
        return np.bincount(np.searchsorted(self.edges, scores, side="right"), minlength=len(self.counts))

    def as_json(self) -> Json:
        """The profile as plain data, which `read` reads."""
        again = None if self.recalibration is None else _told(self.recalibration)
        judged = {kind: {one: _told(tally) for one, tally in groups.items()} for kind, groups in self.judged.items()}
        return {
            "edges": list(self.edges), "counts": list(self.counts), "threshold": self.threshold, "alerts": self.alerts,
            "hits": self.hits, "whole": None if self.whole is None else _told(self.whole), "recalibration": again,
            "groups": {kind: dict(groups) for kind, groups in self.groups.items()},
            "judged": judged,
        }  # fmt: skip

    @staticmethod
    def read(told: Json) -> "ScoreProfile":
        """What `as_json` wrote. raises KeyError or TypeError where a part lacks"""
        again, whole = told["recalibration"], told["whole"]
        return ScoreProfile(
            tuple(told["edges"]), tuple(told["counts"]), float(told["threshold"]), told["alerts"], told["hits"],
            None if whole is None else Tally(**whole), None if again is None else Recalibration(**again),
            {kind: dict(groups) for kind, groups in told["groups"].items()},
            {kind: {one: Tally(**tally) for one, tally in groups.items()} for kind, groups in told["judged"].items()},
        )  # fmt: skip


def score_profile(
    scores: ArrayLike,
    outcomes: ArrayLike | None,
    *,
    threshold: float,
    groups: pl.DataFrame | None,
    smallest: int,
    people: ArrayLike | None = None,
) -> ScoreProfile:
    """The profile of scores [n] and outcomes [n] of people [n]; counts below `smallest` are in none.

    raises  InputError for scores that are no probabilities, or outcomes of another length
    """
    told = _checked(scores)
    came = None if outcomes is None else np.asarray(outcomes, dtype=bool).ravel()
    if came is not None and came.size != told.size:
        raise InputError("profile: outcomes", "hand in one a score")
    edges = np.unique(np.quantile(told, np.linspace(0, 1, _BINS + 1)[1:-1], method="inverted_cdf"))
    edges = edges[edges > told.min()]
    counts = np.bincount(np.searchsorted(edges, told, side="right"), minlength=edges.size + 1)
    kept = tuple(int(count) if count >= smallest else 0 for count in counts)
    kinds = {} if groups is None else {name: groups[name].cast(pl.String) for name in groups.columns}
    sizes = {kind: _sizes(column, smallest) for kind, column in kinds.items()}
    if came is None or not _is_enough(came, smallest):
        return ScoreProfile(tuple(edges.tolist()), kept, threshold, groups=sizes)
    alerted = told >= threshold
    hits = int(came[alerted].sum())
    is_told = hits >= smallest and int(alerted.sum()) - hits >= smallest
    return ScoreProfile(
        tuple(edges.tolist()), kept, threshold, int(alerted.sum()) if is_told else None, hits if is_told else None,
        tally(told, came), recalibrated(told, came, people), sizes,
        {kind: _judged(column, told, came, smallest) for kind, column in kinds.items()},
    )  # fmt: skip


def tally(scores: Floats, outcomes: NDArray[np.bool_]) -> Tally:
    """Rows, events and promised events."""
    return Tally(int(scores.size), int(outcomes.sum()), float(scores.sum()))


def recalibrated(scores: Floats, outcomes: NDArray[np.bool_], people: ArrayLike | None = None) -> Recalibration | None:
    """Shift and slope of scores against outcomes; None where all or none had the event.

    people  [n] whose row it is: rows of one hang together, and their errors are as wide as that makes them; each of
            its own where None
    source  of the errors: Liang KY, Zeger SL, Biometrika 1986;73:13-22, with G / (G - 1) for G people; never below
            those of rows that do not hang together
    """
    if not 0 < outcomes.sum() < outcomes.size:
        return None
    clipped = np.clip(scores, _TINY, 1 - _TINY)
    odds = np.log(clipped / (1 - clipped))
    came = outcomes.astype(np.float64)
    whose = None if people is None else np.unique(np.asarray(people), return_inverse=True)[1]
    shift, shift_error = _fitted(np.ones((odds.size, 1)), odds, came, whose)
    middle = odds.mean()
    both, errors = _fitted(np.column_stack((np.ones(odds.size), odds - middle)), np.zeros(odds.size), came, whose)
    return Recalibration(float(shift[0]), float(shift_error[0]), float(both[1]), float(errors[1]))


def _fitted(columns: Floats, offset: Floats, came: Floats, whose: NDArray[np.int64] | None) -> tuple[Floats, Floats]:
    """Coefficients and standard errors of a logistic regression, by Newton's steps, halved where they go too far."""
    found = np.zeros(columns.shape[1])
    found[0] = 0.0 if offset.any() else np.log(came.mean() / (1 - came.mean()))
    for _ in range(_ROUNDS):
        chance = 1 / (1 + np.exp(-np.clip(offset + columns @ found, -30, 30)))
        weight = chance * (1 - chance)
        information = (columns * weight[:, None]).T @ columns + np.eye(columns.shape[1]) * 1e-9
        step = np.linalg.solve(information, columns.T @ (came - chance))
        step = np.clip(step, -2, 2)
        found = np.clip(found + step, -_FARTHEST, _FARTHEST)
        if np.abs(step).max() < 1e-10:
            break
    spread = np.linalg.inv(information)
    errors = np.sqrt(np.diag(spread))
    if whose is None or whose.max() < 1:
        return found, errors
    chance = 1 / (1 + np.exp(-np.clip(offset + columns @ found, -30, 30)))
    sums = np.zeros((int(whose.max()) + 1, columns.shape[1]))
    np.add.at(sums, whose, columns * (came - chance)[:, None])
    together = spread @ (sums.T @ sums) @ spread * len(sums) / (len(sums) - 1)
    return found, np.maximum(errors, np.sqrt(np.diag(together)))


def _judged(column: pl.Series, scores: Floats, came: NDArray[np.bool_], smallest: int) -> dict[str, Tally]:
    found = {}
    for one in column.drop_nulls().unique().sort():
        mine = (column == one).fill_null(value=False).to_numpy()
        if _is_enough(came[mine], smallest):
            found[str(one)] = tally(scores[mine], came[mine])
    return found


def _sizes(column: pl.Series, smallest: int) -> dict[str, int]:
    counts = column.drop_nulls().value_counts(name="count").sort(column.name)
    return {str(one): int(count) for one, count in counts.iter_rows() if count >= smallest}


def _is_enough(came: NDArray[np.bool_], smallest: int) -> bool:
    return bool(came.sum() >= smallest and (~came).sum() >= smallest)


def _checked(scores: ArrayLike) -> Floats:
    told = np.asarray(scores, dtype=np.float64).ravel()
    if not told.size or not ((told >= 0) & (told <= 1)).all():
        raise InputError("profile: scores", "hand in calibrated probabilities, 0..1, one a row")
    return told


def _told(one: Recalibration | Tally) -> Json:
    return {name: getattr(one, name) for name in one.__slots__}


def shift_of(told: Tally) -> tuple[float, float]:
    """(shift, standard error) of a tally, as if all of it had the mean risk: what counts alone can say."""
    promised = min(max(told.promised / told.rows, _TINY), 1 - _TINY)
    came = min(max((told.events + 0.5) / (told.rows + 1), _TINY), 1 - _TINY)
    error = 1 / sqrt(told.rows * came * (1 - came))
    return float(np.log(came / (1 - came)) - np.log(promised / (1 - promised))), error
