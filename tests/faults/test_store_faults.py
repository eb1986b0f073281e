"""What a store is after a kill, on a full disk, behind a lock, in wrong hands."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from careloom.crypto.keys_local import LocalKeys
from careloom.errors import CareloomError, Conflict, IntegrityError, SetupError
from careloom.store.rows import Landing
from careloom.store.zone_store import ZoneStore
from tests.store_kit import event, open_zone, put

ROOT = Path(__file__).resolve().parents[2]
BATCH = 50
WRITER = """
import sys
from pathlib import Path
from careloom.crypto.keys_local import LocalKeys
from careloom.store.rows import Landing
from tests.store_kit import event, open_zone, put

place = Path(sys.argv[1])
store = open_zone(place, LocalKeys.open(place / "keys"))
for batch in range(10_000):
    with store.transaction(event) as tx:
        landed = tx.land(None, [Landing("fhir", f"{batch}/{n}".encode(), (f"p{n % 3}",)) for n in range(50)])
        tx.write([put("Observation", f"{batch:05}-{n:03}", (f"p{n % 3}",), one.rec, value=float(batch))
                  for n, one in enumerate(landed)])
    print(batch, flush=True)
"""


def run_and_kill(place: Path, seconds: float) -> int:
    """Runs the writer, kills it without warning; returns the last batch that it said was durable, -1 for none."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(place)], stdout=subprocess.PIPE, cwd=ROOT, env=os.environ, text=True
    )
    assert writer.stdout is not None
    first = writer.stdout.readline()
    time.sleep(seconds)
    writer.send_signal(signal.SIGKILL)
    said = [first, *writer.stdout.readlines()]
    writer.wait()
    writer.stdout.close()
    whole = [line for line in said if line.endswith("\n")]
    return int(whole[-1]) if whole else -1


@pytest.mark.parametrize("seed", range(4))
def test_a_kill_loses_nothing_that_was_acknowledged_and_leaves_only_whole_batches(tmp_path: Path, seed: int) -> None:
    durable = run_and_kill(tmp_path, random.Random(seed).uniform(0.0, 0.4))
    assert durable >= 0
    store = open_zone(tmp_path, LocalKeys.open(tmp_path / "keys", create=False))
    count = store.count()["Observation"]
    assert count % BATCH == 0
    assert count // BATCH in (durable + 1, durable + 2)
    report = store.verify_audit()
    assert report.is_whole
    assert report.rows == count // BATCH
    assert store.check().is_whole
    with store.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM record").scalar() == count
    with store.transaction(event) as tx:
        assert tx.write([put("Observation", "00000-000", ("p0",), value=0.0)]) == ["unchanged"]
    store.close()


def test_a_second_writer_waits_and_is_then_told_to_try_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("careloom.store.engine.BUSY_SECONDS", 0.2)
    keys = LocalKeys.open(tmp_path / "keys")
    one, other = open_zone(tmp_path, keys), open_zone(tmp_path, keys)
    with one.transaction(event) as tx:
        tx.write([put("Patient", "p1", ("p1",))])
        with pytest.raises(Conflict), other.transaction(event):
            pass
    with other.transaction(event) as tx:
        assert tx.write([put("Patient", "p1", ("p1",))]) == ["unchanged"]
    assert one.verify_audit().rows == 2
    one.close()
    other.close()


def test_a_full_disk_is_a_setup_error_and_nothing_of_the_step_is_there(tmp_path: Path) -> None:
    store = open_zone(tmp_path, LocalKeys.open(tmp_path / "keys"))
    with store.transaction(event) as tx:
        tx.write([put("Patient", "p1", ("p1",))])
    before = store.content_hash()
    with store.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 5}")  # the pool hands this connection out again
    with pytest.raises(SetupError), store.transaction(event) as tx:
        tx.land(None, [Landing("note", os.urandom(4096), ("p1",)) for _ in range(50)])
    assert store.content_hash() == before
    store.close()
    store = open_zone(tmp_path, LocalKeys.open(tmp_path / "keys"))
    assert store.verify_audit().is_whole
    with store.transaction(event) as tx:
        tx.write([put("Patient", "p2", ("p2",))])
    store.close()


