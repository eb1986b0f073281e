"""Singling out: does a condition read off the release hold of exactly one patient who was learnt from.

source  Giomi et al, A Unified Framework for Quantifying Privacy Risk in Synthetic Data, PoPETs 2023(2):312-328,
        section 4.1, after Article 29 Working Party, Opinion 05/2014 on Anonymisation Techniques; own code
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from careloom.metrics import Proportion, wilson_interval
from careloom.synth.metadata import NUMBERS
from careloom.synth.privacy_scene import Group, Scene
from careloom.synth.privacy_scores import Risk, risk
from careloom.synth.privacy_space import Codes, Floats, floats

ATTACKS = 2_000
COLUMNS_AT_ONCE = (3, 8)
"""The fewest and the most columns in a condition on several."""
_TRIES = 5
"""Conditions that are tried on one synthetic row; one of them is kept at most."""
How = Literal["=", "<=", ">=", "missing"]


@dataclass(frozen=True, slots=True)
class Condition:
    """One column, how it is compared, and with what (a code for a category)."""

    column: int
    how: How
    value: float


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Rows as numbers, categories as codes; NaN where missing.

    columns   [columns, n]
    patients  [n]
    """

    columns: Floats
    patients: Codes

    def holding(self, conditions: tuple[Condition, ...]) -> int:
        """Patients of whom all the conditions hold in one row."""
        rows = np.ones(self.columns.shape[1], bool)
        for each in conditions:
            values = self.columns[each.column]
            if each.how == "missing":
                rows &= np.isnan(values)
            elif each.how == "=":
                rows &= values == each.value
            else:
                rows &= values <= each.value if each.how == "<=" else values >= each.value
        found = self.patients[rows]
        return len(found) if len(found) < 2 else len(np.unique(found))


@dataclass(frozen=True, slots=True, eq=False)
class Grids:
    """Members, as many controls, and as many rows of the release as members have."""

    members: Grid
    controls: Grid
    release: Grid
    numbers: tuple[bool, ...]


def singling_out(scene: Scene, release: pl.DataFrame) -> dict[str, Risk]:
    """By conditions on one column, and on several: how often they meet one patient alone, at most `ATTACKS` tries each.

    Controls are counted as members are. Naive conditions take each value from another row.
    """
    grids, draw = _grids(scene, release), scene.draw(8)
    single = _on_one(grids, draw)[:ATTACKS]
    several = _on_several(grids, draw)
    naive_single = [_like(each, grids, draw) for each in single]
    naive_several = [_like(each, grids, draw) for each in several]
    return {
        "singling out by one column": _risk(grids, single, naive_single),
        "singling out by several columns": _risk(grids, several, naive_several),
    }


def _grids(scene: Scene, release: pl.DataFrame) -> Grids:
    draw = scene.draw(9)
    patients = min(scene.members.count, scene.controls.count)
    groups = [_cut(group, patients, draw) for group in (scene.members, scene.controls)]
    shown = release[draw.permutation(release.height)[: groups[0].frame.height]]
    frames = [*(group.frame for group in groups), shown]
    columns: list[list[Floats]] = [[], [], []]
    numbers = []
    for name in shown.columns:
        numbers.append(scene.table.column(name).kind in NUMBERS)
        if numbers[-1]:
            parts = [floats(frame[name]) for frame in frames]
        else:
            codes = pl.concat([frame[name] for frame in frames]).rank("dense").cast(pl.Float64).fill_null(np.nan)
            parts = np.split(codes.to_numpy(), np.cumsum([frame.height for frame in frames])[:-1])
        for column, part in zip(columns, parts, strict=True):
            column.append(part)
    who = [*(group.patients for group in groups), np.arange(shown.height)]
    made = [Grid(np.stack(column), each) for column, each in zip(columns, who, strict=True)]
    return Grids(made[0], made[1], made[2], tuple(numbers))


def _cut(group: Group, patients: int, draw: np.random.Generator) -> Group:
    chosen = draw.permutation(group.count) < patients
    kept = chosen[group.patients]
    return Group(group.frame.filter(pl.Series(kept)), group.patients[kept])


def _on_one(grids: Grids, draw: np.random.Generator) -> list[tuple[Condition, ...]]:
    """Extremes, values that stand once in the release, a single missing value."""
    found: list[Condition] = []
    for at, values in enumerate(grids.release.columns):
        present = values[~np.isnan(values)]
        if len(present) == len(values) - 1:
            found.append(Condition(at, "missing", 0.0))
        if not len(present):
            continue
        if grids.numbers[at]:
            found += [Condition(at, "<=", float(present.min())), Condition(at, ">=", float(present.max()))]
        seen, count = np.unique(present, return_counts=True)
        found += [Condition(at, "=", float(value)) for value in seen[count == 1]]
    return [(found[at],) for at in draw.permutation(len(found))]


def _on_several(grids: Grids, draw: np.random.Generator) -> list[tuple[Condition, ...]]:
    """Some columns of each synthetic row, numbers above or below the median; kept where they hold of it alone."""
    width, rows = grids.release.columns.shape
    middles = [float(np.nanmedian(values)) if not np.isnan(values).all() else 0.0 for values in grids.release.columns]
    low, high = (min(width, each) for each in COLUMNS_AT_ONCE)
    found: list[tuple[Condition, ...]] = []
    for row in draw.permutation(rows):
        for _ in range(_TRIES):
            columns = draw.choice(width, int(draw.integers(low, high + 1)), replace=False)
            made = tuple(_said(grids, int(at), float(grids.release.columns[at, row]), middles[at]) for at in columns)
            if grids.release.holding(made) == 1:
                found.append(made)
                break
        if len(found) == ATTACKS:
            break
    return found


def _said(grids: Grids, column: int, value: float, middle: float) -> Condition:
    if np.isnan(value):
        return Condition(column, "missing", 0.0)
    if not grids.numbers[column]:
        return Condition(column, "=", value)
    return Condition(column, ">=" if value > middle else "<=", value)


def _like(conditions: tuple[Condition, ...], grids: Grids, draw: np.random.Generator) -> tuple[Condition, ...]:
    """The same columns and comparisons, each with the value of any row of the release."""
    made = []
    for each in conditions:
        value = float(grids.release.columns[each.column, int(draw.integers(grids.release.columns.shape[1]))])
        is_missing = np.isnan(value) or each.how == "missing"
        made.append(Condition(each.column, "missing", 0.0) if is_missing else Condition(each.column, each.how, value))
    return tuple(made)


def _risk(grids: Grids, main: list[tuple[Condition, ...]], naive: list[tuple[Condition, ...]]) -> Risk:
    def met(grid: Grid, every: list[tuple[Condition, ...]]) -> Proportion:
        return wilson_interval(sum(grid.holding(each) == 1 for each in every), len(every))

    return risk(met(grids.members, main), met(grids.controls, main), met(grids.members, naive))
