"""One state of a zone as lines of NDJSON: read page by page, whatever is written to the zone meanwhile.

A snapshot is a moment: the newest update that one read of the database saw. What was changed later is read from its
history as it stood then, so that no long transaction holds back writers or an erasure, and a reader that was killed
goes on after the last row it kept. Rows are read in the order of their numbers, which is that of the pages on disk.
"""

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection

from careloom.fhir.drafts import Resource
from careloom.store import bulk
from careloom.store.audit_log import time_of
from careloom.store.database import newest_update
from careloom.store.resources import resource_context
from careloom.store.rows import Stored, instant
from careloom.store.seal import Bodies
from careloom.store.subjects import SHARED, SubjectKeys
from careloom.store.zone_keys import ZoneKeys

PAGE = 1000
_MOST_FETCHED = 20_000
_META = b'"meta":{'
_RESOURCE = b'"resourceT'
"""Begins ``"resourceType"``; a search for what ends in a rare letter is fast."""
_COLUMNS = "r.rid, r.type, r.id, r.version, r.last_updated, r.deleted, r.subject, r.body, c.record_id"
_ROWS = f"SELECT {_COLUMNS} FROM resource r LEFT JOIN record c ON c.rec = r.record WHERE "  # noqa: S608 our own names
_THEN = (
    "SELECT h.version, h.last_updated, h.deleted, h.subject, h.body, c.record_id FROM resource_history h "
    "LEFT JOIN record c ON c.rec = h.record WHERE h.rid = ? AND h.last_updated <= ? ORDER BY h.version DESC LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Choice:
    """What of a zone is exported.

    types        names of resource types; empty for all
    since        microseconds since 1970: only what was updated later, and what was deleted later; -1 for everything
    is_patients  only what is in some patient's compartment
    subjects     numbers of the data keys of a group's patients; None where no group is asked for
    matches      type -> numbers of the rows that its filters let through; types without filters are not in it
    hidden       numbers of data keys: what they seal stays out
    left_out     numbers of rows that consents withhold; None where nothing is withheld
    """

    types: tuple[str, ...] = ()
    since: int = -1
    is_patients: bool = False
    subjects: tuple[int, ...] | None = None
    matches: Mapping[str, Collection[int]] = field(default_factory=dict)
    hidden: tuple[int, ...] = ()
    left_out: Collection[int] | None = None

    @property
    def is_whole(self) -> bool:
        """True where rows are read one after the other instead of by number."""
        return not self.types and self.subjects is None and not self.matches and self.left_out is None


class Plan(NamedTuple):
    """What will be read.

    as_of     microseconds since 1970 of the snapshot; 0 for an empty zone
    high      the greatest row number at that moment
    rows      the numbers to read, sorted; None to read all up to `high`
    expected  type -> resources; deletions count under ""
    """

    as_of: int
    high: int
    rows: "array[int] | None"
    expected: dict[str, int]


Lines = dict[str, tuple[list[bytes], list[int]]]
"""Type -> lines, and the number of the data key that sealed the resource of each; deletions stand under ""."""


def planned(connection: Connection, choice: Choice) -> Plan:
    """The plan of an export from the state that the connection sees; 8 bytes a row where rows are chosen."""
    types = [row[0] for row in bulk.fetch(connection, "SELECT DISTINCT type FROM resource")]
    as_of = newest_update(connection)
    high = bulk.fetch(connection, "SELECT max(rid) FROM resource")[0][0] or 0
    expected: Counter[str] = Counter()
    if choice.is_whole:
        sql = f"SELECT type, deleted, count(*) FROM resource r WHERE {_narrowed(choice)} GROUP BY type, deleted"  # noqa: S608
        for kind, deleted, count in bulk.fetch(connection, sql, (choice.since,)):
            if not deleted or choice.since >= 0:
                expected["" if deleted else kind] += count
        return Plan(as_of, high, None, dict(expected))
    rows = array("q")
    for kind, rid, deleted in _chosen(connection, choice, types):
        is_wanted = choice.since >= 0 if deleted else rid in choice.matches.get(kind, (rid,))
        if not is_wanted or (choice.left_out is not None and rid in choice.left_out):
            continue
        rows.append(rid)
        expected["" if deleted else kind] += 1
    return Plan(as_of, high, array("q", sorted(rows)), dict(expected))


def _narrowed(choice: Choice) -> str:
    """The condition that a row meets, after its placeholder for `Choice.since`."""
    narrowed = "r.last_updated > ?" + (f" AND r.subject <> {SHARED}" if choice.is_patients else "")
    return narrowed + (f" AND r.subject NOT IN ({', '.join(map(str, choice.hidden))})" if choice.hidden else "")


def _chosen(connection: Connection, choice: Choice, there: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """(type, row number, deleted) of what a choice by type or group lets through, in no order."""
    wanted = set(choice.types or there)
    if choice.subjects is not None:
        sql = "SELECT r.type, r.rid, r.deleted FROM resource r WHERE r.last_updated > ? AND r.subject {in}"
        numbers = sorted(set(choice.subjects) - set(choice.hidden))
        for start in range(0, len(numbers), _MOST_FETCHED):
            some = numbers[start : start + _MOST_FETCHED]
            yield from (row for row in bulk.fetch_in(connection, sql, some, choice.since) if row[0] in wanted)
        return
    sql = (
        f"SELECT r.type, r.rid, r.deleted FROM resource r WHERE {_narrowed(choice)} AND r.type = ? AND r.rid > ? "  # noqa: S608
        f"ORDER BY r.rid LIMIT {_MOST_FETCHED}"
    )
    for kind in sorted(wanted.intersection(there)):
        last = 0
        while rows := bulk.fetch(connection, sql, (choice.since, kind, last)):
            last = rows[-1][1]
            yield from rows


class Scan:
    """Reads the lines of a plan; keeps unwrapped keys, so use one for all pages.

    shaped  what becomes of a resource before it is written; None writes the bytes of a read
    """

    def __init__(
        self,
        zone_keys: ZoneKeys,
        random_bytes: Callable[[int], bytes],
        plan: Plan,
        choice: Choice,
        shaped: Callable[[Resource], Resource] | None = None,
    ) -> None:
        self._zone = zone_keys.zone
        self._keys = SubjectKeys(zone_keys, random_bytes)
        self._bodies = Bodies()
        self._plan = plan
        self._choice = choice
        self._shaped = shaped
        self._instants: dict[int, bytes] = {}

    def page(self, connection: Connection, after: int) -> tuple[Lines, int]:
        """The lines of the next rows after a row number, and the last row that was read; 0 where none is left."""
        rows = self._rows(connection, after)
        if not rows:
            return {}, 0
        as_of, since = self._plan.as_of, self._choice.since
        kept = [row if row[4] <= as_of else self._as_it_was(connection, row) for row in rows]
        then = [row for row in kept if row is not None and row[4] > since]
        sealers = self._keys.numbered(connection, {row[6] for row in then if not row[5]})
        lines: Lines = {}
        opened, zone = self._bodies.batch_open(), self._zone
        for _, kind, name, version, updated, deleted, subject, body, record_id in then:
            if deleted and since < 0:
                continue
            texts, subjects = lines.get("" if deleted else kind) or lines.setdefault("" if deleted else kind, ([], []))
            subjects.append(subject)
            if deleted:
                texts.append(_deletion(kind, name))
                continue
            content = opened(sealers[subject], body, resource_context(zone, kind, name, version))
            text = line_of(content, version, self._instant(updated), record_id or "")
            if text is None or self._shaped is not None:
                text = self._slow(kind, name, version, updated, record_id, content)
            texts.append(text)
        return lines, rows[-1][0]

    def _rows(self, connection: Connection, after: int) -> Sequence[tuple[Any, ...]]:
        if self._plan.rows is None:
            sql = _ROWS + f"{_narrowed(self._choice)} AND r.rid > ? AND r.rid <= ? ORDER BY r.rid LIMIT {PAGE}"
            return bulk.fetch(connection, sql, (self._choice.since, after, self._plan.high))
        numbers = self._plan.rows
        start = bisect_right(numbers, after)
        while start < len(numbers):
            some = numbers[start : start + PAGE]
            rows = bulk.fetch_in(connection, _ROWS + "r.rid {in} ORDER BY r.rid", some)
            if rows:
                return rows
            start += PAGE  # all of them are erased
        return []

    def _as_it_was(self, connection: Connection, row: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """The row as it stood at the moment of the snapshot; None where it was not there yet."""
        found = bulk.fetch(connection, _THEN, (row[0], self._plan.as_of))
        return (*row[:3], *found[0]) if found else None

    def _instant(self, updated: int) -> bytes:
        """As `careloom.store.rows.instant`: whole transactions share one."""
        found = self._instants.get(updated)
        if found is None:
            if len(self._instants) > PAGE:
                self._instants.clear()
            found = self._instants[updated] = instant(time_of(updated)).encode()
        return found

    def _slow(self, kind: str, name: str, version: int, updated: int, record_id: str | None, content: bytes) -> bytes:
        stored = Stored(0, kind, name, version, time_of(updated), False, record_id or "", content)
        resource = stored.resource()
        return orjson.dumps(resource if self._shaped is None else self._shaped(resource)) + b"\n"


def line_of(content: bytes, version: int, updated: bytes, record_id: str) -> bytes | None:
    """The line that parsing and `Stored.resource` would give, made without parsing; None where that is not certain.

    Certain is a member `meta` after which one resource type stands, for those of resources inside stand before their
    own types; it is at depth 1 and ends at the first brace, for it holds no object and no escaped character, and its
    quotes pair up. Canonical content is sorted and has no space between its tokens.
    """
    source = b',"source":"urn:careloom:record:%b"' % record_id.encode() if record_id else b""
    own = b'"versionId":"%d","lastUpdated":"%b"%b' % (version, updated, source)
    start = content.find(_META)
    if start < 0:
        return None if b'"meta":' in content else b"".join((content[:-1], b',"meta":{', own, b"}}\n"))
    if content.count(_RESOURCE, start) != 1:
        start = content.rfind(_META)
        if content.count(_RESOURCE, start) != 1:
            return None
    end = content.find(b"}", start)
    inner = content[start + len(_META) : end]
    if not inner or b"{" in inner or b"\\" in inner or inner.count(b'"') % 2:
        return None
    if content.count(b"{", 0, start) - content.count(b"}", 0, start) != 1:
        return None
    return b"".join((content[:end], b",", own, content[end:], b"\n"))


def _deletion(kind: str, name: str) -> bytes:
    """A Bundle that says that a resource is deleted, as Bulk Data Access writes it."""
    entry = {"request": {"method": "DELETE", "url": f"{kind}/{name}"}}
    return orjson.dumps({"resourceType": "Bundle", "type": "transaction", "entry": [entry]}) + b"\n"


def numbers_of(connection: Connection, pseudonyms: Sequence[str]) -> tuple[int, ...]:
    """The numbers of all data keys that seal something of these patients."""
    own = bulk.fetch_in(connection, "SELECT subject FROM subject_key WHERE pseudonym {in}", pseudonyms)
    shared = bulk.fetch_in(connection, "SELECT subject FROM subject_link WHERE pseudonym {in}", pseudonyms)
    return tuple(sorted({row[0] for row in (*own, *shared)}))


def held_ids(connection: Connection, kind: str, ids: Sequence[str]) -> set[str]:
    """Those ids of a type that have a row, deleted ones included."""
    found: set[str] = set()
    for start in range(0, len(ids), _MOST_FETCHED):
        sql = "SELECT id FROM resource WHERE type = ? AND id {in}"
        found.update(row[0] for row in bulk.fetch_in(connection, sql, ids[start : start + _MOST_FETCHED], kind))
    return found


def patients_behind(connection: Connection, numbers: Collection[int]) -> tuple[frozenset[str], frozenset[int]]:
    """The pseudonyms of the patients whose keys have these numbers, and the numbers whose keys are destroyed."""
    asked = sorted(number for number in numbers if number != SHARED)
    found: dict[int, str] = {}
    pseudonyms: set[str] = set()
    for start in range(0, len(asked), _MOST_FETCHED):
        some = asked[start : start + _MOST_FETCHED]
        rows = bulk.fetch_in(connection, "SELECT subject, pseudonym FROM subject_key WHERE subject {in}", some)
        found.update((row[0], row[1]) for row in rows)
        linked = bulk.fetch_in(connection, "SELECT subject, pseudonym FROM subject_link WHERE subject {in}", some)
        pseudonyms.update(row[1] for row in linked)
    pseudonyms.update(name for name in found.values() if not name.startswith("set:"))
    return frozenset(pseudonyms), frozenset(asked) - found.keys()
