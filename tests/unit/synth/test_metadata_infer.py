"""Metadata inferred: kinds, keys, sequences and constraints, each guess with its reason."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from careloom.synth.constraints import Fixed, Order
from careloom.synth.hierarchies import path
from careloom.synth.metadata import ForeignKey, SequenceOf
from careloom.synth.metadata_check import check_all, conform
from careloom.synth.metadata_infer import infer
from careloom.synth.metadata_infer_column import column_of
from careloom.synth.metadata_toml import from_toml, to_toml

KINDS: list[tuple[str, list[Any], str]] = [
    ("age", [34, 35, 36] * 10, "integer"),
    ("age", ["34", "35", "36", "?"] * 10, "integer"),
    ("smoker", [0, 1, None] * 10, "categorical"),
    ("smoker", ["true", "False", ""] * 10, "boolean"),
    ("temperature", ["36.6", "37.25", "NA"] * 10, "continuous"),
    ("seen", ["2024-01-31", None, "2024-02-01"] * 10, "date"),
    ("seen", ["2024-01-31T10:00:00Z", "2024-01-31T10:00:00Z"] * 10, "datetime"),
    ("zip", ["02139", "10001"] * 10, "categorical"),
    ("snomed_code", list(range(38341003, 38341103)) * 2, "categorical"),
    ("stay_id", list(range(100)), "id"),
    ("anything", [f"{each:x}-{each}" for each in range(100)], "id"),
    ("empty", [None] * 5, "categorical"),
]


@pytest.mark.parametrize(("name", "values", "kind"), KINDS)
def test_a_column_is_told_by_its_values_and_its_name(name: str, values: list[Any], kind: str) -> None:
    column, guesses = column_of("t", pl.Series(name, values, dtype=pl.String if values == [None] * 5 else None))
    assert column.kind == kind
    assert all(guess.why for guess in guesses)
    assert not column.public


def test_decimals_bounds_and_atoms_are_read() -> None:
    column, _ = column_of("t", pl.Series("cost", [0.0] * 50 + [each / 4 for each in range(50)]))
    assert (column.decimals, column.low, column.high, column.atoms) == (2, 0.0, 12.25, (0.0,))


@pytest.mark.parametrize(
    ("hierarchy", "codes"),
    [
        ("icd-10-cm", [f"E{each}.9" for each in range(10, 40)]),
        ("icd-9-cm", [f"{each}.1" for each in range(250, 300)] + ["V57", "E909"]),
    ],
)
def test_codes_of_diagnoses_are_known_by_their_look(hierarchy: str, codes: list[str]) -> None:
    assert column_of("t", pl.Series("dx", codes * 2))[0].hierarchy == hierarchy


PATHS = [
    ("icd-10-cm", "E11.9", ("E00-E89", "E11", "E11.9")),
    ("icd-10-cm", "O9A.1", ("O00-O9A", "O9A", "O9A.1")),
    ("icd-10-cm", "c4a0", ("C00-D49", "C4A", "c4a0")),
    ("icd-9-cm", "250.83", ("240-279", "250", "250.83")),
    ("icd-9-cm", "8", ("001-139", "008", "8")),
    ("icd-9-cm", "V57", ("V01-V91", "V57", "V57")),
    ("icd-9-cm", "E909.1", ("E000-E999", "E909", "E909.1")),
    ("prefix:1,3", "C09AA", ("C", "C09", "C09AA")),
]


@pytest.mark.parametrize(("hierarchy", "code", "expected"), PATHS)
def test_a_code_has_a_path_from_its_chapter(hierarchy: str, code: str, expected: tuple[str, ...]) -> None:
    assert path(hierarchy, code) == expected


def hospital() -> dict[str, pl.DataFrame]:
    draw = np.random.default_rng(3)
    start = [date(2024, 1, 1) + timedelta(int(days)) for days in draw.integers(0, 300, 200)]
    grade = draw.integers(0, 4, 200)
    return {
        "stays": pl.DataFrame(
            {
                "Id": [f"s{each}" for each in range(200)],
                "PATIENT": [f"p{each}" for each in draw.integers(0, 40, 200)],
                "start": start,
                "stop": [day + timedelta(int(days)) for day, days in zip(start, draw.integers(0, 9, 200), strict=True)],
                "grade": [f"grade {each}" for each in grade],
                "points": 10 * grade,
            }
        ),
        "patients": pl.DataFrame({"Id": [f"p{each}" for each in range(40)], "sex": ["F", "M"] * 20}),
    }


def test_keys_sequences_and_constraints_are_found_and_told() -> None:
    found = infer(hospital())
    stays, patients = found.metadata.table("stays"), found.metadata.table("patients")
    assert (stays.primary_key, patients.primary_key) == (("Id",), ("Id",))
    assert stays.foreign_keys == (ForeignKey(("PATIENT",), "patients"),)
    assert stays.sequence == SequenceOf(("PATIENT",), "start")
    assert (stays.subject, patients.subject) == ("PATIENT", "Id")
    assert set(stays.constraints) == {Order("start", "stop"), Fixed(("grade", "points"))}
    told = {(guess.table, guess.column, guess.what) for guess in found.guesses}
    assert ("stays", "PATIENT", "foreign_key to patients") in told
    assert ("stays", "", "constraint order of start+stop") in told


def test_what_is_inferred_fits_the_data_and_survives_the_toml() -> None:
    frames = hospital()
    metadata = infer(frames).metadata
    assert from_toml(to_toml(metadata)) == metadata
    assert check_all(metadata, {table.name: conform(table, frames[table.name]) for table in metadata.tables}) == []


def test_text_from_a_csv_is_inferred_as_its_types_are() -> None:
    frames = hospital()
    as_text = {name: frame.select(pl.all().cast(pl.String)) for name, frame in frames.items()}
    kinds = [[column.kind for column in table.columns] for table in infer(frames).metadata.tables]
    assert [[column.kind for column in table.columns] for table in infer(as_text).metadata.tables] == kinds
