"""Logistic regression with natural cubic splines, fitted by Newton's method and told by plain numbers.

Each number has a spline, each flag a slope, each code a coefficient a level, each null a coefficient of its own; all
columns are centred on the training rows that are not null, so that a patient of the mean adds nothing and a null what
its own coefficient says. Coefficients are shrunk by a ridge penalty; the intercept is not.

source  natural cubic splines: Hastie T, Tibshirani R, Friedman J, The Elements of Statistical Learning, 2nd ed. 2009,
        equations 5.4 and 5.5; knots at quantiles: Harrell FE, Regression Modeling Strategies, 2nd ed. 2015, table 2.3;
        penalised Newton: le Cessie S, van Houwelingen JC, Applied Statistics 1992;41:191-201
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from careloom.errors import FormatError, InputError
from careloom.risk.evaluate_measures import Floats, sigmoid
from careloom.risk.models_features import ModelFeature

KNOTS: Mapping[int, tuple[float, ...]] = {
    3: (0.10, 0.50, 0.90),
    4: (0.05, 0.35, 0.65, 0.95),
    5: (0.05, 0.275, 0.50, 0.725, 0.95),
}
"""Quantiles of the knots, by their number."""
_ROUNDS = 100
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Term:
    """What one feature adds: `coefficients` times (its columns - `centres`) / `scales`.

    knots  of a number's spline; empty for a straight line
    """

    columns: str
    knots: tuple[float, ...]
    centres: tuple[float, ...]
    scales: tuple[float, ...]
    coefficients: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Logistic:
    """A fitted regression; `features` and `terms` are parallel."""

    features: tuple[ModelFeature, ...]
    terms: tuple[Term, ...]
    intercept: float

    @property
    def kind(self) -> str:
        """``logistic``."""
        return "logistic"

    def parts(self, told: Floats) -> Floats:
        """[n, p + 1] what each feature adds to the log odds; last the intercept, that of a mean patient."""
        found = np.empty((told.shape[0], len(self.terms) + 1))
        for place, (one, term) in enumerate(zip(self.features, self.terms, strict=True)):
            scaled = _scaled(one, term.knots, told[:, place], np.asarray(term.centres), np.asarray(term.scales))
            found[:, place] = scaled @ np.asarray(term.coefficients)
        found[:, -1] = self.intercept
        return found

    def log_odds(self, told: Floats) -> Floats:
        """[n] log odds of encoded rows."""
        whole: Floats = self.parts(told).sum(axis=1)
        return whole

    def files(self) -> tuple[Json, dict[str, bytes]]:
        """All of it is JSON."""
        terms = [{name: _listed(getattr(one, name)) for name in Term.__slots__} for one in self.terms]
        return {"intercept": self.intercept, "terms": terms}, {}


def _listed(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def logistic(features: tuple[ModelFeature, ...], told: Mapping[str, Any]) -> Logistic:
    """The regression that `Logistic.files` wrote. raises FormatError"""
    try:
        terms = tuple(
            Term(one["columns"], *(tuple(map(float, one[name])) for name in Term.__slots__[1:]))
            for one in told["terms"]
        )
        made = Logistic(features, terms, float(told["intercept"]))
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError("model.json: learnt", "Write the intercept, and a term a feature.") from error
    sizes = [(len(one.centres), len(one.scales), len(one.coefficients)) for one in terms]
    wanted = [
        _columns(one, term.knots, np.zeros(1)).shape[1] + one.nullable
        for one, term in zip(features, terms, strict=False)
    ]
    if len(terms) != len(features) or sizes != [(size, size, size) for size in wanted]:
        raise FormatError("model.json: learnt", "The terms do not fit the features.")
    return made


def natural_spline(values: Floats, knots: Sequence[float]) -> Floats:
    """[n, k - 1] the values, and k - 2 cubics that are straight lines beyond the k knots; scaled by the knots' span."""
    at, span = np.asarray(knots), float(knots[-1] - knots[0])
    cubes = np.clip((values[:, None] - at) / span, 0.0, None) ** 3
    last = (at[-1] - at[:-1]) / span
    slopes = (cubes[:, :-1] - cubes[:, -1:]) / last
    return np.column_stack([values, slopes[:, :-1] - slopes[:, -1:]])


def _columns(one: ModelFeature, knots: tuple[float, ...], told: Floats) -> Floats:
    """[n, k] the columns of a feature, without the mark of a null."""
    if one.type == "code":
        return np.asarray(told[:, None] == np.arange(len(one.levels) + 1), dtype=np.float64)
    filled = np.nan_to_num(told)
    return natural_spline(filled, knots) if knots else filled[:, None]


def _scaled(one: ModelFeature, knots: tuple[float, ...], told: Floats, centres: Floats, scales: Floats) -> Floats:
    """[n, k] the columns, centred and scaled: 0 for a null, which a last column marks where the feature may be null."""
    missing, wide = np.isnan(told), _columns(one, knots, told)
    size = wide.shape[1]
    scaled = (wide - centres[:size]) / scales[:size]
    scaled[missing] = 0.0
    return np.column_stack([scaled, missing - centres[-1]]) if one.nullable else scaled


