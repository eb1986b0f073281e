"""Membership inference: who of the targets was learnt from, told from the release alone and with rows of the source.

Every attack gives each target a score; members should score above controls. They are blind to which is which.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from careloom.synth.privacy_combinations import by_long_sets, by_pairs
from careloom.synth.privacy_scene import Scene, some
from careloom.synth.privacy_scores import Told, by_patient, told
from careloom.synth.privacy_space import BANDWIDTHS, Floats, Near

Scored = Callable[[Scene, pl.DataFrame], Floats]
"""(scene, release) -> [targets] scores, higher for likelier members; rows, in the order of `Scene.targets`."""
How = Literal["mean", "highest"]
SEEN_BELOW = 0.001
"""A measure sees something where chance does as much less often: in thirty measures, once in thirty reports."""
PLANTED = (0.01, 0.03, 0.1, 0.3, 1.0)
"""Shares of the release, in copies of members' rows, by which the power of attacks is measured."""
_NO_NEARER = 0.02


@dataclass(frozen=True, slots=True)
class Membership:
    """What one attack tells of who was learnt from.

    patients   (members, controls)
    seen       more than chance gives: see `SEEN_BELOW`
    would_see  the least share of members' rows, copied into the release beside what is there, that the attack sees; 0
               where it sees something already; None where it does not even see all members copied: a weak attack,
               which proves nothing
    """

    patients: tuple[int, int]
    told: Told
    seen: bool
    would_see: float | None

    @property
    def is_weak(self) -> bool:
        """The attack would not see a release of the members themselves."""
        return self.would_see is None


def membership(scene: Scene, further: Mapping[str, Scored] | None = None) -> dict[str, Membership]:
    """Name of an attack -> what it tells.

    distance           nearness of the nearest synthetic row
    relative distance  the same by the nearness of the nearest row that the attacker has
    density 0.05, 0.2  ratio by kernels of this width: DOMIAS (van Breugel et al, AISTATS 2023, arXiv 2302.12580)
    pairs, long sets   of `careloom.synth.privacy_combinations`
    further            others by name, e.g. a classifier's ratio through the registry
    """
    base = some(scene)
    around, known = scene.around(base), scene.around(scene.reference)
    attacks = {**(further or {}), "pairs": by_pairs, "long sets": by_long_sets}

    def at(name: str, copies: pl.DataFrame) -> Told:
        if name in attacks:
            return _told(scene, attacks[name](scene, pl.concat([scene.release, copies])), "mean")
        shown = around.with_more(scene.around(copies)) if copies.height else around
        return _told(scene, _nearness(name, shown, known), "highest")

    names = ["distance", "relative distance", *(f"density {width}" for width in BANDWIDTHS), *attacks]
    return {name: _measured(scene, name, at) for name in names}


def _measured(scene: Scene, name: str, at: Callable[[str, pl.DataFrame], Told]) -> Membership:
    found = at(name, scene.release.clear())
    patients = scene.members.count, scene.controls.count
    if found.chance < SEEN_BELOW:
        return Membership(patients, found, seen=True, would_see=0.0)
    for share in PLANTED:
        if at(name, planted(scene, share)).chance < SEEN_BELOW:
            return Membership(patients, found, seen=False, would_see=share)
    return Membership(patients, found, seen=False, would_see=None)


def planted(scene: Scene, share: float) -> pl.DataFrame:
    """Copies of members' rows, as many as this share of the release; at 1 each member's row once."""
    rows = scene.members.frame
    count = rows.height if share == 1 else min(rows.height, max(1, round(share * scene.release.height)))
    return rows[np.sort(scene.draw(6).permutation(rows.height)[:count])]


def _nearness(name: str, shown: Near, known: Near) -> Floats:
    if name == "distance":
        return -shown.distance[:, 0]
    if name == "relative distance":
        return np.asarray(np.log(known.distance[:, 0] + _NO_NEARER) - np.log(shown.distance[:, 0] + _NO_NEARER))
    at = [f"density {width}" for width in BANDWIDTHS].index(name)
    return np.asarray(shown.density[:, at] - np.log(shown.count) - known.density[:, at] + np.log(known.count))


def _told(scene: Scene, scores: Floats, how: How) -> Told:
    cut = scene.members.frame.height
    return told(
        by_patient(scores[:cut], scene.members.patients, how),
        by_patient(scores[cut:], scene.controls.patients, how),
        scene.draw(7),
    )
