"""What a person may see of a source, as arrays: columns of a table's version, or of a view over the zone's store.

Of the identified zone nothing is written and nothing is held: its views are made in memory when somebody asks, and who
they are about is in the audit chain before anything is counted.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from careloom.errors import StateError
from careloom.services import view_scan
from careloom.services.access import Principal
from careloom.services.explore_columns import Array, Encoded, Kind, encode
from careloom.services.explore_sources import Source
from careloom.services.export import policy_mark
from careloom.services.lake_sight import RESOURCE, rows_seen, sees_all
from careloom.services.platform import Platform
from careloom.services.synthesize_gate import require_open
from careloom.services.view import recipe_of, seen, tell
from careloom.store.zone_store import Zone

MOST_RESOURCES = 20_000
"""Of a view, that one request looks at: where there are more, evenly taken; tables of views hold all of them."""
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Seen:
    """What `who` may see of a source.

    columns    by name, all of the same rows
    subjects   whom each row is about, by number; None where rows are of nobody, and each counts as one of its own
    people     how many numbers of subjects there are
    version    of a table; None for a view
    numbers    of the rows within all of the source; None where these are all, in order
    looked_at  resources that a view went through, of `of`; 0 of 0 for a table
    """

    columns: Mapping[str, Encoded]
    rows: int
    subjects: Array | None
    people: int
    version: int | None = None
    numbers: Rows | None = None
    looked_at: int = 0
    of: int = 0

    def at(self, mask: Array) -> "Seen":
        """These rows of it."""
        rows: Rows = np.flatnonzero(mask)
        if rows.size == self.rows:
            return self
        columns = {name: one.at(rows) for name, one in self.columns.items()}
        subjects = None if self.subjects is None else self.subjects[rows]
        numbers = rows if self.numbers is None else self.numbers[rows]
        return replace(self, columns=columns, rows=int(rows.size), subjects=subjects, numbers=numbers)

    def patients(self) -> int:
        """How many people the rows are about; a row of nobody, or of nobody knows whom, counts as one."""
        if self.subjects is None:
            return self.rows
        there = np.zeros(self.people + 1, dtype=np.bool_)
        there[self.subjects] = True  # -1, nobody knows whom, is the last
        return int(there[:-1].sum()) + int((self.subjects < 0).sum())


def read(platform: Platform, who: Principal, zone: Zone, source: Source, names: Iterable[str]) -> Seen:
    """The columns that are named, of all rows that `who` may see.

    raises  StateError if the research zone is made anew meanwhile; Withheld for a release that is closed
    """
    wanted = {name: source.fields[name].kind for name in names}
    return _of_table(platform, who, zone, source, wanted) if source.view is None else _of_view(
        platform, who, zone, source, wanted
    )  # fmt: skip


def _of_table(platform: Platform, who: Principal, zone: Zone, source: Source, wanted: dict[str, Kind]) -> Seen:
    state = source.state
    if state is None:
        raise StateError(f"{source.name} is no table", "Name layer and table.")
    require_open(platform, zone, state)
    lake, is_whole = platform.lake(zone), sees_all(platform, who, zone)
    asked: dict[str, Kind] = dict(wanted)
    if source.subject:
        asked[source.subject] = "category"
    if not is_whole and RESOURCE in state.phi:
        asked[RESOURCE] = "category"
    dataset = lake.dataset(f"{state.path}@{state.version}")
    found = platform.explored.get(
        zone, state.path, state.version, asked, lambda names: dataset.to_table(columns=names)
    )  # fmt: skip
    subject = found.get(source.subject)
    made = Seen(
        {name: found[name] for name in wanted}, state.rows,
        None if subject is None else subject.values, 0 if subject is None else len(subject.labels), state.version,
    )  # fmt: skip
    if is_whole:
        return made
    texts = {name: found[name] for name in (source.subject, RESOURCE) if name in found}
    frame = pl.DataFrame({name: _texts(one) for name, one in texts.items()}).with_row_index("__row")
    left = rows_seen(platform, who, zone, state)(frame)["__row"].to_numpy()
    mask = np.zeros(state.rows, dtype=np.bool_)
    mask[left] = True
    return made.at(mask)


def fetched(platform: Platform, zone: Zone, source: Source, numbers: Rows, names: list[str]) -> dict[str, Encoded]:
    """More columns of some rows of a table, in their order: ids of records, which are too many to be held."""
    if source.state is None or not names:
        return {}
    table = platform.lake(zone).dataset(f"{source.name}@{source.state.version}").take(numbers, columns=names)
    return {name: encode(source.fields[name].kind, table.column(name)) for name in names}


def _texts(one: Encoded) -> pl.Series:
    labels = pl.Series(one.labels, dtype=pl.String)
    codes = pl.Series(one.values)
    return labels.gather(pl.select(pl.when(codes >= 0).then(codes)).to_series().cast(pl.UInt32))


def _of_view(platform: Platform, who: Principal, zone: Zone, source: Source, wanted: dict[str, Kind]) -> Seen:
    if source.view is None:
        raise StateError(f"{source.name} is no view", "Name one that ships.")
    store, kind = platform.store(zone), source.view.resource
    with store.connect() as connection:
        state, mark = seen(platform, who, zone, connection, kind), policy_mark(connection, zone)
    recipe = recipe_of(platform, zone, source.definition, state.as_of, is_keyed=True)
    rows = state.rows[:: -(-len(state.rows) // MOST_RESOURCES) or 1]
    columns = list(dict.fromkeys((*wanted, source.subject)))
    schema: dict[str, Any] = {**view_scan.KEYED, **source.view.schema()}
    frames, done = [pl.DataFrame(schema={name: schema[name] for name in columns})], 0
    for piece in view_scan.pieces(recipe, rows, view_scan.usable_cores(), store.connect, size=view_scan.BATCH):
        tell(platform, who, zone, source.view, piece)
        frames.append(piece.opened().select(columns))
        done += piece.resources
    with store.connect() as connection:
        if policy_mark(connection, zone) != mark:
            raise StateError("the research zone was made anew meanwhile", "Look again.")
    frame = pl.concat(frames)
    made = {name: encode(one, frame[name].to_arrow()) for name, one in {**wanted, source.subject: "category"}.items()}
    subject = made[source.subject]
    return Seen(
        {name: made[name] for name in wanted}, frame.height, subject.values, len(subject.labels),
        looked_at=done, of=len(state.rows),
    )  # fmt: skip
