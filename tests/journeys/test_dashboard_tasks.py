"""Ten tasks that people come for, done by the keyboard alone: no mouse, no click of a script, no address typed."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from careloom.services.jobs import work
from tests.journeys.browser import Served, Visitor, dashboard

MOST_TABS = 250
PERSON = "petra.privacy"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with dashboard(tmp_path_factory.mktemp("tasks")) as made:
        yield made


@pytest.fixture
def visitor(browser: Browser, served: Served) -> Iterator[Visitor]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    made = Visitor(context, served)
    made.page.goto(served.url)
    reach(made.page, "Sign in with a secret", "summary")
    keys(made.page, "Enter", "Tab", PERSON, "Tab", served.secrets[PERSON], "Enter")
    made.settled()
    yield made
    assert made.troubles == []
    context.close()


KEYS = {"Tab", "Enter", "Space", "Escape", "ArrowDown", "ArrowRight", "Home", "End"}


def keys(page: Page, *pressed: str) -> None:
    """Presses keys, and types what is no key."""
    for key in pressed:
        if key in KEYS or len(key) == 1:
            page.keyboard.press(key)
        else:
            page.keyboard.type(key)


def go(visitor: Visitor, letter: str, part: str) -> None:
    """To a place by its letter."""
    keys(visitor.page, "g", letter)
    visitor.page.wait_for_url(f"**/dashboard/{part}")
    visitor.settled()


def reach(page: Page, words: str, tag: str = "a, button, summary, input, select, textarea") -> None:
    """Moves the focus by Tab until it is on what has these words as its text or name."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if page.evaluate(
            "([words, tag]) => { const each = document.activeElement, label = each.labels && each.labels[0];"
            " const names = [each.textContent, each.getAttribute('aria-label'), label?.textContent, each.title];"
            " const said = name => (name || '').replace(/\\s+/g, ' ').trim();"
            " return each.matches(tag) && names.some(name => said(name).startsWith(words)) }",
            [words, tag],
        ):
            return
    raise AssertionError(f"no Tab leads to: {words}")


def test_a_patient_is_found_and_the_timeline_narrowed(visitor: Visitor) -> None:
    keys(visitor.page, "/", "oda q")
    visitor.page.locator("#find-results a:has-text('Oda Quillfeather')").wait_for()
    keys(visitor.page, "ArrowDown", "Enter")
    visitor.page.wait_for_url("**/patients/identified/*")
    visitor.settled()
    before = visitor.page.locator("#events tbody tr").count()
    reach(visitor.page, "Vital signs", "input")
    keys(visitor.page, "Space")
    expect(visitor.page.locator("#events tbody tr")).not_to_have_count(before)


def test_refused_records_are_tried_again(visitor: Visitor, served: Served) -> None:
    go(visitor, "w", "quarantine")
    reach(visitor.page, "Try all")
    keys(visitor.page, "Enter")
    expect(visitor.page.locator("h1")).to_have_text("Tried again")
    work(served.installation.platform, once=True)
    expect(visitor.page.locator(".head")).to_contain_text("Done")


def test_a_look_at_the_quality_is_asked_for_and_a_rule_read(visitor: Visitor) -> None:
    go(visitor, "q", "quality")
    reach(visitor.page, "Look now")
    keys(visitor.page, "Enter")
    expect(visitor.page.locator("#page")).to_contain_text("under way")
    reach(visitor.page, "Patients have an identifier")
    keys(visitor.page, "Enter")
    expect(visitor.page.locator("h1")).to_contain_text("Patients have an identifier")


def test_a_note_is_read_and_a_span_looked_at(visitor: Visitor) -> None:
    go(visitor, "n", "notes")
    reach(visitor.page, "Use a sample")
    keys(visitor.page, "Enter")
    expect(visitor.page.locator("#note-text")).not_to_have_value("")
    reach(visitor.page, "Read it")
    keys(visitor.page, "Enter")
    visitor.page.get_by_role("heading", name="The text").wait_for()
    assert visitor.violations() == []


def test_two_zones_are_explored_side_by_side(visitor: Visitor) -> None:
    go(visitor, "x", "explore")
    reach(visitor.page, "Look at", "select")
    keys(visitor.page, "Patient", "Tab")  # the last that begins so: a view, which the identified zone has, too
    keys(visitor.page, "ArrowDown")
    reach(visitor.page, "Show", "button")
    keys(visitor.page, "Enter")
    visitor.page.wait_for_url("**/explore?*against=identified*")
    visitor.settled()
    expect(visitor.page.locator("#page")).to_contain_text("Identified")
    reach(visitor.page, "One column")
    keys(visitor.page, "Enter")
    visitor.settled()
    assert visitor.violations() == []


def test_a_cohort_is_opened_and_its_attrition_read(visitor: Visitor) -> None:
    go(visitor, "c", "cohorts")
    reach(visitor.page, "Unplanned readmission")
    keys(visitor.page, "Enter")
    visitor.page.wait_for_url("**/cohorts/*")
    visitor.settled()
    expect(visitor.page.locator("h1")).to_contain_text("Unplanned readmission")
    assert visitor.violations() == []


def test_the_audit_chains_are_verified(visitor: Visitor, served: Served) -> None:
    go(visitor, "a", "privacy")
    reach(visitor.page, "Verify now")
    keys(visitor.page, "Enter")
    visitor.settled()
    work(served.installation.platform, once=True)
    expect(visitor.page.locator("#page")).to_contain_text("whole")


def test_the_log_of_the_platform_is_narrowed(visitor: Visitor) -> None:
    go(visitor, "j", "operations")
    reach(visitor.page, "Logs")
    keys(visitor.page, "Enter")
    visitor.page.wait_for_url("**/operations/logs")
    visitor.settled()
    assert visitor.page.locator("h1").count() == 1
    reach(visitor.page, "Level", "select")
    keys(visitor.page, "ArrowDown")
    reach(visitor.page, "Show", "button")
    keys(visitor.page, "Enter")
    visitor.page.wait_for_url("**/operations/logs?*")


def test_a_panel_is_saved_and_the_page_printed_as_a_report(visitor: Visitor) -> None:
    reach(visitor.page, "Save Resources by zone", "summary")
    keys(visitor.page, "Enter")
    reach(visitor.page, "Table (CSV)", "button")
    with visitor.page.expect_download() as table:
        keys(visitor.page, "Enter")
    assert table.value.suggested_filename == "careloom-resources-by-zone.csv"
    reach(visitor.page, "Report (PDF)")
    with visitor.page.expect_download() as report:
        keys(visitor.page, "Enter")
    assert report.value.suggested_filename.endswith(".pdf")


def test_colours_are_changed_and_the_person_signs_out(visitor: Visitor) -> None:
    before = visitor.page.evaluate("document.documentElement.dataset.mantineColorScheme")
    reach(visitor.page, "Light or dark")
    keys(visitor.page, "Enter")
    assert visitor.page.evaluate("document.documentElement.dataset.mantineColorScheme") != before
    reach(visitor.page, "Sign out")
    keys(visitor.page, "Enter")
    visitor.page.wait_for_url("**/sign-in*")
    expect(visitor.page.locator("body")).to_contain_text("signed out")
