"""The golden record: the best value of each field of several Patients who are one person, and its origin. Pure."""

import json
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from careloom.runtime import packaged

Resource = dict[str, Any]
_NO_CONTENT = frozenset({"resourceType", "id", "meta", "text", "link", "active", "contained", "implicitRules"})


@dataclass(frozen=True, slots=True)
class Member:
    """One record of the person.

    source   the system it came from, "" if nobody knows
    arrived  when its content last changed, links of ours left out
    """

    patient: Resource
    source: str
    arrived: datetime

    @property
    def id(self) -> str:
        """The stored id."""
        return str(self.patient["id"])


@dataclass(frozen=True, slots=True)
class Rule:
    """How the best value of one field is found; see the grammar of golden.toml."""

    name: str
    pick: str
    by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chosen:
    """One field of the golden record.

    values    the value, or all of them, best first
    sources   for each value the ids of the records that have it
    because   the rule that decided, "only" where nothing else was there, "all" where every value is kept
    others    values that were not taken, with the ids of their records
    """

    name: str
    values: tuple[Any, ...]
    sources: tuple[tuple[str, ...], ...]
    because: str
    others: tuple[tuple[Any, tuple[str, ...]], ...] = ()


@cache
def policy() -> tuple[Rule, ...]:
    """The rules that ship."""
    read = tomllib.loads(packaged("quality", "linkage/golden.toml").decode())
    return tuple(Rule(one["name"], one["pick"], tuple(one["by"])) for one in read["field"])


def golden(members: Sequence[Member], trusted: Sequence[str] = ()) -> tuple[Chosen, ...]:
    """The best value of each field that any member has, in the order of the policy.

    trusted  source systems, the most trusted first
    """
    ordered = sorted(members, key=lambda member: member.id)
    chosen = (_field(rule, ordered, trusted) for rule in policy())
    return tuple(one for one in chosen if one is not None)


def as_patient(chosen: Sequence[Chosen]) -> Resource:
    """The golden record as a Patient without an id: nothing of it is stored."""
    lists = {rule.name for rule in policy() if rule.pick == "all"}
    patient: Resource = {"resourceType": "Patient", "active": True}
    for one in chosen:
        patient[one.name] = list(one.values) if one.name in lists else one.values[0]
    return patient


def completeness(patient: Mapping[str, Any]) -> int:
    """How many values a Patient holds: what tells a full record from a thin one."""
    return sum(_parts(value) for name, value in patient.items() if name not in _NO_CONTENT)


def _field(rule: Rule, members: Sequence[Member], trusted: Sequence[str]) -> Chosen | None:
    holders: dict[str, list[Member]] = {}
    values: dict[str, Any] = {}
    for member in members:
        value = member.patient.get(rule.name)
        for each in value if rule.pick == "all" and isinstance(value, list) else [value]:
            if each not in (None, "", [], {}):
                key = json.dumps(each, sort_keys=True)
                values[key] = each
                holders.setdefault(key, []).append(member)
    if not values:
        return None
    votes = Counter({key: len(having) for key, having in holders.items()})
    ranks = {
        key: tuple(_rank(how, values[key], holders[key], votes[key], trusted) for how in rule.by) for key in values
    }
    best = sorted(values, key=lambda key: (ranks[key], holders[key][0].id, key))
    ids = {key: tuple(dict.fromkeys(member.id for member in having)) for key, having in holders.items()}
    kept = best if rule.pick == "all" else best[:1]
    because = "all" if rule.pick == "all" else "only"
    if rule.pick == "one" and len(best) > 1:
        differing = [how for at, how in enumerate(rule.by) if ranks[best[0]][at] != ranks[best[1]][at]]
        because = differing[0] if differing else "id"
    return Chosen(
        rule.name,
        tuple(values[key] for key in kept),
        tuple(ids[key] for key in kept),
        because,
        tuple((values[key], ids[key]) for key in best[len(kept) :]),
    )


def _rank(how: str, value: Any, holders: Sequence[Member], votes: int, trusted: Sequence[str]) -> float:
    """Smaller is better."""
    if how == "trusted":
        return min(trusted.index(one.source) if one.source in trusted else len(trusted) for one in holders)
    if how == "majority":
        return -votes
    if how == "complete":
        return -_parts(value)
    return -max(one.arrived.timestamp() for one in holders)


def _parts(value: Any) -> int:
    """How many values stand in a value; of a date, how many of year, month and day."""
    if isinstance(value, dict):
        return sum(_parts(each) for each in value.values())
    if isinstance(value, list):
        return sum(_parts(each) for each in value)
    if isinstance(value, str):
        return value[:10].count("-") + 1 if value[:4].isdigit() else int(bool(value))
    return int(value is not None)
