"""Of what use synthetic notes are: a light tagger of entities learns from them and is tested on real notes.

The tagger is the same whatever it learns from: a linear classifier of words by what stands around them (regularised by
early small steps, `SGDClassifier`), begin-inside-outside labels, hashed features. It is a yardstick, not a product.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction import FeatureHasher
from sklearn.linear_model import SGDClassifier

from careloom.synth.notes_facts import HEADS, PARTS, SourceNote
from careloom.synth.notes_material import FREE
from careloom.text.pieces import words

OUTSIDE = "O"
_LABELS = (*HEADS, *PARTS, *FREE)
_BITS = 18
Place = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class Utility:
    """F1 of exact places and labels over all entities of the test notes."""

    real: float
    synthetic: float
    entities: int

    @property
    def ratio(self) -> float:
        """Synthetic over real."""
        return self.synthetic / self.real if self.real else 0.0


def utility(
    real: Sequence[SourceNote], synthetic: Sequence[SourceNote], test: Sequence[SourceNote], labels: Sequence[str],
    *, seed: int = 1, epochs: int = 6,
) -> Utility:  # fmt: skip
    """A tagger that learnt from synthetic notes beside one that learnt from real ones, on the same test notes.

    labels  those that are learnt and counted
    """
    scores = [_f1(_learnt(notes, labels, seed, epochs), test, labels) for notes in (real, synthetic)]
    return Utility(scores[0], scores[1], sum(len(_gold(note, labels)) for note in test))


def _gold(note: SourceNote, labels: Sequence[str]) -> set[Place]:
    return {(one.start, one.end, one.label) for one in note.mentions if one.label in labels}


def _words(note: SourceNote) -> list[tuple[int, int]]:
    return [(word.start, word.end) for word in words(note.text)]


def _learnt(notes: Sequence[SourceNote], labels: Sequence[str], seed: int, epochs: int) -> Any:
    rows, aims = [], []
    for note in notes:
        found = _words(note)
        rows.append(_features([note.text[start:end] for start, end in found]))
        aims += _tags(note, found, labels)
    model = SGDClassifier(loss="modified_huber", alpha=3e-6, max_iter=epochs, tol=None, random_state=seed, average=True)
    return model.fit(_stacked(rows), aims)


def _stacked(rows: Sequence[Sequence[list[str]]]) -> Any:
    hasher = FeatureHasher(2**_BITS, input_type="string", alternate_sign=False)
    return hasher.transform(one for note in rows for one in note)


def _tags(note: SourceNote, places: Sequence[tuple[int, int]], labels: Sequence[str]) -> list[str]:
    gold = sorted(_gold(note, labels))
    tags: list[str] = []
    at = 0
    for start, end in places:
        while at < len(gold) and gold[at][1] <= start:
            at += 1
        if at < len(gold) and gold[at][0] < end:
            is_first = not tags or start <= gold[at][0] or not tags[-1].endswith(gold[at][2])
            tags.append(("B-" if is_first else "I-") + gold[at][2])
        else:
            tags.append(OUTSIDE)
    return tags


def _features(found: Sequence[str]) -> list[list[str]]:
    low = [word.lower() for word in found]
    shapes = [_shape(word) for word in found]
    edge = ["<", "<", *low, ">", ">"]
    made = []
    for at, word in enumerate(low):
        near = [f"{place}={edge[at + 2 + place]}" for place in (-2, -1, 0, 1, 2)]
        pairs = [f"p={edge[at + 1]} {word}", f"n={word} {edge[at + 3]}"]
        parts = [f"{n}<{word[:n]}" for n in (2, 3, 4)] + [f"{n}>{word[-n:]}" for n in (2, 3, 4)]
        around = [f"s={shapes[at]}", f"sp={shapes[at - 1] if at else '<'}"]
        made.append([*near, *pairs, *parts, *around])
    return made


def _shape(word: str) -> str:
    kinds = ("d" if one.isdigit() else "X" if one.isupper() else "x" if one.isalpha() else one for one in word)
    return "".join(kind for at, kind in enumerate(kinds) if at < 4)


def _f1(model: Any, notes: Sequence[SourceNote], labels: Sequence[str]) -> float:
    hits = found = asked = 0
    for note in notes:
        places = _words(note)
        if not places:
            continue
        said: npt.NDArray[np.str_] = model.predict(_stacked([_features([note.text[a:b] for a, b in places])]))
        guessed = set(_places(list(said), places))
        gold = _gold(note, labels)
        hits, found, asked = hits + len(guessed & gold), found + len(guessed), asked + len(gold)
    return 2 * hits / max(1, found + asked)


def _places(tags: Sequence[str], places: Sequence[tuple[int, int]]) -> Iterator[Place]:
    now: Place | None = None
    for tag, (start, end) in zip(tags, places, strict=True):
        begin, _, label = tag.partition("-")
        if now is not None and begin == "I" and label == now[2]:
            now = (now[0], end, label)
            continue
        if now is not None:
            yield now
        now = None if begin == OUTSIDE else (start, end, label)
    if now is not None:
        yield now


def labels_of(notes: Sequence[SourceNote], enough: int = 20) -> tuple[str, ...]:
    """Labels that are mentioned often enough to be learnt; identifiers are none."""
    counts = Counter(one.label for note in notes for one in note.mentions)
    return tuple(sorted(label for label, count in counts.items() if count >= enough and label in _LABELS))
