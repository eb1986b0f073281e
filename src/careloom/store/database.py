"""Makes a zone's database, and refuses one that belongs to another zone, other keys or another version."""

from sqlalchemy import Connection, Engine, inspect

from careloom.errors import IntegrityError, SetupError
from careloom.store import (
    alarm_tables,
    bulk,
    card_tables,
    emergency_tables,
    linkage_tables,
    models_tables,
    own_parameters,
    own_tables,
    prediction_tables,
    privacy_tables,
    rights_tables,
    row_policies,
    synthesis_tables,
    vault_tables,
)
from careloom.store.engine import reading, writing
from careloom.store.schema import meta, metadata
from careloom.store.subjects import SHARED, SHARED_NAME, SubjectKeys
from careloom.store.table_texts import make_tables, run_all
from careloom.store.zone_keys import ZoneKeys

REVISION = "0016"
"""The newest migration in ``store/migrations/versions``."""

BESIDE = (
    alarm_tables, card_tables, emergency_tables, linkage_tables, models_tables, own_tables, prediction_tables,
    privacy_tables, rights_tables, synthesis_tables, vault_tables,
)  # fmt: skip
"""Modules whose tables are made with those of `careloom.store.schema`: to import them adds the tables."""

COUNTERS = ("rid", "rec", "subject", "manifest", "qid", "erasures", "consents", "parameters")
"""``consents`` counts writes that touched a Consent, ``parameters`` changes of own search parameters: who keeps what
they say knows by it when to look again."""
NEWEST = "newest"
"""The moment of the newest write, microseconds since 1970; a database that was made before it was kept has none."""

SQLITE_TRIGGERS = (
    "CREATE TRIGGER audit_keeps_rows BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END",
    "CREATE TRIGGER audit_keeps_values BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END",
)
POSTGRESQL_TRIGGERS = (
    "CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'audit is append-only'; END $$",
    "CREATE TRIGGER audit_keeps_rows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()",
)


def prepare(engine: Engine, zone_keys: ZoneKeys, subject_keys: SubjectKeys, created: int) -> None:
    """Makes the database if it is empty; otherwise checks that it is ours.

    raises  SetupError if it is of another zone, under other keys, or of another version of Careloom
    """
    with reading(engine) as connection:
        is_made = inspect(connection).has_table("meta")
    if not is_made:
        with writing(engine) as connection:
            if not inspect(connection).has_table("meta"):
                _make(connection, zone_keys, subject_keys, created)
    with reading(engine) as connection:
        _check(connection, zone_keys)


def _make(connection: Connection, zone_keys: ZoneKeys, subject_keys: SubjectKeys, created: int) -> None:
    make_tables(connection, metadata)
    triggers = POSTGRESQL_TRIGGERS if bulk.is_postgresql(connection) else SQLITE_TRIGGERS
    run_all(connection, triggers)
    if bulk.is_postgresql(connection):
        row_policies.protect(connection, metadata.tables, zone_keys.zone)
    connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    bulk.run(connection, "INSERT INTO alembic_version VALUES (?)", [(REVISION,)])
    facts = {"zone": zone_keys.zone, "keys": zone_keys.fingerprint()}
    facts["scrubbed"] = "0"
    facts |= {f"counter.{name}": "0" for name in COUNTERS} | {"counter.subject": str(SHARED)}
    bulk.insert(connection, meta, sorted(facts.items()))
    bulk.insert(connection, own_tables.own_parameter, own_parameters.built_in(created))
    _, row = subject_keys.make(SHARED_NAME, SHARED, created)
    bulk.run(connection, "INSERT INTO subject_key VALUES (?, ?, ?, ?, ?)", [row])


def _check(connection: Connection, zone_keys: ZoneKeys) -> None:
    facts = dict(bulk.fetch(connection, "SELECT name, value FROM meta"))
    (revision,) = bulk.fetch(connection, "SELECT version_num FROM alembic_version")[0]
    if facts.get("zone") != zone_keys.zone:
        raise SetupError(f"this database is not of the zone {zone_keys.zone}", "point each zone at its own database")
    if facts.get("keys") != zone_keys.fingerprint():
        raise SetupError("this database was made under other keys", "restore the keys directory that belongs to it")
    if revision != REVISION:
        raise SetupError(
            f"the database is of version {revision}, this Careloom needs {REVISION}", "run careloom store migrate"
        )


def counters(connection: Connection) -> dict[str, int]:
    """The counters of the database, `NEWEST` among them; raises IntegrityError if one is missing."""
    found = dict(bulk.fetch(connection, "SELECT name, value FROM meta"))
    kept = found.get(f"counter.{NEWEST}")
    try:
        newest = {NEWEST: newest_update(connection) if kept is None else int(kept)}
        return newest | {name: int(found[f"counter.{name}"]) for name in COUNTERS}
    except (KeyError, ValueError):
        raise IntegrityError("a counter of the database is lost", "restore the last backup") from None


def consent_marks(connection: Connection) -> tuple[int, int, int]:
    """How many writes touched a Consent, how many erasures and how many data keys there were.

    raises  IntegrityError if nobody knows
    """
    sql = "SELECT name, value FROM meta WHERE name IN ('counter.consents', 'counter.erasures', 'counter.subject')"
    found = dict(bulk.fetch(connection, sql))
    try:
        return int(found["counter.consents"]), int(found["counter.erasures"]), int(found["counter.subject"])
    except (KeyError, ValueError):
        raise IntegrityError("a counter of the database is lost", "restore the last backup") from None


def newest_update(connection: Connection) -> int:
    """When a current version was made last, microseconds since 1970; 0 in an empty zone."""
    types = [row[0] for row in bulk.fetch(connection, "SELECT DISTINCT type FROM resource")]
    newest = "SELECT max(last_updated) FROM resource WHERE type = ?"
    return max((bulk.fetch(connection, newest, (kind,))[0][0] for kind in types), default=0)


def erasures(connection: Connection) -> int:
    """How many erasures the database has seen; raises IntegrityError if it does not know."""
    rows = bulk.fetch(connection, "SELECT value FROM meta WHERE name = 'counter.erasures'")
    if not rows or not rows[0][0].isdecimal():
        raise IntegrityError("a counter of the database is lost", "restore the last backup")
    return int(rows[0][0])
