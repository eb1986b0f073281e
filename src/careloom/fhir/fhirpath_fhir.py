"""What FHIR R4 adds to FHIRPath: extensions, references, terminology, profiles; and the two keys of SQL-on-FHIR.

source  FHIR R4 4.0.1, section 2.9.1; SQL-on-FHIR v2, "Required additional functions"
"""

from collections.abc import Callable
from typing import Any

from careloom.fhir.fhirpath_errors import PathEvaluationError
from careloom.fhir.fhirpath_moments import moment
from careloom.fhir.fhirpath_numbers import boundary, precision
from careloom.fhir.fhirpath_scope import Scope, Terminology
from careloom.fhir.fhirpath_texts import text, whole
from careloom.fhir.fhirpath_types import is_fhir, is_kind
from careloom.fhir.fhirpath_values import Items, Node, children, resource_node, single, system, type_of
from careloom.fhir.narrative import is_narrative
from careloom.fhir.references import parse_reference

_BASE = "http://hl7.org/fhir/StructureDefinition/"


def extension(scope: Scope, items: Items, url: Items) -> Items:
    """The extensions with that url of each item."""
    wanted = text(url, "a url")
    found = [child for item in items if item.__class__ is Node for child in children(item, "extension")]
    scope.spend(len(found))
    return [child for child in found if child.value.__class__ is dict and child.value.get("url") == wanted]


def _has_value(_scope: Scope, items: Items) -> Items:
    return [len(items) == 1 and _own_value(items[0]) is not None]


def _get_value(_scope: Scope, items: Items) -> Items:
    found = _own_value(items[0]) if len(items) == 1 else None
    return [] if found is None else [found]


def _own_value(item: Any) -> Any:
    value = system(item)
    return None if value.__class__ is Node else value


def resolve(scope: Scope, items: Items) -> Items:
    """The resources that references (or their texts) name; those that name nothing are left out."""
    found = []
    for item in items:
        scope.spend(1)
        held = system(item)
        wanted = held.value.get("reference") if held.__class__ is Node else held
        target = _resolved(scope, wanted) if wanted.__class__ is str else None
        if target is not None:
            found.append(target)
    return found


def _resolved(scope: Scope, reference: str) -> Node | None:
    inside = _inside(scope, reference)
    if inside is not None or reference[:1] == "#":
        return inside
    if scope.environment.resolver is None:
        raise PathEvaluationError("a reference out of the resource cannot be followed", "Hand in a resolver.")
    resource = scope.environment.resolver(reference)
    return None if resource is None else resource_node(resource)


def _inside(scope: Scope, reference: str) -> Node | None:
    """What a reference names within the resource itself: contained, or an entry of the same Bundle."""
    root: Node | None = scope.root[0] if scope.root else None
    while root is not None and root.parent is not None and reference[:1] != "#":
        root = root.parent
    if root is None or root.value.__class__ is not dict:
        return None
    if reference == "#":
        return root
    if reference[:1] == "#":
        inner = children(root, "contained")
        return next((node for node in inner if _held(node, "id") == reference[1:]), None)
    if root.kind != "Bundle":
        return None
    for entry in children(root, "entry"):
        scope.spend(1)
        url = _held(entry, "fullUrl")
        if url == reference or (url.__class__ is str and url.endswith("/" + reference)):
            return next(iter(children(entry, "resource")), None)
    return None


def _held(node: Node, key: str) -> Any:
    return node.value.get(key) if node.value.__class__ is dict else None


def _terminology(scope: Scope) -> Terminology:
    if scope.environment.terminology is None:
        raise PathEvaluationError("codes are asked about without a terminology", "Hand in a terminology.")
    return scope.environment.terminology


def _codings(item: Any) -> list[tuple[str, str]]:
    """The (system, code) pairs of a Coding or CodeableConcept; a plain code has no system."""
    value = item.value if item.__class__ is Node else item
    if value.__class__ is str:
        return [("", value)]
    held = value.get("coding", [value]) if value.__class__ is dict else []
    listed = held if held.__class__ is list else []
    coded = [one for one in listed if one.__class__ is dict and one.get("code").__class__ is str]
    return [(str(one.get("system", "")), one["code"]) for one in coded]


def member_of(scope: Scope, items: Items, value_set: Items) -> Items:
    """Whether a code, Coding or CodeableConcept is in a value set; nothing where that is not known."""
    url = text(value_set, "a value set")
    if not items or url is None:
        return []
    single(items, "the input of memberOf()")
    known = _terminology(scope)
    answers = [known.member_of(url, system_url, code) for system_url, code in _codings(items[0])]
    if True in answers:
        return [True]
    return [] if None in answers else [False]


