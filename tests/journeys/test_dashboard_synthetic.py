"""On the page of synthetic data a person fetches what was let out; of what was refused or taken back nothing leaves."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import Browser

from careloom.errors import Withheld
from careloom.services.privacy_ledger import BudgetAsk, set_budget
from careloom.services.synthesize import FitAsk, fit
from careloom.services.synthesize_release import ReleaseAsk, release, withdraw
from careloom.services.synthesize_rows import JudgeAsk, SampleAsk, judge, sample
from careloom.services.synthesize_source import SourceAsk
from tests.api.kit import Installation
from tests.architecture.synthetic_routes import LOOSE
from tests.journeys.browser import Served, Visitor, dashboard
from tests.synthesis_kit import METADATA, stays


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with dashboard(tmp_path, is_filled=False) as one:
        yield one


def answered(installation: Installation, folder: Path) -> dict[str, str]:
    """Three samples of a model: let out, withdrawn, refused."""
    platform, who = installation.platform, installation.operator
    set_budget(platform, who, BudgetAsk("research", 5.0, 1e-5))
    stays(400).write_csv(folder / "stays.csv")
    source = SourceAsk(file=folder / "stays.csv", metadata=METADATA)
    model = fit(platform, who, FitAsk(source, epsilon=2.0, options={"bins": 4, "steps": 20}))["model"]
    names = {}
    for state in ("open", "withdrawn", "refused"):
        names[state] = sample(platform, who, SampleAsk(model, 40))["sample"]
        judge(platform, who, JudgeAsk(names[state], kinds=("fidelity",)))
    for state in ("open", "withdrawn"):
        release(platform, who, ReleaseAsk(names[state], f"table_{state}", own=LOOSE))
    withdraw(platform, who, names["withdrawn"])
    with pytest.raises(Withheld):
        release(platform, who, ReleaseAsk(names["refused"], "kept_in"))
    return names


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
