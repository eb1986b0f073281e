"""A client signs in, uses its token, and gives it back; every trouble is answered as RFC 6749 has it, and audited."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from werkzeug.test import TestResponse

from careloom.crypto.client_secrets import TURNS_AT_ONCE, SecretHasher
from careloom.errors import SetupError
from careloom.runtime import Runtime
from careloom.services.clients import Registered, disable_client, enable_client, rotate_secret
from tests.api.kit import BASE_URL, Clock, Installation
from tests.api.signing import basic

GRANT = {"grant_type": "client_credentials"}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def installation(tmp_path: Path, clock: Clock) -> Iterator[Installation]:
    with Installation(tmp_path, Runtime(clock=clock)) as made:
        yield made


@pytest.fixture
def ward(installation: Installation) -> Registered:
    return installation.register(["clinician"], ["identified"], "system/*.rs", name="ward")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One for the long tables, whose rows change nothing."""
    with Installation(tmp_path_factory.mktemp("shared"), Runtime(clock=Clock())) as made:
        yield made


@pytest.fixture(scope="module")
def known(shared: Installation) -> Registered:
    return shared.register(["clinician"], ["identified"], "system/*.rs", name="ward")


def ask(installation: Installation, ward: Registered, **form: str) -> TestResponse:
    headers = basic(ward.client.id, ward.secret)
    return installation.client.post("/oauth2/token", data=GRANT | form, headers=headers)


def me(installation: Installation, token: str) -> TestResponse:
    return installation.client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})


def told(installation: Installation) -> list[tuple[str, str, str]]:
    """(actor, operation, outcome) of every event since the registration."""
    return [
        (event["actor"], event["operation"], event["outcome"])
        for event in installation.events()
        if event["operation"] != "register-client"
    ]


def test_a_client_gets_a_token_by_its_secret_and_is_known_by_it(installation: Installation, ward: Registered) -> None:
    answer = ask(installation, ward)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json is not None
    token = answer.json["access_token"]
    assert answer.json == {
        "access_token": token, "token_type": "Bearer", "expires_in": 300, "scope": "system/*.rs",
    }  # fmt: skip
    who = me(installation, token)
    assert who.status_code == 200
    assert who.json == {
        "name": "ward", "kind": "client", "roles": ["clinician"], "zones": ["identified"], "scopes": ["system/*.rs"],
        "purpose": "HOPERAT", "expires": "2026-11-22T10:05:00+00:00",
    }  # fmt: skip
    assert told(installation) == [("ward", "issue-token", "success"), ("ward", "me", "success")]


def test_the_secret_may_stand_in_the_form_instead(installation: Installation, ward: Registered) -> None:
    form = GRANT | {"client_id": "ward", "client_secret": ward.secret}
    assert installation.client.post("/oauth2/token", data=form).status_code == 200


def test_a_person_stays_signed_in_for_a_session(installation: Installation) -> None:
    person = installation.register(["clinician"], ["identified"], kind="person")
    answer = ask(installation, person)
    assert answer.json is not None
    assert answer.json["expires_in"] == 3600
    assert me(installation, answer.json["access_token"]).json["kind"] == "person"  # type: ignore[index]


def test_no_token_outlasts_its_client(installation: Installation, clock: Clock) -> None:
    clock.move(seconds=0.5)
    brief = installation.register(name="brief", expires=clock.now.replace(microsecond=0, second=40))
    assert ask(installation, brief).json["expires_in"] == 40  # type: ignore[index]


ASKED = [
    ("", "system/*.rs"),
    ("system/*.rs", "system/*.rs"),
    ("system/Patient.r", "system/Patient.r"),
    ("user/Patient.read system/Observation.s", "system/Observation.s system/Patient.rs"),
    ("system/Patient.rs careloom/erase careloom/administer", "system/Patient.rs"),
    ("system/*.r careloom/monitor", "system/*.r"),
]


@pytest.mark.parametrize(("asked", "given"), ASKED)
def test_a_token_allows_what_was_asked_and_granted_and_no_more(
    shared: Installation, known: Registered, asked: str, given: str
) -> None:
    answer = ask(shared, known, **({"scope": asked} if asked else {}))
    assert answer.json is not None
    assert answer.json["scope"] == given
    assert me(shared, answer.json["access_token"]).json["scopes"] == given.split()  # type: ignore[index]


