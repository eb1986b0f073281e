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
            help="A view that ships (observation, labs_wide, readmissions, ...), omop, or a file of one.",
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
    table: Annotated[
        bool,
        typer.Option("--table", help="Make the view's Delta table in the zone's lake, or bring it up to date."),
    ] = False,
    partition: Annotated[
        list[str] | None, typer.Option(help="A column to part the table by; may stand repeatedly.")
    ] = None,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Make the table whole, not refresh it.")] = False,
    vocabulary: Annotated[
        Path | None, typer.Option(help="For omop: the folder of a download from athena.ohdsi.org.")
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="For omop: CSV in place of Parquet.")] = False,
    json: Json = False,
) -> None:
    """Make a table of resources by a ViewDefinition of SQL-on-FHIR.

    Example: careloom view labs_wide --zone research --out labs.parquet

    Example: careloom view labs_wide --zone research --table

    Example: careloom view omop --out cdm --vocabulary athena
    """
    from careloom.cli import output
    from careloom.cli.lake import show_table
    from careloom.cli.session import opened
    from careloom.errors import QueryError
    from careloom.services.omop import OmopAsk, make_omop
    from careloom.services.view import ViewAsk, view_files, view_zone
    from careloom.services.view_derived import DERIVED, view_derived
    from careloom.services.view_table import TableAsk, make_table

    if name == "omop":
        if out is None or files:
            raise QueryError("view: omop makes a folder of tables of a zone", "Name a new folder: --out cdm.")
        with opened() as (platform, who), output.progress("Viewing", quiet=json, unit="views") as watch:
            told = make_omop(platform, who, zone, OmopAsk(out, vocabulary, csv), watch)
        output.give(told.as_json(), as_json=json, show=_show_omop)
        return
    if table:
        if files or out is not None:
            raise QueryError("view: --table makes a table of a zone", "Leave files and --out away.")
        wanted = TableAsk(name, tuple(partition or ()), rebuild, processes)
        with opened() as (platform, who):
            made = make_table(platform, who, zone, wanted)
        output.give(made.as_json(), as_json=json, show=show_table)
        return
    if name in DERIVED:
        if files:
            raise QueryError(f"view: {name} is made of a zone", "Leave files away.")
        wanted_rows = ViewAsk(name, out, limit, processes)
        with opened() as (platform, who), output.progress("Viewing", quiet=json, unit="resources") as watch:
            derived = view_derived(platform, who, zone, wanted_rows, watch)
        output.give(derived.as_json(), as_json=json, show=_show_derived)
        return
    ask = ViewAsk(name, out, limit, processes)
    if files:
        with output.progress("Viewing", quiet=json) as watch:
            report = view_files(files, ask, watch)
    else:
        with opened() as (platform, who), output.progress("Viewing", quiet=json, unit="resources") as watch:
            report = view_zone(platform, who, zone, ask, watch)
    output.give(report.as_json(), as_json=json, show=_show)


def _show_omop(report: dict[str, Any]) -> None:
    from careloom.cli import output

    for table, rows in report["tables"].items():
        concepts = f", {report['mapped'][table]:,} with a concept" if table in report["mapped"] else ""
        output.say(f"{table}: {rows:,} rows{concepts}")
    for what, count in report["left_out"].items():
        output.say(f"left out: {count:,} {what}")
    if not report["vocabulary"]:
        output.say("No vocabulary is loaded: concepts of codes are 0. Add --vocabulary FOLDER.")


def _show_derived(report: dict[str, Any]) -> None:
    from careloom.cli import output

    for row in report["shown"]:
        output.say("  ".join("" if value is None else str(value) for value in row.values()))
    counted = ", ".join(f"{count:,} {kind}" for kind, count in report["resources"].items())
    output.say(f"{counted} resources, {report['rows']:,} rows.")
    for what, count in report["left_out"].items():
        output.say(f"left out: {count:,} {what}")


def _show(report: dict[str, Any]) -> None:
    from careloom.cli import output

    for row in report["shown"]:
        output.say("  ".join("" if value is None else str(value) for value in row.values()))
    counted = f"{report['resources']:,} {report['resource']} resources, {report['rows']:,} rows."
    output.say(counted)
    if report["by_expressions"]:
        output.say(f"{report['by_expressions']:,} of them were looked at by columns, the others one by one.")
    if report["unread"]:
        output.say(f"{report['unread']:,} lines are no JSON objects.")
    for place, count in report["reasons"].items():
        output.say(f"{count:,} resources do not fit: {place}")
