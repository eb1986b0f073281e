"""Vital signs, laboratory values and scores: set points, noise, reference ranges, panels.

Several are computed from others as bodies and laboratories do:
creatinine  from the true filtration rate, by the inverse of CKD-EPI 2021 (Inker et al., N Engl J Med 2021;385:1737)
egfr        from the creatinine as reported, by the MDRD study equation (Levey et al., Ann Intern Med 2006;145:247)
glucose     from A1c: 28.7 x A1c - 46.7 (Nathan et al., Diabetes Care 2008;31:1473), less 15 % for a fasting morning
cholesterol from LDL, HDL and triglycerides / 5 (Friedewald et al., Clin Chem 1972;18:499)
hematocrit  2.94 x hemoglobin (mean corpuscular hemoglobin concentration 34 g/dL)
"""

import math
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Literal, cast

from careloom.runtime import packaged
from careloom.simulate import children
from careloom.simulate.history import Code, Observation, Report
from careloom.simulate.life import Life
from careloom.terminology import systems

Category = Literal["vital-signs", "laboratory", "survey"]
_NO_LIMITS = (-math.inf, math.inf)
_FIRST_BMI = 2.0
"""Years from which weight follows from the body mass index; before, the index stands still at that age."""
_LEAST_PULSE_PRESSURE = 10.0
"""mm[Hg]: both pressures have noise of their own, and the lower one never passes the higher."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One entry of measures.toml; `codes` is empty for what is true but never measured."""

    name: str
    codes: tuple[Code, ...]
    unit: str
    category: Category
    digits: int
    mean: tuple[float, float]
    between: float
    within: float
    age: float
    is_log: bool
    effect: tuple[tuple[str, float], ...]
    low: tuple[float, float] | None
    high: tuple[float, float] | None
    critical: tuple[float, float]
    limits: tuple[float, float]
    source: str


@dataclass(frozen=True, slots=True)
class Panel:
    """What is ordered together."""

    name: str
    code: Code
    measures: tuple[str, ...]


@cache
def measures() -> dict[str, Measure]:
    """``measures.toml`` by name."""
    table = tomllib.loads(packaged("simulate", "measures.toml").decode())
    return {name: _measure(name, entry) for name, entry in table.items()}


def _measure(name: str, entry: dict[str, object]) -> Measure:
    loinc = cast("list[str] | None", entry.get("loinc"))
    is_log = bool(entry.get("log", False))
    mean = cast("list[float]", entry.get("mean", [0.0, 0.0]))
    return Measure(
        name,
        (Code(systems.LOINC, loinc[0], loinc[1]),) if loinc else (),
        str(entry["unit"]),
        cast("Category", entry["category"]),
        cast("int", entry["digits"]),
        (math.log(mean[0]), math.log(mean[1])) if is_log else (mean[0], mean[1]),
        cast("float", entry.get("between", 0.0)),
        cast("float", entry.get("within", 0.0)),
        cast("float", entry.get("age", 0.0)),
        is_log,
        tuple(cast("dict[str, float]", entry.get("effect", {})).items()),
        _pair(entry.get("low")),
        _pair(entry.get("high")),
        _pair(entry.get("critical")) or _NO_LIMITS,
        _pair(entry.get("limits")) or _NO_LIMITS,
        str(entry.get("from", "")),
    )


def _pair(value: object) -> tuple[float, float] | None:
    return (float(value[0]), float(value[1])) if isinstance(value, list) else None


@cache
def panels() -> dict[str, Panel]:
    """``panels.toml`` by name."""
    table = tomllib.loads(packaged("simulate", "panels.toml").decode())
    return {
        name: Panel(name, Code(systems.LOINC, *entry["loinc"]), tuple(entry["measures"]))
        for name, entry in table.items()
    }


def set_point(life: Life, name: str) -> float:
    """The true value of a measure now, without noise."""
    measure = measures()[name]
    if measure.source:
        return _DERIVED[measure.source](life, lambda part: set_point(life, part))
    value = _on_scale(life, measure)
    return _within_limits(life, measure, math.exp(value) if measure.is_log else value)


