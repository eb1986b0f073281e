"""Which rows a model learns from and which it is judged by; the same rows and the same key give the same folds.

A patient is in one fold only, whatever the split: a model that has seen a patient's other stays has seen the patient.
Rows that would break this, or whose label window reaches into the time of the test, go to the fold ``gap`` and are used
by nobody.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime

import polars as pl

from careloom.errors import QueryError

GAP = "gap"
_BYTES = 8


def places(ids: pl.Series, key: bytes) -> pl.DataFrame:
    """[p] id and place: a number in [0, 1) for each distinct id, by a keyed hash; without the key nobody can tell.

    raises  QueryError for an empty key
    """
    if not key:
        raise QueryError("a split needs a key", "Give 16 bytes or more, and keep them with the model.")
    distinct = ids.drop_nulls().unique().sort().to_list()
    told = [
        int.from_bytes(hashlib.blake2b(str(one).encode(), key=key[:64], digest_size=_BYTES).digest(), "big")
        for one in distinct
    ]
    scale = float(1 << (8 * _BYTES))
    return pl.DataFrame(
        {"id": distinct, "place": [number / scale for number in told]},
        schema={"id": ids.dtype, "place": pl.Float64},
    )


def patient_grouped(
    rows: pl.DataFrame, key: bytes, shares: Mapping[str, float], patient: str = "patient_id"
) -> pl.Series:
    """The fold of each row, by its patient.

    shares  fold -> share of the patients; they sum to 1
    raises  QueryError
    """
    if not shares or any(share <= 0 for share in shares.values()) or abs(sum(shares.values()) - 1) > 1e-9:
        raise QueryError("the shares of a split", "Give shares above 0 that sum to 1.")
    bound, names = 0.0, list(shares)
    fold = pl.lit(names[-1])
    limits = []
    for name in names[:-1]:
        bound += shares[name]
        limits.append((bound, name))
    for limit, name in reversed(limits):
        fold = pl.when(pl.col("place") < limit).then(pl.lit(name)).otherwise(fold)
    found = places(rows[patient], key).select(pl.col("id").alias(patient), fold.alias("fold"))
    return rows.select(patient).join(found, on=patient, how="left", maintain_order="left")["fold"]


def folds(rows: pl.DataFrame, key: bytes, count: int, patient: str = "patient_id") -> pl.Series:
    """The number of the fold of each row, 0 to count - 1, by its patient. raises QueryError"""
    if count < 2:
        raise QueryError("the number of folds", "Ask for 2 or more.")
    number = (pl.col("place") * count).floor().cast(pl.Int32)
    found = places(rows[patient], key).select(pl.col("id").alias(patient), number.alias("fold"))
    return rows.select(patient).join(found, on=patient, how="left", maintain_order="left")["fold"]


def temporal(rows: pl.DataFrame, cut: datetime, patient: str = "patient_id") -> pl.Series:
    """The fold of each row: test from `cut` on, train where the label was known by then, gap between.

    rows    patient, index_time and horizon_end
    A patient with a row in the test has no row in the training.
    """
    is_test = pl.col("index_time") >= pl.lit(cut)
    is_known = pl.col("horizon_end") <= pl.lit(cut)
    is_tested = is_test.any().over(patient)
    fold = pl.when(is_test).then(pl.lit("test")).when(is_known & ~is_tested).then(pl.lit("train"))
    return rows.select(fold.otherwise(pl.lit(GAP)).alias("fold"))["fold"]


def leave_site_out(rows: pl.DataFrame, site: str, patient: str = "patient_id") -> dict[str, pl.Series]:
    """Site -> the fold of each row: test at that site, train at the others; patients of both are in the test only.

    raises  QueryError where there is but one site
    """
    names = rows[site].drop_nulls().unique().sort().to_list()
    if len(names) < 2:
        raise QueryError("there is one site only", "Leaving it out would leave nothing to learn from.")
    made = {}
    for name in names:
        is_test = (pl.col(site) == name).fill_null(value=False)
        is_seen = is_test.any().over(patient)
        fold = pl.when(is_test).then(pl.lit("test")).when(is_seen | pl.col(site).is_null()).then(pl.lit(GAP))
        made[str(name)] = rows.select(fold.otherwise(pl.lit("train")).alias("fold"))["fold"]
    return made
