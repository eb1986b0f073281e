"""What the routes of monitoring take and give, as the OpenAPI document shows it, with an example of each."""

import datetime as time
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StrictBool

from careloom.api.answers import told
from careloom.api.lists import NEXT
from careloom.api.schemas import RUN_ID, RUN_PATTERN, Count, Model, Progress, RunId, State

VERSION_PATTERN = r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?@[0-9]{1,9}$"
VERSION = "readmission-30d@3"
Level = Literal["none", "small", "medium", "large"]
Version = Annotated[str, Field(pattern=VERSION_PATTERN, description="Name and number of a version.")]
ALARM: dict[str, Any] = {"kind": "values", "place": "glucose", "level": "large"}
BRIEF: dict[str, Any] = {"id": RUN_ID, "ended": "2026-11-22T01:02:09.907Z", "alarms": [ALARM]}
WATCHED: dict[str, Any] = {
    "version": VERSION, "predictions": 4120, "newest": "2026-11-22T01:00:00.000Z", "has_profile": True, "look": BRIEF,
}  # fmt: skip
LISTED: dict[str, Any] = BRIEF | {"predictions": 1040, "outcomes": 811, "provisional": 7}
FINDING: dict[str, Any] = {
    "kind": "values", "place": "glucose", "rows": 1040, "effect": 0.41, "most": 0.49, "medium": 0.1, "large": 0.25,
    "p": 1.4e-61, "level": "large", "is_alarm": True, "detail": {"js": 0.06, "ks": 0.31},
}  # fmt: skip
ANSWERS: dict[str, Any] = {"alerts": 104, "accepted": 31, "overridden": 22, "reasons": {"not-relevant": 20}}
ALARM_ID = "7v3nq2c5d4aaaabbbbccccdddd"
ALARM_TOLD: dict[str, Any] = {"id": ALARM_ID, "event": "opened", **ALARM}
ALARM_LIFE: dict[str, Any] = {
    "id": ALARM_ID, **ALARM, "opened": "2026-11-20T09:00:00.000Z", "seen": "2026-11-22T01:02:03.412Z", "closed": None,
    "told": {"webhook": "2026-11-20T09:00:01.000Z"}, "waiting": ["mail"],
    "acknowledged": {"by": "edda", "time": "2026-11-21T08:00:00.000Z", "level": "large", "note": "other units"},
}  # fmt: skip
TOLD: dict[str, Any] = {"told": [ALARM_TOLD], "webhook": "sent", "mail": "off", "azure": "off", "otlp": "off"}
CROSSING: dict[str, Any] = {
    "crossed": "2026-11-20T09:00:00.000Z", "upwards": True, "outcomes": 214, "look": RUN_ID,
}  # fmt: skip
SEQUENTIAL: dict[str, Any] = {
    "outcomes": 811, "fresh": 38, "since": 102, "up": 1.2, "down": 0.4, "limit": 12.0, "crossed": None,
    "upwards": False, "crossings": [CROSSING],
}  # fmt: skip
UNLABELLED: dict[str, Any] = {"waiting": 12, "retired": {"death": 9, "no-coverage": 2}, "gone": {"erased": 1}}
LOOK: dict[str, Any] = {
    "id": RUN_ID, "version": VERSION, "since": "2026-10-23T01:02:03.412Z", "until": "2026-11-22T01:02:03.412Z",
    "started": "2026-11-22T01:02:03.412Z", "ended": "2026-11-22T01:02:09.907Z", "actor": "schedule",
    "predictions": 1040, "skipped": 0, "labelled": 38, "unlabelled": UNLABELLED, "outcomes": 811, "provisional": 7,
    "findings": [FINDING], "alarms": [ALARM],
    "answers": ANSWERS, "thresholds": {"psi": {"medium": 0.1, "large": 0.25}},
    "performance": {"auroc": {"value": 0.68, "low": 0.63, "high": 0.73, "resamples": 200}}, "groups": [],
    "sequential": SEQUENTIAL, "told": TOLD, "retraining": "", "refused": "",
}  # fmt: skip
STATE: dict[str, Any] = {
    "id": RUN_ID, "state": "waiting", "actor": "edda", "started": None, "ended": None,
    "progress": {"done": 0, "total": 0}, "error": None, "version": VERSION,
}  # fmt: skip
FEEDBACK: dict[str, Any] = {
    "prediction": "7v3nq2c5d4aaaabbbbccccdddd",
    "answer": "overridden",
    "reason": "not-relevant",
}
TAKEN: dict[str, Any] = {"answers": 1, "outcomes": 0, "provisional": 0, "unknown": 0}


