"""A backup holds no key; an erasure makes every backup unreadable for the patient; a restore brings nobody back."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from careloom.errors import Conflict, IntegrityError, SetupError
from careloom.services import backups
from careloom.services.audit import verify as verify_audit
from careloom.services.backups import back_up, digest_of, ledger_of, listed
from careloom.services.erase import check_certificate, erase
from careloom.services.restore import check, restore
from careloom.services.subject_rules import RuleAsk, rules, set_rule
from careloom.services.vault_epochs import retire, rotate
from careloom.store.zone_store import ZoneStore
from tests.killed import killed
from tests.rights_kit import OFFICER, answers, erase_apart, hospital
from tests.store_kit import fresh_database
from tests.vault_kit import Hospital

_numbers = count()
Make = Callable[..., Hospital]


@pytest.fixture(params=["sqlite", "postgresql"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Makes the hospital; called again with other data folder and the same keys: another machine."""
    opened: list[Any] = []

    def made(name: str = "one", keys: Path | None = None) -> Hospital:
        data: dict[str, Any] = {"directory": tmp_path / name / "data"}
        if request.param == "postgresql":
            stem = f"backup{next(_numbers)}"
            urls = [
                fresh_database(request.getfixturevalue("postgresql"), f"{stem}_{zone}", "careloom")
                for zone in ("identified", "research", "synthetic", "access")
            ]
            data["database"] = urls[0].replace("identified", "{zone}")
        (tmp_path / name).mkdir()
        context = hospital(tmp_path / name, data=data, keys={"directory": keys or tmp_path / "keys"})
        opened.append(context)
        return context.__enter__()

    yield made
    for context in opened:
        context.__exit__(None, None, None)


def values_of(folder: Path) -> list[bytes]:
    """All values of all files of a backup."""
    found: list[bytes] = []
    for file in folder.glob("*.db"):
        with sqlite3.connect(file) as database:
            tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in tables:
                for row in database.execute(f"SELECT * FROM {table}"):
                    found += [value if isinstance(value, bytes) else str(value).encode() for value in row]
    return found


def keys_of(store: ZoneStore) -> list[bytes]:
    with store.connect() as connection:
        return [bytes(row[0]) for row in connection.exec_driver_sql("SELECT wrapped FROM subject_key")]


def test_no_key_is_in_a_backup_and_all_of_it_comes_back_to_an_empty_machine(make: Make) -> None:
    one = make()
    before, wrapped = answers(one), keys_of(one.platform.store("identified"))
    made = back_up(one.platform, one.operator)
    folder = Path(made["place"])
    assert made["zones"]["identified"]["resources"] == 6
    assert set(values_of(folder)).isdisjoint(wrapped)
    hashes = {zone: one.platform.store(zone).content_hash() for zone in ("identified", "research")}

    other = make("other")
    for zone in ("identified", "research"):
        erase_all(other, zone)
    told = restore(other.platform, other.operator, folder, over=True)
    assert {zone: other.platform.store(zone).content_hash() for zone in hashes} == hashes
    assert told["zones"]["identified"]["lost_keys"] == 0
    assert answers(other) == before
    for zone in hashes:
        assert other.platform.store(zone).check().is_whole  # type: ignore[arg-type]


def erase_all(made: Hospital, zone: str) -> None:
    """Nothing of the machine's own audit chain is there, as on one that was set up anew."""
    made.platform.close()
    data = made.platform.settings.data
    if data.database:
        from careloom.store.engine import open_engine

        engine = open_engine(data.database, zone)
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP SCHEMA public CASCADE")
            connection.exec_driver_sql("CREATE SCHEMA public")
        engine.dispose()
    shutil.rmtree(data.directory / zone)


def test_an_erasure_leaves_every_backup_and_no_restore_brings_the_patient_back(make: Make) -> None:
    one = make()
    patient = one.stored_id("Patient", "p1")
    folder = Path(back_up(one.platform, one.operator)["place"])
    away = one.folder / "away"
    shutil.copytree(folder, away)  # a copy that nobody can reach
    others = answers(one, patient)
    assert patient.encode() in values_of(folder)

    report = erase(one.platform, OFFICER, "Patient/p1")
    assert report["removed"]["data keys of backups"] >= 2
    assert report["removed"]["rows of backups"] > 0
    assert report["hits"] == 0
    assert patient.encode() not in values_of(folder)
    assert set(ledger_of(one.platform).keys("identified")) < set(known_subjects(away))
    backups.read_manifest(one.platform, folder)
    shutil.move(away, one.folder / "data" / "backups" / "old")

    for place in (one.folder / "data" / "backups" / "old", folder):
        told = restore(one.platform, one.operator, place, over=True)
        assert answers(one) == others
        assert told["zones"]["identified"]["events"] >= 2
        assert one.platform.store("identified").is_erased(patient)
        assert verify_audit(one.platform, OFFICER)["verified"]
        assert one.platform.store("identified").check().is_whole
    shutil.rmtree(one.folder / "data" / "backups" / "old")
    assert check_certificate(one.platform, OFFICER, Path(report["place"]).read_bytes())["hits"] == 0
    one.ingest([{"resourceType": "Patient", "id": "p1", "name": [{"family": "Quillfeather"}]}])
    assert answers(one) == others  # the tombstone came back, too


