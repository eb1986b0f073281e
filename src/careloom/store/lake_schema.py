"""A declared table as Delta keeps it: columns with what they mean and how close they come to a person."""

from collections.abc import Mapping

from deltalake import Field, Schema
from deltalake.schema import ArrayType, PrimitiveType

from careloom.tables.schema import Column, TableSchema

_NO_STATISTICS = {"delta.dataSkippingNumIndexedCols": "0"}
_TYPES = {
    "String": "string",
    "Int32": "integer",
    "Int64": "long",
    "Float64": "double",
    "Boolean": "boolean",
    "Date": "date",
    "Datetime[us, UTC]": "timestamp",
}


def delta_schema(table: TableSchema) -> Schema:
    """The columns of a table; each says ``comment``, ``careloom.phi`` and, where it has one, ``careloom.unit``."""
    return Schema([_field(column) for column in table.columns])


def _field(column: Column) -> Field:
    inner = column.dtype.removeprefix("List[").removesuffix("]") if column.dtype.startswith("List[") else ""
    kind = ArrayType(PrimitiveType(_TYPES[inner])) if inner else PrimitiveType(_TYPES[column.dtype])
    told = {"comment": column.meaning, "careloom.phi": column.phi}
    if column.unit:
        told["careloom.unit"] = column.unit
    return Field(column.name, kind, nullable=True, metadata=told)


def column_of(field: Field) -> dict[str, str]:
    """What a table says of a column: name, type, meaning, how close it comes to a person, unit. Where it does not say,
    the column counts as the closest.
    """
    kind, told = field.type, field.metadata
    name = f"array<{kind.element_type.type}>" if isinstance(kind, ArrayType) else str(getattr(kind, "type", kind))
    return {
        "name": field.name, "type": name, "meaning": str(told.get("comment", "")),
        "phi": str(told.get("careloom.phi", "direct")), "unit": str(told.get("careloom.unit", "")),
    }  # fmt: skip


def configuration_of(table: TableSchema, facts: Mapping[str, str]) -> dict[str, str]:
    """What a table says of itself: no statistics, whom its rows are about, what names a row, and facts of its maker."""
    own = {"subject": table.subject, "key": ",".join(table.key)} | dict(facts)
    return _NO_STATISTICS | {f"careloom.{name}": text for name, text in own.items()}
