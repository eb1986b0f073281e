"""Medications as courses: started, changed along a ladder, stopped, given in a stay."""

from datetime import datetime, timedelta

from careloom.simulate.codes import concept, tables
from careloom.simulate.history import Medication
from careloom.simulate.life import Life
from careloom.simulate.modules import ladders


def start(
    life: Life,
    drug: str,
    *,
    reason: str = "",
    days: tuple[float, float] | list[float] | None = None,
    at_once: bool = False,
) -> Medication | None:
    """A course of a drug; None where an allergy forbids it or the same course runs.

    A course of the same ingredient at another dose ends and is replaced.

    days  how long it is taken; None for until further notice
    """
    entry = tables()[drug]
    ingredient = entry["ingredient"]
    if life.features.get(f"allergy.{ingredient.split(' ')[0]}"):
        return None
    held = life.courses.get(ingredient)
    if held is not None and held.codes == concept(drug) and held.dose == entry["dose"]:
        return None
    replaced = stop_ingredient(life, ingredient, "dose changed") if held is not None else ""
    held_reason = life.open_conditions.get(reason)
    route = concept(f"route_{entry['route']}")[0]
    made = Medication(
        life.key("M"), concept(drug), life.backdate or life.now, None, entry["dose"], entry["unit"],
        float(entry["per_day"]), route, life.at_encounter(), held_reason.key if held_reason is not None else "",
        as_needed=entry["per_day"] == 0 and not at_once, replaces=replaced,
    )  # fmt: skip
    life.history.medications.append(made)
    if days is not None:
        made.end = made.start + timedelta(days=life.draw.uniform(days[0], days[1]))
    else:
        life.courses[ingredient] = made
    return made


def stop(life: Life, drug: str, *, for_reason: str = "") -> None:
    """Ends the course of a drug's ingredient."""
    stop_ingredient(life, tables()[drug]["ingredient"], for_reason)


def stop_ingredient(life: Life, ingredient: str, why: str) -> str:
    """Ends a running course; returns its key, empty where none ran."""
    held = life.courses.pop(ingredient, None)
    if held is None:
        return ""
    held.end = max(held.start, life.now)
    held.stopped_for = why
    return held.key


def step_up(life: Life, ladder: str) -> None:
    """One step up; at the top nothing changes."""
    step_to(life, ladder, life.steps.get(ladder, -1) + 1)


def step_to(life: Life, ladder: str, step: int) -> None:
    """Moves to a step: what it does not name ends, what it names begins, its effects replace the last step's."""
    steps = ladders()[ladder]
    if step >= len(steps) or step == life.steps.get(ladder, -1):
        return
    before = life.steps.get(ladder, -1)
    life.steps[ladder] = step
    wanted = steps[step]
    kept = {tables()[drug]["ingredient"] for drug in wanted["drugs"]}
    if before >= 0:
        for drug in steps[before]["drugs"]:
            ingredient = tables()[drug]["ingredient"]
            if ingredient not in kept:
                stop_ingredient(life, ingredient, "therapy changed")
                life.features[f"rx.{ingredient}"] = 0.0
    for drug in wanted["drugs"]:
        start(life, drug, reason=wanted.get("reason", ""))
        life.features[f"rx.{tables()[drug]['ingredient']}"] = 1.0
    life.drop_shifts(f"ladder.{ladder}")
    response = 1.0 if life.is_adherent else 0.5
    for measure, value in wanted.get("effects", {}).items():
        life.add_shift(measure, f"ladder.{ladder}", value * response)


def give(life: Life, drug: str, begin: datetime, end: datetime, reason: str = "") -> None:
    """A drug given in a stay, with the times it was given."""
    entry = tables()[drug]
    held = life.open_conditions.get(reason)
    per_day = float(entry["per_day"])
    step = timedelta(hours=24.0 / per_day) if per_day else timedelta(days=400)
    times: list[datetime] = []
    moment = begin
    while moment < end and len(times) < 60:
        times.append(moment + timedelta(minutes=life.draw.whole(-10, 35)) if times else moment)
        moment += step
    life.history.medications.append(
        Medication(
            life.key("M"), concept(drug), begin, end, entry["dose"], entry["unit"], per_day,
            concept(f"route_{entry['route']}")[0], life.at_encounter(), held.key if held is not None else "",
            as_needed=False, administered=[time for time in times if time <= end],
        )
    )  # fmt: skip
