"""The pseudonym vault over HTTP and by the SDK: ask, list, show, decide, reveal; and what is refused."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import httpx
import pytest

from careloom.client.careloom import Careloom
from careloom.client.credentials import Bearer
from careloom.errors import AccessError, Conflict, Erased, NotFound
from careloom.services.erase import erase
from careloom.services.vault import LONGEST_REASON, MOST_NAMES, PURPOSES
from tests.api.kit import BASE_URL
from tests.vault_kit import REASON, Hospital, hospital

Json = dict[str, Any]
ROUTE = "/api/v1/reidentifications"
SECRETS = ("Quillfeather", "MRN-730014", "potassium")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    with hospital(tmp_path_factory.mktemp("vault"), api={"token_seconds": 3600}) as installation:
        yield installation


def client(made: Hospital, role: str) -> Careloom:
    token = made.token([role], zones=["identified"])
    return Careloom(BASE_URL, Bearer(token), transport=httpx.WSGITransport(app=made.app))


@pytest.fixture(scope="module")
def steward(made: Hospital) -> Iterator[Careloom]:
    with client(made, "data-steward") as found:
        yield found


@pytest.fixture(scope="module")
def officer(made: Hospital) -> Iterator[Careloom]:
    with client(made, "privacy-officer") as found:
        yield found


def test_asked_approved_and_revealed(made: Hospital, steward: Careloom, officer: Careloom) -> None:
    names = [made.name("Patient", "p1"), made.name("Observation", "o1")]
    asked = steward.reidentifications.ask(names, REASON, "TREAT")
    assert (asked.state, asked.names, asked.reason) == ("asked", tuple(names), REASON)
    with pytest.raises(Conflict):
        steward.reidentifications.reveal(asked.id)
    assert officer.reidentifications.show(asked.id).reason == REASON
    assert officer.reidentifications.approve(asked.id, "called the ward").remark == "called the ward"
    told = steward.reidentifications.reveal(asked.id)
    assert [one.value for one in told.answers[0].identifiers] == ["MRN-730014"]
    assert told.answers[0].resource == f"Patient/{made.stored_id('Patient', 'p1')}"
    assert told.answers[1].days == told.answers[0].days
    assert told.reveals == 1
    assert [word for word in (*SECRETS, *names) if word in repr(told)] == []
    assert officer.reidentifications.refuse(asked.id).state == "refused"


def test_requests_are_listed_without_what_is_sealed(made: Hospital, steward: Careloom, officer: Careloom) -> None:
    for _ in range(3):
        made.clock.move(seconds=1)
        steward.reidentifications.ask([made.name("Patient", "p1")], REASON, "PATSFTY")
    first = steward.reidentifications.page(limit=2)
    second = steward.reidentifications.page(limit=2, cursor=first.next or "")
    every = list(steward.reidentifications.all())
    assert [*first.items, *second.items] == every[:4]
    assert {one.id for one in every} <= {one.id for one in officer.reidentifications.all()}
    answer = made.client.get(ROUTE, headers=made.bearer(["privacy-officer"], ["identified"]))
    assert [word for word in (*SECRETS, "Patient/") if word in answer.text] == []
    assert {name for one in every for name in asdict(one)} == set(answer.json["items"][0])


def test_who_may_not_is_refused(made: Hospital, steward: Careloom, officer: Careloom) -> None:
    asked = steward.reidentifications.ask([made.name("Patient", "p2")], REASON, "TREAT").id
    theirs = officer.reidentifications.ask([made.name("Patient", "p2")], REASON, "TREAT").id
    with client(made, "data-steward") as other:
        for act in (other.reidentifications.show, other.reidentifications.reveal, other.reidentifications.approve):
            with pytest.raises(AccessError):
                act(asked)
    for act in (steward.reidentifications.approve, steward.reidentifications.refuse):
        with pytest.raises(AccessError):
            act(asked)
    with pytest.raises(AccessError):
        officer.reidentifications.approve(theirs)
    with client(made, "clinician") as clinician, pytest.raises(AccessError):
        clinician.reidentifications.page()


def test_what_is_not_there_is_not_found(steward: Careloom, officer: Careloom) -> None:
    calls = (steward.reidentifications.show, steward.reidentifications.reveal, officer.reidentifications.approve)
    for call in calls:
        with pytest.raises(NotFound):
            call("a" * 26)
    with pytest.raises(NotFound):
        steward.reidentifications.ask(["Patient/" + "a" * 26], REASON, "TREAT", epoch=1)


def test_an_erased_patient_is_gone(made: Hospital, steward: Careloom, officer: Careloom) -> None:
    asked = steward.reidentifications.ask([made.name("Patient", "p3")], REASON, "TREAT").id
    officer.reidentifications.approve(asked)
    erase(made.platform, made.operator, "Patient/p3")
    for act in (steward.reidentifications.reveal, officer.reidentifications.refuse):
        with pytest.raises(Erased):
            act(asked)
    assert steward.reidentifications.show(asked).state == "erased"


GOOD: Json = {"names": ["Patient/" + "a" * 26], "reason": "why", "purpose": "TREAT"}
BAD: dict[str, Json] = {
    "no names": GOOD | {"names": []},
    "too many names": GOOD | {"names": GOOD["names"] * (MOST_NAMES + 1)},
    "what is no pseudonym": GOOD | {"names": ["Quillfeather"]},
    "no reason": GOOD | {"reason": ""},
    "a reason of spaces": GOOD | {"reason": "  "},
    "too long a reason": GOOD | {"reason": "x" * (LONGEST_REASON + 1)},
    "a purpose that is none": GOOD | {"purpose": "Quillfeather"},
    "an epoch before the first": GOOD | {"epoch": 0},
    "a member that nobody knows": GOOD | {"patient": "Quillfeather"},
}


@pytest.mark.parametrize("what", BAD)
def test_a_question_that_breaks_the_schema_is_refused_without_a_value(made: Hospital, what: str) -> None:
    answer = made.client.post(ROUTE, headers=made.bearer(["data-steward"], ["identified"]), json=BAD[what])
    assert answer.status_code == 400
    assert answer.json["code"].startswith("input")
    assert "Quillfeather" not in answer.text


@pytest.mark.parametrize("path", ["?cursor=x", "?limit=0", "/Quillfeather"])
def test_an_address_that_breaks_the_schema_is_refused(made: Hospital, path: str) -> None:
    answer = made.client.get(ROUTE + path, headers=made.bearer(["data-steward"], ["identified"]))
    assert answer.status_code == 400
    assert "Quillfeather" not in answer.text


def test_the_document_names_every_purpose(made: Hospital) -> None:
    schemas = made.client.get("/openapi/openapi.json").json["components"]["schemas"]
    assert schemas["ReidentificationAsk"]["properties"]["purpose"]["enum"] == list(PURPOSES)
