"""A smaller tagger that learns from a larger one: its layers, its probabilities, its states (Hinton and others, 2015).

What the teacher thinks of every head is learnt on every text, so that texts without gold teach, too.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import combinations

import torch
from torch.nn import functional

from careloom.errors import QueryError
from careloom.text.encoder_torch import Encoder, Shape, Tagger
from careloom.text.training_torch import SKIPPED, Cost, Padded, gold_cost

SOFTNESS = 2.0
"""Scores are divided by it, so that what the teacher holds for unlikely is told, too."""
GOLD, STATES = 0.5, 1.0
"""What gold, and the states of the last layer, count beside the probabilities."""


def shallower(teacher: Tagger, layers: Sequence[int], shape: Shape) -> Tagger:
    """A tagger with these layers of the teacher and all else that it has. `shape`: what may differ from it."""
    student = Tagger(Encoder(replace(shape, layers=len(layers))), teacher.labels)
    place = {f"encoder.layers.{old}.": f"encoder.layers.{new}." for new, old in enumerate(layers)}
    state = {}
    for name, value in teacher.state_dict().items():
        layer = next((one for one in place if name.startswith(one)), None)
        if layer is not None:
            state[name.replace(layer, place[layer], 1)] = value.clone()
        elif not name.startswith("encoder.layers."):
            state[name] = value.clone()
    student.load_state_dict(state)
    return student


def layers_to_keep(teacher: Tagger, count: int, batches: Sequence[Padded]) -> tuple[int, ...]:
    """The layers of the teacher that alone, untrained, come nearest to what it says of `batches`.

    raises  QueryError where it does not have so many
    """
    if not 0 < count <= teacher.encoder.shape.layers:
        raise QueryError(f"the teacher has {teacher.encoder.shape.layers} layers", "Ask for as many or for fewer.")
    with torch.no_grad():
        told = [teacher(pieces, looks, words_of(labels)) for pieces, looks, labels, _ in batches]

        def farness(layers: Sequence[int]) -> float:
            student = shallower(teacher, layers, teacher.encoder.shape).eval()
            apart = 0.0
            for (pieces, looks, labels, _), right in zip(batches, told, strict=True):
                kept = words_of(labels)
                apart += float(_soft(student(pieces, looks, kept), right, kept))
            return apart

        return min(combinations(range(teacher.encoder.shape.layers), count), key=farness)


def words_of(labels: torch.Tensor) -> torch.Tensor:
    """The places (texts, words) of the pieces that have labels, and of the mark at the end; 0 behind it."""
    rows = [torch.cat((each, each[-1:] + 1)) for each in (torch.nonzero(row != SKIPPED)[:, 0] for row in labels)]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)


def taught_by(teacher: Tagger) -> Cost:
    """Gold where there is some, the teacher's probabilities of all heads and its last states everywhere."""
    teacher.eval()

    def cost(student: Tagger, batch: Padded) -> torch.Tensor:
        pieces, looks, labels, heads = batch
        kept = words_of(labels)
        with torch.no_grad():
            known = teacher.encoder(pieces, looks, kept)
            told = [head(known) for head in teacher.heads.values()]
        states = student.encoder(pieces, looks, kept)
        scores = [head(student.dropout(states)) for head in student.heads.values()]
        seen = kept != 0
        apart = functional.mse_loss(states[seen].float(), known[seen].float())
        gold = gold_cost(scores, labels.gather(1, kept), heads)
        return _soft(scores, told, kept) + GOLD * gold + STATES * apart

    return cost


def _soft(scores: Iterable[torch.Tensor], told: Iterable[torch.Tensor], kept: torch.Tensor) -> torch.Tensor:
    """How far probabilities are from the teacher's, a word, over all heads."""
    seen = kept != 0
    total = torch.zeros(())
    for mine, right in zip(scores, told, strict=True):
        total = total + functional.kl_div(
            functional.log_softmax(mine[seen].float() / SOFTNESS, dim=-1),
            functional.log_softmax(right[seen].float() / SOFTNESS, dim=-1),
            reduction="sum",
            log_target=True,
        )
    return total * SOFTNESS**2 / seen.sum()
