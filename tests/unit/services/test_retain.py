"""Retention counts first, removes what its rules let go and nothing under a hold, and goes on where it was stopped."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from careloom.errors import AccessError, Erased, Held, QueryError, SetupError
from careloom.services import retention_rules
from careloom.services.backups import back_up, listed
from careloom.services.quarantine import list_refused
from careloom.services.retain import plan, run
from careloom.services.retention_rules import rules_of
from careloom.services.subject_rules import RuleAsk, set_rule
from careloom.services.vault_epochs import epochs, rotate
from careloom.services.verify import verify
from careloom.store import retention
from tests.rights_kit import ENGINEER, OFFICER, answers, hospital
from tests.store_kit import fresh_database, postgresql_binaries, postgresql_cluster
from tests.vault_kit import Hospital

_numbers = count()


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    binaries = postgresql_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL in /usr/lib/postgresql")
    with postgresql_cluster(binaries) as folder:
        yield folder


@pytest.fixture(params=["sqlite", "postgresql"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Hospital]:
    settings: dict[str, Any] = {}
    if request.param == "postgresql":
        folder, stem = request.getfixturevalue("cluster"), f"retain{next(_numbers)}"
        zones = ("identified", "research", "synthetic", "access")
        urls = [fresh_database(folder, f"{stem}_{zone}") for zone in zones]
        settings = {"data": {"database": urls[0].replace("identified", "{zone}")}}
    with hospital(tmp_path, **settings) as installation:
        yield installation


def due(made: Hospital) -> dict[str, tuple[int, int]]:
    return {one["rule"]: (one["due"], one["held"]) for one in plan(made.platform, OFFICER)}


def bodies(made: Hospital) -> int:
    with made.platform.store("identified").connect() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM record WHERE length(body) > 0").scalar_one())


def test_a_plan_counts_by_rule_and_changes_nothing(made: Hospital) -> None:
    assert due(made)["landing"] == (0, 0)
    before = answers(made)
    made.clock.move(days=3651)
    assert due(made)["landing"] == (6, 0)
    assert bodies(made) == 6
    assert answers(made) == before
    (told,) = plan(made.platform, OFFICER, ["landing"])
    assert told["oldest"].startswith("2026-11-22")
    assert "Quillfeather" not in str(plan(made.platform, OFFICER))


def test_bytes_of_old_records_go_and_facts_say_so(made: Hospital) -> None:
    fact = f"Observation/{made.stored_id('Observation', 'o1')}"
    before = answers(made)
    assert verify(made.platform, made.operator, "identified", fact)["verified"]
    made.clock.move(days=3651)
    done = {one["rule"]: one["removed"] for one in run(made.platform, OFFICER, ["landing"])}
    assert done == {"landing": 6}
    assert bodies(made) == 0
    assert answers(made) == before
    proof = verify(made.platform, made.operator, "identified", fact)
    assert proof["verified"] is False
    assert any("removed by retention" in step["detail"] for step in proof["steps"])
    assert any(step["step"] == "manifest" and step["ok"] for step in proof["steps"])
    with pytest.raises(Erased):
        made.platform.store("identified").raw_record(proof["record"])
    assert made.platform.store("identified").check().is_whole
    assert run(made.platform, OFFICER, ["landing"])[0]["removed"] == 0


def test_nothing_under_a_hold_goes(made: Hospital) -> None:
    set_rule(made.platform, OFFICER, RuleAsk("hold", "Patient/p1", reason="a court asks"))
    made.clock.move(days=3651)
    assert due(made)["landing"] == (4, 2)
    run(made.platform, OFFICER, ["landing"])
    assert bodies(made) == 2
    assert verify(made.platform, made.operator, "identified", f"Observation/{made.stored_id('Observation', 'o1')}")[
        "verified"
    ]
    set_rule(made.platform, OFFICER, RuleAsk("hold", zone="landing", reason="all is evidence"))
    assert due(made)["landing"] == (0, 2)


def test_a_run_that_was_stopped_goes_on(made: Hospital, monkeypatch: pytest.MonkeyPatch) -> None:
    made.clock.move(days=3651)
    monkeypatch.setattr(retention, "AT_ONCE", 2)

    def stops(rule: str, so_far: int) -> None:
        if so_far >= 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(made.platform, OFFICER, ["landing"], stops)
    assert bodies(made) == 2
    assert run(made.platform, OFFICER, ["landing"])[0]["removed"] == 2
    assert bodies(made) == 0


def test_a_hold_that_is_set_during_a_run_stops_it(made: Hospital, monkeypatch: pytest.MonkeyPatch) -> None:
    made.clock.move(days=3651)
    monkeypatch.setattr(retention, "AT_ONCE", 2)

    def holds(rule: str, so_far: int) -> None:
        if so_far == 2:
            set_rule(made.platform, OFFICER, RuleAsk("hold", zone="landing", reason="all is evidence"))

    with pytest.raises(Held):
        run(made.platform, OFFICER, ["landing"], holds)
    assert bodies(made) == 4


def test_refused_records_go_whole_and_may_come_again(made: Hospital) -> None:
    refused = {"resourceType": "Patient", "id": "p9", "birthDate": "not a date"}
    made.ingest([refused])
    assert len(list_refused(made.platform, OFFICER)) == 1
    made.clock.move(days=181)
    assert due(made)["quarantine"] == (1, 0)
    run(made.platform, OFFICER, ["quarantine"])
    assert list_refused(made.platform, OFFICER) == []
    made.ingest([refused, {"resourceType": "Patient", "id": "p8"}])
    assert len(list_refused(made.platform, OFFICER)) == 1


def test_old_backups_and_old_epochs_go(made: Hospital) -> None:
    back_up(made.platform, made.operator)
    rotate(made.platform, OFFICER)
    made.deidentify()
    made.clock.move(days=366)
    assert (due(made)["backups"], due(made)["relinking-keys"]) == ((1, 0), (1, 0))
    run(made.platform, OFFICER, ["backups", "relinking-keys"])
    assert listed(made.platform, made.operator) == []
    assert [bool(one["retired"]) for one in epochs(made.platform, OFFICER)] == [True, False]
    assert due(made)["relinking-keys"] == (0, 0)


def test_what_nothing_removes_is_counted_and_stays(made: Hospital) -> None:
    made.clock.move(days=2200)
    told = {one["rule"]: one for one in plan(made.platform, OFFICER)}
    assert told["audit"]["removes"] is False
    assert told["audit"]["due"] > 0
    run(made.platform, OFFICER, ["audit"])
    assert made.platform.store("identified").verify_audit().is_whole


def test_nobody_without_the_right_plans_or_runs(made: Hospital) -> None:
    with pytest.raises(AccessError):
        plan(made.platform, ENGINEER)
    with pytest.raises(AccessError):
        run(made.platform, ENGINEER)
    with pytest.raises(QueryError):
        plan(made.platform, OFFICER, ["everything"])


RULE = '[[rule]]\nrule = "{0}"\nkeep = "{1}"\nsource = "{2}"\nwhy = "so"\n'


@pytest.mark.parametrize(("text", "is_good"), [
    (RULE.format("landing", "10 days", "our archive's rule"), True),
    (RULE.format("audit", "10 years", "our archive's rule"), True),
    (RULE.format("audit", "for ever", "our archive's rule"), True),
    (RULE.format("audit", "2 years", "our archive's rule"), False),
    (RULE.format("tombstones", "2 years", "our archive's rule"), False),
    (RULE.format("landing", "10 moons", "our archive's rule"), False),
    (RULE.format("landing", "10 days", ""), False),
    (RULE.format("everything", "10 days", "ours"), False),
    (RULE.format("landing", "10 days", "ours") * 2, False),
    ("[[rule]]\nrule =", False),
    ("[landing]\nkeep = 1", False),
])  # fmt: skip
def test_rules_of_ones_own_are_checked(tmp_path: Path, text: str, is_good: bool) -> None:
    file = tmp_path / "retention.toml"
    file.write_text(text)
    (tmp_path / "here").mkdir()
    from tests.api.kit import Installation

    with Installation(tmp_path / "here", retention={"rules": file}) as installation:
        if not is_good:
            with pytest.raises(SetupError):
                rules_of(installation.platform)
            return
        found = rules_of(installation.platform)
        assert set(found) == {*retention_rules.REMOVES, *retention_rules.KEEPS}
        assert "our archive's rule" in {one.source for one in found.values()}
