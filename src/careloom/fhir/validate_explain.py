"""The full check of one resource, with a place and a reason for everything wrong: the slow, complete truth.

`careloom.fhir.validate_shapes` accepts most valid resources without coming here; whatever it cannot accept at once is
decided here.
"""

from dataclasses import dataclass, field
from typing import Any

from careloom.fhir.bundles import Link, check_bundle
from careloom.fhir.drafts import Resource
from careloom.fhir.issue_texts import Report
from careloom.fhir.narrative import narrative_problem
from careloom.fhir.primitives import is_code, is_string
from careloom.fhir.rules import Node, is_choice
from careloom.fhir.validate_content import ELEMENT_CHECKS, RESOURCE_CHECKS, extension
from careloom.fhir.validate_links import allowed, canonical_problem, is_reference, named_type
from careloom.fhir.validate_tables import CHECKS, Element, Type, plain_codes, resource_types, system_codes, type_table

MAX_DEPTH = 64
_LOCAL_LINKS = ("uri", "canonical", "url")


@dataclass(slots=True)
class _Scope:
    """The resource that ``#id`` is resolved in: its contained ids with their types, and those used."""

    contained: dict[str, str]
    used: set[str] = field(default_factory=set)
    inside: str | None = None
    pointing_out: set[str] = field(default_factory=set)


def explain(resource: Resource, references: list[dict[str, Any]]) -> Report:
    """Everything that refuses a resource or is doubtful in it; appends each Reference met to `references`."""
    walker = _Walker(references)
    kind = resource.get("resourceType")
    walker.resource(resource, kind if isinstance(kind, str) and kind in resource_types() else "Resource")
    return walker.report


