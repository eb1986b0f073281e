import fcntl
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from careloom.crypto.keys_local import LocalKeys
from careloom.errors import Conflict, IntegrityError, NotFound, QueryError
from careloom.store.lake import Lake, content_hash
from careloom.store.lake_seal import LakeSeal
from careloom.tables.schema import Column, SchemaMismatch, TableSchema

TABLE = TableSchema(
    name="weights",
    layer="silver",
    meaning="One row per weighing.",
    key=("weight_id", "part"),
    subject="patient_id",
    columns=(
        Column("weight_id", "String", "Pseudonym.", phi="quasi", nullable=False),
        Column("part", "Int32", "Part.", nullable=False),
        Column("patient_id", "String", "Pseudonym.", phi="quasi", nullable=False),
        Column("weight", "Float64", "Body weight.", unit="kg"),
        Column("at_time", "Datetime[us, UTC]", "When.", phi="quasi"),
        Column("fasting", "Boolean", "Fasting."),
    ),
)
PATH = TABLE.path


def rows(count: int, weight: float = 70.0, patients: int = 3, start: int = 0) -> pl.DataFrame:
    numbers = range(start, start + count)
    return pl.DataFrame(
        {
            "weight_id": [f"weighing-{number}" for number in numbers],
            "part": [0 for _ in numbers],
            "patient_id": [f"pseudonym-{number % patients}-of-somebody" for number in numbers],
            "weight": [weight for _ in numbers],
            "at_time": [None for _ in numbers],
            "fasting": [None for _ in numbers],
        },
        schema=TABLE.dtypes,
    )


