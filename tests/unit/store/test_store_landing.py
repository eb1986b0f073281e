"""Landing: records, manifests, provenance, quarantine."""

from collections.abc import Callable
from hashlib import sha256
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.errors import Conflict, IntegrityError, NotFound
from careloom.issues import Issue
from careloom.store import bulk
from careloom.store.landing import BLOCK, root_of
from careloom.store.provenance import positions
from careloom.store.rows import Landed, Landing, Manifest
from careloom.store.zone_store import Transaction, ZoneStore
from tests.store_kit import event, put

ISSUE = Issue("fhir.required-missing", "error", "Patient.name", "A name is missing.")


def begin(tx: Transaction, name: str = "a.ndjson", file: bytes = b"1" * 32) -> Manifest:
    return tx.begin_manifest(name=name, file_hash=file, record_format="fhir", run="r1", config_hash="c")


def land_one(store: ZoneStore, raw: bytes, patients: tuple[str, ...] | None) -> Landed:
    with store.transaction(event) as tx:
        return tx.land(None, [Landing("fhir", raw, patients)])[0]


def test_a_record_is_kept_once_and_found_again(store: ZoneStore) -> None:
    first = land_one(store, b'{"a":1}', ("p1",))
    again = land_one(store, b'{"a":1}', ("p1",))
    assert (first.is_new, again.is_new) == (True, False)
    assert first[:2] == again[:2]
    assert store.keys.records.record_id("fhir", b'{"a":1}') == first.record_id
    assert store.known_records([first.record_id, "a" * 26]) == {first.record_id}
    assert store.raw_record(first.record_id).raw == b'{"a":1}'


def test_the_same_bytes_in_another_format_are_another_record(store: ZoneStore) -> None:
    assert store.keys.records.record_id("fhir", b"x") != store.keys.records.record_id("csv", b"x")


def test_a_record_twice_in_one_batch_is_one_record_at_two_positions(store: ZoneStore) -> None:
    with store.transaction(event) as tx:
        manifest = begin(tx)
        landed = tx.land(manifest, [Landing("fhir", b"r", ("p1",)), Landing("fhir", b"r", ("p1",))])
        tx.finish_manifest(manifest, counts={})
    assert landed[0].rec == landed[1].rec
    entities = store.provenance(landed[0].record_id)["entity"]
    assert [one["what"]["display"] for one in entities[1:]] == ["record 0 of the file", "record 1 of the file"]


def test_a_file_begun_again_goes_on_after_its_records(open_again: Callable[..., ZoneStore]) -> None:
    store = open_again()
    with store.transaction(event) as tx:
        manifest = begin(tx)
        tx.land(manifest, [Landing("fhir", b"1", ()), Landing("fhir", b"2", ())])
    again = open_again()
    found = again.find_manifest(b"1" * 32, "c")
    assert found is not None
    assert (found.state, found.records) == ("open", 2)
    with again.transaction(event) as tx:
        manifest = begin(tx)
        assert manifest.records == 2
        tx.land(manifest, [Landing("fhir", b"3", ())])
        root = tx.finish_manifest(manifest, counts={"stored": 3})
    done = again.find_manifest(b"1" * 32, "c")
    assert done is not None
    assert (done.state, done.records, done.counts) == ("done", 3, {"stored": 3, "root": root.hex()})


def test_a_closed_manifest_takes_no_more_records(store: ZoneStore) -> None:
    with store.transaction(event) as tx:
        manifest = begin(tx)
        tx.finish_manifest(manifest, counts={})
    with pytest.raises(Conflict), store.transaction(event) as tx:
        tx.land(manifest, [Landing("fhir", b"1", ())])


def test_the_audit_event_names_the_root_of_a_finished_manifest(store: ZoneStore) -> None:
    with store.transaction(event) as tx:
        manifest = begin(tx)
        tx.land(manifest, [Landing("fhir", b"1", ())])
        root = tx.finish_manifest(manifest, counts={})
    (last,) = store.audit_events()
    details = {one["type"]: one["valueString"] for one in last["entity"][-1]["detail"]}
    assert root.hex() in details["manifest_roots"]


