"""Daily counts of each unit: a bed belongs to its ward, a discharge to the last one, a slot to where it is."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from careloom.errors import InputError
from careloom.fhir.views import compile_view
from careloom.risk.cohorts_fhir import PLACE_VIEWS, definitions, fhir_events
from careloom.risk.forecast_series import series_of_facts
from careloom.risk.forecast_units import UNKNOWN, series_by_unit, unit_names
from careloom.simulate.charts import Place, charts
from careloom.simulate.feed_fhir import bundle
from careloom.simulate.feed_fhir import resources as bundle_resources
from careloom.simulate.hospital import build_hospital
from careloom.simulate.patients import simulate_patient

FIRST = datetime(2026, 3, 2, 10, tzinfo=UTC)
PLACES = [
    {"resourceType": "Location", "id": "bed", "name": "A", "physicalType": {"coding": [{"code": "bd"}]},
     "partOf": {"reference": "Location/room"}},
    {"resourceType": "Location", "id": "room", "name": "12", "physicalType": {"coding": [{"code": "ro"}]},
     "partOf": {"reference": "Location/med"}},
    {"resourceType": "Location", "id": "med", "name": "MED", "physicalType": {"coding": [{"code": "wa"}]},
     "partOf": {"reference": "Location/house"}},
    {"resourceType": "Location", "id": "icu", "name": "ICU"},
    {"resourceType": "Location", "id": "house", "name": "House"},
]  # fmt: skip


def at(day: float) -> str:
    return f"{FIRST + timedelta(days=day):%Y-%m-%dT%H:%M:%SZ}"


def stay(name: str, begin: float, end: float | None, *places: Any, **more: Any) -> dict[str, Any]:
    period = {"start": at(begin)} | ({} if end is None else {"end": at(end)})
    return {
        "resourceType": "Encounter", "id": name, "status": "finished", "subject": {"reference": "Patient/p"},
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"}, "period": period,
        **({"location": list(places)} if places else {}), **more,
    }  # fmt: skip


def lay(place: str, begin: float | None = None, end: float | None = None, **more: Any) -> dict[str, Any]:
    period = {} if begin is None else {"period": {"start": at(begin)} | ({} if end is None else {"end": at(end)})}
    return {"location": {"reference": f"Location/{place}"}, **period, **more}


def visit(name: str, begin: float, made: float, *actors: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Appointment", "id": name, "status": "fulfilled", "start": at(begin), "end": at(begin + 0.02),
        "created": at(made), "participant": [{"actor": {"reference": one}} for one in ("Patient/p", *actors)], **more,
    }  # fmt: skip


def frames(*resources: Any) -> dict[str, pl.DataFrame]:
    """Rows of the views, by the views that ship."""
    made = {}
    for name, view in definitions(("encounter", "appointment", *PLACE_VIEWS)).items():
        compiled = compile_view(view)
        made[name] = compiled.table(resources)
    return made


def series(what: Any, *resources: Any) -> dict[str, tuple[date, list[float]]]:
    told = frames(*PLACES, *resources)
    return {one.unit: (one.start, one.values.tolist()) for one in series_by_unit(fhir_events(told), told, what, 2)}


def test_a_bed_and_a_room_belong_to_their_ward_and_a_ward_to_itself() -> None:
    names = unit_names(frames(*PLACES)["location"])
    assert names == {"bed": "MED", "room": "MED", "med": "MED", "icu": "ICU", "house": "House"}


def test_units_of_one_name_are_told_apart() -> None:
    other = {**PLACES[3], "id": "icu2"}
    names = unit_names(frames(*PLACES, other)["location"])
    assert (names["icu"], names["icu2"]) == ("ICU (icu)", "ICU (icu2)")


def test_a_place_that_is_part_of_itself_ends() -> None:
    ring = {**PLACES[0], "id": "ring", "partOf": {"reference": "Location/ring"}}
    assert unit_names(frames(ring)["location"])["ring"] == "A"


def test_a_night_is_counted_where_it_was_spent_and_the_discharge_where_it_ended() -> None:
    moved = stay("a", 0, 4, lay("bed", 0, 1), lay("icu", 1, 3), lay("bed", 3, 4))
    end = stay("z", 6, None, lay("icu", 6))
    beds = series("beds", moved, end)
    assert beds["MED"] == (date(2026, 3, 2), [1, 0, 0, 1, 0, 0])
    assert beds["ICU"] == (date(2026, 3, 3), [1, 1, 0, 0, 0])
    assert series("discharges", moved, end) == {"MED": (date(2026, 3, 6), [1, 0])}


def test_the_beds_of_all_units_are_those_of_the_zone() -> None:
    stays = [stay(f"e{n}", n * 0.7, n * 0.7 + n % 4 + 0.5, lay(("bed", "icu")[n % 2])) for n in range(20)]
    told = frames(*PLACES, *stays)
    whole = series_of_facts(fhir_events(told), "beds", 2)
    units = series_by_unit(fhir_events(told), told, "beds", 2)
    assert sum(one.values.sum() for one in units) == whole.values.sum()


@pytest.mark.parametrize(
    ("one", "unit"),
    [
        (stay("a", 0, 2), UNKNOWN),
        (stay("a", 0, 2, serviceProvider={"reference": "Organization/north"}), "north"),
        (stay("a", 0, 2, {"location": {"display": "Ward 3"}}), "Ward 3"),
        (stay("a", 0, 2, lay("elsewhere")), "elsewhere"),
        (stay("a", 0, 2, lay("icu", status="planned"), lay("bed")), "MED"),
        (stay("a", 0, 2, lay("icu", status="completed"), lay("bed", status="active")), "MED"),
    ],
    ids=["nothing", "who provides it", "words", "not stored", "planned", "left"],
)
def test_the_unit_of_a_stay_is_what_the_record_names(one: dict[str, Any], unit: str) -> None:
    assert set(series("beds", one, stay("z", 5, None, lay("house", 5)))) - {"House"} == {unit}


def test_slots_belong_to_their_place_else_to_their_service() -> None:
    found = series(
        "slots", visit("a", 1, 0, "Location/house"), visit("b", 2, 0, "Practitioner/x", serviceType=[{"text": "Eyes"}]),
        visit("c", 3, 0), visit("last", 6, 0),
    )  # fmt: skip
    assert {unit: sum(values) for unit, (_, values) in found.items()} == {"House": 1, "Eyes": 1, UNKNOWN: 1}


def test_where_there_is_nothing_to_count_it_says_so() -> None:
    with pytest.raises(InputError):
        series("discharges", stay("a", 0, None))
    with pytest.raises(InputError):
        series("beds")


def test_the_feed_of_the_simulated_hospital_tells_the_nights_of_each_ward() -> None:
    hospital, nights = build_hospital(1), Counter[str]()
    resources: list[Any] = []
    place = Place({one.site_id: one for one in hospital.sites}, {one.clinician_id: one for one in hospital.clinicians})
    for number in range(1, 31):
        history = simulate_patient(number, 1, hospital=hospital)
        for chart in charts(history, place, {}):
            resources += [one["resource"] for one in bundle(chart, list(bundle_resources(chart)))["entry"]]
        for stay_of in (one for each in history.encounters if each.kind == "inpatient" for one in each.stays):
            if stay_of.end is not None:
                nights[stay_of.unit] += (stay_of.end.date() - stay_of.start.date()).days
    told = frames(*{f"{one['resourceType']}/{one['id']}": one for one in resources}.values())
    found = series_by_unit(fhir_events(told), told, "beds", 7)
    assert len(found) >= 3
    assert {one.unit: one.values.sum() for one in found} == {unit: count for unit, count in nights.items() if count}
