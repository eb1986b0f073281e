"""Commands of de-identification: make the research zone, its reports, the policies."""

from typing import Annotated

import typer

from careloom.cli import deidentify_one
from careloom.cli.options import Json

deidentify_app = typer.Typer(
    invoke_without_command=True,
    help="Make the research zone: direct identifiers dropped by allow-list, free text refused, tables written.",
)


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    deidentify_one.register(deidentify_app)
    app.add_typer(deidentify_app, name="deidentify")


@deidentify_app.callback()
def deidentify(
    context: typer.Context,
    policy: Annotated[
        str,
        typer.Option(
            help="One that ships (careloom deidentify policies), or a TOML file; that of the settings if not given."
        ),
    ] = "",
    queue: Annotated[bool, typer.Option("--queue", help="Hand it to the job worker and return at once.")] = False,
    json: Json = False,
) -> None:
    """Make the research zone: direct identifiers dropped by allow-list, free text refused, tables written.

    Example: careloom deidentify --policy safe-harbor
    """
    if context.invoked_subcommand is not None:
        if policy or queue:
            raise typer.BadParameter(f"belongs to the run: write it after `{context.invoked_subcommand}`, or alone")
        return
    from careloom.cli import output, render
    from careloom.cli.session import opened
    from careloom.errors import SetupError
    from careloom.services.deidentifications import submit
    from careloom.services.deidentify import deidentify as run

    own = _file_of(policy)
    if own is not None and queue:
        raise SetupError("a policy file of your own is not queued", "Run it without --queue.")
    with opened() as (platform, who):
        if queue:
            job = submit(platform, who, policy=policy)
            output.give_job(job, as_json=json)
            return
        with output.progress("De-identifying", quiet=json, unit="resources") as tell:
            watch = (lambda done, total, _so_far: tell(done, total)) if tell else None
            report = run(platform, who, policy, own=own or b"", watch=watch)
    output.give(report.as_json() if json else report, as_json=json, show=render.deidentified)


@deidentify_app.command("reports")
def reports(
    run: Annotated[str, typer.Argument(help="One run, with what it did.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=200, help="At most so many, newest first.")] = 20,
    cursor: Annotated[str, typer.Option(help="Where the page before ended: its `next`.")] = "",
    json: Json = False,
) -> None:
    """List de-identifications, newest first, or show what one did.

    Example: careloom deidentify reports
    """
    from careloom.cli import output, render_deidentification
    from careloom.cli.session import opened
    from careloom.services.deidentifications import list_runs, show_run

    with opened() as (platform, who):
        if run:
            output.give(show_run(platform, who, run), as_json=json, show=render_deidentification.run)
        else:
            found = list_runs(platform, who, limit=limit, cursor=cursor)
            output.give(found, as_json=json, show=render_deidentification.runs)


@deidentify_app.command("policies")
def policies(
    name: Annotated[str, typer.Argument(help="One policy, with its entries and their reasons.")] = "",
    json: Json = False,
) -> None:
    """List the policies that ship, or read one: what passes, what does not, and why.

    Example: careloom deidentify policies safe-harbor
    """
    from careloom.cli import output, render_deidentification
    from careloom.cli.session import opened
    from careloom.services.deidentification_policies import list_policies, show_policy

    with opened() as (platform, who):
        if name:
            output.give(show_policy(platform, who, name), as_json=json, show=render_deidentification.policy)
        else:
            output.give(list_policies(platform, who), as_json=json, show=render_deidentification.policies)


@deidentify_app.command("lint")
def lint(
    policy: Annotated[str, typer.Argument(help="A policy that ships, or a TOML file that extends one.")],
    data: Annotated[bool, typer.Option("--data", help="Also say what matches nothing in the identified zone.")] = False,
    json: Json = False,
) -> None:
    """Say what is odd about a policy: unknown names, entries in vain, identifiers that pass. Exits with 5 on errors.

    Example: careloom deidentify lint our-policy.toml --data
    """
    from careloom.cli import output, render_deidentification
    from careloom.cli.session import opened
    from careloom.errors import SetupError
    from careloom.services.deidentification_policies import lint_policy

    raw = _file_of(policy)
    with opened() as (platform, who):
        told = lint_policy(platform, who, policy, raw, with_data=data)
    output.give(told, as_json=json, show=render_deidentification.lint)
    if not told["usable"]:
        raise typer.Exit(SetupError.exit_code)


def _file_of(policy: str) -> bytes | None:
    """The bytes of a policy file; None for a name."""
    from pathlib import Path

    from careloom.errors import NotFound

    if not policy.endswith(".toml"):
        return None
    try:
        return Path(policy).read_bytes()
    except OSError:
        raise NotFound("the policy file cannot be read", "Check path and rights.") from None
