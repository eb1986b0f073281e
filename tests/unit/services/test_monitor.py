"""Looks at watched versions: what they find, tell and open, and that no patient is in what they say."""

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest

from careloom.errors import AccessError, FormatError, InputError, NotFound, QueryError
from careloom.mlops.drift_thresholds import shipped
from careloom.pipeline.registry import REGISTRY
from careloom.services.access import Principal
from careloom.services.health import gauges
from careloom.services.jobs import work
from careloom.services.models import models
from careloom.services.monitor import LookAsk
from careloom.services.monitor_jobs import OPENS, look_now, look_state, queue_due, submit_look
from careloom.services.monitor_labels import Feedback, take_feedback
from careloom.services.monitor_shown import limits, looks, shown, watched
from tests.models_kit import ENGINEER
from tests.monitor_kit import BEGIN, HORIZON, PATIENTS, VERSION, Watched

CLINICIAN = Principal("cleo", frozenset({"clinician"}), frozenset({"identified"}))
IN_MMOL = (pl.col("glucose") / 18.0156).alias("glucose")
DAY = timedelta(days=1)


def outcomes_of(made: Watched, names: list[str]) -> list[bool | str | None]:
    """What is known of predictions: the outcome, or why nobody will know it."""
    with made.platform.store("identified").predictions() as log:
        return [log.find(name).retired or log.find(name).outcome for name in names]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    monkeypatch.setitem(REGISTRY, "job.models-mirror", "tests.unit.services.test_models_pipeline:no_mirror")
    opened = Watched(tmp_path, monitor={"every_hours": 24})
    yield opened
    opened.close()


def test_a_version_whose_predictions_are_as_ever_raises_no_alarm(made: Watched) -> None:
    made.predict(BEGIN + DAY)
    report = look_now(made.platform, ENGINEER, LookAsk(VERSION))
    assert report["alarms"] == []
    assert report["told"]["told"] == []
    assert (report["predictions"], report["skipped"], report["outcomes"]) == (300, 0, 0)
    assert {one["place"] for one in report["findings"] if one["kind"] == "values"} == {"glucose", "sex", "smoker"}


def test_inputs_in_another_unit_are_an_alarm_that_names_the_feature(made: Watched) -> None:
    made.predict(BEGIN + DAY, change=IN_MMOL)
    report = look_now(made.platform, ENGINEER, LookAsk(VERSION))
    assert {(one["kind"], one["place"]) for one in report["alarms"]} == {("outside", "glucose"), ("values", "glucose")}
    assert shown(made.platform, CLINICIAN, VERSION) == orjson.loads(orjson.dumps(report))
    made.clock.move(minutes=1)
    again = look_now(made.platform, ENGINEER, LookAsk(VERSION))
    assert again["told"]["told"] == []  # told before, within the quiet hours
    assert [one["id"] for one in looks(made.platform, CLINICIAN, VERSION)] == [again["id"], report["id"]]


def test_no_report_says_who_the_patients_are(made: Watched) -> None:
    names = made.predict(BEGIN + DAY, change=IN_MMOL)
    text = orjson.dumps(look_now(made.platform, ENGINEER, LookAsk(VERSION))).decode()
    files = b"".join(file.read_bytes() for file in (made.folder / "data" / "monitoring").rglob("*") if file.is_file())
    store = made.platform.store("identified")
    for one in (*made.ids, *map(store.pseudonym, made.ids), *names):
        assert one not in text
        assert one.encode() not in files


def test_an_outcome_counts_when_its_horizon_has_passed_and_not_before(made: Watched) -> None:
    names = made.predict(BEGIN + DAY, count=400)
    told = made.outcomes(names, shift=1.5)
    made.clock.move(days=HORIZON - 10)  # the oldest of the ten days of indexes is nine days old
    early = take_feedback(made.platform, CLINICIAN, [Feedback(name, came) for name, came in told.items()])
    assert (early["outcomes"], early["provisional"]) == (0, 400)
    assert look_now(made.platform, ENGINEER, LookAsk(VERSION))["provisional"] == 400
    made.clock.move(days=11)  # a feed may be late
    assert take_feedback(made.platform, CLINICIAN, [Feedback(names[0], told[names[0]])])["provisional"] == 1
    late = look_now(made.platform, ENGINEER, LookAsk(VERSION))
    assert (late["outcomes"], late["performance"], late["sequential"]) == (0, None, None)
    made.clock.move(days=shipped().grace_days)
    ripe = take_feedback(made.platform, CLINICIAN, [Feedback(name, came) for name, came in told.items()])
    assert (ripe["outcomes"], ripe["provisional"]) == (400, 0)
    report = look_now(made.platform, ENGINEER, LookAsk(VERSION))
    assert (report["outcomes"], report["provisional"]) == (400, 0)
    assert ("calibration", "") in {(one["kind"], one["place"]) for one in report["alarms"]}
    assert 0.5 < report["performance"]["auroc"]["value"] < 1
    assert {one["group"] for one in report["groups"]} == {"female", "male"}
    assert report["sequential"]["crossed"] is not None
    assert report["sequential"]["crossings"][0]["upwards"]


