"""Tokens that are not what they seem open nothing; what is secret is told to nobody."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from werkzeug.test import TestResponse

from careloom.crypto.access_tokens import TokenSigner
from careloom.runtime import Runtime
from careloom.services.signing_keys import access_signer
from careloom.services.tokens import issue
from tests.api.kit import BASE_URL, Clock, Installation
from tests.api.signing import EC, PUBLIC, STRANGER, asserted, assertion, basic, pieced

NOW = 1795341600


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def installation(tmp_path: Path, clock: Clock) -> Iterator[Installation]:
    with Installation(tmp_path, Runtime(clock=clock)) as made:
        made.register(["clinician"], ["identified"], "system/*.rs", name="ward")
        yield made


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One for the long tables, whose rows change nothing."""
    with Installation(tmp_path_factory.mktemp("shared"), Runtime(clock=Clock())) as made:
        made.register(["clinician"], ["identified"], "system/*.rs", name="ward")
        yield made


def me(installation: Installation, token: str) -> TestResponse:
    return installation.client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})


def claims(**differ: Any) -> dict[str, Any]:
    """What a good token says, but for what differs; None leaves one out."""
    says = {
        "iss": BASE_URL, "aud": BASE_URL, "sub": "ward", "client_id": "ward", "scope": "system/*.rs", "iat": NOW,
        "nbf": NOW, "exp": NOW + 300, "jti": "j", "generation": 1,
    } | differ  # fmt: skip
    return {name: value for name, value in says.items() if value is not None}


def test_a_token_of_these_claims_would_hold(shared: Installation) -> None:
    assert me(shared, access_signer(shared.platform).sign(claims())).status_code == 200


OURS = [
    ("expired", claims(exp=NOW - 5), "token-expired"),
    ("not yet valid", claims(nbf=NOW + 6), "token-not-yet"),
    ("of another audience", claims(aud="https://other.example"), "token-foreign"),
    ("of many audiences", claims(aud=[BASE_URL]), ""),
    ("of another issuer", claims(iss="https://other.example"), "token-foreign"),
    ("of another installation", claims(iss="https://other.example", aud="https://other.example"), "token-foreign"),
    ("of an unknown client", claims(client_id="nobody"), "token-foreign"),
    ("of an earlier secret", claims(generation=0), "token-outdated"),
    ("without audience", claims(aud=None), ""),
    ("without client", claims(client_id=None), ""),
    ("without expiry", claims(exp=None), ""),
    ("without id", claims(jti=None), ""),
    ("with an expiry that is no number", claims(exp="9999999999"), ""),
    ("with an expiry that is true", claims(exp=True), ""),
]


@pytest.mark.parametrize(("what", "says", "reason"), OURS, ids=[row[0] for row in OURS])
def test_a_token_that_we_signed_but_that_does_not_hold_opens_nothing(
    shared: Installation, what: str, says: dict[str, Any], reason: str
) -> None:
    before = len(shared.events())
    answer = me(shared, access_signer(shared.platform).sign(says))
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="careloom", error="invalid_token"'
    events = shared.events()[before:]
    assert [(event["operation"], event["outcome"], event["detail"]["reason"]) for event in events] == (
        [("use-token", "refused", reason)] if reason else []
    )


@pytest.mark.parametrize(("moved", "status"), [(299, 200), (304, 200), (305, 401), (86400, 401)])
def test_a_token_ends_with_its_time_and_five_seconds_for_clocks(
    installation: Installation, clock: Clock, moved: float, status: int
) -> None:
    token = installation.token()
    clock.move(seconds=moved)
    assert me(installation, token).status_code == status


def test_a_token_ends_with_its_client(installation: Installation, clock: Clock) -> None:
    token = installation.token(expires=clock.now.replace(minute=2))
    assert me(installation, token).status_code == 200
    clock.move(seconds=120)
    assert me(installation, token).status_code == 401


HEADER = {"alg": "Ed25519", "typ": "at+jwt"}
Forge = Callable[[TokenSigner], str]


