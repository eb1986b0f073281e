"""People sign in in the dashboard with their accounts: code with PKCE, and what a hostile hand makes of it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client, TestResponse

from careloom.client.careloom import Careloom
from careloom.client.credentials import Credential
from careloom.dashboard.app import create_dashboard
from careloom.errors import QueryError
from careloom.serve import people_pages
from careloom.services import first_party
from careloom.services.apps import AppAsk, list_apps, register_app
from careloom.services.authorize import addressed
from careloom.services.clients import disable_client
from tests.api.kit import BASE_URL, Clock, Installation
from tests.api.people_kit import Person, Web, at, person

OURS = {"Sec-Fetch-Site": "same-origin"}
FLOW = "careloom-flow"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def made(tmp_path: Path, clock: Clock) -> Iterator[Installation]:
    with Installation(tmp_path, at(clock)) as installation:
        yield installation


@pytest.fixture
def mara(made: Installation, clock: Clock) -> Person:
    return person(made, clock)


def whole(made: Installation) -> Any:
    """API and dashboard as one application, as they are served."""
    transport = httpx.WSGITransport(app=made.app)

    def api_of(credential: Credential) -> Careloom:
        return Careloom(BASE_URL, credential, transport=transport)

    pages = create_dashboard(
        api_of, b"a secret", 3600, is_secure=False, runtime=made.platform.runtime, people=people_pages(made.platform)
    )
    return DispatcherMiddleware(made.app, {"/dashboard": pages})


@dataclass
class Browser(Web):
    """A browser before both, on one origin."""

    application: Any = None
    client: Any = field(init=False)

    def __post_init__(self) -> None:
        self.client = Client(self.application or whole(self.made))

    def get(self, address: str, **query: str) -> TestResponse:
        self.page = self.client.get(address, base_url=BASE_URL, query_string=query or None, headers=self.headers)
        return self.page

    headers = OURS

    def follow(self) -> TestResponse:
        """Goes where the page leads."""
        assert self.page.status_code in (302, 303), self.page.text
        return self.get(self.page.headers["Location"].removeprefix(BASE_URL))

    def send(self, **typed: str) -> TestResponse:
        """Fills the form of the page and sends it, to this origin."""
        kept = self.client.post
        self.client.post = lambda path, **more: kept(path, base_url=BASE_URL, headers=OURS, **more)
        try:
            return super().send(**typed)
        finally:
            self.client.post = kept

    def begin(self, target: str = "") -> dict[str, str]:
        """Begins a sign-in; what the platform is asked."""
        self.get("/dashboard/sign-in/start", **({"next": target} if target else {}))
        query = parse_qs(urlsplit(self.page.headers["Location"]).query)
        return {name: values[0] for name, values in query.items()}

    def come(self, who: Person, target: str = "") -> TestResponse:
        """All of it, to the answer that the dashboard is brought."""
        self.begin(target)
        self.follow()
        self.sign_in(who)
        assert self.page.status_code == 303, self.page.text
        return self.page

    def is_in(self) -> bool:
        return self.get("/dashboard/runs").status_code == 200


def test_a_person_comes_in_without_being_asked_more_and_goes_where_they_wanted(
    made: Installation, mara: Person
) -> None:
    browser = Browser(made)
    page = browser.get("/dashboard/patients")
    assert page.headers["Location"].startswith("/dashboard/sign-in?next=/dashboard/patients")
    assert 'href="sign-in/start?next=/dashboard/patients"' in browser.follow().text
    browser.come(mara, "/dashboard/patients")
    assert browser.page.headers["Location"].startswith(f"{BASE_URL}/dashboard/callback?code=")
    assert browser.follow().headers["Location"] == "/dashboard/patients"
    assert browser.is_in()
    cookie = browser.client.get_cookie("careloom", "127.0.0.1", "/dashboard")
    assert cookie is not None
    assert cookie.http_only
    assert cookie.same_site == "Strict"
    assert len(cookie.value) < 3800


def test_a_verifier_state_and_nonce_are_new_each_time_and_the_code_goes_to_this_origin(made: Installation) -> None:
    browser = Browser(made)
    first, second = browser.begin(), browser.begin()
    assert all(first[name] != second[name] for name in ("state", "nonce", "code_challenge"))
    assert first["code_challenge_method"] == "S256"
    assert first["redirect_uri"] == f"{BASE_URL}/dashboard/callback"
    cookie = browser.client.get_cookie(FLOW, "127.0.0.1", "/dashboard")
    assert cookie is not None
    assert cookie.http_only
    assert cookie.same_site == "Lax"


def test_several_tabs_may_sign_in_at_a_time(made: Installation, mara: Person) -> None:
    browser = Browser(made)
    browser.begin("/dashboard/runs")
    waiting = browser.page
    browser.begin("/dashboard/quality")
    browser.page = waiting
    browser.follow()
    browser.sign_in(mara)
    assert browser.follow().headers["Location"] == "/dashboard/runs"


def test_an_answer_that_comes_twice_is_refused_and_ends_nothing_of_the_session(
    made: Installation, mara: Person
) -> None:
    browser = Browser(made)
    answer = browser.come(mara).headers["Location"].removeprefix(BASE_URL)
    browser.get(answer)
    assert browser.is_in()
    assert "why=stale" in browser.get(answer).headers["Location"]
    assert browser.is_in()


def test_the_answer_of_one_browser_is_worth_nothing_in_another(made: Installation, mara: Person) -> None:
    """Login CSRF: an attacker brings the victim an answer to the attacker's own sign-in."""
    application = whole(made)
    attacker, victim = Browser(made, application=application), Browser(made, application=application)
    answer = attacker.come(mara).headers["Location"].removeprefix(BASE_URL)
    victim.begin()
    assert "why=stale" in victim.get(answer).headers["Location"]
    assert not victim.is_in()


