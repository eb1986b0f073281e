"""Models, their versions and runs of pipelines, as values."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class ModelVersionBrief:
    """What every view of a version tells.

    state    registered, approved or retired
    aliases  champion, challenger, shadow: the parts that it has now
    passed   its gates held when it was registered
    """

    version: str
    model: str
    number: int
    state: str
    aliases: tuple[str, ...]
    created: datetime
    changed: datetime
    registrar: str
    reason: str
    digest: str
    zone: str
    gates: str
    passed: bool
    approval: dict[str, Any] | None
    retired: dict[str, Any] | None
    training: str
    pipeline: str


@dataclass(frozen=True, slots=True)
class ListedModelVersion(ModelVersionBrief):
    """A version of a list."""

    measures: dict[str, Any]
    taints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ModelVersionList:
    """Versions, newest first."""

    items: tuple[ListedModelVersion, ...]


@dataclass(frozen=True, slots=True)
class ModelVersion(ModelVersionBrief):
    """A version with its lineage, files and findings."""

    findings: tuple[dict[str, Any], ...]
    lineage: dict[str, Any]
    files: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ShownModelVersion(ModelVersionBrief):
    """A version with its signed manifest, who answers for its model, and why patients left whom it learnt from."""

    findings: tuple[dict[str, Any], ...]
    lineage: dict[str, Any]
    files: dict[str, Any]
    traffic: dict[str, Any]
    manifest: dict[str, Any]
    taints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VerifiedModelVersion:
    """Whether a version is as it was signed; `changed` in words."""

    version: str
    digest: str
    signed: bool
    changed: tuple[str, ...]
    whole: bool


@dataclass(frozen=True, slots=True)
class ModelEvaluation:
    """How good a version was on held-out data when it was registered; no number is of fewer than 11 patients.

    by        careloom, or declared by who brought it in
    measures  name -> value, low, high (95 %)
    against   the champion of then and the paired differences; empty for none
    report    calibration_curve, decision_curve, subgroups, stress, baselines and more; None where none was kept
    """

    version: str
    digest: str
    data: str
    by: str
    measures: dict[str, Any]
    counts: dict[str, Any]
    against: dict[str, Any]
    report: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class CardCounts:
    """Of the 31 attributes of HTI-1: `answered` is computed, declared and unavailable; `filled` the first two."""

    asked: int
    answered: int
    filled: int
    computed: int
    declared: int
    unavailable: int
    missing: int
    stale: int


@dataclass(frozen=True, slots=True)
class StaleAttribute:
    """An attribute that cannot be relied on, and why; one that is computable keeps the version from being promoted."""

    id: str
    number: int
    why: str
    is_computable: bool


@dataclass(frozen=True, slots=True)
class ModelCardCounts:
    """How complete the card of a version is that is made now.

    kept_at      of the card that was kept; None: none is
    missing      ids of attributes that nothing is told of; `unavailable`: that are said to be not available
    keeps_back   ids for which the version is not promoted now
    tripod_ai    reported, partly, not_reported -> items
    texts        sha256 of what is declared now, registered_sha256 of what came with the version, changed ids
    """

    version: str
    digest: str
    made_at: datetime
    kept_at: datetime | None
    counts: CardCounts
    missing: tuple[str, ...]
    unavailable: tuple[str, ...]
    stale: tuple[StaleAttribute, ...]
    keeps_back: tuple[str, ...]
    tripod_ai: dict[str, int]
    texts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RolledBack:
    """Who is out, and who answers now; empty for nobody."""

    model: str
    was: str
    now: str
    traffic: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ModelWatch:
    """What the limits say of everybody who answers: part -> version, breaches, seen, enough."""

    model: str
    parts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ModelRun:
    """A run of a pipeline; `state` is queued, running, waiting, done, failed or withheld."""

    run: str
    pipeline: str
    model: str
    state: str
    at: str
    done: tuple[str, ...]
    version: str
    error: str
    starter: str
    created: datetime
    changed: datetime
    outputs: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ModelRunList:
    """Runs, newest first."""

    items: tuple[ModelRun, ...]
