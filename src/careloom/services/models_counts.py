"""Counts of versions over time, and what the limits say of whoever has a part in answering."""

from datetime import datetime, timedelta
from typing import Literal

from careloom.mlops import breach
from careloom.mlops.breach import Limits, Verdict
from careloom.mlops.counting import Counts, from_json, together
from careloom.services.models_kept import traffic_of, version_name
from careloom.services.platform import Platform
from careloom.store.models import listed

WINDOW_MINUTES = 5
Part = Literal["champion", "challenger", "shadow"]
PARTS: tuple[Part, ...] = ("challenger", "champion", "shadow")


def looked_at(platform: Platform, model: str, part: Part) -> Verdict:
    """What the limits say of who has a part: counts of its own, and of who answers beside it."""
    limits, traffic = breach.shipped(), traffic_of(platform, model)
    beside = "champion" if part != "champion" else "challenger"
    other = traffic[beside]
    found = _Windows(platform, model, limits)
    return breach.judge(
        limits,
        found.of(traffic[part], limits.slo_minutes),
        found.of(traffic[part], limits.quality_minutes),
        found.of(other, limits.quality_minutes) if other is not None and part != "champion" else None,
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
        first = int((self._now - timedelta(minutes=minutes)).timestamp() // (60 * WINDOW_MINUTES))
        own = version_name(self._model, number)
        parts = (one.name.rpartition("/") for one in self._all)
        names = {f"{name}/{window}" for name, _, window in parts if name == own and int(window) >= first}
        return together(from_json(one.body) for one in self._all if one.name in names)
