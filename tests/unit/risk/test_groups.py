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
