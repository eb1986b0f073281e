"""A data engineer reads a policy in the browser, makes the research zone with it, reads the report; others read."""

from base64 import b64encode
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from careloom.services.deidentify_report import check_signature
from careloom.services.jobs import work
from tests.journeys.browser import Served, Visitor, dashboard

ENGINEER = "dana.engineer"
OFFICER = "olga.officer"
LARGE = "/dashboard/deidentify/policies/safe-harbor"
PATIENT = {
    "resourceType": "Patient", "id": "p1", "name": [{"family": "Quillfeather"}], "gender": "female",
    "birthDate": "1961-04-05", "telecom": [{"system": "phone", "value": "617-555-0100"}],
}  # fmt: skip
NOTE = {
    "resourceType": "DocumentReference", "id": "n1", "status": "current", "subject": {"reference": "Patient/p1"},
    "content": [{"attachment": {
        "contentType": "text/plain", "data": b64encode(b"Oda Quillfeather was seen on 2024-03-05.").decode(),
    }}],
}  # fmt: skip
SIDES = ("Original", "De-identified")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with dashboard(tmp_path_factory.mktemp("deidentify"), is_filled=False) as made:
        for name, role in ((ENGINEER, "data-engineer"), (OFFICER, "privacy-officer")):
            person = made.installation.register([role], ["identified", "research"], name=name, kind="person")
            made.secrets[name] = person.secret
        made.installation.ingest([PATIENT])
        yield made


def sound(visitor: Visitor) -> None:
    """The page is accessible, fits the screen, and names nobody.

    Of a policy it is asked with few of its entries: all of them, alike in form, take axe a hundred times as long.
    """
    visitor.settled()
    assert visitor.violations() == []
    assert visitor.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    for word in ("Quillfeather", "617-555-0100", "1961-04-05"):
        assert word not in visitor.page.content()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), pytest.param("dark", 375, marks=pytest.mark.long)])
def test_read_a_policy_start_a_run_and_read_its_report(
    browser: Browser, served: Served, scheme: str, width: int
) -> None:
    """The first visitor finds that nothing was run yet."""
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    visitor = Visitor(context, served)
    visitor.sign_in(ENGINEER)
    visitor.go("deidentify")
    page = visitor.page
    if scheme == "light":
        page.get_by_text("The research zone was never made").wait_for()
    sound(visitor)
    page.get_by_role("link", name="safe-harbor").first.click()
    page.get_by_role("heading", name="Policy safe-harbor").wait_for()
    narrowed(visitor)
    started(visitor)
    page.get_by_text("Waiting for a free worker").wait_for()
    sound(visitor)
    assert work(served.installation.platform, once=True) == 1
    page.reload()
    page.get_by_role("heading", name="Identifiers taken out").wait_for()
    expect(page.locator("#page tr:has-text('(D)')")).to_contain_text("1")
    expect(page.locator("#page tr:has-text('(G)')")).to_contain_text("none was there")
    expect(page.locator("#page")).to_contain_text("Pseudonyms of the project research, epoch 1.")
    sound(visitor)
    fetched(visitor)
    visitor.go("deidentify")
    page.locator("#page h2:has-text('Runs')").wait_for()
    sound(visitor)
    assert visitor.troubles == []
    assert visitor.elsewhere() == []
    context.close()


def narrowed(visitor: Visitor) -> None:
    """By keyboard; the address keeps what was looked for."""
    page = visitor.page
    before = page.locator("#page table tbody tr").count()
    page.fill("#find-entry", "zip")
    page.press("#find-entry", "Enter")
    page.wait_for_url("**/deidentify/policies/safe-harbor?find=zip")
    sound(visitor)
    assert 0 < page.locator("#page table tbody tr").count() < before
    page.locator("#page .tabs a:has-text('Must be there')").click()
    page.wait_for_url("**decision=need**")
    visitor.settled()
    expect(page.locator("#page table tbody tr")).to_have_count(1)
    page.fill("#find-entry", "nowhere")
    page.get_by_role("button", name="Find").click()
    page.get_by_text("No entry fits").wait_for()
    assert "decision=need" in page.url
    expect(page.get_by_role("link", name="Show all")).to_have_attribute("href", LARGE)


