"""``$validate``: what it finds, what it says of a change that is meant, who may ask, and that it writes nothing."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from werkzeug.test import TestResponse

from careloom.fhir.validate import check
from tests.api.kit import OBSERVATION, PATIENT, Installation

FHIR = "application/fhir+json"
NEW = {"resourceType": "Organization", "name": "Lab"}
BAD = {"resourceType": "Organization", "name": "Lab", "nmae": "Zephyrine"}
BASE_PROFILE = "http://hl7.org/fhir/StructureDefinition/Organization"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("validate")) as installation:
        installation.ingest([PATIENT, OBSERVATION])
        yield installation


def ask(
    made: Installation, path: str, sent: Any = None, headers: dict[str, str] | None = None, method: str = "POST"
) -> TestResponse:
    """One request; `sent` may be bytes, which go out as they are."""
    raw = sent if isinstance(sent, bytes) else None if sent is None else orjson.dumps(sent)
    more: dict[str, Any] = {} if raw is None else {"data": raw, "content_type": FHIR}
    return made.client.open(f"/fhir/identified/{path}", method=method, headers=headers or made.bearer(), **more)


def parameters(**parts: Any) -> dict[str, Any]:
    """A Parameters resource of a resource and of codes."""
    listed = [
        {"name": name, **({"resource": part} if isinstance(part, dict) else {"valueCode": part})}
        for name, part in parts.items()
    ]
    return {"resourceType": "Parameters", "parameter": listed}


def codes(answer: TestResponse) -> list[str]:
    """The codes of an outcome's issues, which is itself valid."""
    outcome = answer.get_json(force=True)
    assert outcome["resourceType"] == "OperationOutcome"
    assert check(outcome) == []
    told = [one["details"].get("coding", [{"code": one["code"]}])[0]["code"] for one in outcome["issue"]]
    assert all(isinstance(one, str) for one in told)
    return told


FOUND: list[tuple[str, Any, list[str]]] = [
    ("Organization/$validate", NEW, ["informational"]),
    ("Organization/$validate", BAD, ["fhir.unknown-element"]),
    ("Organization/$validate", parameters(resource=NEW), ["informational"]),
    ("Organization/$validate", parameters(resource=BAD, mode="create"), ["fhir.unknown-element"]),
    ("Organization/$validate?mode=create", NEW, ["informational"]),
    (f"Organization/$validate?profile={BASE_PROFILE}&mode=profile", NEW, ["informational"]),
    ("Organization/$validate", b'{"resourceType":"Organization","name":"a","name":"b"}', ["fhir.json-duplicate-key"]),
    (
        "Organization/$validate", NEW | {"meta": {"profile": ["http://example.org/p"]}},
        ["fhir.profiles-unchecked", "informational"],
    ),
    (
        "Observation/$validate?mode=create", OBSERVATION | {"subject": {"reference": "Patient/nobody"}},
        ["input.invalid.unprocessable"],
    ),
    ("Organization/never-here/$validate?mode=update", NEW | {"id": "never-here"}, ["input.not-supported"]),
    ("Parameters/$validate", {"resourceType": "Parameters"}, ["informational"]),
    ("Parameters/$validate", parameters(resource={"resourceType": "Parameters"}), ["informational"]),
]  # fmt: skip


@pytest.mark.parametrize(("path", "sent", "expected"), FOUND)
def test_what_is_found_is_told_with_status_200(made: Installation, path: str, sent: Any, expected: list[str]) -> None:
    before = made.platform.store("identified").count()
    answer = ask(made, path, sent)
    assert (answer.status_code, answer.content_type) == (200, FHIR)
    assert codes(answer) == expected
    assert "Zephyrine" not in answer.text
    assert made.platform.store("identified").count() == before


def test_an_issue_names_its_place(made: Installation) -> None:
    (issue,) = ask(made, "Organization/$validate", {**NEW, "active": "yes"}).get_json(force=True)["issue"]
    assert (issue["severity"], issue["expression"]) == ("error", ["Organization.active"])


REFUSED: list[tuple[str, Any, int]] = [
    ("Organization/$validate", None, 400),
    ("Organization/$validate", b"{", 400),
    ("Organization/$validate", parameters(mode="create"), 400),
    ("Organization/$validate", PATIENT, 400),
    ("Organization/$validate?mode=wish", NEW, 400),
    ("Organization/$validate?mode=delete", NEW, 400),
    ("Organization/$validate?mode=update", NEW, 400),
    ("Organization/$validate?unheard=1", NEW, 400),
    ("Organization/$validate", parameters(resource=NEW, unheard="x"), 400),
    ("Organization/$validate", parameters(resource="text"), 400),
    ("Organization/$validate?profile=http://example.org/profile", NEW, 422),
    ("Wish/$validate", NEW, 404),
]


@pytest.mark.parametrize(("path", "sent", "status"), REFUSED)
def test_a_question_that_means_nothing_is_refused_and_audited(
    made: Installation, path: str, sent: Any, status: int
) -> None:
    answer = ask(made, path, sent)
    assert answer.status_code == status, answer.text
    codes(answer)
    event = made.events()[-1]
    assert (event["operation"], event["outcome"]) == ("validate", "failed")


def test_an_unknown_parameter_is_left_out_for_who_is_lenient(made: Installation) -> None:
    headers = {**made.bearer(), "Prefer": "handling=lenient"}
    assert ask(made, "Organization/$validate?unheard=1", NEW, headers).status_code == 200


def test_a_body_of_another_media_type_is_415(made: Installation) -> None:
    answer = made.client.post(
        "/fhir/identified/Organization/$validate", headers=made.bearer(), data=b"x", content_type="text/plain"
    )
    assert answer.status_code == 415
    assert codes(answer) == ["http.unsupported-media-type"]


def test_what_is_stored_is_valid_and_tells_what_keeps_it_from_being_deleted(made: Installation) -> None:
    patient = made.stored_id("Patient", "p1")
    assert codes(ask(made, f"Patient/{patient}/$validate", method="GET")) == ["informational"]
    assert codes(ask(made, f"Patient/{patient}/$validate?mode=delete", method="GET")) == ["state.conflict"]
    observation = made.stored_id("Observation", "o1")
    assert codes(ask(made, f"Observation/{observation}/$validate?mode=delete", method="GET")) == ["informational"]
    assert ask(made, "Patient/nobody/$validate", method="GET").status_code == 404
    assert made.client.get(f"/fhir/identified/Patient/{patient}", headers=made.bearer()).status_code == 200


def test_who_may_only_read_may_validate_and_not_try_a_change(made: Installation) -> None:
    reader = made.bearer(scopes="system/Organization.r")
    assert ask(made, "Organization/$validate", NEW, reader).status_code == 200
    assert ask(made, "Organization/$validate?mode=create", NEW, reader).status_code == 403
    assert ask(made, "Patient/$validate", PATIENT, reader).status_code == 403
    event = made.events()[-1]
    assert (event["operation"], event["outcome"]) == ("validate", "refused")
    told = made.client.post(
        "/fhir/research/Organization/$validate?mode=create", headers=made.bearer(), data=orjson.dumps(NEW),
        content_type=FHIR,
    )  # fmt: skip
    assert told.status_code == 403
