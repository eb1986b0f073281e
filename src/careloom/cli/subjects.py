"""Commands of the rights of the data subject: export, rectify, restrict, object, lift, rules."""

from pathlib import Path
from typing import Annotated

import typer

from careloom.cli.options import Json

subject_app = typer.Typer(no_args_is_help=True, help="What a patient is entitled to: a copy, mending, restriction.")
Patient = Annotated[str, typer.Argument(help="Patient/<id>, Careloom's id or the source's own.")]
Source = Annotated[str, typer.Option(help="The system whose own id it is.")]
Reason = Annotated[str, typer.Option(help="Who asked for it, and on what ground; kept sealed.")]


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    subject_app.command("export")(export)
    subject_app.command("check")(check)
    subject_app.command("rectify")(rectify)
    subject_app.command("restrict")(restrict)
    subject_app.command("object")(object_)
    subject_app.command("lift")(lift)
    subject_app.command("rules")(rules)
    app.add_typer(subject_app, name="subject")


def export(
    patient: Patient,
    out: Annotated[Path, typer.Option(help="The zip to write; only its owner can read it.")],
    source: Source = "",
    json: Json = False,
) -> None:
    """Write everything that is kept of a patient into one zip, with a signed inventory.

    Example: careloom subject export Patient/4q2c7lq6m5v3w0f1d2y8z9k7xa --out patient.zip
    """
    from careloom.cli import output, render_rights
    from careloom.cli.session import opened
    from careloom.errors import Conflict
    from careloom.services.erase_pending import write_whole
    from careloom.services.subject_export import export_subject

    if out.exists():
        raise Conflict("the file is there already", "Name another: nothing is written over.")
    with opened() as (platform, who):
        made = export_subject(platform, who, patient, source=source)
        write_whole(out, made.content)
    told = {"file": str(out), **{name: made.inventory[name] for name in ("patient", "sums", "tables")}}
    output.give(told, as_json=json, show=render_rights.exported)


def check(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A zip as export wrote it.")],
    key: Annotated[str, typer.Option(metavar="HEX", help="The public key; then no installation is needed.")] = "",
    json: Json = False,
) -> None:
    """Check that a zip is as it was signed, and every file in it as its inventory says; exit 6 if not.

    Example: careloom subject check patient.zip
    """
    from careloom.cli import output, render_rights
    from careloom.cli.audit_proofs import public_key
    from careloom.cli.session import opened
    from careloom.services.subject_export import check_export

    if key:
        found = check_export(file.read_bytes(), public_key(key))
    else:
        with opened() as (platform, _):
            found = check_export(file.read_bytes(), platform.keys.public_key())
    output.give(found, as_json=json, show=render_rights.checked_export)
    if not (found["signed"] and found["whole"]):
        raise typer.Exit(6)


def rectify(
    patient: Patient,
    fact: Annotated[str, typer.Argument(help="Type/id of the resource to mend.", metavar="TYPE/ID")],
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="The whole resource as it should be, or a patch.")
    ],
    reason: Reason = "",
    erase_old: Annotated[
        bool, typer.Option("--erase-old", help="The version before goes for good, with its source bytes.")
    ] = False,
    source: Source = "",
    json: Json = False,
) -> None:
    """Mend a resource of a patient; a Provenance says who, when and why.

    Example: careloom subject rectify Patient/4q2c Patient/4q2c patch.json --reason 'passport was shown'
    """
    from careloom.cli import output, render_rights
    from careloom.cli.session import opened
    from careloom.services.subject_rectify import RectifyAsk, change_of
    from careloom.services.subject_rectify import rectify as run

    resource, patch = change_of(file.read_bytes())
    with opened() as (platform, who):
        done = run(platform, who, RectifyAsk(patient, fact, reason, resource, patch, erase_old, source))
    output.give(done, as_json=json, show=render_rights.rectified)


def restrict(patient: Patient, reason: Reason = "", source: Source = "", json: Json = False) -> None:
    """Restrict the processing of a patient: care and privacy go on with it, nobody else.

    Example: careloom subject restrict Patient/4q2c7lq6m5v3w0f1d2y8z9k7xa --reason 'contests the birth date'
    """
    _set("restrict", patient, reason, source, json)


def object_(patient: Patient, reason: Reason = "", source: Source = "", json: Json = False) -> None:
    """Take a patient out of research: out of the next de-identification and of every training from now on.

    Example: careloom subject object Patient/4q2c7lq6m5v3w0f1d2y8z9k7xa --reason 'letter of 12 November'
    """
    _set("object", patient, reason, source, json)


def _set(kind: str, patient: str, reason: str, source: str, json: bool) -> None:
    from careloom.cli import output, render_rights
    from careloom.cli.session import opened
    from careloom.services.subject_rules import RuleAsk, set_rule

    with opened() as (platform, who):
        made = set_rule(platform, who, RuleAsk(kind, patient, "", reason, source))  # type: ignore[arg-type]
    output.give(made, as_json=json, show=render_rights.rule)


def lift(rule: Annotated[str, typer.Argument(help="The rule, as rules lists it.")], json: Json = False) -> None:
    """End a restriction or an objection.

    Example: careloom subject lift 4q2c7lq6m5v3w0f1d2y8z9k7xa
    """
    from careloom.cli import output, render_rights
    from careloom.cli.session import opened
    from careloom.services.subject_rules import end_rule

    with opened() as (platform, who):
        ended = end_rule(platform, who, rule)
    output.give(ended, as_json=json, show=render_rights.rule)


def rules(
    patient: Annotated[str, typer.Option(help="Only those on Patient/<id>.")] = "",
    ended: Annotated[bool, typer.Option("--ended", help="Those that ended, too.")] = False,
    json: Json = False,
) -> None:
    """List restrictions and objections, oldest first.

    Example: careloom subject rules
    """
    from careloom.cli import output, render_rights
    from careloom.cli.session import opened
    from careloom.services.subject_rules import rules as run

    with opened() as (platform, who):
        found = run(platform, who, kinds=("restrict", "object"), patient=patient, ended=ended)
    output.give(found, as_json=json, show=render_rights.rules)
