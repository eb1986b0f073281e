"""Patients who are not here: cards from what the EHR sends along, checked, and kept nowhere."""

import logging
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from careloom.crypto.pseudonyms import name_of
from careloom.runtime import Runtime
from careloom.services.cds_calls import hook_ask
from careloom.services.cds_prefetch import templates, told_of
from careloom.services.cds_services import counted_cards
from careloom.services.order_cards import TYPES as ORDER_TYPES
from careloom.services.score_cards import TYPES
from tests.api.kit import Clock, Installation
from tests.api.test_scores import AT
from tests.architecture.score_routes import champion
from tests.score_kit import NAME, patient
from tests.store_kit import event, put
from tests.unit.risk.test_cds_orders import AMOXICILLIN, CLAVULANATE, METFORMIN, RXNORM, concept, drug

VIEW, DISCHARGE = f"/cds-services/{NAME}.patient-view", f"/cds-services/{NAME}.encounter-discharge"
SIGN = "/cds-services/order-check.order-sign"
Told = dict[str, Any]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("told"), Runtime(clock=Clock(AT)), api={"token_seconds": 3600}) as one:
        champion(one)
        with one.platform.store("identified").transaction(event()) as step:
            step.write([*patient("here"), *patient("treated"), drug_of("treated")])
        yield one


def drug_of(name: str) -> Any:
    return put("MedicationRequest", "m1", (name,), status="active", intent="order", authoredOn="2024-01-01",
        subject={"reference": f"Patient/{name}"}, medicationCodeableConcept=concept(RXNORM, METFORMIN))  # fmt: skip


def bundle(*resources: Told) -> Told:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in resources]}


def prefetch(types: tuple[str, ...], name: str, *more: Told) -> Told:
    """Everything that a service asks for: of most types nothing."""
    resources = [one.resource for one in patient(name)] + list(more)
    found: Told = dict.fromkeys(templates(types))
    for one in resources:
        key = one["resourceType"][0].lower() + one["resourceType"][1:]
        if key == "patient":
            found[key] = one
        elif key in found:
            found[key] = bundle(*(entry["resource"] for entry in (found[key] or bundle())["entry"]), one)
    return found


def allergic(name: str) -> Told:
    return {"resourceType": "AllergyIntolerance", "id": "a1", "patient": {"reference": f"Patient/{name}"},
        "code": concept(RXNORM, AMOXICILLIN), "criticality": "high", "clinicalStatus": {"coding": [{"code": "active",
        "system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"}]}}  # fmt: skip


def call(place: Installation, path: str, name: str, told: Told, **context: Any) -> Any:
    body = {
        "hook": path.rpartition(".")[2], "hookInstance": str(uuid4()), "prefetch": told,
        "context": {"userId": "Practitioner/a", "patientId": name, **context},
    }  # fmt: skip
    return place.client.post(path, json=body, headers=place.bearer())


def drafts(*orders: Told) -> Told:
    return {"draftOrders": {"resourceType": "Bundle", "entry": [{"resource": one} for one in orders]}}


def test_discovery_asks_for_what_each_service_reads(place: Installation) -> None:
    services = {one["id"]: one for one in place.client.get("/cds-services", headers=place.bearer()).json["services"]}
    told = services[f"{NAME}.patient-view"]["prefetch"]
    assert told["patient"] == "Patient/{{context.patientId}}"
    assert told["observation"] == "Observation?patient={{context.patientId}}"
    assert "allergyIntolerance" in services["order-check.order-sign"]["prefetch"]
    assert all("Prefetch is needed" in one["usageRequirements"] for one in services.values())


def test_a_stranger_is_scored_as_somebody_with_the_same_record_who_is_here(place: Installation) -> None:
    (card,) = call(place, VIEW, "away", prefetch(TYPES, "away")).json["cards"]
    (known,) = call(place, VIEW, "here", {}).json["cards"]
    assert card["summary"] == known["summary"]
    assert "links" not in card
    (ended,) = call(place, DISCHARGE, "away", prefetch(TYPES, "away"), encounterId="awaye1").json["cards"]
    assert ended["summary"] == known["summary"]
    assert call(place, DISCHARGE, "away", prefetch(TYPES, "away"), encounterId="awaye0").json == {"cards": []}


