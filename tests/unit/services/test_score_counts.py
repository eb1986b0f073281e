"""Scores, cards and batches count for the versions that answer, in the step that keeps the answer; shadows too."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from careloom.errors import CareloomError, StateError
from careloom.mlops.counting import Counts, from_json, together
from careloom.runtime import Runtime
from careloom.services import score_models
from careloom.services.cds_calls import HookAsk
from careloom.services.models_kept import Change, files_of, remove_files, resolve, set_traffic, traffic_of, write
from careloom.services.models_promote import Back, rolled_back
from careloom.services.models_watch import settle, watch
from careloom.services.platform import Platform
from careloom.services.score import ScoreAsk, score
from careloom.services.score_cards import cards, warm
from careloom.services.score_cohort import CohortScoreAsk, score_cohort
from careloom.store.models import listed
from careloom.store.rows import instant
from careloom.tables.schema import SchemaMismatch
from tests.api.kit import Clock, Installation
from tests.score_kit import NAME, broken, model, patient, registered, set_state, stay
from tests.store_kit import event, put

AT = datetime(2024, 2, 25, tzinfo=UTC)
MANY = 120


class Ward(Installation):
    """Two versions, a third that says nonsense; one clock that stands still."""

    def __init__(self, folder: Any, people: int = 2) -> None:
        self.clock = Clock(AT)
        super().__init__(folder, Runtime(clock=self.clock))
        with self.platform.store("identified").transaction(event()) as step:
            for number in range(people):
                step.write(patient(f"p{number}", sodium=120.0 + number % 20))
        for one in (model(), model(6.0), broken()):
            registered(self.platform, one)

    def lead(self, **more: Any) -> None:
        after = traffic_of(self.platform, NAME) | more | {"last": {"step": "test", "time": instant(self.clock.now)}}
        write(self.platform, self.operator, Change("test", {}), lambda step: set_traffic(step, NAME, after))

    def counts(self, number: int) -> Counts:
        self.platform.shadows.settle()
        with self.platform.store("identified").connect() as connection:
            kept = [one for one in listed(connection, "count", NAME) if one.name.startswith(f"{NAME}@{number}/")]
        return together(from_json(one.body) for one in kept)


@pytest.fixture
def ward(tmp_path: Any) -> Iterator[Ward]:
    with Ward(tmp_path) as one:
        one.lead(champion=1)
        yield one


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    with Ward(tmp_path_factory.mktemp("crowd"), MANY) as one:
        yield one


def test_a_chart_that_is_opened_twenty_times_is_twenty_requests_and_one_score_in_no_step_of_its_own(ward: Ward) -> None:
    score_models.forget()
    score(ward.platform, ward.operator, ScoreAsk(NAME, "p0"))
    before = len(ward.events())
    for _ in range(20):
        score(ward.platform, ward.operator, ScoreAsk(NAME, "p0"))
    score(ward.platform, ward.operator, ScoreAsk(NAME, "p1"))
    found = ward.counts(1)
    assert (found.requests, found.errors, sum(found.routed), sum(found.scores)) == (22, 0, 2, 0)
    assert sum(found.times) == 21, "the first answer of a process is that of loading"
    told = ward.events()[before:]
    assert {one["operation"] for one in told} == {"score"}
    assert len(told) == 21, "counting writes no step of its own"


def test_who_warms_up_needs_no_file_of_the_champion_any_more_and_tells_of_nothing(ward: Ward) -> None:
    score_models.forget()
    before = len(ward.events())
    warm(ward.platform)
    assert len(ward.events()) == before
    remove_files(ward.platform, resolve(ward.platform, f"{NAME}@champion"))
    assert score(ward.platform, ward.operator, ScoreAsk(NAME, "p0")).assessment is not None


def test_what_one_process_counted_is_what_another_sees(ward: Ward) -> None:
    score(ward.platform, ward.operator, ScoreAsk(NAME, "p0"))
    with Platform(ward.platform.settings, ward.platform.runtime, ward.platform.keys) as other:
        score(other, ward.operator, ScoreAsk(NAME, "p1"))
        seen = watch(other, ward.operator, NAME)["parts"]["champion"]["seen"]
    assert seen["errors"]["n"] == 2
    assert ward.counts(1).requests == 2


def test_a_card_counts_as_any_score(ward: Ward) -> None:
    assert cards(ward.platform, ward.operator, f"{NAME}.patient-view", HookAsk("patient-view", "p0"))
    assert sum(ward.counts(1).routed) == 1


def test_a_look_back_a_named_version_and_a_trial_are_held_against_nobodys_scores(ward: Ward) -> None:
    score(ward.platform, ward.operator, ScoreAsk(NAME, "p0", as_of=AT))
    score(ward.platform, ward.operator, ScoreAsk(f"{NAME}@2", "p0"))
    for number in (1, 2):
        found = ward.counts(number)
        assert (found.requests, sum(found.routed) + sum(found.scores)) == (1, 0)
    set_state(ward.platform, f"{NAME}@2", "registered")
    score(ward.platform, ward.operator, ScoreAsk(f"{NAME}@2", "p0", trial=True))
    assert ward.counts(2).requests == 1


def test_another_zone_than_that_of_patients_counts_nothing(ward: Ward) -> None:
    with ward.platform.store("synthetic").transaction(event(zone="synthetic")) as step:
        step.write(patient("p0"))
    score(ward.platform, ward.operator, ScoreAsk(NAME, "p0", "synthetic"))
    assert ward.counts(1) == Counts()


@pytest.mark.filterwarnings("ignore:.*encountered:RuntimeWarning")
def test_a_shadow_that_fails_is_counted_and_shown_and_the_answer_stands(ward: Ward) -> None:
    ward.lead(champion=1, shadow=3)
    for _ in range(3):
        assert score(ward.platform, ward.operator, ScoreAsk(NAME, "p0")).model == f"{NAME}@1"
    assert (ward.counts(1).errors, ward.counts(3).requests, ward.counts(3).errors) == (0, 3, 3)
    assert watch(ward.platform, ward.operator, NAME)["parts"]["shadow"]["seen"]["errors"]["n"] == 3
    score_models.forget()
    kept, name = files_of(ward.platform), f"{NAME}/2/model.json"
    content = kept.whole(name)
    kept.remove(name)
    kept.write(name, [content + b" "])
    ward.lead(champion=1, shadow=2)
    assert score(ward.platform, ward.operator, ScoreAsk(NAME, "p0")).state == "scored"
    assert ward.counts(2).errors == 1


@pytest.mark.filterwarnings("ignore:.*encountered:RuntimeWarning")
def test_a_canary_that_fails_is_counted_with_the_record_of_the_failure(ward: Ward) -> None:
    ward.lead(champion=1, challenger=3, share=1.0)
    before = len(ward.events())
    with pytest.raises(StateError):
        score(ward.platform, ward.operator, ScoreAsk(NAME, "p0"))
    (told,) = ward.events()[before:]
    assert (told["operation"], told["outcome"]) == ("score", "failed")
    assert (ward.counts(3).errors, ward.counts(1).requests) == (1, 0)


def test_a_record_that_lacks_what_the_version_needs_is_refused_and_no_error(ward: Ward) -> None:
    someone = put("Patient", "someone", ("someone",), birthDate="1950-01-01")  # of a sex that nobody noted
    stayed = stay("s0", "someone", "2024-02-11T08:00:00Z", "2024-02-20T08:00:00Z")
    with ward.platform.store("identified").transaction(event()) as step:
        step.write([someone, stayed])
    with pytest.raises(SchemaMismatch):
        score(ward.platform, ward.operator, ScoreAsk(NAME, "someone"))
    with pytest.raises(SchemaMismatch):
        score_cohort(ward.platform, ward.operator, CohortScoreAsk(NAME))
    found = ward.counts(1)
    assert (found.requests, found.errors, found.rows, found.refused) == (0, 0, 0, 2)
    assert watch(ward.platform, ward.operator, NAME)["parts"]["champion"]["seen"]["refused"]["value"] == 1


@pytest.mark.parametrize("asked", ["nobody", "p0"])
def test_who_asks_for_nobody_or_may_not_ask_is_no_versions_error(ward: Ward, asked: str) -> None:
    with pytest.raises(CareloomError):
        score(ward.platform, ward.operator, ScoreAsk(NAME, asked, as_of=datetime(1, 1, 1)))  # noqa: DTZ001 that is it
    if asked == "nobody":
        with pytest.raises(CareloomError):
            score(ward.platform, ward.operator, ScoreAsk(NAME, asked))
    assert ward.counts(1) == Counts()


def test_a_batch_counts_its_rows_apart_and_compares_no_scores(crowd: Ward) -> None:
    crowd.lead(champion=1, challenger=None)
    score_cohort(crowd.platform, crowd.operator, CohortScoreAsk(NAME))
    found = crowd.counts(1)
    assert (found.rows, found.lost, found.requests, sum(found.scores) + sum(found.routed)) == (MANY, 0, 0, 0)
    assert sum(found.times) == 1


@pytest.mark.filterwarnings("ignore:.*encountered:RuntimeWarning")
def test_a_canarys_third_failed_batch_ends_the_canary_and_never_the_champion(crowd: Ward) -> None:
    crowd.lead(champion=1, challenger=3, share=0.1, past=[2])
    for number in range(3):
        assert traffic_of(crowd.platform, NAME)["challenger"] == 3, f"{number} failed"
        with pytest.raises(StateError):
            score_cohort(crowd.platform, crowd.operator, CohortScoreAsk(f"{NAME}@challenger"))
        settle(crowd.platform, NAME)
    traffic = traffic_of(crowd.platform, NAME)
    assert (traffic["champion"], traffic["challenger"], traffic["past"]) == (1, None, [2])
    (step,) = [one for one in crowd.events() if one["operation"] == "models-rollback"]
    assert (step["actor"], step["detail"]["was"], step["detail"]["now"]) == ("careloom-watch", f"{NAME}@3", f"{NAME}@1")
    assert "3 batches failed" in step["detail"]["reason"]


@pytest.mark.parametrize("error", [MemoryError, OSError])
def test_a_machine_that_fails_at_every_batch_takes_no_version_out(
    crowd: Ward, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def full(*_: object) -> None:
        raise error

    crowd.lead(champion=2, challenger=None, past=[1])
    monkeypatch.setattr(score_models.Scorer, "frame", full)
    for _ in range(4):
        with pytest.raises(error):
            score_cohort(crowd.platform, crowd.operator, CohortScoreAsk(NAME))
        settle(crowd.platform, NAME)
    assert (traffic_of(crowd.platform, NAME)["champion"], crowd.counts(2)) == (2, Counts())


def test_a_canary_that_two_processes_end_takes_no_champion_with_it(ward: Ward) -> None:
    ward.lead(champion=1, challenger=2, share=0.1, past=[3])
    rolled_back(ward.platform, ward.operator, NAME, "one", Back("limit", "challenger", 2))
    with pytest.raises(StateError):
        rolled_back(ward.platform, ward.operator, NAME, "the same", Back("limit", "challenger", 2))
    assert traffic_of(ward.platform, NAME)["champion"] == 1


def test_counts_become_those_of_hours_and_then_are_removed(ward: Ward) -> None:
    for minutes in range(0, 30 * 60, 20):
        ward.clock.now = AT + timedelta(minutes=minutes)
        score(ward.platform, ward.operator, ScoreAsk(NAME, "p0"))
    with ward.platform.store("identified").connect() as connection:
        assert 24 <= len(listed(connection, "count", NAME)) <= 28, "90 windows were written"
    assert 24 * 3 <= ward.counts(1).requests <= 25 * 3
    assert watch(ward.platform, ward.operator, NAME)["parts"]["champion"]["seen"]["errors"]["n"] in (3, 4)
