"""What the routes of scores take and give, as the OpenAPI document shows it, with an example of each."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StrictBool

from careloom.api.schemas import Count, Model

MODEL_PATTERN = r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?(@(champion|challenger|shadow|[0-9]{1,9}))?$"
PATIENT_PATTERN = r"^(Patient/)?[A-Za-z0-9\-.]{1,64}$"
ModelName = Annotated[str, Field(pattern=MODEL_PATTERN, max_length=63, description="NAME@champion, NAME@3.")]
MOMENT_PATTERN = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})$"
Moment = Annotated[str, Field(pattern=MOMENT_PATTERN, description="ISO 8601 with a zone.")]
PatientName = Annotated[str, Field(pattern=PATIENT_PATTERN, description="Id of the Patient as stored.")]
TRIAL = "A version that nobody approved may answer, by its number, to who may train; not with write."
Probability = Annotated[float, Field(ge=0, le=1)]
ASK: dict[str, Any] = {"model": "readmission-30d@champion", "patient": "Patient/p1"}
GAP: dict[str, Any] = {
    "rule": "sglt2", "title": "SGLT2 inhibitor in heart failure", "kind": "drug", "text": "Offer an SGLT2 inhibitor.",
    "source": {"organisation": "AHA/ACC/HFSA", "year": 2022}, "because": ["Condition/c1"],
}  # fmt: skip
ASSESSMENT: dict[str, Any] = {
    "patient": "Patient/p1", "model": "readmission-30d@3", "outcome": "unplanned readmission within 30 days",
    "index_time": "2026-11-20T08:00:00+00:00", "until": "2026-12-20T08:00:00+00:00", "index": "Encounter/e1",
    "running": False, "probability": 0.31, "alert_from": 0.2, "alert": True, "band": "high", "relative_risk": 2.6,
    "interval": {"low": 0.2, "high": 0.4, "event_possible": True, "no_event_possible": True},
    "explanation": {"base": -2.1, "rest": 0.02, "calibration": 0.0, "factors": []}, "care_gaps": [GAP], "unknown": 4,
    "left_out": 0, "basis": ["Observation/o1/_history/1"], "days": None,
}  # fmt: skip
SCORE: dict[str, Any] = {
    "state": "scored", "model": "readmission-30d@3", "failed": [], "prediction": "7v3nq2c5d4aaaabbbbccccdddd",
    "written": None, "trial": False, "assessment": ASSESSMENT,
}  # fmt: skip
ROW: dict[str, Any] = {
    "patient": "p1", "index_time": "2026-11-20T08:00:00+00:00", "index": "Encounter/e1", "risk": 0.31, "alert": True,
    "rank": 1,
}  # fmt: skip
COHORT: dict[str, Any] = {
    "model": "readmission-30d@3", "as_of": "2026-11-22T10:00:00+00:00",
    "states": {"open": 120, "over": 4000, "not-eligible": 11}, "alerts": 12, "called": 20, "of": 120,
    "expected_events": 14.2, "expected_caught": 5.9, "by_chance": 2.4, "lowest": 0.21, "tied_out": 0, "avoided": None,
    "saved": None, "listed": [ROW], "written": 0, "trial": False,
}  # fmt: skip


class ScoreBody(Model):
    """Whose risk, by which model."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": ASK})

    model: ModelName
    patient: PatientName
    zone: Literal["identified", "research", "synthetic"] = "identified"
    as_of: Moment | None = Field(None, description="Nothing later is looked at; null: now.")
    now: StrictBool = Field(False, description="As if the stay that runs ended now.")
    encounter: Annotated[str, Field(pattern=r"^((Encounter/)?[A-Za-z0-9\-.]{1,64})?$")] = Field(
        "", description="That stay; empty: the newest that runs."
    )
    gaps: StrictBool = Field(True, description="Care gaps beside the risk.")
    write: StrictBool = Field(False, description="Kept as RiskAssessment; needs the scope system/*.c, too.")
    trial: StrictBool = Field(False, description=TRIAL)


class Score(Model):
    """The answer: state, and the assessment where there is one."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": SCORE})

    state: Literal["scored", "over", "not-eligible", "no-index"]
    model: str
    failed: list[str] = Field(description="Rules of the cohort that do not hold.")
    prediction: str | None = Field(description="Name in the log of predictions.")
    written: str | None = Field(description="The RiskAssessment's version.")
    trial: bool = Field(description="Nobody approved the version: nothing is logged or written.")
    assessment: dict[str, Any] | None = Field(
        description="Risk, interval, factors with facts, days with theirs, care gaps."
    )


class UnitCostsBody(Model):
    """What things cost, in one currency."""

    event: Annotated[float, Field(ge=0, le=1e12, strict=True)]
    call: Annotated[float, Field(ge=0, le=1e12, strict=True)]
    prevented: Annotated[float, Field(ge=0, le=1, strict=True)] = Field(
        description="Share of events that a call prevents, by a trial."
    )


class CohortScoreBody(Model):
    """Which model over which zone."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"model": "readmission-30d@champion", "capacity": 20}}
    )

    model: ModelName
    zone: Literal["identified", "research", "synthetic"] = "identified"
    cohort: Annotated[str, Field(max_length=100)] = Field("", description="The model's own; empty: not checked.")
    facts: Annotated[str, Field(max_length=300)] = Field(
        "", description="A version of the zone's table of facts, or newest; empty: the zone as it is."
    )
    as_of: Moment | None = None
    capacity: Annotated[int, Field(ge=0, le=1_000_000, strict=True)] | None = Field(
        None, description="Calls that can be made."
    )
    costs: UnitCostsBody | None = None
    write: StrictBool = False
    trial: StrictBool = Field(False, description=TRIAL)


class CalledPatient(Model):
    """One patient who is called."""

    model_config = ConfigDict(extra="allow")

    patient: str
    index: str
    index_time: str
    risk: Probability
    alert: bool
    rank: Annotated[int, Field(ge=1)]


class CohortScore(Model):
    """Who stands how, and whom to call first."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": COHORT})

    model: str
    as_of: str
    states: dict[str, Count]
    alerts: Count
    called: Count
    of: Count
    expected_events: float
    expected_caught: float
    by_chance: float
    lowest: float | None
    tied_out: Count
    avoided: float | None
    saved: float | None
    listed: list[CalledPatient]
    written: Count
    trial: bool
