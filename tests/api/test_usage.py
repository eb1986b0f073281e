"""How the API is used and what jobs took, as operators are told: exact, bounded, audited, nothing of a patient."""

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from careloom.client.careloom import Careloom
from careloom.client.credentials import Bearer
from careloom.services import jobs, operator_logs, usage
from careloom.services.ingest import IngestAsk
from tests.api.kit import BASE_URL, OBSERVATION, PATIENT, Installation

START = datetime.fromisoformat("2026-11-22T10:00:00+00:00")
DAY = "since=2026-11-22T00:00:00Z&until=2026-11-23T00:00:00Z"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    logger = logging.getLogger("careloom")
    before = (logger.handlers[:], logger.level)
    yield
    logger.handlers[:], logger.level = before


def asked(made: Installation, what: str, query: str = "") -> dict[str, Any]:
    answer = made.client.get(f"/api/v1/{what}?{query}", headers=made.bearer())
    assert answer.status_code == 200, answer.json
    found: Any = answer.json
    return dict(found)


def write(made: Installation, each: Sequence[tuple[float, str, str, int, float]], *, other: int = 0) -> None:
    """Lines of requests (seconds after `START`, route, actor, status, seconds), and others between them."""
    folder = made.platform.settings.logs_directory
    folder.mkdir(exist_ok=True)
    with (folder / "2026-11-22.ndjson").open("ab") as file:
        for after, route, actor, status, seconds in each:
            moment = START + timedelta(seconds=after)
            line = {"time": moment.isoformat(), "level": "info", "logger": "careloom.access", "event": "request",
                    "method": "GET", "route": route, "status": status, "actor": actor,
                    "duration_seconds": seconds}  # fmt: skip
            file.write(orjson.dumps(line) + b"\n")
            other_line = {**line, "logger": "careloom.x"}
            file.write((orjson.dumps(other_line) + b"\n") * other)


def test_counts_and_quantiles_are_those_of_a_sorted_list(installation: Installation) -> None:
    each = [(n, "/a" if n % 4 else "/b", "ward" if n % 3 else "", 500 if n == 7 else 404 if n % 10 == 0 else 200,
             n / 1000) for n in range(200)]  # fmt: skip
    write(installation, each, other=2)
    found = asked(installation, "usage", DAY)
    whole = found["all"]
    assert (whole["requests"], whole["refused"], whole["failed"]) == (200, 20, 1)
    assert (whole["p50_seconds"], whole["p95_seconds"], whole["p99_seconds"]) == (0.099, 0.189, 0.197)
    assert [(row["route"], row["requests"]) for row in found["routes"]] == [("/a", 150), ("/b", 50)]
    ordered = sorted(n / 1000 for n in range(200) if n % 4 == 0)
    assert found["routes"][1]["p95_seconds"] == ordered[47]  # the 48th of 50
    assert {row["actor"]: row["requests"] for row in found["actors"]} == {"ward": 133, "": 67}
    assert sum(step["requests"] for step in found["steps"]) == 200
    assert [step["requests"] for step in found["steps"]].index(200) == 10  # from 10 to 11 o'clock
    assert found["is_whole"]


def test_the_time_is_half_open_and_at_most_a_month(installation: Installation) -> None:
    write(installation, [(n, "/a", "ward", 200, 0.1) for n in range(10)])
    found = asked(installation, "usage", "since=2026-11-22T10:00:03Z&until=2026-11-22T10:00:05Z")
    assert found["all"]["requests"] == 2
    found = asked(installation, "usage", "since=2020-01-01T00:00:00Z&until=2026-11-23T00:00:00Z")
    assert found["since"] == "2026-10-23T00:00:00+00:00"
    found = asked(installation, "usage", "since=2026-11-23T00:00:00Z&until=2026-11-22T00:00:00Z")
    assert (found["since"], found["all"]["requests"]) == ("2026-11-21T23:59:59+00:00", 0)
    assert found["all"]["p50_seconds"] is None


def test_more_lines_than_one_report_reads_are_told(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "MOST_READ_BYTES", 2000)
    write(installation, [(n, "/a", "ward", 200, 0.1) for n in range(100)])
    found = asked(installation, "usage", DAY)
    assert not found["is_whole"]
    assert 0 < found["all"]["requests"] < 15
    assert found["oldest"] == (START + timedelta(seconds=100 - found["all"]["requests"])).isoformat()


