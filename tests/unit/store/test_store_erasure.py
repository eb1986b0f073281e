"""Erasure: everything of one patient goes, nothing of another."""

from collections.abc import Callable
from pathlib import Path

import pytest

from careloom.audit import AuditEvent
from careloom.crypto.keys_local import LocalKeys
from careloom.errors import Conflict, Erased, NotFound
from careloom.issues import Issue
from careloom.store.engine import reading
from careloom.store.erasure import ErasureReport, is_scrub_due
from careloom.store.rows import Landed, Landing
from careloom.store.zone_store import ZoneStore
from tests.store_kit import delete, event, open_zone, put

P1, P2 = "a" * 25 + "b", "c" * 25 + "d"
ISSUE = Issue("x.y", "error", "here", "wrong")


def erased(report: ErasureReport) -> AuditEvent:
    return event(action="delete", operation="erase", subjects=report.pseudonyms)


def fill(store: ZoneStore) -> list[Landed]:
    """Two patients in one file, one record about both, one about nobody, one that nobody can read."""
    with store.transaction(event) as tx:
        manifest = tx.begin_manifest(name="both.csv", file_hash=b"1" * 32, record_format="csv", run="r")
        who: list[tuple[str, ...] | None] = [(P1,), (P2,), (P1, P2), (), None, None]
        raws = [b"one", b"two", b"both", b"organization", b"unreadable NAME-OF-ONE", b"unreadable NAME-OF-TWO"]
        landed = tx.land(manifest, [Landing("csv", raw, group) for raw, group in zip(raws, who, strict=True)])
        recs = [one.rec for one in landed]
        tx.write(
            [
                put("Patient", P1, (P1,), recs[0], active=True),
                put("Patient", P2, (P2,), recs[1], active=True),
                put("Observation", "o1", (P1,), recs[0], status="final", value=1.0),
                put("Observation", "o2", (P2,), recs[1], status="final", value=2.0),
                put("Observation", "joint", (P1, P2), recs[2], status="final", value=3.0),
                put("Organization", "org", (), recs[0], status="x"),
                put("Group", "names-one", (), recs[3], member=f"Patient/{P1}"),
                put("Observation", "o1", (P1,), recs[0], status="amended", value=4.0),
            ]
        )
        for rec in recs[4:]:
            tx.quarantine(rec, issues=[ISSUE], place="line 5")
        tx.finish_manifest(manifest, counts={})
    with store.transaction(event) as tx:
        tx.write([delete("Observation", "o1", (P1,))])
    return landed


def test_an_erased_patient_is_gone_and_the_other_verifies(store: ZoneStore) -> None:
    landed = fill(store)
    report = store.erase([P1], erased, names_patient=lambda raw, source: b"NAME-OF-ONE" in raw)
    assert (report.resources, report.records, report.quarantined, report.file_names) == (4, 4, 1, 0)
    assert report.pseudonyms == (store.pseudonym(P1),)
    assert store.count() == {"Observation": 1, "Organization": 1, "Patient": 1}
    for kind, name in (("Patient", P1), ("Observation", "o1"), ("Observation", "joint"), ("Group", "names-one")):
        with pytest.raises(NotFound):
            store.history(kind, name)
    for record in (landed[0], landed[2], landed[3], landed[4]):
        with pytest.raises(NotFound):
            store.raw_record(record.record_id)
    assert store.raw_record(landed[5].record_id).raw == b"unreadable NAME-OF-TWO"
    assert [entry.rec for entry in store.quarantined()] == [landed[5].rec]
    assert store.verify_fact("Patient", P2).is_whole
    assert store.verify_fact("Observation", "o2").is_whole
    assert store.read("Organization", "org").record_id == ""
    assert store.verify_audit().is_whole
    assert store.check().is_whole
    assert store.is_erased(P1)
    assert not store.is_erased(P2)


