"""What a FHIR server of a caller has is fetched by the token of the call, from there alone; redirects lead nowhere."""

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest

from careloom.errors import Precondition
from careloom.services.fetch_back import FhirServer
from careloom.settings import Cds
from tests.unit.services.test_monitor_alerts import HOST, certificate, own_address

TOKEN = "opaque-and-short-lived"
PATIENT = {"resourceType": "Patient", "id": "p1"}


class _Fhir(BaseHTTPRequestHandler):
    """Answers by path, and keeps who asked for what."""

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Authorization", "")))  # type: ignore[attr-defined]
        base = f"https://{HOST}:{self.server.server_address[1]}/fhir"  # type: ignore[attr-defined]
        page = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": PATIENT}, {"fullUrl": "x"}]}
        link = {"relation": "next", "url": f"{base}/Patient?page=2"}
        answers: dict[str, Any] = {
            "/fhir/Patient/p1": PATIENT, "/fhir/Patient?page=1": page | {"link": [link]}, "/fhir/Patient?page=2": page,
            "/fhir/Patient?away=1": page | {"link": [link | {"url": "https://other.example/fhir/Patient"}]},
            "/fhir/Patient?round=1": page | {"link": [link | {"url": f"{base}/Patient?round=1"}]},
            "/fhir/Patient?list=1": [],
        }  # fmt: skip
        status = 302 if "moved" in self.path else 401 if "secret" in self.path else 200
        if self.path.endswith("slow"):
            time.sleep(0.6)
        answer = answers.get(self.path)
        self.send_response(404 if answer is None and status == 200 and "big" not in self.path else status)
        if status == 302:
            self.send_header("Location", "http://169.254.169.254/latest/meta-data")
        self.end_headers()
        self.wfile.write(b" " * 300_000 if "big" in self.path else b"" if answer is None else orjson.dumps(answer))

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@contextmanager
def ehr(folder: Path, **told: Any) -> Iterator[tuple[FhirServer, list[Any]]]:
    address = own_address()
    pem, trusted = certificate(folder)
    server = ThreadingHTTPServer((address, 0), _Fhir)
    server.asked = []  # type: ignore[attr-defined]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    settings = Cds.model_validate(
        {"fhir_hosts": [HOST], "fhir_private": True, "fhir_bytes": 100_000, "fhir_seconds": 60} | told
    )
    base = f"https://{HOST}:{server.server_address[1]}/fhir"
    yield FhirServer(settings, base, TOKEN, lambda *_: [address], trusted), server.asked  # type: ignore[attr-defined]
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_read_and_a_search_are_made_by_the_token_page_by_page(tmp_path: Path) -> None:
    with ehr(tmp_path) as (server, asked):
        assert list(server.read("Patient/p1")) == [PATIENT]
        assert list(server.read("Patient/p2")) == []
        assert list(server.read("Patient?page=1")) == [PATIENT, PATIENT]
    assert {token for _, token in asked} == {f"Bearer {TOKEN}"}
    assert [path for path, _ in asked] == [
        "/fhir/Patient/p1", "/fhir/Patient/p2", "/fhir/Patient?page=1", "/fhir/Patient?page=2",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "why", "requests"),
    [
        ("Patient/moved", "it answered 302", 1), ("Patient/secret", "it answered 401", 1),
        ("Patient?away=1", "its next page lies elsewhere", 1), ("Patient?round=1", "it has too many pages", 20),
        ("Patient?list=1", "it answered no resource", 1), ("Patient/big", "too many bytes", 1),
    ],
)  # fmt: skip
def test_an_answer_that_is_none_is_told(tmp_path: Path, query: str, why: str, requests: int) -> None:
    with ehr(tmp_path) as (server, asked):
        with pytest.raises(Precondition) as caught:
            list(server.read(query))
        assert len(asked) == requests
    assert why in caught.value.where
    assert TOKEN not in f"{caught.value!r}{server!r}"


def test_all_reads_of_a_call_share_one_time(tmp_path: Path) -> None:
    with ehr(tmp_path, fhir_seconds=0.3) as (server, asked):
        with pytest.raises(Precondition):
            list(server.read("Patient/slow"))
        with pytest.raises(Precondition) as caught:
            list(server.read("Patient/p1"))
        assert len(asked) == 1
    assert "too slow" in caught.value.where


@pytest.mark.parametrize(
    ("base", "hosts"),
    [
        (f"http://{HOST}/fhir", [HOST]), ("https://other.example/fhir", [HOST]), (f"https://{HOST}/fhir", []),
        (f"https://user@{HOST}/fhir", [HOST]), (f"https://{HOST}/fhir?x=1", [HOST]), (f"https://{HOST}:x/fhir", [HOST]),
        (f"https://{HOST}.other.example/fhir", [HOST]), ("https://[::1/fhir", [HOST]), ("file:///etc/passwd", [HOST]),
    ],
)  # fmt: skip
def test_an_address_that_nobody_allowed_is_not_looked_up(base: str, hosts: list[str]) -> None:
    def looked_up(_host: str, _port: int) -> list[str]:
        raise AssertionError("it was looked up")

    with pytest.raises(Precondition):
        list(FhirServer(Cds(fhir_hosts=hosts), base, TOKEN, looked_up).read("Patient/p1"))


@pytest.mark.parametrize(
    ("addresses", "private"),
    [(["127.0.0.1"], True), (["169.254.169.254"], True), (["10.0.0.7"], False), (["::ffff:127.0.0.1"], True),
     (["93.184.216.34", "127.0.0.1"], True), ([], True)],
    ids=str,
)  # fmt: skip
def test_a_name_that_leads_inside_gets_nothing(addresses: list[str], private: bool) -> None:
    settings = Cds(fhir_hosts=[HOST], fhir_private=private)
    with pytest.raises(Precondition) as caught:
        list(FhirServer(settings, f"https://{HOST}/fhir", TOKEN, lambda *_: addresses).read("Patient/p1"))
    assert "where none may lie" in caught.value.where
