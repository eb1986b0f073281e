"""Checkpoints of an audit chain, and the proof that one event is among those that a checkpoint covers.

A checkpoint is the signed root of a Merkle tree over the hashes of rows 1 to n (RFC 6962, section 2.1, with SHA-256).
Kept where the operator of the database cannot write, it holds him to all of them; with it, one row and some twenty
hashes prove that the row was there, to somebody who sees no other row.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import orjson
from sqlalchemy import Connection

from careloom.crypto.keys import is_signed
from careloom.errors import FormatError, NotFound
from careloom.store import bulk
from careloom.store.audit_log import row_hash

_TAG = b"careloom-checkpoint-1"
_PAGE = 10_000
_EMPTY = sha256(b"").digest()


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The signed root of the first rows of a chain.

    zone       whose chain
    size       how many rows it covers
    root       of their Merkle tree, hex
    time       when it was made, ISO 8601, UTC
    signature  Ed25519 over all of the above, hex
    """

    zone: str
    size: int
    root: str
    time: str
    signature: str = ""

    def message(self) -> bytes:
        """What is signed."""
        fields = {name: value for name, value in asdict(self).items() if name != "signature"}
        return _TAG + orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)


@dataclass(frozen=True, slots=True)
class Inclusion:
    """One row with what proves it to be covered by a checkpoint.

    row   seq, time (microseconds since 1970), body, prev and hash (hex)
    path  the hashes beside its way up to the root, from below, hex
    """

    row: Mapping[str, Any]
    path: Sequence[str]
    checkpoint: Checkpoint


def leaf(digest: bytes) -> bytes:
    """The leaf of a row's hash."""
    return sha256(b"\0" + digest).digest()


def joined(left: bytes, right: bytes) -> bytes:
    """The node above two."""
    return sha256(b"\1" + left + right).digest()


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over leaves in order; keeps one hash a level."""
    peaks: list[tuple[int, bytes]] = []
    for node in leaves:
        height = 0
        while peaks and peaks[-1][0] == height:
            node, height = joined(peaks.pop()[1], node), height + 1
        peaks.append((height, node))
    if not peaks:
        return _EMPTY
    _, root = peaks.pop()
    while peaks:
        root = joined(peaks.pop()[1], root)
    return root


def checkpoint(
    connection: Connection, zone: str, sign: Callable[[bytes], bytes], now: datetime, size: int | None = None
) -> Checkpoint:
    """A checkpoint of the first `size` rows, of all unless told. raises NotFound where the chain has not so many"""
    rows = _count(connection)
    size = rows if size is None else size
    if size > rows:
        raise NotFound(f"the chain of {zone} has {rows} rows, not {size}", "Ask careloom audit verify where they are.")
    root = root_of(_leaves(connection, 0, size)).hex()
    plain = Checkpoint(zone, size, root, now.astimezone(UTC).isoformat(timespec="microseconds"))
    return Checkpoint(plain.zone, plain.size, plain.root, plain.time, sign(plain.message()).hex())


def inclusion(connection: Connection, seq: int, held: Checkpoint) -> Inclusion:
    """The proof that row `seq` is covered. raises NotFound where it is not"""
    columns = "seq, time, body, prev, hash"
    rows = bulk.fetch(connection, f"SELECT {columns} FROM audit WHERE seq = ?", (seq,))  # noqa: S608
    if not rows or not 1 <= seq <= held.size:
        raise NotFound(f"no event {seq} of {held.zone} is covered", f"The checkpoint covers 1 to {held.size}.")
    number, time, body, prev, digest = rows[0]
    row = {"seq": number, "time": time, "body": body, "prev": prev.hex(), "hash": digest.hex()}
    path = [root_of(_leaves(connection, *part)).hex() for part in _beside(seq - 1, 0, held.size)]
    return Inclusion(row, path, held)


def _beside(place: int, first: int, end: int) -> list[tuple[int, int]]:
    """The stretches of leaves beside the way of one from below to the root."""
    if end - first <= 1:
        return []
    middle = first + (1 << (end - first - 1).bit_length() - 1)
    if place < middle:
        return [*_beside(place, first, middle), (middle, end)]
    return [*_beside(place, middle, end), (first, middle)]


def is_of(held: Checkpoint, public_key: bytes) -> bool:
    """True where the checkpoint is as it was signed."""
    try:
        return is_signed(public_key, held.message(), bytes.fromhex(held.signature))
    except (TypeError, ValueError):
        return False


def holds(connection: Connection, held: Checkpoint) -> bool:
    """True where the chain still begins with the rows that the checkpoint covers."""
    size = _count(connection)
    return held.size <= size and root_of(_leaves(connection, 0, held.size)).hex() == held.root


def is_proven(proof: Inclusion, public_key: bytes) -> bool:
    """True where the row is as it was written, and stands where it says among what the signed checkpoint covers."""
    row, held = proof.row, proof.checkpoint
    try:
        seq, digest = int(row["seq"]), bytes.fromhex(row["hash"])
        if row_hash(bytes.fromhex(row["prev"]), seq, int(row["time"]), row["body"]) != digest:
            return False
        parts = _beside(seq - 1, 0, held.size) if 1 <= seq <= held.size else []
        if len(parts) != len(proof.path) or not is_of(held, public_key):
            return False
        node = leaf(digest)
        for (first, _), other in zip(parts, proof.path, strict=True):
            beside = bytes.fromhex(other)
            node = joined(beside, node) if first < seq - 1 else joined(node, beside)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return False
    return 1 <= seq <= held.size and node.hex() == held.root


def read(content: bytes) -> Checkpoint | Inclusion:
    """A checkpoint or a proof from the JSON of its file. raises FormatError"""
    try:
        told = orjson.loads(content)
        if "row" in told:
            return Inclusion(dict(told["row"]), list(told["path"]), Checkpoint(**told["checkpoint"]))
        return Checkpoint(**told)
    except (ValueError, TypeError, KeyError):
        remedy = "Give what careloom audit checkpoint or careloom audit prove wrote."
        raise FormatError("the file is neither a checkpoint nor a proof", remedy) from None


def _count(connection: Connection) -> int:
    return int(bulk.fetch(connection, "SELECT COUNT(*) FROM audit", ())[0][0])


def _leaves(connection: Connection, first: int, end: int) -> Iterator[bytes]:
    """Leaves of rows `first` + 1 to `end`, a page at a time."""
    sql = f"SELECT hash FROM audit WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT {_PAGE}"  # noqa: S608
    while first < end and (page := bulk.fetch(connection, sql, (first, end))):
        for (digest,) in page:
            yield leaf(digest)
        first += len(page)
