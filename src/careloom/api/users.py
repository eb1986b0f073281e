"""Routes of people with accounts: invited, shown, reset, where they are signed in, and their passkeys.

What they may do, and stopping them, is the matter of `careloom.api.clients`: people are in the same registry.
"""

from datetime import timedelta
from typing import Annotated, Any

from flask import Response
from flask_openapi3 import APIBlueprint, OpenAPI, Tag
from pydantic import Field

from careloom.api import users_schemas as schemas
from careloom.api.answers import answers, document, json_answer, problems, told
from careloom.api.context import platform, who
from careloom.api.lists import ListQuery, paged
from careloom.api.schemas import Model, Problem
from careloom.services import passkeys_of_people, people
from careloom.services.clients import ClientAsk

TAG = Tag(name="People", description="Who signs in with a password and a second factor, and where.")
_ADMINISTER: list[dict[str, list[str]]] = [{"oauth2": ["careloom/administer"]}]
_REFUSALS = (400, 401, 403, 500, 503)

users = APIBlueprint("users", __name__, url_prefix="/api/v1", abp_tags=[TAG])


def register(app: OpenAPI) -> None:
    """Adds the routes."""
    document(users, Problem, schemas.User, schemas.InvitedUser, schemas.UserPage, schemas.SignIns, schemas.Passkeys)
    app.register_api(users)


class UserPath(Model):
    """Which person."""

    name: Annotated[str, Field(pattern=schemas.NAME_PATTERN)] = told(..., "The person's name.", "mara.lind")


class PasskeyPath(UserPath):
    """Which passkey of whom."""

    passkey: Annotated[str, Field(pattern=r"^[a-z2-7]{26}$")] = told(..., "Its id.", "mfrggzdfmzqwc2lomfrggzdfmz")


def _route(summary: str, name: str, answer: Any, *more: int, status: int = 200) -> dict[str, Any]:
    responses = {status: answer, **problems(*_REFUSALS, *more)}
    return {"summary": summary, "operation_id": name, "security": _ADMINISTER, "responses": responses}


@users.get("/users", **_route("List people", "list_users", answers(schemas.UserPage, "By name.")))
def listed(query: ListQuery) -> Response:
    """Everybody with an account, and how it stands."""
    return paged(people.list_people(platform(), who()), query, by="name", order="names")


@users.post(
    "/users",
    **_route(
        "Invite a person", "invite_user", answers(schemas.InvitedUser, "Its code is shown this once."), 409, 413, 415,
        status=201,
    ),
)  # fmt: skip
def invited(body: schemas.InvitationAsk) -> Response:
    """The person chooses a password and a second factor with the code, at /oauth2/welcome."""
    ask = ClientAsk(
        body.name, body.roles, body.zones, " ".join(body.scopes), "person", actors=body.actors,
        expires=platform().runtime.now() + timedelta(days=body.days),
    )  # fmt: skip
    return _invitation(people.invite(platform(), who(), ask, body.full_name), 201)


@users.get("/users/<name>", **_route("Show a person", "show_user", answers(schemas.User, "As it stands."), 404))
def shown(path: UserPath) -> Response:
    """What the person may do, until when, and how the account stands."""
    return json_answer(people.show_person(platform(), who(), path.name))


@users.post(
    "/users/<name>/reset",
    **_route("Reset a person", "reset_user", answers(schemas.InvitedUser, "Its code is shown this once."), 404),
)
def reset(path: UserPath) -> Response:
    """Takes password, second factor, recovery codes and every sign-in, and gives a new invitation."""
    return _invitation(people.reset(platform(), who(), path.name), 200)


@users.post(
    "/users/<name>/unlock", **_route("Let a person try at once", "unlock_user", answers(schemas.User, "As it is."), 404)
)
def unlocked(path: UserPath) -> Response:
    """Forgets how often somebody tried to sign in as the person."""
    people.unlock(platform(), who(), path.name)
    return json_answer(people.show_person(platform(), who(), path.name))


@users.get(
    "/users/<name>/sign-ins",
    **_route("Where a person is signed in", "list_sign_ins", answers(schemas.SignIns, "Now."), 404),
)
def sign_ins(path: UserPath) -> Response:
    """Browsers, and applications that the person let do something."""
    return json_answer(people.sign_ins(platform(), who(), path.name))


@users.delete(
    "/users/<name>/sign-ins", **_route("Sign a person out", "end_sign_ins", answers(schemas.SignIns, "None."), 404)
)
def signed_out(path: UserPath) -> Response:
    """Ends every browser session, code and token of the person; the person may sign in again."""
    return json_answer(people.end_sign_ins(platform(), who(), path.name))


@users.get(
    "/users/<name>/passkeys",
    **_route("A person's passkeys", "list_passkeys", answers(schemas.Passkeys, "The oldest first."), 404),
)
def passkeys(path: UserPath) -> Response:
    """By which the person signs in beside the password; never a key."""
    return json_answer(passkeys_of_people.list_passkeys(platform(), who(), path.name))


@users.delete(
    "/users/<name>/passkeys/<passkey>",
    **_route("Remove a lost passkey", "delete_passkey", answers(schemas.Passkeys, "What is left."), 404),
)
def passkey_removed(path: PasskeyPath) -> Response:
    """Nobody signs in by it any more; where somebody is signed in is ended by `DELETE .../sign-ins`."""
    return json_answer(passkeys_of_people.remove_passkey(platform(), who(), path.name, path.passkey))


def _invitation(made: people.Invitation, status: int) -> Response:
    return json_answer(made.person | {"invitation": made.code}, status)
