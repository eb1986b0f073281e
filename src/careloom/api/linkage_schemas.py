"""What the routes of linkage take and give, as the OpenAPI document shows it, with an example of each."""

import datetime as time
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StrictBool

from careloom.api.schemas import RUN_ID, Count, Model, Progress, RunId, State

ID_PATTERN = r"^[a-z2-7]{26}$"
CURSOR_PATTERN = r"^(-?[0-9]{1,4}(\.[0-9]{1,6})?:[a-z2-7]{26})?$"
ONE_ID = "aaaqeayeaudaocajbifqydiob4"
OTHER_ID = "7x4o2q5w3m6n7b5v4c3z2l6k5j"

PairState = Literal["review", "linked", "rejected"]
Origin = Literal["model", "person", "feed"]
Id = Annotated[str, Field(pattern=ID_PATTERN)]
PatientRef = Annotated[str, Field(pattern=r"^Patient/[A-Za-z0-9.-]{1,64}$")]
Bits = Annotated[float, Field(description="Above 0 for one person, below 0 for two, 0 where it is not known.")]

REASON: dict[str, Any] = {"trait": "birth", "level": "same", "words": "the same birth date", "bits": 14.7238}
PAIR: dict[str, Any] = {
    "pair": ONE_ID,
    "patients": [f"Patient/{OTHER_ID}", f"Patient/{ONE_ID}"],
    "state": "review",
    "origin": "model",
    "probability": 0.8213,
    "weight": 2.2,
    "reasons": [REASON],
    "cautions": [{"name": "twins", "words": "the given names differ, and no identifier is in common"}],
    "run": RUN_ID,
    "updated": "2026-11-22T01:02:04.512Z",
}
STEP: dict[str, Any] = {
    "action": "accept", "actor": "sam.steward", "time": "2026-11-22T01:05:00.000Z", "before": "review",
    "after": "linked", "reason": "seen both passports",
}  # fmt: skip
REPORT: dict[str, Any] = {
    "run": RUN_ID,
    "kind": "full",
    "patients": 10000,
    "compared": 7402,
    "crowds": 0,
    "changed": {"new": 512, "link": 488, "gone": 0},
    "linked_patients": 976,
    "pairs": {"review": 24, "linked": 488, "rejected": 0},
}
JOB: dict[str, Any] = {
    "id": RUN_ID, "state": "done", "actor": "sam.steward", "started": "2026-11-22T01:02:03.412000+00:00",
    "ended": "2026-11-22T01:02:09.907000+00:00", "progress": {"done": 5, "total": 5}, "error": None, "report": REPORT,
}  # fmt: skip
LAST: dict[str, Any] = {"id": RUN_ID, "time": "2026-11-22T01:02:09.907Z"} | {
    name: REPORT[name] for name in ("kind", "patients", "compared", "crowds", "changed", "linked_patients")
}


class Reason(Model):
    """What one trait says about a pair, without its values."""

    trait: str
    level: str
    words: str
    bits: Bits


class Caution(Model):
    """A rule for which a person must look at a pair, whatever its score."""

    name: str
    words: str


class Pair(Model):
    """Two patients who are, or may be, one; no value of either."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": PAIR})

    pair: Id
    patients: Annotated[list[PatientRef], Field(min_length=2, max_length=2)]
    state: PairState
    origin: Origin = Field(description="Whose word the state is.")
    probability: Annotated[float, Field(ge=0, le=1)]
    weight: float = Field(description="log2 of the odds that they are one person.")
    reasons: list[Reason]
    cautions: list[Caution]
    run: str = Field(description="The run that found it.")
    updated: time.datetime


class PairCounts(Model):
    """How many pairs there are."""

    review: Count
    linked: Count
    rejected: Count


class LastRun(Model):
    """What the last run did."""

    id: RunId
    time: time.datetime
    run: str = ""
    kind: Literal["full", "fresh"]
    patients: Count
    compared: Count
    crowds: Count = Field(description="Keys that too many patients share: passed over.")
    changed: dict[str, Count] = Field(description="By what became of pairs.")
    linked_patients: Count


class PairPage(Model):
    """Pairs by falling weight."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "items": [PAIR], "next": None, "counts": {"review": 1, "linked": 0, "rejected": 0}, "run": LAST,
            }
        },
    )  # fmt: skip

    items: list[Pair]
    next: str | None = Field(description="The cursor of the next page, null on the last one.")
    counts: PairCounts
    run: LastRun | None = Field(description="Null before the first run.")