@pytest.fixture(params=["sealed", "plain"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    seal = LakeSeal(LocalKeys.open(tmp_path / "keys"), "research") if request.param == "sealed" else None
    return Lake(tmp_path / "lake", seal)


def test_rows_written_are_rows_read_with_their_declared_types(lake: Lake) -> None:
    lake.write(TABLE, rows(10), "run-1")
    TABLE.require(lake.read(PATH))
    assert lake.read(PATH).sort("weight_id").equals(rows(10).sort("weight_id"))
    assert lake.scan(PATH).select(pl.len()).collect().item() == 10


def test_the_same_rows_again_make_no_version(lake: Lake) -> None:
    first = lake.write(TABLE, rows(10), "run-1")
    assert lake.write(TABLE, rows(10), "run-2") == first
    assert lake.write(TABLE, TABLE.empty(), "run-3") == first


def test_a_merge_replaces_by_key_and_adds_the_rest(lake: Lake) -> None:
    lake.write(TABLE, rows(10), "run-1")
    lake.write(TABLE, rows(5, 80.0, start=7), "run-2")
    found = lake.read(PATH)
    assert found.height == 12
    assert found.filter(pl.col("weight") == 80.0).height == 5


def test_a_null_that_gets_a_value_counts_as_a_difference(lake: Lake) -> None:
    lake.write(TABLE, rows(1), "run-1")
    lake.write(TABLE, rows(1).with_columns(fasting=pl.lit(True)), "run-2")
    assert lake.read(PATH)["fasting"].to_list() == [True]


def test_overwrite_leaves_exactly_the_new_rows_and_the_old_version_readable(lake: Lake) -> None:
    old = lake.write(TABLE, rows(10), "run-1")
    lake.write(TABLE, rows(2), "run-2", mode="overwrite")
    assert lake.read(PATH).height == 2
    assert lake.read(PATH, version=old).height == 10


def test_every_version_names_its_run(lake: Lake) -> None:
    lake.write(TABLE, rows(1), "run-1")
    lake.write(TABLE, rows(1, 71.0), "run-2")
    assert [version.run for version in lake.versions(PATH)] == ["run-1", "run-1", "run-2"]
    assert [version.number for version in lake.versions(PATH)] == [0, 1, 2]
    assert lake.versions(PATH)[0].time.utcoffset() is not None


def test_the_listing_counts_rows_and_files(lake: Lake) -> None:
    assert lake.tables() == []
    lake.write(TABLE, rows(3), "run-1")
    lake.write(TABLE, rows(4, start=3), "run-2")
    (state,) = lake.tables()
    assert (state.path, state.rows, state.files, state.version) == (PATH, 7, 2, 2)


def test_compaction_joins_files_and_changes_no_row(lake: Lake) -> None:
    for number in range(5):
        lake.write(TABLE, rows(3, start=3 * number), "run")
    before = lake.content_hash(PATH)
    assert lake.compact(PATH) == 1
    assert lake.content_hash(PATH) == before
    assert len(list(lake.place_of(PATH).glob("*.parquet"))) == 6
    lake.vacuum(PATH)
    assert len(list(lake.place_of(PATH).glob("*.parquet"))) == 1
    assert lake.content_hash(PATH) == before


@pytest.mark.parametrize(
    ("path", "version", "error"),
    [
        ("silver/nothing", None, NotFound),
        ("weights", None, QueryError),
        ("silver/../weights", None, QueryError),
        ("identified/weights", None, QueryError),
        (PATH, 99, NotFound),
        (PATH, -1, NotFound),
    ],
)
def test_a_table_or_version_that_is_not_there_is_said_so(
    lake: Lake, path: str, version: int | None, error: type[Exception]
) -> None:
    lake.write(TABLE, rows(1), "run")
    with pytest.raises(error):
        lake.read(path, version)


def test_a_frame_of_another_shape_is_refused_before_anything_is_written(lake: Lake) -> None:
    with pytest.raises(SchemaMismatch):
        lake.write(TABLE, rows(1).drop("weight"), "run")
    with pytest.raises(SchemaMismatch):
        lake.write(TABLE, pl.concat([rows(1), rows(1)]), "run")
    assert lake.tables() == []


def test_a_table_of_something_else_is_not_written_over_though_nobody_looked_before(lake: Lake) -> None:
    lake.replace(TABLE, [rows(3)], "run", facts={"release": "one"})
    with pytest.raises(Conflict):
        lake.replace(TABLE, [rows(1)], "run", {"position": 1}, {"definition": "a view"})
    with pytest.raises(Conflict):
        lake.refresh(TABLE, rows(1).select("weight_id"), rows(1), "run", {"position": 1})
    assert lake.read(PATH).height == 3
    lake.replace(TABLE, [rows(2)], "run", facts={"release": "two"})
    assert lake.state(PATH).facts["release"] == "two"


def test_a_second_writer_is_told_to_wait_and_a_reader_is_not(lake: Lake, tmp_path: Path) -> None:
    lake.write(TABLE, rows(1), "run")
    with (tmp_path / "lake" / ".silver.weights.writer").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Conflict):
            lake.write(TABLE, rows(2), "run")
        with pytest.raises(Conflict):
            lake.erase(PATH, "patient_id", ["x"], "run")
        assert lake.read(PATH).height == 1
    lake.write(TABLE, rows(2), "run")


@pytest.mark.parametrize("damage", ["file gone", "file broken", "log broken"])
def test_damage_is_an_integrity_error_without_a_value(lake: Lake, tmp_path: Path, damage: str) -> None:
    lake.write(TABLE, rows(3), "run")
    place = tmp_path / "lake" / PATH
    (data,) = place.glob("*.parquet")
    if damage == "file gone":
        data.unlink()
    elif damage == "file broken":
        data.write_bytes(data.read_bytes()[:-40] + bytes(40))
    else:
        (place / "_delta_log" / f"{1:020d}.json").write_bytes(b'{"add": {"path"')
    with pytest.raises(IntegrityError) as caught:
        lake.read(PATH)
    assert "pseudonym" not in str(caught.value)


# --- erasure: nothing on the disk remembers the row --------------------------------------------------------------


def hits(lake: Lake, word: str) -> list[str]:
    """Files of the lake that hold the word: in their bytes, or in any opened value of a data file."""
    found = []
    for file in sorted(path for path in lake.place_of(PATH).parent.parent.rglob("*") if path.is_file()):
        text = file.read_bytes()
        if file.suffix == ".parquet" and "_delta_log" not in file.parts:
            text += str(lake.rows_of_file(file).to_dicts()).encode()
        if word.encode() in text or word in file.name:
            found.append(file.name)
    return found


def test_nothing_under_the_lake_holds_an_erased_pseudonym_and_the_others_stay(lake: Lake, tmp_path: Path) -> None:
    gone, stays = "pseudonym-1-of-somebody", "pseudonym-2-of-somebody"
    for number in range(4):
        lake.write(TABLE, rows(9, start=9 * number), f"run-{number}")
    lake.write(TABLE, rows(20, 90.0), "run-5")
    kept = lake.read(PATH).filter(pl.col("patient_id") != gone)
    assert hits(lake, gone)
    assert lake.erase(PATH, "patient_id", [gone], "erase-1") == 12
    assert hits(lake, gone) == []
    assert hits(lake, stays)
    assert content_hash(lake.read(PATH)) == content_hash(kept)
    assert lake.versions(PATH)[-1].operation.startswith("VACUUM")


def test_no_log_ever_holds_a_value_not_even_before_erasure(lake: Lake, tmp_path: Path) -> None:
    lake.write(TABLE, rows(9, 61.25), "run-1")
    lake.write(TABLE, rows(9, 62.25), "run-2")
    lake.erase(PATH, "patient_id", ["pseudonym-0-of-somebody"], "erase-1")
    logs = b"".join(file.read_bytes() for file in (tmp_path / "lake" / PATH / "_delta_log").iterdir())
    assert b"pseudonym" not in logs
    assert b"61.25" not in logs
    assert b"62.25" not in logs


def test_erasing_after_a_checkpoint_still_leaves_nothing(lake: Lake, tmp_path: Path) -> None:
    for number in range(5):
        lake.write(TABLE, rows(3, start=3 * number), "run")
    DeltaTable(tmp_path / "lake" / PATH).create_checkpoint()
    assert list((tmp_path / "lake" / PATH / "_delta_log").glob("*.checkpoint.parquet"))
    lake.erase(PATH, "patient_id", ["pseudonym-1-of-somebody"], "erase")
    assert hits(lake, "pseudonym-1-of-somebody") == []
    assert lake.read(PATH).height == 10


def test_erasing_nobody_or_again_is_harmless(lake: Lake) -> None:
    lake.write(TABLE, rows(3), "run")
    assert lake.erase(PATH, "patient_id", ["nobody"], "erase") == 0
    assert lake.erase(PATH, "patient_id", [], "erase") == 0
    assert lake.erase(PATH, "patient_id", ["pseudonym-0-of-somebody"] * 2, "erase") == 1
    assert lake.erase(PATH, "patient_id", ["pseudonym-0-of-somebody"], "erase") == 0
    with pytest.raises(QueryError):
        lake.erase(PATH, 'no" OR true --', ["x"], "erase")


def test_retaining_deletes_by_the_whole_key_and_leaves_no_trace(lake: Lake, tmp_path: Path) -> None:
    parts = pl.concat([rows(4), rows(4).with_columns(part=pl.lit(1, dtype=pl.Int32))])
    lake.write(TABLE, parts, "run")
    keys = parts.select(TABLE.key).filter(
        ~((pl.col("weight_id") == "weighing-3") | ((pl.col("weight_id") == "weighing-2") & (pl.col("part") == 1)))
    )
    assert lake.retain(TABLE, keys, "retain") == 3
    assert lake.read(PATH).select(TABLE.key).sort(TABLE.key).equals(keys.sort(TABLE.key))
    assert hits(lake, "weighing-3") == []
    assert hits(lake, "weighing-2")
    version = lake.state(PATH).version
    assert lake.retain(TABLE, keys, "retain") == 0
    assert lake.state(PATH).version == version
    assert lake.retain(TABLE, keys.clear(), "retain") == 5
    with pytest.raises(NotFound):
        Lake(tmp_path / "other").retain(TABLE, keys, "retain")


def test_erasing_again_sweeps_what_a_killed_writer_left(lake: Lake, tmp_path: Path) -> None:
    lake.write(TABLE, rows(3), "run")
    orphan = tmp_path / "lake" / PATH / "part-00000-killed-c000.snappy.parquet"
    rows(3).write_parquet(orphan)
    lake.erase(PATH, "patient_id", ["pseudonym-1-of-somebody"], "erase")
    assert not orphan.exists()
    assert hits(lake, "pseudonym-1-of-somebody") == []


def test_a_version_from_before_an_erasure_is_not_found(lake: Lake) -> None:
    old = lake.write(TABLE, rows(9), "run")
    lake.erase(PATH, "patient_id", ["pseudonym-1-of-somebody"], "erase")
    with pytest.raises(NotFound):
        lake.read(PATH, old)


# --- content hash ------------------------------------------------------------------------------------------------


@given(st.integers(0, 60), st.randoms(use_true_random=False))
def test_the_content_hash_forgets_the_order_and_nothing_else(count: int, order: random.Random) -> None:
    frame = rows(count)
    shuffled = frame[order.sample(range(count), count)] if count else frame
    assert content_hash(shuffled) == content_hash(frame)
    assert content_hash(frame.select(reversed(frame.columns))) == content_hash(frame)
    assert content_hash(frame, b"key") == content_hash(shuffled, b"key")
    if count:
        assert content_hash(frame, b"key") != content_hash(frame)
        assert content_hash(frame[1:]) != content_hash(frame)
        assert content_hash(frame.with_columns(weight=pl.lit(70.5))) != content_hash(frame)


def test_a_row_twice_hashes_unlike_the_row_once() -> None:
    assert len({content_hash(pl.concat([rows(1)] * times)) for times in (1, 2, 3)}) == 3


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 5), st.sampled_from([70.0, 71.5])), max_size=6))
def test_merges_give_what_a_dictionary_gives(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int, float]]
) -> None:
    lake, oracle = Lake(tmp_path_factory.mktemp("lake")), dict[str, float]()
    for start, count, weight in steps:
        lake.write(TABLE, rows(count, weight, start=start), "run")
        oracle |= {f"weighing-{number}": weight for number in range(start, start + count)}
    found = dict(lake.read(PATH).select("weight_id", "weight").iter_rows()) if steps else {}
    assert found == oracle


# --- a writer killed in the middle -------------------------------------------------------------------------------

WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_lake import TABLE, rows
from careloom.store.lake import Lake
lake = Lake(Path(sys.argv[1]))
print("ready", flush=True)
for number in range(10_000):
    print(lake.write(TABLE, rows(50, start=50 * number), f"run-{number}"), flush=True)
"""


def test_a_writer_killed_at_random_loses_no_acknowledged_version(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "lake"), str(Path(__file__).parent)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    acknowledged = [process.stdout.readline() for _ in range(8)]
    os.kill(process.pid, signal.SIGKILL)
    last = [*acknowledged, *process.communicate()[0].splitlines()][-1]
    state = lake.state(PATH)
    assert state.version >= int(last)
    assert lake.read(PATH).height == state.version * 50
    assert lake.write(TABLE, rows(50, 99.0), "after") == state.version + 1