def test_lines_that_are_no_requests_are_passed_over(installation: Installation) -> None:
    write(installation, [(1, "/a", "ward", 200, 0.1)])
    folder = installation.platform.settings.logs_directory
    with (folder / "2026-11-22.ndjson").open("ab") as file:
        file.write(b'{"logger": "careloom.access"}\n{"time": "x", "logger": "careloom.access"\n[]"careloom.access"\n')
        file.write(b'["careloom.access"]\n"careloom.access"\n')
    assert asked(installation, "usage", DAY)["all"]["requests"] == 1


def test_what_the_server_keeps_is_counted_and_names_no_patient(installation: Installation) -> None:
    operator_logs.keep_lines(installation.platform.settings)
    installation.ingest([PATIENT, OBSERVATION])
    stored, headers = installation.stored_id("Patient", "p1"), installation.bearer()
    installation.client.get(f"/fhir/identified/Patient/{stored}", headers=headers)
    installation.client.get("/fhir/identified/Patient?family=Quillfeather", headers=headers)
    installation.client.get("/nowhere/Quillfeather")
    found = asked(installation, "usage", "since=2000-01-01T00:00:00Z&until=2100-01-01T00:00:00Z")
    now = asked(installation, "usage")
    assert found["is_kept"]
    assert sum(row["requests"] for row in now["routes"] if row["route"].startswith("/fhir/<zone>/")) == 2
    assert "" in {row["route"] for row in now["routes"]}
    text = orjson.dumps(now).decode()
    assert all(secret not in text for secret in ("Quillfeather", stored))


def test_nothing_is_told_where_nothing_is_kept(tmp_path: Path) -> None:
    with Installation(tmp_path, logs={"keep_level": "off"}) as made:
        found = asked(made, "usage")
        assert (found["is_kept"], found["all"]["requests"], found["routes"]) == (False, 0, [])
        assert asked(made, "costs")["items"] == []


def ingested(made: Installation, folder: Path, count: int) -> int:
    """Bytes of files that were ingested by a job each."""
    size = 0
    for number in range(count):
        path = folder / f"part-{number}.ndjson"
        path.write_bytes(orjson.dumps({**PATIENT, "id": f"c{number}"}))
        size += path.stat().st_size
        jobs.submit_ingest(made.platform, made.operator, IngestAsk((path,)))
    jobs.work(made.platform, once=True)
    return size


def test_jobs_are_measured_and_their_costs_summed_by_kind_and_asker(installation: Installation, tmp_path: Path) -> None:
    size = ingested(installation, tmp_path, 2)
    listed = asked(installation, "jobs")["items"]
    assert all(0 < job["cpu_seconds"] < 60 and 0 < job["wall_seconds"] < 60 for job in listed)
    assert sum(job["bytes"] for job in listed) == size
    (row,) = asked(installation, "costs")["items"]
    assert (row["kind"], row["jobs"], row["measured"], row["attempts"], row["bytes"]) == ("ingest", 2, 2, 2, size)
    assert row["actor"] == installation.operator.name
    assert row["cpu_seconds"] == pytest.approx(sum(job["cpu_seconds"] for job in listed))
    assert row["wall_seconds"] == pytest.approx(sum(job["wall_seconds"] for job in listed))
    assert asked(installation, "costs", "until=2020-01-01T00:00:00Z")["items"] == []


@pytest.mark.parametrize("what", ["usage", "costs"])
def test_only_who_operates_the_landing_zone_is_told_and_it_is_audited(installation: Installation, what: str) -> None:
    where = f"/api/v1/{what}"
    assert installation.client.get(where).status_code == 401
    assert installation.client.get(where, headers=installation.bearer(["clinician"])).status_code == 403
    assert installation.client.get(where, headers=installation.bearer(scopes="careloom/monitor")).status_code == 403
    asked(installation, what)
    outcomes = [event["outcome"] for event in installation.events() if event["operation"] == what]
    assert outcomes == ["refused", "refused", "success"]
    assert installation.client.get(f"{where}?since=today", headers=installation.bearer()).status_code == 400


def test_the_sdk_is_told_the_same(installation: Installation, tmp_path: Path) -> None:
    write(installation, [(1, "/a", "ward", 200, 0.25)])
    ingested(installation, tmp_path, 1)
    with Careloom(BASE_URL, Bearer(installation.token()), transport=httpx.WSGITransport(app=installation.app)) as api:
        used = api.usage(since="2026-11-22T00:00:00Z", until="2026-11-23T00:00:00Z")
        took = api.costs()
    assert (used.routes[0].route, used.all.p99_seconds) == ("/a", 0.25)
    assert took.items[0].cpu_seconds is not None
