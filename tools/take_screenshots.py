"""Takes the pictures of the dashboard in docs/images from the simulated hospital: `python tools/take_screenshots.py`.

With names of pages, as in `dashboard-NAME-light-wide.png`, it takes those alone.

The hospital's feeds arrive over two weeks of a clock that the tool moves back; each page is taken light and dark, wide
and narrow. Pictures keep 256 colours, so that the repository stays small.
"""

import base64
import struct
import sys
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from careloom.client.credentials import Bearer  # noqa: E402
from careloom.runtime import Runtime, packaged  # noqa: E402
from careloom.services import operator_logs  # noqa: E402
from careloom.services.annotate import AnnotateAsk  # noqa: E402
from careloom.services.annotate_notes import annotate  # noqa: E402
from careloom.services.deidentify import deidentify  # noqa: E402
from careloom.services.duplicates import look as look_for_duplicates  # noqa: E402
from careloom.services.ingest import IngestAsk, ingest  # noqa: E402
from careloom.services.jobs import submit_ingest, work  # noqa: E402
from careloom.services.linkage import run as link  # noqa: E402
from careloom.services.normalize import NormalizeAsk, normalize  # noqa: E402
from careloom.services.quality import QualityAsk, quality  # noqa: E402
from tests.journeys.browser import Served, Visitor, chromium, dashboard  # noqa: E402

IMAGES = ROOT / "docs" / "images"
SIZES = {"wide": (1440, 900), "narrow": (375, 780)}
DAYS = 14
STEWARD = "sam.steward"
PATIENT = "Carter"
"""One of the simulated hospital with a history of years."""

OPERATIONS = {
    "operations": "", "jobs": "/jobs", "queue": "/queues", "logs": "/logs", "usage": "/usage?window=1h",
    "costs": "/costs?cpu_hour=0.05&gigabyte=0.02&unit=EUR",
}  # fmt: skip

PRIVACY = {
    "privacy": "", "audit": "/audit", "erasure": "/erasure?patient=STORED", "requests": "/requests?patient=STORED",
    "erasure-confirm": "/erasure?patient=STORED&step=confirm", "retention": "/retention",
}  # fmt: skip

LABS = """Fallnummer;Pat-Nr;Parameter;LOINC;Wert;Einheit;Abnahme;Befund
F1;P-7;Natrium;2951-2;"138,5";mmol/l;21.03.2024 07:15;ok
F1;P-7;Hämoglobin;718-7;"13,1";g/dl;21.03.2024 07:15;ok
"""
"""An extract that nobody has mapped."""

QUANTIZE = """async (png) => {
  const image = new Image();
  image.src = 'data:image/png;base64,' + png;
  await image.decode();
  const canvas = new OffscreenCanvas(image.width, image.height);
  const context = canvas.getContext('2d');
  context.drawImage(image, 0, 0);
  const pixels = new Uint32Array(context.getImageData(0, 0, image.width, image.height).data.buffer);
  const counts = new Map();
  for (const pixel of pixels) { counts.set(pixel, (counts.get(pixel) || 0) + 1); }
  const split = pixel => [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255];
  const common = [...counts.entries()].sort((a, b) => b[1] - a[1]).map(each => each[0]);
  const palette = [], far = 5;
  for (const pixel of common) {
    if (palette.length === 256) { break; }
    const own = split(pixel);
    if (palette.every(each => each.some((value, part) => Math.abs(value - own[part]) > far))) { palette.push(own); }
  }
  const nearest = new Map();
  for (const pixel of common) {
    const own = split(pixel);
    let best = 0, least = Infinity;
    palette.forEach((each, index) => {
      const distance = each.reduce((sum, value, part) => sum + (value - own[part]) ** 2, 0);
      if (distance < least) { least = distance; best = index; }
    });
    nearest.set(pixel, best);
  }
  let indices = '';
  for (const pixel of pixels) { indices += String.fromCharCode(nearest.get(pixel)); }
  return { width: image.width, height: image.height, palette: palette.flat(), indices: btoa(indices) };
}"""
"""The commonest colours that differ, and for each pixel the nearest of them."""


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
        for scheme in ("light", "dark"):
            for name, size in SIZES.items():
                take(browser, served, scheme, name, size)


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


