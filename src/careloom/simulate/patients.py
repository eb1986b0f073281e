"""One patient of a seed, from nothing to a history: the entrance to the simulator."""

from datetime import UTC, date, datetime, timedelta
from functools import cache

from careloom.simulate import care, coverage, engine, prevention
from careloom.simulate.draw import Draw
from careloom.simulate.history import History
from careloom.simulate.hospital import Hospital, build_hospital
from careloom.simulate.life import Hooks, Life
from careloom.simulate.measures import set_point
from careloom.simulate.modules import by_name
from careloom.simulate.outcomes import models
from careloom.simulate.population import draw_person, risk_rules

PRESENT = date(2026, 1, 1)
"""The simulated present where none is asked for."""
YEARS_SEEN = 10


def simulate_patient(number: int, seed: int, *, hospital: Hospital | None = None, present: date = PRESENT) -> History:
    """The history of patient `number` of a seed: the same whatever other patients there are, in whatever order.

    hospital  the hospital of the seed; built where not given
    present   nothing lies behind its midnight UTC but appointments
    """
    draw = Draw(seed, number)
    place = hospital if hospital is not None else build_hospital(seed)
    person = draw_person(draw, number, place, present, _survival())
    now = datetime(present.year, present.month, present.day, tzinfo=UTC)
    birth = datetime(person.birth.year, person.birth.month, person.birth.day, 12, tzinfo=UTC)
    begin = now - timedelta(days=365.25 * YEARS_SEEN + draw.uniform(-300.0, 300.0))
    begin = max(begin, birth).replace(hour=14, minute=0)
    life = Life(History(person), draw, place, begin, now, begin, birth, float(person.sex == "male"), _HOOKS)
    life.home_site = draw.pick(place.sites).site_id
    life.home_doctor = draw.whole(0, 5)
    life.is_adherent = draw.hit(0.72)
    _draw_features(life)
    coverage.draw_coverage(life)
    engine.begin(life)
    engine.run(life)
    _put_in_order(life)
    return life.history


def _draw_features(life: Life) -> None:
    """Race, risk factors, allergies and family, which rules ask for."""
    person = life.history.person
    life.features["hispanic"] = float(person.ethnicity.code == "2135-2")
    life.features["black"] = float(person.race.code == "2054-5")
    life.features["asian"] = float(person.race.code == "2028-9")
    for name, rule in risk_rules().items():
        life.features[name] = float(life.draw.hit(rule(life)))
    if life.features["smoker"]:
        life.features["former_smoker"] = 0.0
    prevention.draw_background(life)


@cache
def _survival() -> list[float]:
    """For each age at the present, the probability to have lived through the years seen, by the declared mortality."""

    class _Somebody:
        def __init__(self, age: float, male: float) -> None:
            self.age, self.male = age, male

        def feature(self, name: str) -> float:
            return self.age if name == "age" else self.male if name == "male" else 0.0

    rule = models().mortality
    chances = [(rule(_Somebody(age, 0.0)) + rule(_Somebody(age, 1.0))) / 2.0 * _FRAILTY for age in range(111)]
    lived = []
    for age in range(111):
        left = 1.0
        for year in range(max(0, age - YEARS_SEEN), age):
            left *= 1.0 - min(0.9, chances[year])
        lived.append(left)
    return lived


_FRAILTY = 1.6
"""Mean mortality over that of a patient without any risk factor, whom the rule's base stands for."""


def _put_in_order(life: Life) -> None:
    """Every list in order of time; what was planned after death or behind the present is as it must be."""
    history = life.history
    history.encounters.sort(key=lambda one: one.start)
    history.conditions.sort(key=lambda one: one.recorded)
    history.observations.sort(key=lambda one: one.time)
    history.reports.sort(key=lambda one: one.collected)
    history.medications.sort(key=lambda one: one.start)
    history.immunizations.sort(key=lambda one: one.time)
    history.procedures.sort(key=lambda one: one.start)
    history.appointments.sort(key=lambda one: one.start)
    history.outcomes.sort(key=lambda one: one.index_time)
    death = history.person.death
    for planned in history.appointments:
        if planned.status == "booked" and death is not None:
            planned.status = "cancelled"


def _enter(life: Life, module: str, state: str) -> None:
    engine.enter(life, by_name()[module], state)


_HOOKS = Hooks(set_point, _enter, care.book)
