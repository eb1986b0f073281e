"""Restore: a backup in place of the zones' databases, with every erasure, audit event and rule since.

A copy is made whole first, beside the databases; only then does it take their place. Killed at any moment, the same
command does all of it again from the backup, which it never changes.
"""

import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from careloom.errors import Conflict, IntegrityError, NotFound, SetupError
from careloom.services.access import Principal
from careloom.services.admission import admit, event
from careloom.services.backups import ledger_of, read_manifest
from careloom.services.platform import STORED_ZONES, Platform
from careloom.store import backup, database
from careloom.store.access_registry import FILE_NAME as CLIENTS_NAME
from careloom.store.audit_log import microseconds
from careloom.store.engine import DATABASE_NAME, is_url, open_engine, private_folder, writing
from careloom.store.key_ledger import KeyLedger
from careloom.store.migrate import migrate
from careloom.store.privacy import Kept, entries
from careloom.store.rights import RightsRule
from careloom.store.zone_store import ANCHOR_NAME, Zone, ZoneStore

STAGE = "restoring"
_MARK = "backup"
Json = dict[str, Any]


def restore(platform: Platform, who: Principal, folder: Path, *, over: bool = False) -> Json:
    """Restores a backup. Stop the server, the worker and the listeners first.

    over     zones that hold something may be replaced: what came after the backup is lost but for erasures, audit
             events, holds, restrictions and objections
    returns  ``backup``; ``zones``: zone -> ``left`` (rows of erased patients that did not come back), ``lost_keys``,
             ``events`` (carried over), ``rules`` (carried over), ``resources``
    raises   AccessError; NotFound; IntegrityError where the backup is not as it was made; Conflict where a zone holds
             something and `over` is false, or where a process uses it
    """
    for zone in STORED_ZONES:
        admit(platform, who, "operate", zone, operation="restore")
    manifest, ledger = read_manifest(platform, folder), ledger_of(platform)
    if not ledger.is_there:
        raise SetupError("the ledger of the backups' keys is not here", "Restore the folder of the keys first.")
    zones: list[Zone] = [zone for zone in STORED_ZONES if zone in manifest["zones"]]
    stage = platform.settings.data.directory / STAGE
    over = over or _was_begun(stage, manifest["backup"])
    told: Json = {}
    with ledger.locked(), _alone(platform, zones):
        shutil.rmtree(stage, ignore_errors=True)
        private_folder(stage)
        (stage / _MARK).write_text(manifest["backup"], "utf-8")
        live = {zone: _live(platform, ledger, zone, over=over) for zone in zones}
        for zone in zones:
            told[zone] = _staged(platform, ledger, folder, stage, zone, live[zone])
            told[zone] |= _made_whole(platform, who, stage, zone, manifest["backup"], live[zone])
        _put_in_place(platform, stage, zones)
        _put_files(platform, folder)
    platform.close()
    shutil.rmtree(stage, ignore_errors=True)
    return {"backup": manifest["backup"], "zones": told}


@dataclass(frozen=True, slots=True)
class _Live:
    """What is carried over from a zone as it is.

    is_fresh  it holds nothing and never did: a chain of its own that has only begun gives way to the backup's
    """

    counters: Mapping[str, int]
    rules: Sequence[RightsRule]
    spent: list[Kept]
    is_fresh: bool


def _was_begun(stage: Path, name: str) -> bool:
    """True where the restoration of this backup was killed."""
    mark = stage / _MARK
    return mark.is_file() and mark.read_text("utf-8") == name


def _live(platform: Platform, ledger: KeyLedger, zone: Zone, *, over: bool) -> _Live | None:
    """The zone as it is; None where there is none. raises Conflict where it holds something that may not go"""
    if not platform.has_store(zone):
        return None
    store = platform.store(zone)
    with store.connect() as connection:
        ledger.take(zone, connection)
        counters = database.counters(connection)
        is_fresh = not counters["rid"] and not counters["erasures"]
        spent = entries(connection)
    if not over and any(store.count().values()):
        raise Conflict(f"the {zone} zone holds something", "Restore into an empty installation, or give --over.")
    with store.rights() as reader:
        return _Live(counters, reader.rules(), spent, is_fresh)


def _staged(platform: Platform, ledger: KeyLedger, folder: Path, stage: Path, zone: Zone, live: _Live | None) -> Json:
    """The copy of one zone without whoever was erased since, with all that the audit chain holds now."""
    place = stage / zone / DATABASE_NAME
    private_folder(place.parent)
    shutil.copyfile(folder / f"{zone}.db", place)
    place.chmod(0o600)
    migrate(stage, zone)
    now = microseconds(platform.runtime.now())
    left, lost = backup.fill(place, zone, ledger, now, {} if live is None else live.counters)
    events = 0
    if live is not None:
        with platform.store(zone).connect() as connection:
            try:
                events = backup.carry_audit(place, connection)
            except IntegrityError:
                if not live.is_fresh:
                    raise
    return {"left": left, "lost_keys": lost, "events": events}


