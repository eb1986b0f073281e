"""Bulk export from the sealed store to sealed NDJSON files, on one core: unseal, unpack, write, hash, seal.

CARELOOM_SUITES=... python bench/bench_export.py [--profile]
"""

import cProfile
import os
import pstats
import sys
import tempfile
import time
from pathlib import Path

from careloom.services.access import local_operator
from careloom.services.export import export
from careloom.services.export_ask import ExportAsk
from careloom.services.exports import remove
from careloom.services.ingest import IngestAsk, ingest
from careloom.services.platform import Platform
from careloom.settings import Data, Settings
from measure import report

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from make_ndjson import source_resources, write_fresh  # noqa: E402

RESOURCES = 20_000
RUNS = 5


def once(platform: Platform, ask: ExportAsk, number: int) -> tuple[float, float]:
    """CPU and wall seconds of one export."""
    cpu, wall = time.process_time(), time.perf_counter()
    export(platform, local_operator("bench"), ask, f"bench-{number}")
    spent = time.process_time() - cpu, time.perf_counter() - wall
    remove(platform, f"bench-{number}")
    return spent


def main() -> None:
    """Runs on Synthea's resources under CARELOOM_SUITES."""
    suites = os.environ.get("CARELOOM_SUITES")
    if not suites:
        raise SystemExit("Set CARELOOM_SUITES: the store is made of Synthea's resources.")
    with tempfile.TemporaryDirectory() as name:
        feed = Path(name) / "feed.ndjson"
        write_fresh(feed, source_resources(Path(suites)), limit=RESOURCES)
        with Platform(Settings(data=Data(directory=Path(name) / "data"))) as platform:
            ingest(platform, local_operator("bench"), IngestAsk((feed,)))
            count = sum(platform.store("identified").count().values())
            whole = ExportAsk("identified")
            once(platform, whole, 0)
            runs = sorted(once(platform, whole, number) for number in range(1, RUNS + 1))
            cpu, wall = runs[RUNS // 2]
            report("$export, resources per CPU second, one core", count / cpu, "1/s", must=40_000, aim=120_000)
            report("$export, resources per wall second, one process", count / wall, "1/s")
            if "--profile" in sys.argv:
                with cProfile.Profile() as profile:
                    once(platform, whole, RUNS + 1)
                pstats.Stats(profile).sort_stats("tottime").print_stats(18)


if __name__ == "__main__":
    main()
