"""Sealed tables: no plain reader opens them, ours, Polars and DuckDB do, and a snapshot is exactly its rows."""

from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from careloom.crypto.keys_local import LocalKeys
from careloom.errors import Conflict, IntegrityError, NotFound, QueryError, SetupError
from careloom.store import lake_snapshots as snapshots
from careloom.store.lake import Lake
from careloom.store.lake_seal import LakeSeal
from careloom.tables.schema import Column, TableSchema

TABLE = TableSchema(
    name="marks",
    layer="silver",
    meaning="One row per mark.",
    key=("mark_id",),
    subject="patient_id",
    columns=(
        Column("mark_id", "String", "Pseudonym.", phi="quasi", nullable=False),
        Column("patient_id", "String", "Pseudonym.", phi="quasi", nullable=False),
        Column("kind", "String", "Kind.", unit="kg"),
        Column("words", "List[String]", "Words.", phi="direct"),
        Column("at_time", "Datetime[us, UTC]", "When.", phi="quasi"),
    ),
)
PATH = TABLE.path
PLANTED = "pseudonym-of-somebody"


def rows(count: int, start: int = 0, kind: str | None = "a") -> pl.DataFrame:
    numbers = range(start, start + count)
    return pl.DataFrame(
        {
            "mark_id": [f"m{number}" for number in numbers],
            "patient_id": [f"{PLANTED}-{number % 2}" for number in numbers],
            "kind": [kind for _ in numbers],
            "words": [["one", None], None, []][:count] + [["x"]] * (count - 3),
            "at_time": [None for _ in numbers],
        },
        schema=TABLE.dtypes,
    )


@pytest.fixture
def keys(tmp_path: Path) -> LocalKeys:
    return LocalKeys.open(tmp_path / "keys")


@pytest.fixture
def lake(tmp_path: Path, keys: LocalKeys) -> Lake:
    return Lake(tmp_path / "lake", LakeSeal(keys, "research"))


def test_no_plain_reader_opens_a_sealed_table_and_no_word_of_it_lies_on_the_disk(lake: Lake, tmp_path: Path) -> None:
    lake.write(TABLE, rows(9), "run")
    everything = b"".join(file.read_bytes() for file in (tmp_path / "lake").rglob("*") if file.is_file())
    assert PLANTED.encode() not in everything
    assert lake.state(PATH).is_sealed
    with pytest.raises((pa.ArrowException, OSError)):
        pq.read_table(next((tmp_path / "lake" / PATH).glob("*.parquet")))
    with pytest.raises(pl.exceptions.PolarsError):
        pl.scan_delta(str(tmp_path / "lake" / PATH)).collect()
    with pytest.raises(IntegrityError):
        Lake(tmp_path / "lake").read(PATH)


def test_polars_and_duckdb_read_it_through_the_lake(lake: Lake) -> None:
    lake.write(TABLE, rows(9), "run")
    assert lake.read(PATH).sort("mark_id").equals(rows(9).sort("mark_id"))
    assert lake.scan(PATH).filter(pl.col("mark_id") > "m5").select("kind").collect().height == 3
    marks = lake.dataset(PATH)
    assert duckdb.sql("select count(*), min(mark_id) from marks where kind = 'a'").fetchall() == [(9, "m0")]
    assert marks.schema.names == list(TABLE.dtypes)


def test_the_log_is_delta_and_tells_what_each_column_is(lake: Lake, tmp_path: Path) -> None:
    lake.write(TABLE, rows(9), "run")
    delta = DeltaTable(tmp_path / "lake" / PATH)
    told = {field.name: field.metadata for field in delta.schema().fields}
    assert told["words"] == {"comment": "Words.", "careloom.phi": "direct"}
    assert told["kind"] == {"comment": "Kind.", "careloom.phi": "none", "careloom.unit": "kg"}
    assert delta.count() == 9
    assert lake.state(PATH).phi["patient_id"] == "quasi"


