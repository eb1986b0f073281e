"""``$docref``: which of a patient's documents it gives, and to whom."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from werkzeug.test import TestResponse

from careloom.fhir.validate import check
from tests.api.kit import PATIENT, Installation

SUMMARY, DISCHARGE = "34133-9", "18842-5"
CCDA = "urn:hl7-org:sdwg:ccda-structuredBody:2.1"


def document(name: str, code: str, day: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "DocumentReference", "id": name, "status": "current", "subject": {"reference": "Patient/p1"},
        "type": {"coding": [{"system": "http://loinc.org", "code": code}]}, "date": "2026-05-05T00:00:00Z",
        "context": {"period": {"start": day, "end": day}},
        "content": [{"attachment": {"contentType": "text/plain", "data": "R291dA=="}}], **more,
    }  # fmt: skip


WITH_FORMAT = [{
    "attachment": {"contentType": "text/plain", "data": "R291dA=="},
    "format": {"system": "http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode", "code": CCDA},
}]  # fmt: skip
FEED = [
    PATIENT, PATIENT | {"id": "p2"},
    document("old", SUMMARY, "2024-01-10"), document("new", SUMMARY, "2025-06-01", content=WITH_FORMAT),
    document("gone", SUMMARY, "2025-07-01", status="superseded"),
    document("wrong", SUMMARY, "2025-08-01", status="entered-in-error"),
    document("letter", DISCHARGE, "2024-03-01"),
    document("other", SUMMARY, "2025-06-01", subject={"reference": "Patient/p2"}),
]  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("documents")) as installation:
        installation.ingest(FEED)
        yield installation


def ask(made: Installation, query: str, headers: dict[str, str] | None = None, **more: Any) -> TestResponse:
    path = f"/fhir/identified/DocumentReference/$docref{query.replace('p1', made.stored_id('Patient', 'p1'))}"
    return made.client.open(path, method="POST" if more else "GET", headers=headers or made.bearer(), **more)


def names(made: Installation, answer: TestResponse) -> list[str]:
    of_source = {made.stored_id(one["resourceType"], one["id"]): one["id"] for one in FEED}
    bundle = answer.get_json(force=True)
    assert (answer.status_code, check(bundle)) == (200, [])
    found = [one for one in bundle.get("entry", []) if one["search"]["mode"] == "match"]
    assert bundle["total"] == len(found)
    return [of_source[one["resource"]["id"]] for one in found]


CASES = [
    ("?patient=p1", ["new", "letter"]),
    ("?patient=Patient/p1", ["new", "letter"]),
    (f"?patient=p1&type=http://loinc.org|{SUMMARY}", ["new"]),
    (f"?patient=p1&type={SUMMARY},{DISCHARGE}&start=2024", ["gone", "new", "letter", "old"]),
    ("?patient=p1&start=2024-01-11&end=2025-06-01", ["new", "letter"]),
    ("?patient=p1&end=2024-01-10", ["old"]),
    (f"?patient=p1&profile={CCDA}", ["new"]),
    ("?patient=p1&on-demand=true", []),
    ("?patient=p1&on-demand=false&end=2023", []),
    ("?patient=nobody", []),
]


@pytest.mark.parametrize(("query", "expected"), CASES)
def test_documents_are_given_as_they_were_asked_for(made: Installation, query: str, expected: list[str]) -> None:
    assert names(made, ask(made, query)) == expected
    event = made.events()[-1]
    assert (event["operation"], event["detail"]["count"]) == ("docref", len(expected))


def test_who_asks_for_documents_on_demand_is_told_that_there_are_none(made: Installation) -> None:
    (entry,) = ask(made, "?patient=p1&on-demand=true").get_json(force=True)["entry"]
    assert (entry["search"]["mode"], entry["resource"]["issue"][0]["code"]) == ("outcome", "not-supported")


def test_the_parameters_may_stand_in_a_body(made: Installation) -> None:
    concept = {"coding": [{"system": "http://loinc.org", "code": DISCHARGE}]}
    sent = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "patient", "valueId": made.stored_id("Patient", "p1")},
            {"name": "type", "valueCodeableConcept": concept},
        ],
    }
    more = {"data": orjson.dumps(sent), "content_type": "application/fhir+json"}
    assert names(made, ask(made, "", **more)) == ["letter"]


@pytest.mark.parametrize(
    "query",
    [
        "", "?patient=a/b", "?patient=p1&start=x", "?patient=p1&on-demand=maybe", "?patient=p1&wish=1",
        f"?patient=p1&profile={501 * 'x'}",
        f"?patient=p1&type={501 * 'x'}", "?patient=p1&type=,",
    ],
)  # fmt: skip
def test_a_question_that_means_nothing_is_refused_and_audited(made: Installation, query: str) -> None:
    answer = ask(made, query)
    assert (answer.status_code, answer.get_json(force=True)["resourceType"]) == (400, "OperationOutcome")
    event = made.events()[-1]
    assert (event["operation"], event["outcome"]) == ("docref", "failed")


def test_who_may_not_search_documents_gets_none(made: Installation) -> None:
    assert ask(made, "?patient=p1", made.bearer(scopes="system/Patient.rs")).status_code == 403
    own = made.bearer(
        roles=["patient"], zones=["identified"], scopes="patient/*.rs",
        patient=f"Patient/{made.stored_id('Patient', 'p2')}",
    )  # fmt: skip
    assert names(made, ask(made, "?patient=p1", own)) == []
