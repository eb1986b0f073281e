"""Trains a smaller tagger of clinical entities by the one that ships: on its corpora, and on texts without gold."""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import torch

from careloom.learn_torch import Epoch, Schedule
from careloom.nlp.ner_torch import Source, windows_of
from careloom.text.distillation_torch import layers_to_keep, shallower, taught_by
from careloom.text.gazetteer import Gazetteer
from careloom.text.parts import parts
from careloom.text.pieces import LONGEST, Pieces
from careloom.text.training_torch import UNLABELLED, Encoded, Example, encoded, fit, packed, padded
from careloom.text.unpacking_torch import unpacked

_LOOKED_AT = 24
"""Texts without gold by which the layers to keep are chosen."""


@dataclass(frozen=True, slots=True)
class Distilling:
    """How a smaller tagger is trained.

    layers     that it has: those of the teacher that come nearest to it
    whole      of them, how many see every piece of a word
    share      texts without gold that an epoch reads
    seed       of order, cuts and dropout
    """

    schedule: Schedule
    layers: int
    whole: int = 1
    share: int = 300
    dropout: float = 0.05
    seed: int = 20261129


def distil_ner(
    archive: bytes,
    sources: Sequence[Source],
    plain: Iterable[str],
    how: Distilling,
    *,
    card: Mapping[str, Any] | None = None,
    watch: Callable[[Epoch], None] | None = None,
) -> bytes:
    """The archive of a tagger that has learnt from another, with its vocabulary, its gazetteer and its heads.

    archive  of the teacher
    plain    texts without gold
    card     what the archive says of itself; the recipe and the losses are added
    watch    called after each epoch
    raises   QueryError where the teacher has fewer layers than asked for; SetupError where it is no archive of a tagger
    """
    torch.manual_seed(how.seed)
    teacher = unpacked(archive)
    pieces = Pieces(teacher.vocabulary, Gazetteer(teacher.names).of if teacher.names else None)
    texts = list(plain)
    labels = list(teacher.tagger.labels)
    probe = list(_without_gold(texts, pieces, _LOOKED_AT, random.Random(how.seed)))
    kept = layers_to_keep(teacher.tagger, how.layers, [padded([one], labels, UNLABELLED) for one in probe])
    shape = replace(teacher.tagger.encoder.shape, rectified=True, whole=how.whole, dropout=how.dropout)
    student = shallower(teacher.tagger, kept, shape)
    history: list[Epoch] = []
    rows: dict[int, list[Encoded]] = {}

    def windows(epoch: int) -> list[Encoded]:
        if epoch not in rows:
            rows.clear()
            chance = random.Random(f"{how.seed}/{epoch}")
            rows[epoch] = [*windows_of(sources, pieces, chance), *_without_gold(texts, pieces, how.share, chance)]
        return rows[epoch]

    def told(epoch: Epoch) -> None:
        history.append(epoch)
        if watch is not None:
            watch(epoch)

    fit(student, labels[0], windows, how.schedule, how.seed, watch=told, cost=taught_by(teacher.tagger))
    said = {
        **(card or {}),
        "encoder": {
            "layers": how.layers,
            "layers_of_pieces": how.whole,
            "inner": student.encoder.shape.inner,
            "pieces": len(teacher.vocabulary),
        },
        "teacher": {"sha256": sha256(archive).hexdigest(), "layers_kept": kept, "texts_without_gold": len(texts)},
        "schedule": {"epochs": how.schedule.epochs, "rate": how.schedule.rate, "texts_without_gold": how.share},
        "seed": how.seed,
        "documents": {source.head: len(source.documents) for source in sources},
        "loss": [round(epoch.loss, 4) for epoch in history],
    }
    return packed(student, teacher.vocabulary, said, teacher.names)


def _without_gold(texts: Sequence[str], pieces: Pieces, count: int, chance: random.Random) -> Iterator[Encoded]:
    """The windows of some texts: their words are marked, and no head has them for its own."""

    def longest() -> int:
        return LONGEST if chance.random() < 0.6 else chance.randrange(20, LONGEST)

    for text in chance.sample(texts, min(count, len(texts))):
        cut = (Example(text, (), part) for part in parts(text, pieces, longest))
        yield from encoded(cut, pieces, ("O",), UNLABELLED)
