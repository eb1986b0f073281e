"""De-identification, whole runs over the bundled simulated hospital, on one core: resources, and resources with texts.

A run reads the identified zone, takes identity out, looks for leaks, writes the sealed research zone with its search
entries and the tables, measures the risk and signs its report.
"""

import os
import shutil
import tempfile
import time
import zipfile
from base64 import b64decode
from io import BytesIO
from pathlib import Path

os.environ.setdefault("POLARS_MAX_THREADS", "1")

from careloom.runtime import packaged
from careloom.services.access import local_operator
from careloom.services.deidentify import DeidentifyReport, deidentify
from careloom.services.ingest import IngestAsk, ingest
from careloom.services.leak_scan import ScanAsk, scan_for_leaks
from careloom.services.platform import Platform
from careloom.settings import Data, Settings
from measure import report

WHO = local_operator("bench")
RUNS = 3


def opened(folder: Path) -> Platform:
    """The installation whose data lie in a folder."""
    return Platform(Settings(data=Data(directory=folder)))


def run(base: Path, work: Path, policy: str) -> tuple[float, DeidentifyReport]:
    """CPU seconds of a first run under a policy, the best of some, and its report."""
    taken = []
    for number in range(RUNS):
        folder = work / f"{policy}{number}"
        shutil.copytree(base, folder)
        with opened(folder) as platform:
            start = time.process_time()
            made = deidentify(platform, WHO, policy)
            taken.append(time.process_time() - start)
    return min(taken), made


def text_bytes(base: Path) -> int:
    """How many bytes the plain notes have."""
    with opened(base) as platform:
        notes = (stored.resource() for stored in platform.store("identified").scan(["DocumentReference"]))
        found = (part.get("attachment", {}) for one in notes for part in one.get("content", ()))
        return sum(len(b64decode(one.get("data", ""))) for one in found if "plain" in one.get("contentType", ""))


def main() -> None:
    """Ingests the hospital once; each run has a copy of its own."""
    with tempfile.TemporaryDirectory() as name:
        work, base = Path(name), Path(name) / "base"
        with zipfile.ZipFile(BytesIO(packaged("sample", "hospital.zip"))) as archive:
            archive.extractall(work / "feeds")
        with opened(base) as platform:
            ingest(platform, WHO, IngestAsk((work / "feeds",)))
        for policy, what in (("first", "no text passes"), ("safe-harbor", "texts pass")):
            seconds, made = run(base, work, policy)
            read = sum(one.read for one in made.types)
            must, aim = (5_000, 15_000) if policy == "first" else (None, None)
            report(
                f"de-identification, a whole run, {what}, resources per CPU second",
                read / seconds,
                "1/s",
                must=must,
                aim=aim,
            )
        report("the plain notes among them", text_bytes(base) / 1000, "kB")
        with opened(work / f"safe-harbor{RUNS - 1}") as platform:
            start = time.process_time()
            scanned = scan_for_leaks(platform, WHO, ScanAsk())
            report(
                "leak scan, bytes of files per CPU second", scanned.bytes / (time.process_time() - start) / 1e6, "MB/s"
            )
            report("leak scan, hits", scanned.hits, "")


if __name__ == "__main__":
    main()
