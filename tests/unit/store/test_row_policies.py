"""Row-level security by zone on PostgreSQL, tried with raw SQL as the role that owns the tables, and as another one."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from careloom.crypto.keys_local import LocalKeys
from careloom.errors import SetupError
from careloom.store.migrate import migrate
from careloom.store.zone_store import ZoneStore
from tests.store_kit import event, fresh_database, open_zone, put

OWNER, READER = "careloom", "careloom_reader"
DECLARED = "-c careloom.zone=identified"
UNDECLARED = ["", "-c careloom.zone=synthetic", "-c careloom.zone=", "-c careloom.zones=identified"]
CHANGES = {
    "INSERT INTO meta VALUES ('x', 'y')": "42501",
    "INSERT INTO erased_row SELECT 'x', 1, 1": "42501",
    "UPDATE resource SET type = 'X'": "",
    "UPDATE subject_key SET wrapped = ''": "",
    "DELETE FROM idx_eq": "",
    "DELETE FROM subject_key": "",
}
"""A statement, and the SQLSTATE of its refusal; empty where it finds no row to change."""


@pytest.fixture(scope="module")
def url(postgresql: str) -> str:
    """The URL of a database that a role owns who is no superuser."""
    made = fresh_database(postgresql, "policies", OWNER)
    fresh_database(postgresql, "of_a_reader", READER)
    return made


@pytest.fixture(scope="module")
def store(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZoneStore]:
    folder = tmp_path_factory.mktemp("policies")
    opened = open_zone(url, LocalKeys.open(folder / "keys"), folder / "audit.anchor")
    with opened.transaction(event()) as step:
        step.write([put("Patient", "p", ("p",), status="x")])
    with connected(url) as connection:
        connection.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {READER}")
    yield opened
    opened.close()


def connected(url: str, role: str = OWNER, options: str = "") -> psycopg.Connection:
    return psycopg.connect(url.replace("+psycopg", "").replace(f"{OWNER}@", f"{role}@"), options=options)


def tables(connection: psycopg.Connection) -> list[str]:
    sql = "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
    return sorted(row[0] for row in connection.execute(sql) if row[0] != "alembic_version")


def test_every_table_of_a_zone_is_protected_from_its_owner_too(store: ZoneStore, url: str) -> None:
    sql = "SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity"
    with connected(url) as connection:
        assert sorted(row[0] for row in connection.execute(sql)) == tables(connection)
        policies = connection.execute("SELECT tablename, cmd, permissive FROM pg_policies").fetchall()
        assert sorted(policies) == [(name, "ALL", "PERMISSIVE") for name in tables(connection)]


@pytest.mark.parametrize("role", [OWNER, READER])
@pytest.mark.parametrize("options", UNDECLARED)
def test_a_connection_that_does_not_declare_the_zone_finds_no_row(
    store: ZoneStore, url: str, role: str, options: str
) -> None:
    with connected(url, role, options) as connection:
        for name in tables(connection):
            assert connection.execute(f"SELECT count(*) FROM {name}").fetchone() == (0,), name
            assert connection.execute(f"SELECT EXISTS (TABLE {name})").fetchone() == (False,), name


@pytest.mark.parametrize("role", [OWNER, READER])
@pytest.mark.parametrize("options", UNDECLARED[:2])
@pytest.mark.parametrize(("sql", "state"), CHANGES.items())
def test_and_changes_none(store: ZoneStore, url: str, role: str, options: str, sql: str, state: str) -> None:
    with connected(url, role, options) as connection:
        if state:
            with pytest.raises(psycopg.Error) as refused:
                connection.execute(sql)
            assert refused.value.sqlstate == state
        else:
            assert connection.execute(sql).rowcount == 0
    assert [one.id for one in store.scan()] == ["p"]


def test_a_copy_out_of_it_holds_nothing(store: ZoneStore, url: str) -> None:
    with connected(url) as connection, connection.cursor().copy("COPY (TABLE resource) TO STDOUT") as lines:
        assert b"".join(lines) == b""


@pytest.mark.parametrize("role", [OWNER, READER])
def test_one_that_declares_it_finds_what_there_is(store: ZoneStore, url: str, role: str) -> None:
    with connected(url, role, DECLARED) as connection:
        assert connection.execute("SELECT type, id FROM resource").fetchall() == [("Patient", "p")]
        connection.execute("SET careloom.zone = 'research'")
        assert connection.execute("SELECT type, id FROM resource").fetchall() == []


def test_a_store_of_another_zone_opens_nothing_there(store: ZoneStore, url: str, tmp_path: Path) -> None:
    with pytest.raises(SetupError):
        open_zone(url, LocalKeys.open(tmp_path / "keys"), tmp_path / "audit.anchor", zone="research")


def test_a_database_of_an_earlier_version_is_protected_by_its_migration(store: ZoneStore, url: str) -> None:
    with connected(url, options=DECLARED) as connection:
        connection.execute(
            "DROP TABLE synthesis, prediction, model_work, alarm, alarm_message, monitor_chart, prediction_gone, "
            "cds_card"
        )  # came later
        for name in tables(connection):
            connection.execute(f"DROP POLICY zone ON {name}")
            connection.execute(f"ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY")
        connection.execute("UPDATE alembic_version SET version_num = '0008'")
    assert migrate(url, "identified")[0] == "0008"
    test_every_table_of_a_zone_is_protected_from_its_owner_too(store, url)
    test_a_connection_that_does_not_declare_the_zone_finds_no_row(store, url, OWNER, "")
    assert [one.id for one in store.scan()] == ["p"]
