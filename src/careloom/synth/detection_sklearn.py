"""How well a learner tells synthetic rows from real ones: 0.5 is not at all, 1 is always."""

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from careloom.synth.features_sklearn import Features, Floats, features, logistic, one_thread
from careloom.synth.metadata import Table

FOLDS = 3
ROWS_AT_MOST = 20_000


def by_boosting(table: Table, real: pl.DataFrame, synthetic: pl.DataFrame, seed: int) -> float:
    """Area under the ROC curve of histogram gradient boosting, in `FOLDS` folds."""
    made, frame, labels = _together(table, real, synthetic, seed)
    learner = HistGradientBoostingClassifier(categorical_features=made.categorical, random_state=seed)
    return _area(learner, made.ordinal(frame), labels, seed)


def by_regression(table: Table, real: pl.DataFrame, synthetic: pl.DataFrame, seed: int) -> float:
    """Area under the ROC curve of a logistic regression: sees means alone, and passes what boosting does not."""
    made, frame, labels = _together(table, real, synthetic, seed)
    return _area(logistic(), made.wide(frame), labels, seed)


def _together(
    table: Table, real: pl.DataFrame, synthetic: pl.DataFrame, seed: int
) -> tuple[Features, pl.DataFrame, npt.NDArray[np.int64]]:
    draw = np.random.default_rng(seed)
    rows = min(real.height, synthetic.height, ROWS_AT_MOST)
    both = [frame[draw.permutation(frame.height)[:rows]] for frame in (real, synthetic)]
    return features(table, both), pl.concat(both), np.repeat([0, 1], rows)


def _area(learner: object, rows: Floats, labels: npt.NDArray[np.int64], seed: int) -> float:
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    with one_thread():
        scores = cross_val_predict(learner, rows, labels, cv=folds, method="predict_proba")[:, 1]
    return float(roc_auc_score(labels, scores))
