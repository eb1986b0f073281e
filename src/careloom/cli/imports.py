"""The commands ``import`` and ``reconcile``: files of resources in, and what became of every record."""

from pathlib import Path
from typing import Annotated, Any

import typer

from careloom.cli.options import Json


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.command("import")(bulk_import)
    app.command()(reconcile)


def bulk_import(
    paths: Annotated[list[Path], typer.Argument(help="NDJSON files or folders; archives are opened.", metavar="PATH")],
    source: Annotated[
        str, typer.Option(help="Name of the sending system; the same id from it is the same thing.")
    ] = "",
    processes: Annotated[int, typer.Option(min=0, help="Worker processes; 0 for the configured number.")] = 0,
    queue: Annotated[bool, typer.Option("--queue", help="Hand it to the job worker and return at once.")] = False,
    json: Json = False,
) -> None:
    """Import files of FHIR resources, and tell what became of every record, by file and type.

    Example: careloom import export/*.ndjson --source main-hospital
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.imports import import_files, queue_import
    from careloom.services.ingest import IngestAsk

    ask = IngestAsk(tuple(paths), source=source, processes=processes)
    with opened() as (platform, who):
        if queue:
            job = queue_import(platform, who, ask)
            output.give(
                job,
                as_json=json,
                show=lambda made: output.say(f"Job {made['job_id']}; when done: careloom reconcile {made['job_id']}."),
            )
            return
        with output.progress("Importing", quiet=json) as tell:
            report = import_files(platform, who, ask, tell)
    output.give(report, as_json=json, show=_show)


def reconcile(
    run: Annotated[str, typer.Argument(help="Id of a finished import or ingestion, as `careloom jobs list` shows.")],
    json: Json = False,
) -> None:
    """Tell what became of every record of a run, as the store holds it now: after a redrive it tells anew.

    Example: careloom reconcile 20261122T101500Z-4q2c7l
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.reconciliation import reconcile as run_it

    with opened() as (platform, who):
        report = run_it(platform, who, run)
    output.give(report, as_json=json, show=_show)


def _show(report: dict[str, Any]) -> None:
    """A line for each file, and one for each of its types."""
    from careloom.cli import output

    for number, file in enumerate(report["files"], 1):
        word = "whole" if file["is_whole"] else "NOT WHOLE"
        output.say(f"File {number} ({file['state']}, {word}): {_counts(file)}")
        for kind, one in file["types"].items():
            output.say(f"  {kind or 'unknown type'}: {_counts(one)}; {one['hash'][:16]}")
    totals = report["totals"]
    output.say(f"{'All accounted for' if report['is_whole'] else 'NOT all accounted for'}: {_counts(totals)}")
    if totals["quarantined"]:
        output.say("See what was refused: careloom quarantine list; try again: careloom quarantine redrive.")


def _counts(one: dict[str, Any]) -> str:
    words = [f"{one[name]:,} {name}" for name in ("stored", "known", "quarantined", "kept", "erased") if one[name]]
    return f"{one['received']:,} received = {' + '.join(words) or '0'}"
