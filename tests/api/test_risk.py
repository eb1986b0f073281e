"""Cohorts, features and training sets over HTTP, by the SDK and by the command line."""

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from careloom.cli.main import app
from careloom.errors import AccessError, FormatError, InputError, NotFound, QueryError
from careloom.risk.cohorts_definition import shipped_text
from careloom.services.risk_cohorts import cohorts, features_listed
from careloom.services.risk_facts import make_facts
from tests.api.kit import Installation
from tests.api.test_sdk import client_of
from tests.score_kit import COHORT, patient
from tests.store_kit import event

TABLE = f"gold/training_{COHORT}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("risk")) as one:
        for zone in ("identified", "synthetic"):
            with one.platform.store(zone).transaction(event(zone=zone)) as step:
                for name in ("a", "b", "c", "d"):
                    step.write(patient(name))
                step.write(patient("young", born="2012-05-01"))
        make_facts(one.platform, one.operator, "synthetic")
        yield one


def test_what_ships_is_listed(place: Installation) -> None:
    with client_of(place) as api:
        assert [one.name for one in api.risk.cohorts()] == [one["name"] for one in cohorts()]
        found = api.risk.features()
        assert [one.name for one in found.items] == [one["name"] for one in features_listed()]
        assert found.set in {one.name for one in found.sets}
        with pytest.raises(NotFound):
            api.risk.features("no_such_set")


def test_a_cohort_is_counted_rule_by_rule_by_its_name_or_by_its_text(place: Installation) -> None:
    with client_of(place) as api:
        by_name = api.risk.count(COHORT, zone="identified", limit=1)
        assert (by_name.rows, by_name.patients, len(by_name.shown)) == (8, 4, 1)
        assert sum(step.removed for step in by_name.steps) == 2
        own = shipped_text(COHORT).replace("min_years = 18", "min_years = 5")
        assert own != shipped_text(COHORT)
        by_text = api.risk.count(definition=own, zone="identified")
        assert (by_text.patients, by_text.digest == by_name.digest) == (5, False)


def test_a_patient_is_told_which_rule_keeps_them_out(place: Installation) -> None:
    with client_of(place) as api:
        told = api.risk.why("Patient/young", COHORT, zone="identified")
        assert {(one.is_in, one.near_miss) for one in told} == {(False, True)}
        assert all(one.is_in for one in api.risk.why("a", COHORT, zone="identified"))
        with pytest.raises(QueryError):
            api.risk.why("nobody", COHORT, zone="identified")


def test_what_a_zone_lacks_is_told_with_the_counts_and_by_the_error_of_a_training_set(place: Installation) -> None:
    with client_of(place) as api:
        (hint,) = api.risk.count("no_show", zone="synthetic").hints
        assert hint.code == "no-index-event"
        with pytest.raises(QueryError) as refused:
            api.risk.make_training_set("synthetic", "no_show")
        assert hint.message in str(refused.value)
        assert hint.remedy in str(refused.value)


ACES = """
predicates: {leaving: {code: {regex: "^HOSPITAL_DISCHARGE//"}}, coming: {code: {regex: "^HOSPITAL_ADMISSION//"}}}
trigger: leaving
windows:
  input: {start: NULL, end: trigger, start_inclusive: True, end_inclusive: True, index_timestamp: end}
  target: {start: input.end, end: start + 30d, start_inclusive: False, end_inclusive: True, label: coming}
"""


def test_a_training_set_is_made_listed_and_shown(place: Installation) -> None:
    with client_of(place) as api:
        made = api.risk.make_training_set("synthetic", COHORT, allow_leaks=True)
        assert made.name.startswith(f"{TABLE}@")
        (one,) = api.risk.training_sets("synthetic")
        assert (one.table, one.rows, one.cohort, one.snapshots[-1]) == (TABLE, made.rows, COHORT, made.name)
        assert one.facts.startswith("gold/risk_events@")
        assert api.risk.training_set("synthetic", TABLE).manifest == made.manifest
        with pytest.raises(NotFound):
            api.risk.training_set("synthetic", "gold/training_nothing")
        with pytest.raises(InputError):
            api.risk.training_sets("identified")


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"cohort": "no_such"}, NotFound),
        ({"cohort": "../secrets"}, InputError),
        ({}, QueryError),
        ({"cohort": COHORT, "definition": "name = 1"}, QueryError),
        ({"definition": "/etc/hostname"}, FormatError),
        ({"definition": "name = 1"}, FormatError),
    ],
)
def test_a_cohort_that_is_none_is_refused_and_no_file_is_read(
    place: Installation, more: dict[str, str], error: type[Exception]
) -> None:
    with client_of(place) as api, pytest.raises(error):
        api.risk.count(more.get("cohort", ""), definition=more.get("definition", ""), zone="identified")


def test_who_may_see_numbers_alone_sees_definitions_and_no_cohort(place: Installation) -> None:
    with client_of(place, roles=("auditor",)) as api:
        assert api.risk.cohorts()
        with pytest.raises(AccessError):
            api.risk.count(COHORT, zone="identified")
        with pytest.raises(AccessError):
            api.risk.training_sets("synthetic")


def test_the_command_lists_training_sets_and_shows_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: Installation
) -> None:
    with client_of(place) as api:
        made = api.risk.make_training_set("synthetic", COHORT, allow_leaks=True)
    monkeypatch.setenv("CARELOOM__DATA__DIRECTORY", str(place.folder / "data"))
    monkeypatch.chdir(tmp_path)
    listed = CliRunner().invoke(app, ["risk", "cohort", "train-sets", "--zone", "synthetic", "--json"])
    assert listed.exit_code == 0, listed.output
    assert [one["table"] for one in orjson.loads(listed.stdout)] == [TABLE]
    shown = CliRunner().invoke(app, ["risk", "cohort", "train-sets", TABLE, "--zone", "synthetic", "--json"])
    assert orjson.loads(shown.stdout)["manifest"] == made.manifest


def test_a_task_file_of_aces_is_counted_told_and_made_a_training_set_of(place: Installation, tmp_path: Path) -> None:
    with client_of(place) as api:
        counted = api.risk.count(definition=ACES, zone="identified", limit=1)
        assert (counted.rows, len(counted.shown)) == (10, 1)
        assert [step.name for step in counted.steps] == [
            "trigger: leaving", "input: it begins and ends", "target: it begins and ends",
        ]  # fmt: skip
        assert all(one.is_in for one in api.risk.why("young", definition=ACES, zone="identified"))
        made = api.risk.make_training_set("synthetic", definition=ACES, allow_leaks=True)
        assert made.rows == 10
        with pytest.raises(FormatError, match=r"windows\.target\.label"):
            api.risk.count(definition=ACES.replace("label: coming", "label: come"))
    task, out = tmp_path / "again.yaml", tmp_path / "again.toml"
    task.write_text(ACES)
    for command in (["import", str(task), "--out", str(out)], ["import", str(task)]):
        done = CliRunner().invoke(app, ["risk", "cohort", *command])
        assert done.exit_code == 0, done.output
    assert done.output == out.read_text()
    with client_of(place) as api:
        assert api.risk.count(definition=out.read_text(), zone="identified").rows == 10
