"""What a release of synthetic rows tells of the patients who were learnt from: attacks, each beside a control group.

Members and controls are patients of one source; only members were learnt from. Whatever tells them apart is told by the
release. docs/explanation/synthetic-data.md says what each attack sees.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import polars as pl

from careloom.synth.fidelity import Detector
from careloom.synth.metadata import Table
from careloom.synth.privacy_anonymity import singling_out
from careloom.synth.privacy_audit import Audited
from careloom.synth.privacy_copies import Copies, copies
from careloom.synth.privacy_linking import inference, linkability
from careloom.synth.privacy_membership import SEEN_BELOW, Membership, Scored, membership, planted
from careloom.synth.privacy_scene import Limits, Scene, scene, some
from careloom.synth.privacy_scores import Risk
from careloom.synth.privacy_shadow import Shadows, by_shadows

PATIENTS_FOR_LIMIT = 5_000
AREA_AT_MOST = 0.53
"""The upper bound of an attack's area that is let through, where there are `PATIENTS_FOR_LIMIT` of each."""
HITS_AT_MOST = 0.02
"""There, too: the share of members that may be found while 1 % of the controls are accused; the lower bound counts."""
_PLANTED = (0.1, 1.0)


@dataclass(frozen=True, slots=True)
class Anonymity:
    """A risk of the Article 29 Working Party: singling out, linkability, inference.

    seen, would_see, is_weak  as of `Membership`
    """

    risk: Risk
    seen: bool
    would_see: float | None

    @property
    def is_weak(self) -> bool:
        """The attack would not see a release of the members themselves."""
        return self.would_see is None


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked beyond the attacks that need nothing.

    attacks    further membership attacks by name, e.g. ``synth.attack.boosting`` of the registry
    shadows    None: no shadow models
    links      the columns that each of two holders has; None: halves by lot
    secrets    columns to infer; none: some by lot
    detector   tells members from controls without the release, to see that they are of one source
    audit      of the generator's claim, by `careloom.synth.privacy_audit`
    claimed    the epsilon that the generator claims
    reference  further rows of the source, which the attacker has; None: a third of the controls' patients are
    limits     of rows that are looked at
    """

    attacks: Mapping[str, Scored] = field(default_factory=dict)
    shadows: Shadows | None = None
    links: tuple[tuple[str, ...], tuple[str, ...]] | None = None
    secrets: tuple[str, ...] = ()
    detector: Detector | None = None
    audit: Audited | None = None
    claimed: float | None = None
    reference: pl.DataFrame | None = None
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class PrivacyReport:
    """What was looked at, and what it told.

    looked_at    how many rows and patients of whom, after `Limits`
    membership   by name of the attack
    anonymity    by name of the risk
    same_source  how well members are told from controls without the release: far from 0.5, nothing here can be read
    audit        of the claimed epsilon
    """

    looked_at: dict[str, int]
    membership: dict[str, Membership]
    anonymity: dict[str, Anonymity]
    copies: Copies
    same_source: float | None
    audit: Audited | None
    claimed: float | None

    @property
    def weak(self) -> tuple[str, ...]:
        """Attacks that would not see members released as they are: that they see nothing proves nothing."""
        weak = [name for name, attack in self.membership.items() if attack.is_weak]
        return (*weak, *(name for name, each in self.anonymity.items() if each.is_weak))

    def reasons(self, area_at_most: float = AREA_AT_MOST) -> tuple[str, ...]:
        """Why the rows should not be released; none: no measure speaks against it. Distances are never a reason."""
        found = []
        patients = min(self.looked_at["members' patients"], self.looked_at["controls' patients"])
        for name, attack in self.membership.items():
            area, hits = attack.told.area, attack.told.hits
            if patients < PATIENTS_FOR_LIMIT or min(attack.patients) < PATIENTS_FOR_LIMIT:
                found += [f"membership by {name}: more than chance"] if attack.seen else []
            elif area.high > area_at_most:
                found.append(f"membership by {name}: the area may be {area.high:.3f}, above {area_at_most:g}")
            elif attack.seen and hits.low > HITS_AT_MOST:
                found.append(f"membership by {name}: {hits.low:.3f} of the members are found, above {HITS_AT_MOST:g}")
        found += [f"{name}: more than of controls" for name, each in self.anonymity.items() if each.seen]
        if self.copies.exact.chance < SEEN_BELOW:
            found.append("exact copies: more than of controls")
        if all(each.is_weak for each in self.membership.values()):
            found.append("membership: no attack would see the members themselves")
        if self.audit is not None and self.claimed is not None and self.audit.lower > self.claimed:
            found.append(f"audit: epsilon is above {self.audit.lower:.2f}, claimed is {self.claimed:g}")
        return tuple(found)

    def as_json(self) -> dict[str, Any]:
        """The report as JSON values, with what follows from it; what is not finite is null."""
        said = {"weak": list(self.weak), "reasons": list(self.reasons())}
        made: dict[str, Any] = _finite(asdict(self) | said)
        return made


def judge_privacy(
    table: Table,
    members: pl.DataFrame,
    controls: pl.DataFrame,
    synthetic: pl.DataFrame,
    *,
    seed: int,
    asked: Asked | None = None,
) -> PrivacyReport:
    """What synthetic rows tell of the patients who were learnt from.

    table      where `table.subject` is set, patients are counted, not rows, and no patient may be in two groups
    members    the rows that the generator learnt from
    controls   rows of the same source that it never saw, about as many
    seed       of samples, lots and attacks
    raises     InputError, SchemaMismatch as `careloom.synth.privacy_scene.scene`
    """
    asked = asked or Asked()
    set_up = scene(table, (members, controls, asked.reference), synthetic, seed=seed, limits=asked.limits)
    attacks = membership(set_up, asked.attacks)
    if asked.shadows is not None:
        attacks["shadow models"] = by_shadows(set_up, asked.shadows)
    release = some(set_up)
    groups = set_up.members, set_up.controls
    own = None
    if asked.detector is not None:
        own = asked.detector(set_up.table, groups[0].frame, groups[1].frame, seed)
    return PrivacyReport(
        looked_at={
            "members": groups[0].frame.height, "members' patients": groups[0].count,
            "controls": groups[1].frame.height, "controls' patients": groups[1].count,
            "reference": set_up.reference.height, "release": set_up.release.height, "release by pairs": release.height,
        },
        membership=attacks,
        anonymity=_anonymity(set_up, release, asked),
        copies=copies(set_up, set_up.release, set_up.around(release), set_up.around(set_up.reference)),
        same_source=own,
        audit=asked.audit,
        claimed=asked.claimed,
    )  # fmt: skip


def _anonymity(set_up: Scene, release: pl.DataFrame, asked: Asked) -> dict[str, Anonymity]:
    def single(shown: pl.DataFrame) -> dict[str, Risk]:
        return singling_out(set_up, shown)

    def linked(shown: pl.DataFrame) -> dict[str, Risk]:
        return {"linkability": linkability(set_up, shown, asked.links)}

    def inferred(shown: pl.DataFrame) -> dict[str, Risk]:
        return {f"inference of {name}": each for name, each in inference(set_up, shown, asked.secrets).items()}

    ways = ((single, set_up.release), (linked, release), (inferred, release))
    return {name: each for attack, shown in ways for name, each in _measured(set_up, attack, shown).items()}


def _measured(
    set_up: Scene, attack: Callable[[pl.DataFrame], dict[str, Risk]], release: pl.DataFrame
) -> dict[str, Anonymity]:
    """Each risk, and the least share of members' rows beside the release that the attack would see."""
    found = attack(release)
    would_see: dict[str, float | None] = {
        name: 0.0 if each.chance < SEEN_BELOW else None for name, each in found.items()
    }
    for share in _PLANTED:
        if None not in would_see.values():
            break
        risks = attack(pl.concat([release, planted(set_up, share)]))
        would_see |= {
            name: share for name, known in would_see.items() if known is None and risks[name].chance < SEEN_BELOW
        }
    return {name: Anonymity(each, each.chance < SEEN_BELOW, would_see[name]) for name, each in found.items()}


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
