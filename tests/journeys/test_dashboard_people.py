"""What people do in the dashboard: with the keyboard alone, searching, filtering, being signed out, watching a run."""

from collections.abc import Iterator
from urllib.parse import unquote

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from careloom.services.tokens import revoke
from tests.journeys.browser import Served, Visitor, dashboard
from tests.journeys.small_hospital import BIRTH_DATE, FAMILY, GIVEN, long_history


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with dashboard(tmp_path_factory.mktemp("dashboard")) as made:
        yield made


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    yield made
    made.close()


@pytest.fixture
def visitor(context: BrowserContext, served: Served) -> Visitor:
    return Visitor(context, served)


FOCUSED = """() => {
  const focused = document.activeElement;
  const label = focused.labels && focused.labels.length ? focused.labels[0] : null;
  const isSeen = each => {
    const style = each && getComputedStyle(each);
    return Boolean(style) && style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
  };
  const words = label ? label.textContent : focused.textContent || focused.getAttribute('aria-label') || focused.id;
  return [words.trim(), isSeen(focused) || isSeen(label)];
}"""
"""The words of what has the focus, and whether people see that it has."""


def press_until(visitor: Visitor, key: str, words: str, *, at_most: int = 60) -> None:
    """Presses a key until the focus is on what has these words; everywhere on the way it can be seen."""
    seen = []
    for _ in range(at_most):
        visitor.page.keyboard.press(key)
        found, is_seen = visitor.page.evaluate(FOCUSED)
        assert is_seen, f"{found[:60]!r} is focused, but nobody can see it"
        if found == words:
            return
        seen.append(found[:30])
    raise AssertionError(f"no {words!r} within {at_most} presses of {key}: {seen}")


def test_a_person_gets_from_sign_in_to_a_patient_with_the_keyboard_alone(visitor: Visitor) -> None:
    page, keys = visitor.page, visitor.page.keyboard
    page.goto(visitor.served.url)
    press_until(visitor, "Tab", "Sign in with a secret, as a program or person")
    keys.press("Enter")
    keys.press("Tab")
    keys.type("grace.clinician")
    keys.press("Tab")
    keys.type(visitor.served.secrets["grace.clinician"])
    keys.press("Enter")
    visitor.settled()
    press_until(visitor, "Tab", "Skip to the page")
    press_until(visitor, "Tab", "Patients")
    keys.press("Enter")
    page.wait_for_selector("#found")
    visitor.settled()
    assert page.evaluate("document.activeElement.id") == "title"
    press_until(visitor, "Tab", f"{GIVEN} {FAMILY}")
    keys.press("Enter")
    page.wait_for_selector("#timeline .main-svg")
    press_until(visitor, "Tab", "Vital signs")
    keys.press("Space")
    expect(page.locator("#timeline-words")).to_contain_text("24 events in 4 lanes")
    press_until(visitor, "Tab", "All")
    for _ in range(2):
        keys.press("ArrowRight")
    expect(page.locator("#timeline-words")).to_contain_text("from 2 Jun 2020 to 2 Jun 2025")
    press_until(visitor, "Shift+Tab", "Light or dark")
    keys.press("Enter")
    page.wait_for_selector("html[data-mantine-color-scheme=dark]")
    assert visitor.troubles == []


def test_the_skip_link_leads_to_the_page(visitor: Visitor) -> None:
    visitor.sign_in("petra.privacy")
    press_until(visitor, "Tab", "Skip to the page")
    visitor.page.keyboard.press("Enter")
    assert visitor.page.evaluate("document.activeElement.id") == "main"


def test_the_chosen_colours_are_remembered(visitor: Visitor) -> None:
    visitor.sign_in("petra.privacy")
    visitor.page.click("[data-action=theme]")
    visitor.load("runs")
    assert visitor.page.evaluate("document.documentElement.dataset.mantineColorScheme") == "dark"
    visitor.page.click("[data-action=theme]")
    visitor.load("")
    assert visitor.page.evaluate("document.documentElement.dataset.mantineColorScheme") == "light"


SEARCHES = [
    ("#find-name", FAMILY[:5]),
    ("#find-name", GIVEN.lower()),
    ("#find-birth", BIRTH_DATE),
    ("#find-birth", "1961"),
]


