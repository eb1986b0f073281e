"""Orders in the making over HTTP: cards at order-select and order-sign, and what people made of them."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from careloom.runtime import Runtime
from careloom.services.cds_services import counted_cards
from careloom.store.cards import counted
from tests.api.kit import Clock, Installation
from tests.api.test_scores import AT
from tests.store_kit import event, put
from tests.unit.risk.test_cds_orders import A1C, AMOXICILLIN, CLAVULANATE, GABAPENTIN, allergy, concept, drug, lab

SIGN, SELECT = "/cds-services/order-check.order-sign", "/cds-services/order-check.order-select"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("orders"), Runtime(clock=Clock(AT)), api={"token_seconds": 3600}) as one:
        about = {"patient": {"reference": "Patient/p1"}}
        with one.platform.store("identified").transaction(event()) as step:
            step.write([
                put("Patient", "p1", ("p1",), birthDate="1950-03-01", gender="female"),
                put("AllergyIntolerance", "a1", ("p1",), **about, criticality="high",
                    code=concept("http://www.nlm.nih.gov/research/umls/rxnorm", AMOXICILLIN)),
                put("Patient", "p2", ("p2",), birthDate="1950-03-01", gender="female"),
            ])  # fmt: skip
        yield one


def call(place: Installation, path: str, orders: list[Any], patient: str = "p1", **more: Any) -> Any:
    entries = [{"resource": one} for one in orders]
    context = {"userId": "Practitioner/a", "patientId": patient, "draftOrders": {"resourceType": "Bundle",
        "type": "collection", "entry": entries}, **more}  # fmt: skip
    body = {"hook": path.rpartition(".")[2], "hookInstance": str(uuid4()), "context": context}
    return place.client.post(path, json=body, headers=place.bearer())


def test_an_order_against_an_allergy_gets_a_card_with_its_fact(place: Installation) -> None:
    (card,) = call(place, SIGN, [drug("o", CLAVULANATE), drug("g", GABAPENTIN)]).json["cards"]
    assert card["indicator"] == "critical"
    assert "an allergy or intolerance to amoxicillin is on record" in card["summary"]
    assert "`AllergyIntolerance/a1/_history/1`" in card["detail"]
    assert card["source"]["topic"]["code"] == "order-allergy"
    assert UUID(card["uuid"]).version == 4
    assert card["links"][0]["url"].endswith("/dashboard/patients/identified/p1")


def test_of_one_without_anything_against_it_there_is_none(place: Installation) -> None:
    assert call(place, SIGN, [drug("g", GABAPENTIN)]).json == {"cards": []}
    assert call(place, SIGN, [drug("o", CLAVULANATE)], "p2").json == {"cards": []}
    assert call(place, SIGN, [lab("l", A1C), {"resourceType": "NutritionOrder", "id": "n"}]).json == {"cards": []}


def test_only_orders_that_were_selected_are_asked_about(place: Installation) -> None:
    orders = [drug("o", CLAVULANATE), drug("g", GABAPENTIN)]
    assert len(call(place, SELECT, orders, selections=["MedicationRequest/o"]).json["cards"]) == 1
    assert call(place, SELECT, orders, selections=["MedicationRequest/g"]).json == {"cards": []}


@pytest.mark.parametrize(
    ("orders", "more", "told"),
    [
        ([], {}, "draftOrders is no Bundle with entries"),
        ([{"resourceType": "MedicationOrder", "id": "m"}], {}, "entry[0] is no resource of FHIR R4"),
        ([{"resourceType": "ServiceRequest", "id": "s", "subject": {"reference": "Patient/p2"}}], {},
            "entry[0] is about another patient"),
        ([allergy(AMOXICILLIN)], {}, "selections is missing"),
        ([drug("o", CLAVULANATE)], {"selections": ["MedicationRequest/x"]}, "selections[0] names no draft order"),
    ],
)  # fmt: skip
def test_a_call_that_is_wrong_says_where(
    place: Installation, orders: list[Any], more: dict[str, Any], told: str
) -> None:
    answer = call(place, SELECT, orders, **more)
    assert (answer.status_code, answer.json["code"]) == (400, "input")
    assert told in answer.json["detail"]


def test_a_patient_whom_nobody_knows_is_a_precondition_and_an_unknown_service_is_not_found(place: Installation) -> None:
    assert call(place, SIGN, [drug("o", CLAVULANATE)], "nobody").status_code == 412
    assert call(place, "/cds-services/order-check.order-dispatch", [drug("o", CLAVULANATE)]).status_code == 404
    body = {"feedback": [{"card": str(uuid4()), "outcome": "accepted", "outcomeTimestamp": "2024-02-25T10:00:00Z"}]}
    path = "/cds-services/order-check.patient-view/feedback"
    assert place.client.post(path, json=body, headers=place.bearer()).status_code == 404


def test_what_people_made_of_cards_is_counted_without_whom_they_were_of(place: Installation) -> None:
    cards = [call(place, SIGN, [drug("o", CLAVULANATE)]).json["cards"][0]["uuid"] for _ in range(2)]
    reason = {"reason": {"system": "urn:careloom:cds:override", "code": "known"}, "userComment": "Quillfeather"}
    stamp = {"outcomeTimestamp": "2024-02-25T10:00:00Z"}
    told = [
        {"card": cards[0], "outcome": "overridden", "overrideReason": reason, **stamp},
        {"card": cards[1].upper(), "outcome": "accepted", **stamp},
        {"card": str(uuid4()), "outcome": "accepted", **stamp},
    ]
    answer = place.client.post(f"{SIGN}/feedback", json={"feedback": told}, headers=place.bearer())
    assert answer.json == {"answers": 2, "unknown": 1}
    with place.platform.store("identified").connect() as connection:
        (one,) = [one for one in counted(connection, AT) if one["service"].endswith("order-sign")]
    assert (one["kind"], one["accepted"], one["overridden"], one["reasons"]) == ("allergy", 1, 1, {"known": 1})
    assert one["shown"] >= 2


def test_a_draft_that_is_taken_out_is_counted_by_its_suggestion(place: Installation) -> None:
    (card,) = call(place, SELECT, [drug("o", CLAVULANATE)], selections=["MedicationRequest/o"]).json["cards"]
    (suggestion,) = card["suggestions"]
    assert (card["selectionBehavior"], suggestion["actions"][0]["resourceId"]) == ("any", "MedicationRequest/o")
    told = {"card": card["uuid"], "outcome": "accepted", "acceptedSuggestions": [{"id": suggestion["uuid"]}],
        "outcomeTimestamp": "2024-02-25T10:00:00Z"}  # fmt: skip
    assert place.client.post(f"{SELECT}/feedback", json={"feedback": [told]}, headers=place.bearer()).status_code == 200
    found = counted_cards(place.platform, place.operator)
    (one,) = [one for one in found if (one["service"], one["kind"]) == ("order-check.order-select", "allergy")]
    assert (one["accepted"], one["taken"]) == (1, 1)
    nameless = {name: value for name, value in drug("o", CLAVULANATE).items() if name != "id"}
    assert "suggestions" not in call(place, SIGN, [nameless]).json["cards"][0]


def test_each_call_is_in_the_audit_chain_with_its_patient_and_counts_alone(place: Installation) -> None:
    call(place, SIGN, [drug("o", CLAVULANATE)])
    step = [one for one in place.events() if one["operation"] == "cds-orders"][-1]
    assert step["subjects"] == [place.platform.store("identified").pseudonym("p1")]
    assert step["detail"] | {"request": ""} == {
        "service": "order-check.order-sign", "orders": 1, "cards": 1, "request": "",
    }  # fmt: skip


def test_who_may_not_read_gets_no_card(place: Installation) -> None:
    bundle = {"resourceType": "Bundle", "entry": [{"resource": drug("o", CLAVULANATE)}]}
    context = {"userId": "Practitioner/a", "patientId": "p1", "draftOrders": bundle}
    body = {"hook": "order-sign", "hookInstance": str(uuid4()), "context": context}
    found = place.client.post(SIGN, json=body, headers=place.bearer(scopes="system/Observation.r"))
    assert found.status_code == 403
