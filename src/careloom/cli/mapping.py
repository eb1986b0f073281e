"""Commands that help to write mappings."""

from pathlib import Path
from typing import Annotated

import typer

from careloom.cli.options import Json

mapping_app = typer.Typer(no_args_is_help=True, help="Mappings of delimited extracts.")


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.add_typer(mapping_app, name="mapping")


@mapping_app.command("suggest")
def mapping_suggest(
    file: Annotated[Path, typer.Argument(help="A delimited, Parquet or Arrow file with a header.")],
    name: Annotated[str, typer.Option(help="Name of the mapping.")] = "own",
    out: Annotated[Path | None, typer.Option(help="Write the draft to this new file.")] = None,
    json: Json = False,
) -> None:
    """Draft a mapping from a file's header and values, and try it on its first rows.

    Example: careloom mapping suggest labs.csv --name our_lab --out our_lab.toml
    """
    from careloom.cli import output, render
    from careloom.cli.session import opened
    from careloom.errors import Conflict
    from careloom.services.mapping import suggest_mapping

    with opened() as (platform, who):
        made = suggest_mapping(platform, who, file, name)
    if out is not None:
        try:
            with out.open("x", encoding="utf-8") as stream:
                stream.write(made.text)
        except FileExistsError:
            raise Conflict("mapping suggest: the file of --out is there already", "Name a new file.") from None
    told = {name: getattr(made, name) for name in made.__dataclass_fields__}
    output.give(told, as_json=json, show=render.drafted if out is None else render.drafted_to_file)
