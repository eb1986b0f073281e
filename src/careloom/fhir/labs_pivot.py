"""Laboratory results side by side: a row for each patient, encounter and time, a column for each quantity of a table.

Which codes stand in which column, and in which unit, says ``labs_by_loinc.toml``.
"""

import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from careloom.errors import InputError
from careloom.runtime import packaged
from careloom.terminology.ucum import factor

_MISTAKEN = ("entered-in-error", "cancelled")
_NAMED = ("patient_key", "encounter_key", "time")


@dataclass(frozen=True, slots=True)
class Quantity:
    """One column: the UCUM unit of its values, and the LOINC codes whose values stand in it."""

    unit: str
    codes: tuple[str, ...]


def quantities() -> dict[str, Quantity]:
    """Column -> what it holds, in order."""
    told = tomllib.loads(packaged("fhir", "labs_by_loinc.toml").decode())["columns"]
    return {name: Quantity(one["unit"], tuple(one["codes"])) for name, one in told.items()}


def pivoted(labs: pl.DataFrame, columns: Mapping[str, Quantity]) -> tuple[pl.DataFrame, Counter[str]]:
    """The rows side by side, sorted by patient and time, and how many results are left out, by reason.

    labs     rows of the view labs_wide, in the order in which they came: of several results of one quantity at one time
             the last counts
    returns  [n] patient_key, encounter_key, time (as it was written), then a Float64 for each column
    """
    column_of = {code: name for name, one in columns.items() for code in one.codes}
    known = labs.filter(
        pl.col("code_loinc").is_in(list(column_of)) & ~pl.col("status").fill_null("").is_in(_MISTAKEN)
    ).with_columns(
        pl.col("code_loinc").replace_strict(column_of, return_dtype=pl.String).alias("column"),
        pl.coalesce("time", "start").alias("time"),
        pl.coalesce("unit_ucum", "unit").fill_null("").alias("own_unit"),
    )  # fmt: skip
    pairs = known.select("own_unit", "column").unique(maintain_order=True)
    factors = pl.Series("factor", [_factor(unit, columns[name].unit) for unit, name in pairs.iter_rows()], pl.Float64)
    valued = known.join(pairs.with_columns(factors), on=["own_unit", "column"], how="left", maintain_order="left")
    reason = (
        pl.when(pl.col("value").is_null()).then(pl.lit("results without a number"))
        .when(pl.col("comparator").is_not_null()).then(pl.lit("results that are a bound only"))
        .when(pl.col("factor").is_null()).then(pl.lit("results in a unit that does not compare"))
        .when(pl.col("time").is_null()).then(pl.lit("results without a time"))
    )  # fmt: skip
    judged = valued.with_columns(reason.alias("reason"), (pl.col("value") * pl.col("factor")).alias("value"))
    left_out = Counter(dict(judged.drop_nulls("reason")["reason"].value_counts().iter_rows()))
    kept = judged.filter(pl.col("reason").is_null())
    side_by_side = [pl.col("value").filter(pl.col("column") == name).last().alias(name) for name in columns]
    return kept.group_by(_NAMED, maintain_order=True).agg(side_by_side).sort("patient_key", "time"), left_out


def _factor(source: str, target: str) -> float | None:
    """What a number in one unit is multiplied by to be one in the other; None where they do not compare."""
    if source == target:
        return 1.0
    try:
        return float(factor(source, target))
    except InputError:
        return None
