"""Death: whether this year is the last, when in it, of what, and whether in a hospital bed.

The draw comes first and what leads to it follows, so that the probability in the answer key is that of the draw.
"""

from datetime import timedelta

from careloom.simulate import stays
from careloom.simulate.care import last_encounter
from careloom.simulate.ending import die
from careloom.simulate.history import Outcome
from careloom.simulate.life import Life
from careloom.simulate.outcomes import models

_YEAR = timedelta(days=365.25)


def decide_year(life: Life) -> None:
    """Decides on death within the year that begins now."""
    chance = models().mortality(life)
    dies = life.draw.hit(chance)
    if life.now + _YEAR <= life.present:
        life.history.outcomes.append(Outcome("mortality_1_year", life.now, last_encounter(life), chance, float(dies)))
    life.features["admissions_last_year"] = life.features.pop("admissions_this_year", 0.0)
    if not dies:
        return
    causes = models().causes
    cause = life.draw.weighted(causes, [cause.weight(life) for cause in causes])
    life.cause = cause.name
    life.death = life.now + _YEAR * life.draw.uniform(0.02, 0.985)
    if life.readmission is not None and life.death < life.readmission:
        life.death = life.readmission + timedelta(days=life.draw.uniform(1.0, 9.0))
    if cause.stay and life.draw.hit(models().died_in_hospital):
        days = stays.expected_days(life, cause.stay, stays.DYING) * life.draw.gamma_of_four(1.0)
        begins = life.death - timedelta(days=days)
        if begins > life.now and begins > life.guard_until:
            life.plan(begins, _last_stay, cause.stay, days)
            return
    life.plan(life.death, die)


def _last_stay(life: Life, stay: str, days: float) -> None:
    """The stay that ends in death; died of the same at home where another stay is under way."""
    if life.now < life.busy_until or life.death is None:
        life.plan(max(life.busy_until, life.death or life.now), die)
        return
    stays.admit(life, stay, None, (), dying_after_days=days)
    life.plan(life.busy_until, die)