@pytest.mark.parametrize(("field", "words"), SEARCHES)
def test_a_searched_name_or_birth_date_finds_and_stands_in_no_address(visitor: Visitor, field: str, words: str) -> None:
    visitor.sign_in("grace.clinician")
    visitor.go("patients")
    visitor.page.fill(field, words)
    visitor.page.press(field, "Enter")
    visitor.page.wait_for_selector("#found h2:has-text('Found')")
    assert visitor.page.locator("#found tbody tr").count() == 1
    assert f"{GIVEN} {FAMILY}" in visitor.page.inner_text("#found tbody")
    addresses = [*visitor.requests, visitor.page.url]
    assert [url for url in addresses if words.lower() in unquote(url).lower()] == []


def test_a_search_that_finds_nobody_says_what_to_do(visitor: Visitor) -> None:
    visitor.sign_in("grace.clinician")
    visitor.go("patients")
    visitor.page.fill("#find-name", "Nobody")
    visitor.page.click("#find")
    visitor.page.wait_for_selector("#found h2:has-text('No patient fits')")


def test_a_search_that_means_nothing_is_explained(visitor: Visitor) -> None:
    visitor.sign_in("grace.clinician")
    visitor.go("patients")
    visitor.page.fill("#find-birth", "yesterday")
    visitor.page.click("#find")
    visitor.page.wait_for_selector("#found [role=alert]")
    assert visitor.page.inner_text("#found [role=alert]").strip()
    assert visitor.troubles == []


def open_patient(visitor: Visitor) -> None:
    stored = visitor.served.installation.stored_id("Patient", "oda")
    visitor.go(f"patients/identified/{stored}")


def count_words(visitor: Visitor) -> str:
    return visitor.page.inner_text("#timeline-words")


def test_lanes_and_time_narrow_the_timeline_and_the_table_and_are_kept_in_the_address(visitor: Visitor) -> None:
    visitor.sign_in("grace.clinician")
    open_patient(visitor)
    assert count_words(visitor).startswith("35 events in 5 lanes.")
    for lane in ("Vital signs", "Laboratory", "Conditions", "Procedures"):
        visitor.page.get_by_text(lane, exact=True).first.click()
    visitor.page.get_by_text("5 years", exact=True).click()
    expect(visitor.page.locator("#timeline-words")).to_contain_text("6 events in 1 lane")
    assert visitor.page.locator("#events tbody tr").count() == 6
    assert visitor.page.url.endswith("?lanes=encounters&period=5y")
    visitor.page.reload()
    visitor.settled()
    assert count_words(visitor).startswith("6 events in 1 lane")
    visitor.page.click("#earlier")
    expect(visitor.page.locator("#timeline-words")).to_contain_text("from 3 Jun 2015")
    visitor.page.click("#later")
    expect(visitor.page.locator("#later")).to_be_disabled()
    assert visitor.troubles == []


def test_every_event_says_what_when_how_much_and_where_from(visitor: Visitor) -> None:
    visitor.sign_in("grace.clinician")
    open_patient(visitor)
    row = visitor.page.locator("#events tr:has-text('Heart rate')").first
    said = row.inner_text()
    for words in ("Heart rate", "8867-4", "2025-06-02 08:30", "62 /min", "final", "Vital signs"):
        assert words in said
    source = row.locator("code[title^='urn:careloom:record:']")
    assert source.count() == 1


@pytest.mark.long
def test_a_very_long_history_is_loaded_in_pieces_and_says_so(served: Served, visitor: Visitor) -> None:
    served.installation.ingest(long_history("bo", 2_600))
    visitor.sign_in("grace.clinician")
    stored = served.installation.stored_id("Patient", "bo")
    visitor.go(f"patients/identified/{stored}")
    assert visitor.page.inner_text("#more-words").startswith("2,000 of 2,600 events are loaded")
    visitor.page.click("#more")
    expect(visitor.page.locator("#timeline-words")).to_contain_text("2,600 events in 1 lane")
    assert visitor.page.inner_text("#more-words") == "All 2,600 events are loaded."
    assert visitor.page.locator("#events tbody tr").count() == 50
    visitor.page.click("#more-rows")
    expect(visitor.page.locator("#events tbody tr")).to_have_count(100)
    assert visitor.troubles == []


