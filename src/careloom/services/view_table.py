"""Delta tables of views, in the lake of a zone: made whole, then brought up to date with what changed in the store.

A table remembers the moment of the zone that it holds, the zone's count of erasures and the policies it was made under.
Where only resources changed, their rows alone are written; where anybody was erased, another policy ruled, the view is
another one or much has changed, the table is made anew under its old history. Both end with the same rows.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson
import polars as pl

from careloom.errors import Conflict, NotFound, QueryError, StateError
from careloom.fhir.views import View, compile_view
from careloom.fhir.views_phi import phi_of
from careloom.services import view_scan
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.export import policy_mark
from careloom.services.platform import Platform
from careloom.services.restrictions import not_exported
from careloom.services.search import zone_of
from careloom.services.view import OPERATION, ViewAsk, ViewReport, count, definition_of, recipe_of, report_of, tell
from careloom.store.database import erasures
from careloom.store.lake import Lake
from careloom.store.lake_snapshots import numbers_kept
from careloom.store.snapshot import Snapshot, names_of_rows, snapshot, without
from careloom.store.zone_policy import policies_of
from careloom.store.zone_store import Zone
from careloom.tables.schema import Column, Layer, TableSchema

LAYER: Layer = "gold"
OF_RESOURCES = "of_resources"
"""What a table says of itself that is of no view, and was made of the zone's own resources all the same."""
POSITION, ERASURES, POLICIES = "careloom.position", "careloom.erasures", "careloom.policies"
_FEW = 20_000
_SHARE = 5
_TRIES = 3
_KEYED = {
    "resource_key": Column("resource_key", "String", "Type/id of the resource that the row is made of.", phi="quasi"),
    "row_number": Column("row_number", "Int32", "Number of the row among those of its resource, from 0."),
    "patient_ids": Column("patient_ids", "String", "Ids of the patients it is about, joined by commas.", phi="quasi"),
}
_NAMES: dict[pl.DataType, str] = {pl.String(): "String", pl.Int64(): "Int64", pl.Float64(): "Float64"}
Done = Literal["built", "refreshed", "unchanged"]


@dataclass(frozen=True, slots=True)
class TableAsk:
    """Which table is wanted.

    view          name of a view that ships, or a file that holds one; the table bears the view's name
    partition_by  columns that say nothing about who it is
    is_anew       made whole even where a refresh would do
    """

    view: str
    partition_by: tuple[str, ...] = ()
    is_anew: bool = False
    processes: int = 0


@dataclass(slots=True)
class TableReport:
    """What became of a table.

    done       built (whole), refreshed (only what changed) or unchanged
    version    that holds it now; `rows` in it
    changed    resources whose rows were made again; for a whole table all that were looked at
    deleted    resources that are gone since
    view       digest of the definition
    as_of      microseconds since 1970 of the newest update that it holds
    """

    path: str
    done: Done
    version: int
    rows: int
    changed: int
    deleted: int
    view: str
    as_of: int
    refused: int = 0
    phi: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The report as plain JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


def make_table(platform: Platform, who: Principal, zone_name: str, ask: TableAsk) -> TableReport:
    """Makes the table of a view, or brings it up to date.

    raises  AccessError; QueryError for a zone without tables, a partition by what tells of a person, or a view whose
            columns have the names of ours; NotFound, ViewError for the view; Conflict if the lake is being written
    """
    zone, definition = _zone(zone_name), definition_of(ask.view)
    compiled = compile_view(definition)
    admit(platform, who, "search", zone, compiled.resource, operation=OPERATION)
    recipe = _Recipe(definition, ask.partition_by, ask.processes)
    return _Table(platform, who, zone, recipe).made(is_anew=ask.is_anew)


def refresh_table(platform: Platform, who: Principal, zone: Zone, path: str, run: str = "") -> TableReport:
    """Brings a table up to date by the view that it was made by; the caller has asked for admission.

    raises  NotFound if there is no such table, or it is of no view
    """
    facts = platform.lake(zone).state(path).facts
    if "definition" not in facts:
        raise NotFound(f"table {path} is of no view", "Make it by careloom view NAME --table.")
    parted = tuple(name for name in facts.get("partition_by", "").split(",") if name)
    recipe = _Recipe(orjson.loads(facts["definition"]), parted, 1, run)
    return _Table(platform, who, zone, recipe).made(is_anew=False)


def forget_position(lake: Lake, path: str, run: str) -> None:
    """Lets a table be made whole by its next refresh, whatever happens until then."""
    lake.remember(path, {ERASURES: -1}, run)


