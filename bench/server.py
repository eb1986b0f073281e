"""A real server for a benchmark: its processes, their memory, and a load of requests by wrk."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx

HERE = Path(__file__).resolve().parent
START_SECONDS = 120
THREADS = 2
CONNECTIONS = 32


class Load(NamedTuple):
    """What wrk saw. `refused` answers have another status than 200; `broken` ones never came.

    cpu_ms  CPU time of the server for one answer
    """

    rate: float
    p50_ms: float
    p99_ms: float
    refused: int
    broken: int
    cpu_ms: float


class Server:
    """Processes that answer at an address."""

    def __init__(self, url: str, process: subprocess.Popen[bytes]) -> None:
        self.url = url
        self.process = process

    def megabytes(self) -> float:
        """Proportional set size of the process and all below it: what they share counts once."""
        return sum(_pss_kib(pid) for pid in _tree(self.process.pid)) / 1024

    def cpu_seconds(self) -> float:
        """CPU time that the process and all below it have used."""
        return sum(_ticks(pid) for pid in _tree(self.process.pid)) / os.sysconf("SC_CLK_TCK")

    def settle(self) -> None:
        """Returns when the server has loaded what it loads beside what it serves: it is idle for a second."""
        until = time.monotonic() + START_SECONDS
        time.sleep(2)
        while time.monotonic() < until:
            before = self.cpu_seconds()
            time.sleep(1)
            if self.cpu_seconds() - before < 0.1:
                return
        raise SystemExit("the server does not come to rest")

    @contextmanager
    def watched(self) -> Iterator[list[float]]:
        """Looks at the memory every fifth of a second while the block runs; the list holds what was seen."""
        seen = [self.megabytes()]
        ended = threading.Event()

        def look() -> None:
            while not ended.wait(0.2):
                seen.append(self.megabytes())

        watcher = threading.Thread(target=look)
        watcher.start()
        try:
            yield seen
        finally:
            ended.set()
            watcher.join()


@contextmanager
def running(command: list[str], port: int, environment: dict[str, str], ready: str) -> Iterator[Server]:
    """A server from its start to its end; `ready` is a path that answers once it is up."""
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.DEVNULL, cwd=HERE)
    try:
        _wait(url + ready, process)
        yield Server(url, process)
    finally:
        process.terminate()
        try:
            process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def careloom(port: int, data: Path) -> Any:
    """`careloom serve` over a data directory."""
    told = {"CARELOOM__DATA__DIRECTORY": str(data), "CARELOOM__API__PORT": str(port), "CARELOOM__API__CLIENT_RATE": ""}
    return running([sys.executable, "-m", "careloom.cli.main", "serve"], port, told, "/healthz")


def constant(port: int) -> Any:
    """The same server program with an application that says the same four bytes to everybody."""
    options = ["-w", "2", "--threads", "8", "-k", "careloom.api.connections.PatientWorker", "--no-control-socket"]
    command = [sys.executable, "-m", "gunicorn", "-b", f"127.0.0.1:{port}", *options, "--log-level", "error"]
    return running([*command, "server:say_ok"], port, {}, "/")


def say_ok(_environment: dict[str, Any], start_response: Any) -> list[bytes]:
    """The smallest WSGI application."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "4")])
    return [b"well"]


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def has_wrk() -> bool:
    """True if wrk is there: it makes more requests than any program in Python could."""
    return shutil.which("wrk") is not None


def load(server: Server, lines: Path, *, seconds: int, token: str = "", script: str = "wrk_paths.lua") -> Load:
    """What a server does under a load of random lines of a file, after a second to warm up; the script says of what."""
    _wrk(server.url, lines, 1, token, script)
    before = server.cpu_seconds()
    told = _wrk(server.url, lines, seconds, token, script)
    cpu_ms = (server.cpu_seconds() - before) / told["requests"] * 1e3
    rate = told["requests"] / told["seconds"]
    return Load(rate, told["p50_ms"], told["p99_ms"], told["refused"], told["broken"], cpu_ms)


def _wrk(url: str, lines: Path, seconds: int, token: str, script: str) -> dict[str, Any]:
    command = ["wrk", f"-t{THREADS}", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(HERE / script)]
    command += ["-H", f"Authorization: Bearer {token}"] if token else []
    told = subprocess.run([*command, url, "--", str(lines)], check=True, stdout=subprocess.PIPE, text=True).stdout
    found: dict[str, Any] = json.loads(told.splitlines()[-1])
    return found


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise SystemExit("the server did not start")


def _tree(pid: int) -> list[int]:
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += _tree(int(child))
    return found


def _ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # it has just ended
        return 0
    return int(fields[11]) + int(fields[12])


def _pss_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has just ended
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
