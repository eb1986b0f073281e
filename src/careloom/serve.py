"""The server: REST API and dashboard in worker processes, and the job worker beside them, until it is stopped."""

import atexit
import gc
import ipaddress
import logging
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import flask
import httpx
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.utils import redirect

from careloom import logs
from careloom.client.careloom import Careloom
from careloom.client.credentials import Credential
from careloom.client.pace import Pace
from careloom.dashboard.app import create_dashboard
from careloom.dashboard.sign_in_flow import PeoplePages
from careloom.errors import CareloomError, SetupError
from careloom.services import first_party
from careloom.services.annotate import preload, warm
from careloom.services.models_kept import versions_of
from careloom.services.operator_logs import keep_lines
from careloom.services.platform import Platform
from careloom.settings import FILE_VARIABLE, PREFIX, Settings

GRACE_SECONDS = 30
LONGEST_PAUSE_SECONDS = 60.0
"""Between two starts of a job worker that does not stay up, as one does beside another worker of the same data."""
_SHARED_NUMBERS = "PROMETHEUS_MULTIPROC_DIR"
_WARM_AFTER_SECONDS = 1.0
"""What a new process serves first has the processor to itself."""
_YOUNG_OBJECTS = 50_000
"""So many that a call makes and drops a record of thousands of values with none of them looked at by the collector."""


def run(settings: Settings, *, ready: Callable[[], None] | None = None) -> None:
    """Serves until a signal stops it.

    ready   called once the port is open
    raises  SetupError if the address is not safe to serve, the port is taken, or the certificate does not load
    """
    refuse_plain(settings)
    _check_certificate(settings)
    _check_port(settings.api.host, settings.api.port)
    keep_lines(settings)
    numbers, owner = tempfile.mkdtemp(prefix="careloom-numbers-"), os.getpid()
    os.environ[_SHARED_NUMBERS] = numbers
    try:
        _Server(settings, ready).run()
    finally:
        if os.getpid() == owner:  # a worker that leaves comes by here, too
            del os.environ[_SHARED_NUMBERS]
            shutil.rmtree(numbers, ignore_errors=True)


def refuse_plain(settings: Settings) -> None:
    """Returns when nobody could read along: TLS here, TLS in front, or this machine alone.

    raises  SetupError
    """
    api = settings.api
    if bool(api.certificate) != bool(api.key):
        raise SetupError(
            "settings: a certificate and its key go together", "Set both or none of api.certificate, api.key."
        )
    if api.certificate or settings.base_url.startswith("https://"):
        return
    if is_local(api.host) and is_local(urlsplit(settings.base_url).hostname or ""):
        return
    raise SetupError(
        f"settings: {api.host} would be served without TLS",
        "Give api.certificate and api.key, or let a proxy do TLS and name its https address in api.public_url.",
    )


def is_local(host: str) -> bool:
    """True for a name or address of this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def application(settings: Settings) -> Any:
    """The whole WSGI application: the API at the root, the dashboard under ``/dashboard``."""
    return _application(Platform(settings))


def _application(platform: Platform) -> Any:
    from careloom.api.app import create_app  # noqa: PLC0415 - reads PROMETHEUS_MULTIPROC_DIR when imported

    whole = _with_dashboard(platform, create_app(platform))
    proxies = platform.settings.api.proxies
    return ProxyFix(whole, x_for=proxies, x_proto=0) if proxies else whole


def _with_dashboard(platform: Platform, api: Any) -> Any:
    """The API with the dashboard beside it, which calls it as any other client does, only in the same process."""
    settings = platform.settings

    def api_of(credential: Credential) -> Careloom:
        transport = httpx.WSGITransport(app=api, remote_addr=flask.request.remote_addr or "")
        return Careloom(settings.base_url, credential, transport=transport, pace=Pace(attempts=1))

    dashboard = create_dashboard(
        api_of,
        secret=platform.keys.derive("sign-in", "dashboard"),
        session_seconds=settings.api.session_seconds,
        is_secure=settings.base_url.startswith("https://"),
        people=people_pages(platform),
    )

    def root(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ.get("PATH_INFO", "") in ("", "/"):
            return redirect("/dashboard/")(environ, start_response)
        answer: Iterable[bytes] = api(environ, start_response)
        return answer

    return DispatcherMiddleware(root, {"/dashboard": dashboard})


def people_pages(platform: Platform) -> PeoplePages | None:
    """Where people sign in in the dashboard; None where it cannot be registered as an application here."""
    try:
        is_registered = first_party.ensure(platform)
    except CareloomError as error:
        logs.log(__name__, "people cannot sign in in the dashboard", level=logging.ERROR, error_code=error.code)
        return None
    if not is_registered:
        return None
    return PeoplePages(platform.settings.base_url, first_party.CLIENT_ID, f"openid {first_party.SCOPES}")


class _Server(BaseApplication):  # type: ignore[misc]
    """gunicorn, told what our settings say."""

    def __init__(self, settings: Settings, ready: Callable[[], None] | None) -> None:
        self._settings = settings
        self._ready = ready
        super().__init__()

    def load_config(self) -> None:
        """gunicorn's own settings; its control socket, access log and proxy guesses are off."""
        api = self._settings.api
        told = {
            "bind": f"[{api.host}]:{api.port}" if ":" in api.host else f"{api.host}:{api.port}",
            "workers": api.processes,
            "threads": api.threads,
            "worker_class": "careloom.api.connections.PatientWorker",
            "preload_app": True,
            "timeout": 60,
            "graceful_timeout": GRACE_SECONDS,
            "keepalive": 15,
            "limit_request_line": 8190,
            "forwarded_allow_ips": "",
            "control_socket_disable": True,
            "logger_class": _Logger,
            "loglevel": self._settings.logs.level,
            "proc_name": "careloom",
            "certfile": str(api.certificate) if api.certificate else None,
            "keyfile": str(api.key) if api.key else None,
            "when_ready": self._when_ready,
            "post_worker_init": self._begin,
            "ssl_context": _tls,
        }
        for name, value in told.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """The application, made once before the workers are forked."""
        self._platform = Platform(self._settings)
        made = _application(self._platform)
        if self._settings.annotate.warm:
            with suppress(CareloomError):  # whoever asks first is told
                preload(self._platform)
        gc.collect()
        gc.freeze()  # what all workers share stays shared
        return made

    def run(self) -> None:
        """Runs until a signal stops it."""
        _Arbiter(self, self._settings).run()

    def _begin(self, _worker: object) -> None:
        """What a new process does: it says how it will leave, and loads beside what it serves what is slow to load.

        Champions may change, and not every run time lives through a fork: they are not loaded before.
        """
        atexit.register(_leave)
        gc.set_threshold(_YOUNG_OBJECTS, *gc.get_threshold()[1:])
        threading.Thread(target=_warmed, args=(self._platform,), name="warm", daemon=True).start()

    def _when_ready(self, _arbiter: Arbiter) -> None:
        if self._ready:
            self._ready()


