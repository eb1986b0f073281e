"""What can be explored in a zone: views that ship over its store, and tables of its lake; and what columns each has.

Columns that may name a person are no part of it. What stands for a person or a record (ids, keys) is shown in rows and
neither filtered nor counted by.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from careloom.errors import NotFound, QueryError
from careloom.fhir.views import View, compile_view
from careloom.fhir.views_definition import Column
from careloom.fhir.views_phi import phi_of
from careloom.services.explore_columns import Kind
from careloom.services.platform import Platform
from careloom.services.view import definition_of, ready_views
from careloom.store.lake import TableState
from careloom.store.zone_store import Zone

_NUMBERS = frozenset({"integer", "long", "double", "short", "byte", "float"})
_TIMES = frozenset({"date", "timestamp"})
_MOMENTS = frozenset({"date", "dateTime", "instant"})
SUBJECT = "patient_ids"


@dataclass(frozen=True, slots=True)
class Field:
    """One column that can be explored.

    is_identifier  it stands for a person or a record: shown in rows, neither filtered nor counted by
    is_whole       its numbers are whole
    """

    name: str
    kind: Kind
    phi: str
    unit: str = ""
    meaning: str = ""
    is_identifier: bool = False
    is_whole: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """What is explored.

    name     of a view (``patient``) or of a table (``silver/patients``)
    subject  the column that says whom a row is about; empty where the rows are of nobody
    state    of a table; None for a view
    view     compiled; None for a table
    """

    name: str
    title: str
    fields: Mapping[str, Field]
    subject: str = ""
    state: TableState | None = None
    view: View | None = None
    definition: Any = field(default=None, repr=False)

    @property
    def kind(self) -> Literal["table", "view"]:
        """Whether it is a table of the lake, or a view over the store."""
        return "view" if self.state is None else "table"

    def field(self, name: str) -> Field:
        """A column. raises NotFound"""
        if name not in self.fields:
            raise NotFound(f"{self.name} has no column {name} that can be explored", "See its columns.")
        return self.fields[name]

    def counted(self, name: str) -> Field:
        """A column that may be filtered and counted by. raises NotFound, QueryError"""
        found = self.field(name)
        if found.is_identifier:
            raise QueryError(f"{name} stands for a person or a record", "Choose a column of codes, numbers or times.")
        return found


def sources(platform: Platform, zone: Zone) -> list[tuple[str, str, str]]:
    """Name, kind and title of everything that can be explored in a zone: tables of its lake, then views."""
    tables = [] if zone == "identified" else platform.lake(zone).paths()
    return [(one, "table", _table_title(one)) for one in tables] + [
        (one, "view", str(definition_of(one).get("title", one))) for one in ready_views()
    ]


def source_of(platform: Platform, zone: Zone, name: str) -> Source:
    """One by its name. raises NotFound; QueryError for a table of the identified zone"""
    if "/" not in name:
        if name not in ready_views():
            raise NotFound("there is no such view", f"Name a table, or one of {', '.join(ready_views())}.")
        definition = definition_of(name)
        view = compile_view(definition)
        title = str(definition.get("title", name))
        return Source(name, title, _view_fields(view), SUBJECT, None, view, definition)
    if zone == "identified":
        raise QueryError("the identified zone has no lake", "Name a view.")
    lake = platform.lake(zone)
    state = lake.state(name)
    told = state.facts.get("subject", "")
    subject = told if told in state.phi else ""
    fields = {
        made.name: made
        for column in lake.columns(name)
        if (made := _table_field(column, subject, _columns_of(state))) is not None
    }
    return Source(state.path, _table_title(state.path), fields, subject, state)


def _table_title(path: str) -> str:
    return path.partition("/")[2].replace("_", " ").capitalize()


def _columns_of(state: TableState) -> dict[str, Column]:
    """The columns of the view that a table is of."""
    if "definition" not in state.facts:
        return {}
    return {one.name: one for one in compile_view(orjson.loads(state.facts["definition"])).columns}


def _table_field(column: Mapping[str, str], subject: str, of_view: Mapping[str, Column]) -> Field | None:
    name, kind_of = column["name"], column["type"]
    phi = column["phi"] or "direct"
    if phi == "direct" or "<" in kind_of:
        return None
    kind: Kind = "number" if kind_of in _NUMBERS else "time" if kind_of in _TIMES else "category"
    is_identifier = name == subject or _stands_for(name)
    if name in of_view:
        made = of_view[name]
        kind = "time" if made.kind in _MOMENTS else kind
        is_identifier = is_identifier or _is_key(made)
    is_whole = kind_of in _NUMBERS - {"double", "float"}
    return Field(name, kind, phi, column["unit"], column["meaning"], is_identifier, is_whole)


def _view_fields(view: View) -> dict[str, Field]:
    phi = phi_of(view.definition)
    found = {SUBJECT: Field(SUBJECT, "category", "quasi", meaning="Whom the row is about.", is_identifier=True)}
    for column in view.columns:
        if phi[column.name] == "direct" or column.collection:
            continue
        kind: Kind = "number" if column.kept_as in ("integer", "decimal") else "category"
        kind = "time" if column.kind in _MOMENTS else kind
        found[column.name] = Field(
            column.name, kind, phi[column.name], meaning=f"FHIRPath: {column.path.text}",
            is_identifier=_is_key(column) or _stands_for(column.name), is_whole=column.kept_as == "integer",
        )  # fmt: skip
    return found


def _stands_for(name: str) -> bool:
    return name in ("id", "key", "row_number") or name.endswith(("_id", "_ids", "_key"))


def _is_key(column: Column) -> bool:
    """True where a column of a view holds keys or ids."""
    text = column.path.text
    return column.kind == "id" or "Key(" in text or text.rpartition(".")[2] in ("id", "reference")
