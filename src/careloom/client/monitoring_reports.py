"""Watched models, as values."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from careloom.client.reports import QueuedWork


@dataclass(frozen=True, slots=True)
class Alarm:
    """What is alarming (``kind``), where (a feature, a group; empty for the whole), and how much."""

    kind: str
    place: str
    level: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Who has seen an alarm, when, how much it was then, and what they noted."""

    by: str
    time: datetime
    level: str
    note: str


@dataclass(frozen=True, slots=True)
class StandingAlarm(Alarm):
    """An alarm as it lives: `closed` is None while it stands; `told`: channel -> when last; `waiting`: channels;
    `acknowledged` is None while nobody has, or since it worsened.
    """

    id: str
    opened: datetime
    seen: datetime
    closed: datetime | None
    told: dict[str, datetime]
    waiting: tuple[str, ...]
    acknowledged: Acknowledged | None = None


@dataclass(frozen=True, slots=True)
class AlarmList:
    """Alarms of a version."""

    items: tuple[StandingAlarm, ...]


@dataclass(frozen=True, slots=True)
class LookBrief:
    """A look at a version."""

    id: str
    ended: datetime
    alarms: tuple[Alarm, ...]


@dataclass(frozen=True, slots=True)
class WatchedVersion:
    """A version that predicts, and its newest look; None where there is none."""

    version: str
    predictions: int
    newest: datetime
    has_profile: bool
    look: LookBrief | None


@dataclass(frozen=True, slots=True)
class WatchedList:
    """Every version that predicts."""

    items: tuple[WatchedVersion, ...]


@dataclass(frozen=True, slots=True)
class ListedLook(LookBrief):
    """A look, with how many predictions and final outcomes it rests on, and how many more are provisional."""

    predictions: int
    outcomes: int
    provisional: int = 0


@dataclass(frozen=True, slots=True)
class LookList:
    """Looks that are kept, newest first."""

    items: tuple[ListedLook, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was measured.

    effect, most  PSI, log odds, a share, or hours, by kind; and its upper 95 % bound
    p             by chance, adjusted for all tests of the look
    """

    kind: str
    place: str
    rows: int
    effect: float
    most: float
    medium: float
    large: float
    p: float
    level: str
    is_alarm: bool
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answered:
    """What clinicians made of alerts; `reasons`: code of an override -> how often."""

    alerts: int
    accepted: int
    overridden: int
    reasons: dict[str, int]


@dataclass(frozen=True, slots=True)
class AlarmTold(Alarm):
    """An alarm as it is told: its `id` stays as long as it stands; `event`: opened, standing or resolved."""

    id: str
    event: str


@dataclass(frozen=True, slots=True)
class Told:
    """The alarms that were told, and by which way: ``sent``, ``failed`` (it is tried again) or ``off``."""

    told: tuple[AlarmTold, ...]
    webhook: str
    mail: str
    azure: str
    otlp: str = "off"


@dataclass(frozen=True, slots=True)
class ControlCrossing:
    """A CUSUM passed its limit and began anew; `look` is empty for the one that is shown."""

    crossed: datetime
    upwards: bool
    outcomes: int
    look: str


@dataclass(frozen=True, slots=True)
class Sequential:
    """Where the CUSUMs of the outcomes stand; `crossed` is None where none passed the limit in this look.

    outcomes, fresh, since  known within a year; new with this look; seen since the chart began anew
    crossings               all that are kept, the newest last
    """

    outcomes: int
    fresh: int
    since: int
    up: float
    down: float
    limit: float
    crossed: datetime | None
    upwards: bool
    crossings: tuple[ControlCrossing, ...]


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """Predictions without an outcome: those that wait, and by reason those that are retired, or gone before."""

    waiting: int
    retired: dict[str, int]
    gone: dict[str, int]


@dataclass(frozen=True, slots=True)
class Look:
    """What a look found; `performance` and `groups` are empty while outcomes are too few.

    outcomes, provisional  final ones, by which alone it judges; those that were told, of all times, and are not final
    refused                why no retraining began that an alarm asks for, and what to do; empty otherwise
    """

    id: str
    version: str
    since: datetime
    until: datetime
    started: datetime
    ended: datetime
    actor: str
    predictions: int
    skipped: int
    labelled: int
    unlabelled: Unlabelled
    outcomes: int
    findings: tuple[Finding, ...]
    alarms: tuple[Alarm, ...]
    answers: Answered
    thresholds: dict[str, Any]
    performance: dict[str, Any] | None
    groups: tuple[dict[str, Any], ...]
    sequential: Sequential | None
    told: Told | None
    retraining: str
    provisional: int = 0
    refused: str = ""


@dataclass(frozen=True, slots=True)
class LookState(QueuedWork):
    """A look as a job."""

    version: str


@dataclass(frozen=True, slots=True)
class Limits:
    """The thresholds in force: table -> key -> value."""

    thresholds: dict[str, Any]


@dataclass(frozen=True, slots=True)
class FeedbackTaken:
    """How many answers and new final outcomes were kept, provisional outcomes, predictions that are unknown."""

    answers: int
    outcomes: int
    provisional: int
    unknown: int
