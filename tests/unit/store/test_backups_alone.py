"""A backup takes the place of the zones only where nobody else has any of them open, or nothing at all happens."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from careloom.errors import Conflict
from careloom.services.access import local_operator
from careloom.services.backups import back_up
from careloom.services.changes import Change
from careloom.services.platform import Platform
from careloom.services.restore import STAGE, restore
from careloom.services.write import write
from careloom.settings import Data, Fhir, Settings
from careloom.store.zone_store import Zone
from tests.store_kit import fresh_database

WHO = local_operator("olga")
OPENS = """
import sys
from pathlib import Path
from careloom.errors import Conflict
from careloom.services.platform import Platform
from careloom.settings import Data, Settings
try:
    Platform(Settings(data=Data(directory=Path(sys.argv[1]), database=sys.argv[2]))).store(sys.argv[3])
except Conflict:
    print("refused")
else:
    print("open", flush=True)
    sys.stdin.read()
"""
SHELL = """
import sqlite3, sys
database = sqlite3.connect(f"{sys.argv[1]}/{sys.argv[3]}/store.db")
database.execute("SELECT count(*) FROM audit").fetchone()
print("open", flush=True)
sys.stdin.read()
"""
_numbers = count()


@pytest.fixture(params=["sqlite", "postgresql"])
def platform(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Platform]:
    """One patient in the identified zone, nothing in the others."""
    database = ""
    if request.param == "postgresql":
        stem, socket = f"alone{next(_numbers)}", request.getfixturevalue("postgresql")
        urls = [fresh_database(socket, f"{stem}_{zone}") for zone in ("identified", "research", "synthetic", "access")]
        database = urls[0].replace("identified", "{zone}")
    data = Data(directory=tmp_path / "data", database=database)
    with Platform(Settings(data=data, fhir=Fhir(update_creates=True))) as made:
        put(made, "p1")
        made.store("research")
        yield made


def put(platform: Platform, name: str) -> None:
    write(
        platform, WHO, "identified", Change("update", "Patient", name, resource={"resourceType": "Patient", "id": name})
    )


@contextlib.contextmanager
def elsewhere(platform: Platform, zone: Zone, program: str = OPENS) -> Iterator[str]:
    """What another process says that opens the zone, and keeps it open while the block runs, doing nothing."""
    data = platform.settings.data
    command = [sys.executable, "-c", program, str(data.directory), data.database or "", zone]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        yield other.stdout.readline().strip()
        other.kill()


def state(platform: Platform) -> dict[str, int]:
    return {**platform.store("identified").count(), "events": platform.store("identified").verify_audit().rows}


def test_while_another_process_has_one_zone_open_nothing_of_a_restore_happens(platform: Platform) -> None:
    folder = Path(back_up(platform, WHO)["place"])
    put(platform, "p2")
    before = state(platform)
    with elsewhere(platform, "research") as said:
        assert said == "open"
        with pytest.raises(Conflict):
            restore(platform, WHO, folder, over=True)
    assert state(platform) == before
    assert not (platform.settings.data.directory / STAGE).exists()
    restore(platform, WHO, folder, over=True)
    assert platform.store("identified").count() == {"Patient": 1}
    assert platform.store("identified").verify_audit().is_whole


def test_while_a_zone_is_being_replaced_nobody_opens_it(platform: Platform) -> None:
    with platform.store("research").alone():
        with elsewhere(platform, "research") as said:
            assert said == "refused"
        platform.store("research").count()
    with elsewhere(platform, "research") as said:
        assert said == "open"


def test_the_shell_of_sqlite_counts_too(platform: Platform) -> None:
    if platform.settings.data.database:
        pytest.skip("of PostgreSQL the transaction waits for others, and is whole or not at all")
    folder = Path(back_up(platform, WHO)["place"])
    with elsewhere(platform, "identified", SHELL), pytest.raises(Conflict):
        restore(platform, WHO, folder, over=True)
    assert platform.store("identified").check().is_whole
