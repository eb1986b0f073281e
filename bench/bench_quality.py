"""Data quality: how fast resources pass all rules, alone and over the sealed store, on one core."""

import os
import sys
import tempfile
import time
from pathlib import Path

import orjson

from careloom.quality.assessment import Assessment
from careloom.quality.rules import packaged_rulebook
from careloom.quality.scene import IdSet, Scene
from careloom.services.access import local_operator
from careloom.services.ingest import IngestAsk, ingest
from careloom.services.platform import Platform
from careloom.services.quality import QualityAsk, quality
from careloom.settings import Data, Settings
from measure import cpu_seconds, report

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from make_ndjson import source_resources, write_fresh  # noqa: E402

RESOURCES = 30_000


def assess(lines: list[bytes]) -> None:
    """All resources past all rules, parsing included."""
    resources = [orjson.loads(line) for line in lines]
    scene = Scene(time.time() / 86400, IdSet(f"{one['resourceType']}/{one['id']}" for one in resources))
    for one in resources:
        scene.meet(one)
    scene.stays.freeze()
    assessment = Assessment(packaged_rulebook(), scene)
    for row, one in enumerate(resources):
        assessment.take(one, row, "bench")
    assessment.finish()


def over_the_store(folder: Path, feed: Path) -> tuple[float, float, int]:
    """CPU seconds of a look, of reading the same zone alone, and how many resources there were."""
    with Platform(Settings(data=Data(directory=folder))) as platform:
        who = local_operator("bench")
        ingest(platform, who, IngestAsk((feed,)))
        start = time.process_time()
        count = quality(platform, who, QualityAsk())["resources"]
        looked = time.process_time() - start
        start = time.process_time()
        read = sum(1 for stored in platform.store("identified").scan() if stored.resource())
        return looked, time.process_time() - start, min(count, read)


def main() -> None:
    """Runs on Synthea's resources under CARELOOM_SUITES, repeated under fresh ids."""
    suites = os.environ.get("CARELOOM_SUITES")
    if not suites:
        raise SystemExit("Set CARELOOM_SUITES: the feed is made of Synthea's resources.")
    with tempfile.TemporaryDirectory() as name:
        feed = Path(name) / "feed.ndjson"
        write_fresh(feed, source_resources(Path(suites)), limit=RESOURCES)
        lines = feed.read_bytes().splitlines()
        parse = len(lines) / cpu_seconds(lambda: [orjson.loads(line) and None for line in lines])
        alone = len(lines) / cpu_seconds(lambda: assess(lines), repeat=3)
        looked, read, count = over_the_store(Path(name) / "data", feed)
    report("quality, resources per CPU second past all rules, in memory, one core", alone, "1/s")
    report("the same resources parsed by orjson alone, in the same run", parse, "1/s")
    report("quality, share of the rate of parsing alone", alone / parse, "")
    report("quality over the sealed store, resources per CPU second, one core", count / looked, "1/s")
    report("quality over the sealed store, CPU time in times of reading the zone alone", looked / read, "",
           lower_is_better=True)  # fmt: skip


if __name__ == "__main__":
    main()
