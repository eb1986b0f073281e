"""What options of commands have in common."""

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
FALLS_SHORT = 7
"""Exit code when what was looked at falls short: that of no error, so that bad data is told from a wrong option."""


def filled(context: typer.Context, option: typer.CallbackParam, value: str) -> str:
    """The value of a condition; one that is given empty is refused, for it would ask for everything.

    An empty shell variable (``--patient "$PATIENT"``) else shows everybody.

    raises  QueryError
    """
    from careloom.errors import QueryError

    source = context.get_parameter_source(option.name or "")
    if not value.strip() and source is not None and source.name == "COMMANDLINE":
        command = context.command_path.partition(" ")[2]
        raise QueryError(f"{command}: {option.opts[0]} is empty", "Give it a value, or leave it out.")
    return value
