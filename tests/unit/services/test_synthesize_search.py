"""Settings that are searched: every trial is counted before it runs, and the best of them is a model like any other."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from careloom.errors import BudgetSpent, InputError
from careloom.services import privacy_ledger as ledger
from careloom.services import synthesize_certificate as certificates
from careloom.services.privacy_ledger import BudgetAsk
from careloom.services.synthesize import open_model, work
from careloom.services.synthesize_mend import mend
from careloom.services.synthesize_release import ReleaseAsk, release
from careloom.services.synthesize_rows import JudgeAsk, SampleAsk, judge, sample
from careloom.services.synthesize_search import SearchAsk, _score, _tried, search
from careloom.services.synthesize_shown import models
from careloom.services.synthesize_source import learnt_split, read_source
from careloom.services.synthesize_verify import verify
from careloom.synth.accounting import spent
from careloom.synth.accounting_mechanisms import from_json
from tests.killed import killed
from tests.synthesis_killed import BOTH, LOOSE, search_small
from tests.synthesis_kit import OFFICER, SCIENTIST, Place

pytest.importorskip("optuna")
SPACE = "[marginals]\nbins = [3, 8, 12]\n"


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    made = Place(tmp_path_factory.mktemp("search"), epsilon=40.0)
    yield made
    made.platform.close()


def ask_of(place: Place, **more: Any) -> SearchAsk:
    fit = place.ask(epsilon=more.pop("epsilon", 0.5), options={"steps": 10}, name="searched")
    return SearchAsk(fit, **{"trials": 3, "space": SPACE, **more})


def entries_of(place: Place) -> list[dict[str, Any]]:
    return list(reversed(ledger.account(place.platform, OFFICER, "research")["entries"]))


def test_every_trial_and_the_choice_are_counted_and_bound_the_model(place: Place) -> None:
    made = search(place.platform, SCIENTIST, ask_of(place))
    booked = [one for one in entries_of(place) if one["kind"] == "search"]
    assert len(booked) == 4
    assert {one["run"] for one in booked} == {made["model"]}
    assert booked[0]["mechanisms"][0]["kind"] == "selection"
    whole = [from_json(each) for one in booked for each in one["mechanisms"]]
    assert made["epsilon"] == pytest.approx(spent(whole, made["privacy"]["delta"]).epsilon)
    assert made["epsilon"] > 0.9  # of three trials of 0.5, composed
    assert made["epsilon"] < 1.6
    assert ledger.account(place.platform, OFFICER, "research")["unsettled"] == 0
    told = made["search"]
    assert [one["state"] for one in told["trials"]] == ["done"] * 3
    assert {one["distance"] for one in told["trials"]} == {None}  # they look at patients without noise
    assert told["trials"][0]["options"] == {"bins": 24, "steps": 10}  # the usual settings first
    assert made["options"] == told["trials"][told["chosen"]]["options"]


def test_what_was_searched_is_drawn_judged_let_out_and_certified(place: Place) -> None:
    made = search(place.platform, SCIENTIST, ask_of(place))
    assert open_model(place.platform, work(place.platform, made["model"], "model"))[0].ask.options == made["options"]
    name = sample(place.platform, SCIENTIST, SampleAsk(made["model"], 200))["sample"]
    measured = judge(place.platform, SCIENTIST, JudgeAsk(name, kinds=("fidelity",)))["report"]["measures"]
    assert measured["epsilon"]["value"] == made["epsilon"]
    done = release(place.platform, BOTH, ReleaseAsk(name, "searched", own=LOOSE))
    content = certificates.certificate_bytes(place.platform, done["certificate"], "json")
    report, _ = certificates.read(content)
    assert report["privacy"]["epsilon"] == made["epsilon"]
    told = report["lineage"]["search"]
    assert [set(each) for each in told["trials"]] == [{"options", "entry", "state", "distance"}] * 3
    assert not {"cpu_seconds", "stopped"} & set(told)  # no bound covers them
    assert len(report["ledger"]["search"]) == 3
    assert verify(place.platform, OFFICER, content)["whole"]
    assert (
        "3 of 3"
        in dict(certificates.lines_of({"report": report, "signature": {"public_key": "", "value": ""}}))[
            "Settings tried"
        ]
    )


def test_a_trial_beyond_the_budget_is_refused_before_it_runs_and_ends_the_search(place: Place) -> None:
    ledger.set_budget(place.platform, OFFICER, BudgetAsk("research", 2.0, 1e-5, "sum"))
    seen: list[int] = []
    made = search(place.platform, SCIENTIST, ask_of(place, trials=9), lambda done, _: seen.append(done))
    told = made["search"]
    assert (len(told["trials"]), len(seen)) == (3, 3)  # 0.1 for the choice, 3 times 0.5
    assert "does not admit" in told["stopped"]
    assert made["state"] == "fitted"
    account = ledger.account(place.platform, OFFICER, "research")
    assert account["used"] <= 1.0
    assert len([one for one in account["entries"] if one["kind"] == "search"]) == 4


@pytest.mark.parametrize(("budget", "booked"), [(0.05, 0), (0.3, 1)])
def test_a_search_that_the_budget_does_not_admit_fits_nothing(place: Place, budget: float, booked: int) -> None:
    ledger.set_budget(place.platform, OFFICER, BudgetAsk("research", budget, 1e-5, "sum"))
    with pytest.raises(BudgetSpent):
        search(place.platform, SCIENTIST, ask_of(place))
    assert len([one for one in entries_of(place) if one["kind"] == "search"]) == booked
    begun = models(place.platform, SCIENTIST)
    assert [(one["state"], one["search"]["trials"]) for one in begun] == [("failed", [])] * booked


def test_time_that_is_used_up_ends_a_search(place: Place) -> None:
    made = search(place.platform, SCIENTIST, ask_of(place, cpu_seconds=1e-6, trials=5))
    assert len(made["search"]["trials"]) == 1
    assert "time" in made["search"]["stopped"]


def test_controls_are_no_part_of_a_search(place: Place) -> None:
    made = search(place.platform, SCIENTIST, ask_of(place, trials=1))
    counts, held = made["split"], made["search"]["held_patients"]
    assert 0 < held < counts["patients"]
    assert counts["patients"] + held + counts["control_patients"] == 450
    source = read_source(place.platform, SCIENTIST, place.ask().source, "research")
    parts = learnt_split(place.platform, source, "research", work(place.platform, made["model"], "model").body)
    learnt, controls = (set(each["patient"].to_list()) for each in (parts.members, parts.controls))
    assert (len(learnt), len(controls)) == (counts["patients"], counts["control_patients"])  # judged against these
    assert learnt.isdisjoint(controls)


def test_a_search_without_a_bound_takes_the_nearest_and_says_how_near_each_was(place: Place) -> None:
    pytest.importorskip("torch")
    space = "[vae]\nhidden = [8, 32]\nlatent = [2, 4]\n"
    fit = place.ask(epsilon=None, engine="vae", options={"epochs": 2, "bins": 10, "flow": 8, "components": 2})
    made = search(place.platform, SCIENTIST, SearchAsk(fit, 3, space=space))
    found = [one["distance"] for one in made["search"]["trials"]]
    assert made["search"]["chosen"] == found.index(min(found))
    assert made["epsilon"] is None
    assert all("NOT PRIVATE" in one["note"] for one in entries_of(place) if one["kind"] == "search")


@pytest.mark.parametrize(
    "more", [{"trials": 0}, {"trials": 1000}, {"cpu_seconds": 0.0}, {"selection": 0.0}, {"space": "[x]"},
             {"held_share": 0.9}],
)  # fmt: skip
def test_a_search_that_means_nothing_is_refused_before_anything_is_spent(place: Place, more: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        search(place.platform, SCIENTIST, ask_of(place, **more))
    assert not [one for one in entries_of(place) if one["kind"] == "search"]


def test_the_choice_is_reserved_before_anybody_held_aside_is_looked_at(place: Place) -> None:
    killed(search_small, place.folder, at=_score, moment="call")
    assert [each["mechanisms"][0]["kind"] for each in entries_of(place) if each["kind"] == "search"] == ["selection"]


def test_a_search_that_was_killed_has_failed_and_its_trials_stay_spent(place: Place) -> None:
    killed(search_small, place.folder, at=_tried, moment="return")
    (one,) = mend(place.platform)
    assert one["state"] == "failed"
    booked = [each for each in entries_of(place) if each["kind"] == "search"]
    assert len(booked) == 2
    account = ledger.account(place.platform, OFFICER, "research")
    assert account["unsettled"] == 0
    assert account["spent"]["epsilon"] > 0.4
    assert search(place.platform, SCIENTIST, replace(ask_of(place), trials=1))["state"] == "fitted"
