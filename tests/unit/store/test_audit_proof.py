"""Checkpoints of a chain and proofs of single events: they hold for what was written, and for nothing else."""

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine

from careloom.crypto.keys_local import LocalKeys
from careloom.errors import FormatError, NotFound
from careloom.store import audit_proof
from careloom.store.audit_log import AuditChain, Head
from careloom.store.audit_proof import Inclusion, checkpoint, holds, inclusion, is_of, is_proven, read, root_of
from careloom.store.schema import metadata
from tests.store_kit import event

NOW = datetime(2026, 11, 29, 6, 0, tzinfo=UTC)


def tree(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, word by word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return sha256(b"\1" + tree(leaves[:half]) + tree(leaves[half:])).digest()


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> LocalKeys:
    return LocalKeys.open(tmp_path_factory.mktemp("keys"))


def chain(keys: LocalKeys, rows: int, first: int = 0) -> Connection:
    connection = create_engine("sqlite://").connect()
    metadata.create_all(connection)
    sink = AuditChain(connection, keys.sign, None)
    for number in range(rows):
        sink.append(event(operation="search", detail={"n": first + number}))
    return connection


@given(st.integers(0, 70))
def test_the_root_is_that_of_rfc_6962(count: int) -> None:
    leaves = [audit_proof.leaf(bytes([number]) * 32) for number in range(count)]
    assert root_of(leaves) == tree(leaves)


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 8, 13])
def test_every_event_is_proven_by_every_checkpoint_that_covers_it(keys: LocalKeys, rows: int) -> None:
    connection = chain(keys, rows)
    for size in range(1, rows + 1):
        held = checkpoint(connection, "identified", keys.sign, NOW, size)
        assert is_of(held, keys.public_key())
        assert holds(connection, held)
        for seq in range(1, size + 1):
            proof = inclusion(connection, seq, held)
            assert is_proven(proof, keys.public_key())
            assert read(orjson.dumps(asdict(proof))) == proof
        with pytest.raises(NotFound):
            inclusion(connection, size + 1, held)
    assert read(orjson.dumps(asdict(held))) == held


def changed(proof: Inclusion) -> list[Inclusion]:
    """The proof with each thing that it says said otherwise."""
    row, held = dict(proof.row), proof.checkpoint
    other = "0" * 64
    rows: list[dict[str, Any]] = [
        row | {"seq": row["seq"] + 1},
        row | {"time": row["time"] + 1},
        row | {"body": row["body"].replace("search", "export")},
        row | {"prev": other},
        row | {"hash": other},
        {"seq": row["seq"]},
    ]
    checkpoints = [
        replace(held, size=held.size - 1),
        replace(held, root=other),
        replace(held, zone="research"),
        replace(held, time="2026-01-01"),
        replace(held, signature=other * 2),
        replace(held, signature="no hex"),
    ]
    paths = [[other, *proof.path[1:]], proof.path[1:], [*proof.path, other], proof.path[::-1], ["no hex", *proof.path]]
    return [
        *(replace(proof, row=one) for one in rows),
        *(replace(proof, checkpoint=one) for one in checkpoints),
        *(replace(proof, path=one) for one in paths),
    ]


def test_a_proof_of_which_anything_is_changed_proves_nothing(keys: LocalKeys, tmp_path: Path) -> None:
    connection = chain(keys, 6)
    proof = inclusion(connection, 3, checkpoint(connection, "identified", keys.sign, NOW))
    assert [one for one in changed(proof) if is_proven(one, keys.public_key())] == []
    assert not is_proven(proof, LocalKeys.open(tmp_path / "others").public_key())


def test_a_checkpoint_finds_out_a_chain_that_was_written_anew_with_the_same_key(keys: LocalKeys) -> None:
    held = checkpoint(chain(keys, 5), "identified", keys.sign, NOW)
    assert holds(chain(keys, 5), held)  # the very same rows
    assert holds(chain(keys, 9), held)  # and more behind them
    assert not holds(chain(keys, 9, first=1), held)
    assert not holds(chain(keys, 4), held)


def test_of_an_empty_chain_the_checkpoint_covers_nothing(keys: LocalKeys) -> None:
    connection = chain(keys, 0)
    held = checkpoint(connection, "research", keys.sign, NOW)
    assert (held.size, held.root) == (0, sha256(b"").hexdigest())
    assert holds(connection, held)
    with pytest.raises(NotFound, match="covered"):
        inclusion(connection, 1, held)
    with pytest.raises(NotFound, match="0 rows"):
        checkpoint(connection, "research", keys.sign, NOW, Head(3, b"").seq)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"row": 1}', json.dumps({"zone": "identified"}).encode()])
def test_what_is_neither_is_refused(content: bytes) -> None:
    with pytest.raises(FormatError, match="neither"):
        read(content)
