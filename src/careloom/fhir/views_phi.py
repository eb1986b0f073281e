"""How close each column of a view comes to a person, told from its path: what is not known counts as the closest.

    direct  may name a person: names, addresses, telephone numbers, identifiers, free text, whatever is not told below
    quasi   helps to single a person out: keys, dates and times, traits of a patient, displays of codes, extensions
    none    says nothing about who it is: codes, numbers, truths

source  HIPAA 45 CFR 164.514(b)(2)(i), the 18 identifiers, for what is direct
"""

from collections.abc import Iterator
from typing import Literal

from careloom.fhir import views_walk as steps
from careloom.fhir.views_definition import Column, Definition, each_select, is_row_index
from careloom.fhir.views_walk import NotPlainError, walk

PhiClass = Literal["none", "quasi", "direct"]
_DIRECT_OWNERS = frozenset(
    {"HumanName", "Address", "ContactPoint", "Identifier", "Attachment", "Narrative", "Annotation"}
)
_PEOPLE = frozenset({"Patient", "Person", "RelatedPerson", "Practitioner", "PractitionerRole"})
_MOMENTS = frozenset({"date", "dateTime", "instant", "time"})
_COUNTED = frozenset({"boolean", "decimal", "integer", "positiveInt", "unsignedInt", "code"})
_OF_CODES = frozenset({("Coding", "system"), ("Coding", "version"), ("Coding", "code"), ("Quantity", "unit"),
                       ("Quantity", "system"), ("Attachment", "contentType"), ("Attachment", "language")})  # fmt: skip
_COARSE = frozenset({("Address", "state"), ("Address", "country"), ("Coding", "display")})
_NAMELESS = frozenset({("HumanName", "use"), ("Address", "use"), ("Address", "type"), ("ContactPoint", "use"),
                       ("ContactPoint", "system"), ("ContactPoint", "rank"), ("Identifier", "use"),
                       ("Identifier", "system")})  # fmt: skip


def phi_of(definition: Definition) -> dict[str, PhiClass]:
    """Column -> class, for every column of a view."""
    return {column.name: _class_of(column, focus, definition.resource) for column, focus in _columns(definition)}


def _columns(definition: Definition) -> Iterator[tuple[Column, str]]:
    for select in each_select(definition.root):
        for column in select.columns:
            yield column, select.focus


def _class_of(column: Column, focus: str, resource: str) -> PhiClass:
    if is_row_index(column):
        return "none"
    try:
        found = walk(column.path.tree, focus)
    except NotPlainError:
        return "direct"
    owner, name, is_extended = focus, "", False
    for step in found.steps:
        match step:
            case steps.Key():
                return "quasi"
            case steps.Exists():
                return "quasi" if resource in _PEOPLE else "none"
            case steps.Get(key="extension"):
                is_extended = True
                owner, name = "Extension", "extension"
            case steps.Get(key=key):
                owner, name = _owner(found.steps, step, focus), key
            case _:
                continue
    return _class_of_element(owner, name, found.kind, is_wary=is_extended or resource in _PEOPLE)


def _owner(walked: tuple[steps.Step, ...], step: steps.Get, focus: str) -> str:
    """The type of the element that holds what a step gets."""
    before = walked[: next(at for at, one in enumerate(walked) if one is step)]
    kinds = [one.kind for one in before if isinstance(one, steps.Get)]
    return kinds[-1] if kinds else focus


def _class_of_element(owner: str, name: str, kind: str, *, is_wary: bool) -> PhiClass:
    """The class of an element by the type that holds it, its name and its own type."""
    if (owner, name) in _COARSE:
        return "quasi"
    if (owner, name) in _OF_CODES or (owner, name) in _NAMELESS:
        return "quasi" if is_wary and owner == "Coding" else "none"
    if kind in _MOMENTS or kind == "id" or (not name and kind == "string"):
        return "quasi" if name or kind != "string" else "direct"
    if owner in _DIRECT_OWNERS:
        return "direct"
    if kind in _COUNTED:
        return "quasi" if is_wary else "none"
    return "direct"
