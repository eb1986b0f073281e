"""Views: a ViewDefinition over a zone's store or over NDJSON files, as Parquet, CSV or NDJSON.

The identified zone is viewed in memory only, some rows at a time: no table of patients lies anywhere in plain text.
Rows go out in batches; who they are about is in the audit chain before they do. A file appears whole or not at all, and
takes no other file's place.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from careloom.errors import CareloomError, Conflict, NotFound, QueryError, SetupError
from careloom.fhir.references import patients_of
from careloom.fhir.views import View, compile_view
from careloom.fhir.views_definition import ViewError
from careloom.runtime import packaged, packaged_names
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.platform import Platform
from careloom.services.search import zone_of
from careloom.services.view_files import FORMATS, writer

Watch = Callable[[int, int], None]
OPERATION = "view"
BATCH = 5_000
ROWS_SHOWN = 1_000
"""Rows that go to memory where no file is named; of the identified zone at most."""
_REASONS_AT_MOST = 100


@dataclass(frozen=True, slots=True)
class ViewAsk:
    """What is wanted.

    view   name of a view that ships, or a file that holds one
    out    the file to write, by its ending one of `FORMATS`; None for rows in the report
    limit  rows at most where there is no file
    """

    view: str
    out: Path | None = None
    limit: int = 20


@dataclass(slots=True)
class ViewReport:
    """What became of it.

    resources  of the view's type that were looked at; `refused` of them do not fit the view
    reasons    place in the view -> how many do not fit there
    unread     lines of files that are no JSON object
    shown      the first rows, where no file was asked for
    """

    view: str
    resource: str
    columns: dict[str, str]
    resources: int = 0
    rows: int = 0
    refused: int = 0
    unread: int = 0
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
    """The rows of a view over the current resources of a zone.

    raises  AccessError; QueryError for a zone or file that cannot be used, also any file for the identified zone;
            NotFound, ViewError for the view; Conflict where the file is there already
    """
    zone, compiled = zone_of(zone_name), compile_view(definition_of(ask.view))
    admit(platform, who, "search", zone, compiled.resource, operation=OPERATION)
    if zone == "identified" and ask.out is not None:
        raise QueryError(
            "a table of identified patients would lie in plain text", "View the research zone, or leave --out away."
        )
    store = platform.store(zone)
    total = store.count().get(compiled.resource, 0)

    def told(batch: list[Any]) -> list[Any]:
        subjects = {store.pseudonym(name) for resource in batch for name in patients_of(resource)}
        detail = {"view": compiled.definition.name, "type": compiled.resource, "count": len(batch)}
        note(platform, who, OPERATION, zone, subjects=subjects, detail=detail)
        return batch

    resources = (stored.resource() for stored in store.scan([compiled.resource]))
    try:
        batches = map(told, _batches(resources, ask))
        return _run(compiled, ask, batches, lambda done: watch(done, total) if watch else None)
    except CareloomError as error:
        note(platform, who, OPERATION, zone, outcome="failed", detail={"type": compiled.resource, "code": error.code})
        raise


def view_files(files: list[Path], ask: ViewAsk, watch: Watch | None = None) -> ViewReport:
    """The rows of a view over NDJSON files; nothing of the installation is opened.

    raises  NotFound, QueryError, ViewError, Conflict as `view_zone`
    """
    compiled = compile_view(definition_of(ask.view))
    if any(not file.is_file() for file in files):
        raise NotFound("a file to view is not there", "Name NDJSON files.")
    total = sum(file.stat().st_size for file in files)
    unread: Counter[str] = Counter()
    position = [0]

    def resources() -> Iterator[Any]:
        for file in files:
            with file.open("rb") as lines:
                for line in lines:
                    position[0] += len(line)
                    held = _object(line)
                    if held is None:
                        unread["lines"] += bool(line.strip())
                    elif held.get("resourceType") == compiled.resource:
                        yield held

    report = _run(compiled, ask, _batches(resources(), ask), lambda _: watch(position[0], total) if watch else None)
    report.unread = unread["lines"]
    return report


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        held = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return held if isinstance(held, dict) else None


def _batches(resources: Iterable[Any], ask: ViewAsk) -> Iterator[list[Any]]:
    """As many at a time as a table takes well; where few rows are shown, no more than are wanted."""
    every = iter(resources)
    size = BATCH if ask.out is not None else min(max(ask.limit, 1), ROWS_SHOWN)
    while batch := list(islice(every, size)):
        yield batch


def _run(compiled: View, ask: ViewAsk, batches: Iterable[list[Any]], watch: Callable[[int], None]) -> ViewReport:
    columns = {name: str(dtype) for name, dtype in compiled.schema().items()}
    report = ViewReport(compiled.definition.name or Path(ask.view).stem, compiled.resource, columns)
    if ask.out is None:
        limit = min(max(ask.limit, 0), ROWS_SHOWN)
        for batch in batches:
            report.shown += _frame(compiled, batch, report).head(limit - len(report.shown)).to_dicts()
            watch(report.resources)
            if len(report.shown) >= limit:
                break
        return report
    _refuse_place(ask.out, compiled)
    part = ask.out.with_name(ask.out.name + ".part")
    try:
        with writer(part, ask.out.suffix, compiled.schema()) as add:
            for batch in batches:
                add(_frame(compiled, batch, report))
                watch(report.resources)
        if ask.out.exists():
            raise Conflict("the file is there already", "Name another file.")
        part.replace(ask.out)
    except OSError as error:
        raise SetupError(f"the table could not be written ({type(error).__name__})", "Name another file.") from None
    finally:
        part.unlink(missing_ok=True)
    return report


def _refuse_place(out: Path, compiled: View) -> None:
    if out.suffix not in FORMATS:
        raise QueryError("the file's ending tells no format", f"Use one of {', '.join(FORMATS)}.")
    if out.exists():
        raise Conflict("the file is there already", "Name another file.")
    if out.suffix == ".csv" and any(column.collection for column in compiled.columns):
        raise QueryError("CSV holds no lists", "Write .parquet or .ndjson, or take collection out of the view.")


def _frame(compiled: View, batch: list[Any], report: ViewReport) -> pl.DataFrame:
    """The table of a batch; what does not fit the view is counted by its place."""
    rows = []
    for resource in batch:
        report.resources += 1
        try:
            rows += compiled.rows(resource)
        except ViewError as error:
            report.refused += 1
            if error.where in report.reasons or len(report.reasons) < _REASONS_AT_MOST:
                report.reasons[error.where] += 1
    report.rows += len(rows)
    return compiled.frame(rows)
