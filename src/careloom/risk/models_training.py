"""From labelled rows to a model that can be used: learner, calibration, bounds, threshold, each on rows of its own.

train        the learner; how many trees and which settings are chosen by folds within it
validation   the calibration is fitted on one half of its patients and chosen on the other; bounds and threshold on both
test         nothing here sees it: `careloom.risk.models_report` judges
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import polars as pl

from careloom.errors import InputError
from careloom.pipeline.registry import load
from careloom.risk.calibration import choose_calibration, log_loss
from careloom.risk.decision import threshold_under_budget
from careloom.risk.evaluate_measures import Floats, Marks, sigmoid
from careloom.risk.models import Learnt, Model, Threshold
from careloom.risk.models_features import About, ModelFeature, described, encoded
from careloom.risk.models_interval import fit_risk_interval
from careloom.risk.models_logistic import fit_logistic
from careloom.risk.models_sequence import Sequence as Network
from careloom.risk.models_sequence_told import OF_BOOK, telling
from careloom.risk.splits import folds, patient_grouped

Learner = Literal["logistic", "lightgbm", "sequence"]
LEARNERS: tuple[Learner, ...] = ("logistic", "lightgbm", "sequence")
_ROUNDS: Mapping[Learner, tuple[str, str]] = {"lightgbm": ("trees", "rounds"), "sequence": ("epochs", "epochs")}
"""Learner -> what its files call how long it learnt, and the setting for it: folds say when to stop."""
Settings = Mapping[str, Any]
FOLDS = 5
LEAST_EVENTS = 20
"""Events that each part needs: fewer fit no calibration."""
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rows:
    """Labelled rows.

    frame     [n] the features; with `timeline` candidate, too
    happened  [n] outcome
    patients  [n] whose row it is
    timeline  facts before each index, as `careloom.risk.models_sequence_facts.facts_before`; None: no sequence is
              trained on them
    """

    frame: pl.DataFrame
    happened: Marks
    patients: pl.Series
    timeline: pl.DataFrame | None = None

    def only(self, kept: Marks) -> "Rows":
        """The rows that are marked."""
        mask = pl.Series(kept)
        return Rows(self.frame.filter(mask), self.happened[kept], self.patients.filter(mask), self.timeline)


@dataclass(frozen=True, slots=True)
class Plan:
    """How a model is made.

    name, outcome, horizon_days  as `careloom.risk.models.Model`
    settings        of the learner: `careloom.risk.models_lightgbm.Recipe`, penalty and knots, or
                    `careloom.risk.models_sequence_torch.Recipe` with `careloom.risk.models_sequence_told.OF_BOOK`
    candidates      settings to choose among by folds within the training rows; none: `settings` as they are. With
                    ``learner`` among them they are of another learner than the plan's
    at_risk, alerts_per_100  the threshold's weight of a false alert, and its budget
    miss            share of each outcome that may be ruled out wrongly
    key             of the folds within; the same as that of the parts is fine
    """

    name: str
    outcome: str
    horizon_days: float
    learner: Learner
    key: bytes
    seed: int
    settings: Settings = field(default_factory=dict)
    candidates: Sequence[Settings] = ()
    at_risk: float = 0.2
    alerts_per_100: float = 10.0
    miss: float = 0.1


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """What folds within the training rows told of settings.

    risk      [n] of each row, by a learner that never saw its patient
    log_loss  mean, nats
    settings  with the number of trees or epochs that the folds stopped at
    """

    risk: Floats
    log_loss: float
    settings: Json
    learner: Learner = "logistic"


@dataclass(frozen=True, slots=True)
class Trained:
    """A model, and how it came about: plain JSON for its package's ``training``."""

    model: Model
    tried: tuple[Json, ...]


def fit_learner(
    learner: Learner,
    settings: Settings,
    features: tuple[ModelFeature, ...],
    rows: tuple[Floats, Marks],
    watched: tuple[Floats, Marks] | None = None,
    seed: int = 0,
) -> Learnt:
    """A learner of encoded rows and outcomes.

    watched  rows that say when to stop growing trees
    raises   InputError for another learner or settings that it does not have; SetupError where its library is missing
    """
    try:
        if learner == "logistic":
            return fit_logistic(features, *rows, **{"penalty": 10.0, **settings})
        if learner == "sequence":
            own = {name: one for name, one in settings.items() if name not in OF_BOOK}
            network: Learnt = load("risk.fit.sequence")(
                features, rows, watched or rows, load("risk.recipe.sequence")(**{"seed": seed, **own})
            )[0]
            return network
        recipe = load("risk.recipe.lightgbm")(**{"seed": seed, **settings})
    except TypeError as error:
        raise InputError(f"settings of {learner}", "one of them is not known: see its recipe") from error
    found: Learnt = load("risk.fit.lightgbm")(features, rows, watched, recipe)
    return found