def _subsumption(turned: bool) -> Callable[..., Items]:
    def subsumes(scope: Scope, items: Items, other: Items) -> Items:
        if not items or not other:
            return []
        single(items, "the input of subsumes()"), single(other, "the argument of subsumes()")
        known = _terminology(scope)
        above, below = (other[0], items[0]) if turned else (items[0], other[0])
        answers = [
            known.subsumes(space, code, under)
            for space, code in _codings(above)
            for other_space, under in _codings(below)
            if space == other_space
        ]
        if True in answers:
            return [True]
        return [] if None in answers else [False]

    return subsumes


def conforms_to(scope: Scope, items: Items, profile: Items) -> Items:
    """Whether a resource conforms to a profile: one of FHIR's own types means that it is of that type."""
    url = text(profile, "a profile")
    if not items or url is None:
        return []
    single(items, "the input of conformsTo()")
    item = items[0]
    if scope.environment.conforms is not None and item.__class__ is Node:
        return [scope.environment.conforms(item.value, url)]
    name = url.removeprefix(_BASE)
    if name == url or not is_fhir(name):
        raise PathEvaluationError("a profile cannot be checked here", "Hand in what checks profiles (conforms).")
    return [item.__class__ is Node and is_kind(item.kind, name)]


def _html_checks(_scope: Scope, items: Items) -> Items:
    return [is_narrative(system(item)) for item in items[:1]]


def _edge(low: bool) -> Callable[..., Items]:
    def edge(_scope: Scope, items: Items, digits: Items | None = None) -> Items:
        value = single(items, "the input of a boundary")
        if value is None or (digits is not None and not digits):
            return []
        found = boundary(value, None if digits is None else whole(digits, "a precision"), low=low)
        return [] if found is None else [found]

    return edge


def _precision(_scope: Scope, items: Items) -> Items:
    value = single(items, "the input of precision()")
    return [] if value is None else [precision(value)]


def _clock(kind: str) -> Callable[..., Items]:
    def now(scope: Scope, _items: Items) -> Items:
        at = scope.environment.now
        if at is None:
            raise PathEvaluationError("the expression asks for the time, and none was given", "Hand in the time (now).")
        text_at = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        found = moment(kind, {"date": text_at[:10], "time": text_at[11:23]}.get(kind, text_at))
        return [found]

    return now


def resource_key(_scope: Scope, items: Items) -> Items:
    """``Type/id`` of a resource, as ``getReferenceKey()`` of what refers to it."""
    held = items[0].value if len(items) == 1 and items[0].__class__ is Node else None
    name = held.get("id") if held.__class__ is dict and "resourceType" in held else None
    return [f"{held['resourceType']}/{name}"] if held is not None and name.__class__ is str else []


def reference_key(items: Items, kind: str) -> Items:
    """``Type/id`` of what each reference names; nothing where it is of another type, or no literal reference."""
    held = [item.value for item in items if item.__class__ is Node and item.value.__class__ is dict]
    keys = [key_of(one["reference"], kind) for one in held if one.get("reference").__class__ is str]
    return [key for key in keys if key is not None]


def key_of(reference: str, kind: str) -> str | None:
    """``Type/id`` of what a reference's text names, if it is of that type (any, where it is ""); else None."""
    known = parse_reference(reference)
    return f"{known.type}/{known.id}" if known.type and known.id and kind in ("", known.type) else None


FHIR: dict[str, tuple[Callable[..., Items], int, int]] = {
    "conformsTo": (conforms_to, 1, 1),
    "extension": (extension, 1, 1),
    "getResourceKey": (resource_key, 0, 0),
    "getValue": (_get_value, 0, 0),
    "hasValue": (_has_value, 0, 0),
    "highBoundary": (_edge(low=False), 0, 1),
    "htmlChecks": (_html_checks, 0, 0),
    "lowBoundary": (_edge(low=True), 0, 1),
    "memberOf": (member_of, 1, 1),
    "now": (_clock("dateTime"), 0, 0),
    "precision": (_precision, 0, 0),
    "resolve": (resolve, 0, 0),
    "subsumedBy": (_subsumption(turned=True), 1, 1),
    "subsumes": (_subsumption(turned=False), 1, 1),
    "timeOfDay": (_clock("time"), 0, 0),
    "today": (_clock("date"), 0, 0),
    "type": (lambda _, items: [type_of(item) for item in items], 0, 0),
}
"""Name -> (function, fewest arguments, most arguments)."""
NOT_BUILT = ("checkModifiers", "elementDefinition", "slice")
"""Functions of FHIR that need profiles."""
