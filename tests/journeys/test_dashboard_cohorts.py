"""A cohort is built in a browser: counts follow what is chosen, and the address says it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.journeys.browser import Served, Visitor, dashboard


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with dashboard(tmp_path_factory.mktemp("cohorts")) as made:
        yield made


def test_counts_follow_what_is_chosen_by_keyboard_alone_and_the_address_says_it(
    browser: Browser, served: Served
) -> None:
    with browser.new_context() as context:
        visitor = Visitor(context, served)
        visitor.sign_in("petra.privacy")
        visitor.go("cohorts/build?zone=identified")
        page = visitor.page
        first = page.get_by_role("table", name="What each rule leaves").get_by_role("row")
        before = first.count()
        field = page.get_by_label("Age from")
        field.focus()
        page.keyboard.type("40")
        expect(page.get_by_text("40 years or older").first).to_be_visible()
        assert "a=40" in page.url
        assert first.count() == before + 1
        expect(page.get_by_label("Age from")).to_be_focused()
        page.get_by_label("Codes", exact=True).last.focus()
        page.keyboard.type("38341003")
        page.get_by_role("button", name="Add criterion").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("link", name="has diagnosis").first).to_be_visible()
        assert "38341003" in page.url
        assert not visitor.troubles
        assert not visitor.elsewhere()
