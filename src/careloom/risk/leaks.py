"""What a training set knows that nobody knew at the index time, or that the test was to keep from it.

Each check looks at the data themselves, not at what a pipeline says of itself: a scaler that was fitted on all rows
leaves all rows with mean 0, and an oversampled row lies on a line between two others. A finding names a place, counts
and a remedy, never a patient's value. That nothing is found proves nothing: what a check can see stands in its
docstring.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import polars as pl

from careloom.risk.cohorts_definition import EventSet

KnownAt = Literal["admission", "discharge", "after"]


@dataclass(frozen=True, slots=True)
class LeakFinding:
    """One leak.

    kind      stable name, as ``patient-overlap``
    place     feature, column or fold
    evidence  counts and measures
    rows      rows that it touches; 0 where it is of a whole column
    """

    kind: str
    place: str
    evidence: str
    remedy: str
    rows: int = 0

    def as_json(self) -> dict[str, Any]:
        """The finding as plain JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Scene:
    """A training set as it goes to a model, and what is known of how it was made. What is not there is not checked.

    rows         [n] features and label; as far as they exist patient_id, candidate (number of the row), index_time,
                 horizon_end, encounter_key, fold (train, validation, test, gap)
    features     columns that the model sees
    facts        [m] what the features rest on: candidate, feature, time, available_time, kind, system, code,
                 encounter_key, resource_key
    outcome      the event sets that are foretold, for codes of them among the facts
    known_at     the moment of the index, for fields that are filled later
    fits         column -> statistic (mean, std, min, max, median) -> number that preprocessing was fitted with
    raw          [n] the columns of `fits` before preprocessing, in the order of `rows`
    is_temporal  the folds are said to be apart in time
    prevalence   share of positives in the cohort that the rows were taken from
    """

    rows: pl.DataFrame
    features: tuple[str, ...]
    label: str = "label"
    patient: str = "patient_id"
    fold: str = "fold"
    facts: pl.DataFrame | None = None
    outcome: tuple[EventSet, ...] = ()
    known_at: KnownAt = "discharge"
    fits: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    raw: pl.DataFrame | None = None
    is_temporal: bool = False
    prevalence: float | None = None

    def has(self, *names: str) -> bool:
        """True where the rows have these columns."""
        return set(names) <= set(self.rows.columns)

    @property
    def labelled(self) -> pl.DataFrame:
        """Rows with a label, which is 0 or 1 there."""
        return self.rows.drop_nulls(self.label).with_columns(pl.col(self.label).cast(pl.Int8))

    @property
    def parts(self) -> dict[str, pl.DataFrame]:
        """Fold -> its rows, without the gap; empty where there are no folds."""
        if not self.has(self.fold):
            return {}
        told = self.rows.filter((pl.col(self.fold) != "gap").fill_null(value=False))
        return {str(name): part for (name,), part in told.partition_by(self.fold, as_dict=True).items()}


Check = Callable[[Scene], list[LeakFinding]]


def inspected(scene: Scene, checks: Mapping[str, Check]) -> list[LeakFinding]:
    """What the checks find, in their order; a column that is a copy of the label is named once."""
    found = [one for check in checks.values() for one in check(scene)]
    copies = {one.place for one in found if one.kind == "target-copied"}
    shadowed = ("near-perfect-feature", "identifier-tells-label", "missingness-tells-label", "target-encoding-all-rows")
    return [one for one in found if not (one.place in copies and one.kind in shadowed)]
