"""Commands of erasure: erase a patient with a certificate, search for one, verify a certificate."""

from pathlib import Path
from typing import Annotated, Any

import typer

from careloom.cli.options import Json


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.command()(erase)


def erase(
    patient: Annotated[
        str, typer.Argument(help="Patient/<id>, Careloom's id or the source's own; with --check also a certificate.")
    ],
    source: Annotated[str, typer.Option(help="The system whose own id it is.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: erasure cannot be undone.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Erase nothing: search every byte for the patient; exit 6 if one is found.")
    ] = False,
    search: Annotated[
        bool, typer.Option("--search/--no-search", help="Search every byte after the erasure, for the certificate.")
    ] = True,
    json: Json = False,
) -> None:
    """Erase a patient everywhere: keys destroyed, rows, indexes, tables and backups rewritten, a certificate signed.

    Example: careloom erase Patient/4q2c7lq6m5v3w0f1d2y8z9k7xa

    Example: careloom erase --check careloom-data/erasures/20261129T120000Z-abcdef.json
    """
    from careloom.cli import output, render_erasure
    from careloom.cli.session import opened
    from careloom.services.erase import erase as run

    if check:
        _check(patient, source, json)
        return
    if not yes and not _agreed():
        output.say("Nothing was erased. Where nobody can answer, --yes erases without asking.")
        raise typer.Exit(130)
    with opened() as (platform, who), output.progress("Searching", quiet=json) as watch:
        report = run(platform, who, patient, source=source, search=search, watch=watch)
    output.give(report, as_json=json, show=render_erasure.erased)
    if report["hits"]:
        raise typer.Exit(6)


def _check(patient: str, source: str, json: bool) -> None:
    from careloom.cli import output, render_erasure
    from careloom.cli.session import opened
    from careloom.services import erase as service

    with opened() as (platform, who), output.progress("Searching", quiet=json) as watch:
        if Path(patient).is_file():
            report = service.check_certificate(platform, who, Path(patient).read_bytes(), watch)
        else:
            report = service.check(platform, who, patient, source=source, watch=watch)
    output.give(report, as_json=json, show=render_erasure.searched)
    if report["hits"]:
        raise typer.Exit(6)


def verify_certificate(file: Path, key: str, json: bool) -> None:
    """Checks a certificate by a public key, or by this installation's; exit 6 if it does not hold."""
    from careloom.cli import output, render_erasure
    from careloom.cli.audit_proofs import public_key
    from careloom.cli.session import opened
    from careloom.services.erase_certificate import check_by

    if key:
        found: dict[str, Any] = check_by(file.read_bytes(), public_key(key))
    else:
        with opened() as (platform, _):
            found = check_by(file.read_bytes(), platform.keys.public_key())
    output.give(found, as_json=json, show=render_erasure.certificate)
    if not (found["signed"] and found["sums"]):
        raise typer.Exit(6)


def _agreed() -> bool:
    try:
        return typer.confirm("Erase this patient for good? Nothing brings the data back.")
    except typer.Abort:  # nobody there to answer
        return False