@given(st.lists(st.binary(min_size=16, max_size=16), max_size=40), st.lists(st.integers(0, 40), max_size=4))
def test_the_root_does_not_depend_on_how_the_hashes_are_cut(hashes: list[bytes], cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(hashes)) for cut in cuts), len(hashes)]
    pieces = [b"".join(hashes[start:end]) for start, end in pairwise(edges)]
    assert root_of(pieces) == root_of([b"".join(hashes)])


def test_the_root_is_the_documented_one() -> None:
    hashes = [number.to_bytes(16, "big") for number in range(BLOCK + 1)]
    blocks = sha256(b"".join(hashes[:BLOCK])).digest() + sha256(hashes[BLOCK]).digest()
    assert root_of(hashes) == sha256(b"careloom-manifest-1" + (BLOCK + 1).to_bytes(8, "big") + blocks).digest()


def test_a_hash_across_two_others_is_no_position() -> None:
    assert positions(bytes(8) + b"x" * 16 + bytes(8) + b"x" * 16, b"x" * 16) == [2]


def test_a_fact_verifies_back_to_its_source_bytes(store: ZoneStore) -> None:
    with store.transaction(event) as tx:
        manifest = begin(tx)
        landed = tx.land(manifest, [Landing("fhir", b"1", ("p1",)), Landing("fhir", b"2", ("p1",))])
        tx.write([put("Patient", "p1", ("p1",), landed[1].rec), put("Observation", "o", ("p1",), landed[1].rec)])
        tx.finish_manifest(manifest, counts={})
    proof = store.verify_fact("Observation", "o")
    assert proof.is_whole
    assert [(place.position, place.root_matches) for place in proof.places] == [(1, True)]
    provenance = store.provenance(landed[1].record_id)
    assert [one["reference"] for one in provenance["target"]] == ["Observation/o/_history/1", "Patient/p1/_history/1"]
    assert store.read("Patient", "p1").resource()["meta"]["source"] == f"urn:careloom:record:{landed[1].record_id}"


def test_a_record_that_says_the_same_again_stands_behind_the_resource_too(store: ZoneStore) -> None:
    with store.transaction(event) as tx:
        landed = tx.land(None, [Landing("fhir", b"1", ("p1",)), Landing("fhir", b"2", ("p1",))])
        tx.write([put("Patient", "p1", ("p1",), landed[0].rec), put("Patient", "p1", ("p1",), landed[1].rec)])
    assert store.provenance(landed[1].record_id)["target"] == [{"reference": "Patient/p1/_history/1"}]


def rotate(value: bytes) -> bytes:
    return value[16:] + value[:16] if len(value) > 16 else value[::-1]


@pytest.mark.parametrize(
    ("table", "column", "code"),
    [
        ("manifest", "root", "store.root"),
        ("manifest_chunk", "hashes", "store.root"),
        ("record", "body", "store.sealed"),
    ],
)
def test_a_fact_whose_proof_was_changed_does_not_verify(store: ZoneStore, table: str, column: str, code: str) -> None:
    with store.transaction(event) as tx:
        manifest = begin(tx)
        landed = tx.land(manifest, [Landing("fhir", b"1", ("p1",)), Landing("fhir", b"2", ("p1",))])
        tx.write([put("Patient", "p1", ("p1",), landed[0].rec)])
        tx.finish_manifest(manifest, counts={})
    assert store.check().is_whole
    tamper(store, f"SELECT {column} FROM {table} LIMIT 1", f"UPDATE {table} SET {column} = ? WHERE {column} = ?")
    assert not store.verify_fact("Patient", "p1").is_whole
    assert [found for found, _ in store.check().problems] == ([code] if code else [])
    if table == "record":
        with pytest.raises(IntegrityError):
            store.raw_record(landed[0].record_id)


def tamper(store: ZoneStore, select: str, update: str) -> None:
    with store.transaction(event) as tx:
        connection = tx._tools.connection
        ((value,),) = bulk.fetch(connection, select)
        bulk.run(connection, update, [(rotate(value), value)])


