"""Outpatient care: appointments and who misses them, visits and what is done in them, the emergency department."""

from datetime import datetime, timedelta
from typing import Any

from careloom.simulate import actions, prevention
from careloom.simulate.codes import concept, snomed
from careloom.simulate.history import Appointment, Encounter, EncounterKind, Outcome
from careloom.simulate.life import Life
from careloom.simulate.measures import observe, run_panel
from careloom.simulate.modules import Module, State, by_name
from careloom.simulate.outcomes import models

FAMILY, PEDIATRICS, EMERGENCY = "207Q00000X", "208000000X", "207P00000X"
_VITALS = ("systolic", "diastolic", "heart_rate", "respiratory_rate", "temperature", "spo2", "height", "weight", "bmi")
_CHILD_VITALS = ("heart_rate", "respiratory_rate", "temperature", "height", "weight", "bmi")
_FEWEST_DAYS = 21.0


def office_time(life: Life, when: datetime) -> datetime:
    """A time in office hours on or after a day: Monday to Friday, 8 to 16 by Eastern time, on the quarter hour."""
    day = when.replace(hour=0, minute=0, second=0, microsecond=0)
    if day.weekday() >= 5:
        day += timedelta(days=7 - day.weekday())
    moment = day + timedelta(hours=13, minutes=15 * life.draw.whole(0, 30))
    return moment if moment > when - timedelta(hours=20) else moment + timedelta(days=1)


def last_encounter(life: Life) -> str:
    """The key of the last contact; empty for none yet."""
    return life.history.encounters[-1].key if life.history.encounters else ""


def open_encounter(
    life: Life, kind: EncounterKind, type_name: str, role: str, minutes: int, site_id: str = ""
) -> Encounter:
    """A contact from now on; whatever is done goes into it until it is closed."""
    site = site_id or life.home_site
    clinician = life.hospital.clinician(role, site, life.home_doctor)
    made = Encounter(
        life.key("E"), kind, life.now, life.now + timedelta(minutes=minutes), snomed(type_name), site,
        clinician.clinician_id,
    )  # fmt: skip
    life.history.encounters.append(made)
    life.encounter = made
    return made


def own_role(life: Life) -> str:
    """Who looks after a patient of this age."""
    return PEDIATRICS if life.age < 18 else FAMILY


def first_visit(life: Life, known: list[tuple[Module, State, datetime]]) -> None:
    """What the patient already has is written down at the first contact; who has nothing comes when he comes."""
    if life.age < 0.1:
        known = []
    elif not known and not life.draw.hit(0.35):
        plan_next(life)
        return
    open_encounter(life, "ambulatory", "visit_general", own_role(life), 40)
    for module, state, onset in known:
        life.backdate = onset
        actions.perform(life, module, [action for action in state.enter if action["do"] in _HISTORY])
        life.backdate = None
    prevention.ask_social(life)
    prevention.ask_allergies(life)
    _routine(life)
    life.encounter = None
    plan_next(life)


_HISTORY = ("diagnose", "start", "step", "step_up", "note", "one_of", "resolve")
"""Of the actions of a state that began long ago, those that leave something to write down today."""


def plan_next(life: Life) -> None:
    """Books the next regular visit: by the shortest interval that a disease asks for, else prevention."""
    when = prevention.next_due(life)
    shortest = min((days for days in _intervals(life)), default=0.0)
    if shortest:
        due = life.since(max(_FEWEST_DAYS, shortest * life.draw.uniform(0.85, 1.25)))
        when = due if when is None or due < when else when
    if when is not None:
        book(life, when, "visit_follow_up" if shortest else "visit_general", "", "", ())


def _intervals(life: Life) -> list[float]:
    found = []
    for name, module in by_name().items():
        days = module.states[life.states[name]].visit_every_days
        if days:
            found.append(days)
    return found


def book(life: Life, when: datetime, type_name: str, role: str, module: str, what: tuple[Any, ...]) -> None:
    """Makes an appointment; an empty module means the regular visit, after which the next is booked."""
    site = life.home_site
    start = office_time(life, when)
    clinician = life.hospital.clinician(role or own_role(life), site, life.home_doctor)
    reason = next((held.codes[0] for held in life.open_conditions.values() if held.module == module), None)
    made = Appointment(
        life.key("A"), life.now, start, 30 if type_name == "visit_general" else 20, "booked", clinician.site_id,
        clinician.clinician_id, reason,
    )  # fmt: skip
    if made.created < life.present:
        life.history.appointments.append(made)
    life.plan(start, _due, made, type_name, clinician.role.code, module, what)


