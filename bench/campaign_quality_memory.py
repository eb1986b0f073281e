"""Peak memory of looking at a million resources. Takes minutes, so `make bench` leaves it out.

Usage: CARELOOM_SUITES=... python bench/campaign_quality_memory.py [RESOURCES]
"""

import os
import resource
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


def peak_megabytes() -> float:
    """The most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
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
