"""FHIR's terminology operations over HTTP: what codes mean, whether they are valid, what they say in other systems."""

from collections.abc import Iterable
from typing import Annotated, Any

import orjson
from flask import Response
from flask_openapi3 import APIBlueprint, OpenAPI, Tag
from flask_openapi3.types import ResponseDict
from pydantic import Field

from careloom.api import fhir_schemas as schemas
from careloom.api.context import platform, who
from careloom.api.problems import FHIR_TYPE
from careloom.api.schemas import Model
from careloom.services import terminology as service

_TAG = Tag(name="Terminology", description="FHIR R4 terminology operations. Errors are OperationOutcomes.")
_READ = [{"oauth2": ["system/*.r"]}]

terminology = APIBlueprint("terminology", __name__, url_prefix="/fhir/terminology", abp_tags=[_TAG])

LONGEST = service.LONGEST_TEXT
System = Annotated[
    str, Field(min_length=1, max_length=LONGEST, description="A code system: URI, OID or short name, as ICD-10-CM.")
]
Code = Annotated[str, Field(min_length=1, max_length=LONGEST, description="A code of the system.")]
Version = Annotated[str, Field(max_length=LONGEST, description="A version of the system; the newest without one.")]
Json = dict[str, Any]


class LookupQuery(Model):
    """Which code."""

    system: System
    code: Code
    version: Version = ""


class ValidateQuery(Model):
    """Which code, and a display to check; ``url`` is the code system."""

    url: System
    code: Code
    display: Annotated[str, Field(max_length=LONGEST, description="A name that the code should have.")] = ""
    version: Version = ""


class SubsumesQuery(Model):
    """Which two codes of one system."""

    system: System
    codeA: Code  # noqa: N815 - FHIR's name
    codeB: Code  # noqa: N815
    version: Version = ""


class TranslateQuery(Model):
    """Which code, and the system to translate it to; all without one."""

    system: System
    code: Code
    targetsystem: Annotated[str, Field(max_length=LONGEST, description="The system to translate to; else all.")] = ""


class ExpandQuery(Model):
    """Which value set, codes whose name holds a text, and which part of them."""

    url: Annotated[str, Field(min_length=1, max_length=1000, description="The value set; an implicit one too.")]
    filter: Annotated[str, Field(max_length=LONGEST, description="Only codes whose name holds this text.")] = ""
    offset: Annotated[int, Field(ge=0, le=1_000_000, description="How many codes to pass over.")] = 0
    count: Annotated[int, Field(ge=0, le=10_000, description="How many codes to give at most.")] = 1000


def register(app: OpenAPI) -> None:
    """Adds the routes."""
    app.register_api(terminology)


def _answers(model: str, example: Json, words: str) -> ResponseDict:
    content = {"schema": {"$ref": f"#/components/schemas/{model}"}, "example": example}
    answer = {"description": words, "content": {FHIR_TYPE: content}}
    return {"200": answer, **schemas.errors(400, 401, 403, 404, 500, 503)}


def _parameters(*parts: Json) -> Json:
    return {"resourceType": "Parameters", "parameter": list(parts)}


def _given(resource: Json) -> Response:
    return Response(orjson.dumps(resource), content_type=FHIR_TYPE)


def _coding(name: str, system: str, code: str, display: str) -> Json:
    coding = {"system": system, "code": code} | ({"display": display} if display else {})
    return {"name": name, "valueCoding": coding}


def _property(code: str, kind: str, value: object) -> Json:
    return {"name": "property", "part": [{"name": "code", "valueCode": code}, {"name": "value", f"value{kind}": value}]}


LOOKUP_EXAMPLE = _parameters(
    {"name": "name", "valueString": "International Classification of Diseases, Tenth Revision, Clinical Modification"},
    {"name": "version", "valueString": "2026-04"},
    {"name": "display", "valueString": "Type 2 diabetes mellitus without complications"},
    _property("inactive", "Boolean", False),
    _property("parent", "Code", "E11"),
)
VALIDATE_EXAMPLE = _parameters(
    {"name": "result", "valueBoolean": True},
    {"name": "display", "valueString": "Type 2 diabetes mellitus without complications"},
)
SUBSUMES_EXAMPLE = _parameters({"name": "outcome", "valueCode": "subsumes"})
TRANSLATE_EXAMPLE = _parameters(
    {"name": "result", "valueBoolean": True},
    {
        "name": "match",
        "part": [
            {"name": "equivalence", "valueCode": "equivalent"},
            _coding("concept", "http://hl7.org/fhir/sid/icd-10-cm", "E11", "Type 2 diabetes mellitus"),
            {"name": "source", "valueUri": "MONDO"},
        ],
    },
)
EXPAND_EXAMPLE: Json = {
    "resourceType": "ValueSet",
    "status": "active",
    "url": "http://hl7.org/fhir/sid/icd-10-cm?fhir_vs=isa/E11.0",
    "expansion": {
        "timestamp": "2026-11-22T10:15:00+00:00",
        "total": 1,
        "offset": 0,
        "contains": [
            {
                "system": "http://hl7.org/fhir/sid/icd-10-cm",
                "code": "E11.01",
                "display": "Type 2 diabetes mellitus with hyperosmolarity with coma",
            }
        ],
    },
}


