"""Migrations lead to the same tables as a new database has."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from careloom.crypto.keys_local import LocalKeys
from careloom.store import database, migrate
from careloom.store.engine import open_engine, reading, writing
from careloom.store.schema import metadata
from tests.store_kit import event, open_zone, put

SCRIPTS = str(Path(migrate.__file__).parent / "migrations")


def migrated(place: Path | str) -> dict[str, object]:
    """The shape of an empty database after all migrations."""
    engine = open_engine(place, "identified")
    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    with reading(engine) as connection:
        shape = shape_of(connection)
    engine.dispose()
    return shape


def shape_of(connection) -> dict[str, object]:  # type: ignore[no-untyped-def]
    found = inspect(connection)
    shape: dict[str, object] = {}
    for table in sorted(found.get_table_names()):
        columns = [(one["name"], str(one["type"]), one["nullable"]) for one in found.get_columns(table)]
        keys = sorted(str(one["constrained_columns"]) + one["referred_table"] for one in found.get_foreign_keys(table))
        indexes = sorted((str(one["name"]), str(one["column_names"])) for one in found.get_indexes(table))
        unique = sorted(str(one["column_names"]) for one in found.get_unique_constraints(table))
        shape[table] = (columns, keys, indexes, unique, found.get_pk_constraint(table)["constrained_columns"])
    triggers = "SELECT trigger_name FROM information_schema.triggers"
    if connection.dialect.name == "sqlite":
        triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger' OR sql LIKE '%WITHOUT ROWID%'"
    shape["triggers"] = sorted({row[0] for row in connection.exec_driver_sql(triggers)})
    return shape


def test_migrations_and_a_new_database_have_the_same_shape(place, open_again, tmp_path, request) -> None:  # type: ignore[no-untyped-def]
    store = open_again()
    with store.connect() as connection:
        new = shape_of(connection)
    if isinstance(place, str):
        from tests.store_kit import fresh_database

        other: Path | str = fresh_database(request.getfixturevalue("postgresql"), "migrated")
    else:
        other = tmp_path / "migrated"
    assert migrated(other) == new
    assert set(metadata.tables) < set(new)


def test_the_newest_migration_is_the_one_that_the_store_asks_for() -> None:
    assert ScriptDirectory(SCRIPTS).get_current_head() == database.REVISION


def test_migrating_an_up_to_date_store_changes_nothing(place, open_again) -> None:  # type: ignore[no-untyped-def]
    open_again().close()
    assert migrate.migrate(place, "identified") == (database.REVISION, database.REVISION)


def test_migrating_before_there_is_a_store_does_nothing(tmp_path: Path) -> None:
    assert migrate.migrate(tmp_path, "identified") == ("", "")
    open_zone(tmp_path, LocalKeys.open(tmp_path / "keys")).close()


def test_consents_that_were_stored_before_they_were_counted_are_counted(place, open_again) -> None:  # type: ignore[no-untyped-def]
    store = open_again()
    with store.transaction(event()) as step:
        step.write([put("Consent", "c1", ("p1",)), put("Patient", "p1", ("p1",))])
    store.close()
    engine = open_engine(place, "identified")
    with writing(engine) as connection:
        config = Config()
        config.set_main_option("script_location", SCRIPTS)
        config.attributes["connection"] = connection
        command.downgrade(config, "0005")
    engine.dispose()
    assert migrate.migrate(place, "identified") == ("0005", database.REVISION)
    with open_again().connect() as connection:
        assert database.consent_marks(connection)[0] == 1
