"""A trained model of a risk: what it is told, what it says, why, and how sure of it one can be.

    model.score(frame)            [n] calibrated probabilities
    model.contributions(frame)    [n] log odds by clinical concept; they sum to the log odds of the score
    model.interval(frame)         [n] low and high of the probability, and which outcomes cannot be ruled out
    model.foretold(frame)         [n] days with their interval, of a model that foretells them beside the risk

Whatever learnt it (splines, trees, a published score), a model is told a frame with one column a feature, checked
before anything is computed (`careloom.risk.models_features`). `careloom.risk.models_package` keeps it as files.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import polars as pl

from careloom.errors import InputError
from careloom.risk.calibration import CalibrationMap
from careloom.risk.evaluate_measures import Floats, Marks, logit, sigmoid
from careloom.risk.models_days import DaysModel
from careloom.risk.models_features import ModelFeature, encoded, encoded_rows
from careloom.risk.models_interval import RiskInterval

Json = dict[str, Any]
OWN_COLUMNS = ("base", "calibration")
"""Columns of `Model.contributions` that are no concept."""


class Learnt(Protocol):
    """What was learnt, without the calibration; p = features, n = rows."""

    @property
    def kind(self) -> str:
        """logistic, lightgbm, sequence or score."""
        ...

    def log_odds(self, told: Floats) -> Floats:
        """[n] log odds of the encoded features [n, p]."""
        ...

    def parts(self, told: Floats) -> Floats:
        """[n, p + 1] what each feature adds to the log odds, and in the last column where they start from."""
        ...

    def files(self) -> tuple[Json, dict[str, bytes]]:
        """What goes into ``model.json`` under ``learnt``, and files beside it."""
        ...


@dataclass(frozen=True, slots=True)
class Threshold:
    """From which risk on somebody is alerted, chosen on validation data.

    alert_from      calibrated risk, 0..1; above 1 where no alert does good
    at_risk         risk at which a clinician is indifferent about acting
    budget          alerts per 100 patients that were allowed
    alerts_per_100, ppv, recall, net_benefit  on the validation data
    """

    alert_from: float
    at_risk: float
    budget: float
    alerts_per_100: float
    ppv: float | None
    recall: float | None
    net_benefit: float

    def as_json(self) -> Json:
        """The threshold as plain data."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Model:
    """A trained model.

    name          what it is registered by, as ``readmission-30d``
    outcome       what is foretold, in words
    horizon_days  how far ahead; 0 where the encounter ends it
    calibration   from the learnt risk to the score
    conformal     None where no data were left to fit it
    threshold     None where nobody said what an alert costs
    training      what it was trained on: cohort, pin, split, seed; plain JSON
    days          foretells days from the same features; None for a risk alone
    """

    name: str
    outcome: str
    horizon_days: float
    features: tuple[ModelFeature, ...]
    learnt: Learnt
    calibration: CalibrationMap = field(default_factory=lambda: CalibrationMap("none"))
    conformal: RiskInterval | None = None
    threshold: Threshold | None = None
    training: Mapping[str, Any] = field(default_factory=dict)
    days: DaysModel | None = None

    @property
    def kind(self) -> str:
        """logistic, lightgbm, sequence or score."""
        return self.learnt.kind

    @property
    def concepts(self) -> tuple[str, ...]:
        """The clinical concepts of the features, in their order."""
        return tuple(dict.fromkeys(one.concept for one in self.features))

    def learnt_risk(self, frame: pl.DataFrame) -> Floats:
        """[n] probabilities (0..1) before the calibration. raises SchemaMismatch, as `score`"""
        return sigmoid(self.learnt.log_odds(encoded(self.features, frame)))

    def score(self, frame: pl.DataFrame) -> Floats:
        """[n] calibrated probabilities, 0..1.

        frame   one column a feature; others are not looked at
        raises  SchemaMismatch for a column that lacks, is of another type, or is null where the model needs a value
        """
        return self.calibration.apply(self.learnt_risk(frame))

    def score_rows(self, rows: Sequence[Mapping[str, Any]]) -> Floats:
        """As `score`, of rows as JSON has them: few rows in a tenth of the time. raises SchemaMismatch"""
        return self.calibration.apply(sigmoid(self.learnt.log_odds(encoded_rows(self.features, rows))))

    def contributions(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Why each score is what it is, in log odds.

        returns  [n] base (the score of a patient of whom nothing is special), one column a concept, calibration (what
                 the calibration moves); a row sums to the log odds of its score
        raises   SchemaMismatch, as `score`
        """
        parts = self.learnt.parts(encoded(self.features, frame))
        whole = parts.sum(axis=1)
        columns = {"base": parts[:, -1]}
        for concept in self.concepts:
            own = [place for place, one in enumerate(self.features) if one.concept == concept]
            columns[concept] = parts[:, own].sum(axis=1)
        columns["calibration"] = logit(self.calibration.apply(sigmoid(whole))) - whole
        return pl.DataFrame(columns)

    def by_feature(self, frame: pl.DataFrame) -> pl.DataFrame:
        """[n] what each feature adds, in log odds before the calibration; base last. raises SchemaMismatch"""
        parts = self.learnt.parts(encoded(self.features, frame))
        return pl.DataFrame(parts, schema=[*(one.name for one in self.features), "base"], orient="row")

    def interval(self, frame: pl.DataFrame) -> pl.DataFrame:
        """How sure one can be of each score: as `careloom.risk.models_interval.RiskInterval.around`.

        raises  InputError for a model without; SchemaMismatch, as `score`
        """
        if self.conformal is None:
            raise InputError(f"model {self.name} has no intervals", "Train it with rows left to fit them.")
        risk = self.learnt_risk(frame)
        return self.conformal.around(risk, self.calibration.apply(risk))

    def foretold(self, frame: pl.DataFrame) -> pl.DataFrame:
        """[n] days, low, high. raises InputError for a model that foretells none; SchemaMismatch, as `score`"""
        if self.days is None:
            raise InputError(f"model {self.name} foretells no days", "Train it for a task with [days].")
        return self.days.foretold(encoded(self.features, frame))

    def alerts(self, frame: pl.DataFrame) -> Marks:
        """[n] true where the score reaches the threshold. raises InputError for a model without; SchemaMismatch"""
        if self.threshold is None:
            raise InputError(f"model {self.name} has no threshold", "Train it with a budget of alerts.")
        found: Marks = np.asarray(self.score(frame) >= self.threshold.alert_from)
        return found
