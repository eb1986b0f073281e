"""Attacks on synthetic tables: which of them see what a generator leaks, and what they would have seen.

``python bench/bench_synth_privacy.py [ENGINE ...] [--data adult|diabetes130|heart_disease] [--cpu-seconds 150]
[--seed 1] [--epsilon E] [--option NAME=VALUE ...] [--shadows N]``    needs the suites and the extra ml

ENGINE is what is registered as ``synth.engine.ENGINE``; ``cart``, the baseline that copies values (must be seen); or
``nobody``, real rows that are neither members nor controls (must not be seen). Without a name the last two.
Members are the part that was learnt from, controls the control part, and the attacker has the test part: the splits of
`synth_tables`, where each row is a person. ``nobody`` releases half of the control part; the other half are controls.
``--shadows N`` fits the generator N times more, for the shadow models.
"""

import argparse
import os
import sys
import time
from importlib.util import find_spec
from pathlib import Path

os.environ.setdefault("POLARS_MAX_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import polars as pl

from bench_synth_engines import Made
from careloom.pipeline.registry import load
from careloom.synth.privacy import AREA_AT_MOST, PATIENTS_FOR_LIMIT, Asked, PrivacyReport, judge_privacy
from careloom.synth.privacy_shadow import Shadows
from measure import report
from synth_tables import NAMES, Data, read


def released(asked: argparse.Namespace, data: Data) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(the release, the controls)."""
    if asked.engine == "nobody":
        half = data.control.height // 2
        return data.control[:half], data.control[half:]
    return Made(asked, data, asked.seed).sample(data.train.height, asked.seed), data.control


def shadows(asked: argparse.Namespace, data: Data) -> Shadows | None:
    """The generator with its own settings, fitted on what it is given."""
    if not asked.shadows or asked.engine == "nobody":
        return None

    def refit(frame: pl.DataFrame, seed: int) -> pl.DataFrame:
        part = Data(data.table, data.target, frame, data.control, data.test)
        return Made(asked, part, seed).sample(data.train.height, seed)

    return Shadows(refit, fits=asked.shadows)


def say(found: PrivacyReport) -> None:
    """Every measure, one a line."""
    out = [f"  looked at {found.looked_at}; members from controls without the release {found.same_source:.3f}"]
    for name, attack in found.membership.items():
        area, hits = attack.told.area, attack.told.hits
        out.append(
            f"  membership by {name:18} area {area.value:.4f} ({area.low:.4f} to {area.high:.4f}), found at 1 % "
            f"{100 * hits.value:.2f} % ({100 * hits.low:.2f} to {100 * hits.high:.2f}), seen {attack.seen}, "
            f"would see {attack.would_see}"
        )
    for name, each in found.anonymity.items():
        risk = each.risk
        out.append(
            f"  {name:32} members {risk.members.share:.4f} controls {risk.controls.share:.4f} beyond "
            f"{risk.beyond.value:.4f} ({risk.beyond.low:.4f} to {risk.beyond.high:.4f}), seen {each.seen}, "
            f"would see {each.would_see}"
        )
    copies = found.copies
    for name, risk in (("exact copies, patients", copies.exact), ("near copies, patients", copies.near)):
        out.append(f"  {name:32} members {risk.members.share:.4f} controls {risk.controls.share:.4f}")
    out.append(f"  copies among the release {copies.of_release}, nearer to members {copies.nearer.share:.4f}")
    out.append(f"  distances {copies.distances}, ratios {copies.ratios}")
    out.append(f"  reasons against: {len(found.reasons())}; weak: {found.weak or 'none'}")
    sys.stdout.write("\n".join(out) + "\n")
    sys.stdout.flush()


def measured(asked: argparse.Namespace, data: Data) -> None:
    """One generator."""
    release, controls = released(asked, data)
    start = time.process_time()
    more = Asked(
        attacks={"boosting": load("synth.attack.boosting")},
        detector=load("synth.detect.boosting"),
        reference=data.test,
        shadows=shadows(asked, data),
    )
    found = judge_privacy(data.table, data.train, controls, release, seed=asked.seed, asked=more)
    seconds = time.process_time() - start
    bound = f" at epsilon {asked.epsilon:g}" if asked.epsilon else ""
    label = f"{asked.data}, {asked.engine}{bound}"
    sys.stdout.write(f"{label}, seed {asked.seed}:\n")
    say(found)
    whole = {name: each for name, each in found.membership.items() if name != "shadow models"}
    worst = max(whole, key=lambda name: whole[name].told.area.high)
    patients = min(whole[worst].patients)
    must = AREA_AT_MOST if asked.engine != "cart" and not asked.epsilon and patients >= PATIENTS_FOR_LIMIT else None
    area, exact = whole[worst].told.area, found.copies.exact
    report(
        f"{label}, membership, upper bound of the area, by {worst}", area.high, "AUC", must=must, lower_is_better=True
    )
    report(f"{label}, exact copies, beyond the control", 100 * exact.beyond.value, "% patients", lower_is_better=True)
    report(f"{label}, attacks", seconds, "CPU s", must=None if asked.shadows else 60.0, lower_is_better=True)


def main(asked: argparse.Namespace) -> None:
    """Attacks each generator."""
    data = read(asked.data, Path(os.environ["CARELOOM_SUITES"]))
    if find_spec("torch") is not None:
        import torch  # noqa: PLC0415 - of the extra ml

        torch.set_num_threads(1)
    for engine in asked.engines or ["nobody", "cart"]:
        measured(argparse.Namespace(**{**vars(asked), "engine": engine}), data)


def arguments() -> argparse.Namespace:
    """What was asked."""
    parser = argparse.ArgumentParser()
    parser.add_argument("engines", nargs="*")
    parser.add_argument("--data", default="adult", choices=NAMES)
    parser.add_argument("--cpu-seconds", type=float, default=150)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shadows", type=int, default=0)
    parser.add_argument("--epsilon", type=float, default=0)
    parser.add_argument("--option", action="append", default=[])
    parser.add_argument("--verbose", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    if not os.environ.get("CARELOOM_SUITES"):
        sys.exit("CARELOOM_SUITES names no folder with the data sets")
    if find_spec("sklearn") is None:
        sys.exit("the extra ml is not installed: make ml")
    main(arguments())
