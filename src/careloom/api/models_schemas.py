"""What the routes of models take and give, as the OpenAPI document shows it, with an example of each."""

import datetime as time
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from careloom.api.answers import told
from careloom.api.lists import NEXT, StatesQuery
from careloom.api.schemas import RUN_ID, RUN_PATTERN, Body, Model, RunId

NAME_PATTERN = r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$"
VERSION_PATTERN = NAME_PATTERN[:-1] + r"(@([0-9]{1,9}|champion|challenger|shadow))?$"
Reason = Annotated[str, Field(max_length=500, pattern=r"^[^\x00-\x1f]*$", description="Stands in the audit chain.")]
RunState = Literal["queued", "running", "waiting", "done", "failed", "withheld"]
_MEASURE: dict[str, Any] = {"value": 0.682, "low": 0.671, "high": 0.693}
FINDING: dict[str, Any] = {"rule": "auroc at least 0.66", "passed": True, "found": 0.682, "why": "It has to help."}
BRIEF: dict[str, Any] = {
    "version": "readmission-30d@3", "model": "readmission-30d", "number": 3, "state": "approved",
    "aliases": ["champion"], "created": "2026-11-22T01:02:03.412Z", "changed": "2026-11-22T02:02:03.412Z",
    "registrar": "edda", "reason": "trained anew", "digest": "9f" * 32, "zone": "research", "gates": "clinical-risk",
    "passed": True, "approval": {"by": "sten", "time": "2026-11-22T02:02:03.412Z", "reason": "fine", "findings": []},
    "retired": None, "training": RUN_ID, "pipeline": RUN_ID,
}  # fmt: skip
LISTED: dict[str, Any] = BRIEF | {"measures": {"auroc": _MEASURE}, "taints": []}
WHOLE: dict[str, Any] = BRIEF | {
    "findings": [FINDING], "lineage": {"data": {"zone": "research", "snapshot": "risk/readmission@4"}},
    "files": {"model.json": {"sha256": "9f" * 32, "bytes": 4711}},
}  # fmt: skip
TRAFFIC: dict[str, Any] = {
    "champion": 3, "challenger": None, "shadow": None, "share": 0.0, "past": [2, 1], "since": {}, "last": {},
}  # fmt: skip
SHOWN: dict[str, Any] = WHOLE | {"traffic": TRAFFIC, "manifest": {"report": {}, "signature": {}}, "taints": []}
VERIFIED: dict[str, Any] = {
    "version": "readmission-30d@3", "digest": "9f" * 32, "signed": True, "changed": [], "whole": True,
}  # fmt: skip
COUNTS: dict[str, Any] = {
    "version": "readmission-30d@3", "digest": "9f" * 32, "made_at": "2026-12-01T08:00:00+00:00",
    "kept_at": "2026-11-22T02:02:03.412+00:00",
    "counts": {
        "asked": 31, "answered": 31, "filled": 24, "computed": 10, "declared": 14, "unavailable": 7, "missing": 0,
        "stale": 1,
    },
    "missing": [], "unavailable": ["external_data"],
    "stale": [{
        "id": "validity_monitoring", "number": 26, "why": "it can be computed by now: make the card anew",
        "is_computable": True,
    }],
    "keeps_back": ["validity_monitoring"], "tripod_ai": {"reported": 20, "partly": 6, "not_reported": 1},
    "texts": {"sha256": "5a" * 32, "registered_sha256": "5a" * 32, "changed": []},
}  # fmt: skip
EVALUATED: dict[str, Any] = {
    "version": "readmission-30d@3", "digest": "9f" * 32, "data": "held-out patients of gold/training_readmission@2",
    "by": "careloom", "measures": {"auroc": _MEASURE}, "counts": {"n": 1040, "patients": 811, "events": 120},
    "against": {"champion": "readmission-30d@2", "measures": {"auroc": {"value": 0.01, "low": -0.01, "high": 0.03}}},
    "report": {
        "calibration_curve": [{"risk": 0.04, "came": 0.05, "low": 0.02, "high": 0.1, "rows": 104}],
        "decision_curve": [{"threshold": 0.1, "model": 0.031, "treat_all": 0.017, "treat_none": 0.0}],
    },
}  # fmt: skip
BACK: dict[str, Any] = {
    "model": "readmission-30d", "was": "readmission-30d@4", "now": "readmission-30d@3", "traffic": TRAFFIC,
}  # fmt: skip
WATCHED: dict[str, Any] = {
    "model": "readmission-30d",
    "parts": {"champion": {
        "version": "readmission-30d@3", "breaches": [], "enough": True,
        "seen": {"errors": {"value": 0.0, "limit": 0.01, "n": 812}},
    }},
}  # fmt: skip
RUN: dict[str, Any] = {
    "run": RUN_ID, "pipeline": "readmission", "model": "readmission-30d", "state": "waiting", "at": "approval",
    "done": ["snapshot", "checks", "train", "evaluate", "gates", "register"], "version": "readmission-30d@3",
    "error": "", "starter": "edda", "created": "2026-11-22T01:02:03.412Z", "changed": "2026-11-22T01:12:03.412Z",
    "outputs": {},
}  # fmt: skip