FORM = "application/x-www-form-urlencoded"
BAD: list[tuple[str, dict[str, Any], int, str]] = [
    ("no grant type", {"data": {}}, 400, "invalid_request"),
    ("another grant", {"data": {"grant_type": "password"}}, 400, "unsupported_grant_type"),
    ("a grant of code without one", {"data": {"grant_type": "authorization_code"}}, 400, "invalid_request"),
    ("an unknown scope", {"data": GRANT | {"scope": "openid"}}, 400, "invalid_scope"),
    ("a scope that was not granted", {"data": GRANT | {"scope": "careloom/erase"}}, 400, "invalid_scope"),
    ("JSON", {"json": GRANT}, 400, "invalid_request"),
    ("multipart", {"data": GRANT, "content_type": "multipart/form-data"}, 400, "invalid_request"),
    ("no body", {}, 400, "invalid_request"),
    ("one twice", {"data": "grant_type=client_credentials&grant_type=x", "content_type": FORM}, 400, "invalid_request"),
    ("in the address", {"data": GRANT, "query_string": {"scope": "system/*.rs"}}, 400, "invalid_request"),
    ("two proofs", {"data": GRANT | {"client_id": "ward", "client_secret": "x"}}, 400, "invalid_request"),
    ("two names", {"data": GRANT | {"client_id": "other"}}, 400, "invalid_request"),
    ("an assertion too", {"data": GRANT | {"client_assertion": "x"}}, 400, "invalid_request"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "sent", "status", "error"), BAD, ids=[row[0] for row in BAD])
def test_a_bad_request_is_told_what_is_wrong_in_the_words_of_rfc_6749(
    shared: Installation, known: Registered, what: str, sent: dict[str, Any], status: int, error: str
) -> None:
    answer = shared.client.post("/oauth2/token", headers=basic("ward", known.secret), **sent)
    assert (answer.status_code, answer.json["error"]) == (status, error)  # type: ignore[index]
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"


IGNORED = [
    ("an unknown parameter", "&audience=https%3A%2F%2Fx.example"),
    ("an unknown one twice", "&a=1&a=2"),
    ("known ones without a value", "&client_secret=&client_assertion=&client_id=&scope="),
]


@pytest.mark.parametrize(("what", "more"), IGNORED, ids=[row[0] for row in IGNORED])
def test_what_rfc_6749_ignores_is_ignored(shared: Installation, known: Registered, what: str, more: str) -> None:
    form = f"grant_type=client_credentials{more}"
    headers = basic("ward", known.secret)
    answer = shared.client.post("/oauth2/token", data=form, content_type=FORM, headers=headers)
    assert (answer.status_code, answer.json["scope"]) == (200, "system/*.rs")  # type: ignore[index]


NOT_PROVEN: list[tuple[str, Callable[[str], dict[str, Any]], str]] = [
    ("nothing", lambda secret: {}, ""),
    ("a bearer", lambda secret: {"headers": {"Authorization": f"Bearer {secret}"}}, ""),
    ("a wrong secret", lambda secret: {"headers": basic("ward", secret + "x")}, "ward"),
    ("an empty secret", lambda secret: {"headers": basic("ward", "")}, "ward"),
    ("a secret not text", lambda secret: {"headers": {"Authorization": "Basic /////w=="}}, "unknown"),
    ("broken Basic", lambda secret: {"headers": {"Authorization": "Basic !"}}, "unknown"),
    ("Basic without colon", lambda secret: {"headers": {"Authorization": "Basic d2FyZA=="}}, "ward"),
    ("an unknown client", lambda secret: {"headers": basic("nobody", secret)}, "unknown"),
    ("a name of another case", lambda secret: {"headers": basic("WARD", secret)}, "unknown"),
    ("a name with NUL", lambda secret: {"headers": basic("ward\x00", secret)}, "unknown"),
    ("a name not ASCII", lambda secret: {"headers": basic("w\u00e4rd", secret)}, "unknown"),
    ("a huge name", lambda secret: {"headers": basic("w" * 30000, secret)}, "unknown"),
    ("a huge secret", lambda secret: {"headers": basic("ward", "x" * 30000)}, "ward"),
    ("SQL", lambda secret: {"headers": basic("' OR '1'='1", secret)}, "unknown"),
]


@pytest.mark.parametrize(("what", "sent", "actor"), NOT_PROVEN, ids=[row[0] for row in NOT_PROVEN])
def test_who_does_not_prove_who_they_are_gets_nothing_and_is_audited(
    shared: Installation, known: Registered, what: str, sent: Callable[[str], dict[str, Any]], actor: str
) -> None:
    before = len(told(shared))
    answer = shared.client.post("/oauth2/token", data=GRANT, **sent(known.secret))
    assert (answer.status_code, answer.json["error"]) == (401, "invalid_client")  # type: ignore[index]
    assert answer.headers["WWW-Authenticate"].startswith('Basic realm="careloom"')
    assert told(shared)[before:] == ([(actor, "authenticate", "refused")] if actor else [])


