"""What the routes of the pseudonym vault take and give, as the OpenAPI document shows it, with an example of each."""

import datetime as time
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from careloom.api.schemas import SIGN, Count, Model
from careloom.crypto.sealed_values import MOST_LETTERS

ID_PATTERN = r"^[a-z2-7]{26}$"
NAME_PATTERN = rf"^([A-Z][A-Za-z]{{1,63}}/[a-z2-7]{{26}}|sealed/[a-z2-7]{{77,{MOST_LETTERS}}})$"
CURSOR_PATTERN = r"^([0-9]{1,17}:[a-z2-7]{26})?$"
PROJECT_PATTERN = r"^[^\x00-\x1f\x7f]{0,100}$"
ONE_ID = "lm5z2dywok7s66m43g3qaohlqe"
NAME = "Patient/aaaqeayeaudaocajbifqydiob4"
STORED = "Patient/7x4o2q5w3m6n7b5v4c3z2l6k5j"

Purpose = Literal["TREAT", "ETREAT", "PATRQT", "PATSFTY", "PUBHLTH", "HRESCH", "CLINTRCH", "HLEGAL", "HOPERAT"]
Standing = Literal["asked", "approved", "expired", "refused", "erased"]
Name = Annotated[str, Field(pattern=NAME_PATTERN)]

BRIEF: dict[str, Any] = {
    "id": ONE_ID, "project": "research", "epoch": 1, "actor": "sam.steward", "purpose": "TREAT", "count": 1,
    "state": "approved", "created": "2026-11-22T10:02:00.000Z", "decider": "petra.privacy",
    "decided": "2026-11-22T10:30:00.000Z", "expires": "2026-11-29T10:30:00.000Z", "reveals": 0, "revealed": None,
}  # fmt: skip
DETAIL: dict[str, Any] = BRIEF | {"names": [NAME], "reason": "critical potassium", "remark": "called the ward"}
ANSWER: dict[str, Any] = {
    "name": NAME, "state": "current", "resource": STORED, "patient": STORED, "days": -145,
    "identifiers": [{"system": "http://hospital.example.org/mrn", "value": "730014"}], "source": "main",
}  # fmt: skip
TIMED: dict[str, Any] = {"looked": 120431, "seconds": 0.412}


class ReidentificationAsk(Model):
    """Who is behind these pseudonyms, and why must you know it?"""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"names": [NAME], "reason": "critical potassium", "purpose": "TREAT"}},
    )

    names: Annotated[list[Name], Field(min_length=1, max_length=100)] = Field(
        description="Type/name, as the research zone has them; sealed/ and the value of what a policy encrypted."
    )
    reason: Annotated[str, Field(min_length=1, max_length=500, pattern=SIGN)] = Field(
        description="Why; sealed under the key of the patients concerned."
    )
    purpose: Purpose = Field(description="A code of HL7 v3 PurposeOfUse.")
    project: Annotated[str, Field(pattern=PROJECT_PATTERN)] = Field(
        "", description="That of the installation's settings where empty."
    )
    epoch: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        None, description="Under which the pseudonyms were given; null for the current one."
    )


class ReidentificationDecision(Model):
    """What another person decides. `refuse` takes an approval back."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"decision": "approve", "remark": "called the ward"}}
    )

    decision: Literal["approve", "refuse"]
    remark: Annotated[str, Field(max_length=500)] = Field("", description="Sealed with the request.")


class ReidentificationBrief(Model):
    """A request without what is sealed of it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": BRIEF})

    id: Annotated[str, Field(pattern=ID_PATTERN)]
    project: str
    epoch: Annotated[int, Field(ge=1)]
    actor: str = Field(description="Who asked.")
    purpose: str
    count: Count = Field(description="Pseudonyms of the request.")
    state: Standing
    created: time.datetime
    decider: str = Field(description="Who decided; empty where nobody had to.")
    decided: time.datetime | None
    expires: time.datetime | None = Field(description="When an approval ends.")
    reveals: Count
    revealed: time.datetime | None = Field(description="The last time.")


class Reidentification(ReidentificationBrief):
    """A request; the last three are empty once one of its patients was erased."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": DETAIL})

    names: list[Name]
    reason: str
    remark: str


class AskedReidentification(Reidentification):
    """A new request, and what it took to find that the names stand for something."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": DETAIL | TIMED})

    looked: Count = Field(description="Names of the zone that were made again and compared.")
    seconds: Annotated[float, Field(ge=0)]


class SourceIdentifier(Model):
    """What a source system calls a patient."""

    system: str = Field(description="Empty where the source names none.")
    value: str


class Identity(Model):
    """Who is behind one pseudonym. This identifies a person."""

    name: Name
    state: Literal["current", "deleted", "erased"]
    resource: str | None = Field(description="Type and stored id in the identified zone; null where nothing is there.")
    patient: str | None = Field(description="The patient whom it is about; null for none.")
    days: int | None = Field(description="By how many days the project moves this patient's dates.")
    identifiers: list[SourceIdentifier] = Field(description="Of a Patient.")
    source: str = Field(description="The system that sent it; empty if nobody knows.")


class RevealedReidentification(AskedReidentification):
    """A request with the answer to it."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": DETAIL | TIMED | {"reveals": 1, "answers": [ANSWER]}}
    )

    answers: list[Identity]


class ReidentificationPage(Model):
    """Requests, newest first: one's own, or everybody's for who may decide."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"items": [BRIEF], "next": None}})

    items: list[ReidentificationBrief]
    next: str | None = Field(description="The cursor of the next page, null on the last one.")
