"""Trains the tagger of clinical entities: one encoder, a head for the guideline of each corpus."""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from careloom.learn_torch import Epoch, Schedule
from careloom.nlp.corpora import Document
from careloom.text.encoder_torch import Tagger
from careloom.text.gazetteer import Gazetteer
from careloom.text.parts import parts
from careloom.text.pieces import LONGEST, Pieces
from careloom.text.training_torch import Encoded, Example, encoded, encoder_of, fit, labels_of, packed, vocabulary_of

Base = tuple[Mapping[str, torch.Tensor], Sequence[str]]
"""Weights as ``BertModel`` names them, and the pieces of the vocabulary in order."""


@dataclass(frozen=True, slots=True)
class Source:
    """Documents that one guideline annotated.

    head     the name of the guideline
    labels   what it annotates
    share    how many documents an epoch reads; None: all of them; may be more than there are
    """

    head: str
    labels: tuple[str, ...]
    documents: Sequence[Document]
    share: int | None = None


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the tagger is trained.

    layers, inner  of the encoder: the lowest layers of the base, their heaviest inner units
    seed           of order, cuts and dropout
    """

    schedule: Schedule
    layers: int = 6
    inner: int = 1536
    seed: int = 20261129


def train_ner(  # noqa: PLR0913 - from what, on what, how
    base: Base,
    sources: Sequence[Source],
    names: Sequence[tuple[str, str]],
    recipe: Recipe,
    *,
    plain: Iterable[str] = (),
    card: Mapping[str, Any] | None = None,
    watch: Callable[[Epoch], None] | None = None,
) -> bytes:
    """The archive of a trained tagger, for `careloom.text.tagger.Tagger`.

    names  of the gazetteer, by kind
    plain  further texts whose words the vocabulary shall hold
    card   what the archive says of itself; the recipe and the losses are added
    watch  called after each epoch
    """
    torch.manual_seed(recipe.seed)
    vocabulary = vocabulary_of((*(one.text for source in sources for one in source.documents), *plain), base[1])
    gazetteer = Gazetteer(names)
    pieces = Pieces(vocabulary, gazetteer.of if names else None)
    encoder = encoder_of(*base, vocabulary, recipe.layers, recipe.inner, gazetteer.hints)
    tagger = Tagger(encoder, {source.head: labels_of(source.labels) for source in sources})
    history: list[Epoch] = []
    kept: dict[int, list[Encoded]] = {}

    def windows(epoch: int) -> list[Encoded]:
        if epoch not in kept:
            kept.clear()
            kept[epoch] = list(windows_of(sources, pieces, random.Random(f"{recipe.seed}/{epoch}")))
        return kept[epoch]

    def told(epoch: Epoch) -> None:
        history.append(epoch)
        if watch is not None:
            watch(epoch)

    fit(tagger, sources[0].head, windows, recipe.schedule, recipe.seed, watch=told)
    said = {
        **(card or {}),
        "encoder": {"layers": recipe.layers, "inner": recipe.inner, "pieces": len(vocabulary)},
        "schedule": {"epochs": recipe.schedule.epochs, "rate": recipe.schedule.rate},
        "seed": recipe.seed,
        "documents": {source.head: len(source.documents) for source in sources},
        "loss": [round(epoch.loss, 4) for epoch in history],
    }
    return packed(tagger, vocabulary, said, names)


def windows_of(sources: Sequence[Source], pieces: Pieces, chance: random.Random) -> Iterator[Encoded]:
    """What an epoch reads of annotated documents: runs of sentences of varied length."""

    def longest() -> int:
        return LONGEST if chance.random() < 0.6 else chance.randrange(20, LONGEST)

    for source in sources:
        labels = labels_of(source.labels)
        for document in _drawn(source, chance):
            cut = (Example(document.text, document.gold, part) for part in parts(document.text, pieces, longest))
            yield from encoded(cut, pieces, labels, source.head)


def _drawn(source: Source, chance: random.Random) -> list[Document]:
    if source.share is None:
        return list(source.documents)
    whole, rest = divmod(source.share, len(source.documents))
    return [*source.documents] * whole + chance.sample(list(source.documents), rest)
