"""Commands of retention and of legal holds."""

from typing import Annotated

import typer

from careloom.cli.options import Json

retain_app = typer.Typer(no_args_is_help=True, help="What is kept how long, and what a court wants kept.")


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    retain_app.command("plan")(plan)
    retain_app.command("run")(run)
    retain_app.command("hold")(hold)
    retain_app.command("release")(release)
    retain_app.command("holds")(holds)
    app.add_typer(retain_app, name="retain")


Rules = Annotated[list[str] | None, typer.Option("--rule", help="Only this rule; may be repeated.")]


def plan(rule: Rules = None, json: Json = False) -> None:
    """Count what the retention rules would remove now, by rule; nothing is changed.

    Example: careloom retain plan
    """
    from careloom.cli import output, render_rights
    from careloom.cli.session import opened
    from careloom.services.retain import plan as service

    with opened() as (platform, who):
        found = service(platform, who, rule or ())
    output.give(found, as_json=json, show=render_rights.planned)


def run(
    rule: Rules = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: what is removed cannot be brought back.")] = False,
    json: Json = False,
) -> None:
    """Remove what the retention rules let go; stopped, the same command goes on. See plan first.

    Example: careloom retain run --rule quarantine --yes
    """
    from careloom.cli import output, render_rights
    from careloom.cli.session import opened
    from careloom.services.retain import run as service

    if not yes and not typer.confirm("Remove what careloom retain plan counts, for good?"):
        raise typer.Exit(130)
    with opened() as (platform, who):
        done = service(platform, who, rule or ())
    output.give(done, as_json=json, show=render_rights.retained)


def hold(
    patient: Annotated[str, typer.Argument(help="Patient/<id>; left out with --zone.")] = "",
    zone: Annotated[str, typer.Option(help="A whole zone: landing, identified, research, synthetic.")] = "",
    reason: Annotated[str, typer.Option(help="Who asks for it, and why; kept sealed.")] = "",
    source: Annotated[str, typer.Option(help="The system whose own id it is.")] = "",
    json: Json = False,
) -> None:
    """Set a legal hold: neither erasure nor retention removes anything of the patient, or of the zone.

    Example: careloom retain hold Patient/4q2c7lq6m5v3w0f1d2y8z9k7xa --reason 'Court of Lowell, 12/2026'
    """
    from careloom.cli import output, render_rights
    from careloom.cli.session import opened
    from careloom.services.subject_rules import RuleAsk, set_rule

    with opened() as (platform, who):
        made = set_rule(platform, who, RuleAsk("hold", patient, zone, reason, source))
    output.give(made, as_json=json, show=render_rights.rule)


def release(rule: Annotated[str, typer.Argument(help="The hold, as holds lists it.")], json: Json = False) -> None:
    """Release a legal hold.

    Example: careloom retain release 4q2c7lq6m5v3w0f1d2y8z9k7xa
    """
    from careloom.cli import output, render_rights
    from careloom.cli.session import opened
    from careloom.services.subject_rules import end_rule

    with opened() as (platform, who):
        ended = end_rule(platform, who, rule)
    output.give(ended, as_json=json, show=render_rights.rule)


def holds(
    ended: Annotated[bool, typer.Option("--ended", help="Those that were released, too.")] = False, json: Json = False
) -> None:
    """List legal holds, oldest first.

    Example: careloom retain holds
    """
    from careloom.cli import output, render_rights
    from careloom.cli.session import opened
    from careloom.services.subject_rules import rules

    with opened() as (platform, who):
        found = rules(platform, who, kinds=("hold",), ended=ended)
    output.give(found, as_json=json, show=render_rights.rules)
