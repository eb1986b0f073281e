"""A clinician finds a stored note, corrects it by keyboard, and it is kept; an officer sees it without identity."""

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from careloom.client.credentials import ClientSecret
from careloom.pipeline.registry import REGISTRY
from careloom.services.annotate import AnnotateAsk
from careloom.services.annotate_notes import annotate
from tests.journeys.browser import Served, Visitor, dashboard

TEXT = "Quillfeather has diabetes and migraine, no pneumonia. metformin 500 mg."
PATIENT = {"resourceType": "Patient", "id": "p1", "name": [{"family": "Quillfeather"}]}
LOOKS = [("light", 1440), pytest.param(("dark", 375), marks=pytest.mark.long)]


def note(name: str, text: str) -> dict[str, Any]:
    return {
        "resourceType": "DocumentReference", "id": name, "status": "current", "subject": {"reference": "Patient/p1"},
        "type": {"coding": [{"system": "http://loinc.org", "code": "11506-3"}]}, "date": "2026-03-05T10:00:00Z",
        "content": [{"attachment": {"contentType": "text/plain", "data": b64encode(text.encode()).decode()}}],
    }  # fmt: skip


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(REGISTRY, "reader.nlp", "tests.nlp_kit:simple_reader")
        with dashboard(tmp_path_factory.mktemp("note-page"), is_filled=False) as made:
            made.installation.ingest([PATIENT, note("n1", TEXT), note("n2", "pulse 61")])
            annotate(made.installation.platform, made.installation.operator, AnnotateAsk())
            yield made


def sound(visitor: Visitor) -> None:
    """The page is accessible, fits the screen, and no name of a patient leaves it by an address."""
    assert visitor.violations() == []
    assert visitor.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert visitor.troubles == []
    assert visitor.elsewhere() == []
    assert not [url for url in visitor.requests if "Quillfeather" in url or "diabetes" in url]


def selected(page: Page) -> str:
    found: str = page.evaluate("document.activeElement.getAttribute('aria-label') || ''")
    return found.partition(",")[0]


def correct(page: Page) -> None:
    """By keys: diabetes is accepted, migraine an absent symptom, pneumonia rejected; 500 mg was, and is no more."""
    page.locator(".nv-pane").focus()
    page.keyboard.press("ArrowRight")
    assert selected(page) == "diabetes"
    page.keyboard.press("a")
    page.keyboard.press("ArrowRight")
    assert selected(page) == "migraine"
    page.keyboard.press("t")
    page.locator("[data-field='type']").select_option("SYMPTOM")
    page.keyboard.press("Escape")
    page.keyboard.press("s")
    page.locator("[data-field='presence']").select_option("absent")
    page.keyboard.press("Escape")
    assert selected(page) == "migraine"
    page.keyboard.press("End")
    page.keyboard.press("x")
    expect(page.locator(".was-rejected")).to_have_text("dosage")
    page.keyboard.press("u")
    expect(page.locator(".was-rejected")).to_have_count(0)
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("x")
    expect(page.locator(".nv-saving p")).to_have_text("3 annotations judged, not kept yet.")


@pytest.mark.parametrize("look", LOOKS)
def test_a_note_is_corrected_by_keyboard_and_kept(browser: Browser, served: Served, look: tuple[str, int]) -> None:
    context = browser.new_context(viewport={"width": look[1], "height": 900}, color_scheme=look[0])  # type: ignore[arg-type]
    visitor = Visitor(context, served)
    visitor.sign_in("grace.clinician")
    visitor.go("notes/find?type=drug&said=present")
    page = visitor.page
    expect(page.locator(".mark-words")).to_have_text(["metformin"])
    sound(visitor)
    page.locator(".table a").click()
    page.locator("button.nv-mark").first.wait_for()
    if page.get_by_text("Corrected").count() == 0:
        correct(page)
        sound(visitor)
        page.keyboard.press("Alt+KeyK")
        page.get_by_text("Your corrections are kept").wait_for()
    expect(page.locator("button.nv-mark")).to_have_count(4)
    expect(page.locator(".nv-mark.is-absent")).to_have_text("symptom · absent")
    sound(visitor)
    note_id = page.url.rpartition("/")[2]
    with served.client(ClientSecret("grace.clinician", served.secrets["grace.clinician"])) as api:
        held = api.nlp.note("identified", note_id)
        assert held.origin == "correction"
        sources = {one.text: one.source for one in held.findings.annotations}
        assert sources["diabetes"] == sources["migraine"] == "person grace.clinician"
        assert sources["metformin"].startswith("words")
        (line,) = api.nlp.corrections("identified")
        assert {one["text"]: one["label"] for one in line["annotations"]}["migraine"] == "SYMPTOM"
        assert len(line["found"]) == 5
    context.close()


def test_a_note_is_seen_without_identity_and_found_by_its_words(browser: Browser, served: Served) -> None:
    context = browser.new_context(viewport={"width": 375, "height": 780}, color_scheme="dark")
    visitor = Visitor(context, served)
    visitor.sign_in("petra.privacy")
    page = visitor.page
    note_id = served.installation.stored_id("DocumentReference", "n1")
    visitor.go(f"notes/identified/{note_id}?view=beside")
    expect(page.locator(".pane")).to_have_count(3)
    assert "Quillfeather" in page.locator(".pane").nth(0).inner_text()
    assert "[NAME]" in page.locator(".pane").nth(1).inner_text()
    assert "Quillfeather" not in page.locator(".pane").nth(2).inner_text()
    assert "diabetes" in page.locator(".pane").nth(2).inner_text()
    sound(visitor)
    visitor.go("notes/find")
    page.fill("#note-words", "DIABETES migr*")
    page.keyboard.press("Enter")
    expect(page.locator("#note-words-found mark")).to_have_text(["diabetes"])
    sound(visitor)
    visitor.go("notes/find?concept=ICD-10-CM%7CX99.9Z")
    page.get_by_role("alert").wait_for()
    context.close()
