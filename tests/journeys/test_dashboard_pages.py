"""Every page of the dashboard, light and dark, wide and narrow: accessible, quiet, and to itself."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest
from playwright.sync_api import Browser, expect

from careloom.services.deidentify_report import kept_ids
from careloom.services.quality import list_looks
from careloom.services.synthesize_shown import samples
from tests.journeys.browser import Served, Visitor, dashboard
from tests.model_page_kit import scored_patient, stays_of_wards, two_versions, watched
from tests.synthetic_samples import answered

WIDTHS = {1440: 900, 375: 780}
"""Width -> height, in pixels."""
LOOKS = [("light", 1440), ("dark", 375), ("light", 375), ("dark", 1440)]
LARGE = "deidentify/policies/first"
PAGES = [
    "",
    "runs",
    "runs/draft",
    "RUN",
    "RUN?code=REASON",
    "quarantine",
    "quarantine?code=fhir.binding",
    "quality",
    "quality?status=pass&type=Observation",
    "LOOK",
    "LOOK/RULE",
    "quality?zone=synthetic",
    "normalize",
    "deidentify",
    LARGE,
    "deidentify/policies/safe-harbor?find=zip&decision=keep",
    "DEIDENTIFICATION",
    "COMPARE",
    "linkage/duplicates",
    "notes",
    "patients",
    "patients?zone=research",
    "PATIENT",
    "NEW PATIENT",
    "PSEUDONYM",
    "SCORED PATIENT",
    "SCORED PATIENT?as_of=2026-11-01&cohort=readmission_30_days&risk=readmission-30d",
    "runs/none",
    "nowhere",
    "notes/runs",
    "notes/find",
    "notes/corpus",
    "synthetic",
    "synthetic?account=research",
    "synthetic/verify",
    "synthetic/models/GENERATOR",
    "synthetic/models/GENERATOR?act=sample",
    "synthetic/samples/REFUSED",
    "synthetic/samples/REFUSED?act=release",
    "synthetic/samples/RELEASED?act=withdraw",
    "cohorts",
    "cohorts/readmission_30_days?zone=identified",
    "cohorts/build?zone=identified",
    "cohorts/compare?one=readmission_30_days&other=no_show&zone=identified",
    "explore?zone=identified",
    "explore?zone=research&look=rows",
    "privacy",
    "privacy/audit",
    "privacy/audit?outcome=refused&window=all",
    "privacy/disclosures",
    "privacy/disclosures?patient=KEPT",
    "privacy/erasure",
    "privacy/erasure?patient=KEPT",
    "privacy/erasure?patient=KEPT&step=confirm&wrong=typed",
    "privacy/requests?patient=KEPT",
    "privacy/retention",
    "privacy/consents",
    "deployment",
    "operations",
    "reports",
    "reports/new?at=quality%3Fzone%3Dresearch",
    "operations/jobs?state=done",
    "operations/queues",
    "operations/logs",
    "operations/usage",
    "operations/costs?cpu_hour=0.05&unit=EUR",
    "models",
    "models/readmission-30d",
    "models/readmission-30d/1",
    "models/readmission-30d/1/lineage",
    "models/readmission-30d/1/card",
    "models/readmission-30d/watch",
    "models/readmission-30d/compare",
    "models/readmission-30d/2?act=retire",
    "capacity",
    "capacity?days=28&unit=Surgery&ask=calls&model=readmission-30d&k=5&event=9000&call=60&prevented=20",
    "capacity?what=slots&ask=overbook&capacity=18&booked=20&show=80&show_new=75&idle=120&over=x",
]
CASES = [
    pytest.param(look, page, marks=() if at_look == at_page % 2 and page != LARGE else pytest.mark.long)
    for at_look, look in enumerate(LOOKS)
    for at_page, page in enumerate(PAGES)
]
"""Every page every day, every second one dark and narrow; in all four looks, and the largest, in the long campaigns."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with dashboard(tmp_path_factory.mktemp("dashboard")) as made:
        two_versions(made.installation)
        watched(made.installation)
        scored_patient(made.installation)
        stays_of_wards(made.installation)
        answered(made.installation, tmp_path_factory.mktemp("rows"))
        yield made