def test_answers_of_clinicians_are_counted_with_their_reasons(made: Watched) -> None:
    names = made.predict(BEGIN + DAY)
    told = [Feedback(name, answer="overridden", reason="not-relevant") for name in names[:60]]
    told.append(Feedback("never-made", answer="accepted"))
    done = take_feedback(made.platform, CLINICIAN, told)
    assert done == {"answers": 60, "outcomes": 0, "provisional": 0, "unknown": 1}
    report = look_now(made.platform, ENGINEER, LookAsk(VERSION))
    assert report["answers"]["reasons"] == {"not-relevant": 60}
    (one,) = [each for each in report["findings"] if each["kind"] == "overrides"]
    assert one["effect"] == 1.0
    with pytest.raises(InputError):
        take_feedback(made.platform, CLINICIAN, [Feedback(names[0], answer="overridden", reason="he said no")])


def test_silence_after_the_stated_hours_is_an_alarm(made: Watched) -> None:
    made.predict(BEGIN + DAY)
    made.clock.move(hours=73)
    report = look_now(made.platform, ENGINEER, LookAsk(VERSION))
    assert [one["kind"] for one in report["alarms"]] == ["stale"]


def test_the_worker_looks_once_in_the_hours_of_the_settings(made: Watched) -> None:
    made.predict(BEGIN + DAY, change=IN_MMOL)
    with made.platform.jobs() as jobs:
        assert queue_due(made.platform, jobs) == 1
        assert queue_due(made.platform, jobs) == 0
    work(made.platform, once=True)
    (first,) = looks(made.platform, CLINICIAN, VERSION)
    with made.platform.jobs() as jobs:
        assert queue_due(made.platform, jobs) == 0
        made.clock.move(hours=25)
        assert queue_due(made.platform, jobs) == 1
    assert look_state(made.platform, ENGINEER, first["id"])["state"] == "done"


def test_drift_opens_no_version_and_promotes_none(made: Watched) -> None:
    made.predict(BEGIN + DAY, change=IN_MMOL)
    before = models(made.platform, ENGINEER)
    look_now(made.platform, ENGINEER, LookAsk(VERSION))
    after = models(made.platform, ENGINEER)
    assert [(one["version"], one["aliases"]) for one in after] == [(one["version"], one["aliases"]) for one in before]


def test_what_is_asked_wrongly_is_refused(made: Watched) -> None:
    made.predict(BEGIN + DAY)
    for version, error in (("readmission-30d", QueryError), ("readmission-30d@9", NotFound), ("other@1", NotFound)):
        with pytest.raises(error):
            submit_look(made.platform, ENGINEER, version)
    with pytest.raises(FormatError):
        look_now(made.platform, ENGINEER, LookAsk(VERSION, thresholds="[psi]\nmany = 1"))
    with pytest.raises(AccessError):
        look_now(made.platform, CLINICIAN, LookAsk(VERSION))
    with pytest.raises(NotFound):
        shown(made.platform, CLINICIAN, VERSION)


def test_predictions_of_another_profile_are_told_and_left_out(made: Watched) -> None:
    made.predict(BEGIN + DAY)
    made.predict(BEGIN + 2 * DAY, profile="of an earlier file")
    report = look_now(made.platform, ENGINEER, LookAsk(VERSION))
    assert (report["predictions"], report["skipped"]) == (600, 300)
    assert {one["rows"] for one in report["findings"] if one["kind"] == "missing"} == {300}
    (listed,) = watched(made.platform, CLINICIAN)
    assert (listed["version"], listed["predictions"], listed["has_profile"]) == (VERSION, 600, True)
    assert listed["look"]["id"] == report["id"]


def test_numbers_of_a_look_are_labelled_with_the_version(made: Watched) -> None:
    made.predict(BEGIN + DAY)
    look_now(made.platform, ENGINEER, LookAsk(VERSION))
    found = gauges(made.platform, ENGINEER).models
    assert {dict(one.labels)["model"] for one in found} == {VERSION}
    assert {"careloom_model_predictions", "careloom_model_drift_psi", "careloom_model_input_share"} <= {
        one.name for one in found
    }
    text = made.client.get("/metrics", headers=made.bearer()).get_data(as_text=True)
    assert f'careloom_model_predictions{{model="{VERSION}"}} 300.0' in text


def test_an_erased_patient_leaves_the_next_look(made: Watched) -> None:
    from careloom.services.erase import erase

    made.predict(BEGIN + DAY)
    erase(made.platform, made.operator, f"Patient/{made.ids[0]}", search=False)
    assert look_now(made.platform, ENGINEER, LookAsk(VERSION))["predictions"] == 292


