"""Writes one Python function per resource type that extracts its index entries, and compiles it.

All path programs of a type are merged into one tree, so that a shared step (``component*``) is walked once, and every
emitter is written out in place: no dispatch, no calls on the common path.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from careloom.fhir import search_values as values
from careloom.fhir.search_interpret import Entry
from careloom.fhir.search_parameters import Step, slots

Extractor = Callable[[dict[str, Any]], list[Entry]]


@dataclass(slots=True)
class _Node:
    """A step of the merged tree: what is emitted here, and what lies below."""

    emits: list[tuple[str, str, int]] = field(default_factory=list)
    below: dict[Step, "_Node"] = field(default_factory=dict)


def compile_extractor(resource_type: str) -> Extractor:
    """The extractor of a type. It may raise AttributeError, TypeError, KeyError or ValueError on malformed JSON."""
    known: dict[int, Entry] = {}
    scope: dict[str, Any] = {
        "TIMES": values.TIMES.get,
        "time_span": values.time_span,
        "period_span": values.period_span,
        "timing_span": values.timing_span,
        "quantity_span": values.quantity_span,
        "money_span": values.money_span,
        "range_span": values.range_span,
        "number_point": values.number_point,
        "REFERENCES": values.REFERENCES.get,
        "reference_key": values.reference_key,
        "PRESENT": known.get,
        "present": _present(tuple(slots(resource_type)), known),
    }
    exec(source(resource_type), scope)  # noqa: S102 - the text is made from the packaged table only
    extractor: Extractor = scope["extract"]
    return extractor


def source(resource_type: str) -> str:
    """The text of a type's extractor."""
    root = _Node()
    lines = ["def extract(v0):", " entries = []", " add = entries.append", " mask = 0"]
    for number, slot in enumerate(slots(resource_type).values()):
        for program in slot.programs:
            if program.emits == "Deceased":
                lines += _deceased(slot.name, 1 << number)
                continue
            node = root
            for step in program.steps:
                node = node.below.setdefault(step, _Node())
            node.emits.append((program.emits, slot.name, 1 << number))
    _write_below(root, 0, 1, lines)
    lines += [" add(PRESENT(mask) or present(mask))", " return entries"]
    return "\n".join(lines) + "\n"


def _present(names: tuple[str, ...], known: dict[int, Entry]) -> Callable[[int], Entry]:
    def present(mask: int) -> Entry:
        """The entry that names the slots present, one object per set of slots."""
        entry = ("p", "", ",".join(name for bit, name in enumerate(names) if mask >> bit & 1))
        if len(known) < 4096:
            known[mask] = entry
        return entry

    return present


def _write_below(node: _Node, depth: int, indent: int, lines: list[str]) -> None:
    """Writes the steps below a node whose value is the variable v<depth>."""
    pad, var, up = " " * indent, f"v{depth + 1}", f"v{depth}"
    for step, child in node.below.items():
        if step.repeats:
            lines.append(f"{pad}for {var} in {up}.get({step.name!r}, ()):")
        else:
            lines.append(f"{pad}{var} = {up}.get({step.name!r})")
            lines.append(f"{pad}if {var} is not None:")
        inner = indent + 1
        if step.field:
            lines.append(f"{' ' * inner}if {var}.get({step.field!r}) == {step.value!r}:")
            inner += 1
        for emits, slot, bit in child.emits:
            text = _TEMPLATES[emits].format(v=var, slot=slot, s=repr(slot), bit=bit)
            lines += [" " * inner + line for line in text.strip("\n").split("\n")]
        _write_below(child, depth + 1, inner, lines)


def _deceased(slot: str, bit: int) -> list[str]:
    return [
        " said = v0.get('deceasedBoolean') is True or v0.get('deceasedDateTime').__class__ is str",
        f" add(('t', {slot!r}, '', 'true') if said else ('t', {slot!r}, '', 'false'))",
        f" mask |= {bit}",
    ]


_CODING = """
s = {c}.get('code')
if s.__class__ is str:
 y = {c}.get('system', '')
 if y.__class__ is str:
  add(('t', {{s}}, y, s)); mask |= {{bit}}
"""
_IDENTIFIER = """
s = {v}.get('value')
if s.__class__ is str:
 y = {v}.get('system', '')
 if y.__class__ is str:
  add(('i', {s}, y, s)); mask |= {bit}
"""
_REFERENCE = """
s = {v}.get('reference')
if s.__class__ is str:
 y = REFERENCES(s) or reference_key(s)
 if y:
  add(('r', {s}, y)); mask |= {bit}
if 'identifier' in {v}:
 w = {v}['identifier']
 s = w.get('value')
 if s.__class__ is str:
  y = w.get('system', '')
  if y.__class__ is str:
   add(('i', '{slot}:identifier', y, s)); mask |= {bit}
"""
_TEXT = "if {{v}}.__class__ is str:\n add(({kind!r}, {{s}}, {{v}})); mask |= {{bit}}"
_SPAN = "y = {read}({{v}})\nif y:\n add(({kind!r}, {{s}}, *y)); mask |= {{bit}}"

_TEMPLATES = {
    "code": "if {v}.__class__ is str:\n add(('t', {s}, '', {v})); mask |= {bit}",
    "boolean": "if {v}.__class__ is bool:\n"
    " add(('t', {s}, '', 'true') if {v} else ('t', {s}, '', 'false')); mask |= {bit}",
    "Coding": _CODING.format(c="{v}"),
    "CodeableConcept": "for w in {v}.get('coding', ()):" + _CODING.format(c="w").rstrip("\n").replace("\n", "\n "),
    "Identifier": _IDENTIFIER,
    "ContactPoint": _IDENTIFIER,
    "Reference": _REFERENCE,
    "canonical": _TEXT.format(kind="u") + "\n if '|' in {v}:\n  add(('u', {s}, {v}.partition('|')[0]))",
    "uri": _TEXT.format(kind="u"),
    "string": _TEXT.format(kind="s"),
    "whole": _TEXT.format(kind="w"),
    "date": "y = TIMES({v}) or time_span({v})\nif y:\n add(('d', {s}, y[0], y[1])); mask |= {bit}",
    "BirthDate": "if len({v}) <= 10 and time_span({v}):\n add(('b', {s}, {v})); mask |= {bit}",
    "Period": _SPAN.format(kind="d", read="period_span"),
    "Timing": _SPAN.format(kind="d", read="timing_span"),
    "Quantity": _SPAN.format(kind="q", read="quantity_span"),
    "Money": _SPAN.format(kind="q", read="money_span"),
    "Range": _SPAN.format(kind="q", read="range_span"),
    "number": "y = number_point({v})\nif y is not None:\n add(('n', {s}, y, y)); mask |= {bit}",
    "NumberRange": "y = range_span({v})\nif y:\n add(('n', {s}, y[0], y[1])); mask |= {bit}",
}
"""Python for one value {v} of slot {s} (also {slot} without quotes) whose presence is {bit}."""
