"""Pictures of models, a patient's risk, capacity and synthetic data: `python tools/take_model_screenshots.py`.

The model is judged on drawn rows, watched with alarms that are meant to be there, and scores one patient who does not
exist; a generator learns from drawn stays. With names of pages, as in `dashboard-NAME-light-wide.png`, it takes those
alone.
"""

import tempfile
from functools import partial
from pathlib import Path

from playwright.sync_api import FilePayload
from screenshot_camera import Camera, take

from careloom.errors import Withheld
from careloom.services.privacy_ledger import BudgetAsk, set_budget
from careloom.services.synthesize import FitAsk, fit
from careloom.services.synthesize_release import ReleaseAsk, release
from careloom.services.synthesize_rows import JudgeAsk, SampleAsk, judge, sample
from careloom.services.synthesize_source import SourceAsk
from tests.api.kit import Installation
from tests.architecture.synthetic_routes import LOOSE
from tests.journeys.browser import Served, chromium, dashboard
from tests.model_page_kit import scored_patient, stays_of_wards, two_versions, watched
from tests.synthesis_kit import METADATA, stays

NAME = "vera.ward"
MODEL = "models/readmission-30d"
CERTIFICATE = "a:text-is('JSON')"
KINDS = ("fidelity", "utility", "privacy", "detection")


def main() -> None:
    """Fills an installation, opens each page in each scheme and size, and keeps its pictures."""
    with (
        tempfile.TemporaryDirectory(prefix="careloom-pictures-") as folder,
        dashboard(Path(folder), is_filled=False) as served,
        chromium() as browser,
    ):
        patient = fill(served)
        drawn = draw(served.installation, Path(folder))
        take(browser, served, (partial(tour, patient=patient), partial(tour_of_synthetic, drawn=drawn)))


def fill(served: Served) -> str:
    """Models, what was seen of them, a patient and wards; the patient's id."""
    made = served.installation
    two_versions(made)
    watched(made)
    stays_of_wards(made)
    person = made.register(["clinician", "data-engineer"], ["identified"], name=NAME, kind="person")
    served.secrets[NAME] = person.secret
    return scored_patient(made)


def tour(camera: Camera, patient: str) -> None:
    """What a clinician sees who also operates models."""
    visitor = camera.visitor
    visitor.page.goto(visitor.served.url)
    visitor.sign_in(NAME)
    record = f"patients/identified/{patient}?risk=readmission-30d&cohort=readmission_30_days"
    pages = {
        "models": "models", "model": MODEL, "model-version": f"{MODEL}/1", "model-lineage": f"{MODEL}/1/lineage",
        "model-card": f"{MODEL}/1/card", "model-watch": f"{MODEL}/watch", "model-compare": f"{MODEL}/compare",
        "model-promote": f"{MODEL}/2?act=promote", "capacity": "capacity",
    }  # fmt: skip
    camera.show(pages)
    visitor.go(record)
    for name, heading in (("patient-risk", "Risk"), ("patient-marks", "Timeline"), ("patient-trends", "Sodium")):
        visitor.page.locator(f"h2:text-is('{heading}')").evaluate("one => one.closest('.card').scrollIntoView()")
        camera.keep(name)


def draw(made: Installation, folder: Path) -> dict[str, str]:
    """A generator (``model``), a sample that was let out (``open``) and one that the gate keeps in (``refused``)."""
    platform, who = made.platform, made.operator
    set_budget(platform, who, BudgetAsk("research", 5.0, 1e-5))
    stays(700).write_csv(folder / "stays.csv")
    source = SourceAsk(file=folder / "stays.csv", metadata=METADATA)
    drawn = {"model": fit(platform, who, FitAsk(source, epsilon=2.0, target="ward", name="Stays of 2026"))["model"]}
    for state in ("open", "refused"):
        drawn[state] = sample(platform, who, SampleAsk(drawn["model"], 400))["sample"]
        judge(platform, who, JudgeAsk(drawn[state], kinds=KINDS, target="ward"))
    release(platform, who, ReleaseAsk(drawn["open"], "stays", own=LOOSE))
    try:
        release(platform, who, ReleaseAsk(drawn["refused"], "kept_in"))
    except Withheld:
        return drawn
    raise SystemExit("the gate lets the second sample out: its picture would not show what it is for")


def tour_of_synthetic(camera: Camera, drawn: dict[str, str]) -> None:
    """What a privacy officer sees of generators, samples and the budget that they spend."""
    camera.visitor.sign_in("petra.privacy")
    camera.show({
        "synthetic": "synthetic", "synthetic-account": "synthetic?account=research",
        "synthetic-model": f"synthetic/models/{drawn['model']}?act=sample",
        "synthetic-sample": f"synthetic/samples/{drawn['refused']}",
        "synthetic-withdraw": f"synthetic/samples/{drawn['open']}?act=withdraw",
    })  # fmt: skip
    page = camera.visitor.page
    camera.visitor.go("synthetic")
    got = page.context.request.get(
        page.url.split("/dashboard/")[0] + str(page.locator(CERTIFICATE).get_attribute("href"))
    )
    camera.visitor.go("synthetic/verify")
    kept: FilePayload = {"name": "certificate.json", "mimeType": "application/json", "buffer": got.body()}
    page.locator("input[type=file]").set_input_files(kept)
    page.locator("#certificate-said h2").first.wait_for()
    camera.keep("synthetic-verify")


if __name__ == "__main__":
    main()
