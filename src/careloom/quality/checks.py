"""The kinds of checks that look at one resource, by the name that rules call them; and what a rule compiles to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from careloom.errors import InputError
from careloom.fhir.drafts import Resource
from careloom.quality import checks_codes, checks_quantities, checks_times, checks_values
from careloom.quality.checking import Check, Setting
from careloom.quality.paths import codings_of, compiled
from careloom.quality.rules import Rule, Rulebook
from careloom.quality.scene import Scene

Make = Callable[[Setting], Check]


@dataclass(frozen=True, slots=True)
class CheckKind:
    """One kind of check: how it is made, and the parameters that it takes."""

    make: Make
    parameters: frozenset[str] = frozenset()


CHECKS: dict[str, CheckKind] = {
    "present": CheckKind(checks_values.present),
    "names-something": CheckKind(checks_values.names_something),
    "valid": CheckKind(checks_values.valid, frozenset({"issues", "except_issues"})),
    "allowed": CheckKind(checks_values.allowed, frozenset({"values"})),
    "unlike": CheckKind(checks_values.unlike, frozenset({"pattern"})),
    "number": CheckKind(checks_values.number, frozenset({"low", "high"})),
    "resolves": CheckKind(checks_values.resolves),
    "refers-to": CheckKind(checks_values.refers_to, frozenset({"types"})),
    "text-intact": CheckKind(checks_values.text_intact),
    "value-or-reason": CheckKind(checks_values.value_or_reason),
    "coded": CheckKind(checks_codes.coded, frozenset({"systems"})),
    "known-codes": CheckKind(checks_codes.known_codes),
    "listed-codes": CheckKind(checks_codes.listed_codes),
    "codes-of-sex": CheckKind(checks_codes.codes_of_sex),
    "category-of-code": CheckKind(checks_codes.category_of_code, frozenset({"belongs_to", "code_list"})),
    "date": CheckKind(checks_times.date, frozenset({"low", "high", "low_days_ago", "high_days_ahead"})),
    "in-order": CheckKind(checks_times.in_order, frozenset({"after"})),
    "limit": CheckKind(checks_quantities.limit, frozenset({"side"})),
    "unit-of-code": CheckKind(checks_quantities.unit_of_code),
    "unit-agrees": CheckKind(checks_quantities.unit_agrees),
    "flag-agrees": CheckKind(checks_quantities.flag_agrees),
    "range-unit": CheckKind(checks_quantities.range_unit),
    "components-ordered": CheckKind(checks_quantities.components_ordered, frozenset({"lower", "higher"})),
}
"""Name in a rule -> kind."""


def compile_rule(rule: Rule, kind: str, path: str, scene: Scene, book: Rulebook) -> Check:
    """The check of one path of one resource type, with the rule's `when` and `unless` before it.

    raises  InputError if the rule gives the check a parameter that it does not take
    """
    found = CHECKS[rule.check]
    unknown = sorted(rule.parameters.keys() - found.parameters)
    if unknown:
        raise InputError(f"rule {rule.id}: check {rule.check} takes no parameter {unknown[0]}", "See the grammar.")
    check = found.make(Setting(rule, kind, path, scene, book))
    conditions = [(_holds(rule.when), True), (_holds_any(rule.unless), False)]
    wanted = [(holds, wish) for holds, wish in conditions if holds is not None]
    if not wanted:
        return check

    def guarded(resource: Resource) -> bool | None:
        for holds, wish in wanted:
            if holds(resource) is not wish:
                return None
        return check(resource)

    return guarded


Holds = Callable[[Resource], bool]


def _holds(conditions: Mapping[str, tuple[str, ...]]) -> Holds | None:
    """True where every condition is met."""
    each = [_condition(path, values) for path, values in conditions.items()]
    return (lambda resource: all(met(resource) for met in each)) if each else None


def _holds_any(conditions: Mapping[str, tuple[str, ...]]) -> Holds | None:
    """True where one of the conditions is met."""
    each = [_condition(path, values) for path, values in conditions.items()]
    return (lambda resource: any(met(resource) for met in each)) if each else None


def _condition(path: str, values: tuple[str, ...]) -> Holds:
    find, wanted = compiled(path), frozenset(values)
    if not wanted:
        return lambda resource: bool(find(resource))

    def met(resource: Resource) -> bool:
        for value in find(resource):
            if isinstance(value, dict):
                if any(coding.get("code") in wanted for coding in codings_of(value)):
                    return True
            elif value in wanted:
                return True
        return False

    return met
