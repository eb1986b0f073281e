"""Commands of applications in which people sign in."""

from pathlib import Path
from typing import Annotated, Any

import typer

from careloom.cli.options import Json

apps_app = typer.Typer(no_args_is_help=True, help="Applications in which people sign in (SMART App Launch, OpenID).")


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.add_typer(apps_app, name="apps")


@apps_app.command("add")
def apps_add(
    name: Annotated[str, typer.Argument(help="Its client_id, and what the audit chain calls it.")],
    redirect: Annotated[list[str], typer.Option(help="A whole address that codes may be sent to; again for more.")],
    scope: Annotated[str, typer.Option(help="The most that people may let it do, divided by spaces.")],
    title: Annotated[str, typer.Option(help="As people are asked about it.")] = "",
    public: Annotated[bool, typer.Option("--public", help="It can keep no secret, as in a browser.")] = False,
    jwks: Annotated[
        Path | None, typer.Option("--jwks", help="Its public keys as a JWK Set: it then proves itself by them.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="Let in for so many days.")] = 365,
    json: Json = False,
) -> None:
    """Register an application in which people sign in, and print its secret once.

    Example: careloom apps add growth --public --redirect https://growth.example.org/after --scope "openid user/*.rs"
    """
    from datetime import timedelta

    from careloom.cli import output
    from careloom.cli.clients import read_keys
    from careloom.cli.session import opened
    from careloom.services.apps import AppAsk, app_as_json, register_app

    with opened() as (platform, who):
        now = platform.runtime.now()
        keys = read_keys(platform, jwks)
        made = register_app(
            platform, who, AppAsk(name, redirect, scope, title, public, keys, now + timedelta(days=days))
        )
        told = app_as_json(made.client, made.app, now)
    if json:
        output.emit_json(told | ({"client_secret": made.secret} if made.secret else {}))
        return
    _show(told)
    if made.secret:
        output.console().print(f"client_secret: {made.secret}", markup=False, soft_wrap=True)  # to be copied
        output.say("This is the only time that it is shown: keep it where secrets are kept.")


@apps_app.command("list")
def apps_list(json: Json = False) -> None:
    """List every application in which people sign in; clients disable and rotate-secret work for them too.

    Example: careloom apps list
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.services.apps import list_apps

    with opened() as (platform, who):
        found = list_apps(platform, who)
    output.give(found, as_json=json, show=_show_all)


def _show_all(entries: list[dict[str, Any]]) -> None:
    for entry in entries:
        _show(entry)


def _show(entry: dict[str, Any]) -> None:
    from careloom.cli import output

    for name, value in entry.items():
        if value:
            output.say(f"{name}: {' '.join(value) if isinstance(value, list) else value}")
