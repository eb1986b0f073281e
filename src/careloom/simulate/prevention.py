"""Prevention and background, as ``prevention.toml`` says: vaccines, screening, allergies, family, social questions."""

import tomllib
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Literal

from careloom.runtime import packaged
from careloom.simulate import actions
from careloom.simulate.codes import SYSTEMS, concept
from careloom.simulate.history import Allergy, Code, Immunization, Observation, Relative
from careloom.simulate.life import Life
from careloom.simulate.population import by_age

_ROLE_CODE = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
_PARENTS = {"female": ("MTH", "mother"), "male": ("FTH", "father")}
_SIBLINGS = {"female": ("SIS", "sister"), "male": ("BRO", "brother")}
Severity = Literal["mild", "moderate", "severe"]
_MONTH = timedelta(days=30.4375)
_CHECK_YEARS = 2.0
"""Social questions are asked again after so long."""


@cache
def plan() -> Mapping[str, Any]:
    """``prevention.toml``."""
    return tomllib.loads(packaged("simulate", "prevention.toml").decode())


def code_of(entry: Mapping[str, Any]) -> Code:
    """The one code of an entry, whatever system it has."""
    return next(Code(SYSTEMS[kind], *entry[kind]) for kind in SYSTEMS if kind in entry)


def next_due(life: Life) -> datetime | None:
    """When prevention asks for the next visit."""
    months = (life.now - life.birth) / _MONTH
    if life.age < 17.5:
        coming: float | None = next((age for age in plan()["visits"]["child_months"] if age > months + 0.4), None)
        if coming is not None:
            return life.birth + _MONTH * (coming + life.draw.uniform(0.0, 0.6 if coming < 24 else 3.0))
    years = by_age(plan()["visits"]["adult_years"], max(18.0, life.age))
    return life.since(365.25 * years * life.draw.uniform(0.75, 1.5) * (1.0 if life.is_adherent else 3.0))


def do_due(life: Life) -> None:
    """At a regular visit: vaccines, screening, questions that are due."""
    months = (life.now - life.birth) / _MONTH
    for name, entry in plan()["vaccines"].items():
        if _is_due(life, name, entry, months) and life.draw.hit(entry["chance"]):
            _vaccinate(life, name, entry)
    for name, entry in plan()["screening"].items():
        ages, sex = entry["ages"], entry.get("sex", "any")
        if not ages[0] <= life.age < ages[1] or sex == ("female" if life.male else "male"):
            continue
        if "unless" in entry and life.feature(entry["unless"]):
            continue
        last = life.last_done.get(f"screening.{name}")
        if last is not None and life.years_since(last) < entry["every_years"] * 0.9:
            continue
        if life.draw.hit(entry["chance"]):
            life.last_done[f"screening.{name}"] = life.now
            actions.perform(life, None, entry["actions"])
    asked = life.last_done.get("social")
    if life.age >= 18 and (asked is None or life.years_since(asked) > _CHECK_YEARS):
        ask_social(life)


def _is_due(life: Life, name: str, entry: Mapping[str, Any], months: float) -> bool:
    last = life.last_done.get(f"vaccine.{name}")
    if "every_years" in entry:
        if not entry["from"] <= months < entry["to"] or life.now.month not in entry.get("months", range(1, 13)):
            return False
        return last is None or life.years_since(last) > entry["every_years"] * 0.7
    done = int(life.features.get(f"doses.{name}", -1.0))
    if done < 0:  # doses that fell before the hospital saw the patient were given elsewhere
        seen_from = (life.start - life.birth) / _MONTH
        done = sum(1 for age in entry["at"] if age < seen_from - 3)
        life.features[f"doses.{name}"] = float(done)
    if done >= len(entry["at"]) or months > entry.get("not_after", 2000):
        return False
    return bool(months >= entry["at"][done] - 0.2 and (last is None or (life.now - last).days >= 26))


def _vaccinate(life: Life, name: str, entry: Mapping[str, Any]) -> None:
    number = int(life.features.get(f"doses.{name}", 0.0)) + 1
    life.features[f"doses.{name}"] = float(number)
    life.last_done[f"vaccine.{name}"] = life.now
    lot = f"{life.draw.pick('ABCDEFGH')}{life.draw.whole(10000, 99999)}"
    life.history.immunizations.append(
        Immunization(life.key("I"), (code_of(entry),), life.now, life.at_encounter(), lot, number)
    )


def ask_allergies(life: Life) -> None:
    """Allergies as told at the first contact."""
    for name, entry in plan()["allergies"].items():
        if not life.features.get(f"allergic.{name}"):
            continue
        reactions = tuple(
            code_of(reaction) for reaction in plan()["reactions"].values() if life.draw.hit(reaction["share"])
        )
        severity: Severity = life.draw.weighted(("mild", "moderate", "severe"), (0.5, 0.35, 0.15))
        began = life.birth + (life.now - life.birth) * life.draw.uniform(0.05, 0.9)
        life.history.allergies.append(
            Allergy(life.key("L"), (code_of(entry),), entry["category"], entry["criticality"], began, life.now,
                    life.at_encounter(), reactions, severity)
        )  # fmt: skip
        life.features[f"told.{name}"] = 1.0


def draw_background(life: Life) -> None:
    """Allergies and the family's diseases, which are true before anybody asks."""
    for name, entry in plan()["allergies"].items():
        if life.draw.hit(entry["share"]):
            life.features[f"allergic.{name}"] = 1.0
            for ingredient in entry["blocks"]:
                life.features[f"allergy.{ingredient}"] = 1.0
    for name, entry in plan()["family"].items():
        if not life.draw.hit(entry["share"]):
            continue
        life.features[entry["feature"]] = 1.0
        sex = entry.get("sex") or life.draw.pick(("female", "male"))
        who = _PARENTS[sex] if life.draw.hit(0.72) or life.age < 30 else _SIBLINGS[sex]
        age = life.draw.whole(*entry["ages"]) if life.draw.hit(0.8) else None
        life.history.relatives.append(Relative(Code(_ROLE_CODE, *who), concept(name)[0], age))


def ask_social(life: Life) -> None:
    """Social determinants, as answered; what is a problem goes on the list."""
    if life.age < 18:
        return
    life.last_done["social"] = life.now
    for entry in plan()["social"].values():
        low, high = entry.get("ages", (18, 130))
        if not low <= life.age < high:
            continue
        answer = next(one for one in entry["answers"] if "feature" not in one or life.features.get(one["feature"]))
        life.history.observations.append(
            Observation(
                life.key("O"), (code_of(entry),), life.now, "social-history", code_of(answer), "", life.at_encounter()
            )
        )
        if "problem" in answer:
            actions.diagnose(life, answer["problem"], "social")
