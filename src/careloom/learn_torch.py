"""The one training loop: batches in, a trained model out, the same for the same seed on the same machine.

Full precision on the CPU; on processors with bfloat16 arithmetic `autocast` makes a step three to four times cheaper.
"""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

Batch = TypeVar("Batch")


@dataclass(frozen=True, slots=True)
class Schedule:
    """How a model is trained.

    epochs    passes over the batches
    rate      the highest learning rate; it rises from 0 over the `warmup` share of the steps and falls to 0 in a line
    decay     AdamW's weight decay; vectors (biases, norms) are spared
    clip      largest norm of the gradient
    autocast  True: matrix products in bfloat16
    """

    epochs: int
    rate: float
    warmup: float = 0.06
    decay: float = 0.01
    clip: float = 1.0
    autocast: bool = False

    def rate_at(self, step: int, steps: int) -> float:
        """The learning rate of a step, counted from 0."""
        rising = max(1, math.ceil(steps * self.warmup))
        if step < rising:
            return self.rate * (step + 1) / rising
        return self.rate * max(0.0, (steps - step) / max(1, steps - rising))


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one pass did: its number from 1, mean loss of a batch, seconds by the clock."""

    number: int
    loss: float
    seconds: float


def train(
    model: torch.nn.Module,
    batches: Callable[[int], Iterable[Batch]],
    loss: Callable[[Batch], torch.Tensor],
    schedule: Schedule,
    *,
    watch: Callable[[Epoch], None] | None = None,
) -> list[Epoch]:
    """Trains `model` in place with AdamW and says how each epoch went.

    batches  the batches of an epoch by its number from 0: the caller shuffles, by a seed of its own
    loss     what a batch costs: one number that gradients flow through
    watch    called after each epoch; may raise to stop
    raises   ValueError where an epoch has no batch or a loss is no finite number
    """
    steps = len(list(batches(0))) * schedule.epochs
    if not steps:
        raise ValueError("there is nothing to train on: an epoch has no batch")
    optimizer = torch.optim.AdamW(_groups(model, schedule.decay), lr=schedule.rate, fused=True)
    model.train()
    history: list[Epoch] = []
    step = 0
    for number in range(schedule.epochs):
        started, total, count = time.monotonic(), 0.0, 0
        for batch in batches(number):
            for group in optimizer.param_groups:
                group["lr"] = schedule.rate_at(step, steps)
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=schedule.autocast):
                cost = loss(batch)
            value = float(cost.detach())
            if not math.isfinite(value):
                raise ValueError(f"the loss is not finite in epoch {number + 1}: lower the learning rate")
            optimizer.zero_grad(set_to_none=True)
            cost.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), schedule.clip)
            optimizer.step()
            total, count, step = total + value, count + 1, step + 1
        history.append(Epoch(number + 1, total / max(1, count), time.monotonic() - started))
        if watch is not None:
            watch(history[-1])
    model.eval()
    return history


def by_length(lengths: Sequence[int], most: int, generator: torch.Generator) -> list[list[int]]:
    """Indices in batches of similar lengths, at most `most` positions each with padding; batches in random order.

    Lengths are jittered a little, so that the same neighbours do not always meet.
    """
    noise = torch.rand(len(lengths), generator=generator).tolist()
    order = sorted(range(len(lengths)), key=lambda index: lengths[index] * (0.9 + 0.2 * noise[index]))
    batches: list[list[int]] = []
    longest = 0
    for index in order:
        longest = max(longest, lengths[index])
        if not batches or (len(batches[-1]) + 1) * longest > most:
            batches.append([])
            longest = lengths[index]
        batches[-1].append(index)
    return [batches[place] for place in torch.randperm(len(batches), generator=generator).tolist()]


def _groups(model: torch.nn.Module, decay: float) -> list[dict[str, Any]]:
    learnt = [one for one in model.parameters() if one.requires_grad]
    return [
        {"params": [one for one in learnt if one.dim() > 1], "weight_decay": decay},
        {"params": [one for one in learnt if one.dim() <= 1], "weight_decay": 0.0},
    ]
