"""Bulk ingest end to end: NDJSON of simulated resources to the durable, sealed, indexed, audited store, on one core."""

import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import orjson

from careloom.services.access import local_operator
from careloom.services.ingest import IngestAsk, ingest
from careloom.services.platform import Platform
from careloom.settings import Data, Settings
from measure import report

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from make_ndjson import source_resources, write_fresh  # noqa: E402

RESOURCES = 30_000
RUNS = 3


def once(folder: Path, feed: Path) -> tuple[float, float, int]:
    """CPU and wall seconds of one run into an empty store, and how many resources it stored."""
    with Platform(Settings(data=Data(directory=folder))) as platform:
        platform.store("identified")
        cpu, wall = time.process_time(), time.perf_counter()
        manifest = ingest(platform, local_operator("bench"), IngestAsk((feed,)))
        spent = time.process_time() - cpu, time.perf_counter() - wall
    if manifest.quarantined:
        raise SystemExit(f"{manifest.quarantined} records of the benchmark's feed were refused")
    return (*spent, sum(manifest.written.values()))


def main() -> None:
    """Runs on Synthea's resources under CARELOOM_SUITES, repeated under fresh ids."""
    suites = os.environ.get("CARELOOM_SUITES")
    if not suites:
        raise SystemExit("Set CARELOOM_SUITES: the feed is made of Synthea's resources.")
    resources = source_resources(Path(suites))
    with tempfile.TemporaryDirectory() as name:
        feed = Path(name) / "feed.ndjson"
        write_fresh(feed, resources, limit=RESOURCES)
        runs = sorted(once(Path(name) / f"data{number}", feed) for number in range(RUNS))
    cpu, wall, count = runs[RUNS // 2]
    size = feed_mean(resources)
    report("ingest, resources per CPU second, one core", count / cpu, "1/s", must=6_000, aim=15_000)
    report("ingest, resources per wall second, one process", count / wall, "1/s", must=6_000, aim=15_000)
    report("ingest, mean resource", size, "bytes")
    report("ingest, peak memory of 30,000", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MB")


def feed_mean(resources: list[dict[str, object]]) -> float:
    """Mean size of a resource in bytes."""
    return sum(len(orjson.dumps(r)) for r in resources) / len(resources)


if __name__ == "__main__":
    main()
