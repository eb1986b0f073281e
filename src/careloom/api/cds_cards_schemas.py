"""What CDS services answer, with the rules that CDS Hooks sets for it: services, cards, suggestions, actions.

source  CDS Hooks 2.0 (https://cds-hooks.hl7.org): Discovery, CDS Service Response; no member is null or empty
"""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from careloom.api.schemas import Model
from careloom.errors import IntegrityError

SERVICE = "readmission-30d.patient-view"
CARD_ID = "4e0a3a1e-3283-4575-ab82-028d55fe2719"
SUMMARY_AT_MOST = 139
SERVICES: dict[str, Any] = {
    "services": [
        {
            "id": SERVICE, "hook": "patient-view", "title": "Risk of unplanned readmission within 30 days",
            "description": "A card where the calibrated risk reaches the threshold.",
        }
    ]
}  # fmt: skip
CARD: dict[str, Any] = {
    "uuid": CARD_ID, "summary": "Risk of unplanned readmission within 30 days: 31 % (20 % to 40 %).",
    "detail": "**What raises it**", "indicator": "warning",
    "source": {"label": "Careloom risk model readmission-30d@3", "url": "https://careloom.example.org/dashboard/"},
    "links": [
        {
            "label": "The record behind it", "type": "absolute",
            "url": "https://careloom.example.org/dashboard/patients/identified/p1",
        }
    ],
    "overrideReasons": [{"system": "urn:careloom:cds:override", "code": "known", "display": "Already known"}],
}  # fmt: skip
Url = Annotated[str, Field(pattern=r"^https?://[^\s/]+\S*$", max_length=2_000)]
Hook = Annotated[str, Field(pattern=r"^[a-z]+(-[a-z]+)*$|^[a-z]+(\.[a-zA-Z-]+)+$", max_length=100)]
_TOKEN = re.compile(
    r"\{\{(context\.[A-Za-z][A-Za-z0-9]*|user(Practitioner|PractitionerRole|Patient|RelatedPerson)Id)\}\}"
)


class _Said(Model):
    """Open to extensions; no member is null or empty."""

    model_config = ConfigDict(extra="ignore")

    @field_validator("*", mode="before")
    @classmethod
    def _is_something(cls, value: object) -> object:
        if value is None or (isinstance(value, str | list | dict) and not value):
            raise ValueError("no member is null or empty")
        return value


class CdsCode(_Said):
    """A code of a topic."""

    system: str
    code: str
    display: str | None = None


class CdsReason(_Said):
    """A reason to override a card, as a clinician reads it."""

    system: str
    code: str
    display: str


class CdsSource(_Said):
    """Whose guidance a card is."""

    label: str
    url: Url | None = None
    icon: Url | None = None
    topic: CdsCode | None = None


class CdsLink(_Said):
    """Where to read more."""

    label: str
    url: Url
    type: Literal["absolute", "smart"]
    appContext: str | None = None  # noqa: N815 - as CDS Hooks writes it
    autolaunchable: bool | None = None

    @model_validator(mode="after")
    def _context_is_an_apps(self) -> Self:
        if self.appContext is not None and self.type != "smart":
            raise ValueError("appContext belongs to links of type smart")
        return self


class CdsAction(_Said):
    """A change that is suggested."""

    type: Literal["create", "update", "delete"]
    description: str
    resource: dict[str, Any] | None = None
    resourceId: Annotated[str, Field(pattern=r"^[A-Za-z]{1,64}/[A-Za-z0-9\-.]{1,64}$")] | None = None  # noqa: N815

    @model_validator(mode="after")
    def _names_its_resource(self) -> Self:
        if self.type == "delete":
            if self.resourceId is None:
                raise ValueError("a delete names its resource by resourceId")
        elif self.resource is None or not isinstance(self.resource.get("resourceType"), str):
            raise ValueError("create and update carry a FHIR resource")
        return self


class CdsSuggestion(_Said):
    """What a clinician may take over as it is."""

    label: str
    uuid: str | None = None
    isRecommended: bool | None = None  # noqa: N815
    actions: list[CdsAction] | None = None


class CdsCard(_Said):
    """One card."""

    model_config = ConfigDict(extra="ignore", json_schema_extra={"example": CARD})

    uuid: str | None = None
    summary: Annotated[str, Field(max_length=SUMMARY_AT_MOST)]
    detail: str | None = None
    indicator: Literal["info", "warning", "critical"]
    source: CdsSource
    suggestions: list[CdsSuggestion] | None = None
    selectionBehavior: Literal["at-most-one", "any"] | None = None  # noqa: N815
    overrideReasons: list[CdsReason] | None = None  # noqa: N815
    links: list[CdsLink] | None = None

    @model_validator(mode="after")
    def _says_how_many_to_take(self) -> Self:
        if self.suggestions is not None and self.selectionBehavior is None:
            raise ValueError("suggestions need a selectionBehavior")
        return self


class CdsCards(Model):
    """Cards, or none."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"cards": [CARD]}})

    cards: list[CdsCard]


class CdsService(_Said):
    """A service as discovery tells it."""

    id: str
    hook: Hook
    title: str | None = None
    description: str
    prefetch: dict[str, str] | None = None
    usageRequirements: str | None = None  # noqa: N815

    @field_validator("prefetch")
    @classmethod
    def _tokens_are_known(cls, told: dict[str, str] | None) -> dict[str, str] | None:
        for query in (told or {}).values():
            if not query or "{" in _TOKEN.sub("", query) or "}" in _TOKEN.sub("", query):
                raise ValueError("a token is of the context's first level, or of the user")
        return told


class CdsServices(Model):
    """The services that there are."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": SERVICES})

    services: list[CdsService]


def sound(model: type[BaseModel], told: dict[str, Any]) -> dict[str, Any]:
    """What is told, as it is. raises IntegrityError where it breaks a rule of CDS Hooks: no EHR gets to see it"""
    try:
        model.model_validate(told)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise IntegrityError(
            f"an answer breaks CDS Hooks at {place} ({first['msg']})", "Report it with the service's id."
        ) from None
    return told
