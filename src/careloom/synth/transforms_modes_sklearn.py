"""The modes of a numeric column, by a variational mixture of normal distributions."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import BayesianGaussianMixture

from careloom.synth.transforms_numbers import Floats

COMPONENTS = 10
WEIGHT_AT_LEAST = 0.005
ROWS_AT_MOST = 20_000


def mixture(values: Floats, seed: int = 0) -> tuple[Floats, Floats, Floats]:
    """(weights, means, standard deviations) of the components in use, weights made to sum to 1.

    values  [n] at least two different; of more than `ROWS_AT_MOST` a sample is taken
    source  Xu L et al, CTGAN, NeurIPS 2019, section 4.2: at most 10 components, a weight concentration of 0.001, those
            below 0.005 left out
    """
    draw = np.random.default_rng(seed)
    taken = values if len(values) <= ROWS_AT_MOST else draw.choice(values, ROWS_AT_MOST, replace=False)
    centre, spread = float(taken.mean()), float(taken.std()) or 1.0
    with warnings.catch_warnings():  # modes that are still moving name values as well as those at rest
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = BayesianGaussianMixture(
            n_components=min(COMPONENTS, len(np.unique(taken))),
            weight_concentration_prior_type="dirichlet_process",
            weight_concentration_prior=0.001,
            n_init=1,
            max_iter=100,
            random_state=seed,
        ).fit(((taken - centre) / spread)[:, None])
    kept = fitted.weights_ >= WEIGHT_AT_LEAST
    deviations = np.sqrt(fitted.covariances_[kept, 0, 0])
    weights = fitted.weights_[kept] / fitted.weights_[kept].sum()
    return weights, fitted.means_[kept, 0] * spread + centre, np.maximum(deviations, 1e-6) * spread
