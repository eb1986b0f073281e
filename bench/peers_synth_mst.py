"""MST, the reference of differentially private tables, on the split and by the measures of `bench_synth_marginals`.

``python bench/peers_synth_mst.py [--venv FOLDER] [--data NAMES] [--epsilons 1,3] [--seeds 3]``
    needs CARELOOM_SUITES, the extra ml and Python 3.11; prints errors, TSTR and CPU seconds of each fit

MST (McKenna, Miklau, Sheldon, arXiv 2108.04978) as the package dpmm has it (Apache-2.0; research code that holds old
versions of numpy and pandas), in a virtual environment of its own outside the repository; no dependency of anything.
It learns the very codes that ours learns: bins and categories are public to both, nothing is spent on them.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PACKAGES = ("dpmm==0.1.9", "pyarrow<20")


def inside(order: dict[str, Any]) -> None:
    """In the environment of the peer: learns codes, samples, writes."""
    import pandas as pd  # type: ignore[import-untyped]  # noqa: PLC0415 - of the other environment
    from dpmm.pipelines import MSTPipeline  # type: ignore[import-not-found]  # noqa: PLC0415 - the same

    frame = pd.read_parquet(order["rows"])
    pipeline = MSTPipeline(epsilon=order["epsilon"], delta=1e-5, n_jobs=1, disable_processing=True)
    start = time.process_time()
    pipeline.fit(frame, domain=order["sizes"], random_state=order["seed"])
    fitted = time.process_time()
    pipeline.generate(n_records=len(frame), random_state=order["seed"]).to_parquet(order["out"])
    sys.stdout.write(json.dumps({"fit": fitted - start, "sampling": time.process_time() - fitted}) + "\n")


def measured(python: str, name: str, epsilons: list[float], seeds: int) -> None:
    """All epsilons and seeds of one table."""
    import numpy as np  # noqa: PLC0415 - the other environment is entered before these are there
    import polars as pl  # noqa: PLC0415 - the same

    import bench_synth_marginals as ours  # noqa: PLC0415 - the same
    from measure import report  # noqa: PLC0415 - the same

    rows, target, learn, test = {"adult": ours.adult, "diabetes130": ours.diabetes130}[name](
        Path(os.environ["CARELOOM_SUITES"])
    )
    codes, meanings = ours.coded(rows, name)
    order = np.random.default_rng(20260101).permutation(rows.height)
    train, rest = order[:learn], order[learn : learn + test]
    continuous = [one in ours.BINS[name] for one in rows.columns]
    real = codes.astype(float)
    for column, label in enumerate(rows.columns):
        if continuous[column]:
            real[:, column] = rows[label]
    sizes = {f"c{i}": len(one) - n for i, (one, n) in enumerate(zip(meanings, continuous, strict=True))}
    with tempfile.TemporaryDirectory() as folder:
        learnt, made = Path(folder) / "learnt.parquet", Path(folder) / "made.parquet"
        pl.DataFrame(codes[train], schema=list(sizes)).write_parquet(learnt)
        for epsilon in epsilons:
            found = []
            for seed in range(seeds):
                asked = {"rows": str(learnt), "out": str(made), "sizes": sizes, "epsilon": epsilon, "seed": seed}
                run = subprocess.run(
                    [python, __file__, "--inside", json.dumps(asked)], check=True, capture_output=True, text=True
                )
                drawn = pl.read_parquet(made).select(list(sizes)).to_numpy().astype(np.int64)
                values = ours.numbers(drawn, rows, name, meanings, np.random.default_rng(seed))
                score = ours.auc(values, real[rest], rows.columns.index(target), continuous, seed)
                cost = json.loads(run.stdout.splitlines()[-1])
                found.append((score, *ours.errors(real[train], values, continuous), cost["fit"]))
                shown = np.round(found[-1], 4).tolist()
                sys.stdout.write(f"  {name}, MST, epsilon {epsilon:g}, seed {seed}: {shown}\n")
                sys.stdout.flush()
            means = np.mean(found, axis=0)
            for label, value in zip(("TSTR", "shape", "trend", "fit"), means, strict=True):
                unit = {"TSTR": "AUC", "fit": "CPU s"}.get(label, "% error")
                report(f"{name}, MST at epsilon {epsilon:g}, {label}", value, unit, lower_is_better=label != "TSTR")


def main() -> None:
    """Measures what is asked for."""
    from peers_synth import interpreter  # noqa: PLC0415 - the other environment knows no neighbours

    parser = argparse.ArgumentParser()
    parser.add_argument("--venv", type=Path, default=Path.home() / ".cache" / "careloom-peer-mst")
    parser.add_argument("--data", default="adult,diabetes130")
    parser.add_argument("--epsilons", default="1,3")
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    epsilons = [float(one) for one in asked.epsilons.split(",")]
    for name in asked.data.split(","):
        measured(interpreter(asked.venv, PACKAGES), name, epsilons, asked.seeds)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        inside(json.loads(sys.argv[2]))
    else:
        main()
