"""Brings a zone's database to the tables that this version of Careloom needs. Apart, because Alembic loads slowly."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, inspect

from careloom.store import bulk
from careloom.store.engine import open_engine, writing


def migrate(place: Path | str, zone: str) -> tuple[str, str]:
    """(revision before, revision now) of a zone's database; both empty if there is none yet: opening makes it.

    Runs in one transaction: a failed migration leaves everything as it was.

    raises  Conflict if the database is in use; SetupError if it cannot be reached
    """
    engine = open_engine(place, zone)
    try:
        with writing(engine) as connection:
            if not inspect(connection).has_table("alembic_version"):
                return "", ""
            before = _revision(connection)
            config = Config()
            config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            return before, _revision(connection)
    finally:
        engine.dispose()


def _revision(connection: Connection) -> str:
    return str(bulk.fetch(connection, "SELECT version_num FROM alembic_version")[0][0])