def test_thresholds_of_the_settings_are_in_force(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text("[psi]\nmedium = 50.0\n[inputs]\noutside_share = 0.99\n")
    with closing(Watched(tmp_path / "here", monitor={"thresholds": str(file)})) as made:
        made.predict(BEGIN + DAY, change=IN_MMOL)
        assert look_now(made.platform, ENGINEER, LookAsk(VERSION))["alarms"] == []
        assert limits(made.platform, CLINICIAN)["psi"]["medium"] == 50.0


def test_old_predictions_go_by_the_rule_and_others_stay(made: Watched) -> None:
    from careloom.services.retain import plan, run
    from tests.rights_kit import OFFICER

    made.predict(BEGIN + DAY, count=40)
    made.predict(BEGIN + 800 * DAY, count=3)
    (told,) = plan(made.platform, OFFICER, ["predictions"])
    assert (told["due"], told["held"]) == (40, 0)
    (done,) = run(made.platform, OFFICER, ["predictions"])
    assert done["removed"] == 40
    with made.platform.store("identified").predictions() as log:
        assert [count for _, _, count, _ in log.versions()] == [3]


def test_an_outcome_is_looked_up_by_the_cohort_that_the_version_was_trained_on(made: Watched) -> None:
    def stay(name: str, patient: str, begin: datetime, end: datetime) -> dict[str, Any]:
        return {
            "resourceType": "Encounter", "id": name, "status": "finished",
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
            "subject": {"reference": f"Patient/{patient}"},
            "period": {"start": begin.isoformat(), "end": end.isoformat()},
        }  # fmt: skip

    out = BEGIN + DAY
    made.ingest([
        stay("e1", "p0", BEGIN - 3 * DAY, out), stay("e2", "p0", out + 9 * DAY, out + 11 * DAY),
        stay("e3", "p1", BEGIN - 3 * DAY, out), stay("e4", "p2", out + HORIZON * DAY, out + (HORIZON + 1) * DAY),
    ])  # fmt: skip
    names = made.predict(out, count=2)  # of p0 and p1, at their discharge
    assert look_now(made.platform, ENGINEER, LookAsk(VERSION))["labelled"] == 0  # the horizon has not passed
    made.clock.move(days=HORIZON)  # to the moment at which the last stay begins: it says that the record reaches so far
    early = look_now(made.platform, ENGINEER, LookAsk(VERSION))
    assert (early["labelled"], early["unlabelled"]["waiting"]) == (0, 2)  # a feed may be late
    made.clock.move(days=shipped().grace_days)
    assert look_now(made.platform, ENGINEER, LookAsk(VERSION))["labelled"] == 2
    assert outcomes_of(made, names) == [True, False]
    assert look_now(made.platform, ENGINEER, LookAsk(VERSION))["labelled"] == 0


def test_one_outcome_counts_once_however_often_it_was_predicted(made: Watched) -> None:
    told = {}
    for _ in range(10):  # of the same patients and the same moment, night by night
        names = made.predict(BEGIN + DAY, count=PATIENTS)
        told |= made.outcomes(names, seed=9)
    made.clock.move(days=HORIZON + shipped().grace_days)
    take_feedback(made.platform, CLINICIAN, [Feedback(*one) for one in told.items()])
    assert look_now(made.platform, ENGINEER, LookAsk(VERSION))["sequential"]["outcomes"] == PATIENTS


def test_a_chart_opened_twenty_times_has_the_weight_of_one_in_a_window_and_counts_twenty_times(made: Watched) -> None:
    for _ in range(20):
        made.clock.now = BEGIN + DAY
        names = made.predict(BEGIN + DAY, count=PATIENTS)
    names = made.predict(BEGIN + DAY, count=300)
    answered = [Feedback(name, answer="overridden") for name in names[:60]]
    take_feedback(made.platform, CLINICIAN, [*answered, Feedback(names[0], answer="accepted")])
    report = look_now(made.platform, ENGINEER, LookAsk(VERSION))
    assert report["predictions"] == 300 + 20 * PATIENTS
    assert {one["rows"] for one in report["findings"] if one["kind"] in ("missing", "scores")} == {300}
    (one,) = [each for each in report["findings"] if each["kind"] == "overrides"]
    assert (one["rows"], one["effect"]) == (60, pytest.approx(59 / 60))


def test_odds_that_moved_are_told_and_open_no_retraining_by_themselves(made: Watched) -> None:
    names = made.predict(BEGIN + DAY, count=400)
    made.clock.move(days=HORIZON + shipped().grace_days)
    take_feedback(made.platform, CLINICIAN, [Feedback(*one) for one in made.outcomes(names, shift=1.5).items()])
    first = look_now(made.platform, ENGINEER, LookAsk(VERSION))
    assert ("sequential", "up") in {(one["kind"], one["place"]) for one in first["told"]["told"]}
    assert "sequential" not in OPENS
