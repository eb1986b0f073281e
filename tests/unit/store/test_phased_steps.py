"""Steps that look first are written with the same statements, and come out as if one after the other."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from careloom.errors import Conflict, Precondition
from careloom.store.rows import Write
from careloom.store.steps import Phased, Step, run_all
from careloom.store.transaction import Transaction
from careloom.store.zone_store import ZoneStore
from tests.store_kit import delete, event, put

Done = tuple[int, int]
"""(version that was made, how many steps were written at once)."""


@dataclass(frozen=True)
class Wish:
    """What one step found out: the resource to write, and the version before it."""

    name: str
    before: int
    value: int


def write_all(tx: Transaction, wishes: Sequence[Wish]) -> list[Done]:
    writes = [put("Observation", one.name, ("p1",), value=one.value) for one in wishes]
    outcomes = tx.write(writes)
    tx.audit_all([event(operation="update") for _ in wishes])
    stored = [tx.as_written(write, outcome) for write, outcome in zip(writes, outcomes, strict=True)]
    return [(one.version if one is not None else 0, len(wishes)) for one in stored]


def wish(name: str, value: int, expected: int | None = None) -> Phased[Wish, Done]:
    """Writes a value; with `expected` it is refused unless the version is that one."""

    def look(tx: Transaction) -> Wish:
        before = tx.reader.named(tx.connection, "Observation", [name]).get(name)
        version = 0 if before is None else before.version
        if expected is not None and version != expected:
            raise Precondition("another version", "read it again")
        return Wish(name, version, value)

    return Phased(look, {("Observation", name)}, lambda found: {("Observation", found.name)}, write_all)


def run(store: ZoneStore, acts: Sequence[object]) -> list[object]:
    """What became of each step of one group: its result, or the type of its error."""
    steps = [Step(act) for act in acts]  # type: ignore[arg-type]
    store._write_steps(lambda: steps)
    found: list[object] = []
    for step in steps:
        try:
            found.append(step.result())
        except Precondition as error:
            found.append(type(error))
    return found


def test_steps_about_different_resources_are_written_at_once(store: ZoneStore) -> None:
    assert run(store, [wish(f"o{n}", n) for n in range(5)]) == [(1, 5)] * 5
    assert [store.read("Observation", f"o{n}").resource()["value"] for n in range(5)] == list(range(5))
    report = store.verify_audit()
    assert (report.is_whole, report.rows) == (True, 5)


def test_a_step_about_the_same_resource_sees_what_an_earlier_one_wrote(store: ZoneStore) -> None:
    acts = [wish("o1", 1, expected=0), wish("o2", 2), wish("o1", 3, expected=0), wish("o1", 4, expected=1)]
    assert run(store, acts) == [(1, 2), (1, 2), Precondition, (2, 1)]
    assert store.read("Observation", "o1").resource()["value"] == 4


def test_a_step_of_one_phase_stands_between_those_before_and_behind_it(store: ZoneStore) -> None:
    def remove(tx: Transaction) -> str:
        assert tx.reader.present(tx.connection, "Observation", ["o1", "o2"]) == {"o1"}
        tx.write([delete("Observation", "o1")])
        return "removed"

    assert run(store, [wish("o1", 1), remove, wish("o1", 2, expected=2)]) == [(1, 1), "removed", (3, 1)]


def test_an_error_while_writing_undoes_all_steps_of_the_group(store: ZoneStore) -> None:
    def fail(tx: Transaction, wishes: Sequence[Wish]) -> list[Done]:
        write_all(tx, wishes)
        raise Conflict("it changed below this step", "try again")

    broken = [Phased(wish(f"o{n}", n).look, (), wish(f"o{n}", n).names, fail) for n in range(3)]
    before = store.content_hash()
    with pytest.raises(Conflict):
        run(store, broken)
    assert store.content_hash() == before
    assert store.verify_audit().rows == 0


def test_what_a_write_made_is_what_a_read_gives(store: ZoneStore) -> None:
    def act(tx: Transaction, writes: Sequence[Write]) -> None:
        outcomes = tx.write(writes)
        for write, outcome in zip(writes, outcomes, strict=True):
            stored = tx.reader.named(tx.connection, write.type, [write.id])[write.id]
            made = tx.as_written(write, outcome)
            assert made == (None if outcome == "unchanged" else stored), outcome
            seen.append(outcome)

    seen: list[str] = []
    store.step(lambda tx: act(tx, [put("Observation", "o1", ("p1",), value=1), put("Patient", "p1", ("p1",))]))
    store.step(lambda tx: act(tx, [put("Observation", "o1", ("p1",), value=2), put("Patient", "p1", ("p1",))]))
    store.step(lambda tx: act(tx, [delete("Observation", "o1")]))
    assert seen == ["created", "created", "updated", "unchanged", "deleted"]


def test_a_counter_that_many_threads_raise_loses_no_step(store: ZoneStore) -> None:
    done = threading.Event()

    def raise_it(_thread: int) -> int:
        kept = 0
        while kept < 10:
            try:
                version = store.read("Observation", "counter").version
                store.step(wish("counter", version, expected=version))
                kept += 1
            except Precondition:
                assert not done.is_set()
        return kept

    store.step(wish("counter", 0))
    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(raise_it, range(6))) == 60
    done.set()
    assert store.read("Observation", "counter").version == 61


def test_nothing_is_written_for_no_steps(store: ZoneStore) -> None:
    before = store.content_hash()
    with store.transaction(event) as tx:
        run_all(tx, [])
    assert store.content_hash() == before
