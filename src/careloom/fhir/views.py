"""Views of SQL-on-FHIR v2: a ViewDefinition, compiled to a function from a resource to rows, and to tables.

    people = compile_view({"resource": "Patient", "select": [{"column": [{"name": "id", "path": "id"}]}]})
    people.rows({"resourceType": "Patient", "id": "p1"})      # [("p1",)]
    people.table(patients)                                    # a polars frame with the column id

source  SQL-on-FHIR v2.0 (https://sql-on-fhir.org)
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import polars as pl

from careloom.fhir.fhirpath_errors import PathError
from careloom.fhir.views_definition import Column, Definition, ViewError, read_view
from careloom.fhir.views_interpret import Row, interpreted
from careloom.fhir.views_needed import needed_text
from careloom.fhir.views_write import UNEXPECTED, Rows, written

_DTYPES: dict[str, pl.DataType] = {"boolean": pl.Boolean(), "integer": pl.Int64(), "decimal": pl.Float64()}
"""How values are kept -> the type of their column; texts, codes, dates and times are String: as precise as written."""


@dataclass(frozen=True, slots=True)
class View:
    """A compiled view.

    definition  what it asks for
    columns     its columns, in the order of its rows
    fast        the function written for well-formed resources; None where the view goes through what is not plain
    needed      bytes that the JSON of every resource has which makes rows, as `needed_text`; b"" where none are known
    """

    definition: Definition
    columns: tuple[Column, ...]
    fast: Rows | None
    needed: bytes = b""

    @property
    def resource(self) -> str:
        """The resource type that it is of."""
        return self.definition.resource

    def rows(self, resource: Any) -> list[Row]:
        """The rows of a resource in JSON, none of one of another type: text, int, float, bool, None; lists of those
        in collections.

        raises  ViewError with the place in the view, where the resource does not fit it
        """
        if self.fast is not None:
            try:
                return self.fast(resource) if resource["resourceType"] == self.definition.resource else []
            except (*UNEXPECTED, PathError, ViewError):  # the interpreter tells what is wrong, or that nothing is
                pass
        return interpreted(self.definition, resource)

    def schema(self) -> dict[str, pl.DataType]:
        """Column name -> type; a column whose FHIR type is not known holds texts, of numbers and truths as JSON."""
        kinds = {column.name: _DTYPES.get(column.kept_as, pl.String()) for column in self.columns}
        return {
            column.name: pl.List(kinds[column.name]) if column.collection else kinds[column.name]
            for column in self.columns
        }

    def table(self, resources: Iterable[Any]) -> pl.DataFrame:
        """The rows of many resources as a table of `schema`, in order; a table without rows where there are none.

        raises  ViewError as `rows`
        """
        return self.frame([row for resource in resources for row in self.rows(resource)])

    def frame(self, rows: list[Row]) -> pl.DataFrame:
        """Rows of this view as a table of `schema`."""
        columns = list(zip(*rows, strict=True)) or [() for _ in self.columns]
        series = [
            pl.Series(name, _texts(values) if not column.kept_as else values, dtype, strict=True)
            for (name, dtype), column, values in zip(self.schema().items(), self.columns, columns, strict=True)
        ]
        return pl.DataFrame(series)


def _texts(values: Iterable[Any]) -> list[Any]:
    """Values of a column without a type, as texts."""
    return [_texts(one) if isinstance(one, list) else _text(one) for one in values]


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)


def compile_view(view: Any) -> View:
    """A view, ready to be asked.

    view    the JSON of a ViewDefinition
    raises  ViewError with the place in the view and what to do
    """
    definition = read_view(view)
    return View(definition, definition.root.all_columns(), written(definition), needed_text(definition))
