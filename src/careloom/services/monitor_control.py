"""The sequential control of a version: a chart that goes on from look to look, and begins anew once it was told."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np

from careloom.mlops.drift_sequential import NEW, Chart, control, limit_for
from careloom.mlops.drift_thresholds import Thresholds
from careloom.store.audit_log import microseconds
from careloom.store.predictions import Logged
from careloom.store.rows import instant

HISTORY = 100
"""Crossings that are kept of a version, the newest."""
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Controlled:
    """A chart after what became known since the look before.

    chart      where it stands
    outcomes   known within the year that the limit is for
    fresh      new ones among them
    until      when the newest of those became known, microseconds since 1970
    crossings  new ones: ``crossed`` (end of the horizon at which the limit was passed), ``upwards``, ``outcomes`` (that
               the chart had seen)
    earlier    those of looks before, each with ``look``
    """

    chart: Chart
    outcomes: int
    fresh: int
    limit: float
    until: int
    crossings: list[Json]
    earlier: list[Json]

    @property
    def calm(self) -> frozenset[str]:
        """The sides, ``up`` and ``down``, that nothing more is to be told of.

        A chart that began anew says nothing at first, whether or not the odds are still moved: a crossing is over
        after as many outcomes without another as the chart had seen when it came.
        """
        newest = {"up" if one["upwards"] else "down": one["outcomes"] for one in (*self.earlier, *self.crossings)}
        return frozenset(side for side in ("up", "down") if self.chart.outcomes >= newest.get(side, 1))

    def as_json(self) -> Json:
        """It as a report holds it; ``crossed`` and ``upwards`` are of the first new crossing."""
        first = self.crossings[0] if self.crossings else {"crossed": None, "upwards": False}
        return {
            "outcomes": self.outcomes, "fresh": self.fresh, "since": self.chart.outcomes, "up": self.chart.up,
            "down": self.chart.down, "limit": self.limit, "crossed": first["crossed"], "upwards": first["upwards"],
            "crossings": [*self.earlier, *({**one, "look": ""} for one in self.crossings)],
        }  # fmt: skip

    def kept(self, look: str) -> Json:
        """What the next look goes on from."""
        found = [*self.earlier, *({**one, "look": look} for one in self.crossings)][-HISTORY:]
        chart = self.chart
        return {
            "up": chart.up, "down": chart.down, "outcomes": chart.outcomes, "until": self.until, "crossings": found,
        }  # fmt: skip


def controlled(known: Sequence[Logged], limits: Thresholds, before: Json | None) -> Controlled | None:
    """Both CUSUMs over what became known since the look before; None where no outcome is known.

    One outcome of a case, or of a patient and a horizon, counts, however often it was predicted.

    known   predictions of the year before, some with an outcome
    before  what `Controlled.kept` told; None for a chart that begins
    """
    once = _once(sorted((one for one in known if one.outcome is not None), key=_known_at))
    if not once:
        return None
    since = -1 if before is None else before["until"]
    fresh = [one for one in once if _known_at(one)[0] > since]
    limits = replace(limits, limit=limit_for(len(once), limits))
    told = control(
        np.array([one.said.score for one in fresh], dtype=np.float64),
        np.array([bool(one.outcome) for one in fresh], dtype=bool),
        limits,
        NEW if before is None else Chart(before["up"], before["down"], before["outcomes"]),
    )
    crossings = [
        {"crossed": instant(fresh[one.at].matures), "upwards": one.upwards, "outcomes": one.outcomes}
        for one in told.crossings
    ]
    until = max([since, *(_known_at(one)[0] for one in fresh)])
    earlier = [] if before is None else before["crossings"]
    return Controlled(told.chart, len(once), len(fresh), limits.limit, until, crossings, earlier)


def _once(known: Sequence[Logged]) -> list[Logged]:
    """One a case and one a horizon of a patient: the first that became known."""
    found, seen = [], set[tuple[str, date]]()
    for one in known:
        marks = {one.said.case, (one.said.patient, one.matures)}
        if seen.isdisjoint(marks):
            found.append(one)
        seen |= marks
    return found


def _known_at(one: Logged) -> tuple[int, int, str]:
    """By what outcomes stand in the order in which they became known."""
    return (0 if one.noted is None else microseconds(one.noted), microseconds(one.matures), one.name)
