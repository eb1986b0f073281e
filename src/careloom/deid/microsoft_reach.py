"""Rules of a Microsoft FHIR anonymizer configuration that can reach nothing: misspelt elements and types.

In a deny-list such a rule is worse than none: whoever wrote it believes that something is removed.
"""

from careloom.deid.microsoft import Configuration, Rule
from careloom.deid.microsoft_paths import with_single_quotes
from careloom.fhir.fhirpath_grammar import Call, Literal, Member, Tree, Typed, parse
from careloom.fhir.fhirpath_types import is_kind
from careloom.fhir.validate_tables import resource_types, type_table

_ANY = frozenset({"Resource", "DomainResource"})
_UNTYPED = frozenset({"BackboneElement", "Element"})
_LOOK_UPS = frozenset({"nodesByType", "nodesByName"})


def unreachable(configuration: Configuration) -> list[str]:
    """What is wrong with rules that no resource of FHIR R4 can give anything to, one sentence for each."""
    return [f"rule {rule.number} ({rule.path}) reaches nothing in R4" for rule in configuration.rules if _is_lost(rule)]


def _is_lost(rule: Rule) -> bool:
    if rule.resource_type and rule.resource_type not in resource_types() | _ANY:
        return True
    kinds = resource_types() if rule.resource_type in _ANY or not rule.resource_type else {rule.resource_type}
    found = _reached(parse(with_single_quotes(rule.path)), frozenset(kinds))
    return found is not None and not found


def _reached(tree: Tree | None, kinds: frozenset[str]) -> frozenset[str] | None:
    """The types that a path can arrive at from resources of these types; None where that is not told here."""
    match tree:
        case None:
            return kinds
        case Member(source=None, name=name) if name[0].isupper():
            return kinds if name in _ANY else kinds & {name}
        case Member(source=source, name=name):
            return _children(_reached(source, kinds), name)
        case Call(source=source, name="where"):
            return _reached(source, kinds)
        case Call(name=name, arguments=(Literal(value=str(wanted)),)) if name in _LOOK_UPS:
            return _of_type(wanted) if name == "nodesByType" else None
        case Typed(sign="as", operand=source, kind=wanted) | Call(source=source, name="as" | "ofType", kind=wanted):
            found = _reached(source, kinds)
            name = wanted.removeprefix("FHIR.")
            return found if found is None else frozenset(kind for kind in found if is_kind(kind, name))
    return None


def _of_type(wanted: str) -> frozenset[str] | None:
    if wanted in _UNTYPED:
        return None
    try:
        return frozenset({type_table(wanted).name})
    except KeyError:
        return frozenset({wanted}) if wanted[:1].islower() else frozenset()


def _children(kinds: frozenset[str] | None, name: str) -> frozenset[str] | None:
    if kinds is None or "Resource" in kinds:  # contained resources and those of entries may be of any type
        return None
    found = set()
    for kind in kinds:
        try:
            table = type_table(kind)
        except KeyError:  # a primitive has what every element has
            table = type_table("Element")
        found |= {e.kind for e in table.properties.values() if e.name.removesuffix("[x]") == name}
    return frozenset(found)
