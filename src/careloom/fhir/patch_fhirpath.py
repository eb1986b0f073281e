"""FHIRPath Patch: operations on elements of a resource, written as a Parameters resource.

source  FHIR R4 4.0.1, section "FHIRPath Patch" (fhirpatch.html)
"""

from dataclasses import dataclass, field
from typing import Any

from careloom.fhir.fhirpath import Expression, compile_fhirpath, parent_and_name
from careloom.fhir.fhirpath_errors import PathError
from careloom.fhir.fhirpath_types import SYSTEM_OF, Form, by_key, forms, is_fhir, is_kind
from careloom.fhir.fhirpath_values import Node, resource_node
from careloom.fhir.patch import OPERATIONS_AT_MOST, Growth, PatchError, copied

_PARTS = {
    "add": ("path", "name", "value"),
    "insert": ("path", "index", "value"),
    "delete": ("path",),
    "replace": ("path", "value"),
    "move": ("path", "source", "destination"),
}


@dataclass(slots=True)
class _Value:
    """What an operation puts in: its JSON, what stands beside it where it is a primitive, its type ("" if unnamed)."""

    json: Any
    beside: Any = None
    kind: str = ""
    parts: list[Any] = field(default_factory=list)


def fhirpath_patched(resource: Any, patch: Any) -> Any:
    """The resource after all operations in order; the resource itself stays as it is.

    resource  JSON of a resource
    patch     JSON of a Parameters resource whose parameters are named ``operation``
    raises    PatchError where one of them cannot be applied; then none counts
    """
    operations = _operations(patch)
    growth = Growth()
    try:
        held = copied(resource)
        for number, operation in enumerate(operations):
            path = operation.get("path")
            shown = path if isinstance(path, str) else ""
            try:
                _apply(held, operation, growth)
            except PatchError as error:
                raise error.placed(number, shown) from None
            except PathError as error:
                raise PatchError(
                    f"the path, column {error.column}: {error.problem}", error.remedy, number, shown
                ) from None
    except RecursionError:
        raise PatchError("the resource is nested too deep", "Patch what has fewer levels.") from None
    return held


def _operations(patch: Any) -> list[dict[str, Any]]:
    if not isinstance(patch, dict) or patch.get("resourceType") != "Parameters":
        raise PatchError("it is no Parameters resource", "Send a Parameters resource with parameters named operation.")
    parameters = patch.get("parameter", [])
    if not isinstance(parameters, list) or len(parameters) > OPERATIONS_AT_MOST:
        raise PatchError("its parameters are no list, or too many", f"Send at most {OPERATIONS_AT_MOST}.")
    found = []
    for number, parameter in enumerate(parameters):
        if not isinstance(parameter, dict) or parameter.get("name") != "operation":
            raise PatchError("a parameter is not named operation", "Name each parameter operation.", number)
        found.append(_parts(parameter, number))
    return found


def _parts(parameter: dict[str, Any], number: int) -> dict[str, Any]:
    """Part name -> its value; ``value`` as `_Value`."""
    found: dict[str, Any] = {}
    for part in _listed(parameter.get("part")):
        name = part.get("name")
        if not isinstance(name, str) or name in found:
            raise PatchError("a part has no name, or one of another part", "Name each part once.", number)
        value = _value(part)
        found[name] = value if name == "value" else value.json
    return found


