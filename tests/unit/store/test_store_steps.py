"""Steps share a transaction and not their fate; a history is paged in one order, on both databases."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from careloom.errors import NotFound, Precondition
from careloom.store.reads import HistoryAsk
from careloom.store.rows import Stored
from careloom.store.transaction import Transaction
from careloom.store.zone_store import ZoneStore
from tests.store_kit import delete, event, put


def writing(name: str, error: Exception | None = None, *, is_late: bool = False) -> Callable[[Transaction], str]:
    """A step that writes one Observation; with an error it raises that, before it writes or after."""

    def act(tx: Transaction) -> str:
        if error is not None and not is_late:
            raise error
        tx.write([put("Observation", name, ("p1",), status=name)])
        tx.audit(event(operation="create"))
        if error is not None:
            raise error
        return name

    return act


def test_steps_of_many_threads_are_all_kept_and_each_has_its_event(store: ZoneStore) -> None:
    names = [f"o{number}" for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda name: store.step(writing(name)), names)) == names
    assert set(store.all_names()) == {f"Observation/{name}" for name in names}
    report = store.verify_audit()
    assert (report.is_whole, report.rows) == (True, len(names))


def test_a_step_that_refuses_before_it_writes_fails_alone(store: ZoneStore) -> None:
    refused = Precondition("here", "do this")

    def one(number: int) -> str:
        try:
            return store.step(writing(f"o{number}", refused if number % 3 == 0 else None))
        except Precondition:
            return "refused"

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(one, range(18)))
    assert done == ["refused" if number % 3 == 0 else f"o{number}" for number in range(18)]
    assert set(store.all_names()) == {f"Observation/o{number}" for number in range(18) if number % 3}


def test_a_step_that_fails_after_it_wrote_leaves_nothing(store: ZoneStore) -> None:
    before = store.content_hash()
    for error in (Precondition("here", "do this"), KeyError("a defect")):
        with pytest.raises(type(error)):
            store.step(writing("o1", error, is_late=True))
    assert store.content_hash() == before
    assert store.verify_audit().rows == 0
    assert store.step(writing("o2")) == "o2"
    assert store.check().is_whole


def test_a_step_sees_what_is_there_and_what_it_wrote(store: ZoneStore) -> None:
    store.step(writing("o1"))

    def act(tx: Transaction) -> tuple[set[str], set[str], list[str]]:
        before = tx.reader.present(tx.connection, "Observation", ["o1", "o2"])
        tx.write([put("Observation", "o2"), delete("Observation", "o1")])
        return before, tx.reader.present(tx.connection, "Observation", ["o1", "o2"]), tx.erased(["p1"])

    assert store.step(act) == ({"o1"}, {"o2"}, [])


def pages(store: ZoneStore, kind: str, name: str, limit: int, since: int = 0) -> list[list[Stored]]:
    """Every page of a history."""
    found, ask = [], HistoryAsk(kind, name, since, limit)
    while True:
        page = store.history_page(ask)
        found.append(page.versions)
        if page.following is None:
            return found
        ask = HistoryAsk(kind, name, since, limit, page.following)


@pytest.fixture
def versions(store: ZoneStore) -> list[tuple[datetime, str, str, int]]:
    """What was written, newest first."""
    for number in range(3):
        writes = [put("Observation", "o1", status=str(number)), put("Condition", "c1", note=number)]
        store.step(lambda tx, writes=writes: tx.write(writes))  # type: ignore[misc]
    store.step(lambda tx: tx.write([delete("Observation", "o1"), put("Observation", "o2")]))
    every = [stored for name in ("o1", "o2") for stored in store.history("Observation", name)]
    every += store.history("Condition", "c1")
    return sorted(((one.last_updated, one.type, one.id, one.version) for one in every), reverse=True)


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_a_history_is_whole_on_pages_of_any_size(
    store: ZoneStore, versions: list[tuple[datetime, str, str, int]], limit: int
) -> None:
    for kind, name in (("", ""), ("Observation", ""), ("Observation", "o1"), ("Condition", "c1")):
        found = pages(store, kind, name, limit)
        assert all(len(page) == limit for page in found[:-1])
        listed = [(one.last_updated, one.type, one.id, one.version) for page in found for one in page]
        wanted = [one for one in versions if kind in ("", one[1]) and name in ("", one[2])]
        assert sorted(listed, reverse=True) == wanted
        assert [one[0] for one in listed] == [one[0] for one in wanted]
    assert pages(store, "Observation", "o1", limit)[0][0].deleted


def test_a_history_begins_where_it_is_asked_to(
    store: ZoneStore, versions: list[tuple[datetime, str, str, int]]
) -> None:
    middle = versions[len(versions) // 2][0]
    since = int((middle - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000)
    found = [one.last_updated for page in pages(store, "", "", 2, since) for one in page]
    assert found == [time for time, *_ in versions if time >= middle]
    with pytest.raises(NotFound):
        store.history_page(HistoryAsk("Observation", "never"))