def resigned(signer: TokenSigner, **header: Any) -> str:
    told = HEADER | {"kid": signer.key_id} | header
    kept = {name: value for name, value in told.items() if value is not None}
    return jwt.encode(kept, claims(), signer._key, algorithms=["Ed25519"], default_type=None)


def by_hand(signer: TokenSigner, secret: bytes, **header: Any) -> str:
    return pieced(HEADER | {"kid": signer.key_id} | header, claims(), secret)


def pem(signer: TokenSigner) -> bytes:
    text: bytes = signer._key.as_pem(private=False)
    return text


def raw(signer: TokenSigner) -> bytes:
    key: bytes = signer._key.public_key.public_bytes_raw()
    return key


def with_kid(kid: str) -> str:
    stranger = TokenSigner(bytes(32))
    stranger.key_id = kid
    return stranger.sign(claims())


def crit(signer: TokenSigner) -> str:
    header, body, signature = signer.sign(claims()).split(".")
    spoiled, _, _ = pieced(HEADER | {"kid": signer.key_id, "crit": ["b64"], "b64": False}, {}).split(".")
    assert header != spoiled
    return f"{spoiled}.{body}.{signature}"


def changed(signer: TokenSigner) -> str:
    header, _, signature = signer.sign(claims()).split(".")
    _, body, _ = signer.sign(claims(scope="careloom/erase")).split(".")
    return f"{header}.{body}.{signature}"


FORGED: list[tuple[str, Forge]] = [
    ("by another key", lambda signer: TokenSigner(bytes(32)).sign(claims())),
    ("by another key of our kid", lambda signer: with_kid(signer.key_id)),
    ("with alg none", lambda signer: by_hand(signer, b"", alg="none")),
    ("with no alg", lambda signer: pieced({"typ": "at+jwt", "kid": signer.key_id}, claims())),
    ("by HS256 with the public key", lambda signer: by_hand(signer, pem(signer), alg="HS256")),
    ("by HS256 with its bytes", lambda signer: by_hand(signer, raw(signer), alg="HS256")),
    ("by ES384", lambda signer: jwt.encode({"alg": "ES384", "typ": "at+jwt"}, claims(), EC, algorithms=["ES384"])),
    ("of type JWT", lambda signer: resigned(signer, typ="JWT")),
    ("of no type", lambda signer: resigned(signer, typ=None)),
    ("of no key", lambda signer: resigned(signer, kid=None)),
    ("of another kid", lambda signer: resigned(signer, kid="other")),
    ("with what it must understand", crit),
    ("with a claim changed", changed),
    ("cut", lambda signer: signer.sign(claims())[:-4]),
    ("with more", lambda signer: signer.sign(claims()) + "AAAA"),
    ("with a fourth part", lambda signer: signer.sign(claims()) + ".AAAA"),
    ("not ASCII", lambda signer: signer.sign(claims()) + "\u00e4"),
    ("of no parts", lambda signer: "x"),
    ("of empty parts", lambda signer: ".."),
    ("of claims that are no object", lambda signer: pieced(HEADER, 7)),
    ("ours, but longer than any", lambda signer: signer.sign(claims(more="x" * 5000))),
    ("larger than any", lambda signer: "A" * 60000),
    ("a client's assertion", lambda signer: assertion("ward", Clock().now)),
]


@pytest.mark.parametrize(("what", "forge"), FORGED, ids=[row[0] for row in FORGED])
def test_a_forged_token_opens_nothing_and_cannot_make_the_audit_chain_grow(
    shared: Installation, what: str, forge: Forge
) -> None:
    token = forge(access_signer(shared.platform))
    before = len(shared.events())
    for _ in range(2):
        answer = me(shared, token)
        assert answer.status_code == 401
        assert answer.json["code"] == "access.unauthenticated"  # type: ignore[index]
    assert len(shared.events()) == before


