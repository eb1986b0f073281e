"""Commands of the pseudonym vault: ask who is behind pseudonyms, decide, learn it; rotate and retire their keys."""

from typing import Annotated, Literal

import typer

from careloom.cli.options import Json, filled

Request = Annotated[str, typer.Argument(help="Id of a request, as in the list.")]
Remark = Annotated[str, typer.Option(help="What you say about it; kept sealed with the request.")]
Project = Annotated[str, typer.Option(callback=filled, help="That of the settings if not given.")]
vault_app = typer.Typer(
    no_args_is_help=True, help="Who is behind pseudonyms: asked with a reason, approved by another, audited."
)


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.add_typer(vault_app, name="vault")


@vault_app.command("ask")
def vault_ask(
    names: Annotated[
        list[str],
        typer.Argument(help="Type/name, as the research zone has it, or sealed/ and an encrypted value; up to 100."),
    ],
    reason: Annotated[str, typer.Option(prompt="Why", help="Why the identities are needed; kept sealed.")],
    purpose: Annotated[
        str, typer.Option(help="TREAT, ETREAT, PATRQT, PATSFTY, PUBHLTH, HRESCH, CLINTRCH, HLEGAL or HOPERAT.")
    ],
    project: Project = "",
    epoch: Annotated[int | None, typer.Option(min=1, help="Of the pseudonyms; the current one if not given.")] = None,
    json: Json = False,
) -> None:
    """Ask who is behind pseudonyms of a project; somebody else has to approve it.

    Example: careloom vault ask Patient/4q2c7lq6m5v3w0f1d2y8z9k7xa --purpose TREAT --reason "critical potassium"
    """
    from careloom.cli import output, render_vault
    from careloom.cli.session import opened
    from careloom.services.vault import Question, ask

    with opened() as (platform, who):
        made = ask(platform, who, Question(tuple(names), reason, purpose, project, epoch))
    output.give(made, as_json=json, show=render_vault.asked)


@vault_app.command("list")
def vault_list(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 20,
    cursor: Annotated[str, typer.Option(help="As the page before gave it.")] = "",
    json: Json = False,
) -> None:
    """List requests, newest first, without what is sealed of them.

    Example: careloom vault list
    """
    from careloom.cli import output, render_vault
    from careloom.cli.session import opened
    from careloom.services.vault import list_requests

    with opened() as (platform, who):
        page = list_requests(platform, who, limit=limit, cursor=cursor)
    output.give(page, as_json=json, show=render_vault.requests)


@vault_app.command("show")
def vault_show(request: Request, json: Json = False) -> None:
    """Show one request: the pseudonyms, the reason, and how it stands.

    Example: careloom vault show lm5z2dywok7s66m43g3qaohlqe
    """
    from careloom.cli import output, render_vault
    from careloom.cli.session import opened
    from careloom.services.vault import show

    with opened() as (platform, who):
        shown = show(platform, who, request)
    output.give(shown, as_json=json, show=render_vault.request)


@vault_app.command("approve")
def vault_approve(request: Request, remark: Remark = "", json: Json = False) -> None:
    """Approve what somebody else asked; it holds for deidentify.approval_days.

    Example: careloom vault approve lm5z2dywok7s66m43g3qaohlqe --remark "called the ward"
    """
    _decide("approve", request, remark, json)


@vault_app.command("refuse")
def vault_refuse(request: Request, remark: Remark = "", json: Json = False) -> None:
    """Refuse what somebody else asked, or take an approval back.

    Example: careloom vault refuse lm5z2dywok7s66m43g3qaohlqe --remark "the study has no consent for it"
    """
    _decide("refuse", request, remark, json)


@vault_app.command("reveal")
def vault_reveal(request: Request, json: Json = False) -> None:
    """Learn who is behind the pseudonyms of your own approved request; audited as a disclosure.

    Example: careloom vault reveal lm5z2dywok7s66m43g3qaohlqe
    """
    from careloom.cli import output, render_vault
    from careloom.cli.session import opened
    from careloom.services.vault import reveal

    with opened() as (platform, who):
        told = reveal(platform, who, request)
    output.give(told, as_json=json, show=render_vault.revealed)


@vault_app.command("epochs")
def vault_epochs(project: Project = "", json: Json = False) -> None:
    """List the epochs of pseudonyms, and the last runs that wrote the research zone under them.

    Example: careloom vault epochs
    """
    from careloom.cli import output, render_vault
    from careloom.cli.session import opened
    from careloom.services.vault_epochs import epochs

    with opened() as (platform, who):
        known = epochs(platform, who, project)
    output.give(known, as_json=json, show=render_vault.epochs)


@vault_app.command("rotate")
def vault_rotate(project: Project = "", json: Json = False) -> None:
    """Begin a new epoch: the next `careloom deidentify` writes the zone under new names and dates.

    Example: careloom vault rotate --project research
    """
    from careloom.cli import output, render_vault
    from careloom.cli.session import opened
    from careloom.services.vault_epochs import rotate

    with opened() as (platform, who):
        made = rotate(platform, who, project)
    output.give(made, as_json=json, show=render_vault.rotated)


@vault_app.command("retire")
def vault_retire(
    epoch: Annotated[int, typer.Argument(min=1, help="An old epoch, as in `careloom vault epochs`.")],
    project: Project = "",
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask: no pseudonym of it can be reversed any more.")
    ] = False,
    json: Json = False,
) -> None:
    """Destroy the salt of an old epoch for good: its pseudonyms cannot be reversed any more.

    Example: careloom vault retire 1 --project research
    """
    from careloom.cli import output, render_vault
    from careloom.cli.session import opened
    from careloom.services.vault_epochs import retire

    if not yes and not _agreed():
        output.say("Nothing was retired. Where nobody can answer, --yes retires without asking.")
        raise typer.Exit(130)
    with opened() as (platform, who):
        done = retire(platform, who, project or platform.settings.deidentify.project, epoch)
    output.give(done, as_json=json, show=render_vault.retired)


def _agreed() -> bool:
    try:
        return typer.confirm("Retire this epoch for good? No pseudonym of it can be reversed afterwards.")
    except typer.Abort:  # nobody there to answer
        return False


def _decide(decision: Literal["approve", "refuse"], request: str, remark: str, json: bool) -> None:
    from careloom.cli import output, render_vault
    from careloom.cli.session import opened
    from careloom.services.vault import decide

    with opened() as (platform, who):
        decided = decide(platform, who, request, decision, remark)
    output.give(decided, as_json=json, show=render_vault.request)
