"""What the routes of research tables take and give, as the OpenAPI document shows it, with an example of each."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from careloom.api.schemas import Count, Model

BOOK: dict[str, Any] = {
    "version": 1, "table": "silver/patients", "smallest": 11, "unknown": 0, "missing": -1,
    "columns": [
        {"name": "patient_id", "kind": "key"},
        {"name": "gender", "kind": "category", "categories": ["female", "male"]},
    ],
}  # fmt: skip
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class PlainColumn(Model):
    """A column that needs no list: a key stays text, times become days, Booleans 0 and 1."""

    name: Name
    kind: Literal["key", "days", "boolean", "number"]


class CategoryColumn(Model):
    """A column of text: the first category is 1."""

    name: Name
    kind: Literal["category"]
    categories: Annotated[list[Annotated[str, Field(max_length=1000)]], Field(max_length=100_000)]


class Codebook(Model):
    """What the numbers of an encoded table mean; as `careloom encode` writes it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": BOOK})

    version: Literal[1]
    table: Annotated[str, Field(pattern=r"^[a-z]+/[a-z_]{1,64}$")]
    smallest: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        description="A category of fewer patients has no number."
    )
    unknown: Literal[0] = Field(description="A category that is not in the codebook.")
    missing: Literal[-1] = Field(description="No value.")
    columns: Annotated[list[PlainColumn | CategoryColumn], Field(min_length=1, max_length=200)]


class EncodeAsk(Model):
    """What to encode by, and how to answer."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"format": "json", "codebook": BOOK}})

    format: Literal["csv", "parquet", "json"] = "csv"
    codebook: Codebook


class EncodedTable(Model):
    """A table as numbers, column by column."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "table": "silver/patients", "rows": 2,
                "columns": {"patient_id": ["7x4o2q5w3m6n7b5v4c3z2l6k5j", "aaaqeayeaudaocajbifqydiob4"],
                            "gender": [1, -1]},
            }
        },
    )  # fmt: skip

    table: str
    rows: Count
    columns: dict[str, list[str | float | int | None]]
