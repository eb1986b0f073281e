"""A privacy officer verifies the chains, reviews an emergency, follows a pseudonym, and erases a patient by keys."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from careloom.client.credentials import Bearer
from careloom.services.jobs import work
from tests.api.kit import PATIENT
from tests.journeys.browser import Served, Visitor, dashboard

NUMBERED = {**PATIENT, "identifier": [{"system": "urn:mrn", "value": "MRN-730014"}]}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with dashboard(tmp_path_factory.mktemp("privacy"), is_filled=False) as made:
        made.installation.ingest([NUMBERED, {**PATIENT, "id": "p2", "name": [{"family": "Marl"}]}])
        yield made


@pytest.fixture
def visitor(browser: Browser, served: Served) -> Iterator[Visitor]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    made = Visitor(context, served)
    made.sign_in("petra.privacy")
    yield made
    context.close()


def test_the_chains_are_verified_now_and_an_emergency_is_reviewed(visitor: Visitor, served: Served) -> None:
    with served.client(Bearer(served.installation.token(["clinician"], zones=["identified"]))) as api:
        stored = served.installation.stored_id("Patient", "p2")
        api.access.break_glass(f"Patient/{stored}", "unconscious, allergies unknown")
    page = visitor.page
    visitor.go("privacy")
    page.click("button:has-text('Verify now')")
    expect(page.locator(".note", has_text="being verified")).to_be_visible()
    work(served.installation.platform, once=True)
    expect(page.locator(".tile", has_text="Audit chains")).to_contain_text("Whole")
    page.click("button:has-text('I have reviewed it')")
    expect(page.locator(".tile", has_text="Emergencies to review")).to_contain_text("0")
    assert visitor.troubles == []


def test_a_pseudonym_leads_to_all_that_was_done_and_an_event_to_its_proof(visitor: Visitor, served: Served) -> None:
    page = visitor.page
    visitor.go("privacy/audit")
    page.locator("#page tbody a[href*='subject=']").first.click()
    page.wait_for_selector("html[data-at*='subject=']")
    visitor.settled()
    rows = page.locator("#page tbody tr").count()
    assert rows >= 1
    assert page.locator("#page tbody tr a[href*='subject=']").count() >= rows
    with page.expect_download() as got:
        page.locator("a[href*='/privacy-proof/']").first.click()
    with served.client(Bearer(served.installation.token(["auditor"]))) as api:
        told = api.audit.check(json.loads(got.value.path().read_text("utf-8")))
    assert (told.signed, told.held) == (True, True)
    for word in ("Quillfeather", "MRN-730014", "1961-04-05"):
        assert word not in page.content()


def test_a_patient_is_found_looked_at_confirmed_and_erased_by_keyboard(visitor: Visitor, served: Served) -> None:
    page = visitor.page
    visitor.go("privacy/erasure")
    page.focus("#filter-patient")
    page.keyboard.type("MRN-730014")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=See what would go")
    visitor.settled()
    assert "MRN" not in page.url
    page.focus("text=Go on to confirm")
    page.keyboard.press("Enter")
    page.wait_for_selector("#erase-phrase")
    asked = page.locator("#erase-phrase").inner_text()
    page.focus("#filter-typed")
    page.keyboard.type("erase something")
    page.focus("button:has-text('Erase for good')")
    page.keyboard.press("Enter")
    expect(page.locator(".note-bad")).to_contain_text("Nothing was erased")
    page.focus("#filter-read")
    page.keyboard.type("Yes")
    page.focus("#filter-typed")
    page.keyboard.type(asked)
    page.focus("button:has-text('Erase for good')")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("Erasure 2")
    work(served.installation.platform, once=True)
    expect(page.locator(".note-good")).to_contain_text("The patient is erased")
    with page.expect_download() as got:
        page.locator("a:has-text('JSON')").click()
    assert "Quillfeather" not in got.value.path().read_text("utf-8")
    visitor.go("privacy/erasure")
    expect(page.locator(".badge", has_text="Verified")).to_be_visible()
    assert visitor.violations() == []
    assert visitor.troubles == []
