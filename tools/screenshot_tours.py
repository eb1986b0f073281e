"""Tours of the simulated hospital for the pictures of the dashboard: who goes where, and what is kept of it."""

import base64

from playwright.sync_api import FilePayload, expect
from screenshot_camera import Camera

from tests.journeys.browser import Served

STEWARD = "sam.steward"
PATIENT = "Carter"
"""One of the simulated hospital with a history of years."""
REFUSED = "#page tbody tr:has-text('Done'):has(td:nth-child(5):not(:text-is('0')))"
"""The row of a run with records in quarantine."""
OURS = {"Sec-Fetch-Site": "same-origin"}

OPERATIONS = {
    "operations": "", "jobs": "/jobs", "queue": "/queues", "logs": "/logs", "usage": "/usage?window=1h",
    "costs": "/costs?cpu_hour=0.05&gigabyte=0.02&unit=EUR",
}  # fmt: skip

PRIVACY = {
    "privacy": "", "audit": "/audit", "erasure": "/erasure?patient=STORED", "requests": "/requests?patient=STORED",
    "disclosures": "/disclosures?patient=STORED", "consents": "/consents",
    "erasure-confirm": "/erasure?patient=STORED&step=confirm", "retention": "/retention",
}  # fmt: skip

SEEN = "zone=identified&source=observation"
EXPLORE = {
    "explore": "explore?source=silver/observations",
    "explore-beside": f"explore?{SEEN}&look=distribution&column=value&against=research",
    "explore-trend": f"explore?{SEEN}&look=trend",
    "explore-cross": f"explore?{SEEN}&look=cross",
    "explore-correlations": f"explore?{SEEN}&look=correlations",
    "explore-rows": "explore?zone=research&source=observation&look=rows",
    "cohorts": "cohorts",
    "cohort": "cohorts/readmission_30_days?zone=identified",
    "cohort-build": "cohorts/build?zone=identified&a=40",
    "cohort-compare": "cohorts/compare?one=readmission_30_days&other=no_show&zone=identified",
}

LABS = """Fallnummer;Pat-Nr;Parameter;LOINC;Wert;Einheit;Abnahme;Befund
F1;P-7;Natrium;2951-2;"138,5";mmol/l;21.03.2024 07:15;ok
F1;P-7;Hämoglobin;718-7;"13,1";g/dl;21.03.2024 07:15;ok
"""
"""An extract that nobody has mapped."""


def tour_of_data(camera: Camera) -> None:
    """What a data engineer and privacy officer sees."""
    visitor = camera.visitor
    visitor.page.goto(visitor.served.url)
    camera.keep("sign-in")
    visitor.page.evaluate("document.querySelector('details.by-secret').open = true")
    camera.keep("sign-in-secret")
    visitor.sign_in("petra.privacy")
    camera.keep("overview")
    tour_of_dialogs(camera)
    visitor.go("runs")
    camera.keep("runs")
    visitor.page.locator(REFUSED).first.locator("a").first.click()
    visitor.page.wait_for_selector(".facts")
    camera.keep("run")
    visitor.go("quarantine")
    camera.keep("quarantine")
    visitor.go("runs/draft")
    table: FilePayload = {"name": "labs.csv", "mimeType": "text/csv", "buffer": LABS.encode()}
    visitor.page.locator("input[type=file]").set_input_files([table])
    visitor.page.get_by_role("heading", name="The mapping").wait_for()
    camera.keep("draft-mapping")
    visitor.go("quality")
    camera.keep("quality")
    visitor.page.locator("#page tbody a:visible").first.click()
    visitor.settled()
    camera.keep("quality-rule")
    visitor.go("normalize")
    visitor.page.locator("#page tbody a").first.click()
    visitor.page.get_by_role("heading", name="Would change").wait_for()
    camera.keep("normalize")
    tour_of_deidentification(camera)
    tour_of_notes(camera)
    visitor.go("patients")
    camera.keep("patients")
    visitor.page.fill("#find-name", PATIENT)
    visitor.page.press("#find-name", "Enter")
    visitor.page.locator(f"#found a:has-text('{PATIENT}')").first.click()
    visitor.page.wait_for_selector("#timeline .main-svg")
    visitor.settled()
    visitor.page.locator("h2:text-is('Timeline')").evaluate("one => one.closest('.card').scrollIntoView()")
    camera.keep("patient")


def tour_of_dialogs(camera: Camera) -> None:
    """Search and keys, which open over every page."""
    page = camera.visitor.page
    page.keyboard.press("/")
    page.keyboard.type("qua")
    page.locator("#find-results a").first.wait_for()
    page.wait_for_timeout(800)
    camera.keep("search")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.locator("#keys").wait_for()
    camera.keep("keys")
    page.keyboard.press("Escape")


