"""Exploring a zone: what there is, charts of it beside another zone's, and rows of it, as far as a person may see them.

Charts are counts, of which small cells are left out here; rows go out after it is in the audit chain whom they are
about. Filters compare codes, categories and numbers; nothing is filtered by what stands for a person.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from careloom.errors import CareloomError, InputError, QueryError
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.explore_axes import MOST_NAMED
from careloom.services.explore_charts import MOST_TOGETHER, ChartAsk, Looked, chart
from careloom.services.explore_columns import Encoded
from careloom.services.explore_filters import Filter, kept
from careloom.services.explore_frames import Seen, fetched, read
from careloom.services.explore_sources import Field, Source, source_of, sources
from careloom.services.platform import Platform
from careloom.services.search import zone_of
from careloom.store.zone_store import Zone
from careloom.tables.encoding import SMALLEST_CELL
from careloom.tables.suppression import rounded_down

OPERATION = "explore"
MOST_CHARTS, MOST_FILTERS, MOST_ROWS, MOST_COLUMNS = 12, 10, 200, 30
OVERVIEW = 5
"""Distributions where no chart is named."""
_FEW_NAMED = 10
_LATE = ("status", "component", "active", "_system", "intent", "category_system")
_TIMES = ("time", "effective", "start", "onset", "authored", "recorded", "date")
_COUNTS = frozenset({"rows", "patients", "total_rows", "total_patients"})
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ExploreAsk:
    """Which charts of what.

    source   name of a view or of a table
    charts   none for an overview
    against  a zone that has the same source, to be seen beside
    """

    source: str
    charts: tuple[ChartAsk, ...] = ()
    filters: tuple[Filter, ...] = ()
    against: str = ""


@dataclass(frozen=True, slots=True)
class GridAsk:
    """Which rows of what: `columns` in that order, the first so many where none is named; `start` counts from 0."""

    source: str
    columns: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    sort: str = ""
    is_descending: bool = False
    start: int = 0
    limit: int = 50


def explore_sources(platform: Platform, who: Principal, zone_name: str) -> list[Json]:
    """Everything that can be explored in a zone: name, kind, title. raises AccessError"""
    zone = zone_of(zone_name)
    admit(platform, who, "search", zone, operation=OPERATION)
    found = [{"name": name, "kind": kind, "title": title} for name, kind, title in sources(platform, zone)]
    note(platform, who, OPERATION, zone, detail={"sources": len(found)})
    return found


def explore(platform: Platform, who: Principal, zone_name: str, ask: ExploreAsk) -> Json:
    """Charts of a source, small cells left out, and what it is; with filters, counts in multiples of the smallest cell.

    raises  AccessError for either zone; NotFound for a source or column; QueryError for what cannot be asked; Withheld
    """
    if len(ask.charts) > MOST_CHARTS or len(ask.filters) > MOST_FILTERS:
        raise QueryError("too much at once", f"Ask for {MOST_CHARTS} charts and {MOST_FILTERS} filters at most.")
    zones = [zone_of(zone_name), *([zone_of(ask.against)] if ask.against else [])]
    found = [_admitted(platform, who, zone, ask.source) for zone in dict.fromkeys(zones)]
    charts = ask.charts or _overview(found[0][1])
    for source in (one for _, one in found):
        _require_charts(source, charts)
    names = _names(charts, ask.filters)
    looked = [_looked(platform, who, zone, source, (names, ask)) for zone, source in found]
    made = [
        chart(one, looked, SMALLEST_CELL, MOST_NAMED if ask.charts else _FEW_NAMED)
        for one in _useful(charts, looked, is_asked=bool(ask.charts))
    ]
    counted = {"zones": [_told(one) for one in looked], "charts": made}
    if ask.filters:
        counted = rounded_down(counted, _COUNTS, SMALLEST_CELL)
    columns = [_column(one) for one in found[0][1].fields.values()]
    return {"zones": counted["zones"], "columns": columns, "smallest_cell": SMALLEST_CELL, "charts": counted["charts"]}


def explore_rows(platform: Platform, who: Principal, zone_name: str, ask: GridAsk) -> Json:
    """Rows of a source, sorted and filtered, once it is in the audit chain whom they are about.

    raises  as `explore`
    """
    if not 0 < ask.limit <= MOST_ROWS or ask.start < 0 or len(ask.columns) > MOST_COLUMNS:
        raise QueryError("the page", f"Ask for 1 to {MOST_ROWS} rows of {MOST_COLUMNS} columns at most.")
    zone, source = _admitted(platform, who, zone_of(zone_name), ask.source)
    columns = ask.columns or _usual(source, ask)
    names = dict.fromkeys((*columns, *(one.column for one in ask.filters), *([ask.sort] if ask.sort else [])))
    for name in names:
        source.field(name)
    if source.subject:
        names[source.subject] = None
    try:
        return _page(platform, who, zone, source, _Grid(ask, columns, tuple(names)))
    except InputError as error:
        note(platform, who, OPERATION, zone, outcome="failed", detail={"code": error.code})
        raise


def _usual(source: Source, ask: GridAsk) -> tuple[str, ...]:
    """Whom a row is about, what it is sorted and filtered by, and the columns that tell most."""
    free = [one.name for one in source.fields.values() if not one.is_identifier]
    free.sort(key=lambda name: any(name.endswith(part) for part in _LATE))
    first = [source.subject, ask.sort, *(one.column for one in ask.filters), *free[:7]]
    chosen = {name for name in first if name}
    return tuple(dict.fromkeys(name for name in (source.subject, *free, *source.fields) if name in chosen))


@dataclass(frozen=True, slots=True)
class _Grid:
    """A page of rows as it is asked for, the columns that it shows, and all that are read for it."""

    ask: GridAsk
    columns: tuple[str, ...]
    names: tuple[str, ...]


def _page(platform: Platform, who: Principal, zone: Zone, source: Source, grid: _Grid) -> Json:
    ask, columns, names = grid.ask, grid.columns, grid.names
    later = [one for one in names if _is_later(source, one, ask)]
    seen = kept(read(platform, who, zone, source, [one for one in names if one not in later]), source, ask.filters)
    order = _order(seen, ask)[ask.start : ask.start + ask.limit]
    more = fetched(platform, zone, source, order if seen.numbers is None else seen.numbers[order], later)
    shown = {name: _shown(more[name] if name in more else seen.columns[name].at(order)) for name in names}
    subjects = [(text or "").split(",") for text in shown.get(source.subject, [])]
    ids = {one.rpartition("/")[2] for some in subjects for one in some if one}
    detail = {"source": _reference(source), "count": len(order), "filters": len(ask.filters)}
    note(platform, who, OPERATION, zone, subjects=map(platform.store(zone).pseudonym, ids), detail=detail)
    return {
        "source": _reference(source), "columns": [_column(source.fields[one]) for one in columns],
        "rows": [{one: shown[one][at] for one in columns} for at in range(len(order))],
        "patients": [one[0].rpartition("/")[2] if len(one) == 1 else "" for one in subjects],
        "total": seen.rows, "start": ask.start, "looked_at": seen.looked_at, "of": seen.of,
    }  # fmt: skip


def _is_later(source: Source, name: str, ask: GridAsk) -> bool:
    """True for ids of records of a table, which are read for the rows of a page alone."""
    return source.state is not None and source.fields[name].is_identifier and name not in (source.subject, ask.sort)


def _admitted(platform: Platform, who: Principal, zone: Zone, name: str) -> tuple[Zone, Source]:
    admit(platform, who, "search", zone, operation=OPERATION)
    try:
        source = source_of(platform, zone, name)
    except CareloomError as error:
        note(platform, who, OPERATION, zone, outcome="failed", detail={"code": error.code})
        raise
    if source.view is not None:
        admit(platform, who, "search", zone, source.view.resource, operation=OPERATION)
    return zone, source


def _looked(
    platform: Platform, who: Principal, zone: Zone, source: Source, asked: tuple[tuple[str, ...], ExploreAsk]
) -> Looked:
    names, ask = asked
    try:
        seen = kept(read(platform, who, zone, source, names), source, ask.filters)
    except InputError as error:
        note(platform, who, OPERATION, zone, outcome="failed", detail={"code": error.code})
        raise
    detail = {"source": _reference(source), "charts": len(ask.charts), "filters": len(ask.filters), "count": seen.rows}
    note(platform, who, OPERATION, zone, detail=detail)
    return Looked(zone, source, seen)


def _reference(source: Source) -> str:
    return source.name if source.state is None else f"{source.name}@{source.state.version}"


def _names(charts: Sequence[ChartAsk], filters: Sequence[Filter]) -> tuple[str, ...]:
    asked = [name for one in charts for name in (one.column, one.by, one.value, *one.names) if name]
    return tuple(dict.fromkeys([*asked, *(one.column for one in filters)]))


def _require_charts(source: Source, charts: Sequence[ChartAsk]) -> None:
    """Returns where every chart can be drawn. raises NotFound, QueryError"""
    for one in charts:
        if one.kind == "correlations":
            if not 2 <= len(one.names) <= MOST_TOGETHER:
                raise QueryError("correlations", f"Name 2 to {MOST_TOGETHER} columns.")
            if any(source.counted(name).kind == "time" for name in one.names):
                raise QueryError("correlations are of codes and numbers", "Leave times out.")
            continue
        column = source.counted(one.column)
        if one.kind == "trend" and column.kind != "time":
            raise QueryError(f"{one.column} is no time", "A trend goes over a column of times.")
        if one.kind == "cross" and not one.by:
            raise QueryError("a cross-tab of one column", "Name the other one: by.")
        if one.by:
            source.counted(one.by)
        if one.value and source.counted(one.value).kind != "number":
            raise QueryError(f"{one.value} is no number", "Means are of numbers.")


def _overview(source: Source) -> tuple[ChartAsk, ...]:
    """A trend over the likeliest time, and distributions of the first columns that tell something."""
    free = [one for one in source.fields.values() if not one.is_identifier]
    times = [one.name for one in free if one.kind == "time"]
    times.sort(key=lambda name: next((at for at, part in enumerate(_TIMES) if part in name), len(_TIMES)))
    others = [one.name for one in free if one.kind != "time"]
    others.sort(key=lambda name: any(name.endswith(part) for part in _LATE))
    made = [ChartAsk("trend", times[0])] if times else []
    return (*made, *(ChartAsk("distribution", name) for name in others[: OVERVIEW + 3]))


def _useful(charts: Sequence[ChartAsk], looked: Sequence[Looked], *, is_asked: bool) -> list[ChartAsk]:
    """What is asked for; of an overview the first columns in which anything is said, and not always the same."""
    if is_asked:
        return list(charts)
    found = [one for one in charts if any(_differs(each.seen.columns[one.column]) for each in looked)]
    return found[: OVERVIEW + 1]


def _differs(column: Encoded) -> bool:
    there = column.values[~column.missing]
    return bool(there.size) and bool((there != there[0]).any())


def _order(seen: Seen, ask: GridAsk) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Numbers of the rows in their order; rows that say nothing come last, ties stay as they were."""
    if not ask.sort:
        return np.arange(min(seen.rows, ask.start + ask.limit), dtype=np.int64)
    column = seen.columns[ask.sort]
    keys = column.values
    if column.kind == "category":
        rank = np.empty(len(column.labels) + 1, dtype=np.int64)
        rank[np.argsort(np.array([*column.labels, ""], dtype=object)[:-1], kind="stable")] = np.arange(
            len(column.labels)
        )
        keys = rank[keys]
    keys = keys.astype(np.int64) if column.kind == "time" else keys
    there = np.flatnonzero(~column.missing)
    order = there[np.argsort(-keys[there] if ask.is_descending else keys[there], kind="stable")]
    return np.concatenate((order, np.flatnonzero(column.missing)))


def _shown(column: Encoded) -> list[Any]:
    match column.kind:
        case "number":
            return [None if np.isnan(one) else float(f"{one:.12g}") for one in column.values]
        case "category":
            return [None if one < 0 else column.labels[one] for one in column.values]
        case "time":
            return [None if np.isnat(one) else _moment(str(one.astype("datetime64[s]"))) for one in column.values]


def _moment(text: str) -> str:
    return text.removesuffix("T00:00:00").replace("T", " ")[:16]


def _column(one: Field) -> Json:
    return {"name": one.name, "kind": one.kind, "unit": one.unit, "meaning": one.meaning,
            "is_identifier": one.is_identifier, "phi": one.phi}  # fmt: skip


def _told(one: Looked) -> Json:
    """What was looked at in a zone; how many rows and patients, where they are not few."""
    patients = one.seen.patients()
    may = patients == 0 or patients >= SMALLEST_CELL
    return {
        "zone": one.zone, "source": _reference(one.source), "title": one.source.title,
        "rows": one.seen.rows if may else None, "patients": patients if may else None,
        "looked_at": one.seen.looked_at, "of": one.seen.of,
    }  # fmt: skip
