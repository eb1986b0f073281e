"""Settings to try next, by Optuna: in view of the last trials, or drawn beforehand without looking at any."""

from typing import Any

import optuna

from careloom.synth.search_space import Choice, Space, Value


class OptunaProposer:
    """Proposes settings and is told how far from real rows each was: less is better.

    is_adaptive  tree-structured Parzen estimators (Bergstra et al., NeurIPS 2011) in view of the trials so far; false:
                 every setting by lot, so that what was measured of one trial has no say in the next
    """

    def __init__(self, space: Space, first: dict[str, Value], seed: int, *, is_adaptive: bool) -> None:
        self._space = space
        self._last: Any = None
        before = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)  # it tells on standard error that a study was made
        try:
            sampler: Any = optuna.samplers.TPESampler if is_adaptive else optuna.samplers.RandomSampler
            self._study = optuna.create_study(sampler=sampler(seed=seed % 2**32), direction="minimize")
        finally:
            optuna.logging.set_verbosity(before)
        self._first: dict[str, Value] | None = first

    def propose(self) -> dict[str, Value]:
        """The settings of the next trial: the usual ones first."""
        if self._first is not None:
            first, self._first = self._first, None
            return first
        self._last = self._study.ask()
        return {one.name: self._value(one) for one in self._space}

    def told(self, distance: float | None) -> None:
        """What the last trial reached; None: it failed, or is not to be known."""
        if self._last is None:
            return
        if distance is None:
            self._study.tell(self._last, state=optuna.trial.TrialState.FAIL)
        else:
            self._study.tell(self._last, distance)
        self._last = None

    def _value(self, one: Any) -> Value:
        if isinstance(one, Choice):
            found: Value = self._last.suggest_categorical(one.name, one.values)
        elif one.is_whole:
            found = self._last.suggest_int(one.name, one.low, one.high, log=one.is_log)
        else:
            found = self._last.suggest_float(one.name, one.low, one.high, log=one.is_log)
        return found
