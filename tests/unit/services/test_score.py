"""Scoring one patient from the sealed store: who may, what is said, what is logged and written, and when nothing is."""

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from careloom.errors import AccessError, IntegrityError, NotFound, QueryError, StateError
from careloom.fhir.validate import check
from careloom.risk.assessment import Assessment
from careloom.services import score_models
from careloom.services.access import Principal
from careloom.services.models_kept import files_of
from careloom.services.records import read
from careloom.services.score import ScoreAsk, score
from careloom.services.score_facts import record_of
from tests.api.kit import Installation
from tests.score_kit import NAME, model, patient, registered, stay
from tests.store_kit import event

AT = datetime(2024, 2, 25, tzinfo=UTC)
CLINICIAN = Principal("cleo", frozenset({"clinician"}), frozenset({"identified"}))
SCIENTIST = Principal("sid", frozenset({"data-scientist"}), frozenset({"research", "synthetic"}))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("score")) as one:
        with one.platform.store("identified").transaction(event()) as step:
            step.write([
                *patient("sick"), *patient("well", sodium=140.0, failing=False), *patient("young", born="2012-05-01"),
                *patient("bare", sodium=None), *patient("inside")[:1], stay("insidee2", "inside", "2024-02-20"),
            ])  # fmt: skip
        registered(one.platform)
        yield one


def assessed(place: Installation, who: str, **more: Any) -> Assessment:
    found = score(place.platform, place.operator, ask(who, **more)).assessment
    assert found is not None
    return found


def ask(who: str, **more: Any) -> ScoreAsk:
    return ScoreAsk(f"{NAME}@1", who, as_of=more.pop("as_of", AT), **more)


def test_a_patient_is_scored_with_factors_that_sum_to_the_risk_and_lead_to_stored_facts(place: Installation) -> None:
    made = score(place.platform, place.operator, ask("Patient/sick"))
    one = made.assessment
    assert (made.state, made.model) == ("scored", f"{NAME}@1")
    assert one is not None
    assert one.explanation.total == pytest.approx(math.log(one.probability / (1 - one.probability)))
    by_concept = {factor.concept: factor for factor in one.explanation.factors}
    sodium = by_concept["Sodium"]
    assert (sodium.is_modifiable, sodium.log_odds > 0) == (True, True)
    assert sodium.statements[0].text == "Newest serum sodium: 121 mmol/L."
    assert [fact.resource for fact in sodium.statements[0].facts] == ["Observation/sicko/_history/1"]
    assert by_concept["Heart failure"].statements[0].text == "Heart failure was diagnosed at any time before."
    assert not by_concept["Heart failure"].is_modifiable
    assert {"Condition/sickc/_history/1", "Encounter/sicke0/_history/1"} <= set(one.basis)
    assert (one.is_alert, one.band) == (True, "high")
    well = assessed(place, "well")
    assert well.probability < one.probability
    assert not well.is_alert


def test_every_fact_that_is_named_is_stored_in_that_version(place: Installation) -> None:
    one = assessed(place, "sick")
    for reference in one.basis:
        kind, name, _, version = reference.split("/")
        assert place.platform.store("identified").read_version(kind, name, int(version)).id == name


def test_the_answer_is_logged_and_audited_by_pseudonym_with_a_keyed_hash_of_what_was_told(place: Installation) -> None:
    made = score(place.platform, CLINICIAN, ask("sick"))
    store = place.platform.store("identified")
    with store.predictions() as log:
        kept = log.find(made.prediction)
    assert made.assessment is not None
    assert (kept.said.model, kept.said.version, kept.said.alert, kept.said.patient) == (NAME, "1", True, "sick")
    assert kept.said.score == made.assessment.probability
    assert kept.said.groups == {"sex": "female", "age_band": "65 to 79"}
    last = place.events()[-1]
    assert (last["operation"], last["actor"], last["subjects"]) == ("score", "cleo", [store.pseudonym("sick")])
    assert b"sick" not in orjson.dumps(last)
    assert len(last["detail"]["features"]) == 32


@pytest.mark.parametrize(
    ("who", "more", "state", "failed"),
    [
        ("young", {}, "not-eligible", ("adult",)),
        ("sick", {"as_of": datetime(2024, 4, 1, tzinfo=UTC)}, "over", ()),
        ("sick", {"as_of": datetime(2023, 4, 1, tzinfo=UTC)}, "no-index", ()),
        ("sick", {"now": True}, "no-index", ()),
        ("inside", {}, "no-index", ()),
    ],
)
def test_where_nothing_is_predicted_it_says_why(
    place: Installation, who: str, more: dict[str, Any], state: str, failed: tuple[str, ...]
) -> None:
    made = score(place.platform, place.operator, ask(who, **more))
    assert (made.state, made.failed, made.prediction, made.assessment) == (state, failed, "", None)


def test_a_stay_that_runs_is_scored_as_if_it_ended_now(place: Installation) -> None:
    made = score(place.platform, place.operator, ask("inside", now=True))
    assert made.assessment is not None
    assert (made.assessment.running, made.assessment.index_key) == (True, "Encounter/insidee2")
    assert made.assessment.index_time == AT