def started(visitor: Visitor) -> None:
    """By keyboard: the first step only opens the second."""
    page = visitor.page
    yes = page.get_by_role("button", name="Yes, make the research zone")
    expect(yes).to_be_hidden()
    page.locator("summary:has-text('Make the research zone')").focus()
    page.keyboard.press("Enter")
    sound(visitor)
    yes.click()


def fetched(visitor: Visitor) -> None:
    """The file is the signed one, and the page for people is whole."""
    installation = visitor.served.installation
    with visitor.page.expect_download() as kept:
        visitor.page.get_by_role("link", name="Report as JSON").click()
    assert kept.value.suggested_filename.startswith("deidentification-")
    assert check_signature(installation.platform, installation.operator, kept.value.path().read_bytes())["signed"]
    with visitor.page.expect_download() as shown:
        visitor.page.get_by_role("link", name="Report as HTML").click()
    assert "Identifiers taken out" in shown.value.path().read_text("utf-8")


def test_one_that_waits_is_cancelled_from_its_page(browser: Browser, served: Served) -> None:
    context = browser.new_context()
    visitor = Visitor(context, served)
    visitor.sign_in(ENGINEER)
    visitor.go("deidentify/policies/first")
    visitor.page.locator("summary:has-text('Make the research zone')").click()
    visitor.page.get_by_role("button", name="Yes, make the research zone").click()
    visitor.page.get_by_role("button", name="Cancel").click()
    visitor.page.get_by_text("It was cancelled").wait_for()
    assert work(served.installation.platform, once=True) == 1
    context.close()


def test_a_privacy_officer_reads_and_starts_nothing(browser: Browser, served: Served) -> None:
    context = browser.new_context()
    visitor = Visitor(context, served)
    visitor.sign_in(OFFICER)
    visitor.page.locator("nav a:has-text('De-identification')").click()
    visitor.page.get_by_role("link", name="first").first.click()
    visitor.page.get_by_text("not start a run").wait_for()
    visitor.go("deidentify/policies/first?find=zip")
    sound(visitor)
    for act in ("deidentify-start/first", "deidentify-cancel/20261122T010203Z-abc234"):
        answer = context.request.post(f"{served.url}{act}", headers={"Sec-Fetch-Site": "same-origin"})
        assert answer.status == 403
    assert visitor.troubles == []
    context.close()


def test_an_original_stands_beside_what_comes_out_and_marks_know_their_twin(browser: Browser, served: Served) -> None:
    served.installation.ingest([NOTE])
    context = browser.new_context()
    visitor, page = (made := Visitor(context, served)), made.page
    visitor.sign_in(OFFICER)
    note = served.installation.stored_id("DocumentReference", "n1")
    visitor.go(f"deidentify/compare/DocumentReference/{note}?policy=expert")
    before, after = (page.locator(f"[data-pane]:below(h3:text-is('{side}'))").first for side in SIDES)
    expect(before).to_contain_text("Oda Quillfeather")
    expect(after).not_to_contain_text("Quillfeather")
    before.locator("mark").first.focus()
    expect(after.locator("mark.is-twin")).to_have_count(1)
    page.keyboard.press("Tab")
    expect(after.locator("mark").nth(1)).to_have_class("found found-time is-twin")
    page.fill("#try-text", "Seen by Dr. Tamsin Marwick.")
    page.locator("#try-style").get_by_text("Tags").click()
    page.locator("#try-go").press("Enter")
    page.get_by_text("Seen by Dr. [NAME]").wait_for()
    visitor.settled()
    assert visitor.violations() == []
    assert "Marwick" not in "".join(visitor.requests)
    assert visitor.troubles == []
    context.close()


def test_who_may_not_is_not_shown_the_way_and_told_so(browser: Browser, served: Served) -> None:
    context = browser.new_context()
    visitor = Visitor(context, served)
    visitor.sign_in("grace.clinician")
    assert visitor.page.locator("nav a:has-text('De-identification')").count() == 0
    visitor.go("deidentify")
    visitor.page.get_by_text("may not monitor").wait_for()
    visitor.go("deidentify/compare")
    visitor.page.get_by_text("may not see an original").wait_for()
    answer = context.request.get(f"{served.url}deidentify-report/20261122T010203Z-abc234.json")
    assert answer.status == 403
    context.close()
