"""Patients' rights over HTTP, through the SDK."""

from collections.abc import Iterator

import pytest

from careloom.client.careloom import Careloom
from careloom.errors import AccessError, Conflict, Erased, Held, InputError, NotFound
from careloom.services.erase_certificate import check_by
from careloom.services.subject_export import check_export
from tests.api.test_sdk import client_of
from tests.rights_kit import hospital
from tests.vault_kit import Hospital

PATCH = [{"op": "replace", "path": "/birthDate", "value": "1962-04-05"}]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    with hospital(tmp_path_factory.mktemp("subjects")) as installation:
        yield installation


@pytest.fixture
def api(made: Hospital) -> Iterator[Careloom]:
    with client_of(made, roles=["privacy-officer"]) as client:
        yield client


def test_a_patient_gets_all_that_is_kept(made: Hospital, api: Careloom) -> None:
    told = check_export(api.subjects.export("Patient/p2"), made.platform.keys.public_key())
    assert (told["signed"], told["whole"]) == (True, True)
    with pytest.raises(NotFound):
        api.subjects.export("Patient/nobody")
    with pytest.raises(InputError):
        api.subjects.export("nobody")


def test_a_fact_is_mended(made: Hospital, api: Careloom) -> None:
    done = api.subjects.rectify("Patient/p2", "Patient/p2", PATCH, "passport was shown")
    assert (done.before, done.version, done.erased) == ("1", "2", None)
    whole = api.fhir("identified").read("Patient", made.stored_id("Patient", "p2"))
    gone = api.subjects.rectify(
        "Patient/p2", "Patient/p2", whole | {"birthDate": "1963-01-01"}, "it was wrong", erase_old=True
    )
    assert gone.erased is not None
    assert gone.erased.versions == 2
    with pytest.raises(NotFound):
        api.subjects.rectify("Patient/p2", "Observation/o1", PATCH, "not hers")


def test_rules_are_set_listed_and_ended(made: Hospital, api: Careloom) -> None:
    rule = api.subjects.restrict("Patient/p3", "contests the birth date")
    assert [(one.kind, one.reason) for one in api.subjects.rules()] == [("restrict", "contests the birth date")]
    with client_of(made, roles=["data-engineer"]) as engineer:
        with pytest.raises(NotFound):
            engineer.fhir("identified").read("Patient", made.stored_id("Patient", "p3"))
        with pytest.raises(AccessError):
            engineer.subjects.rules()
    with pytest.raises(Conflict):
        api.subjects.restrict("Patient/p3", "again")
    assert api.subjects.end(rule.rule).ended is not None
    assert api.subjects.rules() == ()
    assert len(api.subjects.rules(ended=True)) == 1
    with pytest.raises(NotFound):
        api.subjects.end("a" * 26)


def test_an_erasure_waits_for_a_hold_and_gives_its_certificate(made: Hospital, api: Careloom) -> None:
    hold = api.subjects.hold("Court of Lowell, 12/2026", patient="Patient/p1")
    with pytest.raises(Held):
        api.subjects.erase("Patient/p1")
    api.subjects.end(hold.rule)
    done = api.subjects.erase("Patient/p1")
    assert (done.already_erased, done.hits, done.removed["resources"]) == (False, 0, 2)
    content = api.subjects.certificate(done.certificate)
    assert check_by(content, made.platform.keys.public_key())["signed"] is True
    assert b"Certificate of erasure" in api.subjects.certificate(done.certificate, form="html")
    again = api.subjects.erase("Patient/p1")
    assert (again.already_erased, again.certificate) == (True, done.certificate)
    with pytest.raises(Erased):
        api.subjects.export("Patient/p1")
    with pytest.raises(NotFound):
        api.subjects.certificate("20200101T000000Z-aaaaaa")


def test_what_retention_would_remove_is_told(made: Hospital, api: Careloom) -> None:
    told = {one.rule: one for one in api.subjects.retention().items}
    assert (told["landing"].due, told["landing"].oldest, told["audit"].removes) == (0, None, False)
