"""How well mentions are given codes: accuracy among the first, hits by code system, refusals, calibration."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from careloom.metrics import Proportion, wilson_interval
from careloom.nlp.corpora_notes import Code
from careloom.terminology.packaged import lookup
from careloom.terminology.systems import CVX, ICD_10_CM, LOINC, RXNORM, SNOMED_CT
from careloom.text.note import Annotation

WANTED: Mapping[str, tuple[str, ...]] = {
    "problem": ("SNOMED CT", "ICD-10-CM", "category"), "symptom": ("category",), "finding": ("category",),
    "drug": ("ingredient",), "vaccine": ("CVX",), "test": ("LOINC",), "procedure": ("SNOMED CT",),
}  # fmt: skip
"""Label in the simulator's words -> codes that are looked at."""
_SYSTEMS = {
    "SNOMED CT": SNOMED_CT, "ICD-10-CM": ICD_10_CM, "category": ICD_10_CM, "LOINC": LOINC, "CVX": CVX,
    "ingredient": RXNORM,
}  # fmt: skip


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


def answers_of(found: Annotation, label: str, codes: Sequence[Code]) -> Iterator[tuple[str, Answer]]:
    """What was answered for an entity of a simulated note: what is wanted of its label, and the answer.

    SNOMED CT, ICD-10-CM, LOINC and CVX: the codes of the record; ``category``: the first three characters of
    ICD-10-CM; ``ingredient``: an ingredient of the drug in RxNorm. What the record has no code of is left out.

    label  in the simulator's words
    codes  of the record
    """
    ranks: dict[int, list[Code]] = {}
    for each in found.codes:
        ranks.setdefault(each.rank, []).append((each.system, each.code))
    score = found.codes[0].score if found.codes else 0.0
    for wanted in WANTED.get(label, ()):
        gold = _wanted(wanted, codes, is_gold=True)
        if gold:
            told = tuple(_wanted(wanted, ranks[rank], is_gold=False) for rank in sorted(ranks))
            yield wanted, Answer(told, gold, score)


def _wanted(name: str, codes: Iterable[Code], *, is_gold: bool) -> frozenset[str]:
    held = {code for system, code in codes if system == _SYSTEMS[name]}
    if name == "category":
        return frozenset(code[:3] for code in held)
    if name == "ingredient":
        below = {each for code in held for each in _ingredients(code) if each != code}
        return frozenset(below if is_gold else below | held)
    return frozenset(held)


def _ingredients(code: str) -> Collection[str]:
    """Of a drug, salts among them."""
    concept = lookup(RXNORM, code)
    return concept.properties.get("ingredient", ()) if concept else ()