@pytest.mark.parametrize("other", ["zone", "keys", "table", "byte"])
def test_a_file_opens_under_its_own_zone_keys_and_table_only(
    lake: Lake, tmp_path: Path, keys: LocalKeys, other: str
) -> None:
    lake.write(TABLE, rows(9), "run")
    reader = lake
    if other == "zone":
        reader = Lake(tmp_path / "lake", LakeSeal(keys, "synthetic"))
    elif other == "keys":
        reader = Lake(tmp_path / "lake", LakeSeal(LocalKeys.open(tmp_path / "others"), "research"))
    elif other == "table":
        (tmp_path / "lake" / PATH).rename(tmp_path / "lake" / "silver" / "moved")
    else:
        (file,) = (tmp_path / "lake" / PATH).glob("*.parquet")
        raw = bytearray(file.read_bytes())
        raw[len(raw) // 3] ^= 1
        file.write_bytes(raw)
    with pytest.raises((IntegrityError, SetupError)) as caught:
        reader.read("silver/moved" if other == "table" else PATH)
    assert PLANTED not in str(caught.value)


def test_keys_that_were_rotated_open_old_files_and_seal_new_ones(lake: Lake, keys: LocalKeys, tmp_path: Path) -> None:
    lake.write(TABLE, rows(3), "run")
    old = keys.wrap(bytes(32), b"")[0]
    keys.rotate()
    again = Lake(tmp_path / "lake", LakeSeal(keys, "research"))
    again.write(TABLE, rows(3, 3), "run")
    assert again.read(PATH).height == 6
    again.compact(PATH, is_forced=True)
    again.vacuum(PATH)
    keys.retire(old)
    assert Lake(tmp_path / "lake", LakeSeal(keys, "research")).read(PATH).height == 6


def test_a_plain_table_is_read_and_becomes_sealed_by_compaction(lake: Lake, tmp_path: Path) -> None:
    Lake(tmp_path / "lake").write(TABLE, rows(4), "run")
    lake.write(TABLE, rows(4, 4), "run")
    assert not lake.state(PATH).is_sealed
    assert not lake.is_as_set(PATH)
    assert lake.read(PATH).height == 8
    assert lake.scan(PATH).filter(pl.col("mark_id") == "m1").collect().height == 1
    before = lake.content_hash(PATH)
    assert lake.compact(PATH) == 1
    lake.vacuum(PATH)
    assert lake.state(PATH).is_sealed
    assert lake.content_hash(PATH) == before
    assert not [file for file in (tmp_path / "lake" / PATH).glob("*.parquet") if file.read_bytes()[:4] == b"PAR1"]


def test_a_copy_in_the_clear_is_a_delta_table_for_anybody(lake: Lake, tmp_path: Path) -> None:
    lake.write(TABLE, rows(5), "run")
    version = lake.state(PATH).version
    lake.write(TABLE, rows(5, 5), "run")
    assert lake.export(f"{PATH}@{version}", tmp_path / "out") == 5
    assert pl.scan_delta(str(tmp_path / "out")).collect().sort("mark_id").equals(rows(5).sort("mark_id"))
    with pytest.raises(Conflict):
        lake.export(PATH, tmp_path / "out")


def test_partitions_are_read_filtered_rewritten_and_exported(lake: Lake, tmp_path: Path) -> None:
    frames = [rows(4), rows(4, 4, "b /%c=ä"), rows(4, 8, None)]
    lake.replace(TABLE, frames, "run", facts={}, partition_by=("kind",))
    assert lake.state(PATH).files == 3
    whole = pl.concat(frames).sort("mark_id")
    assert lake.read(PATH).sort("mark_id").select(whole.columns).equals(whole)
    assert lake.scan(PATH).filter(pl.col("kind") == "b /%c=ä").collect().height == 4
    lake.refresh(TABLE, pl.DataFrame({"mark_id": ["m1", "m8"]}), rows(1, 1, "b"), "run")
    held = dict(lake.read(PATH).select("mark_id", "kind").iter_rows())
    assert (len(held), held["m1"], "m8" in held) == (11, "b", False)
    lake.export(PATH, tmp_path / "out")
    assert dict(pl.scan_delta(str(tmp_path / "out")).collect().select("mark_id", "kind").iter_rows()) == held
    assert dict(DeltaTable(tmp_path / "out").to_pandas()[["mark_id", "kind"]].values.tolist()) == held


def test_a_snapshot_outlives_upkeep_and_not_an_erasure(lake: Lake) -> None:
    lake.write(TABLE, rows(6), "run-1")
    kept = snapshots.keep(lake, PATH, "run-2")
    lake.write(TABLE, rows(6, 3, "z"), "run-3")
    other = lake.state(PATH).version
    lake.write(TABLE, rows(1, 20), "run-4")
    lake.compact(PATH)
    lake.vacuum(PATH, 0, snapshots.numbers_kept(lake, PATH))
    assert lake.read(kept.name).sort("mark_id").equals(rows(6).sort("mark_id"))
    assert lake.scan(kept.name).select(pl.len()).collect().item() == 6
    assert [one.is_readable for one in snapshots.kept(lake, PATH)] == [True]
    with pytest.raises(NotFound):
        lake.read(f"{PATH}@{other}")
    with pytest.raises(IntegrityError):
        lake.read(f"{PATH}@{kept.version}#{'0' * 32}")
    lake.erase(PATH, "patient_id", [f"{PLANTED}-1"], "erase")
    assert [one.is_readable for one in snapshots.kept(lake, PATH)] == [False]
    with pytest.raises(NotFound):
        lake.read(kept.name)
    snapshots.release(lake, kept.name)
    assert snapshots.kept(lake, PATH) == []
    with pytest.raises(NotFound):
        snapshots.release(lake, kept.name)


def test_a_snapshot_without_the_erased_patient_stays(lake: Lake) -> None:
    lake.write(TABLE, rows(1), "run-1")
    clean = snapshots.keep(lake, PATH, "run-2")
    lake.write(TABLE, rows(6), "run-3")
    mixed = snapshots.keep(lake, PATH, "run-4")
    assert lake.erase(PATH, "patient_id", [f"{PLANTED}-1"], "erase", snapshots.numbers_kept(lake, PATH)) == 3
    assert lake.read(clean.name).height == 1
    with pytest.raises(NotFound):
        lake.read(mixed.name)


def test_a_table_that_was_made_before_learns_what_its_columns_are(lake: Lake, tmp_path: Path) -> None:
    place = tmp_path / "lake" / PATH
    place.parent.mkdir(parents=True)
    write_deltalake(str(place), rows(4).to_arrow(compat_level=pl.CompatLevel.oldest()))
    assert set(lake.state(PATH).phi.values()) == {"direct"}
    lake.describe(TABLE, "run")
    assert lake.state(PATH).phi == {column.name: column.phi for column in TABLE.columns}
    version = lake.state(PATH).version
    lake.describe(TABLE, "run")
    assert lake.state(PATH).version == version
    lake.write(TABLE, rows(2, 2, "new"), "run")
    assert sorted(lake.read(PATH)["kind"].to_list()) == ["a", "a", "new", "new"]


def test_recent_versions_stay_through_a_vacuum(lake: Lake) -> None:
    first = lake.write(TABLE, rows(3), "run")
    lake.write(TABLE, rows(3, 0, "c"), "run")
    lake.vacuum(PATH, keep_hours=1)
    assert lake.read(PATH, first)["kind"].to_list() == ["a"] * 3
    lake.vacuum(PATH)
    with pytest.raises(NotFound):
        lake.read(PATH, first)


@pytest.mark.parametrize(
    "name", [f"{PATH}@", f"{PATH}@x", f"{PATH}@-1", f"{PATH}@1@2", f"{PATH}@{'9' * 40}", "silver/../x@1"]
)
def test_a_name_that_is_none_is_told_so(lake: Lake, name: str) -> None:
    lake.write(TABLE, rows(3), "run")
    with pytest.raises(QueryError):
        lake.read(name)


def test_a_dropped_table_is_gone_with_its_history(lake: Lake) -> None:
    lake.write(TABLE, rows(3), "run")
    snapshots.keep(lake, PATH, "run")
    lake.drop(PATH)
    assert lake.tables() == []
    with pytest.raises(NotFound):
        lake.read(PATH)
    lake.write(TABLE, rows(2), "run")
    assert lake.read(PATH).height == 2
