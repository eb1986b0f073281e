"""Trains the model that ranks meanings, and says how sure the best one is.

    python tools/train_linking.py SUITES [--out FILE]

The weights maximise the probability of the right meanings among all candidates of a mention (softmax over names;
every name of a right meaning counts), over mentions of BC5CDR and NCBI disease (public domain), each looked for in a
vocabulary without its own fold's mentions. Sureness is a logistic regression over the rankings of weights that were
trained without the fold. The threshold is the one at which answers and refusals are right most often.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from linking_folds import FOLDS, Corpus, Example, corpus, examples, is_right, table_without
from nlp_model_cards import linking_card
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from careloom.nlp.linking_features import FEATURES
from careloom.nlp.linking_scorer import Ranked, packed, ranked, sureness
from careloom.nlp.linking_table import NameTable

OUTPUT = Path(__file__).parents[1] / "src/careloom/nlp/models/linking.zip"
PENALTY = 3e-3
EXACT = 2.0
"""Added to the weight of the same words. The corpora's gold is what MeSH has a heading for, so weights learnt from them
alone pass over exact names of diseases that MeSH does not have: a quarter of them, against one in twenty."""
Fold = tuple[NameTable, list[Example]]


def fit(made: Sequence[Example]) -> np.ndarray:
    """Weights [FEATURES]."""
    used = [each for each in made if any(each.hits)]
    rows = np.concatenate([each.rows for each in used])
    hits = np.concatenate([np.array(each.hits) for each in used])
    sizes = np.array([len(each.hits) for each in used])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    scale = rows.std(axis=0) + 1e-3
    scaled = (rows / scale).astype(np.float64)

    def shares(worths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Softmax of the given worths within each example, and the logarithm of its denominator."""
        most = np.maximum.reduceat(worths, starts)
        powers = np.exp(worths - np.repeat(most, sizes))
        totals = np.add.reduceat(powers, starts)
        return powers / np.repeat(totals, sizes), np.log(totals) + most

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        worths = scaled @ weights
        every, of_all = shares(worths)
        right, of_right = shares(np.where(hits, worths, -1e9))
        value = float((of_all - of_right).mean() + PENALTY * (weights @ weights))
        slope = scaled.T @ (every - right) / len(used) + 2 * PENALTY * weights
        return value, slope

    found = minimize(loss, np.zeros(rows.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 300})
    weights = (found.x / scale).astype(np.float32)
    weights[FEATURES.index("same_words")] += EXACT
    return weights


def ranking(table: NameTable, example: Example, weights: np.ndarray) -> list[Ranked]:
    """The meanings of an example, best first."""
    return (
        ranked(table, example.found, example.rows, (example.rows @ weights).astype(np.float32)) if example.found else []
    )


def fit_sureness(rankings: Sequence[tuple[list[Ranked], bool]]) -> tuple[np.ndarray, float]:
    """Weights [SURENESS] and bias, from rankings and whether their best meaning is right."""
    known = [(found, right) for found, right in rankings if found]
    model = LogisticRegression(C=1.0, max_iter=2000).fit(
        np.array([sureness(found) for found, _ in known]), [right for _, right in known]
    )
    return model.coef_[0].astype(np.float32), float(model.intercept_[0])


def judged(table: NameTable, made: Sequence[Example], weights: np.ndarray) -> list[tuple[list[Ranked], bool]]:
    """Rankings, each with whether its best meaning is right."""
    rankings = [(each, ranking(table, each, weights)) for each in made]
    return [
        (found, bool(found) and is_right(table, found[0].meaning, each.concept, each.gold)) for each, found in rankings
    ]


def folds_of(suites: Path, held: Corpus) -> list[Fold]:
    """Table and examples of each fold."""
    found = []
    for fold in range(FOLDS):
        table = table_without(suites, held, fold)
        found.append((table, list(examples(table, held, fold))))
    return found


def threshold(scores: np.ndarray, right: np.ndarray, answerable: np.ndarray) -> float:
    """Where an answer is right, or a refusal meets a mention that nothing found is right for, most often."""
    grid = np.linspace(0.02, 0.6, 59)
    worth = [float(np.mean(np.where(scores >= level, right, ~answerable))) for level in grid]
    return round(float(grid[int(np.argmax(worth))]), 2)


def trained(folds: Sequence[Fold]) -> bytes:
    """The model, from all folds."""
    out_of_fold: list[tuple[list[Ranked], bool]] = []
    answerable: list[bool] = []
    for place, (table, made) in enumerate(folds):
        others = [each for number, (_, those) in enumerate(folds) if number != place for each in those]
        out_of_fold += judged(table, made, fit(others))
        answerable += [any(each.hits) for each in made]
    sure, bias = fit_sureness(out_of_fold)
    scores = np.array(
        [1 / (1 + np.exp(-(sureness(found) @ sure + bias))) if found else 0.0 for found, _ in out_of_fold]
    )
    level = threshold(scores, np.array([right for _, right in out_of_fold]), np.array(answerable))
    card = linking_card(level, len(out_of_fold))
    weights = fit([each for _, made in folds for each in made])
    return packed({"weights": weights, "sure": sure, "sure_bias": np.array(bias)}, card)


def main() -> int:
    parser = argparse.ArgumentParser(description="Train the model that ranks meanings.")
    parser.add_argument("suites", type=Path)
    parser.add_argument("--out", type=Path, default=OUTPUT)
    asked = parser.parse_args()
    content = trained(folds_of(asked.suites, corpus(asked.suites)))
    asked.out.write_bytes(content)
    print(f"{asked.out.name}: {len(content):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