def test_a_key_service_that_fails_stops_the_step_whole(tmp_path: Path) -> None:
    class Failing(LocalKeys):
        is_down = False

        def wrap(self, data_key: bytes, context: bytes) -> tuple[str, bytes]:
            if self.is_down:
                raise SetupError("the key service is down", "start it")
            return super().wrap(data_key, context)

    keys = Failing.open(tmp_path / "keys")
    store = open_zone(tmp_path, keys)
    keys.is_down = True  # type: ignore[attr-defined]
    with pytest.raises(SetupError), store.transaction(event) as tx:
        tx.write([put("Organization", "o"), put("Patient", "p1", ("p1",))])
    keys.is_down = False  # type: ignore[attr-defined]
    assert store.count() == {}
    with store.transaction(event) as tx:
        tx.write([put("Patient", "p1", ("p1",), active=True)])
    assert store.read("Patient", "p1").resource()["active"] is True
    store.close()


def test_a_database_that_is_none_is_an_integrity_error(tmp_path: Path) -> None:
    place = tmp_path / "identified"
    place.mkdir(mode=0o700)
    (place / "store.db").write_bytes(b"this is no database " * 400)
    with pytest.raises(IntegrityError):
        open_zone(tmp_path, LocalKeys.open(tmp_path / "keys"))


def test_a_database_of_another_zone_or_other_keys_or_version_is_refused(tmp_path: Path) -> None:
    keys = LocalKeys.open(tmp_path / "keys")
    open_zone(tmp_path, keys).close()
    with pytest.raises(SetupError):
        open_zone(tmp_path, LocalKeys.open(tmp_path / "other"))
    (tmp_path / "identified").rename(tmp_path / "research")
    with pytest.raises(SetupError):
        open_zone(tmp_path, keys, zone="research")
    (tmp_path / "research").rename(tmp_path / "identified")
    connection = sqlite3.connect(tmp_path / "identified" / "store.db")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    with pytest.raises(SetupError):
        open_zone(tmp_path, keys)


def test_a_place_that_cannot_be_written_is_a_setup_error(tmp_path: Path) -> None:
    (tmp_path / "identified").write_text("a file where the folder should be")
    with pytest.raises(SetupError):
        open_zone(tmp_path, LocalKeys.open(tmp_path / "keys"))
    for url in ("mysql://host/x", "postgresql+psycopg://nobody@127.0.0.1:1/none"):
        with pytest.raises(SetupError):
            open_zone(url, LocalKeys.open(tmp_path / "keys"))  # type: ignore[arg-type]


def test_files_of_a_store_are_private(tmp_path: Path) -> None:
    store = open_zone(tmp_path, LocalKeys.open(tmp_path / "keys"))
    store.append_audit(event())
    for path in (tmp_path / "identified").iterdir():
        assert path.stat().st_mode & 0o077 == 0, path.name
    store.close()


def test_messages_of_errors_hold_no_value(tmp_path: Path) -> None:
    store = open_zone(tmp_path, LocalKeys.open(tmp_path / "keys"))
    with pytest.raises(CareloomError) as caught, store.transaction(event) as tx:
        tx._tools.connection.exec_driver_sql("INSERT INTO resource (id, type) VALUES ('Canaryname', 'Patient')")
    assert "Canaryname" not in str(caught.value)
    assert caught.value.__cause__ is None
    store.close()


def test_every_changed_page_of_a_store_is_found_or_harmless(tmp_path: Path) -> None:
    keys = LocalKeys.open(tmp_path / "keys")
    store = open_zone(tmp_path, keys)
    with store.transaction(event) as tx:
        tx.write([put("Observation", f"o{n}", (f"p{n}",), status="final", value=float(n)) for n in range(400)])
    expected = {one.id: one.content for one in store.scan()}
    store.close()
    path = tmp_path / "identified" / "store.db"
    whole = path.read_bytes()
    rng = random.Random(5)
    found = 0
    for _ in range(60):
        at = rng.randrange(len(whole))
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << rng.randrange(8)]) + whole[at + 1 :])
        found += _differs(tmp_path, keys, expected)
    assert found > 0
    path.write_bytes(whole)
    assert not _differs(tmp_path, keys, expected)


def _differs(place: Path, keys: LocalKeys, expected: dict[str, bytes]) -> bool:
    """True if the damage is noticed; content that reads without an error must be the content that was written."""
    store: ZoneStore | None = None
    try:
        store = open_zone(place, keys)
        for one in store.scan():
            assert one.content == expected[one.id]
        return not (store.check().is_whole and store.verify_audit().is_whole)
    except CareloomError:
        return True
    finally:
        if store is not None:
            store.close()
