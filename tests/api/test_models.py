"""Models over HTTP by the SDK: a second person, a canary, the way back, and what is refused."""

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from lxml import etree

from careloom.errors import AccessError, Conflict, InputError, IntegrityError, NotFound, StateError, Withheld
from careloom.services.model_evaluation import shown_evaluation
from careloom.services.models import RegisterAsk, register
from careloom.services.models_kept import files_of
from careloom.services.models_runs import KIND, go, run_named
from careloom.store.synthesis_files import cut
from tests import model_page_kit
from tests.api.kit import Installation
from tests.api.test_sdk import client_of
from tests.models_kit import ENGINEER, GATES, MODEL, compared, trained


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Installation]:
    (tmp_path / "gates").mkdir()
    (tmp_path / "gates/small.toml").write_text(GATES)
    with Installation(tmp_path, models={"gates": tmp_path / "gates"}) as opened:
        yield opened


def registered(made: Installation, columns: int) -> str:
    one = trained(columns)
    lineage = one.lineage
    if columns != 10:
        lineage["evaluation"]["against"] = compared(one, trained(10), f"{MODEL}@1")
    return str(register(made.platform, ENGINEER, RegisterAsk(MODEL, one.files, lineage, (), "small"))["version"])


def test_a_version_is_approved_promoted_and_rolled_back_by_the_sdk(made: Installation) -> None:
    first = registered(made, 10)
    with client_of(made) as api:
        assert api.models.promote(first, "fine").aliases == ("champion",)
        second = registered(made, 30)
        assert api.models.approve(second, "fine").state == "approved"
        assert api.models.shadow(second).aliases == ("shadow",)
        assert api.models.canary(second, 0.2).aliases == ("challenger",)
        assert set(api.models.watch(MODEL).parts) == {"champion", "challenger"}
        back = api.models.roll_back(MODEL, "alerts doubled")
        assert (back.was, back.now) == (second, first)
        assert api.models.retire(second, "not needed").state == "retired"
        assert [one.version for one in api.models.versions(MODEL)] == [second, first]
        shown = api.models.version(f"{MODEL}@champion")
        assert (shown.version, shown.traffic["champion"]) == (first, 1)
        assert api.models.verify(first).whole


def test_a_run_that_is_held_waits_on_when_its_version_is_approved_by_the_sdk(made: Installation) -> None:
    with client_of(made) as api:
        run = api.models.run("synthetic-table").run
        one = run_named(made.platform, run)
        go(made.platform, ENGINEER, one, "waiting")
        trained_now = trained(10)
        ask = RegisterAsk(MODEL, trained_now.files, trained_now.lineage | {"pipeline": run}, (), "small")
        first, second = (str(register(made.platform, ENGINEER, ask)["version"]) for _ in range(2))
        with made.platform.jobs() as jobs:
            before = len(jobs.page(KIND, before="~", limit=9))
        assert api.models.approve(first, "fine", hold=True).state == "approved"
        with made.platform.jobs() as jobs:
            assert len(jobs.page(KIND, before="~", limit=9)) == before
        assert api.models.approve(second, "fine").state == "approved"
        with made.platform.jobs() as jobs:
            assert len(jobs.page(KIND, before="~", limit=9)) == before + 1


def test_the_evaluation_of_a_version_has_its_report_and_no_numbers_of_few(made: Installation) -> None:
    whole, bare = model_page_kit.registered(made), registered(made, 10)
    with client_of(made) as api:
        told = api.models.evaluation(whole)
        assert (told.version, told.by, told.counts["n"]) == (whole, "careloom", 1_500)
        assert told.report is not None
        assert sum(one["rows"] for one in told.report["calibration_curve"]) == 1_500
        assert told.report["decision_curve"]
        (few,) = (one for one in told.report["subgroups"]["table"] if one["patients"] is None)
        assert {value for name, value in few.items() if name not in ("attribute", "group")} == {None}
        assert api.models.evaluation(bare).report is None
        assert set(api.models.evaluation(bare).measures) == {"auroc", "ece", "brier"}
        with pytest.raises(NotFound):
            api.models.evaluation(f"{MODEL}@9")


def test_an_evaluation_that_is_not_as_it_was_signed_is_not_told(made: Installation) -> None:
    whole = model_page_kit.registered(made)
    model, _, number = whole.partition("@")
    files_of(made.platform).write(f"{model}/{number}/evaluation.json", cut(b'{"report": {"decision_curve": []}}'))
    with pytest.raises(IntegrityError):
        shown_evaluation(made.platform, ENGINEER, whole)
    assert made.client.get(f"/api/v1/models/{whole}/evaluation", headers=made.bearer()).status_code == 500


def test_the_card_of_a_version_comes_as_json_page_and_xml(made: Installation) -> None:
    first = registered(made, 10)
    with client_of(made) as api:
        assert len(orjson.loads(api.models.card(first))["attributes"]) == 31
        assert api.models.card(first, "html").startswith(b"<!doctype html>")
        assert etree.fromstring(api.models.card(first, "xml")).tag.endswith("AppliedModelCard")
        counts = api.models.card_counts(first)
        assert (counts.version, counts.kept_at, counts.counts.asked) == (first, None, 31)
        assert counts.counts.answered == 31 - len(counts.missing)
        for ask in (api.models.card, api.models.card_counts):
            with pytest.raises(NotFound):
                ask(f"{MODEL}@9")


def test_what_is_refused_says_whose_fault_it_is(made: Installation) -> None:
    first = registered(made, 10)
    with client_of(made) as api:
        with pytest.raises(NotFound):
            api.models.version(MODEL)
        with pytest.raises(InputError):
            api.models.version(f"{MODEL}@newest")
        with pytest.raises(Conflict):
            api.models.canary(first)
        api.models.promote(first)
        with pytest.raises(StateError):
            api.models.roll_back(MODEL)
        with pytest.raises(Withheld):
            api.models.approve(registered(made, 2))
    with client_of(made, roles=("auditor",)) as api:
        assert api.models.versions()
        with pytest.raises(AccessError):
            api.models.promote(first)


def test_a_run_is_queued_by_the_sdk(made: Installation) -> None:
    with client_of(made) as api:
        queued = api.models.run("synthetic-table")
        assert (queued.state, queued.model) == ("queued", "synthetic-patients")
        assert api.models.shown_run(queued.run).outputs == {}
        assert [one.run for one in api.models.runs()] == [queued.run]
        assert api.models.resume(queued.run).run == queued.run
        with pytest.raises(NotFound):
            api.models.run("no-such")
