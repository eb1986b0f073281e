"""How few known points of a history single a patient out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from careloom.deid.risk_classes import Whole, coded, columns_there, combined
from careloom.errors import QueryError
from careloom.metrics import Proportion, wilson_interval

PATIENTS_TRIED = 2_000


@dataclass(frozen=True, slots=True)
class Unicity:
    """How many patients some points single out.

    points    how many points an attacker knows
    eligible  patients who have that many different points
    unique    of those tried, who is the only one to have all of the drawn points; with a 95 % interval of the share
    """

    points: int
    eligible: int
    unique: Proportion

    def as_json(self) -> dict[str, Any]:
        """Names with units."""
        return {
            "points_known": self.points,
            "eligible_patients": self.eligible,
            "tried_patients": self.unique.trials,
            "unique_patients": self.unique.successes,
            "unique_share": self.unique.share,
            "unique_share_low": self.unique.low,
            "unique_share_high": self.unique.high,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Histories:
    """Who has which points, each pair once.

    pairs    patient * width + point, sorted
    width    different points
    starts   [patients + 1] where the pairs of each patient begin
    holders  how many patients have each point
    by_point, point_starts  the patients of each point, and where those of each begin
    """

    pairs: Whole
    width: int
    starts: Whole
    holders: Whole
    by_point: Whole
    point_starts: Whole

    def of(self, patient: int) -> Whole:
        """The points of a patient."""
        return self.pairs[self.starts[patient] : self.starts[patient + 1]] % self.width

    def having(self, points: Whole) -> int:
        """How many patients have all of the points."""
        rarest = points[np.argmin(self.holders[points])]
        some = self.by_point[self.point_starts[rarest] : self.point_starts[rarest + 1]]
        for point in points:
            wanted = some * self.width + point
            place = np.minimum(np.searchsorted(self.pairs, wanted), self.pairs.size - 1)
            some = some[self.pairs[place] == wanted]
        return int(some.size)


def histories(events: pl.DataFrame, patient: str, points: Sequence[str]) -> Histories:
    """The points of each patient, from a table with one row an event.

    points  the columns that make a point, e.g. code and month; an event that lacks one is left out: nobody can know it
    raises  QueryError
    """
    if not points:
        raise QueryError(
            "points: no column is named", "name what an attacker may know of an event, e.g. code and month"
        )
    columns_there(events, [patient, *points], "events")
    there = events.select(patient, *points).drop_nulls().unique()
    who = coded(there[patient])
    patients = who.values.len()
    first, point = combined([coded(there[name]).codes for name in points])
    width = max(1, first.size)
    pairs = np.sort(who.codes * width + point)
    order = np.argsort(point, kind="stable")
    holders = np.bincount(point, minlength=first.size)
    return Histories(
        pairs,
        width,
        np.searchsorted(pairs, np.arange(patients + 1) * width),
        holders,
        who.codes[order],
        np.concatenate(([0], np.cumsum(holders))),
    )


def unicity(
    events: pl.DataFrame,
    points: Sequence[str],
    known: Sequence[int],
    seed: int,
    *,
    patient: str = "patient_id",
    patients_tried: int = PATIENTS_TRIED,
) -> tuple[Unicity, ...]:
    """The share of patients whom so many points of their history, drawn at random, single out.

    events  one row an event
    points  the columns that make a point, e.g. code and month
    known   how many points an attacker knows, each 1 or more
    seed    of the patients tried and of their points; the order of the events does not matter
    returns one for each of `known`, over patients who have that many different points
    raises  QueryError
    source  de Montjoye YA, Hidalgo CA, Verleysen M, Blondel VD, Sci Rep 2013;3:1376. Each point of a patient is as
            likely to be known as any other; an attacker who knows the rare ones does better
    """
    if any(each < 1 for each in known):
        raise QueryError("known: a number of points is below 1", "give numbers from 1")
    table = histories(events, patient, points)
    generator = np.random.default_rng(seed)
    lengths = np.diff(table.starts)
    found = []
    for each in known:
        eligible = np.flatnonzero(lengths >= each)
        tried = generator.permutation(eligible)[:patients_tried]
        alone = sum(table.having(generator.choice(table.of(int(one)), each, replace=False)) == 1 for one in tried)
        found.append(Unicity(each, int(eligible.size), wilson_interval(alone, int(tried.size))))
    return tuple(found)
