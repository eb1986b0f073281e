"""Invariants of the data types of FHIR R4, compiled by hand from the StructureDefinitions."""

from careloom.fhir.moments import order
from careloom.fhir.rules import Node, Rule, count, has, has_choice

UCUM = "http://unitsofmeasure.org"
_MEALS = {"C", "CM", "CD", "CV"}


def _number(node: Node, name: str) -> float | None:
    value = node.get(name)
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _not_negative(name: str) -> Rule:
    key = {"duration": "tim-4", "period": "tim-5"}[name]
    return Rule("Timing.repeat", key, lambda n: (_number(n, name) or 0) >= 0, (name,))


def _needs(path: str, key: str, name: str, other: str) -> Rule:
    """`name` only together with `other`."""
    return Rule(path, key, lambda n: not has(n, name) or has(n, other))


def _unit(node: Node) -> bool:
    return (has(node, "code") or not has(node, "value")) and node.get("system", UCUM) == UCUM


def _age(node: Node) -> bool:
    value = _number(node, "value")
    return _unit(node) and (value is None or value > 0)


def _count(node: Node) -> bool:
    value = node.get("value", 0)
    return _unit(node) and node.get("code", "1") == "1" and isinstance(value, int)


def _duration(node: Node) -> bool:
    return not has(node, "code") or (node.get("system") == UCUM and has(node, "value"))


def _period(node: Node) -> bool:
    return order(node.get("start"), node.get("end")) <= 0


def _range(node: Node) -> bool:
    low, high = node.get("low"), node.get("high")
    if not isinstance(low, dict) or not isinstance(high, dict):
        return True
    if any(low.get(name) != high.get(name) for name in ("unit", "system", "code")):
        return True
    bottom, top = _number(low, "value"), _number(high, "value")
    return bottom is None or top is None or bottom <= top


def _ratio(node: Node) -> bool:
    return has(node, "numerator") == has(node, "denominator") and (has(node, "numerator") or has(node, "extension"))


def _offset(node: Node) -> bool:
    when = node.get("when", ())
    return bool(when) and not (isinstance(when, list) and any(w in _MEALS for w in when if isinstance(w, str)))


def _trigger(node: Node) -> bool:
    kind = node.get("type")
    if kind == "named-event":
        return has(node, "name")
    if kind == "periodic":
        return has_choice(node, "timing")
    return not (isinstance(kind, str) and kind.startswith("data-")) or has(node, "data")


RULES: tuple[Rule, ...] = (
    Rule("Age", "age-1", _age, ("value", "code", "system")),
    Rule("Distance", "dis-1", _unit, ("value", "system")),
    Rule("Duration", "drt-1", _duration, ("code",)),
    Rule("Count", "cnt-3", _count, ("value", "code", "system")),
    *(_needs(path, "qty-3", "code", "system") for path in ("Quantity", "Age", "Count", "Distance", "Duration")),
    Rule("Attachment", "att-1", lambda n: not has(n, "data") or has(n, "contentType")),
    _needs("ContactPoint", "cpt-2", "value", "system"),
    Rule("DataRequirement.codeFilter", "drq-1", lambda n: count(n, "path", "searchParam") == 1),
    Rule("DataRequirement.dateFilter", "drq-2", lambda n: count(n, "path", "searchParam") == 1),
    Rule("Expression", "exp-1", lambda n: has(n, "expression") or has(n, "reference")),
    Rule("Extension", "ext-1", lambda n: has(n, "extension") != has_choice(n, "value")),
    Rule("Period", "per-1", _period, ("start",)),
    Rule("Range", "rng-2", _range, ("low",)),
    Rule("Ratio", "rat-1", _ratio),
    _needs("Timing.repeat", "tim-1", "duration", "durationUnit"),
    _needs("Timing.repeat", "tim-2", "period", "periodUnit"),
    _not_negative("duration"),
    _not_negative("period"),
    _needs("Timing.repeat", "tim-6", "periodMax", "period"),
    _needs("Timing.repeat", "tim-7", "durationMax", "duration"),
    _needs("Timing.repeat", "tim-8", "countMax", "count"),
    Rule("Timing.repeat", "tim-9", _offset, ("offset",)),
    Rule("Timing.repeat", "tim-10", lambda n: not (has(n, "timeOfDay") and has(n, "when"))),
    Rule("TriggerDefinition", "trd-1", lambda n: not (has(n, "data") and has_choice(n, "timing"))),
    _needs("TriggerDefinition", "trd-2", "condition", "data"),
    Rule("TriggerDefinition", "trd-3", _trigger, ("type",)),
)
