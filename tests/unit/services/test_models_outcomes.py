"""What came of predictions counts for the version that made them, a case once; a canary whose alerts err is ended."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from careloom.mlops.counting import Counts
from careloom.mlops.drift_thresholds import shipped
from careloom.services.models_kept import traffic_of
from careloom.services.models_watch import count, watch
from careloom.services.monitor_labels import Feedback, take_feedback
from careloom.services.monitor_outcomes import label_due
from careloom.services.score import ScoreAsk, score
from careloom.store.models import listed
from tests.score_kit import NAME, stay
from tests.store_kit import event
from tests.unit.services.test_score_counts import AT, Ward

PEOPLE = 110
RIPE = AT + timedelta(days=40)


@pytest.fixture
def ward(tmp_path: Any) -> Iterator[Ward]:
    with Ward(tmp_path, 3) as one:
        one.lead(champion=1)
        yield one


def names(ward: Ward, patient: str = "") -> list[str]:
    """The predictions, the oldest first."""
    ward.platform.shadows.settle()
    store, found = ward.platform.store("identified"), []
    for number in range(PEOPLE):
        with store.predictions() as log:
            kept = log.of_patient(store.pseudonym(patient or f"p{number}"))
        found += [one.name for one in kept]
        if patient:
            break
    return found


def told(ward: Ward, *feedback: Feedback) -> dict[str, Any]:
    return take_feedback(ward.platform, ward.operator, feedback)


def test_the_outcome_of_a_chart_that_was_opened_five_times_counts_once(ward: Ward) -> None:
    for _ in range(5):
        score(ward.platform, ward.operator, ScoreAsk(NAME, "p0"))
        ward.clock.move(hours=20)
    score(ward.platform, ward.operator, ScoreAsk(NAME, "p1"))
    first, *others = names(ward, "p0")
    ward.clock.now = RIPE
    assert told(ward, Feedback(others[0], True))["outcomes"] == 1
    assert ward.counts(1).known == 1
    assert told(ward, *(Feedback(one, True) for one in (first, *others)))["outcomes"] == 4
    assert ward.counts(1).known == 1
    followed(ward, 2)
    assert label_due(ward.platform, ward.operator, NAME, "1", shipped()).new == 1
    found = ward.counts(1)
    assert (found.known, found.happened, found.alerts, found.hits) == (2, 1, 2, 1)


def test_an_outcome_that_comes_early_or_of_a_look_back_counts_for_nothing(ward: Ward) -> None:
    score(ward.platform, ward.operator, ScoreAsk(NAME, "p0"))
    told(ward, Feedback(names(ward, "p0")[0], True))
    ward.clock.now = RIPE
    score(ward.platform, ward.operator, ScoreAsk(NAME, "p1", as_of=AT))
    assert told(ward, Feedback(names(ward, "p1")[0], True))["outcomes"] == 1
    assert ward.counts(1).known == 0


def test_the_first_answer_to_an_alert_counts_and_a_shadows_alert_has_none(ward: Ward) -> None:
    ward.lead(champion=1, shadow=2)
    score(ward.platform, ward.operator, ScoreAsk(NAME, "p0"))
    for answer in ("overridden", "accepted"):
        told(ward, *(Feedback(one, None, answer) for one in names(ward, "p0")))  # type: ignore[arg-type]
    assert (ward.counts(1).answers, ward.counts(1).overridden) == (1, 1)
    assert (ward.counts(2).answers, ward.counts(2).overridden) == (0, 0)


def test_one_alert_is_one_answer_however_often_it_is_shown_or_told(ward: Ward) -> None:
    for _ in range(5):
        score(ward.platform, ward.operator, ScoreAsk(NAME, "p0"))
    shown = names(ward, "p0")
    assert len(shown) == 5
    done = told(ward, *(Feedback(one, None, "overridden") for one in (*shown, *shown)))
    assert done["answers"] == 10
    told(ward, Feedback(shown[0], None, "overridden"))
    assert (ward.counts(1).answers, ward.counts(1).overridden) == (1, 1)
    score(ward.platform, ward.operator, ScoreAsk(NAME, "p1"))
    told(ward, Feedback(names(ward, "p1")[0], None, "accepted"))
    assert (ward.counts(1).answers, ward.counts(1).overridden) == (2, 1)


def test_outcomes_are_judged_over_weeks_though_errors_are_over_an_hour(ward: Ward) -> None:
    for number in range(3):
        score(ward.platform, ward.operator, ScoreAsk(NAME, f"p{number}"))
    for days, name in zip((40, 50, 60), names(ward)[:3], strict=True):
        ward.clock.now = AT + timedelta(days=days)
        told(ward, Feedback(name, True))
    seen = watch(ward.platform, ward.operator, NAME)["parts"]["champion"]["seen"]
    assert (seen["errors"]["n"], seen["calibration"]["n"]) == (0, 3)
    with ward.platform.store("identified").connect() as connection:
        assert {"/outcomes/" in one.name for one in listed(connection, "count", NAME)} == {True}


def followed(ward: Ward, people: int) -> None:
    """Each is seen again after the horizon, so that everybody knows that nothing came within it."""
    with ward.platform.store("identified").transaction(event()) as step:
        for number in range(people):
            step.write([stay(f"later{number}", f"p{number}", "2024-04-02T08:00:00Z", "2024-04-03T08:00:00Z")])


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    with Ward(tmp_path_factory.mktemp("crowd"), PEOPLE) as one:
        one.lead(champion=1, challenger=2, share=1.0)
        for number in range(PEOPLE):
            score(one.platform, one.operator, ScoreAsk(NAME, f"p{number}"))
        yield one


def rolled_back(crowd: Ward) -> str:
    """The reason of the newest step back, which a limit took."""
    step = [one for one in crowd.events() if one["operation"] == "models-rollback"][-1]
    assert (step["actor"], step["detail"]["by"], step["detail"]["was"]) == ("careloom-watch", "limit", f"{NAME}@2")
    assert traffic_of(crowd.platform, NAME)["champion"] == 1
    assert traffic_of(crowd.platform, NAME)["challenger"] is None
    return str(step["detail"]["reason"])


def test_a_canary_whose_cards_everybody_closes_ends_at_the_feedback(crowd: Ward) -> None:
    crowd.lead(champion=1, challenger=2, share=1.0)
    told(crowd, *(Feedback(one, None, "overridden", "disagree") for one in names(crowd)))
    assert "were overridden" in rolled_back(crowd)


def test_a_canary_whose_patients_stay_well_ends_when_their_horizons_have_passed(crowd: Ward) -> None:
    """Nobody comes back: the outcomes are looked up in the record."""
    crowd.lead(champion=1, challenger=2, share=1.0)
    crowd.clock.now = RIPE
    followed(crowd, PEOPLE)
    assert label_due(crowd.platform, crowd.operator, NAME, "2", shipped()).new == PEOPLE
    found = crowd.counts(2)
    assert found == Counts(), "counts begin anew after a step back"
    assert "outcomes lie" in rolled_back(crowd)


def test_a_canary_whose_alerts_do_not_come_true_ends_though_its_mean_is_right(ward: Ward) -> None:
    """Those with a low score come back in the place of those with an alert."""
    counts = Counts()
    for number in range(200):
        counts.came_true(0.5, happened=number < 40, is_alert=True)
        counts.came_true(0.1, happened=number < 80)
    ward.lead(champion=1, challenger=2, share=0.5)
    (done,) = count(ward.platform, ward.operator, NAME, {2: counts})
    assert (done["part"], done["now"]) == ("challenger", f"{NAME}@1")
    assert [why for why in done["breaches"] if "were promised" in why]
