"""A declared mapping of delimited files, read from TOML and checked before any row is seen.

The grammar stands in ``docs/reference/mapping-grammar.md`` and at the head of each packaged mapping. Every key is
known or refused: a mapping never falls back silently.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from careloom.errors import SetupError

COLUMN_TYPES = frozenset({"string", "code", "uri", "date", "datetime", "decimal", "integer", "boolean", "comparator"})

_TOP_KEYS = {"name", "about", "source", "licence", "defaults", "values", "file"}
_DIALECT_KEYS = {"delimiter", "encoding", "quote", "null", "timezone"}
_FILE_KEYS = _DIALECT_KEYS | {"about", "recognise", "patient", "key", "landing", "columns", "resource"}
_COLUMN_KEYS = {
    "type", "required", "formats", "timezone", "null", "names", "true", "false", "decimal_comma",
    "not_before", "system", "display", "unit", "when", "comparator", "or_text",
}  # fmt: skip
_RESOURCE_KEYS = {"type", "id", "when", "set", "also", "unite"}
_ALSO_KEYS = {"when", "set"}


@dataclass(frozen=True, slots=True)
class Column:
    """One declared column.

    name           as templates and issues call it
    type           one of `COLUMN_TYPES`
    required       an empty cell refuses the row
    formats        strptime patterns for dates beside ISO 8601
    timezone       of date-times that carry no offset: ``UTC``, ``+01:00``, an IANA name; empty: refused
    null           words that mean no value, beside the empty cell
    names          other headers under which this column arrives
    true, false    words of a boolean, compared without case
    decimal_comma  numbers are written ``1,5``
    not_before     name of a column whose date must not be later
    system         code system of a code: canonical URI, a short name, or a template
    display        column with the text of a code
    comparator     name of a column of type comparator that reads the ``<`` or ``>=`` in front of the number
    or_text        a cell that is no number gives no value instead of refusing the row; something else reads the text
    unit           UCUM unit of a number: a code or a template
    when           the cell is read only where this holds; it may name columns that have no condition of their own
    """

    name: str
    type: str
    required: bool = False
    formats: tuple[str, ...] = ()
    timezone: str = ""
    null: frozenset[str] = frozenset()
    names: tuple[str, ...] = ()
    true: frozenset[str] = frozenset({"true", "t", "yes", "y", "1"})
    false: frozenset[str] = frozenset({"false", "f", "no", "n", "0"})
    decimal_comma: bool = False
    not_before: str = ""
    system: str = ""
    display: str = ""
    unit: str = ""
    comparator: str = ""
    or_text: bool = False
    when: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Block:
    """Template entries that hold under one condition; an empty condition always holds."""

    when: Mapping[str, Any]
    set: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Template:
    """One resource that a row makes.

    type   resource type
    id     template of the identity within the source
    when   condition on the row
    blocks conditional entries first, then those that always hold: the first value found for a path stands
    unite  list elements that rows of the same identity add to: path -> member that tells the elements apart
    """

    type: str
    id: str
    when: Mapping[str, Any]
    blocks: tuple[Block, ...]
    unite: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class FileMapping:
    """How one kind of file is recognised and read, and what its rows become.

    dialect  what the mapping declares of ``delimiter``, ``encoding`` and ``quote``; the rest is found in the bytes
    """

    name: str
    recognise: tuple[str, ...]
    patient: str
    key: tuple[str, ...]
    landing: frozenset[str]
    columns: Mapping[str, Column]
    templates: tuple[Template, ...]
    dialect: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DelimitedMapping:
    """A mapping: its name, its files, its tables of values."""

    name: str
    files: Mapping[str, FileMapping]
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def parse_mapping(text: str) -> DelimitedMapping:
    """The mapping written in `text` (TOML).

    raises  SetupError naming the place of the first thing that is unknown, missing or of the wrong kind
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SetupError(f"mapping: not TOML: {error}", "Mend the file; docs/reference/mapping-grammar.md") from None
    name = _text(document, "name", "mapping", required=True)
    _known(document, _TOP_KEYS, name)
    defaults = _table(document, "defaults", name)
    _known(defaults, _DIALECT_KEYS, f"{name}: [defaults]")
    values = _values(_table(document, "values", name), name)
    files = {key: _file(key, _as_table(raw, f"{name}: [file.{key}]"), defaults, name)
             for key, raw in _table(document, "file", name).items()}  # fmt: skip
    if not files:
        raise _wrong(name, "declares no file", "Add a [file.<name>] table")
    return DelimitedMapping(name, MappingProxyType(files), MappingProxyType(values))


def _file(name: str, raw: dict[str, Any], defaults: dict[str, Any], mapping: str) -> FileMapping:
    place = f"{mapping}: [file.{name}]"
    _known(raw, _FILE_KEYS, place)
    dialect = {**defaults, **{key: raw[key] for key in _DIALECT_KEYS & raw.keys()}}
    null = frozenset(_texts(dialect, "null", place))
    zone = _text(dialect, "timezone", place)
    columns = {key: _column(key, value, null, zone, f"{place} columns.{key}")
               for key, value in _table(raw, "columns", place).items()}  # fmt: skip
    key = _texts(raw, "key", place)
    patient = _text(raw, "patient", place)
    templates = tuple(_template(item, f"{place} resource {count + 1}")
                      for count, item in enumerate(_list(raw, "resource", place)))  # fmt: skip
    made = FileMapping(
        name=name,
        recognise=_texts(raw, "recognise", place),
        patient=patient,
        key=key,
        landing=frozenset(_texts(raw, "landing", place)),
        columns=MappingProxyType(columns),
        templates=templates,
        dialect=MappingProxyType(
            {
                option: _text(dialect, option, place)
                for option in ("delimiter", "encoding", "quote")
                if option in dialect
            }
        ),
    )
    _fits(made, place)
    return made


