"""The report of a leak scan as text for people."""

from collections.abc import Mapping
from typing import Any

from careloom.cli.output import say, show_table

Row = Mapping[str, Any]


def scanned(report: Row) -> None:
    """What was searched for what, what was too common for that, and where something stands."""
    wanted = sum(report["looked_for"].values())
    say(
        f"{wanted:,} identifiers of {report['people']:,} patients were looked for in {report['files']:,} files of "
        f"{report['bytes'] / 1e6:,.1f} MB, and in {report['values'] / 1e6:,.1f} MB of rows and of "
        f"{report['resources']:,} opened resources of the research and synthetic zones."
    )
    show_table("Looked for", ("identifier", "count"), list(report["looked_for"].items()))
    if report["left_out"]:
        show_table("Too common or too short to tell anybody", ("what", "count"), list(report["left_out"].items()))
    if report["unopened"]:
        say(
            f"{report['unopened']:,} files or values were not read to their end: packed too large, too deep or in "
            "a way that is not read, broken, a pipe or device, or behind a link that leads out."
        )
    rows = [(one["place"], one["label"], one["count"]) for one in report["found"]]
    if rows:
        show_table("Found", ("place", "identifier", "count"), rows)
    say(f"{report['hits']:,} hits." if report["hits"] else "0 hits: none of them stands anywhere.")
