import threading
from base64 import b64decode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc import jwk, jwt

from careloom.client.careloom import Careloom
from careloom.client.credentials import Bearer, ClientSecret, PrivateKey
from careloom.client.pace import Pace
from careloom.errors import AccessError, CareloomError, InputError, SetupError, Unauthenticated
from tests.unit.client.scripted import BASE, PATIENT, SECRET, Scripted, answer, refusal


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    form, lock = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, lock).decode()


def read(api: Careloom) -> None:
    api.fhir("research").read("Patient", "p1")


def test_one_token_serves_many_calls() -> None:
    platform = Scripted(answer(PATIENT))
    api = platform.client()
    for _ in range(3):
        read(api)
    assert platform.tokens_given == 1
    assert platform.authorizations == ["Bearer t1"] * 3


LIVES = [  # seconds the token lasts, seconds that pass, whether it is renewed
    (300, 269, False),
    (300, 270, True),
    (8, 5.9, False),
    (8, 6, True),
    (0, 0, True),
    (None, 1e9, False),
]


@pytest.mark.parametrize(("lasts", "pass_by", "is_renewed"), LIVES)
def test_a_token_is_renewed_shortly_before_it_ends(lasts: int | None, pass_by: float, is_renewed: bool) -> None:
    platform = Scripted(answer(PATIENT), token_seconds=lasts)
    api = platform.client()
    read(api)
    platform.clock.seconds += pass_by
    read(api)
    assert platform.tokens_given == (2 if is_renewed else 1)


def test_a_refused_token_is_renewed_once_and_the_call_repeated() -> None:
    platform = Scripted(answer(PATIENT))
    api = platform.client()
    api.sign_in()
    platform.revoked = {"t1"}
    read(api)
    assert platform.authorizations == ["Bearer t1", "Bearer t2"]


def test_a_second_refusal_is_final() -> None:
    platform = Scripted(answer(PATIENT))
    platform.revoked = {"t1", "t2", "t3"}
    with pytest.raises(Unauthenticated):
        read(platform.client())
    assert platform.tokens_given == 2


def test_threads_whose_token_is_refused_renew_it_once_for_all() -> None:
    platform = Scripted(answer(PATIENT))
    api = platform.client()
    api.sign_in()
    platform.revoked = {"t1"}
    start = threading.Barrier(8)

    def call() -> None:
        start.wait()
        read(api)

    with ThreadPoolExecutor(8) as threads:
        for each in [threads.submit(call) for _ in range(8)]:
            each.result()
    assert platform.tokens_given == 2


def test_a_bearer_token_is_used_as_it_is_and_never_renewed() -> None:
    platform = Scripted(answer(PATIENT))
    api = platform.client(Bearer("given.by-somebody_else~=="))
    read(api)
    assert platform.authorizations == ["Bearer given.by-somebody_else~=="]
    platform.revoked = {"given.by-somebody_else~=="}
    with pytest.raises(Unauthenticated):
        read(api)
    assert platform.tokens_given == 0