_FINAL = "Final ones: nothing is judged by others."
_PROVISIONAL = "Outcomes that were told, of all times, and are not final yet."


class ModelAlarm(Model):
    """What is alarming, and where: a feature, a kind of group, a group, or empty for the whole."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": ALARM})

    kind: str
    place: str
    level: Level


class ModelLookBrief(Model):
    """A look at a version."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": BRIEF})

    id: RunId
    ended: time.datetime
    alarms: list[ModelAlarm]


class WatchedVersion(Model):
    """A version that predicts."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": WATCHED})

    version: Version
    predictions: Count
    newest: time.datetime = Field(description="When it predicted last.")
    has_profile: bool = Field(description="False: there is nothing to hold it against.")
    look: ModelLookBrief | None = Field(description="The newest; null where there is none.")


class WatchedList(Model):
    """Every version that predicts."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"items": [WATCHED], "next": None}})

    items: list[WatchedVersion]
    next: str | None = NEXT


class ListedModelLook(ModelLookBrief):
    """A look at a version, with how much it rests on."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": LISTED})

    predictions: Count
    outcomes: Count = Field(description=_FINAL)
    provisional: Count = Field(0, description=_PROVISIONAL)


class ModelLookList(Model):
    """The looks at a version that are kept, newest first."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"items": [LISTED], "next": None}})

    items: list[ListedModelLook]
    next: str | None = NEXT


class ModelFinding(Model):
    """One thing that was measured."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": FINDING})

    kind: str
    place: str
    rows: Count
    effect: float = Field(description="PSI, log odds, a share, or hours, by kind.")
    most: float = Field(description="Upper 95 % bound of the effect.")
    medium: float
    large: float
    p: float = Field(description="By chance, adjusted for all tests of the look.")
    level: Level
    is_alarm: bool
    detail: dict[str, Any]


class AlertAnswers(Model):
    """What clinicians made of the alerts of the window."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": ANSWERS})

    alerts: Count
    accepted: Count
    overridden: Count
    reasons: dict[str, Count] = Field(description="Codes of overrides.")


class AlarmTold(ModelAlarm):
    """An alarm as it is told: it keeps its id as long as it stands."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": ALARM_TOLD})

    id: Annotated[str, Field(pattern=r"^[a-z2-7]{26}$")]
    event: Literal["opened", "standing", "resolved"]


class AlarmsTold(Model):
    """Whom the alarms were told to; what failed is tried again."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": TOLD})

    told: list[AlarmTold] = Field(description="Those that opened, closed, or were not told within the quiet hours.")
    webhook: Literal["sent", "failed", "off"]
    mail: Literal["sent", "failed", "off"]
    azure: Literal["sent", "failed", "off"]
    otlp: Literal["sent", "failed", "off"] = Field("off", description="A collector of OpenTelemetry.")


class ControlCrossing(Model):
    """A CUSUM passed its limit, was told, and began anew at zero."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": CROSSING})

    crossed: time.datetime = Field(description="End of the horizon of the outcome at which it did.")
    upwards: bool
    outcomes: Count = Field(description="That the chart had seen.")
    look: str = Field(description="Id of the look that found it; empty for this one.")


class OutcomeControl(Model):
    """Where the CUSUMs of the outcomes stand."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": SEQUENTIAL})

    outcomes: Count = Field(description="Known within a year; the limit is for so many.")
    fresh: Count = Field(description="New with this look.")
    since: Count = Field(description="Seen since the chart began, or began anew.")
    up: float
    down: float
    limit: float
    crossed: time.datetime | None = Field(description="When one passed the limit in this look; null where none did.")
    upwards: bool
    crossings: list[ControlCrossing] = Field(description="All that are kept, the newest last.")


