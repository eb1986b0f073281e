"""Commands of people: who may sign in with a password and a second factor."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from careloom.cli.options import Json

if TYPE_CHECKING:
    from careloom.services.people import Invitation

Name = Annotated[str, typer.Argument(help="The person's name, as people list shows it.")]
people_app = typer.Typer(no_args_is_help=True, help="People who sign in with a password and a second factor.")


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.add_typer(people_app, name="people")


@people_app.command("invite")
def people_invite(
    name: Annotated[str, typer.Argument(help="What the person signs in as, and what the audit chain says.")],
    role: Annotated[list[str], typer.Option(help="A role; again for more.")],
    zone: Annotated[list[str], typer.Option(help="A zone; again for more.")],
    full_name: Annotated[str, typer.Option(help="As pages greet the person.")] = "",
    scope: Annotated[list[str] | None, typer.Option(help="A scope; without one all that the roles permit.")] = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="Let in for so many days.")] = 365,
    patient: Annotated[
        str, typer.Option(help="Bound to this patient's compartment: Patient/<id>.", metavar="REFERENCE")
    ] = "",
    actor: Annotated[
        list[str] | None, typer.Option(help="What FHIR calls the person: Practitioner/<id>; again for more.")
    ] = None,
    purpose: Annotated[
        list[str] | None, typer.Option(help="A purpose of use that may be named; without one all that the roles may.")
    ] = None,
    json: Json = False,
) -> None:
    """Invite a person, and print the code that lets the person choose a password once.

    Example: careloom people invite mara.lind --role clinician --zone identified --full-name "Mara Lind"
    """
    from datetime import timedelta

    from careloom.cli.session import opened
    from careloom.services.clients import ClientAsk
    from careloom.services.people import invite

    with opened() as (platform, who):
        ask = ClientAsk(
            name, role, zone, scope or (), "person", expires=platform.runtime.now() + timedelta(days=days),
            patient=patient, actors=actor or (), purposes=purpose or (),
        )  # fmt: skip
        _give(invite(platform, who, ask, full_name), as_json=json)


@people_app.command("enrol")
def people_enrol(name: Name) -> None:
    """Accept an invitation here: choose a password, set up a second factor, keep the recovery codes.

    Asks for the code of the invitation, the password and a code of the authenticator; nothing of it is shown.

    Example: careloom people enrol mara.lind
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services import enrolment
    from careloom.services.sign_in import Knock

    with opened() as (platform, _):
        invitation = typer.prompt("Code of the invitation", hide_input=True)
        password = typer.prompt("New password", hide_input=True, confirmation_prompt=True)
        begun = enrolment.begin(platform, Knock(name, "local"), invitation, password)
        output.console().print(f"Type this into an authenticator app: {begun.secret}", markup=False, soft_wrap=True)
        code = typer.prompt("Six digits that the app shows")
        client, codes = enrolment.finish(platform, begun.draft, code)
    output.say(f"Person {client.name}: may sign in")
    output.say("Recovery codes, each good once instead of the app; this is the only time that they are shown:")
    for one in codes:
        output.say(f"  {one}")


@people_app.command("list")
def people_list(json: Json = False) -> None:
    """List everybody who has an account.

    Example: careloom people list
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.people import list_people

    with opened() as (platform, who):
        found = list_people(platform, who)
    output.give(found, as_json=json, show=_show_table)


@people_app.command("show")
def people_show(name: Name, json: Json = False) -> None:
    """Show what a person may do, until when, and how the account stands.

    Example: careloom people show mara.lind
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.people import show_person

    with opened() as (platform, who):
        found = show_person(platform, who, name)
    output.give(found, as_json=json, show=_show_one)


@people_app.command("reset")
def people_reset(name: Name, json: Json = False) -> None:
    """Take password, second factor and all sign-ins from a person, and print a new invitation.

    Example: careloom people reset mara.lind
    """
    from careloom.cli.session import opened
    from careloom.services.people import reset

    with opened() as (platform, who):
        _give(reset(platform, who, name), as_json=json)


@people_app.command("passkeys")
def people_passkeys(name: Name, json: Json = False) -> None:
    """List the passkeys of a person.

    Example: careloom people passkeys mara.lind
    """
    from careloom.cli.session import opened
    from careloom.services.passkeys_of_people import list_passkeys

    with opened() as (platform, who):
        found = list_passkeys(platform, who, name)
    _give_passkeys(found, as_json=json)


@people_app.command("remove-passkey")
def people_remove_passkey(
    name: Name,
    passkey: Annotated[str, typer.Argument(help="Its id, as people passkeys shows it.")],
    json: Json = False,
) -> None:
    """Remove a passkey that a person lost; the other ones and the authenticator stay.

    Example: careloom people remove-passkey mara.lind mfrggzdfmzqwc2lomfrggzdfmz
    """
    from careloom.cli.session import opened
    from careloom.services.passkeys_of_people import remove_passkey

    with opened() as (platform, who):
        left = remove_passkey(platform, who, name, passkey)
    _give_passkeys(left, as_json=json)


@people_app.command("unlock")
def people_unlock(name: Name) -> None:
    """Let a person try to sign in at once, whom somebody's guesses made wait.

    Example: careloom people unlock mara.lind
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.people import unlock

    with opened() as (platform, who):
        unlock(platform, who, name)
    output.say(f"Person {name}: may try again at once")


@people_app.command("disable")
def people_disable(name: Name) -> None:
    """Stop a person at once; every sign-in ends.

    Example: careloom people disable mara.lind
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.clients import disable_client

    with opened() as (platform, who):
        disable_client(platform, who, name)
    output.say(f"Person {name}: disabled")


@people_app.command("enable")
def people_enable(name: Name) -> None:
    """Let a disabled person in again.

    Example: careloom people enable mara.lind
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.clients import enable_client

    with opened() as (platform, who):
        enable_client(platform, who, name)
    output.say(f"Person {name}: enabled")


def _give(invitation: "Invitation", *, as_json: bool) -> None:
    from careloom.cli import output

    if as_json:
        output.emit_json(invitation.person | {"invitation": invitation.code})
        return
    _show_one(invitation.person)
    output.console().print(f"invitation: {invitation.code}", markup=False, soft_wrap=True)  # to be copied
    output.say(f"Good once, until {invitation.until:%Y-%m-%d %H:%M} UTC; this is the only time that it is shown.")


def _give_passkeys(found: dict[str, Any], *, as_json: bool) -> None:
    from careloom.cli import output

    def shown(entry: dict[str, Any]) -> None:
        rows = [
            [
                key["id"], key["name"], "may be synced" if key["is_synced"] else "on one device", key["created"][:16],
                (key["used"] or "never")[:16],
            ]
            for key in entry["passkeys"]
        ]  # fmt: skip
        output.show_table(f"Passkeys of {entry['name']}", ["id", "name", "where", "added", "last used"], rows)

    output.give(found, as_json=as_json, show=shown)


def _show_one(entry: dict[str, Any]) -> None:
    from careloom.cli import output

    for name, value in entry.items():
        if value:
            output.say(f"{name}: {' '.join(value) if isinstance(value, list) else value}")


def _show_table(entries: list[dict[str, Any]]) -> None:
    from careloom.cli import output

    rows = [
        [
            entry["name"], entry["full_name"], entry["state"], entry["account"], " ".join(entry["roles"]),
            " ".join(entry["zones"]), (entry["signed_in"] or "never")[:16],
        ]
        for entry in entries
    ]  # fmt: skip
    output.show_table("People", ["name", "full name", "state", "account", "roles", "zones", "signed in"], rows)
