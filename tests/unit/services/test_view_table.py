"""Delta tables of views: a refresh ends where making them anew ends, and nobody who is gone stays in one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from careloom.errors import NotFound, QueryError, StateError
from careloom.runtime import Runtime
from careloom.services import view_scan
from careloom.services.deidentify import deidentify
from careloom.services.deidentify_tables import forget_positions
from careloom.services.lake import lake_snapshot
from careloom.services.view_table import ERASURES, OF_RESOURCES, TableAsk, make_table, refresh_table
from careloom.store.lake_snapshots import numbers_kept
from careloom.store.rows import Write
from careloom.tables.schema import Column, TableSchema
from tests.api.kit import OBSERVATION, PATIENT, Clock, Installation
from tests.store_kit import delete, event, put

PATH = "gold/observation"


class Moving(Clock):
    """A clock that moves a second at every look."""

    def __call__(self) -> Any:
        self.move(seconds=1)
        return self.now


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Installation]:
    with Installation(tmp_path, Runtime(clock=Moving())) as installation:
        yield installation


def observation(number: int, value: float = 1.0, patient: int | None = None) -> Write:
    whom = f"p{number % 3 if patient is None else patient}"
    return put(
        "Observation", f"o{number}", (whom,), status="final", subject={"reference": f"Patient/{whom}"},
        valueQuantity={"value": value},
    )  # fmt: skip


def write(installation: Installation, *writes: Write) -> None:
    with installation.platform.store("synthetic").transaction(event(zone="synthetic")) as transaction:
        transaction.write(list(writes))


def table(installation: Installation, **options: Any) -> Any:
    return make_table(installation.platform, installation.operator, "synthetic", TableAsk("observation", **options))


def anew(installation: Installation) -> str:
    """The hash of the table as it would be made whole, in another lake."""
    lake = installation.platform.lake("synthetic")
    before = lake.content_hash(PATH)
    table(installation, is_anew=True)
    after = lake.content_hash(PATH)
    assert before == after
    return after


def test_a_table_is_built_then_refreshed_by_what_changed_then_left_alone(made: Installation) -> None:
    write(made, *map(observation, range(10)))
    first = table(made)
    assert (first.path, first.done, first.rows, first.changed) == (PATH, "built", 10, 10)
    assert first.phi["patient_key"] == "quasi"
    assert first.phi["value"] == "none"
    assert table(made).done == "unchanged"
    write(made, observation(3, 7.5), observation(11), delete("Observation", "o5", ("p2",)))
    second = table(made)
    assert (second.done, second.rows, second.deleted) == ("refreshed", 10, 1)
    rows = made.platform.lake("synthetic").read(PATH)
    assert rows.filter(pl.col("resource_key") == "Observation/o3")["value"].to_list() == [7.5]
    assert "Observation/o5" not in rows["resource_key"].to_list()
    anew(made)


def test_an_earlier_version_is_read_as_it_was(made: Installation) -> None:
    write(made, observation(1))
    version = table(made).version
    write(made, observation(1, 9.0), observation(2))
    table(made)
    lake = made.platform.lake("synthetic")
    assert lake.read(f"{PATH}@{version}")["value"].to_list() == [1.0]
    assert sorted(lake.read(PATH)["value"].to_list()) == [1.0, 9.0]


def test_another_view_of_the_name_begins_the_table_anew(made: Installation, tmp_path: Path) -> None:
    write(made, observation(1))
    table(made)
    own = tmp_path / "own.json"
    own.write_text(
        '{"resource": "Observation", "name": "observation", "select": [{"column": [{"name": "s", "path": "status"}]}]}'
    )
    report = make_table(made.platform, made.operator, "synthetic", TableAsk(str(own)))
    assert report.done == "built"
    assert made.platform.lake("synthetic").read(PATH).columns == ["resource_key", "row_number", "patient_ids", "s"]


def test_an_erased_patient_makes_the_table_anew_and_stands_in_no_version(made: Installation) -> None:
    write(made, *map(observation, range(9)))
    first = table(made)
    store, lake = made.platform.store("synthetic"), made.platform.lake("synthetic")
    store.erase(["p1"], lambda report: event(zone="synthetic"), names_patient=lambda raw, source: False)
    assert lake.erase(PATH, lake.state(PATH).facts["subject"], ["p1"], "erase") == 3
    report = table(made)
    assert (report.done, report.rows) == ("built", 6)
    assert len(list(lake.place_of(PATH).rglob("part-*.parquet"))) == 1
    assert lake.mark(PATH, ERASURES) == 1
    with pytest.raises(NotFound):
        lake.read(f"{PATH}@{first.version}")


def test_a_snapshot_without_the_erased_outlives_the_erasure_and_waits_for_a_refresh(made: Installation) -> None:
    write(made, observation(0))
    table(made)
    clean = lake_snapshot(made.platform, made.operator, "synthetic", PATH)["name"]
    write(made, *map(observation, range(9)))
    table(made)
    store, lake = made.platform.store("synthetic"), made.platform.lake("synthetic")
    store.erase(["p1"], lambda report: event(zone="synthetic"), names_patient=lambda raw, source: False)
    lake.erase(PATH, "patient_ids", ["p1"], "erase", numbers_kept(lake, PATH))
    with pytest.raises(StateError):
        lake_snapshot(made.platform, made.operator, "synthetic", PATH)
    assert table(made).rows == 6
    assert lake.read(clean).height == 1
    assert lake_snapshot(made.platform, made.operator, "synthetic", PATH)["rows"] == 6


def test_partitions_are_by_columns_that_tell_of_nobody(made: Installation) -> None:
    write(made, observation(1), put("Observation", "o2", ("p1",), status="amended"))
    with pytest.raises(QueryError):
        table(made, partition_by=("patient_key",))
    with pytest.raises(QueryError):
        table(made, partition_by=("nothing",))
    report = table(made, partition_by=("status",))
    lake = made.platform.lake("synthetic")
    assert lake.state(PATH).files == 2
    assert sorted(lake.read(PATH)["status"].to_list()) == ["amended", "final"]
    assert lake.scan(PATH).filter(pl.col("status") == "final").collect().height == 1
    write(made, observation(3))
    assert table(made, partition_by=("status",)).done == "refreshed"
    assert lake.read(PATH, report.version).height == 2


def test_the_identified_zone_has_no_table(made: Installation) -> None:
    with pytest.raises(QueryError):
        make_table(made.platform, made.operator, "identified", TableAsk("observation"))
    with pytest.raises(NotFound):
        refresh_table(made.platform, made.operator, "synthetic", "gold/nothing")


def test_tables_that_were_plain_are_sealed_by_the_next_run_of_deidentification(tmp_path: Path) -> None:
    lake = tmp_path / "data" / "research" / "lake"
    with Installation(tmp_path, lake={"encryption": "plain"}) as made:
        made.ingest([PATIENT, OBSERVATION])
        deidentify(made.platform, made.operator, "first")
        make_table(made.platform, made.operator, "research", TableAsk("observation"))
    assert {file.read_bytes()[:4] for file in lake.rglob("part-*.parquet")} == {b"PAR1"}
    with Installation(tmp_path) as made:
        deidentify(made.platform, made.operator, "first")
        assert made.platform.lake("research").read("silver/observations").height == 1
        assert made.platform.lake("research").read(PATH).height == 1
    assert {file.read_bytes()[:4] for file in lake.rglob("part-*.parquet")} == {b"PARE"}


def test_what_a_run_of_deidentification_takes_out_leaves_the_tables_of_views(tmp_path: Path) -> None:
    with Installation(tmp_path, Runtime(clock=Moving())) as made:
        made.ingest([PATIENT, {**PATIENT, "id": "p2"}, OBSERVATION])
        deidentify(made.platform, made.operator, "first")
        before = make_table(made.platform, made.operator, "research", TableAsk("patient"))
        store = made.platform.store("identified")
        gone = next(iter(store.all_names(["Patient"]))).partition("/")[2]
        with store.transaction(event()) as transaction:
            transaction.write([delete("Patient", gone, (gone,))])
        deidentify(made.platform, made.operator, "first")
        lake = made.platform.lake("research")
        assert lake.read("gold/patient").height == before.rows - 1
        with pytest.raises(NotFound):
            lake.read(f"gold/patient@{before.version}")
        deidentify(made.platform, made.operator, "safe-harbor")
        assert lake.read("gold/patient").height == 1


def test_a_run_under_another_policy_drops_what_was_made_of_resources_also_what_was_pinned(made: Installation) -> None:
    write(made, *map(observation, range(3)))
    table(made)
    lake, kept = made.platform.lake("synthetic"), TableSchema("cohort", "gold", "Of a test.", ("row",), "row", (
        Column("row", "String", "Whom it is of.", nullable=False),))  # fmt: skip
    lake.replace(kept, [pl.DataFrame({"row": ["p1", "p2"]})], "run", facts={OF_RESOURCES: "test"})
    pinned = lake_snapshot(made.platform, made.operator, "synthetic", kept.path)["name"]
    assert lake.read(pinned).height == 2
    forget_positions(lake, "later")
    assert lake.paths() == [PATH]
    with pytest.raises(NotFound):
        lake.read(pinned)
    assert lake.mark(PATH, ERASURES) == -1  # a view's table stays, and is made whole
    assert table(made).done == "built"


def test_a_table_that_was_begun_before_a_run_of_deidentification_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Installation(tmp_path, Runtime(clock=Moving())) as made:
        made.ingest([PATIENT, OBSERVATION])
        deidentify(made.platform, made.operator, "first")
        real, begun = view_scan.pieces, []

        def slow(*words: Any, **more: Any) -> Iterator[Any]:
            yield from real(*words, **more)
            if not begun:
                begun.append(True)
                deidentify(made.platform, made.operator, "safe-harbor")

        monkeypatch.setattr(view_scan, "pieces", slow)
        with pytest.raises(StateError):
            make_table(made.platform, made.operator, "research", TableAsk("observation"))
        assert PATH not in made.platform.lake("research").paths()
        assert make_table(made.platform, made.operator, "research", TableAsk("observation")).done == "built"


STEPS = st.lists(
    st.lists(
        st.one_of(
            st.tuples(st.just("put"), st.integers(0, 6), st.sampled_from([1.0, 2.0, 3.5])),
            st.tuples(st.just("delete"), st.integers(0, 6), st.just(0.0)),
            st.tuples(st.just("other"), st.integers(0, 6), st.just(0.0)),
            st.tuples(st.just("erase"), st.integers(0, 2), st.just(0.0)),
        ),
        min_size=1, max_size=5,
    ),
    min_size=1, max_size=4,
)  # fmt: skip


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_a_refresh_ends_where_making_the_table_anew_ends(tmp_path_factory: pytest.TempPathFactory, steps: Any) -> None:
    with Installation(tmp_path_factory.mktemp("tables"), Runtime(clock=Moving())) as made:
        lake, store = made.platform.lake("synthetic"), made.platform.store("synthetic")
        write(made, observation(0))
        for batch in steps:
            for act, number, value in batch:
                if act == "put":
                    write(made, observation(number, value))
                elif act == "delete":
                    write(made, delete("Observation", f"o{number}", (f"p{number % 3}",)))
                elif act == "other":
                    write(made, put("Observation", f"x{number}", (), valueString="a"))
                else:
                    store.erase([f"p{number}"], lambda report: event(zone="synthetic"))
            table(made)
            anew(made)
            held = set(lake.read(PATH)["resource_key"].to_list())
            assert held == {f"Observation/{one.id}" for one in store.scan(["Observation"])}