SHOWN: list[tuple[str, Callable[[str], dict[str, Any]]]] = [
    ("nowhere", lambda token: {}),
    ("in the address", lambda token: {"query_string": {"access_token": token}}),
    ("in a form", lambda token: {"data": {"access_token": token}}),
    ("in a cookie", lambda token: {"headers": {"Cookie": f"access_token={token}"}}),
    ("in another header", lambda token: {"headers": {"X-Access-Token": token}}),
    ("as Basic", lambda token: {"headers": {"Authorization": f"Basic {token}"}}),
    ("as Basic password", lambda token: {"headers": basic("ward", token)}),
    ("without scheme", lambda token: {"headers": {"Authorization": token}}),
    ("as Bearer of nothing", lambda token: {"headers": {"Authorization": "Bearer "}}),
    ("twice", lambda token: {"headers": {"Authorization": f"Bearer {token}, Bearer {token}"}}),
]


@pytest.mark.parametrize(("where", "shown"), SHOWN, ids=[row[0] for row in SHOWN])
def test_a_token_counts_in_the_header_alone(
    shared: Installation, where: str, shown: Callable[[str], dict[str, Any]]
) -> None:
    answer = shared.client.get("/api/v1/me", **shown(shared.token()))
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="careloom"')


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_has_no_case(installation: Installation, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {installation.token()}"}
    assert installation.client.get("/api/v1/me", headers=headers).status_code == 200


def test_a_remembered_signature_does_not_outlive_a_decision(installation: Installation) -> None:
    token = installation.token(name="brief")
    assert [me(installation, token).status_code for _ in range(2)] == [200, 200]
    client = installation.platform.clients.named("brief")
    with installation.platform.clients.change() as change:
        change.replace(change.named("brief").__class__(**{**_fields(client), "roles": "data-scientist"}))
    assert me(installation, token).json["roles"] == ["data-scientist"]  # type: ignore[index]


def _fields(client: Any) -> dict[str, Any]:
    return {name: getattr(client, name) for name in client.__slots__}


def test_what_is_secret_is_in_no_log_audit_event_error_or_file(
    installation: Installation, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with_secret = installation.register(name="secretive")
    installation.register(name="keyed", jwks=PUBLIC)
    token = issue(installation.platform, with_secret.client).token
    good, bad = assertion("keyed", clock.now), assertion("keyed", clock.now, key=STRANGER)
    grant = {"grant_type": "client_credentials"}
    told = [
        installation.client.post("/oauth2/token", data=grant, headers=basic("nobody", with_secret.secret)),
        installation.client.post("/oauth2/token", data=grant | {"scope": with_secret.secret}, headers=basic("a", "b")),
        installation.client.post("/oauth2/token", data=grant | {"client_id": with_secret.secret, "client_secret": "x"}),
        installation.client.post("/oauth2/token", data={"grant_type": with_secret.secret}),
        installation.client.post("/oauth2/token", data=grant, query_string={"client_secret": with_secret.secret}),
        installation.client.post("/oauth2/token", data=asserted(bad)),
        installation.client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"}),
        installation.client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}x"}),
        installation.client.get("/api/v1/me", query_string={"access_token": token}),
        installation.client.post("/oauth2/revoke", data={"token": token}, headers=basic("secretive", "wrong")),
    ]
    given = installation.client.post("/oauth2/token", data=grant, headers=basic("secretive", with_secret.secret))
    again = [installation.client.post("/oauth2/token", data=asserted(good)) for _ in range(2)]
    assert [given.status_code, *(answer.status_code for answer in again)] == [200, 200, 401]
    secrets = [with_secret.secret, token, good, bad, given.json["access_token"]]  # type: ignore[index]
    installation.platform.clients.close()
    files = b"".join(path.read_bytes() for path in (installation.folder / "data").rglob("*") if path.is_file())
    heard = [caplog.text, str(installation.events()), *(answer.text + str(answer.headers) for answer in told)]
    for secret in secrets:
        for text in heard:
            assert secret not in text
            assert secret.rpartition(".")[2] not in text
        assert secret.encode() not in files