def known_subjects(folder: Path) -> list[int]:
    with sqlite3.connect(folder / "identified.db") as database:
        return [row[0] for row in database.execute("SELECT subject FROM subject_key")]


def test_an_old_backup_on_a_new_machine_lacks_who_was_erased_since(make: Make) -> None:
    one = make()
    folder = Path(back_up(one.platform, one.operator)["place"])
    away = one.folder / "away"
    shutil.copytree(folder, away)
    others = answers(one, one.stored_id("Patient", "p1"))
    erase(one.platform, OFFICER, "Patient/p1")

    for zone in ("identified", "research"):
        erase_all(one, zone)
    told = restore(one.platform, one.operator, away)
    assert told["zones"]["identified"]["lost_keys"] == 1
    assert told["zones"]["identified"]["left"] > 0
    assert answers(one) == others
    assert one.platform.store("identified").is_erased(one.stored_id("Patient", "p1"))


@pytest.mark.long
def test_rules_that_came_after_a_backup_hold_after_its_restoration(make: Make) -> None:
    one = make()
    folder = Path(back_up(one.platform, one.operator)["place"])
    rule = set_rule(one.platform, OFFICER, RuleAsk("hold", "Patient/p2", reason="a court asks"))
    restore(one.platform, one.operator, folder, over=True)
    (found,) = rules(one.platform, OFFICER)
    assert (found["rule"], found["reason"], found["created"]) == (rule["rule"], "a court asks", rule["created"])


def test_what_is_there_is_not_replaced_unasked_nor_by_a_backup_that_was_changed(make: Make) -> None:
    one = make()
    folder = Path(back_up(one.platform, one.operator)["place"])
    before = answers(one)
    with pytest.raises(Conflict):
        restore(one.platform, one.operator, folder)
    assert check(one.platform, one.operator, folder)["zones"]["identified"]["missing"] == 0
    with (folder / "identified.db").open("r+b") as file:
        file.seek(4096)
        file.write(b"\1")
    with pytest.raises(IntegrityError):
        restore(one.platform, one.operator, folder, over=True)
    assert answers(one) == before


def test_without_the_ledger_no_backup_can_be_read(make: Make, tmp_path: Path) -> None:
    one = make()
    folder = Path(back_up(one.platform, one.operator)["place"])
    (tmp_path / "keys" / "backups.db").unlink()
    with pytest.raises(SetupError):
        restore(one.platform, one.operator, folder, over=True)


@pytest.mark.long
def test_the_salt_of_an_epoch_that_was_retired_since_is_in_no_backup(make: Make) -> None:
    one = make()
    rotate(one.platform, OFFICER)
    one.deidentify()
    rotate(one.platform, OFFICER)
    folder = Path(back_up(one.platform, one.operator)["place"])
    one.deidentify()
    retire(one.platform, OFFICER, "research", 2)
    backups.forget(one.platform)
    restore(one.platform, one.operator, folder, over=True)
    with one.platform.store("identified").vault() as reader:
        assert [bool(epoch.retired) for epoch in reader.epochs()] == [False, True, False]


@pytest.mark.long
@pytest.mark.parametrize("begins", [backups.backup.sync, backups._write_manifest])
def test_a_rewriting_that_was_killed_leaves_a_backup_that_holds_and_is_done_again(
    make: Make, begins: Callable[..., object]
) -> None:
    one = make()
    folder = Path(back_up(one.platform, one.operator)["place"])
    killed(erase_apart, one.platform.settings, one.clock, "Patient/p1", at=begins, moment="call")
    backups.read_manifest(one.platform, folder)
    report = erase(one.platform, OFFICER, "Patient/p1")
    assert report["hits"] == 0
    assert one.stored_id("Patient", "p1").encode() not in values_of(folder)
    backups.read_manifest(one.platform, folder)
    assert not list(folder.glob("*.part"))


@pytest.mark.long
def test_backups_are_listed_and_each_file_has_its_digest(make: Make) -> None:
    one = make()
    made = [back_up(one.platform, one.operator)["backup"]]
    one.clock.move(hours=1)
    made.append(back_up(one.platform, one.operator)["backup"])
    found = listed(one.platform, one.operator)
    assert [one_backup["backup"] for one_backup in found] == made[::-1]
    assert all(one_backup["whole"] and one_backup["reachable"] for one_backup in found)
    place = Path(found[0]["place"])
    manifest = backups.read_manifest(one.platform, place)
    assert manifest["files"]["identified.db"] == digest_of(place / "identified.db")
