"""Clients and grants over HTTP and by the SDK: secrets shown once, what is taken gone at once, guards guarded."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from careloom.client.careloom import Careloom
from careloom.client.clients import Client, Grant
from careloom.client.credentials import Bearer, ClientSecret
from careloom.errors import AccessError, Conflict, NotFound, QueryError, Unauthenticated
from careloom.services.access import ROLES, ZONES
from careloom.services.scopes import SUPPORTED
from careloom.services.tokens import issue
from tests.api.kit import BASE_URL, Installation
from tests.api.signing import PUBLIC

ROUTE = "/api/v1/clients"
VIEWER = Grant(roles=["clinician"], zones=["identified"], scopes=["system/Patient.rs"])


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Installation]:
    with Installation(tmp_path) as installation:
        yield installation


def administrator(made: Installation, **ask: Any) -> tuple[str, Careloom]:
    """The name of a new administrator, and its SDK."""
    client = made.register(roles=["administrator"], **ask).client
    transport = httpx.WSGITransport(app=made.app)
    return client.name, Careloom(BASE_URL, Bearer(issue(made.platform, client).token), transport=transport)


def by_secret(made: Installation, name: str, secret: str) -> Careloom:
    return Careloom(BASE_URL, ClientSecret(name, secret), transport=httpx.WSGITransport(app=made.app))


def test_a_program_is_let_in_and_its_secret_is_shown_once(made: Installation) -> None:
    name, api = administrator(made)
    let_in = api.clients.register("ward-viewer", VIEWER)
    assert let_in.client_secret
    assert let_in.client_secret not in repr(let_in)
    with by_secret(made, "ward-viewer", let_in.client_secret) as viewer:
        assert viewer.me().name == "ward-viewer"
    shown = made.client.get(f"{ROUTE}/ward-viewer", headers=made.bearer()).text
    assert let_in.client_secret not in shown
    assert "secret_hash" not in shown
    assert api.clients.get("ward-viewer").scopes == ("system/Patient.rs",)
    with pytest.raises(Conflict):
        api.clients.register("ward-viewer", VIEWER)
    (event,) = [one for one in made.events() if one["operation"] == "register-client" and one["actor"] == name]
    assert let_in.client_secret not in str(event)


def test_a_program_with_keys_of_its_own_gets_no_secret(made: Installation) -> None:
    _, api = administrator(made)
    let_in = api.clients.register("backend", VIEWER, jwks=PUBLIC)
    assert (let_in.client_secret, let_in.signs_in_with) == (None, "key")
    assert let_in.keys == tuple(key["kid"] for key in PUBLIC["keys"])
    with pytest.raises(QueryError):
        api.clients.rotate("backend")


@pytest.mark.parametrize("more", [{"x": 2**70}, {"kid": "\ud800"}, {"n": "\ud800"}, {"d": "private"}])
def test_keys_that_are_none_are_refused(made: Installation, more: dict[str, Any]) -> None:
    keys = {"keys": [{**PUBLIC["keys"][0], **more}]}
    body = {"name": "backend", "roles": ["clinician"], "zones": ["identified"], "jwks": keys}
    answer = made.client.post(
        ROUTE, data=json.dumps(body), content_type="application/json", headers=made.bearer(["administrator"])
    )
    assert (answer.status_code, answer.json["code"]) == (400, "input.query")


def test_a_new_secret_makes_the_old_one_and_its_tokens_worthless(made: Installation) -> None:
    _, api = administrator(made)
    let_in = api.clients.register("ward-viewer", VIEWER)
    assert let_in.client_secret
    with by_secret(made, "ward-viewer", let_in.client_secret) as viewer:
        token = viewer.sign_in().text
        rotated = api.clients.rotate("ward-viewer")
        assert rotated.client_secret
        answer = made.client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401
    with by_secret(made, "ward-viewer", let_in.client_secret) as viewer, pytest.raises(Unauthenticated):
        viewer.sign_in()
    with by_secret(made, "ward-viewer", rotated.client_secret) as viewer:
        assert viewer.me().name == "ward-viewer"


def test_who_is_stopped_is_out_at_once_and_may_be_let_in_again(made: Installation) -> None:
    _, api = administrator(made)
    other = made.register(roles=["clinician"], zones=["identified"]).client
    headers = {"Authorization": f"Bearer {issue(made.platform, other).token}"}
    assert made.client.get("/api/v1/me", headers=headers).status_code == 200
    assert api.clients.disable(other.name).state == "disabled"
    assert made.client.get("/api/v1/me", headers=headers).status_code == 401
    assert api.clients.enable(other.name).state == "active"
    assert made.client.get("/api/v1/me", headers=headers).status_code == 401
    again = {"Authorization": f"Bearer {issue(made.platform, made.platform.clients.named(other.name)).token}"}
    assert made.client.get("/api/v1/me", headers=again).status_code == 200


def test_what_is_taken_is_gone_at_once_and_what_is_given_is_there(made: Installation) -> None:
    name, api = administrator(made)
    other = made.register(roles=["clinician", "data-engineer"], zones=["identified", "landing"]).client
    before = api.clients.grants(other.name)
    assert before.may_break_glass
    assert {one.verb: one.zones for one in before.allows}["ingest"] == ("identified", "landing")
    headers = {"Authorization": f"Bearer {issue(made.platform, other).token}"}
    changed = api.clients.grant(other.name, Grant(roles=["data-scientist"], zones=["research"], days=7))
    assert (changed.roles, changed.zones, changed.may_break_glass) == (("data-scientist",), ("research",), False)
    assert {one.verb for one in changed.allows} == {
        "search",
        "read",
        "monitor",
        "quality",
        "annotate",
        "correct",
        "train",
    }
    assert changed.expires is not None
    assert before.expires != changed.expires
    assert made.client.get("/api/v1/me", headers=headers).status_code == 401
    (event,) = [one for one in made.events() if one["operation"] == "change-grants" and one["actor"] == name]
    assert (event["outcome"], event["detail"]["roles"]) == ("success", "data-scientist")


@pytest.mark.parametrize(
    "grant",
    [
        Grant(roles=["nobody"], zones=["identified"]),
        Grant(roles=["clinician"], zones=["identified"], scopes=["system/*.cruds"]),
        Grant(roles=["clinician"], zones=["landing"]),
        Grant(roles=["clinician"], zones=["identified"], purposes=["HMARKT"]),
        Grant(roles=["clinician"], zones=["identified"], scopes=["nonsense"]),
        Grant(roles=["patient"], zones=["identified"]),
    ],
)
def test_what_cannot_be_granted_is_refused_and_changes_nothing(made: Installation, grant: Grant) -> None:
    _, api = administrator(made)
    other = made.register(roles=["clinician"], zones=["identified"]).client
    before = api.clients.grants(other.name)
    with pytest.raises(QueryError):
        api.clients.grant(other.name, grant)
    assert api.clients.grants(other.name) == before
    with pytest.raises(QueryError):
        api.clients.register("new", grant)


def test_nobody_changes_what_they_themselves_may(made: Installation) -> None:
    name, api = administrator(made)
    before = api.clients.grants(name)
    for change in (
        lambda: api.clients.grant(name, Grant(roles=["administrator", "clinician"], zones=sorted(ZONES))),
        lambda: api.clients.disable(name),
    ):
        with pytest.raises(AccessError):
            change()
    assert api.clients.grants(name) == before
    assert [one["outcome"] for one in made.events() if one["actor"] == name].count("refused") == 2


def test_an_administrator_grants_no_zone_that_is_not_theirs(made: Installation) -> None:
    name, api = administrator(made, zones=["identified"])
    wide = made.register(roles=["data-scientist"], zones=["research"]).client
    both = Grant(roles=["data-scientist"], zones=["identified", "research"])
    for change in (
        lambda: api.clients.register("wide", both),
        lambda: api.clients.grant(wide.name, both),
        lambda: api.clients.rotate(wide.name),
        lambda: api.clients.enable(wide.name),
    ):
        with pytest.raises(AccessError):
            change()
    assert [one["outcome"] for one in made.events() if one["actor"] == name].count("refused") == 4
    with pytest.raises(NotFound):
        api.clients.get("wide")
    assert api.clients.disable(wide.name).state == "disabled"  # to stop somebody is in every administrator's hand


def test_a_list_is_filtered_and_paged_by_name(made: Installation) -> None:
    name, api = administrator(made, name="a-admin")
    for other in ("d", "b", "c"):
        made.register(roles=["auditor"] if other != "c" else ["clinician"], zones=["identified"], name=other)
    api.clients.disable("d")
    assert [client.name for client in api.clients.all()] == [name, "b", "c", "d"]
    first = api.clients.page(limit=2)
    assert ([client.name for client in first.items], first.next) == ([name, "b"], "b")
    rest = api.clients.page(limit=2, cursor=first.next or "")
    assert ([client.name for client in rest.items], rest.next) == (["c", "d"], None)
    assert [client.name for client in api.clients.all(role="auditor")] == ["b", "d"]
    assert [client.name for client in api.clients.all(state="disabled")] == ["d"]
    assert all(isinstance(client, Client) for client in api.clients.all(kind="client"))
    assert list(api.clients.all(kind="person")) == []


def test_what_can_be_granted_is_what_the_house_knows(made: Installation) -> None:
    _, api = administrator(made)
    found = api.clients.roles()
    assert {role.role for role in found.roles} == set(ROLES)
    assert set(found.zones) == ZONES
    assert {one.scope: one.allows for one in found.scopes} == SUPPORTED
    clinician = next(role for role in found.roles if role.role == "clinician")
    assert {one.verb: one.zones for one in clinician.allows}["break-glass"] == ("identified",)
    assert "TREAT" in clinician.purposes


def test_an_idempotency_key_keeps_no_secret(made: Installation) -> None:
    headers = made.bearer(roles=["administrator"]) | {"Idempotency-Key": '"once"'}
    body = {"name": "twice", "roles": ["clinician"], "zones": ["identified"]}
    assert made.client.post(ROUTE, json=body, headers=headers).status_code == 201
    again = made.client.post(ROUTE, json=body, headers=headers)
    assert (again.status_code, again.json["code"]) == (409, "state.conflict")
