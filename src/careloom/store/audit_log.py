"""The audit chain of a zone: append-only, hash-chained, signed, anchored outside the database.

Row n holds ``hash = SHA-256(tag || prev || seq || time || body)`` with ``prev`` the hash of row n-1, and an Ed25519
signature of that hash. The newest signed head is also kept in a file outside the database, so that a chain that was cut
at its end is found out too. Everything can be checked offline with the public key alone.
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection

from careloom.audit import AuditEvent
from careloom.crypto.keys import is_signed
from careloom.errors import IntegrityError, SetupError
from careloom.store import bulk
from careloom.store.schema import audit

_TAG = b"careloom-audit-1"
_ANCHOR_TAG = b"careloom-anchor-1"
_START = bytes(32)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PAGE = 1000
_SECTOR_BYTES = 512
"""What every disk writes whole or not at all; an anchor is at most 275 bytes long."""
_MOST_BYTES = 1 << 16


class Head(NamedTuple):
    """The end of a chain: the number of rows and the hash of the last one (zeros when empty)."""

    seq: int
    hash: bytes


EMPTY = Head(0, _START)


def microseconds(time: datetime) -> int:
    """Microseconds since 1970-01-01 UTC."""
    return (time - _EPOCH) // timedelta(microseconds=1)


def time_of(stamp: int) -> datetime:
    """The inverse of `microseconds`."""
    return _EPOCH + timedelta(microseconds=stamp)


def row_hash(prev: bytes, seq: int, time: int, body: str) -> bytes:
    """The hash of one row over all that it holds and the row before it."""
    return _digest(prev, seq, time, body.encode())


def _digest(prev: bytes, seq: int, time: int, body: bytes) -> bytes:
    head = _TAG + prev + seq.to_bytes(8, "big") + time.to_bytes(8, "big", signed=True)
    return sha256(head + body).digest()


def body_of(event: AuditEvent) -> str:
    """An event as canonical JSON."""
    fields = {
        "actor": event.actor,
        "action": event.action,
        "operation": event.operation,
        "zone": event.zone,
        "outcome": event.outcome,
        "subjects": list(event.subjects),
        "purpose": event.purpose,
        "detail": event.detail,
        "time": event.time.astimezone(UTC).isoformat(timespec="microseconds"),
    }
    return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS, default=_plain).decode()


class Entry(NamedTuple):
    """An event as a row of the chain holds it."""

    time: int
    body: str


def entry_of(event: AuditEvent) -> Entry:
    """The entry of an event, ready to be chained."""
    return Entry(microseconds(event.time), body_of(event))


def _plain(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    return dict(value)


class AuditChain:
    """A `careloom.audit.AuditSink` inside one write transaction: events commit or vanish with it."""

    def __init__(self, connection: Connection, sign: Callable[[bytes], bytes], anchor: Head | None) -> None:
        """Starts at the end of the chain.

        anchor  the head that was last anchored; None: this chain has no anchor
        raises  IntegrityError if that head is not in the chain: writing on would hide that rows are gone
        """
        self._connection = connection
        self._sign = sign
        rows = bulk.fetch(connection, "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")
        self.head = Head(*rows[0]) if rows else EMPTY
        if anchor is not None and anchor != self.head and not self._holds(anchor):
            raise IntegrityError(
                "the audit chain lacks rows that it had", "call the operator; see careloom audit verify"
            )

    def _holds(self, anchor: Head) -> bool:
        if anchor.seq == 0:
            return anchor.hash == _START
        rows = bulk.fetch(self._connection, "SELECT hash FROM audit WHERE seq = ?", (anchor.seq,))
        return bool(rows) and rows[0][0] == anchor.hash

    def append(self, event: AuditEvent) -> None:
        """Adds the event to the chain."""
        self.extend([entry_of(event)])

    def extend(self, entries: Iterable[Entry]) -> None:
        """Adds entries to the chain, in order."""
        rows = []
        for time, body in entries:
            seq, previous = self.head.seq + 1, self.head.hash
            digest = row_hash(previous, seq, time, body)
            rows.append((seq, time, body, previous, digest, self._sign(digest)))
            self.head = Head(seq, digest)
        bulk.insert(self._connection, audit, rows)


class Anchor:
    """The newest signed head, in a file outside the database, written and then synced after every commit.

    The file is made whole and then written over in place: its one sector is the old one or the new one after a power
    cut too, as for the control file of PostgreSQL, and to sync it costs a quarter of a new file. What is written but
    not yet synced survives the end of the process, and after a power cut the anchor may be a group behind.
    """

    def __init__(self, path: Path, zone: str) -> None:
        self.path = path
        self._folder, self._name = path.parent, path.name
        self._zone = zone
        self._own: tuple[bytes, Head] = (b"", EMPTY)

    def message(self, head: Head) -> bytes:
        """What the signature of the anchor covers."""
        return _ANCHOR_TAG + self._zone.encode() + head.seq.to_bytes(8, "big") + head.hash

    def read(self, public_key: bytes) -> Head:
        """The anchored head. What this object wrote itself needs no second look at its signature.

        raises  IntegrityError if the file is not there, damaged or not signed with this key
        """
        try:
            head = self._signed(_bytes_of(self.path), public_key)
            if head is None:  # perhaps it was being written over just now
                with self._only_writer():
                    head = self._signed(_bytes_of(self.path), public_key)
        except FileNotFoundError:
            raise IntegrityError(f"{self.path} is missing", "put the anchor back, or call the operator") from None
        except OSError as error:
            raise SetupError(f"{self.path} cannot be read ({type(error).__name__})", "check its owner") from None
        if head is None:
            raise IntegrityError(f"{self.path} is not an anchor of this chain", "call the operator; keep the file")
        return head

    def write(self, head: Head, sign: Callable[[bytes], bytes]) -> None:
        """Moves the anchor to `head`; an anchor that is already further stays. Durable once `settle` returns."""
        fields = {"zone": self._zone, "seq": head.seq, "hash": head.hash.hex()}
        text = json.dumps({**fields, "signature": sign(self.message(head)).hex()})
        raw = text.ljust(_SECTOR_BYTES - 1).encode() + b"\n"
        try:
            with self._only_writer() as folder:
                if self._replace(raw, head.seq, folder):
                    self._own = raw, head
        except OSError as error:
            remedy = "the step itself is kept; check the disk, then run careloom audit verify"
            raise SetupError(f"{self.path} cannot be written ({type(error).__name__})", remedy) from None

    def settle(self) -> None:
        """Returns when the disk has the anchor as it is now, or a later one."""
        try:
            file = os.open(self.path, os.O_RDWR | os.O_NOFOLLOW)
            try:
                os.fdatasync(file)
            finally:
                os.close(file)
        except OSError as error:
            remedy = "the step itself is kept; check the disk, then run careloom audit verify"
            raise SetupError(f"{self.path} cannot be synced ({type(error).__name__})", remedy) from None

    @contextmanager
    def _only_writer(self) -> Iterator[int]:
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield folder
        finally:
            os.close(folder)

    def _signed(self, raw: bytes, public_key: bytes) -> Head | None:
        """The head that these bytes sign, None if they do not."""
        own, head = self._own
        if raw == own:
            return head
        try:
            kept = json.loads(raw)
            head = Head(int(kept["seq"]), bytes.fromhex(kept["hash"]))
            signature = bytes.fromhex(kept["signature"])
            is_own = kept["zone"] == self._zone and is_signed(public_key, self.message(head), signature)
        except (ValueError, KeyError, TypeError, OverflowError):
            return None
        return head if is_own else None

    def _replace(self, raw: bytes, seq: int, folder: int) -> bool:
        """Writes over the file if it lies behind `seq`; makes it if it is not there or of another size."""
        try:
            file = os.open(self._name, os.O_RDWR | os.O_NOFOLLOW, dir_fd=folder)
        except FileNotFoundError:
            self._make(raw, folder)
            return True
        try:
            kept = os.pread(file, _MOST_BYTES, 0)
            if self._seq(kept) >= seq:
                return False
            if len(kept) != len(raw):
                self._make(raw, folder)
            elif os.pwrite(file, raw, 0) != len(raw):
                raise OSError("only a part of the anchor was written")
        finally:
            os.close(file)
        return True

    def _seq(self, raw: bytes) -> int:
        try:
            return int(json.loads(raw)["seq"])
        except (ValueError, KeyError, TypeError):
            raise IntegrityError(f"{self.path} is damaged", "keep the file and call the operator") from None

    def _make(self, raw: bytes, folder: int) -> None:
        """The file as a whole or not at all."""
        temporary = self.path.with_suffix(".new")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.write(raw)
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(self.path)
        os.fsync(folder)


def _bytes_of(path: Path) -> bytes:
    """All of a small file in three calls of the system: between calls other threads take the processor."""
    file = os.open(path, os.O_RDONLY)
    try:
        return os.read(file, _MOST_BYTES)
    finally:
        os.close(file)


@dataclass(frozen=True, slots=True)
class AuditProblem:
    """What is wrong at one row (0: the chain as a whole).

    code  audit.gap, audit.time, audit.link, audit.hash, audit.signature or audit.anchor
    """

    seq: int
    code: str


@dataclass(slots=True)
class AuditReport:
    """The outcome of checking a chain: whole when there is no problem. At most 100 problems are listed."""

    rows: int = 0
    head: Head = EMPTY
    anchored: int | None = None
    problems: list[AuditProblem] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """True when no row was changed, removed, added or moved."""
        return not self.problems

    def note(self, seq: int, code: str) -> None:
        """Adds a problem."""
        if len(self.problems) < 100:
            self.problems.append(AuditProblem(seq, code))


def rows_of(connection: Connection, after: int = 0, *, body: str = "body") -> Iterator[tuple[Any, ...]]:
    """All rows in order, a page at a time: seq, time, body, prev, hash, signature."""
    sql = f"SELECT seq, time, {body}, prev, hash, signature FROM audit WHERE seq > ? ORDER BY seq LIMIT {_PAGE}"  # noqa: S608
    while page := bulk.fetch(connection, sql, (after,)):
        yield from page
        after = page[-1][0]


def verify(connection: Connection, public_key: bytes, anchor: Anchor | None = None) -> AuditReport:
    """Checks every row, link and signature, and that the chain still holds its anchored head."""
    report = AuditReport()
    anchored = _anchored(anchor, public_key, report)
    seen = anchored is None or anchored.seq == 0
    as_bytes = "convert_to(body, 'UTF8')" if bulk.is_postgresql(connection) else "CAST(body AS BLOB)"
    for row in rows_of(connection, -(1 << 62), body=as_bytes):
        for code in row_problems(row, report.head, public_key):
            report.note(row[0], code)
        report.rows += 1
        report.head = Head(row[0], row[4])
        seen = seen or report.head == anchored
    if not seen:
        report.note(anchored.seq if anchored is not None else 0, "audit.anchor")
    return report


def row_problems(row: tuple[Any, ...], before: Head, public_key: bytes) -> list[str]:
    """What is wrong with one row, told from the row before it alone: whatever else is changed, this is not.

    row  as `rows_of` gives it, its body in bytes, for they may have become none of UTF-8
    """
    seq, time, body, prev, digest, signature = row
    checks = (
        (seq == before.seq + 1, "audit.gap"),
        (prev == before.hash, "audit.link"),
        (is_own_hash(row), "audit.hash"),
        (is_signed_row(public_key, digest, signature), "audit.signature"),
        (_is_own_time(time, body), "audit.time"),
    )
    return [code for holds, code in checks if not holds]


def _anchored(anchor: Anchor | None, public_key: bytes, report: AuditReport) -> Head | None:
    if anchor is None:
        return None
    try:
        head = anchor.read(public_key)
    except IntegrityError:
        report.note(0, "audit.anchor")
        return None
    report.anchored = head.seq
    return head


def is_own_hash(row: tuple[Any, ...]) -> bool:
    """True when the hash of a row is that of all the row holds."""
    seq, time, body, prev, digest, _ = row
    try:
        return bool(_digest(prev, seq, time, body) == digest)
    except (OverflowError, AttributeError, TypeError, UnicodeError):
        return False


def is_signed_row(public_key: bytes, digest: Any, signature: Any) -> bool:
    """True when the signature of a row is over its hash."""
    return isinstance(digest, bytes) and isinstance(signature, bytes) and is_signed(public_key, digest, signature)


def _is_own_time(time: int, body: bytes) -> bool:
    try:
        return microseconds(datetime.fromisoformat(orjson.loads(body)["time"])) == time
    except (ValueError, KeyError, TypeError):
        return False
