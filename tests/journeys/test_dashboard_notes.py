"""A data engineer reads a text in the browser: a sample, by keyboard; kinds are hidden; what was found is fetched."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from careloom.pipeline.registry import REGISTRY
from tests.journeys.browser import Served, Visitor, dashboard

SAID = "Quillfeather has diabetes and no pneumonia. metformin 500 mg."


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(REGISTRY, "reader.nlp", "tests.nlp_kit:simple_reader")
        with dashboard(tmp_path_factory.mktemp("notes"), is_filled=False) as made:
            yield made


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), pytest.param("dark", 375, marks=pytest.mark.long)])
def test_read_a_text_hide_a_kind_and_fetch_the_rest(browser: Browser, served: Served, scheme: str, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    visitor = Visitor(context, served)
    visitor.sign_in("petra.privacy")
    visitor.go("notes")
    page = visitor.page
    page.get_by_role("button", name="Read it").click()
    page.get_by_text("There is no text").wait_for()
    page.get_by_role("button", name="Use a sample").click()
    expect(page.locator("#note-text")).not_to_have_value("")
    page.fill("#note-text", SAID)
    page.keyboard.press("Alt+KeyR")
    expect(page.locator("mark.found")).to_have_count(4)
    expect(page.locator("mark.is-absent")).to_have_attribute("data-label", "problem, absent")
    assert visitor.violations() == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.locator("#note-found .found-row", has_text="metformin").focus()
    expect(page.locator("mark.is-twin")).to_have_text("metformin")
    page.locator(".chips label", has_text="Problems").click()
    expect(page.locator("mark.is-off")).to_have_count(2)
    expect(page.locator("#note-found tbody tr:visible")).to_have_count(2)
    with page.expect_download() as kept:
        page.get_by_role("button", name="Download FHIR").click()
    assert json.loads(kept.value.path().read_text("utf-8"))["resourceType"] == "Bundle"
    assert visitor.troubles == []
    assert visitor.elsewhere() == []
    assert not [url for url in visitor.requests if "Quillfeather" in url]
    assert "Quillfeather" not in page.url
    context.close()


@pytest.mark.parametrize("times", [3, pytest.param(20, marks=pytest.mark.long)])
def test_what_stands_in_the_field_is_read_on_a_slow_machine_too(browser: Browser, served: Served, times: int) -> None:
    """The key follows the last letter at once; a browser that is 20 times slower hands the text on late."""
    context = browser.new_context()
    visitor = Visitor(context, served)
    visitor.sign_in("petra.privacy")
    visitor.go("notes")
    speed = context.new_cdp_session(visitor.page)
    for text in (f"{SAID} {number}" for number in range(times)):
        with visitor.page.expect_request(lambda request: '"note-go"' in (request.post_data or "")) as sent:
            speed.send("Emulation.setCPUThrottlingRate", {"rate": 20})
            visitor.page.fill("#note-text", text)
            visitor.page.keyboard.press("Alt+KeyR")
        speed.send("Emulation.setCPUThrottlingRate", {"rate": 1})
        states = {state["id"]: state.get("value") for state in sent.value.post_data_json["state"]}
        assert states["note-text"] == text
    context.close()
