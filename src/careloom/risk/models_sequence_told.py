"""What a sequence model is told of rows, while it is trained and after: columns of `careloom.risk.models_sequence`.

A codebook is of training rows alone: each fold within them has its own, and the model carries that of all of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import polars as pl

from careloom.errors import InputError, QueryError
from careloom.risk.cohorts_definition import EventSet
from careloom.risk.facts_one import Fact, as_frame, seconds_of
from careloom.risk.features_definition import Feature, FeatureSet
from careloom.risk.features_one import Moment, OneRow
from careloom.risk.models import Model
from careloom.risk.models_features import ModelFeature
from careloom.risk.models_sequence import LENGTH, Codebook, codebook, histories, sequence_features
from careloom.risk.models_sequence import Sequence as Network
from careloom.risk.models_sequence_facts import fact_code, facts_before

OF_BOOK = ("bins", "fewest", "most", "length")
"""Settings of a sequence that are no setting of its network."""
FEWEST = 20
"""Facts that make a token a level, where a task does not say; hospitals that a task is tried on are small."""
_DAY_SECONDS = 86_400
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Telling:
    """How rows are told to one network."""

    book: Codebook
    length: int

    @property
    def features(self) -> tuple[ModelFeature, ...]:
        """The columns of `frame`, as models know them."""
        return sequence_features(self.book, self.length)

    def frame(self, frame: pl.DataFrame, timeline: pl.DataFrame | None) -> pl.DataFrame:
        """[n] the frame with the columns that the network reads, in its order.

        frame     candidate and any other columns
        timeline  facts of those candidates, as `careloom.risk.models_sequence_facts.facts_before`
        raises    QueryError where there are no facts beside the rows
        """
        told = _needed(timeline).filter(pl.col("candidate").is_in(frame["candidate"].implode()))
        made = histories(self.book.told(told), frame["candidate"], self.length).drop("candidate")
        return frame.drop(made.columns, strict=False).hstack(made)


def telling(frame: pl.DataFrame, timeline: pl.DataFrame | None, settings: Mapping[str, Any]) -> Telling:
    """The telling of training rows. raises InputError for a setting; QueryError where there are no facts beside them"""
    facts = _needed(timeline).filter(pl.col("candidate").is_in(frame["candidate"].implode()))
    own = {name: settings[name] for name in OF_BOOK if name in settings}
    length = own.pop("length", LENGTH)
    if not isinstance(length, int) or length < 1:
        raise InputError("settings of sequence: length", "write a whole number of facts")
    return Telling(codebook(facts, **{"fewest": FEWEST, **own}), length)


def _needed(timeline: pl.DataFrame | None) -> pl.DataFrame:
    if timeline is None:
        raise QueryError("a sequence is trained on facts of patients", "Choose another learner for a table of rows.")
    return timeline


def told_to(model: Model, frame: pl.DataFrame, timeline: pl.DataFrame | None) -> pl.DataFrame:
    """The frame as a model reads it: that of features, but for a sequence, which has a codebook of its own."""
    found = telling_of(model)
    return frame if found is None else found.frame(frame, timeline)


def telling_of(model: Model) -> Telling | None:
    """How a model is told of rows; None where it reads features."""
    if not isinstance(model.learnt, Network):
        return None
    return Telling(Codebook(model.features[0].levels, model.learnt.edges), model.learnt.length)


class SequenceReader:
    """Reads what a sequence model is told of one patient, with the fact behind each place; as `FeatureReader`.

    outcome        whose notes are not told, as in training
    observed_days  of the window that bounded it there; 0: none did
    """

    def __init__(self, of: Telling, outcome: Sequence[EventSet], observed_days: float = 0.0) -> None:
        self._of, self._outcome, self._observed_days = of, outcome, observed_days
        self.features = FeatureSet("sequence", "Facts in their order", tuple(_worded(one) for one in of.features))

    def row(self, facts: Sequence[Fact], moment: Moment) -> OneRow:
        """The latest facts of a patient before a moment."""
        index = pl.DataFrame(
            {"candidate": [0], "patient_id": ["one"], "index_time": [moment.time]},
            schema_overrides={"index_time": pl.Datetime("us", "UTC")},
        )
        told = self.frame(index, as_frame(facts, "one")).row(0, named=True)
        values = {one.name: told[one.name] for one in self._of.features}
        since = moment.time - timedelta(seconds=round(self._observed_days * _DAY_SECONDS))
        seen = [one for one in facts if not self._observed_days or one.time is None or one.time >= since]
        behind = _by_place(seen, moment)
        basis = {
            f"code_{place}": tuple(behind.get((self._code(values[f"code_{place}"]), values[f"days_{place}"]), ()))
            for place in range(1, self._of.length + 1)
        }
        return OneRow(values, basis)

    def frame(self, index: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
        """[n] the columns of the model for the rows of an index: candidate, patient_id, index_time."""
        told = facts_before(index, events, outcome=self._outcome, observed_days=self._observed_days)
        return self._of.frame(index.select("candidate", "patient_id", "index_time"), told)

    def _code(self, token: str | None) -> str | None:
        """A token without the bin of its value."""
        code, _, place = (token or "").rpartition("|")
        return code if code in self._of.book.edges and place.isdecimal() else token


def _worded(one: ModelFeature) -> Feature:
    aggregation = "last_detail" if one.type == "code" else "last"
    return Feature(one.name, one.concept, "It says" if one.type == "code" else "Days before", aggregation)  # type: ignore[arg-type]


def _by_place(facts: Sequence[Fact], moment: Moment) -> dict[tuple[str | None, float | None], list[Fact]]:
    """Code and days before -> the facts that say so."""
    found: dict[tuple[str | None, float | None], list[Fact]] = {}
    for fact in facts:
        ago = None if fact.time is None else seconds_of(moment.time - fact.time) / _DAY_SECONDS
        found.setdefault((fact_code(fact.kind, fact.code, fact.detail), ago), []).append(fact)
    return found