class ModelVersionPath(Model):
    """Which version."""

    version: Annotated[str, Field(pattern=VERSION_PATTERN)] = told(
        ..., "NAME@3, NAME@champion, or NAME, which is its champion.", "readmission-30d@3"
    )


class ModelCardQuery(Model):
    """As what."""

    format: Literal["json", "html", "xml"] = told("json", "JSON, a page, or XML of CHAI's applied model card.", "html")


class ModelNamePath(Model):
    """Which model."""

    model: Annotated[str, Field(pattern=NAME_PATTERN, max_length=63)] = told(..., "Its name.", "readmission-30d")


class ModelRunPath(Model):
    """Which run of a pipeline."""

    run_id: Annotated[str, Field(pattern=RUN_PATTERN)] = told(..., "Its id.", RUN_ID)


class ModelsQuery(StatesQuery):
    """Of which model, in which state, made when."""

    model: Annotated[str, Field(pattern=rf"^({NAME_PATTERN[1:-1]})?$")] = told("", "Empty for all.", "readmission-30d")


class ModelReasonBody(Model):
    """Why."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"reason": "looked at its card"}})

    reason: Reason = ""


class ApprovalBody(Body):
    """Why, and what its run does next."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"reason": "looked at its card"}})

    reason: Reason = ""
    hold: bool = Field(False, description="A run that waits for this deploys nothing: you say what it becomes.")


class ShadowBody(Model):
    """Whether it begins or ends."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"end": False}})

    end: bool = Field(False, description="Takes it out again.")


class CanaryBody(Model):
    """For how many."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"share": 0.1}})

    share: Annotated[float, Field(gt=0, le=1)] | None = Field(None, description="Of patients; null: by the limits.")


class PipelineBody(Model):
    """Which pipeline."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"pipeline": "readmission"}})

    pipeline: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")] = Field(description="One that ships.")


class _Version(Model):
    version: str
    model: str
    number: Annotated[int, Field(ge=1)]
    state: Literal["registered", "approved", "retired"]
    aliases: list[Literal["champion", "challenger", "shadow"]]
    created: time.datetime
    changed: time.datetime
    registrar: str
    reason: str
    digest: str = Field(description="SHA-256 of what is signed.")
    zone: str
    gates: str
    passed: bool = Field(description="When it was registered.")
    approval: dict[str, Any] | None
    retired: dict[str, Any] | None
    training: str
    pipeline: str


class ListedModelVersion(_Version):
    """A version of a list."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": LISTED})

    measures: dict[str, Any]
    taints: list[str] = Field(description="Why patients left whom it learnt from.")


