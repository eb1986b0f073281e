"""Refresh tokens, what becomes of one that is used twice, introspection, revocation, and keys that are renewed."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from werkzeug.test import TestResponse

from careloom.crypto.access_tokens import kid_of
from careloom.services import people
from careloom.services.signing_keys import rotate_keys
from careloom.services.tokens import issue
from tests.api.kit import BASE_URL, Clock, Installation
from tests.api.people_kit import Web, app, at, exchanged, person

SCOPE = "openid fhirUser offline_access user/Patient.rs user/Observation.rs"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def made(tmp_path: Path, clock: Clock) -> Iterator[Installation]:
    with Installation(tmp_path, at(clock)) as installation:
        installation.ingest()
        person(installation, clock, "other.one")
        yield installation


@pytest.fixture
def tokens(made: Installation, clock: Clock) -> dict[str, Any]:
    who = person(made, clock)
    app(made)
    app(made, "other")
    told = exchanged(made, Web(made).code(who, scope=SCOPE)).json
    assert told is not None
    return told


def renewed(made: Installation, token: str, **more: str) -> TestResponse:
    form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": "growth"} | more
    return made.client.post("/oauth2/token", data={name: value for name, value in form.items() if value})


def is_good(made: Installation, token: str) -> bool:
    return made.client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_each_refresh_gives_the_next_token_and_the_access_token_before_holds_on(
    made: Installation, tokens: dict[str, Any]
) -> None:
    assert tokens["expires_in"] == 300
    seen = {tokens["refresh_token"]}
    for _ in range(5):
        told = renewed(made, tokens["refresh_token"]).json
        assert told is not None
        assert told["scope"] == tokens["scope"]
        assert is_good(made, told["access_token"])
        assert is_good(made, tokens["access_token"])
        seen.add(told["refresh_token"])
        tokens = told
    assert len(seen) == 6


def test_a_refresh_token_that_comes_back_ends_the_whole_family(made: Installation, tokens: dict[str, Any]) -> None:
    second = renewed(made, tokens["refresh_token"]).json
    assert second is not None
    third = renewed(made, second["refresh_token"]).json
    assert third is not None
    answer = renewed(made, tokens["refresh_token"])
    assert (answer.status_code, answer.json["error"]) == (400, "invalid_grant")  # type: ignore[index]
    assert made.events()[-1]["detail"]["reason"] == "refresh-reused"
    assert renewed(made, third["refresh_token"]).status_code == 400
    assert [is_good(made, one["access_token"]) for one in (tokens, second, third)] == [False] * 3


def test_of_many_uses_at_once_one_passes_and_then_all_has_ended(made: Installation, tokens: dict[str, Any]) -> None:
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: renewed(made, tokens["refresh_token"]).status_code, range(6)))
    assert sorted(answers)[:1] == [200]
    assert answers.count(200) == 1
    assert not is_good(made, tokens["access_token"])


REFUSED = [
    ("another application", {"client_id": "other"}, "invalid_grant"),
    ("no application", {"client_id": ""}, "invalid_client"),
    ("a made-up token", {"refresh_token": "careloom_refresh_x"}, "invalid_grant"),
    ("no token", {"refresh_token": ""}, "invalid_request"),
    ("more than was granted", {"scope": "user/*.rs"}, "invalid_scope"),
    ("launch/patient, which was not granted", {"scope": "launch/patient"}, "invalid_scope"),
    ("a scope that means nothing", {"scope": "nothing"}, "invalid_scope"),
]


@pytest.mark.parametrize(("what", "more", "error"), REFUSED, ids=[row[0] for row in REFUSED])
def test_a_refresh_is_refused_and_the_right_one_still_passes(
    made: Installation, tokens: dict[str, Any], what: str, more: dict[str, str], error: str
) -> None:
    answer = renewed(made, **({"token": tokens["refresh_token"]} | more)) if "refresh_token" not in more else renewed(
        made, more["refresh_token"]
    )  # fmt: skip
    assert answer.json["error"] == error  # type: ignore[index]
    assert renewed(made, tokens["refresh_token"]).status_code == 200


def test_a_refresh_may_ask_for_less(made: Installation, tokens: dict[str, Any]) -> None:
    told = renewed(made, tokens["refresh_token"], scope="user/Patient.r").json
    assert told is not None
    assert told["scope"] == "offline_access user/Patient.r"
    again = renewed(made, told["refresh_token"]).json
    assert again is not None
    assert again["scope"] == tokens["scope"]


def test_a_refresh_token_that_nobody_used_for_two_weeks_and_a_grant_of_a_month_are_over(
    made: Installation, tokens: dict[str, Any], clock: Clock
) -> None:
    for _ in range(3):
        clock.move(days=9)
        told = renewed(made, tokens["refresh_token"]).json
        assert told is not None
        tokens = told
    clock.move(days=3)
    assert renewed(made, tokens["refresh_token"]).status_code == 400


def test_an_unused_refresh_token_is_over_after_two_weeks(
    made: Installation, tokens: dict[str, Any], clock: Clock
) -> None:
    clock.move(days=14)
    assert renewed(made, tokens["refresh_token"]).status_code == 400


def test_a_reset_of_the_person_ends_what_stays_signed_in(made: Installation, tokens: dict[str, Any]) -> None:
    people.reset(made.platform, made.operator, "mara.lind")
    assert renewed(made, tokens["refresh_token"]).status_code == 400


@pytest.mark.parametrize("which", ["refresh_token", "access_token"])
def test_an_application_ends_its_own_tokens_and_nobody_else_does(
    made: Installation, tokens: dict[str, Any], which: str
) -> None:
    def revoked(client_id: str) -> int:
        form = {"token": tokens[which], "client_id": client_id}
        return made.client.post("/oauth2/revoke", data=form).status_code

    assert revoked("other") == 400
    assert is_good(made, tokens["access_token"])
    assert (revoked("growth"), revoked("growth")) == (200, 200)
    assert not is_good(made, tokens["access_token"])
    assert (renewed(made, tokens["refresh_token"]).status_code == 400) == (which == "refresh_token")


def asks(made: Installation, token: str, **ask: Any) -> TestResponse:
    """The answer to a resource server that is asked with this token."""
    header = made.bearer(["service"], ["identified"], **ask)
    return made.client.post("/oauth2/introspect", data={"token": token}, headers=header)


def test_a_resource_server_learns_what_a_token_is_worth(made: Installation, tokens: dict[str, Any]) -> None:
    told = asks(made, tokens["access_token"]).json
    assert told is not None
    stored = made.stored_id("Practitioner", "d1")
    assert {"active", "scope", "client_id", "exp", "iss", "sub", "fhirUser"} <= set(told)
    assert (told["active"], told["client_id"], told["sub"]) == (True, "growth", "mara.lind")
    assert told["scope"] == tokens["scope"]
    assert told["exp"] == int(made.platform.runtime.now().timestamp()) + tokens["expires_in"]
    assert told["fhirUser"] == f"{BASE_URL}/fhir/identified/Practitioner/{stored}"
    of_refresh = asks(made, tokens["refresh_token"]).json
    assert of_refresh is not None
    assert (of_refresh["active"], of_refresh["client_id"]) == (True, "growth")


def test_of_what_is_worth_nothing_only_that_is_told(made: Installation, tokens: dict[str, Any], clock: Clock) -> None:
    second = renewed(made, tokens["refresh_token"]).json
    assert second is not None
    for token in ("x", "x.y.z", "careloom_refresh_x", tokens["refresh_token"]):
        assert asks(made, token).json == {"active": False}
    clock.move(minutes=6)
    assert asks(made, tokens["access_token"]).json == {"active": False}
    made.client.post("/oauth2/revoke", data={"token": second["refresh_token"], "client_id": "growth"})
    for name in ("access_token", "refresh_token"):
        assert asks(made, second[name]).json == {"active": False}


def test_who_may_not_introspect_learns_nothing(made: Installation, tokens: dict[str, Any]) -> None:
    answer = asks(made, tokens["access_token"], scopes="system/Patient.rs")
    assert (answer.status_code, answer.json["error"]) == (403, "insufficient_scope")  # type: ignore[index]
    assert made.events()[-1]["outcome"] == "refused"
    public = made.client.post("/oauth2/introspect", data={"token": tokens["access_token"], "client_id": "growth"})
    assert public.status_code == 401


def test_a_client_learns_of_its_own_tokens_alone(made: Installation, tokens: dict[str, Any]) -> None:
    ward = made.register(["clinician"], ["identified"])
    own = issue(made.platform, ward.client).token
    for token, is_active in ((own, True), (tokens["access_token"], False)):
        told = made.client.post("/oauth2/introspect", data={"token": token}, auth=(ward.client.id, ward.secret)).json
        assert told is not None
        assert told["active"] is is_active


def test_what_an_older_key_signed_is_verified_until_it_cannot_hold_any_more(
    made: Installation, tokens: dict[str, Any], clock: Clock
) -> None:
    def keys() -> KeySet:
        told = [key for key in made.client.get("/oauth2/jwks").json["keys"] if key["kty"] == "RSA"]  # type: ignore[index]
        return KeySet.import_key_set({"keys": told})

    rotated = next(one for one in rotate_keys(made.platform, made.operator, ["identity"]) if one.state == "next")
    assert {rotated.kid, kid_of(tokens["id_token"])} == {key.kid for key in keys().keys}
    clock.move(hours=24)
    second = renewed(made, tokens["refresh_token"]).json
    assert second is not None
    assert jwt.decode(second["id_token"], keys(), algorithms=["RS256"]).header["kid"] == rotated.kid
    assert jwt.decode(tokens["id_token"], keys(), algorithms=["RS256"]).header["kid"] != rotated.kid
    clock.move(days=1)
    with pytest.raises((JoseError, ValueError)):
        jwt.decode(tokens["id_token"], keys(), algorithms=["RS256"])
    assert jwt.decode(second["id_token"], keys(), algorithms=["RS256"])


@pytest.mark.parametrize(
    "address", ["oauth-authorization-server", "openid-configuration"],
)  # fmt: skip
def test_what_discovery_names_is_there_and_works(made: Installation, address: str) -> None:
    told = made.client.get(f"/.well-known/{address}").json
    assert told is not None
    rules = {rule.rule for rule in made.app.url_map.iter_rules()}
    for name, value in told.items():
        if name.endswith("_endpoint") or name == "jwks_uri":
            assert value.removeprefix(BASE_URL) in rules, name
    assert "registration_endpoint" not in told
    for grant in told["grant_types_supported"]:
        answer = made.client.post("/oauth2/token", data={"grant_type": grant, "client_id": "growth"})
        assert answer.json["error"] != "unsupported_grant_type"  # type: ignore[index]
