"""Metadata: what it refuses, the TOML that people edit, and frames held against it."""

from dataclasses import replace
from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from careloom.errors import FormatError, InputError, NotFound
from careloom.synth.constraints import Fixed, Implies, Order, Same, Sum, violations
from careloom.synth.metadata import Column, ForeignKey, Metadata, SequenceOf, Table
from careloom.synth.metadata_check import check, check_all, conform
from careloom.synth.metadata_toml import from_toml, to_toml
from careloom.tables.schema import SchemaMismatch

PATIENTS = Table(
    "patients",
    (
        Column("patient_id", "id", nullable=False),
        Column("sex", "categorical", values=("F", "M"), public=True),
        Column("pregnant", "boolean"),
        Column("birth_date", "date", low=date(1900, 1, 1), high=date(2026, 1, 1), public=True),
        Column("weight", "continuous", unit="kg", decimals=1, low=0.3, high=400, missing={"?": "not weighed"}),
    ),
    primary_key=("patient_id",),
    subject="patient_id",
    constraints=(Implies({"sex": ("M",)}, {"pregnant": ()}),),
)
STAYS = Table(
    "stays",
    (
        Column("stay_id", "id", dtype="Int64"),
        Column("patient_id", "id"),
        Column("admitted", "datetime", dtype="Datetime[us, UTC]"),
        Column("discharged", "datetime", dtype="Datetime[us, UTC]", meaning='"home" or \\ elsewhere'),
        Column("room cost", "integer"),
        Column("drug cost", "integer"),
        Column("cost", "integer", atoms=(0.0,)),
        Column("diagnosis", "categorical", hierarchy="icd-10-cm"),
        Column("grade", "categorical"),
        Column("points", "categorical", dtype="Int64", values=(1, 2, 3)),
    ),
    primary_key=("stay_id",),
    foreign_keys=(ForeignKey(("patient_id",), "patients"),),
    sequence=SequenceOf(("patient_id",), "admitted"),
    subject="patient_id",
    constraints=(
        Order("admitted", "discharged"),
        Sum("cost", ("room cost", "drug cost")),
        Fixed(("grade", "points"), (("low", 1), ("high", 3))),
        Same("grade", ("patient_id",)),
    ),
)
BOTH = Metadata((STAYS, PATIENTS))


def at(day: int) -> datetime:
    return datetime(2024, 1, day, tzinfo=UTC)


def frames() -> dict[str, pl.DataFrame]:
    people = pl.DataFrame(
        {
            "patient_id": ["a", "b"],
            "sex": ["F", "M"],
            "pregnant": ["true", None],
            "birth_date": ["1980-02-03", "1990-12-31"],
            "weight": ["61.5", "?"],
        }
    )
    stays = pl.DataFrame(
        {
            "stay_id": [1, 2, 3],
            "patient_id": ["a", "a", "b"],
            "admitted": [at(1), at(5), at(2)],
            "discharged": [at(3), at(5), None],
            "room cost": [10, 20, 30],
            "drug cost": [1, 2, None],
            "cost": [11, 22, 5],
            "diagnosis": ["I10", "E11.9", None],
            "grade": ["low", "low", "high"],
            "points": [1, 1, 3],
        }
    )
    return {"patients": conform(PATIENTS, people), "stays": conform(STAYS, stays)}


def test_metadata_survives_being_written_and_read_as_toml() -> None:
    assert from_toml(to_toml(BOTH)) == BOTH


NAMES = st.text(min_size=1, max_size=8)


@settings(max_examples=25, deadline=None)
@given(st.lists(NAMES, min_size=1, max_size=4, unique=True), st.lists(NAMES, max_size=5, unique=True), NAMES)
@example(["a\n", '"', "\x7f"], ["\r\n"], "t\n")
def test_any_names_and_values_survive_the_toml(columns: list[str], values: list[str], meaning: str) -> None:
    made = tuple(Column(name, "categorical", values=tuple(values), meaning=meaning) for name in columns)
    metadata = Metadata((Table(meaning, made, constraints=(Fixed(tuple(columns)),)),))
    assert from_toml(to_toml(metadata)) == metadata


REFUSED = [
    ('version = 1\n[table.t.column.a]\nkind = "number"', "column a", "continuous"),
    ('version = 1\n[table.t.column.a]\nkind = "integer"\nunit = "kilos"', "column a", "UCUM"),
    ('version = 1\n[table.t.column.a]\nkind = "integer"\nlow = 3\nhigh = 2', "column a", "numbers"),
    ('version = 1\n[table.t.column.a]\nkind = "date"\nlow = 3', "column a", "dates"),
    ('version = 1\n[table.t.column.a]\nkind = "integer"\nlow = "3"', "low", "number"),
    ('version = 1\n[table.t.column.a]\nkind = "integer"\nvalues = [1]', "column a", "categorical"),
    ('version = 1\n[table.t.column.a]\nkind = "categorical"\nhierarchy = "icd"', "column a", "icd-10-cm"),
    ('version = 1\n[table.t.column.a]\nkind = "integer"\nhigher = 3', "higher", "high"),
    ("version = 1\n[table.t.column.a]\nunit = 'kg'", "column a", "kind"),
    ('version = 1\n[table.t]\nprimary_key = ["b"]\n[table.t.column.a]\nkind = "id"', "primary_key", "Declare"),
    ('version = 1\n[table.t]\nprimary_key = "a"\n[table.t.column.a]\nkind = "id"', "primary_key", "one"),
    ('version = 1\n[[table.t.constraint]]\nkind = "below"', "constraint", "order"),
    ('version = 1\n[[table.t.constraint]]\nkind = "order"\nlow = "a"', "high", "high"),
    ('version = 1\n[[table.t.foreign_key]]\ncolumns = []\nreferences = "u"', "u", "Declare"),
    ('[table.t.column.a]\nkind = "id"', "version", "version = 1"),
]


