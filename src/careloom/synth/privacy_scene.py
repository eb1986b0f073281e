"""Who attacks what: the rows that were learnt from, rows that were not, what the attacker has, and the release."""

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from careloom.errors import InputError
from careloom.synth.metadata import Table
from careloom.synth.metadata_check import conform
from careloom.synth.privacy_space import Codes, Near, Space, near, space

PATIENTS_AT_LEAST = 20


@dataclass(frozen=True, slots=True)
class Limits:
    """How many rows are looked at, at most, taken by lot: of members and controls whole patients.

    targets    rows of members, and as many of controls
    reference  rows that the attacker has
    release    synthetic rows, for measures that compare every pair; the others take all
    """

    targets: int = 10_000
    reference: int = 10_000
    release: int = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Rows of people, and which belong to one patient.

    frame     the modelled columns
    patients  [n] number of the patient, from 0
    """

    frame: pl.DataFrame
    patients: Codes

    @property
    def count(self) -> int:
        """Patients there are."""
        return int(self.patients.max(initial=-1)) + 1

    def one_each(self, draw: np.random.Generator) -> Codes:
        """One row of each patient, by lot: rows of different people, as intervals of shares need them."""
        order = draw.permutation(len(self.patients))
        _, first = np.unique(self.patients[order], return_index=True)
        return order[first]


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A release under attack.

    table      its columns that say something: no identifiers, which synthetic rows need not have
    members    were learnt from; controls were not; both from one source
    reference  rows that the attacker has from the same source, neither members nor controls
    release    the synthetic rows
    """

    table: Table
    members: Group
    controls: Group
    reference: pl.DataFrame
    release: pl.DataFrame
    space: Space
    limits: Limits
    seed: int

    def draw(self, *purpose: int) -> np.random.Generator:
        """A random source of one purpose, the same for the same seed."""
        return np.random.default_rng([self.seed, *purpose])

    def releasing(self, release: pl.DataFrame) -> "Scene":
        """The same people and another release."""
        return replace(self, release=release)

    @property
    def targets(self) -> pl.DataFrame:
        """Members, then controls."""
        return pl.concat([self.members.frame, self.controls.frame])

    def around(self, frame: pl.DataFrame) -> Near:
        """What lies around the targets among other rows."""
        return near(self.space.rows(self.targets), self.space.rows(frame))


def scene(
    table: Table,
    people: tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame | None],
    release: pl.DataFrame,
    *,
    seed: int,
    limits: Limits,
) -> Scene:
    """The scene of an attack.

    people  (members, controls, what the attacker has); without the last, a third of the controls' patients are that
    raises  InputError for a patient in two groups, for nothing to look at, or for too few patients;
            SchemaMismatch for a frame that does not fit
    """
    members, controls = (conform(table, frame) for frame in people[:2])
    draw = np.random.default_rng([seed, 1])
    if people[2] is None:
        whole = _patients(table, controls)
        third = whole.count // 3
        lots = draw.permutation(whole.count)[whole.patients]
        reference, controls = controls.filter(pl.Series(lots < third)), controls.filter(pl.Series(lots >= third))
    else:
        reference = conform(table, people[2])
    _require_apart(table, members, controls, reference)
    groups = [_sampled(_patients(table, frame), limits.targets, draw) for frame in (members, controls)]
    if min(group.count for group in groups) < PATIENTS_AT_LEAST:
        raise InputError(
            f"table {table.name}: there are too few patients to attack",
            f"Give {PATIENTS_AT_LEAST} members and as many controls at least; without a reference half as many again.",
        )
    said = Table(table.name, tuple(column for column in table.modelled if column.name != table.subject))
    shown = conform(said, release)
    known = _some(reference.select(said.names), limits.reference, draw)
    if not shown.height or not known.height:
        raise InputError(f"table {table.name}: the release or the reference has no row", "Give one at least.")
    every = pl.concat([*(group.frame for group in groups), known, shown])
    made = space(said, pl.concat([known, _some(shown, limits.release, draw)]), every)
    return Scene(said, groups[0], groups[1], known, shown, made, limits, seed)


def some(scene: Scene) -> pl.DataFrame:
    """As much of the release as is compared pair by pair."""
    return _some(scene.release, scene.limits.release, scene.draw(2))


def _patients(table: Table, frame: pl.DataFrame) -> Group:
    modelled = frame.select(column.name for column in table.modelled if column.name != table.subject)
    if not table.subject:
        return Group(modelled, np.arange(frame.height))
    return Group(modelled, frame[table.subject].rank("dense").fill_null(0).cast(pl.Int64).to_numpy() - 1)


def _require_apart(table: Table, members: pl.DataFrame, controls: pl.DataFrame, reference: pl.DataFrame) -> None:
    if not table.subject:
        return
    for frame in (members, controls, reference):
        if frame[table.subject].null_count():
            raise InputError(f"table {table.name}: a row names no patient", f"Give {table.subject} for every row.")
    who = [set(frame[table.subject]) for frame in (members, controls, reference)]
    if who[0] & who[1] or who[0] & who[2] or who[1] & who[2]:
        raise InputError(
            f"table {table.name}: a patient is in two of the groups", "Split into groups by patient, not by row."
        )


def _sampled(group: Group, rows: int, draw: np.random.Generator) -> Group:
    """Whole patients by lot, until there are so many rows."""
    if len(group.patients) <= rows:
        return group
    order = draw.permutation(group.count)
    reached = np.cumsum(np.bincount(group.patients)[order])
    chosen = np.zeros(group.count, bool)
    chosen[order[: max(1, int((reached <= rows).sum()))]] = True
    kept = chosen[group.patients]
    return Group(group.frame.filter(pl.Series(kept)), (np.cumsum(chosen) - 1)[group.patients[kept]])


def _some(frame: pl.DataFrame, rows: int, draw: np.random.Generator) -> pl.DataFrame:
    return frame if frame.height <= rows else frame[np.sort(draw.choice(frame.height, rows, replace=False))]
