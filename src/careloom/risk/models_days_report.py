"""What foretold days are worth on rows that nothing of them has seen: days off, beside what they must beat; coverage.

Intervals are from resampling patients, all rows of a patient at once.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from careloom.risk.evaluate import Resampling
from careloom.risk.evaluate_measures import Floats
from careloom.risk.models_days import DaysMade, DaysRows
from careloom.risk.models_features import ModelFeature, encoded

ONE_FOR_ALL = "the median of the training rows for everybody"
Json = dict[str, Any]


def judged_days(made: DaysMade, features: tuple[ModelFeature, ...], test: DaysRows, how: Resampling) -> Json:
    """All measures of foretold days on test rows.

    returns  plain JSON: outcome, learner, rows, patients, unknown (rows whose days nobody knows, which are judged by
             nobody), median and mean of the days that came, miss, off (mean absolute error, days), coverage (share of
             the intervals that held), width (median, days), beside (name -> off, and less: how many days less the model
             is off); off, coverage and less have value, low, high
    """
    rows = test.known
    told = encoded(features, rows.frame)
    said = made.model.foretold(told)
    low, high = said["low"].to_numpy(), said["high"].to_numpy()
    off = np.abs(said["days"].to_numpy() - rows.days)
    rivals = {ONE_FOR_ALL: np.abs(made.median - rows.days)} | {
        name: np.abs(np.maximum(np.exp(one.log_odds(told)), made.model.least) - rows.days)
        for name, one in made.others.items()
    }
    held = ((low <= rows.days) & (rows.days <= high)).astype(np.float64)
    columns = {"off": off, "coverage": held, **rivals}
    columns |= {f"less {name}": each - off for name, each in rivals.items()}
    found = _resampled(columns, rows.patients.to_numpy(), how)
    return {
        "outcome": made.model.outcome, "learner": made.model.learner, "rows": rows.days.size,
        "patients": rows.patients.n_unique(), "unknown": test.days.size - rows.days.size,
        "median": float(np.median(rows.days)), "mean": float(rows.days.mean()), "miss": made.model.interval.miss,
        "off": found["off"], "coverage": found["coverage"], "width": float(np.median(high - low)),
        "beside": {name: {"off": found[name], "less": found[f"less {name}"]} for name in rivals},
    }  # fmt: skip


def _resampled(columns: Mapping[str, Floats], patients: Any, how: Resampling) -> dict[str, Json]:
    """Mean of each column, with its percentile interval."""
    _, owner = np.unique(patients, return_inverse=True)
    each = np.column_stack(list(columns.values()))
    sums = np.zeros((int(owner.max()) + 1, each.shape[1]))
    np.add.at(sums, owner, each)
    count, draw = np.bincount(owner).astype(np.float64), np.random.default_rng(how.seed)
    drawn = np.empty((how.resamples, each.shape[1]))
    for place in range(how.resamples):
        taken = np.bincount(draw.integers(0, count.size, count.size), minlength=count.size)
        drawn[place] = (taken @ sums) / (taken @ count)
    tail = 50 * (1 - how.confidence)
    low, high = np.percentile(drawn, [tail, 100 - tail], axis=0)
    whole = each.mean(axis=0)
    return {
        name: {"value": float(whole[place]), "low": float(low[place]), "high": float(high[place])}
        for place, name in enumerate(columns)
    }


def lines(told: Json) -> list[str]:
    """The same as lines that a person reads."""
    share = round(100 * (1 - told["miss"]))
    open_rows = f"; {told['unknown']:,} rows whose days nobody knows are left out" if told["unknown"] else ""
    whose = f"{told['rows']:,} rows of {told['patients']:,} patients"
    wide = f"half are at most {told['width']:.1f} days wide"
    return [
        f"days until the {told['outcome']} ({told['learner']}): {whose}, median {told['median']:.1f}, "
        f"mean {told['mean']:.1f} days{open_rows}",
        f"{'days off':<14}{_said(told['off'])}",
        f"{'coverage':<14}{_said(told['coverage'])} of the {share} % intervals held; {wide}",
        *(
            f"  beside {name}: {_said(one['off'])} days off; the model is off by {_said(one['less'])} days less"
            for name, one in told["beside"].items()
        ),
    ]


def _said(one: Json) -> str:
    return f"{one['value']:.2f} ({one['low']:.2f} to {one['high']:.2f})"
