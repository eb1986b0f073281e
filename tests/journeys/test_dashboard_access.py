"""Who comes into the dashboard: the sign-in form, the cookie, the gate before everything, and forms of other sites."""

import base64
import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from careloom.client.careloom import Careloom
from careloom.client.credentials import Bearer, Credential
from careloom.dashboard import session
from careloom.dashboard.app import create_dashboard
from careloom.errors import Unauthenticated
from careloom.runtime import Runtime
from tests.api.kit import BASE_URL, Clock, Installation

OURS = {"Sec-Fetch-Site": "same-origin"}
ENVIRONMENT: dict[str, Any] = {"environ_overrides": {"SCRIPT_NAME": "/dashboard"}}
HIDDEN = ["/", "/runs", "/static/../app.py", "/static/a/b", "/patients", "/patients/identified/x1", "/nowhere"]
MACHINERY = ["/_dash-layout", "/_dash-dependencies", "/_reload-hash"]


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    with Installation(tmp_path) as made:
        yield made


def dashboard(installation: Installation, *, is_secure: bool = False, runtime: Runtime | None = None) -> Flask:
    """A dashboard over this installation's API, within this process."""
    transport = httpx.WSGITransport(app=installation.app)

    def api_of(credential: Credential) -> Careloom:
        return Careloom(BASE_URL, credential, transport=transport)

    return create_dashboard(api_of, b"a secret", 3600, is_secure=is_secure, runtime=runtime)


@pytest.fixture
def app(installation: Installation) -> Flask:
    return dashboard(installation)


