"""A data engineer rehearses a normalization in the browser, reads what would change, applies it, finds it listed."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from careloom.services.jobs import work
from tests.journeys.browser import Served, Visitor, dashboard

ENGINEER = "dana.engineer"


def glucose(name: str, unit: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation", "id": name, "status": "final", "subject": {"reference": "Patient/p1"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "2345-7"}]},
        "effectiveDateTime": "2026-01-02T03:04:05Z", "valueQuantity": {"value": 99, "unit": unit},
    }  # fmt: skip


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with dashboard(tmp_path_factory.mktemp("normalize"), is_filled=False) as made:
        engineer = made.installation.register(["data-engineer"], ["identified"], name=ENGINEER, kind="person")
        made.secrets[ENGINEER] = engineer.secret
        patient = {"resourceType": "Patient", "id": "p1", "name": [{"family": "Quillfeather"}]}
        made.installation.ingest([patient, glucose("g1", "mg/dl"), glucose("g2", "furlongs")])
        yield made


def sound(visitor: Visitor) -> None:
    """The page is accessible, fits the screen, and names nobody."""
    visitor.settled()
    assert visitor.violations() == []
    assert visitor.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert "Quillfeather" not in visitor.page.content()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), pytest.param("dark", 375, marks=pytest.mark.long)])
def test_rehearse_read_apply_and_look_back(browser: Browser, served: Served, scheme: str, width: int) -> None:
    """The second visitor finds that the first has left nothing to apply."""
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    visitor = Visitor(context, served)
    visitor.sign_in(ENGINEER)
    visitor.go("normalize")
    sound(visitor)
    page = visitor.page
    page.get_by_role("button", name="Rehearse").click()
    page.get_by_text("Waiting for a free worker").wait_for()
    sound(visitor)
    assert work(served.installation.platform, once=True) == 1
    page.reload()
    page.get_by_role("heading", name="Would change").wait_for()
    expect(page.locator("#page")).to_contain_text("The unit is neither UCUM nor a spelling that is known")
    if scheme == "light":
        applied(visitor)
    else:
        assert page.locator("summary:text-is('Apply these changes')").count() == 0
    sound(visitor)
    visitor.go("normalize")
    page.locator("#page table tbody tr").first.wait_for()
    sound(visitor)
    assert visitor.troubles == []
    assert visitor.elsewhere() == []
    context.close()


def applied(visitor: Visitor) -> None:
    """By keyboard: the first step only opens the second."""
    page = visitor.page
    expect(page.locator("#page")).to_contain_text("The unit got its UCUM code")
    expect(page.get_by_role("button", name="Yes, write the new versions")).to_be_hidden()
    page.locator("summary:text-is('Apply these changes')").focus()
    page.keyboard.press("Enter")
    sound(visitor)
    page.get_by_role("button", name="Yes, write the new versions").click()
    page.get_by_role("heading", name="Normalization").wait_for()
    assert work(visitor.served.installation.platform, once=True) == 1
    page.reload()
    page.get_by_text("Each changed resource has a new version").wait_for()


def test_one_that_waits_is_cancelled_from_its_page(browser: Browser, served: Served) -> None:
    context = browser.new_context()
    visitor = Visitor(context, served)
    visitor.sign_in(ENGINEER)
    visitor.go("normalize")
    visitor.page.get_by_role("button", name="Rehearse").click()
    visitor.page.get_by_role("button", name="Cancel").click()
    visitor.page.get_by_text("It was cancelled").wait_for()
    work(served.installation.platform, once=True)
    context.close()


def test_who_may_not_is_not_shown_the_way_and_changes_nothing(browser: Browser, served: Served) -> None:
    context = browser.new_context()
    visitor = Visitor(context, served)
    visitor.sign_in("grace.clinician")
    visitor.go("normalize")
    visitor.page.get_by_text("may not ingest").wait_for()
    assert visitor.page.locator("nav a:has-text('Normalize')").count() == 0
    for act in ("normalize-rehearse", "normalize-apply/20261122T010203Z-abc234"):
        answer = context.request.post(f"{served.url}{act}", headers={"Sec-Fetch-Site": "same-origin"})
        assert answer.status == 403
    context.close()