def view_tables(lake: Lake) -> list[str]:
    """The tables of a lake that are of views."""
    return [path for path in lake.paths() if "definition" in lake.state(path).facts]


def tables_of_resources(lake: Lake) -> list[str]:
    """The tables of a lake that were made of its zone's resources in another way than by a view."""
    return [path for path in lake.paths() if OF_RESOURCES in lake.state(path).facts]


def require_kind(lake: Lake, path: str, fact: str) -> None:
    """Returns where a table may be made: there is none of its name, or it says this of itself. Before anything is read
    for it; `Lake.replace` looks again while nobody else writes.

    raises  Conflict where a table of something else has the name, as a release has
    """
    if path in lake.paths() and fact not in lake.state(path).facts:
        raise Conflict(f"there is a table {path} of something else", "Give this one another name.")


def table_of(definition: Any, compiled: View) -> TableSchema:
    """The declared table of a view. raises QueryError for a view without a name, or with columns that have ours"""
    name = compiled.definition.name
    if not name.replace("_", "").isalnum():
        raise QueryError("the view has no name that a table may have", "Give it a name: letters, digits, underscores.")
    phi, schema = phi_of(compiled.definition), compiled.schema()
    taken = sorted(set(schema) & set(_KEYED))
    if taken:
        raise QueryError(f"the view has a column {taken[0]}, as every table has", "Name the column otherwise.")
    own = [
        Column(column.name, _dtype(schema[column.name]), f"FHIRPath: {column.path.text}", phi=phi[column.name])
        for column in compiled.columns
    ]
    title = definition.get("title") if isinstance(definition, dict) else None
    meaning = title if isinstance(title, str) else f"View {name} of {compiled.resource}."
    return TableSchema(
        name.lower(), LAYER, meaning, ("resource_key", "row_number"), "patient_ids", (*_KEYED.values(), *own)
    )


def _dtype(dtype: pl.DataType) -> str:
    if isinstance(dtype, pl.List):
        return f"List[{_dtype(pl.Series(dtype=dtype.inner).dtype)}]"
    return _NAMES.get(dtype, "Boolean")


