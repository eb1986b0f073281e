"""The vault on either database: epochs, sealed requests, pages, names of resources, and what an erasure leaves."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import inspect

from careloom.errors import Erased, NotFound
from careloom.store.removal import KEEPS_KEYS
from careloom.store.vault import Epoch, Request
from careloom.store.zone_store import ZoneStore
from tests.store_kit import START, delete, event, put

NAMES = ("Patient/aaaa", "Observation/bbbb")


def asked(name: str, minutes: int = 0, actor: str = "sam") -> Request:
    return Request(name, "research", 1, actor, "TREAT", 2, "asked", START + timedelta(minutes=minutes))


def add(store: ZoneStore, request: Request, *patients: str, reason: str = "why") -> Request:
    with store.transaction(event()) as step:
        return step.vault.add(request, NAMES, reason, patients)


def found(store: ZoneStore, request: str = "r1") -> Request:
    with store.vault() as reader:
        return reader.find(request)


@pytest.fixture
def filled(store: ZoneStore) -> ZoneStore:
    with store.transaction(event()) as step:
        step.write([put("Patient", "p1", ("p1",)), put("Patient", "p2", ("p2",)), put("Organization", "g1")])
    return store


def test_a_request_comes_back_as_it_was_kept(filled: ZoneStore) -> None:
    kept = add(filled, asked("r1"), "p1", "p2")
    assert found(filled) == kept
    with filled.vault() as reader:
        assert reader.asked(kept) == (NAMES, "why", "")
        assert reader.subjects(kept) == tuple(sorted(filled.pseudonym(each) for each in ("p1", "p2")))
    after = replace(kept, state="approved", decider="petra", decided=START, expires=START + timedelta(days=7))
    with filled.transaction(event()) as step:
        step.vault.keep(after, "seen")
        step.vault.keep(replace(after, reveals=1, revealed=START))
    assert found(filled) == replace(after, reveals=1, revealed=START)
    with filled.vault() as reader:
        assert reader.asked(found(filled)).remark == "seen"


@pytest.mark.parametrize(("patients", "many"), [(("p1",), 1), ((), 0)])
def test_a_request_about_one_patient_or_none_is_sealed_too(
    filled: ZoneStore, patients: tuple[str, ...], many: int
) -> None:
    kept = add(filled, asked("r1"), *patients, reason="a plain reason")
    with filled.vault() as reader:
        assert (reader.asked(kept).reason, len(reader.subjects(kept))) == ("a plain reason", many)
    with filled.connect() as connection:
        (row,) = connection.exec_driver_sql("SELECT * FROM vault_request").fetchall()
    assert b"plain" not in b"".join(bytes(cell) for cell in row if isinstance(cell, bytes | memoryview))


def test_requests_come_newest_first_in_pages_of_everybody_or_of_one(filled: ZoneStore) -> None:
    for at, actor in enumerate(("sam", "stella", "sam", "sam")):
        add(filled, asked(f"r{at}", minutes=at // 2, actor=actor), "p1")
    with filled.vault() as reader:
        assert [one.request for one in reader.page("", limit=9)] == ["r2", "r3", "r0", "r1"]
        first = reader.page("sam", limit=2)
        time = (first[-1].created - START.replace(year=1970, month=1, day=1, hour=0)) // timedelta(microseconds=1)
        assert [one.request for one in first] == ["r2", "r3"]
        assert [one.request for one in reader.page("sam", limit=2, before=(time, "r3"))] == ["r0"]
        with pytest.raises(NotFound):
            reader.find("r9")


def test_an_erasure_empties_the_requests_of_the_patient_and_no_others(filled: ZoneStore) -> None:
    both, alone = add(filled, asked("r1"), "p1", "p2"), add(filled, asked("r2"), "p2")
    nobody = add(filled, asked("r3"), reason="about a clinic")
    named = add(filled, asked("r4"), reason="about Brandywine's clinic")
    report = filled.erase(["p1"], lambda done: event(), names_patient=lambda raw, source: b"Brandywine" in raw)
    assert report.requests == 2
    assert {one: found(filled, one).state for one in ("r1", "r2", "r3", "r4")} == {
        "r1": "erased", "r2": "asked", "r3": "asked", "r4": "erased",
    }  # fmt: skip
    with filled.vault() as reader:
        for gone in (both, named):
            assert reader.subjects(found(filled, gone.request)) == ()
            with pytest.raises(Erased):
                reader.asked(found(filled, gone.request))
        assert [reader.asked(one).names for one in (alone, nobody)] == [NAMES, NAMES]
    with pytest.raises(Erased):
        add(filled, asked("r5"), "p1")
    with pytest.raises(Erased), filled.transaction(event()) as step:
        step.vault.keep(found(filled, "r1"), "a remark")


def test_names_are_read_in_order_over_pages_and_tell_of_deletions(filled: ZoneStore) -> None:
    ids = [f"o{at:04}" for at in range(5003)]
    with filled.transaction(event()) as step:
        step.write([put("Observation", name, ("p1",)) for name in ids])
        step.write([delete("Observation", "o0001", ("p1",))])
    with filled.vault() as reader:
        told = list(reader.resource_ids("Observation"))
        assert [name for name, _ in told] == ids
        assert [name for name, is_deleted in told if is_deleted] == ["o0001"]
        assert [name for name, _ in reader.resource_ids("Patient")] == ["p1", "p2"]


def test_epochs_are_written_down_marked_and_retired(store: ZoneStore, open_again: Callable[..., ZoneStore]) -> None:
    with store.transaction(event()) as step:
        step.vault.add_epoch(Epoch("research", actor="sam", begun=START))
        step.vault.add_epoch(Epoch("research", 2, b"0123456789abcdef", "sam"))
        step.vault.add_epoch(Epoch("other", actor="sam"))
    with store.transaction(event()) as step:
        (first, second) = step.vault.reader.epochs("research")
        assert (first.begun, second.begun, second.salt) == (START, None, b"0123456789abcdef")
        for what in ("begun", "finished", "retired"):
            step.vault.mark(second, what)  # type: ignore[arg-type]
    with open_again().vault() as reader:
        (first, second) = reader.epochs("research")
        assert second.begun == second.finished == second.retired
        assert second.salt == b""
        assert (first.finished, first.retired) == (None, None)
        assert [one.project for one in reader.epochs()] == ["other", "research", "research"]


def test_what_was_deleted_is_removed_with_its_versions_and_its_keys(filled: ZoneStore) -> None:
    with filled.transaction(event()) as step:
        step.write([put("Observation", "o1", ("p1",), status="final"), put("Observation", "o2", ("p1", "p2"))])
        step.write([put("Patient", "p2", ("p2",), active=True)])
    with filled.transaction(event()) as step:
        step.write([delete("Patient", "p1", ("p1",)), delete("Observation", "o1", ("p1",)),
                    delete("Observation", "o2", ("p1", "p2"))])  # fmt: skip
    with filled.transaction(event()) as step:
        assert step.remove_deleted() == 3
    filled.scrub()
    for name in ("p1", "o1", "o2"):
        with pytest.raises(NotFound):
            filled.history("Patient" if name == "p1" else "Observation", name)
    assert len(filled.history("Patient", "p2")) == 2
    assert filled.check().is_whole
    with filled.connect() as connection:
        keys = {row[0] for row in connection.exec_driver_sql("SELECT pseudonym FROM subject_key").fetchall()}
        links = connection.exec_driver_sql("SELECT count(*) FROM subject_link").fetchone()
    assert keys == {"shared", filled.pseudonym("p2")}
    assert links is not None
    assert links[0] == 0
    with filled.transaction(event()) as step:
        assert step.remove_deleted() == 0
        step.write([put("Patient", "p1", ("p1",))])
    assert filled.read("Patient", "p1").version == 1


def test_every_table_that_seals_under_a_key_keeps_the_key_from_being_removed(store: ZoneStore) -> None:
    with store.connect() as connection:
        shape = inspect(connection)
        sealing = {table for table in shape.get_table_names()
                   for key in shape.get_foreign_keys(table) if key["referred_table"] == "subject_key"}  # fmt: skip
    assert sealing - {"subject_link"} == set(KEEPS_KEYS)
