"""Linkability, and inference of what is secret, through the synthetic row that is most like a patient.

source  Giomi et al, PoPETs 2023(2):312-328, sections 4.2 and 4.3; own code. Distances are those of
        `careloom.synth.privacy_space`. A number is inferred where the guess is within `NEARLY` of the width of the
        middle 90 % (there: within 5 % of the value, which has no meaning for dates and near zero)
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from careloom.metrics import wilson_interval
from careloom.synth.metadata import NUMBERS
from careloom.synth.privacy_scene import Group, Scene
from careloom.synth.privacy_scores import Risk, risk
from careloom.synth.privacy_space import Codes, Floats, Rows, blocks, floats

TARGETS = 4_000
SPLITS = 4
"""Ways to deal the columns to two holders; each target is asked about one of them."""
SECRETS = 12
NEARLY = 0.05


def linkability(scene: Scene, release: pl.DataFrame, links: tuple[tuple[str, ...], tuple[str, ...]] | None) -> Risk:
    """How often the nearest synthetic row by one half of the columns is the nearest by the other half, too.

    links  the columns that each of two holders has; None: halves of all columns, by lot, `SPLITS` of them
    """
    shown = scene.space.rows(release)
    draw = scene.draw(10)
    splits = [links] if links else [_halves(scene, draw) for _ in range(SPLITS)]
    shares = []
    for group in (scene.members, scene.controls):
        rows = scene.space.rows(group.frame[_targets(group, draw)])
        linked = 0
        for at, halves in enumerate(splits):
            own = rows.at(np.arange(at, len(rows), len(splits)))
            one, other = (_nearest(_only(scene, own, names), _only(scene, shown, names)) for names in halves)
            linked += int((one == other).sum())
        shares.append(wilson_interval(linked, len(rows)))
    return risk(shares[0], shares[1])


def inference(scene: Scene, release: pl.DataFrame, secrets: tuple[str, ...]) -> dict[str, Risk]:
    """Column -> how often its value in the synthetic row that is nearest by all other columns is the patient's.

    secrets  columns; none: `SECRETS` of the table at most, by lot
    """
    draw = scene.draw(11)
    names = secrets or tuple(np.array(release.columns)[np.sort(draw.permutation(release.width)[:SECRETS])].tolist())
    shown = scene.space.rows(release)
    right: dict[str, list[tuple[int, int]]] = {name: [] for name in names}
    naive: dict[str, int] = {}
    for group in (scene.members, scene.controls):
        frame = group.frame[_targets(group, draw)]
        guesses = _guesses(scene, scene.space.rows(frame), shown, names)
        for name in names:
            truth, said = _values(scene, frame, release, name)
            hits = truth.matches(said.at(guesses[name]))
            right[name].append((int(hits.sum()), frame.height))
            if group is scene.members:
                naive[name] = int(truth.matches(said.at(draw.integers(0, release.height, frame.height))).sum())
    return {
        name: risk(wilson_interval(*one), wilson_interval(*other), wilson_interval(naive[name], one[1]))
        for name, (one, other) in right.items()
    }


def _targets(group: Group, draw: np.random.Generator) -> Codes:
    return draw.permutation(group.one_each(draw))[:TARGETS]


def _halves(scene: Scene, draw: np.random.Generator) -> tuple[tuple[str, ...], tuple[str, ...]]:
    names = draw.permutation(np.array(scene.release.columns)).tolist()
    return tuple(names[: len(names) // 2]), tuple(names[len(names) // 2 :])


def _only(scene: Scene, rows: Rows, names: tuple[str, ...]) -> Rows:
    parts = [scene.space.parts(name) for name in names]
    return rows.columns([at for numbers, _ in parts for at in numbers], [at for _, codes in parts for at in codes])


def _nearest(rows: Rows, among: Rows) -> Codes:
    found = np.empty(len(rows), np.int64)
    for at, squared in blocks(rows, among):
        found[at] = squared.argmin(1)
    return found


def _guesses(scene: Scene, rows: Rows, among: Rows, names: tuple[str, ...]) -> dict[str, Codes]:
    """Column -> [rows] the nearest among others without that column."""
    found = {name: np.empty(len(rows), np.int64) for name in names}
    for at, squared in blocks(rows, among):
        block = rows.at(np.arange(at.start, min(at.stop, len(rows))))
        for name in names:
            own = _only(scene, block, (name,)), _only(scene, among, (name,))
            rest = squared.copy()
            for part in range(own[0].numbers.shape[1]):
                rest -= (own[0].numbers[:, part, None] - own[1].numbers[:, part]) ** 2
            for one, other in zip(own[0].codes, own[1].codes, strict=True):
                rest -= one[:, None] != other
            found[name][at] = rest.argmin(1)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Values:
    """One column of some rows.

    within  how far a guess may be off
    """

    numbers: Floats
    within: float

    def at(self, rows: Codes) -> Floats:
        return self.numbers[rows]

    def matches(self, said: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Which are told rightly; that a value is missing is one."""
        both_missing = np.isnan(self.numbers) & np.isnan(said)
        return np.asarray((np.abs(self.numbers - said) <= self.within) | both_missing)


def _values(scene: Scene, frame: pl.DataFrame, release: pl.DataFrame, name: str) -> tuple[_Values, _Values]:
    if scene.table.column(name).kind in NUMBERS:
        known = floats(scene.reference[name].drop_nulls())
        within = NEARLY * float(np.ptp(np.quantile(known, [0.05, 0.95]))) + 1e-12 if len(known) else 0.0
        return _Values(floats(frame[name]), within), _Values(floats(release[name]), within)
    codes = pl.concat([frame[name], release[name]]).rank("dense").cast(pl.Float64).fill_null(np.nan).to_numpy()
    return _Values(codes[: frame.height], 0.0), _Values(codes[frame.height :], 0.0)
