"""Typed tables as numbers, by a codebook."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.errors import FormatError
from careloom.tables.encoding import Codebook, decode, encode, make_codebook, read_codebook
from careloom.tables.research import PATIENTS
from careloom.tables.schema import Column, SchemaMismatch, TableSchema

VISITS = TableSchema(
    name="visits",
    layer="silver",
    meaning="One row a visit.",
    key=("visit_id",),
    subject="patient_id",
    columns=(
        Column("visit_id", "String", "Which.", nullable=False),
        Column("patient_id", "String", "Whose.", nullable=False),
        Column("kind", "String", "What."),
        Column("urgent", "Boolean", "Whether."),
        Column("start_time", "Datetime[us, UTC]", "When."),
        Column("end_time", "Datetime[us, UTC]", "Until when."),
        Column("score", "Int32", "How much."),
    ),
)
START = datetime(2024, 1, 1, tzinfo=UTC)


def visits(kinds: list[str | None], per_patient: int = 1) -> pl.DataFrame:
    rows = [
        (f"v{n}", f"p{n // per_patient}", kind, [True, False, None][n % 3], START + timedelta(days=n), None, n)
        for n, kind in enumerate(kinds)
    ]
    return pl.DataFrame(rows, schema=VISITS.dtypes, orient="row")


def test_categories_are_numbered_by_how_many_patients_have_them_and_small_ones_are_not() -> None:
    frame = visits(["b"] * 12 + ["a"] * 12 + ["c"] * 13 + ["rare"] * 10 + [None])
    book = make_codebook(VISITS, frame)
    assert book.categories["kind"] == ("c", "a", "b")
    made = encode(VISITS, frame, book)
    assert made["kind"].to_list() == [3] * 12 + [2] * 12 + [1] * 13 + [0] * 10 + [-1]
    assert "rare" not in book.as_json()


def test_many_rows_of_few_patients_are_still_a_small_category() -> None:
    assert make_codebook(VISITS, visits(["a"] * 40, per_patient=10)).categories["kind"] == ()


def test_times_are_days_since_the_patients_first_and_booleans_are_numbers() -> None:
    made = encode(VISITS, visits(["a"] * 4, per_patient=2), make_codebook(VISITS, visits(["a"] * 4), smallest=1))
    assert made["start_time"].to_list() == [0.0, 1.0, 0.0, 1.0]
    assert made["end_time"].to_list() == [None] * 4
    assert made["urgent"].to_list() == [1, 0, -1, 1]
    assert made["score"].to_list() == [0.0, 1.0, 2.0, 3.0]
    assert made["patient_id"].to_list() == ["p0", "p0", "p1", "p1"]
    assert [str(kind) for kind in made.dtypes[2:4]] == ["Int32", "Int8"]


def test_later_data_gets_the_same_numbers_and_what_is_new_is_unknown() -> None:
    book = read_codebook(make_codebook(VISITS, visits(["a", "b"] * 11), smallest=11).as_json())
    assert encode(VISITS, visits(["b", "new", "a"]), book)["kind"].to_list() == [2, 0, 1]


def test_a_codebook_of_something_else_is_refused() -> None:
    book = make_codebook(VISITS, visits(["a"]))
    with pytest.raises(FormatError):
        encode(PATIENTS, PATIENTS.empty(), book)
    with pytest.raises(SchemaMismatch):
        encode(VISITS, visits(["a"]).drop("kind"), book)
    for text in ("", "{}", "[]", '{"version": 2}', book.as_json().replace('"version": 1', '"version": 9')):
        with pytest.raises(FormatError):
            read_codebook(text)


def test_a_codebook_of_another_version_is_told_from_what_is_none() -> None:
    with pytest.raises(FormatError, match="version 9"):
        read_codebook(make_codebook(VISITS, visits(["a"])).as_json().replace('"version": 1', '"version": 9'))
    with pytest.raises(FormatError, match="no codebook"):
        read_codebook('{"resourceType": "Patient"}')


@given(st.lists(st.sampled_from(["a", "b", "c", "ü", None]), max_size=40), st.integers(1, 12))
def test_what_is_encoded_and_known_is_decoded_again(kinds: list[str | None], smallest: int) -> None:
    frame = visits(kinds)
    book = read_codebook(make_codebook(VISITS, frame, smallest).as_json())
    assert isinstance(book, Codebook)
    back = decode(encode(VISITS, frame, book), book)["kind"].to_list()
    assert back == [kind if kind in book.categories["kind"] else None for kind in kinds]
