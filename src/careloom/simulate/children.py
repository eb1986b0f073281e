"""The bodies of children: what `children.toml` says of a measure at an age, and how it leads into the adult's.

A child keeps its own deviation of each measure, the one that it has as an adult: growth is a curve along a percentile.
From 14 years on the curve bends into the adult's set point and meets it at 18, where everything is as for adults.
"""

import math
import tomllib
from bisect import bisect_right
from collections.abc import Sequence
from functools import cache
from typing import Any

from careloom.runtime import packaged

ADULT = 18.0
"""Years from which measures are those of adults."""
_BENDS = 14.0
_TOP = 2.33
"""The centiles hold from the 1st to the 99th; beyond, a child stays there. Height is nearly normal and goes on."""
_HEIGHT_TOP = 2.8
_NINETY_FIFTH, _EIGHTY_FIFTH = 1.645, 1.036
_ADULT_PRESSURE = 13.0
_WALKS_MONTHS = 24.0
_WEIGHT_TOP = (2.6, 4.5)
"""How far from the median weight may be at birth and at two years, when it follows from height and body mass index."""


@cache
def _tables() -> dict[str, Any]:
    return tomllib.loads(packaged("simulate", "children.toml").decode())


def is_taken(name: str, age: float) -> bool:
    """Whether a measure is taken at an age at all."""
    if age >= ADULT:
        return True
    start = _tables()["taken"].get(name)
    return start is not None and age >= start


def limits(name: str, age: float) -> tuple[float, float] | None:
    """What a child's body cannot go beyond; None where it is as for adults."""
    held = _tables()["limits"].get(name) if age < ADULT else None
    return (held[0], held[1]) if held is not None else None


def share_of_adult(age: float) -> float:
    """How far the way to the adult's set point is done: 0 until 14 years, 1 from 18 on, without a bend."""
    way = min(1.0, max(0.0, (age - _BENDS) / (ADULT - _BENDS)))
    return way * way * (3.0 - 2.0 * way)


def value_at(name: str, age: float, male: float, *, deviation: float, within: float) -> float | None:
    """The set point of a child on its chart, in the measure's unit; None where there is no chart.

    deviation  the child's own, in standard deviations
    within     standard deviation from day to day, which the spread between children leaves out (not on growth charts)
    """
    z = _no_more_than(_HEIGHT_TOP if name == "height" else _TOP, deviation)
    if name in _tables()["growth"]:
        return _on_chart(_lms(name, age * 12.0, male), z)
    spread = _spread(name, age, male)
    if spread is None:
        return None
    median, standard_deviation = spread
    return median + z * math.sqrt(max(0.0, standard_deviation**2 - within**2))


def reference_range(name: str, age: float, male: float) -> tuple[float | None, float | None] | None:
    """Low and high as a report prints them for a child; None where they are as for adults."""
    if age >= ADULT:
        return None
    if name == "bmi":
        lms = _lms(name, age * 12.0, male)
        return round(_on_chart(lms, -_NINETY_FIFTH), 1), round(_on_chart(lms, _EIGHTY_FIFTH), 1)
    if name in _tables()["rates"]:
        low, _, high = _between(_tables()["rates"][name], age)
        return float(round(low)), float(round(high))
    if name in _tables()["saturation"]:
        return float(round(_between(_tables()["saturation"][name], age)[0])), 100.0
    if name in _tables()["pressure"] and age < _ADULT_PRESSURE:
        return None, float(round(_between(_tables()["pressure"][name][_sex(male)], age)[1]))
    return None


def infant_weight(age: float, male: float, *, bmi: float, stature_deviation: float) -> float:
    """Weight [kg] below two years, where there is no body mass index: along the percentile that the child has at two.

    bmi                the child's body mass index at 24 months
    stature_deviation  the child's own deviation of height
    """
    z_height = _no_more_than(_HEIGHT_TOP, stature_deviation)
    stature = _on_chart(_lms("height", _WALKS_MONTHS, male), z_height)
    power, median, variation = _lms("weight", _WALKS_MONTHS, male)
    z = ((bmi * (stature / 100.0) ** 2 / median) ** power - 1.0) / (power * variation)
    top = _WEIGHT_TOP[0] + (_WEIGHT_TOP[1] - _WEIGHT_TOP[0]) * age * 12.0 / _WALKS_MONTHS
    return _on_chart(_lms("weight", age * 12.0, male), _no_more_than(top, z))


def _no_more_than(top: float, z: float) -> float:
    return min(top, max(-top, z))


def _sex(male: float) -> str:
    return "male" if male else "female"


def _spread(name: str, age: float, male: float) -> tuple[float, float] | None:
    """Median and standard deviation of rates, saturation and pressure, from their centiles."""
    tables = _tables()
    if name in tables["rates"]:
        low, median, high = _between(tables["rates"][name], age)
        return median, (high - low) / (2.0 * _TOP)
    if name in tables["saturation"]:
        low, median = _between(tables["saturation"][name], age)
        return median, (median - low) / _NINETY_FIFTH
    if name in tables["pressure"]:
        median, high = _between(tables["pressure"][name][_sex(male)], age)
        return median, (high - median) / _NINETY_FIFTH
    return None


def _lms(name: str, months: float, male: float) -> Sequence[float]:
    return _between(_tables()["growth"][name][_sex(male)], months)


def _on_chart(lms: Sequence[float], z: float) -> float:
    """The LMS method (Cole and Green, Stat Med 1992;11:1305)."""
    power, median, variation = lms
    return float(median * (1.0 + power * variation * z) ** (1.0 / power))


def _between(rows: Sequence[Sequence[float]], at: float) -> list[float]:
    """The columns at an age, by straight lines between the rows, level before the first and after the last."""
    after = bisect_right(rows, at, key=lambda row: row[0])
    if after == 0 or after == len(rows):
        return list(rows[min(after, len(rows) - 1)][1:])
    low, high = rows[after - 1], rows[after]
    share = (at - low[0]) / (high[0] - low[0])
    return [first + share * (second - first) for first, second in zip(low[1:], high[1:], strict=True)]
