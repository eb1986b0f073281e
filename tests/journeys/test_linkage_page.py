"""A data steward works through the queue in a real browser, by keyboard; the pages are accessible, light and dark."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from careloom.services.linkage import run
from tests.journeys.browser import Served, Visitor, chromium, dashboard

STEWARD = "sam.steward"


def twin(name: str, given: str) -> dict[str, object]:
    return {"resourceType": "Patient", "id": name, "name": [{"family": "Ottenbrook", "given": [given]}],
            "birthDate": "1999-09-09", "gender": "female"}  # fmt: skip


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with dashboard(tmp_path_factory.mktemp("linkage"), is_filled=False) as made:
        steward = made.installation.register(["data-steward"], ["identified"], name=STEWARD, kind="person")
        made.secrets[STEWARD] = steward.secret
        made.installation.ingest([twin("t1", "Beatrix"), twin("t2", "Cordelia")])
        run(made.installation.platform, made.installation.operator)
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 375)])
def test_the_queue_and_a_pair_are_accessible_quiet_and_fit(
    browser: Browser, served: Served, scheme: str, width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    visitor = Visitor(context, served)
    visitor.sign_in(STEWARD)
    for page in ("linkage", "linkage?state=rejected", pair_page(visitor)):
        visitor.go(page)
        assert visitor.violations() == []
        fits = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        assert visitor.page.evaluate(fits)
    assert visitor.troubles == []
    assert visitor.elsewhere() == []
    context.close()


def pair_page(visitor: Visitor) -> str:
    visitor.go("linkage")
    link = visitor.page.locator("#page table a").first.get_attribute("href") or ""
    return link.removeprefix("/dashboard/")


def test_a_pair_is_decided_and_undone_by_keyboard(browser: Browser, served: Served) -> None:
    context = browser.new_context()
    visitor = Visitor(context, served)
    visitor.sign_in(STEWARD)
    visitor.go(pair_page(visitor))
    page = visitor.page
    page.locator("#pair-reason").focus()
    page.keyboard.type("one person, two given names")
    page.keyboard.press("Tab")
    expect(page.locator("#pair-accept")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#pair-said")).to_contain_text("Done: linked")
    expect(page.locator("#pair-history")).to_contain_text("one person, two given names")
    expect(page.locator("#pair-accept")).to_be_disabled()
    assert visitor.violations() == []
    page.keyboard.press("Alt+u")
    expect(page.locator("#pair-said")).to_contain_text("Done: to review")
    page.locator("#pair-reason").focus()
    page.keyboard.type("twins, seen together")
    page.keyboard.press("Alt+r")
    expect(page.locator("#pair-said")).to_contain_text("Done: rejected")
    expect(page.locator("#pair-history")).to_contain_text("twins, seen together")
    page.keyboard.press("Alt+u")
    expect(page.locator("#pair-said")).to_contain_text("Done: to review")
    assert visitor.troubles == []
    context.close()
