"""Insurance over the years: by age and income, a change of plan now and then, Medicare from 65."""

from datetime import date, timedelta

from careloom.simulate.history import Coverage
from careloom.simulate.hospital import Payer
from careloom.simulate.life import Life
from careloom.simulate.population import census


def draw_coverage(life: Life) -> None:
    """The coverages of a patient in order, and the features that rules ask for."""
    begin = life.start.date()
    turns_65 = life.birth.date() + timedelta(days=int(65 * 365.25))
    program = _draw_program(life)
    changes = [begin]
    if program != "medicare" and life.draw.hit(0.45):
        changes.append(begin + timedelta(days=life.draw.whole(300, 3000)))
    if begin < turns_65 < life.present.date():
        changes = [day for day in changes if day < turns_65] + [turns_65]
    for place, day in enumerate(changes):
        if day >= life.present.date():
            break
        kind = "medicare" if day >= turns_65 else program
        last = changes[place + 1] if place + 1 < len(changes) else None
        end = last - timedelta(days=1) if last is not None and last < life.present.date() else None
        life.history.coverages.append(_coverage(life, kind, day, end))
    life.features["medicaid"] = float(program == "medicaid")
    life.features["uninsured"] = float(program == "none")


def _draw_program(life: Life) -> str:
    group = "child" if life.age < 19 else "senior" if life.age >= 65 else "adult"
    shares: dict[str, float] = dict(census()["coverage"][group])
    if life.features.get("food_insecurity") or life.features.get("unemployment"):
        shares["medicaid"] = shares.get("medicaid", 0.0) * 2.5
    return life.draw.weighted(list(shares), list(shares.values()))


def _coverage(life: Life, program: str, start: date, end: date | None) -> Coverage:
    payer: Payer = life.draw.pick([one for one in life.hospital.payers if one.program == program])
    number = f"{life.draw.pick('ABCDEFGHJK')}{life.draw.whole(10_000_000, 99_999_999)}" if program != "none" else ""
    return Coverage(life.key("V"), payer.name, payer.payer_id, payer.kind, number, start, end)
