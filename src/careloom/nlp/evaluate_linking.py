"""How well mentions are given codes: accuracy among the first, hits by code system, refusals, calibration."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from careloom.metrics import Proportion, wilson_interval


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered for one mention, and what would have been right.

    ranked  the codes (or ids) of each meaning, the best meaning first
    gold    accepted codes; empty where nothing that has a code is meant
    score   probability that the best meaning is right
    times   how often the mention stands in the documents
    """

    ranked: tuple[frozenset[str], ...]
    gold: frozenset[str]
    score: float
    times: int = 1

    def is_right(self, among: int = 1) -> bool:
        """True where one of the first `among` meanings has an accepted code."""
        return any(codes & self.gold for codes in self.ranked[:among])


@dataclass(frozen=True, slots=True)
class LinkingScore:
    """Accuracy over answers that have gold.

    at_1, at_5   share of distinct mentions with an accepted code among the first meanings
    weighted     `at_1` with each mention counted as often as it stands
    """

    at_1: Proportion
    at_5: Proportion
    weighted: float | None


@dataclass(frozen=True, slots=True)
class RefusalScore:
    """How refusals (score below a threshold) meet mentions for which no answer is right.

    precision  of refusals, those for which the best answer would have been wrong
    recall     of mentions without a right best answer, those refused
    kept       of right best answers, those given
    """

    precision: Proportion
    recall: Proportion
    kept: Proportion


def accuracy(answers: Sequence[Answer]) -> LinkingScore:
    """Accuracy of the answers that have gold; the others are left out."""
    judged = [each for each in answers if each.gold]
    first = [each.is_right() for each in judged]
    total = sum(each.times for each in judged)
    right = sum(each.times for each, is_right in zip(judged, first, strict=True) if is_right)
    return LinkingScore(
        wilson_interval(sum(first), len(judged)),
        wilson_interval(sum(each.is_right(5) for each in judged), len(judged)),
        right / total if total else None,
    )


def refusals(answers: Sequence[Answer], threshold: float) -> RefusalScore:
    """How well a threshold on the score tells right best answers from wrong ones."""
    refused = [each.score < threshold or not each.ranked for each in answers]
    right = [each.is_right() for each in answers]
    wrong_refused = sum(no and not yes for no, yes in zip(refused, right, strict=True))
    kept = sum(yes and not no for no, yes in zip(refused, right, strict=True))
    return RefusalScore(
        wilson_interval(wrong_refused, sum(refused)),
        wilson_interval(wrong_refused, len(right) - sum(right)),
        wilson_interval(kept, sum(right)),
    )


def calibration_error(answers: Sequence[Answer], bins: int = 10) -> float | None:
    """Expected calibration error of the scores, in bins of equal width; None without answers.

    source  Naeini, Cooper, Hauskrecht, Obtaining well calibrated probabilities using Bayesian binning, AAAI 2015
    """
    if not answers:
        return None
    scores = np.array([each.score for each in answers])
    right = np.array([each.is_right() for each in answers], dtype=np.float64)
    places = np.minimum((scores * bins).astype(np.int64), bins - 1)
    total = 0.0
    for place in np.unique(places):
        inside = places == place
        total += abs(right[inside].mean() - scores[inside].mean()) * inside.sum() / len(answers)
    return float(total)


def bootstrapped(
    groups: Sequence[Collection[Answer]], measure: Callable[[Sequence[Answer]], float], times: int, seed: int
) -> tuple[float, float]:
    """The middle 95 % of a measure when documents (groups of answers) are drawn with replacement.

    raises  ValueError without groups
    """
    if not groups:
        raise ValueError("no documents")
    chance = np.random.default_rng(seed)
    drawn = []
    for _ in range(times):
        chosen = chance.integers(0, len(groups), len(groups))
        drawn.append(measure([answer for place in chosen for answer in groups[int(place)]]))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)
