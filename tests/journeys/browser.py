"""The dashboard over the real API in this process, and a real browser before it; skips loudly where there is none."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import WSGIRequestHandler, make_server

from careloom.client.careloom import Careloom
from careloom.dashboard.app import create_dashboard
from careloom.runtime import Runtime
from careloom.serve import people_pages
from careloom.services.deidentify import deidentify
from careloom.services.quality import QualityAsk, quality
from tests.api.kit import Installation
from tests.journeys.server import free_port
from tests.journeys.small_hospital import feed

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage", "--in-process-gpu",
    "--renderer-process-limit=1", "--num-raster-threads=1", "--disable-gpu-rasterization", "--disable-smooth-scrolling",
    "--js-flags=--single-threaded,--max-opt=1",
]  # fmt: skip
"""Few processes, and scripts that are not optimized: a page lives for seconds, and this takes a quarter less."""
PEOPLE = {
    "petra.privacy": (["privacy-officer", "data-engineer"], ["landing", "identified", "research", "synthetic"]),
    "grace.clinician": (["clinician"], ["identified"]),
    "alan.scientist": (["data-scientist"], ["research"]),
    "adam.admin": (["administrator"], ["landing", "identified", "research"]),
}
WAIT_MILLISECONDS = 90_000


@dataclass
class Served:
    """A dashboard that listens.

    url      of its overview, with a slash at its end
    secrets  of `PEOPLE`, by name
    api      the WSGI application of the API alone
    """

    url: str
    installation: Installation
    api: Any
    secrets: dict[str, str] = field(repr=False)

    def client(self, credential: Any) -> Careloom:
        """The SDK, within this process."""
        return Careloom(
            self.installation.platform.settings.base_url, credential, transport=httpx.WSGITransport(app=self.api)
        )


@contextmanager
def dashboard(
    folder: Path, *, is_filled: bool = True, runtime: Runtime | None = None, gates: Path | None = None, **api: Any
) -> Iterator[Served]:
    """API and dashboard on a free port of this machine, with everybody of `PEOPLE` registered.

    is_filled  two patients and some refused records have arrived, and the research zone is made
    gates      a folder of gates of models
    api        settings of the section [api]
    """
    port = free_port()
    models = {} if gates is None else {"gates": gates}
    with Installation(folder, runtime, api={"port": port, **api}, models=models) as installation:
        secrets = {
            name: installation.register(roles, zones, name=name, kind="person").secret
            for name, (roles, zones) in PEOPLE.items()
        }
        if is_filled:
            installation.ingest(feed())
            deidentify(installation.platform, installation.operator)
            for zone in ("research", "identified", "identified"):
                quality(installation.platform, installation.operator, QualityAsk(zone))
        served = Served(f"http://127.0.0.1:{port}/dashboard/", installation, installation.app, secrets)
        seconds = installation.platform.settings.api.session_seconds
        pages = create_dashboard(
            served.client,
            b"a secret of these tests only",
            seconds,
            is_secure=False,
            runtime=runtime,
            people=people_pages(installation.platform),
        )
        server = make_server(
            "127.0.0.1",
            port,
            DispatcherMiddleware(served.api, {"/dashboard": pages}),
            threaded=True,
            request_handler=Quiet,
        )
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's browser without a window: the engine alone, which takes a third less, or the whole browser."""
    found = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if found is None:
        pytest.skip("there is no chromium on the PATH: install it to see the dashboard as people do")
    expect.set_options(timeout=WAIT_MILLISECONDS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


class Quiet(WSGIRequestHandler):
    """Serves without a word."""

    def log_request(self, *_: object) -> None:
        return


class Visitor:
    """One person before the dashboard, whose browser notes everything that goes wrong.

    troubles  errors in the console (a violated content security policy is one), uncaught exceptions
    requests  addresses of every request
    """

    def __init__(self, context: BrowserContext, served: Served) -> None:
        self.served = served
        self.page: Page = context.new_page()
        self.page.set_default_timeout(WAIT_MILLISECONDS)
        self.troubles: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.troubles.append(f"exception: {error}"))
        self.page.on("request", self._request)

    def sign_in(self, name: str) -> None:
        """Through the form, to wherever the form leads."""
        if "/sign-in" not in self.page.url:
            self.page.goto(self.served.url)
        self.page.evaluate("const more = document.querySelector('details.by-secret'); if (more) { more.open = true; }")
        self.page.fill("#client_id", name)
        self.page.fill("#secret", self.served.secrets[name])
        self.page.click("button[type=submit]")
        self.settled()

    def go(self, path: str) -> None:
        """Follows a link to a page, e.g. ``runs``, and waits until it is drawn."""
        self.page.evaluate(
            "at => { const link = document.createElement('a'); link.href = at; document.body.append(link);"
            " link.click(); link.remove(); }",
            f"/dashboard/{path}",
        )
        self.page.wait_for_selector(f"html[data-at='/dashboard/{path}']")
        self.settled()

    def load(self, path: str) -> None:
        """Loads a page as if its address was typed, and waits until it is drawn."""
        self.page.goto(self.served.url + path)
        self.settled()

    def settled(self) -> None:
        """Waits until a page is drawn and nothing is loading."""
        self.page.wait_for_selector("#page #title")
        self.page.wait_for_selector("[data-dash-is-loading]", state="detached")
        if self.page.locator("#timeline").count():
            self.page.wait_for_selector("#timeline .main-svg")

    def violations(self) -> list[str]:
        """What axe-core finds wrong with the page, of any impact."""
        found = Axe().run(self.page).response["violations"]
        return [
            f"{each['id']} ({each['impact']}): {node['html'][:200]} {node.get('failureSummary', '')[:300]}"
            for each in found
            for node in each["nodes"]
        ]

    def elsewhere(self) -> list[str]:
        """Requests that left the origin."""
        origin = self.served.url.removesuffix("dashboard/")
        return [url for url in self.requests if not url.startswith((origin, "data:", "blob:"))]

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.troubles.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        self.requests.append(request.url)
