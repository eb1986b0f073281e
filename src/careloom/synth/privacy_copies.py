"""Copies of patients in a release, and how near its rows come: told beside the controls, and never a gate alone.

Near rows are no proof of a leak, and far ones no proof of none: Yao et al, The DCR Delusion, ESORICS 2025 (arXiv
2505.01524).
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from careloom.metrics import Proportion, wilson_interval
from careloom.synth.privacy_scene import Group, Scene
from careloom.synth.privacy_scores import Risk, by_patient, risk
from careloom.synth.privacy_space import Floats, Near, near

LEVELS = (0.01, 0.05, 0.5)
NEARER_THAN = 0.01
RELEASE_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class Copies:
    """Copies, and distances.

    exact         patients of whom a row stands in the release, all columns alike
    near          patients to whom a synthetic row is nearer than `within`
    within        the distance that `NEARER_THAN` of the controls have from the next real row, copies left out
    of_release    share of the synthetic rows that are (a member's, a control's), of as many rows of each
    nearer        share of `RELEASE_ROWS` synthetic rows that lie nearer to a member than to any of as many controls;
                  0.5 where nothing was learnt by heart
    distances     level -> (members, controls): quantile of the distance from the nearest synthetic row
    ratios        the same of the nearest by the second nearest
    """

    exact: Risk
    near: Risk
    within: float
    of_release: tuple[float, float]
    nearer: Proportion
    distances: dict[str, tuple[float, float]]
    ratios: dict[str, tuple[float, float]]


def copies(scene: Scene, release: pl.DataFrame, around: Near, known: Near) -> Copies:
    """Copies in a release.

    around  what lies around the targets in the release
    known   the same among the reference
    """
    cut = scene.members.frame.height
    apart, real = around.distance[:, 0], known.distance[cut:, 0]
    within = float(np.quantile(real[real > 0], NEARER_THAN)) if (real > 0).any() else 0.0
    ratio = np.divide(apart, around.distance[:, 1], out=np.ones(len(apart)), where=around.distance[:, 1] > 0)
    rows = min(cut, scene.controls.frame.height)
    both = [group.frame[scene.draw(12).permutation(group.frame.height)[:rows]] for group in _groups(scene)]
    return Copies(
        exact=risk(*(_share(group, _is_in(group.frame, release)) for group in _groups(scene))),
        near=risk(_share(scene.members, apart[:cut] < within), _share(scene.controls, apart[cut:] < within)),
        within=within,
        of_release=(float(_is_in(release, both[0]).mean()), float(_is_in(release, both[1]).mean())),
        nearer=_nearer(scene, release, both),
        distances=_quantiles(apart, cut),
        ratios=_quantiles(ratio, cut),
    )


def _groups(scene: Scene) -> tuple[Group, Group]:
    return scene.members, scene.controls


def _is_in(frame: pl.DataFrame, among: pl.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """[rows] which stand in another frame, all columns alike, missing like missing."""
    found = among.unique().with_columns(pl.lit(value=True).alias("is in"))
    joined = frame.join(found, on=frame.columns, how="left", nulls_equal=True, maintain_order="left")
    return joined["is in"].is_not_null().to_numpy()


def _share(group: Group, hits: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Proportion:
    by_one = by_patient(hits.astype(float), group.patients, "highest")
    return wilson_interval(int(by_one.sum()), len(by_one))


def _nearer(scene: Scene, release: pl.DataFrame, both: list[pl.DataFrame]) -> Proportion:
    shown = scene.space.rows(release[scene.draw(13).permutation(release.height)[:RELEASE_ROWS]])
    one, other = (near(shown, scene.space.rows(frame)).distance[:, 0] for frame in both)
    return wilson_interval(int((one < other).sum()), int((one != other).sum()))


def _quantiles(values: Floats, cut: int) -> dict[str, tuple[float, float]]:
    return {
        f"{level:g}": (float(np.quantile(values[:cut], level)), float(np.quantile(values[cut:], level)))
        for level in LEVELS
    }
