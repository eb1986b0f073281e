"""Groups of patients are named alike for one and for many, in training and in use."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from careloom.risk.cohorts_events import EVENTS, as_events
from careloom.risk.facts_one import Fact
from careloom.risk.groups import age_band, groups, groups_of, watched

AT = datetime(2024, 6, 1, 12, tzinfo=UTC)
SCHEMA = {name: dtype for name, dtype in EVENTS.dtypes.items() if name != "event_id"}


@pytest.mark.parametrize(
    ("year", "band"),
    [(2024, "under 45"), (1980, "under 45"), (1979, "45 to 64"), (1959, "65 to 79"), (1940, "80 and over")],
)
def test_bands_begin_at_birthdays(year: int, band: str) -> None:
    assert age_band(datetime(year, 1, 1, tzinfo=UTC), AT) == band


def test_one_patient_and_many_belong_to_the_same_groups() -> None:
    births = [
        AT - timedelta(days=round(365.2425 * years) + more) for years in (1, 45, 65, 80, 99) for more in (-1, 0, 1)
    ]
    rows = [
        {"patient_id": f"p{at}", "kind": kind, "time": born if kind == "birth" else None, "available_time": None,
         "resource_key": f"Patient/p{at}", "code": None if kind == "birth" else code}
        for at, born in enumerate(births) for kind, code in (("birth", ""), ("sex", "female"), ("race", "2106-3"))
    ]  # fmt: skip
    index = pl.DataFrame(
        {"candidate": range(len(births) + 1), "patient_id": [f"p{at}" for at in range(len(births))] + ["nobody"]}
    ).with_columns(index_time=pl.lit(AT, pl.Datetime("us", "UTC")))
    many = groups(index, as_events(pl.DataFrame(rows, schema=SCHEMA))).drop("candidate").to_dicts()
    for at, born in enumerate(births):
        facts = [
            Fact("birth", "Patient/p", born),
            Fact("sex", "Patient/p", code="female"),
            Fact("race", "Patient/p", code="2106-3"),
        ]
        assert watched(many[at]) == groups_of(facts, AT)
    assert watched(many[-1]) == groups_of([], AT) == {"sex": "unknown", "age_band": "unknown"}
    assert {one["age_band"] for one in many} == {"under 45", "45 to 64", "65 to 79", "80 and over", None}


def test_who_pays_and_where_is_told_as_of_the_index() -> None:
    """A coverage ends on its last day; the newest that holds counts; a visit is where its encounter is."""
    day = timedelta(days=1)
    rows = [
        {"patient_id": "a", "kind": "language", "resource_key": "Patient/a", "code": "es"},
        {"patient_id": "a", "kind": "ethnicity", "resource_key": "Patient/a", "code": "2135-2"},
        {"patient_id": "a", "kind": "coverage", "resource_key": "Coverage/1", "time": AT - 90 * day, "code": "EHCPOL",
         "value": 80.0},
        {"patient_id": "a", "kind": "coverage", "resource_key": "Coverage/2", "time": AT - 9 * day, "code": "ASSIST"},
        {"patient_id": "a", "kind": "coverage", "resource_key": "Coverage/3", "time": AT + day, "code": "pay"},
        *(
            {"patient_id": "a", "kind": kind, "resource_key": f"Encounter/{name}", "time": time, "code": code,
             "encounter_key": f"Encounter/{name}"}
            for name, time, place in (("x", AT - 10 * day, "north"), ("y", AT, "south"))
            for kind, code in (("visit", "AMB"), ("site", place))
        ),
    ]  # fmt: skip
    index = pl.DataFrame(
        {"candidate": [0, 1, 2], "patient_id": ["a"] * 3, "index_time": [AT - 10 * day, AT, AT - 100 * day],
         "resource_key": ["Encounter/x", "Encounter/y", "Appointment/1"]}
    )  # fmt: skip
    told = groups(index, as_events(pl.DataFrame(rows, schema=SCHEMA)))
    assert told["payer"].to_list() == ["EHCPOL", "ASSIST", None]
    assert told["site"].to_list() == ["north", "south", None]
    assert set(told["language"]) == {"es"}
    assert set(told["ethnicity"]) == {"2135-2"}
    assert told["sex"].null_count() == 3
