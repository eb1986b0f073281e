"""What synthetic records are good for: the codes of the next encounter, foretold by models that learnt from them.

Models see an encounter, all before it, the patient's age and first static, and the days since the one before; each is
tested on the same real records.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.preprocessing import StandardScaler

from careloom.synth.features_sklearn import one_thread
from careloom.synth.records import Records
from careloom.synth.records_fidelity import CLINICAL, coded_visits, ordered_visits, visits_matrix

TARGETS = 40
VISITS_AT_MOST = 6_000
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class NextVisit:
    """What models are worth on real test records, mean over codes (macro) or encounters.

    auc        area under the ROC curve
    precision  average precision
    recall     share of the codes of the next encounter that are among the ten foretold as the likeliest
    """

    auc: float
    precision: float
    recall: float


def judge_next_visit(trained_on: dict[str, Records], test: Records, seed: int) -> dict[str, NextVisit]:
    """Each name -> what models that learnt from those records are worth on the test records.

    trained_on  real ones must be among them under ``real``: the codes to foretell are the most frequent of theirs
    """
    real = coded_visits(trained_on["real"], CLINICAL)
    codes = real["code"].value_counts().sort(["count", "code"], descending=[True, False])["code"]
    shown, targets = codes.head(400), min(TARGETS, len(codes))
    inputs, truth = _examples(test, shown, trained_on["real"])
    tested = np.flatnonzero(truth[:, :targets].sum(1) > 0)
    found = {}
    with one_thread():
        for name, given in trained_on.items():
            made, wanted = _examples(given, shown, trained_on["real"])
            draw = np.random.default_rng(seed)
            chosen = draw.permutation(len(made))[:VISITS_AT_MOST]
            scores = _foretold(made[chosen], wanted[chosen, :targets], inputs)
            found[name] = _worth(truth[:, :targets], scores, tested)
    return found


def _examples(given: Records, codes: pl.Series, real: Records) -> tuple[Floats, Floats]:
    """Inputs and targets of each encounter that has a next one."""
    visits = ordered_visits(given).join(given.patients, "patient_id", "left", maintain_order="left")
    matrix = visits_matrix(given, coded_visits(given, CLINICAL), codes)
    who = visits["patient_id"].to_numpy()
    goes_on = np.flatnonzero(who[1:] == who[:-1])
    begins = np.flatnonzero(np.concatenate([[True], who[1:] != who[:-1]]))
    place = np.arange(len(who)) - np.repeat(begins, np.diff(np.concatenate([begins, [len(who)]])))
    before = np.cumsum(matrix, axis=0)
    before -= np.repeat(before[begins] - matrix[begins], np.diff(np.concatenate([begins, [len(who)]])), axis=0)
    age = visits.select((pl.col("start").dt.date() - pl.col("birth")).dt.total_days().fill_null(0) / 36_525).to_series()
    gap = visits.select(pl.col("start").diff().over("patient_id").dt.total_days().fill_null(0)).to_series()
    facts = [age.to_numpy(), age.to_numpy() ** 2, np.log1p(gap.to_numpy()), np.log1p(place)]
    if real.statics:
        usual = real.patients[real.statics[0]].drop_nulls().mode().sort().first()
        facts.append((visits[real.statics[0]] == usual).fill_null(False).to_numpy())
    kinds = sorted(real.encounters["code"].unique())[:20]
    facts += [(visits["code"] == kind).fill_null(False).to_numpy() for kind in kinds]
    inputs = np.column_stack([matrix, np.log1p(before), *facts]).astype(np.float32)
    return inputs[goes_on], matrix[goes_on + 1]


def _foretold(made: Floats, wanted: Floats, inputs: Floats) -> Floats:
    """[n, targets] chances of each code, by one logistic regression each; its share where nothing can be learnt."""
    scaler = StandardScaler().fit(made)
    made, inputs = scaler.transform(made), scaler.transform(inputs)
    out = np.zeros((len(inputs), wanted.shape[1]), np.float32)
    for at in range(wanted.shape[1]):
        labels = wanted[:, at] > 0
        if 0 < labels.sum() < len(labels):
            model = LogisticRegression(C=0.02, max_iter=60).fit(made, labels)
            out[:, at] = model.predict_proba(inputs)[:, 1]
        else:
            out[:, at] = labels.mean() if len(labels) else 0
    return out


def _worth(truth: Floats, scores: Floats, tested: npt.NDArray[np.int64]) -> NextVisit:
    varied = [at for at in range(truth.shape[1]) if 0 < truth[:, at].sum() < len(truth)]
    top = np.argsort(-scores[tested], axis=1)[:, :10]
    hit = np.take_along_axis(truth[tested], top, axis=1).sum(1) / truth[tested].sum(1)
    return NextVisit(
        float(np.mean([roc_auc_score(truth[:, at], scores[:, at]) for at in varied])),
        float(np.mean([average_precision_score(truth[:, at], scores[:, at]) for at in varied])),
        float(hit.mean()),
    )
