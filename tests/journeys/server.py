"""A server in a process of its own, started as an operator would: `careloom serve` on a free port of this machine."""

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.journeys.hospital import CommandLine

START_SECONDS = 240
STOP_SECONDS = 40


@dataclass(frozen=True)
class Server:
    """A running server.

    line  the command line over the same data directory
    url   its address, without a slash at its end
    log   the file that takes its output
    """

    line: CommandLine
    url: str
    log: Path
    process: "subprocess.Popen[bytes]"

    def fhir(self, zone: str = "identified") -> str:
        return f"{self.url}/fhir/{zone}"

    @property
    def token_url(self) -> str:
        return f"{self.url}/oauth2/token"

    def get(self, path: str, token: str = "", **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.get(self.url + path, headers=headers | more.pop("headers", {}), timeout=120, **more)

    def token(self, name: str, secret: str, scope: str = "") -> str:
        """An access token by client credentials."""
        form = {"grant_type": "client_credentials"} | ({"scope": scope} if scope else {})
        answer = httpx.post(self.token_url, data=form, auth=(name, secret), timeout=120)
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["access_token"]
        return token

    def said(self) -> str:
        """Everything that the server wrote so far."""
        return self.log.read_text("utf-8", errors="replace")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(line: CommandLine, *, processes: int = 1, is_warm: bool = False, **settings: str | int) -> Iterator[Server]:
    """A server over the data of `line`, stopped at the end; it must stop cleanly when asked, and leave no traceback.

    settings  of the section [api], e.g. ``token_seconds=60``
    """
    port = free_port()
    log = line.folder / f"server-{port}.log"
    told = {f"CARELOOM__API__{name.upper()}": str(value) for name, value in settings.items()}
    told |= {"CARELOOM__ANNOTATE__WARM": str(is_warm).lower()}
    with log.open("wb") as output:
        process = subprocess.Popen(
            line.arguments("serve", "--port", str(port), "--processes", str(processes)),
            env=line.environment | told, cwd=line.folder, stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        server = Server(line, f"http://127.0.0.1:{port}", log, process)
        try:
            _wait_until_ready(server)
            yield server
            _stop(server)
        except BaseException:
            print(f"the server said:\n{server.said()[-8000:]}")
            raise
        finally:
            _end(process)


def _wait_until_ready(server: Server) -> None:
    last = time.monotonic() + START_SECONDS
    while time.monotonic() < last:
        assert server.process.poll() is None, f"the server ended with {server.process.returncode}:\n{server.said()}"
        try:
            if httpx.get(f"{server.url}/readyz", timeout=30).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"the server was not ready within {START_SECONDS} s:\n{server.said()}")


def _stop(server: Server) -> None:
    server.process.send_signal(signal.SIGTERM)
    code = server.process.wait(STOP_SECONDS)
    assert code == 0, f"the server ended with {code}:\n{server.said()}"
    assert not re.search(r"Traceback|failed unexpectedly", server.said()), server.said()


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Ends what is left of the server's own process group."""
    if process.poll() is None:
        process.kill()
        process.wait()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
