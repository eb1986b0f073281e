"""Commands of a person at this machine: sign in at a platform in the browser, out again, and who one is there."""

from typing import TYPE_CHECKING, Annotated

import typer

from careloom.cli.options import Json

if TYPE_CHECKING:
    from careloom.client.reports import Me

CLIENT_ID = "careloom-cli"
SCOPE = "openid offline_access user/*.rs"
Server = Annotated[
    str, typer.Argument(help="The platform's public address; by default the one of the last sign-in.", metavar="[URL]")
]


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.command("login")(login)
    app.command("logout")(logout)
    app.command("whoami")(whoami)


def login(
    server: Server = "",
    scope: Annotated[str, typer.Option(help="What to ask for, divided by spaces.")] = SCOPE,
    client_id: Annotated[str, typer.Option(help="As which application, registered at the platform.")] = CLIENT_ID,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address for a browser anywhere, and ask where it led.")
    ] = False,
    json: Json = False,
) -> None:
    """Sign in at a platform in the browser; programs with the Python SDK then act in your name.

    Example: careloom login https://careloom.example.org
    """
    import webbrowser

    from careloom.cli.browser_sign_in import REDIRECT, BrowserSignIn, Loopback, read

    flow = BrowserSignIn.begin(_named(server), client_id, scope)
    if no_browser:
        typer.echo(f"Open this in a browser, on any machine:\n{flow.address()}", err=True)
        typer.echo("It leads to an address that does not open. Copy that from the browser.", err=True)
        flow.finish(read(typer.prompt("The address where it led", err=True)), REDIRECT)
    else:
        with Loopback(flow) as here:
            address = flow.address(here.redirect)
            if not webbrowser.open(address):
                typer.echo(f"Open this in a browser on this machine:\n{address}", err=True)
            flow.finish(here.wait(), here.redirect)
    _tell(flow.wire.base, as_json=json)


def logout(server: Server = "") -> None:
    """End the sign-in at a platform, there and here.

    Example: careloom logout
    """
    from careloom.cli import output
    from careloom.client.careloom import Careloom

    with Careloom(_named(server)) as api:
        api.sign_out()
    output.say("Signed out.")


def whoami(server: Server = "", json: Json = False) -> None:
    """Say who is signed in at a platform, and what that allows.

    Example: careloom whoami
    """
    _tell(_named(server), as_json=json)


def _named(server: str) -> str:
    """The address of the platform. raises QueryError where none is named and nobody is signed in"""
    from careloom.client.sign_ins import SignIns
    from careloom.errors import QueryError

    named = server or SignIns().last
    if not named:
        raise QueryError("no platform is named, and nobody is signed in", "Name its address: careloom login URL.")
    return named


def _tell(base: str, *, as_json: bool) -> None:
    from careloom.cli import output
    from careloom.client.careloom import Careloom

    with Careloom(base) as api:
        output.give(api.me(), as_json=as_json, show=_show)


def _show(me: "Me") -> None:
    from careloom.cli import output

    for name, values in (("roles", me.roles), ("zones", me.zones), ("scopes", me.scopes)):
        output.say(f"{name}: {' '.join(values)}")
    output.say(f"{me.name} is signed in; this token lasts until {me.expires.isoformat()}.")