def _listed(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _value(part: dict[str, Any]) -> _Value:
    if isinstance(part.get("resource"), dict):
        return _Value(part["resource"], kind="Resource")
    for key in part:
        plain = key.removeprefix("_")
        known = by_key("Parameters.parameter").get(plain)
        if known is not None and known[0] == "value":
            return _Value(part.get(plain), part.get("_" + plain), known[1].kind)
    return _Value(None, parts=_listed(part.get("part")))


def _apply(held: Any, operation: dict[str, Any], growth: Growth) -> None:
    kind = operation.get("type")
    if not isinstance(kind, str) or kind not in _PARTS:
        raise PatchError("there is no such type of operation", "Use add, insert, delete, replace or move.")
    missing = [name for name in _PARTS[kind] if operation.get(name) is None]
    if missing:
        raise PatchError(f"{kind} needs {' and '.join(missing)}", "Give it as a part of the operation.")
    path = operation["path"]
    if not isinstance(path, str):
        raise PatchError("its path is no text", "Give the path as valueString.")
    root = resource_node(held)
    expression = compile_fhirpath(path, root.kind)
    if kind == "add":
        _add(_one(expression, root), operation["name"], operation["value"], growth)
    elif kind == "insert":
        _insert(expression, root, operation["index"], operation["value"], growth)
    elif kind == "delete":
        _delete(expression, root)
    elif kind == "replace":
        _replace(_one(expression, root), operation["value"], growth)
    else:
        _move(expression, root, operation["source"], operation["destination"])


def _nodes(expression: Expression, root: Node) -> list[Node]:
    found = expression.items(root)
    if not all(isinstance(item, Node) for item in found):
        raise PatchError("the path makes a value instead of naming an element", "Name an element of the resource.")
    return found


def _one(expression: Expression, root: Node) -> Node:
    found = _nodes(expression, root)
    if len(found) != 1:
        raise PatchError(
            "there is nothing at this path" if not found else "the path names several elements", "Name exactly one."
        )
    return found[0]


def _form(owner: Node, name: Any, value: _Value) -> Form:
    """The property of an element that a value of that type goes to."""
    several = forms(owner.kind).get(name, ()) if isinstance(name, str) else ()
    if not several:
        raise PatchError(f"{owner.kind} has no such element", "Name an element as FHIR R4 does, without [x].")
    fitting = [form for form in several if form.kind == value.kind] or [
        form for form in several if _fits(form.kind, value)
    ]
    if not fitting:
        raise PatchError("the value is of another type than the element", f"Give value[x] of type {several[0].kind}.")
    return fitting[0]


def _fits(kind: str, value: _Value) -> bool:
    if value.parts:
        return kind not in SYSTEM_OF or kind == "Quantity"
    if kind == "Resource" or value.kind == "Resource":
        return kind == value.kind
    if kind in SYSTEM_OF and kind != "Quantity":
        families = {"Date": "String", "DateTime": "String", "Time": "String"}
        one, other = (SYSTEM_OF.get(each, "") for each in (kind, value.kind))
        return families.get(one, one) == families.get(other, other) or (one, other) == ("Decimal", "Integer")
    return is_kind(value.kind, kind)


def _filled(value: _Value, kind: str) -> Any:
    """The JSON of a value for an element of that type; of one without a type of its own, from its parts."""
    if not value.parts:
        if value.json is None and value.beside is None:
            raise PatchError("the value is empty", "Give value[x], or parts.")
        return copied(value.json)
    held: dict[str, Any] = {}
    for part in value.parts:
        inner = _value(part)
        _put(Node(held, kind), part.get("name"), inner, None)
    return held


def _put(owner: Node, name: Any, value: _Value, growth: Growth | None) -> None:
    """Adds a value as an element: at the end of a list, or where there is none yet."""
    form = _form(owner, name, value)
    made = _filled(value, form.kind)
    if growth is not None:
        growth.allow(made, _level(owner))
    held = owner.value
    if form.many:
        _inserted(held, form, _size(held, form), made, value.beside)
        return
    taken = [one for one in forms(owner.kind)[name] if one.key in held or (one.beside and one.beside in held)]
    if taken:
        raise PatchError("the element is there already", "Use replace.")
    _set(held, form, made, value.beside)


def _level(node: Node | None) -> int:
    level = 0
    while node is not None:
        level, node = level + 1, node.parent
    return level


def _set(held: dict[str, Any], form: Form, made: Any, beside: Any) -> None:
    if made is not None:
        held[form.key] = made
    if form.primitive and beside is not None:
        held[form.beside] = copied(beside)


def _size(held: dict[str, Any], form: Form) -> int:
    lists = (held.get(form.key), held.get(form.beside) if form.primitive else None)
    return max(len(one) if isinstance(one, list) else 0 for one in lists)


def _inserted(held: dict[str, Any], form: Form, at: int, made: Any, beside: Any) -> None:
    """Puts one value into a list, and what stands beside it into the list beside."""
    size = _size(held, form)
    values = held.setdefault(form.key, [])
    if not isinstance(values, list):
        raise PatchError("the element is no list in the resource", "Mend the resource first.")
    values.extend([None] * (size - len(values) if at <= size else 0))
    values.insert(at, made)
    if form.primitive and (beside is not None or form.beside in held):
        others = held.setdefault(form.beside, [])
        others.extend([None] * (size - len(others)))
        others.insert(at, copied(beside))


def _add(owner: Node, name: Any, value: _Value, growth: Growth) -> None:
    if not isinstance(owner.value, dict) or owner.beside is not None:
        raise PatchError("the element at this path has no elements", "Name the element that gets a new one.")
    _put(owner, name, value, growth)


def _list(expression: Expression, root: Node) -> tuple[Node, str, Form]:
    """The owner, name and property of the list that a path ends with."""
    ending = parent_and_name(expression)
    if ending is None:
        raise PatchError("the path does not end with a list", "End it with the name of an element that repeats.")
    owner = _one(ending[0], root)
    several = forms(owner.kind).get(ending[1], ())
    if len(several) != 1 or not several[0].many:
        raise PatchError("the element does not repeat", "Use add or replace.")
    return owner, ending[1], several[0]


def _whole(value: Any, most: int) -> int:
    if value.__class__ is not int or not 0 <= value <= most:
        raise PatchError("an index is outside of the list", "Count from 0.")
    found: int = value
    return found


def _insert(expression: Expression, root: Node, index: Any, value: _Value, growth: Growth) -> None:
    owner, name, form = _list(expression, root)
    at = _whole(index, _size(owner.value, form))
    _form(owner, name, value)
    made = _filled(value, form.kind)
    growth.allow(made, _level(owner))
    _inserted(owner.value, form, at, made, value.beside)


def _delete(expression: Expression, root: Node) -> None:
    found = _nodes(expression, root)
    if len(found) > 1:
        raise PatchError("the path names several elements", "Name exactly one.")
    if found:
        _taken_out(found[0])


def _taken_out(node: Node) -> None:
    """Removes an element, and what holds nothing without it."""
    owner = node.parent
    if owner is None:
        raise PatchError("the whole resource is deleted", "Delete the resource instead.")
    held, _, form = _place(node)
    for key in (form.key, form.beside):
        listed = held.get(key) if key else None
        if isinstance(listed, list) and node.index >= 0:
            if node.index < len(listed):
                del listed[node.index]
            if not any(one is not None for one in listed):
                del held[key]
        elif listed is not None:
            del held[key]
    if not held and owner.parent is not None:
        if owner.key:
            _taken_out(owner)
        else:
            _without_beside(owner.parent)


def _without_beside(primitive: Node) -> None:
    """Removes what stood beside a primitive and holds nothing any more; the primitive, too, if it has no value."""
    if primitive.value is None:
        _taken_out(primitive)
        return
    held, _, form = _place(primitive)
    if primitive.index < 0:
        del held[form.beside]
        return
    held[form.beside][primitive.index] = None
    if not any(one is not None for one in held[form.beside]):
        del held[form.beside]


def _place(node: Node) -> tuple[dict[str, Any], str, Form]:
    """What holds an element, its name there, its property."""
    owner = node.parent
    known = None if owner is None else by_key(owner.kind).get(node.key)
    if owner is None or known is None or not is_fhir(owner.kind):
        raise PatchError("the element cannot be reached", "Name an element of the resource itself.")
    return owner.value, known[0], known[1]


def _replace(node: Node, value: _Value, growth: Growth) -> None:
    if node.parent is None:
        raise PatchError("the whole resource is replaced", "Update the resource instead.")
    held, name, old = _place(node)
    form = _form(node.parent, name, value)
    made = _filled(value, form.kind)
    growth.allow(made, _level(node.parent))
    if node.index < 0:
        for key in (old.key, old.beside):
            held.pop(key, None)
        _set(held, form, made, value.beside)
        return
    size = _size(held, form)
    held.setdefault(form.key, [None] * size)[node.index] = made
    if form.primitive and (value.beside is not None or form.beside in held):
        others = held.setdefault(form.beside, [])
        others.extend([None] * (size - len(others)))
        others[node.index] = copied(value.beside)
        if not any(one is not None for one in others):
            del held[form.beside]


def _move(expression: Expression, root: Node, source: Any, destination: Any) -> None:
    owner, _, form = _list(expression, root)
    size = _size(owner.value, form)
    here, there = _whole(source, size - 1), _whole(destination, size - 1)
    for key in (form.key, form.beside):
        listed = owner.value.get(key) if key else None
        if isinstance(listed, list):
            listed.extend([None] * (size - len(listed)))
            listed.insert(there, listed.pop(here))