def test_check_finds_what_was_changed(store: ZoneStore) -> None:
    with store.transaction(event) as tx:
        tx.write([put("Observation", f"o{n}", ("p1",), status="final", value=1.0) for n in range(4)])
    assert store.check().is_whole
    for column, name in (("body", "o0"), ("content_hash", "o1")):
        where = f"FROM resource WHERE id = '{name}'"
        update = f"UPDATE resource SET {column} = ? WHERE {column} = ? AND id = '{name}'"
        tamper(store, f"SELECT {column} {where}", update)
    with store.transaction(event) as tx:
        sql = tx._tools.connection.exec_driver_sql
        sql("DELETE FROM idx_eq WHERE rid = (SELECT rid FROM resource WHERE id = 'o2')")
        sql("INSERT INTO idx_range VALUES (1, 2, 3, 4, 99)")
        sql("INSERT INTO idx_range VALUES (1, 2, 3, 4, 98)")
        sql("INSERT INTO idx_range VALUES (1, 2, 3, 4, 97)")
    codes = {code for code, _ in store.check().problems}
    assert codes == {"store.sealed", "store.hash", "store.index-missing", "store.index-extra"}


def test_check_finds_what_was_changed_of_records_and_earlier_versions(store: ZoneStore) -> None:
    with store.transaction(event) as tx:
        landed = tx.land(None, [Landing("fhir", f"{n}".encode(), ("p1",)) for n in range(2)])
        for value in range(5):
            tx.write([put("Observation", f"o{n}", ("p1",), landed[0].rec, value=float(value)) for n in range(3)])
    report = store.check()
    assert (report.is_whole, report.resources, report.versions, report.records) == (True, 3, 12, 2)
    where = "FROM resource_history WHERE version = 2 AND rid = (SELECT rid FROM resource WHERE id = 'o0')"
    update = "UPDATE resource_history SET body = ? WHERE body = ?"
    tamper(store, f"SELECT body {where}", update)
    tamper(store, f"SELECT content_hash {where.replace('2', '3')}", update.replace("body", "content_hash"))
    with store.transaction(event) as tx:
        connection, mid = tx._tools.connection, "(SELECT rid FROM resource WHERE id = 'o1')"
        connection.exec_driver_sql(f"DELETE FROM resource_history WHERE version = 2 AND rid = {mid}")
        sealed = bulk.fetch(connection, "SELECT rec, body FROM record ORDER BY rec")
        bulk.run(connection, "UPDATE record SET body = ? WHERE rec = ?", [(sealed[0][1], sealed[1][0])])
    assert sorted(store.check().problems) == [
        ("store.hash", "Observation/o0/_history/3"),
        ("store.sealed", "Observation/o0/_history/2"),
        ("store.sealed", f"record/{landed[1].record_id}"),
        ("store.version", "Observation/o1/_history/3"),
    ]


def test_a_refused_record_is_quarantined_with_its_reason_and_driven_again(store: ZoneStore) -> None:
    with store.transaction(event) as tx:
        manifest = begin(tx)
        landed = tx.land(manifest, [Landing("fhir", b"bad", None)])[0]
        tx.quarantine(landed.rec, issues=[ISSUE], place="line 1", context=b"header")
    assert store.quarantine_context(landed.record_id) == b"header"
    (entry,) = store.quarantined()
    assert (entry.reason, entry.place, entry.position, entry.attempts) == ("fhir.required-missing", "line 1", 0, 1)
    assert entry.issues == (ISSUE,)
    assert store.quarantine_reasons() == {"fhir.required-missing": 1}
    with store.transaction(event) as tx:
        tx.quarantine(landed.rec, issues=[ISSUE], place="line 1")
    with store.transaction(event) as tx:
        tx.write([put("Patient", "p1", ("p1",), landed.rec)])
        tx.redriven(landed.rec, ("p1",))
    assert store.quarantined() == []
    found = store.quarantined_record(landed.record_id)
    assert found is not None
    assert (found.state, found.attempts) == ("redriven", 3)
    assert store.quarantine_context(landed.record_id) == b""
    assert store.raw_record(landed.record_id).raw == b"bad"


def test_a_redriven_record_lies_under_the_key_of_its_patient(store: ZoneStore) -> None:
    landed = land_one(store, b"bad", None)
    with store.transaction(event) as tx:
        tx.quarantine(landed.rec, issues=[ISSUE], place="line 1")
        tx.redriven(landed.rec, ("p1",))
    with store.connect() as connection:
        names = [row[0] for row in connection.exec_driver_sql("SELECT pseudonym FROM subject_key ORDER BY subject")]
    assert names == ["shared", store.pseudonym("p1")]


def test_an_unknown_record_is_not_found(store: ZoneStore) -> None:
    with pytest.raises(NotFound):
        store.provenance("a" * 26)
