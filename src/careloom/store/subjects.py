"""A data key per patient: found or made while writing, unwrapped once, forgotten when the patient is erased."""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from threading import Lock
from typing import NamedTuple

from sqlalchemy import Connection

from careloom.crypto.envelope import KEY_BYTES, RandomBytes, Sealer, context_of
from careloom.errors import Erased
from careloom.store import bulk
from careloom.store.rows import Counter
from careloom.store.schema import subject_key, subject_link
from careloom.store.zone_keys import ZoneKeys

SHARED = 1
SHARED_NAME = "shared"
_KEPT = 8192
_SELECT = "SELECT subject, pseudonym, wrapped, kek_id FROM subject_key WHERE "


class Subject(NamedTuple):
    """The number of a data key in this database, and the key ready to use."""

    number: int
    sealer: Sealer


class SubjectKeys:
    """Unwrapped data keys, the most recently used ones of one zone; shared by all threads of a process."""

    def __init__(self, zone_keys: ZoneKeys, random_bytes: RandomBytes) -> None:
        self._zone_keys = zone_keys
        self._random_bytes = random_bytes
        self._lock = Lock()
        self._by_name: OrderedDict[str, Subject] = OrderedDict()
        self._by_number: OrderedDict[int, Sealer] = OrderedDict()
        self._epoch = 0

    def forget(self, epoch: int | None = None) -> None:
        """Drops all keys: after a transaction that did not commit, or when the zone has seen an erasure since.

        epoch  the zone's count of erasures; with the same one as last time nothing happens
        """
        with self._lock:
            if epoch is None or epoch != self._epoch:
                self._by_name.clear()
                self._by_number.clear()
            self._epoch = self._epoch if epoch is None else epoch

    def remember(self, found: Mapping[str, Subject]) -> None:
        """Keeps keys that are committed."""
        with self._lock:
            self._by_name.update(found)
            self._by_number.update(found.values())
            while len(self._by_name) > _KEPT:
                self._by_name.popitem(last=False)
            while len(self._by_number) > _KEPT:
                self._by_number.popitem(last=False)

    def named(self, connection: Connection, names: Collection[str]) -> dict[str, Subject]:
        """The keys that exist under these names."""
        with self._lock:
            found = {name: self._by_name[name] for name in names if name in self._by_name}
        missing = [name for name in names if name not in found]
        if missing:
            rows = bulk.fetch_in(connection, _SELECT + "pseudonym {in}", missing)
            fetched = {row[1]: Subject(row[0], self._unwrap(row[1], row[2], row[3])) for row in rows}
            self.remember(fetched)
            found |= fetched
        return found

    def numbered(self, connection: Connection, numbers: Iterable[int]) -> dict[int, Sealer]:
        """The keys with these numbers.

        raises  Erased if one is gone: its patient was erased between two reads
        """
        wanted = set(numbers)
        with self._lock:
            found = {number: self._by_number[number] for number in wanted if number in self._by_number}
        missing = sorted(wanted - found.keys())
        if missing:
            rows = bulk.fetch_in(connection, _SELECT + "subject {in}", missing)
            fetched = {row[1]: Subject(row[0], self._unwrap(row[1], row[2], row[3])) for row in rows}
            self.remember(fetched)
            found |= dict(fetched.values())
            if len(found) < len(wanted):
                raise Erased("the key of a record is destroyed", "its patient was erased; look the record up again")
        return found

    def make(self, name: str, number: int, created: int) -> tuple[Subject, tuple[int, str, bytes, str, int]]:
        """A new key and its row for ``subject_key``; `remember` it only when the row is committed."""
        data_key = self._random_bytes(KEY_BYTES)
        kek_id, wrapped = self._zone_keys.provider.wrap(data_key, self._context(name))
        return Subject(number, Sealer(data_key)), (number, name, wrapped, kek_id, created)

    def rewrap(self, connection: Connection) -> int:
        """Wraps every data key that is under an older key-encryption key under the current one; returns how many."""
        current, _ = self._zone_keys.provider.wrap(bytes(KEY_BYTES), b"")
        rows = bulk.fetch(connection, _SELECT + "kek_id <> ?", (current,))
        changed = []
        for number, name, wrapped, kek_id in rows:
            context = self._context(name)
            data_key = self._zone_keys.provider.unwrap(kek_id, wrapped, context)
            new_id, new = self._zone_keys.provider.wrap(data_key, context)
            changed.append((new, new_id, number))
        bulk.run(connection, "UPDATE subject_key SET wrapped = ?, kek_id = ? WHERE subject = ?", changed)
        return len(changed)

    def _unwrap(self, name: str, wrapped: bytes, kek_id: str) -> Sealer:
        return Sealer(self._zone_keys.provider.unwrap(kek_id, wrapped, self._context(name)))

    def _context(self, name: str) -> bytes:
        return context_of(("data-key", self._zone_keys.zone, name))


