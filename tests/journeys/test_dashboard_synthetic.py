"""On the page of synthetic data a person fetches what was let out; of what was refused or taken back nothing leaves."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import Browser, FilePayload

from careloom.services.synthesize_certificate import certificate_bytes
from careloom.services.synthesize_release import released
from tests.journeys.browser import Served, Visitor, dashboard
from tests.synthetic_samples import answered


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with dashboard(tmp_path, is_filled=False) as one:
        yield one


def test_what_was_let_out_is_fetched_and_what_was_refused_is_not(
    browser: Browser, served: Served, tmp_path: Path
) -> None:
    names = answered(served.installation, tmp_path)
    context = browser.new_context()
    visitor = Visitor(context, served)
    visitor.sign_in("petra.privacy")
    visitor.go("synthetic")
    page = visitor.page
    page.get_by_role("heading", name="Releases").wait_for()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert pl.read_csv(Path(download.value.path())).height == 40
    with page.expect_download() as download:
        page.get_by_role("link", name="JSON", exact=True).first.click()
    assert b'"signature"' in Path(download.value.path()).read_bytes()
    assert page.get_by_text("No download any more").count() == 1
    assert page.locator(f"tr:has-text('{names['refused']}')").get_by_text("refused").count() == 1
    for closed in (names["withdrawn"], names["refused"]):
        assert page.locator(f"a[href*='synthetic-data/{closed}']").count() == 0
        answer = context.request.get(f"{served.url}synthetic-data/{closed}.csv")
        assert answer.status in (404, 409)
        assert b"row-" not in answer.body()
    assert visitor.troubles == []
    context.close()


def test_a_certificate_is_verified_in_the_browser(browser: Browser, served: Served, tmp_path: Path) -> None:
    names = answered(served.installation, tmp_path)
    place = served.installation.platform
    by_release = {one["release"]: one["certificate"] for one in released(place, served.installation.operator)}
    good, over = (certificate_bytes(place, by_release[names[state]], "json") for state in ("open", "withdrawn"))
    context = browser.new_context()
    visitor = Visitor(context, served)
    visitor.sign_in("petra.privacy")
    visitor.go("synthetic")
    page = visitor.page
    page.get_by_role("link", name="Verify a certificate").click()
    page.get_by_text("Choose a certificate").wait_for()
    cases = [
        (good, "Valid: the release stands"), (over, "the release does not stand any more"),
        (good.replace(b'"rows": 40', b'"rows": 41'), "Altered: this is not what was signed"),
        (b"not one", "No certificate that can be checked"), (b"x" * 1_000_001, "a certificate has 1"),
    ]  # fmt: skip
    for content, said in cases:
        file: FilePayload = {"name": "certificate.json", "mimeType": "application/json", "buffer": content}
        page.locator("#certificate-file input[type=file]").set_input_files(file)
        page.locator("#certificate-said").get_by_text(said).wait_for()
        is_believed = page.get_by_role("table", name="What the certificate says").count() == 1
        assert is_believed == (content in (good, over))
    assert visitor.troubles == []
    context.close()


def test_a_judgement_is_read_and_a_release_is_withdrawn_in_two_steps(
    browser: Browser, served: Served, tmp_path: Path
) -> None:
    names = answered(served.installation, tmp_path)
    context = browser.new_context()
    visitor = Visitor(context, served)
    visitor.sign_in("petra.privacy")
    visitor.go(f"synthetic/samples/{names['refused']}")
    page = visitor.page
    page.get_by_text("rules keep the rows in").wait_for()
    for figure in ("beyond", "errors"):
        page.locator(f"#{figure} .js-plotly-plot").wait_for()
    visitor.go(f"synthetic/samples/{names['open']}")
    with page.expect_download() as download:
        page.get_by_role("link", name="Certificate (JSON)").click()
    assert b'"signature"' in Path(download.value.path()).read_bytes()
    page.get_by_role("link", name="Withdraw").click()
    page.get_by_role("button", name="Yes, withdraw it").click()
    page.get_by_text("The release is withdrawn.").wait_for()
    assert served.installation.platform.lake("synthetic").paths() == []
    visitor.go(f"synthetic/samples/{names['refused']}?act=release")
    page.get_by_label("Name of the table").fill("Not A Name")
    page.get_by_role("button", name="Yes, ask the gate").click()
    page.get_by_role("alert").wait_for()
    assert visitor.troubles == []
    context.close()
