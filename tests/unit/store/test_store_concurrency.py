"""Several threads and processes on one zone."""

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from careloom.store.rows import Landing
from careloom.store.zone_store import ZoneStore
from tests.store_kit import event, put


def test_writers_of_several_openings_make_one_chain(open_again: Callable[..., ZoneStore]) -> None:
    stores = [open_again() for _ in range(3)]
    errors: list[BaseException] = []

    def work(store: ZoneStore, name: str) -> None:
        try:
            for number in range(8):
                with store.transaction(event) as tx:
                    landed = tx.land(None, [Landing("fhir", f"{number}".encode(), ("p1",))])[0]
                    tx.write([put("Observation", f"{name}{number}", ("p1", name), landed.rec, value=number)])
        except BaseException as error:  # noqa: BLE001 shown by the assertion below
            errors.append(error)

    threads = [threading.Thread(target=work, args=(store, f"w{n}")) for n, store in enumerate(stores)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert stores[0].count() == {"Observation": 24}
    report = stores[0].verify_audit()
    assert (report.rows, report.is_whole, report.anchored) == (24, True, 24)
    assert stores[0].check().is_whole


def test_a_reader_sees_one_state_while_a_writer_commits(store: ZoneStore) -> None:
    with store.transaction(event) as tx:
        tx.write([put("Observation", f"o{n:04}", ("p1",), value=0) for n in range(1200)])
    seen = []
    for one in store.scan(["Observation"]):
        if not seen:
            with store.transaction(event) as tx:
                tx.write([put("Observation", f"o{n:04}", ("p1",), value=1) for n in range(1200)])
        seen.append(one.resource()["value"])
    assert seen == [0] * 1200
    assert store.read("Observation", "o0000").resource()["value"] == 1


def test_many_threads_read_what_was_written_while_another_writes(store: ZoneStore) -> None:
    with store.transaction(event) as tx:
        tx.write([put("Observation", f"o{n:03}", (f"p{n % 40}",), value=float(n)) for n in range(400)])
    rids = {stored.id: stored.rid for stored in store.scan(["Observation"])}
    is_over = threading.Event()

    def write() -> None:
        for round_number in range(1, 6):
            with store.transaction(event) as tx:
                tx.write(
                    [put("Observation", f"o{n:03}", (f"p{n % 40}",), value=n + round_number / 8) for n in range(400)]
                )
        is_over.set()

    def read(worker: int) -> int:
        chance, count = random.Random(worker), 0
        while not is_over.is_set() or count < 50:
            number = chance.randrange(400)
            one = store.read("Observation", f"o{number:03}").resource()
            several = store.read_many([rids[f"o{n:03}"] for n in (number, (number + 1) % 400)])
            assert int(one["value"]) == number
            assert [int(stored.resource()["value"]) for stored in several] == [number, (number + 1) % 400]
            store.append_audit(event(operation="read"))
            count += 1
        return count

    with ThreadPoolExecutor(9) as pool:
        writing = pool.submit(write)
        counts = [future.result(60) for future in [pool.submit(read, worker) for worker in range(8)]]
        writing.result(60)
    report = store.verify_audit()
    assert (report.rows, report.is_whole) == (6 + sum(counts), True)
