"""Peak memory of looking at a million resources. Takes minutes, so `make bench` leaves it out.

Usage: CARELOOM_SUITES=... python bench/campaign_quality_memory.py [RESOURCES]   the rules alone, on Synthea's
       CARELOOM__DATA__DIRECTORY=... python bench/campaign_quality_memory.py store   `careloom quality` on what is there

A store of 1,072,000 resources: `careloom simulate OUT --patients 1900 --seed 11 --feeds bulk --no-notes`, then
`careloom ingest OUT/feeds/SITE/bulk --source SITE` for each site.
"""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from careloom.quality.assessment import Assessment
from careloom.quality.report import report_of
from careloom.quality.rules import packaged_rulebook
from careloom.quality.scene import IdSet, Scene
from measure import report

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from make_ndjson import fresh, source_resources  # noqa: E402

RESOURCES = 1_000_000
MUST_MEGABYTES, AIM_MEGABYTES = 600, 300
"""The limits of ingesting as much."""


def peak_megabytes() -> float:
    """The most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def over_the_store() -> None:
    """One look at the identified zone of the installation that the environment names, in a process of its own."""
    start = time.monotonic()
    command = [str(Path(sys.executable).with_name("careloom")), "quality", "--json"]
    told = orjson.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = used.ru_utime + used.ru_stime
    report("quality, resources of the store looked at", told["resources"], "")
    report("quality over the store, peak memory of the process", used.ru_maxrss / 1024, "MB", must=MUST_MEGABYTES,
           aim=AIM_MEGABYTES, lower_is_better=True)  # fmt: skip
    report("quality over the store, resources per CPU second", told["resources"] / seconds, "1/s")
    report("quality over the store, resources per second, wall", told["resources"] / (time.monotonic() - start), "1/s")


def main() -> None:
    """What the command line asks for."""
    if sys.argv[1:] == ["store"]:
        over_the_store()
    else:
        in_memory()


def in_memory() -> None:
    """Streams Synthea's resources under fresh ids past all rules, as a look at a zone does; none is kept."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else RESOURCES
    source = source_resources(Path(os.environ["CARELOOM_SUITES"]))

    def stream() -> Iterator[dict[str, Any]]:
        return map(orjson.loads, islice(fresh(source), count))

    before = peak_megabytes()
    scene = Scene(time.time() / 86400, IdSet(f"{one['resourceType']}/{one['id']}" for one in stream()))
    for one in stream():
        scene.meet(one)
    scene.stays.freeze()
    assessment, book = Assessment(packaged_rulebook(), scene), packaged_rulebook()
    start = time.process_time()
    for row, one in enumerate(stream()):
        assessment.take(one, row, "bench")
    told = report_of(assessment.finish(), book)
    report("quality, resources looked at", told["resources"], "")
    report("quality, peak memory beyond the generator's", peak_megabytes() - before, "MB", lower_is_better=True)
    report("quality, bytes a resource", (peak_megabytes() - before) * 1_048_576 / count, "B", lower_is_better=True)
    report("quality, resources per CPU second, generator included", count / (time.process_time() - start), "1/s")


if __name__ == "__main__":
    main()
