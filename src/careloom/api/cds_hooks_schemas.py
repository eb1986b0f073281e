"""What CDS Hooks sends and gets, as the OpenAPI document shows it. What a client sends beside is passed over.

source  CDS Hooks 2.0 (https://cds-hooks.hl7.org): requests, responses, feedback
"""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from careloom.api.answers import told
from careloom.api.cds_cards_schemas import CARD_ID, SERVICE, Hook, Url
from careloom.api.schemas import Model

_TIME = r"^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})$"
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9\-.]{1,64}$")]
"""An id as FHIR has it: no reference."""
Reference = Annotated[str, Field(pattern=r"^[A-Za-z]{1,64}/[A-Za-z0-9\-.]{1,64}$")]
CALL: dict[str, Any] = {
    "hook": "patient-view", "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
    "context": {"userId": "Practitioner/a1", "patientId": "p1"},
}  # fmt: skip
FEEDBACK: dict[str, Any] = {
    "feedback": [
        {
            "card": CARD_ID, "outcome": "overridden", "outcomeTimestamp": "2026-11-22T10:00:00Z",
            "overrideReason": {"reason": {"system": "urn:careloom:cds:override", "code": "known"}},
        }
    ]
}  # fmt: skip


class _Open(Model):
    """Open to members that later versions, and extensions, bring."""

    model_config = ConfigDict(extra="ignore")


class CdsServicePath(Model):
    """Which service."""

    service_id: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,63}\.[a-z-]{1,40}$")] = told(..., "Its id.", SERVICE)


class CdsContext(_Open):
    """Who asks about whom, and at order-select and order-sign which orders are in the making."""

    userId: Reference  # noqa: N815 - as CDS Hooks writes it
    patientId: Id  # noqa: N815
    encounterId: Id | None = None  # noqa: N815
    selections: Annotated[list[Reference], Field(max_length=200)] | None = None
    draftOrders: dict[str, Any] | None = None  # noqa: N815


class CdsAuthorization(_Open):
    """By what the service may read the FHIR server of the caller."""

    access_token: Annotated[str, Field(min_length=1, max_length=8_192, repr=False)]
    token_type: Literal["Bearer"]
    expires_in: Annotated[int, Field(ge=0)]
    scope: Annotated[str, Field(min_length=1, max_length=4_096)]
    subject: Annotated[str, Field(min_length=1, max_length=256)]
    patient: Id | None = None


class CdsCallBody(_Open):
    """A call of a hook."""

    model_config = ConfigDict(extra="ignore", json_schema_extra={"example": CALL})

    hook: Hook
    hookInstance: UUID  # noqa: N815
    fhirServer: Url | None = None  # noqa: N815
    fhirAuthorization: CdsAuthorization | None = None  # noqa: N815
    context: CdsContext
    prefetch: dict[str, dict[str, Any] | None] | None = None
    extension: dict[str, Any] | None = None


class CdsCoding(_Open):
    """A reason."""

    system: Annotated[str, Field(max_length=300)] | None = None
    code: Annotated[str, Field(max_length=200)] | None = None


class CdsOverrideReason(_Open):
    """Why a card was closed; a comment is not kept."""

    reason: CdsCoding | None = None
    userComment: Annotated[str, Field(max_length=10_000)] | None = None  # noqa: N815


class CdsAccepted(_Open):
    """A suggestion that was accepted."""

    id: Annotated[str, Field(max_length=200)]


class CdsFeedbackItem(_Open):
    """What somebody made of a card."""

    card: UUID
    outcome: Literal["accepted", "overridden"]
    acceptedSuggestions: Annotated[list[CdsAccepted], Field(max_length=100)] | None = None  # noqa: N815
    overrideReason: CdsOverrideReason | None = None  # noqa: N815
    outcomeTimestamp: Annotated[str, Field(pattern=_TIME)]  # noqa: N815


class CdsFeedbackBody(_Open):
    """What people made of cards."""

    model_config = ConfigDict(extra="ignore", json_schema_extra={"example": FEEDBACK})

    feedback: Annotated[list[CdsFeedbackItem], Field(min_length=1, max_length=1_000)]


class CdsFeedbackTaken(Model):
    """How many answers were kept, and how many are of no card here."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"answers": 1, "unknown": 0}})

    answers: Annotated[int, Field(ge=0)]
    unknown: Annotated[int, Field(ge=0)]
