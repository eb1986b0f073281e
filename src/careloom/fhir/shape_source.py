"""Python source of the function that accepts objects of one shape."""

from collections.abc import Callable
from typing import Any, NamedTuple

from careloom.fhir.rules import Node, Rule, is_choice
from careloom.fhir.shape_values import (
    VALUE_CHECKS,
    bound_concept,
    canonical_check,
    coding_check,
    extension_check,
    local_check,
    local_ids,
    reference_check,
    system_check,
)
from careloom.fhir.validate_content import ELEMENT_CHECKS, RESOURCE_CHECKS, attachment_problem
from careloom.fhir.validate_tables import Element, Type, plain_codes, type_table

MAX_NESTING = 5
MAX_INLINED = 20

_EXPLAINED = {"Bundle", *RESOURCE_CHECKS, *(ELEMENT_CHECKS.keys() - {"Coding", "Identifier", "Attachment"})}
"""Types with checks that only the explaining pass makes."""

At = Callable[["Site"], tuple[Any, Any]]


class Site(NamedTuple):
    """Where objects stand whose acceptance is the same.

    type     type name or backbone path
    targets  for a Reference: the resource types that it may name
    variant  ``inside`` for a contained resource, ``modifier`` or ``nested`` for an extension, else ""
    nesting  how many extensions and repetitions of a backbone within itself it lies in
    """

    type: str
    targets: tuple[str, ...] = ()
    variant: str = ""
    nesting: int = 0


def Root(name: str, inside: bool) -> Site:  # noqa: N802 - reads as the kind of site that it makes
    """The site of a resource, contained or not."""
    return Site(name, (), "inside" if inside else "")


def source_of(site: Site, sample: Node, at: At) -> tuple[str, dict[str, Any]]:
    """Source of ``accept(n, add, local)`` for objects with the names of the sample, and its name space.

    No source where nothing of that shape can be accepted.
    """
    names = tuple(sample)
    if not _possible(site, type_table(site.type), names):
        return "", {}
    return _Writer(at).write(site, names, sample)


def _possible(site: Site, table: Type, names: tuple[str, ...]) -> bool:
    """False when the names alone show a fault, or something that only the explaining pass looks at."""
    if site.type in _EXPLAINED or site.nesting > MAX_NESTING:
        return False
    own = [name for name in names if name[:1] != "_" and not (name == "resourceType" and table.resource)]
    if any(name not in table.properties for name in own) or not _siblings_possible(table, names):
        return False
    if any(table.properties[name].kind == "Resource" and name != "contained" for name in own):
        return False
    stems = [table.properties[name].name for name in own]
    if len(set(stems)) != len(stems):
        return False
    if any(name not in stems and f"_{name}" not in names for name in table.required):
        return False
    if not table.resource and own == ["id"]:
        return False
    if site.variant == "inside" and ("contained" in own or "meta" in own or "id" not in own):
        return False
    node: Node = dict.fromkeys(names)
    return all(rule.keys or rule.holds(node) for rule in table.rules)


def _siblings_possible(table: Type, names: tuple[str, ...]) -> bool:
    """False where a ``_name`` is not that of a single primitive, or of a choice of which another kind is there."""
    for name in names:
        if name[:1] != "_":
            continue
        element = table.properties.get(name[1:])
        if element is None or not element.primitive or element.many:
            return False
        others = [table.properties[one.removeprefix("_")] for one in names if one.removeprefix("_") in table.properties]
        if any(one.name == element.name and one.kind != element.kind for one in others):
            return False
    return True


