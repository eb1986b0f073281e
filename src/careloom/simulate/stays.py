"""Inpatient stays: admission, the course day by day, deterioration, discharge, readmission or death."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from careloom.runtime import packaged
from careloom.simulate import actions, bedside, care, prescriptions
from careloom.simulate.bedside import Course
from careloom.simulate.ending import die
from careloom.simulate.history import Outcome, Stay
from careloom.simulate.life import Life
from careloom.simulate.measures import run_panel
from careloom.simulate.modules import Action, Module
from careloom.simulate.outcomes import models
from careloom.simulate.rules import Rule, amount

DYING = 1.6
"""What is added to the severity of whoever will die in the stay."""
_COMMON = {
    "sepsis": 3.0,
    "pneumonia": 2.0,
    "acute_kidney_injury": 1.5,
    "gastrointestinal_bleed": 1.2,
    "cellulitis": 1.0,
}
"""What people are readmitted with whatever brought them first (HCUP Statistical Brief 278, 2021)."""
_LEAST_DAYS = 0.5


@dataclass(frozen=True, slots=True)
class StayKind:
    """One entry of stays.toml."""

    name: str
    los: Rule
    spec: Mapping[str, Any]


@cache
def kinds() -> dict[str, StayKind]:
    """``stays.toml`` by name."""
    table = tomllib.loads(packaged("simulate", "stays.toml").decode())
    return {name: StayKind(name, amount(spec["los"], f"stays.toml {name}"), spec) for name, spec in table.items()}


def wards() -> list[str]:
    """The units in which stays lie."""
    return sorted({"ED", "ICU", *(kind.spec["ward"] for kind in kinds().values())})


def may_admit(life: Life) -> bool:
    """Whether an admission that nobody drew for may happen now: not within thirty days of a discharge."""
    return life.now >= life.guard_until and life.now >= life.busy_until


def next_admission(life: Life) -> datetime:
    """A time soon after such an admission may happen again."""
    return max(life.guard_until, life.busy_until) + timedelta(days=life.draw.uniform(0.2, 6.0))


def expected_days(life: Life, name: str, extra: float) -> float:
    """The expected days of a stay, with its severity drawn for now."""
    life.features["severity"] = kinds()[name].spec["severity"] + extra + life.draw.normal()
    return _LEAST_DAYS + kinds()[name].los(life)


def admit(
    life: Life,
    name: str,
    module: Module | None,
    what: tuple[Action, ...],
    *,
    dying_after_days: float = 0.0,
    again: str = "",
) -> None:
    """A stay from now to its end, or to the present where it is not over.

    dying_after_days  the days until death, which were drawn with the death; 0: the patient leaves
    again             key of the stay that this one is a readmission of
    """
    kind = kinds()[name]
    if dying_after_days:
        expected, days = expected_days(life, name, DYING), dying_after_days
    else:
        expected = expected_days(life, name, 0.0)
        days = _LEAST_DAYS + (expected - _LEAST_DAYS) * life.draw.gamma_of_four(1.0)
    days, dies, is_whole = _fit_before_death(life, days, dying_after_days > 0.0)
    begin, end = life.now, life.now + timedelta(days=days)
    course = Course(begin, end, life.features["severity"], kind.spec["vitals"], kind.spec["labs"], dies)
    opened = care.open_encounter(
        life, "inpatient", "visit_inpatient", kind.spec["role"], 0, life.hospital.sites[0].site_id
    )
    opened.end, opened.admit_source = end, "7" if not kind.spec.get("planned") else "1"
    if again:
        opened.readmission_of = again
    _diagnoses(life, kind, module, what)
    if again:
        opened.readmission_cause = opened.reasons[0] if opened.reasons else None
    if is_whole and end <= life.present and not dying_after_days:
        index = begin + timedelta(hours=4)
        life.history.outcomes.append(Outcome("length_of_stay_days", index, opened.key, expected, days))
    _set_beds(life, kind, course)
    _treat(life, kind, course)
    bedside.chart(life, course, stop=min(end, life.present))
    life.features["admissions_this_year"] = min(8.0, life.features.get("admissions_this_year", 0.0) + 1.0)
    life.last_stay, life.encounter = opened, None
    life.busy_until, life.guard_until = end, end + timedelta(days=30)
    if end >= life.present:
        opened.end = None
        opened.stays[-1].end = None
        return
    life.plan(end, _discharge, kind, course)


def _fit_before_death(life: Life, days: float, is_last: bool) -> tuple[float, bool, bool]:
    """Days, whether the patient dies at their end, and whether the days are as drawn.

    A death decided for a time within the stay happens at its end, but not after the year it was drawn for.
    """
    if is_last:
        return days, True, True
    end = life.now + timedelta(days=days)
    if life.death is None or life.death > end + timedelta(days=1):
        return days, False, True
    last = (life.year_end or life.death) - timedelta(hours=12)
    life.death = min(max(end, life.death), last) if end > life.death else end
    if end <= last:
        return days, True, True
    return max(0.2, (last - life.now).total_seconds() / 86400.0), True, False


def _diagnoses(life: Life, kind: StayKind, module: Module | None, what: tuple[Action, ...]) -> None:
    name = module.name if module else kind.name
    principal = actions.diagnose(life, kind.spec["diagnosis"], name, is_acute=True)
    if life.encounter is not None:
        life.encounter.reasons = [principal.codes[0]]
    for also, chance in kind.spec.get("also", []):
        if life.draw.hit(chance):
            actions.diagnose(life, also, name, is_acute=True)
    actions.perform(life, module, what)


def _set_beds(life: Life, kind: StayKind, course: Course) -> None:
    """The emergency department, the ward, and intensive care where the course needs it."""
    opened = life.encounter
    if opened is None:
        return
    stops: list[tuple[str, datetime]] = []
    arrival = timedelta(hours=min(life.draw.uniform(2.0, 7.0), (course.end - course.begin).total_seconds() / 7200.0))
    if not kind.spec.get("planned"):
        stops.append(("ED", course.begin))
    stops.append((kind.spec["ward"], course.begin + arrival if stops else course.begin))
    index = course.begin + timedelta(hours=6)
    life.features["stay_deterioration"] = kind.spec["deteriorate"]
    while index + timedelta(hours=24) <= course.end and index + timedelta(hours=24) <= life.present:
        life.features["severity_now"] = course.severity_at(index)
        if course.crisis is None or index > course.crisis + timedelta(hours=48):
            chance = models().deterioration(life)
            hit = life.draw.hit(chance)
            life.history.outcomes.append(Outcome("deterioration_24_hours", index, opened.key, chance, float(hit)))
            if hit:
                crisis = index + timedelta(hours=life.draw.uniform(5.0, 23.5))
                course.crises.append(crisis)
                stops.append(("ICU", crisis))
                back = crisis + timedelta(hours=life.draw.uniform(30.0, 60.0))
                if back < course.end - timedelta(hours=6):
                    stops.append((kind.spec["ward"], back))
        index += timedelta(hours=24)
    ends = [moment for _, moment in stops[1:]]
    for (unit, moment), end in zip(stops, [*ends, course.end], strict=True):
        if moment < life.present:
            room = f"{life.draw.whole(1, 4)}{life.draw.whole(1, 20):02d}"
            opened.stays.append(Stay(unit, room, life.draw.pick("AB"), moment, end))


def _treat(life: Life, kind: StayKind, course: Course) -> None:
    """Laboratory, drugs, procedures, images of a stay."""
    stop = min(course.end, life.present)
    held = life.now
    for action in kind.spec["images"]:
        life.now = course.begin + timedelta(hours=life.draw.uniform(0.5, 3.0))
        if life.now < stop:
            actions.image(life, {**action, "reason": kind.spec["diagnosis"]})
    for name, hours, minutes, chance in kind.spec["procedures"]:
        life.now = course.begin + timedelta(hours=hours * life.draw.uniform(0.8, 1.3))
        if life.draw.hit(chance) and life.now < stop - timedelta(hours=1):
            actions.do_procedure(life, name, minutes=minutes, reason=kind.spec["diagnosis"])
    life.now = held
    for drug in kind.spec["drugs"]:
        begin = course.begin + timedelta(hours=life.draw.uniform(1.0, 4.0))
        if begin < stop:
            prescriptions.give(life, drug, begin, stop, kind.spec["diagnosis"])
    for crisis in course.crises:
        if crisis < stop:
            prescriptions.give(
                life, "norepinephrine", crisis, min(stop, crisis + timedelta(hours=30)), kind.spec["diagnosis"]
            )
    for panel in kind.spec["admission"]:
        moment = course.begin + timedelta(minutes=life.draw.whole(25, 75))
        run_panel(life, panel, course.labs_at(moment), moment)
    morning = (course.begin + timedelta(days=1)).replace(hour=10, minute=0, second=0, microsecond=0)
    while morning < stop and kind.spec["daily"]:
        for panel in kind.spec["daily"]:
            run_panel(life, panel, course.labs_at(morning), morning + timedelta(minutes=life.draw.whole(0, 50)))
        morning += timedelta(days=1)


def _discharge(life: Life, kind: StayKind, course: Course) -> None:
    """The end of a stay: death, or home with what was begun, a visit booked, a readmission drawn."""
    opened = life.last_stay
    if opened is None:
        return
    life.encounter = opened
    for name in kind.spec["acute"]:
        actions.resolve(life, name)
    if course.dies:
        opened.disposition = "20"
        life.encounter = None
        die(life)
        return
    home = life.draw.hit(kind.spec["home_again"] if life.age < 75 else kind.spec["home_again"] * 0.8)
    opened.disposition = "01" if home else ("06" if life.draw.hit(0.45) else "03")
    for drug, *days in kind.spec.get("home", []):
        prescriptions.start(life, drug, reason=kind.spec["diagnosis"], days=days or None)
    life.encounter = None
    if kind.name != "birth":
        care.book(life, life.since(life.draw.uniform(6.0, 14.0)), "visit_follow_up", "", "hospital_follow_up", ())
    _draw_readmission(life, kind, course, opened.key)


def _draw_readmission(life: Life, kind: StayKind, course: Course, key: str) -> None:
    """Draws whether the patient is back within thirty days, when, and with what."""
    life.features["stay_days"] = (course.end - course.begin).total_seconds() / 86400.0
    life.features["severity"] = course.severity
    life.features["stay_readmit"] = kind.spec["readmit"]
    chance = models().readmission(life)
    hit = life.draw.hit(chance)
    last = life.death - timedelta(days=1) if life.death is not None else None
    is_known = life.now + timedelta(days=30) <= life.present and (last is None or last > life.since(1.0))
    if is_known:
        life.history.outcomes.append(Outcome("readmission_30_days", life.now, key, chance, float(hit)))
    if not hit or not (last is None or last > life.since(1.0)):
        return
    latest = min(life.since(29.5), last) if last is not None else life.since(29.5)
    when = life.since(0.8) + life.draw.uniform() ** 1.4 * (latest - life.since(0.8))
    weights = dict(kind.spec["readmit_as"])
    share = weights.pop("other", 0.0) / sum(_COMMON.values())
    for name, weight in _COMMON.items():
        weights[name] = weights.get(name, 0.0) + share * weight
    life.readmission = when
    life.plan(when, _readmit, life.draw.weighted(list(weights), list(weights.values())), key)


def _readmit(life: Life, name: str, key: str) -> None:
    admit(life, name, None, (), again=key)
