"""Scores over HTTP and by the SDK, and CDS Hooks: services, cards at the two hooks, feedback that monitoring reads."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from careloom.crypto.pseudonyms import name_of
from careloom.dashboard.address import local, read
from careloom.errors import Conflict, InputError, NotFound, QueryError
from careloom.runtime import Runtime
from careloom.services.jobs import work
from careloom.services.models_kept import Change, set_traffic, traffic_of, write
from careloom.store import bulk
from careloom.store.predictions import Prediction
from tests.api.kit import Clock, Installation
from tests.api.test_sdk import client_of
from tests.score_kit import NAME, patient, registered, stay
from tests.store_kit import event

AT = datetime(2024, 2, 25, tzinfo=UTC)
VIEW, DISCHARGE = f"/cds-services/{NAME}.patient-view", f"/cds-services/{NAME}.encounter-discharge"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("scores"), Runtime(clock=Clock(AT)), api={"token_seconds": 3600}) as one:
        with one.platform.store("identified").transaction(event()) as step:
            step.write([
                *patient("sick"), *patient("seen"), *patient("well", sodium=140.0, failing=False),
                *patient("inside", sodium=118.0), stay("insidee2", "inside", "2024-02-22"),
            ])  # fmt: skip
        number = int(registered(one.platform).partition("@")[2])
        after = traffic_of(one.platform, NAME) | {"champion": number}
        write(one.platform, one.operator, Change("test", {}), lambda step: set_traffic(step, NAME, after))
        yield one


def test_the_sdk_scores_a_patient_and_a_cohort(place: Installation) -> None:
    with client_of(place) as api:
        found = api.scores.patient("Patient/sick", f"{NAME}@champion", write=True)
        assert found.assessment is not None
        assert (found.state, found.assessment["alert"]) == ("scored", True)
        assert found.written is not None
        assert found.written.startswith("RiskAssessment/")
        many = api.scores.cohort(NAME, 2, costs={"event": 1000, "call": 10, "prevented": 0.5})
        assert (many.called, many.of, len(many.listed)) == (2, 4, 2)
        assert many.saved is not None
        with pytest.raises(NotFound):
            api.scores.patient("nobody", NAME)
        with pytest.raises(QueryError):
            api.scores.cohort(NAME, cohort="no_show")
        with pytest.raises(InputError):
            api.scores.patient("sick", NAME, as_of="0001-01-01T00:00:00Z")


def test_the_sdk_queues_a_scoring_waits_for_it_and_cancels_one(place: Installation) -> None:
    with client_of(place) as api:
        run = api.scores.queue(f"{NAME}@champion", 2, costs={"event": 1000, "call": 10, "prevented": 0.5})
        assert (run.state, run.report) == ("waiting", None)
        work(place.platform, once=True)
        done = api.scores.wait(run.id, timeout=0.0)
        assert done.report is not None
        assert (done.model, done.report.called, len(done.report.listed), done.report.left) == (f"{NAME}@1", 2, 2, 0)
        other = api.scores.queue(NAME, as_of="2024-02-24T00:00:00Z")
        assert {one.id for one in api.scores.runs()} == {run.id, other.id}
        assert [one.id for one in api.scores.runs("waiting")] == [other.id]
        assert api.scores.cancel(other.id).state == "cancelled"
        with pytest.raises(Conflict):
            api.scores.cancel(run.id)
    with client_of(place) as somebody_else, pytest.raises(NotFound):
        somebody_else.scores.run(run.id)


def call(place: Installation, path: str, who: str, encounter: str = "", hook: str = "") -> Any:
    context = {"userId": "Practitioner/a", "patientId": who} | ({"encounterId": encounter} if encounter else {})
    body = {
        "hook": hook or path.rpartition(".")[2], "hookInstance": str(uuid4()), "context": context,
        "fhirServer": "https://ehr.example/fhir", "prefetch": {"patient": None},
    }  # fmt: skip
    return place.client.post(path, json=body, headers=place.bearer())


def fed_back(place: Installation, card: str, **more: Any) -> Any:
    one = {"card": card, "outcome": "overridden", "outcomeTimestamp": "2024-02-25T10:00:00.5Z", **more}
    return place.client.post(f"{VIEW}/feedback", json={"feedback": [one]}, headers=place.bearer())


def empty(value: object) -> bool:
    """True where CDS Hooks would refuse something within: null or empty."""
    if isinstance(value, dict):
        return not value or any(map(empty, value.values()))
    return (not value or any(map(empty, value))) if isinstance(value, list) else value in (None, "")


def test_prometheus_counts_the_scores_of_single_patients(place: Installation) -> None:
    def counted() -> float:
        text = place.client.get("/metrics", headers=place.bearer()).get_data(as_text=True)
        return next(float(one.split(" ")[1]) for one in text.splitlines() if one.startswith("careloom_score_seconds_c"))

    before = counted()
    assert call(place, VIEW, "sick").status_code == 200
    assert counted() == before + 1


def test_discovery_names_a_service_a_model_and_hook(place: Installation) -> None:
    services = place.client.get("/cds-services", headers=place.bearer()).json["services"]
    assert [(one["id"], one["hook"]) for one in services] == [
        (f"{NAME}.patient-view", "patient-view"), (f"{NAME}.encounter-discharge", "encounter-discharge"),
        ("order-check.order-select", "order-select"), ("order-check.order-sign", "order-sign"),
    ]  # fmt: skip
    assert not empty(services)


def test_a_record_that_is_opened_gets_a_card_only_where_the_risk_reaches_the_threshold(place: Installation) -> None:
    answer = call(place, VIEW, "sick")
    (card,) = answer.json["cards"]
    assert not empty(answer.json)
    assert len(card["summary"]) < 140
    assert "Newest serum sodium: 121 mmol/L." in card["detail"]
    assert call(place, VIEW, "well").json == {"cards": []}


def test_a_card_leads_to_the_page_of_the_patients_facts_behind_the_sign_in(place: Installation) -> None:
    (card,) = call(place, VIEW, "sick").json["cards"]
    (link,) = card["links"]
    here = place.platform.settings.base_url
    target = link["url"].removeprefix(here)
    assert (link["type"], card["source"]["url"]) == ("absolute", f"{here}/dashboard/")
    assert read(target, "").parts == ("patients", "identified", "sick")
    assert local(target) == target, "who signs in comes back to it"


@pytest.mark.skipif("CARELOOM_SUITES" not in os.environ, reason="CARELOOM_SUITES names no folder of suites")
def test_a_card_has_the_attributes_of_the_specifications_own_cards(place: Installation) -> None:
    """Each link of theirs that is no app's has a label and an address; the types are those of its table."""
    (card,) = call(place, VIEW, "sick").json["cards"]
    known = {name for one in _cards_of_the_specification() for name in one}
    assert card.keys() - {"uuid", "overrideReasons", "suggestions", "selectionBehavior"} <= known
    links = [link for one in _cards_of_the_specification() for link in one.get("links", ()) if "url" in link]
    assert {"label", "url"} <= card["links"][0].keys() <= {name for link in links for name in link}
    assert card["links"][0]["type"] in {link.get("type") for link in links}
    assert {"label", "url"} <= {name for one in _cards_of_the_specification() for name in one["source"]}


