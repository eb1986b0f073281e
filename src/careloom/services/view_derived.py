"""Views that are made of the rows of several resources: laboratory results side by side, readmissions.

The rows are gathered in memory. Of the identified zone they stay there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import polars as pl

from careloom.errors import CareloomError, QueryError
from careloom.fhir.labs_pivot import pivoted, quantities
from careloom.fhir.readmissions import readmissions
from careloom.fhir.views import compile_view
from careloom.runtime import packaged
from careloom.services import view_scan
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.platform import Platform
from careloom.services.search import zone_of
from careloom.services.view import OPERATION, ROWS_SHOWN, ViewAsk, Watch, recipe_of, seen, tell, write_frames
from careloom.store.zone_store import Zone

Frames = Mapping[str, pl.DataFrame]
Made = tuple[pl.DataFrame, Mapping[str, int]]


@dataclass(slots=True)
class DerivedReport:
    """What became of it.

    resources  type -> how many were looked at
    left_out   what is not in the rows -> how many
    shown      the first rows, where no file was asked for
    """

    view: str
    columns: dict[str, str] = field(default_factory=dict)
    resources: dict[str, int] = field(default_factory=dict)
    rows: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    shown: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The report as plain JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class _Derived:
    """The packaged views whose rows are needed, and what is made of them."""

    views: tuple[str, ...]
    make: Callable[[Frames], Made]


def _labs(frames: Frames) -> Made:
    return pivoted(frames["ready_views/labs_wide"], quantities())


def _readmissions(frames: Frames) -> Made:
    people = frames["derived_views/readmission_patient"]
    cohort, reasons = readmissions(frames["derived_views/readmission_encounter"], people)
    return cohort, {f"stays {reason}": count for reason, count in reasons.items()}


DERIVED = {
    "labs_pivot": _Derived(("ready_views/labs_wide",), _labs),
    "readmissions": _Derived(
        ("derived_views/readmission_encounter", "derived_views/readmission_patient"), _readmissions
    ),
}  # fmt: skip


def view_derived(
    platform: Platform, who: Principal, zone_name: str, ask: ViewAsk, watch: Watch | None = None
) -> DerivedReport:
    """The rows of a view of `DERIVED` over a zone as it is.

    raises  AccessError; QueryError for a file of the identified zone; Conflict where the file is there already
    """
    zone, derived = zone_of(zone_name), DERIVED[ask.view]
    definitions = {name: orjson.loads(packaged("fhir", f"{name}.json")) for name in derived.views}
    for definition in definitions.values():
        admit(platform, who, "search", zone, definition["resource"], operation=OPERATION)
    if zone == "identified" and ask.out is not None:
        raise QueryError(
            "a table of identified patients would lie in plain text", "View the research zone, or leave --out away."
        )
    report = DerivedReport(ask.view)
    try:
        frames = {name: _rows(platform, who, zone, one, report, watch) for name, one in definitions.items()}
        frame, left_out = derived.make(frames)
        report.rows, report.left_out = frame.height, dict(left_out)
        report.columns = {name: str(dtype) for name, dtype in frame.schema.items()}
        if ask.out is not None:
            write_frames(frame.schema, ask.out, iter([frame]))
        else:
            report.shown = frame.head(min(max(ask.limit, 1), ROWS_SHOWN)).to_dicts()
    except CareloomError as error:
        note(platform, who, OPERATION, zone, outcome="failed", detail={"view": ask.view, "code": error.code})
        raise
    return report


def _rows(
    platform: Platform, who: Principal, zone: Zone, definition: Any, report: DerivedReport, watch: Watch | None
) -> pl.DataFrame:
    compiled, store = compile_view(definition), platform.store(zone)
    with store.connect() as connection:
        state = seen(platform, who, zone, connection, compiled.resource)
    recipe = recipe_of(platform, zone, definition, state.as_of)
    found, done = [pl.DataFrame(schema=compiled.schema())], 0
    for piece in view_scan.pieces(
        recipe, state.rows, view_scan.usable_cores(), store.connect, size=view_scan.BATCH
    ):  # fmt: skip
        tell(platform, who, zone, compiled, piece)
        found.append(piece.opened())
        done += piece.resources
        if watch is not None:
            watch(done, len(state.rows))
    report.resources[compiled.resource] = done
    return pl.concat(found)