@pytest.mark.parametrize(("text", "place", "remedy"), REFUSED)
def test_what_means_nothing_is_refused_with_place_and_remedy(text: str, place: str, remedy: str) -> None:
    with pytest.raises(InputError) as caught:
        from_toml(text)
    assert place in caught.value.where
    assert remedy in caught.value.remedy


def test_what_is_no_toml_is_refused_without_quoting_it() -> None:
    with pytest.raises(FormatError) as caught:
        from_toml("version = 1\nname = PLANTED secret")
    assert "PLANTED" not in str(caught.value)
    assert "line 2" in caught.value.where


def test_tables_come_after_what_they_refer_to_and_circles_are_refused() -> None:
    assert [table.name for table in BOTH.in_order()] == ["patients", "stays"]
    circle = replace(PATIENTS, foreign_keys=(ForeignKey(("patient_id",), "stays"),))
    with pytest.raises(InputError, match="circle"):
        Metadata((STAYS, circle))


def test_a_single_table_needs_no_name() -> None:
    assert Metadata((PATIENTS,)).table() is PATIENTS
    with pytest.raises(NotFound):
        BOTH.table()


def test_a_frame_takes_the_declared_types_and_written_words_become_missing() -> None:
    people = frames()["patients"]
    assert people["weight"].to_list() == [61.5, None]
    assert people["birth_date"].to_list()[0] == date(1980, 2, 3)
    assert people["pregnant"].to_list() == [True, None]


def test_a_frame_that_does_not_fit_names_table_and_column_and_no_value() -> None:
    people = frames()["patients"]
    with pytest.raises(SchemaMismatch, match="weight"):
        conform(PATIENTS, people.drop("weight"))
    with pytest.raises(SchemaMismatch) as caught:
        conform(PATIENTS, people.with_columns(weight=pl.lit("PLANTED")))
    assert "weight" in caught.value.where
    assert "PLANTED" not in str(caught.value)


def test_frames_that_keep_the_rules_have_no_issues() -> None:
    assert check_all(BOTH, frames()) == []


BROKEN = [
    ("patients", {"sex": pl.lit("X")}, "synth.category-unknown"),
    ("patients", {"weight": pl.lit(0.1)}, "synth.out-of-bounds"),
    ("patients", {"birth_date": pl.lit(date(2030, 1, 1))}, "synth.out-of-bounds"),
    ("patients", {"patient_id": pl.lit(None, pl.String)}, "synth.null"),
    ("patients", {"patient_id": pl.lit("a")}, "synth.key-repeated"),
    ("patients", {"pregnant": pl.lit(True)}, "synth.constraint-broken"),
    ("stays", {"patient_id": pl.lit("c")}, "synth.key-dangling"),
    ("stays", {"discharged": pl.lit(at(1))}, "synth.constraint-broken"),
    ("stays", {"cost": pl.lit(3)}, "synth.constraint-broken"),
    ("stays", {"points": pl.lit(2)}, "synth.constraint-broken"),
    ("stays", {"patient_id": pl.lit("b")}, "synth.constraint-broken"),
]


@pytest.mark.parametrize(("table", "change", "code"), BROKEN)
def test_what_breaks_the_rules_is_counted(table: str, change: dict[str, pl.Expr], code: str) -> None:
    broken = frames()
    broken[table] = broken[table].with_columns(**change)
    assert code in {issue.code for issue in check_all(BOTH, broken)}


def test_a_missing_value_breaks_no_order_and_no_sum() -> None:
    stays = frames()["stays"]
    assert violations(stays, STAYS.constraints[0]).to_list() == [False, False, False]
    assert violations(stays, STAYS.constraints[1]).to_list() == [False, False, False]
    assert violations(stays, Order("admitted", "discharged", strict=True)).to_list() == [False, True, False]


def test_an_empty_frame_has_no_issues() -> None:
    assert check(STAYS, frames()["stays"].head(0)) == []


def test_a_patient_whose_name_would_be_learnt_is_refused() -> None:
    with pytest.raises(InputError, match="rows would name patients"):
        Table("stays", (Column("patient", "categorical"),), subject="patient")


def test_what_is_no_finite_number_is_missing() -> None:
    frame = pl.DataFrame({"x": [1.0, float("nan"), float("inf"), None]})
    made = conform(Table("t", (Column("x", "continuous"),)), frame)
    assert made["x"].to_list() == [1.0, None, None, None]
