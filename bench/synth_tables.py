"""The tables that generators are measured on, each with its fixed split; read from the suites (CARELOOM_SUITES).

Splits were fixed before anything was tuned: Adult as in `bench_synth_adult`; of Diabetes-130 the first encounter of
each patient, permuted with seed 20260101: 20,000 train, the next 20,000 test, the rest control; heart disease
(Cleveland and Hungarian, whether there is any) permuted with seed 20261129: 60 % train, 20 % control, 20 % test.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

import bench_synth_adult
import bench_synth_marginals
from careloom.synth.metadata import Column, Table
from careloom.synth.metadata_check import conform
from careloom.synth.metadata_infer import infer

NAMES = ("adult", "diabetes130", "heart_disease")


@dataclass(frozen=True, slots=True, eq=False)
class Data:
    """A table with rows to learn, rows that no generator sees, and rows to test on."""

    table: Table
    target: str
    train: pl.DataFrame
    control: pl.DataFrame
    test: pl.DataFrame
    groups: tuple[str, ...] = ()


def read(name: str, suites: Path) -> Data:
    """The data set of a name."""
    return {"adult": _adult, "diabetes130": _diabetes130, "heart_disease": _heart_disease}[name](suites)


def as_public(data: Data, name: str) -> Table:
    """The table with bins and categories as `bench_synth_marginals` takes them to be public."""
    bins = bench_synth_marginals.BINS.get(name, {})
    whole = pl.concat([data.train, data.control, data.test])

    def public(column: Column) -> Column:
        if column.name in bins:
            edges = [float(one) for one in bins[column.name]]
            low, high, cuts = int(edges[0]), int(edges[-1]) - 1, tuple(edges[1:-1])
            return replace(column, low=low, high=high, cuts=cuts, atoms=(), public=True)
        if column.kind in ("categorical", "boolean"):
            values = () if column.kind == "boolean" else tuple(whole[column.name].drop_nulls().unique().sort())
            return replace(column, values=values, public=True)
        return replace(column, low=whole[column.name].min(), high=whole[column.name].max(), public=True)

    return replace(data.table, columns=tuple(public(column) for column in data.table.columns))


def _adult(suites: Path) -> Data:
    table, train, control, test = bench_synth_adult.adult(suites)
    return Data(table, "income", train, control, test, ("sex", "race"))


def _diabetes130(suites: Path) -> Data:
    rows, target, learn, test = bench_synth_marginals.diabetes130(suites)
    numbers = bench_synth_marginals.BINS["diabetes130"]
    written = rows.with_columns(pl.col(one).cast(pl.String).fill_null("none") for one in rows.columns)
    table = infer({"diabetes130": written}).metadata.table()
    columns = [
        Column(column.name, "integer" if column.name in numbers else "categorical", nullable=False)
        for column in table.columns
    ]
    table = replace(table, columns=tuple(columns), primary_key=(), subject="")
    frame = conform(table, written)
    order = np.random.default_rng(20260101).permutation(frame.height)
    ends = (learn, learn + test)
    return Data(table, target, frame[order[: ends[0]]], frame[order[ends[1] :]], frame[order[ends[0] : ends[1]]])


def _heart_disease(suites: Path) -> Data:
    frame = pl.read_csv(suites / "heart_disease" / "data.csv.gz", infer_schema_length=0)
    frame = frame.filter(pl.col("age") != "age")  # the header stands again where the second site begins
    codes = ("sex", "cp", "fbs", "restecg", "exang", "slope", "ca", "thal")
    frame = frame.with_columns(
        pl.when(pl.col("num").str.strip_chars() == "0").then(pl.lit("no")).otherwise(pl.lit("yes")).alias("num"),
        *(pl.col(one).cast(pl.Float64).cast(pl.Int64).cast(pl.String) for one in codes),
    )
    whole = ("age", "trestbps", "chol", "thalach")
    columns = tuple(
        Column(name, "integer") if name in whole
        else Column(name, "continuous", decimals=1) if name == "oldpeak"
        else Column(name, "categorical", nullable=name != "num")
        for name in frame.columns
    )  # fmt: skip
    frame = frame.with_columns(pl.col(one).cast(pl.Float64).cast(pl.Int64) for one in whole)
    table = Table("heart_disease", columns)
    frame = conform(table, frame)
    order = np.random.default_rng(20261129).permutation(frame.height)
    first, second = int(0.6 * frame.height), int(0.8 * frame.height)
    return Data(table, "num", frame[order[:first]], frame[order[first:second]], frame[order[second:]])
