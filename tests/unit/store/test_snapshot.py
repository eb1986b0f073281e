"""A snapshot of one type is one moment of it, on both databases, whatever is written while it is read."""

from datetime import timedelta
from typing import Any

from careloom.runtime import Runtime
from careloom.store import bulk
from careloom.store.engine import writing
from careloom.store.rows import Write
from careloom.store.snapshot import SnapshotReader, names_of_rows, snapshot
from careloom.store.zone_store import ZoneStore
from tests.store_kit import START, delete, event, put


def write(store: ZoneStore, *writes: Write) -> None:
    with store.transaction(event) as transaction:
        transaction.write(list(writes))


def observation(name: str, status: str, patient: str = "p1") -> Write:
    return put("Observation", name, (patient,), status=status)


def read(store: ZoneStore, rows: Any, as_of: int) -> dict[str, str]:
    reader = SnapshotReader(store.keys, store.runtime.random_bytes, "Observation", as_of)
    with store.connect() as connection:
        return {
            one["id"]: f"{one['status']} {one['meta']['versionId']}" for one in reader.part(connection, rows).resources
        }


def test_what_is_changed_deleted_or_added_later_is_read_as_it_was(store: ZoneStore) -> None:
    write(store, observation("a", "final"), observation("b", "final", "p2"), observation("c", "final"))
    write(store, delete("Observation", "c", ("p1",)), put("Patient", "p1", ("p1",)))
    with store.connect() as connection:
        state = snapshot(connection, "Observation")
        assert names_of_rows(connection, state.rows) == ["a", "b"]
        assert names_of_rows(connection, state.deleted) == ["c"]
    write(store, observation("a", "amended"), delete("Observation", "b", ("p2",)), observation("d", "final"))
    assert read(store, state.rows, state.as_of) == {"a": "final 1", "b": "final 1"}
    with store.connect() as connection:
        later = snapshot(connection, "Observation")
    assert read(store, later.rows, later.as_of) == {"a": "amended 2", "d": "final 1"}


def test_resources_are_read_as_a_read_gives_them(store: ZoneStore) -> None:
    write(store, put("Observation", "a", ("p1",), status="final", meta={"tag": [{"code": "t"}]}))
    with store.connect() as connection:
        state = snapshot(connection, "Observation")
        part = SnapshotReader(store.keys, store.runtime.random_bytes, "Observation", state.as_of).part(
            connection, state.rows
        )
    assert list(part.resources) == [store.read("Observation", "a").resource()]
    assert len(part.subjects) == 1


def test_only_what_changed_since_is_listed_that_moment_included(store: ZoneStore) -> None:
    write(store, observation("a", "final"))
    with store.connect() as connection:
        first = snapshot(connection, "Observation")
    write(store, observation("b", "final"), observation("c", "final"))
    with store.connect() as connection:
        assert len(snapshot(connection, "Observation", first.as_of + 1).rows) == 2
        assert len(snapshot(connection, "Observation", first.as_of).rows) == 3
        assert snapshot(connection, "Encounter").as_of == 0


def test_an_erased_patient_is_gone_from_a_snapshot_that_was_begun_before(store: ZoneStore) -> None:
    write(store, put("Patient", "p1", ("p1",)), observation("a", "final"), observation("b", "final", "p2"))
    with store.connect() as connection:
        state = snapshot(connection, "Observation")
    store.erase(["p1"], lambda report: event(), names_patient=lambda raw, source: False)
    assert read(store, state.rows, state.as_of) == {"b": "final 1"}


def test_time_goes_on_though_the_clock_is_set_back(store: ZoneStore) -> None:
    moments = iter([1000, 400, 400, 999, 2000, 1500])
    store.runtime = Runtime(clock=lambda: START + timedelta(seconds=next(moments)))
    written = []
    for number in range(4):
        write(store, observation("a", f"status-{number}"))
        written.append(store.read("Observation", "a").last_updated - START)
    assert written == [timedelta(seconds=1000, microseconds=number) for number in range(4)]
    with store.connect() as connection:
        state = snapshot(connection, "Observation")
    write(store, observation("a", "later"))
    write(store, observation("b", "later still"))
    assert read(store, state.rows, state.as_of) == {"a": "status-3 4"}
    with store.connect() as connection:
        assert len(snapshot(connection, "Observation", state.as_of + 1).rows) == 2


def test_a_database_that_kept_no_moment_of_its_newest_write_goes_on_after_it(store: ZoneStore) -> None:
    store.runtime = Runtime(clock=lambda: START + timedelta(seconds=1000))
    write(store, observation("a", "final"))
    with writing(store._engine) as connection:
        bulk.run(connection, "DELETE FROM meta WHERE name = ?", [("counter.newest",)])
    store.runtime = Runtime(clock=lambda: START)
    write(store, observation("a", "amended"))
    assert store.read("Observation", "a").last_updated - START == timedelta(seconds=1000, microseconds=1)
