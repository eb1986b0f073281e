"""What came of predictions, for the limits of the versions that made them: outcomes that became known, and answers.

Each case counts once a version, by what was said of it first. What was said after its horizon had passed is a look
back, and counts for nothing: who looks back knows whom to look at.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from careloom.mlops.counting import Counts
from careloom.services.models_counts import add
from careloom.services.models_watch import settle
from careloom.services.platform import Platform
from careloom.store.predictions import Logged
from careloom.store.transaction import Transaction


class Came:
    """Counts within one step what becomes known of predictions; `settle` after it looks at the limits."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._counts: dict[str, dict[int, Counts]] = {}
        self._answered: set[tuple[object, ...]] = set()

    def known(
        self, step: Transaction, logged: Sequence[Logged], outcomes: Mapping[str, bool],
        matured: Mapping[str, datetime] | None = None,
    ) -> int:  # fmt: skip
        """Notes outcomes by name of the prediction, as `careloom.store.predictions` does; how many are new.

        logged   those predictions, as they were before the step
        matured  when the horizon of some of them ended, where that is not what it was when they were made
        """
        log, ended = step.predictions, matured or {}
        seen = log.known_cases(one.said for one in logged if one.name in outcomes)
        for one in sorted(logged, key=lambda each: each.time):
            case = (one.said.model, one.said.version, *one.said.case)
            if one.name not in outcomes or one.time >= ended.get(one.name, one.matures) or case in seen:
                continue
            seen.add(case)
            self._of(one).came_true(one.said.score, happened=outcomes[one.name], is_alert=one.said.alert)
        return log.known(outcomes, ended)

    def answered(self, step: Transaction, one: Logged, *, is_overridden: bool) -> None:
        """Counts the first answer to an alert of a case that somebody was shown; to be asked before it is noted.

        A chart that is opened twenty times shows one alert twenty times, and a caller that does not hear an answer
        sends it again: both are one answer. What was answered is asked within the step, where nobody else writes.
        """
        case = (one.said.model, one.said.version, *one.said.case)
        if not one.said.alert or one.said.role == "shadow" or case in self._answered:
            return
        self._answered.add(case)
        if not step.predictions.is_answered(one.said):
            self._of(one).reacted(is_overridden=is_overridden)

    def keep(self, step: Transaction) -> None:
        """Adds what was counted to what is kept, within the step."""
        for model, counts in self._counts.items():
            add(step, model, counts, self._platform.runtime.now())

    def settle(self) -> None:
        """Takes out whoever broke a limit by what became known."""
        for model in self._counts:
            settle(self._platform, model)

    def _of(self, one: Logged) -> Counts:
        return self._counts.setdefault(one.said.model, {}).setdefault(int(one.said.version), Counts())
