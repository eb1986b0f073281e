"""Commands of access: emergencies in which the glass is broken, who saw a patient, what was disclosed."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from careloom.cli.options import Json

access_app = typer.Typer(no_args_is_help=True, help="Break the glass for one patient, and look at who did.")
Patient = Annotated[str, typer.Argument(help="Patient/<id>, Careloom's id or the source's own.")]
Since = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="From this day; six years back without it.")]
Until = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Before this day; until now without it.")]


def register(app: typer.Typer, audit_app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.add_typer(access_app, name="access")
    audit_app.command("patient")(audit_patient)
    audit_app.command("disclosures")(audit_disclosures)


@access_app.command("open")
def access_open(
    patient: Patient,
    reason: Annotated[str, typer.Option(help="Why; it is kept sealed, and a privacy officer reads it.")],
    minutes: Annotated[int, typer.Option(min=0, max=1440, help="For how long; 0: as long as the settings allow.")] = 0,
    json: Json = False,
) -> None:
    """Break the glass: see one patient's record that consent withholds, for a while; an alert is raised.

    Example: careloom access open Patient/730014 --reason "unconscious, allergies unknown"
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.emergencies import open_emergency

    with opened() as (platform, who):
        made = open_emergency(platform, who, patient, reason, minutes=minutes)
    output.give(made, as_json=json, show=_show_opened)


@access_app.command("emergencies")
def access_emergencies(
    waiting: Annotated[bool, typer.Option("--waiting", help="Only those that nobody has acknowledged.")] = False,
    json: Json = False,
) -> None:
    """List emergencies in which the glass was broken, newest first.

    Example: careloom access emergencies --waiting
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.emergencies import list_emergencies

    with opened() as (platform, who):
        found = list_emergencies(platform, who, is_waiting=waiting)
    output.give(found, as_json=json, show=_show_emergencies)


@access_app.command("acknowledge")
def access_acknowledge(
    emergency: Annotated[str, typer.Argument(help="Its id, as emergencies lists it.")], json: Json = False
) -> None:
    """Say that you have looked at an emergency.

    Example: careloom access acknowledge lm5z2dywok7s66m43g3qaohlqe
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.emergencies import acknowledge

    with opened() as (platform, who):
        found = acknowledge(platform, who, emergency)
    output.give(found, as_json=json, show=lambda one: output.say(f"Emergency {one['id']}: acknowledged"))


def audit_patient(
    patient: Annotated[str, typer.Argument(help="Patient/<id>, or another TYPE/<id>; Careloom's id or the source's.")],
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=1, help="Events at most, newest first.")] = 100,
    json: Json = False,
) -> None:
    """Show who saw a patient: each actor, for what purpose and how often, then each event.

    Example: careloom audit patient Patient/730014 --since 2026-01-01
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.disclosures import PatientAsk, patient_views

    with opened() as (platform, who):
        ask = PatientAsk(patient, _day(since), _day(until))
        found = patient_views(platform, who, ask, limit=limit)
    output.give(found, as_json=json, show=_show_views)


def audit_disclosures(
    patient: Patient,
    since: Since = None,
    until: Until = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A new file: .json, .csv, or .html to print.")
    ] = None,
    json: Json = False,
) -> None:
    """Account for the disclosures of a patient, as 45 CFR 164.528 asks: who got what, when and what for.

    Example: careloom audit disclosures Patient/730014 --out accounting.html
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.errors import Conflict, QueryError
    from careloom.services.disclosures import PatientAsk, disclosures

    if out is not None and out.suffix not in (".json", ".csv", ".html"):
        raise QueryError("audit disclosures: the file has another ending", "Name it .json, .csv or .html.")
    with opened() as (platform, who):
        found = disclosures(platform, who, PatientAsk(patient, _day(since), _day(until)))
    if out is not None:
        try:
            with out.open("x", encoding="utf-8", newline="") as file:
                file.write(_text(found, out.suffix))
        except FileExistsError:
            raise Conflict("audit disclosures: the file is there already", "Name a new file.") from None
    output.give(found, as_json=json, show=_show_disclosures)


def _text(found: dict[str, Any], ending: str) -> str:
    import orjson

    from careloom.services.disclosures_page import as_csv, as_html

    if ending == ".json":
        return orjson.dumps(found, option=orjson.OPT_INDENT_2).decode() + "\n"
    return as_csv(found) if ending == ".csv" else as_html(found)


def _day(day: datetime | None) -> datetime | None:
    return None if day is None else day.replace(tzinfo=UTC)


def _show_opened(made: dict[str, Any]) -> None:
    from careloom.cli import output

    output.say(f"Emergency {made['id']}: open until {made['until']}")
    output.say(f"Read with: careloom --break-glass {made['id']} search 'Observation?patient={made['patient']}'")


def _show_emergencies(found: list[dict[str, Any]]) -> None:
    from careloom.cli import output

    for one in found:
        seen = f"acknowledged by {one['acknowledged_by']}" if one["acknowledged"] else "WAITS to be acknowledged"
        output.say(f"{one['id']}  {one['opened']}  {one['actor']}  {one['patient'] or 'an erased patient'}  {seen}")
        output.say(f"  {one['reason']}")
    if not found:
        output.say("No emergencies.")


def _show_views(found: dict[str, Any]) -> None:
    from careloom.cli import output

    output.say(f"{found['patient']}: {found['total']} events from {found['since'][:10]} to {found['until'][:10]}")
    for one in found["actors"]:
        output.say(f"  {one['actor']}  {one['purpose']}  {one['operation']}  {one['count']}  last {one['last']}")
    for one in found["views"]:
        kind = f" {one['type']}" if one["type"] else ""
        glass = "  break-glass" if one["emergency"] else ""
        output.say(
            f"{one['time']}  {one['actor']}  {one['operation']}{kind}  {one['purpose']}  {one['outcome']}{glass}"
        )


def _show_disclosures(found: dict[str, Any]) -> None:
    from careloom.cli import output

    output.say(f"{found['patient']}, from {found['since'][:10]} to {found['until'][:10]}, by {found['rule']}")
    for one in found["disclosures"]:
        output.say(f"{one['date']}  {one['recipient']}  {one['description']}  {one['purpose_text']}  {one['count']}")
    if not found["disclosures"]:
        output.say("There were no disclosures that have to be accounted for.")
    for one in found["excluded"]:
        output.say(f"  left out: {one['count']} by {one['rule']}")
