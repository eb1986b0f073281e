"""What synthetic notes tell: runs of words that stand in the notes that were learnt from, and canaries in the losses.

Words are any strings: who calls decides what a word is, and whether case counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log2

import numpy as np
import numpy.typing as npt

from careloom.errors import InputError
from careloom.metrics import wilson_interval
from careloom.synth.privacy_scores import Estimate, Risk, area, risk

Words = Sequence[str]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
RUN_WORDS = 8


@dataclass(frozen=True, slots=True)
class Verbatim:
    """Words that stand in other notes in the same order.

    copied    notes with a run of `run_words` words from a member's note, beside those with one from a control's
    longest   of all synthetic notes the longest run of words (from members' notes, from controls')
    covered   share of the words that lie in such runs (the same)
    """

    copied: Risk
    longest: tuple[int, int]
    covered: tuple[float, float]
    run_words: int


def verbatim(
    synthetic: Sequence[Words], members: Sequence[Words], controls: Sequence[Words], run_words: int = RUN_WORDS
) -> Verbatim:
    """How much of synthetic notes stands word by word in notes that were learnt from, and in as many that were not.

    members, controls  of one source; the larger side is cut to as many words, so that both can meet as often by chance
    raises             InputError where one side has no word
    """
    words = [sum(map(len, notes)) for notes in (members, controls)]
    if not all(words):
        raise InputError("notes: there is no word on one side", "Give members' notes and controls' notes.")
    runs = [longest_runs(synthetic, _first(notes, min(words))) for notes in (members, controls)]
    hits = [sum(bool((run >= run_words).any()) for run in side) for side in runs]
    covered = [_covered(side, run_words) for side in runs]
    return Verbatim(
        risk(wilson_interval(hits[0], len(synthetic)), wilson_interval(hits[1], len(synthetic))),
        (_longest(runs[0]), _longest(runs[1])),
        (covered[0], covered[1]),
        run_words,
    )


def longest_runs(notes: Sequence[Words], corpus: Sequence[Words]) -> list[Ints]:
    """For each note [words]: the length of the longest run that starts at this word and stands in one corpus note.

    By a suffix array over all words: time and memory grow as words times the logarithm of the longest run.
    source  prefix doubling: Manber, Myers, SIAM J Comput 1993;22:935-948
    """
    every = [*corpus, *notes]
    lengths = np.array([len(note) for note in every], np.int64)
    known: dict[str, int] = {}
    text = np.empty(int(lengths.sum()) + len(every), np.int64)
    at = 0
    for number, note in enumerate(every):
        text[at : at + len(note)] = [known.setdefault(word, len(known)) for word in note]
        text[at + len(note)] = -1 - number  # ends are all different: no run goes beyond its note
        at += len(note) + 1
    ends = np.cumsum(lengths + 1)
    first_note = int(ends[len(corpus) - 1]) if corpus else 0
    found = _matched(text, first_note)
    starts = ends - lengths - 1
    return [
        found[start : start + length]
        for start, length in zip(starts[len(corpus) :], lengths[len(corpus) :], strict=True)
    ]


def _matched(text: Ints, cut: int) -> Ints:
    """[text] longest match of the suffix at each place from `cut` on with one that starts before it."""
    ranks = [np.unique(text, return_inverse=True)[1].astype(np.int64)]
    while len(np.unique(ranks[-1])) < len(text):
        step = 2 ** (len(ranks) - 1)
        after = np.full(len(text), -1, np.int64)
        after[:-step] = ranks[-1][step:]
        ranks.append(np.unique(ranks[-1] * (len(text) + 1) + after, return_inverse=True)[1].astype(np.int64))
    order = np.argsort(ranks[-1], kind="stable")
    is_corpus = order < cut
    place = np.arange(len(text))
    above = np.maximum.accumulate(np.where(is_corpus, place, -1))
    below = np.minimum.accumulate(np.where(is_corpus, place, len(text))[::-1])[::-1]
    found = np.zeros(len(text), np.int64)
    for beside in (above, below):
        exists = (beside >= 0) & (beside < len(text)) & ~is_corpus
        ours, theirs = order[exists], order[beside[exists]]
        found[ours] = np.maximum(found[ours], _common(ranks, ours, theirs))
    return found


def _common(ranks: list[Ints], one: Ints, other: Ints) -> Ints:
    """How many words two suffixes have in common from their start."""
    one, other = one.copy(), other.copy()
    total = np.zeros(len(one), np.int64)
    size = len(ranks[0])
    for power in range(len(ranks) - 1, -1, -1):
        inside = (one < size) & (other < size)
        same = inside & (ranks[power][np.minimum(one, size - 1)] == ranks[power][np.minimum(other, size - 1)])
        for each in (one, other, total):
            each += np.where(same, 2**power, 0)
    return total


def _first(notes: Sequence[Words], words: int) -> list[Words]:
    kept: list[Words] = []
    for note in notes:
        kept.append(note[:words])
        words -= len(kept[-1])
        if words <= 0:
            break
    return kept


def _longest(runs: list[Ints]) -> int:
    return max((int(run.max(initial=0)) for run in runs), default=0)


def _covered(runs: list[Ints], least: int) -> float:
    inside = total = 0
    for run in runs:
        reach = np.maximum.accumulate(np.where(run >= least, np.arange(len(run)) + run, 0))
        inside += int((reach > np.arange(len(run))).sum())
        total += len(run)
    return inside / total if total else 0.0


@dataclass(frozen=True, slots=True)
class Exposure:
    """How much likelier a model finds the canaries that it learnt than canaries that it did not.

    bits    of each canary: log2(controls + 1) - log2(its rank among the controls)
    mean    of them, by chance about 1.44; interval at 95 % over canaries
    most    the largest there can be with so many controls
    area    how often a canary that was learnt is likelier than a control
    """

    bits: tuple[float, ...]
    mean: Estimate
    most: float
    area: Estimate


def exposure(canaries: Floats, controls: Floats) -> Exposure:
    """Exposure of canaries by the losses (minus log likelihoods) that a model gives them.

    controls  losses of canaries made in the same way that were never learnt
    raises    InputError for fewer than two of either
    source    Carlini et al, The Secret Sharer, USENIX Security 2019 (arXiv 1802.08232), section 4.3, by sampling
    """
    if min(len(canaries), len(controls)) < 2:
        raise InputError("exposure: there are too few canaries", "Give two of each kind at least.")
    ranks = 1 + np.searchsorted(np.sort(controls), canaries, side="left")
    most = log2(len(controls) + 1)
    bits = most - np.log2(ranks)
    mean, reach = float(bits.mean()), 1.96 * float(bits.std(ddof=1)) / len(bits) ** 0.5
    told = area(-canaries, -controls)
    return Exposure(tuple(bits.tolist()), Estimate(mean, mean - reach, mean + reach), most, told)
