"""From feeds to sealed tables: de-identify, make a view's table, refresh, keep a snapshot, scan for leaks, erase."""

from pathlib import Path

import polars as pl

from tests.journeys.hospital import CommandLine
from tests.journeys.two_patients import write_feeds


def test_tables_follow_the_zone_and_open_with_keys_only(tmp_path: Path) -> None:
    line = CommandLine(tmp_path)
    line.run("ingest", *write_feeds(tmp_path / "feeds"))
    line.run("deidentify", "--policy", "safe-harbor")
    made = line.json("view", "observation", "--table")
    assert (made["done"], made["path"]) == ("built", "gold/observation")
    assert made["rows"] > 0
    assert line.json("lake", "refresh", "gold/observation")["done"] == "unchanged"
    kept = line.json("lake", "snapshot", "gold/observation")["name"]
    states = {one["path"]: one for one in line.json("lake", "tables")}
    assert all(one["is_sealed"] for one in states.values() if one["rows"])
    line.run("lake", "compact")
    line.run("lake", "vacuum", "--keep-hours", "0")
    line.run("lake", "export", kept.partition("#")[0], tmp_path / "plain")
    assert pl.scan_delta(str(tmp_path / "plain")).collect().height == made["rows"]
    leaks = line.json("audit", "leaks")
    assert (leaks["unopened"], leaks["hits"]) == (0, 0)
    line.run("deidentify", "--policy", "first")
    again = line.json("lake", "tables", "gold/observation")
    assert again["rows"] == line.json("view", "observation", "--out", tmp_path / "o.parquet")["rows"]
    assert not any(one["is_readable"] for one in again["snapshots"])
    line.run("lake", "drop", "gold/observation")
    line.run("lake", "refresh", "gold/observation", expect=2)
    line.run("lake", "tables", "--zone", "identified", expect=2)
