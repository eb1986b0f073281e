"""``$everything``: what it gives of a patient and an encounter, page by page, and to whom."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from werkzeug.test import TestResponse

from careloom.fhir.care_dates import care_spans, is_of_care_between
from careloom.fhir.validate import check
from tests.api.kit import BASE_URL, OBSERVATION, PATIENT, Installation
from tests.architecture.operation_routes import ENCOUNTER

LAB = {"resourceType": "Organization", "id": "lab", "name": "Lab"}
OTHER = {"resourceType": "Patient", "id": "p2", "active": True}
IN_ENCOUNTER = OBSERVATION | {
    "id": "o2", "encounter": {"reference": "Encounter/e1"}, "performer": [{"reference": "Organization/lab"}],
    "effectiveDateTime": "2024-06-01",
}  # fmt: skip
ALLERGY = {
    "resourceType": "AllergyIntolerance", "id": "a1", "patient": {"reference": "Patient/p1"},
    "clinicalStatus": {"coding": [
        {"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}
    ]},
}  # fmt: skip
OF_OTHER = OBSERVATION | {"id": "o3", "subject": {"reference": "Patient/p2"}}
FEED = [PATIENT, OTHER, LAB, ENCOUNTER, OBSERVATION, IN_ENCOUNTER, ALLERGY, OF_OTHER]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("everything")) as installation:
        installation.ingest(FEED)
        yield installation


def ask(made: Installation, path: str, headers: dict[str, str] | None = None, **more: Any) -> TestResponse:
    method = "POST" if more else "GET"
    return made.client.open(f"/fhir/identified/{path}", method=method, headers=headers or made.bearer(), **more)


def names(made: Installation, bundle: dict[str, Any], mode: str = "match") -> set[str]:
    """The ids of the source system of a bundle's resources."""
    of_source = {made.stored_id(one["resourceType"], one["id"]): one["id"] for one in FEED}
    assert check(bundle) == []
    return {of_source[one["resource"]["id"]] for one in bundle.get("entry", []) if one["search"]["mode"] == mode}


def at(made: Installation, kind: str = "Patient", name: str = "p1") -> str:
    return f"{kind}/{made.stored_id(kind, name)}/$everything"


CASES: list[tuple[str, set[str], set[str]]] = [
    ("", {"p1", "e1", "o1", "o2", "a1"}, {"lab"}),
    ("?_type=Observation", {"o1", "o2"}, set()),
    ("?_type=Observation,Organization", {"o1", "o2"}, {"lab"}),
    ("?start=2025", {"p1", "e1", "o1", "a1"}, set()),
    ("?end=2024-06", {"p1", "e1", "o2", "a1"}, {"lab"}),
    ("?start=2024-06-01&end=2024-06-01&_type=Observation", {"o2"}, set()),
    ("?_since=2100-01-01T00:00:00Z", set(), set()),
    ("?_since=2000-01-01T00:00:00Z&_type=Patient", {"p1"}, set()),
]


@pytest.mark.parametrize(("query", "expected", "beside"), CASES)
def test_a_patient_s_compartment_is_given_as_far_as_it_was_asked_for(
    made: Installation, query: str, expected: set[str], beside: set[str]
) -> None:
    answer = ask(made, at(made) + query)
    bundle = answer.get_json(force=True)
    assert (answer.status_code, names(made, bundle), names(made, bundle, "include")) == (200, expected, beside)
    event = made.events()[-1]
    assert (event["operation"], event["outcome"], event["detail"]["count"]) == ("everything", "success", len(expected))
    assert len(event["subjects"]) == bool(expected)


def test_pages_show_everything_once_and_follow_their_links(made: Installation) -> None:
    seen: list[str] = []
    path = f"{at(made)}?_count=2"
    headers = made.bearer()
    while path:
        bundle = ask(made, path, headers).get_json(force=True)
        matches = names(made, bundle)
        assert len(matches) <= 2
        seen += matches
        links = {link["relation"]: link["url"] for link in bundle["link"]}
        path = links.get("next", "").removeprefix(f"{BASE_URL}/fhir/identified/")
        assert "o1" not in path
    assert sorted(seen) == ["a1", "e1", "o1", "o2", "p1"]


def test_a_page_of_one_patient_opens_at_no_other(made: Installation) -> None:
    bundle = ask(made, f"{at(made)}?_count=1").get_json(force=True)
    token = next(link["url"] for link in bundle["link"] if link["relation"] == "next").partition("_page=")[2]
    assert ask(made, f"{at(made, name='p2')}?_page={token}").status_code == 404
    assert ask(made, f"{at(made)}?_page={token}&start=2024").status_code == 400


