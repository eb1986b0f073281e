"""A frame held against its metadata: brought into the declared types, and counted where it breaks what is declared."""

from collections.abc import Mapping

import polars as pl

from careloom.issues import Issue
from careloom.synth.constraints import violations
from careloom.synth.metadata import CATEGORIES, NUMBERS, Column, Metadata, Table
from careloom.tables.schema import SchemaMismatch


def conform(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """The declared columns of a frame, in order and in their types; written values that mean missing become null.

    What is no finite number becomes null, too.

    raises  SchemaMismatch that names the column which is not there, or whose values do not fit the type
    """
    absent = [name for name in table.names if name not in frame.columns]
    if absent:
        raise SchemaMismatch(
            f"table {table.name}: the frame lacks {', '.join(absent)}", "Give the column, or leave it out of the TOML."
        )
    return pl.DataFrame([_column(table, column, frame.get_column(column.name)) for column in table.columns])


def _column(table: Table, column: Column, series: pl.Series) -> pl.Series:
    if column.missing:
        text = series.cast(pl.String)
        series = series.set(text.is_in(list(column.missing)).fill_null(False), None)
    try:
        typed = _cast(series, column)
    except pl.exceptions.PolarsError:
        raise SchemaMismatch(
            f"table {table.name}, column {column.name}: there are values that are no {column.polars_type}",
            "Give another kind, or list under `missing` what stands for a missing value.",
        ) from None
    return typed.set(~typed.is_finite().fill_null(True), None) if typed.dtype.is_float() else typed


def _cast(series: pl.Series, column: Column) -> pl.Series:
    wanted = column.polars_type
    if series.dtype == pl.String and column.kind == "date":
        return series.str.to_date(strict=True)
    if series.dtype == pl.String and column.kind == "datetime":
        zone = getattr(wanted, "time_zone", None)
        read = series.str.to_datetime(strict=True, time_unit="us", time_zone=zone)
        return read.cast(wanted)
    if series.dtype == pl.String and column.kind == "boolean":
        return series.str.to_lowercase().replace_strict({"true": True, "false": False}, return_dtype=pl.Boolean)
    if series.dtype == pl.String and column.kind in NUMBERS:  # 12.00 is an integer too
        numbers = series.str.strip_chars().cast(pl.Float64)
        if column.kind == "integer" and bool((numbers != numbers.round(0)).any()):
            raise pl.exceptions.InvalidOperationError("not all are integers")
        return numbers.cast(wanted)
    return series.cast(wanted)


def check(table: Table, frame: pl.DataFrame) -> list[Issue]:
    """What in a frame breaks its declaration: nulls, bounds, categories, keys, constraints. Counts, never a value.

    frame  as `conform` returns it
    """
    issues = [issue for column in table.columns for issue in _column_issues(table, column, frame[column.name])]
    if table.primary_key and frame.height:
        repeated = frame.height - frame.select(table.primary_key).n_unique()
        if repeated:
            issues.append(
                _issue("synth.key-repeated", table, "+".join(table.primary_key), f"{repeated} rows repeat a key.")
            )
    for constraint in table.constraints:
        if broken := int(violations(frame, constraint).sum()):
            place = f"{constraint.kind} {'+'.join(constraint.columns)}"
            issues.append(_issue("synth.constraint-broken", table, place, f"{broken} rows break the constraint."))
    return issues


def check_all(metadata: Metadata, frames: Mapping[str, pl.DataFrame]) -> list[Issue]:
    """`check` of every table, and foreign keys that lead nowhere.

    raises  SchemaMismatch for a table that is not given
    """
    if absent := [table.name for table in metadata.tables if table.name not in frames]:
        raise SchemaMismatch(f"there is no frame for table {absent[0]}", "Give one frame for each declared table.")
    issues = [issue for table in metadata.tables for issue in check(table, frames[table.name])]
    for table in metadata.tables:
        for key in table.foreign_keys:
            there = frames[key.references].select(metadata.target_of(key)).unique()
            own = frames[table.name].select(key.columns).drop_nulls()
            lost = own.join(there, left_on=key.columns, right_on=metadata.target_of(key), how="anti").height
            if lost:
                issues.append(
                    _issue("synth.key-dangling", table, "+".join(key.columns), f"{lost} rows refer to nothing.")
                )
    return issues


def _column_issues(table: Table, column: Column, series: pl.Series) -> list[Issue]:
    found = [
        (
            "synth.null",
            int(series.null_count()) if not column.nullable else 0,
            "rows are missing where nothing may be.",
        ),
        ("synth.out-of-bounds", _outside(column, series), "rows lie outside low and high."),
        ("synth.category-unknown", _unlisted(column, series), "rows are none of the declared values."),
    ]
    return [_issue(code, table, column.name, f"{count} {what}") for code, count, what in found if count]


def _outside(column: Column, series: pl.Series) -> int:
    if column.kind not in NUMBERS:
        return 0
    low, high = (pl.Series([bound]).cast(series.dtype) for bound in (column.low, column.high))
    return int((series < low).sum()) + int((series > high).sum())


def _unlisted(column: Column, series: pl.Series) -> int:
    if column.kind not in CATEGORIES or not column.values:
        return 0
    return int((~series.drop_nulls().is_in(list(column.values))).sum())


def _issue(code: str, table: Table, place: str, message: str) -> Issue:
    return Issue(code, "error", f"{table.name}.{place}", message)
