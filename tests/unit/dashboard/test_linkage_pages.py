"""What the pages of linkage say, and to whom they offer a decision."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from flask import Flask
from plotly.utils import PlotlyJSONEncoder

from careloom.client.careloom import Careloom
from careloom.client.credentials import Bearer
from careloom.dashboard import session, shell
from careloom.dashboard.address import read
from careloom.dashboard.routing import page_at
from careloom.dashboard.session import Person
from careloom.errors import AccessError, NotFound
from careloom.runtime import Runtime
from careloom.services.duplicates import look
from careloom.services.duplicates_jobs import submit_look
from careloom.services.jobs import cancel_job
from careloom.services.linkage import run
from careloom.services.linkage_review import list_pairs
from tests.api.kit import BASE_URL, Installation


def person(name: str, given: str, family: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": name, "name": [{"family": family, "given": [given]}],
            "birthDate": "1961-04-05", "gender": "female"}  # fmt: skip


def allergy(name: str, patient: str) -> dict[str, Any]:
    active = {"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}
    return {"resourceType": "AllergyIntolerance", "id": name, "clinicalStatus": {"coding": [active]},
            "patient": {"reference": f"Patient/{patient}"},
            "code": {"coding": [{"system": "http://snomed.info/sct", "code": "91936005"}]}}  # fmt: skip


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("pairs")) as made:
        yield made


@pytest.fixture(scope="module")
def filled(installation: Installation) -> Installation:
    installation.ingest([person("a1", "Oda", "Quillfeather"), person("a2", "Oda", "Quillfeather")])
    run(installation.platform, installation.operator)
    return installation


@pytest.fixture(autouse=True)
def _context() -> Iterator[None]:
    app = Flask("pages")
    session.install(app, b"x", seconds=60, is_secure=False, runtime=Runtime())
    with app.app_context():
        yield


def drawn(installation: Installation, path: str, search: str = "", roles: tuple[str, ...] = ("data-steward",)) -> str:
    token = installation.token(roles, zones=["identified"])
    with Careloom(BASE_URL, Bearer(token), transport=httpx.WSGITransport(app=installation.app)) as api:
        me = api.me()
        who = Person(me.name, me.zones, frozenset(me.scopes), datetime.now(UTC) + timedelta(hours=1), token)
        page = page_at(api, who, read(f"/dashboard{path}", search))
        side = shell.side(who, "linkage")
    return json.dumps([page.title, page.trail, page.content, side], cls=PlotlyJSONEncoder, ensure_ascii=False)


def test_before_the_first_run_the_page_says_how_to_start_one(installation: Installation) -> None:
    said = drawn(installation, "/linkage")
    assert "careloom linkage run" in said
    assert "Nobody has looked" in said


def test_the_queue_names_nobody(filled: Installation) -> None:
    said = drawn(filled, "/linkage", "?state=linked")
    for words in ("Linked", "the same birth date", "Last run", "the model"):
        assert words in said
    assert "Quillfeather" not in said
    assert "No pair waits for a person." in drawn(filled, "/linkage")


def test_a_pair_is_shown_side_by_side_with_its_reasons(filled: Installation) -> None:
    (pair,) = list_pairs(filled.platform, filled.operator)["items"]
    said = drawn(filled, f"/linkage/{pair['pair']}")
    for words in (
        "Quillfeather",
        "Side by side",
        "One person",
        "Two people",
        "Undo",
        "History",
        "the same family name",
    ):
        assert words in said
    assert json.loads(said)[0] == "Pair"


def test_who_may_not_decide_is_offered_no_button(filled: Installation) -> None:
    (pair,) = list_pairs(filled.platform, filled.operator)["items"]
    said = drawn(filled, f"/linkage/{pair['pair']}", roles=("data-engineer",))
    assert "You may look, not decide" in said
    assert "pair-accept" not in said


def test_what_the_api_refuses_no_page_shows(filled: Installation) -> None:
    with pytest.raises(AccessError):
        drawn(filled, "/linkage", roles=("clinician",))
    with pytest.raises(NotFound):
        drawn(filled, f"/linkage/{'a' * 26}")


def test_duplicates_are_told_without_a_name_and_lead_to_their_patients(filled: Installation) -> None:
    assert "Nobody has looked for duplicates yet" in drawn(filled, "/linkage/duplicates")
    filled.ingest([allergy("x1", "a1"), allergy("x2", "a2")])
    look(filled.platform, filled.operator)
    said = drawn(filled, "/linkage/duplicates", "?kind=content")
    assert "Quillfeather" not in said
    for words in ("Same content", "Allergy intolerance", "Show all groups", "Export CSV", "duplicates-look"):
        assert words in said
    for name in ("a1", "a2"):
        assert f"/dashboard/patients/identified/{filled.stored_id('Patient', name)}" in said
    assert "None, or none any more." in drawn(filled, "/linkage/duplicates", "?kind=event")


def test_a_look_that_was_asked_for_is_watched(filled: Installation) -> None:
    queued = submit_look(filled.platform, filled.operator)["id"]
    assert "It has not begun yet." in drawn(filled, "/linkage/duplicates", f"?queued={queued}")
    cancel_job(filled.platform, filled.operator, queued)
    assert "What you asked for was cancelled" in drawn(filled, "/linkage/duplicates", f"?queued={queued}")
