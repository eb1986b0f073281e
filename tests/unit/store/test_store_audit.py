"""The audit chain: whole as long as nobody touches it, and only so long."""

import json
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine

from careloom.audit import AuditEvent
from careloom.crypto.keys_local import LocalKeys
from careloom.errors import CareloomError, IntegrityError
from careloom.store.audit_log import Anchor, AuditChain, Head, body_of, verify
from careloom.store.schema import metadata
from careloom.store.zone_store import ZoneStore
from tests.store_kit import START, event, open_zone, put

COLUMNS = ("seq", "time", "body", "prev", "hash", "signature")


def chain_of(keys: LocalKeys, rows: int) -> Connection:
    connection = create_engine("sqlite://").connect()
    metadata.create_all(connection)
    chain = AuditChain(connection, keys.sign, None)
    for number in range(rows):
        chain.append(event(operation="search", subjects=("abc",), detail={"n": number}))
    return connection


def test_every_step_leaves_one_row_and_the_chain_is_whole(store: ZoneStore) -> None:
    for number in range(3):
        with store.transaction(event) as tx:
            tx.write([put("Patient", "p1", ("p1",), n=number)])
    store.append_audit(event(action="read", operation="search"))
    report = store.verify_audit()
    assert (report.rows, report.is_whole, report.anchored) == (4, True, 4)
    events = list(store.export_audit())
    assert [one["id"] for one in store.audit_events(limit=2)] == ["audit-4", "audit-3"]
    assert len(store.audit_events(subject=store.pseudonym("p1"))) == 3
    assert [one["action"] for one in events] == ["C", "C", "C", "R"]
    assert events[0]["entity"][0]["what"]["identifier"]["value"] == store.pseudonym("p1")


def test_rows_cannot_be_changed_or_removed_through_the_database(store: ZoneStore) -> None:
    store.append_audit(event())
    for statement in ("UPDATE audit SET time = 0", "DELETE FROM audit"):
        with pytest.raises(CareloomError), store.transaction(event) as tx:
            tx._tools.connection.exec_driver_sql(statement)
    assert store.verify_audit().is_whole


def test_every_single_byte_change_of_a_chain_is_found(tmp_path: Path) -> None:
    keys = LocalKeys.open(tmp_path / "keys")
    connection = chain_of(keys, 3)
    public = keys.public_key()
    assert verify(connection, public).is_whole
    rows = [list(row) for row in connection.exec_driver_sql(f"SELECT {', '.join(COLUMNS)} FROM audit")]
    changes = 0
    for row in rows:
        for column, value in zip(COLUMNS, row, strict=True):
            for changed in _flips(value):
                connection.exec_driver_sql(f"UPDATE audit SET {column} = ? WHERE seq = ?", (changed, row[0]))
                assert not verify(connection, public).is_whole, (row[0], column)
                key = changed if column == "seq" else row[0]
                connection.exec_driver_sql(f"UPDATE audit SET {column} = ? WHERE seq = ?", (value, key))
                changes += 1
    assert changes > 1000
    assert verify(connection, public).is_whole
    connection.close()
    connection.engine.dispose()


def _flips(value: object) -> list[object]:
    if isinstance(value, int):
        return [value ^ (1 << bit) for bit in range(40) if value ^ (1 << bit) > 3]
    if isinstance(value, str):
        return [value[:at] + chr(ord(value[at]) ^ 1) + value[at + 1 :] for at in range(len(value))]
    assert isinstance(value, bytes)
    return [value[:at] + bytes([value[at] ^ 0x40]) + value[at + 1 :] for at in range(len(value))]


@given(st.integers(2, 8), st.data())
@settings(max_examples=20)
def test_a_removed_moved_or_repeated_row_is_found(tmp_path_factory, rows: int, data: st.DataObject) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path_factory.mktemp("chain")
    keys = LocalKeys.open(folder / "keys")
    connection = chain_of(keys, rows)
    anchor = Anchor(folder / "audit.anchor", "identified")
    anchor.write(AuditChain(connection, keys.sign, None).head, keys.sign)
    assert verify(connection, keys.public_key(), anchor).is_whole
    one, other = data.draw(st.integers(1, rows)), data.draw(st.integers(1, rows))
    if one == other:
        connection.exec_driver_sql("DELETE FROM audit WHERE seq = ?", (one,))
    else:
        for before, after in ((one, -1), (other, one), (-1, other)):
            connection.exec_driver_sql("UPDATE audit SET seq = ? WHERE seq = ?", (after, before))
    assert not verify(connection, keys.public_key(), anchor).is_whole
    connection.close()
    connection.engine.dispose()


