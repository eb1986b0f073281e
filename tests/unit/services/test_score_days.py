"""A stay in days: trained beside its risk, kept in the version, said of one patient and of many, written as FHIR."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import numpy as np
import orjson
import pytest

from careloom.cli import render_risk
from careloom.client.careloom import Careloom
from careloom.client.credentials import Bearer
from careloom.errors import QueryError
from careloom.fhir.validate import check
from careloom.risk.cds_cards import detail
from careloom.risk.models_package import unpack
from careloom.services.model_card import shown_card
from careloom.services.models import open_version
from careloom.services.records import read
from careloom.services.score import ScoreAsk, score
from careloom.services.score_cohort import CohortScoreAsk, score_cohort
from careloom.services.train_risk import TrainAsk, TrainReport, train_risk
from tests.api.kit import BASE_URL, Installation
from tests.score_kit import set_state
from tests.store_kit import event, put

PATIENTS = 700
TASK = "length-of-stay-7d"
CLASS: dict[str, Any] = {"class": {"code": "IMP", "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode"}}
AT = datetime(2024, 3, 3, tzinfo=UTC)


def _of(name: str, sodium: float, start: datetime, end: datetime | None) -> list[Any]:
    """A patient with a sodium on the day of the admission, and a stay, perhaps one that lasts."""
    who: dict[str, Any] = {"subject": {"reference": f"Patient/{name}"}}
    period = {"start": f"{start:%Y-%m-%dT%H:%M:%SZ}"} | ({} if end is None else {"end": f"{end:%Y-%m-%dT%H:%M:%SZ}"})
    return [
        put("Patient", name, (name,), birthDate="1950-03-01", gender="female"),
        put("Encounter", f"{name}e", (name,), status="in-progress" if end is None else "finished", **who, **CLASS,
            period=period),
        put("Observation", f"{name}o", (name,), status="final", **who,
            code={"coding": [{"system": "http://loinc.org", "code": "2951-2"}]},
            effectiveDateTime=f"{start + timedelta(hours=3):%Y-%m-%dT%H:%M:%SZ}",
            valueQuantity={"value": round(sodium, 6), "system": "http://unitsofmeasure.org", "code": "mmol/L"}),
    ]  # fmt: skip


def _drawn() -> Iterator[Any]:
    """Stays that are the longer the lower the sodium is."""
    draw = np.random.default_rng(7)
    for number in range(PATIENTS):
        sodium = float(draw.normal(137, 6))
        days = float(np.exp(1.6 - 0.08 * (sodium - 137) + draw.normal(0, 0.3)))
        start = datetime(2023, 1, 1, tzinfo=UTC) + timedelta(days=int(draw.integers(0, 300)))
        yield from _of(f"p{number}", sodium, start, start + timedelta(days=max(days, 1.2)))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("days")) as one:
        with one.platform.store("synthetic").transaction(event(zone="synthetic")) as step:
            step.write(list(_drawn()))
        begun = datetime(2024, 3, 1, tzinfo=UTC)
        with one.platform.store("identified").transaction(event()) as step:
            step.write([*_of("low", 122, begun, None), *_of("high", 150, begun, None)])
        yield one


@pytest.fixture(scope="module")
def trained(place: Installation) -> TrainReport:
    made = train_risk(place.platform, place.operator, TrainAsk(TASK, "synthetic", resamples=50, judge=()))
    set_state(place.platform, made.version, "approved")
    return made


def test_the_days_of_a_stay_are_trained_beside_its_risk_and_judged(trained: TrainReport) -> None:
    told = trained.report["days"]
    assert told["outcome"] == "end of the stay"
    for one in told["beside"].values():
        assert one["off"]["low"] < one["off"]["value"] < one["off"]["high"]
    assert told["off"]["value"] < told["beside"]["the median of the training rows for everybody"]["off"]["value"]
    assert 0.8 < told["coverage"]["value"] <= 1
    assert "of the 90 % intervals held" in trained.page


def test_the_version_keeps_them_and_its_evaluation_and_card_say_how_far_off_they_are(
    place: Installation, trained: TrainReport
) -> None:
    files = open_version(place.platform, trained.version)[1]
    days = unpack(files).days
    assert days is not None
    assert days.interval.miss == pytest.approx(0.1)
    measures = orjson.loads(files["evaluation.json"])["measures"]
    assert measures["days_off"] == trained.report["days"]["off"]
    assert measures["days_interval_coverage"]["low"] is not None
    card = shown_card(place.platform, place.operator, trained.version).as_json()
    assert "days off" in orjson.dumps(card).decode()
    (output,) = (one["text"] for one in card["attributes"] if one["id"] == "output_value")
    assert "the days until the end of the stay, with an interval for 90 % of patients" in output
    assert "adds to the days or takes off" in output


def test_a_stay_is_foretold_with_an_interval_and_the_sicker_stays_longer(
    place: Installation, trained: TrainReport, capsys: pytest.CaptureFixture[str]
) -> None:
    low, high = (score(place.platform, place.operator, ScoreAsk(trained.version, who, as_of=AT)) for who in (
        "low", "high"))  # fmt: skip
    assert low.assessment is not None
    assert high.assessment is not None
    one, other = low.assessment.days, high.assessment.days
    assert one is not None
    assert other is not None
    assert one.since == datetime(2024, 3, 1, tzinfo=UTC)
    assert one.expected > other.expected
    assert one.high is not None
    assert 1 <= one.low <= one.expected <= one.high
    assert low.as_json()["assessment"]["days"]["expected"] == one.expected
    assert one.sentence in detail(low.assessment).replace("\\", "")
    render_risk.assessment(low.as_json())
    assert f"end of the stay: {one.expected:.1f} days after 2024-03-01" in capsys.readouterr().out


def test_the_days_say_why_with_the_facts_behind_each_factor_and_what_can_be_changed(
    place: Installation, trained: TrainReport, capsys: pytest.CaptureFixture[str]
) -> None:
    low, high = (score(place.platform, place.operator, ScoreAsk(trained.version, who, as_of=AT)) for who in (
        "low", "high"))  # fmt: skip
    assert low.assessment is not None
    assert low.assessment.days is not None
    assert high.assessment is not None
    assert high.assessment.days is not None
    for one in (low.assessment.days, high.assessment.days):
        assert one.why.total == pytest.approx(one.expected)
    sodium = low.assessment.days.why.factors[0]
    other = next(one for one in high.assessment.days.why.factors if one.concept == sodium.concept)
    assert (sodium.concept, sodium.is_modifiable) == ("Sodium", True)
    assert sodium.days > 0 > other.days
    assert "Sodium adds" in sodium.text
    assert "Sodium takes" in other.text
    assert "122 mmol/L" in sodium.text
    (fact,) = sodium.statements[0].facts
    assert fact.resource == "Observation/lowo/_history/1"
    assert fact.resource in low.assessment.basis
    told = low.as_json()["assessment"]["days"]["explanation"]
    assert told["factors"][0]["days"] == sodium.days
    assert told["factors"][0]["statements"][0]["facts"][0]["resource"] == fact.resource
    render_risk.assessment(low.as_json())
    assert f"Sodium adds {sodium.days:.1f} days. Newest serum sodium: 122 mmol/L. (can be changed)" in " ".join(
        capsys.readouterr().out.split()
    )
    assert f"- Sodium adds {sodium.days:.1f} days *(can be changed)*" in detail(low.assessment)


def test_over_http_the_sdk_has_the_days_and_their_factors_as_values(place: Installation, trained: TrainReport) -> None:
    credential = Bearer(place.token())
    with Careloom(BASE_URL, credential, transport=httpx.WSGITransport(app=place.app)) as api:
        days = api.scores.patient("low", trained.version, as_of="2024-03-03T00:00:00Z").days
    alone = score(place.platform, place.operator, ScoreAsk(trained.version, "low", as_of=AT)).assessment
    assert days is not None
    assert alone is not None
    assert alone.days is not None
    assert days.since == alone.days.since
    assert days.expected == pytest.approx(alone.days.expected)
    assert [(one.concept, one.modifiable, one.text) for one in days.explanation.factors] == [
        (one.concept, one.is_modifiable, one.text) for one in alone.days.why.factors
    ]
    assert days.explanation.factors[0].statements[0]["facts"]


def test_the_assessment_is_written_as_a_second_prediction_whose_period_is_the_interval(
    place: Installation, trained: TrainReport
) -> None:
    made = score(place.platform, place.operator, ScoreAsk(trained.version, "low", as_of=AT, write=True))
    kind, name = made.written.split("/")[:2]
    stored = read(place.platform, place.operator, "identified", kind, name)
    resource = stored.resource()
    assert check(resource) == []
    risk, days = resource["prediction"]
    assert risk["outcome"]["text"] != days["outcome"]["text"] == "end of the stay"
    assert days["probabilityDecimal"] == 90
    assert made.assessment is not None
    assert made.assessment.days is not None
    expected = made.assessment.days
    assert expected.high is not None
    assert days["whenPeriod"]["start"][:16] == expected.end(expected.low).isoformat()[:16]
    assert days["whenPeriod"]["end"][:16] == expected.end(expected.high).isoformat()[:16]
    assert days["extension"][0]["valueQuantity"]["value"] == round(expected.expected, 2)
    assert days["rationale"].startswith(f"{expected.sentence} {expected.why.factors[0].text}")
    (proof,) = [one.resource() for one in place.platform.store("identified").scan(["Provenance"])]
    assert proof["target"] == [{"reference": made.written}]
    told = [
        tuple(one.get("valueString", one.get("valueDecimal")) for one in part["extension"])
        for part in proof["extension"] if part["url"] == "urn:careloom:risk:days"
    ]  # fmt: skip
    assert told == [(one.concept, round(one.days, 6)) for one in expected.why.factors]


def test_a_cohort_is_listed_with_its_days(place: Installation, trained: TrainReport) -> None:
    report = score_cohort(place.platform, place.operator, CohortScoreAsk(trained.version, as_of=AT))
    rows = {row["patient"]: row for row in report.listed}
    assert rows["low"]["days_low"] < rows["low"]["days"] < rows["low"]["days_high"]
    alone = score(place.platform, place.operator, ScoreAsk(trained.version, "low", as_of=AT)).assessment
    assert alone is not None
    assert alone.days is not None
    assert rows["low"]["days"] == pytest.approx(alone.days.expected)
    other = score(place.platform, place.operator, ScoreAsk(trained.version, "high", as_of=AT)).assessment
    assert other is not None  # and perhaps not listed: whose risk is 0 is not called
    assert other.days is not None
    assert rows["low"]["days"] > other.days.expected


def test_a_learner_that_reads_facts_in_their_order_foretells_no_days(place: Installation) -> None:
    with pytest.raises(QueryError):
        train_risk(place.platform, place.operator, TrainAsk(TASK, "synthetic", learner="sequence"))
