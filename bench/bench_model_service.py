"""One model as a microservice: the time of one row over HTTP, of a model of 300 trees and 45 features.

    python bench/bench_model_service.py [REQUESTS]

The server is ``careloom models serve`` with one process; the client keeps its connection, as a gateway does. The CPU
time of the server counts less of what else runs on the machine than the clock does.
"""

import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import orjson
import polars as pl

from careloom.risk.models import Model
from careloom.risk.models_features import About, described, encoded
from careloom.risk.models_lightgbm import Recipe, fit_boosted
from careloom.risk.models_package import pack
from careloom.services.access import local_operator
from careloom.services.models import RegisterAsk, register
from careloom.services.models_kept import Change, resolve, write
from careloom.services.platform import Platform
from careloom.settings import Data, Settings
from measure import report

REQUESTS = 3_000
FEATURES = 45
SEED = 20261130
TOKEN = "b" * 40


def registered(platform: Platform) -> tuple[str, list[dict[str, float]]]:
    """A version, and rows for it."""
    draw = np.random.default_rng(SEED)
    names = [f"x{place}" for place in range(FEATURES)]
    frame = pl.DataFrame(draw.normal(size=(4_000, FEATURES)), schema=names)
    happened = draw.random(4_000) < 1 / (1 + np.exp(2 - frame["x0"].to_numpy() - frame["x1"].to_numpy()))
    known = described(frame, {name: About(name) for name in names})
    grown = fit_boosted(known, (encoded(known, frame), happened), None, Recipe(SEED, rounds=300))
    model = Model("drawn-rows", "an event", 30, known, grown)
    lineage = {
        "data": {"zone": "public", "snapshot": f"drawn, seed {SEED}"}, "seeds": {"rows": SEED},
        "evaluation": {"data": "none", "measures": {"auroc": {"value": 0.5, "low": None, "high": None}}},
    }  # fmt: skip
    ask = RegisterAsk(model.name, pack(model), lineage, reason="of a benchmark")
    who = local_operator("bench")
    version = str(register(platform, who, ask)["version"])
    body = resolve(platform, version).body  # approved past the gates: only what is approved answers
    write(platform, who, Change("bench", {}), lambda step: step.models.change("version", version, "approved", body))
    return version, frame.head(500).to_dicts()


def cpu_seconds_of(process: int) -> float:
    """CPU time of a process's children so far, from /proc."""
    whole = 0.0
    for one in Path(f"/proc/{process}/task/{process}/children").read_text().split():
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        whole += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return whole


def main() -> None:
    """Serves, asks, and stops."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else REQUESTS
    with tempfile.TemporaryDirectory() as name:
        with Platform(Settings(data=Data(directory=Path(name) / "data"))) as platform:
            version, rows = registered(platform)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        told = {"CARELOOM__DATA__DIRECTORY": str(Path(name) / "data"), "CARELOOM_MODEL_TOKEN": TOKEN}
        command = [sys.executable, "-m", "careloom.cli.main", "models", "serve", version, "--port", str(port)]
        server = subprocess.Popen(command, env=os.environ | told | {"OMP_NUM_THREADS": "1"})
        try:
            ask_all(server.pid, port, rows, count)
        finally:
            server.terminate()
            server.wait(20)
    print(f"load {os.getloadavg()[0]:.1f}")


def ask_all(process: int, port: int, rows: list[dict[str, float]], count: int) -> None:
    """One row a request, over one connection."""
    until = time.monotonic() + 60
    while True:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/ping")
            connection.getresponse().read()
            break
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    taken, cpu = [], 0.0
    for number in range(count + 200):
        if number == 200:
            cpu = cpu_seconds_of(process)
        body = orjson.dumps({"dataframe_records": [rows[number % len(rows)]]})
        start = time.perf_counter()
        connection.request("POST", "/invocations", body, headers)
        answer = connection.getresponse()
        answer.read()
        taken.append(1e3 * (time.perf_counter() - start))
        if answer.status != 200:
            sys.exit(f"status {answer.status}")
    spent = 1e3 * (cpu_seconds_of(process) - cpu) / count
    middle, late = np.quantile(taken[200:], [0.5, 0.99])
    report("model service, one row over HTTP, p50", round(float(middle), 2), "ms", lower_is_better=True)
    report("model service, one row over HTTP, p99", round(float(late), 2), "ms", must=10, aim=4, lower_is_better=True)
    report("the same, CPU time of the server, mean", round(spent, 2), "ms", lower_is_better=True)


if __name__ == "__main__":
    main()
