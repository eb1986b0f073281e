"""What is old in a zone's database: counted first, then removed some rows at a time. Nothing under a hold goes.

The bytes of a record go, and its row stays: resources still name it, and its hash still stands in its manifest. Of a
refused record, on which nothing stands, the row goes, too. The database is to be rewritten afterwards
(`careloom.store.zone_store.ZoneStore.scrub`); until that is done, it is due when the store opens.
"""

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import Connection

from careloom.store import bulk, predictions_gone
from careloom.store.erasure import COUNT_ERASURE
from careloom.store.subjects import SHARED

AT_ONCE = 500
_STORED = (
    "SELECT r.rec, r.subject, r.received FROM record r LEFT JOIN quarantine q ON q.rec = r.rec AND q.state = 'waiting' "
    "WHERE r.received < ? AND length(r.body) > 0 AND q.rec IS NULL AND r.rec > ? ORDER BY r.rec LIMIT ?"
)
_REFUSED = (
    "SELECT r.rec, r.subject, q.created FROM quarantine q JOIN record r ON r.rec = q.rec "
    "WHERE q.created < ? AND q.state = 'waiting' AND r.rec > ? ORDER BY r.rec LIMIT ?"
)
_OF_REFUSED = (
    "DELETE FROM quarantine WHERE rec {in}",
    "DELETE FROM record_link WHERE rec {in}",
    "DELETE FROM record_fact WHERE rec {in}",
    "UPDATE resource SET record = NULL WHERE record {in}",
    "UPDATE resource_history SET record = NULL WHERE record {in}",
    "DELETE FROM record WHERE rec {in}",
)
_LONELY = (
    "DELETE FROM subject_key WHERE substr(pseudonym, 1, 7) = 'record:' AND subject NOT IN (SELECT subject FROM record) "
    "AND subject {in}"
)


class Due(NamedTuple):
    """What is old: how many rows may go, how many a hold keeps, and when the oldest arrived (microseconds; 0: none)."""

    due: int
    held: int
    oldest: int


def due_records(connection: Connection, before: int, held: Collection[int], *, refused: bool) -> Due:
    """Records that arrived before a moment; `refused`: those that wait in quarantine, else those that do not.

    held  numbers of data keys under a hold
    """
    sql, last, due, kept, oldest = _REFUSED if refused else _STORED, 0, 0, 0, 0
    while rows := bulk.fetch(connection, sql, (before, last, AT_ONCE)):
        last = rows[-1][0]
        kept += sum(row[1] in held for row in rows)
        due += sum(row[1] not in held for row in rows)
        moments = [row[2] for row in rows if row[1] not in held]
        oldest = min([*moments, oldest or 1 << 62]) if moments else oldest
    return Due(due, kept, oldest)


def remove_records(
    connection: Connection, before: int, held: Collection[int], *, refused: bool, after: int
) -> tuple[int, int]:
    """Removes the next of them, at most `AT_ONCE`: (how many, the last that was looked at; 0 when none is left)."""
    rows = bulk.fetch(connection, _REFUSED if refused else _STORED, (before, after, AT_ONCE))
    going = [row for row in rows if row[1] not in held]
    recs = [row[0] for row in going]
    if recs and refused:
        for sql in _OF_REFUSED:
            bulk.run_in(connection, sql, recs)
        bulk.run_in(connection, _LONELY, sorted({row[1] for row in going if row[1] != SHARED}))
    elif recs:
        bulk.run(connection, "UPDATE record SET body = ? WHERE rec = ?", [(b"", rec) for rec in recs])
    if recs:
        bulk.run(connection, COUNT_ERASURE, [()])
    return len(recs), rows[-1][0] if rows else 0


def due_predictions(connection: Connection, before: int, held: Collection[int]) -> Due:
    """Predictions that were made before a moment; `held`: numbers of data keys under a hold."""
    rows = bulk.fetch(connection, "SELECT time, subject FROM prediction WHERE time < ?", (before,))
    moments = [time for time, subject in rows if subject not in held]
    return Due(len(moments), len(rows) - len(moments), min(moments, default=0))


def remove_predictions(connection: Connection, before: int, held: Collection[int]) -> int:
    """Removes predictions that were made before a moment; how many."""
    rows = bulk.fetch(connection, "SELECT prediction, subject FROM prediction WHERE time < ?", (before,))
    going = [name for name, subject in rows if subject not in held]
    if going:
        predictions_gone.remove(connection, going)
        bulk.run(connection, COUNT_ERASURE, [()])
    return len(going)


def events_before(connection: Connection, moment: int) -> int:
    """How many events of the audit chain are older than a moment."""
    return int(bulk.fetch(connection, "SELECT count(*) FROM audit WHERE time < ?", (moment,))[0][0])
