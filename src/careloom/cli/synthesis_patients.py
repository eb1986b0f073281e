"""Commands of what leaves as files: a release as a folder, and synthetic patients with notes in one go."""

from pathlib import Path
from typing import Annotated

import typer

from careloom.cli.options import Json
from careloom.cli.synthesis_options import PolicyName, Reason, Where, release_ask, texts_of


def register(synthesize_app: typer.Typer) -> None:
    """Adds the commands to ``careloom synthesize``."""
    synthesize_app.command("patients")(patients)
    synthesize_app.command("export")(export)


def patients(
    records: Annotated[str, typer.Argument(help="A fitted model of whole records.")],
    notes: Annotated[str, typer.Argument(help="A fitted model of notes, of the same patients.")],
    out: Annotated[Path, typer.Argument(help="A new folder: FHIR NDJSON, a file a type.")],
    number: Annotated[int, typer.Option("--patients", min=1, help="How many.")] = 100,
    where: Where = None,
    kind: Annotated[str, typer.Option(help="Of every note: progress, discharge, ...")] = "",
    table: Annotated[str, typer.Option(help="What the release is called: gold/TABLE.")] = "patients_with_notes",
    policy: PolicyName = "strict",
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Draw patients with notes that agree with their records, judge them, and write them where the policy lets them.

    Where it does not, nothing is written: exit 4, and the sample stays sealed with its measures.

    Example: careloom synthesize patients 20261130T090000Z-abcdef 20261130T091000Z-ghijkl OUT --patients 500
    """
    from careloom.cli import output, render_synthesis
    from careloom.cli.synthesis_session import opened
    from careloom.services.synthesize_whole import WholeAsk
    from careloom.services.synthesize_whole import patients as run

    given = texts_of(where)
    with opened() as (platform, who), output.progress("Drawing", quiet=json, unit="of 1000") as watch:
        let_out = release_ask(platform, "", table, policy, reason)
        made = run(platform, who, WholeAsk(records, notes, out, number, given, kind, let_out), watch)
    output.give(made, as_json=json, show=render_synthesis.exported)


def export(
    release: Annotated[str, typer.Argument(help="A release, as list --releases tells it.")],
    out: Annotated[Path, typer.Argument(help="A new folder.")],
    format_: Annotated[
        str, typer.Option("--format", help="ndjson (FHIR by type, or rows), csv or parquet (a file a table).")
    ] = "ndjson",
    json: Json = False,
) -> None:
    """Write a release that is open to a new folder; of all others nothing (exit 4).

    Example: careloom synthesize export 20261130T090200Z-abcdef OUT --format csv
    """
    from careloom.cli import output, render_synthesis
    from careloom.cli.synthesis_session import opened
    from careloom.errors import QueryError
    from careloom.services.synthesize_export import FORMATS, DownloadAsk, export_release

    if format_ not in FORMATS:
        raise QueryError("there is no such format", f"Name one of {', '.join(FORMATS)}.")
    with opened() as (platform, who):
        made = export_release(platform, who, DownloadAsk(release, format_), out)
    output.give(made, as_json=json, show=render_synthesis.exported)