def test_a_chain_cut_at_its_end_is_found_by_its_anchor_and_not_written_on(tmp_path: Path) -> None:
    keys = LocalKeys.open(tmp_path / "keys")
    store = open_zone(tmp_path, keys)
    for _ in range(3):
        store.append_audit(event())
    with store.connect() as connection:
        connection.exec_driver_sql("DROP TRIGGER audit_keeps_rows")
        connection.exec_driver_sql("DELETE FROM audit WHERE seq = 3")
        connection.commit()
    assert [problem.code for problem in store.verify_audit().problems] == ["audit.anchor"]
    with pytest.raises(IntegrityError):
        store.append_audit(event())
    store.close()


def test_a_chain_signed_by_another_key_is_not_whole(tmp_path: Path) -> None:
    connection = chain_of(LocalKeys.open(tmp_path / "a"), 2)
    report = verify(connection, LocalKeys.open(tmp_path / "b").public_key())
    assert {problem.code for problem in report.problems} == {"audit.signature"}
    connection.close()
    connection.engine.dispose()


def test_a_forged_or_missing_anchor_is_found(tmp_path: Path) -> None:
    keys = LocalKeys.open(tmp_path / "keys")
    store = open_zone(tmp_path, keys)
    store.append_audit(event())
    path = tmp_path / "identified" / "audit.anchor"
    kept = json.loads(path.read_bytes())
    for change in ({"seq": 7}, {"hash": "00" * 32}, {"zone": "research"}, {"signature": "00" * 64}):
        path.write_text(json.dumps({**kept, **change}))
        assert not store.verify_audit().is_whole
        with pytest.raises(IntegrityError):
            store.append_audit(event())
    path.write_text("{")
    assert not store.verify_audit().is_whole
    path.unlink()
    assert not store.verify_audit().is_whole
    with pytest.raises(IntegrityError):
        store.append_audit(event())
    path.write_text(json.dumps(kept))
    assert store.verify_audit().is_whole
    store.close()


def test_a_crash_between_commit_and_anchor_is_no_problem(tmp_path: Path) -> None:
    keys = LocalKeys.open(tmp_path / "keys")
    store = open_zone(tmp_path, keys)
    store.append_audit(event())
    path = tmp_path / "identified" / "audit.anchor"
    before = path.read_bytes()
    store.append_audit(event())
    path.write_bytes(before)
    assert store.verify_audit().is_whole
    store.append_audit(event())
    assert store.verify_audit().anchored == 3
    store.close()


def test_equal_events_have_equal_bodies_however_their_detail_is_ordered() -> None:
    one = AuditEvent(START, "a", "read", "search", "identified", detail={"a": 1, "b": b"\x01"})
    other = AuditEvent(START, "a", "read", "search", "identified", detail={"b": b"\x01", "a": 1})
    assert body_of(one) == body_of(other)


def test_an_anchor_written_by_hand_in_another_size_is_read_and_then_replaced(tmp_path: Path) -> None:
    keys = LocalKeys.open(tmp_path / "keys")
    store = open_zone(tmp_path, keys)
    path = tmp_path / "identified" / "audit.anchor"
    for indent in (None, 1, 200):
        store.append_audit(event())
        path.write_text(json.dumps(json.loads(path.read_bytes()), indent=indent))
        assert store.verify_audit().is_whole
        store.append_audit(event())
        assert len(path.read_bytes()) == 512
        assert store.verify_audit().anchored == store.verify_audit().rows
    store.close()


def test_an_anchor_that_is_further_stays(tmp_path: Path) -> None:
    keys = LocalKeys.open(tmp_path / "keys")
    anchor = Anchor(tmp_path / "audit.anchor", "identified")
    anchor.write(Head(7, bytes(32)), keys.sign)
    anchor.write(Head(6, bytes(32)), keys.sign)
    assert anchor.read(keys.public_key()).seq == 7


def test_an_anchor_is_never_read_half_written(tmp_path: Path) -> None:
    keys = LocalKeys.open(tmp_path / "keys")
    anchor = Anchor(tmp_path / "audit.anchor", "identified")
    anchor.write(Head(0, bytes(32)), keys.sign)
    seen: list[int] = []

    def read() -> None:
        while not seen or seen[-1] < 300:
            seen.append(anchor.read(keys.public_key()).seq)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for seq in range(1, 301):
        anchor.write(Head(seq, bytes([seq % 256]) * 32), keys.sign)
    for reader in readers:
        reader.join(10)
    assert seen[-1] == 300
