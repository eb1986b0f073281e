"""The privacy ledger as text for people."""

from collections.abc import Mapping, Sequence
from typing import Any

from careloom.cli.output import say, show_table

Row = Mapping[str, Any]


def accounts(rows: Sequence[Row]) -> None:
    """One line an account."""
    show_table(
        "Privacy budgets",
        ("account", "epsilon", "delta", "rule", "used", "spent", "uses"),
        [_line(one) for one in rows],
        empty="none is set. A privacy officer does: careloom synthesize ledger budget.",
    )


def account(found: Row) -> None:
    """One account and its entries."""
    accounts([found])
    show_table(
        "Entries",
        ("time", "account", "kind", "who", "run", "epsilon", "delta", "entry"),
        [_entry(one) for one in found["entries"]],
    )


def _entry(one: Row) -> tuple[object, ...]:
    cost = _number(one["epsilon"]) if "epsilon" in one else one["outcome"]
    who = one["account"], one["kind"], one["actor"], one.get("run", "")
    return one["time"][:19], *who, cost, f"{one['delta']:g}" if "delta" in one else "", one["entry"]


def budget(made: Row) -> None:
    """A budget that was set."""
    say(f"Budget of {made['account']}: epsilon {made['epsilon']:g} at delta {made['delta']:g}, by {made['rule']}.")


def checked(found: Row) -> None:
    """Whether the ledger is whole."""
    if found["whole"]:
        say(f"The ledger is whole: {found['entries']:,} rows, each as the audit chain tells it.")
        return
    say("The ledger is NOT whole. " + found.get("problem", ""))
    for name in found["different"]:
        say(f"  {name} is not as the audit chain tells it")


def _line(one: Row) -> tuple[object, ...]:
    told, used = one["budget"], one["used"]
    limits = ("none", "", "") if told is None else (f"{told['epsilon']:g}", f"{told['delta']:g}", told["rule"])
    share = "" if told is None else "more than all" if used is None else f"{used:.1%}"
    spent = f"{_number(one['spent']['epsilon'])} at {one['spent']['delta']:g}"
    return one["account"], *limits, share, spent, one["uses"]


def _number(value: float | None) -> str:
    return "without bound" if value is None else f"{value:.4g}"
