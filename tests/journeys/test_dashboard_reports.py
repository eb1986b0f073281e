"""Reports of real pages: every one of a filled installation as PDF, as whoever asks, and refused like the page."""

import hashlib
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pypdfium2
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from careloom.client.careloom import Careloom
from careloom.client.credentials import Credential
from careloom.dashboard.app import create_dashboard
from careloom.dashboard.places import PLACES, Place
from careloom.dashboard.report_served import asked
from careloom.errors import InputError
from careloom.services.deidentify import deidentify
from careloom.services.jobs import work
from careloom.services.quality import QualityAsk, quality
from careloom.services.reports import register, schedules
from careloom.worker import renderer
from tests.api.kit import Installation
from tests.journeys.browser import PEOPLE
from tests.journeys.small_hospital import feed

ENVIRONMENT = {"environ_overrides": {"SCRIPT_NAME": "/dashboard"}}
OURS = {"Sec-Fetch-Site": "same-origin"}


class Hospital:
    """An installation with data, and its dashboard without a browser."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.secrets = {
            name: installation.register(roles, zones, name=name, kind="person").secret
            for name, (roles, zones) in PEOPLE.items()
        }

        def api_of(credential: Credential) -> Careloom:
            base = installation.platform.settings.base_url
            return Careloom(base, credential, transport=httpx.WSGITransport(app=installation.app))

        self.app: Flask = create_dashboard(api_of, b"a secret of these tests only", 3600, is_secure=False)

    def visitor(self, name: str) -> FlaskClient:
        """Whoever signed in under this name."""
        visitor = self.app.test_client()
        form = {"client_id": name, "secret": self.secrets[name], "next": ""}
        assert visitor.post("/sign-in", data=form, headers=OURS, **ENVIRONMENT).status_code == 303  # type: ignore[arg-type]
        return visitor


def get(visitor: FlaskClient, at: str) -> TestResponse:
    return visitor.get(f"/report.pdf?at={quote(at, safe='')}", **ENVIRONMENT)  # type: ignore[arg-type]


def text_of(answer: TestResponse) -> str:
    assert answer.status_code == 200, answer.json
    pages = pypdfium2.PdfDocument(answer.data)
    return " ".join(" ".join(page.get_textpage().get_text_bounded().split()) for page in pages)


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    with Installation(tmp_path_factory.mktemp("reports")) as installation:
        installation.ingest(feed())
        deidentify(installation.platform, installation.operator)
        quality(installation.platform, installation.operator, QualityAsk("identified"))
        yield Hospital(installation)


@pytest.mark.parametrize("place", PLACES, ids=[place.part or "overview" for place in PLACES])
def test_every_place_of_the_navigation_becomes_a_report(hospital: Hospital, place: Place) -> None:
    answer = get(hospital.visitor("petra.privacy"), f"/dashboard/{place.part}")
    if answer.status_code == 403:
        assert answer.mimetype == "application/problem+json"
        return
    text = text_of(answer)
    assert place.title.split()[0].lower() in text.lower()
    digest = answer.headers["Content-SHA256"]
    assert f"SHA-256 {digest}" in text
    assert "Made by petra.privacy" in text
    assert "Page 1 of" in text
    assert "Identified 20" in text


def test_the_report_is_a_file_whose_name_tells_of_nobody_and_that_no_browser_keeps(hospital: Hospital) -> None:
    store = hospital.installation.platform.store("identified")
    patient_id = next(store.scan(["Patient"])).id
    answer = get(hospital.visitor("petra.privacy"), f"patients/identified/{patient_id}")
    assert answer.mimetype == "application/pdf"
    assert answer.headers["Cache-Control"] == "no-store"
    named = answer.headers["Content-Disposition"]
    assert named.startswith('attachment; filename="careloom-patients-20')
    assert patient_id not in named
    assert "Timeline" in text_of(answer)
    said = pypdfium2.PdfDocument(answer.data).get_metadata_dict()
    assert patient_id not in str(said)
    assert said["Title"] == "Patient"


def test_a_report_shows_what_the_person_sees_and_is_refused_where_the_page_is(hospital: Hospital) -> None:
    clinician = hospital.visitor("grace.clinician")
    refused = get(clinician, "/dashboard/runs")
    assert (refused.status_code, refused.mimetype) == (403, "application/problem+json")
    assert refused.json is not None
    assert refused.json["code"] == "access"
    assert b"%PDF" not in refused.data
    scientist = text_of(get(hospital.visitor("alan.scientist"), ""))
    assert "Research 20" in scientist
    assert "Identified 20" not in scientist


def test_filters_of_the_address_are_those_of_the_report(hospital: Hospital) -> None:
    text = text_of(get(hospital.visitor("petra.privacy"), "quality?status=pass&zone=identified"))
    assert "Filters Status: pass; Zone: identified" in text


@pytest.mark.parametrize(
    ("at", "status"),
    [("nowhere", 404), ("https://elsewhere.example", 404), ("runs/none", 400), ("/dashboard/sign-in", 400)],
)
def test_what_is_no_page_is_no_report(hospital: Hospital, at: str, status: int) -> None:
    answer = get(hospital.visitor("petra.privacy"), at)
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")


@pytest.mark.parametrize("at", ["//elsewhere.example/x", "/etc/passwd", "/dashboard/../x", "a" * 3000, "a b"])
def test_an_address_elsewhere_is_refused(at: str) -> None:
    with pytest.raises(InputError):
        asked(at)


def test_a_stranger_gets_no_report(hospital: Hospital) -> None:
    answer = get(hospital.app.test_client(), "")
    assert answer.status_code == 302
    assert "/sign-in" in answer.headers["Location"]


def post(visitor: FlaskClient, path: str, **form: str) -> TestResponse:
    return visitor.post(path, data=form, headers=OURS, **ENVIRONMENT)  # type: ignore[arg-type]


def said(hospital: Hospital, name: str, page: str) -> str:
    """The text of a report of a page: what that page says."""
    return text_of(get(hospital.visitor(name), page))


def test_a_report_that_somebody_made_is_verified_by_its_hash(hospital: Hospital) -> None:
    answer = get(hospital.visitor("petra.privacy"), "quality")
    for digest in (answer.headers["Content-SHA256"], hashlib.sha256(answer.data).hexdigest()):
        text = said(hospital, "grace.clinician", f"reports?sha256={digest}")
        assert "This hash was declared" in text
        assert "Quality, declared by petra.privacy" in text
        assert "made here" not in text.replace("whether a schedule made it here", "")
    assert "No report has this hash" in said(hospital, "grace.clinician", f"reports?sha256={'0' * 64}")
    assert "This is no SHA-256" in said(hospital, "grace.clinician", "reports?sha256=abc")


def test_a_page_is_scheduled_paused_made_downloaded_and_ended_by_forms(hospital: Hospital) -> None:
    visitor, platform = hospital.visitor("adam.admin"), hospital.installation.platform
    assert "Nothing is scheduled yet" in said(hospital, "adam.admin", "reports")
    made = post(visitor, "/report-schedule", page="operations", cadence="weekly", hour="6", keep="3")
    assert made.headers["Location"] == "/dashboard/reports"
    assert "Operations Every Monday, 06:00" in said(hospital, "adam.admin", "reports")
    assert "Nothing is scheduled yet" in said(hospital, "alan.scientist", "reports")
    (kept,) = schedules(platform).all()
    post(visitor, f"/report-schedule-pause/{kept['id']}?paused=yes")
    assert "paused" in said(hospital, "adam.admin", "reports")
    post(visitor, f"/report-schedule-pause/{kept['id']}")
    schedules(platform).keep({**kept, "next": "2026-01-01T06:00:00+00:00"}, most=100)
    work(platform, once=True, render=renderer(platform))
    (entry,) = [each for each in register(platform).all() if each["schedule"] == kept["id"]]
    file = visitor.get(f"/report-file/{entry['id']}", **ENVIRONMENT)  # type: ignore[arg-type]
    assert (file.mimetype, file.headers["Cache-Control"]) == ("application/pdf", "no-store")
    assert "Operations" in text_of(file)
    digest = hashlib.sha256(file.data).hexdigest()
    assert "This report was made here Operations, by a schedule of adam.admin" in said(
        hospital, "grace.clinician", f"reports?sha256={digest}"
    )
    stranger = hospital.visitor("alan.scientist")
    assert stranger.get(f"/report-file/{entry['id']}", **ENVIRONMENT).status_code == 404  # type: ignore[arg-type]
    post(visitor, f"/report-delete/{entry['id']}")
    assert "not kept" in said(hospital, "adam.admin", "reports")
    post(visitor, f"/report-schedule-delete/{kept['id']}")
    assert "Nothing is scheduled yet" in said(hospital, "adam.admin", "reports")


WRONG = [{"page": "patients/identified/x"}, {"cadence": "hourly"}, {"hour": "x"}, {"hour": "24"}, {"keep": "0"}]


@pytest.mark.parametrize("form", WRONG)
def test_what_cannot_be_scheduled_leads_back_to_the_form(hospital: Hospital, form: dict[str, str]) -> None:
    whole = {"page": "quality", "cadence": "weekly", "hour": "6", "keep": "3", **form}
    answer = post(hospital.visitor("petra.privacy"), "/report-schedule", **whole)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/dashboard/reports/new?")
    assert "refused=yes" in answer.headers["Location"]