def test_of_a_stranger_nothing_is_kept_but_that_a_card_was_shown(place: Installation) -> None:
    (card,) = call(place, VIEW, "gone", prefetch(TYPES, "gone")).json["cards"]
    store = place.platform.store("identified")
    assert not store.versions("Patient", "gone")
    step = [one for one in place.events() if one["operation"] == "cds-risks"][-1]
    assert (step["detail"]["sources"], step["detail"]["cards"]) == (["prefetch"], 1)
    told = {"card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": "2024-02-25T10:00:00Z"}
    answer = place.client.post(f"{VIEW}/feedback", json={"feedback": [told]}, headers=place.bearer())
    assert answer.json == {"answers": 1, "unknown": 0}


def test_a_gap_of_the_record_comes_with_a_draft_that_closes_it(place: Installation) -> None:
    kidneys = {"resourceType": "Condition", "id": "ckd", "subject": {"reference": "Patient/renal"},
        "code": concept("http://hl7.org/fhir/sid/icd-10-cm", ("N18.3", "Chronic kidney disease, stage 3")),
        "recordedDate": "2023-01-03"}  # fmt: skip
    (card,) = call(place, VIEW, "renal", prefetch(TYPES, "renal", kidneys)).json["cards"]
    drafts_of = {one["label"]: one for one in card["suggestions"]}
    suggestion = drafts_of["Order: egfr and albumin creatinine ratio"]
    assert [one["type"] for one in suggestion["actions"]] == ["create", "create"]
    assert suggestion["actions"][0]["resource"]["subject"] == {"reference": "Patient/renal"}


def test_of_somebody_who_is_here_card_and_prediction_both_know_what_was_accepted(place: Installation) -> None:
    (card,) = call(place, VIEW, "here", {}).json["cards"]
    told = {"card": card["uuid"], "outcome": "accepted", "outcomeTimestamp": "2024-02-25T10:00:00Z",
        "acceptedSuggestions": [{"id": card["suggestions"][0]["uuid"]}]}  # fmt: skip
    answer = place.client.post(f"{VIEW}/feedback", json={"feedback": [told]}, headers=place.bearer())
    assert answer.json == {"answers": 1, "unknown": 0}
    (one,) = [one for one in counted_cards(place.platform, place.operator) if one["kind"] == "risk"]
    assert (one["accepted"], one["taken"]) == (1, 1)
    with place.platform.store("identified").predictions() as log:
        assert log.find(name_of(UUID(card["uuid"]).bytes)).answer == "accepted"


def test_an_order_of_a_stranger_meets_what_was_sent(place: Installation) -> None:
    told = prefetch(ORDER_TYPES, "away", allergic("away"))
    (card,) = call(place, SIGN, "away", told, **drafts(drug("o", CLAVULANATE))).json["cards"]
    assert card["source"]["topic"]["code"] == "order-allergy"
    assert call(place, SIGN, "away", prefetch(ORDER_TYPES, "away"), **drafts(drug("o", CLAVULANATE))).json == {
        "cards": []
    }


def test_what_was_sent_of_somebody_who_is_here_stands_in_the_place_of_what_is_kept(place: Installation) -> None:
    order = drafts(drug("o", METFORMIN), drug("o2", CLAVULANATE))
    assert [one["source"]["topic"]["code"] for one in call(place, SIGN, "treated", {}, **order).json["cards"]] == [
        "order-duplicate"
    ]
    stopped = dict(drug_of("treated").resource) | {"status": "stopped"}
    told = {"medicationRequest": bundle(stopped), "allergyIntolerance": bundle(allergic("treated"))}
    cards = call(place, SIGN, "treated", told, **order).json["cards"]
    assert [one["source"]["topic"]["code"] for one in cards] == ["order-allergy"]
    assert "`AllergyIntolerance/a1`" in cards[0]["detail"]


