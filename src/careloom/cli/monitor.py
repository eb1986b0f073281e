"""The commands of monitoring: versions that predict, looks at them, thresholds, what came of predictions."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from careloom.cli.options import Json

monitor_app = typer.Typer(no_args_is_help=True, help="Models that predict: drift, calibration, live figures.")
Version = Annotated[str, typer.Argument(metavar="NAME@NUMBER", help="A version, e.g. readmission-30d@3.")]


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.add_typer(monitor_app, name="monitor")


@monitor_app.command("list")
def listed(json: Json = False) -> None:
    """List the versions that predict, with their newest look.

    Example: careloom monitor list
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.monitor_shown import watched

    with opened() as (platform, who):
        report = watched(platform, who)
    output.give(report, as_json=json, show=_show_listed)


@monitor_app.command("cards")
def cards(
    days: Annotated[int, typer.Option(min=1, max=730, help="Of cards that were shown in so many days.")] = 90,
    json: Json = False,
) -> None:
    """Show what people made of cards in the EHR: by service and kind, with reasons.

    Example: careloom monitor cards --days 30
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.cds_services import counted_cards

    with opened() as (platform, who):
        found = counted_cards(platform, who, days)
    output.give(found, as_json=json, show=_show_cards)


@monitor_app.command("run")
def run(
    version: Version,
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="End of the window, a day; now without.")
    ] = None,
    days: Annotated[float | None, typer.Option(min=0.01, help="How long the window is.")] = None,
    thresholds: Annotated[Path | None, typer.Option(help="A TOML file that changes some of those in force.")] = None,
    json: Json = False,
) -> None:
    """Look at a version now: hold its newest predictions against its profile, and tell of alarms.

    Example: careloom monitor run readmission-30d@3
    """
    from datetime import UTC

    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.monitor import LookAsk
    from careloom.services.monitor_jobs import look_now

    moment = None if until is None else until.replace(tzinfo=UTC)
    with opened() as (platform, who):
        own = "" if thresholds is None else platform.read_text(thresholds)
        report = look_now(platform, who, LookAsk(version, moment, days, own))
    output.give(report, as_json=json, show=_show_look)


@monitor_app.command("show")
def show(
    version: Version,
    run: Annotated[str, typer.Option(help="Id of a look; the newest without.")] = "",
    looks: Annotated[bool, typer.Option("--looks", help="List the looks that are kept.")] = False,
    json: Json = False,
) -> None:
    """Show the newest look at a version, one by its id, or the list of them.

    Example: careloom monitor show readmission-30d@3
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services import monitor_shown

    with opened() as (platform, who):
        if looks:
            output.give(monitor_shown.looks(platform, who, version), as_json=json, show=_show_looks)
            return
        report = monitor_shown.shown(platform, who, version, run)
    output.give(report, as_json=json, show=_show_look)


@monitor_app.command("alarms")
def alarms(
    version: Version,
    standing: Annotated[bool, typer.Option("--standing", help="Leave out those that are closed.")] = False,
    json: Json = False,
) -> None:
    """List the newest alarms of a version: since when they stand, and whom they were told to.

    Example: careloom monitor alarms readmission-30d@3

    Example: careloom monitor alarms readmission-30d@3 --standing
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services import monitor_shown

    with opened() as (platform, who):
        report = monitor_shown.alarms(platform, who, version, "standing" if standing else "")
    output.give(report, as_json=json, show=_show_alarms)


@monitor_app.command("acknowledge")
def acknowledge(
    version: Version,
    alarm: Annotated[str, typer.Argument(metavar="ALARM", help="Id of an alarm, as careloom monitor alarms lists it.")],
    note: Annotated[str, typer.Option(help="What to note beside it; name no patient.")] = "",
    json: Json = False,
) -> None:
    """Acknowledge an alarm: it is told again only once it worsens, or is over.

    Example: careloom monitor acknowledge readmission-30d@3 7v3nq2c5d4aaaabbbbccccdddd --note "the lab changed units"
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services import monitor_shown

    with opened() as (platform, who):
        report = monitor_shown.acknowledge(platform, who, version, alarm, note)
    output.give(report, as_json=json, show=lambda one: _show_alarms([one]))


@monitor_app.command("thresholds")
def thresholds(json: Json = False) -> None:
    """Show the thresholds in force.

    Example: careloom monitor thresholds
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.monitor_shown import limits

    with opened() as (platform, who):
        report = limits(platform, who)
    output.give(report, as_json=json, show=_show_limits)


@monitor_app.command("feedback")
def feedback(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="NDJSON: prediction, outcome or answer, reason.")],
    json: Json = False,
) -> None:
    """Tell what came of predictions: outcomes, and what clinicians made of alerts.

    Example: careloom monitor feedback answers.ndjson
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.monitor_labels import read_feedback, take_feedback

    with opened() as (platform, who):
        report = take_feedback(platform, who, read_feedback(platform.read_text(file)))
    output.give(report, as_json=json, show=_show_taken)