BENT = {
    "another state": {"state": "a" * 32}, "no state": {"state": ""}, "another issuer": {"iss": "https://evil.example"},
    "no issuer": {"iss": ""}, "another code": {"code": "x" * 43}, "no code": {"code": ""},
    "an error beside it": {"error": "access_denied", "code": ""}, "a very long state": {"state": "a" * 5000},
}  # fmt: skip


@pytest.mark.parametrize("how", BENT)
def test_a_bent_answer_lets_nobody_in(made: Installation, mara: Person, how: str) -> None:
    browser = Browser(made)
    told = parse_qs(urlsplit(browser.come(mara).headers["Location"]).query)
    bent = {name: values[0] for name, values in told.items()} | BENT[how]
    page = browser.get("/dashboard/callback", **{name: value for name, value in bent.items() if value})
    assert page.headers["Location"].startswith("/dashboard/sign-in?why=")
    assert not browser.is_in()


def test_a_cookie_that_is_not_ours_or_too_old_begins_nothing(
    made: Installation, mara: Person, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = Browser(made)
    answer = browser.come(mara).headers["Location"].removeprefix(BASE_URL)
    cookie = browser.client.get_cookie(FLOW, "127.0.0.1", "/dashboard")
    assert cookie is not None
    for value in (cookie.value[:-2] + "zz", "", "x.y.z", cookie.value[::-1], "é.é", "W10."):
        browser.client.set_cookie(FLOW, value, domain="127.0.0.1", path="/dashboard")
        assert "why=stale" in browser.get(answer).headers["Location"]
    browser.client.set_cookie(FLOW, cookie.value, domain="127.0.0.1", path="/dashboard")
    monkeypatch.setattr("careloom.dashboard.sign_in_flow.FLOW_SECONDS", -1)
    assert "why=stale" in browser.get(answer).headers["Location"]
    assert not browser.is_in()


AWAY = ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/dashboard/../oauth2/x",
        "/dashboard/sign-out", "/dashboard/callback?code=x", "/dashboard//evil.example", "/oauth2/sign-in"]  # fmt: skip


@pytest.mark.parametrize("target", AWAY)
def test_nobody_is_led_elsewhere(made: Installation, mara: Person, target: str) -> None:
    browser = Browser(made)
    browser.come(mara, target)
    assert browser.follow().headers["Location"] == "/dashboard/"


