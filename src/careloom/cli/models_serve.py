"""The command that serves one model on its own."""

import os
from pathlib import Path
from typing import Annotated

import typer

TOKEN = "CARELOOM_MODEL_TOKEN"  # noqa: S105 - the name of a variable


def register(app: typer.Typer) -> None:
    """Adds the command to those of models."""
    app.command("serve")(serve)


def serve(
    version: Annotated[str, typer.Argument(metavar="NAME@ALIAS", help="readmission-30d@champion, readmission-30d@3.")],
    host: Annotated[str, typer.Option(help="Where to listen; this machine alone by default.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port.")] = 8500,
    token_file: Annotated[
        Path | None, typer.Option(help=f"File with the bearer token; the variable {TOKEN} without.")
    ] = None,
    open_here: Annotated[
        bool, typer.Option("--open", help="Without a token; only where this machine alone reaches it.")
    ] = False,
    processes: Annotated[int, typer.Option(min=1, max=64, help="Worker processes.")] = 1,
    threads: Annotated[int, typer.Option(min=1, max=64, help="Threads of each.")] = 4,
    certificate: Annotated[Path | None, typer.Option(help="PEM file of the certificate, for TLS.")] = None,
    key: Annotated[Path | None, typer.Option(help="PEM file of its key.")] = None,
    behind_proxy: Annotated[bool, typer.Option("--behind-proxy", help="A proxy in front does TLS.")] = False,
) -> None:
    """Serve one registered version as a microservice: /invocations, /health, /ping, /version, /metrics.

    Example: careloom models serve readmission-30d@champion --port 8500
    """
    import getpass
    from importlib import import_module  # the server stands beside the command line, not below it

    from careloom import logs
    from careloom.cli import output
    from careloom.errors import SetupError
    from careloom.services.access import local_operator
    from careloom.settings import load

    settings = load()
    logs.configure(settings.logs.level)
    try:
        token = os.environ.get(TOKEN, "") if token_file is None else token_file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise SetupError("the file of the token cannot be read", "Name a file with the token alone.") from None
    server = import_module("careloom.api.model_server")
    ask = server.ServeAsk(
        version, host, port, token, open_here, processes, threads, certificate, key, behind_proxy
    )  # fmt: skip
    scheme = "https" if certificate else "http"

    def ready(label: str) -> None:
        output.say(f"Serving {label} at {scheme}://{host}:{port}/invocations; stop with Ctrl-C.")

    server.run(settings, local_operator(getpass.getuser()), ask, ready=ready)
