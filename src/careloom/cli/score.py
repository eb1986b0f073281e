"""The command that scores: one patient, or everybody whom a model predicts for."""

from datetime import datetime
from typing import Annotated, Any

import typer

from careloom.cli.options import Json


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
    json: Json = False,
) -> None:
    """Score a patient by a registered model: the risk, what it rests on, and what can be done; or a whole cohort.

    Example: careloom score Patient/p1 --model readmission-30d@champion

    Example: careloom score --cohort readmission_30_days --model readmission-30d@champion --capacity 20
    """
    from datetime import UTC

    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.errors import QueryError

    if not model or bool(patient) == bool(cohort):
        raise QueryError("score: whom, and by what", "Name a patient or --cohort, and --model NAME@ALIAS.")
    if (cost_event or cost_call) and not prevented:
        raise QueryError("score: unit costs", "Say with --prevented which share of events a call prevents, by a trial.")
    at = None if as_of is None else as_of.replace(tzinfo=UTC)
    with opened() as (platform, who):
        if patient:
            from careloom.services.score import ScoreAsk
            from careloom.services.score import score as scored

            ask = ScoreAsk(model, patient, zone, at, now=now, encounter=encounter, write=write)
            output.give(scored(platform, who, ask).as_json(), as_json=json, show=_show_one)
            return
        from careloom.risk.stratify import UnitCosts
        from careloom.services.score_cohort import CohortScoreAsk, score_cohort

        costs = UnitCosts(cost_event, cost_call, prevented) if cost_event or cost_call else None
        asked = CohortScoreAsk(model, zone, cohort, facts, at, capacity, costs, write)
        with output.progress("Reading", quiet=json, unit="resources") as watch:
            report = score_cohort(platform, who, asked, watch)
        output.give(report.as_json(), as_json=json, show=_show_many)


_WHY = {
    "no-index": "Nothing that this model predicts at has happened.",
    "over": "The time that the newest prediction is about has passed.",
    "not-eligible": "The model is not for this patient:",
}


def _show_one(report: dict[str, Any]) -> None:
    from careloom.cli import output

    one = report["assessment"]
    if one is None:
        output.say(" ".join([_WHY[report["state"]], *report["failed"]]))
        return
    interval = one["interval"]
    span = "" if interval is None else f" ({100 * interval['low']:.1f} to {100 * interval['high']:.1f})"
    output.say(f"{one['outcome']}: {100 * one['probability']:.1f} %{span}, by {one['model']}")
    output.say(f"from {one['index_time']} until {one['until']}{'; to be told' if one['alert'] else ''}")
    for factor in one["explanation"]["factors"]:
        mark = " (can be changed)" if factor["modifiable"] else ""
        output.say(f"  {factor['log_odds']:+.2f}  {factor['text']}{mark}")
    for gap in one["care_gaps"]:
        source = gap["source"]
        output.say(f"  gap: {gap['text']} ({source['organisation']}, {source['guideline']}, {source['year']})")
    if report["written"]:
        output.say(f"written: {report['written']}")


def _show_many(report: dict[str, Any]) -> None:
    from careloom.cli import output

    output.say(", ".join(f"{count:,} {state}" for state, count in report["states"].items()))
    called, caught, whole = report["called"], report["expected_caught"], report["expected_events"]
    output.say(f"{called:,} of {report['of']:,} are called")
    output.say(f"{caught:.1f} of {whole:.1f} events expected among them, {report['by_chance']:.1f} by chance")
    if report["saved"] is not None:
        output.say(f"{report['avoided']:.2f} events avoided, {report['saved']:,.2f} saved, if unit costs hold")
    if report["tied_out"]:
        output.say(f"{report['tied_out']:,} as likely as the last one are not called")
    for row in report["listed"]:
        output.say(f"{row['rank']:>5}  {100 * row['risk']:5.1f} %  {row['patient']}  {row['index_time']}")
    if report["written"]:
        output.say(f"{report['written']:,} assessments written")
