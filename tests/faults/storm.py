"""What a fault campaign does to an installation, and what must hold of it afterwards.

A worker (a forked process) does things through the services and says on a pipe what was acknowledged; it is killed at
any moment. A judge (another one) then opens the installation: nothing that was acknowledged is lost, nothing is half
there, the audit chain and the store are whole, and whatever was cut off goes on.
"""

import contextlib
import json
import os
import random
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from careloom.crypto.keys_local import LocalKeys
from careloom.errors import SetupError, Unprocessable
from careloom.runtime import Runtime
from careloom.services.changes import Change
from careloom.services.export import export
from careloom.services.export_ask import ExportAsk
from careloom.services.ingest import IngestAsk, ingest
from careloom.services.platform import Platform
from careloom.services.view_table import TableAsk, make_table
from careloom.services.write import write
from careloom.settings import Data, Fhir, Settings
from careloom.settings import Ingest as IngestSettings
from tests.faults.children import wait_until_used
from tests.faults.doors import WHO, Door, Services
from tests.store_kit import event, put

SCENARIOS = (
    "writes", "writes", "writes", "ingests", "exports", "erasures", "full", "torn", "locks", "clock", "keys", "views",
)  # fmt: skip
THREADS = 4
FEED_LINES = 300
BUNDLE_ENTRIES = 6
FORGIVEN = (SetupError, Unprocessable)
"""Keys or disk are not there, or the patient is not, for whom they were not there."""
Told = dict[str, Any]
Say = Callable[..., None]


