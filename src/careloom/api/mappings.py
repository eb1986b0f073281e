"""The route of mappings: a draft of one from a file that is sent. Nothing of the file is kept."""

from typing import Annotated, Any, Literal

from flask import Response
from flask_openapi3 import APIBlueprint, OpenAPI, Tag
from pydantic import ConfigDict, Field

from careloom.api.answers import answers, document, json_answer, problems
from careloom.api.bodies import FILE_FIELD, FORM_TYPE
from careloom.api.context import platform, who
from careloom.api.ingestions import received
from careloom.api.schemas import CODE_PATTERN, Count, Model, Problem
from careloom.services import mapping as service

MOST_BYTES = 64 * 1024 * 1024
"""A draft needs the beginning of a text, and a Parquet or Arrow file whole."""
_TAG = Tag(name="Mappings", description="Drafts of mappings for delimited extracts.")
_INGEST: list[dict[str, list[str]]] = [{"oauth2": ["careloom/ingest"]}]

mappings = APIBlueprint("mappings", __name__, url_prefix="/api/v1/mappings", abp_tags=[_TAG])

DRAFT: dict[str, Any] = {
    "text": 'name = "own"\n', "kind": "observation",
    "columns": [{"column": "Pat-Nr", "role": "patient_id", "confidence": 0.97},
                {"column": "Shoe size", "role": "", "confidence": 0.0}],
    "doubts": ["Column 7: which time zone are its times in?"], "tried": 200, "usable": 198,
    "issues": [{"code": "delimited.number-malformed", "count": 2}],
}  # fmt: skip


class DraftColumn(Model):
    """What one column of the header was taken for."""

    column: str
    role: str = Field(description="Empty where nothing fits.")
    confidence: Annotated[float, Field(ge=0, le=1)]


class DraftIssue(Model):
    """What is left to mend, by code."""

    code: Annotated[str, Field(pattern=CODE_PATTERN)]
    count: Count


class Draft(Model):
    """A draft, and what it made of the first rows. It holds names of columns, units and values of small known lists."""

    text: str = Field(description="The mapping, as TOML.")
    kind: Literal[
        "allergy", "condition", "encounter", "immunization", "medication", "observation", "patient", "procedure"
    ] = Field(description="What a row was taken for.")
    columns: list[DraftColumn]
    doubts: list[str] = Field(description="What a person has to decide.")
    tried: Count = Field(description="Records of the sample that it was tried on.")
    usable: Count = Field(description="Of those, how many became valid resources.")
    issues: list[DraftIssue]


class MappingDraft(Model):
    """A draft, or why there is none."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"draft": DRAFT, "reason": None, "remedy": None}}
    )

    draft: Draft | None
    reason: str | None = Field(description="Why no draft could be made of the file; null where one was.")
    remedy: str | None


class MappingQuery(Model):
    """What the mapping is to be called."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")] = Field(
        "own", description="Name of the mapping.", json_schema_extra={"example": "our_lab"}
    )


_BYTES: dict[str, Any] = {"type": "string", "format": "binary", "minLength": 1}
_BODY: dict[str, Any] = {
    "description": "The bytes of one delimited, Parquet or Arrow file with a header; archives are opened.",
    "required": True,
    "content": {
        "text/csv": {"schema": _BYTES, "example": "patient,test,value,unit\np1,Sodium,138,mmol/L\n"},
        "application/octet-stream": {"schema": _BYTES},
        FORM_TYPE: {
            "schema": {
                "type": "object", "properties": {FILE_FIELD: _BYTES}, "required": [FILE_FIELD],
                "additionalProperties": False,
            }
        },
    },
}  # fmt: skip


def register(app: OpenAPI) -> None:
    """Adds the route."""
    document(mappings, Problem, MappingDraft)
    app.register_api(mappings)


@mappings.post(
    "/suggest",
    summary="Draft a mapping",
    operation_id="suggest_mapping",
    security=_INGEST,
    openapi_extensions={"requestBody": _BODY},
    responses={
        200: answers(MappingDraft, "The draft, or why there is none."),
        **problems(400, 401, 403, 408, 409, 413, 415, 500, 503),
    },
)
def suggested(query: MappingQuery) -> Response:
    """From the header and first rows, tried on the first records. The file is destroyed before the answer leaves."""
    with received(min(MOST_BYTES, platform().settings.api.max_upload_bytes)) as files:
        made = service.suggest_for_upload(platform(), who(), files, query.name)
    if isinstance(made, service.Drafted):
        told = {name: getattr(made, name) for name in ("text", "kind", "columns", "doubts", "tried", "usable")}
        issues = [{"code": code, "count": count} for code, count in made.issues.items()]
        return json_answer({"draft": told | {"issues": issues}, "reason": None, "remedy": None})
    return json_answer({"draft": None, "reason": made.where, "remedy": made.remedy})
