"""A data steward works through the queue in a real browser, by keyboard; the pages are accessible, light and dark."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from careloom.services.jobs import work
from careloom.services.linkage import run
from tests.journeys.browser import Served, Visitor, dashboard

STEWARD = "sam.steward"


def twin(name: str, given: str) -> dict[str, object]:
    return {"resourceType": "Patient", "id": name, "name": [{"family": "Ottenbrook", "given": [given]}],
            "birthDate": "1999-09-09", "gender": "female"}  # fmt: skip


def dose(name: str) -> dict[str, object]:
    code = {"coding": [{"system": "http://hl7.org/fhir/sid/cvx", "code": "140"}]}
    return {"resourceType": "Immunization", "id": name, "status": "completed", "vaccineCode": code,
            "patient": {"reference": "Patient/t1"}, "occurrenceDateTime": "2026-01-02"}  # fmt: skip


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with dashboard(tmp_path_factory.mktemp("linkage"), is_filled=False) as made:
        steward = made.installation.register(["data-steward"], ["identified"], name=STEWARD, kind="person")
        made.secrets[STEWARD] = steward.secret
        made.installation.ingest([twin("t1", "Beatrix"), twin("t2", "Cordelia"), dose("d1"), dose("d2")])
        run(made.installation.platform, made.installation.operator)
        yield made


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), pytest.param("dark", 375, marks=pytest.mark.long)])
def test_the_queue_and_a_pair_are_accessible_quiet_and_fit(
    browser: Browser, served: Served, scheme: str, width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    visitor = Visitor(context, served)
    visitor.sign_in(STEWARD)
    pages = ("linkage", "linkage?state=rejected", "linkage/duplicates", "linkage/duplicates?kind=content")
    for page in (*pages, pair_page(visitor)):
        visitor.go(page)
        assert visitor.violations() == []
        fits = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        assert visitor.page.evaluate(fits)
    assert visitor.troubles == []
    assert visitor.elsewhere() == []
    context.close()


def pair_page(visitor: Visitor) -> str:
    visitor.go("linkage")
    link = visitor.page.locator("#page table a").first.get_attribute("href") or ""
    return link.removeprefix("/dashboard/")


def test_a_pair_is_decided_and_undone_by_keyboard(browser: Browser, served: Served) -> None:
    context = browser.new_context()
    visitor = Visitor(context, served)
    visitor.sign_in(STEWARD)
    visitor.go(pair_page(visitor))
    page = visitor.page
    page.locator("#pair-reason").focus()
    page.keyboard.type("one person, two given names")
    page.keyboard.press("Tab")
    expect(page.locator("#pair-accept")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#pair-said")).to_contain_text("Done: linked")
    expect(page.locator("#pair-history")).to_contain_text("one person, two given names")
    expect(page.locator("#pair-accept")).to_be_disabled()
    assert visitor.violations() == []
    page.keyboard.press("Alt+u")
    expect(page.locator("#pair-said")).to_contain_text("Done: to review")
    page.locator("#pair-reason").focus()
    page.keyboard.type("twins, seen together")
    page.keyboard.press("Alt+r")
    expect(page.locator("#pair-said")).to_contain_text("Done: rejected")
    expect(page.locator("#pair-history")).to_contain_text("twins, seen together")
    page.keyboard.press("Alt+u")
    expect(page.locator("#pair-said")).to_contain_text("Done: to review")
    assert visitor.troubles == []
    context.close()


def test_duplicates_are_looked_for_read_and_exported(browser: Browser, served: Served) -> None:
    context = browser.new_context()
    visitor = Visitor(context, served)
    visitor.sign_in(STEWARD)
    visitor.go("linkage")
    page = visitor.page
    page.get_by_role("link", name="Duplicates").click()
    page.get_by_role("button", name="Look now").click()
    page.get_by_text("It has not begun yet").wait_for()
    assert visitor.violations() == []
    assert work(served.installation.platform, once=True) == 1
    page.reload()
    page.get_by_role("link", name="Show it").click()
    page.get_by_role("link", name="Immunization").click()
    page.get_by_role("heading", name="Groups, Immunization, same content").wait_for()
    assert visitor.violations() == []
    with page.expect_download() as download:
        page.get_by_role("link", name="Export CSV").click()
    lines = Path(download.value.path()).read_text("utf-8").splitlines()
    assert (lines[0], len(lines)) == ("group,same,type,resource,record", 3)
    page.locator("table:has-text('Which') tbody a").first.click()
    page.get_by_role("heading", name="About this patient").wait_for()
    assert visitor.troubles == []
    context.close()