def _made_whole(platform: Platform, who: Principal, stage: Path, zone: Zone, name: str, live: _Live | None) -> Json:
    """Carries rules over into the copy, and says in its audit chain what happens."""
    indexer = platform.blind_index(zone).index
    opened = ZoneStore.open(stage, zone=zone, keys=platform.keys, runtime=platform.runtime, indexer=indexer)
    try:
        opened.anchor_again()
        told = event(platform, who, "restore", zone, action="execute", detail={"backup": name})
        with opened.transaction(told) as step:
            there = {one.rule for one in step.rights.reader.rules(ended=True)}
            rules = [rule for rule in (() if live is None else live.rules) if rule.rule not in there]
            for rule in rules:
                step.rights.carry(rule)
            if live is not None and live.spent:
                step.privacy.carry(live.spent)
        found: Json = {"rules": len(rules), "resources": sum(opened.count().values())}
    finally:
        opened.close()
    backup.settle_journal(stage / zone / DATABASE_NAME)
    return found


@contextmanager
def _alone(platform: Platform, zones: Sequence[Zone]) -> Iterator[None]:
    """Nobody else has any of the zones open while the block runs. raises Conflict before anything is touched"""
    with ExitStack() as held:
        for zone in zones:
            if platform.has_store(zone):
                held.enter_context(platform.store(zone).alone())
        yield


def _put_in_place(platform: Platform, stage: Path, zones: Sequence[Zone]) -> None:
    """Copies and their anchors take the place of the zones."""
    data = platform.settings.data
    if is_url(data.database):
        _load(str(data.database), stage, zones)
    for zone in zones:
        target = data.directory / zone / DATABASE_NAME
        private_folder(target.parent)
        if not is_url(data.database):
            if platform.has_store(zone):
                platform.store(zone).disconnect()
            _fold_journal(target)
            (stage / zone / DATABASE_NAME).replace(target)
        (stage / zone / ANCHOR_NAME).replace(target.with_name(ANCHOR_NAME))
        backup.sync(target.with_name(ANCHOR_NAME))


def _load(url: str, stage: Path, zones: Sequence[Zone]) -> None:
    """Fills the databases of PostgreSQL; none is committed before all are filled."""
    with ExitStack() as held:
        for zone in zones:
            engine = open_engine(url, zone)
            held.callback(engine.dispose)
            connection = held.enter_context(writing(engine))
            connection.exec_driver_sql("SET LOCAL lock_timeout = '30s'")  # somebody else's program may read
            backup.load(stage / zone / DATABASE_NAME, connection)


def _fold_journal(target: Path) -> None:
    """A journal that stayed beside the new file would be played into it."""
    if target.is_file():
        backup.settle_journal(target)
    for ending in ("-wal", "-shm"):
        target.with_name(target.name + ending).unlink(missing_ok=True)


def _put_files(platform: Platform, folder: Path) -> None:
    """Puts back files that are not here."""
    root = platform.settings.data.directory
    for file in sorted((folder / "files").rglob("*")):
        target = root / file.relative_to(folder / "files")
        if file.is_file() and not target.exists():
            private_folder(target.parent)
            shutil.copyfile(file, target)
    clients = root / "access" / CLIENTS_NAME
    if (folder / CLIENTS_NAME).is_file() and not clients.exists():
        private_folder(clients.parent)
        shutil.copyfile(folder / CLIENTS_NAME, clients)
        clients.chmod(0o600)


def check(platform: Platform, who: Principal, folder: Path) -> Json:
    """Whether a backup could be restored: digests, signature, keys. raises as `restore`"""
    admit(platform, who, "operate", "identified", operation="check-backup")
    manifest, ledger = read_manifest(platform, folder), ledger_of(platform)
    if not ledger.is_there:
        raise NotFound("the ledger of the backups' keys is not here", "Restore the folder of the keys first.")
    told = {}
    for zone in manifest["zones"]:
        keys = ledger.keys(zone)
        with closing(sqlite3.connect(folder / f"{zone}.db")) as file:
            known = [row[0] for row in file.execute("SELECT subject FROM subject_key")]
        told[zone] = {"keys": len(known), "missing": sum(number not in keys for number in known)}
    return {"backup": manifest["backup"], "created": manifest["created"], "zones": told}
