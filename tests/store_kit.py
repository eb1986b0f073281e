"""What tests of the store share: a zone on either database, a fixed clock, a small index, a cluster of PostgreSQL."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path

import psycopg

from careloom.audit import AuditEvent
from careloom.crypto.keys_local import LocalKeys
from careloom.fhir.drafts import Resource
from careloom.runtime import Runtime
from careloom.store.rows import IndexRows, Tally, Write, canonical
from careloom.store.zone_store import ZoneStore

START = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


class Clock:
    """A clock that moves one second at every look."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


def key_of(*parts: str) -> int:
    return int.from_bytes(blake2b("|".join(parts).encode(), digest_size=8).digest(), "big", signed=True)


def small_index(resource: Resource) -> IndexRows:
    """Status, subject and effective time: enough to see rows come and go."""
    kind = resource["resourceType"]
    eq = [key_of(kind, name, str(resource[name])) for name in ("status", "subject") if name in resource]
    ranges = [(key_of(kind, "value"), resource["value"], resource["value"], 0)] if "value" in resource else []
    return IndexRows(eq, ranges, [(kind, "status", "urn:s")] if "status" in resource else [])


def event(tally: Tally | None = None, **fields: object) -> AuditEvent:
    detail = {} if tally is None else dict(tally.outcomes)
    subjects = () if tally is None else tally.pseudonyms
    kept = {"action": "create", "operation": "ingest", "zone": "identified", "subjects": subjects, "detail": detail}
    return AuditEvent(time=START, actor="tester", **(kept | fields))  # type: ignore[arg-type]


def put(kind: str, name: str, patients: tuple[str, ...] = (), rec: int | None = None, **fields: object) -> Write:
    resource = {"resourceType": kind, "id": name, **fields}
    return Write(kind, name, canonical(resource), patients, rec, "put", resource)


def mention(write: Write) -> Write:
    write.action = "mention"
    return write


def delete(kind: str, name: str, patients: tuple[str, ...] = ()) -> Write:
    return Write(kind, name, b"", patients, None, "delete")


def open_zone(place: Path | str, keys: LocalKeys, anchor: Path | None = None, **options: object) -> ZoneStore:
    given = {"zone": "identified", "runtime": Runtime(clock=Clock()), "indexer": small_index} | options
    return ZoneStore.open(place, keys=keys, anchor=anchor, **given)  # type: ignore[arg-type]


def postgresql_binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


def options_of(*, is_durable: bool) -> str:
    """How a cluster of ours runs; one that is durable forces every commit to the disk."""
    return f"-c listen_addresses='' -c fsync={'on' if is_durable else 'off'} -c max_connections=40"


@contextlib.contextmanager
def postgresql_cluster(binaries: Path, *, is_durable: bool = False) -> Iterator[str]:
    """The folder of the socket of a fresh cluster, run by a user other than root."""
    folder = Path(tempfile.mkdtemp(prefix="careloom-pg-"))
    as_user = []
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
        as_user = ["runuser", "-u", "postgres", "--"]
    data = folder / "data"
    initdb = [str(binaries / "initdb"), "-D", str(data), "-A", "trust", "-U", "postgres", "-E", "UTF8", "-N"]
    options = f"-k {folder} {options_of(is_durable=is_durable)}"
    control = [*as_user, str(binaries / "pg_ctl"), "-D", str(data)]
    try:
        _quietly([*as_user, *initdb], folder)
        _quietly([*control, "-w", "-l", str(folder / "log"), "-o", options, "start"], folder)
        yield str(folder)
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=False, stdout=subprocess.DEVNULL, cwd=folder)
        shutil.rmtree(folder, ignore_errors=True)


def _quietly(command: list[str], folder: Path) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)


def fresh_database(folder: str, name: str, owner: str = "postgres") -> str:
    """The URL of a new, empty database of the cluster.

    owner  the role that connects; other than ``postgres`` it is no superuser, so that policies on rows hold for it
    """
    with psycopg.connect(f"host={folder} user=postgres dbname=postgres", autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (owner,)).fetchone():
            connection.execute(f'CREATE ROLE "{owner}" LOGIN IN ROLE pg_checkpoint')
        connection.execute(f'CREATE DATABASE "{name}" OWNER "{owner}"')
    return f"postgresql+psycopg://{owner}@/{name}?host={folder}"