class ModelVersionList(Model):
    """Versions, newest first."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"items": [LISTED], "next": None}})

    items: list[ListedModelVersion]
    next: str | None = NEXT


class ModelVersion(_Version):
    """A version after a step."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": WHOLE})

    findings: list[dict[str, Any]] = Field(description="What each gate said when it was registered.")
    lineage: dict[str, Any]
    files: dict[str, Any]


class ShownModelVersion(ModelVersion):
    """A version with its signed manifest, and who answers for its model."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": SHOWN})

    traffic: dict[str, Any]
    manifest: dict[str, Any]
    taints: list[str]


class VerifiedModelVersion(Model):
    """Whether a version is as it was signed."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": VERIFIED})

    version: str
    digest: str
    signed: bool
    changed: list[str] = Field(description="What differs, in words.")
    whole: bool


class CardCounts(Model):
    """How many of the 31 source attributes of HTI-1 are answered, and how."""

    asked: int
    answered: int = Field(description="Computed, declared, and said to be not available.")
    filled: int = Field(description="Computed and declared.")
    computed: int
    declared: int
    unavailable: int = Field(description="Said to be not available, as the rule lets eleven be.")
    missing: int
    stale: int


class StaleAttribute(Model):
    """An attribute that cannot be relied on."""

    id: str
    number: int
    why: str
    is_computable: bool = Field(description="It keeps from promotion; else a person has to look at a text.")


class CardItems(Model):
    """Items of TRIPOD+AI by how they are reported."""

    reported: int
    partly: int
    not_reported: int


class CardTexts(Model):
    """What people declare, by its hash."""

    sha256: str = Field(description="Of what is declared now; empty for nothing.")
    registered_sha256: str = Field(description="Of what was registered with the version; empty where nothing was.")
    changed: list[str] = Field(description="Attributes whose text is another than was registered.")


class ModelCardCounts(Model):
    """How complete the card of a version is that is made now, and what keeps the version back."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": COUNTS})

    version: str
    digest: str
    made_at: time.datetime
    kept_at: time.datetime | None = Field(description="When the card was made that is kept; null: none is.")
    counts: CardCounts
    missing: list[str] = Field(description="Attributes of which nothing is told.")
    unavailable: list[str]
    stale: list[StaleAttribute]
    keeps_back: list[str] = Field(description="Attributes for which it is not promoted, of the kept card where one is.")
    tripod_ai: CardItems
    texts: CardTexts


class ModelEvaluation(Model):
    """How good a version was on held-out data when it was registered."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": EVALUATED})

    version: str
    digest: str = Field(description="SHA-256 of what is signed.")
    data: str = Field(description="On what it was measured.")
    by: str = Field(description="careloom, or declared: said by who brought it in.")
    measures: dict[str, Any] = Field(description="Name -> value, low, high (95 %).")
    counts: dict[str, Any] = Field(description="n (rows), patients, events; what was not counted is left out.")
    against: dict[str, Any] = Field(description="The champion of then, and paired differences; empty for none.")
    report: dict[str, Any] | None = Field(description="Curves, groups, stress and baselines; null: there is none.")


class RolledBack(Model):
    """Who is out, and who answers now; empty for nobody."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": BACK})

    model: str
    was: str
    now: str
    traffic: dict[str, Any]


class ModelWatch(Model):
    """What the limits say of everybody who answers."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": WATCHED})

    model: str
    parts: dict[str, Any]


class ModelRun(Model):
    """A run of a pipeline."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": RUN})

    run: RunId
    pipeline: str
    model: str
    state: RunState
    at: str = Field(description="The step that it is at.")
    done: list[str]
    version: str = Field(description="That it registered; empty before.")
    error: str
    starter: str
    created: time.datetime
    changed: time.datetime
    outputs: dict[str, Any] = Field(description="What each step made; of one run alone.")


class ModelRunList(Model):
    """Runs, newest first."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"items": [RUN], "next": None}})

    items: list[ModelRun]
    next: str | None = NEXT
