"""Commands of linkage: which patients are one person, and who decides it."""

from typing import Annotated, Literal

import typer

from careloom.cli.options import Json, filled

Pair = Annotated[str, typer.Argument(help="Pair id, as in the list.")]
Reason = Annotated[str, typer.Option(help="Why; kept sealed with the pair.")]
linkage_app = typer.Typer(
    no_args_is_help=True, help="Which patients are one person: found, explained, decided, undone."
)


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.add_typer(linkage_app, name="linkage")


@linkage_app.command("run")
def linkage_run(
    full: Annotated[bool, typer.Option("--full", help="Learn anew and compare everybody.")] = False,
    queue: Annotated[bool, typer.Option("--queue", help="Hand it to the job worker and return at once.")] = False,
    json: Json = False,
) -> None:
    """Find patients who are one person; link the sure ones, leave the doubtful for a person.

    Example: careloom linkage run
    """
    from careloom.cli import output, render_linkage
    from careloom.cli.session import opened
    from careloom.services.linkage import run

    with opened() as (platform, who):
        if queue:
            from careloom.services.linkage_jobs import submit_run

            job = submit_run(platform, who, full=full)
            output.give_job(job, as_json=json)
            return
        report = run(platform, who, full=full)
    output.give(report, as_json=json, show=render_linkage.report)


@linkage_app.command("list")
def linkage_list(
    state: Annotated[str, typer.Option(help="review, linked, rejected; all for every state.")] = "review",
    patient: Annotated[str, typer.Option(callback=filled, help="Only pairs of Patient/<id>.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 20,
    cursor: Annotated[str, typer.Option(help="As the page before gave it.")] = "",
    json: Json = False,
) -> None:
    """List pairs, the strongest first, without a value of any patient.

    Example: careloom linkage list --state linked
    """
    from careloom.cli import output, render_linkage
    from careloom.cli.session import opened
    from careloom.services.linkage_review import PairsAsk, list_pairs

    ask = PairsAsk(state="" if state == "all" else state, patient=patient, limit=limit, cursor=cursor)
    with opened() as (platform, who):
        page = list_pairs(platform, who, ask)
    output.give(page, as_json=json, show=render_linkage.pairs)


@linkage_app.command("show")
def linkage_show(pair: Pair, json: Json = False) -> None:
    """Show both patients side by side, what agrees, what that weighs, and what was decided.

    Example: careloom linkage show 4q2c7lq6m5v3w0f1d2y8z9k7xa
    """
    from careloom.cli import output, render_linkage
    from careloom.cli.session import opened
    from careloom.services.linkage_review import show_pair

    with opened() as (platform, who):
        shown = show_pair(platform, who, pair)
    output.give(shown, as_json=json, show=render_linkage.side_by_side)


@linkage_app.command("accept")
def linkage_accept(pair: Pair, reason: Reason = "", json: Json = False) -> None:
    """Decide that the two are one person; Patient.link says so at once.

    Example: careloom linkage accept 4q2c7lq6m5v3w0f1d2y8z9k7xa --reason "seen both passports"
    """
    _decide("accept", pair, reason, json)


@linkage_app.command("reject")
def linkage_reject(pair: Pair, reason: Reason = "", json: Json = False) -> None:
    """Decide that the two are not; the pair comes back only if the patients' data change.

    Example: careloom linkage reject 4q2c7lq6m5v3w0f1d2y8z9k7xa --reason "twins"
    """
    _decide("reject", pair, reason, json)


@linkage_app.command("undo")
def linkage_undo(pair: Pair, reason: Reason = "", json: Json = False) -> None:
    """Take the last decision about a pair back: a person's, the model's, or a merge of the feed.

    Example: careloom linkage undo 4q2c7lq6m5v3w0f1d2y8z9k7xa
    """
    _decide("undo", pair, reason, json)


@linkage_app.command("golden")
def linkage_golden(
    patient: Annotated[str, typer.Argument(help="Patient/<id> of any record of the person.")], json: Json = False
) -> None:
    """Show the best value of each field of all records of a person, and where it comes from.

    Example: careloom linkage golden Patient/4q2c7lq6m5v3w0f1d2y8z9k7xa
    """
    from careloom.cli import output, render_linkage
    from careloom.cli.session import opened
    from careloom.services.golden import golden

    with opened() as (platform, who):
        record = golden(platform, who, patient)
    output.give(record, as_json=json, show=render_linkage.golden)


@linkage_app.command("duplicates")
def linkage_duplicates(
    limit: Annotated[int, typer.Option(min=1, help="At most so many groups.")] = 20,
    queue: Annotated[bool, typer.Option("--queue", help="Hand it to the job worker and return at once.")] = False,
    json: Json = False,
) -> None:
    """Find resources that are there twice: the same content, or the same event from two feeds. Nothing is removed.

    Example: careloom linkage duplicates
    """
    from careloom.cli import output, render_linkage
    from careloom.cli.session import opened
    from careloom.services.duplicates import duplicates

    with opened() as (platform, who):
        if queue:
            from careloom.services.duplicates_jobs import submit_look

            job = submit_look(platform, who)
            output.give_job(job, as_json=json)
            return
        with output.progress("Looking", quiet=json, unit="resources") as watch:
            report = duplicates(platform, who, limit=limit, watch=watch)
    output.give(report, as_json=json, show=render_linkage.duplicates)


def _decide(action: Literal["accept", "reject", "undo"], pair: str, reason: str, json: bool) -> None:
    from careloom.cli import output, render_linkage
    from careloom.cli.session import opened
    from careloom.services.linkage_review import decide

    with opened() as (platform, who):
        decided = decide(platform, who, pair, action, reason)
    output.give(decided, as_json=json, show=render_linkage.decided)
