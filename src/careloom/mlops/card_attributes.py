"""What cards ask for, as data: 31 source attributes of HTI-1, what else is declared, variables, freshness."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from careloom.runtime import packaged


@dataclass(frozen=True, slots=True)
class Attribute:
    """One source attribute of 45 CFR 170.315(b)(11)(iv)(B).

    number              1 to 31, in the order of the rule
    paragraph           below (iv)(B), as (1)(i); `group` its title
    rests_on            what a computed value is made of; empty where a person declares it
    may_be_unavailable  the rule lets it be shown as not available
    """

    id: str
    number: int
    paragraph: str
    group: str
    title: str
    rests_on: tuple[str, ...] = ()
    may_be_unavailable: bool = False

    @property
    def is_computable(self) -> bool:
        """True where the card computes it from what is kept of the version."""
        return bool(self.rests_on)


@dataclass(frozen=True, slots=True)
class Further:
    """What only a person can declare and other cards than HTI-1 ask for."""

    id: str
    title: str


@dataclass(frozen=True, slots=True)
class Variable:
    """One of the nine variables whose use as input is told: 45 CFR 170.315(b)(11)(iv)(A)(5) to (13)."""

    id: str
    title: str
    names: tuple[str, ...]
    concepts: tuple[str, ...]
    groups: tuple[str, ...]
    unless: tuple[str, ...] = ()

    def is_told_by(self, name: str, concept: str) -> bool:
        """True where a feature of that name and concept is of this variable."""
        padded = f"_{name.casefold()}_"
        if any(f"_{one}_" in padded for one in self.unless):
            return False
        return concept.casefold() in self.concepts or any(f"_{one}_" in padded for one in self.names)


def read(name: str) -> dict[str, Any]:
    """A data file of cards as it is written."""
    return tomllib.loads(packaged("mlops", f"cards/{name}.toml").decode())


@cache
def attributes() -> tuple[Attribute, ...]:
    """The 31 attributes in the order of the rule."""
    tree = read("hti1")
    groups = {one["paragraph"]: one["title"] for one in tree["groups"]}
    return tuple(
        Attribute(
            one["id"], number, one["paragraph"], groups[one["paragraph"].partition(")")[0] + ")"], one["title"],
            tuple(one.get("rests_on", ())), one.get("may_be_unavailable", False),
        )
        for number, one in enumerate(tree["attributes"], 1)
    )  # fmt: skip


@cache
def further() -> tuple[Further, ...]:
    """What else may be declared."""
    return tuple(Further(one["id"], one["title"]) for one in read("further")["further"])


@cache
def variables() -> tuple[Variable, ...]:
    """The nine variables."""
    return tuple(
        Variable(
            one["id"], one["title"], *(tuple(one.get(key, ())) for key in ("names", "concepts", "groups", "unless"))
        )
        for one in read("variables")["variables"]
    )


def notice() -> str:
    """What has to be said of the rule with every card."""
    return str(read("hti1")["notice"])


def rule() -> str:
    """The rule that asks for the attributes."""
    return str(read("hti1")["rule"])


@cache
def freshness() -> Mapping[str, int]:
    """What an attribute rests on -> days after which it is stale; ``declared`` for texts."""
    return {name.removesuffix("_days"): days for name, days in read("freshness").items()}
