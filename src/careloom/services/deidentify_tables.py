"""The lake after a run of de-identification: no table holds a row that the zone no longer has."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

import polars as pl

from careloom.errors import Conflict
from careloom.services.access import Principal
from careloom.services.platform import Platform
from careloom.services.view_table import forget_position, refresh_table, tables_of_resources, view_tables
from careloom.store.lake import Lake
from careloom.tables.research import RESEARCH


def drop_stale_rows(lake: Lake, keys: Mapping[str, Sequence[pl.DataFrame]], run: str, *, is_anew: bool) -> None:
    """Takes rows out of the research tables that this run did not make, and files that are not as the lake is set.

    keys     table -> the keys of what the run made
    is_anew  what was written before is of another policy: no older version may stay
    """
    for table in RESEARCH:
        lake.retain(table, pl.concat(keys[table.name]), run)
        lake.describe(table, run)
        is_as_set = lake.is_as_set(table.path)
        if is_anew or not is_as_set:
            lake.compact(table.path, run, is_forced=True)
            lake.vacuum(table.path)


def forget_positions(lake: Lake, run: str) -> None:
    """Before what is gone from the zone is forgotten there: tables of views are made whole next time, and others that
    were made of its resources are dropped.

    A table that somebody else is writing is dropped by them: they see that a run began meanwhile.
    """
    for path in view_tables(lake):
        with suppress(Conflict):
            forget_position(lake, path, run)
    for path in tables_of_resources(lake):
        with suppress(Conflict):
            lake.drop(path)


def refresh_after_run(platform: Platform, who: Principal, run: str) -> None:
    """Brings every table of a view in the research lake to what the zone holds now, and takes older versions away.

    A table that somebody else is writing is left to them: what they read before this run began is dropped by them.
    """
    lake = platform.lake("research")
    for path in view_tables(lake):
        with suppress(Conflict):
            _refresh(platform, who, lake, path, run)


def _refresh(platform: Platform, who: Principal, lake: Lake, path: str, run: str) -> None:
    before = lake.state(path).version
    report = refresh_table(platform, who, "research", path, run)
    is_as_set = lake.is_as_set(path)
    if not is_as_set:
        lake.compact(path, run)
    if report.version != before or not is_as_set:
        lake.vacuum(path)
