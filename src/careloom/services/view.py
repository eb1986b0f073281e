"""Views: a ViewDefinition over a zone's store or over NDJSON files, as Parquet, CSV or NDJSON.

The identified zone is viewed in memory only, some rows at a time: no table of patients lies anywhere in plain text.
Rows go out in batches; who they are about is in the audit chain before they do. A file appears whole or not at all, and
takes no other file's place.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import polars as pl
from sqlalchemy import Connection

from careloom.errors import CareloomError, Conflict, NotFound, QueryError, SetupError, StateError
from careloom.fhir.views import View, compile_view
from careloom.runtime import packaged, packaged_names
from careloom.services import view_scan
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.export import policy_mark, withheld_rows
from careloom.services.platform import Platform
from careloom.services.restrictions import hidden
from careloom.services.search import zone_of
from careloom.services.view_files import FORMATS, writer
from careloom.services.view_ndjson import Files
from careloom.services.view_scan import Piece, Recipe, pieces, usable_cores
from careloom.store.export_scan import patients_behind
from careloom.store.snapshot import Snapshot, snapshot, without
from careloom.store.zone_store import Zone

Watch = Callable[[int, int], None]
OPERATION = "view"
ROWS_SHOWN = 1_000
"""Rows that go to memory where no file is named; of the identified zone at most."""
_REASONS_AT_MOST = 100


@dataclass(frozen=True, slots=True)
class ViewAsk:
    """What is wanted.

    view       name of a view that ships, or a file that holds one
    out        the file to write, by its ending one of `FORMATS`; None for rows in the report
    limit      rows at most where there is no file
    processes  workers that read a zone; 0 for as many as there are cores to use, at most 8
    """

    view: str
    out: Path | None = None
    limit: int = 20
    processes: int = 0


@dataclass(slots=True)
class ViewReport:
    """What became of it.

    resources  of the view's type that were looked at; `refused` of them do not fit the view
    reasons    place in the view -> how many do not fit there
    unread     lines of files that are no JSON object
    by_expressions  of the resources, how many were looked at by columns, in large files, not by the view's function
    shown      the first rows, where no file was asked for
    """

    view: str
    resource: str
    columns: dict[str, str]
    resources: int = 0
    rows: int = 0
    refused: int = 0
    unread: int = 0
    by_expressions: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    shown: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The report as plain JSON."""
        return {name: getattr(self, name) for name in self.__slots__} | {"reasons": dict(sorted(self.reasons.items()))}


def ready_views() -> list[str]:
    """Names of the views that ship."""
    return [Path(name).stem for name in packaged_names("fhir", "ready_views", ".json")]


def definition_of(name: str) -> Any:
    """The JSON of a view that ships, or of the file of that name. raises NotFound, QueryError"""
    if name in ready_views():
        return orjson.loads(packaged("fhir", f"ready_views/{name}.json"))
    try:
        return orjson.loads(Path(name).read_bytes())
    except OSError:
        raise NotFound("there is no such view", f"Name a file, or one of {', '.join(ready_views())}.") from None
    except orjson.JSONDecodeError:
        raise QueryError("the file of the view is no JSON", "Write a ViewDefinition of SQL-on-FHIR.") from None


def view_zone(
    platform: Platform, who: Principal, zone_name: str, ask: ViewAsk, watch: Watch | None = None
) -> ViewReport:
    """The rows of a view over a zone as it is when this begins, in the order in which its resources first came.

    raises  AccessError; QueryError for a zone or file that cannot be used, also any file for the identified zone;
            NotFound, ViewError for the view; Conflict where the file is there already; StateError if the research zone
            was made anew meanwhile
    """
    zone, definition = zone_of(zone_name), definition_of(ask.view)
    compiled = compile_view(definition)
    admit(platform, who, "search", zone, compiled.resource, operation=OPERATION)
    if zone == "identified" and ask.out is not None:
        raise QueryError(
            "a table of identified patients would lie in plain text", "View the research zone, or leave --out away."
        )
    try:
        return _run(compiled, ask, _zone_pieces(platform, who, zone, definition, ask, watch))
    except CareloomError as error:
        note(platform, who, OPERATION, zone, outcome="failed", detail={"type": compiled.resource, "code": error.code})
        raise


def _zone_pieces(
    platform: Platform, who: Principal, zone: Zone, definition: Any, ask: ViewAsk, watch: Watch | None
) -> Iterator[Piece]:
    store, compiled = platform.store(zone), compile_view(definition)
    with store.connect() as connection:
        state, mark = seen(platform, who, zone, connection, compiled.resource), policy_mark(connection, zone)
    recipe = recipe_of(platform, zone, definition, state.as_of)
    is_shown = ask.out is None
    size, processes = (_shown(ask), 1) if is_shown else (view_scan.BATCH, ask.processes or usable_cores())
    done = 0
    for piece in pieces(recipe, state.rows, processes, store.connect, size=size):
        tell(platform, who, zone, compiled, piece)
        done += piece.resources
        yield piece
        if watch is not None:
            watch(done, len(state.rows))
    with store.connect() as connection:
        if policy_mark(connection, zone) != mark:
            raise StateError("the research zone was made anew meanwhile", "View it again.")


