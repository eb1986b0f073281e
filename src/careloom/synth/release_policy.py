"""What a synthetic table has to show before it may leave: a policy as data, and its verdict over measures.

Deny by default: a measure that is missing, not a number or without the bound that a rule asks for has failed. The
policies that ship lie beside this file; the first of them opens with the grammar.
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import Any, Literal

import orjson

from careloom.errors import FormatError, InputError
from careloom.runtime import packaged

DEFAULT = "strict"
SHIPPED = ("strict", "empirical")
VERSION = 1
_OF_ROWS = frozenset("same_source copies_excess rare_combinations_excess broken_rules shape trend".split())
"""Measures of tables that notes have no like of."""
Json = dict[str, Any]
Side = Literal["at_most", "at_least"]
Bound = Literal["value", "low", "high"]


@dataclass(frozen=True, slots=True)
class Measure:
    """One number, with the bounds of its interval where it has one."""

    value: float
    low: float | None = None
    high: float | None = None

    def as_json(self) -> Json:
        """value, low, high; null for what is no number."""
        return {name: _finite(each) for name, each in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Rule:
    """One limit.

    of   which number of the measure has to keep it: ``high`` is the upper bound of its interval
    why  a sentence for who is refused
    """

    measure: str
    side: Side
    limit: float
    of: Bound = "value"
    why: str = ""

    @property
    def text(self) -> str:
        """The rule as people read it."""
        of = {"value": "", "low": ", lower bound,", "high": ", upper bound,"}[self.of]
        return f"{self.measure}{of} {self.side.replace('_', ' ')} {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Policy:
    """See ``release_strict.toml``.

    small_cell      the least patients behind a value or a combination of values that is not rare
    valid_days      how long a release may be fetched
    verdict         epsilon that the ledger counts for each verdict over a private fit
    is_internal     the measures of a private fit stay in this installation; its certificate says only what passed
    """

    name: str
    meaning: str
    valid_days: int
    small_cell: int
    verdict: float
    is_internal: bool
    rules: tuple[Rule, ...]

    def as_json(self) -> Json:
        """All of it; `from_json` reads it back."""
        return {**asdict(self), "rules": [asdict(one) for one in self.rules], "version": VERSION}

    @property
    def digest(self) -> str:
        """SHA-256 of what it says, hex."""
        return sha256(orjson.dumps(self.as_json(), option=orjson.OPT_SORT_KEYS)).hexdigest()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a policy says of measures: `findings` in the order of its rules, each rule, passed, found and why."""

    findings: tuple[Json, ...]

    @property
    def passed(self) -> bool:
        """Every rule is met, and there is one."""
        return bool(self.findings) and all(one["passed"] for one in self.findings)

    @property
    def failed(self) -> tuple[str, ...]:
        """The rules that are not met."""
        return tuple(one["rule"] for one in self.findings if not one["passed"])


def decide(policy: Policy, measures: Mapping[str, Measure]) -> Verdict:
    """The verdict over measures by name."""
    findings = []
    for rule in policy.rules:
        found: float | None = None if rule.measure not in measures else getattr(measures[rule.measure], rule.of)
        is_met = False
        if found is not None and math.isfinite(found):
            is_met = found <= rule.limit if rule.side == "at_most" else found >= rule.limit
        findings.append({"rule": rule.text, "passed": is_met, "found": _finite(found), "why": rule.why})
    return Verdict(tuple(findings))


def shipped(name: str) -> Policy:
    """A policy that ships. raises InputError"""
    if name not in SHIPPED:
        raise InputError(f"there is no release policy {name}", f"Name {' or '.join(SHIPPED)}, or a file.")
    return from_toml(packaged("synth", f"release_{name}.toml").decode())


def for_records(policy: Policy) -> Policy:
    """A policy as it judges whole records: its own rules, and those of ``release_records.toml``."""
    return _joined(policy, "records", "whole records")


def for_notes(policy: Policy, *, is_own: bool = False, has_records: bool = False) -> Policy:
    """A policy as it judges notes: its own rules, less those about rows of tables, and those of ``release_notes.toml``.

    is_own       the policy was written for this release: none of its rules is left out
    has_records  the notes tell whole records, which are judged beside them: then no rule is left out either, and those
                 of ``release_records.toml`` hold, too
    """
    if has_records:
        return _joined(for_records(policy), "notes", "notes")
    kept = policy.rules if is_own else tuple(one for one in policy.rules if one.measure not in _OF_ROWS)
    return _joined(replace(policy, rules=kept), "notes", "notes")


def _joined(policy: Policy, part: str, title: str) -> Policy:
    more = from_toml(packaged("synth", f"release_{part}.toml").decode())
    cell = max(policy.small_cell, more.small_cell)
    named = {one.text for one in policy.rules}
    rules = (*policy.rules, *(one for one in more.rules if one.text not in named))
    return replace(policy, name=f"{policy.name}, {title}", small_cell=cell, rules=rules)


def from_toml(text: str) -> Policy:
    """The policy that a TOML text says. raises FormatError; InputError for what means nothing, or lets all pass"""
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise FormatError("the release policy is not TOML", "Mend it, or copy one that ships.") from None
    rules = [_rule(one) for one in tree.pop("rule", [])]
    return from_json({**tree, "rules": rules})


def from_json(told: Mapping[str, Any]) -> Policy:
    """The inverse of `Policy.as_json`. raises InputError"""
    fields = dict(told)
    if fields.pop("version", None) != VERSION:
        raise InputError("the release policy has no version that is known", f"Write version = {VERSION} at the top.")
    try:
        rules = tuple(Rule(**{**one, "limit": float(one["limit"])}) for one in fields.pop("rules"))
        made = Policy(rules=rules, **fields)
        is_sound = made.name and made.valid_days > 0 and made.small_cell > 1 and 0 < made.verdict <= 1
    except (TypeError, KeyError, ValueError):
        raise InputError("the release policy lacks a word, or has one too many", "Compare one that ships.") from None
    if not (is_sound and rules and all(_is_sound(one) for one in rules)):
        raise InputError("the release policy has a number out of range, or no rule", "Compare one that ships.")
    return made


def _rule(entry: Mapping[str, Any]) -> Json:
    sides = [name for name in ("at_most", "at_least") if name in entry]
    if len(sides) != 1:
        raise InputError("a rule of the release policy has no limit", "Give it at_most or at_least, one of them.")
    rest = {name: value for name, value in entry.items() if name not in sides}
    return {**rest, "side": sides[0], "limit": entry[sides[0]]}


def _is_sound(rule: Rule) -> bool:
    is_named = isinstance(rule.measure, str) and bool(rule.measure) and rule.of in ("value", "low", "high")
    return is_named and rule.side in ("at_most", "at_least") and math.isfinite(rule.limit)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
