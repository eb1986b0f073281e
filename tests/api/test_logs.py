"""The log of an installation, as its operators read it: lines of all processes, newest first, nothing of a patient."""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from careloom import logs
from careloom.client.careloom import Careloom
from careloom.client.credentials import Bearer
from careloom.services import operator_logs
from tests.api.kit import BASE_URL, OBSERVATION, PATIENT, Installation

LOGS = "/api/v1/logs"
START = datetime.fromisoformat("2026-11-22T10:00:00+00:00")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    logger = logging.getLogger("careloom")
    before = (logger.handlers[:], logger.level)
    yield
    logger.handlers[:], logger.level = before


@pytest.fixture
def kept(installation: Installation) -> Installation:
    operator_logs.keep_lines(installation.platform.settings)
    return installation


def page(made: Installation, query: str = "", headers: dict[str, str] | None = None) -> dict[str, Any]:
    answer = made.client.get(f"{LOGS}?{query}", headers=headers or made.bearer())
    assert answer.status_code == 200, answer.json
    found: dict[str, Any] = answer.json
    return found


def write(made: Installation, count: int, **more: Any) -> None:
    """Lines of one second each, as a process would have kept them."""
    folder = made.platform.settings.logs_directory
    folder.mkdir(exist_ok=True)
    for number in range(count):
        moment = START + timedelta(seconds=number)
        line = {"time": moment.isoformat(), "level": "info", "logger": "careloom.x", "event": f"line {number}", **more}
        with (folder / f"{moment:%Y-%m-%d}.ndjson").open("ab") as file:
            file.write(orjson.dumps(line) + b"\n")


def events(found: dict[str, Any]) -> list[str]:
    return [line["event"] for line in found["items"]]


def test_a_request_is_found_by_its_id_with_route_and_status(kept: Installation) -> None:
    asked = kept.client.get("/api/v1/me", headers=kept.bearer())
    found = page(kept, f"request={asked.headers['X-Request-Id']}")["items"]
    assert [line["fields"]["route"] for line in found] == ["/api/v1/me"]
    assert (found[0]["level"], found[0]["fields"]["status"]) == ("info", 200)


def test_a_defect_is_found_by_its_level(kept: Installation) -> None:
    view = kept.app.view_functions["oauth.me"]
    kept.app.view_functions["oauth.me"] = lambda: {}[0]  # type: ignore[index]
    try:
        asked = kept.client.get("/api/v1/me", headers=kept.bearer())
    finally:
        kept.app.view_functions["oauth.me"] = view
    found = page(kept, "level=error&code=KeyError")["items"]
    assert [line["fields"]["request_id"] for line in found] == [asked.headers["X-Request-Id"]]


def test_pages_together_are_all_lines_newest_first(installation: Installation) -> None:
    write(installation, 250)
    headers = installation.bearer()
    seen, cursor = [], ""
    for size in (100, 100, 50):
        found = page(installation, f"limit=100&cursor={cursor}", headers)
        assert len(found["items"]) == size
        seen, cursor = seen + events(found), found["next"]
    assert seen == [f"line {number}" for number in reversed(range(250))]
    assert cursor is None


def test_lines_longer_than_a_block_and_days_are_read_whole(installation: Installation) -> None:
    write(installation, 3, filler="x" * (operator_logs._BLOCK_BYTES + 7))
    folder = installation.platform.settings.logs_directory
    early = {"time": "2026-11-21T23:59:59+00:00", "level": "error", "logger": "careloom.x", "event": "yesterday"}
    (folder / "2026-11-21.ndjson").write_bytes(orjson.dumps(early) + b"\n" + b'{"time": "cut of')
    assert events(page(installation)) == ["line 2", "line 1", "line 0", "yesterday"]


