"""Facts for sequence models: known before the index and no later, with how long ago, what is always true first."""

import polars as pl
import pytest

from careloom.risk.cohorts_definition import EventSet
from careloom.risk.models_sequence import Codebook, histories
from careloom.risk.models_sequence_facts import facts_before
from careloom.tables.schema import SchemaMismatch
from tests.unit.risk.events_made import at, diagnosis, events, fact, lab, person, stay

ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
INDEX = pl.DataFrame(
    {"candidate": [1], "patient_id": ["a"], "index_time": [at(100)]},
    schema={"candidate": pl.Int64, "patient_id": pl.String, "index_time": pl.Datetime("us", "UTC")},
)


def told(*parts: object, days: float = 365.0) -> dict[str, tuple[float | None, float | None]]:
    """Code -> days before the index and value."""
    found = facts_before(INDEX, events(person(), *parts), days=days)
    return {code: (ago, value) for code, ago, value in found.select("code", "days", "value").iter_rows()}


def test_what_was_known_before_is_told_with_how_long_ago() -> None:
    found = told(diagnosis("I50.9", 60), lab("2951-2", 95, 131.0))
    assert found["diagnosis:I50.9"] == (40.0, None)
    assert found["observation:2951-2"] == (5.0, 131.0)
    assert found["sex:female"] == (None, None)
    assert found["age"][1] == pytest.approx(60 + 100 / 365.25)


LATE = {
    "at-the-index": diagnosis("I50.9", 100),
    "after-the-index": diagnosis("I50.9", 101),
    "known-later": diagnosis("I50.9", 60, known=120),
    "known-at-the-index": diagnosis("I50.9", 60, known=100),
    "too-long-ago": diagnosis("I50.9", 100 - 366),
    "another-patient": diagnosis("I50.9", 60, patient="b"),
    "death": fact("death", 99),
}


@pytest.mark.parametrize("late", LATE.values(), ids=LATE)
def test_what_nobody_knew_is_not_told(late: dict[str, object]) -> None:
    assert set(told(late)) == {"age", "sex:female"}


def test_the_whole_record_is_told_where_it_is_asked_for() -> None:
    assert "diagnosis:I50.9" in told(diagnosis("I50.9", 100 - 366), days=0)


def test_a_note_of_the_outcome_is_not_told_but_a_diagnosis_of_it_and_other_notes_are() -> None:
    [of_outcome, other] = [
        fact("note", 60, known=60, system="http://snomed.info/sct", code=code, detail="present")
        for code in ("84114007", "73211009")
    ]
    outcome = EventSet("failing", "diagnosis", {"http://snomed.info/sct": ("84114007",)}, {ICD10: ("I50",)})
    noted = fact("note", 61, known=61, system=ICD10, code="I50.9", detail="absent")
    record = events(person(), of_outcome, other, noted, diagnosis("I50.9", 60))
    codes = facts_before(INDEX, record, outcome=(outcome,))["code"].to_list()
    assert sorted(codes) == ["age", "diagnosis:I50.9", "note:73211009=present", "sex:female"]


def test_a_stay_tells_how_it_ended() -> None:
    assert {"admission:IMP", "discharge:IMP=home"} <= set(told(stay(10, 14)))
    assert "discharge:IMP=home" not in told(stay(98, 103))


def test_what_is_always_true_stands_before_everything_else() -> None:
    found = facts_before(INDEX, events(person(), diagnosis("I50.9", 60)))
    book = Codebook(("age", "diagnosis:I50.9", "sex:female"))
    codes = histories(book.told(found), pl.Series([1]), 3).select("code_1", "code_2", "code_3").row(0)
    assert codes[0] == "diagnosis:I50.9"
    assert set(codes[1:]) == {"age", "sex:female"}


def test_an_index_without_a_moment_is_refused() -> None:
    with pytest.raises(SchemaMismatch):
        facts_before(INDEX.drop("index_time"), events(person()))