@dataclass
class Camera:
    """Takes pictures of what one visitor sees, in one scheme and size."""

    visitor: Visitor
    painter: Page
    ending: str

    def keep(self, page: str) -> None:
        """Writes a picture, unless the command line names other pages."""
        if sys.argv[1:] and page not in sys.argv[1:]:
            return
        self.visitor.page.mouse.move(0, 0)
        self.visitor.page.evaluate("document.activeElement.blur()")
        self.visitor.page.wait_for_timeout(300)
        write(self.painter, self.visitor.page.screenshot(), IMAGES / f"dashboard-{page}-{self.ending}.png")


def take(browser: Browser, served: Served, scheme: str, name: str, size: tuple[int, int]) -> None:
    """All pages in one scheme and size."""
    painter = browser.new_page()
    for tour in (tour_of_governance, tour_of_data, tour_of_exploring, tour_of_linkage):
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,  # type: ignore[arg-type]
        )
        tour(Camera(Visitor(context, served), painter, f"{scheme}-{name}"))
        context.close()
    painter.close()


def tour_of_data(camera: Camera) -> None:
    """What a data engineer and privacy officer sees."""
    visitor = camera.visitor
    visitor.page.goto(visitor.served.url)
    camera.keep("sign-in")
    visitor.sign_in("petra.privacy")
    camera.keep("overview")
    visitor.go("runs")
    camera.keep("runs")
    visitor.page.locator("#page tbody a").first.click()
    visitor.page.wait_for_selector(".facts")
    camera.keep("run")
    visitor.go("quarantine")
    camera.keep("quarantine")
    visitor.go("reports/new?at=quality%3Fzone%3Dresearch")
    camera.keep("reports-new")
    visitor.go("runs/draft")
    table = {"name": "labs.csv", "mimeType": "text/csv", "buffer": LABS.encode()}
    visitor.page.locator("input[type=file]").set_input_files([table])
    visitor.page.get_by_role("heading", name="The mapping").wait_for()
    camera.keep("draft-mapping")
    visitor.go("quality")
    camera.keep("quality")
    visitor.page.locator("#page tbody a:visible").first.click()
    visitor.settled()
    camera.keep("quality-rule")
    visitor.go("normalize")
    visitor.page.locator("#page tbody a").first.click()
    visitor.page.get_by_role("heading", name="Would change").wait_for()
    camera.keep("normalize")
    tour_of_deidentification(camera)
    tour_of_notes(camera)
    visitor.go("patients")
    camera.keep("patients")
    visitor.page.fill("#find-name", PATIENT)
    visitor.page.press("#find-name", "Enter")
    visitor.page.locator(f"#found a:has-text('{PATIENT}')").first.click()
    visitor.page.wait_for_selector("#timeline .main-svg")
    visitor.page.locator("h2:has-text('Timeline')").scroll_into_view_if_needed()
    visitor.settled()
    camera.keep("patient")


def tour_of_notes(camera: Camera) -> None:
    """A text that is read, with one annotation chosen; stored notes, one of them, and all of them together."""
    visitor = camera.visitor
    visitor.go("notes")
    visitor.page.click("#note-sample")
    expect(visitor.page.locator("#note-text")).not_to_have_value("")
    visitor.page.click("#note-go")
    visitor.page.wait_for_selector("button.nv-mark")
    visitor.page.locator(".nv-node", has_text="Metformin").first.click()
    visitor.page.locator("h2:has-text('The text')").evaluate("one => one.scrollIntoView()")
    camera.keep("notes")
    visitor.go("notes/find?type=problem")
    camera.keep("notes-find")
    visitor.go(f"notes/identified/{note_of(visitor.served)}?view=beside")
    camera.keep("note-beside")
    visitor.go("notes/corpus")
    visitor.page.wait_for_selector("#corpus-types .main-svg")
    visitor.page.locator("#corpus-pairs").evaluate("one => one.closest('section').scrollIntoView()")
    camera.keep("notes-corpus")