def seen(platform: Platform, who: Principal, zone: Zone, connection: Connection, kind: str) -> Snapshot:
    """What a zone holds of a type as the connection sees it, without what restrictions and consents keep from `who`."""
    state = without(connection, snapshot(connection, kind), hidden(platform, who, zone).numbers)
    withheld = withheld_rows(platform, who, platform.store(zone), connection, "access")
    return state._replace(rows=array("q", [one for one in state.rows if one not in withheld])) if withheld else state


def recipe_of(platform: Platform, zone: Zone, definition: Any, as_of: int, *, is_keyed: bool = False) -> Recipe:
    """What the processes that read a zone are told."""
    data = platform.settings.data
    return Recipe(data.database or data.directory, zone, platform.keys, definition, as_of, is_keyed)


def tell(platform: Platform, who: Principal, zone: Zone, compiled: View, piece: Piece) -> None:
    """Writes who a piece is about into the audit chain: the patients under whose keys its resources are sealed."""
    with platform.store(zone).connect() as connection:
        subjects, _ = patients_behind(connection, piece.subjects)
    detail = {"view": compiled.definition.name, "type": compiled.resource, "count": piece.resources}
    note(platform, who, OPERATION, zone, subjects=subjects, detail=detail)


def view_files(files: list[Path], ask: ViewAsk, watch: Watch | None = None) -> ViewReport:
    """The rows of a view over NDJSON files; nothing of the installation is opened.

    raises  NotFound, QueryError, ViewError, Conflict as `view_zone`
    """
    compiled = compile_view(definition_of(ask.view))
    if any(not file.is_file() for file in files):
        raise NotFound("a file to view is not there", "Name NDJSON files.")
    total = sum(file.stat().st_size for file in files)
    held = Files(compiled, files, is_whole=ask.out is not None)

    def made() -> Iterator[Piece]:
        for piece in held.pieces(view_scan.BATCH if ask.out is not None else _shown(ask)):
            yield piece
            if watch is not None:
                watch(held.position, total)

    report = _run(compiled, ask, made())
    report.unread, report.by_expressions = held.unread, held.by_expressions
    return report


def _shown(ask: ViewAsk) -> int:
    return min(max(ask.limit, 1), ROWS_SHOWN)


def report_of(compiled: View, ask: ViewAsk) -> ViewReport:
    """A report that counted nothing yet."""
    columns = {name: str(dtype) for name, dtype in compiled.schema().items()}
    return ViewReport(compiled.definition.name or Path(ask.view).stem, compiled.resource, columns)


def count(report: ViewReport, piece: Piece, frame: pl.DataFrame) -> None:
    """Adds a piece to a report."""
    report.resources += piece.resources
    report.rows += frame.height
    report.refused += piece.refused
    for where, number in piece.reasons.items():
        if where in report.reasons or len(report.reasons) < _REASONS_AT_MOST:
            report.reasons[where] += number


def _run(compiled: View, ask: ViewAsk, made: Iterator[Piece]) -> ViewReport:
    """Rows to a file or into the report."""
    report = report_of(compiled, ask)

    def frames() -> Iterator[pl.DataFrame]:
        for piece in made:
            frame = piece.opened()
            count(report, piece, frame)
            yield frame

    if ask.out is not None:
        if ask.out.suffix == ".csv" and any(column.collection for column in compiled.columns):
            raise QueryError("CSV holds no lists", "Write .parquet or .ndjson, or take collection out of the view.")
        write_frames(compiled.schema(), ask.out, frames())
        return report
    size = _shown(ask)
    for frame in frames():
        report.shown += frame.head(size - len(report.shown)).to_dicts()
        if len(report.shown) >= size:
            break
    return report


def write_frames(schema: Mapping[str, pl.DataType], out: Path, frames: Iterable[pl.DataFrame]) -> None:
    """Writes tables one after the other into a new file, by its ending one of `FORMATS`; it appears when it is whole.

    raises  QueryError for another ending; Conflict where the file is there; SetupError if the disk does not take it
    """
    part = out.with_name(out.name + ".part")
    if out.suffix not in FORMATS:
        raise QueryError("the file's ending tells no format", f"Use one of {', '.join(FORMATS)}.")
    if out.exists() or part.exists():
        raise Conflict("the file is there already, or half of it (.part)", "Name another file.")
    try:
        with writer(part, out.suffix, schema) as add:
            for frame in frames:
                add(frame)
        if out.exists():
            raise Conflict("the file is there already", "Name another file.")
        part.replace(out)
    except OSError as error:
        raise SetupError(f"the table could not be written ({type(error).__name__})", "Name another file.") from None
    finally:
        part.unlink(missing_ok=True)
