"""The privacy ledger: who sets budgets, what stops, what stays spent, and what a changed row betrays."""

import os
import signal
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from careloom.errors import AccessError, BudgetSpent, Conflict, IntegrityError, NotFound, QueryError
from careloom.runtime import Runtime
from careloom.services import privacy_ledger as ledger
from careloom.services.access import Principal, local_operator
from careloom.services.audit import report as audit_report
from careloom.services.platform import Platform
from careloom.services.privacy_ledger import BudgetAsk, UseAsk
from careloom.settings import Data, Settings
from careloom.synth.accounting_mechanisms import Claimed, Gaussian, Mechanism

ZONES = frozenset({"landing", "identified", "research", "synthetic"})
OFFICER = Principal("petra", frozenset({"privacy-officer"}), ZONES)  # type: ignore[arg-type]
SCIENTIST = Principal("sid", frozenset({"data-scientist"}), frozenset({"research", "synthetic"}))
ADMIN = Principal("ada", frozenset({"administrator"}), ZONES)  # type: ignore[arg-type]
TENTH = (Claimed(0.1),)


def opened(folder: Path) -> Platform:
    return Platform(Settings(data=Data(directory=folder)), Runtime())


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    made = opened(tmp_path / "data")
    yield made
    made.close()


def use(mechanisms: tuple[Mechanism, ...] = TENTH, account: str = "research", **more: Any) -> UseAsk:
    return UseAsk(account, more.pop("kind", "fit"), mechanisms, 1e-7, **more)


def test_without_a_budget_nothing_is_admitted(platform: Platform) -> None:
    with pytest.raises(BudgetSpent):
        ledger.reserve(platform, SCIENTIST, use())
    refused = audit_report(platform, OFFICER, "identified", limit=5)
    assert "privacy-reserve" in str(refused)


def test_a_budget_stops_hard_and_what_was_reserved_stays_spent(platform: Platform) -> None:
    ledger.set_budget(platform, OFFICER, BudgetAsk("research", 0.3, 1e-5, "sum", "the board"))
    first = ledger.reserve(platform, SCIENTIST, use(run="r1"))
    ledger.settle(platform, SCIENTIST, first["entry"], "failed")
    ledger.reserve(platform, SCIENTIST, use(kind="search"))
    ledger.reserve(platform, SCIENTIST, use(kind="evaluation"))
    with pytest.raises(BudgetSpent):
        ledger.reserve(platform, SCIENTIST, use(kind="publication"))
    ledger.reserve(platform, SCIENTIST, use((), kind="release"))
    (found,) = ledger.accounts(platform, SCIENTIST)
    assert (found["uses"], found["unsettled"]) == (4, 3)
    assert found["used"] == pytest.approx(1.0)
    assert found["spent"]["epsilon"] == pytest.approx(0.3)


def test_a_cohort_spends_its_data_set_and_the_data_set_spends_its_cohorts(platform: Platform) -> None:
    ledger.set_budget(platform, OFFICER, BudgetAsk("research", 0.3, 1e-5, "sum"))
    ledger.set_budget(platform, OFFICER, BudgetAsk("research/heart", 0.2, 1e-5, "sum"))
    ledger.reserve(platform, SCIENTIST, use(account="research/heart"))
    ledger.reserve(platform, SCIENTIST, use())
    with pytest.raises(BudgetSpent) as stopped:
        ledger.reserve(platform, SCIENTIST, use(account="research/heart"))
    assert "research/heart" in str(stopped.value)
    ledger.reserve(platform, SCIENTIST, use(account="research/kidney"))
    with pytest.raises(BudgetSpent):
        ledger.reserve(platform, SCIENTIST, use(account="research/kidney"))


def test_a_budget_above_the_zones_holds_for_both(platform: Platform) -> None:
    operator = local_operator("op")
    ledger.set_budget(platform, OFFICER, BudgetAsk("all", 0.2, 1e-5, "sum"))
    ledger.reserve(platform, operator, use(account="identified"))
    ledger.reserve(platform, operator, use())
    with pytest.raises(BudgetSpent):
        ledger.reserve(platform, operator, use())


def test_only_a_privacy_officer_sets_budgets_and_who_may_see_sees(platform: Platform) -> None:
    for who in (SCIENTIST, ADMIN):
        with pytest.raises(AccessError):
            ledger.set_budget(platform, who, BudgetAsk("research", 1, 1e-5))
    ledger.set_budget(platform, OFFICER, BudgetAsk("research", 1, 1e-5))
    ledger.set_budget(platform, OFFICER, BudgetAsk("identified", 1, 1e-5))
    assert [one["account"] for one in ledger.accounts(platform, ADMIN)] == ["identified", "research"]
    assert [one["account"] for one in ledger.accounts(platform, SCIENTIST)] == ["research"]
    with pytest.raises(AccessError):
        ledger.account(platform, SCIENTIST, "identified")
    with pytest.raises(AccessError):
        ledger.reserve(platform, ADMIN, use())


