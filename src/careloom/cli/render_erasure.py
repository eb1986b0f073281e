"""Reports of erasure and backups as text for people."""

from collections.abc import Mapping
from typing import Any

from careloom.cli.output import say, show_table

Row = Mapping[str, Any]


def erased(report: Row) -> None:
    """What an erasure removed, and where its certificate lies."""
    if report["already_erased"]:
        say("This patient had been erased before; nothing was left.")
        if report["certificate"]:
            say(f"Certificate: {report['certificate']}")
        return
    show_table("Erased", ("what", "count"), sorted(report["removed"].items()))
    say("The keys are destroyed. Proofs of other patients still hold: careloom verify.")
    if report["hits"] is None:
        say("Nobody searched the bytes afterwards: careloom erase --check does.")
    else:
        say(f"Every byte was searched afterwards: {report['hits']:,} hits.")
    say(f"The signed certificate: {report['place']} (and .html beside it)")


def searched(report: Row) -> None:
    """What was searched for what, and where something stands."""
    wanted = sum(report["looked_for"].values())
    say(
        f"{wanted:,} identifiers were looked for in {report['files']:,} files of {report['bytes'] / 1e6:,.1f} MB "
        f"and in {report['values'] / 1e6:,.1f} MB of rows; {report['unopened']:,} were not read to their end."
    )
    if report["found"]:
        show_table("Found", ("place", "identifier"), [(one["place"], one["label"]) for one in report["found"]])
    say(f"{report['hits']:,} hits." if report["hits"] else "0 hits: none of them stands anywhere.")


def certificate(found: Row) -> None:
    """Whether a certificate holds."""
    what = f"The certificate {found['certificate']}, {found['began']} to {found['ended']}"
    if not found["signed"]:
        say(f"{what}: NOT as it was signed.")
    elif not found["sums"]:
        say(f"{what}: signed, but its counts do NOT add up.")
    else:
        say(f"{what}: as it was signed; its counts add up.")
    show_table("Destroyed", ("what", "count"), sorted(found["totals"].items()))


def backed_up(report: Row) -> None:
    """What a backup holds."""
    rows = [(zone, *(one[name] for name in _BACKUP)) for zone, one in report["zones"].items()]
    show_table(f"Backup {report['backup']}", ("zone", *_BACKUP), rows)
    say(f"{report['files']:,} files of {report['bytes'] / 1e6:,.1f} MB in {report['place']}; no key is in them.")


_BACKUP = ("resources", "records", "events", "bytes")


def backups(rows: list[Row]) -> None:
    """The backups that were made."""
    shown = [
        (one["backup"], one["created"], "whole" if one["whole"] else "not whole",
         "yes" if one["reachable"] else "no", one["place"])
        for one in rows
    ]  # fmt: skip
    show_table("Backups", ("backup", "made", "state", "reachable", "place"), shown)


def restored(report: Row) -> None:
    """What came back, and what did not."""
    columns = ("resources", "left", "lost_keys", "events", "rules")
    rows = [(zone, *(one[name] for name in columns)) for zone, one in report["zones"].items()]
    titles = (
        "zone",
        "resources",
        "rows of erased patients left out",
        "keys destroyed since",
        "events kept",
        "rules kept",
    )
    show_table(f"Restored {report['backup']}", titles, rows)
    say("Make the research tables anew: careloom deidentify. Then careloom store check.")


def checked_backup(report: Row) -> None:
    """Whether a backup can be restored."""
    rows = [(zone, one["keys"], one["missing"]) for zone, one in report["zones"].items()]
    show_table(f"Backup {report['backup']}", ("zone", "data keys", "destroyed since"), rows)
    say("Every file is as it was made.")
