"""Two cohorts of a zone side by side: how large, how many patients are in both, who they are; small cells left out.

A patient counts once in a cohort, at the first moment that is in. Nobody is named.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from careloom.errors import CareloomError
from careloom.risk.cohorts import Cohort
from careloom.risk.cohorts_any import extract_any
from careloom.services.access import Principal
from careloom.services.admission import note
from careloom.services.platform import Platform
from careloom.services.risk_cohorts import OPERATION, CohortAsk, definition_and_facts, definition_named
from careloom.services.risk_compare_cells import Bins, Numbers, Shown, having, parted
from careloom.services.risk_facts import shift_of
from careloom.services.search import zone_of
from careloom.tables.encoding import SMALLEST_CELL
from careloom.tables.suppression import may_be_shown

AGES = (0, 18, 40, 65, 80)
AGE_BANDS = ("0 to 17", "18 to 39", "40 to 64", "65 to 79", "80 and more")
MISSING = "Not recorded"
MOST_CONDITIONS = 12
_DAYS_OF_A_YEAR = 365.25
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class CompareAsk:
    """Which two cohorts, each a name that ships or a text, of which facts; see `CohortAsk`."""

    cohort: str
    other: str
    facts: str = ""
    notes: bool = False


def compare_cohorts(platform: Platform, who: Principal, zone_name: str, ask: CompareAsk) -> Json:
    """``cohorts`` (name, title, patients), ``overlap`` (both, only_one, only_other), ``distributions`` of age, sex and
    conditions (name, bins, one, other, difference); None for what is left out.

    raises  as `careloom.services.risk_cohorts.cohort`
    """
    zone = zone_of(zone_name)
    one, events = definition_and_facts(platform, who, zone_name, CohortAsk(ask.cohort, ask.facts, ask.notes), None)
    try:
        other = definition_named(platform, who, ask.other)
        shift = shift_of(platform, zone)
        found = [extract_any(each, events, shift_days=shift) for each in (one, other)]
    except CareloomError as error:
        note(platform, who, OPERATION, zone, outcome="failed", detail={"code": error.code})
        raise
    detail = {"act": "compare", "digests": [each.definition.digest for each in found]}
    note(platform, who, OPERATION, zone, detail=detail)
    people = [_people(each) for each in found]
    sizes = _sizes(people, events["patient_id"].n_unique())
    parts = [each(people, events, sizes) for each in (_ages, _sexes, _conditions)]
    titles = [{"name": each.definition.name, "title": each.definition.title} for each in found]
    return {
        "smallest_cell": SMALLEST_CELL, "overlap": sizes.overlap, "distributions": parts,
        "cohorts": [told | {"patients": size} for told, size in zip(titles, sizes.told, strict=True)],
    }  # fmt: skip


def _people(found: Cohort) -> pl.DataFrame:
    """Each patient who is in, with the first moment."""
    return found.rows.group_by("patient_id").agg(pl.col("index_time").min()).sort("patient_id")


@dataclass(frozen=True, slots=True)
class _Sizes:
    """How large the cohorts are, each None where it is left out, and how they overlap.

    parts  patients in both, in the one alone, in the other alone, as they are: not to be told
    """

    told: tuple[int | None, int | None]
    overlap: Json
    parts: tuple[int, int, int]

    @property
    def shown(self) -> tuple[bool, bool]:
        return self.told[0] is not None, self.told[1] is not None


def _sizes(people: Sequence[pl.DataFrame], every: int) -> _Sizes:
    """How large each is, and how they overlap: one table of in and not in, of everybody of whom there are facts."""
    one, other = (set(each["patient_id"].to_list()) for each in people)
    both, only_one, only_other = len(one & other), len(one - other), len(other - one)
    neither = max(every - both - only_one - only_other, 0)
    counts = np.array([[both, only_one], [only_other, neither]])
    table = np.column_stack((counts, counts.sum(axis=1)))
    table = np.vstack((table, table.sum(axis=0)))
    shown = may_be_shown(table, SMALLEST_CELL)

    def told(row: int, column: int) -> int | None:
        return int(table[row, column]) if shown[row, column] else None

    overlap = {"both": told(0, 0), "only_one": told(0, 1), "only_other": told(1, 0)}
    return _Sizes((told(0, 2), told(2, 0)), overlap, (both, only_one, only_other))


def _ages(people: Sequence[pl.DataFrame], events: pl.DataFrame, sizes: _Sizes) -> Json:
    born = events.filter(pl.col("kind") == "birth").group_by("patient_id").agg(pl.col("time").min().alias("born"))
    years = (pl.col("index_time") - pl.col("born")).dt.total_days() / _DAYS_OF_A_YEAR
    band = pl.lit(None, dtype=pl.String)
    for low, name in zip(AGES, AGE_BANDS, strict=True):
        band = pl.when(years >= low).then(pl.lit(name)).otherwise(band)
    frames = [
        each.join(born, on="patient_id", how="left").select("patient_id", band.alias("label")) for each in people
    ]  # fmt: skip
    return _parted("age", frames, AGE_BANDS, sizes)


def _sexes(people: Sequence[pl.DataFrame], events: pl.DataFrame, sizes: _Sizes) -> Json:
    sex = events.filter(pl.col("kind") == "sex").group_by("patient_id").agg(pl.col("code").min().alias("label"))
    frames = [each.join(sex, on="patient_id", how="left").select("patient_id", "label") for each in people]
    names = sorted({one for frame in frames for one in frame["label"].drop_nulls().to_list()})
    return _parted("sex", frames, names, sizes)


def _parted(name: str, frames: Sequence[pl.DataFrame], labels: Sequence[str], sizes: _Sizes) -> Json:
    """Counts of labels that part a cohort, what has none last."""
    names = [*labels, MISSING]
    bins = _bins([frame.with_columns(pl.col("label").fill_null(MISSING)) for frame in frames], names)
    shown = parted(bins, sizes.shown, SMALLEST_CELL)
    told = [_told(each, shown) for each in (bins.one, bins.other)]
    difference = _variation(bins.one, bins.other, shown) if all(sizes.shown) else None
    return {"name": name, "bins": names, "one": told[0], "other": told[1], "difference": difference}


def _bins(frames: Sequence[pl.DataFrame], labels: Sequence[str]) -> Bins:
    """Patients of each label in both cohorts and in one alone; of frames with patient_id and label, each pair once."""
    one, other = frames
    both = one.join(other, on=["patient_id", "label"])

    def of(frame: pl.DataFrame) -> Numbers:
        found = dict(frame.group_by("label").len().iter_rows())
        return np.array([found.get(label, 0) for label in labels], dtype=np.int64)

    return Bins(of(both), of(one) - of(both), of(other) - of(both))


def _told(counts: Numbers, shown: Shown) -> list[int | None]:
    return [int(number) if seen else None for number, seen in zip(counts, shown, strict=True)]


def _conditions(people: Sequence[pl.DataFrame], events: pl.DataFrame, sizes: _Sizes) -> Json:
    """Of the commonest diagnoses known before the moment, how many patients have each; of a few nothing is told."""
    known = events.filter((pl.col("kind") == "diagnosis") & pl.col("code").is_not_null())
    frames = [
        known.join(each, on="patient_id")
        .filter(pl.col("available_time") < pl.col("index_time"))
        .select("patient_id", pl.col("code").alias("label")).unique()
        for each in people
    ]  # fmt: skip
    codes = sorted({code for frame in frames for code in frame["label"].unique().to_list()})
    every = _bins(frames, codes)
    most = np.maximum(every.one, every.other)
    common = [at for at in np.argsort(-most, kind="stable").tolist() if most[at] >= SMALLEST_CELL][:MOST_CONDITIONS]
    bins = Bins(every.both[common], every.only_one[common], every.only_other[common])
    shown = having(bins, sizes.parts, sizes.shown, SMALLEST_CELL)
    told = [_told(each, shown) for each in (bins.one, bins.other)]
    names = [codes[at] for at in common]
    return {"name": "conditions", "bins": names, "one": told[0], "other": told[1], "difference": None}


def _variation(one: Numbers, other: Numbers, shown: Shown) -> float | None:
    """Half the sum of the differences of shares, what is left out as one bin; None where a cohort is of few."""
    if min(one.sum(), other.sum()) < SMALLEST_CELL:
        return None
    left, right = (np.array([*each[shown], each[~shown].sum()]) / each.sum() for each in (one, other))
    return round(float(np.abs(left - right).sum()) / 2, 3)
