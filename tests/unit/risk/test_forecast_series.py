"""Daily counts out of facts and tables: a bed by its midnights, a slot with what is booked of it, no day missing."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from careloom.errors import InputError
from careloom.risk.cohorts_events import EVENTS
from careloom.risk.facts_one import as_frame, facts_of_one
from careloom.risk.forecast_series import series_of_facts, series_of_rows

FIRST = datetime(2026, 3, 2, 10, tzinfo=UTC)


def facts(*rows: tuple[str, str, float, float | None]) -> pl.DataFrame:
    """kind, resource, days after `FIRST`, value."""
    told = [
        {
            "kind": kind,
            "resource_key": key,
            "code": None,
            "time": FIRST + timedelta(days=day),
            "value": value,
            "patient_id": "p1",
        }
        for kind, key, day, value in rows
    ]
    schema = {name: EVENTS.dtypes[name] for name in ("kind", "resource_key", "code", "time", "value", "patient_id")}
    return pl.DataFrame(told, schema=schema)


def test_a_bed_is_counted_at_each_midnight_that_a_stay_goes_over() -> None:
    events = facts(
        ("admission", "Encounter/a", 0, None), ("discharge", "Encounter/a", 2, None),
        ("admission", "Encounter/b", 1, None),  # has not ended
        ("admission", "Encounter/c", 1, None), ("discharge", "Encounter/c", 1.2, None),  # over no midnight
        ("visit", "Encounter/d", 4, None),
    )  # fmt: skip
    told = series_of_facts(events, "beds", 7)
    assert (told.start, told.until) == (date(2026, 3, 2), date(2026, 3, 5))
    assert told.values.tolist() == [1, 2, 1, 1]
    assert series_of_facts(events, "discharges", 7).values.tolist() == [1, 1, 0]


def test_slots_know_what_was_booked_at_the_end_of_each_day() -> None:
    events = facts(
        ("booking", "Appointment/a", 0, 2.0), ("booking", "Appointment/b", 1, 1.0),
        ("booking", "Appointment/c", 3, 0.1), ("appointment", "Appointment/a", 2, None),
        ("visit", "Encounter/d", 4, None),
    )  # fmt: skip
    told = series_of_facts(events, "slots", 2)
    assert (told.start, told.values.tolist()) == (date(2026, 3, 4), [2, 1])
    assert told.booked is not None
    assert told.booked.tolist() == [[0, 0], [0, 0]]  # what comes after the last day is not known of either
    later = facts(
        ("booking", "Appointment/x", 0, 0.1), ("booking", "Appointment/a", 1, 2.0),
        ("booking", "Appointment/b", 2, 1.0), ("booking", "Appointment/c", 2, 2.0), ("visit", "Encounter/d", 4, None),
    )  # fmt: skip
    told = series_of_facts(later, "slots", 2)
    assert told.values.tolist() == [1, 0, 0, 2]
    assert told.booked is not None
    assert told.booked.tolist() == [[0, 0], [0, 1], [2, 1], [1, 0]]


def appointments(now: datetime) -> pl.DataFrame:
    """Facts as they stand now: ten a day for 100 days, two of them cancelled on the day itself."""
    rows = []
    for day in range(100):
        for number in range(10):
            begin = FIRST + timedelta(days=day)
            status = "booked" if begin > now else "cancelled" if number < 2 else "fulfilled"
            if (made := begin - timedelta(days=10 + number)) <= now:
                rows.append((f"a{day}-{number}", "Patient/p", status, *(
                    f"{one:%Y-%m-%dT%H:%M:%SZ}" for one in (begin, begin + timedelta(minutes=30), made))))  # fmt: skip
    return as_frame(facts_of_one({"appointment": rows}, "p"), "p")


def test_what_was_booked_on_a_past_day_is_what_was_seen_on_that_day() -> None:
    then, now = FIRST + timedelta(days=40, hours=1), FIRST + timedelta(days=80, hours=1)
    live, later = (series_of_facts(appointments(one), "slots", 7) for one in (then, now))
    assert live.booked is not None
    assert later.booked is not None
    place = live.values.size - 1
    assert live.booked[-1].tolist() == [10] * 7
    assert later.booked[place].tolist() == live.booked[-1].tolist()
    assert later.values[:place].tolist() == live.values[:place].tolist()


def test_an_appointment_of_next_year_that_is_cancelled_adds_no_days() -> None:
    events = appointments(FIRST + timedelta(days=40, hours=1))
    ahead = ("x", "Patient/p", "cancelled", "2027-03-02T10:00:00Z", None, "2026-03-02T10:00:00Z")
    more = pl.concat([events, as_frame(facts_of_one({"appointment": [ahead]}, "p"), "p")])
    assert more.height == events.height + 2
    assert series_of_facts(more, "slots", 7).until == series_of_facts(events, "slots", 7).until


def test_a_table_is_cut_into_its_units() -> None:
    days = [date(2026, 1, 1) + timedelta(days=at) for at in range(4)]
    rows = pl.DataFrame({"unit": ["b", "a"] * 4, "date": sorted(days * 2), "count": range(8)})
    assert [(one.unit, one.values.tolist()) for one in series_of_rows(rows)] == [
        ("a", [1, 3, 5, 7]),
        ("b", [0, 2, 4, 6]),
    ]
    assert [one.unit for one in series_of_rows(rows.filter(pl.col("unit") == "a").drop("unit"))] == ["all"]


@pytest.mark.parametrize(
    "rows",
    [{"date": ["2026-01-01", "2026-01-03"], "count": [1, 2]}, {"date": ["2026-01-01"] * 2, "count": [1, 2]},
     {"date": ["2026-01-01"], "count": [None]}, {"date": ["first"], "count": [1]}, {"count": [1]}],
    ids=["a gap", "a day twice", "no count", "no date", "no column"],
)  # fmt: skip
def test_a_table_that_leaves_a_day_out_is_refused(rows: dict[str, list[object]]) -> None:
    with pytest.raises(InputError):
        series_of_rows(pl.DataFrame(rows))


def test_a_zone_without_stays_has_no_series() -> None:
    with pytest.raises(InputError):
        series_of_facts(facts(), "beds", 7)
    with pytest.raises(InputError):
        series_of_facts(facts(("visit", "Encounter/a", 0, None)), "beds", 7)
