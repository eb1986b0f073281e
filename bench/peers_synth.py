"""Rows of CTGAN and TVAE for the benchmark of our generators: the same split, the same processor time on one thread.

``python bench/peers_synth.py OUT [--venv FOLDER] [--data NAMES] [--peers ctgan,tvae] [--seeds 1,2,3] [--budget 150]``
    needs CARELOOM_SUITES; writes ``OUT/NAME-PEER-SEED.parquet`` and prints what the fit and the sampling cost

The package ctgan (Business Source License) is used for this measurement alone: it is installed into a virtual
environment of its own outside the repository, and is no dependency of anything. Missing numbers, which it does not
take, become the mean and a category beside it that says missing. Epochs end when the processor time is used up.
"""

import argparse
import json
import os
import subprocess
import sys
import time
import venv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

PACKAGES = ("torch==2.13.0", "ctgan==0.12.1", "pyarrow")
MISSING = ":missing"


def inside(order: dict[str, Any]) -> None:
    """In the environment of the peer: learns, samples, writes."""
    os.environ["OMP_NUM_THREADS"] = "1"
    import numpy as np  # noqa: PLC0415 - of the other environment
    import pandas as pd  # type: ignore[import-untyped]  # noqa: PLC0415 - the same
    import torch  # noqa: PLC0415 - the same
    from ctgan import CTGAN, TVAE  # type: ignore[import-not-found]  # noqa: PLC0415 - the same
    from ctgan.synthesizers import ctgan, tvae  # type: ignore[import-not-found]  # noqa: PLC0415 - the same

    torch.set_num_threads(1)
    torch.manual_seed(order["seed"])
    np.random.seed(order["seed"])
    frame = pd.read_parquet(order["rows"])
    start, epochs = time.process_time(), 0

    def until(numbers: Iterable[int], **_: object) -> Iterator[int]:
        nonlocal epochs
        for epochs in numbers:
            if time.process_time() - start > order["budget"]:
                return
            yield epochs

    ctgan.tqdm = tvae.tqdm = until
    model = {"ctgan": CTGAN, "tvae": TVAE}[order["peer"]](epochs=1_000_000, enable_gpu=False)
    model.fit(frame, order["discrete"])
    fitted = time.process_time()
    made = model.sample(len(frame))
    done = time.process_time()
    made.to_parquet(order["out"])
    told = {"fit": fitted - start, "epochs": epochs, "rows_per_second": len(frame) / (done - fitted)}
    sys.stdout.write(json.dumps(told) + "\n")


def interpreter(folder: Path, packages: tuple[str, ...] = PACKAGES) -> str:
    """The Python of an environment with the peer in it, made where it is not there yet."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    return str(python)


def measured(python: str, out: Path, name: str, peer: str, seed: int, budget: float) -> None:
    """One peer on one table."""
    import polars as pl  # noqa: PLC0415 - the other environment has none

    from careloom.synth.metadata import NUMBERS  # noqa: PLC0415 - the same
    from careloom.synth.metadata_check import conform  # noqa: PLC0415 - the same
    from synth_tables import read  # noqa: PLC0415 - the same

    data = read(name, Path(os.environ["CARELOOM_SUITES"]))
    table, train = data.table, data.train
    numbers = [one.name for one in table.modelled if one.kind in NUMBERS]
    holes = [one for one in numbers if train[one].null_count()]
    rows = train.select(one.name for one in table.modelled)
    shown = rows.with_columns(
        *(pl.col(one).is_null().cast(pl.String).alias(one + MISSING) for one in holes),
        *(pl.col(one).fill_null(pl.col(one).mean().cast(rows.schema[one])) for one in holes),
        *(pl.col(one).cast(pl.String).fill_null("none") for one in rows.columns if one not in numbers),
    )
    learnt, raw = out / f"{name}-train.parquet", out / f"{name}-{peer}-{seed}.raw.parquet"
    shown.write_parquet(learnt)
    order = {
        "rows": str(learnt), "out": str(raw), "peer": peer, "seed": seed, "budget": budget,
        "discrete": [one for one in shown.columns if one not in numbers],
    }  # fmt: skip
    run = subprocess.run([python, __file__, "--inside", json.dumps(order)], check=True, capture_output=True, text=True)
    made = pl.read_parquet(raw)
    made = made.with_columns(
        *(pl.when(pl.col(one + MISSING) != "true").then(pl.col(one)).alias(one) for one in holes),
        *(pl.col(one).cast(pl.String).replace("none", None) for one in rows.columns if one not in numbers),
    ).select(rows.columns)
    conform(table, made).write_parquet(out / f"{name}-{peer}-{seed}.parquet")
    raw.unlink()
    sys.stdout.write(f"{name}, {peer}, seed {seed}: {run.stdout}")
    sys.stdout.flush()


def main() -> None:
    """Measures the peers asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--venv", type=Path, default=Path.home() / ".cache" / "careloom-peers")
    parser.add_argument("--data", default="adult,diabetes130,heart_disease")
    parser.add_argument("--peers", default="ctgan,tvae")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--budget", type=float, default=150.0)
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    python = interpreter(asked.venv)
    for seed in map(int, asked.seeds.split(",")):
        for name in asked.data.split(","):
            for peer in asked.peers.split(","):
                measured(python, asked.out, name, peer, seed, asked.budget)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        inside(json.loads(sys.argv[2]))
    else:
        main()
