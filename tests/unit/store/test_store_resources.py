"""Resources: what a write becomes, what a read finds."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from careloom.errors import IntegrityError, NotFound
from careloom.runtime import Runtime
from careloom.store.rows import Outcome, Write
from careloom.store.zone_store import ZoneStore
from tests.store_kit import delete, event, key_of, mention, open_zone, put, small_index

P1, P2 = "p1", "p2"


def write(store: ZoneStore, *writes: Write) -> list[Outcome]:
    with store.transaction(event) as tx:
        return tx.write(writes)


def index_of(store: ZoneStore) -> tuple[set[tuple[int, int]], set[tuple[object, ...]]]:
    with store.connect() as connection:
        eq = connection.exec_driver_sql("SELECT key, rid FROM idx_eq").fetchall()
        ranges = connection.exec_driver_sql("SELECT key, low, high, unit, rid FROM idx_range").fetchall()
    return {tuple(row) for row in eq}, {tuple(row) for row in ranges}


def test_a_new_resource_is_created_and_read_back_with_the_meta_of_the_store(store: ZoneStore) -> None:
    assert write(store, put("Patient", P1, (P1,), active=True)) == ["created"]
    resource = store.read("Patient", P1).resource()
    assert resource["active"] is True
    assert resource["meta"]["versionId"] == "1"
    assert resource["meta"]["lastUpdated"].startswith("2026-11-22T10:00:")


def test_the_same_content_again_changes_nothing(store: ZoneStore) -> None:
    write(store, put("Patient", P1, (P1,), active=True))
    before = store.content_hash()
    assert write(store, put("Patient", P1, (P1,), active=True)) == ["unchanged"]
    assert store.read("Patient", P1).version == 1
    assert store.content_hash() == before


def test_meta_of_the_store_is_no_content(store: ZoneStore) -> None:
    write(store, put("Patient", P1, (P1,)))
    again = put("Patient", P1, (P1,), meta={"versionId": "9", "lastUpdated": "2020-01-01T00:00:00Z", "source": "x"})
    assert write(store, again) == ["unchanged"]


def test_an_update_keeps_the_old_version_in_history(store: ZoneStore) -> None:
    write(store, put("Patient", P1, (P1,), active=True))
    assert write(store, put("Patient", P1, (P1,), active=False)) == ["updated"]
    assert [(one.version, one.resource()["active"]) for one in store.history("Patient", P1)] == [(2, False), (1, True)]
    assert store.read_version("Patient", P1, 1).resource()["active"] is True


def test_a_mention_is_stored_if_absent_and_leaves_alone_what_is_there(store: ZoneStore) -> None:
    assert write(store, mention(put("Patient", P1, (P1,)))) == ["created"]
    assert write(store, put("Patient", P1, (P1,), active=True)) == ["updated"]
    assert write(store, mention(put("Patient", P1, (P1,)))) == ["mentioned"]
    assert store.read("Patient", P1).resource()["active"] is True


def test_a_deletion_is_a_version_and_can_be_followed_by_another_creation(store: ZoneStore) -> None:
    write(store, put("Observation", "o", (P1,), status="final"))
    assert write(store, delete("Observation", "o", (P1,))) == ["deleted"]
    assert store.read("Observation", "o").deleted
    assert list(store.scan()) == []
    assert write(store, delete("Observation", "o", (P1,))) == ["unchanged"]
    assert write(store, put("Observation", "o", (P1,), status="final")) == ["created"]
    assert [one.version for one in store.history("Observation", "o")] == [3, 2, 1]


def test_deleting_what_never_was_changes_nothing(store: ZoneStore) -> None:
    assert write(store, delete("Observation", "o", (P1,))) == ["unchanged"]
    with pytest.raises(NotFound):
        store.read("Observation", "o")


def test_one_batch_may_take_a_resource_through_several_versions(store: ZoneStore) -> None:
    outcomes = write(
        store,
        put("Observation", "o", (P1,), status="registered", value=1.0),
        put("Observation", "o", (P1,), status="final", value=2.0),
        put("Observation", "o", (P1,), status="final", value=2.0),
        delete("Observation", "o", (P1,)),
        put("Observation", "o", (P1,), status="amended", value=3.0),
    )
    assert outcomes == ["created", "updated", "unchanged", "deleted", "created"]
    assert [one.version for one in store.history("Observation", "o")] == [4, 3, 2, 1]
    rid = store.read("Observation", "o").rid
    eq, ranges = index_of(store)
    assert eq == {(key_of("Observation", "status", "amended"), rid)}
    assert {row[1] for row in ranges} == {3.0}


def test_search_entries_follow_the_content(store: ZoneStore) -> None:
    write(store, put("Observation", "o", (P1,), status="registered", value=1.0))
    rid = store.read("Observation", "o").rid
    write(store, put("Observation", "o", (P1,), status="final", value=1.0))
    eq, ranges = index_of(store)
    assert eq == {(key_of("Observation", "status", "final"), rid)}
    assert {row[1] for row in ranges} == {1.0}
    write(store, delete("Observation", "o", (P1,)))
    assert index_of(store) == (set(), set())


def test_scan_is_ordered_by_type_and_id_and_can_be_narrowed(store: ZoneStore) -> None:
    write(store, *[put("Observation", f"o{n:04}", (P1,)) for n in reversed(range(1203))], put("Patient", P1, (P1,)))
    names = [(one.type, one.id) for one in store.scan()]
    assert names == sorted(names)
    assert len(names) == 1204
    assert [one.id for one in store.scan(["Patient"])] == [P1]


def test_all_names_are_told_page_by_page_without_what_was_deleted(store: ZoneStore) -> None:
    write(store, *[put("Observation", f"o{n:04}", (P1,)) for n in range(1203)], put("Patient", P1, (P1,)))
    write(store, delete("Observation", "o0000", (P1,)), delete("Observation", "o1202", (P1,)))
    observations = [f"Observation/o{n:04}" for n in range(1, 1202)]
    assert sorted(store.all_names()) == [*observations, f"Patient/{P1}"]
    assert list(store.all_names(["Observation"])) == observations
    assert list(store.all_names(["Patient", "Encounter"])) == [f"Patient/{P1}"]


def test_many_come_back_in_the_order_asked(store: ZoneStore) -> None:
    write(store, *[put("Observation", f"o{n}", (P1,)) for n in range(5)])
    rids = [store.read("Observation", name).rid for name in ("o3", "o1", "o4")]
    assert [one.id for one in store.read_many([rids[0], 999_999, rids[1], rids[2]])] == ["o3", "o1", "o4"]
    assert set(store.read_named("Observation", ["o1", "o9"])) == {"o1"}


def test_a_failed_step_leaves_nothing_behind(store: ZoneStore) -> None:
    with pytest.raises(AttributeError), store.transaction(event) as tx:
        tx.write([put("Patient", P1, (P1,)), None])  # type: ignore[list-item]
    assert store.count() == {}
    assert store.verify_audit().rows == 0
    assert write(store, put("Patient", P1, (P1,), active=True)) == ["created"]
    assert store.read("Patient", P1).resource()["active"] is True


def test_a_step_whose_audit_event_cannot_be_made_does_not_happen(store: ZoneStore) -> None:
    def broken(_: object) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError), store.transaction(broken) as tx:  # type: ignore[arg-type]
        tx.write([put("Patient", P1, (P1,))])
    assert store.count() == {}


def test_a_changed_body_does_not_open(store: ZoneStore) -> None:
    write(store, put("Patient", P1, (P1,)), put("Patient", P2, (P2,)))
    with store.transaction(event) as tx:
        tx._tools.connection.exec_driver_sql(
            "UPDATE resource SET body = (SELECT o.body FROM resource o WHERE o.id = 'p2') WHERE id = 'p1'"
        )
    with pytest.raises(IntegrityError):
        store.read("Patient", P1)


def test_a_version_cannot_pass_for_another(store: ZoneStore) -> None:
    write(store, put("Patient", P1, (P1,), active=True))
    write(store, put("Patient", P1, (P1,), active=False))
    with store.transaction(event) as tx:
        old = "(SELECT h.body FROM resource_history h WHERE h.rid = resource.rid)"
        tx._tools.connection.exec_driver_sql(f"UPDATE resource SET body = {old} WHERE id = 'p1'")
    with pytest.raises(IntegrityError):
        store.read("Patient", P1)


def test_content_hashes_of_equal_zones_are_equal_however_the_batches_were_cut(open_again, tmp_path) -> None:  # type: ignore[no-untyped-def]
    writes = [put("Observation", f"o{n % 7}", (P1,), value=float(n % 5)) for n in range(40)]
    store = open_again()
    write(store, *writes)
    other = ZoneStore.open(
        tmp_path / "other", zone="identified", keys=store.keys.provider, runtime=Runtime(), indexer=small_index
    )
    for start in range(0, 40, 3):
        write(other, *writes[start : start + 3])
    assert other.content_hash() == store.content_hash()
    write(other, put("Patient", P1, (P1,)))
    assert other.content_hash() != store.content_hash()
    other.close()


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 3), st.sampled_from(["put", "mention", "delete"])),
        max_size=12,
    ),
    cut=st.integers(1, 5),
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_store_behaves_like_a_list_of_versions(tmp_path_factory, keys, steps, cut) -> None:  # type: ignore[no-untyped-def]
    store = open_zone(tmp_path_factory.mktemp("model"), keys)
    model: dict[str, list[int | None]] = {}
    for start in range(0, len(steps), cut):
        batch = steps[start : start + cut]
        write(store, *[_write(name, value, action) for name, value, action in batch])
        for name, value, action in batch:
            versions = model.setdefault(name, [])
            new = None if action == "delete" else value
            if (action == "mention" and versions) or (action == "delete" and not versions):
                continue
            if not versions or versions[-1] != new:
                versions.append(new)
    for name, versions in model.items():
        if versions:
            found = [None if one.deleted else one.resource()["value"] for one in store.history("Observation", name)]
            assert found[::-1] == versions
    eq, ranges = index_of(store)
    live = {name: versions[-1] for name, versions in model.items() if versions and versions[-1] is not None}
    assert sorted(row[1] for row in ranges) == sorted(live.values())
    assert eq == set()
    store.close()


def _write(name: str, value: int, action: str) -> Write:
    one = put("Observation", name, (P1,), value=value)
    one.action = action  # type: ignore[assignment]
    return one
