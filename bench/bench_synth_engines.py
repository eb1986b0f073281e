"""Any generator of tables on any of three tables: fidelity, use, detection, copies, cost.

``python bench/bench_synth_engines.py ENGINE [adult|diabetes130|heart_disease] [--cpu-seconds 150] [--seeds 3]
[--epsilon E] [--option NAME=VALUE ...] [--rows FILE.parquet] [--final] [--quick] [--attacks [--targets 5000]]``

Needs the suites (CARELOOM_SUITES) and the extra ml.

ENGINE is what is registered as ``synth.engine.ENGINE``, or ``cart``, the baseline. Learns on one thread, until the
processor time is used up or the engine ends by itself. Utility is tested on the control part, so that whoever tunes
does not see the test part; ``--final`` takes the test part: once, for the numbers that are told. ``--quick`` leaves
detection out; ``--attacks`` lets membership attacks try, members against the control, and tells the worst upper bound:
of 5,000 of each, or of as many as ``--targets`` says (0: all there are, which narrows the interval). ``--rows`` judges
rows that something else made, such as those of ``bench/peers_synth.py``; ENGINE is then its name.
"""

import argparse
import os
import resource
import statistics
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

os.environ.setdefault("POLARS_MAX_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import polars as pl

from bench_synth_adult import exact_copies
from careloom.pipeline.registry import load
from careloom.synth.engine import Ask, Privacy, Watch
from careloom.synth.fidelity import judge_fidelity
from careloom.synth.metadata_check import conform
from careloom.synth.tabular import fit
from measure import report
from synth_tables import NAMES, Data, as_public, read

MUSTS: dict[str, dict[str, tuple[float, float]]] = {
    "adult": {
        "shape": (1.6, 0.6), "trend": (3.5, 1.6), "TSTR": (0.915, 0.921), "detection": (0.60, 0.54),
        "membership, at most": (0.53, 0.53),
    },
    "diabetes130": {"shape": (1.5, 0.8), "trend": (2.6, 1.6), "TSTR": (0.612, 0.630)},
}  # fmt: skip
"""(must, aim) of a fit that is not private; for the best of the engines."""
SAMPLING = {
    "autoregressive": (3_000, 10_000), "diffusion": (1_500, 5_000), "gan": (20_000, 100_000), "vae": (20_000, 100_000),
}  # fmt: skip
"""(must, aim) of rows a CPU second, by engine."""
UNITS = {"fit": "CPU s", "sampling": "rows/CPU s", "TSTR": "AUC", "TRTR": "AUC", "detection": "AUC", "memory": "MB"}
HIGHER = ("TSTR", "TRTR", "sampling")


class Made:
    """A fitted generator with the processor time that it took; `sample` gives rows."""

    def __init__(self, asked: argparse.Namespace, data: Data, seed: int) -> None:
        """Fits it."""
        start = time.process_time()
        self._sample: Any
        if asked.rows:
            rows = conform(data.table, pl.read_parquet(asked.rows).select(data.table.names))
            self._sample = lambda count, draw: rows.head(count)
        elif asked.engine == "cart":
            model = load("synth.cart")(data.table, data.train, seed)
            self._sample = model.sample
        else:
            share = None if asked.epsilon else lambda: (time.process_time() - start) / asked.cpu_seconds
            privacy = Privacy(asked.epsilon, 1e-5) if asked.epsilon else None
            table = as_public(data, asked.data) if privacy else data.table
            ask = Ask(seed, privacy, data.target, options(asked))
            noise = np.random.default_rng(1_000 + seed)  # a benchmark may know it
            watch = Watch(share=share, noise=noise, told=told if asked.verbose else None)
            model = fit(table, data.train, load(f"synth.engine.{asked.engine}"), ask, watch, mixture())
            self._sample = model.sample
        self.seconds = time.process_time() - start

    def sample(self, rows: int, seed: int) -> pl.DataFrame:
        """So many rows."""
        made: pl.DataFrame = self._sample(rows, np.random.default_rng(seed))
        return made


def told(step: Any) -> None:
    """Prints how far a fit is."""
    losses = {name: round(value, 4) for name, value in step.losses.items()}
    sys.stdout.write(f"    {step.share:.2f} epoch {step.number} {losses}\n")
    sys.stdout.flush()


def mixture() -> Any:
    """For engines whose plan is of modes."""
    return load("synth.modes")


def options(asked: argparse.Namespace) -> dict[str, Any]:
    """Options with the types that the engine's own have."""
    usual = {} if asked.engine == "cart" or asked.rows else load(f"synth.engine.{asked.engine}").options
    found: dict[str, Any] = {}
    for each in asked.option:
        name, _, value = each.partition("=")
        kind = type(usual.get(name, ""))
        found[name] = value == "True" if kind is bool else kind(value)
    return found


def measured(asked: argparse.Namespace, data: Data, seed: int) -> dict[str, float]:
    """One seed: name of a measure -> its value."""
    model = Made(asked, data, seed)
    start = time.process_time()
    made = model.sample(data.train.height, seed)
    sampled = time.process_time() - start
    detectors = {} if asked.quick else {name: load(f"synth.detect.{name}") for name in ("boosting", "regression")}
    found = judge_fidelity(data.table, data.train, made, None, seed=seed, detectors=detectors).synthetic
    test = data.test if asked.final else data.control
    use = load("synth.utility")(data.table, (data.train, made, None), test, data.target, seed=seed)
    values = {
        "shape": 100 * found.shape, "trend": 100 * found.trend, "strong trend": 100 * found.strong_trend,
        "triples": 100 * found.triples, "TSTR": use.synthetic.scores["boosting"], "TRTR": use.real.scores["boosting"],
        "copies": 100 * exact_copies(made, data.train), "copies of the control": 100 * control_copies(data),
        "fit": model.seconds, "sampling": data.train.height / sampled,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }  # fmt: skip
    if detectors:
        values |= {"detection": found.detection["boosting"], "detection by regression": found.detection["regression"]}
    if asked.attacks:
        values |= attacked(data, made, seed, asked.targets)
    sys.stdout.write(f"  seed {seed}: { ({name: round(one, 4) for name, one in values.items()}) }\n")
    sys.stdout.write(f"    columns { ({name: round(100 * one, 2) for name, one in found.columns.items()}) }\n")
    sys.stdout.write(f"    broken {found.broken}; scores {use.synthetic.scores} of {use.real.scores}\n")
    sys.stdout.flush()
    return values


def attacked(data: Data, made: pl.DataFrame, seed: int, targets: int) -> dict[str, float]:
    """The worst of the membership attacks: its area, and the upper bound of it at 95 %; 0 targets: all there are."""
    from careloom.synth.privacy_membership import membership  # noqa: PLC0415 - for those who ask
    from careloom.synth.privacy_scene import Limits, scene  # noqa: PLC0415 - the same

    limits = Limits(targets=targets or data.train.height, reference=5_000, release=10_000)
    scenery = scene(data.table, (data.train, data.control, None), made, seed=seed, limits=limits)
    found = membership(scenery)
    sys.stdout.write(f"    {scenery.members.count} members, {scenery.controls.count} controls\n")
    sys.stdout.write(f"    attacks { ({name: each.told.area for name, each in found.items()}) }\n")
    worst = max((each.told.area for each in found.values()), key=lambda area: area.high)
    return {"membership": worst.value, "membership, at most": worst.high}


def control_copies(data: Data) -> float:
    """The share of rows no generator saw that stand in the training part."""
    return exact_copies(data.control, data.train)


def main(asked: argparse.Namespace) -> None:
    """Measures all seeds and reports the means."""
    data = read(asked.data, Path(os.environ["CARELOOM_SUITES"]))
    if find_spec("torch") is not None:
        import torch  # noqa: PLC0415 - of the extra ml

        torch.set_num_threads(1)
    every = [measured(asked, data, seed) for seed in range(1, asked.seeds + 1)]
    musts = {} if asked.epsilon else MUSTS.get(asked.data, {})
    if asked.engine in SAMPLING:
        musts = musts | {"sampling": SAMPLING[asked.engine]}
    part = "" if asked.final else ", tested on the control"
    bound = f" at epsilon {asked.epsilon:g}" if asked.epsilon else ""
    for name in every[0]:
        must, aim = musts.get(name, (None, None))
        unit = UNITS.get(name, "AUC" if name.startswith(("detection", "membership")) else "% error")
        value = statistics.mean(each[name] for each in every)
        deviation = statistics.stdev([each[name] for each in every]) if len(every) > 1 else 0.0
        sys.stdout.write(f"  {name}: {value:.4f} +- {deviation:.4f}\n")
        label = f"{asked.data}, {asked.engine}{bound}, {name}{part}"
        report(label, value, unit, must=must, aim=aim, lower_is_better=name not in HIGHER)


def arguments() -> argparse.Namespace:
    """What was asked."""
    parser = argparse.ArgumentParser()
    parser.add_argument("engine", nargs="?", default="autoregressive")
    parser.add_argument("data", nargs="?", default="adult", choices=NAMES)
    parser.add_argument("--cpu-seconds", type=float, default=150)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epsilon", type=float, default=0)
    parser.add_argument("--rows", default="")
    parser.add_argument("--targets", type=int, default=5_000)
    parser.add_argument("--option", action="append", default=[])
    for switch in ("--final", "--quick", "--verbose", "--attacks"):
        parser.add_argument(switch, action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    if not os.environ.get("CARELOOM_SUITES"):
        sys.exit("CARELOOM_SUITES names no folder with the data sets")
    if find_spec("sklearn") is None:
        sys.exit("the extra ml is not installed: make ml")
    main(arguments())
