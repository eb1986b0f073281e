"""What many threads append at once is written by one of them, in order, and none returns before it is durable."""

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from careloom.audit import AuditEvent
from careloom.crypto.keys_local import LocalKeys
from careloom.errors import Conflict, IntegrityError, SetupError
from careloom.store.audit_log import Anchor, Head
from careloom.store.erasure import ErasureReport
from careloom.store.group_commit import GroupCommit, Take
from careloom.store.zone_store import ZoneStore
from tests.store_kit import event, open_zone, put


class Disk:
    """Where groups are written; it can be held before and after it takes them, and can fail."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.fails: list[BaseException] = []
        self.is_locking, self.may_lock = threading.Event(), threading.Event()
        self.may_lock.set()
        self.is_writing = threading.Event()
        self.may_write = threading.Event()
        self.may_write.set()

    def write(self, take: Take[int]) -> None:
        if not self.may_lock.is_set():
            self.is_locking.set()
            assert self.may_lock.wait(10)
            if self.fails:
                raise self.fails.pop(0)
        entries = take()
        self.is_writing.set()
        assert self.may_write.wait(10)
        if self.fails:
            raise self.fails.pop(0)
        self.groups.append(list(entries))


@pytest.fixture
def disk() -> Disk:
    return Disk()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def held(pool: ThreadPoolExecutor, commits: GroupCommit[int], disk: Disk, entries: range) -> list[Future[None]]:
    """The first entry is being written, and the others wait behind it, in order."""
    disk.may_write.clear()
    disk.is_writing.clear()
    first = pool.submit(commits.append, entries[0])
    assert disk.is_writing.wait(10)
    others = []
    for number, entry in enumerate(entries[1:], 1):
        others.append(pool.submit(commits.append, entry))
        until(partial(_wait_behind, commits, number))
    return [first, *others]


def _wait_behind(commits: GroupCommit[int], count: int) -> bool:
    return len(commits._waiting) == count


def test_a_lone_caller_writes_a_group_of_one(disk: Disk) -> None:
    commits = GroupCommit(disk.write)
    for entry in range(3):
        commits.append(entry)
    assert disk.groups == [[0], [1], [2]]


def test_those_who_come_while_one_writes_are_the_next_group_in_their_order(disk: Disk) -> None:
    commits = GroupCommit(disk.write)
    with ThreadPoolExecutor(8) as pool:
        futures = held(pool, commits, disk, range(8))
        disk.may_write.set()
        for future in futures:
            future.result(10)
    assert disk.groups == [[0], [1, 2, 3, 4, 5, 6, 7]]


def test_those_who_come_while_the_leader_waits_for_a_lock_are_in_its_group(disk: Disk) -> None:
    commits = GroupCommit(disk.write)
    disk.may_lock.clear()
    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(commits.append, 0)]
        assert disk.is_locking.wait(10)
        for entry in (1, 2):
            futures.append(pool.submit(commits.append, entry))
            until(partial(_wait_behind, commits, entry + 1))
        disk.may_lock.set()
        for future in futures:
            future.result(10)
    assert disk.groups == [[0, 1, 2]]


def test_a_lock_that_is_not_had_fails_those_who_waited_from_the_start_and_no_other(disk: Disk) -> None:
    commits = GroupCommit(disk.write)
    disk.may_lock.clear()
    disk.fails = [Conflict("the store is being written", "try again")]
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(commits.append, 0)
        assert disk.is_locking.wait(10)
        late = pool.submit(commits.append, 1)
        until(partial(_wait_behind, commits, 2))
        disk.may_lock.set()
        assert isinstance(first.exception(10), Conflict)
        late.result(10)
    assert disk.groups == [[1]]


@pytest.mark.parametrize(
    ("raised", "seen"),
    [
        (Conflict("the store is being written", "try again"), Conflict),
        (IntegrityError("the chain lacks rows", "call the operator"), IntegrityError),
        (SetupError("the disk is full", "free space"), SetupError),
        (MemoryError(), SetupError),
    ],
)
def test_a_failure_reaches_every_caller_of_its_group_and_no_other(
    disk: Disk, raised: Exception, seen: type[Exception]
) -> None:
    commits = GroupCommit(disk.write)
    with ThreadPoolExecutor(8) as pool:
        first, *others = held(pool, commits, disk, range(4))
        disk.fails = [OSError(), raised]
        disk.may_write.set()
        assert isinstance(first.exception(10), OSError)
        errors = [future.exception(10) for future in others]
    assert errors[0] is raised
    assert [type(error) for error in errors[1:]] == [seen, seen]
    assert len({id(error) for error in errors}) == 3
    commits.append(4)
    assert disk.groups == [[4]]


def test_no_append_returns_before_its_own_group_is_written() -> None:
    written: set[int] = set()

    def write(take: Take[int]) -> None:
        entries = take()
        time.sleep(0.0005)
        written.update(entries)

    commits = GroupCommit(write)

    def work(worker: int) -> bool:
        return all(_appended(commits, written, worker * 1000 + number) for number in range(100))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))
    assert len(written) == 800


def _appended(commits: GroupCommit[int], written: set[int], entry: int) -> bool:
    commits.append(entry)
    return entry in written


def test_a_caller_that_a_signal_takes_away_leaves_the_others_a_leader(disk: Disk) -> None:
    class Alarm(Exception):  # noqa: N818 - reads as what happened
        pass

    def ring(*_: object) -> None:
        raise Alarm

    commits = GroupCommit(disk.write)
    before = signal.signal(signal.SIGALRM, ring)
    try:
        with ThreadPoolExecutor(8) as pool:
            futures = held(pool, commits, disk, range(1))
            later: list[Future[None]] = []

            def others_come() -> None:
                until(lambda: len(commits._waiting) == 1)
                later.extend(pool.submit(commits.append, entry) for entry in (2, 3))
                until(lambda: len(commits._waiting) == 3)
                os.kill(os.getpid(), signal.SIGALRM)

            coming = pool.submit(others_come)
            with pytest.raises(Alarm):
                commits.append(1)
            coming.result(10)
            disk.may_write.set()
            for future in [*futures, *later]:
                future.result(10)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert disk.groups[0] == [0]
    assert sorted(disk.groups[1]) == [2, 3]


class CountedAnchor(Anchor):
    """An anchor that remembers how often it was moved."""

    moves = 0

    def write(self, head: Head, sign: Callable[[bytes], bytes]) -> None:
        self.moves += 1
        super().write(head, sign)


def test_events_that_wait_for_a_writer_share_one_transaction(store: ZoneStore) -> None:
    assert store.anchor is not None
    anchor = store.anchor = CountedAnchor(store.anchor.path, "identified")
    with ThreadPoolExecutor(8) as pool:
        with store.transaction(event) as tx:
            tx.write([put("Patient", "p1", ("p1",))])
            futures = [pool.submit(store.append_audit, event(detail={"n": n})) for n in range(8)]
            until(lambda: len(store._commits._waiting) == 8)
        for future in futures:
            future.result(10)
    assert anchor.moves == 2
    report = store.verify_audit()
    assert (report.rows, report.is_whole, report.anchored) == (9, True, 9)


def test_threads_of_several_openings_append_to_one_chain(open_again: Callable[..., ZoneStore]) -> None:
    stores = [open_again() for _ in range(2)]

    def work(worker: int) -> None:
        for number in range(10):
            stores[worker % 2].append_audit(event(operation="read", detail={"w": worker, "n": number}))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    report = stores[0].verify_audit()
    assert (report.rows, report.is_whole, report.anchored) == (80, True, 80)


def test_an_event_that_cannot_be_written_as_json_fails_alone(store: ZoneStore) -> None:
    with ThreadPoolExecutor(2) as pool:
        with store.transaction(event):
            good = pool.submit(store.append_audit, event())
            bad = pool.submit(store.append_audit, event(detail={"what": object()}))
            assert isinstance(bad.exception(10), TypeError)
        good.result(10)
    assert store.verify_audit().rows == 2


def test_appends_behind_a_writer_that_does_not_end_are_told_to_try_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("careloom.store.engine.BUSY_SECONDS", 0.2)
    keys = LocalKeys.open(tmp_path / "keys")
    one, other = open_zone(tmp_path, keys), open_zone(tmp_path, keys)
    with ThreadPoolExecutor(8) as pool:
        with one.transaction(event):
            futures = [pool.submit(other.append_audit, event()) for _ in range(8)]
            assert {type(future.exception(10)) for future in futures} == {Conflict}
        other.append_audit(event())
    assert one.verify_audit().rows == 2
    one.close()
    other.close()


def test_the_key_of_a_patient_whom_another_process_erased_is_forgotten_at_the_next_event(
    open_again: Callable[..., ZoneStore],
) -> None:
    one, other = open_again(), open_again()
    with one.transaction(event) as tx:
        tx.write([put("Patient", "p1", ("p1",))])
    assert other.read("Patient", "p1").id == "p1"
    assert other._subject_keys._by_number

    def told(report: ErasureReport) -> AuditEvent:
        return event(operation="erase", action="delete", subjects=report.pseudonyms)

    one.erase(["p1"], told)
    other.append_audit(event())
    assert not other._subject_keys._by_number


def test_a_leader_waits_a_moment_for_those_whom_the_last_group_let_go(disk: Disk) -> None:
    commits = GroupCommit(disk.write)
    with ThreadPoolExecutor(8) as pool:
        futures = held(pool, commits, disk, range(4))
        disk.may_write.set()
        for future in futures:
            future.result(10)
        assert disk.groups == [[0], [1, 2, 3]]
        assert commits._expected == 2
        commits._patience_seconds = 10.0
        early = pool.submit(commits.append, 4)
        until(partial(_wait_behind, commits, 1))
        assert not early.done()
        pool.submit(commits.append, 5).result(10)
        early.result(10)
    assert disk.groups[2:] == [[4, 5]]


def test_a_leader_settles_when_the_others_have_gone_on(disk: Disk) -> None:
    may_settle, settled = threading.Event(), []

    def settle() -> None:
        assert may_settle.wait(10)
        settled.append(len(disk.groups))

    commits = GroupCommit(disk.write, settle)
    with ThreadPoolExecutor(8) as pool:
        first, leader, other = held(pool, commits, disk, range(3))
        disk.may_write.set()
        other.result(10)
        assert not first.done()
        assert not leader.done()
        may_settle.set()
        first.result(10)
        leader.result(10)
    assert len(settled) == 2


def test_an_anchor_that_cannot_be_synced_is_said_by_who_wrote_it(tmp_path: Path) -> None:
    store = open_zone(tmp_path, LocalKeys.open(tmp_path / "keys"))
    store.append_audit(event())
    assert store.anchor is not None
    anchor = store.anchor.path
    anchor.rename(tmp_path / "elsewhere")
    with pytest.raises(SetupError):
        store.anchor.settle()
    (tmp_path / "elsewhere").rename(anchor)
    store.anchor.settle()
    store.close()


def test_a_leader_that_is_interrupted_while_it_waits_for_others_leaves_the_lead(disk: Disk) -> None:
    commits = GroupCommit(disk.write)
    commits._expected, commits._patience_seconds = 2, 10.0
    interrupt = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background a process may ignore it
    try:
        interrupt.start()
        with pytest.raises(KeyboardInterrupt):
            commits.append(0)
        interrupt.join()
    finally:
        signal.signal(signal.SIGINT, before)
    commits._expected = 1
    with ThreadPoolExecutor(1) as pool:
        pool.submit(commits.append, 1).result(10)
    assert disk.groups == [[1]]
