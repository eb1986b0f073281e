"""Backups: made while others work, restored with every erasure since, and kept free of whoever was erased.

A backup is a folder: one file a zone (`careloom.store.backup`), the registry of clients, certificates, reports and
manifests of runs, and ``manifest.json`` with a digest of each, signed. No key is in it: data keys lie in the ledger
beside the keys (`careloom.store.key_ledger`). Not in it either: the tables of the lake (``careloom deidentify`` makes
those of research anew), generators and rows drawn of them (``careloom store check`` names what is missing), files of
trained models (a backup may not hold what was learnt of who was erased since), uploads and exports that are under way,
and code systems (loaded anew).
"""

import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from hashlib import file_digest
from pathlib import Path
from typing import Any

import orjson

from careloom import __version__
from careloom.crypto.keys import is_signed
from careloom.errors import FormatError, IntegrityError, NotFound
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.erase_pending import write_whole
from careloom.services.platform import STORED_ZONES, Platform
from careloom.store import backup
from careloom.store.access_registry import FILE_NAME as CLIENTS_NAME
from careloom.store.audit_log import microseconds, time_of
from careloom.store.database import REVISION
from careloom.store.engine import is_url, private_folder
from careloom.store.key_ledger import KeyLedger, KnownBackup
from careloom.store.rows import instant
from careloom.store.zone_store import Zone

FOLDER_NAME = "backups"
MANIFEST = "manifest.json"
NEXT_MANIFEST = "manifest.next.json"
BESIDE = ("erasures", "runs", "research/reports", "synthetic/certificates", "reports/register", "reports/schedules")
"""Folders of files without a patient's value that a backup takes as they are."""
_TAG = b"careloom backup manifest\0"
Json = dict[str, Any]


def ledger_of(platform: Platform) -> KeyLedger:
    """The ledger of this installation."""
    return KeyLedger(platform.settings.keys_directory)


def back_up(platform: Platform, who: Principal, out: Path | None = None) -> Json:
    """Makes a backup in a folder of its own below `out`, by default below the data directory.

    returns  ``backup``, ``place``, ``zones`` (zone -> resources, records, events, bytes), ``files``, ``bytes``
    raises   AccessError; SetupError where the disk does not take it; nothing counts as a backup then
    """
    zones = _zones(platform, who, "back-up")
    name, ledger = platform.run_id(), ledger_of(platform)
    place = (out or platform.settings.data.directory / FOLDER_NAME).absolute() / name
    private_folder(place)
    with ledger.locked():
        ledger.begin(name, microseconds(platform.runtime.now()), place)
        told: Json = {}
        counters: dict[str, Mapping[str, int]] = {}
        for zone in zones:
            with platform.store(zone).connect() as connection:
                dumped, keys, salts = backup.dump(connection, place / f"{zone}.db")
            ledger.put(name, zone, keys, salts)
            counters[zone] = dumped.counters
            told[zone] = {"rows": dumped.tables, "audit": [dumped.head.seq, dumped.head.hash.hex()]}
        files = [f"{zone}.db" for zone in zones] + _beside(platform, place)
        manifest = {
            "backup": name, "created": instant(platform.runtime.now()), "careloom": __version__, "revision": REVISION,
            "zones": told, "counters": counters, "files": {one: digest_of(place / one) for one in files},
        }  # fmt: skip
        _write_manifest(platform, place, manifest)
        ledger.finish(name, counters)
        for zone in zones:  # somebody may have been erased meanwhile
            with platform.store(zone).connect() as connection:
                ledger.take(zone, connection)
        _settle(platform, ledger, next(one for one in ledger.backups() if one.backup == name))
    sizes = {one: (place / one).stat().st_size for one in files}
    for zone in zones:
        detail = {"backup": name, "files": len(files)}
        note(platform, who, "back-up", zone, action="execute", detail=detail)
    shown = {
        zone: {
            "resources": one["rows"]["resource"], "records": one["rows"]["record"], "events": one["rows"]["audit"],
            "bytes": sizes[f"{zone}.db"],
        }
        for zone, one in told.items()
    }  # fmt: skip
    return {"backup": name, "place": str(place), "zones": shown, "files": len(files), "bytes": sum(sizes.values())}


def listed(platform: Platform, who: Principal) -> list[Json]:
    """The backups that were made, newest first: ``backup``, ``created``, ``place``, ``whole``, ``reachable``."""
    admit(platform, who, "operate", "identified", operation="backups")
    note(platform, who, "backups", "identified")
    return [
        {
            "backup": one.backup, "created": instant(time_of(one.created)), "place": str(one.place),
            "whole": one.is_whole, "reachable": (one.place / MANIFEST).is_file(),
        }
        for one in reversed(ledger_of(platform).backups())
    ]  # fmt: skip


