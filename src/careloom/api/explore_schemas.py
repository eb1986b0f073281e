"""What the routes of exploring take and give, as the OpenAPI document shows it, with an example of each."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from careloom.api.answers import told
from careloom.api.schemas import Body, Count, Model

ExploreZone = Literal["identified", "research", "synthetic"]
NAME = r"^((bronze|silver|gold)/)?[a-z0-9][a-z0-9_]{0,63}$"
COLUMN = r"^[A-Za-z0-9_]{1,128}$"
_SOURCE: dict[str, Any] = {"name": "silver/observations", "kind": "table", "title": "Observations"}
_FIELD: dict[str, Any] = {
    "name": "category", "kind": "category", "unit": "", "meaning": "Code of the first category.",
    "is_identifier": False, "phi": "none",
}  # fmt: skip
_LOOKED: dict[str, Any] = {
    "zone": "research", "source": "silver/observations@3", "title": "Observations", "rows": 41250, "patients": 118,
    "looked_at": 0, "of": 0,
}  # fmt: skip
_SERIES: dict[str, Any] = {
    "zone": "research", "name": "", "rows": [30120, None], "patients": [118, None], "means": None,
    "total_rows": 41250, "total_patients": 118, "summary": None,
}  # fmt: skip
_CHART: dict[str, Any] = {
    "kind": "distribution", "column": "category", "by": "", "value": "", "axis": "category", "unit": "",
    "bins": [{"label": "laboratory", "low": None, "high": None}, {"label": "survey", "low": None, "high": None}],
    "series": [_SERIES], "left_out": 1, "difference": None, "correlations": None,
}  # fmt: skip
_EXPLORED: dict[str, Any] = {"zones": [_LOOKED], "columns": [_FIELD], "smallest_cell": 11, "charts": [_CHART]}
_ASKED: dict[str, Any] = {
    "source": "observation", "charts": [{"kind": "distribution", "column": "category"}],
    "filters": [{"column": "status", "operator": "is", "values": ["final"]}],
}  # fmt: skip
_ROWS: dict[str, Any] = {
    "source": "silver/observations@3", "columns": [_FIELD], "rows": [{"category": "laboratory"}], "patients": ["4q2c"],
    "total": 41250, "start": 0, "looked_at": 0, "of": 0,
}  # fmt: skip
ColumnName = Annotated[str, Field(pattern=COLUMN)]
MaybeColumn = Annotated[str, Field(pattern=r"^([A-Za-z0-9_]{1,128})?$")]


class ExplorePath(Model):
    """Of which zone."""

    zone: ExploreZone = told(..., "The zone.", "research")


class Condition(Body):
    """Which rows are counted."""

    column: ColumnName
    operator: Literal["is", "not", "above", "below", "known", "unknown"] = Field(
        description="is, not: one of the values; above: the number or more; below: less; known, unknown: said or not."
    )
    values: list[Annotated[str, Field(max_length=200)]] = Field(
        [], max_length=50, description="Codes, categories or numbers, as text."
    )


class ChartBody(Body):
    """Which chart."""

    kind: Literal["distribution", "trend", "cross", "correlations"]
    column: MaybeColumn = Field("", description="Its values are the bins; of a trend a time.")
    by: MaybeColumn = Field("", description="Another column: a series for each of its commonest values.")
    value: MaybeColumn = Field("", description="A number, of which means are wanted, too.")
    names: list[ColumnName] = Field([], max_length=10, description="Columns, for correlations.")


class ExploreBody(Body):
    """Which charts of what."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": _ASKED})

    source: Annotated[str, Field(pattern=NAME)] = Field(description="A view that ships, or a table: layer and name.")
    charts: list[ChartBody] = Field([], max_length=12, description="Without any: an overview.")
    filters: list[Condition] = Field([], max_length=10, description="All have to hold.")
    against: Literal["", "identified", "research", "synthetic"] = Field(
        "", description="A zone that has the same source, to be seen beside."
    )


class GridBody(Body):
    """Which rows of what."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"source": "observation", "limit": 50}})

    source: Annotated[str, Field(pattern=NAME)]
    columns: list[ColumnName] = Field([], max_length=30, description="In that order; the first eight without.")
    filters: list[Condition] = Field([], max_length=10)
    sort: MaybeColumn = ""
    is_descending: bool = False
    start: Annotated[int, Field(ge=0, le=10**9, strict=True)] = 0
    limit: Annotated[int, Field(ge=1, le=200, strict=True)] = 50


class ExploreSource(Model):
    """What can be explored."""

    name: str
    kind: Literal["table", "view"]
    title: str


class ExploreSources(Model):
    """Everything that can be explored in a zone."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"items": [_SOURCE]}})

    items: list[ExploreSource]


class ExploreColumn(Model):
    """A column that can be explored; columns that may name a person are none."""

    name: str
    kind: Literal["number", "category", "time"]
    unit: str = Field(description="UCUM; empty where values have none.")
    meaning: str
    is_identifier: bool = Field(description="Shown in rows, neither filtered nor counted by.")
    phi: Literal["none", "quasi"]


class ExploreLooked(Model):
    """What was looked at in a zone."""

    zone: ExploreZone
    source: str = Field(description="Of a table with its version.")
    title: str
    rows: Count | None = Field(description="Null where few patients stand behind them.")
    patients: Count | None
    looked_at: Count = Field(description="Resources that a view went through; 0 for a table.")
    of: Count = Field(description="Resources that there are: more were not looked at.")


class ExploreBin(Model):
    """One bin: from low up to high, not included; null where it is open, or a category."""

    label: str
    low: float | None
    high: float | None


class ExploreSeries(Model):
    """Counts of each bin; null where they are left out, because few patients stand behind them or behind another."""

    zone: ExploreZone
    name: str = Field(description="The value of `by`; empty without.")
    rows: list[Count | None]
    patients: list[Count | None]
    means: list[float | None] | None
    total_rows: Count | None
    total_patients: Count | None
    summary: dict[str, float] | None = Field(description="rows, mean, sd, p25, median, p75 of a number.")


class ExploreCorrelations(Model):
    """How columns hang together in a zone: Pearson's r, the correlation ratio or Cramér's V."""

    zone: ExploreZone
    values: list[list[float | None]]


class ExploreChart(Model):
    """One chart as counts."""

    kind: Literal["distribution", "trend", "cross", "correlations"]
    column: str
    by: str
    value: str
    axis: Literal["number", "category", "time"]
    unit: str = Field(description="Of numbers in UCUM; of times month, quarter or year.")
    bins: list[ExploreBin]
    series: list[ExploreSeries]
    left_out: Count = Field(description="Cells that are not shown.")
    difference: dict[str, float | None] | None = Field(
        description="Between two zones: jensen_shannon (base 2), kolmogorov_smirnov, total_variation, each 0 to 1; of "
        "correlations the largest difference of a pair."
    )
    correlations: list[ExploreCorrelations] | None


class Explored(Model):
    """Charts, small cells left out."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": _EXPLORED})

    zones: list[ExploreLooked]
    columns: list[ExploreColumn]
    smallest_cell: Count = Field(description="Fewer patients are not shown.")
    charts: list[ExploreChart]


class ExploredRows(Model):
    """A page of rows."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": _ROWS})

    source: str
    columns: list[ExploreColumn]
    rows: list[dict[str, str | float | None]]
    patients: list[str] = Field(description="Whom each row is about; empty where it is nobody alone.")
    total: Count
    start: Count
    looked_at: Count
    of: Count
