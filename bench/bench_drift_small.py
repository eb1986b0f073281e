"""False alarms against profiles of few rows, whose rare levels and gaps are suppressed, where nothing has changed.

``python bench/bench_drift_small.py [--profiles 150] [--windows 4] [--seed 11]``

Each profile is of ten texts (two to eight levels, shares by a Dirichlet of 0.5) and ten numbers, each without a gap or
missing in 0.2, 1 or 3 % of the rows; windows of 1,000 rows of the same making, outcomes unknown.
"""

import argparse

import numpy as np
import polars as pl

from careloom.mlops.drift import PredictionWindow, judge
from careloom.mlops.drift_profile import make_profile
from careloom.mlops.drift_thresholds import shipped

SIZES = (100, 120, 200, 300, 600, 1600)
FEATURES = [{"name": f"c{one}", "type": "code"} for one in range(10)] + [
    {"name": f"n{one}", "type": "number", "minimum": 0.0, "maximum": 8.0} for one in range(10)
]


def made(draw: np.random.Generator) -> list[tuple[np.ndarray, float]]:
    """Of ten pairs of a text and a number: the shares of the levels, and that of what is missing."""
    return [(draw.dirichlet(np.ones(draw.integers(2, 9)) / 2), draw.choice([0, 0.002, 0.01, 0.03])) for _ in range(10)]


def rows(count: int, how: list[tuple[np.ndarray, float]], draw: np.random.Generator) -> tuple[pl.DataFrame, np.ndarray]:
    """So many rows, and a score of each."""
    columns = {}
    for one, (shares, gap) in enumerate(how):
        level = draw.choice([f"l{number}" for number in range(shares.size)], count, p=shares).astype(object)
        level[draw.random(count) < gap] = None
        number = draw.gamma(2, size=count)
        number[draw.random(count) < gap] = np.nan
        columns[f"c{one}"] = pl.Series(level.tolist(), dtype=pl.String)
        columns[f"n{one}"] = pl.Series(number).fill_nan(None)
    return pl.DataFrame(columns), 1 / (1 + np.exp(2 - draw.normal(size=count)))


def main() -> None:
    """Measures and prints, a line a size of profile."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("profiles", 150), ("windows", 4), ("seed", 11)):
        parser.add_argument(f"--{name}", type=int, default=value)
    ask = parser.parse_args()
    draw = np.random.default_rng(ask.seed)
    for size in SIZES:
        kinds: dict[str, int] = {}
        alarms = 0
        for _ in range(ask.profiles):
            how = made(draw)
            frame, scores = rows(size, how, draw)
            profile = make_profile(frame, FEATURES, scores)
            for _ in range(ask.windows):
                frame, scores = rows(1000, how, draw)
                window = PredictionWindow(profile.bins(frame), scores, scores >= 2, np.full(1000, -1, dtype=np.int8))
                found = [one.kind for one in judge(profile, window, window, shipped()) if one.is_alarm]
                alarms += bool(found)
                for kind in found:
                    kinds[kind] = kinds.get(kind, 0) + 1
        print(f"profile of {size} rows: {alarms} of {ask.profiles * ask.windows} windows {kinds}")


if __name__ == "__main__":
    main()
