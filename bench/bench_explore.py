"""Charts and rows of a lake table of a million rows, asked over HTTP in this process: seconds from request to answer.

    python bench/bench_explore.py [ROWS]

Observations of 20,000 made-up patients in the sealed research lake. The first look at columns reads and opens them,
later looks find them in memory; each is measured on its own, after one chart of another column, which loads what a
process loads once. Seconds are of wall time, of later looks the middle of five.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from careloom.api.app import create_app
from careloom.services.access import local_operator
from careloom.services.clients import ClientAsk, register_client
from careloom.services.platform import Platform
from careloom.services.tokens import issue
from careloom.settings import Data, Settings
from careloom.tables.research import OBSERVATIONS
from measure import report

ROWS, PATIENTS = 1_000_000, 20_000
MUST, AIM = 1.0, 0.3
TABLE = "silver/observations"
CODES = ["8867-4", "8480-6", "8462-4", "29463-7", "2345-7", "4548-4", "718-7", "2160-0"]
ASKED: dict[str, dict[str, Any]] = {
    "overview": {},
    "distribution of a number": {"charts": [{"kind": "distribution", "column": "value_number"}]},
    "trend of means by code": {
        "charts": [{"kind": "trend", "column": "effective_time", "by": "code", "value": "value_number"}]
    },
    "cross-tab": {"charts": [{"kind": "cross", "column": "code", "by": "category"}]},
    "correlations": {"charts": [{"kind": "correlations", "names": ["code", "category", "value_number"]}]},
    "filtered distribution": {
        "charts": [{"kind": "distribution", "column": "value_number"}],
        "filters": [{"column": "code", "operator": "is", "values": ["8867-4"]}],
    },
}


def observations(count: int) -> pl.DataFrame:
    """So many rows of the declared table."""
    draw = np.random.default_rng(20261201)
    start = np.datetime64("2018-01-01", "us")
    microseconds = draw.integers(0, 8 * 365 * 86_400 * 1_000_000, count).astype("timedelta64[us]")
    made = pl.DataFrame({
        "observation_id": [f"o{n:09x}" for n in range(count)],
        "component": np.zeros(count, np.int32),
        "patient_id": np.array([f"{n:016x}" for n in range(PATIENTS)])[draw.integers(0, PATIENTS, count)],
        "encounter_id": np.array([f"e{n:07x}" for n in range(200_000)])[draw.integers(0, 200_000, count)],
        "category": np.array(["vital-signs", "laboratory", "survey"])[draw.integers(0, 3, count)],
        "code_system": ["http://loinc.org"] * count,
        "code": np.array(CODES)[draw.integers(0, len(CODES), count)],
        "status": ["final"] * count,
        "effective_time": pl.Series(start + microseconds).dt.replace_time_zone("UTC"),
        "value_number": draw.normal(100, 20, count).round(1),
        "unit": ["/min"] * count,
    })  # fmt: skip
    lacking = [pl.lit(None, dtype=dtype).alias(name) for name, dtype in OBSERVATIONS.dtypes.items() if name not in made]
    return made.with_columns(lacking).select(list(OBSERVATIONS.dtypes))


def main(count: int) -> None:
    """Makes the table, then asks."""
    with tempfile.TemporaryDirectory() as folder, Platform(Settings(data=Data(directory=Path(folder)))) as platform:
        platform.lake("research").replace(OBSERVATIONS, [observations(count)], "bench", None, {"subject": "patient_id"})
        operator = local_operator("bench")
        made = register_client(platform, operator, ClientAsk("bench", ["data-scientist"], ["research"]))
        header = {"Authorization": f"Bearer {issue(platform, made.client).token}"}
        client = create_app(platform).test_client()

        def seconds(where: str, body: dict[str, Any]) -> float:
            start = time.perf_counter()
            answer = client.post(f"/api/v1/explore/research{where}", json={"source": TABLE, **body}, headers=header)
            if answer.status_code != 200:
                raise SystemExit(f"{where}: {answer.status_code}")
            return time.perf_counter() - start

        seconds("", {"charts": [{"kind": "distribution", "column": "status"}]})
        grid = {"sort": "value_number", "is_descending": True, "start": 500_000 * count // ROWS, "limit": 50}
        asked = {name: ("", body) for name, body in ASKED.items()} | {"rows sorted, from the middle": ("/rows", grid)}
        for name, (where, body) in asked.items():
            platform.explored.clear()
            report(f"explore: {name}, first look", seconds(where, body), "s", must=MUST, aim=AIM, lower_is_better=True)
            again = statistics.median(seconds(where, body) for _ in range(5))
            report(f"explore: {name}", again, "s", must=MUST, aim=AIM, lower_is_better=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
