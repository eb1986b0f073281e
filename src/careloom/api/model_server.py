"""The server of one model: worker processes of gunicorn, each with the model that it checked and unpacked itself."""

import atexit
import gc
import ipaddress
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication

from careloom.errors import SetupError
from careloom.services.access import Principal
from careloom.services.platform import Platform
from careloom.services.score_models import served
from careloom.settings import Settings

SHORTEST_TOKEN = 32
_SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


@dataclass(frozen=True, slots=True)
class ServeAsk:
    """What to serve, where, and to whom.

    version      ``readmission-30d@champion``
    token        what requests have to show; empty only where `open_here` says so and this machine alone reaches it
    certificate  PEM files for TLS; elsewhere than on this machine they have to be there, or a proxy does TLS
    """

    version: str
    host: str = "127.0.0.1"
    port: int = 8500
    token: str = ""
    open_here: bool = False
    processes: int = 1
    threads: int = 4
    certificate: Path | None = None
    key: Path | None = None
    behind_proxy: bool = False


def require_safe(ask: ServeAsk) -> None:
    """Returns where nobody unasked can ask or read along. raises SetupError"""
    here = is_local(ask.host)
    if not ask.token and not (ask.open_here and here):
        raise SetupError(
            "the model would answer anybody", "Give a token; on this machine alone, --open says that none is needed."
        )
    if ask.token and len(ask.token) < SHORTEST_TOKEN:
        raise SetupError("the token is too short", f"Make one of {SHORTEST_TOKEN} characters or more, at random.")
    if bool(ask.certificate) != bool(ask.key):
        raise SetupError("a certificate and its key go together", "Give both or none.")
    if not here and not ask.certificate and not ask.behind_proxy:
        raise SetupError(
            f"{ask.host} would be served without TLS", "Give a certificate and key, or say that a proxy does TLS."
        )


def is_local(host: str) -> bool:
    """True for a name or address of this machine alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def run(settings: Settings, who: Principal, ask: ServeAsk, *, ready: Callable[[str], None] | None = None) -> None:
    """Serves until a signal stops it.

    ready   called with the version once the port is open
    raises  SetupError for what is not safe to serve; and whatever keeps the version from being opened
    """
    require_safe(ask)
    with Platform(settings) as platform:
        label = served(platform, ask.version).label  # what is not as it was signed is refused before anything listens
    with tempfile.TemporaryDirectory(prefix="careloom-numbers-") as numbers:
        os.environ[_SHARED_FOLDER] = numbers
        try:
            _Server(settings, who, ask, label, ready).run()
        finally:
            del os.environ[_SHARED_FOLDER]


class _Server(BaseApplication):  # type: ignore[misc]
    """gunicorn, told what was asked; every worker opens the registry after it was forked."""

    def __init__(
        self, settings: Settings, who: Principal, ask: ServeAsk, label: str, ready: Callable[[str], None] | None
    ) -> None:
        self._settings, self._who, self._ask, self._label, self._ready = settings, who, ask, label, ready
        super().__init__()

    def load_config(self) -> None:
        """gunicorn's own settings."""
        ask = self._ask
        told = {
            "bind": f"[{ask.host}]:{ask.port}" if ":" in ask.host else f"{ask.host}:{ask.port}",
            "workers": ask.processes, "threads": ask.threads, "worker_class": "gthread", "preload_app": False,
            "timeout": 60, "graceful_timeout": 10, "keepalive": 15, "forwarded_allow_ips": "",
            "control_socket_disable": True, "loglevel": "error", "proc_name": "careloom-model",
            "certfile": str(ask.certificate) if ask.certificate else None, "keyfile": str(ask.key) if ask.key else None,
            "when_ready": lambda _: self._ready and self._ready(self._label),
        }  # fmt: skip
        for name, value in told.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """The application of one worker."""
        from careloom.api.model_service import create_model_app  # noqa: PLC0415 - reads the shared folder when imported
        from careloom.services.score_serving import Serving  # noqa: PLC0415 - beside it

        serving = Serving(Platform(self._settings), self._who, self._ask.version)
        atexit.register(serving.close)
        made = create_model_app(serving, self._ask.token)
        gc.collect()
        gc.freeze()
        return made
