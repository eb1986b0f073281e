"""A client signs in with its own key: everything that SMART asks of an assertion, and each way to break it."""

import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from werkzeug.test import TestResponse

from careloom.errors import QueryError
from careloom.runtime import Runtime
from careloom.services.clients import disable_client, rotate_secret
from tests.api.kit import BASE_URL, Clock, Installation
from tests.api.signing import ASSERTION_TYPE, EC, PUBLIC, RSA, STRANGER, TOKEN_URL, asserted, assertion, basic, pieced

CLIENT = "https://lab.example.org/monitor"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def installation(tmp_path: Path, clock: Clock) -> Iterator[Installation]:
    with Installation(tmp_path, Runtime(clock=clock)) as made:
        made.register(["clinician"], ["identified"], "system/*.rs", name="lab", client_id=CLIENT, jwks=PUBLIC)
        yield made


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One for the long tables, whose rows change nothing."""
    with Installation(tmp_path_factory.mktemp("shared"), Runtime(clock=Clock())) as made:
        made.register(["clinician"], ["identified"], "system/*.rs", name="lab", client_id=CLIENT, jwks=PUBLIC)
        yield made


def sign_in(installation: Installation, text: str, **form: str) -> TestResponse:
    return installation.client.post("/oauth2/token", data=asserted(text, **form))


GOOD: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("on P-384", {}, {}),
    ("by RSA", {"key": RSA}, {}),
    ("without typ", {"header": {"typ": None}}, {}),
    ("for one audience in a list", {"aud": [TOKEN_URL]}, {}),
    ("with iat and nbf", {"iat": 1795341600, "nbf": 1795341600}, {}),
    ("of a clock five seconds ahead", {"iat": 1795341605, "exp": 1795341905}, {}),
    ("of a clock that counts parts of seconds", {"exp": 1795341700.25}, {}),
    ("that has just expired", {"exp": 1795341596}, {}),
    ("with its client_id", {}, {"client_id": CLIENT}),
    ("with a scope", {}, {"scope": "system/Patient.rs"}),
]


@pytest.mark.parametrize(("what", "made", "form"), GOOD, ids=[row[0] for row in GOOD])
def test_an_assertion_gets_a_token(
    shared: Installation, clock: Clock, what: str, made: dict[str, Any], form: dict[str, str]
) -> None:
    answer = sign_in(shared, assertion(CLIENT, clock.now, **made), **form)
    assert answer.status_code == 200, answer.json
    headers = {"Authorization": f"Bearer {answer.json['access_token']}"}  # type: ignore[index]
    assert shared.client.get("/api/v1/me", headers=headers).json["name"] == "lab"  # type: ignore[index]


Make = Callable[[datetime], str]
NOW = 1795341600
HEADER = {"alg": "ES384", "kid": "ec", "typ": "JWT"}
HS = {"alg": "HS384"}
PUBLIC_PEM = EC.as_pem(private=False)
BROKEN: list[tuple[str, Make, str]] = [
    ("a stranger's key", lambda now: assertion(CLIENT, now, key=STRANGER), "assertion-signature"),
    ("a kid that is not registered", lambda now: assertion(CLIENT, now, header={"kid": "x"}), "assertion-key"),
    ("the kid of the other key", lambda now: assertion(CLIENT, now, header={"kid": "rsa"}), "assertion-key"),
    ("no kid", lambda now: assertion(CLIENT, now, header={"kid": None}), "assertion-key"),
    ("another type", lambda now: assertion(CLIENT, now, header={"typ": "at+jwt"}), "assertion-header"),
    ("keys of its own", lambda now: assertion(CLIENT, now, header={"jku": "https://x.example"}), "assertion-header"),
    ("RS256", lambda now: signed(now, "RS256", RSA), "assertion-header"),
    ("PS384", lambda now: signed(now, "PS384", RSA), "assertion-header"),
    ("HS384 with the public key", lambda now: pieced(HEADER | HS, claims_of(now), PUBLIC_PEM), "assertion-header"),
    ("alg none", lambda now: pieced(HEADER | {"alg": "none"}, claims_of(now)), "assertion-header"),
    ("an unknown client", lambda now: assertion("https://nobody.example", now), "client-unknown"),
    ("another client as iss", lambda now: assertion(CLIENT, now, iss="https://x.example"), "assertion-issuer"),
    ("no iss", lambda now: assertion(CLIENT, now, iss=None), "assertion-issuer"),
    ("no sub", lambda now: assertion(CLIENT, now, sub=None), "assertion-malformed"),
    ("a sub that is no text", lambda now: assertion(CLIENT, now, sub=[CLIENT], iss=[CLIENT]), "assertion-malformed"),
    ("the issuer as audience", lambda now: assertion(CLIENT, now, aud=BASE_URL), "assertion-audience"),
    ("another server", lambda now: assertion(CLIENT, now, aud="https://x.example/token"), "assertion-audience"),
    ("two audiences", lambda now: assertion(CLIENT, now, aud=[TOKEN_URL, "https://x.example"]), "assertion-audience"),
    ("no audience", lambda now: assertion(CLIENT, now, aud=None), "assertion-audience"),
    ("an expiry in the past", lambda now: assertion(CLIENT, now, exp=NOW - 6), "assertion-expired"),
    ("no expiry", lambda now: assertion(CLIENT, now, exp=None), "assertion-expired"),
    ("an expiry that is no number", lambda now: assertion(CLIENT, now, exp="soon"), "assertion-expired"),
    ("an expiry that is true", lambda now: assertion(CLIENT, now, exp=True), "assertion-expired"),
    ("an expiry beyond time", lambda now: assertion(CLIENT, now, exp=10**30), "assertion-expired"),
    ("a life longer than five minutes", lambda now: assertion(CLIENT, now, exp=NOW + 306), "assertion-too-long"),
    ("a beginning in the future", lambda now: assertion(CLIENT, now, nbf=NOW + 60), "assertion-not-yet"),
    ("a making in the future", lambda now: assertion(CLIENT, now, iat=NOW + 60), "assertion-not-yet"),
    ("no jti", lambda now: assertion(CLIENT, now, jti=None), "assertion-jti"),
    ("an empty jti", lambda now: assertion(CLIENT, now, jti=""), "assertion-jti"),
    ("a jti that is no text", lambda now: assertion(CLIENT, now, jti=7), "assertion-jti"),
    ("a jti longer than any", lambda now: assertion(CLIENT, now, jti="x" * 257), "assertion-jti"),
    ("no assertion at all", lambda now: "a.b.c", "assertion-malformed"),
    ("nothing between its dots", lambda now: "..", "assertion-malformed"),
    ("letters that are not ASCII", lambda now: assertion(CLIENT, now) + "\u00e4", "assertion-malformed"),
    ("more bytes than any", lambda now: assertion(CLIENT, now) + "A" * 9000, "assertion-malformed"),
    ("a claim longer than any", lambda now: assertion(CLIENT, now, more="x" * 9000), "assertion-malformed"),
    ("claims that are a list", lambda now: pieced(HEADER, []), "assertion-malformed"),
    ("a claim changed", lambda now: mixed(now, now), "assertion-signature"),
]


def claims_of(now: datetime) -> dict[str, Any]:
    return {"iss": CLIENT, "sub": CLIENT, "aud": TOKEN_URL, "exp": int(now.timestamp()) + 60, "jti": "j"}


def signed(now: datetime, algorithm: str, key: RSAKey) -> str:
    header = {"alg": algorithm, "kid": key.kid, "typ": "JWT"}
    return jwt.encode(header, claims_of(now), key, algorithms=[algorithm])


def mixed(first: datetime, second: datetime) -> str:
    one, other = (assertion(CLIENT, now).split(".") for now in (first, second))
    return ".".join((one[0], other[1], one[2]))


@pytest.mark.parametrize(("what", "make", "reason"), BROKEN, ids=[row[0] for row in BROKEN])
def test_a_broken_assertion_gets_nothing_and_is_audited_with_its_reason(
    shared: Installation, clock: Clock, what: str, make: Make, reason: str
) -> None:
    text = make(clock.now)
    answer = sign_in(shared, text)
    assert (answer.status_code, answer.json["error"]) == (401, "invalid_client")  # type: ignore[index]
    event = shared.events()[-1]
    is_known = reason not in ("client-unknown", "assertion-malformed")
    assert (event["actor"], event["outcome"]) == ("lab" if is_known else "unknown", "refused")
    assert event["detail"]["reason"] == reason
    assert "example" not in str(event)
    assert "example" not in answer.text


def test_an_assertion_is_used_once(installation: Installation, clock: Clock) -> None:
    text = assertion(CLIENT, clock.now)
    assert [sign_in(installation, text).status_code for _ in range(3)] == [200, 401, 401]
    assert installation.events()[-1]["detail"]["reason"] == "assertion-replayed"
    clock.move(seconds=304)
    assert sign_in(installation, text).status_code == 401
    clock.move(seconds=2)
    assert sign_in(installation, text).status_code == 401
    assert installation.events()[-1]["detail"]["reason"] == "assertion-expired"


def test_two_assertions_of_one_jti_are_one(installation: Installation, clock: Clock) -> None:
    texts = [assertion(CLIENT, clock.now, jti="same", exp=NOW + life) for life in (100, 200)]
    assert [sign_in(installation, text).status_code for text in texts] == [200, 401]


def test_used_by_eight_at_once_exactly_one_gets_in(installation: Installation, clock: Clock) -> None:
    text = assertion(CLIENT, clock.now)

    def use(_: int) -> int:
        return installation.app.test_client().post("/oauth2/token", data=asserted(text)).status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(use, range(8))) == [200, *[401] * 7]


def test_a_refused_assertion_does_not_burn_the_jti_of_a_good_one(installation: Installation, clock: Clock) -> None:
    assert sign_in(installation, assertion(CLIENT, clock.now, key=STRANGER, jti="mine")).status_code == 401
    assert sign_in(installation, assertion(CLIENT, clock.now, jti="mine", aud="https://x")).status_code == 401
    assert sign_in(installation, assertion(CLIENT, clock.now, jti="mine")).status_code == 200


FORMS = [
    ("another assertion type", {"client_assertion_type": "urn:x"}, 400, "invalid_request"),
    ("no assertion", {"client_assertion": ""}, 400, "invalid_request"),
    ("another client_id", {"client_id": "https://x.example"}, 401, "invalid_client"),
    ("a secret as well", {"client_secret": "x"}, 400, "invalid_request"),
]


@pytest.mark.parametrize(("what", "form", "status", "error"), FORMS, ids=[row[0] for row in FORMS])
def test_the_form_around_an_assertion_must_fit_it(
    shared: Installation, clock: Clock, what: str, form: dict[str, str], status: int, error: str
) -> None:
    answer = sign_in(shared, assertion(CLIENT, clock.now), **form)
    assert (answer.status_code, answer.json["error"]) == (status, error)  # type: ignore[index]


def test_a_client_with_keys_has_no_secret_and_one_with_a_secret_no_keys(
    installation: Installation, clock: Clock
) -> None:
    grant = {"grant_type": "client_credentials"}
    for guess in ("", "x", "None"):
        headers = basic(CLIENT, guess)
        assert installation.client.post("/oauth2/token", data=grant, headers=headers).status_code == 401
    installation.register(name="ward")
    assert sign_in(installation, assertion("ward", clock.now)).status_code == 401


def test_a_disabled_client_signs_in_no_more(installation: Installation, clock: Clock) -> None:
    disable_client(installation.platform, installation.operator, "lab")
    assert sign_in(installation, assertion(CLIENT, clock.now)).status_code == 401
    assert installation.events()[-1]["detail"]["reason"] == "client-stopped"


def test_new_keys_end_the_old_ones(installation: Installation, clock: Clock) -> None:
    new = {"keys": [{**STRANGER.as_dict(private=False), "kid": "ec"}]}
    rotate_secret(installation.platform, installation.operator, "lab", new)
    assert sign_in(installation, assertion(CLIENT, clock.now)).status_code == 401
    assert sign_in(installation, assertion(CLIENT, clock.now, key=STRANGER)).status_code == 200


def test_an_assertion_revokes_a_token_too(installation: Installation, clock: Clock) -> None:
    token = sign_in(installation, assertion(CLIENT, clock.now)).json["access_token"]  # type: ignore[index]
    proof = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion(CLIENT, clock.now)}
    assert installation.client.post("/oauth2/revoke", data={"token": token, **proof}).status_code == 200
    headers = {"Authorization": f"Bearer {token}"}
    assert installation.client.get("/api/v1/me", headers=headers).status_code == 401


def short_key() -> dict[str, Any]:
    with warnings.catch_warnings(action="ignore"):
        return dict(RSAKey.generate_key(1024, parameters={"kid": "k"}).as_dict(private=False))


def small_exponent() -> dict[str, Any]:
    return {**RSA.as_dict(private=False), "kid": "k", "e": "Aw"}


KEYS: list[tuple[str, Any]] = [
    ("no set", RSA.as_dict(private=False)),
    ("no keys", {"keys": []}),
    ("keys that are no list", {"keys": {}}),
    ("keys that are no objects", {"keys": ["x"]}),
    ("too many keys", {"keys": [{**EC.as_dict(private=False), "kid": str(number)} for number in range(11)]}),
    ("a private EC key", {"keys": [EC.as_dict(private=True)]}),
    ("a private RSA key", {"keys": [RSA.as_dict(private=True)]}),
    ("a secret", {"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "k"}]}),
    ("no kid", {"keys": [{name: value for name, value in EC.as_dict(private=False).items() if name != "kid"}]}),
    ("a kid twice", {"keys": [PUBLIC["keys"][0], PUBLIC["keys"][0]]}),
    ("a kid that is no text", {"keys": [{**EC.as_dict(private=False), "kid": 7}]}),
    ("a short RSA key", {"keys": [short_key()]}),
    ("a small exponent", {"keys": [small_exponent()]}),
    ("another curve", {"keys": [ECKey.generate_key("P-256", parameters={"kid": "k"}).as_dict(private=False)]}),
    ("a point that is none", {"keys": [{**EC.as_dict(private=False), "kid": "k", "x": "AAAA"}]}),
    ("for encryption", {"keys": [{**EC.as_dict(private=False), "kid": "k", "use": "enc"}]}),
    ("for another algorithm", {"keys": [{**EC.as_dict(private=False), "kid": "k", "alg": "ES256"}]}),
    ("an algorithm of another type", {"keys": [{**EC.as_dict(private=False), "kid": "k", "alg": "RS384"}]}),
]


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
@pytest.mark.parametrize(("what", "jwks"), KEYS, ids=[row[0] for row in KEYS])
def test_keys_that_cannot_be_are_refused_when_they_are_registered(shared: Installation, what: str, jwks: Any) -> None:
    with pytest.raises(QueryError):
        shared.register(name="other", jwks=jwks)
    assert [client.name for client in shared.platform.clients.listed()] == ["lab"]
