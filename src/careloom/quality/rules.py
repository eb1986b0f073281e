"""Rules of data quality as data: read, checked, overridden.

The grammar stands at the head of ``rules/conformance.toml``.
source  the categories are those of Kahn MG et al., A harmonized data quality assessment terminology and framework for
        the secondary use of electronic health record data, EGEMS 2016;4(1):1244
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from careloom.errors import InputError
from careloom.runtime import packaged, packaged_names

CATEGORIES: dict[str, tuple[str, ...]] = {
    "conformance": ("value", "relational", "computational"),
    "completeness": ("",),
    "plausibility": ("atemporal", "temporal", "uniqueness"),
}
"""Category -> its subcategories."""
SEVERITIES: dict[str, int] = {"error": 3, "warning": 2, "information": 1}
"""Severity -> weight in a score."""
EVERY_TYPE = "*"
_KNOWN = frozenset({
    "id", "title", "category", "subcategory", "check", "on", "threshold_percent", "severity", "dqd", "why", "remedy",
    "source", "when", "unless",
})  # fmt: skip
_NEEDED = ("id", "title", "category", "check", "threshold_percent", "severity", "why", "source")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; the words are those of the grammar.

    on          resource type or `EVERY_TYPE` -> paths, each checked by itself
    when        path -> values of which one must be there for the rule to apply; no values: the path must be there
    unless      path -> the same, for the rule not to apply
    parameters  of the check
    """

    id: str
    title: str
    category: str
    check: str
    threshold_percent: float
    severity: str
    why: str
    source: str
    subcategory: str = ""
    remedy: str = ""
    dqd: tuple[str, ...] = ()
    on: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unless: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def paths_for(self, kind: str) -> tuple[str, ...]:
        """What it checks in resources of a type."""
        return self.on.get(kind, ()) or self.on.get(EVERY_TYPE, ())


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The rules in force, and the facts that they share.

    events      resource type -> path of the time at which it happened
    quantities  the table of ``rules/quantities.toml``
    own         True when an installation's own file changed something
    """

    rules: tuple[Rule, ...]
    events: Mapping[str, str]
    quantities: tuple[Mapping[str, Any], ...]
    codes: Mapping[str, Any]
    own: bool = False

    def rule(self, rule_id: str) -> Rule | None:
        """The rule of that id, None if there is none."""
        return next((rule for rule in self.rules if rule.id == rule_id), None)


@cache
def packaged_rulebook() -> Rulebook:
    """The rules that ship with Careloom. raises InputError if one is malformed: a defect of the installation."""
    rules: list[Rule] = []
    shared: dict[str, Any] = {}
    for name in packaged_names("quality", "rules", ".toml"):
        tree = tomllib.loads(packaged("quality", name).decode())
        rules += [_rule(entry, name) for entry in tree.pop("rule", [])]
        shared |= tree
    _unique(rules)
    return Rulebook(tuple(rules), shared["events"], tuple(shared["quantity"]), shared["codes"])


def rulebook(own: str = "", thresholds: Mapping[str, float] | None = None) -> Rulebook:
    """The packaged rules with an installation's own.

    own         TOML: ``[[rule]]`` entries add rules or replace those of the same id, ``[thresholds]`` sets percents by
                rule id, ``off`` lists ids of rules that do not apply here
    thresholds  percents by rule id that win over all others
    raises      InputError that names the entry
    """
    book = packaged_rulebook()
    tree = _parsed(own)
    added = [_rule(entry, "your rules") for entry in tree.get("rule", [])]
    _unique(added)
    by_id = {rule.id: rule for rule in (*book.rules, *added)}
    for rule_id in _ids(tree.get("off", []), by_id):
        del by_id[rule_id]
    wanted = {**_mapping(tree.get("thresholds", {})), **(thresholds or {})}
    for rule_id, percent in wanted.items():
        _ids([rule_id], by_id)
        by_id[rule_id] = replace(by_id[rule_id], threshold_percent=_percent(percent, rule_id))
    return replace(book, rules=tuple(by_id.values()), own=bool(tree or thresholds))


def _parsed(own: str) -> dict[str, Any]:
    try:
        tree = tomllib.loads(own)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"your quality rules are no TOML: {error}", "Correct the file at that place.") from None
    unknown = sorted(tree.keys() - {"rule", "thresholds", "off"})
    if unknown:
        raise InputError(f"your quality rules have an unknown entry {unknown[0]}", "Use rule, thresholds and off only.")
    if not isinstance(tree.get("rule", []), list) or not isinstance(tree.get("off", []), list):
        raise InputError("your quality rules are not lists", "Write [[rule]] entries, and off as a list of ids.")
    return tree


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(
            "thresholds of quality rules are no table", "Write [thresholds] with lines: rule-id = percent."
        )
    return value


def _ids(wanted: list[Any], known: Mapping[str, Rule]) -> list[str]:
    for one in wanted:
        if one not in known:
            raise InputError(f"there is no quality rule {str(one)[:60]}", "careloom quality rules lists them.")
    return wanted


def _percent(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        raise InputError(f"{where}: a threshold is a percent from 0 to 100", "Correct threshold_percent.")
    return float(value)


def _rule(entry: Any, where: str) -> Rule:
    """One checked entry of a file."""
    if not isinstance(entry, dict):
        raise InputError(f"{where}: a rule is no table", "Write [[rule]] and its keys below.")
    name = str(entry.get("id", "?"))[:60]
    place = f"{where}: rule {name}"
    missing = [key for key in _NEEDED if entry.get(key) in (None, "")]
    if missing:
        raise InputError(f"{place} lacks {missing[0]}", "The grammar stands in docs/reference/quality-rules.md.")
    if entry["category"] not in CATEGORIES or entry.get("subcategory", "") not in CATEGORIES[entry["category"]]:
        raise InputError(f"{place} has a category that Kahn's framework lacks", f"Choose one of {CATEGORIES}.")
    if entry["severity"] not in SEVERITIES:
        raise InputError(f"{place} has an unknown severity", f"Choose one of {', '.join(SEVERITIES)}.")
    return Rule(
        id=entry["id"],
        title=entry["title"],
        category=entry["category"],
        check=entry["check"],
        threshold_percent=_percent(entry["threshold_percent"], place),
        severity=entry["severity"],
        why=entry["why"],
        source=entry["source"],
        subcategory=entry.get("subcategory", ""),
        remedy=entry.get("remedy", ""),
        dqd=tuple(entry.get("dqd", ())),
        on=_tables(entry.get("on", {}), place),
        when=_tables(entry.get("when", {}), place),
        unless=_tables(entry.get("unless", {}), place),
        parameters={key: value for key, value in entry.items() if key not in _KNOWN},
    )


def _tables(value: Any, place: str) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict) or not all(isinstance(items, list) for items in value.values()):
        raise InputError(f"{place}: on, when and unless are tables of lists", "See the grammar.")
    return {key: tuple(items) for key, items in value.items()}


def _unique(rules: list[Rule]) -> None:
    seen: set[str] = set()
    for rule in rules:
        if rule.id in seen:
            raise InputError(f"rule {rule.id} is there twice", "Give each rule an id of its own.")
        seen.add(rule.id)
