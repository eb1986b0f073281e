"""People sign in in a browser and let applications do something: authorization code, PKCE, second factor, consent."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from careloom.services import people
from careloom.services.clients import disable_client
from careloom.services.subject_rules import RuleAsk, set_rule
from tests.api.kit import BASE_URL, Clock, Installation
from tests.api.people_kit import PASSWORD, REDIRECT, Web, app, asked, at, challenge, exchanged, person


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def made(tmp_path: Path, clock: Clock) -> Iterator[Installation]:
    with Installation(tmp_path, at(clock)) as installation:
        installation.ingest()
        yield installation


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_person_signs_in_in_an_application_which_reads_in_the_person_s_name(made: Installation, clock: Clock) -> None:
    who, web = person(made, clock), Web(made)
    app(made)
    assert "Growth Chart" in web.ask().text
    asks = web.sign_in(who).text
    assert "read which" not in asks
    assert "growth.example.org" in asks
    assert "user/*.rs" in asks
    web.send(decision="allow")
    told = web.told()
    assert (told["state"], told["iss"]) == ("0hJc1S9O4oW54XuY", BASE_URL)
    tokens = exchanged(made, told["code"]).json
    assert tokens is not None
    assert set(tokens) == {"access_token", "token_type", "expires_in", "scope", "id_token"}
    me = made.client.get("/api/v1/me", headers=bearer(tokens["access_token"])).json
    assert me is not None
    assert (me["name"], me["kind"], me["roles"], me["scopes"]) == ("mara.lind", "person", ["clinician"], ["user/*.rs"])
    found = made.client.get("/fhir/identified/Observation", headers=bearer(tokens["access_token"])).json
    assert found is not None
    assert [entry["resource"]["resourceType"] for entry in found["entry"]] == ["Observation"]
    assert made.events()[-1]["actor"] == "mara.lind"


def test_an_id_token_says_who_the_person_is_and_verifies_by_the_published_keys(
    made: Installation, clock: Clock
) -> None:
    who = person(made, clock)
    app(made)
    tokens = exchanged(made, Web(made).code(who, nonce="n-0S6_WzA2Mj")).json
    assert tokens is not None
    keys = KeySet.import_key_set(made.client.get("/oauth2/jwks").json)  # type: ignore[arg-type]
    read = jwt.decode(tokens["id_token"], keys, algorithms=["RS256"])
    stored = made.stored_id("Practitioner", "d1")
    assert read.header["alg"] == "RS256"
    assert {name: read.claims[name] for name in ("iss", "sub", "aud", "nonce", "fhirUser")} == {
        "iss": BASE_URL, "sub": "mara.lind", "aud": "growth", "nonce": "n-0S6_WzA2Mj",
        "fhirUser": f"{BASE_URL}/fhir/identified/Practitioner/{stored}",
    }  # fmt: skip
    assert read.claims["exp"] - read.claims["iat"] == 300


def test_a_token_for_one_patient_reaches_that_patient_alone(made: Installation, clock: Clock) -> None:
    other = {"resourceType": "Patient", "id": "p2", "name": [{"family": "Other"}]}
    made.ingest([other])
    who = person(made, clock)
    app(made)
    code = Web(made).code(who, patient="Patient/p1", scope="launch/patient patient/*.rs")
    tokens = exchanged(made, code).json
    assert tokens is not None
    own = made.stored_id("Patient", "p1")
    assert (tokens["patient"], tokens["scope"]) == (own, "launch/patient patient/*.rs")
    header = bearer(tokens["access_token"])
    assert made.client.get(f"/fhir/identified/Patient/{own}", headers=header).status_code == 200
    foreign = made.client.get(f"/fhir/identified/Patient/{made.stored_id('Patient', 'p2')}", headers=header)
    assert foreign.status_code in (403, 404)
    everybody = made.client.get("/fhir/identified/Patient", headers=header).json
    assert everybody is not None
    assert [entry["resource"]["id"] for entry in everybody["entry"]] == [own]


def test_a_patient_who_is_not_there_is_asked_for_again(made: Installation, clock: Clock) -> None:
    who, web = person(made, clock), Web(made)
    app(made)
    web.ask(scope="launch/patient patient/*.rs")
    web.sign_in(who)
    for named in ("Patient/nobody", "nobody", ""):
        assert web.send(decision="allow", patient=named).status_code == 403
        assert 'role="alert"' in web.page.text
    assert web.send(decision="allow", patient="Patient/p1").status_code == 303


def test_a_person_who_does_not_want_it_says_no(made: Installation, clock: Clock) -> None:
    who, web = person(made, clock), Web(made)
    app(made)
    web.ask()
    web.sign_in(who)
    web.send(decision="deny")
    assert web.told()["error"] == "access_denied"
    last = made.events()[-1]
    assert (last["operation"], last["outcome"]) == ("consent", "refused")


UNASKED = [
    ("an application that is not registered", {"client_id": "stranger"}),
    ("no application", {"client_id": ""}),
    ("another address", {"redirect_uri": "https://evil.example.org/after"}),
    ("an address that begins alike", {"redirect_uri": REDIRECT + "/more"}),
    ("an address with a query", {"redirect_uri": REDIRECT + "?next=https://evil.example.org"}),
    ("the same address by http", {"redirect_uri": REDIRECT.replace("https", "http")}),
    ("the same address in capitals", {"redirect_uri": REDIRECT.upper()}),
    ("another port", {"redirect_uri": "https://growth.example.org:8443/after"}),
]


@pytest.mark.parametrize(("what", "more"), UNASKED, ids=[row[0] for row in UNASKED])
def test_nothing_is_sent_to_an_address_that_nobody_registered(
    made: Installation, what: str, more: dict[str, str]
) -> None:
    app(made)
    page = Web(made).ask(**more)
    assert (page.status_code, "Location" in page.headers) == (403, False)
    assert "evil" not in page.text


REFUSED = [
    ("the implicit flow", {"response_type": "token"}, "unsupported_response_type"),
    ("no PKCE", {"code_challenge": "", "code_challenge_method": ""}, "invalid_request"),
    ("plain PKCE", {"code_challenge_method": "plain"}, "invalid_request"),
    ("a challenge that is none", {"code_challenge": "x"}, "invalid_request"),
    ("no scope", {"scope": ""}, "invalid_scope"),
    ("a scope that means nothing", {"scope": "openid user/Nothing.rs"}, "invalid_scope"),
    ("a scope of programs", {"scope": "system/*.rs"}, "invalid_scope"),
    ("another FHIR base", {"aud": "https://other.example.org/fhir"}, "invalid_request"),
    ("a request object", {"request": "x.y.z"}, "invalid_request"),
    ("a mode that is not there", {"response_mode": "fragment"}, "invalid_request"),
    ("a max_age that is none", {"max_age": "soon"}, "invalid_request"),
    ("no page for who is not signed in", {"prompt": "none"}, "login_required"),
]


@pytest.mark.parametrize(("what", "more", "error"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_cannot_be_is_told_to_the_application_with_state_and_issuer(
    made: Installation, what: str, more: dict[str, str], error: str
) -> None:
    app(made)
    web = Web(made)
    web.ask(**more)
    assert urlsplit(web.page.headers["Location"])._replace(query="").geturl() == REDIRECT
    assert {name: web.told()[name] for name in ("error", "state", "iss")} == {
        "error": error, "state": "0hJc1S9O4oW54XuY", "iss": BASE_URL,
    }  # fmt: skip


GUESSED = [
    ("another verifier", {"code_verifier": "x" * 43}),
    ("another address", {"redirect_uri": "https://growth.example.org/other"}),
    ("another application", {"client_id": "other"}),
    ("a made-up code", {"code": "x" * 43}),
]


@pytest.mark.parametrize(("what", "more"), GUESSED, ids=[row[0] for row in GUESSED])
def test_a_code_is_good_for_its_application_its_address_and_its_verifier_alone(
    made: Installation, clock: Clock, what: str, more: dict[str, str]
) -> None:
    who = person(made, clock)
    app(made)
    app(made, "other")
    code = Web(made).code(who)
    answer = exchanged(made, **({"code": code} | more))
    assert (answer.status_code, answer.json["error"]) == (400, "invalid_grant")  # type: ignore[index]


def test_a_code_is_good_for_a_minute(made: Installation, clock: Clock) -> None:
    who = person(made, clock)
    app(made)
    code = Web(made).code(who)
    clock.move(seconds=60)
    assert exchanged(made, code).status_code == 400


def test_a_code_that_comes_twice_ends_the_tokens_of_its_first_use(made: Installation, clock: Clock) -> None:
    who = person(made, clock)
    app(made)
    code = Web(made).code(who)
    tokens = exchanged(made, code).json
    assert tokens is not None
    assert exchanged(made, code).status_code == 400
    assert made.client.get("/api/v1/me", headers=bearer(tokens["access_token"])).status_code == 401


def test_a_confidential_application_proves_who_it_is_too(made: Installation, clock: Clock) -> None:
    who = person(made, clock)
    secret = app(made, is_public=False).secret
    web = Web(made)
    code = web.code(who)
    for given in ("", "careloom_wrong"):
        answer = exchanged(made, code, client_secret=given)
        assert (answer.status_code, answer.json["error"]) == (401, "invalid_client")  # type: ignore[index]
    assert exchanged(made, code, client_secret=secret).status_code == 200


def test_an_application_has_no_rights_of_its_own(made: Installation) -> None:
    secret = app(made, is_public=False).secret
    form = {"grant_type": "client_credentials", "client_id": "growth", "client_secret": secret}
    answer = made.client.post("/oauth2/token", data=form)
    assert (answer.status_code, answer.json["error"]) == (400, "unauthorized_client")  # type: ignore[index]


@pytest.mark.parametrize("event", ["the person is disabled", "the person is reset", "the application is disabled"])
def test_a_token_ends_at_once_when(made: Installation, clock: Clock, event: str) -> None:
    who = person(made, clock)
    app(made)
    tokens = exchanged(made, Web(made).code(who)).json
    assert tokens is not None
    if event == "the person is reset":
        people.reset(made.platform, made.operator, "mara.lind")
    else:
        disable_client(made.platform, made.operator, "growth" if "application" in event else "mara.lind")
    assert made.client.get("/api/v1/me", headers=bearer(tokens["access_token"])).status_code == 401


def test_a_person_grants_nothing_beyond_the_own_rights(made: Installation, clock: Clock) -> None:
    who = person(made, clock, scopes="system/Patient.rs")
    app(made)
    tokens = exchanged(made, Web(made).code(who, scope="user/*.rs")).json
    assert tokens is not None
    assert tokens["scope"] == "user/Patient.rs"


def test_an_application_for_one_patient_never_gets_all_of_them(made: Installation, clock: Clock) -> None:
    who, web = person(made, clock), Web(made)
    app(made, scopes="launch/patient patient/*.rs")
    web.ask(scope="user/*.rs")
    web.sign_in(who)
    assert web.told()["error"] == "invalid_scope"


def test_who_is_signed_in_is_asked_and_does_not_sign_in_again_until_idle_or_told_to(
    made: Installation, clock: Clock
) -> None:
    who, web = person(made, clock), Web(made)
    app(made)
    web.code(who)
    assert "Allow access?" in web.ask().text
    clock.move(seconds=5)
    assert "Sign in" in web.ask(prompt="login").text
    assert "Sign in" in web.ask(max_age="1").text
    clock.move(minutes=14)
    assert "Allow access?" in web.ask().text
    clock.move(minutes=15)
    assert "Sign in" in web.ask().text


@pytest.mark.parametrize("told", [{"prompt": "login"}, {"max_age": "60"}])
def test_who_is_told_to_sign_in_again_cannot_consent_before(
    made: Installation, clock: Clock, told: dict[str, str]
) -> None:
    who, web = person(made, clock), Web(made)
    app(made)
    web.code(who)
    clock.move(minutes=10)
    page = web.ask(**told)
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text))
    form = {name: unescape(value) for name, value in hidden.items()}
    for decision in ("allow", "deny"):
        web.page = web.client.post("/oauth2/consent", data=form | {"decision": decision})
        assert (web.page.status_code, "Password" in web.page.text) == (200, True)
    web.sign_in(who)
    assert "code" in _allowed(web)


def _allowed(web: Web) -> dict[str, str]:
    web.send(decision="allow")
    return web.told()


def test_the_chain_tells_for_which_patient_and_in_which_request_a_person_consents(
    made: Installation, clock: Clock
) -> None:
    who, web = person(made, clock), Web(made)
    app(made)
    web.code(who, patient="Patient/p1", scope="launch/patient patient/*.rs")
    allowed = web.page.headers["X-Request-Id"]
    web.ask(scope="launch/patient patient/*.rs")
    web.send(decision="deny")
    pseudonym = made.platform.store("identified").pseudonym(made.stored_id("Patient", "p1"))
    told = [
        (event["operation"], event["outcome"], event["subjects"], event["detail"]["request"])
        for event in made.events()
        if event["operation"] in ("choose-patient", "consent")
    ]
    assert told == [
        ("choose-patient", "success", [pseudonym], allowed),
        ("consent", "success", [pseudonym], allowed),
        ("consent", "refused", [], web.page.headers["X-Request-Id"]),
    ]


def test_a_patient_whom_a_read_would_not_show_is_as_unknown(made: Installation, clock: Clock) -> None:
    who, web = person(made, clock, roles=["data-engineer"]), Web(made)
    app(made)
    set_rule(made.platform, made.operator, RuleAsk("restrict", "Patient/p1", reason="contests it"))
    web.ask(scope="launch/patient patient/*.rs")
    web.sign_in(who)
    pages = [web.send(decision="allow", patient=f"Patient/{name}") for name in ("p1", "nobody")]
    assert [page.status_code for page in pages] == [403, 403]
    assert ["There is no such patient" in page.text for page in pages] == [True, True]
    told = [one["detail"]["reason"] for one in made.events() if one["operation"] == "choose-patient"]
    assert told == ["withheld", "unknown"]


def test_a_browser_signs_in_again_after_the_hours_of_a_session(made: Installation, clock: Clock) -> None:
    who, web = person(made, clock), Web(made)
    app(made)
    web.code(who)
    for _ in range(71):
        clock.move(minutes=10)
        assert "Allow access?" in web.ask().text
    clock.move(minutes=10)
    assert "Sign in" in web.ask().text


def test_signing_out_ends_the_session_and_an_old_cookie_is_worth_nothing(made: Installation, clock: Clock) -> None:
    who, web = person(made, clock), Web(made)
    web.get("/oauth2/sign-in")
    web.sign_in(who)
    kept = web.client.get_cookie("careloom-session")
    assert kept is not None
    assert "mara.lind" in web.get("/oauth2/sign-in").text
    assert web.send().status_code == 200
    web.client.set_cookie("careloom-session", kept.value)
    assert "Password" in web.get("/oauth2/sign-in").text
    assert [event["operation"] for event in made.events()[-2:]] == ["sign-in", "sign-out"]


def test_the_session_before_the_second_factor_is_none(made: Installation, clock: Clock) -> None:
    who, web = person(made, clock), Web(made)
    app(made)
    web.ask()
    web.send(name=who.name, password=PASSWORD)
    assert "Second step" in web.page.text
    assert "Sign in" in Web(made).ask().text
    assert "Sign in" in web.ask().text
    web.send(name=who.name, password=PASSWORD)
    clock.move(minutes=11)
    assert web.send(code=who.code()).status_code == 403


def test_the_session_gets_a_new_cookie_with_each_step(made: Installation, clock: Clock) -> None:
    who, web = person(made, clock), Web(made)
    seen = []
    web.get("/oauth2/sign-in")
    for typed in ({"name": who.name, "password": PASSWORD}, {"code": who.code()}):
        web.send(**typed)
        cookie = web.client.get_cookie("careloom-session")
        assert cookie is not None
        seen.append(cookie.value)
    assert len(set(seen)) == 2


def test_no_secret_of_a_sign_in_is_in_the_log_or_the_audit_chain(
    made: Installation, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    who, web = person(made, clock), Web(made)
    app(made)
    code = web.code(who)
    tokens = exchanged(made, code).json
    assert tokens is not None
    cookie = web.client.get_cookie("careloom-session")
    assert cookie is not None
    written = caplog.text + str([getattr(record, "fields", "") for record in caplog.records]) + str(made.events())
    for secret in (PASSWORD, code, tokens["access_token"], tokens["id_token"], cookie.value, challenge()):
        assert secret not in written


def test_the_parameters_come_by_post_as_well(made: Installation, clock: Clock) -> None:
    app(made)
    page = made.client.post("/oauth2/authorize", data=asked())
    assert (page.status_code, "Growth Chart" in page.text) == (200, True)
