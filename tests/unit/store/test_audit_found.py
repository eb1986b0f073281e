"""Rows of a chain by what they say: the database finds exactly what a look at every row finds, newest first."""

from dataclasses import replace
from itertools import product

import pytest

from careloom.store.audit_found import Wanted, newest
from careloom.store.audit_log import microseconds
from careloom.store.zone_store import ZoneStore
from tests.store_kit import event

ACTORS = ("dr.weber", "DR.WEBER", "dr_weber", "100%!", 'Frau "Öz"\\', "dr.weber ")


@pytest.fixture
def filled(store: ZoneStore) -> ZoneStore:
    for number, actor in enumerate(ACTORS * 4):
        detail = {"actor": ACTORS[number % 5], "operation": "search"}
        plain = replace(event(operation="read" if number % 2 else "search", detail=detail), actor=actor)
        store.append_audit(replace(plain, subjects=(f"subject{number % 3}",)))
    return store


def test_what_is_found_is_what_a_look_at_every_row_finds(filled: ZoneStore) -> None:
    asks = product(("", *ACTORS, "dr%", "weber"), ("", "read"), ("", "subject1", "subject"), (1, 3, 100))
    with filled.connect() as connection:
        every = newest(connection, Wanted(), 1000)
        assert [one.seq for one in every] == list(range(len(ACTORS) * 4, 0, -1))
        for actor, operation, subject, limit in asks:
            found = newest(connection, Wanted(actor=actor, operation=operation, subject=subject), limit)
            wanted = [
                one.seq
                for one in every
                if actor in ("", one.event["actor"])
                and operation in ("", one.event["operation"])
                and (not subject or subject in one.event["subjects"])
            ]
            assert [one.seq for one in found] == wanted[:limit], (actor, operation, subject, limit)


def test_times_are_half_open_and_a_page_goes_on_below_the_last_row(store: ZoneStore) -> None:
    store.append_audit(event())
    at = microseconds(event().time)
    with store.connect() as connection:
        assert [one.seq for one in newest(connection, Wanted(since=at), 10)] == [1]
        assert newest(connection, Wanted(until=at), 10) == []
        assert newest(connection, Wanted(since=at + 1), 10) == []
        assert newest(connection, Wanted(before=1), 10) == []
