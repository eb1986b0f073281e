"""Cohorts of patients whose dates were moved by secret days: no label is false because the data merely end."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from careloom.deid.dates import MOST_DAYS, shift_days
from careloom.risk.cohorts import COVERED_STEP, extract, why
from careloom.risk.cohorts_definition import Definition, Index, shipped
from tests.unit.risk.events_made import diagnosis, events, fact, person, stay

DAYS = 2_400
"""From the first to the last day of the true data."""
HEART_FAILURE = replace(shipped("heart_failure_1_year"), index=Index("visit"))
READMISSION = shipped("readmission_30_days")


def truth(seed: int, patients: int = 250) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Facts of a hospital to its last day, and the same with what happened in the two years after, too."""
    draw, rows = np.random.default_rng(seed), []
    for number in range(patients):
        name = f"p{number}"
        rows.append(person(name))
        for day in [
            one + back for one in draw.uniform(0, DAYS + 730, size=8) for back in (0, 3 + draw.integers(0, 50))
        ]:
            rows.append(stay(float(day), float(day) + 2, name))
            rows.append(fact("visit", float(day) + 5, name, code="AMB", system=_ACT, source=f"Encounter/{name}v{day}"))
        rows.append(diagnosis("I50.9", float(draw.uniform(400, DAYS + 730)), name))
    whole = events(*rows)
    last = events(fact("observation", DAYS, "p0"))["available_time"].max()
    return whole.filter(pl.col("time").is_null() | (pl.col("available_time") <= last)), whole


_ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"


def moved(known: pl.DataFrame, shift: Any) -> pl.DataFrame:
    days = {one: timedelta(days=shift(one)) for one in known["patient_id"].unique()}
    by = pl.col("patient_id").replace_strict(days, return_dtype=pl.Duration("us"))
    return known.with_columns(time=pl.col("time") + by, available_time=pl.col("available_time") + by)


def labels(definition: Definition, facts: pl.DataFrame, shift: int = 0) -> dict[str, Any]:
    rows = extract(definition, facts, shift_days=shift).rows
    return dict(rows.select("resource_key", "label").iter_rows())


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("definition", [READMISSION, HEART_FAILURE], ids=lambda one: one.name)
def test_a_label_of_shifted_dates_is_the_one_of_the_whole_truth(definition: Definition, seed: int) -> None:
    known, whole = truth(seed)
    shifted = moved(known, shift_days(bytes([seed]) * 32))
    real = labels(definition, whole)
    admitted = labels(definition, shifted, MOST_DAYS)
    assert len(admitted) > 60
    assert {key: real[key] for key in admitted} == admitted
    blind = labels(definition, shifted)
    assert sum(real[key] is True and label is False for key, label in blind.items()) > 0


def test_attrition_counts_what_is_left_out_and_why_says_it() -> None:
    known, _ = truth(4)
    shifted = moved(known, shift_days(b"4" * 32))
    before, after = extract(READMISSION, shifted), extract(READMISSION, shifted, shift_days=MOST_DAYS)
    [step] = [one for one in after.steps if one.name == COVERED_STEP]
    assert all(one.name != COVERED_STEP for one in before.steps)
    assert step.removed == before.rows.height - after.rows.height > 0
    newest = shifted["available_time"].max()
    assert after.rows["horizon_end"].max() <= newest - timedelta(days=2 * MOST_DAYS)  # type: ignore[operator]
    gone = after.verdicts.filter(~pl.col("is_covered")).row(0, named=True)
    [told] = [
        one
        for one in why(READMISSION, shifted, gone["patient_id"], shift_days=MOST_DAYS)
        if one["resource_key"] == gone["resource_key"]
    ]
    assert (told["is_in"], told["failed"], told["left_out"]) == (False, [], COVERED_STEP)
