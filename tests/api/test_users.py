"""People over HTTP: invited, given rights, stopped and reset by an administrator, and signed out where they are."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from careloom.client.careloom import Careloom
from careloom.client.credentials import ClientSecret
from careloom.errors import Conflict, NotFound
from tests.api.kit import BASE_URL, Clock, Installation
from tests.api.people_kit import Web, app, at, exchanged, person

AT = "/api/v1/users"
RIGHTS = {"roles": ["clinician"], "zones": ["identified"]}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def made(tmp_path: Path, clock: Clock) -> Iterator[Installation]:
    with Installation(tmp_path, at(clock)) as installation:
        installation.ingest()
        yield installation


@pytest.fixture
def admin(made: Installation) -> dict[str, str]:
    return made.bearer(["administrator"], ["identified"], name="root.admin", kind="person")


def test_a_person_is_invited_over_http_and_the_code_is_shown_once(made: Installation, admin: dict[str, str]) -> None:
    answer = made.client.post(AT, json=RIGHTS | {"name": "mara.lind", "full_name": "Mara Lind"}, headers=admin)
    assert answer.status_code == 201
    told: dict[str, Any] = answer.json  # type: ignore[assignment]
    assert (told["account"], len(told["invitation"])) == ("invited", 19)
    shown = made.client.get(f"{AT}/mara.lind", headers=admin).json
    assert shown == {name: value for name, value in told.items() if name != "invitation"}
    again = made.client.post(AT, json=RIGHTS | {"name": "mara.lind"}, headers=admin)
    assert again.status_code == 409


def test_people_come_in_pages_by_name(made: Installation, clock: Clock, admin: dict[str, str]) -> None:
    for name in ("zoe", "anna", "mara"):
        person(made, clock, name)
    first = made.client.get(f"{AT}?limit=2", headers=admin).json
    assert first is not None
    rest = made.client.get(f"{AT}?limit=2&cursor={first['next']}", headers=admin).json
    assert rest is not None
    assert [one["name"] for one in first["items"] + rest["items"]] == ["anna", "mara", "zoe"]
    assert rest["next"] is None


def test_nobody_invites_into_a_zone_that_was_not_granted(made: Installation, admin: dict[str, str]) -> None:
    answer = made.client.post(AT, json=RIGHTS | {"name": "mara", "zones": ["research"]}, headers=admin)
    assert answer.status_code == 403
    assert made.events()[-1]["detail"]["reason"] == "zone-not-granted"


def test_a_person_is_signed_out_everywhere(made: Installation, clock: Clock, admin: dict[str, str]) -> None:
    who, web = person(made, clock), Web(made)
    app(made)
    tokens = exchanged(made, web.code(who, scope="openid offline_access user/*.rs")).json
    assert tokens is not None
    shown = made.client.get(f"{AT}/mara.lind/sign-ins", headers=admin).json
    assert shown is not None
    assert ([one["app"] for one in shown["apps"]], len(shown["browsers"])) == (["growth"], 1)
    ended = made.client.delete(f"{AT}/mara.lind/sign-ins", headers=admin).json
    assert ended == {"name": "mara.lind", "browsers": [], "apps": []}
    assert made.client.get(f"{AT}/mara.lind/sign-ins", headers=admin).json == ended
    header = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert made.client.get("/api/v1/me", headers=header).status_code == 401
    assert "Password" in web.get("/oauth2/sign-in").text


def test_a_person_is_unlocked_and_reset(made: Installation, clock: Clock, admin: dict[str, str]) -> None:
    person(made, clock)
    seen = []
    for act in ("unlock", "reset"):
        told = made.client.post(f"{AT}/mara.lind/{act}", headers=admin).json
        assert told is not None
        seen.append((told["account"], "invitation" in told))
    assert seen == [("ready", False), ("invited", True)]


def test_nobody_resets_or_unlocks_a_person_of_zones_that_they_do_not_have(
    made: Installation, clock: Clock, admin: dict[str, str]
) -> None:
    who = person(made, clock, "rita", roles=["data-scientist", "clinician"], zones=["research", "identified"])
    for act in ("reset", "unlock"):
        answer = made.client.post(f"{AT}/rita/{act}", headers=admin)
        assert (answer.status_code, "invitation" in answer.text) == (403, False)
        event = made.events()[-1]
        assert (event["operation"], event["outcome"]) == (f"{act}-person", "refused")
        assert event["detail"]["zones"] == "research"
    web = Web(made)
    web.get("/oauth2/sign-in")
    assert web.sign_in(who).status_code == 303
    both = made.bearer(["administrator"], ["identified", "research"], name="head", kind="person")
    assert made.client.post(f"{AT}/rita/reset", headers=both).status_code == 200


def test_a_program_and_a_stranger_are_no_people(made: Installation, admin: dict[str, str]) -> None:
    made.register(name="ward")
    assert made.client.get(f"{AT}/ward", headers=admin).status_code == 400
    assert made.client.post(f"{AT}/ward/reset", headers=admin).status_code == 400
    assert made.client.get(f"{AT}/nobody", headers=admin).status_code == 404


def test_an_application_is_shown_among_clients_and_gets_no_rights_of_its_own(
    made: Installation, admin: dict[str, str]
) -> None:
    app(made)
    (shown,) = made.client.get("/api/v1/clients?kind=app", headers=admin).json["items"]  # type: ignore[index]
    assert (shown["kind"], shown["signs_in_with"], shown["roles"]) == ("app", "nothing", [])
    answer = made.client.put("/api/v1/clients/growth/grants", json=RIGHTS, headers=admin)
    assert answer.status_code == 400


WRONG = [
    {"roles": ["chief"]}, {"roles": []}, {"zones": ["moon"]}, {"scopes": ["nothing"]}, {"name": "a b"},
    {"scopes": ["careloom/erase"]}, {"password": "x"}, {"roles": ["patient"]},
]  # fmt: skip


@pytest.mark.parametrize("more", WRONG, ids=str)
def test_an_invitation_that_cannot_be_is_a_bad_request(
    made: Installation, admin: dict[str, str], more: dict[str, Any]
) -> None:
    answer = made.client.post(AT, json=RIGHTS | {"name": "mara.lind"} | more, headers=admin)
    assert answer.status_code == 400, answer.text


def test_the_sdk_invites_shows_resets_and_signs_out(made: Installation, clock: Clock) -> None:
    client = made.register(["administrator"], ["identified"])
    transport = httpx.WSGITransport(app=made.app)
    with Careloom(BASE_URL, ClientSecret(client.client.id, client.secret), transport=transport) as api:
        invited = api.users.invite("ida", roles=["auditor"], zones=["identified"], full_name="Ida")
        assert (invited.account, invited.full_name, invited.invitation in repr(invited)) == ("invited", "Ida", False)
        with pytest.raises(Conflict):
            api.users.invite("ida", roles=["auditor"], zones=["identified"])
        who = person(made, clock)
        app(made)
        exchanged(made, Web(made).code(who))
        assert [one.name for one in api.users.all()] == ["ida", "mara.lind"]
        assert [one.app for one in api.users.sign_ins("mara.lind").apps] == ["growth"]
        assert api.users.sign_out("mara.lind").apps == ()
        assert api.users.unlock("mara.lind").account == "ready"
        assert api.users.reset("mara.lind").account == "invited"
        with pytest.raises(NotFound):
            api.users.get("nobody")
