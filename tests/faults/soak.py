"""A soak: a served Careloom under a mix of requests, whose workers are killed and whose database is restarted.

python -m tests.faults.soak --minutes 30 [--database sqlite] [--clients 8] [--fault-seconds 60] [--out FILE]

It ends with what was asked and answered, what was acknowledged and lost (nothing may be), the share of attempts that
failed (at most 0.1 %: clients honour Retry-After), and the memory of all processes of the server, which must be flat.
Exit code 1 if anything of that does not hold.
"""

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.campaign import places
from tests.faults.children import in_child
from tests.faults.http_storm import Served, registered, served
from tests.faults.soak_load import Client, Seen, lost
from tests.faults.storm import Place

BUDGET = 0.001
MOST_GROWTH = 0.10
SAMPLE_SECONDS = 2.0


def children(pid: int) -> list[int]:
    """The processes below a process, all of them."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in task.read_text().split():
                found += [int(child), *children(int(child))]
    return found


def megabytes(pid: int) -> float:
    """Proportional set size of a process and all below it."""
    total = 0
    for one in (pid, *children(pid)):
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
            total += next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
    return total / 1024


def workers(pid: int) -> tuple[list[int], list[int]]:
    """The processes that answer, and those that do jobs."""
    answer, work = [], []
    for one in children(pid):
        with contextlib.suppress(OSError):
            command = Path(f"/proc/{one}/cmdline").read_bytes().split(b"\0")
            (work if b"careloom.worker" in command else answer).append(one)
    return answer, work


@dataclass
class Faults:
    """What is done to a server while it is asked: one thing after the other, in turn.

    restart  ends the database's server and starts it again; None where there is none
    """

    server: Served
    restart: Callable[[], None] | None
    chance: random.Random
    done: Counter[str] = field(default_factory=Counter)

    def run(self, stop: threading.Event, every: float) -> None:
        """One fault each so many seconds, until it is told to stop."""
        turn = [self._kill_answering, self._kill_working, *([self._restart_database] if self.restart else [])]
        while not stop.wait(every):
            turn.append(turn.pop(0))
            turn[-1]()

    def _kill_answering(self) -> None:
        self._kill("worker killed", workers(self.server.process.pid)[0])

    def _kill_working(self) -> None:
        self._kill("job worker killed", workers(self.server.process.pid)[1])

    def _kill(self, what: str, among: list[int]) -> None:
        if among:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.chance.choice(among), signal.SIGKILL)
                self.done[what] += 1

    def _restart_database(self) -> None:
        assert self.restart is not None
        self.restart()
        self.done["database restarted"] += 1


def soak(
    place: Place, restart: Callable[[], None] | None, *, seconds: float, clients: int, every: float
) -> dict[str, object]:
    """What a soak of so many seconds found."""
    secret = in_child(lambda: registered(place))["secret"]
    server = served(place, secret)
    url, token = str(server.client.base_url), server.client.headers["Authorization"].partition(" ")[2]
    seen, stop, memory = Seen(), threading.Event(), []
    faults = Faults(server, restart, random.Random(1))
    load = [threading.Thread(target=Client(number, url, token, seen).run, args=(stop,)) for number in range(clients)]
    load.append(threading.Thread(target=faults.run, args=(stop, every)))
    try:
        for thread in load:
            thread.start()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            memory.append(megabytes(server.process.pid))
            time.sleep(SAMPLE_SECONDS)
        stop.set()
        for thread in load:
            thread.join()
        form = {"grant_type": "client_credentials"}
        again = server.client.post("/oauth2/token", data=form, auth=("storm", secret)).json()
        wrong = lost(url, again["access_token"], seen)
    finally:
        stop.set()
        server.client.close()
        server.kill()
    chain = in_child(lambda: _chain(place))
    return {"seconds": seconds, "faults": dict(faults.done), "chain": chain["wrong"], "lost": wrong} | _told(
        seen, memory
    )


def _chain(place: Place) -> dict[str, object]:
    with place.platform() as platform:
        report = platform.store("identified").verify_audit()
    return {"wrong": [] if report.is_whole else ["the audit chain is not whole"]}


def _told(seen: Seen, memory: list[float]) -> dict[str, object]:
    attempts, failures = seen.attempts.total(), seen.failures.total()
    quarter = max(len(memory) // 4, 1)
    early, late = statistics.median(memory[quarter : 2 * quarter] or memory), statistics.median(memory[-quarter:])
    p99 = {
        kind: round(statistics.quantiles(times, n=100)[98] * 1e3, 1)
        for kind, times in seen.times.items()
        if len(times) > 100
    }
    return {
        "attempts": dict(seen.attempts), "failures": dict(seen.failures), "reasons": dict(seen.reasons),
        "given_up": seen.given_up, "acknowledged": len(seen.kept), "failed_share": failures / max(attempts, 1),
        "p99_ms": p99, "memory_mb": [round(one) for one in (memory[0], early, late, max(memory))],
        "growth": late / early - 1,
    }  # fmt: skip


def verdict(told: dict[str, object]) -> list[str]:
    """What does not hold of it."""
    wrong = [*told["lost"], *told["chain"]]  # type: ignore[misc]
    if told["given_up"]:
        wrong.append(f"{told['given_up']} requests got no right answer at all")
    if told["failed_share"] > BUDGET:  # type: ignore[operator]
        wrong.append(f"{told['failed_share']:.3%} of attempts failed, of {BUDGET:.1%}")
    if told["growth"] > MOST_GROWTH:  # type: ignore[operator]
        wrong.append(f"memory grew by {told['growth']:.0%}")
    return wrong


def main() -> int:
    """0 if all holds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--database", choices=("postgresql", "sqlite"), default="postgresql")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--fault-seconds", type=float, default=60.0)
    parser.add_argument("--out", type=Path, help="a file that gets what was found, as JSON")
    how = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="careloom-soak-"))
    try:
        with places(how.database, is_durable=True) as (made, crash):
            place, restart = made(folder, 1), crash if how.database == "postgresql" else None
            told = soak(place, restart, seconds=how.minutes * 60, clients=how.clients, every=how.fault_seconds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    told["load"] = os.getloadavg()
    text = json.dumps(told, indent=1)
    print(text)
    if how.out:
        how.out.write_text(text, "utf-8")
    wrong = verdict(told)
    print("\n".join(wrong[:20]) or "nothing was lost, the budget was held, memory is flat", file=sys.stderr)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