def test_erasing_again_finds_nothing_to_do(store: ZoneStore) -> None:
    fill(store)
    assert not store.erase([P1], erased).is_empty
    before = store.content_hash()
    again = store.erase([P1], erased)
    assert again.is_empty
    assert again.tombstones == 0
    assert store.content_hash() == before


def test_without_a_way_to_tell_the_name_of_a_touched_file_goes(store: ZoneStore) -> None:
    fill(store)
    assert store.erase([P1], erased).file_names == 1


def test_the_name_of_a_file_that_held_nobody_else_goes(store: ZoneStore) -> None:
    with store.transaction(event) as tx:
        for name, raw, patient in (("x1", b"1", P1), ("x2", b"2", P2)):
            manifest = tx.begin_manifest(name=name, file_hash=raw * 32, record_format="fhir", run="r")
            tx.land(manifest, [Landing("fhir", raw, (patient,))])
            tx.finish_manifest(manifest, counts={})
    assert store.erase([P1], erased, names_patient=lambda raw, source: False).file_names == 1


def test_an_erased_patient_does_not_come_back_with_the_same_feed(open_again: Callable[..., ZoneStore]) -> None:
    store, other_process = open_again(), open_again()
    fill(other_process)
    assert other_process.read("Patient", P1).version == 1
    store.erase([P1], erased)
    with other_process.transaction(event) as tx:
        landed = tx.land(None, [Landing("csv", b"one", (P1,)), Landing("csv", b"both", (P1, P2))])
        outcomes = tx.write([put("Patient", P1, (P1,)), put("Observation", "joint", (P1, P2)), put("X", "y", (P2,))])
    assert [one.rec for one in landed] == [0, 0]
    assert outcomes == ["refused", "refused", "created"]
    assert other_process.count() == {"Observation": 1, "Organization": 1, "Patient": 1, "X": 1}


def test_a_quarantined_record_of_an_erased_patient_is_not_driven_again(store: ZoneStore) -> None:
    with store.transaction(event) as tx:
        landed = tx.land(None, [Landing("fhir", b"bad", None)])[0]
        tx.quarantine(landed.rec, issues=[ISSUE], place="line 1")
    store.erase([P1], erased)
    with pytest.raises(Erased), store.transaction(event) as tx:
        tx.redriven(landed.rec, (P1,))


def test_an_old_version_about_an_erased_patient_goes_and_the_resource_stays(store: ZoneStore) -> None:
    with store.transaction(event) as tx:
        tx.write([put("Observation", "o", (P1,), value=1.0), put("Observation", "o", (P2,), value=2.0)])
    store.erase([P1], erased)
    assert [one.version for one in store.history("Observation", "o")] == [2]


def test_keys_are_rewrapped_after_a_rotation(store: ZoneStore, keys: LocalKeys) -> None:
    fill(store)
    old, _ = keys.wrap(bytes(32), b"")
    keys.rotate()
    with store.transaction(event(operation="rotate")) as tx:
        assert tx.rewrap() > 3
    with store.transaction(event(operation="rotate")) as tx:
        assert tx.rewrap() == 0
    keys.retire(old)
    store._subject_keys.forget()
    assert store.read("Patient", P1).resource()["active"] is True
    assert store.check().is_whole


def test_a_reader_that_blocks_the_scrub_leaves_it_due_and_the_next_opening_does_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("careloom.store.engine.BUSY_SECONDS", 0.2)
    keys = LocalKeys.open(tmp_path / "keys")
    store = open_zone(tmp_path, keys)
    fill(store)
    with store.connect() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM resource").fetchall()
        with pytest.raises(Conflict):
            store.erase([P1], erased)
    with pytest.raises(NotFound):
        store.read("Patient", P1)
    with reading(store._engine) as connection:
        assert is_scrub_due(connection)
    store.close()
    store = open_zone(tmp_path, keys)
    with reading(store._engine) as connection:
        assert not is_scrub_due(connection)
    store.close()
