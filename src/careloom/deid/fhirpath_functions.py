"""The functions of FHIRPath: collection in, collection out. Arguments come unevaluated, as `Lazy`.

source  FHIRPath 2.0 (ANSI/HL7 NMN R1-2020), section 5; ``nodesByType`` and ``nodesByName`` as Microsoft's anonymizer
        documents them (docs/FHIR-anonymization.md, "FHIR path rules")
"""

import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from careloom.deid.fhirpath_values import Moment, PathError, Quantity, equal, is_number, moment, plain, text_of
from careloom.deid.typed_nodes import Node

Items = list[Any]
Lazy = Callable[[Items, int], Items]
"""An argument asked of items and their number, below 0 for the number that is counted outside.

Arguments of functions that are not `OF_ITEMS` are asked where the whole call stands, whatever items are given.
"""
OF_ITEMS = frozenset({"all", "exists", "iif", "repeat", "select", "where"})
Function = Callable[..., Items]


def is_of_type(item: Any, name: str) -> bool:
    """Whether an item is of exactly that type; ``FHIR.`` and ``System.`` may stand before it."""
    space, _, bare = name.rpartition(".")
    if isinstance(item, Node):
        above = item.is_resource and bare in ("Resource", "DomainResource")
        return space != "System" and (item.kind == bare or above)
    return space != "FHIR" and bare.lower() == _system_type(item).lower()


def _system_type(item: Any) -> str:
    if isinstance(item, bool):
        return "Boolean"
    if isinstance(item, Moment):
        return {"date": "Date", "dateTime": "DateTime", "time": "Time"}[item.kind]
    for kind, name in ((int, "Integer"), (Decimal, "Decimal"), (Quantity, "Quantity")):
        if isinstance(item, kind):
            return name
    return "String"


def single(items: Items) -> Any:
    """The only item as a plain value; None where there is none. raises PathError where there are several"""
    if len(items) > 1:
        raise PathError("one value is wanted and there are several")
    return plain(items[0]) if items else None


def as_boolean(items: Items) -> bool | None:
    """A collection as a truth value: None where it is empty, True for a single item that is no boolean."""
    value = single(items)
    if value is None:
        return True if items else None
    return value if isinstance(value, bool) else True


def _text(items: Items) -> str | None:
    value = single(items)
    if value is None:
        return None
    if isinstance(value, str | Moment):
        return str(value)
    raise PathError("a text is wanted")


def _number(items: Items) -> Any:
    value = single(items)
    if value is None or is_number(value):
        return value
    raise PathError("a number is wanted")


def _is_in(item: Any, items: Items) -> bool:
    return any(equal(item, other) for other in items)


def distinct(items: Items) -> Items:
    """Each item once, in their order."""
    found: Items = []
    for item in items:
        if not _is_in(item, found):
            found.append(item)
    return found


def united(items: Items) -> Items:
    """Each node once and each value once: equal nodes at different places stay, for a rule must reach them all."""
    found: Items = []
    seen: set[int] = set()
    for item in items:
        if isinstance(item, Node):
            if id(item) not in seen:
                seen.add(id(item))
                found.append(item)
        elif not _is_in(item, found):
            found.append(item)
    return found


def _where(items: Items, test: Lazy) -> Items:
    return [item for index, item in enumerate(items) if as_boolean(test([item], index))]


def _exists(items: Items, test: Lazy | None = None) -> Items:
    return [bool(items if test is None else _where(items, test))]


def _all(items: Items, test: Lazy) -> Items:
    return [all(as_boolean(test([item], index)) for index, item in enumerate(items))]


def _select(items: Items, made: Lazy) -> Items:
    return [found for index, item in enumerate(items) for found in made([item], index)]


def _repeat(items: Items, made: Lazy) -> Items:
    found: Items = []
    waiting = _select(items, made)
    while waiting:
        before = len(found)
        found = united(found + waiting)
        waiting = _select(found[before:], made)
    return found


def _iif(items: Items, test: Lazy, yes: Lazy, no: Lazy | None = None) -> Items:
    if as_boolean(test(items, -1)):
        return yes(items, -1)
    return [] if no is None else no(items, -1)


def _truths(wanted: bool, every: bool) -> Function:
    def found(items: Items) -> Items:
        fits = [plain(item) is wanted for item in items]
        return [all(fits) if every else any(fits)]

    return found


