"""What WCAG 2.2 adds at level AA to 2.1, on every place: axe-core cannot judge most of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from careloom.dashboard.places import PLACES
from tests.journeys.browser import Served, Visitor, dashboard

HERE = Path(__file__).parent
PARTS = [place.part for place in PLACES]
SMALLEST_PIXELS = 24
MOST_TABS = 90
SMALL_TARGETS = (HERE / "wcag_small_targets.js").read_text()
HIDDEN_FOCUS = (HERE / "wcag_hidden_focus.js").read_text()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with dashboard(tmp_path_factory.mktemp("wcag")) as made:
        yield made


@pytest.fixture(scope="module")
def visitor(browser: Browser, served: Served) -> Iterator[Visitor]:
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    made = Visitor(context, served)
    made.sign_in("petra.privacy")
    yield made
    context.close()


@pytest.mark.parametrize("part", PARTS)
def test_targets_are_large_or_apart(visitor: Visitor, part: str) -> None:
    """2.5.8 Target Size (Minimum): 24 by 24 CSS pixels, or room around, or within a line of words."""
    visitor.go(part)
    assert visitor.page.evaluate(SMALL_TARGETS, SMALLEST_PIXELS) == []


@pytest.mark.parametrize("part", PARTS)
def test_what_has_the_focus_is_not_hidden_by_what_stands_over_the_page(visitor: Visitor, part: str) -> None:
    """2.4.11 Focus Not Obscured (Minimum)."""
    visitor.go(part)
    hidden = []
    for _ in range(MOST_TABS):
        visitor.page.keyboard.press("Tab")
        found = visitor.page.evaluate(HIDDEN_FOCUS)
        if found is None:
            break
        if found:
            hidden.append(found)
    assert hidden == []


def test_help_stands_at_the_same_place_of_every_page(visitor: Visitor) -> None:
    """3.2.6 Consistent Help: search and keys follow the trail, in this order, in the page's first row."""
    seen = set()
    for part in PARTS:
        visitor.go(part)
        tools = visitor.page.locator("main .top .tools > *")
        seen.add(tuple(tool.inner_text().split("\n")[0].strip() for tool in tools.all()))
    assert len(seen) == 1


def test_nothing_needs_dragging(visitor: Visitor) -> None:
    """2.5.7 Dragging Movements: no figure, list or slider asks for it."""
    for part in PARTS:
        visitor.go(part)
        assert visitor.page.locator("[draggable=true], input[type=range]:not([aria-describedby])").count() == 0
        modes = visitor.page.evaluate(
            "[...document.querySelectorAll('.js-plotly-plot')].map(each => each._fullLayout?.dragmode ?? false)"
        )
        assert set(modes) <= {False}


def test_signing_in_takes_what_a_password_manager_fills_in_or_somebody_pastes(browser: Browser, served: Served) -> None:
    """3.3.8 Accessible Authentication (Minimum), and 3.3.7 Redundant Entry: the name stays after a wrong secret."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{served.url}sign-in?secret=1")
    fields = page.locator("form input:not([type=hidden])")
    assert {field.get_attribute("autocomplete") for field in fields.all()} <= {
        "username",
        "current-password",
        "one-time-code",
    }
    assert page.evaluate("[...document.querySelectorAll('input')].every(each => !each.onpaste)")
    if page.locator("#client_id").count():
        page.fill("#client_id", "grace.clinician")
        page.fill("#secret", "wrong")
        page.click("button[type=submit]")
        assert page.input_value("#client_id") == "grace.clinician"
    context.close()