class SubjectWriter:
    """Data keys within one write transaction: makes those that are missing; None for erased patients."""

    def __init__(
        self, connection: Connection, keys: SubjectKeys, zone_keys: ZoneKeys, count: Counter, now: int
    ) -> None:
        self._connection = connection
        self._keys = keys
        self._zone_keys = zone_keys
        self._count = count
        self._now = now
        self._found: dict[tuple[str, ...], Subject | None] = {}
        self.made: dict[str, Subject] = {}
        self.touched: set[str] = set()

    def of_patients(self, groups: Iterable[tuple[str, ...]]) -> dict[tuple[str, ...], Subject | None]:
        """The key of each group of (keyed) Patient ids: () is the shared key, several patients have one in common."""
        new = {group for group in groups if group not in self._found}
        if new:
            self._find(sorted(new))
        return self._found

    def of_own(self, names: Sequence[str]) -> list[Subject]:
        """New keys of their own, one for each name; the caller knows that the names are new."""
        return self._make(list(names))

    def _find(self, groups: Sequence[tuple[str, ...]]) -> None:
        pseudonym = self._zone_keys.pseudonym
        members = {group: tuple(sorted({pseudonym(patient) for patient in group})) for group in groups}
        names = {group: self._name(members[group]) for group in groups}
        found: dict[str, Subject | None] = {**self._keys.named(self._connection, set(names.values()))}
        missing = [group for group in groups if names[group] not in found]
        if missing:
            erased = self._erased({member for group in missing for member in members[group]})
            for group in missing:
                if not erased.isdisjoint(members[group]):
                    found[names[group]] = None
            new = sorted({names[group] for group in missing} - found.keys())
            found |= dict(zip(new, self._make(new), strict=True))
            self._link({names[group]: members[group] for group in missing if len(members[group]) > 1}, found)
        for group in groups:
            self._found[group] = found[names[group]]
            self.touched.update(members[group] if found[names[group]] is not None else ())

    def _name(self, members: tuple[str, ...]) -> str:
        if not members:
            return SHARED_NAME
        return members[0] if len(members) == 1 else self._zone_keys.pseudonym_of_several(members)

    def _erased(self, pseudonyms: set[str]) -> set[str]:
        if not bulk.fetch(self._connection, "SELECT 1 FROM tombstone LIMIT 1"):
            return set()
        sql = "SELECT 1 FROM tombstone WHERE mark = ?"
        mark = self._zone_keys.tombstone
        return {one for one in pseudonyms if bulk.fetch(self._connection, sql, (mark(one),))}

    def _make(self, names: list[str]) -> list[Subject]:
        if not names:
            return []
        first = self._count("subject", len(names))
        pairs = [self._keys.make(name, first + index, self._now) for index, name in enumerate(names)]
        bulk.insert(self._connection, subject_key, [row for _, row in pairs])
        subjects = [subject for subject, _ in pairs]
        self.made |= dict(zip(names, subjects, strict=True))
        return subjects

    def _link(self, members: Mapping[str, tuple[str, ...]], found: Mapping[str, Subject | None]) -> None:
        rows = []
        for name, pseudonyms in members.items():
            subject = found[name]
            if subject is not None:
                rows += [(subject.number, pseudonym) for pseudonym in pseudonyms]
        bulk.insert(self._connection, subject_link, rows, ignore=True)
