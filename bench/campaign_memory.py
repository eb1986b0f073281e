"""Peak memory of ingesting 2 GB of NDJSON. Takes minutes, so `make bench` leaves it out.

Usage: CARELOOM_SUITES=... python bench/campaign_memory.py [BYTES]
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measure import report

HERE = Path(__file__).resolve().parent
SIZE_BYTES = 2_000_000_000


def main() -> None:
    """Writes Synthea's resources under fresh ids until there are enough, and ingests them.

    Both in processes of their own: a child starts with the peak of the process that forks it, so this one stays small.
    """
    size = sys.argv[1] if len(sys.argv) > 1 else str(SIZE_BYTES)
    with tempfile.TemporaryDirectory() as name:
        feed = Path(name) / "feed.ndjson"
        made = subprocess.run(
            [sys.executable, str(HERE / "make_ndjson.py"), str(feed), size], check=True, stdout=subprocess.PIPE
        )
        lines = int(made.stdout.split()[0])
        environment = os.environ | {"CARELOOM__DATA__DIRECTORY": str(Path(name) / "data")}
        command = [sys.executable, "-m", "careloom.cli.main", "ingest", str(feed), "--json"]
        started = time.perf_counter()
        running = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(running.pid, 0)
        seconds = time.perf_counter() - started
    if status:
        raise SystemExit("the ingestion failed")
    report("ingest of a large NDJSON, peak memory", usage.ru_maxrss / 1024, "MB", must=600, aim=300,
           lower_is_better=True)  # fmt: skip
    report("ingest of a large NDJSON, resources", lines, "")
    report("ingest of a large NDJSON, resources per wall second", lines / seconds, "1/s")


if __name__ == "__main__":
    main()
