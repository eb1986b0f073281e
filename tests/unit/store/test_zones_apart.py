"""Zones are databases of their own: what keeps one from reading another's rows, tried with raw SQL on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from careloom.crypto.keys_local import LocalKeys
from careloom.errors import IntegrityError, SetupError
from careloom.store.zone_store import ZoneStore
from tests.store_kit import event, fresh_database, open_zone, put

ZONES = ("identified", "research", "synthetic")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> LocalKeys:
    return LocalKeys.open(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def places(postgresql: str) -> dict[str, str]:
    """Zone -> the URL of its database, as one setting with ``{zone}`` in it makes them."""
    pattern = fresh_database(postgresql, "apart_identified").replace("apart_identified", "apart_{zone}")
    for zone in ZONES[1:]:
        fresh_database(postgresql, f"apart_{zone}")
    return dict.fromkeys(ZONES, pattern)


@pytest.fixture(scope="module")
def stores(
    places: dict[str, str], keys: LocalKeys, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, ZoneStore]]:
    folder = tmp_path_factory.mktemp("anchors")
    opened = {
        zone: open_zone(places[zone], keys, folder / zone / "audit.anchor", zone=zone)
        for zone in ("identified", "synthetic")
    }
    for zone, store in opened.items():
        with store.transaction(event(zone=zone)) as step:
            step.write([put("Patient", f"p-{zone}", (f"p-{zone}",), status="x")])
    yield opened
    for store in opened.values():
        store.close()


def test_each_zone_sees_its_own_rows_and_no_others(stores: dict[str, ZoneStore]) -> None:
    for zone, store in stores.items():
        assert [one.id for one in store.scan()] == [f"p-{zone}"]


ACROSS = [
    "SELECT * FROM apart_identified.public.resource", "SELECT * FROM apart_identified.resource",
    'SELECT * FROM "apart_identified"."public"."audit"', "TABLE apart_identified.public.subject_key",
    "INSERT INTO apart_identified.public.meta VALUES ('x', 'y')", "DELETE FROM apart_identified.public.resource",
    "SELECT * FROM dblink('dbname=apart_identified', 'SELECT 1') AS t(x int)",
    "IMPORT FOREIGN SCHEMA public FROM SERVER identified INTO public",
]  # fmt: skip


@pytest.mark.parametrize("sql", ACROSS)
def test_no_statement_of_one_zone_s_connection_reaches_another_s_rows(stores: dict[str, ZoneStore], sql: str) -> None:
    """Not even as superuser, whom the tests connect as."""
    url = str(stores["synthetic"]._engine.url).replace("+psycopg", "")
    with psycopg.connect(url) as connection, pytest.raises(psycopg.Error) as refused:
        connection.execute(sql)
    assert refused.value.sqlstate in ("0A000", "42P01", "42883", "42704", "3F000")
    assert [one.id for one in stores["identified"].scan()] == ["p-identified"]


@pytest.mark.parametrize("zone", ["research", "synthetic"])
def test_a_store_opens_no_database_of_another_zone(
    stores: dict[str, ZoneStore], places: dict[str, str], keys: LocalKeys, tmp_path: Path, zone: str
) -> None:
    wrong = places["identified"].replace("{zone}", "identified")
    with pytest.raises(SetupError):
        open_zone(wrong, keys, tmp_path / "audit.anchor", zone=zone)
    assert [one.id for one in stores["identified"].scan()] == ["p-identified"]


def test_a_row_that_was_carried_into_another_zone_does_not_open_there(
    stores: dict[str, ZoneStore], places: dict[str, str]
) -> None:
    """What a dump, a replication or a hand could do: the rows, and the wrapped key, as they stand."""
    urls = {zone: places[zone].replace("{zone}", zone).replace("+psycopg", "") for zone in stores}
    with psycopg.connect(urls["identified"]) as source, psycopg.connect(urls["synthetic"]) as target:
        for table, condition in (("subject_key", "subject > 1"), ("resource", "true")):
            rows = source.execute(f"SELECT * FROM {table} WHERE {condition}").fetchall()
            marks = ", ".join(["%s"] * len(rows[0]))
            moved = [(row[0] + 1000, *row[1:]) for row in rows]
            if table == "resource":
                moved = [(*row[:5], row[5] + 1000, *row[6:]) for row in moved]
            target.cursor().executemany(f"INSERT INTO {table} VALUES ({marks})", moved)
    with pytest.raises(IntegrityError):
        stores["synthetic"].read("Patient", "p-identified")
    with psycopg.connect(urls["synthetic"]) as target:
        target.execute("DELETE FROM resource WHERE rid > 1000")
        target.execute("DELETE FROM subject_key WHERE subject > 1000")
    assert [one.id for one in stores["synthetic"].scan()] == ["p-synthetic"]
