"""Scoring a zone by the worker: as at once, as of one moment, nothing twice, and seen by who asked alone."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from careloom.errors import AccessError, Conflict, NotFound, QueryError
from careloom.runtime import Runtime
from careloom.services.access import Principal, Scope
from careloom.services.erase import erase
from careloom.services.jobs import work
from careloom.services.queued import asker_again, rights_of
from careloom.services.score_cohort import CohortScoreAsk, score_cohort
from careloom.services.score_cohort_jobs import (
    KIND,
    cancel_scoring,
    scoring_state,
    scorings,
    submit_scoring,
)
from careloom.store.jobs import Stop
from careloom.store.predictions import Logged, Window
from careloom.store.zone_store import ZoneStore
from tests.api.kit import Clock, Installation
from tests.score_kit import NAME, lead, patient, registered
from tests.store_kit import event

AT = datetime(2024, 2, 25, tzinfo=UTC)
CLINICIAN = Principal("cleo", frozenset({"clinician"}), frozenset({"identified"}))
PEOPLE = {f"person-{place}": 120.0 + 2 * place for place in range(6)}
EVER = Window(NAME, "1", datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Installation]:
    with Installation(tmp_path, Runtime(clock=Clock(AT))) as one:
        with one.platform.store("identified").transaction(event()) as step:
            for name, sodium in PEOPLE.items():
                step.write(patient(name, sodium=sodium))
        registered(one.platform)
        lead(one.platform, NAME, champion=1)
        yield one


def logged(place: Installation) -> list[Logged]:
    with place.platform.store("identified").predictions() as log:
        return log.window(EVER)


def moved(place: Installation, **by: float) -> None:
    clock = place.platform.runtime.clock
    assert isinstance(clock, Clock)
    clock.move(**by)


class StopOnceLogged(Stop):
    """Asks the worker to end as soon as a prediction stands in the log, as a signal at that moment does."""

    def __init__(self, store: ZoneStore) -> None:
        self._store = store

    @property  # type: ignore[override]
    def asked(self) -> bool:
        with self._store.predictions() as log:
            return log.is_any()

    @asked.setter
    def asked(self, value: bool) -> None:
        del value


def test_the_worker_says_what_is_said_at_once_and_the_queue_knows_no_patient(place: Installation) -> None:
    made = submit_scoring(place.platform, CLINICIAN, CohortScoreAsk(f"{NAME}@champion", capacity=3))
    assert (made["state"], made["report"]) == ("waiting", None)
    moved(place, hours=1)
    work(place.platform, once=True)
    told = scoring_state(place.platform, CLINICIAN, made["id"])
    at_once = score_cohort(place.platform, CLINICIAN, CohortScoreAsk(f"{NAME}@champion", capacity=3)).as_json()
    assert (told["state"], told["model"]) == ("done", f"{NAME}@1")
    assert told["report"] == at_once | {"left": 0}
    with place.platform.jobs() as jobs:
        kept = repr(jobs.get(made["id"]))
    assert not any(name in kept for name in PEOPLE)
    assert {one.said.index for one in logged(place)} == {f"Encounter/{name}e1" for name in PEOPLE}
    last = place.events()[-1]
    assert last["actor"] == "cleo"


def test_one_that_is_stopped_goes_on_as_of_the_same_moment_and_logs_nothing_twice(place: Installation) -> None:
    made = submit_scoring(place.platform, CLINICIAN, CohortScoreAsk(f"{NAME}@champion"))
    store = place.platform.store("identified")
    work(place.platform, once=True, stop=StopOnceLogged(store))
    assert scoring_state(place.platform, CLINICIAN, made["id"])["state"] == "waiting"
    before = logged(place)
    assert len(before) == len(PEOPLE)
    moved(place, hours=3)
    work(place.platform, once=True)
    told = scoring_state(place.platform, CLINICIAN, made["id"])
    assert [one.name for one in logged(place)] == [one.name for one in before]
    assert (told["state"], told["report"]["as_of"], len(told["report"]["listed"])) == ("done", AT.isoformat(), 6)


def test_who_was_erased_since_is_on_the_list_no_more(place: Installation) -> None:
    made = submit_scoring(place.platform, CLINICIAN, CohortScoreAsk(f"{NAME}@champion"))
    work(place.platform, once=True)
    erase(place.platform, place.operator, "Patient/person-0")
    told = scoring_state(place.platform, CLINICIAN, made["id"])["report"]
    assert (told["left"], told["called"]) == (1, 6)
    assert "person-0" not in {row["patient"] for row in told["listed"]}


def test_only_who_asked_sees_it_or_cancels_it(place: Installation) -> None:
    made = submit_scoring(place.platform, CLINICIAN, CohortScoreAsk(f"{NAME}@champion"))
    for change in (scoring_state, cancel_scoring):
        with pytest.raises(NotFound):
            change(place.platform, replace(CLINICIAN, name="carl"), made["id"])
    assert scorings(place.platform, replace(CLINICIAN, name="carl")) == []
    with pytest.raises(AccessError):
        scorings(place.platform, replace(CLINICIAN, roles=frozenset({"auditor"})))
    (listed,) = scorings(place.platform, CLINICIAN)
    assert (listed["id"], listed["state"], listed["zone"], "report" in listed) == (
        made["id"], "waiting", "identified", False,
    )  # fmt: skip
    assert scorings(place.platform, replace(CLINICIAN, zones=frozenset({"identified", "research"}))) == [listed]
    assert cancel_scoring(place.platform, CLINICIAN, made["id"])["state"] == "cancelled"
    work(place.platform, once=True)
    assert logged(place) == []
    with pytest.raises(Conflict):
        cancel_scoring(place.platform, CLINICIAN, made["id"])


def test_assessments_are_written_where_asked_for_and_once(place: Installation) -> None:
    ask = CohortScoreAsk(f"{NAME}@champion", capacity=2, write=True)
    made = submit_scoring(place.platform, place.operator, ask)
    work(place.platform, once=True, stop=StopOnceLogged(place.platform.store("identified")))
    work(place.platform, once=True)
    told = scoring_state(place.platform, place.operator, made["id"])
    kept = list(place.platform.store("identified").scan(["RiskAssessment"]))
    assert (told["report"]["written"], len(kept)) == (2, 2)


@pytest.mark.parametrize(
    ("who", "more", "error"),
    [
        (CLINICIAN, {"write": True}, AccessError),
        (replace(CLINICIAN, scopes=frozenset({Scope("search", "Observation")})), {}, AccessError),
        (CLINICIAN, {"zone": "research"}, AccessError),
        (CLINICIAN, {"trial": True}, QueryError),
        (CLINICIAN, {"model": "nobody@champion"}, NotFound),
    ],
)
def test_what_could_not_be_done_is_refused_before_it_is_queued(
    place: Installation, who: Principal, more: dict[str, object], error: type[Exception]
) -> None:
    ask = CohortScoreAsk(**{"model": f"{NAME}@champion"} | more)  # type: ignore[arg-type]
    with pytest.raises(error):
        submit_scoring(place.platform, who, ask)
    with place.platform.jobs() as jobs:
        assert jobs.page(KIND, before="~", limit=10) == []


@pytest.mark.parametrize(
    "who",
    [
        CLINICIAN,
        replace(CLINICIAN, scopes=frozenset({Scope("search"), Scope("read", "Patient")}), request="r1"),
        replace(CLINICIAN, purposes=frozenset({"TREAT"}), purpose="TREAT", actors=frozenset({"Practitioner/1"})),
        replace(CLINICIAN, roles=frozenset({"patient"}), patient="p1"),
    ],
)
def test_the_worker_has_the_rights_that_its_asker_had_and_no_others(who: Principal) -> None:
    assert asker_again(who.name, orjson.loads(orjson.dumps(rights_of(who)))) == who
