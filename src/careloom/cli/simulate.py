"""The command that makes a hospital that does not exist."""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from careloom.cli.options import filled


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command()(simulate)


def simulate(
    out: Annotated[Path, typer.Argument(help="A new or empty folder.", metavar="OUT")],
    patients: Annotated[int, typer.Option(min=1, help="How many people.")] = 1000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 1,
    feeds: Annotated[
        str,
        typer.Option(
            callback=filled,
            metavar="F,F",
            help="What every site sends, with commas: hl7v2, fhir, bulk, ccda, csv, notes. All if left out.",
        ),
    ] = "",
    site_feeds: Annotated[
        list[str] | None,
        typer.Option(metavar="SITE=F,F", help="What one site sends in their place; may be repeated: site-2=bulk,csv."),
    ] = None,
    notes: Annotated[bool, typer.Option("--notes/--no-notes", help="Clinical notes with gold spans.")] = True,
    dirt: Annotated[
        str, typer.Option(help="What is wrong on purpose: none, some, much, or the share of records: 0.02.")
    ] = "none",
    sites: Annotated[int, typer.Option(min=1, help="Places of the hospital, each with feeds of its own.")] = 3,
    present: Annotated[str, typer.Option(help="The simulated present, a date.")] = "2026-01-01",
    processes: Annotated[int, typer.Option(min=0, help="Worker processes; 0 for one a core.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Make a hospital that does not exist: all its feeds, and the answers that they hide.

    Example: careloom simulate hospital/ --patients 1000 --seed 1

    Example: careloom simulate mixed/ --feeds hl7v2,ccda --site-feeds site-2=bulk --site-feeds site-3=csv,notes
    """
    from careloom.cli import output
    from careloom.errors import QueryError
    from careloom.services.simulate import SimulateAsk
    from careloom.services.simulate import simulate as run

    try:
        day = date.fromisoformat(present)
    except ValueError:
        raise QueryError("simulate: --present is no date", "write it as 2026-01-01") from None
    if feeds and not _names(feeds):
        raise QueryError("simulate: --feeds names no format", "leave it out for all of them")
    of_site = []
    for one in site_feeds or ():
        site, equals, names = one.partition("=")
        if not equals:
            raise QueryError(f"simulate: --site-feeds {one!r} has no =", "write it as site-2=bulk,csv")
        of_site.append((site.strip(), _names(names)))
    ask = SimulateAsk(out, patients, seed, _names(feeds), notes, dirt, sites, day, processes, tuple(of_site))
    with output.progress("Simulating", quiet=json, unit="patients") as watch:
        report = run(ask, watch)
    if json:
        output.emit_json(report.as_json())
        return
    rows = [(name, count) for name, count in report.counts.items()]
    output.show_table(f"{report.patients:,} patients of seed {report.seed}", ("what", "how many"), rows)
    output.say(
        f"{report.files:,} files, {report.size_bytes / 1e6:,.1f} MB in {report.seconds:,.1f} s "
        f"({report.patients_per_second:,.0f} patients/s): {report.out}"
    )


def _names(listed: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in listed.split(",") if name.strip())
