"""A served Careloom, all its processes killed at once while clients write: acknowledged is what was answered with 2xx.

What was accepted to be done later (an import, an export) is acknowledged too: the next server has to do it.
"""

import contextlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from careloom.services.access import ROLES, ZONES
from careloom.services.clients import ClientAsk, register_client
from tests.faults.children import in_child, processes_of, wait_until_used
from tests.faults.doors import WHO, Http, Refused
from tests.faults.storm import FEED_LINES, Place, Round, Say, begin, erasures, feed_of, writes
from tests.journeys.server import free_port

ASYNC = {"Prefer": "respond-async"}
NDJSON = {"Content-Type": "application/fhir+ndjson"}
START_SECONDS = 300.0
LATER_SECONDS = 300.0
FORGIVEN = (Refused, httpx.TransportError)
Told = dict[str, Any]


@dataclass(frozen=True)
class Served:
    """A running server: its process, which leads a group, where it answers, and how long it took to."""

    process: "subprocess.Popen[bytes]"
    client: httpx.Client
    seconds: float

    def kill(self) -> None:
        """Kills the server, its workers and the worker of its jobs, all at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def limit_files(self, most: int) -> None:
        """From now on no process of it can make any file longer: the disk is full."""
        for process in processes_of(self.process.pid):
            with contextlib.suppress(OSError):
                resource.prlimit(process, resource.RLIMIT_FSIZE, (most, most))


def registered(place: Place) -> Told:
    """A client that may everything. To be asked in a process of its own."""
    with place.platform() as platform:
        made = register_client(platform, WHO, ClientAsk("storm", tuple(ROLES), tuple(ZONES), ()))
    return {"secret": made.secret}


def served(place: Place, secret: str) -> Served:
    """A server over a place, once it answers; it takes as many tokens as there are kills."""
    port, started = free_port(), time.monotonic()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("CARELOOM_")},
        "CARELOOM__DATA__DIRECTORY": str(place.folder / "data"), "CARELOOM__DATA__DATABASE": place.database,
        "CARELOOM__FHIR__UPDATE_CREATES": "true", "CARELOOM__ANNOTATE__WARM": "false",
        "CARELOOM__API__TOKEN_SECONDS": "3600", "CARELOOM__API__CLIENT_RATE": "",
        "CARELOOM__INGEST__BATCH_RECORDS": "40",
    }  # fmt: skip
    with (place.folder / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "careloom.cli.main", "serve", "--port", str(port), "--processes", "2"],
            env=environment, cwd=place.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30)
    while time.monotonic() - started < START_SECONDS and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            form = {"grant_type": "client_credentials"}
            answer = client.post("/oauth2/token", data=form, auth=("storm", secret))
            if answer.status_code == 200:
                client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
                return Served(process, client, time.monotonic() - started)
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    raise AssertionError(f"no server: {(place.folder / 'server.log').read_text()[-2000:]}")


def acted(server: Served, place: Place, scenario: str, seed: int, seconds: float, crash: Callable[[], None]) -> Round:
    """What clients were answered until the server was killed, so many CPU seconds of its after they had begun.

    crash  kills the database's server instead, where that is the scenario; then the clients go on for a moment
    """
    done, lock, begun = Round(scenario, seed), threading.Lock(), threading.Event()

    def say(**told: object) -> None:
        with lock:
            done.said.append(told)
        if told["kind"] == "begun":
            begun.set()

    stop, door = threading.Event(), Http(server.client, say)
    begin(door, FORGIVEN)
    threads = [
        threading.Thread(target=_again, args=(act, stop)) for act in _acts(place, door, scenario, seed, say, stop)
    ]
    for thread in threads:
        thread.start()
    begun.wait(LATER_SECONDS)
    if scenario == "full":
        sizes = [path.stat().st_size for path in (place.folder / "data" / "identified").glob("store.db*")]
        server.limit_files(max([*sizes, 1 << 20]) + random.Random(seed).randrange(3_000_000))
    wait_until_used(server.process.pid, seconds)
    if scenario == "server":
        crash()
        time.sleep(1.0)
    stop.set()
    server.kill()
    for thread in threads:
        thread.join()
    server.client.close()
    return done


def _again(act: Callable[[], None], stop: threading.Event) -> None:
    while not stop.is_set():
        with contextlib.suppress(*FORGIVEN):
            act()


def _acts(
    place: Place, door: Http, scenario: str, seed: int, say: Say, stop: threading.Event
) -> list[Callable[[], None]]:
    """What threads do: several that write, and one that does what the scenario is about."""
    chance = random.Random(seed + 1)
    acts: list[Callable[[], None]] = [
        lambda: writes(door, random.Random(seed), say, forgives=FORGIVEN, ends=stop.is_set)
    ]
    if scenario == "imports":
        acts.append(lambda: imports(place, door, chance, say))
    if scenario == "exports":
        acts.append(lambda: exports(door, say))
    if scenario == "erasures":
        acts.append(lambda: erasures(door, chance, say))
    return acts


def imports(place: Place, door: Http, chance: random.Random, say: Say) -> None:
    """One import after the other."""
    for _ in range(1000):
        seed = chance.randrange(10**9)
        content = feed_of(place, seed).read_bytes()
        answer = door.ask("POST", "/fhir/identified/$import", content=content, headers=ASYNC | NDJSON)
        say(kind="asked", what="import", at=_path(answer.headers["Content-Location"]))
        time.sleep(0.3)


def exports(door: Http, say: Say) -> None:
    """One export after the other."""
    for _ in range(1000):
        answer = door.ask("GET", "/fhir/identified/$export", headers=ASYNC)
        say(kind="asked", what="export", at=_path(answer.headers["Content-Location"]))
        time.sleep(0.5)


def _path(address: str) -> str:
    return httpx.URL(address).raw_path.decode()


def done_later(server: Served, done: Round) -> list[str]:
    """What was accepted before the kill is done by the next server; what is wrong with it."""
    wrong: list[str] = []
    door = Http(server.client, lambda what, **_: wrong.append(what))
    before: set[str] = set()
    removed = {one["id"] for one in done.said if one["kind"] == "deleting"}
    for one in done.said:
        if one["kind"] == "put":
            before.add(one["id"])
        if one["kind"] != "asked":
            continue
        manifest = _waited_for(door, one["at"])
        if manifest is None:
            wrong.append(f"an accepted {one['what']} was not done in {LATER_SECONDS:.0f} s")
        elif one["what"] == "import":
            told = manifest["extension"]
            if not told["isWhole"] or told["stored"] + told["known"] != FEED_LINES + 1:
                wrong.append("an accepted import did not store all of it")
        elif lacking := before - removed - _exported_ids(door, manifest):
            wrong.append(f"an accepted export lacks {len(lacking)} acknowledged resources")
    return wrong


def _waited_for(door: Http, at: str) -> Told | None:
    last = time.monotonic() + LATER_SECONDS
    while time.monotonic() < last:
        answer = door.client.get(at)
        if answer.status_code == 200:
            return dict(answer.json())
        if answer.status_code != 202:
            return None
        time.sleep(0.2)
    return None


def _exported_ids(door: Http, manifest: Told) -> set[str]:
    lines = [
        json.loads(line)
        for file in manifest["output"]
        for line in door.ask("GET", _path(file["url"])).text.splitlines()
    ]
    return {str(one["id"]) for one in lines}


class HttpDriver:
    """Rounds over HTTP: the server of one is what recovered from the kill of the one before."""

    scenarios = ("writes", "writes", "imports", "exports", "erasures", "full", "torn", "locks")
    most_seconds = 2.5

    def __init__(self) -> None:
        self._server: Served | None = None
        self._secret = ""
        self.starts: list[float] = []

    def round(self, place: Place, scenario: str, seed: int, seconds: float, crash: Callable[[], None]) -> Round:
        """What was acknowledged until the kill."""
        if self._server is None:
            self._secret = in_child(lambda: registered(place))["secret"]
            self._server = served(place, self._secret)
        server, self._server = self._server, None
        return acted(server, place, scenario, seed, seconds, crash)

    def goes_on(self, place: Place, done: Round) -> list[str]:
        """Starts the next server; what is wrong with what the one before had accepted to do."""
        self._server = served(place, self._secret)
        self.starts.append(self._server.seconds)
        return done_later(self._server, done)

    def close(self) -> None:
        """The place is given up."""
        if self._server is not None:
            self._server.kill()
            self._server = None
