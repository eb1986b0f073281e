"""Rows of a table of the lake, a page at a time, without those that restrictions and consents keep from who asks."""

from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO

import polars as pl

from careloom.errors import CareloomError, NotFound, QueryError
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.lake_sight import needed_columns, rows_seen
from careloom.services.platform import Platform
from careloom.services.search import zone_of
from careloom.services.synthesize_gate import require_open
from careloom.store.lake import TableState
from careloom.store.zone_store import Zone

OPERATION = "lake"
ROWS_AT_MOST = 100_000
"""Rows of a page."""


@dataclass(frozen=True, slots=True)
class RowsAsk:
    """Which rows are wanted.

    name     ``gold/labs_wide``, or a version of it: ``gold/labs_wide@3``
    columns  in this order; all of the table where empty
    start    number of the first row within the version; what is left out counts
    limit    rows at most, of which those that may not be seen are left out
    """

    name: str
    columns: tuple[str, ...] = ()
    start: int = 0
    limit: int = 10_000


@dataclass(frozen=True, slots=True)
class RowsPage:
    """Some rows of a version, in its order.

    left_out  rows of the page that restrictions or consents keep back
    next      where the next page starts; None after the last
    """

    path: str
    version: int
    frame: pl.DataFrame
    left_out: int
    next: int | None


def read_rows(platform: Platform, who: Principal, zone_name: str, ask: RowsAsk) -> RowsPage:
    """A page of a table, once it is in the audit chain whom it is about.

    raises  AccessError; NotFound for a table, version or column that is not there; QueryError
    """
    zone = zone_of(zone_name)
    if zone == "identified":
        raise QueryError("the identified zone has no lake", "Name research or synthetic.")
    admit(platform, who, "search", zone, operation=OPERATION)
    try:
        return _page(platform, who, zone, ask)
    except CareloomError as error:
        note(platform, who, OPERATION, zone, outcome="failed", detail={"code": error.code})
        raise


def content_of(page: RowsPage, kind: str) -> bytes:
    """The rows as bytes: ndjson, csv, parquet, or a stream of Arrow. raises QueryError for lists in CSV"""
    frame = page.frame
    if kind == "ndjson":
        return frame.write_ndjson().encode()
    if kind == "csv":
        if any(isinstance(dtype, pl.List) for dtype in frame.dtypes):
            raise QueryError("CSV holds no lists", "Ask for ndjson or arrow, or for other columns.")
        return frame.write_csv().encode()
    out = BytesIO()
    if kind == "parquet":
        frame.write_parquet(out)
        return out.getvalue()
    frame.write_ipc_stream(out, compat_level=pl.CompatLevel.oldest())
    return out.getvalue()


def _page(platform: Platform, who: Principal, zone: Zone, ask: RowsAsk) -> RowsPage:
    if not 0 < ask.limit <= ROWS_AT_MOST or ask.start < 0:
        raise QueryError("the page", f"Ask for 1 to {ROWS_AT_MOST} rows, from row 0 on.")
    lake = platform.lake(zone)
    state = lake.state(ask.name)
    require_open(platform, zone, state)
    wanted = ask.columns or tuple(state.phi)
    _require_columns(state, wanted)
    needed = needed_columns(state)
    columns = tuple(dict.fromkeys((*wanted, *needed)))
    found = lake.page(f"{state.path}@{state.version}", ask.start, ask.limit, columns)
    seen = rows_seen(platform, who, zone, state)(found)
    left_out, end = found.height - seen.height, ask.start + found.height
    detail = {"table": f"{state.path}@{state.version}", "count": seen.height, "left_out": left_out}
    subject = state.facts.get("subject", "")
    ids = _ids(seen[subject].unique().to_list()) if subject in needed else set()
    note(platform, who, OPERATION, zone, subjects=map(platform.store(zone).pseudonym, ids), detail=detail)
    return RowsPage(state.path, state.version, seen.select(wanted), left_out, end if end < state.rows else None)


def _require_columns(state: TableState, columns: Iterable[str]) -> None:
    if not set(columns) <= set(state.phi):
        raise NotFound(f"table {state.path} has no such column", "See its columns: careloom lake tables TABLE.")


def _ids(texts: Iterable[str | None]) -> set[str]:
    return {one for text in texts if text for one in text.split(",")}
