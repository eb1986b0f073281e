"""Laboratory results side by side: units are converted, the last of several counts, what does not fit is counted."""

from typing import Any

import polars as pl

from careloom.fhir.labs_pivot import pivoted, quantities
from careloom.fhir.views import compile_view
from careloom.terminology.ucum import is_valid

COLUMNS = (
    "patient_key",
    "encounter_key",
    "status",
    "code_loinc",
    "time",
    "start",
    "value",
    "comparator",
    "unit",
    "unit_ucum",
)
SODIUM, CREATININE = "2951-2", "2160-0"


def labs(*rows: dict[str, Any]) -> pl.DataFrame:
    given = {"patient_key": "Patient/a", "encounter_key": "Encounter/e", "status": "final", "time": "2024-01-01",
             "start": None, "comparator": None, "unit": None, "unit_ucum": "mmol/L", "code_loinc": SODIUM,
             "value": 1.0}  # fmt: skip
    kinds = {name: pl.Float64 if name == "value" else pl.String for name in COLUMNS}
    return pl.DataFrame([{name: (given | row)[name] for name in COLUMNS} for row in rows], schema=kinds)


def test_every_column_of_the_table_has_a_unit_of_ucum_and_codes_of_its_own() -> None:
    held = quantities()
    assert all(is_valid(one.unit) for one in held.values())
    codes = [code for one in held.values() for code in one.codes]
    assert len(codes) == len(set(codes))


def test_results_of_one_time_stand_in_one_row_in_the_unit_of_the_column() -> None:
    frame, left_out = pivoted(
        labs({"value": 140.0}, {"code_loinc": CREATININE, "value": 0.01, "unit_ucum": "g/L"},
             {"value": 138.0, "time": None, "start": "2024-01-02"}),
        quantities(),
    )  # fmt: skip
    assert frame.select("time", "sodium_mmol_per_l", "creatinine_mg_per_dl").rows() == [
        ("2024-01-01", 140.0, 1.0),
        ("2024-01-02", 138.0, None),
    ]
    assert not left_out


def test_the_last_of_several_counts_and_what_does_not_fit_is_counted() -> None:
    frame, left_out = pivoted(
        labs(
            {"value": 1.0}, {"value": 2.0}, {"value": None}, {"value": 3.0, "comparator": "<"}, {"unit_ucum": "kg"},
            {"unit_ucum": None, "unit": "of our own"}, {"time": None}, {"status": "entered-in-error"},
            {"code_loinc": "no code"}, {"code_loinc": None},
        ),
        quantities(),
    )  # fmt: skip
    assert frame["sodium_mmol_per_l"].to_list() == [2.0]
    assert left_out == {
        "results without a number": 1,
        "results that are a bound only": 1,
        "results in a unit that does not compare": 2,
        "results without a time": 1,
    }


def test_no_results_make_no_rows_and_all_columns() -> None:
    frame, left_out = pivoted(labs({"value": 1.0}).clear(), quantities())
    assert (frame.height, frame.columns[3:], left_out) == (0, list(quantities()), {})


def test_the_view_that_ships_has_the_columns_that_are_needed() -> None:
    from careloom.services.view import definition_of

    assert set(COLUMNS) <= set(compile_view(definition_of("labs_wide")).schema())
