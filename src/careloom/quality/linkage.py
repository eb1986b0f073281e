"""Which patients are one person: pairs with their score, the reason in words and bits, and what is to be done. Pure."""

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from careloom.quality.linkage_model import UNKNOWN, Model, default_model
from careloom.quality.linkage_splink import Comparer, Scored, comparing
from careloom.quality.linkage_training import train
from careloom.quality.linkage_traits import Traits

Decision = Literal["link", "review", "no"]
Watch = Callable[[int, int], None]
MOST_PARTNERS = 2.0
"""No hospital has more records of a patient than this on average: pairs too weak even then are left out at once."""
_STEPS = 5
_ROUNDS = 50
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Reason:
    """What one trait says about a pair.

    bits  above 0 for one person, below 0 for two, 0 where it is not known
    """

    trait: str
    level: str
    words: str
    bits: float


@dataclass(frozen=True, slots=True)
class Pair:
    """Two patients who may be one person; `left` sorts before `right`.

    weight       log2 of the odds that they are
    probability  the same as a probability, 0 to 1
    cautions     names of the rules for which a person must look at it
    """

    left: str
    right: str
    weight: float
    probability: float
    decision: Decision
    reasons: tuple[Reason, ...]
    cautions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Linkage:
    """What a run found: pairs to link and to review, strongest first, and the model as trained.

    compared  pairs that were compared, of all pairs that there are
    crowds    keys that too many patients share, so that nobody was compared for them
    """

    pairs: tuple[Pair, ...]
    model: Model
    patients: int
    compared: int
    crowds: int = 0


def link(
    patients: Sequence[Traits],
    *,
    model: Model | None = None,
    fresh: Collection[str] | None = None,
    memory_bytes: int = 0,
    watch: Watch | None = None,
) -> Linkage:
    """Pairs of patients who are, or may be, one person.

    patients  in any order; each id once
    model     the one to start from, the one that ships by default; one that was trained stays as it is with `fresh`
    fresh     ids of new and changed patients: only pairs with one of them, and nothing is learnt; all by default,
              and then EM learns, if there are `Training.least_patients`
    watch     (steps done, steps in all)
    """
    tell = watch or (lambda _done, _total: None)
    ordered = sorted(patients, key=lambda one: one.id)
    model = model or default_model()
    if len(ordered) < 2 or (fresh is not None and not fresh):
        tell(_STEPS, _STEPS)
        return Linkage((), model, len(ordered), 0)
    with comparing(ordered, memory_bytes=memory_bytes) as comparer:
        crowds = comparer.part_crowds(model)
        if fresh is None and len(ordered) >= model.training.least_patients:
            model = _trained(comparer, model, len(ordered), tell)
        tell(3, _STEPS)
        comparer.frequencies(model)
        least = _log_odds(model.review) - _log_odds(replace(model, partners=MOST_PARTNERS).prior(len(ordered)))
        least += _log_odds(model.prior(len(ordered)))
        numbers = None if fresh is None else [at for at, one in enumerate(ordered) if one.id in fresh]
        scored = list(comparer.scored(model, least, numbers))
        compared = comparer.compared
    tell(4, _STEPS)
    if fresh is None:
        scored, model = _with_partners(scored, model, len(ordered))
    found = [_pair(model, ordered, one) for one in scored]
    found = [pair for pair in found if pair.decision != "no"]
    found.sort(key=lambda pair: (-pair.weight, pair.left, pair.right))
    tell(5, _STEPS)
    return Linkage(tuple(found), model, len(ordered), compared, crowds)


def _trained(comparer: Comparer, model: Model, patients: int, tell: Watch) -> Model:
    random = comparer.random_patterns(model)
    tell(1, _STEPS)
    blocks = [comparer.block_patterns(model, block) for block in model.training_blocks]
    tell(2, _STEPS)
    return train(model, random, blocks, patients)


def _with_partners(scored: Sequence[Scored], model: Model, patients: int) -> tuple[list[Scored], Model]:
    """Scores under the number of duplicates that the scores themselves tell of, and the model with it.

    The number declared counts as `Training.prior_patients` patients.
    """
    before = _log_odds(model.prior(patients))
    weights = [one.weight - before for one in scored]
    strength, declared = model.training.prior_patients, model.partners
    for _ in range(_ROUNDS):
        prior = _log_odds(model.prior(patients))
        matches = math.fsum(_probability(weight + prior) for weight in weights)
        partners = (2 * matches + declared * strength) / (patients + strength)
        model = replace(model, partners=round(min(partners, MOST_PARTNERS), _DIGITS))
    shift = round(_log_odds(model.prior(patients)) - before, 4)
    return [one._replace(weight=round(one.weight + shift, 4)) for one in scored], model


def _pair(model: Model, patients: Sequence[Traits], scored: Scored) -> Pair:
    reasons = []
    for one, at, bits in zip(model.comparisons, scored.levels, scored.bits, strict=True):
        level = one.levels[at] if at >= 0 else None
        words = level.words if level else f"{one.words} not known of both"
        reasons.append(Reason(one.name, level.name if level else UNKNOWN, words, bits))
    cautions = cautions_of(model, reasons)
    probability = round(_probability(scored.weight), _DIGITS)
    decision: Decision = "no" if probability < model.review else "review"
    if probability >= model.link and not cautions:
        decision = "link"
    left, right = patients[scored.left].id, patients[scored.right].id
    return Pair(left, right, scored.weight, probability, decision, tuple(reasons), cautions)


def cautions_of(model: Model, reasons: Iterable[Reason]) -> tuple[str, ...]:
    """The names of the rules that a pair with these levels falls under."""
    levels = {reason.trait: reason.level for reason in reasons}
    return tuple(caution.name for caution in model.cautions if caution.speaks_against(levels))


def _log_odds(probability: float) -> float:
    return math.log2(probability / (1 - probability))


def _probability(weight: float) -> float:
    return 1 / (1 + 2**-weight) if weight > -1000 else 0.0
