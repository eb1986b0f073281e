"""Settings of a learner by Optuna, judged by folds within the training rows, under a budget of trials and seconds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import optuna

from careloom.errors import InputError
from careloom.risk.models_features import About
from careloom.risk.models_training import Learner, OutOfFold, Rows, Settings, out_of_fold

SPACES: Mapping[Learner, Mapping[str, tuple[str, float, float]]] = {
    "lightgbm": {
        "leaves": ("whole", 6, 64),
        "least_rows": ("whole", 20, 300),
        "column_share": ("share", 0.15, 0.9),
        "row_share": ("share", 0.5, 1.0),
        "ridge": ("scale", 0.5, 100.0),
        "category_smoothing": ("scale", 10.0, 300.0),
    },
    "logistic": {"penalty": ("scale", 0.5, 500.0)},
    "sequence": {
        "rate": ("scale", 1e-3, 2e-2),
        "width": ("whole", 4, 48),
        "states": ("whole", 8, 64),
        "drop": ("share", 0.0, 0.4),
        "hide": ("share", 0.0, 0.3),
    },
}
"""Learner -> setting -> (kind, least, greatest): whole numbers, shares, or numbers tried on a logarithmic scale."""


@dataclass(frozen=True, slots=True)
class Search:
    """What is searched, and what that may take: it ends with whichever comes first, after one trial at least.

    start   settings of the first trial; what is not searched keeps them
    key     of the folds within
    """

    learner: Learner
    start: Settings
    trials: int
    seconds: float
    key: bytes
    seed: int


@dataclass(frozen=True, slots=True)
class Found:
    """The best settings, and (settings, log loss) of every trial in order."""

    best: OutOfFold
    trials: tuple[tuple[dict[str, Any], float], ...]


def search(ask: Search, about: Mapping[str, About], rows: Rows, clock: Callable[[], float]) -> Found:
    """The settings with the least log loss out of fold.

    rows    training rows only: validation and test rows are for what comes after
    clock   seconds of processor or wall time
    raises  InputError for a budget of nothing
    source  tree-structured Parzen estimators: Bergstra J et al, NeurIPS 2011
    """
    if ask.trials < 1 or ask.seconds <= 0:
        raise InputError("budget of a search", "give one trial and more than 0 seconds at least")
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=ask.seed), direction="minimize")
    finally:
        optuna.logging.set_verbosity(before)
    space, begun = SPACES[ask.learner], clock()
    known = {name: ask.start[name] for name in space if name in ask.start}
    if known:
        study.enqueue_trial(known)
    told: list[OutOfFold] = []
    tried: list[tuple[dict[str, Any], float]] = []
    while len(tried) < ask.trials and (not tried or clock() - begun < ask.seconds):
        trial = study.ask()
        settings = dict(ask.start) | {name: _suggested(trial, name, one) for name, one in space.items()}
        found = out_of_fold(ask.learner, settings, about, rows, ask.key, ask.seed)
        study.tell(trial, found.log_loss)
        told.append(found)
        tried.append((found.settings, found.log_loss))
    return Found(min(told, key=lambda one: one.log_loss), tuple(tried))


def _suggested(trial: optuna.Trial, name: str, one: tuple[str, float, float]) -> float:
    kind, low, high = one
    if kind == "whole":
        return trial.suggest_int(name, int(low), int(high), log=True)
    return trial.suggest_float(name, low, high, log=kind == "scale")
