"""Removal for good of what was deleted: versions that nobody may read again, and the keys that sealed nothing else.

A deletion keeps a resource's earlier versions. Where the names themselves have ended (a new epoch of pseudonyms), they
must go; the database is to be rewritten afterwards (`careloom.store.zone_store.ZoneStore.scrub`).
"""

from sqlalchemy import Connection

from careloom.store import bulk
from careloom.store.erasure import COUNT_ERASURE
from careloom.store.subjects import SHARED

_DELETED = "(SELECT rid FROM resource WHERE deleted)"
_OF_DELETED = ("idx_eq", "idx_range", "record_link", "resource_history")
KEEPS_KEYS = (
    "resource", "resource_history", "record", "manifest", "linkage_decision", "vault_request", "rights_rule",
    "emergency", "prediction",
)  # fmt: skip
"""Tables in which something is sealed under a key of `subject_key`."""
_USED = " UNION ".join(f"SELECT subject FROM {table} WHERE subject IS NOT NULL" for table in KEEPS_KEYS)  # noqa: S608
_UNUSED = f"subject <> ? AND subject NOT IN ({_USED})"


def remove_deleted(connection: Connection) -> int:
    """Removes every deleted resource with all its versions, and keys that seal nothing now; returns how many resources.

    A key that is gone makes the zone's count of erasures move, so that other processes drop theirs and a scrub is due.
    """
    count = int(bulk.fetch(connection, "SELECT count(*) FROM resource WHERE deleted")[0][0])
    if count:
        for table in _OF_DELETED:
            bulk.run(connection, f"DELETE FROM {table} WHERE rid IN {_DELETED}", [()])  # noqa: S608 our own names
        bulk.run(connection, "DELETE FROM resource WHERE deleted", [()])
        _remove_keys(connection)
    return count


def remove_earlier(connection: Connection) -> int:
    """Removes every version but the current one, and keys that seal nothing now; returns how many versions."""
    count = int(bulk.fetch(connection, "SELECT count(*) FROM resource_history")[0][0])
    if count:
        bulk.run(connection, "DELETE FROM resource_history", [()])
        _remove_keys(connection)
    return count


def _remove_keys(connection: Connection) -> None:
    for table in ("subject_link", "subject_key"):
        bulk.run(connection, f"DELETE FROM {table} WHERE {_UNUSED}", [(SHARED,)])  # noqa: S608 our own names
    bulk.run(connection, COUNT_ERASURE, [()])
