"""Metadata as TOML that people edit: written, and read with errors that name table, column and remedy.

version = 1

[table.encounters]
primary_key = ["encounter_id"]
subject = "patient_id"                                # the unit of privacy
sequence = { key = ["patient_id"], order = "start" }

[table.encounters.column.weight]
kind = "continuous"                                   # continuous integer categorical boolean date datetime id
unit = "kg"                                           # UCUM
decimals = 1
low = 0.3
high = 400
missing = { "?" = "not weighed" }
public = true                                         # all this is known to everybody

[[table.encounters.foreign_key]]
columns = ["patient_id"]
references = "patients"

[[table.encounters.constraint]]
kind = "order"                                        # order sum implies fixed same
low = "start"
high = "stop"
"""

import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, fields
from datetime import date, datetime
from typing import Any

from careloom.errors import FormatError, InputError
from careloom.synth.constraints import KINDS, Constraint, Order, constraint_of
from careloom.synth.metadata import Column, ForeignKey, Metadata, SequenceOf, Table

VERSION = 1
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_TABLE_KEYS = ("primary_key", "subject", "sequence", "column", "foreign_key", "constraint")


def to_toml(metadata: Metadata) -> str:
    """The metadata as TOML; `from_toml` reads back the same."""
    lines = [f"version = {VERSION}"]
    for table in metadata.tables:
        place = f"table.{_key(table.name)}"
        lines += ["", f"[{place}]"]
        if table.primary_key:
            lines.append(f"primary_key = {_value(table.primary_key)}")
        if table.subject:
            lines.append(f"subject = {_value(table.subject)}")
        if table.sequence is not None:
            lines.append(f"sequence = {_value(_set_fields(table.sequence))}")
        for column in table.columns:
            lines += ["", f"[{place}.column.{_key(column.name)}]"]
            lines += _lines({name: value for name, value in _set_fields(column).items() if name != "name"})
        for key in table.foreign_keys:
            lines += ["", f"[[{place}.foreign_key]]", *_lines(_set_fields(key))]
        for constraint in table.constraints:
            lines += ["", f"[[{place}.constraint]]", *_lines({"kind": constraint.kind} | _set_fields(constraint))]
    return "\n".join(lines) + "\n"


def from_toml(text: str) -> Metadata:
    """The metadata that a TOML text says.

    raises  FormatError for what is no TOML; InputError for what means nothing: both name the place and a remedy
    """
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        where = re.search(r"\(at [^)]*\)$", str(error))  # the rest of the message may quote a value
        raise FormatError(f"metadata: not TOML {where.group() if where else ''}".rstrip(), "Mend that line.") from None
    if tree.get("version") != VERSION:
        raise InputError("metadata: the version is missing or unknown", f"Write version = {VERSION} at the top.")
    _only(tree, ("version", "table"), "metadata")
    return Metadata(tuple(_table(name, entry) for name, entry in _tables(tree.get("table", {}), "metadata: table")))


def _table(name: str, entry: Mapping[str, Any]) -> Table:
    place = f"table {name}"
    _only(entry, _TABLE_KEYS, place)
    columns = tuple(
        _made(Column, {"name": each, **told}, f"{place}, column {each}")
        for each, told in _tables(entry.get("column", {}), f"{place}: column")
    )
    keys = tuple(_made(ForeignKey, told, f"{place}, foreign_key") for told in _list(entry, "foreign_key", place))
    sequence = entry.get("sequence")
    return Table(
        name,
        columns,
        primary_key=_texts(entry.get("primary_key", []), f"{place}, primary_key"),
        foreign_keys=keys,
        sequence=None if sequence is None else _made(SequenceOf, sequence, f"{place}, sequence"),
        subject=_text(entry.get("subject", ""), f"{place}, subject"),
        constraints=tuple(_constraint(told, place) for told in _list(entry, "constraint", place)),
    )


def _constraint(entry: Mapping[str, Any], place: str) -> Constraint:
    kind = entry.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise InputError(f"{place}, constraint: the kind is missing or unknown", f"Use one of {', '.join(KINDS)}.")
    where = f"{place}, constraint {kind}"
    _fits(KINDS[kind], {name: value for name, value in entry.items() if name != "kind"}, where)
    return constraint_of(kind, {name: value for name, value in entry.items() if name != "kind"})


