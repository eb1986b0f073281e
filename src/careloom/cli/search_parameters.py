"""The commands ``search-parameter``: own parameters of searches, added, listed, removed, indexed."""

from pathlib import Path
from typing import Annotated, Any

import typer

from careloom.cli.options import Json

app_of_parameters = typer.Typer(no_args_is_help=True, help="Search parameters of your own.")
Zone = Annotated[str, typer.Option(help="identified, research or synthetic.")]
Queue = Annotated[bool, typer.Option("--queue", help="Leave the indexing to the job worker.")]


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.add_typer(app_of_parameters, name="search-parameter")


@app_of_parameters.command()
def add(
    file: Annotated[Path, typer.Argument(help="A SearchParameter resource as JSON.")],
    zone: Zone = "identified",
    queue: Queue = False,
    json: Json = False,
) -> None:
    """Define a parameter, index what is stored by it, count its entries anew, and turn it on.

    Example: careloom search-parameter add eye-color.json
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.own_definitions import add_definition

    with opened() as (platform, who), output.progress("Indexing", quiet=json, unit="resources") as watch:
        text = platform.read_text(file)
        found = add_definition(platform, who, zone, text, is_queued=queue, watch=watch)
    output.give(found, as_json=json, show=_show)


@app_of_parameters.command("list")
def listed(zone: Zone = "identified", json: Json = False) -> None:
    """List own parameters: where they stand, and what their indexing counted.

    Example: careloom search-parameter list
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.own_parameters import list_parameters
    from careloom.services.search import zone_of

    with opened() as (platform, who):
        found = list_parameters(platform, who, zone_of(zone))
    output.give(found, as_json=json, show=_show)


@app_of_parameters.command()
def remove(
    name: Annotated[str, typer.Argument(help="Its code, or the id of its SearchParameter.")],
    zone: Zone = "identified",
    queue: Queue = False,
    json: Json = False,
) -> None:
    """Delete the SearchParameter and take its entries out of the index.

    Example: careloom search-parameter remove eye-color
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.own_definitions import remove_definition

    with opened() as (platform, who), output.progress("Removing", quiet=json, unit="resources") as watch:
        found = remove_definition(platform, who, zone, name, is_queued=queue, watch=watch)
    output.give(found, as_json=json, show=_show)


@app_of_parameters.command()
def reindex(
    code: Annotated[str, typer.Argument(help="Index this one from the start; without, what waits.")] = "",
    zone: Zone = "identified",
    queue: Queue = False,
    json: Json = False,
) -> None:
    """Index what waits, as `phonetic` does in a store of an earlier version; a parameter is off until it is counted.

    Example: careloom search-parameter reindex phonetic
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.own_definitions import reindex as run

    with opened() as (platform, who), output.progress("Indexing", quiet=json, unit="resources") as watch:
        found = run(platform, who, zone, code, is_queued=queue, watch=watch)
    output.give(found, as_json=json, show=_show)


def _show(rows: list[dict[str, Any]]) -> None:
    from careloom.cli import output

    columns = ("type", "code", "kind", "state", "seen", "written", "counted anew", "expression")
    table = [
        (
            one["type"], one["code"], one["kind"], one["state"], one["counts"].get("seen", ""),
            one["counts"].get("written", ""), one["counts"].get("found", ""), one["expression"],
        )
        for one in rows
    ]  # fmt: skip
    output.show_table("Own search parameters", columns, table)