def test_a_clinician_sees_no_runs_and_is_told_why(visitor: Visitor) -> None:
    visitor.sign_in("grace.clinician")
    assert "Runs" not in visitor.page.inner_text("#side")
    visitor.go("runs")
    assert visitor.page.inner_text("h1") == "No access"
    assert "may not monitor" in visitor.page.inner_text("[role=alert]")


def test_a_scientist_sees_pseudonyms_and_no_names(visitor: Visitor) -> None:
    visitor.sign_in("alan.scientist")
    visitor.go("patients")
    assert FAMILY not in visitor.page.content()
    assert visitor.page.locator("#find-name").is_hidden()
    visitor.page.locator("#found tbody a").first.click()
    visitor.page.wait_for_selector("text=Dates are shifted")


def test_who_may_only_monitor_sees_the_run_but_not_what_was_refused(visitor: Visitor) -> None:
    visitor.sign_in("adam.admin")
    assert "Patients" not in visitor.page.inner_text("#side")
    visitor.go("runs")
    visitor.page.locator("#page tbody a").first.click()
    visitor.page.wait_for_selector("h2:has-text('Refused records')")
    assert "may not quarantine" in visitor.page.inner_text("#page")


def test_the_page_shows_what_arrives_without_being_loaded_again(served: Served, visitor: Visitor) -> None:
    visitor.sign_in("petra.privacy")
    visitor.go("runs")
    before = visitor.page.locator("#page tbody tr").count()
    served.installation.ingest([{"resourceType": "Patient", "id": "new", "gender": "other"}])
    visitor.page.evaluate("window.dash_clientside.set_props('tick', {n_intervals: 1})")
    expect(visitor.page.locator("#page tbody tr")).to_have_count(before + 1)


def test_a_page_without_news_says_so(visitor: Visitor) -> None:
    visitor.page.clock.install()
    visitor.sign_in("petra.privacy")
    visitor.page.route("**/_dash-update-component*", lambda route: route.abort())
    visitor.page.clock.run_for(60_000)
    visitor.page.wait_for_selector("#stale-line:not([hidden])")
    assert "No news for a while" in visitor.page.inner_text("#stale-line")


def test_a_revoked_token_leads_to_the_sign_in_page_and_back(served: Served, visitor: Visitor) -> None:
    visitor.sign_in("grace.clinician")
    visitor.go("patients")
    kept = next(each for each in visitor.page.context.cookies() if each["name"] == "careloom")
    token = token_in(served, kept["value"])
    client = served.installation.platform.clients.find("grace.clinician")
    revoke(served.installation.platform, client, token)
    visitor.page.click("#find")
    visitor.page.wait_for_selector("#client_id", state="attached")
    assert "Your session is over" in visitor.page.inner_text("[role=status]")
    visitor.sign_in("grace.clinician")
    visitor.page.wait_for_selector("#found")
    assert visitor.page.url.endswith("/dashboard/patients")


def token_in(served: Served, cookie: str) -> str:
    from careloom.dashboard.app import create_dashboard

    app = create_dashboard(served.client, b"a secret of these tests only", 3600, is_secure=False)
    serializer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
    token: str = serializer.loads(cookie)["person"]["token"]
    return token


def test_signing_out_says_so_and_closes_the_door(visitor: Visitor) -> None:
    visitor.sign_in("petra.privacy")
    visitor.page.click("button[title='Sign out']")
    visitor.page.wait_for_selector("#client_id", state="attached")
    assert "You are signed out" in visitor.page.inner_text("[role=status]")
    visitor.page.goto(visitor.served.url + "runs")
    assert "/sign-in?next=" in visitor.page.url


def test_an_empty_installation_says_what_to_do(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> None:
    with dashboard(tmp_path_factory.mktemp("empty"), is_filled=False) as empty:
        context = browser.new_context()
        visitor = Visitor(context, empty)
        visitor.sign_in("petra.privacy")
        assert "careloom ingest" in visitor.page.inner_text("#page")
        assert visitor.violations() == []
        for page, words in (("runs", "No runs yet"), ("patients", "This zone holds no patient yet")):
            visitor.go(page)
            assert words in visitor.page.inner_text("#page")
            assert visitor.violations() == []
        assert visitor.troubles == []
        context.close()