def _show_cards(found: list[dict[str, Any]]) -> None:
    from careloom.cli import output

    rows = [
        [
            one["service"], one["kind"], one["shown"], one["accepted"], one["taken"], one["overridden"],
            ", ".join(f"{reason} {number}" for reason, number in one["reasons"].items()),
        ]
        for one in found
    ]  # fmt: skip
    names = ["service", "kind", "shown", "accepted", "taken over", "overridden", "reasons"]
    output.show_table("Cards", names, rows)


def _show_listed(report: list[dict[str, Any]]) -> None:
    from careloom.cli import output

    if not report:
        output.say("No model has predicted yet.")
    for one in report:
        look = one["look"]
        state = "never looked at" if look is None else f"{len(look['alarms'])} alarms, {look['ended']}"
        lacks = "" if one["has_profile"] else "; it has no profile: see docs/how-to/watch-a-model.md"
        output.say(f"{one['version']}: {one['predictions']:,} predictions, the newest {one['newest']}; {state}{lacks}")


def _show_look(report: dict[str, Any]) -> None:
    from careloom.cli import output

    output.say(f"{report['version']}, {report['since']} to {report['until']}: {report['predictions']:,} predictions, "
               f"{report['outcomes']:,} outcomes, {report['provisional']:,} provisional.")  # fmt: skip
    lost = {**report["unlabelled"]["retired"], **report["unlabelled"]["gone"]}
    if lost:
        output.say("Nobody will know the outcome of " + ", ".join(f"{count:,} ({why})" for why, count in lost.items()))
    if report["skipped"]:
        output.say(f"{report['skipped']:,} predictions were made with another profile and are left out.")
    for one in report["findings"]:
        if one["is_alarm"] or one["level"] != "none":
            mark = "ALARM " if one["is_alarm"] else "      "
            size = f"{one['effect']:.3g} (medium from {one['medium']:.3g}), p {one['p']:.2g}"
            output.say(f"{mark}{one['level']:<7} {one['kind']} {one['place']}: {size}")
    told = report["performance"]
    if told is not None and told["auroc"]["value"] is not None:
        output.say(f"AUROC {told['auroc']['value']:.3f} ({told['auroc']['low']:.3f} to {told['auroc']['high']:.3f})")
    sequential = report["sequential"]
    if sequential is not None and sequential["crossed"] is not None:
        output.say(f"ALARM sequential: outcomes left the scores by {sequential['crossed']}")
    if not report["alarms"]:
        output.say("No alarm.")
    if report["retraining"]:
        output.say(f"A retraining is queued: {report['retraining']}")
    if report["refused"]:
        output.say(f"No retraining began: {report['refused']}")


def _show_looks(report: list[dict[str, Any]]) -> None:
    from careloom.cli import output

    for one in report:
        output.say(f"{one['id']}: {one['predictions']:,} predictions, {one['outcomes']:,} outcomes, "
                   f"{one['provisional']:,} provisional, "
                   f"{len(one['alarms'])} alarms")  # fmt: skip


def _show_alarms(report: list[dict[str, Any]]) -> None:
    from careloom.cli import output

    if not report:
        output.say("No alarm.")
    for one in report:
        until = f"closed {one['closed']}" if one["closed"] else f"seen {one['seen']}"
        told = ", ".join(f"{channel} {moment}" for channel, moment in one["told"].items()) or "nobody"
        waits = f"; waits for {', '.join(one['waiting'])}" if one["waiting"] else ""
        output.say(f"{one['id']} {one['kind']} {one['place']} ({one['level']}): opened {one['opened']}, {until}; "
                   f"told to {told}{waits}{_seen_by(one)}")  # fmt: skip


def _seen_by(one: dict[str, Any]) -> str:
    seen = one["acknowledged"]
    return (
        ""
        if seen is None
        else f"; acknowledged by {seen['by']} {seen['time']}" + (seen["note"] and f": {seen['note']}")
    )


def _show_limits(report: dict[str, Any]) -> None:
    from careloom.cli import output

    for table, values in report.items():
        output.say(f"[{table}]")
        for name, value in values.items():
            output.say(f"{name} = {value}")


def _show_taken(report: dict[str, Any]) -> None:
    from careloom.cli import output

    output.say(f"{report['answers']:,} answers and {report['outcomes']:,} new outcomes are kept.")
    if report["provisional"]:
        output.say(f"{report['provisional']:,} outcomes are provisional: they are looked up until they are final.")
    if report["unknown"]:
        output.say(f"{report['unknown']:,} are of no prediction here.")