def _within_limits(life: Life, measure: Measure, value: float) -> float:
    low, high = children.limits(measure.name, life.age) or measure.limits
    return min(high, max(low, value))


def shift_to(life: Life, name: str, wanted: float) -> float:
    """What brings the set point of a measure to a value now, on the measure's own scale."""
    measure = measures()[name]
    return (math.log(wanted) if measure.is_log else wanted) - _on_scale(life, measure)


def _on_scale(life: Life, measure: Measure) -> float:
    """The set point on the measure's own scale (logarithms where it has one)."""
    deviation = life.levels.get(measure.name)
    if deviation is None:
        deviation = life.levels[measure.name] = max(-2.8, min(2.8, life.draw.normal()))
    value = measure.mean[int(life.male)] + measure.between * deviation
    value += measure.age * (min(90.0, max(children.ADULT, life.age)) - 40.0)
    if life.age < children.ADULT:
        value = _of_child(life, measure, deviation, value)
    for feature, change in measure.effect:
        held = life.features.get(feature)
        if held:
            value += change * held
    shifts = life.shifts.get(measure.name)
    if shifts:
        for shift in shifts.values():
            value += shift.value
            if shift.per_year:
                value += shift.per_year * life.years_since(shift.start)
    return value


def _of_child(life: Life, measure: Measure, deviation: float, adult: float) -> float:
    """What a child has where there is a chart, on the measure's scale, on its way to what it has as an adult."""
    held = children.value_at(measure.name, life.age, life.male, deviation=deviation, within=measure.within)
    if held is None:
        return adult
    share = children.share_of_adult(life.age)
    return (math.log(held) if measure.is_log else held) * (1.0 - share) + adult * share


def sample(life: Life, name: str, extra: dict[str, float] | None = None) -> float:
    """A value as measured: set point, what an acute illness adds (`extra`, on the measure's scale), noise."""
    seen: dict[str, float] = {}

    def take(part: str) -> float:
        if part not in seen:
            seen[part] = _sample_one(life, part, extra, take)
        return seen[part]

    return take(name)


def _sample_one(life: Life, name: str, extra: dict[str, float] | None, take: Callable[[str], float]) -> float:
    measure = measures()[name]
    added = extra.get(name, 0.0) if extra else 0.0
    if measure.source:
        value = _DERIVED[measure.source](life, take) + added
    else:
        scaled = _on_scale(life, measure) + added + measure.within * life.draw.normal()
        value = math.exp(scaled) if measure.is_log else scaled
    return round(_within_limits(life, measure, value), measure.digits)


def observe(
    life: Life, names: Iterable[str], extra: dict[str, float] | None = None, *, time: datetime | None = None,
    panel: Code | None = None, report: str = "",
) -> dict[str, float]:  # fmt: skip
    """Measures and writes down; returns the values by name.

    What was measured at the same moment of the same encounter already has one result: two panels share a sample.
    What is not taken from a child is drawn and not written, so that its life goes on as it would have.
    """
    seen: dict[str, float] = {}

    def take(part: str) -> float:
        if part not in seen:
            seen[part] = _sample_one(life, part, extra, take)
        return seen[part]

    moment = life.now if time is None else time
    for name in names:
        value = take(name)
        if not children.is_taken(name, life.age):
            continue
        if name == "diastolic":
            value = seen[name] = min(value, take("systolic") - _LEAST_PULSE_PRESSURE)
        before = life.taken.get(name)
        if before is not None and before[:2] == (moment, life.at_encounter()):
            seen[name] = before[2]
            continue
        life.taken[name] = (moment, life.at_encounter(), value)
        measure = measures()[name]
        low, high = _reference_range(life, measure)
        life.history.observations.append(
            Observation(
                life.key("O"), measure.codes, moment, measure.category, value, measure.unit, life.at_encounter(),
                low, high, _flag(life, measure, value, low, high), panel, report,
            )
        )  # fmt: skip
    return seen


