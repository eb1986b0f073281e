"""Membership inference by a classifier: which rows look more like the release than like rows of the source."""

import numpy as np
import polars as pl
from sklearn.ensemble import HistGradientBoostingClassifier

from careloom.synth.features_sklearn import Floats, features, one_thread
from careloom.synth.privacy_scene import Scene


def by_boosting(scene: Scene, release: pl.DataFrame) -> Floats:
    """[targets] log odds of synthetic against real, of boosting that learnt them on the release and the reference.

    source  density ratios by classification: Sugiyama, Suzuki, Kanamori, Density Ratio Estimation, 2012, chapter 4; the
            attack as DOMIAS (van Breugel et al, AISTATS 2023)
    """
    made = features(scene.table, [scene.targets, scene.reference, release])
    learner = HistGradientBoostingClassifier(
        categorical_features=made.categorical, early_stopping=False, random_state=scene.seed
    )
    rows = np.concatenate([made.ordinal(scene.reference), made.ordinal(release)])
    weights = np.repeat(
        [1 / scene.reference.height, 1 / release.height], [scene.reference.height, release.height]
    ) * (len(rows) / 2)  # fmt: skip
    with one_thread():
        learner.fit(rows, np.repeat([0, 1], [scene.reference.height, release.height]), sample_weight=weights)
        return np.asarray(learner.decision_function(made.ordinal(scene.targets)))
