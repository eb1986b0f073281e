"""What synthetic rows are good for: models trained on them, tested on real rows, beside models trained on real rows."""

import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.inspection import permutation_importance
from sklearn.linear_model import Ridge
from sklearn.metrics import average_precision_score, r2_score, roc_auc_score
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from careloom.synth.features_sklearn import Features, Floats, features, logistic, one_thread
from careloom.synth.metadata import NUMBERS, Table
from careloom.synth.metadata_check import conform

LEARNERS = ("boosting", "regression", "forest", "tree", "network")
IMPORTANCE_ROWS = 2_000
GROUP_ROWS_AT_LEAST = 100
BINS = 10
"""Of equal numbers of rows, in which what is said is compared with what is so."""


@dataclass(frozen=True, slots=True)
class Chances:
    """How good the chances are that a model says, beyond the order that it puts rows in.

    precision    average precision of a class, the mean of all but the most frequent
    brier        mean squared error of the chances, over both classes of two (0..1), or all of several (0..2)
    calibration  distance of the chance said and the share that is so, the mean over bins and classes: 0 is best
    """

    precision: float
    brier: float
    calibration: float


@dataclass(frozen=True, slots=True)
class Trained:
    """What models learnt from one table are worth on the real test rows.

    scores        learner -> area under the ROC curve (of several classes the mean of each), or R2 of a number
    importances   column -> loss of score when it is shuffled, of boosting
    coefficients  of the regression on scaled columns, as `Features.wide_names`
    groups        ``column=place of the value`` -> score of boosting in these test rows; NaN where it is not defined
    chances       learner -> what its chances are worth; none where a number is predicted, or nothing could be learnt
    """

    scores: dict[str, float]
    importances: dict[str, float]
    coefficients: tuple[float, ...]
    groups: dict[str, float]
    chances: dict[str, Chances] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Utility:
    """One target: trained on real, on synthetic, and on other real rows, all tested on the same real rows."""

    target: str
    real: Trained
    synthetic: Trained
    control: Trained | None

    def relative(self, learner: str = "boosting") -> float:
        """Synthetic score by real score (TSTR by TRTR)."""
        return self.synthetic.scores[learner] / self.real.scores[learner]

    @property
    def importances_agree(self) -> float:
        """Rank correlation (Spearman) of the importances, -1..1."""
        return _spearman(list(self.real.importances.values()), list(self.synthetic.importances.values()))

    @property
    def coefficients_agree(self) -> float:
        """Cosine of the two vectors of coefficients, -1..1."""
        one, other = np.asarray(self.real.coefficients), np.asarray(self.synthetic.coefficients)
        if one.shape != other.shape:
            return float("nan")
        return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other) or 1.0))

    @property
    def ranks_agree(self) -> float:
        """Rank correlation of the learners' scores: 1 where synthetic rows choose the models that real ones choose."""
        return _spearman(list(self.real.scores.values()), list(self.synthetic.scores.values()))

    @property
    def group_gaps(self) -> dict[str, float]:
        """Group of test rows -> what its score loses by training on synthetic rows."""
        lost = float("nan")
        return {name: score - self.synthetic.groups.get(name, lost) for name, score in self.real.groups.items()}


def judge_utility(
    table: Table,
    frames: tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame | None],
    test: pl.DataFrame,
    target: str,
    *,
    seed: int,
    groups: tuple[str, ...] = (),
) -> Utility:
    """What the rows are good for when `target` is to be predicted from all other columns.

    frames  (real training rows, synthetic rows, other real rows or None)
    test    real rows that no generator saw
    groups  categorical columns by whose values test rows are scored apart, where there are `GROUP_ROWS_AT_LEAST`
    raises  SchemaMismatch for a frame that does not fit; NotFound for a column that is not there
    """
    table.column(target)
    given = [conform(table, frame).drop_nulls(target) for frame in (*frames, test) if frame is not None]
    made = features(table, given, leave_out=(target,))
    task = _Task(table, made, given[-1], target, groups, seed)
    trained = [_trained(task, each) for each in given[:-1]]
    return Utility(target, trained[0], trained[1], trained[2] if len(trained) > 2 else None)


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """What is predicted from what, and on which rows that is tested."""

    table: Table
    made: Features
    test: pl.DataFrame
    target: str
    groups: tuple[str, ...]
    seed: int

    @property
    def numeric(self) -> bool:
        """The target is a number."""
        return self.table.column(self.target).kind in NUMBERS

    def labels(self, frame: pl.DataFrame) -> Floats:
        """The target as numbers: categories by their place among those of the test rows, all others after them."""
        series = frame[self.target]
        if self.numeric:
            return series.to_physical().cast(pl.Float64).to_numpy()
        codes = features(self.table, [self.test]).columns[self.target] or ()
        known = {value: float(at) for at, value in enumerate(codes)}
        return series.replace_strict(known, default=float(len(known)), return_dtype=pl.Float64).to_numpy()

    def inputs(self, learner: str, frame: pl.DataFrame) -> Floats:
        """What a learner takes; a forest and a tree get a number far below for what is missing."""
        if learner in ("regression", "network"):
            return self.made.wide(frame)
        ordinal = self.made.ordinal(frame)
        return ordinal if learner == "boosting" else np.nan_to_num(ordinal, nan=-1e6)


