"""The commands of forecasts: beds, discharges and slots ahead, and how far to overbook."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from careloom.cli.options import Json

forecast_app = typer.Typer(no_args_is_help=True, help="Forecasts of beds, discharges and slots; overbooking.")
Days = Annotated[int, typer.Option(min=1, max=56, help="Days ahead.")]
Closed = Annotated[
    list[datetime] | None, typer.Option(formats=["%Y-%m-%d"], help="A day on which it is closed; may be repeated.")
]
Judged = Annotated[bool, typer.Option("--judge", help="Forecast the last year, too, against repeating last week.")]


def register(app: typer.Typer) -> None:
    """Adds the commands to those of risk."""
    app.add_typer(forecast_app, name="forecast")


@forecast_app.command("zone")
def zone(
    what: Annotated[str, typer.Argument(metavar="WHAT", help="beds, discharges or slots.")],
    zone: Annotated[str, typer.Option(help="identified, research or synthetic.")] = "identified",
    days: Days = 7,
    closed: Closed = None,
    judge: Judged = False,
    by_unit: Annotated[bool, typer.Option("--by-unit", help="Each ward, or of slots each clinic, by itself.")] = False,
    json: Json = False,
) -> None:
    """Forecast the beds, discharges or slots of a zone as a whole or by unit; slots know what is booked already.

    Example: careloom risk forecast zone beds --days 28 --by-unit
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.risk_forecast import ForecastAsk, forecast_zone

    ask = ForecastAsk(days, tuple(one.date() for one in closed or ()), judge, by_unit)
    with opened() as (platform, who), output.progress("Reading", quiet=json, unit="resources") as watch:
        report = forecast_zone(platform, who, zone, what, ask, watch)
    output.give(report, as_json=json, show=_show)


@forecast_app.command("table")
def table(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV: date, count, and unit if there are several.")],
    days: Days = 7,
    closed: Closed = None,
    judge: Judged = False,
    json: Json = False,
) -> None:
    """Forecast each unit of a table of daily counts.

    Example: careloom risk forecast table wards.csv --days 28 --judge
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.risk_forecast import ForecastAsk, forecast_table

    ask = ForecastAsk(days, tuple(one.date() for one in closed or ()), judge)
    with opened() as (platform, _):
        report = forecast_table(platform, file, ask)
    output.give(report, as_json=json, show=_show)


@forecast_app.command("overbook")
def overbook(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV: show, the chance of each booked visit.")],
    capacity: Annotated[int, typer.Option(min=0, help="Slots of the session.")],
    show_of_new: Annotated[float, typer.Option(min=0, max=1, help="Chance of a further booking to take place.")],
    cost_idle: Annotated[float, typer.Option(min=0, help="Of a slot that nobody uses.")],
    cost_over: Annotated[float, typer.Option(min=0, help="Of a visit beyond the capacity.")],
    json: Json = False,
) -> None:
    """Say how many more visits to book than there are slots, and what that is expected to save.

    Example: careloom risk forecast overbook monday.csv --capacity 18 --show-of-new 0.75 --cost-idle 120 --cost-over 200
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.risk_forecast import overbook_table

    with opened() as (platform, _):
        report = overbook_table(
            platform, file, capacity, show_of_new=show_of_new, cost_idle=cost_idle, cost_over=cost_over
        )
    output.give(report, as_json=json, show=_show_overbooking)


@forecast_app.command("session")
def session(
    day: Annotated[datetime, typer.Argument(metavar="DAY", formats=["%Y-%m-%d"], help="Of the visits, UTC.")],
    model: Annotated[str, typer.Option(help="Of missed appointments: no-show@champion, no-show@3.")],
    capacity: Annotated[int, typer.Option(min=0, help="Slots of the session.")],
    show_of_new: Annotated[float, typer.Option(min=0, max=1, help="Chance of a further booking to take place.")],
    cost_idle: Annotated[float, typer.Option(min=0, help="Of a slot that nobody uses.")],
    cost_over: Annotated[float, typer.Option(min=0, help="Of a visit beyond the capacity.")],
    unit: Annotated[str, typer.Option(help="A clinic, as forecasts by unit name it; everywhere without.")] = "",
    zone: Annotated[str, typer.Option(help="identified, research or synthetic.")] = "identified",
    calls: Annotated[int, typer.Option(min=0, help="Reminders that can be made: whom to call first.")] = 0,
    cost_call: Annotated[float, typer.Option(min=0, help="What one call costs.")] = 0.0,
    prevented: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of missed visits that a call prevents, by a trial.")
    ] = None,
    as_of: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Booked by then, UTC.")] = None,
    facts: Annotated[str, typer.Option(help="A version of the table of facts, or newest; the zone without.")] = "",
    trial: Annotated[bool, typer.Option("--trial", help="Let a version that nobody approved answer; kept is none.")] = (
        False
    ),
    json: Json = False,
) -> None:
    """Say how far to overbook a day and whom to remind first, by what a model says of each booked visit.

    Example: careloom risk forecast session 2026-12-07 --model no-show@champion --capacity 18 --show-of-new 0.75
    --cost-idle 120 --cost-over 200 --calls 5
    """
    from datetime import UTC

    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.score_sessions import SessionAsk, score_session

    ask = SessionAsk(
        model, day.date(), capacity, show_of_new, cost_idle, cost_over, unit, zone, calls, cost_call, prevented,
        None if as_of is None else as_of.replace(tzinfo=UTC), facts, trial,
    )  # fmt: skip
    with opened() as (platform, who), output.progress("Reading", quiet=json, unit="resources") as watch:
        report = score_session(platform, who, ask, watch)
    output.give(report, as_json=json, show=_show_session)


def _show_session(report: dict[str, Any]) -> None:
    from careloom.cli import output

    if report["trial"]:
        output.say(f"A trial: nobody approved {report['model']}. Nothing of it is kept.")
    late = f", {report['unscored']:,} of which the model is not for" if report["unscored"] else ""
    output.say(
        f"{report['booked']:,} visits booked{late}; {report['expected']:.1f} are expected to take place, "
        f"by {report['model']}"
    )
    _show_overbooking(report["overbooking"])
    for row in report["calls"]:
        output.say(f"{row['rank']:>5}  {100 * row['risk']:5.1f} %  {row['patient']}  {row['appointment']}")


def _show(report: list[dict[str, Any]]) -> None:
    from careloom.cli import output

    for one in report:
        output.say(f"{one['unit']}: {one['mean']:.1f} a day in the last year, known until {one['until']}")
        if one["reason"]:
            output.say(f"  not forecast: {one['reason']}")
        for row in one["rows"]:
            median, low, high = (row[name] + 0.0 for name in ("median", "low", "high"))  # no minus before a zero
            output.say(f"  {row['date']}  {median:>7.0f}   {low:.0f} to {high:.0f}")
        told = one["judged"]
        if told is not None and told["mase"] is not None:
            output.say(f"  MASE {told['mase']:.2f}, of repeating last week {told['mase_naive']:.2f}, "
                       f"{told['coverage']:.0%} of the days inside")  # fmt: skip


def _show_overbooking(report: dict[str, Any]) -> None:
    from careloom.cli import output

    output.say(
        f"Book {report['extra']} more: {report['cost']:,.0f} expected, {report['saves']:,.0f} less than without."
    )
    output.say(f"{report['idle']:.1f} slots idle and {report['over']:.1f} visits over are expected then.")
