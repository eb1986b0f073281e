"""Bulk ingest end to end: NDJSON of simulated resources to the durable, sealed, indexed, audited store, on one core."""

import gc
import os
import sys
import tempfile
import time
from pathlib import Path

import orjson

from careloom.services.access import local_operator
from careloom.services.ingest import IngestAsk, ingest
from careloom.services.platform import Platform
from careloom.settings import Data, Settings
from measure import cpu_seconds, report

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
    parse = parse_rate(resources)
    report("ingest, resources per CPU second, one core", count / cpu, "1/s", must=8_000, aim=15_000)
    report("ingest, resources per wall second, one process", count / wall, "1/s", must=8_000, aim=15_000)
    report("the same resources parsed by orjson alone, in the same run", parse, "1/s")
    report("ingest, share of the rate of parsing alone", count / cpu / parse, "")


def parse_rate(resources: list[dict[str, object]]) -> float:
    """Resources per CPU second that orjson parses and throws away: what the machine could do at the time."""
    lines = [orjson.dumps(r) for r in resources[:20_000]]
    gc.disable()
    seconds = cpu_seconds(lambda: [orjson.loads(line) and None for line in lines])
    gc.enable()
    return len(lines) / seconds


if __name__ == "__main__":
    main()