def test_an_encounter_brings_what_points_to_it_and_its_patient_beside(made: Installation) -> None:
    bundle = ask(made, at(made, "Encounter", "e1")).get_json(force=True)
    assert (names(made, bundle), names(made, bundle, "include")) == ({"e1", "o2"}, {"p1", "lab"})


def test_all_patients_are_everybody_s_compartments(made: Installation) -> None:
    bundle = ask(made, "Patient/$everything").get_json(force=True)
    assert names(made, bundle) == {"p1", "p2", "e1", "o1", "o2", "o3", "a1"}


def test_the_parameters_may_stand_in_a_body(made: Installation) -> None:
    sent = {"resourceType": "Parameters", "parameter": [{"name": "_type", "valueCode": "Observation"}]}
    more = {"data": orjson.dumps(sent), "content_type": "application/fhir+json"}
    answer = ask(made, at(made), **more)
    bundle = answer.get_json(force=True)
    assert names(made, bundle) == {"o1", "o2"}
    assert "Observation" not in bundle["link"][0]["url"]


REFUSED = [
    ("?start=never", 400), ("?end=2024-13", 400), ("?_since=2024", 400), ("?_type=Wish", 400), ("?_count=x", 400),
    ("?_type=,", 400),
    ("?unheard=1", 400), ("?start=", 400), ("?start=2024&start=2025", 400), ("?_page=x", 404), ("?_format=csv", 406),
]  # fmt: skip


@pytest.mark.parametrize(("query", "status"), REFUSED)
def test_a_question_that_means_nothing_is_refused_and_audited(made: Installation, query: str, status: int) -> None:
    answer = ask(made, at(made) + query)
    assert (answer.status_code, answer.get_json(force=True)["resourceType"]) == (status, "OperationOutcome")
    event = made.events()[-1]
    assert (event["operation"], event["outcome"]) == ("everything", "failed")


def test_who_is_not_there_has_nothing(made: Installation) -> None:
    assert ask(made, "Patient/nobody/$everything").status_code == 404
    assert ask(made, f"Encounter/{made.stored_id('Patient', 'p1')}/$everything").status_code == 404


def test_types_without_a_scope_are_left_out_and_refused_where_they_are_named(made: Installation) -> None:
    narrow = made.bearer(scopes="system/Patient.rs system/Observation.s")
    assert names(made, ask(made, at(made), narrow).get_json(force=True)) == {"p1", "o1", "o2"}
    assert ask(made, f"{at(made)}?_type=AllergyIntolerance", narrow).status_code == 403
    assert made.events()[-1]["outcome"] == "refused"
    assert ask(made, at(made), made.bearer(scopes="system/Observation.s")).status_code == 403


def test_who_is_bound_to_a_patient_sees_that_one_alone(made: Installation) -> None:
    own = made.bearer(
        roles=["patient"],
        zones=["identified"],
        scopes="patient/*.rs",
        patient=f"Patient/{made.stored_id('Patient', 'p1')}",
    )
    assert names(made, ask(made, "Patient/$everything", own).get_json(force=True)) == {"p1", "e1", "o1", "o2", "a1"}
    assert names(made, ask(made, at(made), own).get_json(force=True)) == {"p1", "e1", "o1", "o2", "a1"}
    assert ask(made, at(made, name="p2"), own).status_code == 404


def test_what_a_consent_withholds_is_left_out(tmp_path_factory: pytest.TempPathFactory) -> None:
    scope = {"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}
    observations = {"system": "http://hl7.org/fhir/resource-types", "code": "Observation"}
    consent = {
        "resourceType": "Consent", "id": "c1", "status": "active", "patient": {"reference": "Patient/p1"},
        "scope": {"coding": [scope]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "policyRule": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTIN"}]},
        "provision": {"type": "deny", "class": [observations]},
    }  # fmt: skip
    with Installation(tmp_path_factory.mktemp("everything-consent")) as made:
        made.ingest([*FEED, consent])
        clinician = made.bearer(roles=["clinician"], zones=["identified"])
        seen = {one["resource"]["resourceType"] for one in ask(made, at(made), clinician).get_json(force=True)["entry"]}
        assert "Observation" not in seen
        assert "AllergyIntolerance" in seen
        assert made.events()[-1]["detail"]["withheld"] == 2


def test_care_from_now_on_is_no_care_before() -> None:
    told = OBSERVATION | {"effectiveDateTime": "2026-01-02T03:04:05Z"}
    assert care_spans(told)[0][0] == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp() * 1000
    assert is_of_care_between(told, "2026-01-02", "")
    assert not is_of_care_between(told, "2026-01-03", "")
    assert is_of_care_between(PATIENT, "2026-01-03", "2026-01-04")
