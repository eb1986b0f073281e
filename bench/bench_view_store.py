"""A view of laboratory results over a sealed store that it makes itself: two processes, one, and unsealing alone.

    CARELOOM_SUITES=... python bench/bench_view_store.py [RESOURCES]

Observations of Synthea, round after round under fresh ids, about fresh patients; searched by nobody, so the store is
made without search entries. Rates are of wall time: the work is in several processes.
"""

import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson

from bench_views import observations
from careloom.fhir.drafts import Resource
from careloom.services.access import local_operator
from careloom.services.admission import event
from careloom.services.platform import Platform
from careloom.services.view import ViewAsk, view_zone
from careloom.settings import Data, Settings
from careloom.store import bulk
from careloom.store.resources import resource_context
from careloom.store.rows import IndexRows, Tally, Write, canonical
from careloom.store.seal import Bodies
from careloom.store.snapshot import snapshot
from careloom.store.subjects import SubjectKeys
from measure import report

RESOURCES = 1_000_000
ROWS = 5_000
_BODIES = "SELECT rid, id, version, subject, body FROM resource WHERE rid {in} ORDER BY rid"


def fresh(lines: list[bytes], number: int) -> list[Write]:
    """The same Observations under ids and patients of that round."""
    made = []
    for line in lines:
        held: Resource = orjson.loads(line)
        held["id"] = f"{held['id']}-{number}"
        patient = f"{held['subject']['reference'].rpartition('/')[2]}-{number}"
        held["subject"] = {"reference": f"Patient/{patient}"}
        made.append(Write("Observation", held["id"], canonical(held), (patient,), None, "put", held, IndexRows(())))
    return made


def fill(platform: Platform, lines: list[bytes], count: int) -> int:
    """Writes at least that many into the research zone's store; returns how many."""
    store, who, done, number = platform.store("synthetic"), local_operator("bench"), 0, 0

    def told(tally: Tally) -> Any:
        return event(platform, who, "ingest", "synthetic", action="create", subjects=tally.pseudonyms)

    while done < count:
        for start in range(0, len(lines), ROWS):
            with store.transaction(told) as transaction:
                transaction.write(fresh(lines[start : start + ROWS], number))
            done += len(lines[start : start + ROWS])
        number += 1
    return done


def unseal(platform: Platform) -> None:
    """Reads every body and opens its seal, in this process: nothing is parsed."""
    store, opened = platform.store("synthetic"), Bodies().batch_open()
    keys = SubjectKeys(store.keys, store.runtime.random_bytes)
    with store.connect() as connection:
        rows = snapshot(connection, "Observation").rows
        for start in range(0, len(rows), ROWS):
            found = bulk.fetch_in(connection, _BODIES, rows[start : start + ROWS])
            sealers = keys.numbered(connection, {row[3] for row in found})
            for _, name, version, subject, body in found:
                opened(sealers[subject], body, resource_context("synthetic", "Observation", name, version))


def timed(work: Any) -> tuple[float, float]:
    """Wall seconds, and CPU seconds of this process."""

    before, start = time.process_time(), time.perf_counter()
    work()
    return time.perf_counter() - start, time.process_time() - before


def main() -> None:
    """Fills a store, views it, and says what memory it took."""
    if "CARELOOM_SUITES" not in os.environ:
        sys.exit("CARELOOM_SUITES names no folder: nothing to view")
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else RESOURCES
    lines, who = observations(Path(os.environ["CARELOOM_SUITES"])), local_operator("bench")
    with tempfile.TemporaryDirectory() as name:
        with Platform(Settings(data=Data(directory=Path(name) / "data"))) as platform:
            count = fill(platform, lines, wanted)
            alone, alone_cpu = timed(lambda: unseal(platform))
            report("view over the store: unsealing alone, one process", count / alone, "1/s")
            report("the same, CPU time", count / alone_cpu, "1/s")
            for processes, must in ((2, 60_000), (1, None)):
                out = Path(name) / f"labs-{processes}.parquet"
                ask = ViewAsk("labs_wide", out, processes=processes)
                wall, cpu = timed(lambda ask=ask: view_zone(platform, who, "synthetic", ask))
                report(f"view labs_wide over {count:,} sealed, {processes} processes", count / wall, "1/s", must=must)
                report("the same, beside unsealing alone in one", alone / wall, "ratio")
                report(
                    "CPU time of the process that writes, for a resource", 1e6 * cpu / count, "µs", lower_is_better=True
                )
            same = (Path(name) / "labs-1.parquet").read_bytes() == (Path(name) / "labs-2.parquet").read_bytes()
            print(f"the same bytes by one process and by two: {same}")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        report("peak memory of the process that writes", peak, "MB", lower_is_better=True)
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
