"""The gate: nothing opens without a token but what is named, and every answer carries its id and its guards."""

import logging
import re

import pytest

from careloom.api import gate
from tests.api.kit import Installation
from tests.api.signing import basic


def closed(installation: Installation) -> list[tuple[str, str]]:
    """(method, address) of every route that is not open, with something in each gap."""
    found = []
    for rule in installation.app.url_map.iter_rules():
        if not gate.is_open(rule.endpoint):
            address = re.sub(r"<[^>]*>", "identified", rule.rule)
            found += [(method, address) for method in sorted(rule.methods or ())]
    return found


def test_no_route_that_is_closed_answers_without_a_token(installation: Installation) -> None:
    routes = closed(installation)
    assert ("GET", "/api/v1/me") in routes
    answers = {
        (method, address): installation.client.open(address, method=method).status_code for method, address in routes
    }
    assert {route: status for route, status in answers.items() if status != 401} == {}


def test_no_route_that_is_closed_answers_to_a_secret_or_a_forged_token(installation: Installation) -> None:
    ward = installation.register(name="ward")
    for headers in (basic("ward", ward.secret), {"Authorization": "Bearer a.b.c"}):
        for method, address in closed(installation):
            assert installation.client.open(address, method=method, headers=headers).status_code == 401


def test_every_route_that_is_open_is_named_for_what_it_is(installation: Installation) -> None:
    endpoints = {rule.endpoint for rule in installation.app.url_map.iter_rules()}
    rooms = {endpoint.partition(".")[0] for endpoint in endpoints}
    assert endpoints | rooms >= gate.OPEN
    opened = {endpoint for endpoint in endpoints if gate.is_open(endpoint)}
    assert {endpoint.partition(".")[0] for endpoint in opened} == {
        "fhir",
        "health",
        "oauth",
        "openapi",
        "passkeys",
        "people",
        "providers",
        "swagger",
    }


NOT_THERE = [
    "/",
    "/nothing",
    "/api",
    "/api/v1/nothing",
    "/api//v1/me",
    "/api/v1/me/",
    "/.env",
    "/oauth2",
    "/%00",
    "/%ff",
]


@pytest.mark.parametrize("address", NOT_THERE)
def test_what_is_not_there_is_not_there_for_anybody(installation: Installation, address: str) -> None:
    for headers in ({}, installation.bearer()):
        answer = installation.client.get(address, headers=headers)
        assert answer.status_code == 404
        assert "Location" not in answer.headers


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "X"])
def test_a_method_that_an_address_does_not_take_is_told_those_it_takes(installation: Installation, method: str) -> None:
    answer = installation.client.open("/api/v1/me", method=method)
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD"}


def test_head_tells_what_get_would_without_a_body(installation: Installation) -> None:
    assert installation.client.head("/api/v1/me").status_code == 401
    answer = installation.client.head("/api/v1/me", headers=installation.bearer())
    assert (answer.status_code, answer.data) == (200, b"")


GUARDS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


@pytest.mark.parametrize("address", ["/api/v1/me", "/nothing", "/oauth2/jwks", "/oauth2/token"])
def test_every_answer_carries_its_own_id_and_the_guards(installation: Installation, address: str) -> None:
    one, other = (installation.client.get(address, headers={"X-Request-Id": "mine"}) for _ in range(2))
    assert {name: one.headers[name] for name in GUARDS} == GUARDS
    ids = [answer.headers["X-Request-Id"] for answer in (one, other)]
    assert ids[0] != ids[1]
    assert all(re.fullmatch(r"[0-9a-f]{32}", each) for each in ids)
    assert "Server" not in one.headers
    assert "Access-Control-Allow-Origin" not in one.headers


def test_the_id_of_a_request_is_in_its_answer_its_event_and_its_log_line(
    installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="careloom.access")
    answer = installation.client.get("/api/v1/me", headers=installation.bearer(name="ward"))
    request_id = answer.headers["X-Request-Id"]
    assert installation.events()[-1]["detail"]["request"] == request_id
    line = caplog.records[-1].fields  # type: ignore[attr-defined]
    assert (line["request_id"], line["actor"], line["status"]) == (request_id, "ward", 200)


def test_the_log_names_the_route_and_never_the_address(
    installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    installation.client.get("/nothing/Quillfeather", query_string={"name": "Quillfeather"})
    installation.client.get(
        "/api/v1/me", query_string={"name": "Quillfeather"}, headers={"Authorization": "Bearer Oda"}
    )
    assert "Quillfeather" not in caplog.text
    assert all("Quillfeather" not in str(getattr(record, "fields", "")) for record in caplog.records)


def test_only_what_https_serves_asks_browsers_to_stay_with_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    told = {}
    for url in ("https://careloom.example.org", "http://127.0.0.1:8080"):
        with Installation(tmp_path_factory.mktemp("data"), api={"public_url": url}) as installation:
            headers = installation.client.get("/oauth2/jwks").headers
            told[url[:5]] = "Strict-Transport-Security" in headers
    assert told == {"https": True, "http:": False}


def test_a_token_of_too_little_is_told_that_it_is_too_little(installation: Installation) -> None:
    headers = installation.bearer(["clinician"], ["identified"], "system/Patient.rs")
    answer = installation.client.get("/metrics", headers=headers)
    assert answer.status_code == 403
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="careloom", error="insufficient_scope"'


def test_no_open_address_repeats_the_host_that_was_asked_for(installation: Installation) -> None:
    rules = [rule for rule in installation.app.url_map.iter_rules() if gate.is_open(rule.endpoint)]
    bare = {re.sub(r"<[^>]*>", "identified", rule.rule).rstrip("/") for rule in rules}
    for address in sorted(bare | {f"{one}/" for one in bare}):
        answer = installation.client.get(address, headers={"Host": "evil.example"})
        assert "evil.example" not in f"{answer.headers}{answer.text}", address


@pytest.mark.parametrize("address", ["/openapi", "/openapi/"])
def test_the_first_page_of_the_document_leads_on_with_and_without_a_slash(
    installation: Installation, address: str
) -> None:
    answer = installation.client.get(address)
    (target,) = re.findall(r'href="([^"]*)"', answer.text)
    assert (answer.status_code, installation.client.get(target).status_code) == (200, 200)