def _of_texts(made: Callable[..., Any]) -> Function:
    """A function of a text and of arguments that are texts or numbers; empty where one of them is."""

    def found(items: Items, *arguments: Lazy) -> Items:
        text = _text(items)
        values = [single(argument(items, 0)) for argument in arguments]
        if text is None or None in values:
            return []
        try:
            result = made(text, *values)
        except (TypeError, AttributeError, re.error, IndexError):
            raise PathError("a function of texts met an argument that does not fit") from None
        return [] if result is None else result if isinstance(result, list) else [result]

    return found


def _substring(text: str, start: int, length: int | None = None) -> str | None:
    if start < 0 or start >= len(text):
        return None
    return text[start:] if length is None else text[start : start + max(length, 0)]


def _pattern(pattern: str) -> str:
    """A pattern whose dot matches line ends too, with named groups as .NET and ECMAScript write them."""
    return "(?s)" + re.sub(r"\(\?<(?![=!])", "(?P<", pattern)


def _replace_matches(text: str, pattern: str, template: str) -> str:
    escaped = template.replace("\\", r"\\")
    named = re.sub(r"\$\{(\w+)\}", r"\\g<\1>", escaped)
    return text if not pattern else re.sub(_pattern(pattern), re.sub(r"\$(\d+)", r"\\g<\1>", named), text)


def _of_numbers(made: Callable[..., Any]) -> Function:
    def found(items: Items, *arguments: Lazy) -> Items:
        number = _number(items)
        values = [_number(argument(items, 0)) for argument in arguments]
        if number is None or None in values:
            return []
        try:
            result = made(number, *values)
        except (ValueError, ArithmeticError):
            return []
        return [Decimal(str(result)) if isinstance(result, float) else result]

    return found


def _round(number: Any, places: int = 0) -> Any:
    return round(Decimal(number), places) if places else Decimal(number).to_integral_value()


_TRUTHS = dict.fromkeys("true t yes y 1 1.0".split(), True) | dict.fromkeys("false f no n 0 0.0".split(), False)


def _converted(kind: str, value: Any) -> Any:
    """A value in another type of FHIRPath; None where it cannot be."""
    text = text_of(value)
    if kind == "String":
        return text
    if kind == "Boolean":
        return _TRUTHS.get(text.lower())
    if kind == "Integer":
        return int(text) if re.fullmatch(r"[+-]?\d+", text) else int(value) if isinstance(value, bool) else None
    if kind == "Decimal":
        return Decimal(text) if re.fullmatch(r"[+-]?\d+(\.\d+)?", text) else None
    if kind == "Quantity":
        return Quantity(Decimal(value), "1") if is_number(value) else value if isinstance(value, Quantity) else None
    return moment(kind[0].lower() + kind[1:], text.split("T")[0] if kind == "Date" else text)


def _to(kind: str) -> Function:
    def found(items: Items) -> Items:
        value = single(items)
        made = None if value is None or isinstance(value, Node) else _converted(kind, value)
        return [] if made is None else [made]

    return found


def _converts_to(kind: str) -> Function:
    return lambda items: [bool(_to(kind)(items))] if items else []


def _nodes(items: Items) -> list[Node]:
    return [item for item in items if isinstance(item, Node)]


def _by(attribute: str) -> Function:
    def found(items: Items, wanted: Lazy) -> Items:
        name = _text(wanted(items, 0))
        every = [each for node in _nodes(items) for each in (node, *node.own())]
        return [node for node in every if getattr(node, attribute) == name]

    return found


def _extension(items: Items, url: Lazy) -> Items:
    wanted = _text(url(items, 0))
    found = [each for node in _nodes(items) for each in node.named("extension")]
    return [each for each in found if any(child.value == wanted for child in each.named("url"))]


def _subset(items: Items, other: Lazy) -> Items:
    others = other(items, 0)
    return [all(_is_in(item, others) for item in items)]


def _superset(items: Items, other: Lazy) -> Items:
    return [all(_is_in(item, items) for item in other(items, 0))]


def _intersect(items: Items, other: Lazy) -> Items:
    others = other(items, 0)
    return distinct([item for item in items if _is_in(item, others)])


def _exclude(items: Items, other: Lazy) -> Items:
    others = other(items, 0)
    return [item for item in items if not _is_in(item, others)]


def _skip(items: Items, number: Lazy) -> Items:
    return items[max(int(_number(number(items, 0)) or 0), 0) :]


def _take(items: Items, number: Lazy) -> Items:
    return items[: max(int(_number(number(items, 0)) or 0), 0)]


def _not(items: Items) -> Items:
    value = as_boolean(items)
    return [] if value is None else [not value]


def _single(items: Items) -> Items:
    single(items)
    return items


