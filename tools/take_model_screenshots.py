"""Takes the pictures of models, a patient's risk and capacity in docs/images: `python tools/take_model_screenshots.py`.

The model is judged on drawn rows, watched with alarms that are meant to be there, and scores one patient who does not
exist. With names of pages, as in `dashboard-NAME-light-wide.png`, it takes those alone.
"""

import tempfile
from pathlib import Path

from take_screenshots import SIZES, Camera

from tests.journeys.browser import Served, Visitor, chromium, dashboard
from tests.model_page_kit import scored_patient, stays_of_wards, two_versions, watched

NAME = "vera.ward"
MODEL = "models/readmission-30d"


def main() -> None:
    """Fills an installation, opens each page in each scheme and size, and keeps its pictures."""
    with (
        tempfile.TemporaryDirectory(prefix="careloom-pictures-") as folder,
        dashboard(Path(folder), is_filled=False) as served,
        chromium() as browser,
    ):
        patient = fill(served)
        for scheme in ("light", "dark"):
            for name, (width, height) in SIZES.items():
                context = browser.new_context(
                    viewport={"width": width, "height": height},
                    color_scheme=scheme,  # type: ignore[arg-type]
                )
                painter = browser.new_page()
                tour(Camera(Visitor(context, served), painter, f"{scheme}-{name}"), patient)
                painter.close()
                context.close()


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
    for name, address in pages.items():
        visitor.go(address)
        visitor.page.wait_for_timeout(500)
        camera.keep(name)
    visitor.go(record)
    for name, heading in (("patient-risk", "Risk"), ("patient-marks", "Timeline"), ("patient-trends", "Sodium")):
        visitor.page.locator(f"h2:text-is('{heading}')").evaluate("one => one.closest('.card').scrollIntoView()")
        camera.keep(name)


if __name__ == "__main__":
    main()
