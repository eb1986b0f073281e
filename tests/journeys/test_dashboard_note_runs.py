"""A data engineer has stored notes read in the browser: starts a run, watches it, reads what became of the facts."""

from base64 import b64encode
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from careloom.pipeline.registry import REGISTRY
from careloom.services.annotate import AnnotateAsk
from careloom.services.annotations import submit
from careloom.services.jobs import work
from tests.journeys.browser import Served, Visitor, dashboard

ENGINEER = "dana.engineer"
PATIENT = {"resourceType": "Patient", "id": "p1", "name": [{"family": "Quillfeather"}]}
TEXT = b64encode(b"Quillfeather has diabetes and migraine, no pneumonia. metformin 500 mg.").decode()
NOTE = {
    "resourceType": "DocumentReference", "id": "n1", "status": "current", "subject": {"reference": "Patient/p1"},
    "date": "2026-03-05T10:00:00Z", "content": [{"attachment": {"contentType": "text/plain", "data": TEXT}}],
}  # fmt: skip
RESOLVED = {
    "resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"},
    "clinicalStatus": {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "resolved"}]
    },
    "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "E11.9"}]},
    "abatementDateTime": "2025-01-01",
}  # fmt: skip


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(REGISTRY, "reader.nlp", "tests.nlp_kit:simple_reader")
        with dashboard(tmp_path_factory.mktemp("note-runs"), is_filled=False) as made:
            engineer = made.installation.register(["data-engineer"], ["identified"], name=ENGINEER, kind="person")
            made.secrets[ENGINEER] = engineer.secret
            made.installation.ingest([PATIENT, NOTE, RESOLVED])
            yield made


def sound(visitor: Visitor) -> None:
    """The page is accessible, fits the screen, and names nobody."""
    visitor.settled()
    assert visitor.violations() == []
    assert visitor.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert "Quillfeather" not in visitor.page.content()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), pytest.param("dark", 375, marks=pytest.mark.long)])
def test_start_watch_and_read_the_report(browser: Browser, served: Served, scheme: str, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    visitor = Visitor(context, served)
    visitor.sign_in(ENGINEER)
    visitor.go("notes")
    page = visitor.page
    page.locator(".tabs a", has_text="Runs").click()
    page.get_by_role("heading", name="Read stored notes").wait_for()
    sound(visitor)
    page.get_by_label("All, anew").check()
    page.get_by_label("Is written as refuted").check()
    page.get_by_role("button", name="Read the notes").click()
    page.get_by_text("Waiting for a free worker").wait_for()
    sound(visitor)
    assert work(served.installation.platform, once=True) == 1
    page.reload()
    page.get_by_role("heading", name="The record says otherwise").wait_for()
    expect(page.locator("#page")).to_contain_text("all notes anew, what is absent written as refuted")
    expect(page.locator("#page")).to_contain_text("whether it lasts")
    sound(visitor)
    visitor.go("notes/runs")
    expect(page.locator("#page table tbody tr").first).to_contain_text(ENGINEER)
    sound(visitor)
    page.get_by_label("All, anew").check()
    submit(served.installation.platform, served.installation.operator, AnnotateAsk())
    expect(page.locator("#page table tbody tr")).to_have_count(2)
    expect(page.get_by_label("All, anew")).to_be_checked()
    page.get_by_role("button", name="Read the notes").click()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("It was cancelled").wait_for()
    assert visitor.troubles == []
    assert visitor.elsewhere() == []
    context.close()


def test_who_may_not_is_not_offered_a_run_and_starts_none(browser: Browser, served: Served) -> None:
    context = browser.new_context()
    visitor = Visitor(context, served)
    visitor.sign_in("grace.clinician")
    visitor.go("notes/runs")
    visitor.page.get_by_role("heading", name="Runs over stored notes").wait_for()
    assert visitor.page.get_by_role("button", name="Read the notes").count() == 0
    same = {"Sec-Fetch-Site": "same-origin"}
    asked = {"zone": "identified", "notes": "all"}
    assert context.request.post(f"{served.url}notes-start", headers=same, form=asked).status == 403
    assert context.request.post(f"{served.url}notes-start", headers=same, form={"zone": "x"}).status == 400
    assert context.request.post(f"{served.url}notes-cancel/20261122T010203Z-abc234", headers=same).status == 404
    context.close()
