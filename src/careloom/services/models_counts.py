"""Counts of versions over time, and what the limits say of whoever has a part in answering.

Every way by which a version answers adds to the same rows, within the durable step that keeps its answer: counting
costs no step of its own, and no process has counts that others lack.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Literal

from careloom.errors import CareloomError
from careloom.mlops import breach
from careloom.mlops.breach import Limits, Verdict
from careloom.mlops.counting import Counts, together
from careloom.services.models_kept import traffic_of, version_name
from careloom.services.monitor_profiles import profile_of
from careloom.services.platform import Platform
from careloom.store.models import listed
from careloom.store.transaction import Transaction

WINDOW_MINUTES = 5
_OF_AN_HOUR = 60 // WINDOW_MINUTES
OUTCOMES = "outcomes"
"""Rows of what came of predictions: one a day, for they are few and judged over a long time."""
Part = Literal["champion", "challenger", "shadow"]
PARTS: tuple[Part, ...] = ("challenger", "champion", "shadow")


def add(step: Transaction, model: str, counts: Mapping[int, Counts], now: datetime) -> None:
    """Adds to what is kept of versions, within a step.

    counts  version number -> what was counted of it
    """
    is_new = False
    for number, each in counts.items():
        soon, late = each.apart()
        for place, part in ((_window(now), soon), (f"{OUTCOMES}/{_day(now)}", late)):
            if part != Counts():
                is_new |= _put(step, model, f"{version_name(model, number)}/{place}", part)
    if is_new:
        _tidy(step, model, now)


def _put(step: Transaction, model: str, name: str, part: Counts) -> bool:
    """Adds to a row; whether it is a new one."""
    known = step.models.found("count", name)
    if known is None:
        step.models.add("count", name, model, "counted", part.as_json())
        return True
    step.models.change("count", name, "counted", together([Counts(**known.body), part]).as_json())
    return False


def _tidy(step: Transaction, model: str, now: datetime) -> None:
    """Removes rows that no limit looks at any more; windows that are judged for their scores alone become hours."""
    limits, over = breach.shipped(), []
    fresh, oldest = _window(now, limits.slo_minutes), _window(now, limits.quality_minutes)
    for name in step.models.names("count", model):
        version, _, last = name.rpartition("/")
        window = int(last)
        if version.endswith(f"/{OUTCOMES}"):
            over += [name] if window < _day(now, limits.outcome_days) else []
        elif window < oldest:
            over.append(name)
        elif window < fresh and window % _OF_AN_HOUR and (known := step.models.found("count", name)) is not None:
            _put(step, model, f"{version}/{window - window % _OF_AN_HOUR}", Counts(**known.body))
            over.append(name)
    step.models.drop("count", over)


def _window(now: datetime, minutes: int = 0) -> int:
    return int((now - timedelta(minutes=minutes)).timestamp() // (60 * WINDOW_MINUTES))


def _day(now: datetime, days: int = 0) -> int:
    return int((now - timedelta(days=days)).timestamp() // 86_400)


def looked_at(platform: Platform, model: str) -> dict[Part, tuple[int, Verdict]]:
    """What the limits say of everybody who has a part, with the number of the version.

    Of counts of its own, and of who answers beside it.
    """
    limits, traffic = breach.shipped(), traffic_of(platform, model)
    parts = [part for part in PARTS if traffic[part] is not None]
    found = _Windows(platform, model, limits)
    quality = {part: found.quality_of(traffic[part]) for part in parts}
    beside = {"challenger": quality.get("champion"), "shadow": quality.get("champion"), "champion": None}
    moved = {part: cache(partial(_moved, platform, limits, model, traffic[part], quality[part])) for part in parts}
    judged = {
        part: breach.judge(
            limits, found.of(traffic[part], limits.slo_minutes), quality[part], beside[part],
            None if part == "champion" else partial(_errs, part, moved),
        )
        for part in parts
    }  # fmt: skip
    if "champion" in judged:
        judged["champion"] = replace(judged["champion"], alarms=_alarms(limits, judged, moved))
    return {part: (traffic[part], verdict) for part, verdict in judged.items()}


def _moved(platform: Platform, limits: Limits, model: str, number: int, counts: Counts) -> bool | None:
    """Whether the scores of a version left its profile; None where it has none, or too few scores."""
    try:
        told = profile_of(platform, model, str(number))
    except CareloomError:
        return None
    return breach.moved_from(limits, counts, told.scores.edges, told.scores.counts, told.rows)


def _errs(part: Part, moved: Mapping[Part, Callable[[], bool | None]]) -> bool:
    """Whether who is beside the champion is at fault where their scores differ; in doubt it is."""
    return "champion" not in moved or moved["champion"]() is not True or moved[part]() is not False


def _alarms(
    limits: Limits, judged: Mapping[Part, Verdict], moved: Mapping[Part, Callable[[], bool | None]]
) -> tuple[str, ...] | None:
    """That the champion's scores are where they should not be, and those of who is beside it are not; None where its
    scores are compared with nobody's.
    """
    shifts = [(part, judged[part].seen["score_shift"]["value"]) for part in judged if part != "champion"]
    compared = [(part, value) for part, value in shifts if value is not None]
    if any(value > limits.score_shift and not _errs(part, moved) for part, value in compared):
        return ("the champion's scores left its own profile, and those beside are where theirs is",)
    return () if compared else None


class _Windows:
    """Counts of a model by version and time, read once."""

    def __init__(self, platform: Platform, model: str, limits: Limits) -> None:
        self._now: datetime = platform.runtime.now()
        self._model = model
        self._limits = limits
        with platform.store("identified").connect() as connection:
            self._all = listed(connection, "count", model)

    def of(self, number: int, minutes: int) -> Counts:
        """The counts of a version over the last minutes, in whole windows."""
        return together(self._since(version_name(self._model, number), _window(self._now, minutes)))

    def quality_of(self, number: int) -> Counts:
        """Its scores over `quality_minutes`, and what came of them over `outcome_days`."""
        late = f"{version_name(self._model, number)}/{OUTCOMES}"
        days = self._since(late, _day(self._now, self._limits.outcome_days))
        return together([self.of(number, self._limits.quality_minutes), *days])

    def _since(self, of: str, first: int) -> Iterable[Counts]:
        for one in self._all:
            name, _, number = one.name.rpartition("/")
            if name == of and int(number) >= first:
                yield Counts(**one.body)
