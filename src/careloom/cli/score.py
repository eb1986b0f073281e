"""The command that scores: one patient, or everybody whom a model predicts for."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from careloom.cli.options import Json

if TYPE_CHECKING:
    from careloom.services.score_cohort import CohortScoreAsk


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command()(score)


def score(
    patient: Annotated[str, typer.Argument(metavar="[PATIENT]", help="Id of a patient, or Patient/<id>.")] = "",
    model: Annotated[str, typer.Option(help="NAME@ALIAS or NAME@3, as careloom models list shows them.")] = "",
    cohort: Annotated[
        str, typer.Option(help="In place of a patient: everybody of the model's cohort, by its name.")
    ] = "",
    zone: Annotated[str, typer.Option(help="identified, research or synthetic.")] = "identified",
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="Nothing later is looked at; UTC. Now without."),
    ] = None,
    now: Annotated[bool, typer.Option("--now", help="As if the stay that runs ended at this moment.")] = False,
    encounter: Annotated[str, typer.Option(help="With --now: which stay.")] = "",
    facts: Annotated[
        str, typer.Option(help="With --cohort: a version of the table of facts, or newest; the zone without.")
    ] = "",
    capacity: Annotated[int | None, typer.Option(min=0, help="With --cohort: calls that can be made.")] = None,
    cost_event: Annotated[float, typer.Option(min=0, help="What one event costs.")] = 0.0,
    cost_call: Annotated[float, typer.Option(min=0, help="What one call and its follow-up cost.")] = 0.0,
    prevented: Annotated[float, typer.Option(min=0, max=1, help="Share of events that a call prevents.")] = 0.0,
    write: Annotated[bool, typer.Option("--write", help="Write assessments as RiskAssessment.")] = False,
    trial: Annotated[
        bool, typer.Option("--trial", help="Let a version that nobody approved answer, by its number; nothing is kept.")
    ] = False,
    queue: Annotated[bool, typer.Option("--queue", help="With --cohort: let the worker do it.")] = False,
    run: Annotated[str, typer.Option(help="What came of one that was queued, by its id.")] = "",
    runs: Annotated[bool, typer.Option("--runs", help="List those that you queued.")] = False,
    json: Json = False,
) -> None:
    """Score a patient by a registered model: the risk, what it rests on, and what can be done; or a whole cohort.

    Example: careloom score Patient/p1 --model readmission-30d@champion

    Example: careloom score --cohort readmission_30_days --model readmission-30d@champion --capacity 20

    Example: careloom score --cohort readmission_30_days --model readmission-30d@champion --queue

    Example: careloom score --runs
    """
    from datetime import UTC

    from careloom.cli import output, render_risk
    from careloom.cli.session import opened
    from careloom.errors import QueryError

    if run or runs:
        _show_run(run, json)
        return
    if not model or bool(patient) == bool(cohort):
        raise QueryError("score: whom, and by what", "Name a patient or --cohort, and --model NAME@ALIAS.")
    if (cost_event or cost_call) and not prevented:
        raise QueryError("score: unit costs", "Say with --prevented which share of events a call prevents, by a trial.")
    at = None if as_of is None else as_of.replace(tzinfo=UTC)
    if not patient:
        from careloom.risk.stratify import UnitCosts
        from careloom.services.score_cohort import CohortScoreAsk

        costs = UnitCosts(cost_event, cost_call, prevented) if cost_event or cost_call else None
        _whole(CohortScoreAsk(model, zone, cohort, facts, at, capacity, costs, write, trial), queue, json)
        return
    from careloom.services.score import ScoreAsk
    from careloom.services.score import score as scored

    with opened() as (platform, who):
        ask = ScoreAsk(model, patient, zone, at, now=now, encounter=encounter, write=write, trial=trial)
        output.give(scored(platform, who, ask).as_json(), as_json=json, show=render_risk.assessment)


def _whole(ask: "CohortScoreAsk", queue: bool, json: bool) -> None:
    from careloom.cli import output, render_risk
    from careloom.cli.session import opened

    if queue:
        from careloom.services.score_cohort_jobs import submit_scoring

        with opened() as (platform, who):
            output.give(submit_scoring(platform, who, ask), as_json=json, show=render_risk.queued)
        return
    from careloom.services.score_cohort import score_cohort

    with opened() as (platform, who), output.progress("Reading", quiet=json, unit="resources") as watch:
        report = score_cohort(platform, who, ask, watch)
    output.give(report.as_json(), as_json=json, show=render_risk.stratified)


def _show_run(run: str, json: bool) -> None:
    from careloom.cli import output, render_risk
    from careloom.cli.session import opened
    from careloom.services.score_cohort_jobs import scoring_state, scorings

    with opened() as (platform, who):
        if not run:
            output.give(scorings(platform, who), as_json=json, show=render_risk.score_runs)
            return
        output.give(scoring_state(platform, who, run), as_json=json, show=render_risk.score_run)
