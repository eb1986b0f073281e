"""Commands of who may come in: clients."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from careloom.cli.options import Json

if TYPE_CHECKING:
    from careloom.services.clients import Registered
    from careloom.services.platform import Platform

Name = Annotated[str, typer.Argument(help="The client's name, as clients list shows it.")]
Keys = Annotated[
    Path | None, typer.Option("--jwks", help="Its public keys as a JWK Set: it then signs in without a secret.")
]
clients_app = typer.Typer(no_args_is_help=True, help="Who may come in over HTTP: programs and people.")


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.add_typer(clients_app, name="clients")


@clients_app.command("add")
def clients_add(
    name: Annotated[str, typer.Argument(help="What it calls itself, and what the audit chain calls it.")],
    role: Annotated[list[str], typer.Option(help="A role; again for more.")],
    zone: Annotated[list[str], typer.Option(help="A zone; again for more.")],
    scope: Annotated[list[str] | None, typer.Option(help="A scope; without one all that the roles permit.")] = None,
    person: Annotated[bool, typer.Option("--person", help="A person, who signs in to the dashboard.")] = False,
    jwks: Keys = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="Let in for so many days.")] = 365,
    patient: Annotated[
        str, typer.Option(help="Bound to this patient's compartment: Patient/<id>.", metavar="REFERENCE")
    ] = "",
    actor: Annotated[
        list[str] | None, typer.Option(help="What FHIR calls it, for consents: Practitioner/<id>; again for more.")
    ] = None,
    purpose: Annotated[
        list[str] | None, typer.Option(help="A purpose of use that it may name; without one all that the roles may.")
    ] = None,
    issuer: Annotated[
        str, typer.Option(help="The iss of the JWTs that an EHR signs for CDS Hooks, with --jwks.", metavar="URI")
    ] = "",
    json: Json = False,
) -> None:
    """Let a program or a person in, and print its secret once.

    Example: careloom clients add ward-viewer --role clinician --zone identified --scope system/Patient.rs
    """
    from datetime import timedelta

    from careloom.cli.session import opened
    from careloom.services.clients import ClientAsk, register_client

    with opened() as (platform, who):
        ask = ClientAsk(
            name, role, zone, scope or (), "person" if person else "client",
            read_keys(platform, jwks), platform.runtime.now() + timedelta(days=days),
            client_id=issuer, patient=patient, actors=actor or (), purposes=purpose or (),
        )  # fmt: skip
        _give(platform, register_client(platform, who, ask), as_json=json)


@clients_app.command("list")
def clients_list(json: Json = False) -> None:
    """List everybody who was ever let in.

    Example: careloom clients list
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.clients import list_clients

    with opened() as (platform, who):
        found = list_clients(platform, who)
    output.give(found, as_json=json, show=_show_table)


@clients_app.command("show")
def clients_show(name: Name, json: Json = False) -> None:
    """Show what one client may do, and until when.

    Example: careloom clients show ward-viewer
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.clients import show_client

    with opened() as (platform, who):
        found = show_client(platform, who, name)
    output.give(found, as_json=json, show=_show_one)


@clients_app.command("disable")
def clients_disable(name: Name) -> None:
    """Stop a client at once; the tokens that it has are worth nothing.

    Example: careloom clients disable ward-viewer
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.clients import disable_client

    with opened() as (platform, who):
        disable_client(platform, who, name)
    output.say(f"Client {name}: disabled")


@clients_app.command("enable")
def clients_enable(name: Name) -> None:
    """Let a disabled client in again.

    Example: careloom clients enable ward-viewer
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.clients import enable_client

    with opened() as (platform, who):
        enable_client(platform, who, name)
    output.say(f"Client {name}: enabled")


@clients_app.command("rotate-secret")
def clients_rotate_secret(name: Name, jwks: Keys = None, json: Json = False) -> None:
    """Give a client a new secret, or new keys; the old ones and all its tokens are worth nothing from now on.

    Example: careloom clients rotate-secret ward-viewer
    """
    from careloom.cli.session import opened
    from careloom.services.clients import rotate_secret

    with opened() as (platform, who):
        _give(platform, rotate_secret(platform, who, name, read_keys(platform, jwks)), as_json=json)


def read_keys(platform: "Platform", file: Path | None) -> dict[str, Any] | None:
    """The JWK Set of a file; None without one. raises NotFound; FormatError"""
    import orjson

    from careloom.errors import FormatError

    if file is None:
        return None
    try:
        read = orjson.loads(platform.read_text(file))
    except orjson.JSONDecodeError:
        read = None
    if not isinstance(read, dict):
        raise FormatError(f"{file.name} is no JWK Set", 'It is JSON: {"keys": [...]}, as RFC 7517 has it.')
    return read


def _give(platform: "Platform", registered: "Registered", *, as_json: bool) -> None:
    from careloom.cli import output
    from careloom.services.clients import as_json as told

    entry = told(registered.client, platform.runtime.now())
    if as_json:
        output.emit_json(entry | ({"client_secret": registered.secret} if registered.secret else {}))
        return
    _show_one(entry)
    if registered.secret:
        output.console().print(f"client_secret: {registered.secret}", markup=False, soft_wrap=True)  # to be copied
        output.say("This is the only time that it is shown: keep it where secrets are kept.")


def _show_one(entry: dict[str, Any]) -> None:
    from careloom.cli import output

    for name, value in entry.items():
        if value:
            output.say(f"{name}: {' '.join(value) if isinstance(value, list) else value}")


def _show_table(entries: list[dict[str, Any]]) -> None:
    from careloom.cli import output

    rows = [
        [
            entry["name"], entry["kind"], entry["state"], " ".join(entry["roles"]), " ".join(entry["zones"]),
            (entry["expires"] or "never")[:10],
        ]
        for entry in entries
    ]  # fmt: skip
    output.show_table("Clients", ["name", "kind", "state", "roles", "zones", "expires"], rows)