@terminology.get(
    "/CodeSystem/$lookup",
    summary="What a code means",
    operation_id="terminology_lookup",
    security=_READ,
    responses=_answers("Parameters", LOOKUP_EXAMPLE, "Name, version, other names, properties, parents and children."),
)
def lookup(query: LookupQuery) -> Response:
    """One code, of the newest release that has it unless a version is asked for."""
    found = service.lookup(platform(), who(), query.system, query.code, query.version or None)
    concept = found.concept
    properties = [_property("inactive", "Boolean", not concept.is_active)]
    properties += [_property("abstract", "Boolean", concept.is_abstract)]
    properties += [_property("expired", "Boolean", found.is_expired)]
    properties += [_property("parent", "Code", code) for code in concept.parents]
    properties += [_property("child", "Code", code) for code in found.children]
    properties += [_property(key, "String", value) for key, values in concept.properties.items() for value in values]
    names = [{"name": "designation", "part": [{"name": "value", "valueString": name}]} for name in concept.names]
    title = found.release.title if found.release and found.release.title else concept.system
    return _given(
        _parameters(
            {"name": "name", "valueString": title},
            {"name": "version", "valueString": concept.version},
            {"name": "display", "valueString": concept.name},
            *names,
            *properties,
        )
    )


@terminology.get(
    "/CodeSystem/$validate-code",
    summary="Whether a code is valid",
    operation_id="terminology_validate",
    security=_READ,
    responses=_answers("Parameters", VALIDATE_EXAMPLE, "The result, why, and the name of the code."),
)
def validate(query: ValidateQuery) -> Response:
    """``result`` is false too where it cannot be told, because a part of the system is known; ``message`` says so."""
    found = service.validate(platform(), who(), query.url, query.code, query.display, query.version or None)
    message = "; ".join(f"{issue.message} [{issue.code}]" for issue in found.issues)
    return _given(
        _parameters(
            {"name": "result", "valueBoolean": found.outcome == "valid"},
            *([{"name": "message", "valueString": message}] if message else []),
            *([{"name": "display", "valueString": found.concept.name}] if found.concept else []),
        )
    )


@terminology.get(
    "/CodeSystem/$subsumes",
    summary="Whether a code includes another",
    operation_id="terminology_subsumes",
    security=_READ,
    responses=_answers("Parameters", SUBSUMES_EXAMPLE, "equivalent, subsumes, subsumed-by or not-subsumed."),
)
def subsumes(query: SubsumesQuery) -> Response:
    """How codeA stands to codeB."""
    found = service.compare(platform(), who(), query.system, query.codeA, query.codeB, query.version or None)
    return _given(_parameters({"name": "outcome", "valueCode": found}))


@terminology.get(
    "/ConceptMap/$translate",
    summary="What a code says in other systems",
    operation_id="terminology_translate",
    security=_READ,
    responses=_answers("Parameters", TRANSLATE_EXAMPLE, "Matches with their equivalence, most exact first."),
)
def translate(query: TranslateQuery) -> Response:
    """By every map that is known, read in both directions."""
    found = service.translations(platform(), who(), query.system, query.code, query.targetsystem)
    matches: Iterable[Json] = (
        {
            "name": "match",
            "part": [
                {"name": "equivalence", "valueCode": each.equivalence},
                _coding("concept", each.system, each.code, concept.name if concept else ""),
                {"name": "source", "valueUri": each.origin},
            ],
        }
        for each, concept in found
    )
    return _given(_parameters({"name": "result", "valueBoolean": bool(found)}, *matches))


@terminology.get(
    "/ValueSet/$expand",
    summary="The codes of a value set",
    operation_id="terminology_expand",
    security=_READ,
    responses={
        **_answers("ValueSet", EXPAND_EXAMPLE, "The value set with its expansion."),
        **schemas.errors(413),
    },
)
def expand(query: ExpandQuery) -> Response:
    """A loaded value set, or an implicit one (``...?fhir_vs=isa/E11``)."""
    members = service.expand(platform(), who(), query.url, query.filter)
    shown = members[query.offset : query.offset + query.count]
    contains = [
        {"system": each.system, "code": each.code}
        | ({"display": each.name} if each.name else {})
        | ({"inactive": True} if not each.is_active else {})
        | ({"abstract": True} if each.is_abstract else {})
        for each in shown
    ]
    expansion = {"timestamp": platform().runtime.now().isoformat(), "total": len(members), "offset": query.offset}
    return _given(
        {
            "resourceType": "ValueSet",
            "status": "active",
            "url": query.url,
            "expansion": expansion | ({"contains": contains} if contains else {}),
        }
    )
