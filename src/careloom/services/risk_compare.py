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
    sizes, overlap = _sizes(people, events["patient_id"].n_unique())
    parts = [_ages(people, events), _sexes(people, events), _conditions(people, events)]
    titles = [{"name": each.definition.name, "title": each.definition.title} for each in found]
    return {
        "smallest_cell": SMALLEST_CELL, "overlap": overlap, "distributions": parts,
        "cohorts": [told | {"patients": size} for told, size in zip(titles, sizes, strict=True)],
    }  # fmt: skip


def _people(found: Cohort) -> pl.DataFrame:
    """Each patient who is in, with the first moment."""
    return found.rows.group_by("patient_id").agg(pl.col("index_time").min()).sort("patient_id")


def _sizes(people: Sequence[pl.DataFrame], every: int) -> tuple[list[int | None], Json]:
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
    return [told(0, 2), told(2, 0)], overlap


def _ages(people: Sequence[pl.DataFrame], events: pl.DataFrame) -> Json:
    born = events.filter(pl.col("kind") == "birth").group_by("patient_id").agg(pl.col("time").min().alias("born"))
    years = (pl.col("index_time") - pl.col("born")).dt.total_days() / _DAYS_OF_A_YEAR
    band = pl.lit(None, dtype=pl.String)
    for low, name in zip(AGES, AGE_BANDS, strict=True):
        band = pl.when(years >= low).then(pl.lit(name)).otherwise(band)
    frames = [each.join(born, on="patient_id", how="left").select(band.alias("label")) for each in people]
    return _parted("age", frames, AGE_BANDS)


def _sexes(people: Sequence[pl.DataFrame], events: pl.DataFrame) -> Json:
    sex = events.filter(pl.col("kind") == "sex").group_by("patient_id").agg(pl.col("code").min().alias("label"))
    frames = [each.join(sex, on="patient_id", how="left").select("label") for each in people]
    names = sorted({one for frame in frames for one in frame["label"].drop_nulls().to_list()})
    return _parted("sex", frames, names)


def _parted(name: str, frames: Sequence[pl.DataFrame], labels: Sequence[str]) -> Json:
    """Counts of labels that part a cohort, what has none last."""
    bins = [*labels, MISSING]
    counts = [
        [int(frame["label"].fill_null(MISSING).eq(one).sum()) for one in bins] for frame in frames
    ]  # fmt: skip
    shown = [may_be_shown([[*line, sum(line)]], SMALLEST_CELL)[0, :-1] for line in counts]
    told = [
        [number if seen else None for number, seen in zip(line, seen_line, strict=True)]
        for line, seen_line in zip(counts, shown, strict=True)
    ]
    return {"name": name, "bins": bins, "one": told[0], "other": told[1], "difference": _variation(*counts)}


def _conditions(people: Sequence[pl.DataFrame], events: pl.DataFrame) -> Json:
    """Of the commonest diagnoses known before the moment, how many patients have each; of a few nothing is told."""
    known = events.filter((pl.col("kind") == "diagnosis") & pl.col("code").is_not_null())
    counts = [
        dict(
            known.join(each, on="patient_id")
            .filter(pl.col("available_time") < pl.col("index_time"))
            .group_by("code").agg(pl.col("patient_id").n_unique()).iter_rows()
        )
        for each in people
    ]  # fmt: skip
    sums = {code: max(one.get(code, 0) for one in counts) for code in {*counts[0], *counts[1]}}
    common = sorted((code for code, most in sums.items() if most >= SMALLEST_CELL), key=lambda one: (-sums[one], one))
    bins = common[:MOST_CONDITIONS]
    told = [[_of(one.get(code, 0), each.height) for code in bins] for one, each in zip(counts, people, strict=True)]
    return {"name": "conditions", "bins": bins, "one": told[0], "other": told[1], "difference": None}


def _of(having: int, every: int) -> int | None:
    """How many have something, unless they or the others are few."""
    return having if may_be_shown([[having, every - having, every]], SMALLEST_CELL)[0, 0] else None


def _variation(one: Sequence[int], other: Sequence[int]) -> float | None:
    """Half the sum of the differences of shares; None where a cohort is of few."""
    if min(sum(one), sum(other)) < SMALLEST_CELL:
        return None
    left, right = (np.array(each) / sum(each) for each in (one, other))
    return round(float(np.abs(left - right).sum()) / 2, 3)
