"""Routes about codes that FHIR has no operation for: releases, codes by name, values in other units."""

import datetime as time
from decimal import Decimal
from typing import Annotated, Any

import orjson
from flask import Response
from flask_openapi3 import APIBlueprint, OpenAPI, Tag
from pydantic import ConfigDict, Field

from careloom.api.answers import answers, document, problems
from careloom.api.context import platform, who
from careloom.api.schemas import SIGN, Count, Model, Problem
from careloom.services import terminology as service
from careloom.terminology.systems import ICD_10_CM

_TAG = Tag(name="Codes and units", description="What codes are known, codes by name, values in other units.")
_READ: list[dict[str, list[str]]] = [{"oauth2": ["system/*.r"]}]
_REFUSALS = (400, 401, 403, 409, 500, 503)

codes = APIBlueprint("codes", __name__, url_prefix="/api/v1/terminology", abp_tags=[_TAG])

RELEASE: dict[str, Any] = {
    "system": ICD_10_CM, "version": "2026-04",
    "title": "International Classification of Diseases, Tenth Revision, Clinical Modification",
    "effective": "2026-04-01", "expires": "2026-10-01", "is_expired": True, "concepts": 98466, "is_whole": True,
    "licence": "public domain (US National Center for Health Statistics)",
}  # fmt: skip
MATCH: dict[str, Any] = {
    "system": ICD_10_CM, "code": "N18", "name": "Chronic kidney disease (CKD)", "version": "2026-04",
    "is_active": True, "is_abstract": True, "matched": "Chronic kidney disease (CKD)", "score": 92.79,
}  # fmt: skip


class Release(Model):
    """A release of a code system, shipped or loaded."""

    system: str
    version: str
    title: str
    effective: time.date | None
    expires: time.date | None = Field(description="The first day on which it holds no longer.")
    is_expired: bool
    concepts: Count
    is_whole: bool = Field(description="A code that is not in it does not exist.")
    licence: str


class Releases(Model):
    """Every release that is known."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"items": [RELEASE]}})

    items: list[Release]


class Match(Model):
    """A code whose name fits a text."""

    system: str
    code: str
    name: str
    version: str
    is_active: bool
    is_abstract: bool = Field(description="A grouping: not to be used for a patient.")
    matched: str = Field(description="The name that fits best.")
    score: Annotated[float, Field(ge=0, le=100)] = Field(description="How well it fits.")


class Matches(Model):
    """Codes whose names fit a text, best first."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"items": [MATCH]}})

    items: list[Match]


class ConversionAsk(Model):
    """A value and two units."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"value": "5.5", "unit": "MMOL/L", "to": "mg/dL", "loinc": "2345-7"}},
    )

    value: Annotated[str, Field(pattern=r"^[+-]?[0-9]{1,30}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?$")] = Field(
        description="A decimal number, as a text that keeps its digits."
    )
    unit: Annotated[str, Field(min_length=1, max_length=255)] = Field(description="UCUM, or a known spelling of it.")
    to: Annotated[str, Field(min_length=1, max_length=255)] = Field(description="UCUM.")
    loinc: Annotated[str, Field(pattern=r"^([0-9]{1,7}-[0-9])?$")] = Field(
        "", description="Names the substance, for mass to amount and back; empty for none."
    )


class Conversion(Model):
    """The value in the other unit."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "value": "99.0858", "unit": "mmol/L", "to": "mg/dL", "substance": "glucose",
                "issue": "terminology.unit-rewritten",
            }
        },
    )  # fmt: skip

    value: str
    unit: str = Field(description="The UCUM code that the unit stands for.")
    to: str
    substance: str = Field(description="Whose molar mass was at hand; empty for none.")
    issue: str = Field(description="A code where the unit was no UCUM, or none that was meant; empty otherwise.")


class NoQuery(Model):
    """No parameter is taken."""


class MatchesQuery(Model):
    """Which words, of which system, and how many answers."""

    text: Annotated[str, Field(pattern=SIGN, max_length=service.LONGEST_TEXT)] = Field(
        description="Words of a name.", json_schema_extra={"example": "chronic kidny disease"}
    )
    system: Annotated[str, Field(max_length=service.LONGEST_TEXT)] = Field(
        "", description="Only this system: URI, OID or short name.", json_schema_extra={"example": "ICD-10-CM"}
    )
    limit: Annotated[int, Field(ge=1, le=service.MOST_MATCHES)] = Field(
        10, description="How many at most.", json_schema_extra={"example": 10}
    )


def register(app: OpenAPI) -> None:
    """Adds the routes."""
    document(codes, Problem, Releases, Matches, Conversion)
    app.register_api(codes)


def _json(value: object) -> Response:
    return Response(orjson.dumps(value), content_type="application/json")


@codes.get(
    "/releases",
    summary="What code systems are known",
    operation_id="terminology_releases",
    security=_READ,
    responses={200: answers(Releases, "Every release, shipped or loaded."), **problems(*_REFUSALS)},
)
def releases(query: NoQuery) -> Response:
    """Releases of one system stand side by side; what has ended still answers."""
    found = [
        {
            "system": each.system, "version": each.version, "title": each.title, "effective": each.effective,
            "expires": each.expires, "is_expired": is_expired, "concepts": each.concepts, "is_whole": each.is_whole,
            "licence": each.licence,
        }
        for each, is_expired in service.releases(platform(), who())
    ]  # fmt: skip
    return _json({"items": found})


@codes.get(
    "/concepts",
    summary="Find codes by name",
    operation_id="terminology_search",
    security=_READ,
    responses={200: answers(Matches, "Codes, best first."), **problems(*_REFUSALS, 404)},
)
def matches(query: MatchesQuery) -> Response:
    """By the words of all their names, beginnings of words and misspelt words too."""
    found = [
        {
            "system": each.concept.system, "code": each.concept.code, "name": each.concept.name,
            "version": each.concept.version, "is_active": each.concept.is_active,
            "is_abstract": each.concept.is_abstract, "matched": each.matched, "score": each.score,
        }
        for each in service.search(platform(), who(), query.text, query.system, query.limit)
    ]  # fmt: skip
    return _json({"items": found})


@codes.post(
    "/conversions",
    summary="A value in another unit",
    operation_id="terminology_convert",
    security=_READ,
    responses={200: answers(Conversion, "The value in the unit that was asked for."), **problems(*_REFUSALS, 413, 415)},
)
def conversions(body: ConversionAsk) -> Response:
    """By UCUM, exactly; between mass and amount by the molar mass of the substance. Nothing is kept."""
    found = service.convert(platform(), who(), Decimal(body.value), body.unit, body.to, body.loinc)
    answer = {
        "value": format(found.value, "f"), "unit": found.unit, "to": found.to, "substance": found.substance,
        "issue": found.issue,
    }  # fmt: skip
    return _json(answer)