def test_all_who_do_not_prove_who_they_are_hear_the_same(installation: Installation, ward: Registered) -> None:
    disable_client(installation.platform, installation.operator, "ward")
    tries = [basic("ward", "wrong"), basic("nobody", "wrong"), basic("nobody", ward.secret)]
    answers = [installation.client.post("/oauth2/token", data=GRANT, headers=headers) for headers in tries]
    assert len({answer.data for answer in answers}) == 1


def test_a_disabled_client_gets_in_again_only_by_a_new_token(installation: Installation, ward: Registered) -> None:
    token = ask(installation, ward).json["access_token"]  # type: ignore[index]
    disable_client(installation.platform, installation.operator, "ward")
    assert me(installation, token).status_code == 401
    assert ask(installation, ward).status_code == 401
    enable_client(installation.platform, installation.operator, "ward")
    assert me(installation, token).status_code == 401
    assert me(installation, ask(installation, ward).json["access_token"]).status_code == 200  # type: ignore[index]


def test_a_new_secret_ends_the_old_one_and_its_tokens(installation: Installation, ward: Registered) -> None:
    token = ask(installation, ward).json["access_token"]  # type: ignore[index]
    renewed = rotate_secret(installation.platform, installation.operator, "ward")
    assert me(installation, token).status_code == 401
    assert ask(installation, ward).status_code == 401
    assert ask(installation, renewed).status_code == 200


def test_a_token_that_was_given_back_is_worth_nothing(installation: Installation, ward: Registered) -> None:
    kept, gone = (ask(installation, ward).json["access_token"] for _ in range(2))  # type: ignore[index]
    headers = basic("ward", ward.secret)
    answer = installation.client.post("/oauth2/revoke", data={"token": gone}, headers=headers)
    assert (answer.status_code, answer.json) == (200, {})
    assert [me(installation, token).status_code for token in (gone, kept)] == [401, 200]
    again = installation.client.post("/oauth2/revoke", data={"token": gone}, headers=headers)
    assert again.status_code == 200
    assert ("ward", "revoke-token", "success") in told(installation)


def test_whoever_holds_a_token_may_end_it_with_itself_alone(installation: Installation, ward: Registered) -> None:
    one, other = (ask(installation, ward).json["access_token"] for _ in range(2))  # type: ignore[index]
    headers = {"Authorization": f"Bearer {one}"}
    assert installation.client.post("/oauth2/revoke", data={"token": other}, headers=headers).status_code == 401
    assert installation.client.post("/oauth2/revoke", data={"token": one}, headers=headers).status_code == 200
    assert [me(installation, token).status_code for token in (one, other)] == [401, 200]
    assert installation.client.post("/oauth2/revoke", data={"token": one}, headers=headers).status_code == 401


def test_nobody_revokes_the_token_of_another(installation: Installation, ward: Registered) -> None:
    stranger = installation.register(name="stranger")
    token = ask(installation, ward).json["access_token"]  # type: ignore[index]
    headers = basic("stranger", stranger.secret)
    answer = installation.client.post("/oauth2/revoke", data={"token": token}, headers=headers)
    assert (answer.status_code, answer.json["error"]) == (400, "invalid_grant")  # type: ignore[index]
    assert me(installation, token).status_code == 200
    assert ("stranger", "revoke-token", "refused") in told(installation)


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [({}, 400, "invalid_request"), ({"token": "no.such.token"}, 200, None), ({"token": "\u00e4"}, 200, None)],
)
def test_what_is_no_token_is_revoked_without_trouble(
    installation: Installation, ward: Registered, form: dict[str, str], status: int, error: str | None
) -> None:
    answer = installation.client.post("/oauth2/revoke", data=form, headers=basic("ward", ward.secret))
    assert (answer.status_code, (answer.json or {}).get("error")) == (status, error)