def _due(life: Life, made: Appointment, type_name: str, role: str, module: str, what: tuple[Any, ...]) -> None:
    """The time of an appointment: cancelled, missed, or kept."""
    if life.now < life.busy_until or life.draw.hit(models().cancelled):
        made.status = "cancelled"
        later = max(life.now, life.busy_until) + timedelta(days=life.draw.uniform(5.0, 20.0))
        book(life, later, type_name, role, module, what)
        return
    life.features["lead_days"] = (made.start - made.created).total_seconds() / 86400.0
    chance = models().no_show(life)
    missed = life.draw.hit(chance)
    index = max(made.created, made.start - timedelta(hours=24))
    life.history.outcomes.append(Outcome("no_show", index, made.key, chance, float(missed)))
    if missed:
        made.status = "noshow"
        life.features["missed"] = min(4.0, life.features.get("missed", 0.0) + 1.0)
        if not module:
            book(life, life.since(life.draw.uniform(10.0, 60.0)), type_name, role, module, what)
        return
    made.status = "fulfilled"
    kind: EncounterKind = "virtual" if type_name == "visit_virtual" else "ambulatory"
    opened = open_encounter(life, kind, type_name, role, made.minutes, made.site_id)
    made.encounter = opened.key
    if made.reason is not None:
        opened.reasons.append(made.reason)
    if what:
        _vitals(life)
        actions.perform(life, by_name()[module], what)
    else:
        _routine(life)
    if not module:
        plan_next(life)
    life.encounter = None


def _vitals(life: Life, extra: dict[str, float] | None = None) -> None:
    observe(life, _VITALS if life.age >= 3 else _CHILD_VITALS, extra)


def _routine(life: Life) -> None:
    """A regular visit: vital signs, what prevention is due, the laboratory and the review that diseases ask for."""
    _vitals(life)
    prevention.do_due(life)
    due: dict[str, float] = {}
    for name, module in by_name().items():
        for panel, days in module.states[life.states[name]].panels.items():
            due[panel] = min(days, due.get(panel, days))
    for panel, days in due.items():
        last = life.last_done.get(panel)
        if last is None or (life.now - last).total_seconds() >= days * 0.85 * 86400.0:
            run_panel(life, panel)
    for name, module in by_name().items():
        state = module.states[life.states[name]]
        if state.visit_every_days and life.encounter is not None and life.encounter.key:
            held = [one.codes[0] for one in life.open_conditions.values() if one.module == name]
            life.encounter.reasons.extend(code for code in held[:1] if code not in life.encounter.reasons)
        actions.perform(life, module, state.review)
    if life.encounter is not None and not life.encounter.reasons:
        life.encounter.reasons.append(concept("routine_adult" if life.age >= 18 else "routine_child")[0])


def unplanned_visit(life: Life, module: Module | None, what: tuple[Any, ...], *, is_virtual: bool = False) -> None:
    """A visit within days for something new."""
    moment = office_time(life, life.now)
    if moment >= life.present:
        return
    held, life.now = life.now, moment
    open_encounter(
        life,
        "virtual" if is_virtual else "ambulatory",
        "visit_virtual" if is_virtual else "visit_problem",
        own_role(life),
        20,
    )
    if not is_virtual:
        _vitals(life)
    actions.perform(life, module, what)
    life.encounter = None
    life.now = held


def emergency(life: Life, module: Module | None, what: tuple[Any, ...]) -> None:
    """A visit to the emergency department of the main hospital, from which the patient goes home."""
    opened = open_encounter(
        life, "emergency", "visit_emergency", EMERGENCY, life.draw.whole(90, 420), life.hospital.sites[0].site_id
    )
    opened.admit_source, opened.disposition = "1", "01"
    unwell = {"heart_rate": 9.0, "pain": 3.5, "systolic": 6.0}
    observe(life, ("systolic", "diastolic", "heart_rate", "respiratory_rate", "temperature", "spo2", "pain"), unwell)
    actions.perform(life, module, what)
    life.features["emergency_visits"] = min(6.0, life.features.get("emergency_visits", 0.0) + 1.0)
    life.encounter = None
