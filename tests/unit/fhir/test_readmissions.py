"""The cohort of discharges: which stay is an index, who came back unplanned, and that nothing later enters a row."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careloom.fhir.readmissions import instant, readmissions

ENCOUNTER = ("key", "patient_key", "status", "class", "start", "end", "priority", "disposition", "provider_key")
START = datetime(2024, 1, 1, tzinfo=UTC)
END_OF_DATA = ("zz", "Patient/z", "finished", "IMP", "2025-12-31", "2025-12-31", None, None, None)


def at(days: float) -> str:
    return (START + timedelta(days=days)).isoformat()


def stay(name: str, begin: float, end: float | None, **more: Any) -> tuple[Any, ...]:
    told = {"key": name, "patient_key": "Patient/a", "status": "finished", "class": "IMP", "start": at(begin),
            "end": None if end is None else at(end), "priority": None, "disposition": "home",
            "provider_key": "x"}  # fmt: skip
    return tuple((told | more)[column] for column in ENCOUNTER)


def cohort(
    *stays: tuple[Any, ...], born: str | None = "1950-01-01", died: str | None = None
) -> tuple[dict[str, dict[str, Any]], dict[str, int]]:
    encounters = pl.DataFrame([*stays, END_OF_DATA], schema=dict.fromkeys(ENCOUNTER, pl.String), orient="row")
    patients = pl.DataFrame(
        {"key": ["Patient/a"], "birth_date": [born], "deceased": [died]},
        schema=dict.fromkeys(("key", "birth_date", "deceased"), pl.String),
    )
    frame, left_out = readmissions(encounters, patients)
    return {row["index_key"]: row for row in frame.to_dicts()}, left_out


@pytest.mark.parametrize(
    ("second", "readmitted"),
    [
        (stay("b", 10, 12), True),
        (stay("b", 35, 36), True),  # 30 days after the discharge on day 5
        (stay("b", 35.01, 36), False),
        (stay("b", 10, 12, priority="EL"), False),
        (stay("b", 10, 12, **{"class": "AMB"}), False),
        (stay("b", 10, 12, **{"class": "EMER"}), False),
        (stay("b", 10, 12, status="cancelled"), False),
        (stay("b", 10, 12, patient_key="Patient/b"), False),
        (stay("b", 10, None), True),
    ],
)
def test_who_comes_back_unplanned_within_thirty_days_is_readmitted(second: tuple[Any, ...], readmitted: bool) -> None:
    found, _ = cohort(stay("a", 0, 5), second)
    assert found["a"]["label_readmitted"] is readmitted
    assert (found["a"]["label_time"] is not None) is readmitted


def test_a_planned_stay_ends_the_look() -> None:
    found, _ = cohort(stay("a", 0, 5), stay("b", 10, 12, priority="EL"), stay("c", 20, 22))
    assert found["a"]["label_readmitted"] is False
    assert found["b"]["label_readmitted"] is True


@pytest.mark.parametrize(
    ("stays", "reason"),
    [
        ((stay("a", 0, 5, disposition="exp"),), "died"),
        ((stay("a", 0, 5, disposition="aadvice"),), "left against advice"),
        ((stay("a", 0, 5, disposition="other-hcf"),), "transferred"),
        ((stay("a", 0, None),), "not over"),
    ],
)
def test_what_is_no_index_is_counted_by_its_reason(stays: tuple[Any, ...], reason: str) -> None:
    found, left_out = cohort(*stays)
    assert "a" not in found
    assert left_out[reason] == 1


def test_children_the_dead_and_those_of_unknown_age_are_no_index() -> None:
    assert cohort(stay("a", 0, 5), born="2010-01-01")[1]["of a child"] == 1
    assert cohort(stay("a", 0, 5), born=None)[1]["of unknown age"] == 2
    assert cohort(stay("a", 0, 5), died=at(4))[1]["died"] == 1
    assert cohort(stay("a", 0, 5), died=at(10))[0]["a"]["label_died"] is True


@pytest.mark.parametrize("times", [{"start": "2024"}, {"end": "2024-03"}, {"start": "2024", "end": "2024"}])
def test_a_stay_without_a_day_is_none(times: dict[str, str]) -> None:
    told = dict(zip(ENCOUNTER, stay("b", 10, 12), strict=True)) | times
    found, left_out = cohort(stay("a", 0, 5), tuple(told.values()))
    assert found["a"]["label_readmitted"] is False
    assert left_out == {"without a day": 1, "of unknown age": 1}


def test_stays_that_follow_on_each_other_are_one() -> None:
    found, _ = cohort(stay("a", 0, 5), stay("b", 4, 8))
    assert list(found) == ["a"]
    assert found["a"]["index_time"] == START + timedelta(days=8)
    found, _ = cohort(stay("a", 0, 5), stay("b", 5.5, 8, provider_key="y"))  # moved to another house
    assert list(found) == ["a"]
    found, _ = cohort(stay("a", 0, 5), stay("b", 5.5, 8))  # came back to the same one
    assert found["a"]["label_readmitted"] is True


def test_what_is_not_followed_for_thirty_days_has_no_label_unless_it_came_back() -> None:
    frame = pl.DataFrame([stay("a", 0, 5), stay("b", 20, 22)], schema=dict.fromkeys(ENCOUNTER, pl.String), orient="row")
    people = pl.DataFrame({"key": ["Patient/a"], "birth_date": ["1950"], "deceased": [None]},
                          schema=dict.fromkeys(("key", "birth_date", "deceased"), pl.String))  # fmt: skip
    rows = readmissions(frame, people)[0]
    assert rows["label_readmitted"].to_list() == [True, None]
    assert rows["stays_before"].to_list() == [0, 1]
    assert rows["length_of_stay_days"].to_list() == [5.0, 2.0]


def test_no_encounter_at_all_makes_an_empty_cohort() -> None:
    frame = pl.DataFrame(schema=dict.fromkeys(ENCOUNTER, pl.String))
    people = pl.DataFrame(schema=dict.fromkeys(("key", "birth_date", "deceased"), pl.String))
    rows, left_out = readmissions(frame, people)
    assert (rows.height, left_out) == (0, {})


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024", datetime(2024, 1, 1, tzinfo=UTC)),
        ("2024-03", datetime(2024, 3, 1, tzinfo=UTC)),
        ("2024-03-02", datetime(2024, 3, 2, tzinfo=UTC)),
        ("2024-03-02T01:02:03Z", datetime(2024, 3, 2, 1, 2, 3, tzinfo=UTC)),
        ("2024-03-02T01:02:03.5+02:00", datetime(2024, 3, 1, 23, 2, 3, 500_000, tzinfo=UTC)),
        ("nothing", None),
        (None, None),
    ],
)
def test_times_are_read_as_fhir_writes_them(text: str | None, moment: datetime | None) -> None:
    frame = pl.DataFrame({"t": [text]}, schema={"t": pl.String})
    assert frame.select(instant(pl.col("t")))["t"].to_list() == [moment]


STAYS = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 20), st.sampled_from([None, "EL"])), max_size=8)


@settings(max_examples=60)
@given(STAYS)
def test_nothing_after_the_index_time_enters_a_row_but_its_labels(told: list[tuple[int, int, str | None]]) -> None:
    stays = [stay(f"s{at_}", begin, begin + days, priority=kind) for at_, (begin, days, kind) in enumerate(told)]
    found, _ = cohort(*stays)
    for key, row in found.items():
        known = [one for one in stays if datetime.fromisoformat(one[4]) <= row["index_time"]]
        again, _ = cohort(*known)
        mine, then = (
            {name: value for name, value in each[key].items() if not name.startswith("label_")}
            for each in (found, again)
        )
        assert mine == then
