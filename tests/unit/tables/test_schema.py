import polars as pl
import pytest

from careloom.errors import InputError
from careloom.tables.research import OBSERVATIONS, PATIENTS, RESEARCH
from careloom.tables.schema import DTYPES, Column, SchemaMismatch, TableSchema

TABLE = TableSchema(
    name="weights",
    layer="silver",
    meaning="One row per weighing.",
    key=("weight_id",),
    subject="patient_id",
    columns=(
        Column("weight_id", "String", "Pseudonym.", phi="quasi", nullable=False),
        Column("patient_id", "String", "Pseudonym.", phi="quasi", nullable=False),
        Column("weight", "Float64", "Body weight.", unit="kg"),
    ),
)
GOOD = pl.DataFrame({"weight_id": ["a", "b"], "patient_id": ["p", "p"], "weight": [70.0, None]})


def test_a_frame_as_declared_has_no_issues() -> None:
    assert TABLE.check(GOOD) == []
    assert TABLE.require(GOOD) is GOOD


def test_an_empty_frame_of_every_research_table_passes_its_own_check() -> None:
    for table in RESEARCH:
        assert table.check(table.empty()) == []


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (GOOD.drop("weight"), "tables.column-missing"),
        (GOOD.with_columns(name=pl.lit("Ann")), "tables.column-unknown"),
        (GOOD.with_columns(pl.col("weight").cast(pl.Int64)), "tables.dtype"),
        (GOOD.select("patient_id", "weight_id", "weight"), "tables.column-order"),
        (GOOD.with_columns(patient_id=pl.lit(None, dtype=pl.String)), "tables.null"),
        (GOOD.with_columns(weight_id=pl.lit("a")), "tables.key-repeated"),
    ],
)
def test_each_way_to_differ_has_its_code(frame: pl.DataFrame, code: str) -> None:
    assert [issue.code for issue in TABLE.check(frame)] == [code]
    with pytest.raises(SchemaMismatch) as caught:
        TABLE.require(frame)
    assert isinstance(caught.value, InputError)
    assert caught.value.code == "input.schema-mismatch"


def test_no_issue_holds_a_value_or_a_foreign_column_name() -> None:
    planted = GOOD.with_columns(pl.lit("Zaphod").alias("Beeblebrox"), weight_id=pl.lit("secret"))
    said = str(TABLE.check(planted)) + str(TABLE.check(planted.drop("Beeblebrox")))
    assert not {"Zaphod", "Beeblebrox", "secret"} & set(said.replace("'", " ").split())


@pytest.mark.parametrize(
    "broken",
    [
        {"key": ("nothing",)},
        {"key": ()},
        {"subject": "nobody"},
        {"columns": (Column("weight_id", "String", "x"), Column("weight_id", "String", "x"))},
        {"columns": (Column("weight_id", "Text", "x"), Column("patient_id", "String", "x"))},
    ],
)
def test_a_schema_that_contradicts_itself_cannot_be_made(broken: dict[str, object]) -> None:
    fields = {"name": "w", "layer": "silver", "meaning": "m", "key": ("weight_id",), "subject": "patient_id"}
    with pytest.raises(ValueError, match="table w"):
        TableSchema(**{**fields, "columns": TABLE.columns, **broken})  # type: ignore[arg-type]


def test_research_tables_hold_no_direct_identifier_and_say_what_each_column_means() -> None:
    for table in RESEARCH:
        for column in table.columns:
            assert column.phi != "direct", column.name
            assert column.meaning.endswith("."), column.name
            assert column.dtype in DTYPES
            assert column.name.islower()


def test_every_id_and_time_of_a_research_table_is_classed_as_quasi_identifier() -> None:
    for table in RESEARCH:
        for column in table.columns:
            if column.name.endswith(("_id", "_time")):
                assert column.phi == "quasi", (table.name, column.name)


def test_the_signature_is_what_a_pipeline_schema_wants() -> None:
    assert PATIENTS.signature[:2] == (("patient_id", "String"), ("birth_year", "Int32"))
    assert ("effective_time", "Datetime[us, UTC]") in OBSERVATIONS.signature
    assert OBSERVATIONS.path == "silver/observations"
