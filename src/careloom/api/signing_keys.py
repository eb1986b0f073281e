"""Routes of the keys that sign tokens: listed, renewed, revoked."""

from dataclasses import asdict

from flask import Response
from flask_openapi3 import APIBlueprint, OpenAPI, Tag

from careloom.api.answers import answers, document, json_answer, problems
from careloom.api.context import platform, who
from careloom.api.schemas import Problem
from careloom.api.signing_keys_schemas import NoQuery, RotateKeysAsk, SigningKeyPath, SigningKeys
from careloom.services import signing_keys as service

_TAG = Tag(
    name="Signing keys", description="What signs access tokens and id_tokens; `/oauth2/jwks` shows the public halves."
)
_SCOPE: list[dict[str, list[str]]] = [{"oauth2": ["careloom/administer"]}]
_REFUSALS = (400, 401, 403, 500, 503)

signing_keys = APIBlueprint("signing_keys", __name__, url_prefix="/api/v1/signing-keys", abp_tags=[_TAG])


def register(app: OpenAPI) -> None:
    """Adds the routes."""
    document(signing_keys, Problem, SigningKeys)
    app.register_api(signing_keys)


def _told(found: list[service.SigningKey]) -> Response:
    return json_answer({"items": [asdict(one) for one in found]})


@signing_keys.get(
    "",
    summary="List the keys that sign tokens",
    operation_id="list_signing_keys",
    security=_SCOPE,
    responses={200: answers(SigningKeys, "All that are shown."), **problems(*_REFUSALS)},
)
def listed(query: NoQuery) -> Response:
    """Access tokens' first, newest first: the next one, the one that signs, and those whose tokens still hold."""
    return _told(service.list_keys(platform(), who()))


@signing_keys.post(
    "/rotate",
    summary="Make new keys",
    operation_id="rotate_signing_keys",
    security=_SCOPE,
    responses={200: answers(SigningKeys, "All keys as they are now."), **problems(*_REFUSALS, 409, 413, 415)},
)
def rotated(body: RotateKeysAsk) -> Response:
    """They are shown at once and sign after `access.key_overlap_hours`; the ones before leave a day after that. 409
    where a new key waits already."""
    uses = service.USES if body.use == "all" else (body.use,)
    return _told(service.rotate_keys(platform(), who(), uses))


@signing_keys.post(
    "/<kid>/revoke",
    summary="Revoke a key",
    operation_id="revoke_signing_key",
    security=_SCOPE,
    responses={200: answers(SigningKeys, "All keys as they are now."), **problems(*_REFUSALS, 404, 409)},
)
def revoked(path: SigningKeyPath) -> Response:
    """For a key that somebody else may have: all that it signed is refused from now on, in every process, the
    caller's token too if it was signed by it; another key signs at once."""
    return _told(service.revoke_key(platform(), who(), path.kid))
