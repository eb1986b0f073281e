"""What the routes of the lake take and give, as the OpenAPI document shows it, with an example of each."""

import datetime as time
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from careloom.api.answers import told
from careloom.api.schemas import RUN_ID, RUN_PATTERN, Count, Model, Progress, RunId, State

LakeZone = Literal["research", "synthetic"]
PhiClass = Literal["none", "quasi", "direct"]
TABLE: dict[str, Any] = {
    "path": "gold/labs_wide", "version": 3, "rows": 41250, "files": 1, "size_bytes": 913042, "is_sealed": True,
    "view": "labs_wide",
}  # fmt: skip
COLUMN: dict[str, Any] = {
    "name": "status", "type": "string", "phi": "none", "unit": "", "meaning": "FHIRPath: status",
}  # fmt: skip
VERSION: dict[str, Any] = {
    "number": 3, "time": "2026-11-22T01:02:03.412000+00:00", "operation": "WRITE", "run": RUN_ID, "is_readable": True,
}  # fmt: skip
REFRESH: dict[str, Any] = {
    "id": RUN_ID, "state": "done", "actor": "rosa.research", "started": "2026-11-22T01:02:03.412000+00:00",
    "ended": "2026-11-22T01:02:09.907000+00:00", "progress": {"done": 0, "total": 0}, "error": None,
    "table": "gold/labs_wide", "done": "refreshed", "version": 4, "rows": 41300,
}  # fmt: skip


class Table(Model):
    """A table as it is now."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": TABLE})

    path: str = Field(description="Layer and name.")
    version: Count = Field(description="The newest.")
    rows: Count
    files: Count
    size_bytes: Count
    is_sealed: bool = Field(description="Every data file is encrypted.")
    view: str = Field(description="The view that it is made by; empty for research tables.")


class TableList(Model):
    """The tables of a zone."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"items": [TABLE]}})

    items: list[Table]


class TableColumn(Model):
    """A column: what it means, and how close it comes to a person."""

    name: str
    type: str = Field(description="As Delta names it: string, long, double, boolean, date, timestamp, array<string>.")
    phi: PhiClass
    unit: str = Field(description="UCUM; empty where values have none.")
    meaning: str


class TableVersion(Model):
    """A commit of a table."""

    number: Count
    time: time.datetime
    operation: str
    run: str
    is_readable: bool = Field(description="False once its files were erased or vacuumed.")


class TableDetail(Table):
    """A table with its columns, versions and snapshots."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": TABLE | {"columns": [COLUMN], "versions": [VERSION], "snapshots": []}},
    )

    columns: list[TableColumn]
    versions: list[TableVersion] = Field(description="Oldest first.")
    snapshots: list[str] = Field(description="Names of versions that are kept: table, version, digest of the rows.")


class TableRefresh(Model):
    """A refresh as a job."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": REFRESH})

    id: RunId
    state: State
    actor: str
    started: time.datetime | None = Field(description="Null while it waits.")
    ended: time.datetime | None
    progress: Progress
    error: str | None = Field(description="The code of the error that ended it.")
    table: str
    done: Literal["built", "refreshed", "unchanged"] | None = Field(description="Null until it is done.")
    version: Count | None = Field(description="That holds it then.")
    rows: Count | None


class ZonePath(Model):
    """Which zone."""

    zone: LakeZone = told(..., "The zone.", "research")


class TablePath(ZonePath):
    """Which table."""

    layer: Literal["bronze", "silver", "gold"] = told(..., "The layer.", "silver")
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]{0,63}$")] = told(..., "The name of the table.", "patients")


class RefreshPath(ZonePath):
    """Which refresh."""

    run_id: Annotated[str, Field(pattern=RUN_PATTERN)] = told(..., "The id of the refresh.", RUN_ID)


class RowsQuery(Model):
    """Which rows, and how they are written."""

    version: Annotated[int | None, Field(ge=0, le=10**15)] = told(None, "The version; the newest without.", 0)
    columns: Annotated[str, Field(pattern=r"^([A-Za-z0-9_]{1,128}(,[A-Za-z0-9_]{1,128}){0,199})?$")] = told(
        "", "Names of columns with commas between, in the order wanted; all without.", ""
    )
    start: Annotated[int, Field(ge=0, le=10**15)] = told(0, "Number of the first row within the version.", 0)
    limit: Annotated[int, Field(ge=1, le=100_000)] = told(1_000, "Rows at most.", 100)
    format: Literal["ndjson", "csv", "arrow", "parquet"] = told("ndjson", "How the rows are written.", "ndjson")
