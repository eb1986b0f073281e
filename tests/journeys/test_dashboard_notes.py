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
    marks = page.locator("button.nv-mark")
    expect(marks).to_have_count(4)
    expect(page.locator(".nv-mark.is-absent")).to_have_text("problem · absent")
    assert visitor.violations() == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.get_by_text("Annotations (4)").click()
    page.locator("#note-found .found-row", has_text="metformin").focus()
    expect(page.locator(".nv-details-title")).to_have_text("metformin")
    page.locator(".nv-chip", has_text="Problems").click()
    expect(marks).to_have_count(2)
    expect(page.locator("#note-found tbody tr:visible")).to_have_count(2)
    with page.expect_download() as kept:
        page.get_by_role("button", name="Download FHIR").click()
    assert json.loads(kept.value.path().read_text("utf-8"))["resourceType"] == "Bundle"
    assert visitor.troubles == []
    assert visitor.elsewhere() == []
    assert not [url for url in visitor.requests if "Quillfeather" in url]
    assert "Quillfeather" not in page.url
    context.close()


def test_who_has_the_keyboard_alone_reads_what_is_said_of_each(browser: Browser, served: Served) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    visitor = Visitor(context, served)
    visitor.sign_in("petra.privacy")
    visitor.go("notes")
    page = visitor.page
    page.fill("#note-text", SAID)
    page.keyboard.press("Alt+KeyR")
    expect(page.locator("button.nv-mark")).to_have_count(4)
    page.locator(".nv-pane").focus()
    page.keyboard.press("Tab")
    said = []
    for _ in range(4):
        said.append(page.evaluate("document.activeElement.getAttribute('aria-label')"))
        page.keyboard.press("ArrowRight")
    assert said == [
        "diabetes, problem, Type 2 diabetes mellitus without complications, 1 of 4",
        "pneumonia, problem, absent, 2 of 4", "metformin, medication, 3 of 4",
        "500 mg, dosage, 4 of 4",
    ]  # fmt: skip
    expect(page.locator(".nv-popover")).to_contain_text("Dose")
    assert page.locator(".nv-arcs path.nv-arc").count() == 1
    assert visitor.violations() == []
    page.keyboard.press("Escape")
    expect(page.locator(".nv-popover")).to_be_hidden()
    page.keyboard.press("Home")
    expect(page.locator(".nv-arcs")).to_have_count(0)
    page.keyboard.press("x")  # nothing is corrected where nothing is kept
    expect(page.locator(".was-rejected")).to_have_count(0)
    assert [page.locator("[tabindex='0'].nv-mark").count(), page.locator(".nv-saving").count()] == [1, 0]
    assert visitor.troubles == []
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
