"""``careloom``: one command line. Each command imports what it needs when it runs, so that help is instant."""

import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from careloom import __version__
from careloom.cli import (
    access,
    annotation,
    annotation_query,
    apps,
    clients,
    data,
    deidentification,
    erasure,
    export,
    imports,
    lab,
    lake,
    learning,
    linkage,
    login,
    mapping,
    models,
    monitor,
    operate,
    people,
    privacy,
    quality,
    query,
    records,
    retention,
    risk,
    score,
    search_parameters,
    session,
    signing_keys,
    simulate,
    subjects,
    synthesis,
    terminology,
    vault,
    view,
)
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
mapping.register(app)
query.register(app)
search_parameters.register(app)
view.register(app)
export.register(app)
imports.register(app)
lake.register(app)
risk.register(app)
score.register(app)
monitor.register(app)
models.register(app)
simulate.register(app)
records.register(app)
quality.register(app)
deidentification.register(app)
annotation.register(app)
annotation_query.register(annotation.annotate_app)
learning.register(app)
privacy.register(app)
erasure.register(app)
retention.register(app)
subjects.register(app)
synthesis.register(app)
access.register(app, privacy.audit_app)
linkage.register(app)
vault.register(app)
operate.register(app)
clients.register(app)
people.register(app)
apps.register(app)
login.register(app)
lab.register(app)
signing_keys.register(app)
terminology.register(app)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"careloom {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    purpose: Annotated[
        str | None,
        typer.Option(help="What it is for: a code of HL7 v3 PurposeOfUse, HOPERAT by default.", metavar="CODE"),
    ] = None,
    break_glass: Annotated[
        str | None,
        typer.Option("--break-glass", help="Read under this emergency, opened by careloom access open.", metavar="ID"),
    ] = None,
) -> None:
    """Options before the command: careloom --purpose TREAT search 'Patient?name=ann'."""
    session.ASKED.set((purpose, break_glass))


def main() -> None:
    """Runs the command line; the exit code says whose fault a failure was (docs/reference/command-line.md)."""
    try:
        app()
    except CareloomError as error:
        sys.stderr.write(f"careloom: {error.where}\n")
        from careloom.cli.output import sentence  # keeps --help fast

        if error.remedy:
            sys.stderr.write(f"  {sentence(error.remedy)}\n")
        sys.stderr.write(f"  [{error.code}]\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("careloom: stopped. What was committed is kept; the same command goes on from there.\n")
        sys.exit(130)
    except Exception as error:  # noqa: BLE001 the last handler: its own words may quote a patient's value
        places = [f"{Path(frame.filename).stem}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
        sys.stderr.write(f"careloom: an unexpected {type(error).__name__}. What was committed is kept.\n")
        sys.stderr.write(f"  Report it with this way: {' '.join(places[-8:])}\n  [internal]\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
