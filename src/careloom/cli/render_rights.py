"""Patients' rights as text for people."""

from collections.abc import Mapping, Sequence
from typing import Any

from careloom.cli.output import say, show_table

Row = Mapping[str, Any]


def rule(one: Row) -> None:
    """One rule, and what setting it did."""
    state = f"ended {one['ended']} by {one['ender']}" if one["ended"] else "holds"
    say(f"{one['kind']} {one['rule']} on {one['patient'] or 'the zone ' + one['zone']}: {state}.")
    if one.get("exports"):
        say(f"{one['exports']:,} exports were withdrawn.")
    if one.get("trainings"):
        say(f"{len(one['trainings']):,} trainings have to be done anew: careloom train list --waiting.")


def rules(found: Sequence[Row]) -> None:
    """Rules, one a line."""
    rows = [
        (one["rule"], one["kind"], one["patient"] or f"zone {one['zone']}", one["actor"], one["created"][:16],
         one["ended"][:16] or "holds", one["reason"])
        for one in found
    ]  # fmt: skip
    show_table("Rules", ("rule", "kind", "on", "set by", "since", "until", "reason"), rows)


def trainings(found: Sequence[Row]) -> None:
    """Trainings, one a line."""
    rows = [
        (one["training"], one["name"], one["kind"], one["patients"],
         ", ".join(taint["cause"] for taint in one["taints"]), "waits" if one["waiting"] else one["successor"])
        for one in found
    ]  # fmt: skip
    show_table("Trainings", ("training", "name", "kind", "patients", "tainted by", "successor"), rows)


def planned(found: Sequence[Row]) -> None:
    """What is due by rule."""
    rows = [
        (one["rule"], one["keep"], one["due"] if one["removes"] else f"{one['due']:,}, none is removed", one["held"],
         one["oldest"][:10], one["source"])
        for one in found
    ]  # fmt: skip
    show_table("Retention", ("rule", "kept", "due", "under a hold", "oldest", "source"), rows)


def retained(done: Sequence[Row]) -> None:
    """What was removed by rule."""
    rows = [(one["rule"], one["keep"], one["removed"], one["held"]) for one in done if one["removes"]]
    show_table("Removed", ("rule", "kept", "removed", "under a hold"), rows)


def exported(told: Row) -> None:
    """What a zip holds."""
    sums = told["sums"]
    say(f"{told['file']}: {sums['files']:,} files, {sums['items']:,} items, {sums['bytes']:,} bytes, all of a patient.")
    rows = [
        (zone, table, one["rows"], one["by"])
        for zone, tables in told["tables"].items() for table, one in tables.items() if one["rows"]
    ]  # fmt: skip
    show_table("Rows of the patient", ("zone", "table", "rows", "by"), rows)


def checked_export(found: Row) -> None:
    """Whether a zip holds."""
    signed = "as it was signed" if found["signed"] else "NOT as it was signed"
    whole = "every file is as it says" if found["whole"] else "files are NOT as it says"
    say(f"The inventory is {signed}; {whole}: {found['sums']['files']:,} files, {found['sums']['bytes']:,} bytes.")


def rectified(done: Row) -> None:
    """What was mended."""
    say(f"{done['fact']}: version {done['before']} became {done['version']}. {done['provenance']} says who and why.")
    if done["erased"] is not None:
        gone = done["erased"]
        say(f"Gone for good: {gone['versions']:,} versions, the bytes of {gone['records']:,} records.")
        if gone["kept_records"]:
            say(f"{gone['kept_records']:,} records stay, because other resources stand on them.")
