"""Commands of the rights of the data subject: restrict, object, lift, rules."""

from typing import Annotated

import typer

from careloom.cli.options import Json

subject_app = typer.Typer(no_args_is_help=True, help="What a patient is entitled to: restriction, objection.")
Patient = Annotated[str, typer.Argument(help="Patient/<id>, Careloom's id or the source's own.")]
Source = Annotated[str, typer.Option(help="The system whose own id it is.")]
Reason = Annotated[str, typer.Option(help="Who asked for it, and on what ground; kept sealed.")]


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    subject_app.command("restrict")(restrict)
    subject_app.command("object")(object_)
    subject_app.command("lift")(lift)
    subject_app.command("rules")(rules)
    app.add_typer(subject_app, name="subject")


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
