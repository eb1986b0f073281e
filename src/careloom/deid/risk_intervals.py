"""A rehearsed attack on shifted dates: the days between events are kept, so that they can be looked for."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from careloom.deid.risk_classes import Whole, coded, columns_there, combined
from careloom.deid.risk_linkage import Attack, attack_of
from careloom.errors import QueryError

PATIENTS_TRIED = 500


@dataclass(frozen=True, slots=True)
class Clues:
    """What an attacker of dates knows.

    time             column with the time of an event; whole days count
    kinds            columns that tell what happened, e.g. its code; none if only dates are known
    patient          column with the truth, in one form in both tables; the attacker does not see it
    shift_days       how far dates may have been shifted, from a published policy; None if that is not known
    patients_tried   at most
    """

    time: str
    kinds: tuple[str, ...] = ()
    patient: str = "patient_id"
    shift_days: int | None = None
    patients_tried: int = PATIENTS_TRIED


def interval_attack(
    research: pl.DataFrame, identified: pl.DataFrame, clues: Clues, known: Sequence[int], seed: int
) -> tuple[tuple[int, Attack], ...]:
    """How many patients some true dates give away, although each patient's dates were shifted by an own number of days.

    research    one row an event, dates shifted
    identified  one row an event, dates true
    known       how many events of a patient the attacker knows, drawn at random; each 1 or more
    seed        of the patients tried and of their events
    returns     for each of `known`, over patients with so many different events. A patient matches whose dates, moved
                by one number of days, hold all known events
    raises      QueryError
    source      own construction, after the unicity of de Montjoye et al, Sci Rep 2013;3:1376, with the unknown shift as
                the one thing that an attacker must guess
    """
    if any(each < 1 for each in known):
        raise QueryError("known: a number of events is below 1", "give numbers from 1")
    names = [clues.patient, clues.time, *clues.kinds]
    for frame, role in ((research, "research events"), (identified, "identified events")):
        columns_there(frame, names, role)
        if frame.schema[clues.time] not in (pl.Date, pl.Datetime):
            raise QueryError(f"{role}: column '{clues.time}' holds no dates", "give dates or times")
        if any(frame.schema[name] != research.schema[name] for name in (clues.patient, *clues.kinds)):
            raise QueryError(f"{role}: a column has two types in the two tables", "bring both into one form")
    shifted, true = _events(research, identified, clues)
    generator = np.random.default_rng(seed)
    starts = np.flatnonzero(np.append(True, true[1:, 0] != true[:-1, 0])) if len(true) else np.zeros(0, np.int64)
    lengths = np.diff(np.append(starts, len(true)))
    patients = set(shifted.patient.tolist())
    found = []
    for each in known:
        present, matches = [], []
        for at in generator.permutation(np.flatnonzero(lengths >= each))[: clues.patients_tried]:
            own = true[starts[at] : starts[at] + lengths[at]]
            drawn = own[generator.choice(len(own), each, replace=False)]
            fitting = shifted.fitting(drawn, clues.shift_days)
            present.append(int(own[0, 0]) in patients)
            matches.append((int(fitting.size), bool(np.isin(own[0, 0], fitting))))
        found.append((each, attack_of(present, matches, len(patients))))
    return tuple(found)


@dataclass(frozen=True, slots=True, eq=False)
class _Shifted:
    """The events of the research table, by kind.

    patient, day     [events] ordered by kind
    starts           [kinds + 1] where the events of each kind begin
    keys             [events] patient, kind and day in one number, sorted
    kinds, days      how many of each there can be
    """

    patient: Whole
    day: Whole
    starts: Whole
    keys: Whole
    kinds: int
    days: int

    def fitting(self, events: Whole, shift_days: int | None) -> Whole:
        """The patients who have all events (patient, kind, day) after one shift."""
        rarity = self.starts[events[:, 1] + 1] - self.starts[events[:, 1]]
        first, *rest = events[np.argsort(rarity, kind="stable")]
        there = slice(self.starts[first[1]], self.starts[first[1] + 1])
        patient, shift = self.patient[there], self.day[there] - first[2]
        if shift_days is not None:
            patient, shift = patient[np.abs(shift) <= shift_days], shift[np.abs(shift) <= shift_days]
        for _, kind, day in rest:
            wanted = (patient * self.kinds + kind) * self.days + day + shift
            inside = (day + shift >= 0) & (day + shift < self.days)
            place = np.minimum(np.searchsorted(self.keys, wanted), max(0, self.keys.size - 1))
            fits = inside & (self.keys[place] == wanted) if self.keys.size else inside
            patient, shift = patient[fits], shift[fits]
        return np.unique(patient)


def _events(research: pl.DataFrame, identified: pl.DataFrame, clues: Clues) -> tuple[_Shifted, Whole]:
    """The events of both tables as numbers: (research, identified [events; patient, kind, day])."""
    frames = []
    for at, frame in enumerate((research, identified)):
        day = frame[clues.time].cast(pl.Date).cast(pl.Int64).alias("day")
        rows = frame.select(clues.patient, *clues.kinds).with_columns(day, pl.lit(at).alias("table"))
        frames.append(rows.drop_nulls())
    both = pl.concat(frames)
    patient = coded(both[clues.patient]).codes
    kind = combined([coded(both[name]).codes for name in clues.kinds])[1] if clues.kinds else np.zeros_like(patient)
    day = both["day"].to_numpy() - (int(both["day"].min() or 0))  # type: ignore[arg-type]
    days = int(day.max()) + 1 if day.size else 0
    kinds = int(kind.max()) + 1 if kind.size else 0
    events = np.stack([patient, kind, day], axis=1)
    mine = np.unique(events[both["table"].to_numpy() == 0], axis=0)
    theirs = np.unique(events[both["table"].to_numpy() == 1], axis=0)
    by_kind = mine[np.argsort(mine[:, 1], kind="stable")]
    starts = np.searchsorted(by_kind[:, 1], np.arange(kinds + 1))
    keys = np.sort((mine[:, 0] * kinds + mine[:, 1]) * days + mine[:, 2])
    return _Shifted(by_kind[:, 0], by_kind[:, 2], starts, keys, kinds, days), theirs
