"""The commands of the lake: its tables, versions, snapshots, upkeep, and copies in the clear."""

from pathlib import Path
from typing import Annotated, Any

import typer

from careloom.cli.options import Json

lake_app = typer.Typer(no_args_is_help=True, help="Delta tables of the research and synthetic zones.")
Zone = Annotated[str, typer.Option(help="research or synthetic.")]
Table = Annotated[str, typer.Argument(metavar="TABLE", help="A table, e.g. silver/observations.")]
Named = Annotated[str, typer.Argument(metavar="TABLE[@VERSION]", help="A table, or a version: silver/observations@3.")]
Maybe = Annotated[str, typer.Argument(metavar="[TABLE]", help="A table; all without.")]


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.add_typer(lake_app, name="lake")


@lake_app.command("tables")
def tables(table: Maybe = "", zone: Zone = "research", json: Json = False) -> None:
    """List the tables; of one, its versions and snapshots.

    Example: careloom lake tables silver/observations
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.lake import lake_table, lake_tables

    with opened() as (platform, who):
        report: Any = lake_table(platform, who, zone, table) if table else lake_tables(platform, who, zone)
    output.give(report, as_json=json, show=_show_one if table else _show_all)


@lake_app.command("refresh")
def refresh(table: Table, zone: Zone = "research", json: Json = False) -> None:
    """Bring the table of a view up to date with the zone.

    Example: careloom lake refresh gold/labs_wide
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.lake import lake_refresh

    with opened() as (platform, who):
        report = lake_refresh(platform, who, zone, table).as_json()
    output.give(report, as_json=json, show=show_table)


@lake_app.command("compact")
def compact(
    table: Maybe = "",
    zone: Zone = "research",
    rewrite: Annotated[bool, typer.Option("--rewrite", help="Write every file again, under the newest key.")] = False,
    json: Json = False,
) -> None:
    """Join small data files into large ones; older versions stay readable until vacuum.

    Example: careloom lake compact silver/observations
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.lake import lake_compact

    with opened() as (platform, who):
        report = lake_compact(platform, who, zone, table, is_forced=rewrite)
    output.give(report, as_json=json, show=_show_files)


@lake_app.command("vacuum")
def vacuum(
    table: Maybe = "",
    zone: Zone = "research",
    keep_hours: Annotated[
        float | None, typer.Option(min=0, help="How long older versions stay readable; [lake] keep_hours without.")
    ] = None,
    json: Json = False,
) -> None:
    """Delete data files that neither the newest version, nor a recent one, nor a snapshot needs.

    Example: careloom lake vacuum silver/observations --keep-hours 24
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.lake import lake_vacuum

    with opened() as (platform, who):
        report = lake_vacuum(platform, who, zone, table, keep_hours)
    output.give(report, as_json=json, show=_show_files)


@lake_app.command("snapshot")
def snapshot(
    table: Named,
    zone: Zone = "research",
    release: Annotated[bool, typer.Option("--release", help="Let the snapshot go, in place of taking it.")] = False,
    json: Json = False,
) -> None:
    """Keep a version under a name that says what its rows hash to, for training runs to read by.

    Example: careloom lake snapshot silver/observations
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.lake import lake_release, lake_snapshot

    with opened() as (platform, who):
        report = (lake_release if release else lake_snapshot)(platform, who, zone, table)
    output.give(report, as_json=json, show=lambda done: output.say(done.get("name") or f"released {done['released']}"))


@lake_app.command("drop")
def drop(table: Table, zone: Zone = "research", json: Json = False) -> None:
    """Remove a table with its versions and snapshots.

    Example: careloom lake drop gold/labs_wide
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.lake import lake_drop

    with opened() as (platform, who):
        report = lake_drop(platform, who, zone, table)
    output.give(report, as_json=json, show=lambda done: output.say(f"{done['dropped']} is removed"))


@lake_app.command("export")
def export(
    table: Named,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A new folder.")],
    zone: Zone = "research",
    json: Json = False,
) -> None:
    """Write a table as a plain Delta table, for tools that have no keys; the audit chain tells.

    Example: careloom lake export silver/observations@3 observations
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.lake import lake_export

    with opened() as (platform, who):
        report = lake_export(platform, who, zone, table, out)
    output.give(report, as_json=json, show=lambda done: output.say(f"{done['rows']:,} rows in the clear below {out}."))


def show_table(report: dict[str, Any]) -> None:
    """Says what became of the table of a view."""
    from careloom.cli import output

    output.say(f"{report['path']} is {report['done']}: version {report['version']}, {report['rows']:,} rows.")
    output.say(f"{report['changed']:,} resources read, {report['deleted']:,} gone, {report['refused']:,} do not fit.")


def _show_files(report: list[dict[str, Any]]) -> None:
    from careloom.cli import output

    for one in report:
        told = f"{one['deleted']:,} files deleted" if "deleted" in one else f"{one['files']:,} files"
        output.say(f"{one['path']}: {told}")


def _show_all(report: list[dict[str, Any]]) -> None:
    from careloom.cli import output

    for one in report:
        kind = "sealed" if one["is_sealed"] else "plain"
        output.say(f"{one['path']}  version {one['version']}  {one['rows']:,} rows  {one['files']} files  {kind}")


def _show_one(report: dict[str, Any]) -> None:
    from careloom.cli import output

    _show_all([report])
    for one in report["versions"]:
        gone = "" if one["is_readable"] else "  (gone)"
        output.say(f"  {one['number']}  {one['time']}  {one['operation']}  {one['run']}{gone}")
    for one in report["snapshots"]:
        output.say(f"  snapshot {one['name']}{'' if one['is_readable'] else '  (erased)'}")