def test_too_many_from_one_address_wait_and_are_told_how_long(tmp_path: Path) -> None:
    with Installation(tmp_path, api={"sign_in_rate": "3/minute"}) as installation:
        ward = installation.register(name="ward")
        assert [ask(installation, ward).status_code for _ in range(3)] == [200, 200, 200]
        refused = ask(installation, ward)
        assert refused.status_code == 429
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert 1 <= int(refused.headers["Retry-After"]) <= 61
        elsewhere = installation.client.post(
            "/oauth2/token", data=GRANT, headers=basic("ward", ward.secret), environ_base={"REMOTE_ADDR": "192.0.2.7"}
        )
        assert elsewhere.status_code == 200
        assert installation.client.get("/oauth2/jwks").status_code == 200
        one, other, far = "2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1"
        for _ in range(3):
            installation.client.post("/oauth2/token", data=GRANT, environ_base={"REMOTE_ADDR": one})
        by_address = {
            address: installation.client.post(
                "/oauth2/token", data=GRANT, environ_base={"REMOTE_ADDR": address}
            ).status_code
            for address in (other, far)
        }
        assert by_address == {other: 429, far: 401}


@pytest.mark.parametrize("rate", ["", "now and then", "60", "0 per"])
def test_a_rate_that_is_none_is_refused_when_the_application_is_made(tmp_path: Path, rate: str) -> None:
    with pytest.raises(SetupError):
        _ = Installation(tmp_path, api={"sign_in_rate": rate}).app


def test_more_sign_ins_at_once_than_there_is_memory_for_are_asked_to_come_back(
    installation: Installation, ward: Registered
) -> None:
    hasher = SecretHasher(wait_seconds=0.01)
    installation.platform.secret_hasher = hasher
    for _ in range(TURNS_AT_ONCE):
        hasher._turns.acquire()
    answer = ask(installation, ward)
    assert (answer.status_code, answer.json["error"]) == (503, "temporarily_unavailable")  # type: ignore[index]
    assert int(answer.headers["Retry-After"]) > 0


def test_a_form_larger_than_any_is_refused(installation: Installation) -> None:
    answer = installation.client.post("/oauth2/token", data=GRANT | {"scope": "x" * 1_100_000})
    assert answer.status_code == 413
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_the_server_describes_itself_as_rfc_8414_has_it(tmp_path: Path) -> None:
    with Installation(tmp_path, api={"public_url": "https://careloom.example.org/"}) as installation:
        told = installation.client.get("/.well-known/oauth-authorization-server", headers={"Host": "evil.example"}).json
    assert told is not None
    AuthorizationServerMetadata(told).validate()
    assert told["response_types_supported"] == ["code"]
    assert told["token_endpoint"] == "https://careloom.example.org/oauth2/token"
    assert "evil" not in str(told)


def test_the_keys_that_verify_tokens_are_public_and_stay_the_same(installation: Installation, tmp_path: Path) -> None:
    told = installation.client.get("/oauth2/jwks").json
    assert told is not None
    assert set(told["keys"][0]) == {"kty", "crv", "x", "kid", "alg", "use"}
    with Installation(tmp_path) as again:
        assert again.client.get("/oauth2/jwks").json == told


def test_the_addresses_are_those_of_the_settings(installation: Installation) -> None:
    told = installation.client.get("/.well-known/oauth-authorization-server").json
    assert told is not None
    assert told["issuer"] == BASE_URL
    served = {rule.rule for rule in installation.app.url_map.iter_rules()}
    named = [told[name] for name in ("token_endpoint", "revocation_endpoint", "jwks_uri")]
    assert all(address.removeprefix(BASE_URL) in served for address in named)


PUBLIC_URLS = ["https://careloom.example.org", "http://127.0.0.1:8080"]


@pytest.mark.parametrize("url", PUBLIC_URLS)
@pytest.mark.parametrize("host", ["careloom.example.org", "10.0.0.5:8080", "evil.example", "127.0.0.1:8080"])
def test_a_token_is_given_and_taken_back_whatever_host_a_proxy_passes_on(tmp_path: Path, url: str, host: str) -> None:
    with Installation(tmp_path, api={"public_url": url}) as installation:
        ward = installation.register(name="ward")
        headers = basic("ward", ward.secret) | {"Host": host}
        answer = installation.client.post("/oauth2/token", data=GRANT, headers=headers)
        assert answer.status_code == 200, answer.text
        form = {"token": answer.json["access_token"]}
        assert installation.client.post("/oauth2/revoke", data=form, headers=headers).status_code == 200


def test_a_public_address_without_tls_gets_no_secret(tmp_path: Path) -> None:
    with Installation(tmp_path, api={"public_url": "http://careloom.example.org"}) as installation:
        headers = basic("ward", installation.register(name="ward").secret) | {"Host": "127.0.0.1"}
        answer = installation.client.post("/oauth2/token", data=GRANT, headers=headers)
    assert (answer.status_code, answer.json["error"]) == (400, "insecure_transport")
