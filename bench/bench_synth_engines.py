"""Any generator of tables on any of three tables: fidelity, use, detection, copies, cost.

``python bench/bench_synth_engines.py ENGINE [adult|diabetes130|heart_disease] [--cpu-seconds 150] [--seeds 3]
[--epsilon E] [--option NAME=VALUE ...] [--rows FILE.parquet] [--final] [--quick] [--attacks [--targets 5000]]
[--lines FILE.jsonl]``

Needs the suites (CARELOOM_SUITES) and the extra ml.

ENGINE is what is registered as ``synth.engine.ENGINE``; or ``cart``, the baseline; or ``nobody``: the rows of the test
part as if they were a release, which shows what attacks make of chance alone (not with ``--final``). Learns on one
thread, until the processor time is used up or the engine ends by itself. Utility is tested on the control part, so that
whoever tunes does not see the test part; ``--final`` takes the test part: once, for the numbers that are told.
``--quick`` leaves detection out; ``--attacks`` lets membership attacks try, members against the control, and tells the
worst upper bound: of 5,000 of each, or of as many as ``--targets`` says (0: all there are, which narrows the interval).
Below 5,000 there is no limit: whether each interval holds what the same attack makes of real rows that were not learnt
(the test part as a release) is told instead. ``--rows`` judges rows that something else made, such as those of
``bench/peers_synth.py``: ``out/adult-ctgan-{seed}.parquet``; ENGINE is then its name.

One JSON line a seed has all its measures: ``data, engine, seed, part, epsilon, options, measures, columns, ...``
and, with ``--attacks``, ``attacks`` (area, low, high; ``of real rows`` where there is no limit) and who was attacked;
``--lines`` adds it to a file.
"""

import argparse
import json
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
from careloom.synth.privacy import PATIENTS_FOR_LIMIT
from careloom.synth.privacy_membership import membership
from careloom.synth.privacy_scene import Limits, scene
from careloom.synth.tabular import fit
from measure import report
from synth_tables import NAMES, Data, as_public, read

MUSTS: dict[str, dict[str, tuple[float, float]]] = {
    "adult": {
        "shape": (1.6, 0.6), "trend": (3.5, 1.6), "TSTR": (0.915, 0.921), "detection": (0.60, 0.54),
        "membership, at most": (0.53, 0.53),
    },
    "diabetes130": {
        "shape": (1.5, 0.8), "trend": (2.6, 1.6), "TSTR": (0.612, 0.630), "membership, at most": (0.53, 0.53),
    },
}  # fmt: skip
"""(must, aim) of a fit that is not private; for the best of the engines."""
SAMPLING = {
    "autoregressive": (3_000, 10_000), "diffusion": (1_500, 5_000), "gan": (20_000, 100_000), "vae": (20_000, 100_000),
}  # fmt: skip
"""(must, aim) of rows a CPU second, by engine."""
UNITS = {
    "fit": "CPU s",
    "sampling": "rows/CPU s",
    "TSTR": "AUC",
    "TRTR": "AUC",
    "detection": "AUC",
    "memory": "MB",
    "attacks that hold real rows": "of 6",
}
HIGHER = ("TSTR", "TRTR", "sampling", "attacks that hold real rows")


class Made:
    """A fitted generator with the processor time that it took; `sample` gives rows."""

    def __init__(self, asked: argparse.Namespace, data: Data, seed: int) -> None:
        """Fits it."""
        start = time.process_time()
        self._sample: Any
        if asked.rows:
            found = pl.read_parquet(asked.rows.replace("{seed}", str(seed)))
            rows = conform(data.table, found.select(data.table.names))
            self._sample = lambda count, draw: rows.head(count)
        elif asked.engine == "nobody":
            self._sample = lambda count, draw: data.test.head(count)
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
    usual = {} if asked.engine in ("cart", "nobody") or asked.rows else load(f"synth.engine.{asked.engine}").options
    found: dict[str, Any] = {}
    for each in asked.option:
        name, _, value = each.partition("=")
        kind = type(usual.get(name, ""))
        found[name] = value == "True" if kind is bool else kind(value)
    return found


def measured(asked: argparse.Namespace, data: Data, seed: int) -> dict[str, float]:
    """One seed: name of a measure -> its value; and its JSON line."""
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
    }  # fmt: skip
    if not asked.rows:  # of rows that something else made it is not known here
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        values |= {"fit": model.seconds, "sampling": data.train.height / sampled, "memory": memory}
    if detectors:
        values |= {"detection": found.detection["boosting"], "detection by regression": found.detection["regression"]}
    attacks = attacked(data, made, seed, asked.targets) if asked.attacks else {}
    values |= worst(attacks)
    told = {
        "data": asked.data, "engine": asked.engine, "seed": seed, "part": "test" if asked.final else "control",
        "epsilon": asked.epsilon or None, "options": options(asked), "measures": values, "columns": found.columns,
        "broken": found.broken, "scores": use.synthetic.scores, "scores of real rows": use.real.scores,
    }  # fmt: skip
    say(told | attacks, asked.lines)
    return values


def say(told: dict[str, Any], file: str) -> None:
    """Prints a line of JSON, and adds it to the file if there is one."""
    line = json.dumps(told, default=float)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
    if file:
        with Path(file).open("a", encoding="utf-8") as out:
            out.write(line + "\n")


def attacked(data: Data, made: pl.DataFrame, seed: int, targets: int) -> dict[str, Any]:
    """Who was attacked, and the area and its bounds at 95 % by attack; 0 targets: all there are.

    Where there are too few people for a limit, also the areas of attacks on real rows that were not learnt, and whether
    each interval holds them.
    """
    limits = Limits(targets=targets or data.train.height, reference=5_000, release=10_000)
    scenery = scene(data.table, (data.train, data.control, None), made, seed=seed, limits=limits)
    areas = {name: each.told.area for name, each in membership(scenery).items()}
    told: dict[str, Any] = {
        "members": scenery.members.count, "controls": scenery.controls.count, "reference": scenery.reference.height,
        "attacks": {name: [area.value, area.low, area.high] for name, area in areas.items()},
    }  # fmt: skip
    if min(told["members"], told["controls"]) < min(PATIENTS_FOR_LIMIT, targets or PATIENTS_FOR_LIMIT):
        real = scene(data.table, (data.train, data.control, None), data.test, seed=seed, limits=limits)
        others = {name: each.told.area.value for name, each in membership(real).items()}
        told |= {"of real rows": others, "holds real": {name: areas[name].has(each) for name, each in others.items()}}
    return told


def worst(attacks: dict[str, Any]) -> dict[str, float]:
    """The attack with the highest upper bound; of how many attacks the interval holds chance, and holds real rows."""
    if not attacks:
        return {}
    value, _, high = max(attacks["attacks"].values(), key=lambda area: area[2])
    found = {"membership": value, "membership, at most": high}
    if "holds real" in attacks:
        found["attacks that hold real rows"] = float(sum(attacks["holds real"].values()))
    return found


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
    parser.add_argument("--lines", default="")
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
