"""Predictions that leave the log, by an erasure or by age; those whose outcome nobody knew yet are counted."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from careloom.store import bulk


def forget(connection: Connection, subjects: Iterable[int]) -> int:
    """Removes predictions under these data keys, of patients who are being erased; how many."""
    going = sorted(set(subjects))
    _count_gone(connection, "erased", "subject", going)
    return bulk.run_in(connection, "DELETE FROM prediction WHERE subject {in}", going)


def remove(connection: Connection, names: Sequence[str]) -> int:
    """Removes old predictions; how many."""
    _count_gone(connection, "old", "prediction", names)
    return bulk.run_in(connection, "DELETE FROM prediction WHERE prediction {in}", names)


def _count_gone(connection: Connection, reason: str, by: str, going: Sequence[int] | Sequence[str]) -> None:
    """Counts those whose outcome nobody knew: what is judged lacks them, and that is to be seen."""
    sql = (
        "SELECT model, version, count(*) FROM prediction WHERE length(outcome) = 0 AND "  # noqa: S608 our own names
        f"{by} {{in}} GROUP BY model, version"
    )
    rows = [(model, version, reason, count) for model, version, count in bulk.fetch_in(connection, sql, going)]
    sql = (
        "INSERT INTO prediction_gone (model, version, reason, predictions) VALUES (?, ?, ?, ?) ON CONFLICT "
        "(model, version, reason) DO UPDATE SET predictions = prediction_gone.predictions + excluded.predictions"
    )
    bulk.run(connection, sql, rows)