@pytest.fixture
def visitor(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def secret(installation: Installation) -> str:
    return installation.register(name="oda", kind="person").secret


def get(visitor: FlaskClient, path: str, **headers: str) -> TestResponse:
    return visitor.get(path, headers=headers, **ENVIRONMENT)


def sign_in(visitor: FlaskClient, secret: str, *, target: str = "", headers: dict[str, str] = OURS) -> TestResponse:
    form = {"client_id": "oda", "secret": secret, "next": target}
    return visitor.post("/sign-in", data=form, headers=headers, **ENVIRONMENT)


def token_of(visitor: FlaskClient) -> str:
    """The access token in the visitor's cookie."""
    with visitor.session_transaction(base_url="http://localhost/dashboard/") as kept:
        token: str = kept[session.KEY]["token"]
    return token


@pytest.mark.parametrize("path", HIDDEN)
def test_a_stranger_is_led_to_the_sign_in_page_and_back(visitor: FlaskClient, path: str) -> None:
    answer = get(visitor, f"{path}?code=x" if path != "/" else path)
    assert answer.status_code == 302
    target = f"/dashboard{path}" + ("%3Fcode%3Dx" if path != "/" else "")
    assert answer.headers["Location"] == f"/dashboard/sign-in?next={target}"


@pytest.mark.parametrize("path", MACHINERY)
def test_a_stranger_gets_nothing_of_the_machinery(visitor: FlaskClient, path: str) -> None:
    answer = get(visitor, path)
    assert (answer.status_code, answer.mimetype) == (401, "application/problem+json")
    assert answer.get_json()["code"] == "access.unauthenticated"


def test_a_stranger_cannot_call_back(visitor: FlaskClient) -> None:
    answer = visitor.post("/_dash-update-component", json={"output": "page.children"}, headers=OURS, **ENVIRONMENT)
    assert (answer.status_code, answer.get_json()["code"]) == (401, "access.unauthenticated")


def test_no_address_of_the_application_is_open_but_the_sign_in_and_static_files(
    app: Flask, visitor: FlaskClient
) -> None:
    open_ones = set()
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<[^>]*>", "x", rule.rule)
        if "GET" in (rule.methods or ()) and get(visitor, path).status_code not in {302, 401}:
            open_ones.add(rule.rule)
    assert open_ones == {
        "/sign-in",
        "/static/<name>",
        "/_favicon.ico",
        "/_dash-component-suites/<string:package_name>/<path:fingerprinted_path>",
        "/_dash-component-suites/plotly/package_data/plotly.min.js",
    }


def test_the_right_secret_signs_in_and_leads_back(visitor: FlaskClient, secret: str) -> None:
    answer = sign_in(visitor, secret, target="/dashboard/runs")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/dashboard/runs")
    assert get(visitor, "/runs").status_code == 200
    assert get(visitor, "/_dash-layout").status_code == 200
    assert get(visitor, "/sign-in").headers["Location"] == "/dashboard/"


def test_a_sign_in_never_leads_to_another_site(visitor: FlaskClient, secret: str) -> None:
    assert sign_in(visitor, secret, target="https://evil.example/").headers["Location"] == "/dashboard/"


@pytest.mark.parametrize("is_secure", [False, True])
def test_the_cookie_is_kept_from_scripts_and_other_sites(
    installation: Installation, secret: str, is_secure: bool
) -> None:
    answer = sign_in(dashboard(installation, is_secure=is_secure).test_client(), secret)
    cookie = next(iter(SimpleCookie(answer.headers["Set-Cookie"]).values()))
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/dashboard")
    assert (cookie["secure"], cookie.key) == ((True, "__Secure-careloom") if is_secure else ("", "careloom"))


WRONG = [("oda", "wrong"), ("nobody", "wrong")]


def test_a_wrong_secret_and_an_unknown_name_are_answered_alike(visitor: FlaskClient, secret: str) -> None:
    pages = []
    for name, given in WRONG:
        form = {"client_id": name, "secret": given}
        answer = visitor.post("/sign-in", data=form, headers=OURS, **ENVIRONMENT)
        assert (answer.status_code, "Set-Cookie" in answer.headers) == (401, False)
        assert given not in answer.text
        pages.append(answer.text.replace(name, ""))
    assert pages[0] == pages[1]


BROKEN = [{}, {"client_id": "oda"}, {"client_id": "", "secret": "x"}, {"client_id": "oda", "secret": "x" * 513}]


@pytest.mark.parametrize("form", BROKEN)
def test_a_form_that_is_not_filled_in_is_given_back(visitor: FlaskClient, form: dict[str, str]) -> None:
    assert visitor.post("/sign-in", data=form, headers=OURS, **ENVIRONMENT).status_code == 400


def test_what_was_typed_cannot_become_markup(visitor: FlaskClient) -> None:
    form = {"client_id": '"><script>alert(1)</script>', "secret": "x", "next": '"><script>'}
    text = visitor.post("/sign-in", data=form, headers=OURS, **ENVIRONMENT).text
    assert "<script>alert" not in text
    assert text.count("<script") == 1


FOREIGN = [
    {},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost:9"},
]


@pytest.mark.parametrize("headers", FOREIGN)
def test_a_form_of_another_site_changes_nothing(visitor: FlaskClient, secret: str, headers: dict[str, str]) -> None:
    answer = sign_in(visitor, secret, headers=headers)
    assert (answer.status_code, answer.get_json()["code"], "Set-Cookie" in answer.headers) == (403, "access", False)


@pytest.mark.parametrize("path", ["/sign-out", "/_dash-update-component"])
def test_another_site_cannot_act_for_who_is_signed_in(visitor: FlaskClient, secret: str, path: str) -> None:
    sign_in(visitor, secret)
    assert visitor.post(path, json={}, headers={"Origin": "https://evil.example"}, **ENVIRONMENT).status_code == 403
    assert get(visitor, "/").status_code == 200


def test_an_old_browser_that_names_our_origin_is_let_in(visitor: FlaskClient, secret: str) -> None:
    assert sign_in(visitor, secret, headers={"Origin": "http://localhost"}).status_code == 303


def test_signing_out_revokes_the_token(installation: Installation, visitor: FlaskClient, secret: str) -> None:
    sign_in(visitor, secret)
    token = token_of(visitor)
    answer = visitor.post("/sign-out", headers=OURS, **ENVIRONMENT)
    assert answer.headers["Location"] == "sign-in?why=out"
    assert get(visitor, "/").status_code == 302
    with pytest.raises(Unauthenticated):
        Careloom(BASE_URL, Bearer(token), transport=httpx.WSGITransport(app=installation.app)).me()


def test_a_session_ends_with_its_time(installation: Installation, secret: str) -> None:
    clock = Clock(datetime.now(UTC))
    visitor = dashboard(installation, runtime=Runtime(clock)).test_client()
    sign_in(visitor, secret)
    clock.move(seconds=installation.platform.settings.api.session_seconds - 1)
    assert get(visitor, "/runs").status_code == 200
    clock.move(seconds=2)
    assert get(visitor, "/runs").headers["Location"] == "/dashboard/sign-in?next=/dashboard/runs&why=ended"
    assert get(visitor, "/_dash-layout").status_code == 401


def test_a_forged_cookie_is_nobody(visitor: FlaskClient, secret: str) -> None:
    sign_in(visitor, secret)
    cookie = visitor.get_cookie("careloom", path="/dashboard")
    assert cookie is not None
    visitor.set_cookie("careloom", "x" + cookie.value[1:], path="/dashboard")
    assert get(visitor, "/").status_code == 302


def test_a_link_from_another_site_is_followed_once_more_by_our_own_page(visitor: FlaskClient) -> None:
    answer = get(visitor, "/runs", **{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"})
    assert (answer.status_code, 'http-equiv="refresh"' in answer.text) == (200, True)


def test_every_inline_script_is_allowed_by_its_hash_and_no_other(visitor: FlaskClient, secret: str) -> None:
    sign_in(visitor, secret)
    answer = get(visitor, "/")
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))
    scripts = re.findall(
        r"<script(?: id=\"_dash-renderer\")?(?: type=\"application/javascript\")?>(.+?)</script>", answer.text
    )
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert scripts
    assert policy["script-src"].split() == ["'self'", *(f"'sha256-{each}'" for each in hashes)]
    assert policy["default-src"] == "'none'"
    assert "unsafe-eval" not in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/", "/sign-in", "/_dash-layout", "/static/careloom.js", "/nowhere"])
def test_every_answer_carries_the_security_headers(visitor: FlaskClient, path: str) -> None:
    headers = get(visitor, path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert (headers["Cache-Control"] == "no-store") == (not path.startswith("/static/"))


NONSENSE = [
    b"",
    b"x",
    b"[]",
    b"{}",
    b'{"output": 1}',
    b'{"output": "nobody.children", "outputs": [], "inputs": [], "changedPropIds": []}',
    b'{"output": "live.children", "outputs": null, "inputs": [], "changedPropIds": []}',
    b'{"output": "live.children", "outputs": {"id": "live", "property": "children"}, "inputs": [1], "state": [1, 2],'
    b' "changedPropIds": []}',
    b"{" * 100_000,
    b"[" * 20_000 + b"]" * 20_000,
]


@pytest.mark.parametrize("body", NONSENSE, ids=range(len(NONSENSE)))
def test_a_call_that_makes_no_sense_is_refused_as_such(visitor: FlaskClient, secret: str, body: bytes) -> None:
    sign_in(visitor, secret)
    headers = OURS | {"Content-Type": "application/json"}
    answer = visitor.post("/_dash-update-component", data=body, headers=headers, **ENVIRONMENT)
    assert (answer.status_code, answer.mimetype) == (400, "application/problem+json")


ODD = [
    ("GET", "/_dash-component-suites/dash/nothing.js", 404),
    ("GET", "/_dash-component-suites/os/path.py", 404),
    ("GET", "/static/nothing.css", 404),
    ("PUT", "/", 405),
    ("DELETE", "/sign-in", 405),
]


@pytest.mark.parametrize(("method", "path", "status"), ODD)
def test_what_is_not_there_is_answered_with_a_problem(
    visitor: FlaskClient, secret: str, method: str, path: str, status: int
) -> None:
    sign_in(visitor, secret)
    answer = visitor.open(path, method=method, headers=OURS, **ENVIRONMENT)
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert "Traceback" not in answer.text


def test_a_page_that_fails_tells_nothing(visitor: FlaskClient, secret: str) -> None:
    sign_in(visitor, secret)
    output = {"id": "page", "property": "children"}
    others = [("trail", "children"), ("side", "children"), ("keys-list", "children"), ("page-title", "data")]
    body = {
        "output": "..page.children...trail.children...side.children...keys-list.children...page-title.data..",
        "outputs": [output, *({"id": one, "property": part} for one, part in others)],
        "inputs": [
            {"id": "url", "property": "pathname", "value": 7},
            {"id": "url", "property": "search", "value": ["x"]},
        ],
        "changedPropIds": ["url.pathname"],
        "state": [],
    }
    answer = visitor.post("/_dash-update-component", json=body, headers=OURS, **ENVIRONMENT)
    assert (answer.status_code, answer.get_json()["code"]) == (500, "http.500")


def test_a_form_that_is_too_large_is_refused(visitor: FlaskClient) -> None:
    form = {"client_id": "x" * 17_000_000, "secret": "x"}
    assert visitor.post("/sign-in", data=form, headers=OURS, **ENVIRONMENT).status_code == 413


@pytest.mark.parametrize(
    "asked", ["capacity?ask=calls", "patients/identified/x1?risk=readmission", "report.pdf?at=runs"]
)
def test_a_link_on_another_site_has_nothing_computed_unless_somebody_clicks(visitor: FlaskClient, asked: str) -> None:
    elsewhere = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    held = get(visitor, f"/{asked}", **elsewhere)
    assert (held.status_code, b'http-equiv="refresh"' in held.data) == (200, False)
    assert b'<a href="">' in held.data
    assert b'http-equiv="refresh"' in get(visitor, "/runs", **elsewhere).data


@pytest.mark.parametrize(("size", "status"), [(7_000, 400), (9_000, 413)])
def test_the_form_of_a_stranger_is_read_up_to_8_kib(visitor: FlaskClient, size: int, status: int) -> None:
    form = {"client_id": "x" * size, "secret": "x"}
    assert visitor.post("/sign-in", data=form, headers=OURS, **ENVIRONMENT).status_code == status


def test_a_form_of_unknown_length_is_not_read(visitor: FlaskClient) -> None:
    environ: dict[str, Any] = {
        **ENVIRONMENT["environ_overrides"], "HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True,
        "CONTENT_LENGTH": "",
    }  # fmt: skip
    form = {"client_id": "x", "secret": "x"}
    answer = visitor.post("/sign-in", data=form, headers=OURS, environ_overrides=environ)
    assert (answer.status_code, answer.mimetype) == (411, "application/problem+json")
