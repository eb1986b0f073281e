"""The pages on which people sign in: forms that are ours, cookies that are bound, nothing of a patient."""

import re
from base64 import b32decode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from careloom.crypto.one_time_codes import code_at
from careloom.services import people
from careloom.services.clients import ClientAsk
from tests.api.kit import BASE_URL, Clock, Installation
from tests.api.people_kit import PASSWORD, Web, app, at, person


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def made(tmp_path: Path, clock: Clock) -> Iterator[Installation]:
    with Installation(tmp_path, at(clock)) as installation:
        yield installation


FORMS = [
    "sign-in", "second-factor", "consent", "welcome", "enrol", "sign-out", "passkey", "passkeys", "passkeys/remove",
    "passkeys/again",
]  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("proof", ["none", "made up", "another browser's"])
def test_a_form_that_our_page_did_not_give_this_browser_is_refused(made: Installation, form: str, proof: str) -> None:
    other = Web(made)
    foreign = re.search(r'name="form" value="(\w+)"', other.get("/oauth2/welcome").text)
    assert foreign
    data = {"none": {}, "made up": {"form": "0" * 64}, "another browser's": {"form": foreign[1]}}[proof]
    answer = made.app.test_client().post(f"/oauth2/{form}", data=data | {"name": "x", "decision": "allow"})
    assert answer.status_code == 403


def test_pages_load_nothing_run_nothing_and_say_nothing_of_a_patient(made: Installation, clock: Clock) -> None:
    who, web = person(made, clock), Web(made)
    app(made)
    seen = [web.ask(scope="launch/patient patient/*.rs"), web.send(name="nobody", password="x")]
    seen += [web.send(name=who.name, password=PASSWORD), web.send(code=who.code()), web.get("/oauth2/welcome")]
    for page in seen:
        policy = page.headers["Content-Security-Policy"]
        assert re.fullmatch(
            r"default-src 'none'; style-src 'sha256-[\w+/=]+'; form-action 'self'( https://growth\.example\.org)?; "
            r"frame-ancestors 'none'; base-uri 'none'", policy,
        )  # fmt: skip
        assert page.headers["Cache-Control"] == "no-store"
        assert not re.search(r"<script|<img|<link| on\w+=|Quillfeather", page.text)
        labelled = set(re.findall(r'<label for="(\w+)"', page.text))
        assert labelled == set(re.findall(r'<input id="(\w+)"', page.text))
        assert page.text.startswith('<!doctype html><html lang="en">')


def test_what_was_typed_does_not_come_back_as_markup(made: Installation) -> None:
    web = Web(made)
    web.get("/oauth2/sign-in")
    page = web.send(name='"><script>alert(1)</script>', password="x").text
    assert "<script" not in page


@pytest.mark.parametrize("url", ["https://careloom.example.org", ""])
def test_cookies_are_bound_to_the_host_and_to_tls_where_there_is_tls(tmp_path: Path, clock: Clock, url: str) -> None:
    with Installation(tmp_path, at(clock), api={"public_url": url}) as made:
        who, web = person(made, clock), Web(made)
        web.client = made.app.test_client()
        base = url or BASE_URL
        page = web.client.get("/oauth2/sign-in", base_url=base)
        hidden = re.search(r'name="form" value="(\w+)"', page.text)
        assert hidden
        data = {"form": hidden[1], "name": who.name, "password": PASSWORD}
        cookies = page.headers.getlist("Set-Cookie")
        cookies += web.client.post("/oauth2/sign-in", data=data, base_url=base).headers.getlist("Set-Cookie")
    assert len(cookies) == 2
    for cookie in cookies:
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "Path=/" in cookie
        assert "Domain" not in cookie
        assert cookie.startswith("__Host-") == bool(url)
        assert ("Secure" in cookie) == bool(url)


def test_an_invited_person_sets_up_the_account_in_the_browser(made: Installation, clock: Clock) -> None:
    ask = ClientAsk("mara.lind", ["clinician"], ["identified"], kind="person")
    invitation = people.invite(made.platform, made.operator, ask).code
    web = Web(made)
    web.get("/oauth2/welcome")
    typed = {"name": "mara.lind", "invitation": invitation, "password": PASSWORD, "again": PASSWORD}
    assert web.send(**(typed | {"again": "another"})).status_code == 403
    common = "password1234"  # pragma: allowlist secret
    assert web.send(**(typed | {"password": common, "again": common})).status_code == 403
    assert web.send(**typed).status_code == 200
    secret = re.search(r"<code>([A-Z2-7 ]+)</code>", web.page.text)
    assert secret
    assert web.send(code="000000").status_code == 403
    code = code_at(b32decode(secret[1].replace(" ", "")), int(clock.now.timestamp()))
    assert len(re.findall(r"<li><code>[a-z2-7-]{19}</code></li>", web.send(code=code).text)) == 10


def test_a_second_factor_that_was_changed_by_hand_is_told_as_what_it_is(made: Installation, clock: Clock) -> None:
    who, other, web = person(made, clock), person(made, clock, "joe"), Web(made)
    sealed = made.platform.accounts.find(other.name)
    assert sealed
    made.platform.accounts.change(who.name, lambda account: replace(account, second_factor=sealed.second_factor))
    web.get("/oauth2/sign-in")
    web.send(name=who.name, password=PASSWORD)
    answer = web.send(code=other.code())
    assert (answer.status_code, answer.json["code"]) == (500, "integrity")  # type: ignore[index]
