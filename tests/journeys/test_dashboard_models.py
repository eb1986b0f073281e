"""On the pages of models a second person promotes, somebody rolls back and acknowledges; a refusal is said kindly."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree
from playwright.sync_api import Browser, expect

from careloom.services.models import shown
from tests.api.test_models import registered as small_model
from tests.journeys.browser import Served, Visitor, dashboard
from tests.model_page_kit import two_versions, watched
from tests.models_kit import GATES, MODEL


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("models")
    (folder / "gates").mkdir()
    (folder / "gates/small.toml").write_text(GATES)
    with dashboard(folder, is_filled=False, gates=folder / "gates") as one:
        small_model(one.installation, 10)
        two_versions(one.installation)
        watched(one.installation)
        both = one.installation.register(
            ["clinician", "data-engineer"], ["identified"], name="sven.second", kind="person"
        )
        one.secrets["sven.second"] = both.secret
        yield one


@pytest.fixture
def visitor(browser: Browser, served: Served) -> Iterator[Visitor]:
    context = browser.new_context()
    made = Visitor(context, served)
    made.sign_in("sven.second")
    yield made
    assert made.troubles == []
    context.close()


def act(visitor: Visitor, why: str) -> None:
    """Fills in why, and does it, by the keyboard alone."""
    visitor.page.focus("#model-reason")
    visitor.page.keyboard.type(why)
    visitor.page.keyboard.press("Tab")
    expect(visitor.page.locator("#model-go")).to_be_focused()
    visitor.page.keyboard.press("Enter")


def test_a_second_person_promotes_and_says_why(visitor: Visitor) -> None:
    visitor.go(f"models/{MODEL}/1?act=promote")
    visitor.page.click("#model-go")
    expect(visitor.page.locator("#model-said")).to_contain_text("Say why")
    act(visitor, "looked at its calibration")
    expect(visitor.page.locator("#model-said")).to_contain_text("is the champion now")
    assert visitor.violations() == []
    visitor.page.get_by_role("link", name="Show it as it is now").click()
    expect(visitor.page.locator(".badges")).to_contain_text("Champion")
    installation = visitor.served.installation
    approval = shown(installation.platform, installation.operator, f"{MODEL}@1")["approval"]
    assert (approval["by"], approval["reason"]) == ("sven.second", "looked at its calibration")


def test_a_version_whose_gates_do_not_hold_is_refused_kindly(visitor: Visitor) -> None:
    visitor.go("models/readmission-30d/2?act=promote")
    act(visitor, "it looks better")
    said = visitor.page.locator("#model-said .note-warn")
    expect(said).to_contain_text("Not now")
    expect(said).to_contain_text("gate")
    expect(visitor.page.locator("#model-go")).to_be_visible()
    assert visitor.violations() == []


def test_an_alarm_is_acknowledged_with_a_note(visitor: Visitor) -> None:
    visitor.go("models/readmission-30d/watch")
    visitor.page.get_by_role("link", name="Acknowledge").first.click()
    visitor.settled()
    act(visitor, "the laboratory changed its unit")
    expect(visitor.page.locator("#model-said")).to_contain_text("is acknowledged")
    visitor.go("models/readmission-30d/watch")
    expect(visitor.page.get_by_text("the laboratory changed its unit")).to_be_visible()


def test_a_champion_is_rolled_back(visitor: Visitor) -> None:
    visitor.go("models/readmission-30d?act=rollback")
    act(visitor, "alerts doubled overnight")
    expect(visitor.page.locator("#model-said")).to_contain_text("Not now")


def test_a_model_card_is_fetched_and_a_stranger_gets_none(visitor: Visitor, browser: Browser) -> None:
    visitor.go("models/readmission-30d/1/card")
    with visitor.page.expect_download() as download:
        visitor.page.get_by_role("link", name="XML").click()
    assert etree.parse(Path(download.value.path())).getroot().tag.endswith("AppliedModelCard")
    url = f"{visitor.served.url}model-card/readmission-30d@1.json"
    assert visitor.page.context.request.get(url).status == 200
    assert visitor.page.context.request.get(url.replace("@1", "@9")).status == 404
    stranger = browser.new_context()
    assert "sign-in" in stranger.request.get(url).url
    stranger.close()


def test_a_look_is_queued_by_a_button(visitor: Visitor) -> None:
    visitor.go("models/readmission-30d/watch")
    visitor.page.get_by_role("button", name="Look now").click()
    expect(visitor.page.get_by_text("What you asked for is under way")).to_be_visible()
