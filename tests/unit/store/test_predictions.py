"""The log of predictions on either database: sealed, read by window, answered, made known, gone with the patient."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from careloom.errors import InputError, NotFound
from careloom.store import bulk, retention
from careloom.store.predictions import Prediction, Window
from careloom.store.zone_store import ZoneStore
from tests.store_kit import START, event, put

FIRST = Prediction(
    "p1", "readmission-30d", "3", 0.25, alert=True, index_time=START, horizon_days=30.0, bins=b"\x00\x07\xff",
    profile="abc", groups={"sex": "female", "age_band": "65-79"},
)  # fmt: skip
SECOND = replace(FIRST, patient="p2", score=0.05, alert=False, role="shadow", groups={})
WHOLE = Window("readmission-30d", "3", START, START + timedelta(days=1))


@pytest.fixture
def filled(store: ZoneStore) -> ZoneStore:
    with store.transaction(event()) as step:
        step.write([put("Patient", "p1", ("p1",)), put("Patient", "p2", ("p2",))])
    return store


def recorded(store: ZoneStore, *made: Prediction) -> list[str]:
    with store.transaction(event()) as step:
        return step.predictions.record(made)


def test_predictions_come_back_as_they_were_recorded(filled: ZoneStore) -> None:
    names = recorded(filled, FIRST, SECOND)
    with filled.predictions() as log:
        found = {one.name: one for one in log.window(WHOLE)}
        assert [found[name].said for name in names] == [FIRST, SECOND]
        assert found[names[0]].matures == START + timedelta(days=30)
        assert log.find(names[1]).said == SECOND
        assert log.window(replace(WHOLE, version="4")) == []
        assert log.window(replace(WHOLE, until=START)) == []
        ((model, version, count, newest),) = log.versions()
        assert (model, version, count, newest) == ("readmission-30d", "3", 2, found[names[0]].time)
        with pytest.raises(NotFound):
            log.find("nothing")


def test_nothing_of_a_prediction_but_model_and_times_lies_open(filled: ZoneStore) -> None:
    recorded(filled, FIRST)
    with filled.connect() as connection:
        (row,) = bulk.fetch(connection, "SELECT * FROM prediction")
    told = b" ".join(bytes(one) if isinstance(one, bytes | memoryview) else str(one).encode() for one in row)
    assert all(word not in told for word in (b"patient", b"0.25", b"female", b"age_band", b"0007ff"))


def test_an_outcome_is_due_once_its_horizon_has_passed_and_is_noted_once(filled: ZoneStore) -> None:
    names = recorded(filled, FIRST, SECOND)
    ripe = START + timedelta(days=30)
    with filled.predictions() as log:
        assert list(log.due("readmission-30d", "3", ripe - timedelta(seconds=1))) == []
        for at_once in (1, 2, 1000):
            pages = list(log.due("readmission-30d", "3", ripe, at_once))
            assert {one.name for some in pages for one in some} == set(names)
            assert len(pages) == (2 if at_once == 1 else 1)
        assert sum(map(len, log.due("readmission-30d", "3", None))) == 2  # whatever their horizon
    for told, new in (({names[0]: True}, 1), ({names[0]: False, names[1]: False}, 1)):
        with filled.transaction(event()) as step:
            assert step.predictions.known(told) == new
    with filled.predictions() as log:
        assert {one.name for one in log.ripened(replace(WHOLE, since=ripe, until=ripe + timedelta(days=1)))} == set(
            names
        )
        assert log.ripened(replace(WHOLE, until=ripe)) == []
        assert [log.find(name).outcome for name in names] == [True, False]
        assert all(log.find(name).noted is not None for name in names)
        assert list(log.due("readmission-30d", "3", ripe)) == []


def test_what_is_told_before_it_can_be_final_is_provisional_sealed_and_replaced_by_what_is_told_later(
    filled: ZoneStore,
) -> None:
    names = recorded(filled, FIRST, SECOND)
    for outcome in (True, False):
        with filled.transaction(event()) as step:
            step.predictions.told({names[0]: outcome})
        with filled.predictions() as log:
            one = log.find(names[0])
            assert (one.told, one.outcome, one.is_provisional, one.told_at is None) == (outcome, None, True, False)
            assert log.provisional("readmission-30d", "3") == 1
            assert [[each.name for each in page] for page in log.due("readmission-30d", "3", None, is_told=True)] == [
                [names[0]]
            ]
    with filled.connect() as connection:
        rows = bulk.fetch(connection, "SELECT told FROM prediction ORDER BY told_at")
    assert [len(bytes(row[0])) > 1 for row in rows] == [False, True]
    with filled.transaction(event()) as step:
        step.predictions.known({names[0]: True})
    with filled.predictions() as log:
        assert (log.find(names[0]).outcome, log.find(names[0]).is_provisional) == (True, False)
        assert log.provisional("readmission-30d", "3") == 0


def test_what_is_due_comes_a_thousand_at_once_for_each_page_is_one_step(filled: ZoneStore) -> None:
    recorded(filled, *[FIRST] * 1_001)
    with filled.predictions() as log:
        assert [len(page) for page in log.due("readmission-30d", "3", None)] == [1_000, 1]


def test_known_cases_of_several_patients_and_versions_are_read_together(filled: ZoneStore) -> None:
    other, later = replace(FIRST, version="4"), replace(SECOND, index_time=START + timedelta(days=2))
    names = recorded(filled, FIRST, FIRST, SECOND, other, later)
    with filled.transaction(event()) as step:
        assert step.predictions.known_cases([]) == set()
        step.predictions.known({names[0]: True, names[4]: False})
        step.predictions.retired({names[3]: "death"})
        mine, theirs = ("readmission-30d", "3", *FIRST.case), ("readmission-30d", "3", *later.case)
        assert step.predictions.known_cases([FIRST, SECOND, other]) == {mine, theirs}
        assert step.predictions.known_cases([FIRST]) == {mine}
        assert step.predictions.known_cases([other]) == set()


def test_what_nobody_will_know_is_retired_with_its_reason_until_somebody_knows_it(filled: ZoneStore) -> None:
    names = recorded(filled, FIRST, SECOND)
    with filled.transaction(event()) as step:
        assert step.predictions.retired({names[0]: "death", names[1]: "no-coverage"}) == 2
        assert step.predictions.retired({names[0]: "restricted"}) == 0
    with filled.predictions() as log:
        assert [(log.find(name).outcome, log.find(name).retired) for name in names] == [
            (None, "death"), (None, "no-coverage"),
        ]  # fmt: skip
        assert list(log.due("readmission-30d", "3", None)) == []
    with filled.connect() as connection:
        rows = bulk.fetch(connection, "SELECT outcome FROM prediction")
    assert all(b"death" not in bytes(row[0]) for row in rows)
    end = START + timedelta(days=12)
    with filled.transaction(event()) as step:
        assert step.predictions.known({names[1]: True}, {names[1]: end}) == 1
    with filled.predictions() as log:
        told = log.find(names[1])
        assert (told.outcome, told.retired, told.matures) == (True, "", end)


def test_predictions_that_go_before_their_outcome_was_known_are_counted(filled: ZoneStore) -> None:
    names = recorded(filled, FIRST, replace(FIRST, score=0.5), SECOND)
    with filled.transaction(event()) as step:
        step.predictions.known({names[1]: True})
    filled.erase(["p1"], lambda _: event())
    with filled.transaction(event()) as step:
        assert retention.remove_predictions(step.connection, 1 << 60, ()) == 1
    with filled.predictions() as log:
        assert log.gone("readmission-30d", "3") == {"erased": 1, "old": 1}
        assert log.gone("readmission-30d", "4") == {}


def test_an_answer_is_kept_as_a_code(filled: ZoneStore) -> None:
    (name,) = recorded(filled, FIRST)
    with filled.transaction(event()) as step:
        step.predictions.answered(name, "overridden", "already-planned")
        with pytest.raises(InputError):
            step.predictions.answered(name, "overridden", "Mrs. Quillfeather said no")
        with pytest.raises(NotFound):
            step.predictions.answered("nothing", "accepted")
    with filled.predictions() as log:
        assert (log.find(name).answer, log.find(name).reason) == ("overridden", "already-planned")


@pytest.mark.parametrize(
    "wrong",
    [replace(FIRST, score=1.5), replace(FIRST, score=float("nan")), replace(FIRST, horizon_days=-1.0)],
    ids=["above one", "no number", "horizon in the past"],
)
def test_what_is_no_prediction_is_refused(filled: ZoneStore, wrong: Prediction) -> None:
    with pytest.raises(InputError):
        recorded(filled, wrong)


def test_an_erasure_removes_the_predictions_of_its_patient_alone(filled: ZoneStore) -> None:
    _, kept = recorded(filled, FIRST, SECOND)
    done = filled.erase(["p1"], lambda report: event(operation="erase", subjects=report.pseudonyms))
    assert done.predictions == 1
    with filled.predictions() as log:
        assert [one.name for one in log.window(WHOLE)] == [kept]
        assert log.of_patient(filled.pseudonym("p1")) == []
        assert [one.name for one in log.of_patient(filled.pseudonym("p2"))] == [kept]
    assert recorded(filled, FIRST) == [""]


def test_old_predictions_leave_but_for_those_under_a_hold(
    filled: ZoneStore, open_again: Callable[..., ZoneStore]
) -> None:
    _, held = recorded(filled, FIRST, SECOND)
    with filled.connect() as connection:
        sql = "SELECT subject FROM prediction WHERE prediction = ?"
        ((subject,),) = bulk.fetch(connection, sql, (held,))
    with filled.transaction(event()) as step:
        assert retention.remove_predictions(step.connection, 2**62, [subject]) == 1
    with open_again().predictions() as log:
        assert [one.name for one in log.window(WHOLE)] == [held]
