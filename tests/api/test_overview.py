"""The overview: counts of all that the caller may monitor, and quick however many runs there were."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from werkzeug.test import TestResponse

from careloom.api import schemas
from careloom.pipeline.manifest import FileEntry, RunManifest
from careloom.services.deidentify import deidentify
from careloom.services.jobs import work
from careloom.services.runs import sums
from tests.api.kit import OBSERVATION, PATIENT, Installation
from tests.api.test_ingestions import ROUTE, ndjson, sent

REFUSED = OBSERVATION | {"id": "o2", "status": "unheard-of"}
START = datetime(2026, 1, 1, tzinfo=UTC)


def look(installation: Installation, **rights: Any) -> TestResponse:
    return installation.client.get("/api/v1/overview", headers=installation.bearer(**rights))


def run(number: int) -> RunManifest:
    """A finished run of a day of its own."""
    at = START + timedelta(days=number, hours=number % 24)
    name = f"{at:%Y%m%dT%H%M%SZ}-" + "".join("abcdefghij"[int(digit)] for digit in f"{number:06}")
    manifest = RunManifest(name, "ingest", [], "", at, at + timedelta(minutes=1), actor="tester")
    manifest.files = [FileEntry("m", "fhir", bytes=100, records=11, stored=8, kept=1, quarantined=2, resources=8)]
    manifest.issues = {("fhir.required-missing", "error"): 2, (f"test.issue-{number % 30}", "warning"): 1}
    return manifest


def test_an_empty_installation_has_empty_numbers(installation: Installation) -> None:
    seen = look(installation).json
    schemas.Overview.model_validate(seen)
    assert (seen["arrivals"]["runs"], seen["arrivals"]["last"], seen["quality"]["accepted_share"]) == (0, None, None)
    assert (seen["refused"], seen["jobs"]) == (
        {"waiting": 0, "reasons": []}, {"waiting": 0, "running": 0, "failed": 0}
    )  # fmt: skip


def test_it_counts_what_is_stored_what_arrived_and_what_was_refused(installation: Installation) -> None:
    first = installation.ingest([PATIENT, OBSERVATION, REFUSED])
    installation.ingest([PATIENT | {"id": "p2"}])
    deidentify(installation.platform, installation.operator)
    waiting = sent(installation, ndjson(PATIENT | {"id": "p3"}))
    seen = look(installation).json
    schemas.Overview.model_validate(seen)
    assert [(zone["zone"], zone["total"]) for zone in seen["zones"]] == [("identified", 3), ("research", 3)]
    assert seen["zones"][0]["resources"] == {"Observation": 1, "Patient": 2}
    (stored,) = installation.platform.store("identified").scan(["Observation"])
    assert datetime.fromisoformat(seen["zones"][0]["changed"]) >= stored.last_updated
    assert [zone["alarms"] for zone in seen["zones"]] == [0, None]
    arrivals = seen["arrivals"]
    assert {name: arrivals[name] for name in ("runs", "files", "records", "stored", "quarantined")} == {
        "runs": 2, "files": 2, "records": 4, "stored": 3, "quarantined": 1
    }  # fmt: skip
    assert arrivals["by_format"] == [{"format": "fhir", "records": 4, "quarantined": 1}]
    assert arrivals["by_day"] == [{"day": first.ended.date().isoformat(), "stored": 3, "quarantined": 1}]  # type: ignore[union-attr]
    assert seen["refused"]["waiting"] == 1
    assert seen["quality"]["accepted_share"] == 0.75
    assert seen["jobs"] == {"waiting": 1, "running": 0, "failed": 0}
    work(installation.platform, once=True)
    after = look(installation).json
    assert (after["arrivals"]["runs"], after["jobs"]["waiting"], after["zones"][0]["total"]) == (3, 0, 4)
    assert waiting


def test_the_last_change_of_a_zone_moves_with_what_is_written_and_not_with_what_is_read(
    installation: Installation,
) -> None:
    installation.ingest([PATIENT])
    first, second = (look(installation).json["zones"][0]["changed"] for _ in range(2))
    assert first == second
    assert datetime.fromisoformat(first).tzinfo is not None
    installation.ingest([PATIENT | {"id": "p2"}])
    assert look(installation).json["zones"][0]["changed"] > first


RIGHTS: list[tuple[str, dict[str, Any], list[str], bool]] = [
    ("everything", {}, ["identified", "research"], True),
    ("a clinician", {"roles": ["clinician"], "zones": ["identified"]}, ["identified"], False),
    ("a scientist", {"roles": ["data-scientist"], "zones": ["research", "synthetic"]}, ["research"], False),
    ("an engineer of the landing zone", {"roles": ["data-engineer"], "zones": ["landing"]}, [], True),
]


@pytest.mark.parametrize(("who", "rights", "zones", "arrivals"), RIGHTS, ids=[row[0] for row in RIGHTS])
def test_it_leaves_out_what_the_caller_may_not_monitor(
    installation: Installation, who: str, rights: dict[str, Any], zones: list[str], arrivals: bool
) -> None:
    installation.ingest()
    deidentify(installation.platform, installation.operator)
    answer = look(installation, **rights)
    schemas.Overview.model_validate(answer.json)
    assert [zone["zone"] for zone in answer.json["zones"]] == zones
    parts = [answer.json[part] is not None for part in ("arrivals", "refused", "quality", "jobs")]
    assert parts == [arrivals] * 4
    events = [*installation.events(), *installation.events("research")]
    (event,) = [event for event in events if event["operation"] == "overview"]
    assert (event["outcome"], event["detail"]["request"]) == ("success", answer.headers["X-Request-Id"])


def test_who_may_monitor_nothing_is_refused(installation: Installation) -> None:
    answer = look(installation, scopes="careloom/ingest")
    assert answer.status_code == 403
    assert [event["outcome"] for event in installation.events() if event["operation"] == "overview"] == ["refused"]


def test_it_takes_no_parameter(installation: Installation) -> None:
    answer = installation.client.get("/api/v1/overview?zone=identified", headers=installation.bearer())
    assert (answer.status_code, answer.json["code"]) == (400, "input.schema")


def test_sums_over_many_runs_are_those_of_each(installation: Installation) -> None:
    for number in range(120):
        installation.platform.keep_run(run(number))
    seen = look(installation).json
    arrivals = seen["arrivals"]
    assert (arrivals["runs"], arrivals["records"], arrivals["bytes"]) == (120, 1320, 12_000)
    assert (len(arrivals["by_day"]), arrivals["by_day"][-1]["day"]) == (90, "2026-04-30")
    assert seen["quality"]["accepted_share"] == round(9 / 11, 6)
    assert len(seen["quality"]["issues"]) == 20
    assert seen["quality"]["issues"][0] == {"code": "fhir.required-missing", "severity": "error", "count": 240}


SPOILED = {
    "it is gone": lambda path: path.unlink(),
    "it is no JSON": lambda path: path.write_bytes(b"{"),
    "it is of another version": lambda path: path.write_bytes(b'{"version": 0}'),
}


@pytest.mark.parametrize("how", SPOILED, ids=list(SPOILED))
def test_the_kept_sums_are_made_again_when(installation: Installation, how: str) -> None:
    for number in range(5):
        installation.platform.keep_run(run(number))
    before = sums(installation.platform)
    SPOILED[how](installation.platform.runs_folder / "sums.json")
    installation.platform.keep_run(run(6))
    after = sums(installation.platform)
    assert (len(before.runs), len(after.runs), after.totals["records"]) == (5, 6, 66)
    assert sums(installation.platform) == after


def test_numbers_are_shown_though_the_disk_takes_no_more(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    installation.platform.keep_run(run(1))
    monkeypatch.setattr(Path, "write_bytes", full)
    assert sums(installation.platform).totals["records"] == 11


def test_a_thousand_runs_are_read_once(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    installation.ingest()
    folder = installation.platform.runs_folder
    for number in range(1000):
        manifest = run(number)
        (folder / f"{manifest.run_id}.json").write_bytes(orjson.dumps(manifest.as_json()))
    headers, seen = installation.bearer(), []
    installation.client.get("/api/v1/overview", headers=headers)
    read_bytes = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: seen.append(path) or read_bytes(path))
    for address, most in (("/api/v1/overview", 10), (ROUTE, 110)):
        seen.clear()
        assert installation.client.get(address, headers=headers).status_code == 200
        assert 0 < len([path for path in seen if path.parent == folder]) <= most
