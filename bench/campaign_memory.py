"""Peak memory of ingesting 2 GB of NDJSON. Takes minutes, so `make bench` leaves it out.

Usage: CARELOOM_SUITES=... python bench/campaign_memory.py [BYTES]
"""

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from make_ndjson import source_resources, write_fresh
from measure import report

SIZE_BYTES = 2_000_000_000


def main() -> None:
    """Writes Synthea's resources under fresh ids until there are enough, and ingests them in a process of its own."""
    size = int(sys.argv[1]) if len(sys.argv) > 1 else SIZE_BYTES
    with tempfile.TemporaryDirectory() as name:
        feed = Path(name) / "feed.ndjson"
        lines = write_fresh(feed, source_resources(Path(os.environ["CARELOOM_SUITES"])), size_bytes=size)
        environment = os.environ | {"CARELOOM__DATA__DIRECTORY": str(Path(name) / "data")}
        command = [sys.executable, "-m", "careloom.cli.main", "ingest", str(feed), "--json"]
        before = os.times()
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        after = os.times()
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    report("ingest of a large NDJSON, peak memory", peak, "MB", must=600, aim=300, lower_is_better=True)
    report("ingest of a large NDJSON, resources", lines, "")
    report("ingest of a large NDJSON, resources per wall second", lines / (after.elapsed - before.elapsed), "1/s")


if __name__ == "__main__":
    main()