def _knots(one: ModelFeature, told: Floats, count: int) -> tuple[float, ...]:
    if one.type != "number" or not count:
        return ()
    seen = told[~np.isnan(told)]
    found = np.unique(np.quantile(seen, KNOTS[count])) if seen.size else np.zeros(0)
    return tuple(found.tolist()) if found.size >= 3 else ()


def fit_logistic(
    features: tuple[ModelFeature, ...], told: Floats, happened: ArrayLike, *, penalty: float, knots: int = 4
) -> Logistic:
    """The regression with the greatest penalised likelihood.

    told     [n, p] as `careloom.risk.models_features.encoded` makes it
    penalty  half of it times the sum of squares of the coefficients of scaled columns is taken off the log likelihood
    knots    of each number's spline: 3, 4 or 5; 0 for straight lines. A number of few values has a straight line
    raises   InputError for a penalty of 0 or less, another number of knots, or outcomes of one kind
    """
    outcome = np.asarray(happened, dtype=np.float64)
    if penalty <= 0 or knots not in (0, *KNOTS):
        raise InputError("logistic regression", "the penalty lies above 0, and knots are 0, 3, 4 or 5")
    if outcome.size == 0 or outcome.min() == outcome.max():
        raise InputError("logistic regression", "both outcomes need rows")
    design, terms = _designed(features, told, knots)
    return _weighed(features, terms, _newton(design, outcome, penalty))


def fit_linear(
    features: tuple[ModelFeature, ...], told: Floats, target: ArrayLike, *, penalty: float, knots: int = 4
) -> Logistic:
    """The ridge regression of a number on the same columns: what `Logistic` calls log odds is the number.

    told, penalty, knots  as in `fit_logistic`
    raises                InputError for a penalty of 0 or less, another number of knots, or no row
    """
    number = np.asarray(target, dtype=np.float64)
    if penalty <= 0 or knots not in (0, *KNOTS) or number.size == 0:
        raise InputError("linear regression", "rows are needed, the penalty lies above 0, and knots are 0, 3, 4 or 5")
    design, terms = _designed(features, told, knots)
    shrunk = np.full(design.shape[1], penalty)
    shrunk[0] = 0.0
    weights: Floats = np.linalg.solve(design.T @ design + np.diag(shrunk), design.T @ number).astype(np.float64)
    return _weighed(features, terms, weights)


def _designed(features: tuple[ModelFeature, ...], told: Floats, knots: int) -> tuple[Floats, list[Term]]:
    """[n, k] ones and the columns of all features, and the terms that they are of, without coefficients."""
    designs, terms = [], []
    for place, one in enumerate(features):
        at = _knots(one, told[:, place], knots)
        centres, scales = _centred(one, at, told[:, place])
        designs.append(_scaled(one, at, told[:, place], centres, scales))
        terms.append(Term(one.type, at, tuple(centres.tolist()), tuple(scales.tolist()), ()))
    return np.column_stack([np.ones(told.shape[0]), *designs]), terms


def _weighed(features: tuple[ModelFeature, ...], terms: list[Term], weights: Floats) -> Logistic:
    """The terms with their coefficients: the intercept is the first of the weights."""
    ends = np.cumsum([1, *(len(one.centres) for one in terms)]).tolist()
    made = [
        replace(one, coefficients=tuple(weights[begin:end].tolist()))
        for one, (begin, end) in zip(terms, pairwise(ends), strict=True)
    ]
    return Logistic(features, tuple(made), float(weights[0]))


def _centred(one: ModelFeature, knots: tuple[float, ...], told: Floats) -> tuple[Floats, Floats]:
    """Mean and scale of each column over rows that are not null, then of the mark of a null.

    Marks (levels, nulls) are not scaled, so that rare ones are shrunk the more.
    """
    missing, wide = np.isnan(told), _columns(one, knots, told)
    seen = wide[~missing] if not missing.all() else np.zeros((1, wide.shape[1]))
    scales = np.ones(wide.shape[1]) if one.type == "code" else seen.std(axis=0)
    centres, spread = seen.mean(axis=0), np.where(scales > 0, scales, 1.0)
    if one.nullable:
        centres, spread = np.append(centres, missing.mean()), np.append(spread, 1.0)
    return centres, spread


def _newton(design: Floats, outcome: Floats, penalty: float) -> Floats:
    shrunk = np.full(design.shape[1], penalty)
    shrunk[0] = 0.0
    rate = outcome.mean()
    at = np.zeros(design.shape[1])
    at[0] = np.log(rate / (1 - rate))
    value = _objective(design, outcome, shrunk, at)
    for _ in range(_ROUNDS):
        fitted = sigmoid(design @ at)
        gradient = design.T @ (outcome - fitted) - shrunk * at
        spread = np.maximum(fitted * (1 - fitted), 1e-9)
        information = (design * spread[:, None]).T @ design + np.diag(shrunk)
        step = np.linalg.solve(information, gradient)
        length = 1.0
        while (new := _objective(design, outcome, shrunk, at + length * step)) < value - 1e-9 and length > 1e-6:
            length /= 2
        at, gained, value = at + length * step, new - value, new
        if gained < 1e-9 * (1 + abs(value)):
            break
    return at


def _objective(design: Floats, outcome: Floats, shrunk: Floats, at: Floats) -> float:
    odds = design @ at
    likelihood = float(np.dot(outcome, odds) - np.logaddexp(0.0, odds).sum())
    return likelihood - float(np.dot(shrunk, at * at)) / 2