def tour_of_exploring(camera: Camera) -> None:
    """What a zone holds, alone and beside another, and a cohort of it."""
    visitor = camera.visitor
    camera.visitor.sign_in("petra.privacy")
    visitor.go("explore?source=silver/observations")
    camera.keep("explore")
    visitor.go("explore?zone=identified&source=observation&look=distribution&column=value&against=research")
    camera.keep("explore-beside")
    visitor.go("cohorts/readmission_30_days?zone=identified")
    camera.keep("cohort")
    visitor.go("cohorts/build?zone=identified&a=40")
    camera.keep("cohort-build")


def tour_of_deidentification(camera: Camera) -> None:
    """The policies and runs, one policy, what a run took out, and a note beside what comes out of it."""
    visitor = camera.visitor
    visitor.go("deidentify")
    camera.keep("deidentify")
    visitor.go("deidentify/policies/safe-harbor?find=zip")
    camera.keep("deidentify-policy")
    visitor.go("deidentify")
    visitor.page.locator("#page section:has(h2:text-is('Runs')) tbody a").first.click()
    visitor.page.get_by_role("heading", name="Identifiers taken out").wait_for()
    visitor.settled()
    camera.keep("deidentify-run")
    visitor.go(f"deidentify/compare/DocumentReference/{note_of(visitor.served)}?policy=expert")
    camera.keep("deidentify-compare")


def tour_of_governance(camera: Camera) -> None:
    """What a privacy officer sees who operates the platform, too."""
    camera.visitor.sign_in("petra.privacy")
    tour_of_operations(camera)
    tour_of_privacy(camera)


def tour_of_operations(camera: Camera) -> None:
    """What whoever operates the platform sees."""
    visitor = camera.visitor
    for name, address in OPERATIONS.items():
        visitor.go(f"operations{address}")
        for figure in visitor.page.locator(".figure").all():
            figure.locator(".main-svg").first.wait_for()
        camera.keep(name)
    visitor.go("operations/jobs?kind=ingest")
    visitor.page.locator("#page tbody a").first.click()
    visitor.page.wait_for_selector("#job-live")
    visitor.settled()
    camera.keep("job")


def tour_of_privacy(camera: Camera) -> None:
    """What a privacy officer sees."""
    visitor = camera.visitor
    stored = next(visitor.served.installation.platform.store("identified").scan(["Patient"])).id
    for name, address in PRIVACY.items():
        visitor.go(f"privacy{address}".replace("STORED", stored))
        camera.keep(name)


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
    work(platform, once=True)
    submit_ingest(platform, operator, IngestAsk((files[0],)))


def note_of(served: Served) -> str:
    """The id of a note with a telephone number in it."""
    for stored in served.installation.platform.store("identified").scan(["DocumentReference"]):
        data = str(stored.resource()["content"][0]["attachment"].get("data", ""))
        if b"Questions: call" in base64.b64decode(data):
            return stored.id
    raise SystemExit("the sample hospital has no such note")


def tour_of_linkage(camera: Camera) -> None:
    """What a data steward sees."""
    visitor = camera.visitor
    visitor.sign_in(STEWARD)
    visitor.go("linkage")
    visitor.page.locator("#page .tabs a:has-text('Linked')").click()
    visitor.page.wait_for_selector("#page table a:visible")
    camera.keep("linkage")
    visitor.page.locator("#page table a:visible").first.click()
    visitor.settled()
    camera.keep("linkage-pair")
    visitor.go("linkage/duplicates")
    camera.keep("linkage-duplicates")


def write(painter: Page, png: bytes, place: Path) -> None:
    """Writes a picture with a palette. source  PNG (ISO/IEC 15948:2004), colour type 3."""
    found = painter.evaluate(QUANTIZE, base64.b64encode(png).decode())
    width, height, indices = found["width"], found["height"], base64.b64decode(found["indices"])
    rows = b"".join(b"\0" + indices[start : start + width] for start in range(0, width * height, width))
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", bytes(found["palette"])),
        (b"IDAT", zlib.compress(rows, 9)),
        (b"IEND", b""),
    ]
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    place.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    print(f"{place.relative_to(ROOT)}  {place.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