def test_a_session_that_somebody_planted_does_not_live_on(made: Installation, mara: Person, clock: Clock) -> None:
    """Session fixation: the cookie that the browser had is not the one of the person who signs in."""
    eve = person(made, clock, "eve.other")
    browser = Browser(made)
    browser.come(eve)
    browser.follow()
    planted = browser.client.get_cookie("careloom", "127.0.0.1", "/dashboard").value
    browser.client.post("/dashboard/sign-out", base_url=BASE_URL, headers=OURS)
    browser.client.set_cookie("careloom", planted, domain="127.0.0.1", path="/dashboard")
    browser.come(mara)
    browser.follow()
    assert browser.client.get_cookie("careloom", "127.0.0.1", "/dashboard").value != planted
    names = [event["actor"] for event in made.events() if event["operation"] == "me"]
    assert names[-1] == "mara.lind"


def test_signing_out_ends_it_at_both_places(made: Installation, mara: Person) -> None:
    browser = Browser(made)
    browser.come(mara)
    browser.follow()
    kept = browser.client.get_cookie("careloom", "127.0.0.1", "/dashboard").value
    answer = browser.client.post("/dashboard/sign-out", base_url=BASE_URL, headers=OURS)
    assert answer.headers["Location"].endswith("why=out")
    browser.begin()
    assert 'name="password"' in browser.follow().text  # nobody is signed in there either
    browser.client.set_cookie("careloom", kept, domain="127.0.0.1", path="/dashboard")
    page = browser.client.post("/dashboard/privacy-verify", base_url=BASE_URL, headers=OURS)
    assert page.status_code == 401  # a copy of the cookie is worth nothing
    assert [event["operation"] for event in made.events() if event["operation"] == "sign-out"] == ["sign-out"]


def test_a_second_sign_in_in_the_same_browser_asks_for_no_password(made: Installation, mara: Person) -> None:
    browser = Browser(made)
    browser.come(mara)
    browser.follow()
    browser.begin("/dashboard/quality")
    assert browser.follow().headers["Location"].startswith(f"{BASE_URL}/dashboard/callback?code=")
    assert browser.follow().headers["Location"] == "/dashboard/quality"


def test_who_was_stopped_is_not_let_in(made: Installation, mara: Person) -> None:
    browser = Browser(made)
    answer = browser.come(mara).headers["Location"].removeprefix(BASE_URL)
    disable_client(made.platform, made.operator, mara.name)
    assert "why=failed" in browser.get(answer).headers["Location"]
    assert not browser.is_in()


def test_another_application_is_never_let_in_without_consent(made: Installation, mara: Person) -> None:
    browser = Browser(made)
    asked = browser.begin()
    with pytest.raises(QueryError):  # another address of the dashboard's own name is none
        addressed(made.platform, asked | {"redirect_uri": "https://evil.example/dashboard/callback"})
    register_app(
        made.platform, made.operator,
        AppAsk("other", [f"{BASE_URL}/dashboard/callback"], "openid user/*.rs", is_public=True),
    )  # fmt: skip
    browser.get("/oauth2/authorize", **(asked | {"client_id": "other", "scope": "openid user/*.rs"}))
    browser.sign_in(mara)
    assert browser.page.status_code == 200
    assert 'name="decision"' in browser.page.text


def test_the_dashboard_is_registered_once_and_anew_where_its_address_changed(made: Installation) -> None:
    assert first_party.ensure(made.platform)
    assert first_party.ensure(made.platform)
    names = [app["client_id"] for app in list_apps(made.platform, made.operator)]
    assert names.count(first_party.CLIENT_ID) == 1
    registered = [event for event in made.events() if event["operation"] == "register-app"]
    assert len(registered) == 1


def test_where_something_else_has_its_name_people_show_a_secret(made: Installation) -> None:
    made.register(["clinician"], name=first_party.CLIENT_ID)
    assert not first_party.ensure(made.platform)
    browser = Browser(made)
    text = browser.get("/dashboard/sign-in").text
    assert "sign-in/start" not in text
    assert 'name="secret"' in text
    assert browser.get("/dashboard/sign-in/start").status_code != 303


def test_a_secret_still_lets_in_behind_a_link(made: Installation) -> None:
    secret = made.register(["clinician"], name="ward", kind="person").secret
    browser = Browser(made)
    assert "<details" in browser.get("/dashboard/sign-in").text
    form = {"client_id": "ward", "secret": secret, "next": ""}
    answer = browser.client.post("/dashboard/sign-in", base_url=BASE_URL, headers=OURS, data=form)
    assert answer.status_code == 303
    assert browser.is_in()
