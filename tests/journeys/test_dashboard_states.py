"""Every place of the navigation when it is empty, when the API does not answer, and while it is on its way."""

import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from careloom.dashboard.places import PLACES
from tests.journeys.browser import Served, Visitor, dashboard

PARTS = [place.part for place in PLACES]
LOOKS = [("light", 1440), ("dark", 375)]
ANSWER = Callable[..., Any]


class Switch:
    """The API behind a switch: as it is, away (503), or held until somebody lets it go."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.is_away = False
        self.held = threading.Event()
        self.held.set()

    def __call__(self, environ: dict[str, Any], start_response: ANSWER) -> Iterable[bytes]:
        """Answers a request."""
        if self.is_away:
            start_response("503 Service Unavailable", [("Content-Type", "application/problem+json")])
            return [
                b'{"type":"about:blank","title":"the store is away","status":503,"code":"setup.unavailable",'
                b'"remedy":"Try again in a moment."}'
            ]
        self.held.wait(30)
        answered: Iterable[bytes] = self.app(environ, start_response)
        return answered


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with dashboard(tmp_path_factory.mktemp("states"), is_filled=False) as made:
        made.api = Switch(made.api)
        yield made


@pytest.fixture(scope="module")
def visitor(browser: Browser, served: Served, request: pytest.FixtureRequest) -> Iterator[Visitor]:
    scheme, width = LOOKS[request.param]
    context = browser.new_context(viewport={"width": width, "height": 850}, color_scheme=scheme)
    made = Visitor(context, served)
    made.sign_in("petra.privacy")
    yield made
    context.close()


def cases(shift: int, parts: list[str]) -> pytest.MarkDecorator:
    """Every place every day, every second one dark and narrow; in both looks in the long campaigns."""
    each = [
        pytest.param(
            look, part, marks=() if look == (at + shift) % 2 else pytest.mark.long, id=f"{part}-{LOOKS[look][0]}"
        )
        for look in range(len(LOOKS))
        for at, part in enumerate(parts)
    ]
    return pytest.mark.parametrize(("visitor", "part"), each, indirect=["visitor"])


def judged(visitor: Visitor) -> None:
    """Asks what holds of every page in every state."""
    assert visitor.violations() == []
    assert visitor.elsewhere() == []
    assert visitor.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@cases(0, PARTS)
def test_an_empty_place_says_so_and_is_accessible(visitor: Visitor, part: str) -> None:
    visitor.troubles.clear()
    visitor.go(part)
    judged(visitor)
    assert visitor.troubles == []
    assert "What happened" not in visitor.page.inner_text("#page")
    assert len(visitor.page.inner_text("#page")) > 60


OWN = {"notes"}
"""Places that ask nothing of the API before somebody acts."""


@cases(1, [part for part in PARTS if part not in OWN])
def test_a_place_whose_api_is_away_says_what_to_do(visitor: Visitor, served: Served, part: str) -> None:
    visitor.go("nowhere")
    served.api.is_away = True
    try:
        visitor.go(part)
        expect(visitor.page.locator("h1")).to_have_text("Not now")
        expect(visitor.page.locator("#page [role=alert]")).to_contain_text("tell the operator of the platform")
        judged(visitor)
    finally:
        served.api.is_away = False


@pytest.mark.parametrize("visitor", [0, 1], indirect=True)
def test_a_page_on_its_way_is_accessible_and_announced_when_it_is_there(visitor: Visitor, served: Served) -> None:
    visitor.go("")
    served.api.held.clear()
    try:
        visitor.page.evaluate("document.querySelector(\".nav a[href$='/runs']\").click()")
        visitor.page.wait_for_selector("#page[data-dash-is-loading]")
        judged(visitor)
    finally:
        served.api.held.set()
    visitor.settled()
    expect(visitor.page.locator("#announce")).to_have_text("Runs")


def test_a_page_that_was_shown_stays_and_says_that_it_is_old(browser: Browser, served: Served, tmp_path: Path) -> None:
    context = browser.new_context()
    visitor = Visitor(context, served)
    visitor.sign_in("petra.privacy")
    visitor.page.clock.install()
    served.api.is_away = True
    try:
        visitor.page.clock.fast_forward(60_000)
        expect(visitor.page.locator("#stale-line")).to_contain_text("No news for a while")
        assert visitor.page.locator("h1").inner_text() == "Overview"
        judged(visitor)
    finally:
        served.api.is_away = False
        context.close()
