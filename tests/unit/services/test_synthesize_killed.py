"""Processes that are killed amid a fit, a draw or a release: the next one ends what they began, and nothing twice."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from careloom.errors import Conflict, StateError
from careloom.services import privacy_ledger as ledger
from careloom.services import synthesize_certificate as certificates
from careloom.services.audit import report as audit_report
from careloom.services.jobs import work as work_off
from careloom.services.lake_read import RowsAsk, read_rows
from careloom.services.synthesize import begin, files_of, fit, held, keep_state, work
from careloom.services.synthesize_discard import discard
from careloom.services.synthesize_let_out import drop, finished
from careloom.services.synthesize_mend import CUT_OFF, mend
from careloom.services.synthesize_release import ReleaseAsk, release, released
from careloom.services.synthesize_rows import JudgeAsk, SampleAsk, judge, sample
from careloom.services.synthesize_shown import models
from careloom.services.synthesize_verify import verify
from careloom.store.lake import Lake
from careloom.store.synthesis_files import SynthesisFiles
from tests.killed import killed
from tests.synthesis_killed import BOTH, LOOSE, SMALL, draw, fit_small, let_out
from tests.synthesis_kit import OFFICER, SCIENTIST, Place


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """An installation with one small private model."""
    made = Place(tmp_path_factory.mktemp("killed"), epsilon=40.0)
    made.model = fit(made.platform, SCIENTIST, made.ask(epsilon=0.5, options=SMALL))
    yield made
    made.platform.close()


def entries_of(place: Place, run: str) -> tuple[list[dict[str, Any]], list[str]]:
    """Reservations of a run, and what they were settled as."""
    rows = ledger.account(place.platform, OFFICER, "research")["entries"]
    own = [one for one in rows if one.get("run") == run]
    names = {one["entry"] for one in own}
    return own, [one["outcome"] for one in rows if one["kind"] == "settled" and one["of"] in names]


def judged(place: Place) -> str:
    name = str(sample(place.platform, SCIENTIST, SampleAsk(place.model["model"], 300))["sample"])
    judge(place.platform, SCIENTIST, JudgeAsk(name, kinds=("fidelity",)))
    return name


@pytest.mark.parametrize(
    ("at", "moment"),
    [(begin, "return"), (keep_state, "call"), (keep_state, "return")],
    ids=["begun", "before-the-state", "after-the-state"],
)
def test_a_killed_fit_has_failed_and_what_it_reserved_stays_spent(
    place: Place, at: Callable[..., Any], moment: Any
) -> None:
    run = f"run-{at.__name__}-{moment}"
    killed(fit_small, place.folder, run, at=at, moment=moment)
    assert work(place.platform, run, "model").state == "fitting"
    with pytest.raises(Conflict):
        discard(place.platform, SCIENTIST, run)
    before = ledger.account(place.platform, OFFICER, "research")["spent"]
    told = mend(place.platform)
    assert {"name": run, "kind": "model", "was": "fitting", "state": "failed"} in told
    (model,) = [one for one in models(place.platform, SCIENTIST) if one["model"] == run]
    assert (model["state"], model["why"]) == ("failed", CUT_OFF)
    assert ledger.account(place.platform, OFFICER, "research")["spent"] == before
    assert [len(each) for each in entries_of(place, run)] == [1, 1]
    assert not files_of(place.platform).has(f"models/{run}/model.json")
    with pytest.raises(StateError):
        sample(place.platform, SCIENTIST, SampleAsk(run, 10))
    assert discard(place.platform, SCIENTIST, run)["state"] == "discarded"
    assert mend(place.platform) == []


def test_a_process_that_died_between_the_ledger_and_the_catalogue_leaves_no_open_reservation(place: Place) -> None:
    killed(fit_small, place.folder, "run-unknown", at=ledger.reserve, moment="return")
    assert entries_of(place, "run-unknown")[1] == []
    mend(place.platform)
    own, outcomes = entries_of(place, "run-unknown")
    assert ([one["kind"] for one in own], outcomes) == (["fit"], ["failed"])
    assert own[0]["epsilon"] > 0.1


def test_what_is_being_made_is_left_to_who_makes_it(place: Place) -> None:
    killed(fit_small, place.folder, "run-alive", at=begin, moment="return")
    with held(place.platform, "run-alive"):  # another process is at work on it
        assert mend(place.platform) == []
        with pytest.raises(Conflict):
            discard(place.platform, SCIENTIST, "run-alive")
    assert [one["name"] for one in mend(place.platform)] == ["run-alive"]


def test_a_killed_draw_has_failed_and_leaves_no_file(place: Place) -> None:
    model = place.model["model"]
    killed(draw, place.folder, model, "drawn", at=SynthesisFiles.write, moment="return")
    assert files_of(place.platform).has("staging/drawn")
    assert [one["state"] for one in mend(place.platform)] == ["failed"]
    assert not files_of(place.platform).has("staging/drawn")


@pytest.mark.parametrize(
    ("at", "moment"),
    [
        (Lake.replace, "call"),
        (Lake._create, "return"),
        (Lake.replace, "return"),
        (certificates.keep, "return"),
        (finished, "return"),
    ],
    ids=["before-the-table", "an-empty-table", "before-the-certificate", "before-the-catalogue", "at-the-end"],
)  # fmt: skip
def test_a_killed_release_is_finished_once(place: Place, at: Callable[..., Any], moment: Any) -> None:
    name, table = judged(place), f"cut_{at.__name__}_{moment}"
    killed(let_out, place.folder, name, table, at=at, moment=moment)
    before = ledger.account(place.platform, OFFICER, "research")["uses"]
    mend(place.platform)
    (one,) = [each for each in released(place.platform, OFFICER) if each["release"] == name]
    assert one["state"] == "open"
    assert read_rows(place.platform, SCIENTIST, "synthetic", RowsAsk(f"gold/{table}")).frame.height == 300
    found = verify(place.platform, OFFICER, certificates.certificate_bytes(place.platform, one["certificate"], "json"))
    assert found["whole"]
    assert found["open"]
    assert "waiting" not in work(place.platform, name, "sample").body["release"]
    assert not files_of(place.platform).has(f"staging/{name}")
    again = release(place.platform, BOTH, ReleaseAsk(name, table, own=LOOSE))  # who asked before asks again
    assert again["certificate"] == one["certificate"]
    assert ledger.account(place.platform, OFFICER, "research")["uses"] == before
    assert sorted(entries_of(place, name)[1]) == ["done", "done"]


def test_a_killed_release_that_cannot_be_finished_is_taken_back(place: Place) -> None:
    name = judged(place)
    killed(let_out, place.folder, name, "cut_gone", at=Lake._create, moment="return")
    files_of(place.platform).remove(f"staging/{name}")
    assert [one["state"] for one in mend(place.platform)] == ["refused"]
    assert "gold/cut_gone" not in place.platform.lake("synthetic").paths()
    assert CUT_OFF in work(place.platform, name, "sample").body["release"]["failed"][0]
    drop(place.platform, work(place.platform, name, "sample"))  # nothing is there to drop
    let_out(place.folder, judged(place), "cut_gone")  # its name is free again


def test_a_name_that_a_killed_release_took_stays_its_own(place: Place) -> None:
    first, second = judged(place), judged(place)
    killed(let_out, place.folder, first, "taken", at=Lake.replace, moment="call")
    assert "gold/taken" not in place.platform.lake("synthetic").paths()
    with pytest.raises(Conflict) as caught:
        release(place.platform, BOTH, ReleaseAsk(second, "taken", own=LOOSE))
    assert "gold/taken" in caught.value.where
    one = work(place.platform, second, "sample")
    assert (one.state, one.body["verdicts"], one.body["release"]) == ("judged", 1, None)
    assert sorted(entries_of(place, second)[1]) == ["done", "failed"]
    assert [each["name"] for each in mend(place.platform)] == [first]
    assert release(place.platform, BOTH, ReleaseAsk(second, "taken_too", own=LOOSE))["state"] == "open"


def test_the_worker_ends_what_was_left_when_it_starts(place: Place) -> None:
    killed(fit_small, place.folder, "run-worker", at=begin, moment="return")
    work_off(place.platform, once=True)
    assert work(place.platform, "run-worker", "model").state == "failed"
    assert "synthesize-failed" in str(audit_report(place.platform, OFFICER, "identified", limit=20))
