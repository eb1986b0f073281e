"""The command that opens notebooks: JupyterLab on this machine, with a credential of its own for as long as it runs."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from careloom.services.lab import Lab

JUPYTER = "jupyterlab"
_WAIT_SECONDS = 5.0
_SETTINGS = "CARELOOM_"
"""What these variables hold is the operator's; a notebook acts by its own credential."""


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command()(lab)


def lab(
    folder: Annotated[
        Path | None, typer.Argument(help="Where the notebooks lie; by default notebooks/ here, else this folder.")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of JupyterLab on 127.0.0.1; 0 for any free one.")] = 8888,
    hours: Annotated[int, typer.Option(help="The credential ends then at the latest.")] = 8,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open a browser.")] = False,
) -> None:
    """Open notebooks that see the research and the synthetic zone, until JupyterLab ends.

    Example: careloom lab
    """
    from careloom.cli import output
    from careloom.cli.session import opened
    from careloom.errors import NotFound, SetupError
    from careloom.services.lab import close_lab, open_lab

    place = folder or (Path("notebooks") if Path("notebooks").is_dir() else Path())
    if not place.is_dir():
        raise NotFound("there is no such folder", "Name the folder of the notebooks.")
    if find_spec(JUPYTER) is None:
        raise SetupError("JupyterLab is not installed", "Install the extra: pip install 'careloom[lab]'.")
    with opened() as (platform, who):
        _answers(platform.settings.base_url)
        made = open_lab(platform, who, hours)
        try:
            output.say(f"Notebooks in {place.resolve()}; in one: from careloom.client.lab import connect")
            status = run(command(place, port, opens_browser=not no_browser), made)
        finally:
            close_lab(platform, who, made)
            output.say("The lab has ended, and its credential with it.")
    if status:
        raise typer.Exit(1)


def command(folder: Path, port: int, *, opens_browser: bool) -> list[str]:
    """JupyterLab for this machine alone; it asks nobody elsewhere for news, updates or extensions."""
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": str(port),
        "ServerApp.open_browser": str(opens_browser),
        "ServerApp.root_dir": str(folder.resolve()),
        "ServerApp.allow_remote_access": "False",
        "LabApp.extension_manager": "readonly",
        "LabApp.news_url": "None",
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    }
    return [sys.executable, "-m", JUPYTER, *(f"--{name}={value}" for name, value in options.items())]


def run(arguments: Sequence[str], made: "Lab") -> int:
    """The status of a program that finds its credential in a file for this user alone, gone when the program ends."""
    with held(made) as place, _ended_by_signals():
        child = subprocess.Popen(arguments, env=environment(place))  # noqa: S603 - this interpreter, and what `command` says
        try:
            return _until_ended(child)
        finally:
            if child.poll() is None:
                child.terminate()
                child.wait()


@contextmanager
def held(made: "Lab") -> Iterator[Path]:
    """The file that `careloom.client.lab.connect` reads."""
    import orjson

    with tempfile.TemporaryDirectory(prefix="careloom-lab-") as folder:
        place = Path(folder) / "credential.json"
        told = {"base_url": made.base_url, "client_id": made.client_id, "secret": made.secret}
        with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(orjson.dumps(told))
        yield place


def environment(place: Path) -> Mapping[str, str]:
    """This environment without the operator's settings, and with where the credential lies."""
    from careloom.client.lab import VARIABLE

    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(_SETTINGS)}
    return kept | {VARIABLE: str(place)}


def _until_ended(child: "subprocess.Popen[bytes]") -> int:
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:  # the program has it, too, and asks whether it is meant
            continue


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """A request to end is heard, so that what was opened is closed."""

    def ended(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(1)

    before = signal.signal(signal.SIGTERM, ended)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _answers(base_url: str) -> None:
    """Returns where the platform answers. raises SetupError"""
    import httpx

    from careloom.errors import SetupError

    try:
        answer = httpx.get(f"{base_url}/healthz", timeout=_WAIT_SECONDS, trust_env=False)
    except httpx.HTTPError:
        answer = None
    if answer is None or answer.status_code != httpx.codes.OK:
        raise SetupError("the platform does not answer here", "Start it beside this: careloom serve.")
