"""Emergencies on either database: sealed, listed, acknowledged once, gone with their patient."""

from dataclasses import replace
from datetime import timedelta

import pytest

from careloom.errors import Erased, NotFound
from careloom.store import bulk
from careloom.store.emergencies import Opened
from careloom.store.zone_store import ZoneStore
from tests.store_kit import START, event, put

REASON = "unconscious, Quillfeather's allergies unknown"


def opened(store: ZoneStore, name: str, patient: str = "p1", minutes: int = 0) -> Opened:
    begun = START + timedelta(minutes=minutes)
    made = Opened(name, "dr.weber", store.pseudonym(patient), begun, begun + timedelta(hours=1), patient, REASON)
    with store.transaction(event()) as step:
        step.emergencies.add(made)
    return made


@pytest.fixture
def filled(store: ZoneStore) -> ZoneStore:
    with store.transaction(event()) as step:
        step.write([put("Patient", "p1", ("p1",)), put("Patient", "p2", ("p2",))])
    return store


def test_an_emergency_comes_back_as_it_was_opened_and_is_sealed(filled: ZoneStore) -> None:
    made = opened(filled, "e1")
    with filled.emergencies() as reader:
        assert reader.find("e1") == made
        with pytest.raises(NotFound):
            reader.find("e2")
    with filled.connect() as connection:
        ((body,),) = bulk.fetch(connection, "SELECT body FROM emergency")
    assert b"Quillfeather" not in bytes(body)
    assert b"p1" not in bytes(body)


def test_emergencies_wait_newest_first_until_somebody_has_looked(filled: ZoneStore) -> None:
    first, second = opened(filled, "e1"), opened(filled, "e2", "p2", minutes=5)
    with filled.emergencies() as reader:
        assert reader.page(limit=10) == [second, first]
        assert reader.page(limit=1, is_waiting=True) == [second]
        assert reader.waiting() == 2
    for by in ("petra", "somebody else"):
        with filled.transaction(event()) as step:
            step.emergencies.acknowledge("e2", by)
    with filled.emergencies() as reader:
        assert reader.page(limit=10, is_waiting=True) == [first]
        found = reader.find("e2")
        assert found.acknowledged_by == "petra"
        assert replace(found, acknowledged=None, acknowledged_by="") == second


def test_an_erasure_removes_the_emergencies_of_its_patient_alone(filled: ZoneStore) -> None:
    opened(filled, "e1")
    other = opened(filled, "e2", "p2")
    filled.erase(["p1"], lambda done: event(operation="erase", subjects=done.pseudonyms))
    with filled.emergencies() as reader:
        assert reader.page(limit=10) == [other]
    with pytest.raises(Erased):
        opened(filled, "e3")
