"""A fault campaign: rounds of random work that is cut off at a random moment, each judged by another process.

python -m tests.faults.campaign --rounds 100 [--database postgresql] [--http] [--minutes 20] [--seed 1] [--out FILE]

With --http a served Careloom is killed, all of its processes at once, while clients write. PostgreSQL forces commits
to the disk.

It prints one line a round, and at its end how many rounds of which scenario there were, what was acknowledged, what was
lost, and the longest recovery; with `--out` that is added to a file, under the date. Exit code 1 if anything was wrong.
"""

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from careloom.errors import IntegrityError
from tests.faults.children import in_child
from tests.faults.http_storm import HttpDriver
from tests.faults.judge import goes_on
from tests.faults.storm import SCENARIOS, Place, Round, let_on
from tests.store_kit import event, fresh_database, options_of, postgresql_binaries, postgresql_cluster

ROUNDS_PER_STORE = 8
"""Then a new installation: judging takes as long as there is to look at."""
MOST_RECOVERY_SECONDS = 10.0
Told = dict[str, Any]


@dataclass
class Tally:
    """What a campaign saw."""

    rounds: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    found_out: int = 0
    slowest: float = 0.0
    most_work: float = 0.0
    wrong: list[str] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)

    def add(self, scenario: str, seed: int, told: Told) -> None:
        """Counts one round."""
        self.rounds[scenario] += 1
        self.acknowledged += told["acknowledged"]
        self.found_out += told.get("found_out", False)
        self.slowest = max(self.slowest, told["seconds"])
        self.most_work = max(self.most_work, told.get("cpu", 0.0))
        self.wrong += [f"{scenario} {seed}: {one}" for one in told["wrong"]]
        if told.get("cpu", 0.0) > MOST_RECOVERY_SECONDS:
            self.wrong.append(f"{scenario} {seed}: recovery took {told['cpu']:.1f} CPU seconds")

    def text(self, database: str, seconds: float) -> str:
        """The summary as Markdown."""
        kinds = ", ".join(f"{count} {name}" for name, count in sorted(self.rounds.items()))
        wrong = "\n".join(f"- {one}" for one in self.wrong) or "nothing was lost, half there or broken"
        load = " ".join(f"{one:.1f}" for one in os.getloadavg())
        return (
            f"## {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {database}\n\n{sum(self.rounds.values())} kills in "
            f"{seconds / 60:.1f} minutes (load {load}): {kinds}.\n{self.acknowledged} acknowledged operations; damage "
            f"to the log of {self.rounds['torn']} stores, of which {self.found_out} had lost acknowledged rows, which "
            f"the anchor told; longest recovery {self.most_work:.2f} CPU seconds, "
            f"{self.slowest:.2f} s on the clock{self._started()}.\n\n{wrong}\n\n"
        )

    def _started(self) -> str:
        if not self.starts:
            return ""
        middle, last = self.starts[len(self.starts) // 2], self.starts[-1]
        return f"; a killed server answered again after {middle:.1f} s, {last:.1f} s at the longest"


@contextlib.contextmanager
def holding_the_lock(place: Place, chance: random.Random) -> Iterator[None]:
    """Another process that takes the write lock again and again, and is killed with it in its hand."""
    child = os.fork()
    if child == 0:
        with place.platform() as platform:
            while True:
                with platform.store("identified").transaction(event) as tx:
                    tx.audit(event())
                    time.sleep(chance.uniform(0.0, 0.05))
                time.sleep(chance.uniform(0.0, 0.01))
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def tear(place: Place, chance: random.Random) -> bool:
    """Cuts the write-ahead log, or changes bytes of its end, as a power cut on a poor disk would; false without one."""
    log = place.folder / "data" / "identified" / "store.db-wal"
    if not log.exists() or log.stat().st_size < 10_000:
        return False
    size = log.stat().st_size
    at = size - chance.randrange(1, min(size, 60_000))
    with log.open("r+b") as file:
        if chance.random() < 0.5:
            file.truncate(at)
        else:
            file.seek(at)
            file.write(os.urandom(min(size - at, chance.choice((1, 512, 4096)))))
    return True


def judged_torn(place: Place, done: Round) -> Told:
    """What was torn off is either not there and told, or was not acknowledged; nothing is read wrongly."""
    started = time.perf_counter()
    try:
        with place.platform() as platform:
            store = platform.store("identified")
            chain, whole = store.verify_audit(), store.check()
            codes = {one.code for one in chain.problems}
        wrong = [f"store {one}" for one in whole.problems] + [f"audit {one}" for one in codes - {"audit.anchor"}]
        told = {"seconds": time.perf_counter() - started, "wrong": wrong, "acknowledged": 0}
        if not codes and not wrong:
            return goes_on(place, done)
        return told | {"found_out": True}
    except IntegrityError:
        return {"seconds": time.perf_counter() - started, "wrong": [], "acknowledged": 0, "found_out": True}


class ServicesDriver:
    """Rounds through the services, in a forked worker."""

    scenarios = SCENARIOS
    most_seconds = 1.2

    def round(self, place: Place, scenario: str, seed: int, seconds: float, crash: Callable[[], None]) -> Round:
        """What was acknowledged until the kill; `crash` kills the database's server besides."""
        done = let_on(place, scenario, seed, seconds)
        if scenario == "server":
            crash()
        return done

    def goes_on(self, _place: Place, _done: Round) -> list[str]:
        """Nothing was accepted to be done later."""
        return []

    def close(self) -> None:
        """Nothing is open."""


def one_round(
    driver: ServicesDriver | HttpDriver, place: Place, scenario: str, seed: int, crash: Callable[[], None], most: float
) -> tuple[Told, bool]:
    """One round; true where the store was damaged beyond it and a new one is due.

    crash  ends the database's server without warning and starts it again
    most   the worker is killed so many CPU seconds after it has begun at the latest
    """
    chance = random.Random(seed)
    seconds = chance.uniform(0.0, most)
    with holding_the_lock(place, chance) if scenario == "locks" else contextlib.nullcontext():
        done = driver.round(place, scenario, seed, seconds, crash)
    if scenario == "torn" and tear(place, chance):
        return in_child(lambda: judged_torn(place, done)), True
    told = in_child(lambda: goes_on(place, done))
    told["wrong"] += driver.goes_on(place, done)
    return told, False


@contextlib.contextmanager
def places(database: str, *, is_durable: bool) -> Iterator[tuple[Callable[[Path, int], Place], Callable[[], None]]]:
    """How a place is made, and how its server crashes."""
    if database == "sqlite":
        yield lambda folder, _: Place(folder), lambda: None
        return
    binaries = postgresql_binaries()
    if binaries is None:
        raise SystemExit("PostgreSQL is not installed")
    with postgresql_cluster(binaries, is_durable=is_durable) as socket:

        def made(folder: Path, number: int) -> Place:
            for zone in ("identified", "research", "synthetic", "access"):
                fresh_database(socket, f"storm{number}_{zone}")
            return Place(folder, f"postgresql+psycopg://postgres@/storm{number}_{{zone}}?host={socket}")

        def crash() -> None:
            control = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
            control += [str(binaries / "pg_ctl"), "-D", f"{socket}/data", "-w", "-t", "600"]
            # hundreds of databases of earlier rounds: one syncfs before recovery, not an fsync of each of their files
            options = f"-k {socket} {options_of(is_durable=is_durable)} -c recovery_init_sync_method=syncfs"
            for action in (["-m", "immediate", "stop"], ["-l", f"{socket}/log", "-o", options, "start"]):
                subprocess.run([*control, *action], check=True, stdout=subprocess.DEVNULL, cwd=socket)

        yield made, crash


def run(
    database: str, rounds: int, *, seed: int = 1, minutes: float = 600.0, most: float = 0.0,
    driver: ServicesDriver | HttpDriver | None = None, is_durable: bool = False,
) -> Tally:  # fmt: skip
    """A campaign of so many rounds, or as many as fit into the minutes; each scenario once, and then any of them.

    most  CPU seconds after which a kill comes at the latest, 0 for what suits the driver; otherwise nothing is printed
    """
    tally, chance, started = Tally(), random.Random(seed), time.monotonic()
    driver = ServicesDriver() if driver is None else driver
    names = [one for one in driver.scenarios if database == "sqlite" or one not in ("full", "torn")]
    names += ["server"] if database == "postgresql" else []
    each = list(dict.fromkeys(names))
    with places(database, is_durable=is_durable) as (made, crash), tempfile.TemporaryDirectory(
        prefix="storm-", ignore_cleanup_errors=True
    ) as parent, contextlib.closing(driver):  # fmt: skip
        place, uses, stores = None, 0, 0
        for number in range(rounds):
            if time.monotonic() - started > minutes * 60:
                break
            if place is None or uses >= ROUNDS_PER_STORE:
                driver.close()
                shutil.rmtree(Path(parent) / str(stores), ignore_errors=True)
                stores, uses = stores + 1, 0
                (Path(parent) / str(stores)).mkdir()
                place = made(Path(parent) / str(stores), stores)
            scenario = each[number] if number < len(each) else chance.choice(names)
            told, is_spent = one_round(
                driver, place, scenario, seed * 10_000 + number, crash, most or driver.most_seconds
            )
            uses = ROUNDS_PER_STORE if is_spent else uses + 1
            tally.add(scenario, seed * 10_000 + number, told)
            if not most:
                print(number + 1, scenario, told["acknowledged"], f"{told['seconds']:.2f} s", told["wrong"], flush=True)
    tally.starts = sorted(driver.starts) if isinstance(driver, HttpDriver) else []
    return tally


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Runs a fault campaign.")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--http", action="store_true", help="kill a served Careloom, not a process of its services")
    parser.add_argument("--most", type=float, default=0.0, help="CPU seconds after which a kill comes at the latest")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    started = time.monotonic()
    driver = HttpDriver() if asked.http else ServicesDriver()
    tally = run(
        asked.database, asked.rounds, seed=asked.seed, minutes=asked.minutes, most=asked.most, driver=driver,
        is_durable=True,
    )  # fmt: skip
    text = tally.text(f"{asked.database}{' over HTTP' if asked.http else ''}", time.monotonic() - started)
    print(text)
    if asked.out:
        with asked.out.open("a") as file:
            file.write(text)
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
