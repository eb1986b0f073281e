"""The rows of a view over one state of a zone, part after part, by any number of processes: the same rows in the same
order. Keys reach a worker as the name of their keeper, never as bytes, and rows leave it as Arrow in memory.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import Connection

from careloom.crypto.keys import KeyProvider
from careloom.errors import StateError
from careloom.fhir.references import patients_of
from careloom.fhir.views import View, compile_view
from careloom.fhir.views_definition import ViewError
from careloom.fhir.views_interpret import Row
from careloom.pipeline.runner import collector_resting
from careloom.pipeline.workers import in_order
from careloom.runtime import Runtime
from careloom.services.view_budget import Budget
from careloom.store.engine import open_engine, reading
from careloom.store.snapshot import SnapshotReader
from careloom.store.zone_keys import ZoneKeys

BATCH = 5_000
"""Resources of one part: what is in memory, times two for each process."""
ALONE_BELOW = 40_000
"""Fewer resources are read by the calling process: others take longer to start."""
KEYED = {"resource_key": pl.String(), "row_number": pl.Int32(), "patient_ids": pl.String()}
"""Columns that name a row of a kept table: the resource it is made of, its number there, and whom it is about (ids,
joined by commas)."""


Connect = Callable[[], AbstractContextManager[Connection]]


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that decides the rows: what another process needs to make them.

    place     the data directory or the database's URL
    view      the JSON of the ViewDefinition
    as_of     moment of the snapshot, microseconds since 1970
    is_keyed  rows begin with the columns of `KEYED`
    """

    place: Path | str
    zone: str
    keys: KeyProvider
    view: Any
    as_of: int
    is_keyed: bool = False


@dataclass(slots=True)
class Piece:
    """The rows of one part.

    resources  that were looked at; `refused` of them do not fit, at the places in `reasons`
    subjects   numbers of the data keys that seal them
    """

    frame: pl.DataFrame | bytes
    resources: int = 0
    refused: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    subjects: frozenset[int] = frozenset()

    def opened(self) -> pl.DataFrame:
        """The rows as a frame."""
        return pl.read_ipc_stream(BytesIO(self.frame)) if isinstance(self.frame, bytes) else self.frame


class Maker:
    """Makes the pieces of one recipe within one process."""

    def __init__(self, recipe: Recipe, connect: Connect) -> None:
        zone_keys = ZoneKeys(recipe.keys, recipe.zone)
        self._view: View = compile_view(recipe.view)
        self._is_keyed = recipe.is_keyed
        self._connect = connect
        view = self._view
        self._reader = SnapshotReader(zone_keys, Runtime().random_bytes, view.resource, recipe.as_of, view.needed)

    def piece(self, rows: Sequence[int], budget: Budget | None = None) -> Piece:
        """The rows of the resources behind these row numbers, as `piece_of`."""
        with self._connect() as connection:
            part = self._reader.part(connection, rows)
        made = piece_of(self._view, part.resources, is_keyed=self._is_keyed, budget=budget)
        made.resources, made.subjects = part.size, part.subjects
        return made


def piece_of(view: View, resources: Iterable[Any], *, is_keyed: bool = False, budget: Budget | None = None) -> Piece:
    """The rows of resources, each dropped before the next is asked for; what does not fit the view is counted by its
    place.

    budget  what it takes its rows from; None for no bound but that of each resource
    raises  Unprocessable where the budget has no cells left
    """
    found: list[Row] = []
    keys: list[tuple[str, int, str]] = []
    piece = Piece(pl.DataFrame())
    for resource in resources:
        piece.resources += 1
        try:
            made = view.rows(resource)
            rows = made if budget is None else budget.taken(made)
        except ViewError as error:
            piece.refused += 1
            piece.reasons[error.where] += 1
            continue
        found += rows
        if is_keyed and rows:
            name, whom = f"{resource['resourceType']}/{resource['id']}", ",".join(sorted(patients_of(resource)))
            keys += [(name, number, whom) for number in range(len(rows))]
        if budget is not None and budget.is_met:
            break
    frame = view.frame(found)
    if is_keyed:
        columns = list(zip(*keys, strict=True)) or [(), (), ()]
        named = [pl.Series(name, values, kind) for (name, kind), values in zip(KEYED.items(), columns, strict=True)]
        frame = pl.DataFrame(named).hstack(frame)
    piece.frame = frame
    return piece


def bounded(recipe: Recipe, rows: Sequence[int], connect: Connect, budget: Budget, *, size: int) -> Iterator[Piece]:
    """The pieces of the first row numbers, in their order, until the budget's rows are made; in the calling process.

    raises  as `pieces`; Unprocessable where the budget has no cells left
    """
    maker = Maker(recipe, connect)
    with collector_resting() as step:
        for start in range(0, len(rows), size):
            yield maker.piece(rows[start : start + size], budget)
            if budget.is_met:
                return
            step()


def pieces(recipe: Recipe, rows: Sequence[int], processes: int, connect: Connect, *, size: int) -> Iterator[Piece]:
    """The pieces of all row numbers, in their order.

    processes  workers; 1 works in the calling process, and so do few rows
    connect    to the zone's database, for the calling process
    size       resources of one piece
    raises     IntegrityError where a seal was changed; StateError if a worker dies
    """
    parts = (rows[start : start + size] for start in range(0, len(rows), size))
    if processes <= 1 or len(rows) < ALONE_BELOW:
        maker = Maker(recipe, connect)
        with collector_resting() as step:
            for part in parts:
                yield maker.piece(part)
                step()
        return
    lost = StateError(
        "view: a worker process ended before its part was done", "View again; fewer processes need less memory."
    )
    yield from (piece for _, piece in in_order(_making, recipe, parts, processes, lost))


def _making(recipe: Recipe) -> Callable[[Sequence[int]], Piece]:
    engine = open_engine(recipe.place, recipe.zone)
    maker = Maker(recipe, lambda: reading(engine))

    def made(rows: Sequence[int]) -> Piece:
        piece, out = maker.piece(rows), BytesIO()
        piece.opened().write_ipc_stream(out)
        piece.frame = out.getvalue()
        return piece

    return made


def usable_cores() -> int:
    """The cores that this process may use, at most 8: more wait for the one that writes."""
    return min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, 8)