def digest_of(definition: Any) -> str:
    """What tells a view from another: 32 hexadecimal digits of its JSON, whatever the order of its properties."""
    return hashlib.blake2b(orjson.dumps(definition, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


def _zone(zone_name: str) -> Zone:
    zone = zone_of(zone_name)
    if zone == "identified":
        raise QueryError(
            "a table of identified patients would lie in the lake",
            "View it: its rows go to the screen, and no further.",
        )
    return zone


@dataclass(frozen=True, slots=True)
class _Recipe:
    """How a table is made: its view, its partitions, by how many processes (0: all cores), in which run."""

    definition: Any
    partition_by: tuple[str, ...]
    processes: int
    run: str = ""


@dataclass(frozen=True, slots=True)
class _Now:
    """The zone as one read saw it."""

    state: Snapshot
    erasures: int
    policies: int


class _Table:
    """One table while it is made."""

    def __init__(self, platform: Platform, who: Principal, zone: Zone, recipe: _Recipe) -> None:
        self._platform, self._who, self._zone = platform, who, zone
        self._definition, self._view = recipe.definition, compile_view(recipe.definition)
        self._schema = table_of(recipe.definition, self._view)
        self._partition_by = partition_by = recipe.partition_by
        self._processes, self._run = recipe.processes or view_scan.usable_cores(), recipe.run or platform.run_id()
        self._lake, self._store, self._run_mark = platform.lake(zone), platform.store(zone), ""
        told = {column.name: column for column in self._schema.columns}
        for name in partition_by:
            if name not in told or told[name].phi != "none" or told[name].dtype.startswith(("List", "Float")):
                raise QueryError(
                    f"{name} is no column to part a table by", "Part it by codes or truths that tell of nobody."
                )
        self._report: ViewReport = report_of(self._view, ViewAsk(self._view.definition.name))

    def made(self, *, is_anew: bool) -> TableReport:
        """The table, as the zone is now."""
        with self._store.connect() as connection:
            self._run_mark = policy_mark(connection, self._zone)
        require_kind(self._lake, self._schema.path, "definition")
        for _ in range(_TRIES):
            held = self._held()
            begun = self._now(self._since(is_anew=is_anew))
            report = self._whole() if begun is None else self._refreshed(begun)
            if held not in (None, self._held()):  # somebody was erased since: no earlier version may remember
                kept = numbers_kept(self._lake, self._schema.path) if held is not None and held >= 0 else []
                self._lake.vacuum(self._schema.path, kept=kept)
            with self._store.connect() as connection:
                is_same = erasures(connection) == self._lake.mark(self._schema.path, ERASURES)
                is_of_run = policy_mark(connection, self._zone) == self._run_mark
            if not is_of_run:
                self._lake.drop(self._schema.path)
                raise StateError("the research zone was made anew meanwhile", "Make the table again.")
            if is_same:
                detail = {"table": self._schema.path, "version": report.version, "changed": report.changed}
                note(self._platform, self._who, OPERATION, self._zone, action="create", detail=detail)
                return report
            self._lake.drop(self._schema.path)  # somebody was erased meanwhile: no version may remember
        raise Conflict("patients are being erased", "Make the table when that is done.")

    def _held(self) -> int | None:
        """The count of erasures that the table remembers; None where there is no table."""
        try:
            return self._lake.mark(self._schema.path, ERASURES)
        except NotFound:
            return None

    def _facts(self) -> dict[str, str]:
        text = orjson.dumps(self._definition, option=orjson.OPT_SORT_KEYS).decode()
        return {
            "view": self._view.definition.name,
            "view_digest": digest_of(self._definition),
            "definition": text,
            "partition_by": ",".join(self._partition_by),
        }

    def _since(self, *, is_anew: bool) -> int | None:
        """The moment that the table holds; None where it has to be made whole."""
        try:
            facts = self._lake.state(self._schema.path).facts
        except NotFound:
            return None
        is_other = any(facts.get(name) != text for name, text in self._facts().items())
        return None if is_anew or is_other else self._lake.mark(self._schema.path, POSITION)

    def _now(self, since: int | None) -> _Now | None:
        """What changed since; None where the table has to be made whole."""
        if since is None:
            return None
        now = self._seen(since)
        held = {name: self._lake.mark(self._schema.path, name) for name in (ERASURES, POLICIES)}
        rows = self._lake.state(self._schema.path).rows
        is_much = len(now.state.rows) + len(now.state.deleted) > max(_FEW, rows // _SHARE)
        is_other = held != {ERASURES: now.erasures, POLICIES: now.policies} or now.state.as_of < since
        return None if is_other or is_much else now

    def _seen(self, since: int = 0) -> _Now:
        with self._store.connect() as connection:
            policies = "|".join(one.digest for one in policies_of(connection)) if self._zone == "research" else ""
            left_out = not_exported(self._platform, self._zone).numbers
            ruled = f"{policies}/{sorted(left_out)}" if left_out else policies
            number = int.from_bytes(hashlib.blake2b(ruled.encode(), digest_size=7).digest(), "big")
            state = without(connection, snapshot(connection, self._view.resource, since), left_out)
            return _Now(state, erasures(connection), number)

    def _marks(self, now: _Now) -> dict[str, int]:
        return {POSITION: now.state.as_of, ERASURES: now.erasures, POLICIES: now.policies}

    def _frames(self, now: _Now) -> Iterator[pl.DataFrame]:
        recipe = recipe_of(self._platform, self._zone, self._definition, now.state.as_of, is_keyed=True)
        made = view_scan.pieces(
            recipe, now.state.rows, self._processes, self._store.connect, size=view_scan.BATCH
        )  # fmt: skip
        for piece in made:
            tell(self._platform, self._who, self._zone, self._view, piece)
            frame = piece.opened()
            count(self._report, piece, frame)
            yield frame

    def _whole(self) -> TableReport:
        now = self._seen()
        self._lake.replace(
            self._schema, self._frames(now), self._run, self._marks(now), self._facts(), self._partition_by
        )  # fmt: skip
        return self._told("built", now, len(now.state.rows), 0)

    def _refreshed(self, now: _Now) -> TableReport:
        before = self._lake.state(self._schema.path).version
        with self._store.connect() as connection:
            names = [*names_of_rows(connection, now.state.rows), *names_of_rows(connection, now.state.deleted)]
        keys = pl.DataFrame(pl.Series("resource_key", [f"{self._view.resource}/{one}" for one in names], pl.String))
        frame = pl.concat([self._schema.empty(), *self._frames(now)])
        version = self._lake.refresh(self._schema, keys, frame, self._run, self._marks(now))
        done: Done = "unchanged" if version == before else "refreshed"
        return self._told(done, now, len(now.state.rows), len(now.state.deleted))

    def _told(self, done: Done, now: _Now, changed: int, deleted: int) -> TableReport:
        state = self._lake.state(self._schema.path)
        return TableReport(
            self._schema.path, done, state.version, state.rows, changed, deleted, digest_of(self._definition),
            now.state.as_of, self._report.refused, dict(state.phi),
        )  # fmt: skip
