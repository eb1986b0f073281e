"""One kind of delimited file under one header: rows to drafts, through closures compiled once."""

import csv
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from careloom.errors import SetupError
from careloom.fhir.drafts import Draft
from careloom.ingest.conversion import Conversion
from careloom.ingest.delimited_columns import BadCell, ParseCell, compile_column
from careloom.ingest.delimited_mapping import Column, DelimitedMapping, FileMapping, Template
from careloom.ingest.delimited_template import Make, Row, TemplateCompiler, UnknownValue
from careloom.issues import Issue
from careloom.pipeline.record import Record

_MOST_ISSUES = 20
_FHIR_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")

Unite = dict[str, tuple[str, Any]]
"""list member -> (member of its elements that tells them apart, what to unite inside equal elements)."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How cells are told apart: delimiter and quote are one character each."""

    delimiter: str = ","
    encoding: str = "utf-8"
    quote: str = '"'


def plain_name(name: str) -> str:
    """A column name as it is compared: without byte order mark, quotes, white space around it, and case."""
    return name.lstrip("\ufeff").strip().strip('"').strip().casefold()


def column_places(file: FileMapping, header: tuple[str, ...]) -> dict[str, int]:
    """Declared column -> index in the header, for those that are there."""
    places: dict[str, int] = {}
    for index, name in enumerate(header):
        places.setdefault(plain_name(name), index)
    found = {}
    for column in file.columns.values():
        for name in (column.name, *column.names):
            if plain_name(name) in places:
                found[column.name] = places[plain_name(name)]
                break
    return found


class RowReader:
    """The compiled reader of one kind of file under one header."""

    def __init__(self, mapping: DelimitedMapping, file: FileMapping, header: tuple[str, ...], dialect: Dialect) -> None:
        self._file = file
        self._dialect = dialect
        self._width = len(header)
        self._header = tuple(map(plain_name, header))
        positions = column_places(file, header)
        place = self._place = f"{mapping.name}: [file.{file.name}]"
        compiler = TemplateCompiler(file.columns, mapping.values, place)
        self._recipes = [_compiled(template, file, compiler, place) for template in file.templates]
        slots = {name: slot for slot, name in enumerate(file.columns)}
        cells = {name: _Cell(slots[name], positions[name], compile_column(column), name, _is_needed(file, column))
                 for name, column in file.columns.items() if name in positions}  # fmt: skip
        self._cells = [cell for name, cell in cells.items() if not file.columns[name].when]
        self._conditional = [(compiler.condition(file.columns[name].when), cell)
                             for name, cell in cells.items() if file.columns[name].when]  # fmt: skip
        self._order = [
            (slots[name], slots[column.not_before], name) for name, column in file.columns.items() if column.not_before
        ]
        compiler.used.update(file.key, [file.patient], (column.not_before for column in file.columns.values()))
        self._unused = sorted(file.columns.keys() - compiler.used)
        self._size = len(file.columns)
        self._missing = [name for name, column in file.columns.items()
                         if name not in positions and (_is_needed(file, column) or name in file.recognise)]  # fmt: skip
        self._twice = [name for name, index in positions.items() if self._header.count(self._header[index]) > 1]
        known = set(positions.values())
        landing = {plain_name(name) for name in file.landing}
        self._extra = [
            name for index, name in enumerate(header) if index not in known and plain_name(name) not in landing
        ]

    def refuse_unused(self) -> None:
        """Raises SetupError where a column is declared and nothing is made of it: it belongs into `landing`."""
        if self._unused:
            names = ", ".join(self._unused)
            raise SetupError(
                f"{self._place}: nothing is made of the columns {names}", "Use them or list them in `landing`"
            )

    def convert(self, record: Record) -> Conversion:
        """Drafts and issues of one record; record 0 of a file is its header and makes nothing."""
        if self._missing:
            names = ", ".join(self._missing)
            return _refused("delimited.missing-column", "header", f"the file lacks the columns {names}")
        if self._twice:
            names = ", ".join(self._twice)
            return _refused("delimited.duplicate-column", "header", f"the header names {names} more than once")
        try:
            text = record.raw.decode(self._dialect.encoding)
        except (UnicodeDecodeError, LookupError):
            return _refused(
                "delimited.encoding", "", f"the bytes are not {self._dialect.encoding}", "Name the right encoding"
            )
        found = _CONTROL.search(text)
        if found is not None:
            line = text.count("\n", 0, found.start()) + 1
            return _refused("delimited.control-character", f"line {line}", "the row holds a control character")
        conversion = Conversion()
        if record.position == 0 and self._is_header(text):
            if self._extra:
                conversion.issues.append(_extra_columns(self._extra))
            return conversion
        self._rows(text, conversion)
        if conversion.refused:
            conversion.drafts.clear()
        return conversion

    def _is_header(self, text: str) -> bool:
        rows = csv.reader(
            io.StringIO(text, newline=""), delimiter=self._dialect.delimiter, quotechar=self._dialect.quote
        )
        try:
            return tuple(map(plain_name, next(rows, []))) == self._header
        except csv.Error:
            return False

    def _rows(self, text: str, conversion: Conversion) -> None:
        rows = csv.reader(
            io.StringIO(text, newline=""), delimiter=self._dialect.delimiter, quotechar=self._dialect.quote, strict=True
        )
        drafts = _Drafts(conversion.drafts)
        line = 1
        try:
            for fields in rows:
                if fields:
                    self._row(fields, line, conversion.issues, drafts)
                    if len(conversion.issues) > _MOST_ISSUES:
                        return
                line = rows.line_num + 1
        except csv.Error:
            message = "the row breaks the rules of quoting, or a cell is larger than the limit"
            conversion.issues.append(Issue("delimited.bad-row", "error", f"line {line}", message))

    def _row(self, fields: list[str], line: int, issues: list[Issue], drafts: "_Drafts") -> None:
        if len(fields) != self._width:
            message = f"the row has {len(fields)} cells where the header has {self._width}"
            issues.append(Issue("delimited.wrong-cell-count", "error", f"line {line}", message))
            return
        before = len(issues)
        row: Row = [None] * self._size
        for cell in self._cells:
            _read(cell, fields, row, line, issues)
        for holds, cell in self._conditional:
            if holds(row):
                _read(cell, fields, row, line, issues)
        for slot, earlier, name in self._order:
            if row[slot] is not None and row[earlier] is not None and _is_before(row[slot], row[earlier]):
                message = f"the date lies before that of {self._file.columns[name].not_before}"
                issues.append(Issue("delimited.before-start", "error", f"line {line}, column {name}", message))
        if len(issues) == before:
            self._make(row, line, issues, drafts)

    def _make(self, row: Row, line: int, issues: list[Issue], drafts: "_Drafts") -> None:
        made = False
        for recipe in self._recipes:
            if recipe.holds is not None and not recipe.holds(row):
                continue
            try:
                resource = recipe.build(row)
                name = recipe.identity(row)
            except UnknownValue as unknown:
                place = f"line {line}, column {unknown.column}"
                issues.append(Issue(unknown.code, "error", place, unknown.message, "Add it to the mapping's table"))
                return
            if resource is None:
                continue
            made = True
            if name is None:
                issues.append(Issue("delimited.missing-key", "error", f"line {line}", "every cell of the key is empty"))
            elif not drafts.add(resource, name, recipe.unite):
                message = f"another row of the record has the same key and makes a different {resource['resourceType']}"
                issues.append(
                    Issue("delimited.key-not-unique", "error", f"line {line}", message, "Widen the mapping's key")
                )
        if not made:
            message = "no resource of the mapping has a condition that this row meets"
            issues.append(Issue("delimited.row-unmapped", "error", f"line {line}", message))


