"""Access by role and zone: who is refused finds out nothing, and the refusal stands in the audit chain."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from careloom.errors import AccessError, CareloomError
from careloom.services import (
    audit,
    audit_proofs,
    deidentifications,
    deidentify,
    deidentify_files,
    erase,
    ingest,
    ingestions,
    jobs,
    operate,
    quarantine,
    search,
    verify,
)
from careloom.services.access import Principal, Scope
from careloom.services.platform import Platform
from careloom.settings import Data, Settings

ALDA = {"resourceType": "Patient", "id": "alda-1", "name": [{"family": "Quillfeather"}]}
HEART = {
    "resourceType": "Observation",
    "id": "o1",
    "status": "final",
    "code": {"text": "pulse"},
    "subject": {"reference": "Patient/alda-1"},
}
OFFICER = Principal("officer", frozenset({"privacy-officer"}), frozenset({"landing", "identified", "research"}))
ENGINEER = Principal("engineer", frozenset({"data-engineer"}), frozenset({"landing", "identified"}))
RUN = "20261122T010203Z-abc234"
Use = Callable[[Platform, Principal, Path], Any]

USES: dict[str, Use] = {
    "ingest": lambda p, who, file: ingest.ingest(p, who, ingest.IngestAsk((file,))),
    "submit": lambda p, who, file: jobs.submit_ingest(p, who, ingest.IngestAsk((file,))),
    "search": lambda p, who, file: search.search(p, who, "identified", "Patient"),
    "verify": lambda p, who, file: verify.verify(p, who, "identified", "Patient/alda-1"),
    "list": lambda p, who, file: quarantine.list_refused(p, who),
    "show": lambda p, who, file: quarantine.show_refused(p, who, "a" * 26, raw=True),
    "redrive": lambda p, who, file: quarantine.redrive(p, who),
    "deidentify": lambda p, who, file: deidentify.deidentify(p, who),
    "queue deidentification": lambda p, who, file: deidentifications.submit(p, who),
    "cancel deidentification": lambda p, who, file: deidentifications.cancel_run(p, who, RUN),
    "deidentify files": lambda p, who, file: deidentify_files.deidentify_files_with_store_keys(
        p, who, deidentify_files.FilesAsk(file, file.with_suffix(".out"), file)
    ),
    "erase": lambda p, who, file: erase.erase(p, who, "Patient/alda-1"),
    "audit": lambda p, who, file: audit.verify(p, who),
    "report": lambda p, who, file: audit.report(p, who, "identified", limit=5),
    "check": lambda p, who, file: operate.check(p, who, "identified"),
    "jobs": lambda p, who, file: jobs.list_jobs(p, who),
    "show job": lambda p, who, file: jobs.show_job(p, who, RUN),
    "cancel job": lambda p, who, file: jobs.cancel_job(p, who, RUN),
    "restart job": lambda p, who, file: jobs.restart_job(p, who, RUN),
    "upload": lambda p, who, file: ingestions.submit_upload(p, who, [("feed", [b"{}"])], ingestions.UploadAsk()),
    "ingestions": lambda p, who, file: ingestions.list_ingestions(p, who),
    "ingestion": lambda p, who, file: ingestions.show_ingestion(p, who, RUN),
    "issues": lambda p, who, file: ingestions.issues_of(p, who, RUN),
    "cancel": lambda p, who, file: ingestions.cancel_ingestion(p, who, RUN),
}


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with Platform(Settings(data=Data(directory=tmp_path / "data"))) as opened:
        yield opened


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    file = tmp_path / "feed.ndjson"
    refused = HEART | {"id": "o2", "status": "unheard-of"}
    file.write_text("\n".join(map(json.dumps, [ALDA, HEART, refused])) + "\n")
    return file


def chain(platform: Platform) -> list[dict[str, Any]]:
    """Who, what, outcome and how many patients, newest first."""
    return [
        {
            "who": found["agent"][0]["who"]["display"],
            "what": found["subtype"][0]["code"],
            "outcome": found["outcome"],
            "patients": sum(entity.get("role", {}).get("code") == "1" for entity in found["entity"]),
        }
        for found in platform.store("identified").audit_events()
    ]


@pytest.mark.parametrize("use", USES, ids=list(USES))
@pytest.mark.parametrize(
    ("roles", "zones"), [((), ("landing", "identified", "research", "synthetic")), (("data-engineer",), ("research",))],
    ids=["no role", "no zone"],
)  # fmt: skip
def test_nothing_is_done_for_who_may_not_and_the_refusal_is_audited(
    platform: Platform, feed: Path, use: str, roles: tuple[str, ...], zones: tuple[Any, ...]
) -> None:
    who = Principal("mallory", frozenset(roles), frozenset(zones))
    with pytest.raises(AccessError):
        USES[use](platform, who, feed)
    assert platform.store("identified").count() == {}
    assert platform.spools.listed() == []
    (only,) = chain(platform)
    assert (only["who"], only["outcome"], only["patients"]) == ("mallory", "4", 0)


def test_landing_alone_does_not_let_anybody_write_into_the_identified_zone(platform: Platform, feed: Path) -> None:
    who = Principal("m", frozenset({"data-engineer"}), frozenset({"landing"}))
    for use in ("ingest", "submit", "upload", "redrive"):
        with pytest.raises(AccessError):
            USES[use](platform, who, feed)


def test_who_may_see_one_type_only_sees_no_raw_record(platform: Platform, feed: Path) -> None:
    USES["ingest"](platform, ENGINEER, feed)
    record = quarantine.list_refused(platform, ENGINEER)[0]["record"]
    scopes = frozenset({Scope("quarantine"), Scope("read", "Observation")})
    narrow = Principal("n", ENGINEER.roles, ENGINEER.zones, scopes=scopes)
    assert "raw" not in quarantine.show_refused(platform, narrow, record)
    with pytest.raises(AccessError):
        quarantine.show_refused(platform, narrow, record, raw=True)


def test_each_disclosure_names_its_patient_by_pseudonym(platform: Platform, feed: Path) -> None:
    USES["ingest"](platform, ENGINEER, feed)
    record = quarantine.list_refused(platform, ENGINEER)[0]["record"]
    stored = search.search(platform, ENGINEER, "identified", "Patient").found[0].id
    quarantine.show_refused(platform, ENGINEER, record, raw=True)
    verify.verify(platform, ENGINEER, "identified", "Observation/o1")
    assert [(found["what"], found["patients"]) for found in chain(platform)] == [
        ("verify", 1), ("quarantine", 1), ("search", 1), ("quarantine", 0), ("ingest", 1)
    ]  # fmt: skip
    told = audit.report(platform, OFFICER, "identified", patient=f"Patient/{stored}", limit=9)
    assert len(told) == 5
    assert stored not in json.dumps(told)


def test_nothing_is_disclosed_when_the_audit_chain_cannot_be_written(platform: Platform, feed: Path) -> None:
    USES["ingest"](platform, ENGINEER, feed)
    record = quarantine.list_refused(platform, ENGINEER)[0]["record"]
    store = platform.store("identified")
    assert store.anchor is not None
    store.anchor.path.write_text("{}")
    for use in (
        lambda: search.search(platform, ENGINEER, "identified", "Patient"),
        lambda: quarantine.show_refused(platform, ENGINEER, record, raw=True),
        lambda: verify.verify(platform, ENGINEER, "identified", "Observation/o1"),
        lambda: erase.erase(platform, Principal("o", OFFICER.roles, OFFICER.zones | {"synthetic"}), "Patient/alda-1"),
    ):
        with pytest.raises(CareloomError):
            use()
    assert store.count() == {"Observation": 1, "Patient": 1}
    assert audit.verify(platform, Principal("o", OFFICER.roles, OFFICER.zones | {"synthetic"}))["verified"] is False


def test_a_zone_whose_store_is_gone_does_not_verify(platform: Platform, feed: Path) -> None:
    USES["ingest"](platform, ENGINEER, feed)
    platform.close()
    for name in ("store.db", "store.db-wal", "store.db-shm"):
        (platform.settings.data.directory / "identified" / name).unlink(missing_ok=True)
    found = audit.verify(platform, Principal("o", OFFICER.roles, OFFICER.zones | {"synthetic"}))
    assert found["verified"] is False
    assert found["chains"][0]["detail"] == "its anchor is here, the store is gone"


def test_events_that_an_old_anchor_does_not_cover_are_told_and_are_no_fault(platform: Platform, feed: Path) -> None:
    auditor = Principal("o", OFFICER.roles, OFFICER.zones | {"synthetic"})
    USES["ingest"](platform, ENGINEER, feed)
    store = platform.store("identified")
    assert store.anchor is not None
    before, covered = store.anchor.path.read_bytes(), store.verify_audit().rows
    search.search(platform, ENGINEER, "identified", "Patient")
    store.anchor.path.write_bytes(before)  # as the disk has it after a power cut
    (found,) = (one for one in audit.verify(platform, auditor)["chains"] if one["zone"] == "identified")
    assert (found["verified"], found["anchored"], found["events"]) == (True, covered, covered + 1)
    assert found["detail"].startswith(f"anchor holds at {covered}; 1 after it")
    search.search(platform, ENGINEER, "identified", "Patient")
    (found,) = (one for one in audit.verify(platform, auditor)["chains"] if one["zone"] == "identified")
    assert (found["anchored"], found["detail"]) == (covered + 2, "anchor holds")


def test_of_a_damaged_chain_it_is_told_where_and_what_and_a_checkpoint_is_checked_all_the_same(
    platform: Platform, feed: Path
) -> None:
    auditor = Principal("o", OFFICER.roles, OFFICER.zones | {"synthetic"})
    USES["ingest"](platform, ENGINEER, feed)
    search.search(platform, ENGINEER, "identified", "Patient")
    (kept,) = (one for one in audit_proofs.checkpoints(platform, auditor) if one["zone"] == "identified")
    store = platform.store("identified")
    with store._engine.begin() as connection:
        for (name,) in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        connection.exec_driver_sql("UPDATE audit SET body = replace(body, 'search', 'seerch')")
        connection.exec_driver_sql("DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)")
    (found,) = (one for one in audit.verify(platform, auditor)["chains"] if one["zone"] == "identified")
    assert found["verified"] is False
    assert "was changed (audit.hash)" in found["detail"]
    assert "its end was cut off" in found["detail"]
    assert audit_proofs.check_here(platform, auditor, orjson.dumps(kept))["held"] is False
