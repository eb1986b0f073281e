"""How the OpenAPI document writes answers: models with their examples, and problem documents by status."""

from functools import cache
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from flask import Response, request
from flask_openapi3 import APIBlueprint, OpenAPI
from flask_openapi3.models.schema import Schema
from flask_openapi3.types import ResponseDict
from pydantic import BaseModel, Field

from careloom.api.context import base_url
from careloom.api.problems import PROBLEM_TYPE
from careloom.api.schemas import Problem

_PROBLEMS = {
    400: ("input.schema", "the request breaks the schema at limit", "See /openapi."),
    401: ("access.unauthenticated", "this address needs a bearer token", "Get one at /oauth2/token."),
    403: ("access", "lab-gateway may not do this in the landing zone", "An administrator can grant the role."),
    404: ("input.not-found", "there is nothing of this name", "List what there is."),
    408: ("http.request-timeout", "the request came too slowly", "Send it again over a faster line."),
    409: ("state.conflict", "it has ended", "Look at it again before changing it."),
    410: ("state.erased", "it was erased or deleted", "Nothing of it is left."),
    412: ("state.conflict.precondition", "it is of another version", "Read it again, then send it again."),
    413: ("input.too-large", "the request is larger than this installation takes", "Send it in parts."),
    415: ("http.unsupported-media-type", "this address does not take that media type", "See /openapi."),
    422: ("input.invalid.unprocessable", "a rule of this installation keeps it out", "Mend the resource."),
    429: ("http.too-many-requests", "too many requests in a short time", "Wait as Retry-After says."),
    500: ("internal", "something unexpected happened", "Tell the operator the id of this request."),
    503: ("setup", "this installation is not ready", "Its operator sees why in the log."),
}
_WORDS = {
    400: "The request is not well-formed.", 401: "Nobody knows who asks.", 403: "The caller may not do this.",
    404: "It is not there.", 408: "The body came too slowly.", 409: "Not now.",
    410: "It is gone.", 412: "It is of another version.", 413: "Too many bytes.",
    415: "Not this media type.", 422: "A rule keeps it out.",
    429: "Too many requests.", 500: "A defect.", 503: "Not ready.",
}  # fmt: skip


def problems(*statuses: int) -> ResponseDict:
    """The answers of an operation for these statuses, as OpenAPI writes them; `document` must name `Problem`."""
    return {status: _problem(status) for status in statuses}


def answers(model: type[BaseModel], description: str, **more: Any) -> dict[str, Any]:
    """A JSON answer with the model's own example, as OpenAPI writes it; `document` must name the model."""
    content = {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}, "example": example_of(model)}
    return {"description": description, "content": {"application/json": content}, **more}


def queued_answer(model: type[BaseModel]) -> dict[str, Any]:
    """The answer 202 of an operation that queues work, as OpenAPI writes it; `document` must name the model."""
    watched = {"schema": {"type": "string"}, "description": "Where to watch it."}
    return answers(model, "It is queued.", headers={"Location": watched})


def json_answer(body: dict[str, Any], status: int = 200, *, at: str = "") -> Response:
    """The answer of an operation in JSON; `at` is the address of what it made, if it made something.

    The next page of a list, which `next` names, is linked, too (RFC 8288).
    """
    made = Response(orjson.dumps(body), status, content_type="application/json")
    if at:
        made.headers["Location"] = at
    if body.get("next") and request.method in ("GET", "HEAD"):
        asked = [(name, value) for name, value in request.args.items(multi=True) if name != "cursor"]
        query = urlencode([*asked, ("cursor", body["next"])])
        made.headers["Link"] = f'<{base_url()}{quote(request.path)}?{query}>; rel="next"'
    return made


def told(default: Any, description: str, example: Any) -> Any:
    """A parameter or property as the document tells of it; `default` is ``...`` where it must be given."""
    return Field(default, description=description, json_schema_extra={"example": example})


def example_of(model: type[BaseModel]) -> Any:
    """The example that a model declares. raises KeyError if it declares none."""
    extra: Any = model.model_config["json_schema_extra"]
    return extra["example"]


def document(blueprint: APIBlueprint | OpenAPI, *models: type[BaseModel]) -> None:
    """Adds the models, and those inside them, to the components of the document."""
    for model in models:
        blueprint.components_schemas.update(_schemas(model))


@cache
def _schemas(model: type[BaseModel]) -> dict[str, Schema]:
    """A model and those inside it by name; remembered, because they take two thirds of the making of an application."""
    schema = model.model_json_schema(mode="serialization", ref_template="#/components/schemas/{model}")
    inner = schema.pop("$defs", {})
    return {name: Schema(**one) for name, one in (inner | {model.__name__: schema}).items()}


def _problem(status: int) -> dict[str, Any]:
    code, detail, remedy = _PROBLEMS[status]
    shown = example_of(Problem) | {
        "type": f"urn:careloom:problem:{code}", "title": code.replace(".", ": ").replace("-", " "), "status": status,
        "detail": detail, "code": code, "remedy": remedy,
    }  # fmt: skip
    content = {"schema": {"$ref": f"#/components/schemas/{Problem.__name__}"}, "example": shown}
    told: dict[str, Any] = {"description": _WORDS[status], "content": {PROBLEM_TYPE: content}}
    if status == 401:
        told["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}, "description": "The scheme to use."}}
    return told