def test_an_account_shows_every_use_with_its_mechanisms(platform: Platform) -> None:
    ledger.set_budget(platform, OFFICER, BudgetAsk("research", 2, 1e-5))
    ledger.reserve(platform, SCIENTIST, use((Gaussian(20.0, 4), Claimed(0.01)), run="run-7"))
    found = ledger.account(platform, OFFICER, "research")
    made, budget = found["entries"]
    assert (made["actor"], made["run"], made["kind"], budget["kind"]) == ("sid", "run-7", "fit", "budget")
    assert made["mechanisms"][0] == {"kind": "gaussian", "noise": 20.0, "count": 4}
    assert 0 < made["epsilon"] < found["budget"]["epsilon"]


@pytest.mark.parametrize("name", ["", "landing", "research/", "research/../x", "Research", "all/x", "research/a b"])
def test_names_that_are_no_account_are_refused(platform: Platform, name: str) -> None:
    with pytest.raises(QueryError):
        ledger.reserve(platform, OFFICER, use(account=name))


def test_a_reservation_is_settled_once(platform: Platform) -> None:
    ledger.set_budget(platform, OFFICER, BudgetAsk("research", 1, 1e-5))
    made = ledger.reserve(platform, SCIENTIST, use())
    ledger.settle(platform, SCIENTIST, made["entry"], "done")
    with pytest.raises(Conflict):
        ledger.settle(platform, SCIENTIST, made["entry"], "failed")
    with pytest.raises(NotFound):
        ledger.settle(platform, SCIENTIST, "nothing", "done")


def _reserve_apart(folder: Path) -> int:
    """How many of four reservations another platform on the same store is granted."""
    platform, admitted = opened(folder), 0
    for _ in range(4):
        try:
            ledger.reserve(platform, SCIENTIST, use())
            admitted += 1
        except BudgetSpent:
            pass
    platform.close()
    return admitted


def test_platforms_that_reserve_at_once_do_not_overspend(platform: Platform) -> None:
    ledger.set_budget(platform, OFFICER, BudgetAsk("research", 0.5, 1e-5, "sum"))
    with ThreadPoolExecutor(2) as pool:
        admitted = list(pool.map(_reserve_apart, [platform.settings.data.directory] * 2))
    assert sum(admitted) == 5
    assert ledger.accounts(platform, OFFICER)[0]["used"] == pytest.approx(1.0)


@pytest.mark.long
def test_processes_that_reserve_at_once_do_not_overspend(platform: Platform) -> None:
    ledger.set_budget(platform, OFFICER, BudgetAsk("research", 0.5, 1e-5, "sum"))
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        admitted = list(pool.map(_reserve_apart, [platform.settings.data.directory] * 2))
    assert sum(admitted) == 5


def _reserve_and_die(folder: Path) -> None:
    ledger.reserve(opened(folder), SCIENTIST, use())
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.long
def test_what_a_killed_process_reserved_stays_spent(platform: Platform) -> None:
    ledger.set_budget(platform, OFFICER, BudgetAsk("research", 0.1, 1e-5, "sum"))
    process = get_context("spawn").Process(target=_reserve_and_die, args=(platform.settings.data.directory,))
    process.start()
    process.join(300)
    assert process.exitcode == -signal.SIGKILL
    with pytest.raises(BudgetSpent):
        ledger.reserve(platform, SCIENTIST, use())
    assert ledger.check(platform, OFFICER)["whole"]


CHANGES = [
    "UPDATE privacy_entry SET body = replace(body, '0.1', '0.0001') WHERE seq = 2",
    "DELETE FROM privacy_entry WHERE seq = 2",
    "DELETE FROM privacy_entry WHERE seq = 3",
    "DELETE FROM privacy_entry",
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_row_that_was_changed_or_removed_is_found_out(tmp_path: Path, change: str) -> None:
    platform = opened(tmp_path / "data")
    ledger.set_budget(platform, OFFICER, BudgetAsk("research", 1, 1e-5))
    for _ in range(2):
        ledger.reserve(platform, SCIENTIST, use())
    assert ledger.check(platform, OFFICER) == {"whole": True, "entries": 3, "different": []}
    platform.close()
    with closing(sqlite3.connect(tmp_path / "data" / "identified" / "store.db")) as database, database:
        database.execute(change)
    platform = opened(tmp_path / "data")
    assert not ledger.check(platform, OFFICER)["whole"]
    if "seq = 2" in change:
        with pytest.raises(IntegrityError):
            ledger.reserve(platform, SCIENTIST, use())
    platform.close()