def tour_of_notes(camera: Camera) -> None:
    """A text that is read, with one annotation chosen; stored notes, one of them, and all of them together."""
    visitor = camera.visitor
    visitor.go("notes")
    visitor.page.click("#note-sample")
    expect(visitor.page.locator("#note-text")).not_to_have_value("")
    visitor.page.click("#note-go")
    visitor.page.wait_for_selector("button.nv-mark")
    visitor.page.locator(".nv-node", has_text="Metformin").first.click()
    visitor.page.locator("h2:has-text('The text')").evaluate("one => one.scrollIntoView()")
    camera.keep("notes")
    visitor.go("notes/find?type=problem")
    camera.keep("notes-find")
    visitor.go(f"notes/identified/{note_of(visitor.served)}?view=beside")
    camera.keep("note-beside")
    visitor.go("notes/corpus")
    visitor.page.wait_for_selector("#corpus-types .main-svg")
    visitor.page.locator("#corpus-pairs").evaluate("one => one.closest('section').scrollIntoView()")
    camera.keep("notes-corpus")
    visitor.go("notes/runs")
    camera.keep("notes-runs")
    visitor.page.locator("#page tbody a").first.click()
    visitor.page.wait_for_selector("html[data-at*='/notes/runs/']")
    visitor.settled()
    camera.keep("notes-run")


def tour_of_exploring(camera: Camera) -> None:
    """What a zone holds, alone and beside another, and a cohort of it."""
    visitor = camera.visitor
    visitor.sign_in("petra.privacy")
    camera.show(EXPLORE)


def tour_of_deidentification(camera: Camera) -> None:
    """The policies and runs, one policy, what a run took out, and a note beside what comes out of it."""
    visitor = camera.visitor
    visitor.go("deidentify")
    camera.keep("deidentify")
    visitor.go("deidentify/policies/safe-harbor?find=zip")
    camera.keep("deidentify-policy")
    visitor.go("deidentify")
    visitor.page.locator("#page section:has(h2:text-is('Runs')) tbody a").first.click()
    visitor.page.get_by_role("heading", name="Identifiers taken out").wait_for()
    visitor.settled()
    camera.keep("deidentify-run")
    visitor.go(f"deidentify/compare/DocumentReference/{note_of(visitor.served)}?policy=expert")
    camera.keep("deidentify-compare")


def tour_of_governance(camera: Camera) -> None:
    """What a privacy officer sees who operates the platform, too."""
    camera.visitor.sign_in("petra.privacy")
    tour_of_operations(camera)
    tour_of_privacy(camera)
    tour_of_reports(camera)
    camera.show({"deployment": "deployment"})


def tour_of_operations(camera: Camera) -> None:
    """What whoever operates the platform sees."""
    visitor = camera.visitor
    for name, address in OPERATIONS.items():
        visitor.go(f"operations{address}")
        camera.keep(name)
    visitor.go("operations/jobs?state=done&kind=annotate")
    visitor.page.locator("#page tbody a").first.click()
    visitor.page.wait_for_selector("#job-live")
    visitor.settled()
    camera.keep("job")


def tour_of_privacy(camera: Camera) -> None:
    """What a privacy officer sees."""
    visitor = camera.visitor
    stored = next(visitor.served.installation.platform.store("identified").scan(["Patient"])).id
    for name, address in PRIVACY.items():
        visitor.go(f"privacy{address}".replace("STORED", stored))
        camera.keep(name)


def tour_of_reports(camera: Camera) -> None:
    """Reports that were made, a schedule, and the form of a new one."""
    visitor = camera.visitor
    visitor.go("reports")
    if "Nothing is scheduled yet" in visitor.page.inner_text("#page"):
        asks = visitor.page.context.request
        for at in ("quality%3Fzone%3Dresearch", "operations"):
            assert asks.get(f"{visitor.served.url}report.pdf?at=%2Fdashboard%2F{at}").ok
        form: dict[str, str | float | bool] = {"page": "operations", "cadence": "weekly", "hour": "6", "keep": "3"}
        asks.post(f"{visitor.served.url}report-schedule", form=form, headers=OURS)
    visitor.load("reports")
    camera.keep("reports")
    camera.show({"reports-new": "reports/new?at=quality%3Fzone%3Dresearch"})


def note_of(served: Served) -> str:
    """The id of a note with a telephone number in it."""
    for stored in served.installation.platform.store("identified").scan(["DocumentReference"]):
        data = str(stored.resource()["content"][0]["attachment"].get("data", ""))
        if b"Questions: call" in base64.b64decode(data):
            return stored.id
    raise SystemExit("the sample hospital has no such note")


def tour_of_linkage(camera: Camera) -> None:
    """What a data steward sees."""
    visitor = camera.visitor
    visitor.sign_in(STEWARD)
    visitor.go("linkage")
    visitor.page.locator("#page .tabs a:has-text('Linked')").click()
    visitor.page.wait_for_selector("#page table a:visible")
    camera.keep("linkage")
    visitor.page.locator("#page table a:visible").first.click()
    visitor.settled()
    camera.keep("linkage-pair")
    visitor.go("linkage/duplicates")
    camera.keep("linkage-duplicates")


TOURS = (tour_of_governance, tour_of_data, tour_of_exploring, tour_of_linkage)
"""Each by a visitor of their own."""