class JumpyClock:
    """A clock that somebody sets forth and back by up to an hour, again and again."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def __call__(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._chance.choice((0, 0, -3600, -60, -0.001, 0.001, 60, 3600)))


class FaultyKeys(LocalKeys):
    """Keys behind a service that is down half of the time."""

    chance = random.Random(0)

    def _try(self) -> None:
        if self.chance.random() < 0.5:
            raise SetupError("the key service does not answer", "start it")

    def wrap(self, data_key: bytes, context: bytes) -> tuple[str, bytes]:
        self._try()
        return super().wrap(data_key, context)

    def unwrap(self, kek_id: str, wrapped: bytes, context: bytes) -> bytes:
        self._try()
        return super().unwrap(kek_id, wrapped, context)


@dataclass(frozen=True)
class Place:
    """Where a campaign happens: a data directory, and the URL of a database where that is PostgreSQL."""

    folder: Path
    database: str = ""

    def platform(self, runtime: Runtime | None = None, keys: LocalKeys | None = None) -> Platform:
        """The installation, opened."""
        data = Data(directory=self.folder / "data", database=self.database)
        settings = Settings(data=data, fhir=Fhir(update_creates=True), ingest=IngestSettings(batch_records=40))
        return Platform(settings, runtime, keys)


@dataclass
class Round:
    """One round of a campaign: a scenario, its seed, and what the worker said."""

    scenario: str
    seed: int
    said: list[Told] = field(default_factory=list)


def patient_of(number: int) -> Told:
    return {"resourceType": "Patient", "id": f"p{number}", "active": True}


def observation(patient: str, **fields: object) -> Told:
    about = {"code": {"text": "pulse"}, "subject": {"reference": f"Patient/{patient}"}}
    return {"resourceType": "Observation", "status": "final", **about, **fields}


def write_something(door: Door, chance: random.Random, say: Say, own: list[Told], mark: str) -> None:
    """One create, update, delete or transaction; says what was acknowledged, and before a transaction that it comes."""
    what = chance.choice(("create", "create", "update", "delete", "transaction"))
    patient = f"p{chance.randrange(5)}"
    if what == "transaction":
        bundle_mark = f"{mark}-{chance.randrange(10**9)}"
        entry = {
            "resource": observation(patient, identifier=[{"system": "urn:bundle", "value": bundle_mark}]),
            "request": {"method": "POST", "url": "Observation"},
        }
        say(kind="intent", bundle=bundle_mark)
        entries = [entry | {"fullUrl": f"urn:uuid:{number:032}"} for number in range(BUNDLE_ENTRIES)]
        door.transaction({"resourceType": "Bundle", "type": "transaction", "entry": entries})
        say(kind="bundle", bundle=bundle_mark)
    elif what == "create" or not own:
        text = str(chance.randrange(10**9))
        id_, version = door.put(Change("create", "Observation", resource=observation(patient, valueString=text)))
        own.append({"id": id_})
        say(kind="put", id=id_, version=version, value=text)
    elif what == "update":
        one, text = chance.choice(own), str(chance.randrange(10**9))
        resource = observation(patient, id=one["id"], valueString=text)
        id_, version = door.put(Change("update", "Observation", one["id"], resource=resource))
        say(kind="put", id=id_, version=version, value=text)
    else:
        one = own.pop(chance.randrange(len(own)))
        say(kind="deleting", id=one["id"])
        door.put(Change("delete", "Observation", one["id"]))
        say(kind="deleted", id=one["id"])


def begin(door: Door, forgives: tuple[type[Exception], ...] = ()) -> None:
    """The patients about whom everything is."""
    for number in range(5):
        with contextlib.suppress(*forgives):
            door.put(Change("update", "Patient", f"p{number}", resource=patient_of(number)))


def writes(
    door: Door, chance: random.Random, say: Say, *, forgives: tuple[type[Exception], ...] = (),
    ends: Callable[[], bool] = lambda: False,
) -> None:  # fmt: skip
    """Threads that write until the process is killed, until what they do not forgive happens, or until `ends`."""
    begin(door, forgives)
    say(kind="begun")

    def work(seed: int) -> None:
        own: list[Told] = []
        mine = random.Random(seed)
        while not ends():
            with contextlib.suppress(*forgives):
                write_something(door, mine, say, own, f"m{seed}")

    workers = [threading.Thread(target=work, args=(chance.randrange(10**9),)) for _ in range(THREADS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def feed_of(place: Place, seed: int) -> Path:
    """A feed of its own for each seed; every patient of it has a name of the seed."""
    path = place.folder / f"feed{seed}.ndjson"
    if not path.exists():
        lines = [json.dumps({**observation(f"f{seed}", valueString=str(n)), "id": f"f{seed}-{n}"})
                 for n in range(FEED_LINES)]  # fmt: skip
        path.write_text("\n".join([json.dumps({"resourceType": "Patient", "id": f"f{seed}"}), *lines]) + "\n")
    return path


def ingests(place: Place, platform: Platform, chance: random.Random, say: Say) -> None:
    """One feed after the other."""
    for number in range(100):
        seed = chance.randrange(10**9)
        say(kind="feeding", seed=seed)
        if number == 0:
            say(kind="begun")
        ingest(platform, WHO, IngestAsk((feed_of(place, seed),)))
        say(kind="fed", seed=seed)


def exports(platform: Platform, chance: random.Random, say: Say) -> None:
    """One export after the other, while a thread writes."""
    write(platform, WHO, "identified", Change("update", "Patient", "p0", resource=patient_of(0)))
    for _ in range(200):
        write(platform, WHO, "identified", Change("create", "Observation", resource=observation("p0")))
    say(kind="begun")
    threading.Thread(target=writes, args=(Services(platform), chance, say), daemon=True).start()
    for _ in range(100):
        export_id = f"storm-{chance.randrange(10**9)}"
        say(kind="exporting", export=export_id)
        export(platform, WHO, ExportAsk("identified"), export_id)
        say(kind="exported", export=export_id)


def erasures(door: Door, chance: random.Random, say: Say) -> None:
    """Patients who come, have a little, and are erased."""
    for number in range(1000):
        patient = f"e{chance.randrange(10**9)}"
        door.put(Change("update", "Patient", patient, resource={"resourceType": "Patient", "id": patient}))
        for _ in range(4):
            door.put(Change("create", "Observation", resource=observation(patient)))
        say(kind="erasing", patient=patient)
        if number == 0:
            say(kind="begun")
        door.erase(patient)
        say(kind="erased", patient=patient)


def views(platform: Platform, chance: random.Random, say: Say) -> None:
    """A table of the synthetic zone, refreshed again and again after writes of what it shows."""
    for number in range(1000):
        names = [f"s{chance.randrange(40)}" for _ in range(5)]
        with platform.store("synthetic").transaction(event(zone="synthetic")) as step:
            step.write([put("Observation", name, ("p0",), **observation("p0", id=name)) for name in set(names)])
        if number == 0:
            say(kind="begun")
        make_table(platform, WHO, "synthetic", TableAsk("observation"))
        say(kind="refreshed", names=names)


def work(place: Place, scenario: str, seed: int, pipe: int) -> None:
    """What a worker does, until it is killed."""
    chance, lock = random.Random(seed), threading.Lock()

    def say(**told: object) -> None:
        with lock:
            os.write(pipe, json.dumps(told).encode() + b"\n")

    runtime = Runtime(clock=JumpyClock(random.Random(seed))) if scenario == "clock" else None
    keys = None
    if scenario == "keys":
        LocalKeys.open(place.folder / "data" / "keys")
        with place.platform() as calm:
            calm.store("identified")
        keys = FaultyKeys(place.folder / "data" / "keys")
    with place.platform(runtime, keys) as platform:
        if scenario in ("writes", "clock", "torn", "server", "locks"):
            writes(Services(platform), chance, say)
        elif scenario == "keys":
            writes(Services(platform), chance, say, forgives=FORGIVEN)
        elif scenario == "full":
            _fill(place, platform, chance, say)
        elif scenario == "ingests":
            ingests(place, platform, chance, say)
        elif scenario == "exports":
            exports(platform, chance, say)
        elif scenario == "erasures":
            erasures(Services(platform), chance, say)
        elif scenario == "views":
            views(platform, chance, say)


def _fill(place: Place, platform: Platform, chance: random.Random, say: Say) -> None:
    """Writes on a disk that takes so much of any file and not a byte more."""
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    platform.store("identified")
    sizes = [path.stat().st_size for path in (place.folder / "data" / "identified").glob("store.db*")]
    most = max([*sizes, 1 << 20]) + chance.randrange(3_000_000)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    writes(Services(platform), chance, say, forgives=FORGIVEN)


def let_on(place: Place, scenario: str, seed: int, seconds: float) -> Round:
    """Lets a worker on, kills it so many CPU seconds after it has begun, and returns what it had said by then."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(out)
        os.setpgid(0, 0)
        try:
            work(place, scenario, seed, into)
        finally:
            os._exit(0)
    os.close(into)
    with os.fdopen(out, "rb") as pipe:
        lines = [pipe.readline()]
        while lines[-1] and b'"begun"' not in lines[-1]:
            lines.append(pipe.readline())
        rest: list[bytes] = []
        reader = threading.Thread(target=lambda: rest.extend(pipe.readlines()))
        reader.start()
        wait_until_used(child, seconds)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        reader.join()
    said = [json.loads(line) for line in [*lines, *rest] if line.endswith(b"\n")]
    return Round(scenario, seed, said)