class Side(Model):
    """One trait of both patients. These values identify people."""

    trait: str
    title: str
    agreement: Literal["same", "similar", "different", "unknown"]
    values: Annotated[list[list[str]], Field(min_length=2, max_length=2)]


class DecisionStep(Model):
    """What happened to a pair once."""

    action: str
    actor: str
    time: time.datetime
    before: str = Field(description="The state before; empty for none.")
    after: str
    reason: str


class DecidedPair(Pair):
    """A pair with what was decided about it, oldest first."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": PAIR | {"history": [STEP]}})

    history: list[DecisionStep]


class PairDetail(DecidedPair):
    """A pair with both patients side by side."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": PAIR
            | {
                "history": [STEP],
                "sides": [{"trait": "birth", "title": "Birth date", "agreement": "same",
                           "values": [["1961-04-05"], ["1961-04-05"]]}],
            }
        },
    )  # fmt: skip

    sides: list[Side]


class Decision(Model):
    """What a person decides. `undo` takes the last decision back, also one of the model or of a feed."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"action": "accept", "reason": "seen both passports"}}
    )

    action: Literal["accept", "reject", "undo"]
    reason: Annotated[str, Field(max_length=500)] = Field("", description="Why; sealed under both patients' key.")


class RunAsk(Model):
    """How to run."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"full": False}})

    full: StrictBool = Field(False, description="Learn anew and compare everybody.")


class RunReport(Model):
    """What a run found and changed."""

    run: RunId
    kind: Literal["full", "fresh"]
    patients: Count
    compared: Count
    crowds: Count = Field(description="Keys that too many patients share: passed over.")
    changed: dict[str, Count]
    linked_patients: Count
    pairs: PairCounts


class LinkageJob(Model):
    """A queued run."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": JOB})

    id: RunId
    state: State
    actor: str
    started: time.datetime | None
    ended: time.datetime | None
    progress: Progress
    error: str | None = Field(description="The code of the error that ended it.")
    report: RunReport | None = Field(description="Null until it is done.")


class GoldenValue(Model):
    """One value and the records that have it."""

    value: Any
    records: list[PatientRef]


class GoldenField(Model):
    """One element of the golden record."""

    name: str
    because: str = Field(description="The rule that decided: trusted, majority, complete, recent, id; only; all.")
    values: list[GoldenValue]
    others: list[GoldenValue] = Field(description="What was not taken.")


class GoldenSource(Model):
    """One record of the person."""

    id: PatientRef
    source: str = Field(description="The system it came from; empty if nobody knows.")
    arrived: time.datetime


class GoldenRecord(Model):
    """The best value of each field of all records of a person; made when asked for, stored nowhere."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "patient": {"resourceType": "Patient", "active": True, "birthDate": "1961-04-05"},
                "records": [{"id": f"Patient/{ONE_ID}", "source": "main", "arrived": "2026-11-22T01:02:04.512Z"}],
                "fields": [
                    {
                        "name": "birthDate",
                        "because": "only",
                        "values": [{"value": "1961-04-05", "records": [f"Patient/{ONE_ID}"]}],
                        "others": [],
                    }
                ],
            }
        },
    )

    patient: dict[str, Any]
    records: list[GoldenSource]
    fields: list[GoldenField]
