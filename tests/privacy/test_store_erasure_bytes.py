"""After an erasure no byte under the data directory leads back to the patient; before it, none is readable anyway."""

import sqlite3
from pathlib import Path

import pytest

from careloom.crypto.keys_local import LocalKeys
from careloom.crypto.pseudonyms import KeyedNames
from careloom.store.erasure import ErasureReport
from careloom.store.rows import Landing
from careloom.store.zone_store import ZoneStore
from tests.store_kit import event, key_of, open_zone, put

NAMES = KeyedNames(b"n" * 32)
PATIENTS = [NAMES.resource_id("hospital", "Patient", str(number)) for number in range(40)]
CANARIES = (b"Canaryname", b"1971-03-29", b"Canarystreet")


@pytest.fixture
def store(tmp_path: Path) -> ZoneStore:
    store = open_zone(tmp_path / "data", LocalKeys.open(tmp_path / "data" / "keys"))
    for start in range(0, 40, 5):
        with store.transaction(event) as tx:
            file_hash = bytes([start]) * 32
            manifest = tx.begin_manifest(name=f"Canaryname-{start}", file_hash=file_hash, record_format="fhir", run="r")
            for patient in PATIENTS[start : start + 5]:
                raw = f'{{"name":"Canaryname","birthDate":"1971-03-29","id":"{patient}"}}'.encode()
                landed = tx.land(manifest, [Landing("fhir", raw, (patient,))])[0]
                tx.write([put("Patient", patient, (patient,), landed.rec, birthDate="1971-03-29", line="Canarystreet")])
                subject = f"Patient/{patient}"
                for version in range(3):
                    observations = [
                        put("Observation", NAMES.resource_id("h", "Observation", f"{patient}{n}"), (patient,),
                            landed.rec, status="final", subject=subject, value=float(n + version))
                        for n in range(20)
                    ]  # fmt: skip
                    tx.write(observations)
            tx.finish_manifest(manifest, counts={})
    yield store
    store.close()


def files(store: ZoneStore) -> dict[Path, bytes]:
    folder = store.anchor.path.parent.parent  # type: ignore[union-attr]
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def secrets_of(store: ZoneStore, patient: str) -> dict[str, bytes]:
    """Everything in the database that stands for the patient, in the form it is stored in."""
    pseudonym = store.pseudonym(patient)
    with store.connect() as connection:
        sql = connection.exec_driver_sql
        subject, wrapped = sql("SELECT subject, wrapped FROM subject_key WHERE pseudonym = ?", (pseudonym,)).one()
        found = {
            "id": patient.encode(),
            "wrapped key": wrapped,
            "token": _stored(key_of("Observation", "subject", f"Patient/{patient}")),
        }
        for number, (body,) in enumerate(sql("SELECT body FROM resource WHERE subject = ?", (subject,))):
            found[f"body {number}"] = body
        for number, (body,) in enumerate(sql("SELECT body FROM resource_history WHERE subject = ?", (subject,))):
            found[f"old body {number}"] = body
        for number, (name,) in enumerate(sql("SELECT id FROM resource WHERE subject = ?", (subject,))):
            found[f"id {number}"] = name.encode()
        for record_id, body in sql("SELECT record_id, body FROM record WHERE subject = ?", (subject,)):
            found["record id"], found["record"] = record_id.encode(), body
    return found


def _stored(key: int) -> bytes:
    return key.to_bytes(8, "big", signed=True)


def test_no_value_is_readable_and_no_name_of_a_file_shows(store: ZoneStore) -> None:
    for path, raw in files(store).items():
        for canary in CANARIES:
            assert canary not in raw, (path.name, canary)


def test_nothing_of_an_erased_patient_is_left_in_any_byte(store: ZoneStore) -> None:
    gone, stays = PATIENTS[7], PATIENTS[8]
    secrets, kept = secrets_of(store, gone), secrets_of(store, stays)
    before = b"".join(files(store).values())
    assert all(secret in before for secret in secrets.values())

    def erased(report: ErasureReport):  # type: ignore[no-untyped-def]
        return event(action="delete", operation="erase", subjects=report.pseudonyms)

    report = store.erase([gone], erased)
    assert report.resources == 21
    for path, raw in files(store).items():
        for what, secret in secrets.items():
            assert secret not in raw, (path.name, what)
    after = b"".join(files(store).values())
    assert all(secret in after for secret in kept.values())
    assert store.verify_fact("Patient", stays).is_whole
    assert store.verify_audit().is_whole


def test_the_journal_is_empty_after_an_erasure(store: ZoneStore) -> None:
    store.erase([PATIENTS[0]], lambda report: event(operation="erase", subjects=report.pseudonyms))
    journal = [path for path in files(store) if path.name.endswith("-wal")]
    assert all(path.stat().st_size < 100_000 for path in journal)


def test_the_pseudonym_of_an_erased_patient_is_in_the_audit_chain_only(store: ZoneStore) -> None:
    gone = PATIENTS[3]
    pseudonym = store.pseudonym(gone)
    store.erase([gone], lambda report: event(operation="erase", subjects=report.pseudonyms))
    path = store.anchor.path.parent / "store.db"  # type: ignore[union-attr]
    connection = sqlite3.connect(path)
    for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        text = " ".join(str(row) for row in connection.execute(f"SELECT * FROM {table}"))
        assert (pseudonym in text) == (table == "audit"), table
    connection.close()