class Unlabelled(Model):
    """Predictions whose outcome nobody knows though their horizon has passed."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": UNLABELLED})

    waiting: Count = Field(description="To be looked up again.")
    retired: dict[str, Count] = Field(description="Nobody will know: reason -> how many of the window.")
    gone: dict[str, Count] = Field(description="Removed before anybody knew (erased, old): how many ever.")


class ModelLook(Model):
    """What a look found."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": LOOK})

    id: RunId
    version: Version
    since: time.datetime
    until: time.datetime
    started: time.datetime
    ended: time.datetime
    actor: str
    predictions: Count
    skipped: Count = Field(description="Made with another profile: not judged.")
    labelled: Count = Field(description="Outcomes that became known with this look.")
    unlabelled: Unlabelled
    outcomes: Count = Field(description=_FINAL)
    provisional: Count = Field(0, description=_PROVISIONAL)
    findings: list[ModelFinding] = Field(description="Alarms first.")
    alarms: list[ModelAlarm]
    answers: AlertAnswers
    thresholds: dict[str, dict[str, float | str]]
    performance: dict[str, Any] | None = Field(description="Measures with intervals; null while outcomes are too few.")
    groups: list[dict[str, Any]] = Field(description="The same by group.")
    sequential: OutcomeControl | None
    told: AlarmsTold | None
    retraining: str = Field(description="Id of the retraining that was queued; empty for none.")
    refused: str = Field("", description="Why no retraining began that an alarm asks for, and what to do.")


class ModelLookState(Model):
    """A look as a job."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": STATE})

    id: RunId
    state: State
    actor: str
    started: time.datetime | None = Field(description="Null while it waits.")
    ended: time.datetime | None
    progress: Progress
    error: str | None = Field(description="The code of the error that ended it.")
    version: Version


class ModelLookBody(Model):
    """Which version to look at."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"version": VERSION}})

    version: Version


class MonitorThresholds(Model):
    """The thresholds in force."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"thresholds": {"psi": {"medium": 0.1, "large": 0.25}}}}
    )

    thresholds: dict[str, dict[str, float | str]]


class PredictionFeedback(Model):
    """What is known of one prediction."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": FEEDBACK})

    prediction: Annotated[str, Field(pattern=r"^[a-z2-7]{26}$", description="Its name.")]
    outcome: StrictBool | None = Field(None, description="Whether the event came; provisional until it can be final.")
    answer: Literal["accepted", "overridden"] | None = Field(None, description="What the clinician made of the alert.")
    reason: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,64}$", description="The code of an override.")] = ""


class PredictionFeedbackBody(Model):
    """What is known of predictions."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"items": [FEEDBACK]}})

    items: Annotated[list[PredictionFeedback], Field(max_length=10_000)]


class PredictionFeedbackTaken(Model):
    """What became of it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": TAKEN})

    answers: Count
    outcomes: Count = Field(description="New ones that are final.")
    provisional: Count = Field(description="Kept, judged by nothing, and looked up again until they are final.")
    unknown: Count = Field(description="Of no prediction here.")


class WatchedVersionPath(Model):
    """Which version."""

    version: Annotated[str, Field(pattern=VERSION_PATTERN)] = told(..., "Name and number of a version.", VERSION)


class ModelAlarmPath(WatchedVersionPath):
    """Which alarm of a version."""

    alarm_id: Annotated[str, Field(pattern=r"^[a-z2-7]{26}$")] = told(..., "Its id.", ALARM_ID)


class AlarmNote(Model):
    """What is to be noted beside an alarm."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"note": "the lab changed units"}})

    note: Annotated[str, Field(max_length=500, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")] = Field(
        "", description="Kept beside it; of no patient."
    )


class AlarmsQuery(Model):
    """Which alarms."""

    state: Literal["", "standing", "closed"] = told("", "Only those that stand, or that are closed.", "standing")


class AlarmAcknowledged(Model):
    """Who has seen an alarm, and what they noted."""

    by: str
    time: time.datetime
    level: str = Field(description="How much it was then.")
    note: str


class ModelAlarmLife(Model):
    """An alarm of a version as it lives."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": ALARM_LIFE})

    id: str = Field(description="The same as long as it stands.")
    kind: str
    place: str = Field(description="A feature or a group; empty for the whole.")
    level: str
    opened: time.datetime
    seen: time.datetime = Field(description="By a look, last.")
    closed: time.datetime | None = Field(description="Null while it stands.")
    told: dict[str, time.datetime] = Field(description="Channel by channel, when it was told last.")
    waiting: list[str] = Field(description="Channels that are still to be told something.")
    acknowledged: AlarmAcknowledged | None = Field(None, description="Null while nobody has, or since it worsened.")


class ModelAlarmList(Model):
    """The newest alarms of a version, those that stand first."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"items": [ALARM_LIFE]}})

    items: list[ModelAlarmLife]


class ModelLookPath(WatchedVersionPath):
    """Which look at a version."""

    run_id: Annotated[str, Field(pattern=RUN_PATTERN)] = told(..., "The id of the look.", RUN_ID)


class LookJobPath(Model):
    """Which look."""

    run_id: Annotated[str, Field(pattern=RUN_PATTERN)] = told(..., "The id of the look.", RUN_ID)
