"""Exploring over HTTP and by the SDK: charts with small cells left out, two zones side by side, rows, and who may."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from careloom.client.careloom import Careloom
from careloom.errors import AccessError, NotFound, QueryError
from careloom.services.explore_columns import ColumnsHeld, Kind
from careloom.services.view_table import TableAsk, make_table
from tests.api.kit import Installation
from tests.api.test_sdk import client_of
from tests.store_kit import event, put

TABLE = "gold/observation"
PATIENTS = 60
LAB, VITAL, RARE = "laboratory", "vital-signs", "imaging"
ROUTES = [("GET", "/sources", None), ("POST", "", {"source": "observation"}), ("POST", "/rows", {"source": "patient"})]


def observations(zone: str) -> list[Any]:
    """Per patient one result, of the first half a vital sign too; three patients have what is rare."""
    made = []
    for n in range(PATIENTS):
        kinds = [LAB] + ([VITAL] if n < PATIENTS // 2 else []) + ([RARE] if n < 3 else [])
        for at, kind in enumerate(kinds):
            made.append(put(
                "Observation", f"{zone[0]}{n}-{at}", (f"p{n}",), status="final",
                subject={"reference": f"Patient/p{n}"}, category=[{"coding": [{"code": kind}]}],
                effectiveDateTime=f"{2020 + n % 3}-03-0{1 + n % 9}T10:00:00Z",
                valueQuantity={"value": n + (10 if zone == "synthetic" else 0), "unit": "mg"},
            ))  # fmt: skip
    return made


def patient(n: int) -> Any:
    said = {"status": "generated", "div": "<div>Quillfeather</div>"}
    born = f"19{30 + n}-01-01"
    return put("Patient", f"p{n}", (f"p{n}",), text=said, gender="female" if n % 2 else "male", birthDate=born)


def refused_by(patient_id: str) -> Any:
    """A consent that withholds all that is about somebody."""
    return put(
        "Consent", f"consent-{patient_id}", (patient_id,), status="active",
        scope={"coding": [{"code": "patient-privacy"}]}, category=[{"coding": [{"code": "x"}]}],
        patient={"reference": f"Patient/{patient_id}"}, policy=[{"uri": "urn:policy"}], provision={"type": "deny"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("explore")) as one:
        for zone in ("identified", "synthetic"):
            people = [patient(n) for n in range(PATIENTS)]
            with one.platform.store(zone).transaction(event(zone=zone)) as step:
                step.write([*people, *observations(zone)])
        make_table(one.platform, one.operator, "synthetic", TableAsk("observation"))
        yield one


@pytest.fixture(scope="module")
def api(made: Installation) -> Iterator[Careloom]:
    with client_of(made) as api:
        yield api


def by_label(chart: Any, series: int = 0) -> dict[str, int | None]:
    return {one.label: count for one, count in zip(chart.bins, chart.series[series].rows, strict=True)}


def test_sources_are_tables_and_views_and_of_the_identified_zone_views_alone(api: Careloom) -> None:
    found = api.explore("synthetic").sources()
    assert (found[0].name, found[0].kind) == (TABLE, "table")
    assert {one.kind for one in api.explore("identified").sources()} == {"view"}


@pytest.mark.parametrize(("zone", "source"), [("identified", "observation"), ("synthetic", TABLE)])
def test_a_rare_category_is_told_neither_by_name_nor_by_what_is_left(api: Careloom, zone: str, source: str) -> None:
    (chart,) = api.explore(zone).charts(source, [{"kind": "distribution", "column": "category"}]).charts
    found = by_label(chart)
    assert RARE not in found
    assert found["All others"] is None
    assert found[LAB] == PATIENTS
    assert found[VITAL] is None  # else the total gave the three away
    assert chart.left_out == 2
    assert chart.series[0].total_rows == PATIENTS + PATIENTS // 2 + 3


def test_counts_are_those_of_polars(made: Installation, api: Careloom) -> None:
    frame = made.platform.lake("synthetic").read(TABLE)
    (chart,) = api.explore("synthetic").charts(TABLE, [{"kind": "distribution", "column": "value"}]).charts
    for bin_, count in zip(chart.bins[:-1], chart.series[0].rows[:-1], strict=True):
        low, high = bin_.low or -np.inf, np.inf if bin_.high is None else bin_.high
        real = frame.filter((pl.col("value") >= low) & (pl.col("value") < high)).height
        assert count is None or count == real
    assert sum(count or 0 for count in chart.series[0].rows) >= PATIENTS
    summary = chart.series[0].summary
    assert summary is not None
    assert summary["mean"] == pytest.approx(frame["value"].mean(), rel=1e-3)


def test_no_value_of_one_patient_is_the_edge_of_a_bin(api: Careloom) -> None:
    """One patient has 0, one 59 or 69: bins end at round numbers and are open there."""
    (chart,) = api.explore("synthetic").charts(TABLE, [{"kind": "distribution", "column": "value"}]).charts
    assert chart.bins[0].low is None
    assert chart.bins[-2].high is None
    assert all(one.low is None or one.low % 5 == 0 for one in chart.bins)


def test_a_trend_a_cross_tab_and_what_hangs_together(api: Careloom) -> None:
    asked: list[dict[str, Any]] = [
        {"kind": "trend", "column": "time", "value": "value"},
        {"kind": "cross", "column": "category", "by": "unit"},
        {"kind": "correlations", "names": ["value", "category"]},
    ]
    trend, cross, together = api.explore("synthetic").charts(TABLE, asked).charts
    assert trend.unit == "year"
    assert sum(count or 0 for count in trend.series[0].rows) == PATIENTS + PATIENTS // 2 + 3
    means = trend.series[0].means
    assert means is not None
    assert all(10 <= one <= 70 for one in means if one is not None)
    assert {one.name for one in cross.series} == {"mg"}
    assert together.correlations is not None
    (found,) = together.correlations
    assert found.values[0][0] == 1.0
    assert 0 < (found.values[0][1] or 0) < 1


def test_two_zones_stand_side_by_side_with_how_far_they_lie_apart(api: Careloom) -> None:
    asked = [{"kind": "distribution", "column": name} for name in ("value", "category")]
    found = api.explore("synthetic").charts("observation", asked, against="identified")
    assert [one.zone for one in found.zones] == ["synthetic", "identified"]
    value, category = found.charts
    assert value.difference is not None
    assert category.difference is not None
    assert (value.difference["kolmogorov_smirnov"] or 0) > 0
    assert category.difference["total_variation"] == 0
    assert category.difference["kolmogorov_smirnov"] is None


def test_a_filter_that_leaves_few_patients_tells_nothing(api: Careloom) -> None:
    only = [{"column": "category", "operator": "is", "values": [RARE]}]
    found = api.explore("synthetic").charts(TABLE, [{"kind": "distribution", "column": "value"}], filters=only)
    assert found.zones[0].rows is None
    assert found.zones[0].patients is None
    (chart,) = found.charts
    assert not any(one for one in chart.series[0].rows)
    assert chart.series[0].summary is None


def test_filters_hold_together(api: Careloom) -> None:
    both = [
        {"column": "category", "operator": "is", "values": [LAB]},
        {"column": "value", "operator": "above", "values": ["20"]},
        {"column": "value", "operator": "below", "values": ["50"]},
    ]
    assert api.explore("synthetic").charts(TABLE, filters=both).zones[0].rows == 22  # 30 in whole elevens
    assert api.explore("synthetic").rows(TABLE, ("value",), filters=both).total == 30


def test_what_a_filter_takes_away_is_not_told_by_the_difference_of_two_answers(api: Careloom) -> None:
    """Of 60 patients three have what is rare: by all less those without it they would be counted."""
    explored, chart = api.explore("synthetic"), [{"kind": "distribution", "column": "category"}]
    less = [{"column": "category", "operator": "not", "values": [RARE]}]
    whole, rest = explored.charts(TABLE, chart), explored.charts(TABLE, chart, filters=less)
    (zone,), (series,) = rest.zones, rest.charts[0].series
    told = [zone.rows, zone.patients, series.total_rows, series.total_patients, *series.rows, *series.patients]
    assert {number % 11 for number in told if number is not None} == {0}
    assert (whole.zones[0].rows or 0) - (zone.rows or 0) != 3


REFUSED = [
    ({"charts": [{"kind": "distribution", "column": "patient_key"}]}, QueryError),
    ({"charts": [{"kind": "distribution", "column": "code_text"}]}, NotFound),
    ({"charts": [{"kind": "trend", "column": "category"}]}, QueryError),
    ({"charts": [{"kind": "cross", "column": "category"}]}, QueryError),
    ({"filters": [{"column": "patient_ids", "operator": "is", "values": ["p1"]}]}, QueryError),
    ({"filters": [{"column": "time", "operator": "is", "values": ["2020-03-01"]}]}, QueryError),
    ({"filters": [{"column": "value", "operator": "is", "values": ["Quillfeather"]}]}, QueryError),
]


@pytest.mark.parametrize(("asked", "error"), REFUSED)
def test_what_names_a_person_is_neither_counted_nor_filtered_by(api: Careloom, asked: Any, error: Any) -> None:
    with pytest.raises(error) as found:
        api.explore("synthetic").charts("observation", **asked)
    assert "Quillfeather" not in str(found.value)


def test_rows_are_sorted_and_paged_here_and_name_nobody_beyond_their_key(made: Installation, api: Careloom) -> None:
    asked: dict[str, Any] = {"sort": "value", "is_descending": True, "limit": 5}
    first = api.explore("synthetic").rows(TABLE, ("value", "category"), **asked)
    later = api.explore("synthetic").rows(TABLE, ("value",), **asked, start=5)
    assert [row["value"] for row in (*first.rows, *later.rows)] == list(range(69, 59, -1))
    assert first.total == 93
    assert first.patients[0] == "p59"
    people = api.explore("identified").rows("patient")
    assert "name" not in {one.name for one in people.columns}
    assert "Quillfeather" not in str(people)
    *_, told = [one for one in made.events("identified") if one["operation"] == "explore"]
    assert len(told["subjects"]) == 50


def test_every_look_is_in_the_audit_chain_of_its_zone(made: Installation, api: Careloom) -> None:
    before = len(made.events("identified"))
    api.explore("identified").charts("patient", [{"kind": "distribution", "column": "gender"}])
    told = made.events("identified")[before:]
    views = [one for one in told if one["operation"] == "view"]
    assert {len(one["subjects"]) for one in views} == {PATIENTS}
    assert [one["detail"]["source"] for one in told if one["operation"] == "explore"] == ["patient"]


def test_who_withholds_everything_is_in_no_chart_and_no_row(made: Installation) -> None:
    with client_of(made, roles=["data-scientist"], zones=["synthetic"]) as api:
        explore = api.explore("synthetic")
        whole = [explore.charts(name).zones[0].rows for name in (TABLE, "observation")]
        with made.platform.store("synthetic").transaction(event(zone="synthetic")) as step:
            step.write([refused_by("p59")])
        assert [explore.charts(name).zones[0].rows for name in (TABLE, "observation")] == [
            (one or 0) - 1 for one in whole
        ]
        assert "p59" not in explore.rows(TABLE, limit=200).patients


@pytest.mark.parametrize(("verb", "where", "body"), ROUTES)
def test_who_may_not_search_explores_nothing(made: Installation, verb: str, where: str, body: Any) -> None:
    address = f"/api/v1/explore/identified{where}"
    assert made.client.open(address, method=verb, json=body).status_code == 401
    for header in (made.bearer(scopes="careloom/monitor"), made.bearer(zones=["synthetic"])):
        assert made.client.open(address, method=verb, json=body, headers=header).status_code == 403


def test_a_second_zone_is_asked_for_its_own_right(made: Installation) -> None:
    with client_of(made, roles=["data-scientist"], zones=["synthetic"]) as api, pytest.raises(AccessError):
        api.explore("synthetic").charts("observation", against="identified")


def test_nothing_is_held_of_a_table_once_somebody_is_erased_or_it_is_another_version() -> None:
    clock = [0.0]
    held = ColumnsHeld(clock=lambda: clock[0])
    asked: list[list[str]] = []

    def read(names: list[str]) -> pa.Table:
        asked.append(names)
        return pa.table({name: ["a", None, "b"] for name in names})

    kinds: dict[str, Kind] = {"code": "category"}
    assert held.get("research", "silver/observations", 1, kinds, read)["code"].labels == ("a", "b")
    held.get("research", "silver/observations", 1, kinds, read)
    assert len(asked) == 1
    held.clear()
    held.get("research", "silver/observations", 1, kinds, read)
    clock[0] += 301
    held.get("research", "silver/observations", 1, kinds, read)
    assert len(asked) == 3
    held.get("research", "silver/observations", 2, kinds, read)
    held.get("research", "silver/observations", 1, kinds, read)
    assert len(asked) == 5
