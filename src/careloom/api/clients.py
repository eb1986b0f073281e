"""Routes of who may come in: clients are registered, shown, given new secrets, stopped; what they may is granted."""

from typing import Any

from flask import Response
from flask_openapi3 import APIBlueprint, OpenAPI, Tag

from careloom.api import clients_schemas as schemas
from careloom.api.answers import answers, document, json_answer, problems
from careloom.api.context import base_url, platform, who
from careloom.api.schemas import Problem
from careloom.services import client_grants as service
from careloom.services.clients import ClientAsk, Registered, as_json, show_client

_TAG = Tag(name="Clients", description="Who may come in, and what was granted to them.")
_SCOPE: list[dict[str, list[str]]] = [{"oauth2": ["careloom/administer"]}]
_REFUSALS = (400, 401, 403, 409, 500, 503)

clients = APIBlueprint("clients", __name__, url_prefix="/api/v1", abp_tags=[_TAG])


def register(app: OpenAPI) -> None:
    """Adds the routes."""
    document(
        clients, Problem, schemas.Client, schemas.LetIn, schemas.ClientPage, schemas.ClientGrants, schemas.Roles
    )  # fmt: skip
    app.register_api(clients)


def _with_secret(made: Registered, status: int) -> Response:
    """The one answer that holds a secret."""
    told: dict[str, Any] = as_json(made.client, platform().runtime.now()) | {"client_secret": made.secret or None}
    return json_answer(told, status, at=f"{base_url()}/api/v1/clients/{made.client.name}" if status == 201 else "")


@clients.get(
    "/clients",
    summary="List clients",
    operation_id="list_clients",
    security=_SCOPE,
    responses={200: answers(schemas.ClientPage, "A page of clients, by name."), **problems(*_REFUSALS)},
)
def listed(query: schemas.ClientsQuery) -> Response:
    """Everybody who was ever let in, people too; never what they sign in with."""
    wanted = {"kind": query.kind, "state": query.state, "role": query.role}
    return json_answer(service.list_page(platform(), who(), wanted, after=query.cursor, limit=query.limit))


@clients.post(
    "/clients",
    summary="Let a program in",
    operation_id="register_client",
    security=_SCOPE,
    responses={
        201: answers(
            schemas.LetIn,
            "The client, with its secret this once.",
            headers={"Location": {"schema": {"type": "string"}, "description": "Where it is shown."}},
        ),
        **problems(*_REFUSALS, 404, 413, 415),
    },
)
def registered(body: schemas.ClientAsk) -> Response:
    """Its secret is shown in this answer and never again; one with keys of its own has none. 409 if the name is taken.
    An administrator grants zones that were granted to them. People are invited: careloom people invite."""
    ask = ClientAsk(
        body.name, body.roles, body.zones, body.scopes, "client", body.jwks.model_dump() if body.jwks else None,
        service.days_from_now(platform(), body.days), "", body.patient, body.actors, body.purposes,
    )  # fmt: skip
    return _with_secret(service.let_in(platform(), who(), ask), 201)


@clients.get(
    "/clients/<name>",
    summary="Show one client",
    operation_id="show_client",
    security=_SCOPE,
    responses={200: answers(schemas.Client, "The client."), **problems(*_REFUSALS, 404)},
)
def shown(path: schemas.ClientPath, query: schemas.NoQuery) -> Response:
    """All but what it signs in with."""
    return json_answer(show_client(platform(), who(), path.name))


@clients.post(
    "/clients/<name>/rotate",
    summary="Give a client a new secret, or new keys",
    operation_id="rotate_client",
    security=_SCOPE,
    responses={
        200: answers(schemas.LetIn, "The client, with its new secret this once."),
        **problems(*_REFUSALS, 404, 413, 415),
    },
)
def rotated(path: schemas.ClientPath, body: schemas.RotateAsk) -> Response:
    """The old secret or keys, and all its tokens, are worth nothing from now on. 400 where it signs in otherwise."""
    return _with_secret(
        service.rotate(platform(), who(), path.name, body.jwks.model_dump() if body.jwks else None), 200
    )


@clients.post(
    "/clients/<name>/disable",
    summary="Stop a client",
    operation_id="disable_client",
    security=_SCOPE,
    responses={200: answers(schemas.Client, "The client, disabled."), **problems(*_REFUSALS, 404)},
)
def disabled(path: schemas.ClientPath) -> Response:
    """At once; the tokens that it has are worth nothing, also once it is let in again. Nobody stops themselves."""
    return json_answer(service.disable(platform(), who(), path.name))


@clients.post(
    "/clients/<name>/enable",
    summary="Let a client in again",
    operation_id="enable_client",
    security=_SCOPE,
    responses={200: answers(schemas.Client, "The client, as it stands."), **problems(*_REFUSALS, 404)},
)
def enabled(path: schemas.ClientPath) -> Response:
    """One that was disabled; who is expired stays so, until it is granted more days."""
    return json_answer(service.enable(platform(), who(), path.name))


@clients.get(
    "/clients/<name>/grants",
    summary="What was granted to a client",
    operation_id="show_grants",
    security=_SCOPE,
    responses={200: answers(schemas.ClientGrants, "Its grants."), **problems(*_REFUSALS, 404)},
)
def grants(path: schemas.ClientPath, query: schemas.NoQuery) -> Response:
    """Roles, zones, scopes and purposes, and verb by verb what they come to."""
    return json_answer(service.show_grants(platform(), who(), path.name))


@clients.put(
    "/clients/<name>/grants",
    summary="Grant something else to a client",
    operation_id="change_grants",
    security=_SCOPE,
    responses={200: answers(schemas.ClientGrants, "Its grants from now on."), **problems(*_REFUSALS, 404, 413, 415)},
)
def granted(path: schemas.ClientPath, body: schemas.GrantsAsk) -> Response:
    """In place of all that it had. Its tokens of before are worth nothing. Nobody changes their own grants, or grants
    a zone that they were not granted."""
    asked = service.Grants(body.roles, body.zones, body.scopes, body.purposes, body.days)
    return json_answer(service.change_grants(platform(), who(), path.name, asked))


@clients.get(
    "/roles",
    summary="What can be granted",
    operation_id="list_roles",
    security=_SCOPE,
    responses={200: answers(schemas.Roles, "Roles, zones and scopes."), **problems(*_REFUSALS)},
)
def roles(query: schemas.NoQuery) -> Response:
    """Every role with what it may where and for which purposes; every zone, and scopes in words."""
    return json_answer(service.list_roles(platform(), who()))