def forget(platform: Platform) -> list[Json]:
    """Destroys the keys of whoever was erased, and takes their rows out of every backup that can be reached.

    returns  artefacts as a certificate lists them: what, count, detail
    """
    ledger = ledger_of(platform)
    if not ledger.is_there:
        return []
    found: list[Json] = []
    with ledger.locked():
        for zone in STORED_ZONES:
            if platform.has_store(zone):
                with platform.store(zone).connect() as connection:
                    keys = ledger.take(zone, connection)
                found += [{"zone": zone, "what": "data keys of backups", "count": keys}] if keys else []
        for one in ledger.backups():
            changed = _settle(platform, ledger, one)
            state = "no longer reachable: unreadable, for its keys are destroyed" if changed is None else "rewritten"
            told = {"zone": "all", "what": "rows of backups", "count": changed or 0}
            found.append(told | {"detail": f"backup {one.backup}: {state}"})
    return found


def remove(platform: Platform, one: KnownBackup) -> int:
    """Removes a backup, its files where they can be reached, and the keys that only it needs; how many keys."""
    ledger = ledger_of(platform)
    with ledger.locked():
        if (one.place / MANIFEST).is_file() or one.place.is_dir():
            shutil.rmtree(one.place, ignore_errors=True)
        return ledger.remove(one.backup)


def read_manifest(platform: Platform, place: Path) -> Json:
    """The manifest of a backup whose every file is as it was made.

    raises  NotFound; FormatError; IntegrityError where a file or the manifest differs
    """
    told = list(_manifests(platform, place))
    for name, digest in told[0]["files"].items():
        file = place / name
        accepted = {digest, *(one["files"].get(name) for one in told[1:])}
        if not file.is_file() or digest_of(file) not in accepted:
            raise IntegrityError(f"the backup's file {name} is not as it was made", "Take another backup.")
    return told[0]


def digest_of(file: Path) -> str:
    """SHA-256 of a file."""
    with file.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()


def _zones(platform: Platform, who: Principal, operation: str) -> list[Zone]:
    zones = [zone for zone in STORED_ZONES if platform.has_store(zone)]
    for zone in zones or STORED_ZONES:
        admit(platform, who, "operate", zone, operation=operation)
    return zones


def _beside(platform: Platform, place: Path) -> list[str]:
    """Copies what lies beside the zones; the names of the copies."""
    root, made = platform.settings.data.directory, []
    for folder in BESIDE:
        for file in sorted((root / folder).glob("*.*")):
            if file.is_file() and file.suffix in (".json", ".html", ".pdf", ".ndjson"):
                target = place / "files" / folder / file.name
                target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                shutil.copyfile(file, target)
                backup.sync(target)
                made.append(target.relative_to(place).as_posix())
    clients = root / "access" / CLIENTS_NAME
    if clients.is_file() and not is_url(platform.settings.data.database):
        with closing(sqlite3.connect(clients)) as source, closing(sqlite3.connect(place / CLIENTS_NAME)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
        backup.sync(place / CLIENTS_NAME)
        made.append(CLIENTS_NAME)
    return made


def _settle(platform: Platform, ledger: KeyLedger, one: KnownBackup) -> int | None:
    """Takes erased rows out of one backup; how many rows changed; None where it cannot be reached."""
    if not one.is_whole or not (one.place / MANIFEST).is_file():
        return None
    (manifest, *later) = _manifests(platform, one.place)
    manifest = later[-1] if later else manifest
    changed: dict[str, int] = {}
    for zone in manifest["zones"]:
        rows = backup.settle(one.place / f"{zone}.db", ledger.gone(zone))
        if rows:
            changed[zone] = rows
    if not changed:
        return 0
    for zone in changed:
        manifest["files"][f"{zone}.db"] = digest_of(one.place / f"{zone}.db.part")
        with closing(sqlite3.connect(one.place / f"{zone}.db.part")) as database:
            manifest["zones"][zone]["rows"] = backup.told(database).tables
    _write_manifest(platform, one.place, manifest, NEXT_MANIFEST)
    for zone in changed:
        (one.place / f"{zone}.db.part").replace(one.place / f"{zone}.db")
        backup.sync(one.place / f"{zone}.db")
    (one.place / NEXT_MANIFEST).replace(one.place / MANIFEST)
    return sum(changed.values())


def _write_manifest(platform: Platform, place: Path, manifest: Json, name: str = MANIFEST) -> None:
    value = platform.keys.sign(_message(manifest)).hex()
    write_whole(place / name, orjson.dumps({"manifest": manifest, "signature": value}, option=orjson.OPT_INDENT_2))


def _manifests(platform: Platform, place: Path) -> Iterator[Json]:
    """The manifest, and the one that was to follow where a rewriting was killed. raises as `read_manifest`"""
    if not (place / MANIFEST).is_file():
        raise NotFound("there is no backup in this folder", "Name the folder that holds manifest.json.")
    for name in (MANIFEST, NEXT_MANIFEST):
        if not (place / name).is_file():
            continue
        try:
            told = orjson.loads((place / name).read_bytes())
            manifest, value = told["manifest"], bytes.fromhex(told["signature"])
        except (ValueError, KeyError, TypeError):
            raise FormatError("the manifest of the backup cannot be read", "Take another backup.") from None
        if not is_signed(platform.keys.public_key(), _message(manifest), value):
            raise IntegrityError("the manifest is not as this installation signed it", "Take another backup.")
        yield manifest


def _message(manifest: Json) -> bytes:
    return _TAG + orjson.dumps(manifest, option=orjson.OPT_SORT_KEYS)
