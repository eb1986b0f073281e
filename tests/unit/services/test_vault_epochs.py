"""Epochs of pseudonyms: the zone is written anew under each, an old one is reversed until it is retired."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from careloom.crypto.pseudonyms import project_names
from careloom.deid.dates import shift_days
from careloom.errors import Conflict, Erased, NotFound
from careloom.services.erase import erase
from careloom.services.vault import Question, ask, decide, reveal
from careloom.services.vault_epochs import begin_run, current, epochs, naming, retire, rotate
from tests.vault_kit import OFFICER, STEWARD, Hospital, hospital

Json = dict[str, Any]


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Hospital]:
    with hospital(tmp_path) as found:
        yield found


def days(made: Hospital, original: str = "p1") -> int:
    return naming(made.platform, current(made.platform)).shift(made.stored_id("Patient", original))


def turned(made: Hospital) -> Json:
    """A new epoch, under which the zone is written."""
    made.clock.move(minutes=1)
    rotate(made.platform, OFFICER)
    return made.deidentify()


def test_the_first_epoch_has_the_names_and_days_that_a_project_always_had(made: Hospital) -> None:
    keys, stored = made.platform.keys, made.stored_id("Patient", "p1")
    names = project_names(keys, zone="research", project="research")
    assert made.name("Patient", "p1") == f"Patient/{names.resource_id('', 'Patient', stored)}"
    assert days(made) == shift_days(keys.derive("date-shift", "research"))(stored)


def test_the_next_run_writes_the_zone_under_new_names_and_removes_the_old_ones(made: Hospital) -> None:
    before = made.research_ids()
    assert rotate(made.platform, OFFICER)["epoch"] == 2
    assert made.research_ids() == before
    report = made.deidentify()
    after = made.research_ids()
    assert (report["project"], report["epoch"], report["gone"]) == ("research", 2, len(before))
    assert (len(after), after & before) == (len(before), set())
    assert after == {made.name(*one.split("/")) for one in
                     ("Patient/p1", "Patient/p2", "Patient/p3", "Observation/o1", "Observation/o2",
                      "Organization/g1")}  # fmt: skip


def test_nothing_under_the_research_folder_holds_an_old_name(made: Hospital) -> None:
    old = [name.split("/")[1].encode() for name in made.research_ids()]
    subjects = [made.platform.store("research").pseudonym(made.name("Patient", "p1").split("/")[1])]
    turned(made)
    folder = made.folder / "data" / "research"
    kept = b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())
    assert [name for name in old if name in kept] == []
    with made.platform.store("research").connect() as connection:
        keyed = {row[0] for row in connection.exec_driver_sql("SELECT pseudonym FROM subject_key").fetchall()}
    assert not keyed & set(subjects)
    assert made.platform.store("research").check().is_whole
    assert made.platform.store("research").verify_audit().is_whole


def test_dates_move_by_other_days(made: Hospital) -> None:
    before = {original: days(made, original) for original in ("p1", "p2", "p3")}
    turned(made)
    assert before != {original: days(made, original) for original in ("p1", "p2", "p3")}


def test_another_run_under_the_same_epoch_changes_nothing(made: Hospital) -> None:
    turned(made)
    before = made.platform.store("research").content_hash()
    report = made.deidentify()
    assert (report["gone"], report["written"]) == (0, {"unchanged": 6})
    assert made.platform.store("research").content_hash() == before


def test_an_old_pseudonym_is_reversed_by_its_epoch_and_by_no_other(made: Hospital) -> None:
    old, moved = made.name("Patient", "p1"), days(made)
    turned(made)
    with pytest.raises(NotFound):
        ask(made.platform, STEWARD, Question((old,), "why", "TREAT"))
    request = ask(made.platform, STEWARD, Question((old,), "why", "TREAT", epoch=1))
    decide(made.platform, OFFICER, request["id"], "approve")
    (told,) = reveal(made.platform, STEWARD, request["id"])["answers"]
    assert (told["resource"], told["days"]) == (f"Patient/{made.stored_id('Patient', 'p1')}", moved)


def test_what_was_approved_before_a_rotation_is_answered_after_it(made: Hospital) -> None:
    request = ask(made.platform, STEWARD, made.question())["id"]
    decide(made.platform, OFFICER, request, "approve")
    turned(made)
    assert reveal(made.platform, STEWARD, request)["answers"][0]["state"] == "current"


def test_a_retired_epoch_is_reversed_no_more(made: Hospital) -> None:
    turned(made)
    old = made.name("Patient", "p1")
    request = ask(made.platform, STEWARD, made.question())["id"]
    decide(made.platform, OFFICER, request, "approve")
    with made.platform.store("identified").vault() as reader:
        salt = reader.epochs("research")[1].salt
    assert len(salt) == 16
    assert salt in made.bytes_kept()
    turned(made)
    assert retire(made.platform, OFFICER, "research", 2)["retired"]
    assert salt not in made.bytes_kept()
    for act in (lambda: ask(made.platform, STEWARD, Question((old,), "why", "TREAT", epoch=2)),
                lambda: reveal(made.platform, STEWARD, request)):  # fmt: skip
        with pytest.raises(Erased):
            act()
    with pytest.raises(Conflict):
        retire(made.platform, OFFICER, "research", 2)


def test_an_epoch_is_retired_only_when_no_name_of_it_can_be_in_the_zone(made: Hospital) -> None:
    with pytest.raises(Conflict):
        retire(made.platform, OFFICER, "research", 1)
    made.clock.move(minutes=1)
    rotate(made.platform, OFFICER)
    with pytest.raises(Conflict):
        retire(made.platform, OFFICER, "research", 1)
    made.deidentify()
    assert retire(made.platform, OFFICER, "research", 1)["retired"]


def test_a_run_that_was_killed_keeps_the_epoch_from_being_retired(made: Hospital) -> None:
    turned(made)
    made.clock.move(minutes=1)
    rules = made.platform.settings.deidentify
    begin_run(made.platform, made.operator, rules.project, "20261122T010203Z-abc234")  # and nothing more
    rotate(made.platform, OFFICER)
    with pytest.raises(Conflict):
        retire(made.platform, OFFICER, "research", 2)
    made.deidentify()
    assert retire(made.platform, OFFICER, "research", 2)["retired"]


def test_another_project_has_epochs_of_its_own(made: Hospital) -> None:
    turned(made)
    rules = made.platform.settings.deidentify.model_copy(update={"project": "other"})
    made.platform.settings = made.platform.settings.model_copy(update={"deidentify": rules})
    assert made.deidentify()["epoch"] == 1
    assert made.research_ids() == {made.name(*one.split("/")) for one in
                                   ("Patient/p1", "Patient/p2", "Patient/p3", "Observation/o1", "Observation/o2",
                                    "Organization/g1")}  # fmt: skip
    told = [(one["project"], one["epoch"]) for one in epochs(made.platform, OFFICER)]
    assert told == [("other", 1), ("research", 1), ("research", 2)]
    assert [one["epoch"] for one in epochs(made.platform, OFFICER, "research")] == [1, 2]
    for act in (lambda: epochs(made.platform, OFFICER, "nobody's"), lambda: rotate(made.platform, OFFICER, "nobody's"),
                lambda: retire(made.platform, OFFICER, "research", 9)):  # fmt: skip
        with pytest.raises(NotFound):
            act()


@pytest.mark.parametrize("when", ["between a rotation and the next run", "after the next run", "after a retirement"])
def test_an_erased_patient_leaves_the_research_zone_whatever_the_epoch(made: Hospital, when: str) -> None:
    names = {made.name("Patient", "p1"), made.name("Observation", "o1")}
    made.clock.move(minutes=1)
    rotate(made.platform, OFFICER)
    if when != "between a rotation and the next run":
        made.deidentify()
        names |= {made.name("Patient", "p1"), made.name("Observation", "o1")}
    if when == "after a retirement":
        retire(made.platform, OFFICER, "research", 1)
    removed = erase(made.platform, made.operator, "Patient/p1")["removed"]
    assert (removed["research resources"], removed["research table rows"]) == (2, 2)
    assert not made.research_ids() & names
    folder = made.folder / "data" / "research"
    kept = b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())
    assert [name for name in names if name.split("/")[1].encode() in kept] == []


def test_rotation_and_runs_stand_in_the_audit_chain_with_their_epoch(made: Hospital) -> None:
    turned(made)
    told = [(one["operation"], one["detail"].get("epoch")) for one in made.events()]
    assert told[-3:] == [("vault-rotate", 2), ("deidentify", 2), ("deidentify", 2)]
    assert {one["detail"]["epoch"] for one in made.events("research")} == {1, 2}


def test_a_zone_made_before_epochs_were_written_down_keeps_its_names(made: Hospital) -> None:
    before = made.research_ids()
    with made.platform.store("identified").connect() as connection:
        connection.exec_driver_sql("DELETE FROM vault_epoch")
        connection.commit()
    assert made.deidentify()["written"] == {"unchanged": 6}
    with made.platform.store("identified").connect() as connection:
        connection.exec_driver_sql("DELETE FROM vault_epoch")
        connection.commit()
    assert turned(made)["gone"] == 6
    assert not made.research_ids() & before