def out_of_fold(
    learner: Learner, settings: Settings, about: Mapping[str, About], rows: Rows, key: bytes, seed: int = 0
) -> OutOfFold:
    """The risk of each training row by learners of the other folds' patients, and what that is worth.

    raises  InputError as `fit_learner`, and where a fold has one outcome only
    """
    if learner != "sequence":
        about = _with_nulls(about, rows.frame)
    place = folds(pl.DataFrame({"patient_id": rows.patients}), b"within" + key, FOLDS).to_numpy()
    lengths: list[int] = []
    odds = np.zeros(place.size)
    for number in range(FOLDS):
        held = place == number
        train, test = rows.only(~held), rows.only(held)
        features, told = _told(learner, settings, about, train)
        inside = encoded(features, told(test))
        learnt = fit_learner(
            learner, settings, features, (encoded(features, told(train)), train.happened),
            (inside, test.happened), seed,
        )  # fmt: skip
        odds[held] = learnt.log_odds(inside)
        if learner in _ROUNDS:
            lengths.append(int(learnt.files()[0][_ROUNDS[learner][0]]))
    risk = sigmoid(odds)
    chosen = dict(settings)
    if learner in _ROUNDS:
        chosen[_ROUNDS[learner][1]] = max(1, round(float(np.mean(lengths))))
    return OutOfFold(risk, log_loss(rows.happened, risk), chosen, learner)


def _told(
    learner: Learner, settings: Settings, about: Mapping[str, About], train: Rows
) -> tuple[tuple[ModelFeature, ...], Callable[[Rows], pl.DataFrame]]:
    """The features that a learner of these rows reads, and what makes them of rows."""
    if learner != "sequence":
        return described(train.frame, about), lambda rows: rows.frame
    found = telling(train.frame, train.timeline, settings)
    return found.features, lambda rows: found.frame(rows.frame, rows.timeline)


def _with_nulls(about: Mapping[str, About], frame: pl.DataFrame) -> dict[str, About]:
    """What may be null in these rows, so that a part of them that has none can be told of it."""
    return {
        name: replace(one, nullable=True) if name in frame.columns and frame[name].null_count() else one
        for name, one in about.items()
    }


def trained(about: Mapping[str, About], train: Rows, validation: Rows, plan: Plan, training: Settings) -> Trained:
    """A model with all that a package holds.

    about     feature -> what is known of it, in the order of the model
    training  what it is trained on: cohort, pin, split; goes into the package
    raises    InputError where a part has too few events; SchemaMismatch for columns; SetupError
    """
    for name, part in (("training", train), ("validation", validation)):
        events = int(part.happened.sum())
        if min(events, part.happened.size - events) < LEAST_EVENTS:
            raise InputError(f"the {name} rows", f"they need {LEAST_EVENTS} events and as many rows without one")
    tried = [
        out_of_fold(one.get("learner", plan.learner), _without_learner(one), about, train, plan.key, plan.seed)
        for one in (plan.candidates or [plan.settings])
    ]
    best = min(tried, key=lambda one: one.log_loss)
    features, seen = _told(best.learner, best.settings, about, train)
    learnt = fit_learner(
        best.learner, best.settings, features, (encoded(features, seen(train)), train.happened), None, plan.seed
    )
    if isinstance(learnt, Network):
        learnt = replace(learnt, edges=telling(train.frame, train.timeline, best.settings).book.edges)
    bare = Model(plan.name, plan.outcome, plan.horizon_days, features, learnt)
    told = {
        "learner": best.learner, "settings": best.settings, "seed": plan.seed, "rows": train.frame.height,
        "events": int(train.happened.sum()), "validation_rows": validation.frame.height,
        "log_loss_out_of_fold": best.log_loss,
        "learners": {one.learner: one.log_loss for one in sorted(tried, key=lambda one: -one.log_loss)},
    }  # fmt: skip
    watched = replace(validation, frame=seen(validation))
    made = calibrated(replace(bare, training=dict(training) | told), watched, plan)
    return Trained(
        made, tuple({"learner": one.learner, "settings": one.settings, "log_loss": one.log_loss} for one in tried)
    )


def _without_learner(settings: Settings) -> Settings:
    return {name: one for name, one in settings.items() if name != "learner"}


def calibrated(model: Model, validation: Rows, plan: Plan) -> Model:
    """The model with calibration, bounds and threshold of validation rows. raises InputError for one outcome only"""
    half = patient_grouped(
        pl.DataFrame({"patient_id": validation.patients}), b"half" + plan.key, {"fit": 0.5, "choose": 0.5}
    ).to_numpy()
    risk = model.learnt_risk(validation.frame)
    fit, choose = half == "fit", half == "choose"
    found, losses = choose_calibration(
        (validation.happened[fit], risk[fit]), (validation.happened[choose], risk[choose])
    )
    bounds = fit_risk_interval(validation.happened, risk, miss=plan.miss)
    at = threshold_under_budget(
        validation.happened, found.apply(risk), at_risk=plan.at_risk, alerts_per_100=plan.alerts_per_100
    )
    threshold = Threshold(
        at.threshold, plan.at_risk, plan.alerts_per_100, at.alerts_per_100, at.ppv, at.recall, at.net_benefit
    )
    told = dict(model.training) | {"calibration_log_loss": dict(losses)}
    return replace(model, calibration=found, conformal=bounds, threshold=threshold, training=told)
