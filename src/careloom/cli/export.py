"""The command of bulk export: a zone as a folder of NDJSON."""

from pathlib import Path
from typing import Annotated

import typer

from careloom.cli.options import Json, filled


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command()(export)


def export(
    folder: Annotated[Path, typer.Argument(help="A new folder for the files and manifest.json.", metavar="OUT")],
    zone: Annotated[str, typer.Option(help="identified, research or synthetic.")] = "identified",
    types: Annotated[
        str, typer.Option("--type", help="Resource types, comma-separated; all without.", callback=filled)
    ] = "",
    since: Annotated[
        str, typer.Option(help="What was updated or deleted after it, e.g. 2026-11-22T10:15:00Z.", callback=filled)
    ] = "",
    type_filter: Annotated[
        list[str] | None, typer.Option(help="A search to meet, e.g. 'Observation?status=final'; may stand repeatedly.")
    ] = None,
    elements: Annotated[str, typer.Option(help="Top-level elements, e.g. Patient.gender.", callback=filled)] = "",
    patients: Annotated[bool, typer.Option("--patients", help="Only what is in patients' compartments.")] = False,
    group: Annotated[str, typer.Option(help="Only the patients of this Group, by its id.", callback=filled)] = "",
    json: Json = False,
) -> None:
    """Write one state of a zone as NDJSON in the clear, with counts and keyed hashes; every patient is audited.

    Example: careloom export out --zone research --type Patient,Observation
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.export_ask import ExportAsk, Level, with_parameters
    from careloom.services.export_files import export_to_folder
    from careloom.services.own_parameters import searched
    from careloom.services.search import zone_of

    level: Level = "group" if group else "patient" if patients else "system"
    given = (("_type", types), ("_since", since), ("_elements", elements))
    pairs = [pair for pair in given if pair[1]] + [("_typeFilter", one) for one in type_filter or ()]
    with opened() as (platform, who), output.progress("Exporting", quiet=json, unit="resources") as watch:
        own = searched(platform, zone_of(zone))
        ask = with_parameters(ExportAsk(zone, level, group, address="careloom export"), pairs, own=own)
        manifest = export_to_folder(platform, who, ask, folder, watch)
    proof = manifest["extension"]
    output.give(
        manifest,
        as_json=json,
        show=lambda _: output.say(
            f"{proof['resources']:,} resources in {len(manifest['output'])} files below {folder}."
        ),
    )
