"""Whoever operates the platform finds a job by keyboard, stops it, runs it again, reads the log, and reckons costs."""

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from playwright.sync_api import Browser, expect

from careloom.services.ingest import IngestAsk
from careloom.services.jobs import submit_ingest, work
from careloom.services.operator_logs import keep_lines
from tests.api.kit import PATIENT
from tests.journeys.browser import Served, Visitor, dashboard

OPERATOR = "petra.privacy"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with dashboard(tmp_path_factory.mktemp("operations"), is_filled=False) as made:
        keep_lines(made.installation.platform.settings)
        feeds(made, 2)
        work(made.installation.platform, once=True)
        yield made


def feeds(served: Served, count: int) -> list[Path]:
    """So many queued ingestions."""
    paths = []
    for number in range(count):
        path = served.installation.folder / f"part-{number}.ndjson"
        path.write_bytes(orjson.dumps({**PATIENT, "id": f"c{number}"}))
        submit_ingest(served.installation.platform, served.installation.operator, IngestAsk((path,)))
        paths.append(path)
    return paths


@pytest.fixture
def visitor(browser: Browser, served: Served) -> Iterator[Visitor]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    made = Visitor(context, served)
    made.sign_in(OPERATOR)
    yield made
    context.close()


def test_a_job_is_found_stopped_and_run_again_by_keyboard_alone(visitor: Visitor, served: Served) -> None:
    feeds(served, 1)
    page = visitor.page
    visitor.go("operations/jobs")
    page.focus("#filter-state")
    page.keyboard.type("Wait")
    page.focus("#filter-actor")
    page.keyboard.press("Enter")
    page.wait_for_selector("html[data-at*='state=waiting']")
    assert page.url.endswith("/operations/jobs?state=waiting")
    expect(page.locator("#page tbody tr")).to_have_count(1)
    page.focus("#page tbody a")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Ingestion")
    page.focus("text=Cancel this job")
    page.keyboard.press("Enter")
    page.focus("button:has-text('Yes, cancel it')")
    page.keyboard.press("Enter")
    expect(page.locator(".note-warn:visible")).to_contain_text("It was cancelled")
    page.focus("text=Run it again")
    page.keyboard.press("Enter")
    page.focus("button:has-text('Yes, run it again')")
    page.keyboard.press("Enter")
    expect(page.locator(".tile", has_text="State")).to_contain_text("Waiting")
    work(served.installation.platform, once=True)
    expect(page.locator(".tile", has_text="State")).to_contain_text("Done")  # it follows by itself
    assert visitor.troubles == []


def test_the_log_is_narrowed_in_the_address_and_one_request_is_followed(visitor: Visitor) -> None:
    page = visitor.page
    visitor.go("operations/logs?component=careloom.access&level=info")
    expect(page.locator("#page tbody tr").first).to_contain_text("GET /api/v1/")
    assert page.locator("#filter-component").input_value() == "careloom.access"
    page.locator("#page tbody a").first.click()
    page.wait_for_selector("html[data-at*='request=']")
    visitor.settled()
    expect(page.locator("#page tbody tr")).to_have_count(1)
    visitor.go("operations/logs?code=no.such.code")
    expect(page.locator("h2", has_text="No lines")).to_be_visible()


def test_costs_are_reckoned_by_prices_of_the_address_alone(visitor: Visitor) -> None:
    page = visitor.page
    visitor.go("operations/costs")
    assert page.locator(".tile", has_text="Cost").count() == 0
    page.fill("#filter-cpu_hour", "3600")
    page.fill("#filter-unit", "EUR")
    page.press("#filter-unit", "Enter")
    page.wait_for_selector("html[data-at*='cpu_hour=3600']")
    expect(page.locator(".tile dd", has_text="EUR")).to_be_visible()
    page.wait_for_selector("#costs-kinds .main-svg")
    visitor.go("operations/costs?cpu_hour=free")
    expect(page.locator(".note-bad")).to_contain_text("A price cannot be read")
    assert visitor.troubles == []


def test_who_may_not_operate_is_refused_by_the_api_and_shown_no_way(browser: Browser, served: Served) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    visitor = Visitor(context, served)
    visitor.sign_in("grace.clinician")
    assert visitor.page.locator(".nav a", has_text="Operations").count() == 0
    for place in ("logs", "usage", "costs"):
        visitor.go(f"operations/{place}")
        expect(visitor.page.locator("h1")).to_have_text("No access")
    visitor.go("operations/jobs")
    expect(visitor.page.locator("h2", has_text="No jobs yet")).to_be_visible()
    context.close()
