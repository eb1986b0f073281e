"""Membership inference by shadow models: fits with and without each of the least usual patients.

source  Carlini et al, Membership Inference Attacks From First Principles (LiRA), S&P 2022 (arXiv 2112.03570): for each
        target a Gaussian of what is seen with it and one without; variances over all targets, as there are few fits. On
        outliers: Stadler, Oprisanu, Troncoso, USENIX Security 2022; Meeus et al, 2023 (arXiv 2306.10308)
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from careloom.errors import InputError
from careloom.synth.privacy_combinations import by_long_sets
from careloom.synth.privacy_membership import SEEN_BELOW, Membership
from careloom.synth.privacy_scene import Scene, some
from careloom.synth.privacy_scores import Told, by_patient, told
from careloom.synth.privacy_space import Codes, Floats, near

Refit = Callable[[pl.DataFrame, int], pl.DataFrame]
"""(rows to learn, seed) -> synthetic rows of a new fit, about as many as were released."""
_NO_NEARER = 0.02
_SHARES = (0.01, 0.1, 1.0)


@dataclass(frozen=True, slots=True)
class Shadows:
    """How shadow models are made.

    refit    fits the generator that made the release, with its own settings
    fits     how often: an even number, 4 at least; each target is in half of them
    targets  patients that are asked about, of members and controls together: those farthest from what the attacker has
    """

    refit: Refit
    fits: int = 16
    targets: int = 400


def by_shadows(scene: Scene, shadows: Shadows) -> Membership:
    """What the attack tells of the least usual patients; it learns on the reference with the targets of each fit.

    raises  InputError for fewer than 4 fits, or an odd number
    """
    if shadows.fits < 4 or shadows.fits % 2:
        raise InputError("shadow models: the number of fits does not do", "Give an even number of 4 at least.")
    known = near(scene.space.rows(scene.targets), scene.space.rows(scene.reference)).distance[:, 0]
    chosen = _least_usual(scene, known, shadows.targets)
    target = _Targets(scene, chosen)
    within = _deal(len(chosen), shadows.fits, scene.draw(14))
    seen = np.stack(
        [
            target.seen(shadows.refit(pl.concat([scene.reference, target.frame_of(each)]), scene.seed + at))
            for at, each in enumerate(within)
        ]
    )
    release = some(scene)

    def at(copies: pl.DataFrame) -> Told:
        scores = _ratio(target.seen(pl.concat([release, copies])), seen, within)
        return told(scores[target.is_member], scores[~target.is_member], scene.draw(15))

    found = at(release.clear())
    would_see = 0.0 if found.chance < SEEN_BELOW else _power(scene, target, at)
    members = int(target.is_member.sum())
    return Membership((members, len(chosen) - members), found, found.chance < SEEN_BELOW, would_see)


def _power(scene: Scene, target: "_Targets", at: Callable[[pl.DataFrame], Told]) -> float | None:
    """The least share of the targets who are members that has to be copied to be seen."""
    members = target.frame_of(target.is_member)
    for share in _SHARES:
        rows = scene.draw(16).permutation(members.height)[: max(1, round(share * members.height))]
        if at(members[rows]).chance < SEEN_BELOW:
            return share
    return None


def _least_usual(scene: Scene, apart: Floats, count: int) -> Codes:
    """Patients farthest from all the attacker has, by their farthest row; controls are numbered after the members."""
    patients = np.concatenate([scene.members.patients, scene.controls.patients + scene.members.count])
    return np.argsort(-by_patient(apart, patients, "highest"), kind="stable")[:count]


def _deal(targets: int, fits: int, draw: np.random.Generator) -> npt.NDArray[np.bool_]:
    """[fits, targets] who is in which fit: each in exactly half of them."""
    half = draw.random((fits // 2, targets)) < 0.5
    return np.asarray(np.stack([half, ~half], 1).reshape(fits, targets))


class _Targets:
    """The rows of the patients who are asked about, and what is seen of each in a release."""

    def __init__(self, scene: Scene, chosen: Codes) -> None:
        self._scene = scene
        patients = np.concatenate([scene.members.patients, scene.controls.patients + scene.members.count])
        place = np.full(scene.members.count + scene.controls.count, -1)
        place[chosen] = np.arange(len(chosen))
        self._kept = place[patients] >= 0
        self._place = place[patients][self._kept]
        self._frame = scene.targets.filter(pl.Series(self._kept))
        self._rows = scene.space.rows(self._frame)
        self.is_member = chosen < scene.members.count

    def frame_of(self, patients: npt.NDArray[np.bool_]) -> pl.DataFrame:
        """All rows of some of the targets."""
        return self._frame.filter(pl.Series(patients[self._place]))

    def seen(self, release: pl.DataFrame) -> Floats:
        """[targets, 4] how near its nearest row comes, how dense it is there by two widths, and by long sets."""
        shown = release.select(self._frame.columns)
        around = near(self._rows, self._scene.space.rows(shown))
        parts = [-np.log(around.distance[:, 0] + _NO_NEARER), *(around.density - np.log(around.count)).T]
        parts.append(by_long_sets(self._scene, shown, self._frame))
        return np.stack([by_patient(part, self._place, "highest") for part in parts], 1)


def _ratio(release: Floats, seen: Floats, within: npt.NDArray[np.bool_]) -> Floats:
    """[targets] log likelihood of the release with the target, less that without; statistics as if independent."""
    total = np.zeros(len(release))
    for statistic in range(seen.shape[2]):
        values = seen[:, :, statistic]
        sides = []
        for side in (within, ~within):
            mean = np.where(side, values, 0).sum(0) / side.sum(0)
            variance = (np.where(side, values - mean, 0) ** 2).sum() / max(1, side.sum() - side.shape[1]) + 1e-6
            sides.append(-0.5 * np.log(variance) - (release[:, statistic] - mean) ** 2 / (2 * variance))
        total += sides[0] - sides[1]
    return total