def _trained(task: _Task, train: pl.DataFrame) -> Trained:
    labels, truth = task.labels(train), task.labels(task.test)
    if len(np.unique(labels)) < 2:  # one class only: nothing can be learnt
        return Trained(dict.fromkeys(LEARNERS, 0.0 if task.numeric else 0.5), {}, (), {})
    scores, fitted, chances = {}, {}, {}
    with one_thread():
        for name in LEARNERS:
            model = fitted[name] = _learner(name, task, len(labels))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # the network's passes are few on purpose
                model.fit(task.inputs(name, train), labels)
            scores[name] = _score(model, task.inputs(name, task.test), truth)
            if not task.numeric:
                chances[name] = _chances(model, task.inputs(name, task.test), truth)
        importances = _importances(fitted["boosting"], task, truth)
        by_group = _by_group(fitted["boosting"], task, truth)
    coefficients = np.atleast_2d(fitted["regression"][-1].coef_).ravel().tolist()
    return Trained(scores, importances, tuple(coefficients), by_group, chances)


def _learner(name: str, task: _Task, rows: int) -> Any:
    numeric, seed = task.numeric, task.seed
    if name == "boosting":
        boosting = HistGradientBoostingRegressor if numeric else HistGradientBoostingClassifier
        return boosting(categorical_features=task.made.categorical, random_state=seed)
    if name == "forest":
        forest = RandomForestRegressor if numeric else RandomForestClassifier
        return forest(50, min_samples_leaf=5, max_features="sqrt", random_state=seed)
    if name == "tree":
        return (DecisionTreeRegressor if numeric else DecisionTreeClassifier)(max_depth=6, random_state=seed)
    if name == "network":
        return make_pipeline(StandardScaler(), _network(rows, seed, numeric=numeric))
    return make_pipeline(StandardScaler(), Ridge()) if numeric else logistic()


def _network(rows: int, seed: int, *, numeric: bool) -> Any:
    """One hidden layer and few passes: quick, and not learnt by heart."""
    batch = min(max(rows // 40, 32), 512, rows)
    asked = {"hidden_layer_sizes": (64,), "alpha": 1e-2, "batch_size": batch, "max_iter": 20, "random_state": seed}
    if numeric:
        return TransformedTargetRegressor(MLPRegressor(**asked), transformer=StandardScaler())
    return MLPClassifier(**asked)


def _score(model: Any, inputs: Floats, truth: Floats) -> float:
    if not hasattr(model, "predict_proba"):
        return float(r2_score(truth, model.predict(inputs)))
    areas = [
        float(roc_auc_score(so, chance))
        for so, chance in _said(model, inputs, truth)
        if 0 < so.mean() < 1
    ]  # fmt: skip
    return float(np.mean(areas)) if areas else float("nan")


def _said(model: Any, inputs: Floats, truth: Floats) -> list[tuple[npt.NDArray[np.bool_], Floats]]:
    """Of each class, the rarest first, (which rows are of it, the chance that the model says)."""
    said = model.predict_proba(inputs)
    labels, counts = np.unique(truth, return_counts=True)
    made = []
    for label in labels[np.argsort(counts, kind="stable")]:
        where = np.flatnonzero(model.classes_ == label)
        made.append((truth == label, said[:, where[0]] if len(where) else np.zeros(len(said))))
    return made


def _chances(model: Any, inputs: Floats, truth: Floats) -> Chances:
    said = _said(model, inputs, truth)
    squares = sum(float(np.mean((chance - so) ** 2)) for so, chance in said)
    precisions = [float(average_precision_score(so, chance)) for so, chance in said[:-1]]
    return Chances(
        float(np.mean(precisions)) if precisions else float("nan"),
        squares / 2 if len(said) == 2 else squares,
        float(np.mean([_calibration(so, chance) for so, chance in said])),
    )


def _calibration(so: npt.NDArray[np.bool_], chance: Floats) -> float:
    bins = np.array_split(np.argsort(chance, kind="stable"), BINS)
    return sum(abs(float(chance[each].mean() - so[each].mean())) * len(each) for each in bins if len(each)) / len(so)


def _importances(model: Any, task: _Task, truth: Floats) -> dict[str, float]:
    chosen = np.random.default_rng(task.seed).permutation(task.test.height)[:IMPORTANCE_ROWS]
    inputs = task.made.ordinal(task.test[chosen])
    found = permutation_importance(model, inputs, truth[chosen], scoring=_score, n_repeats=2, random_state=task.seed)
    return dict(zip(task.made.columns, found.importances_mean.tolist(), strict=True))


def _by_group(model: Any, task: _Task, truth: Floats) -> dict[str, float]:
    inputs, found = task.made.ordinal(task.test), {}
    for name in task.groups:
        for at, value in enumerate(features(task.table, [task.test]).columns[name] or ()):
            rows = (task.test[name] == value).fill_null(False).to_numpy()
            if rows.sum() >= GROUP_ROWS_AT_LEAST:
                found[f"{name}={at}"] = _score(model, inputs[rows], truth[rows])
    return found


def _spearman(one: list[float], other: list[float]) -> float:
    if len(one) != len(other) or len(one) < 2:
        return float("nan")
    left, right = (pl.Series(each).rank().to_numpy() for each in (one, other))
    return float("nan") if np.ptp(left) == 0 or np.ptp(right) == 0 else float(np.corrcoef(left, right)[0, 1])