class _Writer:
    """Collects the lines and names of one function.

    Objects inside are written in line for the shape that they have in the sample, behind a guard; other shapes are
    looked up at run time.
    """

    def __init__(self, at: At) -> None:
        self.at = at
        self.space: dict[str, Any] = {}
        self.known: dict[Any, str] = {}
        self.lines: list[str] = []
        self.serial = 0
        self.inlined = 0

    def write(self, site: Site, names: tuple[str, ...], sample: Node) -> tuple[str, dict[str, Any]]:
        """The source and its name space."""
        self.lines = ["def accept(n, add, local):", f"    c = {len(names)}"]
        self._body(site, names, "n", sample, "    ")
        self.lines.append("    return c")
        return "\n".join(self.lines) + "\n", self.space

    def name(self, value: Any, stem: str) -> str:
        """A name in the function's space for a value, the same for the same value."""
        key = (stem, id(value))
        if key not in self.known:
            self.known[key] = f"{stem}{len(self.space)}"
            self.space[self.known[key]] = value
        return self.known[key]

    def fresh(self, stem: str) -> str:
        """A local variable not used before."""
        self.serial += 1
        return f"{stem}{self.serial}"

    def _body(self, site: Site, names: tuple[str, ...], node: str, sample: Node, pad: str) -> None:
        """Lines that leave with 0 unless the object in variable `node`, which has these names, is acceptable."""
        table = type_table(site.type)
        variables = {name: self.fresh("v") for name in names}
        self.lines.append(f"{pad}{', '.join(variables.values())}, = {node}.values()")
        if "contained" in variables:
            self.space["local_ids"] = local_ids
            self.lines.append(f"{pad}local = local_ids({variables['contained']})")
        tests, handled = self._together(site, variables, node)
        for name, variable in variables.items():
            if name in handled or name == "resourceType":
                continue
            if name[:1] == "_":
                self._sibling(site, variable, pad)
                continue
            element = table.properties[name]
            if element.name == "contained":
                self._each(variable, f"contained({variable}x, add, local)", pad)
            elif not element.primitive:
                self._object(site, element, variable, sample.get(name), pad)
            elif element.many:
                test = self._primitive(element).replace("{}", f"{variable}x")
                self._loop(variable, pad)
                self.lines.append(f"{pad}    if not {test}: return 0")
            else:
                tests.append(self._primitive(element).replace("{}", variable))
        tests += [self._rule(rule, node, variables) for rule in table.rules if _triggered(rule, names)]
        if "contained" in variables:
            tests.append("all(item[1] for item in local.values())")
        if tests:
            self.lines.append(f"{pad}if not ({' and '.join(tests)}): return 0")
        if site.type == "Reference":
            self.lines.append(f"{pad}add({node})")

    def _sibling(self, site: Site, variable: str, pad: str) -> None:
        """The extensions of a primitive; an id alone is left to the explaining pass."""
        find, miss = self.at(Site("Element", (), "", site.nesting + 1))
        call = (
            f"({self.name(find, 'f')}(tuple({variable})) or {self.name(miss, 'm')}({variable}))({variable}, add, local)"
        )
        self._counted(call, pad)

    def _together(self, site: Site, variables: dict[str, str], node: str) -> tuple[list[str], set[str]]:
        """Tests of elements whose values are checked with one another, and the names of those elements."""
        kind = site.type
        if kind == "Coding" and "system" in variables and "code" in variables:
            seen, test = coding_check()
            pair = f"({variables['system']}, {variables['code']})"
            return [f"({pair} in {self.name(seen, 'c')} or {self.name(test, 'c')}{pair})"], {"system", "code"}
        if kind in ("Coding", "Identifier") and "system" in variables:
            return [self._seen(system_check(), variables["system"])], {"system"}
        if kind == "Extension":
            value = next((name for name in variables if name.startswith("value")), "")
            return [self._seen(extension_check(value, site.variant), variables["url"])], {"url"}
        if kind == "Reference" and "reference" in variables:
            text = variables["reference"]
            inner = f"{self.name(local_check(site.targets), 'l')}({text}, local)"
            return [f"({self._seen(reference_check(), text)} or {inner})"], {"reference"}
        if kind == "Attachment" and "size" in variables and "data" in variables:
            return [f"not {self.name(attachment_problem, 'a')}({node})"], set()
        return [], set()

    def _rule(self, rule: Rule, node: str, variables: dict[str, str]) -> str:
        """A test of an invariant whose trigger elements are there."""
        test = f"{self.name(rule.holds, 'h')}({node})"
        if rule.key != "per-1" or "end" not in variables:
            return test
        start, end = variables["start"], variables["end"]
        return f"(len({start}) == len({end}) > 19 and {start}[19:] == {end}[19:] and {start} <= {end} or {test})"

    def _seen(self, check: tuple[set[Any], Callable[[Any], bool]], variable: str) -> str:
        seen, test = check
        return f"({variable} in {self.name(seen, 's')} or {self.name(test, 's')}({variable}))"

    def _loop(self, variable: str, pad: str) -> None:
        """The head of a loop over an array that must hold something."""
        self.lines.append(f"{pad}if {variable}.__class__ is not list or not {variable}: return 0")
        self.lines.append(f"{pad}for {variable}x in {variable}:")

    def _each(self, variable: str, call: str, pad: str) -> None:
        self._loop(variable, pad)
        self._counted(call, pad + "    ")

    def _counted(self, call: str, pad: str) -> None:
        """A call that returns its number of properties."""
        self.lines += [f"{pad}y = {call}", f"{pad}if not y: return 0", f"{pad}c += y"]

    def _object(self, site: Site, element: Element, variable: str, sample: Any, pad: str) -> None:
        """An object, or each of an array of them."""
        targets = element.targets if element.kind == "Reference" else ()
        again = element.kind == "Extension" or ("." in element.kind and not element.kind.startswith(site.type + "."))
        inner = Site(element.kind, targets, element.variant, site.nesting + again)
        if element.many:
            self._loop(variable, pad)
            variable, pad = f"{variable}x", pad + "    "
            sample = sample[0] if isinstance(sample, list) and sample else None
        if element.codes:
            bound = self.name(bound_concept(element.codes), "b")
            self.lines.append(f"{pad}if not {bound}({variable}): return 0")
        find, miss = self.at(inner)
        call = (
            f"({self.name(find, 'f')}(tuple({variable})) or {self.name(miss, 'm')}({variable}))({variable}, add, local)"
        )
        names = tuple(sample) if isinstance(sample, dict) else ()
        if not names or self.inlined >= MAX_INLINED or not _possible(inner, type_table(inner.type), names):
            self._counted(call, pad)
            return
        self.inlined += 1
        self.lines.append(f"{pad}if tuple({variable}) == {names!r}:")
        self.lines.append(f"{pad}    c += {len(names)}")
        self._body(inner, names, variable, sample, pad + "    ")
        self.lines.append(f"{pad}else:")
        self._counted(call, pad + "    ")

    def _primitive(self, element: Element) -> str:
        """A test of one value, ``{}`` standing for it."""
        if element.codes:
            return f"({{}} in {self.name(plain_codes(element.codes), 'k')})"
        if element.kind == "canonical" and element.targets:
            return self._seen(canonical_check(element.targets), "{}")
        template, values = VALUE_CHECKS[element.kind]
        self.space.update(values)
        return template


def _triggered(rule: Rule, names: tuple[str, ...]) -> bool:
    """True when a trigger element of the rule is among the names."""
    return any(
        any(is_choice(name, key[:-3]) for name in names) if key.endswith("[x]") else key in names for key in rule.keys
    )
