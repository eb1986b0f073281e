"""People sign in by another provider: a real one over HTTP, honest and lying, and browsers that mix things up."""

import re
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from careloom.services import people
from careloom.services.clients import ClientAsk, disable_client
from tests.api.kit import BASE_URL, Clock
from tests.api.people_kit import PASSWORD, Web, app, exchanged, person
from tests.api.provider_kit import (
    CLIENT,
    EC_KEY,
    KEY,
    OWN_KEY,
    SECRET,
    Made,
    Provider,
    come_back,
    leave,
    linked,
    sign_in,
)
from tests.api.signing import pieced

TRUSTED = '[idp.second_factor]\namr = ["mfa"]\n'
MAPPED = (
    f'admission = "mapped"\nzones = ["identified"]\nroles_in = ["groups"]\n{TRUSTED}[idp.roles]\nward = ["clinician"]\n'
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def served() -> Iterator[Provider]:
    provider = Provider()
    yield provider
    provider.close()


@pytest.fixture
def idp(served: Provider, clock: Clock) -> Provider:
    served.clock = lambda: float(clock.now.timestamp())
    served.claims, served.header, served.document = {"sub": "subject-1"}, {}, {}
    served.sign = served._sign
    served.asked.clear()
    return served


def test_an_invited_person_signs_in_by_the_provider_and_the_application_sees_our_tokens_alone(
    tmp_path: Path, clock: Clock, idp: Provider
) -> None:
    with Made(tmp_path, clock, idp) as made:
        who, web = linked(made, clock, idp), Web(made)
        app(made)
        web.ask()
        assert "Sign in by The hospital" in web.page.text
        assert come_back(web, idp, leave(web)) == 200
        web.send(code=who.code())
        web.send(decision="allow")
        tokens: Any = exchanged(made, web.told()["code"]).json
        read = orjson.loads(_claims(tokens["id_token"]))
        assert {name: read[name] for name in ("iss", "sub", "aud", "amr")} == {
            "iss": BASE_URL, "sub": "mara.lind", "aud": "growth", "amr": ["otp", "mfa"],
        }  # fmt: skip
        assert "subject-1" not in orjson.dumps(made.events()).decode()
        shown = people.show_person(made.platform, made.operator, "mara.lind")
        assert (shown["account"], shown["providers"], shown["password_changed"]) == ("ready", ["idp"], None)
        assert Web(made).get("/oauth2/sign-in").status_code == 200
        web.get("/oauth2/sign-in")
        assert f'href="{idp.issuer}/logout?client_id={CLIENT}' in web.send().text


def test_a_second_factor_of_the_provider_counts_where_the_settings_say_so(
    tmp_path: Path, clock: Clock, idp: Provider
) -> None:
    with Made(tmp_path, clock, idp, TRUSTED) as made:
        idp.claims |= {"amr": ["pwd", "mfa"]}
        linked(made, clock, idp)
        web = Web(made)
        assert sign_in(web, idp) == 303
        assert "signed in as <strong>mara.lind" in web.get("/oauth2/sign-in").text
        last = made.events()[-1]
        assert (last["operation"], last["detail"]["second_factor"], last["detail"]["provider"]) == (
            "sign-in", "amr", "idp",
        )  # fmt: skip
        idp.claims |= {"amr": ["pwd"]}
        assert (sign_in(Web(made), idp), made.reason()) == (403, "second-factor")


@pytest.mark.parametrize("proof", ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"])
def test_the_installation_proves_itself_in_each_way(tmp_path: Path, clock: Clock, idp: Provider, proof: str) -> None:
    key = OWN_KEY.as_pem(private=True).decode()
    secret = key if proof == "private_key_jwt" else SECRET
    with Made(tmp_path, clock, idp, f'proof = "{proof}"\nkey_id = "ours"\n', secret) as made:
        who, web = linked(made, clock, idp), Web(made)
        assert sign_in(web, idp) == 200
        assert web.send(code=who.code()).status_code == 303


def _claims(token: str) -> bytes:
    part = token.split(".")[1]
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _with_public_key(header: dict[str, Any], claims: dict[str, Any]) -> str:
    return pieced(header | {"alg": "HS256"}, claims, KEY.as_pem(private=False))


def _with_client_secret(header: dict[str, Any], claims: dict[str, Any]) -> str:
    return jwt.encode(header | {"alg": "HS256"}, claims, OctKey.import_key(SECRET.ljust(32)), algorithms=["HS256"])


def _unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    return pieced(header | {"alg": "none"}, claims)


def _by_stranger(header: dict[str, Any], claims: dict[str, Any]) -> str:
    return jwt.encode(header, claims, RSAKey.generate_key(2048), algorithms=["RS256"])


def _by_other_algorithm(header: dict[str, Any], claims: dict[str, Any]) -> str:
    return jwt.encode(header | {"alg": "ES256", "kid": "k2"}, claims, EC_KEY, algorithms=["ES256"])


NOW = int(Clock().now.timestamp())
LIES: list[tuple[str, dict[str, Any], dict[str, Any], Any, str]] = [
    ("another issuer", {"iss": "https://evil.example.org"}, {}, None, "provider-token-issuer"),
    ("for somebody else", {"aud": "another"}, {}, None, "provider-token-audience"),
    ("for two", {"aud": [CLIENT, "another"]}, {}, None, "provider-token-audience"),
    ("for nobody", {"aud": None}, {}, None, "provider-token-audience"),
    ("another party", {"azp": "another"}, {}, None, "provider-token-party"),
    ("expired", {"iat": NOW - 400, "exp": NOW - 100}, {}, None, "provider-token-expired"),
    ("without end", {"exp": None}, {}, None, "provider-token-expired"),
    ("of long ago", {"iat": NOW - 4000}, {}, None, "provider-token-issued"),
    ("of tomorrow", {"iat": NOW + 4000}, {}, None, "provider-token-issued"),
    ("not yet", {"nbf": NOW + 4000}, {}, None, "provider-token-not-yet"),
    ("another nonce", {"nonce": "n-0S6_WzA2Mj"}, {}, None, "provider-token-nonce"),
    ("no nonce", {"nonce": None}, {}, None, "provider-token-nonce"),
    ("another access token", {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, {}, None, "provider-token-at-hash"),
    ("nobody", {"sub": None}, {}, None, "provider-token-subject"),
    ("unsigned", {}, {}, _unsigned, "provider-token-algorithm"),
    ("signed by the public key", {}, {}, _with_public_key, "provider-token-algorithm"),
    ("signed by the secret", {}, {}, _with_client_secret, "provider-token-algorithm"),
    ("an algorithm that is not let", {}, {}, _by_other_algorithm, "provider-token-algorithm"),
    ("signed by somebody else", {}, {}, _by_stranger, "provider-token-signature"),
    ("a key that is not there", {}, {"kid": "k9"}, None, "provider-token-algorithm"),
    ("no key named", {}, {"kid": None}, None, "provider-token-key"),
    ("no token", {}, {}, lambda *_: "text", "provider-token-form"),
]  # fmt: skip


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory, served: Provider) -> Iterator[Made]:
    """An installation in which nothing changes but the audit chain."""
    clock = Clock()
    served.clock = lambda: float(clock.now.timestamp())
    served.claims = {"sub": "subject-1"}
    with Made(tmp_path_factory.mktemp("steady"), clock, served) as made:
        linked(made, clock, served)
        yield made


@pytest.mark.parametrize(
    ("claims", "header", "sign", "reason"), [row[1:] for row in LIES], ids=[row[0] for row in LIES]
)
def test_a_token_that_does_not_hold_lets_nobody_in(
    steady: Made, idp: Provider, claims: dict[str, Any], header: dict[str, Any], sign: Any, reason: str
) -> None:
    web = Web(steady)
    idp.claims, idp.header = {"sub": "subject-1"} | claims, header
    idp.sign = sign or idp._sign
    assert sign_in(web, idp) == 403
    assert steady.reason() == reason
    assert "careloom-session" not in "".join(web.page.headers.getlist("Set-Cookie"))


def test_an_answer_counts_once_and_in_the_browser_that_asked(steady: Made, idp: Provider) -> None:
    web, thief = Web(steady), Web(steady)
    web.get("/oauth2/sign-in")
    told = idp.visit(leave(web))
    thief.get("/oauth2/sign-in")
    leave(thief)
    assert thief.get("/oauth2/provider/idp/answer", **told).status_code == 403
    assert steady.reason() == "provider-state"
    assert web.get("/oauth2/provider/idp/answer", **told).status_code == 403  # the thief's try used it up
    web.get("/oauth2/sign-in")
    told = idp.visit(leave(web))
    assert web.get("/oauth2/provider/idp/answer", **told).status_code == 200
    assert web.get("/oauth2/provider/idp/answer", **told).status_code == 403
    assert web.get("/oauth2/provider/idp/answer", state="", code="x").status_code == 403


def test_a_code_of_another_sign_in_is_worth_nothing_in_this_one(steady: Made, idp: Provider) -> None:
    web, thief = Web(steady), Web(steady)
    thief.get("/oauth2/sign-in")
    stolen = idp.visit(leave(thief))["code"]
    assert sign_in(web, idp, code=stolen) == 403
    assert steady.reason() == "provider-code"


@pytest.mark.parametrize(
    ("instead", "reason"),
    [
        ({"iss": "https://evil.example.org"}, "provider-mixed-up"),
        ({"code": ""}, "provider-no-code"),
        ({"code": "", "error": "access_denied", "error_description": "<b>call 0123</b>"}, "provider-error"),
    ],
)
def test_an_answer_of_somebody_else_or_without_a_code_leads_back(
    steady: Made, idp: Provider, instead: dict[str, str], reason: str
) -> None:
    web, before = Web(steady), len(idp.asked)
    assert sign_in(web, idp, **instead) == 403
    assert steady.reason() == reason
    assert "/realm/token" not in idp.asked[before:]
    assert "0123" not in web.page.text


def test_a_sign_in_leads_nowhere_but_to_the_settings_provider_and_the_registered_application(
    steady: Made, idp: Provider
) -> None:
    web = Web(steady)
    web.get("/oauth2/sign-in")
    to = leave(web, redirect_uri="https://evil.example.org", return_to="https://evil.example.org")
    assert to.startswith(f"{idp.issuer}/authorize?")
    assert "evil" not in to
    assert web.page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert web.client.post("/oauth2/provider/idp", data={"form": "x"}).status_code == 403
    web.get("/oauth2/sign-in")
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', web.page.text))
    assert web.client.post("/oauth2/provider/nobody", data=hidden).status_code == 403


@pytest.mark.parametrize(
    ("more", "claims", "reason"),
    [
        ('domains = ["example.org"]', {}, "provider-domain"),
        ('domains = ["example.org"]', {"email": "mara@example.org"}, "provider-domain"),
        ('domains = ["example.org"]', {"email": "mara@example.org", "email_verified": "true"}, "provider-domain"),
        ('domains = ["example.org"]', {"email": "m@evil.org", "email_verified": True}, "provider-domain"),
        ('domains = ["example.org"]', {"email": "a@evil.org@example.org", "email_verified": True}, "provider-domain"),
        ('domains = ["example.org"]', {"email": "Mara@Example.org", "email_verified": True}, "provider-unknown"),
        ('[idp.claims]\nhd = ["example.org"]', {}, "provider-claims"),
        ('[idp.claims]\nhd = ["example.org"]', {"hd": "evil.org"}, "provider-claims"),
        ('[idp.claims]\nhd = ["example.org"]', {"hd": "example.org"}, "provider-unknown"),
        ("", {"preferred_username": "mara.lind", "email": "mara.lind", "email_verified": True}, "provider-unknown"),
        (MAPPED, {"preferred_username": "mara.lind", "groups": ["ward"], "amr": ["mfa"]}, "provider-name-taken"),
        (MAPPED, {"preferred_username": "new", "groups": ["ward"]}, "second-factor"),
        (MAPPED, {"preferred_username": "new", "groups": ["others"], "amr": ["mfa"]}, "provider-no-role"),
        (MAPPED, {"preferred_username": "a b", "groups": ["ward"], "amr": ["mfa"]}, "provider-name"),
    ],
)
def test_nobody_is_let_in_by_a_name_or_an_address_or_from_elsewhere(
    tmp_path: Path, clock: Clock, idp: Provider, more: str, claims: dict[str, Any], reason: str
) -> None:
    idp.claims |= claims
    with Made(tmp_path, clock, idp, more) as made:
        person(made, clock)
        assert (sign_in(Web(made), idp), made.reason()) == (403, reason)


def test_who_is_registered_by_the_provider_has_the_roles_that_it_tells_at_each_sign_in(
    tmp_path: Path, clock: Clock, idp: Provider
) -> None:
    more = MAPPED + 'lab = ["data-steward"]\n'
    idp.claims |= {"preferred_username": "zoe", "name": "Zoe Berg", "groups": ["ward", "x"], "amr": ["mfa"]}
    with Made(tmp_path, clock, idp, more) as made:
        web = Web(made)
        assert sign_in(web, idp) == 303
        shown = people.show_person(made.platform, made.operator, "zoe")
        assert (shown["roles"], shown["full_name"], shown["providers"]) == (["clinician"], "Zoe Berg", ["idp"])
        idp.claims |= {"groups": ["lab"], "preferred_username": "somebody.else"}
        assert sign_in(Web(made), idp) == 303
        assert people.show_person(made.platform, made.operator, "zoe")["roles"] == ["data-steward"]
        idp.claims |= {"groups": []}
        assert (sign_in(Web(made), idp), made.reason()) == (403, "provider-no-role")
        assert people.show_person(made.platform, made.operator, "zoe")["roles"] == []
        assert "signed in as" not in web.get("/oauth2/sign-in").text


def test_a_stopped_or_reset_person_and_one_who_is_guessed_at_do_not_get_in_by_the_provider(
    tmp_path: Path, clock: Clock, idp: Provider
) -> None:
    with Made(tmp_path, clock, idp, TRUSTED) as made:
        idp.claims |= {"amr": ["mfa"]}
        linked(made, clock, idp)
        guesser = Web(made)
        for _ in range(7):
            guesser.get("/oauth2/sign-in")
            guesser.send(name="mara.lind", password=PASSWORD)
        assert (sign_in(Web(made), idp), made.reason()) == (403, "waiting")
        people.unlock(made.platform, made.operator, "mara.lind")
        assert sign_in(Web(made), idp) == 303
        disable_client(made.platform, made.operator, "mara.lind")
        assert (sign_in(Web(made), idp), made.reason()) == (403, "stopped")
        people.reset(made.platform, made.operator, "mara.lind")
        assert (sign_in(Web(made), idp), made.reason()) == (403, "provider-unknown")


def test_an_invitation_links_one_account_of_the_provider_once(tmp_path: Path, clock: Clock, idp: Provider) -> None:
    with Made(tmp_path, clock, idp, TRUSTED) as made:
        idp.claims |= {"amr": ["mfa"]}
        linked(made, clock, idp)
        invitation = people.invite(
            made.platform, made.operator, ClientAsk("zoe", ["clinician"], ["identified"], kind="person")
        ).code
        web = Web(made)
        web.get("/oauth2/welcome")
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', web.page.text))
        wrong = hidden | {"name": "zoe", "invitation": "mfrg-gzdf-mzqw-c2lo"}
        assert web.client.post("/oauth2/provider/idp", data=wrong).status_code == 403
        web.get("/oauth2/welcome")
        to = leave(web, name="zoe", invitation=invitation)
        assert come_back(web, idp, to) == 403
        assert "somebody&#39;s already" in web.page.text or "somebody&#x27;s already" in web.page.text
        idp.claims |= {"sub": "subject-2"}
        web.get("/oauth2/welcome")
        assert come_back(web, idp, leave(web, name="zoe", invitation=invitation)) == 303


def test_an_application_that_asks_for_a_new_sign_in_gets_one_from_the_provider_too(steady: Made, idp: Provider) -> None:
    app(steady)
    web = Web(steady)
    web.ask(prompt="login")
    to = leave(web)
    assert "prompt=login" in to
    idp.claims |= {"auth_time": NOW - 500}
    assert (come_back(web, idp, to), steady.reason()) == (403, "provider-token-old-sign-in")


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://evil.example.org"},
        {"token_endpoint": "https://169.254.169.254/latest"},
        {"token_endpoint": "http://internal.example.org/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": 7},
        {"padding": "x" * 600_000},
    ],
)
def test_a_provider_that_leads_elsewhere_is_not_asked(
    tmp_path: Path, clock: Clock, idp: Provider, document: dict[str, Any]
) -> None:
    idp.document = document
    with Made(tmp_path, clock, idp) as made:
        web = Web(made)
        hidden = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', web.get("/oauth2/sign-in").text)
        page = web.client.post("/oauth2/provider/idp", data=dict(hidden))
        assert page.status_code == 403
        assert "does not answer as it should" in page.text
        assert idp.asked == ["/realm/.well-known/openid-configuration"]
        assert web.client.post("/oauth2/provider/idp", data=dict(hidden)).status_code == 403
        assert len(idp.asked) == 1  # nobody is asked again in a hurry
