"""Search and keys: everything that opens over a page is reached, used and left without a mouse."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.journeys.browser import Served, Visitor, dashboard


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with dashboard(tmp_path_factory.mktemp("keys")) as made:
        yield made


@pytest.fixture
def visitor(browser: Browser, served: Served) -> Iterator[Visitor]:
    context = browser.new_context()
    made = Visitor(context, served)
    made.sign_in("petra.privacy")
    yield made
    assert made.troubles == []
    assert made.elsewhere() == []
    context.close()


def test_a_patient_is_found_from_any_page_and_no_address_holds_the_name(visitor: Visitor) -> None:
    visitor.go("quality")
    visitor.page.keyboard.press("/")
    visitor.page.keyboard.type("oda")
    hit = visitor.page.locator("#find-results a:has-text('Oda Quillfeather')")
    hit.wait_for()
    assert visitor.violations() == []
    visitor.page.keyboard.press("ArrowDown")
    visitor.page.keyboard.press("Enter")
    visitor.settled()
    assert "/patients/identified/" in visitor.page.url
    assert not visitor.page.locator("#finder").evaluate("each => each.open")
    assert not any("oda" in address.lower() for address in visitor.requests)


def test_the_first_page_that_fits_opens_by_enter(visitor: Visitor) -> None:
    visitor.page.keyboard.press("Control+k")
    visitor.page.keyboard.type("linka")
    visitor.page.locator("#find-results a:has-text('Linkage')").wait_for()
    visitor.page.keyboard.press("Enter")
    visitor.page.wait_for_url("**/dashboard/linkage")


def test_nothing_found_says_what_to_try_and_escape_leads_back(visitor: Visitor) -> None:
    opener = visitor.page.locator("[data-action='find']")
    opener.focus()
    visitor.page.keyboard.press("Enter")
    visitor.page.keyboard.type("zzzzqq")
    expect(visitor.page.locator("#find-results")).to_contain_text("Nothing has these words")
    visitor.page.keyboard.press("Escape")
    expect(opener).to_be_focused()


def test_letters_lead_to_places_until_they_are_turned_off(visitor: Visitor) -> None:
    visitor.page.keyboard.press("g")
    visitor.page.keyboard.press("q")
    visitor.page.wait_for_url("**/dashboard/quality")
    visitor.page.keyboard.press("?")
    expect(visitor.page.locator("#keys")).to_contain_text("Quality")
    assert visitor.violations() == []
    visitor.page.locator("[data-action='letters']").press("Enter")
    visitor.page.keyboard.press("Escape")
    visitor.page.keyboard.press("g")
    visitor.page.keyboard.press("r")
    visitor.page.keyboard.press("?")
    assert not visitor.page.locator("#keys").evaluate("each => each.open")
    assert visitor.page.url.endswith("/quality")


def test_who_may_see_few_pages_finds_few(browser: Browser, served: Served) -> None:
    context = browser.new_context()
    alan = Visitor(context, served)
    alan.sign_in("alan.scientist")
    alan.page.keyboard.press("/")
    alan.page.keyboard.type("run")
    alan.page.wait_for_timeout(1500)
    assert alan.page.locator("#find-results a:has-text('Runs')").count() == 0
    alan.page.fill("#find-all", "oda")
    alan.page.wait_for_timeout(1500)
    assert alan.page.locator("#find-results a:has-text('Quillfeather')").count() == 0
    context.close()


def test_a_concept_leads_to_notes_that_tell_of_it(visitor: Visitor) -> None:
    visitor.page.keyboard.press("/")
    visitor.page.keyboard.type("metformin")
    hit = visitor.page.locator("#find-results a[href*='rxnorm']").first
    hit.wait_for()
    visitor.page.wait_for_timeout(1000)  # what the first letters found gives way to what all of them find
    hit.press("Enter")
    visitor.page.wait_for_url("**/notes/find?concept=*")
    visitor.settled()
    assert visitor.page.locator("#page [role=alert]").count() == 0
    assert visitor.page.input_value("#filter-concept").startswith("http://www.nlm.nih.gov/research/umls/rxnorm|")
