"""Takes the pictures of the dashboard in docs/images from the simulated hospital: `python tools/take_screenshots.py`.

With names of pages, as in `dashboard-NAME-light-wide.png`, it takes those alone.

The hospital's feeds arrive over two weeks of a clock that the tool moves back; each page is taken light and dark, wide
and narrow. Pictures keep 256 colours, so that the repository stays small.
"""

import tempfile
import zipfile
import zlib
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

from screenshot_camera import take
from screenshot_tours import STEWARD, TOURS

from careloom.client.credentials import Bearer
from careloom.runtime import Runtime, packaged
from careloom.services import operator_logs
from careloom.services.annotate import AnnotateAsk
from careloom.services.annotate_notes import annotate
from careloom.services.annotations import submit as submit_annotate
from careloom.services.deidentify import deidentify
from careloom.services.duplicates import look as look_for_duplicates
from careloom.services.ingest import IngestAsk, ingest
from careloom.services.jobs import submit_ingest, work
from careloom.services.linkage import run as link
from careloom.services.normalize import NormalizeAsk, normalize
from careloom.services.quality import QualityAsk, quality
from tests.journeys.browser import Served, chromium, dashboard

DAYS = 14


class Clock:
    """The real time, moved back as far as it is told."""

    def __init__(self) -> None:
        self.back = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) - self.back


def main() -> None:
    """Fills an installation, opens each page and keeps its pictures."""
    clock = Clock()
    with (
        tempfile.TemporaryDirectory(prefix="careloom-pictures-") as folder,
        dashboard(Path(folder), runtime=Runtime(clock), is_filled=False) as served,
        chromium() as browser,
    ):
        arrive(served, Path(folder) / "feeds", clock)
        take(browser, served, TOURS)


def arrive(served: Served, folder: Path, clock: Clock) -> None:
    """The hospital's files, some of them every day."""
    with zipfile.ZipFile(BytesIO(packaged("sample", "hospital.zip"))) as archive:
        archive.extractall(folder)
    files = sorted(
        (file for file in folder.rglob("*") if file.is_file()), key=lambda file: zlib.crc32(file.name.encode())
    )
    for day in range(DAYS):
        clock.back = timedelta(days=DAYS - 1 - day, minutes=20)
        ingest(served.installation.platform, served.installation.operator, IngestAsk(tuple(files[day::DAYS])))
        if day % 4 == 3:
            quality(served.installation.platform, served.installation.operator, QualityAsk())
    clock.back = timedelta()
    quality(served.installation.platform, served.installation.operator, QualityAsk())
    link(served.installation.platform, served.installation.operator)
    normalize(served.installation.platform, served.installation.operator, NormalizeAsk(is_rehearsal=True))
    look_for_duplicates(served.installation.platform, served.installation.operator)
    deidentify(served.installation.platform, served.installation.operator)
    annotate(served.installation.platform, served.installation.operator, AnnotateAsk())
    work_through(served, folder)
    steward = served.installation.register(["data-steward"], ["identified"], name=STEWARD, kind="person")
    served.secrets[STEWARD] = steward.secret


def work_through(served: Served, folder: Path) -> None:
    """Some jobs that a worker did, one that failed, and the log of it all."""
    operator_logs.keep_lines(served.installation.platform.settings)
    platform, operator = served.installation.platform, served.installation.operator
    files = sorted((file for file in folder.rglob("*") if file.is_file()), key=lambda file: -file.stat().st_size)
    for file in files[:6]:
        submit_ingest(platform, operator, IngestAsk((file,)))
    with served.client(Bearer(served.installation.token())) as api:
        for _ in range(20):
            api.overview()
            api.audit.events(limit=20)
        api.audit.verify("identified")
        api.quality.look("identified")
    (gone := folder / "gone.ndjson").write_bytes(b"{}")
    submit_ingest(platform, operator, IngestAsk((gone,)))
    gone.unlink()
    submit_annotate(platform, operator, AnnotateAsk())
    work(platform, once=True)
    submit_ingest(platform, operator, IngestAsk((files[0],)))


if __name__ == "__main__":
    main()
