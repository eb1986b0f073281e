"""One text without identity tells nothing of a record that the caller may not see, nor that it is there."""

from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from careloom.services.access import Principal, Zone
from careloom.services.deidentify_one import OneAsk, deidentify_one
from careloom.services.subject_rules import RuleAsk, set_rule
from tests.api.kit import PATIENT, Installation

TEXT = "The lamp on the table was broken by umbrella."
HERE: frozenset[Zone] = frozenset({"identified", "research"})
OTHER = PATIENT | {"id": "p2", "name": [{"family": "Marwick", "given": ["Tamsin"]}]}
MOTHER = {
    "resourceType": "RelatedPerson", "id": "r1", "patient": {"reference": "Patient/p1"}, "name": [{"family": "Table"}],
}  # fmt: skip
SURGEON = {"resourceType": "Practitioner", "id": "d1", "name": [{"family": "Umbrella"}]}
STAY = {
    "resourceType": "Encounter", "id": "e1", "status": "finished", "class": {"code": "IMP"},
    "subject": {"reference": "Patient/p1"}, "participant": [{"individual": {"reference": "Practitioner/d1"}}],
}  # fmt: skip


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Installation]:
    with Installation(tmp_path) as one:
        one.ingest([PATIENT | {"name": [{"family": "Lamp"}]}, OTHER, MOTHER, SURGEON, STAY])
        yield one


def restricts(made: Installation) -> None:
    set_rule(made.platform, made.operator, RuleAsk("restrict", "Patient/p1", reason="contests it"))


def withholds(made: Installation) -> None:
    made.ingest([consent({"type": "deny"})])


def withholds_a_part(made: Installation) -> None:
    person = {"reference": {"reference": "RelatedPerson/r1"}, "meaning": "instance"}
    made.ingest([consent({"type": "permit", "provision": [{"type": "deny", "data": [person]}]})])


def consent(provision: dict[str, Any]) -> dict[str, Any]:
    return {
        "resourceType": "Consent", "id": "c1", "status": "active", "patient": {"reference": "Patient/p1"},
        "scope": {"coding": [{"code": "patient-privacy"}]}, "category": [{"coding": [{"code": "x"}]}],
        "policy": [{"uri": "urn:policy"}], "provision": provision,
    }  # fmt: skip


WAYS = [restricts, withholds, withholds_a_part]
Hide = Callable[[Installation], None]


def asked(made: Installation, route: str, patient: str) -> tuple[int, str]:
    """Status and answer, as an engineer gets them, without what every answer has of its own."""
    told = {"text": TEXT, "style": "tag", "patient": patient}
    headers = made.bearer(["data-engineer"], sorted(HERE), name=f"e{made.platform.run_id()[-6:]}")
    if route.startswith("/api"):
        answer = made.client.post(route, json=told, headers=headers)
    else:
        body = {"resourceType": "Parameters", "parameter": [{"name": k, "valueString": v} for k, v in told.items()]}
        kind = "application/fhir+json"
        answer = made.client.post(route, data=orjson.dumps(body), content_type=kind, headers=headers)
    shown = answer.get_json(force=True)
    return answer.status_code, str({name: one for name, one in shown.items() if name not in ("instance", "id")})


@pytest.mark.parametrize("hide", WAYS)
@pytest.mark.parametrize("route", ["/api/v1/deidentify", "/fhir/identified/$de-identify"])
def test_a_patient_who_is_hidden_is_as_one_who_is_not_there(made: Installation, route: str, hide: Hide) -> None:
    patient = made.stored_id("Patient", "p1")
    status, told = asked(made, route, patient)
    assert status == 200
    assert "The [NAME] on the [NAME] was broken by umbrella." in told
    hide(made)
    assert asked(made, route, patient) == asked(made, route, "nobody")
    assert asked(made, route, patient)[0] == 404


def test_who_keeps_privacy_goes_on_with_a_restricted_patient(made: Installation) -> None:
    restricts(made)
    officer = Principal("petra.privacy", frozenset({"privacy-officer"}), HERE)
    ask = OneAsk(text=TEXT, style="tag", patient=made.stored_id("Patient", "p1"))
    assert deidentify_one(made.platform, officer, ask).text == "The [NAME] on the [NAME] was broken by umbrella."


def test_the_clinicians_of_a_stay_that_is_hidden_are_not_looked_for(made: Installation) -> None:
    engineer = Principal("erin", frozenset({"data-engineer"}), HERE)
    note = {
        "resourceType": "DocumentReference", "id": "n9", "status": "current", "date": "2024-03-05T10:00:00Z",
        "type": {"coding": [{"system": "http://loinc.org", "code": "34117-2"}]},
        "content": [{"attachment": {"contentType": "text/plain", "data": b64encode(TEXT.encode()).decode()}}],
        "subject": {"reference": f"Patient/{made.stored_id('Patient', 'p2')}"},
        "context": {"encounter": [{"reference": f"Encounter/{made.stored_id('Encounter', 'e1')}"}]},
    }  # fmt: skip
    ask = OneAsk(resource=note, policy="safe-harbor", style="tag", patient=made.stored_id("Patient", "p2"))

    def found() -> list[str]:
        return [TEXT[one.start : one.end] for one in deidentify_one(made.platform, engineer, ask).spans]

    assert found() == ["umbrella"]
    restricts(made)
    assert found() == []
