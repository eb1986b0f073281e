"""A view on request: its rows over a zone, or over resources that were sent, as a table in memory.

Nothing is written to disk. Who the rows are about is in the audit chain before they leave, as with any view.

source  SQL-on-FHIR v2.1, operation $run of ViewDefinition
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from sqlalchemy import Connection

from careloom.errors import AccessError, CareloomError, NotFound, QueryError, StateError, Unprocessable
from careloom.fhir.views import View, compile_view
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.export import policy_mark
from careloom.services.export_ask import ExportAsk, since_of
from careloom.services.platform import Platform
from careloom.services.search import zone_of
from careloom.services.view import OPERATION, recipe_of, seen, tell
from careloom.services.view_budget import RUN_CELLS, Budget
from careloom.services.view_scan import Piece, bounded, piece_of
from careloom.store.export_scan import numbers_of
from careloom.store.search_plan import Term, one_of
from careloom.store.sight import select_rows
from careloom.store.zone_store import Zone

MOST_ROWS = 10_000
"""Rows of one answer."""
_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class RunAsk:
    """What is wanted.

    definition  the JSON of a ViewDefinition
    resources   what to look at in place of the zone; None for the zone
    patients    stored ids of the only patients wanted; empty for everybody
    since       FHIR instant: only what was updated later; empty for everything
    limit       rows at most
    """

    definition: Any
    resources: Sequence[Any] | None = None
    patients: tuple[str, ...] = ()
    since: str = ""
    limit: int = MOST_ROWS


@dataclass(frozen=True, slots=True)
class Ran:
    """The rows, in the order in which their resources first came.

    has_lists  some column holds lists, which CSV cannot
    """

    frame: pl.DataFrame
    has_lists: bool


def run_view(platform: Platform, who: Principal, zone_name: str, ask: RunAsk) -> Ran:
    """The rows of a view, at most `RunAsk.limit`.

    raises  ViewError for the view, before anything is looked at; AccessError; QueryError; NotFound for a patient who is
            not there; Unprocessable where a resource does not fit the view, or where they make too many cells;
            StateError if the research zone was made anew meanwhile
    """
    zone = zone_of(zone_name)
    try:
        compiled = compile_view(ask.definition)
    except CareloomError as error:
        admit(platform, who, "search", zone, operation=OPERATION)
        note(platform, who, OPERATION, zone, outcome="failed", detail={"code": error.code})
        raise
    admit(platform, who, "search", zone, compiled.resource, operation=OPERATION)
    try:
        frame = _frame(platform, who, zone, ask, compiled)
    except AccessError:
        raise
    except CareloomError as error:
        note(platform, who, OPERATION, zone, outcome="failed", detail={"type": compiled.resource, "code": error.code})
        raise
    return Ran(frame, any(column.collection for column in compiled.columns))


def _frame(platform: Platform, who: Principal, zone: Zone, ask: RunAsk, compiled: View) -> pl.DataFrame:
    if not 0 < ask.limit <= MOST_ROWS:
        raise QueryError(f"_limit is not between 1 and {MOST_ROWS}", "Export the view for more rows.")
    frames, budget = [pl.DataFrame(schema=compiled.schema())], Budget(RUN_CELLS, ask.limit)
    if ask.resources is None:
        made = _of_zone(platform, who, zone, ask, compiled, budget)
    else:
        made = iter([piece_of(compiled, ask.resources, budget=budget)])
        note(platform, who, OPERATION, zone, detail={"type": compiled.resource, "sent": len(ask.resources)})
    for piece in made:
        _refuse_unfit(piece)
        frames.append(piece.opened())
    return pl.concat(frames)


def _of_zone(
    platform: Platform, who: Principal, zone: Zone, ask: RunAsk, compiled: View, budget: Budget
) -> Iterator[Piece]:
    store = platform.store(zone)
    with store.connect() as connection:
        state, mark = seen(platform, who, zone, connection, compiled.resource), policy_mark(connection, zone)
        rows = _narrowed(platform, zone, connection, ask, compiled.resource, state.rows)
    if not rows:
        note(platform, who, OPERATION, zone, detail={"type": compiled.resource, "count": 0})
    recipe = recipe_of(platform, zone, ask.definition, state.as_of)
    for piece in bounded(recipe, rows, store.connect, budget, size=_AT_ONCE):
        tell(platform, who, zone, compiled, piece)
        yield piece
    with store.connect() as connection:
        if policy_mark(connection, zone) != mark:
            raise StateError("the research zone was made anew meanwhile", "View it again.")


def _narrowed(
    platform: Platform, zone: Zone, connection: Connection, ask: RunAsk, kind: str, rows: Sequence[int]
) -> Sequence[int]:
    """Those rows that are about the patients wanted, and were updated later. raises NotFound, QueryError"""
    since = since_of(ExportAsk("", since=ask.since))
    if not ask.patients and since < 0:
        return rows
    limits = [Term("r.type = ?", (kind,)), Term("r.last_updated > ?", (since,))]
    if ask.patients:
        pseudonyms = [platform.store(zone).pseudonym(one) for one in ask.patients]
        if any(not numbers_of(connection, [one]) for one in pseudonyms):
            raise NotFound(f"{zone}: there is no such patient", "Ids are stored ids: search for it first.")
        limits.append(one_of("r.subject", numbers_of(connection, pseudonyms)))
    kept = {rid for rid, _ in select_rows(connection, limits)}
    return [one for one in rows if one in kept]


def _refuse_unfit(piece: Piece) -> None:
    """Returns when every resource fits the view. raises Unprocessable that names the place in the view"""
    if piece.refused:
        where = min(piece.reasons)
        raise Unprocessable(
            f"{piece.refused} resources do not fit the view: {where}",
            "Say collection: true or take the first of several values; go through fewer lists if it says select.",
        )