def _reference_range(life: Life, measure: Measure) -> tuple[float | None, float | None]:
    held = children.reference_range(measure.name, life.age, life.male)
    if held is not None:
        return held
    sex = int(life.male)
    return measure.low[sex] if measure.low else None, measure.high[sex] if measure.high else None


def _flag(life: Life, measure: Measure, value: float, low: float | None, high: float | None) -> str:
    """HL7 table 0078; what is critical in an adult is not in a child that has a range of its own."""
    if low is None and high is None:
        return ""
    if children.reference_range(measure.name, life.age, life.male) is None:
        if value <= measure.critical[0]:
            return "LL"
        if value >= measure.critical[1]:
            return "HH"
    if low is not None and value < low:
        return "L"
    if high is not None and value > high:
        return "H"
    return "N"


def run_panel(
    life: Life, name: str, extra: dict[str, float] | None = None, time: datetime | None = None
) -> dict[str, float]:
    """Orders a panel: its report and its results, an hour or two later in the hospital, the same day outside.

    There is no report where all of it was measured at that moment already.
    """
    panel = panels()[name]
    collected = life.now if time is None else time
    issued = collected + timedelta(minutes=life.draw.whole(40, 150))
    key = life.key("R")
    life.last_done[name] = collected
    results = len(life.history.observations)
    values = observe(life, panel.measures, extra, time=collected, panel=panel.code, report=key)
    if len(life.history.observations) > results:
        ordered = collected - timedelta(minutes=10)
        life.history.reports.append(
            Report(key, (panel.code,), "laboratory", ordered, collected, issued, life.at_encounter())
        )
    return values


def _creatinine(life: Life, take: Callable[[str], float]) -> float:
    """Serum creatinine [mg/dL] that CKD-EPI 2021 would turn into the true filtration rate."""
    kappa, alpha, sex = (0.9, -0.302, 1.0) if life.male else (0.7, -0.241, 1.012)
    ratio = take("gfr") / (142.0 * 0.9938 ** max(18.0, life.age) * sex)
    return float(kappa * (ratio ** (-1.0 / 1.2) if ratio <= 1.0 else ratio ** (1.0 / alpha)))


def _egfr(life: Life, take: Callable[[str], float]) -> float:
    """MDRD with the factor 175 for creatinine traceable to mass spectrometry, without the term for race."""
    value = 175.0 * take("creatinine") ** -1.154 * max(18.0, life.age) ** -0.203 * (1.0 if life.male else 0.742)
    return float(min(150.0, value))


def _urea_nitrogen(life: Life, take: Callable[[str], float]) -> float:
    usual = 14.0 + 6.0 * (take("creatinine") - 0.95) + 0.06 * (max(18.0, life.age) - 45.0)
    return max(3.0, usual * math.exp(0.22 * life.draw.normal()))


def _glucose(life: Life, take: Callable[[str], float]) -> float:
    return (28.7 * take("a1c") - 46.7) * 0.85 * (1.0 + 0.09 * life.draw.normal())


def _cholesterol(_: Life, take: Callable[[str], float]) -> float:
    return take("ldl") + take("hdl") + take("triglycerides") / 5.0


def _weight(life: Life, take: Callable[[str], float]) -> float:
    bmi, height = take("bmi"), take("height")
    if life.age < _FIRST_BMI:
        return children.infant_weight(life.age, life.male, bmi=bmi, stature_deviation=life.levels["height"])
    return bmi * (height / 100.0) ** 2


_DERIVED: dict[str, Callable[[Life, Callable[[str], float]], float]] = {
    "creatinine": _creatinine,
    "egfr": _egfr,
    "urea_nitrogen": _urea_nitrogen,
    "glucose": _glucose,
    "cholesterol": _cholesterol,
    "weight": _weight,
    "hematocrit": lambda life, take: take("hemoglobin") * 2.94 + 0.6 * life.draw.normal(),
    "phq_2": lambda _, take: min(6.0, take("phq_9") * 0.27),
}