def test_a_secret_goes_as_basic_credentials_in_their_form_encoding() -> None:
    asked: list[httpx.Request] = []

    def token(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return answer({"access_token": "t", "token_type": "bearer", "expires_in": 60})

    credential = ClientSecret("ward 7: north", "ä+%:", scope="system/Patient.rs")
    Careloom(BASE, credential, transport=httpx.MockTransport(token)).sign_in()
    scheme, _, both = asked[0].headers["Authorization"].partition(" ")
    assert (scheme, b64decode(both)) == ("Basic", b"ward+7%3A+north:%C3%A4%2B%25%3A")
    assert parse_qs(asked[0].content.decode()) == {"grant_type": ["client_credentials"], "scope": ["system/Patient.rs"]}


KEYS: list[tuple[str, Callable[[], ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey]]] = [
    ("ES384", lambda: ec.generate_private_key(ec.SECP384R1())),
    ("RS384", lambda: rsa.generate_private_key(65537, 2048)),
]


@pytest.mark.parametrize(("alg", "make"), KEYS, ids=[row[0] for row in KEYS])
def test_an_assertion_is_signed_for_the_token_endpoint_and_made_anew_each_time(
    alg: str, make: Callable[[], ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey]
) -> None:
    asked: list[dict[str, list[str]]] = []

    def token(request: httpx.Request) -> httpx.Response:
        assert "Authorization" not in request.headers
        asked.append(parse_qs(request.content.decode()))
        return answer({"access_token": "t", "token_type": "Bearer", "expires_in": 0})

    key = make()
    api = Careloom(BASE, PrivateKey("warehouse", pem(key), "k1", alg), transport=httpx.MockTransport(token))
    api.sign_in()
    api.sign_in()
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    known = jwk.import_key(public, "RSA" if alg == "RS384" else "EC")
    seen = [jwt.decode(fields["client_assertion"][0], known, algorithms=[alg]) for fields in asked]
    assert asked[0]["client_assertion_type"] == ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"]
    for assertion in seen:
        assert assertion.header == {"alg": alg, "kid": "k1", "typ": "JWT"}
        claims = assertion.claims
        assert (claims["iss"], claims["sub"], claims["aud"]) == ("warehouse", "warehouse", f"{BASE}/oauth2/token")
        assert 0 < claims["exp"] - claims["iat"] <= 300
    assert seen[0].claims["jti"] != seen[1].claims["jti"]


@pytest.mark.parametrize("is_signed", [False, True])
def test_a_secret_is_sent_again_to_a_busy_platform_and_an_assertion_is_not(is_signed: bool) -> None:
    asked: list[str] = []

    def busy(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return refusal(503, "setup")

    credential = PrivateKey("warehouse", pem(KEYS[0][1]()), "k1") if is_signed else SECRET
    api = Careloom(BASE, credential, transport=httpx.MockTransport(busy), pace=Pace(sleep=lambda _: None))
    with pytest.raises(SetupError):
        api.sign_in()
    assert asked == ["/oauth2/token"] * (1 if is_signed else 4)


USELESS: list[tuple[str, Callable[[], object]]] = [
    ("an empty secret", lambda: ClientSecret("warehouse", "")),
    ("an empty name", lambda: ClientSecret("", "planted-in-a-test")),
    ("no id of a key", lambda: PrivateKey("warehouse", "pem", "")),
    ("an algorithm that is not offered", lambda: PrivateKey("warehouse", "pem", "k1", "HS256")),
    ("no algorithm at all", lambda: PrivateKey("warehouse", "pem", "k1", "none")),
    ("a token with its scheme", lambda: Bearer("Bearer planted")),
    ("a token with a line break", lambda: Bearer("planted\r\nX-Evil: 1")),
    ("an empty token", lambda: Bearer("")),
]


@pytest.mark.parametrize(("what", "make"), USELESS, ids=[row[0] for row in USELESS])
def test_a_credential_that_cannot_work_is_refused_when_it_is_made(what: str, make: Callable[[], object]) -> None:
    with pytest.raises(InputError) as caught:
        make()
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["planted", "-----BEGIN " + "PRIVATE KEY-----\nplanted\n-----END " + "PRIVATE KEY-----\n"]
)
def test_a_key_that_is_none_is_refused_without_being_repeated(text: str) -> None:
    api = Scripted(answer({})).client(PrivateKey("warehouse", text, "k1"))
    with pytest.raises(InputError) as caught:
        api.sign_in()
    assert "planted" not in str(caught.value)


def test_a_key_of_another_kind_cannot_sign() -> None:
    api = Scripted(answer({})).client(PrivateKey("warehouse", pem(KEYS[1][1]()), "k1", "ES384"))
    with pytest.raises(InputError):
        api.sign_in()


REFUSED: list[tuple[httpx.Response, type[CareloomError]]] = [
    (answer({"error": "invalid_client"}, 401), Unauthenticated),
    (answer({"error": "invalid_scope"}, 400), AccessError),
    (answer({"error": "unauthorized_client"}, 400), AccessError),
    (answer({"access_token": "t"}), SetupError),
    (answer({"access_token": "t", "token_type": "mac"}), SetupError),
    (answer({"access_token": "a b", "token_type": "Bearer"}), SetupError),
    (answer({"access_token": 7, "token_type": "Bearer"}), SetupError),
    (httpx.Response(200, content=b"<html>"), SetupError),
    (httpx.Response(302, headers={"Location": "https://evil.example.org/"}), SetupError),
]


@pytest.mark.parametrize(("came", "kind"), REFUSED)
def test_a_sign_in_that_fails_says_whose_fault_it_is(came: httpx.Response, kind: type[CareloomError]) -> None:
    api = Careloom(BASE, SECRET, transport=httpx.MockTransport(lambda _: came))
    with pytest.raises(kind) as caught:
        read(api)
    assert type(caught.value) is kind


def test_neither_secret_nor_key_nor_token_is_shown_or_stands_in_an_error() -> None:
    def echo(request: httpx.Request) -> httpx.Response:
        said = " ".join(request.headers.values()) + request.content.decode()
        return refusal(400, "input", detail=said, remedy=said)

    key = pem(KEYS[0][1]())
    for credential in (SECRET, Bearer("planted-token"), PrivateKey("warehouse", key, "k1")):
        api = Careloom(BASE, credential, transport=httpx.MockTransport(echo))
        with pytest.raises(InputError) as caught:
            read(api)
        shown = f"{api!r} {credential!r} {api._session.tokens!r} {caught.value} {caught.value.__cause__}"
        for secret in ("planted", key[40:80], "client_assertion=ey"):
            assert secret not in shown
    platform = Scripted(answer(PATIENT))
    api = platform.client()
    assert "t1" not in f"{api.sign_in()!r} {api!r} {api.fhir('research')!r} {api.ingestions!r}"


def test_signing_out_revokes_the_token_and_forgets_it() -> None:
    revoked: list[httpx.Request] = []

    def revoke(request: httpx.Request) -> httpx.Response:
        revoked.append(request)
        return httpx.Response(200)

    platform = Scripted(answer(PATIENT), revoke, answer(PATIENT))
    api = platform.client()
    api.sign_out()
    assert revoked == []
    read(api)
    api.sign_out()
    assert revoked[0].url.path == "/oauth2/revoke"
    assert parse_qs(revoked[0].content.decode())["token"] == ["t1"]
    read(api)
    assert platform.authorizations[-1] == "Bearer t2"
