"""Who answers for a patient, who only listens, and what rules of rights and consents keep from a score."""

from collections.abc import Iterator
from datetime import UTC, datetime
from threading import Event
from typing import Any

import pytest

from careloom.errors import AccessError, CareloomError, Conflict, InputError, NotFound
from careloom.runtime import Runtime
from careloom.services import score_models
from careloom.services.access import Principal
from careloom.services.models_kept import Change, files_of, set_traffic, traffic_of, write
from careloom.services.models_watch import watch
from careloom.services.score import ScoreAsk, score
from careloom.services.score_cohort import CohortScoreAsk, score_cohort
from careloom.services.score_serving import Serving
from careloom.services.subject_rules import RuleAsk, set_rule
from careloom.store.predictions import Logged
from tests.api.kit import Clock, Installation
from tests.score_kit import NAME, model, patient, registered, set_state
from tests.store_kit import event, put

AT = datetime(2024, 2, 25, tzinfo=UTC)
CLINICIAN = Principal("cleo", frozenset({"clinician"}), frozenset({"identified"}), purpose="TREAT")
ENGINEER = Principal("ed", frozenset({"data-engineer"}), frozenset({"identified"}))
OFFICER = Principal("petra", frozenset({"privacy-officer"}), frozenset({"identified", "landing"}))


@pytest.fixture
def place(tmp_path: Any) -> Iterator[Installation]:
    with Installation(tmp_path, Runtime(clock=Clock(AT))) as one:
        with one.platform.store("identified").transaction(event()) as step:
            step.write([*patient("sick"), *patient("other")])
        registered(one.platform)
        registered(one.platform, model(6.0))
        yield one


def lead(place: Installation, **more: Any) -> None:
    after = traffic_of(place.platform, NAME) | more
    write(place.platform, place.operator, Change("test", {}), lambda step: set_traffic(step, NAME, after))


def logged(place: Installation, who: str = "sick") -> list[Logged]:
    place.platform.shadows.settle()
    store = place.platform.store("identified")
    with store.predictions() as log:
        return log.of_patient(store.pseudonym(who))


def test_without_a_champion_nobody_answers(place: Installation) -> None:
    with pytest.raises(NotFound):
        score(place.platform, place.operator, ScoreAsk(NAME, "sick"))
    assert logged(place) == []


def test_a_shadow_is_logged_beside_the_champion_and_shown_to_nobody(place: Installation) -> None:
    lead(place, champion=1, shadow=2)
    made = score(place.platform, place.operator, ScoreAsk(NAME, "sick"))
    assert made.model == f"{NAME}@1"
    assert {(one.said.version, one.said.role) for one in logged(place)} == {("1", "champion"), ("2", "shadow")}


@pytest.mark.parametrize(("share", "version", "role"), [(1.0, "2", "challenger"), (0.0, "1", "champion")])
def test_a_canary_answers_for_its_share(place: Installation, share: float, version: str, role: str) -> None:
    lead(place, champion=1, challenger=2, share=share)
    made = score(place.platform, place.operator, ScoreAsk(f"{NAME}@champion", "sick"))
    (kept,) = logged(place)
    assert (made.model, kept.said.role) == (f"{NAME}@{version}", role)


def test_a_look_back_is_no_answer_of_the_champion_s(place: Installation) -> None:
    lead(place, champion=1, shadow=2)
    score(place.platform, place.operator, ScoreAsk(NAME, "sick", as_of=AT))
    assert [one.said.role for one in logged(place)] == ["batch"]


def test_who_does_not_care_sees_no_risk_of_a_restricted_patient(place: Installation) -> None:
    lead(place, champion=1)
    set_rule(place.platform, OFFICER, RuleAsk("restrict", "Patient/sick", reason="asked for"))
    with pytest.raises(AccessError):
        score(place.platform, ENGINEER, ScoreAsk(NAME, "sick"))
    assert score(place.platform, CLINICIAN, ScoreAsk(NAME, "sick")).state == "scored"
    assert score(place.platform, ENGINEER, ScoreAsk(NAME, "other")).state == "scored"


