"""Single durable writes through FHIR, beside how often the disk makes a block durable in the same run.

CARELOOM_SUITES=... python bench/bench_writes.py [--database URL] [--profile]

Each write is a whole `careloom.services.write.write`: admitted, validated, sealed twice (what came and what it makes),
indexed, audited, durable. `{zone}` in the URL of PostgreSQL stands for the zone, as everywhere.
"""

import argparse
import cProfile
import os
import pstats
import sys
import tempfile
import threading
import time
from itertools import count, cycle, islice
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from careloom.services.access import local_operator
from careloom.services.changes import Change
from careloom.services.platform import Platform
from careloom.services.write import write
from careloom.settings import Data, Fhir, Settings
from careloom.store.zone_store import ZoneStore
from measure import report

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from make_ndjson import source_resources  # noqa: E402

THREADS = 8
SECONDS = float(os.environ.get("BENCH_SECONDS", "6"))
BLOCK_BYTES = 4096


class Rate(NamedTuple):
    """What a number of threads did: writes, wall and CPU seconds, transactions."""

    writes: int
    wall: float
    cpu: float
    commits: int


def syncs_per_second(folder: Path, seconds: float = 1.0) -> float:
    """How often this disk makes an appended block durable, one after the other: what a write alone waits for."""
    descriptor = os.open(folder / "appended", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    block, done, started = bytes(BLOCK_BYTES), 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        os.write(descriptor, block)
        os.fsync(descriptor)
        done += 1
    os.close(descriptor)
    return done / (time.perf_counter() - started)


def observations(suites: Path, patients: list[str]) -> list[dict[str, Any]]:
    """Observations of Synthea about these patients, with no other reference."""
    kept = []
    for resource in source_resources(suites):
        if resource["resourceType"] == "Observation":
            made = {name: value for name, value in resource.items() if name not in ("id", "encounter", "performer")}
            kept.append(made | {"subject": {"reference": f"Patient/{patients[len(kept) % len(patients)]}"}})
    return kept


def measure(platform: Platform, bodies: list[bytes], threads: int, commits: list[int]) -> Rate:
    """Threads that create one resource after the other for `SECONDS`."""
    who, stop = local_operator("bench"), time.perf_counter() + SECONDS
    done = [0] * threads
    before, cpu, started = commits[0], time.process_time(), time.perf_counter()

    def work(number: int) -> None:
        for body in islice(cycle(bodies), number * 97, None):
            if time.perf_counter() > stop:
                return
            write(platform, who, "identified", Change("create", "Observation", resource=orjson.loads(body)))
            done[number] += 1

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    wall = time.perf_counter() - started
    return Rate(sum(done), wall, time.process_time() - cpu, commits[0] - before)


def counted(store: ZoneStore) -> list[int]:
    """A counter of the store's commits: each moves the anchor once."""
    commits, ticks, move = [0], count(1), store._move_anchor

    def moved(head: Any) -> None:
        commits[0] = next(ticks)
        move(head)

    store._move_anchor = moved  # type: ignore[method-assign]
    return commits


def told(rate: Rate, syncs: float, database: str, threads: int) -> None:
    """Reports one run."""
    what = f"single durable writes, {database}, {threads} thread{'s' if threads > 1 else ''}"
    per_second = rate.writes / rate.wall
    report(what, per_second, "1/s")
    limits = {"must": 6.0, "aim": 20.0} if threads > 1 else {}
    report(f"{what}, times the disk's rate", per_second / syncs, "", **limits)
    report(f"{what}, CPU time of one", rate.cpu / rate.writes * 1000, "ms")
    report(f"{what}, writes in one commit", rate.writes / max(1, rate.commits), "")


def main() -> None:
    """Runs on Synthea's observations under CARELOOM_SUITES."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", help="URL of PostgreSQL; SQLite without it")
    parser.add_argument("--profile", action="store_true", help="where one thread spends its time")
    options = parser.parse_args()
    suites = os.environ.get("CARELOOM_SUITES")
    if not suites:
        raise SystemExit("Set CARELOOM_SUITES: what is written are Synthea's observations.")
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_FOLDER")) as name:
        folder = Path(name)
        data = Data(directory=folder / "data", database=options.database or "")
        with Platform(Settings(data=data, fhir=Fhir(update_creates=True))) as platform:
            who, patients = local_operator("bench"), [f"p{number}" for number in range(50)]
            for one in patients:
                patient = {"resourceType": "Patient", "id": one, "active": True}
                write(platform, who, "identified", Change("update", "Patient", one, resource=patient))
            bodies = [orjson.dumps(one) for one in observations(Path(suites), patients)]
            kind = "PostgreSQL" if options.database else "SQLite"
            commits = counted(platform.store("identified"))
            for threads in (1, THREADS):
                syncs = syncs_per_second(folder)
                rate = measure(platform, bodies, threads, commits)
                after = syncs_per_second(folder)
                report("the disk, appended blocks made durable one by one, in the same run", (syncs + after) / 2, "1/s")
                told(rate, (syncs + after) / 2, kind, threads)
            if options.profile:
                with cProfile.Profile() as profile:
                    for body in bodies[:1000]:
                        change = Change("create", "Observation", resource=orjson.loads(body))
                        write(platform, who, "identified", change)
                pstats.Stats(profile).sort_stats("tottime").print_stats(40)


if __name__ == "__main__":
    main()