def _leave() -> None:
    """Ends a process whose threads are over without taking its libraries down: some do not live through a fork."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _warmed(platform: Platform) -> None:
    """Loads the reader of notes and the champions; then the collector never looks at them again, some 0.2 s a look."""
    time.sleep(_WARM_AFTER_SECONDS)
    with suppress(CareloomError):  # whoever asks first is told
        if platform.settings.annotate.warm:
            warm(platform)
        if versions_of(platform):
            from careloom.services import score_cards  # noqa: PLC0415 - what scores takes time to load

            score_cards.warm(platform)
    gc.collect()
    gc.freeze()


class _Arbiter(Arbiter):  # type: ignore[misc]
    """gunicorn's master process, which keeps the job worker running beside its own workers."""

    def __init__(self, app: BaseApplication, settings: Settings) -> None:
        self._environment = environment_of(settings)
        self._jobs: subprocess.Popen[bytes] | None = None
        self._pause_seconds = 0.0
        self._next_start = 0.0
        super().__init__(app)

    def manage_workers(self) -> None:
        """Called every second: starts what should run and does not, ever more rarely while it does not stay up."""
        super().manage_workers()
        now = time.monotonic()
        if (self._jobs is None or self._jobs.poll() is not None) and now >= self._next_start:
            is_steady = now - self._next_start > LONGEST_PAUSE_SECONDS
            self._pause_seconds = 1.0 if is_steady else min(2 * self._pause_seconds, LONGEST_PAUSE_SECONDS)
            self._next_start = now + self._pause_seconds
            command = [sys.executable, "-m", "careloom.worker", str(os.getpid())]
            self._jobs = subprocess.Popen(command, env=self._environment, stdin=subprocess.DEVNULL)  # noqa: S603

    def stop(self, graceful: bool = True) -> None:
        """Stops the workers; the job worker finishes its batch, and goes on with the job when it is started again."""
        jobs, self._jobs = self._jobs, None
        if jobs is not None and jobs.poll() is None:
            jobs.send_signal(signal.SIGTERM)
        super().stop(graceful)
        if jobs is not None:
            try:
                jobs.wait(GRACE_SECONDS if graceful else 1)
            except subprocess.TimeoutExpired:
                jobs.kill()


class _Logger(Logger):  # type: ignore[misc]
    """gunicorn's messages as our JSON lines: templates without arguments, which may quote an address."""

    def setup(self, cfg: Any) -> None:
        """Replaces gunicorn's own handlers."""
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(logs.JsonLines())
            handler.addFilter(_without_quotes)


def _without_quotes(record: logging.LogRecord) -> bool:
    """Some messages come ready-made and quote the request: nothing behind their first colon is kept."""
    if not record.args:
        record.msg = str(record.msg).partition(":")[0].partition(" from ip=")[0]
    return True


def environment_of(settings: Settings) -> dict[str, str]:
    """The process's environment with these settings as variables, for a process that is to see the same."""
    told = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    told[FILE_VARIABLE] = os.devnull  # what stands in a file, the settings hold already
    for section, keys in settings.model_dump(mode="json").items():
        for key, value in keys.items():
            if value is not None:
                text = ",".join(value) if isinstance(value, list) else str(value)
                told[f"{PREFIX}{section}__{key}".upper()] = text
    return told


def _tls(_config: Any, default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    context = default()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _check_certificate(settings: Settings) -> None:
    api = settings.api
    if api.certificate and api.key:
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(api.certificate, api.key)
        except (OSError, ssl.SSLError) as error:
            raise SetupError(
                f"the certificate or its key does not load ({type(error).__name__})",
                "Check that api.certificate and api.key are PEM files that belong together.",
            ) from None


def _check_port(host: str, port: int) -> None:
    """Binds and lets go at once: a clear error now, instead of retries."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(found[0], found[1]) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(found[4])
    except OSError as error:
        raise SetupError(
            f"port {port} of {host} cannot be opened ({type(error).__name__})",
            "Another program may hold it: stop that one, or set api.port (--port).",
        ) from None