def _made(cls: type[Any], entry: Any, place: str) -> Any:
    if not isinstance(entry, Mapping):
        raise InputError(f"{place}: not a table of TOML", "Write it as name = value lines, or as { name = value }.")
    _fits(cls, entry, place)
    return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()})


def _fits(cls: type[Any], entry: Mapping[str, Any], place: str) -> None:
    """Refuses unknown and missing words, and values of a type that the field does not take."""
    declared = {each.name: each for each in fields(cls)}
    _only(entry, tuple(name for name in declared if name != "name" or "name" in entry), place)
    for name, each in declared.items():
        if each.default is MISSING and each.default_factory is MISSING and name not in entry:
            raise InputError(f"{place}: {name} is missing", f"Write a line {name} = ...")
    for name, value in entry.items():
        wanted = (str,) if cls is Order and name in ("low", "high") else _TYPES[name]
        if not isinstance(value, wanted) or (isinstance(value, bool) and name not in _FLAGS):
            raise InputError(f"{place}: {name} is of another type", f"Write {name} as {_WORDS[wanted[0]]}.")
        if name in _LISTS_OF_TEXT:
            _texts(value, f"{place}, {name}")


_FLAGS = ("nullable", "public", "strict")
_LISTS_OF_TEXT = ("columns", "parts", "key", "to")
_TYPES: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("name", "kind", "dtype", "meaning", "unit", "hierarchy", "references", "order"), (str,)),
    **dict.fromkeys(("total", "column"), (str,)),
    **dict.fromkeys(_FLAGS, (bool,)),
    **dict.fromkeys(("values", "atoms", "cuts", "combinations", *_LISTS_OF_TEXT), (list,)),
    **dict.fromkeys(("missing", "when", "then"), (dict,)),
    **dict.fromkeys(("low", "high"), (int, float, date)),
    "decimals": (int,),
    "tolerance": (int, float),
}
_WORDS: Mapping[type, str] = {
    str: 'text: "..."',
    bool: "true or false",
    list: "a list: [...]",
    dict: "a table: { ... }",
    int: "a number, or a date where the column holds dates",
}


def _only(entry: Mapping[str, Any], known: Sequence[str], place: str) -> None:
    for name in entry:
        if name not in known:
            raise InputError(f"{place}: {name} is no word of this grammar", f"Use {', '.join(known)}.")


def _tables(entry: Any, place: str) -> Iterable[tuple[str, Mapping[str, Any]]]:
    if not isinstance(entry, Mapping) or not all(isinstance(each, Mapping) for each in entry.values()):
        raise InputError(f"{place}: not a table of TOML", "Write it as [table.NAME.column.NAME].")
    return entry.items()


def _list(entry: Mapping[str, Any], name: str, place: str) -> list[Mapping[str, Any]]:
    told = entry.get(name, [])
    if not isinstance(told, list) or not all(isinstance(each, Mapping) for each in told):
        raise InputError(f"{place}, {name}: not a list of tables", f"Write it as [[table.NAME.{name}]].")
    return told


def _texts(value: Any, place: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise InputError(f"{place}: not a list of names", 'Write it as ["one", "two"].')
    return tuple(value)


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"{place}: not a name", 'Write it as "name".')
    return value


def _set_fields(thing: Any) -> dict[str, Any]:
    """The fields of a dataclass that differ from their defaults, in order."""
    told = {}
    for each in fields(thing):
        default = each.default_factory() if each.default_factory is not MISSING else each.default
        value = getattr(thing, each.name)
        if value != default or isinstance(value, bool) != isinstance(default, bool):
            told[each.name] = value
    return told


def _lines(told: Mapping[str, Any]) -> list[str]:
    return [f"{_key(name)} = {_value(value)}" for name, value in told.items()]


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(name)} = {_value(each)}" for name, each in value.items()) + " }"
    if isinstance(value, tuple | list):
        return f"[{', '.join(_value(each) for each in value)}]"
    return repr(value)
