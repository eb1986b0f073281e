"""The dashboard under twenty people: how long a change of page takes, while all of them look around.

Nineteen are sessions over HTTP, who ask what a browser asks for a page and think for one to four seconds; one is a real
browser, whose time ends when the page is drawn. Server, people and browser share the machine. The data is the bundled
simulated hospital, ingested, de-identified and looked at for quality.
"""

import os
import random
import shutil
import statistics
import sys
import tempfile
import threading
import time
import zipfile
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page, sync_playwright

from careloom.runtime import packaged
from careloom.services.access import local_operator
from careloom.services.clients import ClientAsk, register_client
from careloom.services.deidentify import deidentify
from careloom.services.ingest import IngestAsk, ingest
from careloom.services.platform import Platform
from careloom.services.quality import QualityAsk, quality
from careloom.settings import Data, Settings
from measure import report
from server import Server, careloom, free_port

PEOPLE = 20
SECONDS = int(os.environ.get("BENCH_SECONDS", "60"))
THINKS = (1.0, 4.0)
QUICK = (0.5, 1.5)
"""How long who has the browser thinks, so that there are enough changes to judge."""
SEED = 20261201
PATHS = ["", "runs", "quarantine", "quality", "patients", "deidentify", "models", "synthetic", "operations", "notes"]
CALL = "_dash-update-component"


@dataclass
class Told:
    """What people saw: seconds of each change of page, by page, and answers that were none."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


def fill(data: Path, folder: Path) -> str:
    """Makes the installation; the secret of who looks around."""
    with zipfile.ZipFile(BytesIO(packaged("sample", "hospital.zip"))) as archive:
        archive.extractall(folder)
    files = tuple(sorted(file for file in folder.rglob("*") if file.is_file()))
    who = local_operator("bench")
    with Platform(Settings(data=Data(directory=data))) as platform:
        ingest(platform, who, IngestAsk(files))
        deidentify(platform, who)
        quality(platform, who, QualityAsk())
        roles = frozenset({"data-engineer", "privacy-officer", "clinician"})
        zones = frozenset({"landing", "identified", "research", "synthetic"})
        return register_client(platform, who, ClientAsk("mara", roles=roles, zones=zones, kind="person")).secret


class Browsing:
    """One session over HTTP, which asks for pages as the browser's script does."""

    def __init__(self, url: str, secret: str) -> None:
        self.client = httpx.Client(base_url=f"{url}/dashboard/", timeout=60, headers={"Sec-Fetch-Site": "same-origin"})
        self.client.post("sign-in", data={"client_id": "mara", "secret": secret, "next": "/dashboard/"})
        listed = self.client.get("_dash-dependencies").json()
        (self.show,) = [one for one in listed if one["output"].startswith("..page.children")]

    def ask(self, path: str) -> httpx.Response:
        """The page at a path, as the answer that a browser would draw."""
        names = self.show["output"].strip(".").split("...")
        outputs = [dict(zip(("id", "property"), name.rsplit(".", 1), strict=True)) for name in names]
        inputs = [
            {"id": "url", "property": "pathname", "value": f"/dashboard/{path}"},
            {"id": "url", "property": "search", "value": ""},
        ]
        body: dict[str, Any] = {
            "output": self.show["output"], "outputs": outputs, "inputs": inputs, "changedPropIds": ["url.pathname"],
        }  # fmt: skip
        return self.client.post(CALL, json=body)


def look_around(url: str, secret: str, chance: random.Random, until: float, told: Told) -> None:
    """One person over HTTP, until the time is over."""
    person = Browsing(url, secret)
    time.sleep(chance.uniform(0, THINKS[1]))
    while time.monotonic() < until:
        path = chance.choice(PATHS)
        began = time.perf_counter()
        answer = person.ask(path)
        took = time.perf_counter() - began
        if answer.status_code != 200 or b"What happened" in answer.content:
            told.failed.append(f"{path}: {answer.status_code}")
        told.seconds.setdefault(path, []).append(took)
        time.sleep(chance.uniform(*THINKS))


def browse(page: Page, chance: random.Random, until: float) -> list[tuple[float, str]]:
    """One person in a browser: seconds from each click in the navigation until the page is drawn, and of which page."""
    seconds = []
    while time.monotonic() < until:
        link = page.locator(".nav a:not([aria-current])").nth(chance.randrange(8))
        target = link.get_attribute("href") or ""
        began = time.perf_counter()
        link.click()
        page.wait_for_selector(f"html[data-at='{target}']")
        page.wait_for_selector("#page #title")
        seconds.append((time.perf_counter() - began, target))
        page.wait_for_timeout(1000 * chance.uniform(*QUICK))
    return seconds


def measure(server: Server, secret: str) -> None:
    """All twenty at once."""
    chance, told = random.Random(SEED), Told()
    warm = Browsing(server.url, secret)
    for path in PATHS:
        warm.ask(path)
    found = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(f"{server.url}/dashboard/")
        page.fill("#client_id", "mara")
        page.fill("#secret", secret)
        page.click("button[type=submit]")
        page.wait_for_selector("#page #title")
        for path in PATHS:  # what a first visit loads is measured as the weight of a first load
            page.click(f".nav a[href='/dashboard/{path}']")
            page.wait_for_selector(f"html[data-at='/dashboard/{path}']")
            page.wait_for_timeout(700)
        until = time.monotonic() + SECONDS
        people = [
            threading.Thread(target=look_around, args=(server.url, secret, random.Random(seed), until, told))
            for seed in range(PEOPLE - 1)
        ]
        for person in people:
            person.start()
        drawn = browse(page, chance, until)
        for person in people:
            person.join()
        browser.close()
    if told.failed:
        raise SystemExit(f"{len(told.failed)} pages failed, e.g. {told.failed[0]}")
    tell(told, drawn)


def tell(told: Told, drawn: list[tuple[float, str]]) -> None:
    """The report, and the slowest pages on standard error."""
    asked = sorted(1000 * each for some in told.seconds.values() for each in some)
    for path, some in sorted(told.seconds.items(), key=lambda one: -statistics.median(one[1])):
        print(f"{path or 'overview':12} {len(some):4} times, median {1000 * statistics.median(some):5.0f} ms",
              file=sys.stderr)  # fmt: skip
    report(f"dashboard, changes of page by {PEOPLE} people, per second", len(asked) / SECONDS, "1/s")
    report("dashboard, a change of page as asked over HTTP, p50", asked[len(asked) // 2], "ms")
    report("dashboard, a change of page as asked over HTTP, p95", asked[int(0.95 * len(asked))], "ms", must=500,
           aim=250, lower_is_better=True)  # fmt: skip
    for took, path in sorted(drawn, reverse=True)[:5]:
        print(f"drawn {path}: {1000 * took:.0f} ms", file=sys.stderr)
    seen = sorted(1000 * took for took, _ in drawn)
    report("dashboard, a change of page until it is drawn in the browser, p95", seen[int(0.95 * len(seen))], "ms",
           must=500, aim=250, lower_is_better=True)  # fmt: skip


def main() -> None:
    """Runs on the bundled simulated hospital."""
    if not (shutil.which("chromium-headless-shell") or shutil.which("chromium")):
        print("SKIPPED: there is no chromium on the PATH")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        secret = fill(folder / "data", folder / "feeds")
        with careloom(free_port(), folder / "data") as server:
            server.settle()
            measure(server, secret)


if __name__ == "__main__":
    main()