def _join(items: Items, between: Lazy | None = None) -> Items:
    return [((_text(between(items, 0)) if between else "") or "").join(str(plain(item)) for item in items)]


FUNCTIONS: dict[str, tuple[Function, int, int]] = {
    "empty": (lambda items: [not items], 0, 0),
    "exists": (_exists, 0, 1),
    "all": (_all, 1, 1),
    "allTrue": (_truths(True, True), 0, 0),
    "anyTrue": (_truths(True, False), 0, 0),
    "allFalse": (_truths(False, True), 0, 0),
    "anyFalse": (_truths(False, False), 0, 0),
    "subsetOf": (_subset, 1, 1),
    "supersetOf": (_superset, 1, 1),
    "count": (lambda items: [len(items)], 0, 0),
    "distinct": (distinct, 0, 0),
    "isDistinct": (lambda items: [len(distinct(items)) == len(items)], 0, 0),
    "where": (_where, 1, 1),
    "select": (_select, 1, 1),
    "repeat": (_repeat, 1, 1),
    "single": (_single, 0, 0),
    "first": (lambda items: items[:1], 0, 0),
    "last": (lambda items: items[-1:], 0, 0),
    "tail": (lambda items: items[1:], 0, 0),
    "skip": (_skip, 1, 1),
    "take": (_take, 1, 1),
    "intersect": (_intersect, 1, 1),
    "exclude": (_exclude, 1, 1),
    "union": (lambda items, other: united(items + other(items, 0)), 1, 1),
    "combine": (lambda items, other: items + other(items, 0), 1, 1),
    "iif": (_iif, 2, 3),
    "not": (_not, 0, 0),
    "toString": (_to("String"), 0, 0),
    **{f"to{kind}": (_to(kind), 0, 0) for kind in "Boolean Integer Decimal Quantity Date DateTime Time".split()},
    **{
        f"convertsTo{kind}": (_converts_to(kind), 0, 0)
        for kind in "Boolean Integer Decimal Quantity Date DateTime Time String".split()
    },
    "indexOf": (_of_texts(str.find), 1, 1),
    "substring": (_of_texts(_substring), 1, 2),
    "startsWith": (_of_texts(str.startswith), 1, 1),
    "endsWith": (_of_texts(str.endswith), 1, 1),
    "contains": (_of_texts(lambda text, part: part in text), 1, 1),
    "upper": (_of_texts(str.upper), 0, 0),
    "lower": (_of_texts(str.lower), 0, 0),
    "trim": (_of_texts(str.strip), 0, 0),
    "length": (_of_texts(len), 0, 0),
    "toChars": (_of_texts(list), 0, 0),
    "split": (_of_texts(lambda text, between: text.split(between)), 1, 1),
    "join": (_join, 0, 1),
    "replace": (_of_texts(str.replace), 2, 2),
    "matches": (_of_texts(lambda text, pattern: re.search(_pattern(pattern), text) is not None), 1, 1),
    "matchesFull": (_of_texts(lambda text, pattern: re.fullmatch(_pattern(pattern), text) is not None), 1, 1),
    "replaceMatches": (_of_texts(_replace_matches), 2, 2),
    "abs": (_of_numbers(abs), 0, 0),
    "ceiling": (_of_numbers(math.ceil), 0, 0),
    "floor": (_of_numbers(math.floor), 0, 0),
    "truncate": (_of_numbers(int), 0, 0),
    "round": (_of_numbers(_round), 0, 1),
    "sqrt": (_of_numbers(math.sqrt), 0, 0),
    "exp": (_of_numbers(math.exp), 0, 0),
    "ln": (_of_numbers(math.log), 0, 0),
    "log": (_of_numbers(math.log), 1, 1),
    "power": (_of_numbers(lambda number, to: number**to), 1, 1),
    "children": (lambda items: [child for node in _nodes(items) for child in node.children], 0, 0),
    "descendants": (lambda items: [each for node in _nodes(items) for each in node.descendants()], 0, 0),
    "hasValue": (lambda items: [len(items) == 1 and getattr(items[0], "value", items[0]) is not None], 0, 0),
    "getValue": (lambda items: [plain(item) for item in items if getattr(item, "value", item) is not None], 0, 0),
    "extension": (_extension, 1, 1),
    "trace": (lambda items, *_: items, 1, 2),
    "nodesByType": (_by("kind"), 1, 1),
    "nodesByName": (_by("name"), 1, 1),
}
"""Name -> what it does, fewest and most arguments; ``is``, ``as``, ``ofType``, ``today`` and ``now`` are compiled."""
