"""``careloom``: one command line. Each command imports what it needs when it runs, so that help is instant."""

import sys
from typing import Annotated

import typer

from careloom import __version__
from careloom.cli import data, operate, privacy, query
from careloom.errors import CareloomError

app = typer.Typer(
    name="careloom",
    help="Turns a hospital's raw feeds into research-ready, privacy-preserving, AI-usable data.\n\n"
    "Start with: careloom demo",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
data.register(app)
query.register(app)
privacy.register(app)
operate.register(app)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"careloom {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options before the command."""


def main() -> None:
    """Runs the command line; the exit code says whose fault a failure was (docs/reference/command-line.md)."""
    try:
        app()
    except CareloomError as error:
        sys.stderr.write(f"careloom: {error.where}\n")
        if error.remedy:
            sys.stderr.write(f"  {error.remedy}\n")
        sys.stderr.write(f"  [{error.code}]\n")
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except KeyboardInterrupt:
        sys.stderr.write("careloom: stopped. What was committed is kept; the same command goes on from there.\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
