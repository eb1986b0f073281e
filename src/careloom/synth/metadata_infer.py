"""Metadata read off the data: columns, keys, sequences and what seems to hold, each guess told with its reason.

What is inferred has looked at the data: nothing of it is public, and no fit under differential privacy may
use it before a person has said so in the TOML.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations, permutations

import polars as pl

from careloom.synth.constraints import Constraint, Fixed, Order
from careloom.synth.metadata import Column, ForeignKey, Metadata, SequenceOf, Table
from careloom.synth.metadata_check import conform
from careloom.synth.metadata_infer_column import Guess, column_of

FIXED_VALUES_AT_MOST = 200
ROWS_PER_VALUE = 10
TOP_SHARE_AT_MOST = 0.9
_SUBJECT = re.compile(r"^(patient|person|subject)s?([_ ]?(id|nbr|number|key|mrn))?$", re.IGNORECASE)
_START = re.compile(r"start|begin|admi|time|date|order", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Inferred:
    """Metadata, and how each part of it was come by."""

    metadata: Metadata
    guesses: tuple[Guess, ...]


def infer(frames: Mapping[str, pl.DataFrame]) -> Inferred:
    """The metadata of tables by name.

    frames  as read, of text or of types; an empty table has columns without values
    """
    guesses: list[Guess] = []
    tables: dict[str, Table] = {}
    typed: dict[str, pl.DataFrame] = {}
    for name, frame in frames.items():
        columns = []
        for series in frame.get_columns():
            column, told = column_of(name, series)
            columns.append(column)
            guesses += told
        table = Table(name, tuple(columns))
        typed[name] = conform(table, frame)
        tables[name] = _with_primary_key(table, typed[name], guesses)
    for name in frames:
        tables[name] = _with_foreign_keys(tables[name], tables, typed, guesses)
    for name in frames:
        tables[name] = _with_sequence(tables[name], typed[name], guesses)
        tables[name] = _with_constraints(tables[name], typed[name], guesses)
    return Inferred(Metadata(tuple(tables.values())), tuple(guesses))


def _with_primary_key(table: Table, frame: pl.DataFrame, guesses: list[Guess]) -> Table:
    for column in table.columns:
        values = frame[column.name]
        if column.kind == "id" and frame.height and values.n_unique() == frame.height and not values.null_count():
            guesses.append(Guess(table.name, column.name, "primary_key", "no value repeats, none is missing"))
            return replace(table, primary_key=(column.name,))
    return table


def _with_foreign_keys(
    table: Table, tables: Mapping[str, Table], frames: Mapping[str, pl.DataFrame], guesses: list[Guess]
) -> Table:
    found: list[ForeignKey] = []
    columns: dict[str, Column] = {column.name: column for column in table.columns}
    for other in tables.values():
        if other.name == table.name or len(other.primary_key) != 1:
            continue
        if any(key.references == table.name for key in other.foreign_keys):
            continue  # no circles: the first that was found stays
        key = other.primary_key[0]
        for column in table.columns:
            if not _points_to(column.name, key, other.name) or column.name in table.primary_key:
                continue
            own, there = frames[table.name][column.name].drop_nulls(), frames[other.name][key]
            if own.dtype == there.dtype and own.len() and bool(own.is_in(there.implode()).all()):
                found.append(ForeignKey((column.name,), other.name))
                columns[column.name] = Column(
                    column.name, "id", dtype="" if own.dtype == pl.String else "Int64", nullable=column.nullable
                )
                what = f"foreign_key to {other.name}"
                guesses.append(Guess(table.name, column.name, what, "its name, and all its values are there"))
    return replace(table, columns=tuple(columns.values()), foreign_keys=tuple(found))


def _points_to(column: str, key: str, table: str) -> bool:
    bare = re.sub(r"[_ ]?(id|nbr|number|key)$", "", column.lower())
    singular = re.sub(r"s$", "", table.lower())
    return column.lower() == key.lower() != "id" or (bool(bare) and bare in (singular, table.lower()))


def _with_sequence(table: Table, frame: pl.DataFrame, guesses: list[Guess]) -> Table:
    ids = [column.name for column in table.columns if column.kind == "id"]
    subject = next((name for name in ids if _SUBJECT.match(name)), "")
    if not subject and table.primary_key and _SUBJECT.match(table.name):
        subject = table.primary_key[0]
    if not subject:
        return table
    guesses.append(Guess(table.name, subject, "subject", "its name"))
    table = replace(table, subject=subject)
    if frame[subject].n_unique() == frame.height:
        return table
    times = [column.name for column in table.columns if column.kind in ("date", "datetime")]
    order = next((name for name in times if _START.search(name)), times[0] if times else "")
    if not order and table.primary_key and frame[table.primary_key[0]].dtype == pl.Int64:
        order = table.primary_key[0]
    if not order:
        return table
    guesses.append(
        Guess(table.name, order, f"sequence by {subject}", "a subject has several rows; this column orders them")
    )
    return replace(table, sequence=SequenceOf((subject,), order))


def _with_constraints(table: Table, frame: pl.DataFrame, guesses: list[Guess]) -> Table:
    found: list[Constraint] = [*_orders(table, frame), *_fixed(table, frame)]
    for each in found:
        why = "holds in every row" if isinstance(each, Order) else "each value comes with one value of the other"
        guesses.append(Guess(table.name, "", f"constraint {each.kind} of {'+'.join(each.columns)}", why))
    return replace(table, constraints=tuple(found))


def _orders(table: Table, frame: pl.DataFrame) -> list[Order]:
    """Times that never pass each other; those that follow from two others are left out."""
    found: set[tuple[str, str]] = set()
    for kind in ("date", "datetime"):
        names = [column.name for column in table.columns if column.kind == kind]
        for low, high in permutations(names, 2):
            both = frame.select(low, high).drop_nulls()
            differ = bool((both[low] != both[high]).any())
            if both.height >= ROWS_PER_VALUE and differ and bool((both[low] <= both[high]).all()):
                found.add((low, high))
    implied = {
        (low, high)
        for low, high in found
        for through in table.names
        if (low, through) in found and (through, high) in found
    }
    return [Order(low, high) for low, high in sorted(found - implied)]


def _fixed(table: Table, frame: pl.DataFrame) -> list[Fixed]:
    """Pairs of columns of which one value always comes with one value of the other."""
    counts = {
        column.name: frame[column.name].n_unique()
        for column in table.columns
        if column.kind in ("categorical", "integer") and not column.hierarchy
    }
    candidates = [
        name
        for name, count in counts.items()
        if 3 <= count <= min(FIXED_VALUES_AT_MOST, frame.height // ROWS_PER_VALUE)
        and float(frame[name].value_counts()["count"].max() or 0) <= TOP_SHARE_AT_MOST * frame.height  # type: ignore[arg-type]
    ]
    return [
        Fixed((one, other))
        for one, other in combinations(candidates, 2)
        if frame.select(one, other).n_unique() == max(counts[one], counts[other])
    ]