@dataclass(frozen=True, slots=True)
class _Cell:
    """Where a column stands, where its value goes, and how it is read."""

    slot: int
    index: int
    parse: ParseCell
    name: str
    needed: bool


def _read(cell: _Cell, fields: list[str], row: Row, line: int, issues: list[Issue]) -> None:
    try:
        value = cell.parse(fields[cell.index])
    except BadCell as bad:
        issues.append(Issue(bad.code, "error", f"line {line}, column {cell.name}", bad.message))
        return
    if value is not None:
        row[cell.slot] = value
    elif cell.needed:
        place = f"line {line}, column {cell.name}"
        issues.append(Issue("delimited.missing-value", "error", place, "the cell is empty"))


def _is_needed(file: FileMapping, column: Column) -> bool:
    return column.required or column.name == file.patient or file.key == (column.name,)


@dataclass(frozen=True, slots=True)
class _Recipe:
    """One compiled template."""

    holds: Callable[[Row], bool] | None
    build: Make
    identity: Make
    unite: Unite


class _Drafts:
    """The drafts of one record: a resource that came before is the same one, is united with it, or is refused."""

    def __init__(self, drafts: list[Draft]) -> None:
        self._drafts = drafts
        self._seen: dict[tuple[str, str], dict[str, Any]] = {}

    def add(self, resource: dict[str, Any], name: str, unite: Unite) -> bool:
        """False where the same identity stands for a different resource already."""
        key = (resource["resourceType"], name)
        known = self._seen.get(key)
        if known is None:
            self._seen[key] = resource
            if _FHIR_ID.fullmatch(name):
                resource["id"] = name
                self._drafts.append(Draft(resource))
            else:
                self._drafts.append(Draft(resource, source_id=name))
            return True
        if "id" in known:
            resource["id"] = name
        if unite:
            _unite(known, resource, unite)
        return bool(unite) or known == resource


def _unite(known: dict[str, Any], other: dict[str, Any], unite: Unite) -> None:
    """Adds the list elements of `other` that `known` lacks, also inside elements that both have."""
    for name, (member, inner) in unite.items():
        mine = known.setdefault(name, [])
        for element in other.get(name, []):
            same = next((one for one in mine if one.get(member) == element.get(member)), None)
            if same is None:
                mine.append(element)
            elif inner:
                _unite(same, element, inner)


def _compiled(template: Template, file: FileMapping, compiler: TemplateCompiler, place: str) -> _Recipe:
    key = template.id or "|".join(f"{{{name}}}" for name in file.key)
    holds = compiler.condition(template.when) if template.when else None
    unite: Unite = {}
    for path, member in sorted(template.unite.items()):
        level = unite
        *outer, last = path.split(".")
        for name in outer:
            if name not in level:
                raise SetupError(
                    f"{place}: unite {path!r}", "Name the outer list as well, with the member that tells apart"
                )
            level = level[name][1]
        level[last] = (member, {})
    return _Recipe(holds, compiler.resource(template), compiler.text(key), unite)


def _is_before(later: str, earlier: str) -> bool:
    """Whether an ISO date or date-time lies before another; compared as far as both are written the same way."""
    if len(later) == len(earlier) and later[-1] == earlier[-1]:
        return later < earlier
    return later[:10] < earlier[:10]


def _extra_columns(names: list[str]) -> Issue:
    message = f"columns that the mapping does not know stay in the landing zone only: {', '.join(names)}"
    return Issue("delimited.unknown-column", "warning", "header", message, "Declare them in a mapping of your own")


def _refused(code: str, place: str, message: str, remedy: str = "") -> Conversion:
    return Conversion(issues=[Issue(code, "error", place, message, remedy)])
