"""Resource templates of a mapping, compiled once into closures over a typed row.

A template entry is a path (``name[0].family``) with a value. Text may hold placeholders:

``{COLUMN}``         the typed value of the cell; alone in the text it keeps its type, else it is written out
``{COLUMN!}``        the same, and the object around it disappears where the cell is empty
``{COLUMN|table}``   looked up in ``[values.table]``; a value that the table lacks refuses the row
``{COLUMN?yes|no}``  one text where the cell holds a value, the other (or nothing) where it is empty
``{COLUMN:date}``    the day of a date-time
``{COLUMN:snomed}``  the URI of SNOMED CT where the code can be nothing else (8 digits or more, right check digit)
``{COLUMN:coding}``, ``{COLUMN:concept}``, ``{COLUMN:quantity}``  the data type, as the column declares it

An object disappears, with its constants, where it has placeholders and none of them gives a value.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from careloom.errors import SetupError
from careloom.ingest.delimited_columns import BadCell
from careloom.ingest.delimited_mapping import Column, Template
from careloom.terminology.systems import SNOMED_CT, UCUM, canonical, is_snomed_concept

Row = list[Any]
"""Typed cells by the order of the declared columns; None where empty."""
Make = Callable[[Row], Any]

_PART = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
_PLACEHOLDER = re.compile(r"([^|?:!]+)(?:\|([^|?:!]+)|\?([^|]*)(?:\|([^|]*))?|:([a-z]+))?(!)?")
_STEP = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)((?:\[[0-9]{1,2}\])*)")
_INDEX = re.compile(r"\[([0-9]+)\]")
_MISSING = object()
_CUT = object()
"""What an empty ``{COLUMN!}`` gives: the object around it disappears."""


class UnknownValue(BadCell):
    """A cell whose value the table of its column lacks; `column` names it."""

    def __init__(self, column: str, table: str) -> None:
        super().__init__("delimited.unknown-value", f"the value is not in the table [values.{table}]")
        self.column = column


class TemplateCompiler:
    """Compiles the templates of one file; remembers which columns they use."""

    def __init__(self, columns: Mapping[str, Column], values: Mapping[str, Mapping[str, Any]], place: str) -> None:
        self._columns = columns
        self._slots = {name: slot for slot, name in enumerate(columns)}
        self._values = values
        self._place = place
        self.used: set[str] = set()

    def resource(self, template: Template) -> Make:
        """Row -> resource without its id."""
        tree: dict[str | int, Any] = {}
        for block in template.blocks:
            holds = self.condition(block.when) if block.when else None
            for path, value in block.set.items():
                self._plant(tree, path, value, holds)
        tree["resourceType"] = [(template.type, None)]
        make, _ = self._node(tree, root=True)
        return lambda row: None if (made := make(row)) is _CUT else made

    def text(self, template: str) -> Make:
        """Row -> text of an identity; an empty cell stands as nothing, all cells empty gives None."""
        parts = [self._placeholder(part[1:]) if part[:1] == "\0" else part for part in _split(template, self._place)]

        def make(row: Row) -> str | None:
            text, found = "", False
            for part in parts:
                value = part if isinstance(part, str) else part(row)
                if value is not None:
                    text += str(value)
                    found = found or not isinstance(part, str)
            return text if found else None

        return make

    def condition(self, when: Mapping[str, Any]) -> Callable[[Row], bool]:
        """Row -> whether each column has its wanted value: a value, ``*`` (any), ``""`` (none), a list, {not = ...}."""
        checks = []
        for name, wanted in when.items():
            turned = isinstance(wanted, dict)
            if turned and wanted.keys() != {"not"}:
                raise self._wrong(f"condition on {name!r} knows only {{not = ...}}")
            target = wanted["not"] if turned else wanted
            options = frozenset(target if isinstance(target, list) else [target])
            checks.append((self._slot(name), options, "*" in options, "" in options, not turned))

        def holds(row: Row) -> bool:
            for slot, options, any_value, empty, wanted in checks:
                value = row[slot]
                hit = empty if value is None else any_value or value in options
                if hit is not wanted:
                    return False
            return True

        return holds

    def _plant(self, tree: dict[str | int, Any], path: str, value: Any, holds: Callable[[Row], bool] | None) -> None:
        steps: list[str | int] = []
        for part in path.split("."):
            step = _STEP.fullmatch(part)
            if step is None:
                raise self._wrong(f"{path!r} is no path such as name[0].family")
            steps += [step[1], *(int(index) for index in _INDEX.findall(step[2]))]
        self._grow(tree, steps, value, holds, path)

    def _grow(self, tree: dict[str | int, Any], steps: list[str | int], value: Any, holds: Any, path: str) -> None:
        for step in steps[:-1]:
            tree = tree.setdefault(step, {})
            if not isinstance(tree, dict):
                raise self._wrong(f"{path!r} goes through a value")
        value = self._expand(value)
        if isinstance(value, dict):
            for key, inner in value.items():
                self._grow(tree, [steps[-1], key], inner, holds, f"{path}.{key}")
        elif isinstance(value, list):
            for index, inner in enumerate(value):
                self._grow(tree, [steps[-1], index], inner, holds, f"{path}[{index}]")
        else:
            leaf = tree.setdefault(steps[-1], [])
            if not isinstance(leaf, list):
                raise self._wrong(f"{path!r} is an object elsewhere")
            leaf.append((value, holds))

    def _expand(self, value: Any) -> Any:
        """``{X:coding}`` and its kin as the object that the column declares; other values as they are."""
        found = _PART.fullmatch(value) if isinstance(value, str) else None
        part = _PLACEHOLDER.fullmatch(found[1]) if found is not None and found[1] else None
        if part is None or part[5] not in ("coding", "concept", "quantity"):
            return value
        name, kind = part[1], part[5]
        column = self._columns[self._name(name)]
        if kind == "quantity":
            return self._quantity(column)
        coding = {"system": self._system(column), "code": f"{{{name}!}}"}
        if column.display:
            coding["display"] = f"{{{column.display}}}"
        if not coding["system"]:
            del coding["system"]
        if kind == "coding":
            return coding
        return {"coding": [coding], "text": f"{{{column.display}}}"} if column.display else {"coding": [coding]}

    def _system(self, column: Column) -> str:
        if not column.system or "{" in column.system:
            return column.system
        uri = canonical(column.system)
        if uri is None:
            raise self._wrong(f"column {column.name}: unknown code system {column.system!r}")
        return uri

    def _quantity(self, column: Column) -> dict[str, str]:
        quantity = {"value": f"{{{column.name}!}}"}
        if column.comparator:
            quantity["comparator"] = f"{{{column.comparator}}}"
        if not column.unit:
            return quantity
        named = _PART.fullmatch(column.unit)
        plain = named[1].partition("|")[0] if named is not None and named[1] else ""
        quantity |= {"unit": column.unit, "code": column.unit}
        quantity["system"] = f"{{{plain}?{UCUM}}}" if plain else UCUM
        return quantity

    def _node(self, tree: dict[str | int, Any], *, root: bool = False) -> tuple[Make, bool]:
        """The maker of a subtree and whether it depends on the row."""
        parts = []
        for key, child in tree.items():
            make, varies = self._alternatives(child) if isinstance(child, list) else self._node(child)
            parts.append((key, make, varies))
        varies = any(part[2] for part in parts)
        if all(isinstance(key, int) for key in tree):
            return _array([make for _, make, _ in sorted(parts, key=lambda part: part[0])]), varies
        if any(isinstance(key, int) for key in tree):
            raise self._wrong(f"{sorted(map(str, tree))} mixes array elements and members")
        scalars = {key: tree[key][0][0] for key, _, varies in parts if not varies and isinstance(tree[key], list)}
        fixed = [(key, make) for key, make, moves in parts if not moves and key not in scalars]
        moving = [(key, make) for key, make, moves in parts if moves]
        return _object(scalars, fixed, moving, root=root), varies

    def _alternatives(self, leaves: list[tuple[Any, Callable[[Row], bool] | None]]) -> tuple[Make, bool]:
        made = [(*self._leaf(value), holds) for value, holds in leaves]
        if made[0][2] is None:
            return made[0][0], made[0][1]

        def make(row: Row) -> Any:
            for maker, _, holds in made:
                if holds is None or holds(row):
                    value = maker(row)
                    if value is not None:
                        return value
            return None

        return make, True

    def _leaf(self, value: Any) -> tuple[Make, bool]:
        if not isinstance(value, str):
            return _constant(value), False
        parts = _split(value, self._place)
        if len(parts) == 1 and parts[0][:1] == "\0":
            return self._placeholder(parts[0][1:]), True
        makers = [self._placeholder(part[1:]) if part[:1] == "\0" else part for part in parts]
        if all(isinstance(part, str) for part in makers):
            return _constant("".join(str(part) for part in makers)), False
        return _joined(makers), True

    def _placeholder(self, text: str) -> Make:
        part = _PLACEHOLDER.fullmatch(text)
        if part is None:
            raise self._wrong(f"{{{text}}} is no placeholder")
        name, table, yes, no, kind, cut = part.groups()
        make = self._plain(self._slot(name), name, table, yes, no, kind)
        return _cutting(make) if cut else make

    def _plain(
        self, slot: int, name: str, table: str | None, yes: str | None, no: str | None, kind: str | None
    ) -> Make:
        if table is not None:
            return self._lookup(slot, name, table)
        if yes is not None:
            return lambda row: (no or None) if row[slot] is None else (yes or None)
        if kind == "date":
            return lambda row: None if row[slot] is None else row[slot][:10]
        if kind == "snomed":
            return lambda row: _certain_snomed(row[slot])
        if kind is not None:
            raise self._wrong(f"{{{name}:{kind}}}: unknown form")
        return lambda row: row[slot]

    def _lookup(self, slot: int, name: str, table: str) -> Make:
        if table not in self._values:
            raise self._wrong(f"{{{name}|{table}}}: there is no [values.{table}]")
        exact = {key: None if value == "" else value for key, value in self._values[table].items()}
        folded = {key.casefold(): value for key, value in reversed(exact.items())}
        other = exact.get("*", _MISSING)

        def make(row: Row) -> Any:
            value = row[slot]
            if value is None:
                return None
            text = str(value)
            found = exact.get(text, _MISSING)
            if found is _MISSING or text == "*":
                found = folded.get(text.casefold(), other)
            if found is _MISSING:
                raise UnknownValue(name, table)
            return _fresh(found)

        return make

    def _name(self, name: str) -> str:
        if name not in self._slots:
            raise self._wrong(f"{{{name}}} names a column that is not declared")
        self.used.add(name)
        return name

    def _slot(self, name: str) -> int:
        return self._slots[self._name(name)]

    def _wrong(self, what: str) -> SetupError:
        return SetupError(f"{self._place}: {what}", "Mend the mapping; docs/reference/mapping-grammar.md")


def _certain_snomed(code: str | None) -> str | None:
    return SNOMED_CT if code is not None and len(code) >= 8 and is_snomed_concept(code) else None


def _split(text: str, place: str) -> list[str]:
    """Constant parts and placeholders (marked by a leading NUL) of a template text."""
    parts: list[str] = []
    at = 0
    for found in _PART.finditer(text):
        before = text[at : found.start()]
        if "{" in before or "}" in before:
            raise SetupError(f"{place}: a lone brace in {text!r}", "Write {{ and }} for braces that are meant")
        parts += [before, "\0" + found[1] if found[1] is not None else found[0][0]]
        at = found.end()
    rest = text[at:]
    if "{" in rest or "}" in rest:
        raise SetupError(f"{place}: a lone brace in {text!r}", "Write {{ and }} for braces that are meant")
    return [part for part in [*parts, rest] if part]


def _constant(value: Any) -> Make:
    return lambda _row: _fresh(value)


def _fresh(value: Any) -> Any:
    """`value`, with objects and arrays copied: resources are changed in place downstream."""
    if isinstance(value, dict):
        return {key: _fresh(inner) for key, inner in value.items()}
    return [_fresh(inner) for inner in value] if isinstance(value, list) else value


def _cutting(make: Make) -> Make:
    return lambda row: _CUT if (value := make(row)) is None else value


def _joined(makers: list[Any]) -> Make:
    def make(row: Row) -> Any:
        text = ""
        for part in makers:
            if isinstance(part, str):
                text += part
                continue
            value = part(row)
            if value is None or value is _CUT:
                return value
            text += value if isinstance(value, str) else str(value)
        return text

    return make


def _array(makers: list[Make]) -> Make:
    def make(row: Row) -> Any:
        found = []
        for maker in makers:
            value = maker(row)
            if value is _CUT:
                return _CUT
            if value is not None:
                found.append(value)
        return found or None

    return make


def _object(
    scalars: dict[Any, Any], fixed: list[tuple[Any, Make]], moving: list[tuple[Any, Make]], *, root: bool
) -> Make:
    certain = root or not moving

    def make(row: Row) -> Any:
        made = scalars.copy()
        live = certain
        for key, maker in moving:
            value = maker(row)
            if value is not None:
                if value is _CUT:
                    return _CUT if root else None
                made[key] = value
                live = True
        if not live:
            return None
        for key, maker in fixed:
            made[key] = maker(row)
        return made

    return make