def test_what_a_consent_withholds_is_not_used_and_counted(place: Installation) -> None:
    lead(place, champion=1)
    before = score(place.platform, CLINICIAN, ScoreAsk(NAME, "sick")).assessment
    deny = {"type": "deny", "class": [{"system": "http://hl7.org/fhir/resource-types", "code": "Observation"}]}
    consent = put(
        "Consent", "c", ("sick",), status="active", patient={"reference": "Patient/sick"},
        scope={"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        category=[{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}], provision=deny,
    )  # fmt: skip
    with place.platform.store("identified").transaction(event()) as step:
        step.write([consent])
    after = score(place.platform, CLINICIAN, ScoreAsk(NAME, "sick")).assessment
    assert before is not None
    assert after is not None
    assert (before.left_out, after.left_out) == (0, 1)
    assert "Observation/sicko/_history/1" in before.basis
    assert "Observation/sicko/_history/1" not in after.basis
    assert after.probability < before.probability


@pytest.mark.parametrize("state", ["registered", "retired"])
@pytest.mark.parametrize("write_it", [False, True])
def test_a_version_that_nobody_approved_answers_for_no_patient(place: Installation, state: str, write_it: bool) -> None:
    set_state(place.platform, f"{NAME}@1", state)
    lead(place, champion=1)
    for version in (f"{NAME}@1", NAME):
        with pytest.raises(Conflict):
            score(place.platform, place.operator, ScoreAsk(version, "sick", write=write_it))
        with pytest.raises(Conflict):
            score_cohort(place.platform, place.operator, CohortScoreAsk(version, write=write_it))
        with pytest.raises(Conflict):
            Serving(place.platform, place.operator, version)
    assert logged(place) == []
    assert not list(place.platform.store("identified").scan(["RiskAssessment"]))


def test_a_shadow_is_shown_to_nobody_who_asks_for_it_and_never_written(place: Installation) -> None:
    lead(place, champion=1, shadow=2)
    for more in ({}, {"write": True}, {"trial": True}, {"zone": "synthetic"}):
        with pytest.raises(Conflict):
            score(place.platform, place.operator, ScoreAsk(f"{NAME}@shadow", "sick", **more))  # type: ignore[arg-type]
        with pytest.raises(CareloomError):
            score_cohort(place.platform, place.operator, CohortScoreAsk(f"{NAME}@shadow", **more))  # type: ignore[arg-type]
    with pytest.raises(Conflict):
        Serving(place.platform, place.operator, f"{NAME}@shadow")


def test_who_may_train_tries_an_unapproved_version_that_is_not_logged_or_written(place: Installation) -> None:
    set_state(place.platform, f"{NAME}@2", "registered")
    made = score(place.platform, place.operator, ScoreAsk(f"{NAME}@2", "sick", trial=True))
    assert (made.state, made.trial, made.prediction, made.as_json()["trial"]) == ("scored", True, "", True)
    last = place.events()[-1]
    assert (last["operation"], last["detail"]["trial"], len(last["subjects"])) == ("score", True, 1)
    many = score_cohort(place.platform, place.operator, CohortScoreAsk(f"{NAME}@2", trial=True))
    assert (many.trial, len(many.listed), len(place.events()[-1]["subjects"])) == (True, 2, 2)
    assert logged(place) == []
    for ask in (ScoreAsk(f"{NAME}@2", "sick", trial=True, write=True), ScoreAsk(f"{NAME}@1", "sick", trial=True)):
        if ask.write:
            with pytest.raises(InputError):
                score(place.platform, place.operator, ask)
        else:
            assert not score(place.platform, place.operator, ask).trial
    with pytest.raises(AccessError):
        score(place.platform, CLINICIAN, ScoreAsk(f"{NAME}@2", "sick", trial=True))


def test_outside_the_identified_zone_who_may_train_needs_no_flag(place: Installation) -> None:
    set_state(place.platform, f"{NAME}@2", "registered")
    with place.platform.store("synthetic").transaction(event(zone="synthetic")) as step:
        step.write(patient("sick"))
    assert score(place.platform, place.operator, ScoreAsk(f"{NAME}@2", "sick", "synthetic")).trial
    assert score_cohort(place.platform, place.operator, CohortScoreAsk(f"{NAME}@2", "synthetic")).trial


def test_an_answer_waits_for_no_shadow_and_one_too_many_is_dropped_and_counted(place: Installation) -> None:
    lead(place, champion=1, shadow=2)
    shadows, may_go_on = place.platform.shadows, Event()
    assert shadows.takes()
    shadows.do(may_go_on.wait)  # a shadow that takes its time
    try:
        assert score(place.platform, place.operator, ScoreAsk(NAME, "sick")).state == "scored"
        store = place.platform.store("identified")
        with store.predictions() as log:
            assert [one.said.role for one in log.of_patient(store.pseudonym("sick"))] == ["champion"]
        while shadows.takes():
            shadows.do(may_go_on.wait)
        assert score(place.platform, place.operator, ScoreAsk(NAME, "other")).state == "scored"
    finally:
        may_go_on.set()
    assert {one.said.role for one in logged(place)} == {"champion", "shadow"}
    assert [one.said.role for one in logged(place, "other")] == ["champion"]
    seen = watch(place.platform, place.operator, NAME)["parts"]["shadow"]["seen"]
    assert seen["dropped"] == {"value": 0.5, "limit": None, "n": 2}


def test_closing_waits_for_the_shadow_of_the_last_answer(tmp_path: Any) -> None:
    with Installation(tmp_path, Runtime(clock=Clock(AT))) as one:
        with one.platform.store("identified").transaction(event()) as step:
            step.write(patient("sick"))
        registered(one.platform)
        registered(one.platform, model(6.0))
        lead(one, champion=1, shadow=2)
        score(one.platform, one.operator, ScoreAsk(NAME, "sick"))
    with Installation(tmp_path, Runtime(clock=Clock(AT))) as again:
        assert {one.said.role for one in logged(again)} == {"champion", "shadow"}
        told = [one for one in again.events() if one["detail"].get("role") == "shadow"]
        assert [(one["actor"], one["outcome"], len(one["subjects"])) for one in told] == [("tester", "success", 1)]


def test_a_broken_shadow_takes_no_champion_down(place: Installation) -> None:
    lead(place, champion=1, shadow=2)
    score_models.forget()
    kept, name = files_of(place.platform), f"{NAME}/2/model.json"
    content = kept.whole(name)
    kept.remove(name)
    kept.write(name, [content + b" "])
    assert score(place.platform, place.operator, ScoreAsk(NAME, "sick")).state == "scored"
    assert [one.said.role for one in logged(place)] == ["champion"]