@pytest.fixture(scope="module")
def signed_in(browser: Browser, served: Served) -> Iterator[Callable[[tuple[str, int]], Visitor]]:
    """The visitor of a look, who signs in once."""
    with ExitStack() as opened:

        @cache
        def visitor_of(look: tuple[str, int]) -> Visitor:
            scheme, width = look
            size = {"width": width, "height": WIDTHS[width]}
            context = browser.new_context(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
            opened.callback(context.close)
            made = Visitor(context, served)
            made.sign_in("petra.privacy")
            return made

        yield visitor_of


@pytest.fixture
def visitor(signed_in: Callable[[tuple[str, int]], Visitor], look: tuple[str, int]) -> Visitor:
    """Whoever has this look, with nothing held against them by the page before."""
    made = signed_in(look)
    made.troubles.clear()
    made.requests.clear()
    return made


@pytest.fixture(params=LOOKS[:2])
def look(request: pytest.FixtureRequest) -> tuple[str, int]:
    made: tuple[str, int] = request.param
    return made


def found(visitor: Visitor, page: str) -> str:
    """A page's address, with ids of what is there."""
    if page.startswith("RUN"):
        visitor.go("runs")
        link = visitor.page.locator("#page table a").first.get_attribute("href") or ""
        return page.replace("RUN", link.removeprefix("/dashboard/")).replace("REASON", "fhir.binding")
    if page == "DEIDENTIFICATION":
        (run_id,) = kept_ids(visitor.served.installation.platform)
        return f"deidentify/{run_id}"
    if page == "COMPARE":
        return (
            f"deidentify/compare/Patient/{visitor.served.installation.stored_id('Patient', 'oda')}?policy=safe-harbor"
        )
    if page.startswith("LOOK"):
        look = list_looks(visitor.served.installation.platform, visitor.served.installation.operator)[0]
        return page.replace("LOOK", f"quality/{look['run_id']}").replace("RULE", look["failed_rules"][0])
    if page.startswith("SCORED PATIENT"):
        stored = visitor.served.installation.stored_id("Patient", "scored")
        return page.replace("SCORED PATIENT", f"patients/identified/{stored}")
    if page.startswith("synthetic/"):
        made = visitor.served.installation
        drawn = {one["state"]: one for one in samples(made.platform, made.operator)}
        page = page.replace("GENERATOR", drawn["refused"]["model"]).replace("REFUSED", drawn["refused"]["sample"])
        return page.replace("RELEASED", drawn["released"]["sample"])
    if "KEPT" in page:
        return page.replace("KEPT", visitor.served.installation.stored_id("Patient", "oda"))
    if page.endswith("PATIENT"):
        stored = visitor.served.installation.stored_id("Patient", "bo" if page.startswith("NEW") else "oda")
        return f"patients/identified/{stored}"
    if page == "PSEUDONYM":
        visitor.go("patients?zone=research")
        link = visitor.page.locator("#found tr:has-text('Female') a").first.get_attribute("href") or ""
        return link.removeprefix("/dashboard/")
    return page


@pytest.mark.parametrize(("look", "page"), CASES)
def test_a_page_is_accessible_and_quiet_and_fits_the_screen(visitor: Visitor, look: tuple[str, int], page: str) -> None:
    visitor.go(found(visitor, page))
    assert visitor.violations() == []
    assert visitor.troubles == []
    assert visitor.elsewhere() == []
    fits = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    assert visitor.page.evaluate(fits)
    assert visitor.page.evaluate("document.documentElement.dataset.mantineColorScheme") == look[0]
    assert visitor.page.title().endswith("– Careloom")
    assert visitor.page.locator("h1").count() == 1


def test_the_place_where_one_is_stands_in_sight_on_a_narrow_screen(
    signed_in: Callable[[tuple[str, int]], Visitor],
) -> None:
    visitor = signed_in(("dark", 375))
    for part in ("deployment", "", "notes"):
        visitor.go(part)
        expect(visitor.page.locator(".nav [aria-current]")).to_be_in_viewport(ratio=1)


def test_the_sign_in_page_is_accessible_also_when_it_refuses(
    browser: Browser, served: Served, look: tuple[str, int]
) -> None:
    scheme, width = look
    context = browser.new_context(viewport={"width": width, "height": 780}, color_scheme=scheme)  # type: ignore[arg-type]
    visitor = Visitor(context, served)
    visitor.page.goto(f"{served.url}sign-in?why=ended&next=/dashboard/runs")
    assert visitor.violations() == []
    visitor.page.click("details.by-secret summary")
    visitor.page.fill("#client_id", "nobody")
    visitor.page.fill("#secret", "wrong")
    visitor.page.click("button[type=submit]")
    visitor.page.wait_for_selector("#problem")
    assert visitor.violations() == []
    assert [trouble for trouble in visitor.troubles if "401" not in trouble] == []
    assert visitor.elsewhere() == []
    context.close()


def test_signing_in_needs_no_script(browser: Browser, served: Served) -> None:
    context = browser.new_context(java_script_enabled=False)
    visitor = Visitor(context, served)
    visitor.page.goto(served.url)
    visitor.page.click("details.by-secret summary")
    visitor.page.fill("#client_id", "grace.clinician")
    visitor.page.fill("#secret", served.secrets["grace.clinician"])
    visitor.page.click("button[type=submit]")
    assert visitor.page.url == served.url
    assert "draws its pages with JavaScript" in visitor.page.inner_text("noscript")
    context.close()