def _cards_of_the_specification() -> list[dict[str, Any]]:
    folder, found = Path(os.environ["CARELOOM_SUITES"]) / "cds_hooks", []
    for file in sorted(folder.rglob("*.json")):
        try:
            told = json.loads(file.read_text("utf-8"))
        except ValueError:
            continue
        found += [one for one in told.get("cards", ()) if "source" in one] if isinstance(told, dict) else []
    return found


def test_a_stay_that_ends_is_scored_as_if_it_ended_now(place: Installation) -> None:
    (card,) = call(place, DISCHARGE, "inside", "insidee2").json["cards"]
    assert "The stay had not ended" in card["detail"]
    (after,) = call(place, DISCHARGE, "sick", "sicke1").json["cards"]  # it has its end already
    assert "The stay had not ended" not in after["detail"]
    assert "From 2024-02-20 08:00 UTC until 2024-03-21 08:00 UTC." in after["detail"]


@pytest.mark.parametrize("encounter", ["sicke0", "unknown"])
def test_a_stay_that_ends_gets_no_card_about_another_stay(place: Installation, encounter: str) -> None:
    assert call(place, DISCHARGE, "sick", encounter).json == {"cards": []}


def test_feedback_is_kept_by_the_code_of_its_reason_and_the_same_card_is_not_shown_again(place: Installation) -> None:
    (card,) = call(place, VIEW, "seen").json["cards"]
    reason = {"reason": {"system": "urn:careloom:cds:override", "code": "known"}, "userComment": "Quillfeather"}
    assert fed_back(place, card["uuid"], overrideReason=reason).json == {"answers": 1, "unknown": 0}
    with place.platform.store("identified").predictions() as log:
        kept = log.find(name_of(UUID(card["uuid"]).bytes))
    assert (kept.answer, kept.reason) == ("overridden", "known")
    assert call(place, VIEW, "seen").json == {"cards": []}
    other = {"reason": {"system": "https://ehr.example", "code": "x y"}}
    assert fed_back(place, card["uuid"], overrideReason=other).json == {"answers": 1, "unknown": 0}
    with place.platform.store("identified").predictions() as log:
        assert log.find(kept.name).reason == "other"
    assert fed_back(place, str(uuid4())).json == {"answers": 0, "unknown": 1}
    assert fed_back(place, card["uuid"], outcome="accepted", acceptedSuggestions=[]).json["answers"] == 1
    assert len(call(place, VIEW, "seen").json["cards"]) == 1