QUERIES = [
    ("since=2026-11-22T10:00:08Z", ["line 9", "line 8"]),
    ("until=2026-11-22T10:00:02Z", ["line 1", "line 0"]),
    ("since=2026-11-22T11:00:04%2B01:00&until=2026-11-22T10:00:05Z", ["line 4"]),
    ("since=2026-11-23T00:00:00Z", []),
    ("level=warning", []),
    ("code=setup", []),
    ("component=careloom.x&until=2026-11-22T10:00:01Z", ["line 0"]),
    ("component=careloom&until=2026-11-22T10:00:01Z", ["line 0"]),
    ("component=careloom.y", []),
    ("component=care", []),
]


@pytest.mark.parametrize(("query", "expected"), QUERIES)
def test_lines_are_found_by_time_and_level(installation: Installation, query: str, expected: list[str]) -> None:
    write(installation, 10)
    assert events(page(installation, query)) == expected


def test_what_is_rare_is_looked_for_in_steps(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operator_logs, "MOST_SCANNED_BYTES", 2000)
    write(installation, 1, error_code="setup")
    write(installation, 100)
    headers, steps, found = installation.bearer(), 0, []
    query = ""
    while steps < 50:
        told = page(installation, f"code=setup&cursor={query}", headers)
        steps, found, query = steps + 1, found + told["items"], told["next"]
        if query is None:
            break
    assert steps > 3
    assert len(found) == 1


def test_only_who_operates_the_landing_zone_reads_it_and_it_is_audited(kept: Installation) -> None:
    assert kept.client.get(LOGS).status_code == 401
    assert kept.client.get(LOGS, headers=kept.bearer(["clinician"])).status_code == 403
    assert kept.client.get(LOGS, headers=kept.bearer(scopes="careloom/monitor")).status_code == 403
    page(kept)
    assert [event["outcome"] for event in kept.events() if event["operation"] == "logs"] == [
        "refused", "refused", "success",
    ]  # fmt: skip


def test_no_line_holds_anything_of_a_patient(kept: Installation) -> None:
    kept.ingest([PATIENT, OBSERVATION])
    stored, headers = kept.stored_id("Patient", "p1"), kept.bearer()
    kept.client.get(f"/fhir/identified/Patient/{stored}", headers=headers)
    kept.client.get("/fhir/identified/Patient?family=Quillfeather", headers=headers)
    kept.client.get("/Patient/Quillfeather", headers=headers)
    text = orjson.dumps(page(kept)).decode()
    assert "/fhir/<zone>" in text
    for secret in ("Quillfeather", stored, "1961-04-05"):
        assert secret not in text


def test_files_are_the_owners_days_are_bounded_and_old_ones_go(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    for day in range(1, 10):
        (folder / f"2020-01-0{day}.ndjson").write_bytes(b"{}\n")
    logs.keep(folder, "info", days=3, day_bytes=300)
    for _ in range(10):
        logs.log("careloom.x", "a line", count=1)
    logs.log("careloom.x", "not this one", level=logging.DEBUG)
    files = sorted(folder.iterdir())
    assert [file.name for file in files[:2]] == ["2020-01-08.ndjson", "2020-01-09.ndjson"]
    assert len(files) == 3
    content = files[2].read_bytes()
    assert 0 < len(content) <= 300
    assert content.endswith(b"\n")
    assert b"not this one" not in content
    assert files[2].stat().st_mode & 0o777 == 0o600


def test_nothing_is_kept_where_the_settings_say_so(tmp_path: Path) -> None:
    with Installation(tmp_path, logs={"keep_level": "off"}) as made:
        operator_logs.keep_lines(made.platform.settings)
        made.client.get("/healthz")
        assert page(made) == {"items": [], "next": None}


def test_the_sdk_reads_it(kept: Installation) -> None:
    kept.client.get("/healthz")
    with Careloom(BASE_URL, Bearer(kept.token()), transport=httpx.WSGITransport(app=kept.app)) as api:
        found = api.logs(level="info", limit="5")
    assert any(line.fields.get("route") == "/healthz" for line in found.items)