@pytest.mark.parametrize(
    ("change", "status", "told"),
    [
        ({"patient": None}, 412, "neither here nor among"),
        ({"condition": {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]}}, 412,
            "prefetch.condition is missing"),
        ({"condition": {"resourceType": "Patient", "id": "away"}}, 400, "condition, resource 1 is of another type"),
        ({"condition": {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/other"}}}, 400,
            "condition, resource 1 is not about context.patientId"),
        ({"observation": bundle({"resourceType": "Observation", "id": "o", "subject": {"reference": "Patient/away"},
            "code": {"text": "x"}})}, 400, "observation, resource 1 is no valid FHIR R4"),
        ({"patient": {"resourceType": "Patient", "id": "other"}}, 400, "patient, resource 1 is not about"),
        ({"condition": {"resourceType": "Bundle", "type": "searchset", "entry": [{}]}}, 400, "entry 1 has no resource"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_where_it_is_wrong(
    place: Installation, change: Told, status: int, told: str
) -> None:
    answer = call(place, VIEW, "away", prefetch(TYPES, "away") | change)
    assert (answer.status_code, told in answer.json["detail"]) == (status, True), answer.json["detail"]


def test_a_key_that_lacks_is_a_precondition_and_says_which(place: Installation) -> None:
    told = prefetch(TYPES, "away")
    del told["encounter"]
    answer = call(place, VIEW, "away", told)
    assert (answer.status_code, answer.json["detail"]) == (412, "cds: prefetch.encounter is missing")


def test_a_token_of_the_ehr_stands_in_no_log_and_no_answer(
    place: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    access = {"access_token": "opaque-and-secret", "token_type": "Bearer", "expires_in": 300, "scope": "user/*.read",
        "subject": "careloom"}  # fmt: skip
    body = {
        "hook": "patient-view", "hookInstance": str(uuid4()), "fhirServer": "https://ehr.example/fhir",
        "fhirAuthorization": access, "context": {"userId": "Practitioner/a", "patientId": "away"},
    }  # fmt: skip
    answer = place.client.post(VIEW, json=body, headers=place.bearer())
    assert answer.status_code == 412
    assert "its host is not allowed here (cds.fhir_hosts)" in answer.json["detail"]
    assert "opaque-and-secret" not in answer.text + caplog.text + repr(hook_ask(body))
    bare = place.client.post(VIEW, json=body | {"fhirServer": None}, headers=place.bearer())
    assert (bare.status_code, bare.json["detail"]) == (400, "cds: fhirServer is missing")


class _Ehr:
    """A FHIR server of what a dictionary holds."""

    def __init__(self, held: Told) -> None:
        self.held, self.asked = held, list[str]()

    def read(self, query: str) -> Iterator[Told]:
        self.asked.append(query)
        key = query[0].lower() + query[1:].partition("?")[0].partition("/")[0]
        told = self.held.get(key)
        yield from () if told is None else [told] if key == "patient" else [one["resource"] for one in told["entry"]]


def test_only_what_was_not_sent_is_fetched(place: Installation) -> None:
    told = prefetch(TYPES, "away")
    sent = {key: told[key] for key in ("patient", "condition")}
    ask = hook_ask({"hook": "patient-view", "context": {"patientId": "away"}, "prefetch": sent})
    ehr = _Ehr(told)
    found = told_of(place.platform, ask, TYPES, server=ehr)  # type: ignore[arg-type]
    assert found.sources == {"prefetch", "server"}
    assert "Observation?patient=away" in ehr.asked
    assert not {"Patient/away", "Condition?patient=away"} & set(ehr.asked)
    whole = told_of(place.platform, ask.__class__("patient-view", "away", prefetch=told), TYPES)
    assert sorted(one["id"] for one in found.resources) == sorted(one["id"] for one in whole.resources)
