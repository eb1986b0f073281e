"""The command that makes tables of resources by a ViewDefinition."""

from pathlib import Path
from typing import Annotated, Any

import typer

from careloom.cli.options import Json


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command("view")(view)


def view(
    name: Annotated[
        str,
        typer.Argument(
            metavar="VIEW",
            help="patient, encounter, condition, observation, labs_wide, medication, note; or a file that holds one.",
        ),
    ],
    files: Annotated[
        list[Path] | None, typer.Argument(help="NDJSON files to view, in place of a zone of the store.")
    ] = None,
    zone: Annotated[
        str, typer.Option(help="identified (rows on the screen only), research or synthetic.")
    ] = "research",
    out: Annotated[Path | None, typer.Option(help="Write all rows to this file: .parquet, .csv or .ndjson.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Rows to show where no file is written.")] = 20,
    processes: Annotated[
        int, typer.Option(min=0, max=64, help="Processes that read a zone; 0: as many as there are cores.")
    ] = 0,
    json: Json = False,
) -> None:
    """Make a table of resources by a ViewDefinition of SQL-on-FHIR.

    Example: careloom view labs_wide --zone research --out labs.parquet
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.view import ViewAsk, view_files, view_zone

    ask = ViewAsk(name, out, limit, processes)
    if files:
        with output.progress("Viewing", quiet=json) as watch:
            report = view_files(files, ask, watch)
    else:
        with opened() as (platform, who), output.progress("Viewing", quiet=json, unit="resources") as watch:
            report = view_zone(platform, who, zone, ask, watch)
    output.give(report.as_json(), as_json=json, show=_show)


def _show(report: dict[str, Any]) -> None:
    from careloom.cli import output

    for row in report["shown"]:
        output.say("  ".join("" if value is None else str(value) for value in row.values()))
    counted = f"{report['resources']:,} {report['resource']} resources, {report['rows']:,} rows."
    output.say(counted)
    if report["unread"]:
        output.say(f"{report['unread']:,} lines are no JSON objects.")
    for place, count in report["reasons"].items():
        output.say(f"{count:,} resources do not fit: {place}")
