"""The part of a resource's JSON that a view looks at, as a type: what a reader of columns is to fill.

Every primitive is kept as its JSON text (``"final"`` with its quotes, ``5.0``): a reader that casts would hide that a
number stands where a text belongs.
"""

from dataclasses import dataclass, field

import pyarrow as pa


@dataclass(slots=True)
class Shape:
    """What is looked at in a property: properties of its own, none for its JSON text; of each item where `many`."""

    many: bool = False
    inner: dict[str, "Shape"] = field(default_factory=dict)

    def at(self, key: str, *, many: bool = False) -> "Shape":
        """The shape of a property, which is looked at from now on."""
        return self.inner.setdefault(key, Shape(many))

    def type_of(self) -> str:
        """As DuckDB writes a type: ``STRUCT("coding" STRUCT("code" JSON)[])``."""
        held = ", ".join(f'"{key}" {shape.type_of()}' for key, shape in self.inner.items())
        return f"{f'STRUCT({held})' if held else 'JSON'}{'[]' if self.many else ''}"


def is_plain(batch: pa.RecordBatch) -> bool:
    """True where no list has a null among its items and no property whose name begins with ``_`` has a value: what a
    list or a text is there for an expression, is not quite what it is for FHIRPath.

    batch  columns of a `Shape`
    """
    return all(_is_plain(name, column) for name, column in zip(batch.schema.names, batch.columns, strict=True))


def _is_plain(name: str, column: pa.Array) -> bool:
    if name.startswith("_"):
        return bool(column.null_count == len(column))
    held = column
    if pa.types.is_list(column.type):
        held = column.values
        if held.null_count:
            return False
    if not pa.types.is_struct(held.type):
        return True
    return all(_is_plain(held.type.field(at).name, held.field(at)) for at in range(held.type.num_fields))