@pytest.mark.parametrize(
    ("path", "who", "more", "status"),
    [
        (VIEW, "nobody", {}, 412), (VIEW, "sick", {"hook": "order-sign"}, 400), (VIEW, "a b", {}, 400),
        (VIEW, "Patient/sick", {}, 400), (DISCHARGE, "sick", {}, 400),
        ("/cds-services/other-model.patient-view", "sick", {}, 404),
        (f"/cds-services/{NAME}.order-review", "sick", {}, 404), ("/cds-services/x", "sick", {"hook": "x"}, 400),
    ],
)  # fmt: skip
def test_a_call_that_cannot_be_answered_says_why_in_its_status(
    place: Installation, path: str, who: str, more: dict[str, Any], status: int
) -> None:
    assert call(place, path, who, **more).status_code == status


@pytest.mark.parametrize(
    ("who", "model", "answer", "shown"),
    [("sick", "other", "overridden", 1), ("sick", NAME, "", 1), ("well", NAME, "overridden", 0)],
)
def test_a_card_opens_the_seal_of_no_prediction_that_cannot_have_closed_it(
    place: Installation, who: str, model: str, answer: str, shown: int
) -> None:
    """Those are spoilt: whoever opened one would find it broken."""
    said = Prediction(who, model, "1", 0.5, alert=True, index_time=AT, horizon_days=30.0)
    with place.platform.store("identified").transaction(event()) as step:
        (name,) = step.predictions.record([said])
        bulk.run(
            step.connection, "UPDATE prediction SET body = ?, answer = ? WHERE prediction = ?", [(b"x", answer, name)]
        )
    try:
        assert len(call(place, VIEW, who).json["cards"]) == shown
    finally:
        with place.platform.store("identified").transaction(event()) as step:
            bulk.run(step.connection, "DELETE FROM prediction WHERE prediction = ?", [(name,)])
