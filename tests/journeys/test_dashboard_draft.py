"""A data engineer drafts a mapping in the browser from a table that nobody has mapped, and takes it home."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from careloom.ingest.delimited import load_mapping
from tests.api.test_mappings import HEADLESS, LAB, VALUES
from tests.journeys.browser import Served, Visitor, dashboard


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with dashboard(tmp_path_factory.mktemp("draft"), is_filled=False) as made:
        yield made


DROP = """() => {
  const held = new DataTransfer();
  held.items.add(new File([new Uint8Array(9000000)], 'quillfeather.csv'));
  document.querySelector('.chooser .button').dispatchEvent(new DragEvent('drop', {dataTransfer: held, bubbles: true}));
}"""
"""A file of 9 MB is dropped on the button."""


def a_file(text: str) -> Any:
    return {"name": "quillfeather.csv", "mimeType": "text/csv", "buffer": text.encode()}


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), pytest.param("dark", 375, marks=pytest.mark.long)])
def test_a_mapping_is_drafted_read_and_downloaded(browser: Browser, served: Served, scheme: str, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    visitor = Visitor(context, served)
    visitor.sign_in("petra.privacy")
    visitor.go("runs")
    page = visitor.page
    page.get_by_role("link", name="Draft a mapping").click()
    page.get_by_role("heading", name="The file").wait_for()
    assert visitor.violations() == []
    with page.expect_file_chooser() as chooser:
        if scheme == "light":
            page.get_by_text("Choose a file").click()
        else:
            page.locator("input[type=file]").focus()
            page.keyboard.press("Enter")
    chooser.value.set_files([a_file(LAB)])
    page.get_by_role("heading", name="The mapping").wait_for()
    expect(page.get_by_role("row", name="Pat-Nr")).to_contain_text("Patient id")
    assert visitor.violations() == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert [value for value in VALUES if value in page.inner_text("#page")] == []
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the mapping").click()
    assert download.value.suggested_filename == "mapping.toml"
    assert load_mapping(Path(download.value.path()).read_text("utf-8")).name == "own"
    page.locator("input[type=file]").set_input_files([a_file(HEADLESS["words alone"])])
    page.get_by_text("The first line may be a row").wait_for()
    assert visitor.violations() == []
    assert visitor.troubles == []
    assert visitor.elsewhere() == []
    context.close()


def test_a_file_that_is_too_large_is_told_so_with_the_command_that_takes_it(browser: Browser, served: Served) -> None:
    context = browser.new_context(viewport={"width": 375, "height": 800})
    visitor = Visitor(context, served)
    visitor.sign_in("petra.privacy")
    visitor.go("runs/draft")
    page, field, alert = visitor.page, visitor.page.locator("input[type=file]"), visitor.page.get_by_role("alert")
    large = a_file(LAB.ljust(8_500_000))
    field.set_input_files([a_file(LAB)])
    page.get_by_role("heading", name="The mapping").wait_for()
    field.set_input_files([large])
    expect(alert).to_contain_text("The file has 8.5 MB; a browser sends 8.0 MB at most")
    expect(alert).to_contain_text("careloom mapping suggest FILE")
    expect(page.get_by_role("heading", name="The mapping")).to_have_count(0)
    assert visitor.violations() == []
    field.set_input_files([a_file("nothing".ljust(8_000_000))])
    page.get_by_text("The file holds no table").wait_for()
    page.evaluate(DROP)
    expect(alert).to_contain_text("The file has 9.0 MB")
    assert visitor.troubles == []
    context.close()


def test_who_may_not_send_is_told_so(browser: Browser, served: Served) -> None:
    context = browser.new_context()
    visitor = Visitor(context, served)
    visitor.sign_in("grace.clinician")
    visitor.go("runs/draft")
    visitor.page.get_by_text("you may not ingest anything").wait_for()
    context.close()
