"""What the routes of emergencies and of the record of access take and give, with an example of each."""

import datetime as time
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from careloom.api.lists import NEXT
from careloom.api.schemas import SIGN, Model

ID_PATTERN = r"^[a-z2-7]{26}$"
PATIENT_PATTERN = r"^[A-Za-z0-9\-.]{1,64}$"
ONE_ID = "lm5z2dywok7s66m43g3qaohlqe"
PATIENT = "7x4o2q5w3m6n7b5v4c3z2l6k5j"
EMERGENCY: dict[str, Any] = {
    "id": ONE_ID, "actor": "dr.weber", "patient": f"Patient/{PATIENT}", "reason": "unconscious, allergies unknown",
    "opened": "2026-11-29T10:00:00+00:00", "until": "2026-11-29T11:00:00+00:00", "acknowledged": None,
    "acknowledged_by": None,
}  # fmt: skip
TIMES: dict[str, Any] = {"since": "2020-11-29T10:00:00+00:00", "until": "2026-11-29T10:00:00+00:00"}
VIEW: dict[str, Any] = {
    "time": "2026-11-29T09:58:00+00:00", "actor": "dr.weber", "operation": "read", "purpose": "TREAT",
    "outcome": "success", "action": "read", "type": "Observation", "emergency": None, "seq": 4711, "hash": "00" * 32,
}  # fmt: skip
DISCLOSURE: dict[str, Any] = {
    "date": "2026-11-02", "recipient": "registry-export", "purpose": "PUBHLTH", "purpose_text": "public health",
    "description": "a file with resources of the health record was handed over", "count": 1, "seq": [4012],
}  # fmt: skip


class EmergencyAsk(Model):
    """Whose record, and why."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"patient": f"Patient/{PATIENT}", "reason": "unconscious, allergies unknown"}},
    )

    patient: Annotated[str, Field(pattern=r"^Patient/[A-Za-z0-9\-.]{1,64}$")] = Field(
        description="Patient/<id>, the id as stored or the source's own."
    )
    reason: Annotated[str, Field(min_length=10, max_length=500, pattern=rf"{SIGN}.{{8,}}{SIGN}")] = Field(
        description="Why; sealed under the patient's key."
    )
    minutes: Annotated[int, Field(ge=0, le=1440)] = Field(0, description="For how long; 0 for the setting, the most.")


class EmergencyReport(Model):
    """One emergency in which the glass was broken."""

    model_config = ConfigDict(json_schema_extra={"example": EMERGENCY})

    id: str
    actor: str
    patient: str | None
    reason: str
    opened: time.datetime
    until: time.datetime
    acknowledged: time.datetime | None = Field(description="When a privacy officer looked at it.")
    acknowledged_by: str | None


class EmergencyList(Model):
    """Emergencies, newest first."""

    model_config = ConfigDict(json_schema_extra={"example": {"emergencies": [EMERGENCY], "next": None}})

    emergencies: list[EmergencyReport]
    next: str | None = NEXT


class ViewOfPatient(Model):
    """One event of the audit chain about the patient."""

    model_config = ConfigDict(json_schema_extra={"example": VIEW})

    time: time.datetime
    actor: str
    operation: str
    purpose: str = Field(description="A code of HL7 v3 PurposeOfUse.")
    outcome: Literal["success", "refused", "failed"]
    action: Literal["create", "read", "update", "delete", "execute"]
    type: str | None
    emergency: str | None = Field(description="The emergency under which something withheld was shown.")
    seq: int
    hash: str


class ActorOfPatient(Model):
    """How often one actor did one thing for one purpose."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"actor": "dr.weber", "purpose": "TREAT", "operation": "read", "count": 3,
                        "first": VIEW["time"], "last": VIEW["time"]}
        }
    )  # fmt: skip

    actor: str
    purpose: str
    operation: str
    count: int
    first: time.datetime
    last: time.datetime


class PatientViews(Model):
    """Who saw the patient."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"patient": f"Patient/{PATIENT}", **TIMES, "total": 1, "next": None, "views": [VIEW], "actors": [
                {"actor": "dr.weber", "purpose": "TREAT", "operation": "read", "count": 1, "first": VIEW["time"],
                 "last": VIEW["time"]}]}
        }
    )  # fmt: skip

    patient: str
    since: time.datetime
    until: time.datetime
    actors: list[ActorOfPatient]
    views: list[ViewOfPatient]
    total: int = Field(description="Of all pages.")
    next: str | None = NEXT


class Disclosure(Model):
    """One disclosure, or several of a day to one recipient for one purpose."""

    model_config = ConfigDict(json_schema_extra={"example": DISCLOSURE})

    date: time.date
    recipient: str
    description: str
    purpose: str
    purpose_text: str
    count: int
    seq: list[int] = Field(description="Rows of the audit chain that prove it.")


class ExcludedDisclosures(Model):
    """Disclosures that need no accounting, and by which rule."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"purpose": "TREAT", "rule": "164.528(a)(1)(i): treatment", "count": 12}}
    )

    purpose: str
    rule: str
    count: int


class Disclosures(Model):
    """The accounting of disclosures of one patient."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"patient": f"Patient/{PATIENT}", **TIMES, "rule": "45 CFR 164.528",
                        "excluded": [{"purpose": "TREAT", "rule": "164.528(a)(1)(i): treatment", "count": 12}],
                        "disclosures": [DISCLOSURE], "next": None}
        }
    )  # fmt: skip

    patient: str
    since: time.datetime
    until: time.datetime
    rule: str
    excluded: list[ExcludedDisclosures]
    disclosures: list[Disclosure]
    next: str | None = NEXT
