"""Identifiers that a policy encrypted: opened in the vault like any pseudonym, and by nobody else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from careloom.errors import AccessError, Conflict, Erased, NotFound
from careloom.services.erase import erase
from careloom.services.vault import Question, ask, decide, reveal
from careloom.services.vault_epochs import retire, rotate
from tests.vault_kit import MRN, OFFICER, REASON, STEWARD, Hospital, hospital


def sealed_of(made: Hospital, original: str) -> str:
    """What stands in the research zone for the record number of a patient."""
    (_, name) = made.name("Patient", original).split("/")
    (identifier,) = made.platform.store("research").read("Patient", name).resource()["identifier"]
    assert identifier["system"] == "urn:careloom:sealed"
    return f"sealed/{identifier['value']}"


@pytest.fixture
def sealing(tmp_path: Path) -> Iterator[Hospital]:
    with hospital(tmp_path, deidentify={"policy": "gdpr-pseudonymisation"}) as installation:
        yield installation


def test_a_sealed_number_is_opened_with_a_reason_and_another_s_approval(sealing: Hospital) -> None:
    name = sealed_of(sealing, "p1")
    asked = ask(sealing.platform, STEWARD, Question((name,), REASON, "TREAT"))
    with pytest.raises(Conflict):
        reveal(sealing.platform, STEWARD, asked["id"])
    with pytest.raises(AccessError):
        decide(sealing.platform, STEWARD, asked["id"], "approve")
    decide(sealing.platform, OFFICER, asked["id"], "approve")
    (told,) = reveal(sealing.platform, STEWARD, asked["id"])["answers"]
    patient = f"Patient/{sealing.stored_id('Patient', 'p1')}"
    assert (told["name"], told["resource"], told["patient"], told["state"]) == (name, patient, patient, "current")
    assert told["identifiers"] == [{"system": MRN, "value": "MRN-730014"}]
    event = sealing.last_event()
    assert (event["operation"], event["actor"], len(event["subjects"])) == ("vault-reveal", "sam.steward", 1)
    assert b"MRN-730014" not in sealing.bytes_kept()


def test_a_sealed_number_stays_the_same_until_the_keys_are_rotated(sealing: Hospital) -> None:
    before = sealed_of(sealing, "p1")
    assert sealing.deidentify()["written"].keys() <= {"unchanged"}
    assert sealed_of(sealing, "p1") == before
    rotate(sealing.platform, OFFICER)
    sealing.deidentify()
    assert sealed_of(sealing, "p1") != before
    with pytest.raises(NotFound):
        ask(sealing.platform, STEWARD, Question((before,), REASON, "TREAT"))
    assert ask(sealing.platform, STEWARD, Question((before,), REASON, "TREAT", epoch=1))["count"] == 1
    retire(sealing.platform, OFFICER, "research", 1)
    with pytest.raises(Erased):
        ask(sealing.platform, STEWARD, Question((before,), REASON, "TREAT", epoch=1))


def test_a_sealed_number_of_an_erased_patient_or_one_that_was_changed_is_not_found(sealing: Hospital) -> None:
    name, other = sealed_of(sealing, "p1"), sealed_of(sealing, "p2")
    erase(sealing.platform, sealing.operator, f"Patient/{sealing.stored_id('Patient', 'p1')}")
    for bad in (name, other[:-5] + ("aaaaa" if not other.endswith("aaaaa") else "bbbbb")):
        with pytest.raises(NotFound):
            ask(sealing.platform, STEWARD, Question((bad,), REASON, "TREAT"))
