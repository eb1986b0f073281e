import logging
from pathlib import Path

import httpx
import pytest

from careloom.client.address import is_loopback
from careloom.client.careloom import Careloom
from careloom.client.transport import proxy_of
from careloom.errors import CareloomError, InputError, SetupError, StateError
from tests.unit.client.scripted import BASE, PATIENT, SECRET, Answer, Scripted, answer, refusal

BUSY = refusal(503, "setup")
FOUND = answer(PATIENT)
BROKEN: list[tuple[str, Answer]] = [
    ("refused", httpx.ConnectError("refused")),
    ("cut off", httpx.RemoteProtocolError("peer closed connection without sending complete message body")),
    ("reset", httpx.ReadError("reset")),
    ("undecodable", httpx.DecodingError("not gzip")),
    ("bad gateway", httpx.Response(502, content=b"<html>")),
    ("busy", BUSY),
    ("throttled", refusal(429, "http.too-many-requests")),
    ("gateway timeout", httpx.Response(504)),
]


@pytest.mark.parametrize(("what", "first"), BROKEN, ids=[row[0] for row in BROKEN])
def test_a_read_that_fails_for_the_moment_is_asked_again(what: str, first: Answer) -> None:
    platform = Scripted(first, first, FOUND)
    assert platform.client().fhir("research").read("Patient", "p1") == PATIENT
    assert platform.clock.naps == [0.25, 0.5]


@pytest.mark.parametrize(("what", "always"), BROKEN, ids=[row[0] for row in BROKEN])
def test_a_read_that_keeps_failing_ends_as_an_error(what: str, always: Answer) -> None:
    platform = Scripted(always)
    with pytest.raises((SetupError, StateError)):
        platform.client().fhir("research").read("Patient", "p1")
    assert len(platform.requests) == 4


def test_a_search_is_asked_again_though_it_is_posted() -> None:
    platform = Scripted(BUSY, answer({"resourceType": "Bundle"}))
    assert platform.client().fhir("research").search("Patient").resources == ()


ONCE: list[tuple[str, Answer]] = [
    ("cut off", httpx.RemoteProtocolError("server disconnected")),
    ("reset", httpx.WriteError("reset")),
    ("busy", BUSY),
    ("slow", httpx.ReadTimeout("slow")),
]


@pytest.mark.parametrize(("what", "always"), ONCE, ids=[row[0] for row in ONCE])
def test_an_upload_that_may_have_arrived_is_not_sent_again(what: str, always: Answer) -> None:
    platform = Scripted(always)
    with pytest.raises(SetupError):
        platform.client().ingestions.upload(b"x")
    assert len(platform.requests) == 1


def test_an_upload_that_never_left_is_sent_again() -> None:
    platform = Scripted(httpx.ConnectError("refused"), refusal(403, "access"))
    with pytest.raises(CareloomError):
        platform.client().ingestions.upload(b"x")
    assert len(platform.requests) == 2


def test_a_client_waits_as_long_as_the_platform_asks() -> None:
    platform = Scripted(refusal(503, "setup", **{"Retry-After": "5"}), FOUND)
    platform.client().fhir("research").read("Patient", "p1")
    assert platform.clock.naps == [5.0]


def test_a_wait_that_is_too_long_is_left_to_the_caller() -> None:
    platform = Scripted(refusal(429, "http.too-many-requests", **{"Retry-After": "3600"}))
    with pytest.raises(StateError):
        platform.client().fhir("research").read("Patient", "p1")
    assert platform.clock.naps == []


FINAL = [400, 403, 404, 405, 409, 410, 413, 500, 501]


@pytest.mark.parametrize("status", FINAL)
def test_an_answer_that_will_not_change_is_final(status: int) -> None:
    platform = Scripted(httpx.Response(status))
    with pytest.raises(CareloomError):
        platform.client().fhir("research").read("Patient", "p1")
    assert len(platform.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("target", ["https://evil.example.org/", "/elsewhere"])
def test_no_redirect_is_followed(status: int, target: str) -> None:
    platform = Scripted(httpx.Response(status, headers={"Location": target}))
    with pytest.raises(SetupError):
        platform.client().fhir("research").read("Patient", "p1")
    assert len(platform.requests) == 1


def test_no_cookie_is_kept() -> None:
    platform = Scripted(answer(PATIENT, **{"Set-Cookie": "a=b"}))
    api = platform.client()
    api.fhir("research").read("Patient", "p1")
    api.fhir("research").read("Patient", "p1")
    assert "Cookie" not in platform.requests[1].headers


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"resourceType": "Pat', b"[]", b'"Patient"'])
def test_an_answer_that_is_no_json_object_is_an_error(body: bytes) -> None:
    platform = Scripted(httpx.Response(200, content=body, headers={"Content-Type": "application/fhir+json"}))
    with pytest.raises(SetupError):
        platform.client().fhir("research").read("Patient", "p1")


def test_nothing_is_logged_about_a_request(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    platform = Scripted(answer({"resourceType": "Bundle"}))
    platform.client().fhir("research").search("Patient", {"name": "Abernathy"}, in_address=True)
    assert "name=Abernathy" in str(platform.requests[0].url)
    assert caplog.records == []


def test_a_certificate_that_does_not_hold_is_not_tried_again() -> None:
    platform = Scripted(httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed"))
    with pytest.raises(SetupError, match="self-signed"):
        platform.client().fhir("research").read("Patient", "p1")
    assert len(platform.requests) == 1


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_of_authorities_that_is_none_is_refused(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content, "utf-8")
    with pytest.raises(InputError):
        Careloom(BASE, SECRET, ca=file)


PROXIED = [
    ("https://careloom.example.org", "http://proxy.example.org:3128"),
    ("https://inside.example.net", None),
    ("http://127.0.0.1:8080", None),
    ("https://localhost:8443", None),
]


@pytest.mark.parametrize(("address", "expected"), PROXIED)
def test_a_proxy_of_the_environment_carries_encrypted_requests_only(
    monkeypatch: pytest.MonkeyPatch, address: str, expected: str | None
) -> None:
    for name in ("httpproxy_of", "httpsproxy_of", "allproxy_of", "noproxy_of"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example.org:3128")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.org:3128")
    monkeypatch.setenv("NO_PROXY", "example.net")
    assert proxy_of(httpx.URL(address)) == expected


@pytest.mark.parametrize(("host", "expected"), [("127.8.9.1", True), ("::1", True), ("128.0.0.1", False), ("x", False)])
def test_loopback_is_told_by_the_address(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
