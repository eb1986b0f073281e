"""Which refused records stand in the files of one run, whichever run met them first."""

from collections.abc import Iterable

from sqlalchemy import Connection

from careloom.crypto.pseudonyms import digest_of
from careloom.store import bulk, quarantine
from careloom.store.landing import chunks_of, hashes_of
from careloom.store.quarantine import Quarantined

_WAITING = """
SELECT q.rec, r.record_id FROM quarantine q JOIN record r ON r.rec = q.rec
WHERE q.state = 'waiting' AND q.rec > ? AND (? = '' OR q.reason = ?)"""


def listed(
    connection: Connection, run: str, manifest_ids: Iterable[str], *, reason: str = "", limit: int, after: int = 0
) -> list[Quarantined]:
    """Waiting records in order of arrival; `after` is the `rec` of the last one of the page before.

    manifest_ids  files of the run that an earlier run had begun, beside those that it began itself
    """
    waiting = {digest_of(name): rec for rec, name in bulk.fetch(connection, _WAITING, (after, reason, reason))}
    met: set[int] = set()
    for manifest in _manifests(connection, run, manifest_ids) if waiting else ():
        for chunk in chunks_of(connection, manifest):
            met |= {waiting[digest] for digest in waiting.keys() & hashes_of(chunk)}
    return quarantine.of_records(connection, sorted(met)[:limit])


def _manifests(connection: Connection, run: str, manifest_ids: Iterable[str]) -> list[int]:
    begun = bulk.fetch(connection, "SELECT manifest FROM manifest WHERE run = ?", (run,))
    named = bulk.fetch_in(connection, "SELECT manifest FROM manifest WHERE manifest_id {in}", manifest_ids)
    return sorted({row[0] for row in (*begun, *named)})
