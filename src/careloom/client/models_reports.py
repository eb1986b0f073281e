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
