import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.deid.risk_report import RiskReport, assess
from careloom.deid.targets import Targets
from careloom.errors import QueryError

QUASI = ["age", "zip"]
ROWS = st.lists(
    st.tuples(st.integers(0, 2) | st.none(), st.sampled_from("ab"), st.sampled_from("xyz") | st.none()), max_size=30
)
KINDS = {"age": pl.Int64, "zip": pl.String, "diagnosis": pl.String}


def table(rows: list[tuple[int | None, str, str | None]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=KINDS, orient="row")


def line(report: RiskReport, name: str, column: str = "") -> tuple[float | None, str, float | None, bool | None]:
    (found,) = [each for each in report.measures() if (each.name, each.column) == (name, column)]
    return found.value, found.unit, found.target, found.holds


# The 4-anonymous inpatients of Machanavajjhala et al 2007 (figure 2), ages and nationality generalized:
# two classes of four with 2 and 3 diseases, and one of four with cancer only.
INPATIENTS = table(
    [(0, "a", each) for each in ("heart", "heart", "viral", "viral")]
    + [(1, "a", each) for each in ("cancer", "heart", "viral", "viral")]
    + [(2, "a", "cancer")] * 4
)


def test_the_inpatients_of_the_paper_are_4_anonymous_and_not_diverse() -> None:
    report = assess(INPATIENTS, QUASI, ["diagnosis"], Targets(k=4, distinct_l=2, recursive_cl=(3.0, 2), t=0.5))
    assert line(report, "smallest_class") == (4, "patients", 4, True)
    assert line(report, "distinct_l", "diagnosis") == (1, "values", 2, False)
    assert line(report, "entropy_l", "diagnosis") == (1.0, "values", None, None)
    assert line(report, "recursive_c_for_l_2", "diagnosis") == (None, "ratio", 3.0, False)
    assert line(report, "t", "diagnosis") == (pytest.approx(7 / 12), "distance", 0.5, False)
    assert line(report, "prosecutor_maximum") == (0.25, "probability", None, None)
    assert (report.holds, report.missing) == (False, 4)


@given(ROWS, st.integers(1, 5), st.integers(1, 3), st.sampled_from([0.1, 0.5, 0.9]))
def test_a_report_holds_exactly_when_no_patient_is_in_a_class_that_misses_a_target(
    rows: list[tuple[int | None, str, str | None]], k: int, least: int, t: float
) -> None:
    targets = Targets(k=k, distinct_l=least, entropy_l=1.5, recursive_cl=(2.0, 2), t=t, maximum_risk=0.5)
    report = assess(table(rows), QUASI, ["diagnosis"], targets)
    assert report.holds == (report.missing == 0)


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_the_records_changes_nothing(
    rows: list[tuple[int | None, str, str | None]], order: object
) -> None:
    mixed = list(rows)
    order.shuffle(mixed)  # type: ignore[attr-defined]
    one, other = (assess(table(each), QUASI, ["diagnosis"], population=1_000).as_json() for each in (rows, mixed))
    assert one == other


@pytest.mark.parametrize("population", [None, 10, "table"])
@pytest.mark.parametrize("rows", [0, 1])
def test_an_empty_table_and_one_patient_have_sensible_answers(rows: int, population: object) -> None:
    frame = table([(1, "a", "x")] * rows)
    people = frame if population == "table" else population
    report = assess(frame, QUASI, ["diagnosis"], Targets(k=5, t=0.2), population=people)  # type: ignore[arg-type]
    assert report.holds == (rows == 0)
    assert line(report, "smallest_class")[0] == (1 if rows else None)
    assert line(report, "alone_in_class")[0] == (1.0 if rows else None)
    assert line(report, "t", "diagnosis")[0] == (0.0 if rows else None)
    assert line(report, "marketer_average")[0] == (None if rows == 0 else pytest.approx(1.0, abs=0.9))
    assert json.loads(json.dumps(report.as_json(), allow_nan=False))["patients"] == rows


def test_every_number_of_the_json_has_its_unit_and_no_patients_value_stands_in_it() -> None:
    secret = table([(77, "Zanzibar", "leprosy"), (78, "Zanzibar", "leprosy")])
    text = json.dumps(assess(secret, QUASI, ["diagnosis"], population=secret).as_json(), allow_nan=False)
    assert not any(value in text for value in ("Zanzibar", "leprosy", "77", "78"))

    units = (
        "patients",
        "classes",
        "people",
        "share",
        "probability",
        "values",
        "ratio",
        "distance",
        "cells",
        "population",
    )

    def bare(found: object, name: str) -> list[str]:
        if isinstance(found, dict):
            return [slip for key, each in found.items() if not found.get("unit") for slip in bare(each, key)]
        if isinstance(found, list):
            return [slip for each in found for slip in bare(each, name)]
        number = isinstance(found, int | float) and not isinstance(found, bool)
        return [name] if number and not name.endswith(units) else []

    assert bare(json.loads(text), "") == []


def test_numbers_and_dates_are_ordered_and_the_caller_may_say_otherwise() -> None:
    frame = pl.DataFrame({"zip": ["a", "b"], "stay": [1, 9], "sex": ["f", "m"]})
    kinds = {each.column: each.distance for each in assess(frame, ["zip"], ["stay", "sex"]).sensitive}
    assert kinds == {"stay": "ordered", "sex": "equal"}
    said = assess(frame, ["zip"], ["stay", "sex"], ordered={"stay": False, "sex": True}).sensitive
    assert {each.column: each.distance for each in said} == {"stay": "equal", "sex": "ordered"}


def test_a_highest_risk_is_a_smallest_class() -> None:
    assert [Targets(maximum_risk=risk).smallest_class for risk in (1.0, 0.5, 0.34, 0.2, 1 / 3, 0.09)] == [
        1,
        2,
        3,
        5,
        3,
        12,
    ]
    assert Targets(k=20, maximum_risk=0.2).smallest_class == 20


@pytest.mark.parametrize(
    "wrong",
    [
        {"k": 0},
        {"distinct_l": 0},
        {"entropy_l": 0.5},
        {"recursive_cl": (1.0, 1)},
        {"recursive_cl": (0.0, 2)},
        {"t": 1.5},
        {"maximum_risk": 0.0},
        {"threshold": 0.0},
        {"cells_below": 0},
        {"columns_crossed": 0},
    ],
)
def test_a_target_outside_its_range_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(QueryError, match=next(iter(wrong))):
        Targets(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("sensitive", [["income"], ["diagnosis", "diagnosis"]])
def test_a_sensitive_column_that_is_not_there_or_named_twice_is_refused(sensitive: list[str]) -> None:
    with pytest.raises(QueryError, match="sensitive columns"):
        assess(INPATIENTS, QUASI, sensitive)