def test_nothing_that_came_after_the_moment_is_used(place: Installation) -> None:
    before = assessed(place, "bare")
    late = patient("bare", sodium=110.0)[-1]
    late.resource["issued"] = "2024-02-20T09:00:00Z"
    late.content = orjson.dumps(late.resource, option=orjson.OPT_SORT_KEYS)
    with place.platform.store("identified").transaction(event()) as step:
        step.write([late])
    after = assessed(place, "bare")
    assert after.probability == before.probability
    text = next(one.text for factor in after.explanation.factors for one in factor.statements
                if one.feature == "sodium_last")  # fmt: skip
    assert text == "Not known: newest serum sodium."


def test_what_is_written_is_valid_fhir_with_basis_and_provenance(place: Installation) -> None:
    made = score(place.platform, place.operator, ask("sick", write=True))
    kind, name, _, version = made.written.split("/")
    resource = read(place.platform, place.operator, "identified", kind, name).resource()
    one = made.assessment
    assert one is not None
    assert (kind, version, check(resource)) == ("RiskAssessment", "1", [])
    said = resource["prediction"][0]
    assert said["probabilityDecimal"] == round(100 * one.probability, 2)
    assert said["qualitativeRisk"]["coding"][0]["code"] == "high"
    assert said["whenPeriod"] == {"start": "2024-02-20T08:00:00.000Z", "end": "2024-03-21T08:00:00.000Z"}
    assert resource["method"]["coding"] == [{"system": "urn:careloom:model", "code": f"{NAME}@1"}]
    assert [one["reference"] for one in resource["basis"]] == list(one.basis)
    assert "Can be changed:" in resource["mitigation"]
    assert resource["encounter"] == {"reference": "Encounter/sicke1"}
    again = score(place.platform, place.operator, ask("sick", write=True))
    assert again.written == made.written
    proofs = [one.resource() for one in place.platform.store("identified").scan(["Provenance"])]
    (proof,) = [one for one in proofs if one["target"] == [{"reference": made.written}]]
    assert check(proof) == []
    values = {one["what"]["identifier"]["system"]: one["what"]["identifier"]["value"] for one in proof["entity"][:2]}
    assert values["urn:careloom:model"] == f"{NAME}@1"
    assert values["urn:careloom:features"] == place.events()[-1]["detail"]["features"]


def test_care_gaps_name_rule_source_and_edition(place: Installation) -> None:
    one = assessed(place, "sick")
    assert one.open_gaps
    told = one.as_json()["care_gaps"]
    assert all(gap["source"]["organisation"] and gap["source"]["year"] > 1990 for gap in told)
    assert assessed(place, "sick", gaps=False).gaps == ()


@pytest.mark.parametrize(
    ("who", "asked", "error"),
    [
        (SCIENTIST, {}, AccessError),
        (CLINICIAN, {"write": True}, AccessError),
        (CLINICIAN, {"zone": "landing"}, QueryError),
        (CLINICIAN, {"patient": "nobody"}, NotFound),
        (CLINICIAN, {"model": f"{NAME}@9"}, NotFound),
        (CLINICIAN, {"model": "no such"}, QueryError),
    ],
)
def test_who_may_not_and_what_is_not_there_is_refused_and_audited(
    place: Installation, who: Principal, asked: dict[str, Any], error: type[Exception]
) -> None:
    given = {"model": f"{NAME}@1", "patient": "sick", "as_of": AT} | asked
    with pytest.raises(error):
        score(place.platform, who, ScoreAsk(**given))


def test_a_version_that_was_changed_answers_nothing(tmp_path: Any) -> None:
    with Installation(tmp_path) as one:
        with one.platform.store("identified").transaction(event()) as step:
            step.write(patient("sick"))
        version = registered(one.platform, model(7.0))
        score_models.forget()
        kept = files_of(one.platform)
        name = f"{NAME}/1/model.json"
        content = kept.whole(name).replace(b'"penalty"', b'"Penalty"') + b" "
        kept.remove(name)
        kept.write(name, [content])
        with pytest.raises(IntegrityError):
            score(one.platform, one.operator, ScoreAsk(version, "sick", as_of=AT))


def test_a_record_says_how_many_resources_no_view_fits(place: Installation) -> None:
    found = record_of(place.platform, place.operator, "identified", "sick", gaps=True)
    assert (found.refused, found.withheld, len(found.resources)) == (0, 0, 5)


@pytest.mark.parametrize(
    "training",
    [
        {},
        {"cohort": "no such"},
        {"cohort": {"name": "readmission_30_days", "digest": "0" * 32}},
        {"cohort": "readmission_30_days", "features": {"name": "general", "digest": "0" * 32}},
        {"cohort": "readmission_30_days", "features": "special"},
    ],
)
def test_a_model_whose_cohort_or_features_are_not_those_it_learnt_from_scores_nobody(training: dict[str, Any]) -> None:
    one = score_models.Served(NAME, "1", "d", replace(model(), training=training))
    with pytest.raises(StateError):
        score_models.scorer(one)
    assert score_models.scorer(replace(one, model=model(), digest="e")).features.name == "general"
