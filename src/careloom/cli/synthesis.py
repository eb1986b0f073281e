"""Commands of synthetic data: those of rows and releases, and the privacy ledger."""

from typing import Annotated

import typer

from careloom.cli import (
    synthesis_notes,
    synthesis_patients,
    synthesis_records,
    synthesis_release,
    synthesis_rows,
    synthesis_search,
)
from careloom.cli.options import Json

synthesize_app = typer.Typer(no_args_is_help=True, help="Data of nobody, and the privacy that it costs.")
ledger_app = typer.Typer(no_args_is_help=True, help="Privacy budgets of data sets, and what was spent of them.")


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    ledger_app.command("list")(ledger_list)
    ledger_app.command("show")(ledger_show)
    ledger_app.command("budget")(ledger_budget)
    ledger_app.command("verify")(ledger_verify)
    synthesis_rows.register(synthesize_app)
    synthesis_search.register(synthesize_app)
    synthesis_records.register(synthesize_app)
    synthesis_notes.register(synthesize_app)
    synthesis_release.register(synthesize_app)
    synthesis_patients.register(synthesize_app)
    synthesize_app.add_typer(ledger_app, name="ledger")
    app.add_typer(synthesize_app, name="synthesize")


def ledger_list(json: Json = False) -> None:
    """List the accounts: budget, share used, epsilon spent.

    Example: careloom synthesize ledger list
    """
    from careloom.cli import output, render_ledger
    from careloom.cli.session import opened
    from careloom.services.privacy_ledger import accounts

    with opened() as (platform, who):
        found = accounts(platform, who)
    output.give(found, as_json=json, show=render_ledger.accounts)


def ledger_show(
    account: Annotated[str, typer.Argument(help="A data set, or a cohort of it: research/heart-failure.")],
    json: Json = False,
) -> None:
    """Show one account with every use that counts against it, newest first.

    Example: careloom synthesize ledger show research
    """
    from careloom.cli import output, render_ledger
    from careloom.cli.session import opened
    from careloom.services.privacy_ledger import account as service

    with opened() as (platform, who):
        found = service(platform, who, account)
    output.give(found, as_json=json, show=render_ledger.account)


def ledger_budget(
    account: Annotated[str, typer.Argument(help="all, identified, research, or a cohort: research/heart-failure.")],
    epsilon: Annotated[float, typer.Option(help="The most that all uses together may spend of a patient's privacy.")],
    delta: Annotated[float, typer.Option(help="Far below one over the number of patients.")] = 1e-6,
    rule: Annotated[str, typer.Option(help="How uses add up: renyi, or sum.")] = "renyi",
    reason: Annotated[str, typer.Option(help="Who decided it, and why.")] = "",
    json: Json = False,
) -> None:
    """Set the budget of an account; without one nothing private is learnt from the data. A privacy officer does this.

    Example: careloom synthesize ledger budget research --epsilon 3 --delta 1e-6 --reason 'Board of 3 December'
    """
    from typing import cast

    from careloom.cli import output, render_ledger
    from careloom.cli.session import opened
    from careloom.services.privacy_ledger import BudgetAsk, set_budget
    from careloom.synth.accounting_filter import Rule

    with opened() as (platform, who):
        made = set_budget(platform, who, BudgetAsk(account, epsilon, delta, cast("Rule", rule), reason))
    output.give(made, as_json=json, show=render_ledger.budget)


def ledger_verify(json: Json = False) -> None:
    """Check that no row of the ledger was changed, removed or added, against the audit chain; exit 6 if one was.

    Example: careloom synthesize ledger verify
    """
    from careloom.cli import output, render_ledger
    from careloom.cli.session import opened
    from careloom.services.privacy_ledger import check

    with opened() as (platform, who):
        found = check(platform, who)
    output.give(found, as_json=json, show=render_ledger.checked)
    if not found["whole"]:
        raise typer.Exit(6)
