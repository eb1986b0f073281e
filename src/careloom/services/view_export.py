"""Exports of views: resources are exported as any bulk export is, and become rows when a file is fetched.

So whatever holds for an export holds for these: one snapshot, consents and restrictions, erasures that take lines out,
an end of its time, and an audit of whom each file discloses. Nothing tabular lies on the disk.

source  SQL-on-FHIR v2.1, operation $viewdefinition-export
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import polars as pl

from careloom.errors import Conflict, NotFound, QueryError, Unprocessable
from careloom.fhir.views import View, compile_view
from careloom.services import exports
from careloom.services.access import Principal
from careloom.services.export import exports_of
from careloom.services.export_ask import ExportAsk, Level, refused_if_wrong
from careloom.services.platform import Platform
from careloom.services.search import zone_of
from careloom.services.view_budget import FILE_CELLS, Budget
from careloom.services.view_scan import piece_of

MOST_VIEWS = 10
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class NamedView:
    """A view, and what its files are called."""

    name: str
    definition: Any


@dataclass(frozen=True, slots=True)
class ViewExportAsk:
    """What is wanted.

    form      how rows are written, as the faces call it
    patients  stored ids of the only patients wanted; empty for everybody
    since     FHIR instant: only what was updated later; empty for everything
    address   what the client asked, as it asked
    """

    views: tuple[NamedView, ...]
    form: str
    patients: tuple[str, ...] = ()
    since: str = ""
    address: str = ""


def export_ask(zone_name: str, ask: ViewExportAsk) -> ExportAsk:
    """The export of the resources that the views are of. raises ViewError, QueryError"""
    zone = zone_of(zone_name)
    if not 0 < len(ask.views) <= MOST_VIEWS:
        raise QueryError(f"there are no views, or more than {MOST_VIEWS}", "Give each as a parameter view.")
    if len({one.name for one in ask.views}) < len(ask.views):
        raise QueryError("two views have one name", "Name each view.")
    compiled = [compile_view(one.definition) for one in ask.views]
    if ask.form == "csv" and any(column.collection for view in compiled for column in view.columns):
        raise QueryError("CSV holds no lists", "Ask for ndjson or parquet, or take collection out of the view.")
    types = tuple(sorted({view.resource for view in compiled}))
    told = orjson.dumps({"form": ask.form, "views": [[one.name, one.definition] for one in ask.views]}).decode()
    level: Level = "patient" if ask.patients else "system"
    asked = ExportAsk(zone, level, types=types, since=ask.since, patients=ask.patients, address=ask.address, views=told)
    return refused_if_wrong(asked)


def submit(platform: Platform, who: Principal, ask: ExportAsk) -> Json:
    """Queues the export and returns it as it stands. raises AccessError; NotFound for a patient who is not there"""
    return exports.submit(platform, who, ask)


def show(platform: Platform, who: Principal, zone_name: str, export_id: str) -> Json:
    """The export as it stands; once it is whole also ``expires``, ``form``, ``views`` (name -> its files).

    raises  AccessError; NotFound, also for an export that is of no views
    """
    told = exports.show(platform, who, zone_name, export_id, files_at="")
    if "manifest" not in told:
        return told
    held = _held(platform, export_id)
    types = {name: compile_view(view).resource for name, view in held["views"]}
    files = [(one["type"], one["url"].lstrip("/")) for one in told.pop("manifest")["output"]]
    views = {name: [file for kind, file in files if kind == types[name]] for name, _ in held["views"]}
    return told | {"form": held["form"], "views": views}


def fetch(platform: Platform, who: Principal, zone_name: str, export_id: str, name: str, file: str) -> pl.DataFrame:
    """The rows of one file as one view has them; whom it discloses is audited first.

    raises  AccessError; NotFound; Conflict before it is whole; Unprocessable where a resource does not fit the view, or
            where they make too many cells: no row goes out then
    """
    told = show(platform, who, zone_name, export_id)
    if "views" not in told:
        raise Conflict("the export is not whole", "Watch its status until it is.")
    if file not in told["views"].get(name, ()):
        raise NotFound("the export has no file of this name and view", "Its manifest names them.")
    view = compile_view(dict(_held(platform, export_id)["views"])[name])
    return _rows(view, exports.fetch(platform, who, zone_name, export_id, file).pieces)


def form_of(platform: Platform, export_id: str) -> str:
    """How the rows of an export are to be written; ask after `fetch` has let the caller in."""
    form: str = _held(platform, export_id)["form"]
    return form


def _rows(view: View, pieces: Iterator[bytes]) -> pl.DataFrame:
    frames, budget = [pl.DataFrame(schema=view.schema())], Budget(FILE_CELLS)
    for text in pieces:
        piece = piece_of(view, map(orjson.loads, text.splitlines()), budget=budget)
        if piece.refused:
            raise Unprocessable(
                f"{piece.refused} resources do not fit the view: {min(piece.reasons)}",
                "Say collection: true or take the first of several values; go through fewer lists if it says select.",
            )
        frames.append(piece.opened())
    return pl.concat(frames)


def _held(platform: Platform, export_id: str) -> Mapping[str, Any]:
    """What the export was asked for. raises NotFound for one of no views"""
    state = exports_of(platform).find(export_id)
    text = state.asked.get("views", "") if state is not None else ""
    if not text:
        raise NotFound("there is no such export of views", "Its files may have been removed: export again.")
    held: Mapping[str, Sequence[Any]] = orjson.loads(text)
    return held
