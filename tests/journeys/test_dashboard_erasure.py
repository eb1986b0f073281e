"""The erasure console under a hostile hand: nothing goes but the patient who was looked at, typed, and confirmed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from careloom.client.careloom import Careloom
from careloom.client.credentials import Credential
from careloom.dashboard.app import create_dashboard
from careloom.dashboard.privacy_erasure import phrase
from careloom.services.jobs import work
from careloom.services.subject_rules import RuleAsk, set_rule
from careloom.store.jobs import JobFilter
from tests.api.kit import BASE_URL, PATIENT, Installation

OURS = {"Sec-Fetch-Site": "same-origin"}
ENVIRONMENT: dict[str, Any] = {"environ_overrides": {"SCRIPT_NAME": "/dashboard"}}
OTHER = {**PATIENT, "id": "p2", "name": [{"family": "Marl"}], "identifier": [{"system": "urn:mrn", "value": "MRN-2"}]}
NUMBERED = {**PATIENT, "identifier": [{"system": "urn:mrn", "value": "MRN-1"}]}


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Installation]:
    with Installation(tmp_path) as installation:
        installation.ingest([NUMBERED, OTHER])
        yield installation


@pytest.fixture
def app(made: Installation) -> Flask:
    transport = httpx.WSGITransport(app=made.app)

    def api_of(credential: Credential) -> Careloom:
        return Careloom(BASE_URL, credential, transport=transport)

    return create_dashboard(api_of, b"a secret", 3600, is_secure=False)


def person(app: Flask, made: Installation, role: str) -> FlaskClient:
    """Somebody of this role, signed in."""
    secret = made.register([role], name=f"a.{role}", kind="person").secret
    visitor = app.test_client()
    form = {"client_id": f"a.{role}", "secret": secret, "next": ""}
    assert visitor.post("/sign-in", data=form, headers=OURS, **ENVIRONMENT).status_code == 303
    return visitor


@pytest.fixture
def officer(app: Flask, made: Installation) -> FlaskClient:
    return person(app, made, "privacy-officer")


def post(visitor: FlaskClient, path: str, form: dict[str, str], headers: dict[str, str] = OURS) -> TestResponse:
    return visitor.post(path, data=form, headers=headers, **ENVIRONMENT)


def confirmed(made: Installation, name: str = "p1") -> dict[str, str]:
    """A form that is filled in rightly for a patient."""
    stored = made.stored_id("Patient", name)
    pseudonym = made.platform.store("identified").pseudonym(stored)
    return {"patient": stored, "pseudonym": pseudonym, "typed": phrase(pseudonym), "read": "yes", "search": "no"}


def queued(made: Installation) -> int:
    """Erasures that were asked for."""
    if not made.platform.has_jobs():
        return 0
    with made.platform.jobs() as jobs:
        return len(jobs.chosen(JobFilter(kind="erase")))


def test_who_looked_typed_and_confirmed_erases_that_patient_alone(made: Installation, officer: FlaskClient) -> None:
    answer = post(officer, "/privacy-erase", confirmed(made))
    assert answer.status_code == 303
    assert answer.location.startswith("/dashboard/privacy/erasure/2")
    work(made.platform, once=True)
    store = made.platform.store("identified")
    assert store.is_erased(made.stored_id("Patient", "p1"))
    assert not store.is_erased(made.stored_id("Patient", "p2"))


WRONG = {
    "nothing typed": {"typed": ""},
    "another word": {"typed": "erase"},
    "a longer one": {"typed": "erase aaaaaaaa and more"},
    "not read": {"read": ""},
    "read something else": {"read": "on"},
    "a pseudonym that was made up": {"pseudonym": "a" * 26, "typed": phrase("a" * 26)},
    "no pseudonym": {"pseudonym": ""},
}


@pytest.mark.parametrize("what", WRONG)
def test_whatever_is_missing_erases_nobody(made: Installation, officer: FlaskClient, what: str) -> None:
    answer = post(officer, "/privacy-erase", confirmed(made) | WRONG[what])
    assert answer.status_code == 303
    assert "wrong=" in answer.location
    assert queued(made) == 0


def test_the_confirmation_of_one_patient_erases_no_other(made: Installation, officer: FlaskClient) -> None:
    form = confirmed(made, "p1") | {"patient": made.stored_id("Patient", "p2")}
    assert "wrong=typed" in post(officer, "/privacy-erase", form).location
    assert queued(made) == 0


@pytest.mark.parametrize("patient", ["", "p1", "MRN-1", "Patient/p1", "../p1", "A" * 26, "a" * 27, "a" * 25 + "\n"])
def test_a_patient_who_is_not_named_by_a_kept_id_is_nobody(
    made: Installation, officer: FlaskClient, patient: str
) -> None:
    assert post(officer, "/privacy-erase", confirmed(made) | {"patient": patient}).status_code == 404
    assert queued(made) == 0


FOREIGN = [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "none"}, {},
           {"Origin": "https://evil.example"}, {"Origin": "null"}]  # fmt: skip


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
@pytest.mark.parametrize("path", ["privacy-erase", "privacy-export", "privacy-rule", "privacy-mend", "privacy-find"])
def test_a_form_of_another_site_does_nothing(
    made: Installation, officer: FlaskClient, headers: dict[str, str], path: str
) -> None:
    form = confirmed(made) | {"kind": "hold", "reason": "x", "back": "erasure"}
    assert post(officer, f"/{path}", form, headers).status_code == 403
    assert queued(made) == 0


def test_an_address_alone_does_nothing(made: Installation, officer: FlaskClient) -> None:
    for path in ("privacy-erase", "privacy-export", "privacy-verify", "privacy-rule"):
        answer = officer.get(f"/{path}?patient={made.stored_id('Patient', 'p1')}", headers=OURS, **ENVIRONMENT)
        assert "Content-Disposition" not in answer.headers  # the frame of the pages, which do nothing
    assert queued(made) == 0


def test_a_stranger_is_sent_away(made: Installation, app: Flask) -> None:
    assert post(app.test_client(), "/privacy-erase", confirmed(made)).status_code == 401
    assert queued(made) == 0


@pytest.mark.parametrize("role", ["clinician", "data-engineer", "auditor", "administrator"])
def test_who_may_not_erase_is_refused_by_the_api(made: Installation, app: Flask, role: str) -> None:
    visitor = person(app, made, role)
    assert post(visitor, "/privacy-erase", confirmed(made)).status_code == 403
    assert queued(made) == 0
    if role != "data-engineer":
        assert post(visitor, "/privacy-export", confirmed(made)).status_code == 403


def test_a_hold_that_came_between_stops_it(made: Installation, officer: FlaskClient) -> None:
    form = confirmed(made)
    set_rule(made.platform, made.operator, RuleAsk("hold", f"Patient/{form['patient']}", reason="court"))
    assert "erasure" in post(officer, "/privacy-erase", form).location
    assert queued(made) == 0


def test_who_was_erased_is_not_erased_twice(made: Installation, officer: FlaskClient) -> None:
    form = confirmed(made)
    post(officer, "/privacy-erase", form)
    work(made.platform, once=True)
    answer = post(officer, "/privacy-erase", form)
    assert answer.location == f"/dashboard/privacy/erasure?patient={form['patient']}"
    assert queued(made) == 1


FINDS = [("MRN-1", "patient="),
         ("MRN-9", "found=none"), ("", "found=empty"), ("*", "found=none"), ("MRN", "found=none"),
         ("MRN-1,MRN-2", "found=none"), ("urn:mrn|MRN-1", "found=none")]  # fmt: skip


@pytest.mark.parametrize(("number", "said"), FINDS)
def test_a_number_is_found_whole_and_stands_in_no_address(
    made: Installation, officer: FlaskClient, number: str, said: str
) -> None:
    answer = post(officer, "/privacy-find", {"patient": number, "back": "erasure"})
    assert said in answer.location
    assert "MRN" not in answer.location
    if said == "patient=":
        assert answer.location.endswith(made.stored_id("Patient", "p1"))


def test_the_way_back_of_a_search_leads_to_our_own_pages_alone(officer: FlaskClient) -> None:
    for back in ("https://evil.example", "//evil.example", "../sign-out", "runs"):
        assert post(officer, "/privacy-find", {"patient": "MRN-1", "back": back}).status_code == 404


def test_files_have_no_name_of_a_patient_and_what_is_not_there_is_404(made: Installation, officer: FlaskClient) -> None:
    stored = made.stored_id("Patient", "p1")
    answer = post(officer, "/privacy-export", {"patient": stored})
    assert answer.headers["Content-Disposition"] == 'attachment; filename="subject.zip"'
    assert answer.headers["Cache-Control"] == "no-store"
    for path in (
        f"privacy-disclosures/{stored}.exe", "privacy-disclosures/p1.html", "privacy-certificate/x.pdf",
        "privacy-certificate/20261129T120000Z-abcdef.json", "privacy-proof/identified/999999.json",
        "privacy-proof/nowhere/1.json",
    ):  # fmt: skip
        assert officer.get(f"/{path}", **ENVIRONMENT).status_code == 404, path
    answer = officer.get(f"/privacy-disclosures/{stored}.html", **ENVIRONMENT)
    assert stored not in answer.headers["Content-Disposition"]


MENDS = [("not json", "wrong=patch"), ("{}", "wrong=patch"), ("[1]", "wrong=patch"), ("[" * 5000, "wrong=patch"),
         ('[{"op": "replace", "path": "/gender", "value": "purple"}]', "wrong=refused"),
         ('[{"op": "replace", "path": "/gender", "value": "male"}]', "done=mended")]  # fmt: skip


@pytest.mark.parametrize(("patch", "said"), MENDS)
def test_a_fact_is_mended_or_said_why_not(made: Installation, officer: FlaskClient, patch: str, said: str) -> None:
    stored = made.stored_id("Patient", "p1")
    form = {"patient": stored, "fact": f"Patient/{stored}", "patch": patch, "mend-reason": "a passport"}
    assert said in post(officer, "/privacy-mend", form).location
    gender = made.platform.store("identified").read("Patient", stored).resource()["gender"]
    assert gender == ("male" if said == "done=mended" else "female")


def test_rules_are_set_once_and_ended(made: Installation, officer: FlaskClient) -> None:
    stored = made.stored_id("Patient", "p1")
    form = {"patient": stored, "kind": "restrict", "reason": "contests it"}
    assert "done=set" in post(officer, "/privacy-rule", form).location
    assert "wrong=conflict" in post(officer, "/privacy-rule", form).location
    assert "wrong=reason" in post(officer, "/privacy-rule", form | {"reason": " "}).location
    assert post(officer, "/privacy-rule", form | {"kind": "erase"}).status_code == 404
    assert post(officer, "/privacy-end/zzzz", {}).status_code == 404
