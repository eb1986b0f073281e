"""Commands of privacy: deidentify-files, audit."""

from pathlib import Path
from typing import Annotated

import typer

from careloom.cli import audit_proofs
from careloom.cli.options import Json, filled

audit_app = typer.Typer(no_args_is_help=True, help="Who did what to whom, and the proof that nobody changed it.")


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.command("deidentify-files")(deidentify_files)
    audit_proofs.register(audit_app)
    app.add_typer(audit_app, name="audit")


def deidentify_files(
    source: Annotated[Path, typer.Argument(help="A FHIR file, or a folder: .json, .ndjson, .jsonl.", metavar="IN")],
    out: Annotated[Path, typer.Argument(help="A new file or folder; nothing is written over.", metavar="OUT")],
    microsoft: Annotated[
        Path, typer.Option(metavar="FILE", help="A configuration of Microsoft's FHIR anonymizer, for R4.")
    ],
    keys_from_store: Annotated[
        bool, typer.Option("--keys-from-store", help="Keys it does not give are this project's, not random ones.")
    ] = False,
    json: Json = False,
) -> None:
    """Rewrite FHIR files by a configuration of Microsoft's FHIR anonymizer: a deny-list, what no rule names stays.

    Example: careloom deidentify-files export/ export-without-names/ --microsoft configuration.json
    """
    from careloom.cli import output, render
    from careloom.cli.session import opened
    from careloom.runtime import Runtime
    from careloom.services import deidentify_files as service

    ask = service.FilesAsk(source, out, microsoft)
    with output.progress("De-identifying", quiet=json) as watch:
        if keys_from_store:
            with opened() as (platform, who):
                report = service.deidentify_files_with_store_keys(platform, who, ask, watch)
        else:
            report = service.deidentify_files(ask, Runtime(), watch)
    output.give(report.as_json(), as_json=json, show=render.deidentified_files)
    if report.refused:
        raise typer.Exit(7)


@audit_app.command("verify")
def audit_verify(json: Json = False) -> None:
    """Check every link and signature of the audit chains of all zones, and their anchors.

    Example: careloom audit verify
    """
    from careloom.cli import output, render
    from careloom.cli.session import opened
    from careloom.services.audit import verify

    with opened() as (platform, who):
        report = verify(platform, who)
    output.give(report, as_json=json, show=render.chains)
    if not report["verified"]:
        raise typer.Exit(6)


@audit_app.command("signature")
def audit_signature(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="A report as careloom deidentify wrote it.")
    ],
    json: Json = False,
) -> None:
    """Check that a de-identification report is as this installation signed it; exit 6 if it is not.

    Example: careloom audit signature careloom-data/research/reports/20261128T120000Z-abcdef.json
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.deidentify_report import check_signature

    with opened() as (platform, who):
        found = check_signature(platform, who, file.read_bytes())
    said = "as it was signed" if found["signed"] else "NOT as it was signed here"
    output.give(found, as_json=json, show=lambda one: output.say(f"The report of run {one['run_id']} is {said}."))
    if not found["signed"]:
        raise typer.Exit(6)


@audit_app.command("leaks")
def audit_leaks(
    answers: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="The answers folder of a simulated hospital.")
    ] = None,
    json: Json = False,
) -> None:
    """Search every byte under the data directory for every identifier of every patient; exit 6 if one is found.

    Example: careloom audit leaks
    """
    from careloom.cli import output, render_leaks
    from careloom.cli.session import opened
    from careloom.services.leak_scan import ScanAsk, scan_for_leaks

    with opened() as (platform, who), output.progress("Searching", quiet=json) as watch:
        report = scan_for_leaks(platform, who, ScanAsk(answers), watch).as_json()
    output.give(report, as_json=json, show=render_leaks.scanned)
    if report["hits"]:
        raise typer.Exit(6)


@audit_app.command("report")
def audit_report(
    zone: Annotated[str, typer.Option(help="identified, research or synthetic.")] = "identified",
    patient: Annotated[str, typer.Option(callback=filled, help="Only events about Patient/<id>.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 50,
    json: Json = False,
) -> None:
    """List audited acts, newest first; JSON gives FHIR AuditEvent resources.

    Example: careloom audit report --patient Patient/4q2c7lq6m5v3w0f1d2y8z9k7xa
    """
    from careloom.cli import output, render
    from careloom.cli.session import opened
    from careloom.services.audit import report as run

    with opened() as (platform, who):
        events = run(platform, who, zone, patient=patient, limit=limit)
    output.give(events, as_json=json, show=render.audit_events)
