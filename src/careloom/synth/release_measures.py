"""What a release shows of single patients, counted against patients whom no generator saw; and a digest of its rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from math import isnan
from typing import Any

import orjson
import polars as pl

from careloom.metrics import wilson_interval
from careloom.synth.metadata import CATEGORIES, Table
from careloom.synth.metadata_check import check, conform
from careloom.synth.release_policy import Measure

_MOST_COLUMNS = 6
"""Of a combination where nobody names its columns: of more, nearly every row is the only one of its kind."""


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """Real rows by whether they were learnt from; both as `conform` returns them."""

    members: pl.DataFrame
    controls: pl.DataFrame


def disclosure(
    table: Table, people: People, rows: pl.DataFrame, *, small_cell: int, known: Sequence[str] = ()
) -> dict[str, Measure]:
    """copies_excess, rare_combinations_excess, small_cells and broken_rules.

    known   columns that an acquaintance may know of a patient, beside the first categories of the table: of both sets
            of columns the worse counts, so that nobody passes by naming what is never rare
    raises  SchemaMismatch for rows that are not of the table; NotFound for a column that it lacks
    """
    shown = conform(table, rows)
    names = [column.name for column in table.modelled if column.name != table.subject]
    acquainted = [[table.column(name).name for name in known], _usual(table)]
    rare = [_excess(shown, people, each, _rare(table, people.members, each, small_cell)) for each in acquainted if each]
    return {
        "copies_excess": _excess(shown, people, names, _held(people.members, names)),
        "rare_combinations_excess": max(rare, key=lambda one: (isnan(one.value), one.value), default=Measure(0.0)),
        "small_cells": Measure(float(_small_cells(table, people.members, shown, small_cell))),
        "broken_rules": Measure(float(len(check(table, shown)))),
    }


def digest_of(frames: Iterable[pl.DataFrame]) -> str:
    """SHA-256 over the sorted SHA-256 of each row as JSON: the same for the same rows in any order and any files.

    Times count as UTC without a zone, so that a file that knows no zones has the same digest.
    """
    found: list[bytes] = []
    for frame in frames:
        found += [sha256(orjson.dumps([_plain(each) for each in row])).digest() for row in frame.iter_rows()]
    whole = sha256()
    for one in sorted(found):
        whole.update(one)
    return whole.hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat()
    return value.isoformat() if isinstance(value, date) else value


def _usual(table: Table) -> list[str]:
    named = [column.name for column in table.modelled if column.kind in CATEGORIES and column.name != table.subject]
    return named[:_MOST_COLUMNS]


def _held(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    return frame.select(names).unique()


def _rare(table: Table, members: pl.DataFrame, names: Sequence[str], small_cell: int) -> pl.DataFrame:
    """Combinations that some patients have, but fewer than `small_cell`."""
    if not names:
        return members.select(names)
    count = pl.col(table.subject).n_unique() if table.subject and table.subject not in names else pl.len()
    return members.group_by(names).agg(count.alias("patients behind")).filter(
        pl.col("patients behind") < small_cell
    ).select(names)  # fmt: skip


def _excess(shown: pl.DataFrame, people: People, names: Sequence[str], among: pl.DataFrame) -> Measure:
    """The share of synthetic rows among these combinations above the share of rows of other patients, upper bound."""
    if not names or not shown.height or not people.controls.height:
        return Measure(float("nan") if names else 0.0)
    share, usual = (_among(frame, names, among) for frame in (shown, people.controls))
    other = wilson_interval(usual, people.controls.height)
    own = wilson_interval(share, shown.height)
    value = share / shown.height
    return Measure(value - other.high, own.low - other.high, own.high - other.low)


def _among(frame: pl.DataFrame, names: Sequence[str], among: pl.DataFrame) -> int:
    return frame.select(names).join(among, on=list(names), how="semi", nulls_equal=True).height


def _small_cells(table: Table, members: pl.DataFrame, shown: pl.DataFrame, small_cell: int) -> int:
    """Values of categories that no code book declares, are shown and fewer patients than that have.

    A column that is called public and lists no values has no code book; only a boolean needs none.
    """
    found = 0
    for column in table.modelled:
        has_book = column.public and (bool(column.values) or column.kind == "boolean")
        if column.kind in CATEGORIES and not has_book:
            rare = _rare(table, members, [column.name], small_cell)
            usual = members.select(column.name).unique().join(rare, on=column.name, how="anti", nulls_equal=True)
            values = shown.select(column.name).unique()
            found += values.join(usual, on=column.name, how="anti", nulls_equal=True).height
    return found