def _fits(made: FileMapping, place: str) -> None:
    if not made.recognise:
        raise _wrong(place, "has no `recognise`", "List the columns that every such file has")
    if not made.templates:
        raise _wrong(place, "makes no resource", "Add a [[file.<name>.resource]] table")
    if not made.key and any(not template.id for template in made.templates):
        raise _wrong(place, "has neither `key` nor an `id` in each resource", "Name the columns that identify a row")
    if any(len(made.dialect.get(option, " ")) != 1 for option in ("delimiter", "quote")):
        raise _wrong(place, "delimiter and quote are one character each", "Write e.g. delimiter = ';'")
    named = [
        *(column for column in made.recognise if column not in made.landing),
        *made.key,
        *([made.patient] if made.patient else []),
    ]
    for column in made.columns.values():
        named += [name for name in (column.not_before, column.display, column.comparator) if name]
    for name in named:
        if name not in made.columns:
            raise _wrong(place, f"names the column {name!r}, which it does not declare", "Add it to `columns`")
    both = made.landing & made.columns.keys()
    if both:
        raise _wrong(place, f"keeps {sorted(both)} in landing and declares it as well", "Do one of the two")


def _column(name: str, raw: Any, null: frozenset[str], zone: str, place: str) -> Column:
    spec = {"type": raw} if isinstance(raw, str) else _as_table(raw, place)
    _known(spec, _COLUMN_KEYS, place)
    kind = _text(spec, "type", place, required=True)
    if kind not in COLUMN_TYPES:
        raise _wrong(place, f"unknown type {kind!r}", f"Use one of {', '.join(sorted(COLUMN_TYPES))}")
    if any(character in name for character in "{}|?:!"):
        raise _wrong(place, "a column name holds one of {}|?:!", "Give it a plain name and list the header in `names`")
    words = {side: frozenset(word.lower() for word in _texts(spec, side, place)) for side in ("true", "false")}
    return Column(
        name=name,
        type=kind,
        required=_flag(spec, "required", place),
        formats=_texts(spec, "formats", place),
        timezone=_text(spec, "timezone", place) or zone,
        null=frozenset(_texts(spec, "null", place)) | null,
        names=_texts(spec, "names", place),
        decimal_comma=_flag(spec, "decimal_comma", place),
        not_before=_text(spec, "not_before", place),
        system=_text(spec, "system", place),
        display=_text(spec, "display", place),
        unit=_text(spec, "unit", place),
        comparator=_text(spec, "comparator", place),
        or_text=_flag(spec, "or_text", place),
        when=_table(spec, "when", place),
        **{side: found for side, found in words.items() if found},
    )


def _template(raw: Any, place: str) -> Template:
    spec = _as_table(raw, place)
    _known(spec, _RESOURCE_KEYS, place)
    blocks = []
    for count, item in enumerate(_list(spec, "also", place)):
        inner = _as_table(item, f"{place} also {count + 1}")
        _known(inner, _ALSO_KEYS, f"{place} also {count + 1}")
        blocks.append(Block(_table(inner, "when", place), _table(inner, "set", place)))
    blocks.append(Block({}, _table(spec, "set", place)))
    kind = _text(spec, "type", place, required=True)
    unite = _table(spec, "unite", place)
    return Template(kind, _text(spec, "id", place), _table(spec, "when", place), tuple(blocks), unite)


def _values(raw: dict[str, Any], name: str) -> dict[str, Mapping[str, Any]]:
    tables: dict[str, Mapping[str, Any]] = {}
    for key, table in raw.items():
        tables[key] = MappingProxyType(_as_table(table, f"{name}: [values.{key}]"))
    return tables


def _wrong(place: str, what: str, remedy: str) -> SetupError:
    return SetupError(f"{place}: {what}", remedy)


def _known(table: dict[str, Any], keys: Iterable[str], place: str) -> None:
    for key in table:
        if key not in keys:
            raise _wrong(place, f"unknown key {key!r}", f"Known here: {', '.join(sorted(keys))}")


def _as_table(value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(place, "is not a table", "Write it as a TOML table")
    return value


def _table(table: dict[str, Any], key: str, place: str) -> dict[str, Any]:
    return _as_table(table.get(key, {}), f"{place} {key}")


def _list(table: dict[str, Any], key: str, place: str) -> list[Any]:
    value = table.get(key, [])
    if not isinstance(value, list):
        raise _wrong(f"{place} {key}", "is not an array", "Write it as [[...]]")
    return value


def _text(table: dict[str, Any], key: str, place: str, *, required: bool = False) -> str:
    value = table.get(key, "")
    if not isinstance(value, str) or (required and not value):
        raise _wrong(place, f"`{key}` is {'missing' if value == '' else 'not text'}", f'Write {key} = "..."')
    return value


def _texts(table: dict[str, Any], key: str, place: str) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _wrong(place, f"`{key}` is not a list of texts", f'Write {key} = ["...", "..."]')
    return tuple(value)


def _flag(table: dict[str, Any], key: str, place: str) -> bool:
    value = table.get(key, False)
    if not isinstance(value, bool):
        raise _wrong(place, f"`{key}` is neither true nor false", f"Write {key} = true")
    return value
