"""Planted names, numbers and dates never reach logs, errors, metrics, headers, addresses or files of the server."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

import httpx
import pytest

from careloom.client.careloom import Careloom
from careloom.client.credentials import ClientSecret
from tests.api.kit import Installation
from tests.journeys.hospital import CommandLine
from tests.journeys.server import serving
from tests.journeys.two_patients import PATIENTS, secrets, write_feeds


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    with Installation(tmp_path) as made:
        yield made


WORDS = [word for who in PATIENTS for word in secrets(who)]
FAMILY = PATIENTS[0]["family"]


def found_in(data: bytes) -> list[bytes]:
    return [word for word in WORDS if word in data or word in unquote_to_bytes(data)]


def test_no_planted_value_in_the_servers_log_metrics_manifests_or_files(tmp_path: Path) -> None:
    line = CommandLine(tmp_path)
    line.environment["CARELOOM__LOGS__LEVEL"] = "debug"
    files = write_feeds(tmp_path / "feeds")
    files[1].write_text(files[1].read_text().replace('"final"', '"finished"'))
    files[1].rename(tmp_path / "feeds" / f"{FAMILY}.ndjson")
    let_in = line.json(
        "clients", "add", "everything", "--role", "data-engineer", "--role", "privacy-officer",
        "--zone", "landing", "--zone", "identified", "--zone", "research", "--zone", "synthetic",
    )  # fmt: skip
    credential = ClientSecret("everything", let_in["client_secret"])
    with serving(line) as server, Careloom(server.url, credential) as api:
        sent = api.ingestions.upload(tmp_path / "feeds")
        spooled = b"".join(path.read_bytes() for path in (line.data / "uploads").rglob("*") if path.is_file())
        api.ingestions.wait(sent.id)
        token = api.sign_in().text
        words = [FAMILY, quote(PATIENTS[0]["mrn"])]
        for path in (
            f"/fhir/identified/Patient?family={words[0]}&_count=1",
            f"/fhir/identified/Patient?nme={words[0]}",
            f"/fhir/identified/Patient?birthdate={words[0]}",
            f"/fhir/identified/{words[0]}/{words[1]}",
            f"/fhir/identified/Patient/{words[0]}",
            f"/fhir/{words[0]}/Patient",
            f"/api/v1/ingestions/{words[0]}",
            f"/api/v1/ingestions?cursor={words[0]}",
            f"/{words[0]}/{words[1]}",
        ):
            server.get(path, token, headers={"X-Request-Id": words[0], "User-Agent": words[0]})
            server.get(path, words[0])
        spoken = [server.get(path, token).content for path in ("/metrics", "/api/v1/overview", "/api/v1/ingestions")]
        spoken += [server.get(f"/api/v1/ingestions/{sent.id}{part}", token).content for part in ("", "/issues")]
    assert b"careloom_http_requests" in spoken[0]
    assert found_in(b"".join(spoken)) == []
    assert found_in(spooled) == []
    assert found_in(server.said().encode()) == []
    kept = [path for path in line.data.rglob("*") if path.is_file()]
    assert [(path.name, word) for path in kept for word in found_in(path.name.encode() + path.read_bytes())] == []


ERRORS = [
    ("a parameter that is none", f"/fhir/identified/Patient?{FAMILY}=x"),
    ("a value that is none", f"/fhir/identified/Patient?birthdate={FAMILY}"),
    ("a modifier that is none", f"/fhir/identified/Patient?name:{FAMILY}=x"),
    ("a count that is none", f"/fhir/identified/Patient?_count={FAMILY}"),
    ("a page that is none", f"/fhir/identified/Patient?_page={FAMILY}"),
    ("a type that is none", f"/fhir/identified/{FAMILY}"),
    ("an id that is none", f"/fhir/identified/Patient/{FAMILY}"),
    ("a version that is none", f"/fhir/identified/Patient/x/_history/{FAMILY}"),
    ("a zone that is none", f"/fhir/{FAMILY}/Patient"),
    ("an ingestion that is none", f"/api/v1/ingestions/{FAMILY}"),
    ("an annotation that is none", f"/api/v1/nlp/annotations/{FAMILY}"),
    ("a cursor that is none", f"/api/v1/ingestions?cursor={FAMILY}"),
    ("a limit that is none", f"/api/v1/ingestions?limit={FAMILY}"),
    ("an address that is none", f"/{FAMILY}"),
]


@pytest.mark.parametrize(("what", "path"), ERRORS, ids=[row[0] for row in ERRORS])
def test_an_error_never_repeats_what_was_asked(installation: Installation, what: str, path: str) -> None:
    answer = installation.client.get(path, headers=installation.bearer())
    assert 400 <= answer.status_code < 500
    assert FAMILY not in answer.get_data(as_text=True) + json.dumps(dict(answer.headers))


def test_a_next_link_holds_nothing_that_was_searched(installation: Installation) -> None:
    alike = {"resourceType": "Patient", "name": [{"family": FAMILY}], "birthDate": "1961-04-05"}
    installation.ingest([{**alike, "id": f"p{number}"} for number in range(5)])
    path = f"/fhir/identified/Patient?family={FAMILY}&birthdate=1961-04-05&_count=2"
    bundle = installation.client.get(path, headers=installation.bearer()).get_json()
    (link,) = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
    assert FAMILY not in link
    assert "1961" not in link
    assert httpx.URL(link).params.keys() == {"_page"}
