"""A data engineer looks at the data in the browser, follows a rule to its resources, and takes the report home."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from careloom.services.jobs import work
from tests.journeys.browser import Served, Visitor, dashboard


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with dashboard(tmp_path) as made:
        yield made


def test_look_follow_a_rule_and_export(browser: Browser, served: Served) -> None:
    context = browser.new_context()
    visitor = Visitor(context, served)
    visitor.sign_in("petra.privacy")
    visitor.go("quality")
    page = visitor.page
    page.get_by_role("button", name="Look now").first.click()
    page.get_by_text("Your look is under way").wait_for()
    assert work(served.installation.platform, once=True) == 1
    page.reload()
    page.get_by_role("link", name="Show it").click()
    page.get_by_role("heading", name="Rules").wait_for()
    with page.expect_download() as download:
        page.get_by_role("link", name="HTML").click()
    content = Path(download.value.path()).read_text("utf-8")
    assert content.startswith("<!doctype html>")
    for name, head in (("All findings as CSV", "rule,title,"), ("All types as CSV", "source,type,field,")):
        with page.expect_download() as download:
            page.get_by_role("link", name=name).click()
        assert Path(download.value.path()).read_text("utf-8").startswith(head)
    page.locator("table:has-text('Broken') tbody th a").first.click()
    page.get_by_role("heading", name="About this rule").wait_for()
    assert visitor.troubles == []
    context.close()


def test_who_may_not_is_not_shown_the_way(browser: Browser, served: Served) -> None:
    context = browser.new_context()
    visitor = Visitor(context, served)
    visitor.sign_in("grace.clinician")
    visitor.go("quality")
    visitor.page.get_by_text("may not quality").wait_for()
    assert visitor.page.locator("nav a:has-text('Quality')").count() == 0
    context.close()