class _Walker:
    """One pass over one resource; holds the issues found and the references met."""

    def __init__(self, references: list[dict[str, Any]]) -> None:
        self.report = Report()
        self.references = references
        self.links: list[Link] = []
        self.scope = _Scope({})
        self.depth = 0

    def resource(self, node: Any, path: str, *, contained: bool = False) -> None:
        """A resource: the whole, a Bundle entry, a parameter, or (with an outer scope) a contained one."""
        report = self.report
        if not isinstance(node, dict):
            report.add("fhir.object-expected", path)
            return
        name = node.get("resourceType")
        if not isinstance(name, str) or name not in resource_types():
            report.add("fhir.unknown-resource-type", path)
            return
        table = type_table(name)
        start = len(self.links)
        if contained:
            if "contained" in node:
                report.broken("dom-2", path)
            self._contained_meta(node, path)
            self.scope.inside = str(node.get("id"))
            self.object(node, table, path)
            self.scope.inside = None
        else:
            outer, self.scope = self.scope, _Scope(_contained_ids(node))
            self.object(node, table, path)
            self._unused(node, self.scope, path)
            self.scope = outer
        for check in RESOURCE_CHECKS.get(name, ()):
            check(node, path, report)
        if name == "Bundle":
            check_bundle(node, path, report, self.links[start:])

    def _contained_meta(self, node: Node, path: str) -> None:
        meta = node.get("meta")
        if isinstance(meta, dict):
            if "versionId" in meta or "lastUpdated" in meta:
                self.report.broken("dom-4", path)
            if "security" in meta:
                self.report.broken("dom-5", path)
        if "id" not in node:
            self.report.add("fhir.contained-without-id", path)

    def _unused(self, node: Node, scope: _Scope, path: str) -> None:
        for identity in scope.contained:
            if identity not in scope.used and identity not in scope.pointing_out:
                self.report.broken("dom-3", f"{path}.contained")
        contained = node.get("contained")
        if isinstance(contained, list) and len(scope.contained) < sum(
            isinstance(c, dict) and isinstance(c.get("id"), str) for c in contained
        ):
            self.report.add("fhir.contained-duplicate-id", f"{path}.contained")

    def object(self, node: Any, table: Type, path: str) -> None:
        """An object of a type: its properties, what is missing, its invariants."""
        report = self.report
        if not isinstance(node, dict):
            report.add("fhir.object-expected", path)
            return
        if not node:
            report.add("fhir.empty", path)
            return
        if self.depth >= MAX_DEPTH:
            report.add("fhir.too-deep", path)
            return
        self.depth += 1
        if not table.resource and len(node) == 1 and "id" in node:
            report.broken("ele-1", path)
        for key, value in node.items():
            self.property(node, key, value, table, path)
        self._present(node, table, path)
        for rule in table.rules:
            try:
                holds = not _applies(node, rule.keys) or rule.holds(node)
            except (TypeError, KeyError, AttributeError, ValueError, IndexError):
                continue  # the node is not of the shape that the rule reads: said elsewhere
            if not holds:
                report.broken(rule.key, path)
        for check in ELEMENT_CHECKS.get(table.name, ()):
            check(node, path, report)
        self.depth -= 1

    def _present(self, node: Node, table: Type, path: str) -> None:
        for name in table.required:
            if name.endswith("[x]"):
                if not any(is_choice(key, name[:-3]) for key in node):
                    self.report.add("fhir.required-missing", f"{path}.{name[:-3]}")
            elif name not in node and f"_{name}" not in node:
                self.report.add("fhir.required-missing", f"{path}.{name}")
        seen: dict[str, str] = {}
        for key in node:
            element = table.properties.get(key.removeprefix("_"))
            if element is None or not element.name.endswith("[x]"):
                continue
            if seen.setdefault(element.name, element.kind) != element.kind:
                self.report.add("fhir.choice-repeated", f"{path}.{element.name[:-3]}")

    def property(self, node: Node, key: str, value: Any, table: Type, path: str) -> None:
        """One JSON property."""
        if key == "resourceType" and table.resource:
            return
        sibling = key[:1] == "_"
        element = table.properties.get(key[1:] if sibling else key)
        if element is None or (sibling and not element.primitive):
            self.report.add("fhir.unknown-element", path)
            return
        stem = element.name.removesuffix("[x]")
        place = f"{path}.{stem}"
        if not element.many:
            if isinstance(value, list):
                self.report.add("fhir.array-unexpected", place)
            elif value is None:
                self.report.add("fhir.empty", place)
            elif sibling:
                self.sibling(value, place, paired=key[1:] in node)
            else:
                self.value(value, element, place)
            return
        if not isinstance(value, list):
            self.report.add("fhir.array-expected", place)
        elif not value:
            self.report.add("fhir.empty", place)
        else:
            self._items(node, key, value, element, place)

    def _items(self, node: Node, key: str, values: list[Any], element: Element, place: str) -> None:
        sibling = key[:1] == "_"
        other = node.get(key[1:] if sibling else f"_{key}")
        for index, value in enumerate(values):
            paired = isinstance(other, list) and index < len(other) and other[index] is not None
            if value is None:
                if not (element.primitive and paired):
                    self.report.add("fhir.empty", f"{place}[{index}]")
            elif sibling:
                self.sibling(value, f"{place}[{index}]", paired=paired)
            else:
                self.value(value, element, f"{place}[{index}]")

    def sibling(self, value: Any, place: str, *, paired: bool) -> None:
        """The id and extensions of a primitive; an id alone only beside a value."""
        if not (paired and isinstance(value, dict) and value.keys() == {"id"} and is_string(value["id"])):
            self.object(value, type_table("Element"), place)

    def value(self, value: Any, element: Element, place: str) -> None:
        """One value of an element, of an array or single."""
        if element.primitive:
            self.primitive(value, element, place)
        elif element.kind == "Resource":
            self.resource(value, place, contained=element.name == "contained")
        elif element.kind == "Reference":
            self.reference(value, element, place)
        else:
            self.object(value, type_table(element.kind), place)
            if element.kind == "Extension" and isinstance(value, dict):
                extension(value, place, element.variant, self.report)
            if element.codes:
                self._bound_concept(value, element, place)

    def primitive(self, value: Any, element: Element, place: str) -> None:
        """Format, required code list, links."""
        kind = element.kind
        if kind == "xhtml":
            problem = narrative_problem(value)
            if problem:
                self.report.found(problem, place)
            return
        if not CHECKS[kind](value):
            self.report.add("fhir.format", place, kind)
            return
        if element.codes and value not in plain_codes(element.codes):
            self.report.add("fhir.binding", place, element.codes)
        if kind in _LOCAL_LINKS:
            if value[0] == "#":
                self._local(value[1:])
            problem = canonical_problem(value, element.targets) if kind == "canonical" else ""
            if problem:
                self.report.add(problem, place)

    def _local(self, identity: str) -> bool:
        """Notes a link within the resource; False when nothing is there."""
        if not identity:
            if self.scope.inside is not None:
                self.scope.pointing_out.add(self.scope.inside)
            return self.scope.inside is not None
        self.scope.used.add(identity)
        return identity in self.scope.contained

    def reference(self, value: Any, element: Element, place: str) -> None:
        """A Reference: its object, its string, its target."""
        self.object(value, type_table("Reference"), place)
        if not isinstance(value, dict):
            return
        self.references.append(value)
        text = value.get("reference")
        if isinstance(text, str) and text[:1] == "#":
            if not self._local(text[1:]):
                self.report.broken("ref-1", place)
            elif text != "#" and not allowed(self.scope.contained[text[1:]], element.targets):
                self.report.add("fhir.reference-target", place)
            return
        if isinstance(text, str):
            self.links.append(Link(place, text, element.targets))
            if not is_reference(text):
                self.report.add("fhir.reference-format", place)
        named = named_type(text, value.get("type"))
        if named and not allowed(named, element.targets):
            self.report.advise("fhir.reference-target", place)

    def _bound_concept(self, value: Any, element: Element, place: str) -> None:
        """A CodeableConcept bound with strength required: one of its codings must be of the list, if it has any."""
        if not isinstance(value, dict) or element.kind != "CodeableConcept":
            return
        codings = value.get("coding")
        lists = system_codes(element.codes)
        if not isinstance(codings, list) or not codings:
            if "extension" not in value:
                self.report.add("fhir.binding", place, element.codes)
            return
        for coding in codings:
            code = coding.get("code") if isinstance(coding, dict) else None
            if is_code(code) and code in lists.get(str(coding.get("system")), ()):
                return
        self.report.add("fhir.binding", place, element.codes)


def _contained_ids(node: Node) -> dict[str, str]:
    contained = node.get("contained")
    if not isinstance(contained, list):
        return {}
    return {
        c["id"]: str(c.get("resourceType")) for c in contained if isinstance(c, dict) and isinstance(c.get("id"), str)
    }


def _applies(node: Node, keys: tuple[str, ...]) -> bool:
    """True when the rule can be broken at all: it has no trigger, or one of its trigger elements is there."""
    if not keys:
        return True
    return any(
        any(is_choice(key, name[:-3]) for key in node) if name.endswith("[x]") else name in node for name in keys
    )
