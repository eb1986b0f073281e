"""Counts of versions over time, and what the limits say of whoever has a part in answering.

Every way by which a version answers adds to the same rows, within the durable step that keeps its answer: counting
costs no step of its own, and no process has counts that others lack.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Literal

from careloom.mlops import breach
from careloom.mlops.breach import Limits, Verdict
from careloom.mlops.counting import Counts, together
from careloom.services.models_kept import traffic_of, version_name
from careloom.services.platform import Platform
from careloom.store.models import ModelWork, listed
from careloom.store.transaction import Transaction

WINDOW_MINUTES = 5
OUTCOMES = "outcomes"
"""Rows of what came of predictions: one a day, for they are few and judged over a long time."""
Part = Literal["champion", "challenger", "shadow"]
PARTS: tuple[Part, ...] = ("challenger", "champion", "shadow")


def add(step: Transaction, model: str, counts: Mapping[int, Counts], now: datetime) -> None:
    """Adds to what is kept of versions, within a step; what no limit looks at any more is removed now and then.

    counts  version number -> what was counted of it
    """
    is_new = False
    for number, each in counts.items():
        soon, late = each.apart()
        for place, part in ((_window(now), soon), (f"{OUTCOMES}/{_day(now)}", late)):
            name = f"{version_name(model, number)}/{place}"
            known = step.models.found("count", name) if part != Counts() else None
            if known is not None:
                step.models.change("count", name, "counted", together([Counts(**known.body), part]).as_json())
            elif part != Counts():
                step.models.add("count", name, model, "counted", part.as_json())
                is_new = True
    if is_new:
        limits = breach.shipped()
        kept = (_window(now, limits.quality_minutes), _day(now, limits.outcome_days))
        step.models.drop("count", [one.name for one in step.models.listed("count", model) if _is_over(one, *kept)])


def _window(now: datetime, minutes: int = 0) -> int:
    return int((now - timedelta(minutes=minutes)).timestamp() // (60 * WINDOW_MINUTES))


def _day(now: datetime, days: int = 0) -> int:
    return int((now - timedelta(days=days)).timestamp() // 86_400)


def _is_over(one: ModelWork, window: int, day: int) -> bool:
    version, _, last = one.name.rpartition("/")
    return int(last) < (day if version.endswith(f"/{OUTCOMES}") else window)


def looked_at(platform: Platform, model: str, part: Part) -> Verdict:
    """What the limits say of who has a part: counts of its own, and of who answers beside it."""
    limits, traffic = breach.shipped(), traffic_of(platform, model)
    beside = "champion" if part != "champion" else "challenger"
    other = traffic[beside]
    found = _Windows(platform, model, limits)
    return breach.judge(
        limits,
        found.of(traffic[part], limits.slo_minutes),
        found.quality_of(traffic[part]),
        found.quality_of(other) if other is not None and part != "champion" else None,
    )


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
