"""The models that the answer key is drawn from, read from ``outcomes.toml``."""

import tomllib
from dataclasses import dataclass
from functools import cache
from typing import Any

from careloom.runtime import packaged
from careloom.simulate.rules import Rule, amount, probability


@dataclass(frozen=True, slots=True)
class Cause:
    """A cause of death: what it is called, how it weighs, the stay in which it is died of (empty: none)."""

    name: str
    weight: Rule
    stay: str


@dataclass(frozen=True, slots=True)
class Models:
    """One rule an outcome, and what else chance decides around them."""

    no_show: Rule
    cancelled: float
    mortality: Rule
    died_in_hospital: float
    causes: tuple[Cause, ...]
    readmission: Rule
    deterioration: Rule


@cache
def models() -> Models:
    """``outcomes.toml``, compiled."""
    table = tomllib.loads(packaged("simulate", "outcomes.toml").decode())

    def rule(name: str) -> Rule:
        return probability(_terms(table[name]), f"outcomes.toml {name}")

    causes = tuple(
        Cause(entry["name"], amount(entry["weight"], f"outcomes.toml cause {entry['name']}"), entry.get("stay", ""))
        for entry in table["causes_of_death"]
    )
    return Models(
        rule("no_show"), table["no_show"]["cancelled"], rule("mortality_1_year"),
        table["mortality_1_year"]["in_hospital"], causes, rule("readmission_30_days"), rule("deterioration_24_hours"),
    )  # fmt: skip


def _terms(spec: dict[str, Any]) -> dict[str, Any]:
    return {
        key: spec[key]
        for key in ("base", "by_age", "by_age_female", "by_age_male", "odds", "slope", "shift")
        if key in spec
    }
