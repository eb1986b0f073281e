"""How the two networks of the diffusion learn: averaged weights, a rate that falls with the budget, an early end.

Part of the rows is set aside. Of each network those averaged weights are kept that are best on them. A network that
gets no better for a while goes back to its best and on more slowly; after some such falls it has learnt what there is,
and ends. Small tables would be learnt by heart otherwise.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from careloom.synth.diffusion_masked_torch import MaskedNet, hide
from careloom.synth.diffusion_scores_torch import ScoreNet
from careloom.synth.engine import State, Step, Watch

CHECKS = 40
"""How often, of the whole budget, the rows set aside are looked at."""
WARMUP = 100
FALL = 0.3
"""Of the learning rate, where a network has got no better."""
END = 0.02
"""Below this share of its rate a network ends."""
LOWEST = 0.01
"""Of the highest learning rate, at the end."""
ROWS_TO_JUDGE = 3_000
FOCUS = 0.15
"""Of the rows are there to learn the target from all other codes."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast.

    epochs   passes over the rows, where nobody watches the time
    rate     the highest learning rate
    average  share of the averaged weights that a step keeps
    patience checks without a better one after which a network goes back and on more slowly
    gain     by which share the loss of the rows set aside has to fall for a check to be better: what is learnt beyond
             helps those who guess at who was learnt from more than it helps the rows
    pace     [2, tokens] k of the schedules of the tokens: rows take one of the two by lot
    """

    epochs: int
    batch: int
    rate: float
    decay: float
    average: float
    patience: int
    gain: float
    pace: Tensor
    seed: int


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows as tensors: [rows, tokens] codes, [rows, numbers] numbers, and where there is one."""

    codes: Tensor
    numbers: Tensor
    present: Tensor

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, which: Tensor) -> "Rows":
        """Some of them."""
        return Rows(self.codes[which], self.numbers[which], self.present[which])


class Nets(nn.Module):
    """The network of the codes and that of the numbers; a table may need one alone.

    focus  the token that matters most: in `FOCUS` of the rows it alone is hidden; -1: none
    """

    def __init__(self, codes: MaskedNet | None, numbers: ScoreNet | None, focus: int = -1) -> None:
        super().__init__()
        self.focus = focus
        self.codes, self.numbers = codes, numbers

    @property
    def names(self) -> list[str]:
        """Of the networks that there are."""
        return [name for name, _ in self.named_children()]

    def losses(
        self, rows: Rows, pace: Tensor, generator: torch.Generator, which: list[str] | None = None
    ) -> dict[str, Tensor]:
        """Name of a network -> mean loss of the rows; of all, or of those named."""
        which = self.names if which is None else which
        made = {}
        if self.codes is not None and "codes" in which:
            lot = torch.randint(0, len(pace), (len(rows),), generator=generator)
            hidden, weights = hide(len(rows), pace[lot], generator)
            if self.focus >= 0:
                alone = torch.rand(len(rows), 1, generator=generator) < FOCUS
                only = torch.arange(len(pace[0])) == self.focus
                hidden, weights = torch.where(alone, only, hidden), torch.where(alone, only.float(), weights)
            made["codes"] = (self.codes.losses(rows.codes, hidden) * weights).sum(1).mean() * len(pace[0])
        if self.numbers is not None and "numbers" in which:
            made["numbers"] = self.numbers.losses(rows.numbers, rows.codes, rows.present, generator).mean()
        return made


class Training:
    """What a fit goes on with: weights, their averages, the best so far, and the moments of the optimizer."""

    def __init__(self, nets: Nets, schedule: Schedule) -> None:
        self.nets, self.schedule = nets, schedule
        self.names = [name for name, _ in nets.named_parameters()]
        self.learnt = [each for _, each in nets.named_parameters()]
        self.optimizer = torch.optim.AdamW(
            [
                {
                    "params": [each for each in getattr(nets, part).parameters() if (each.dim() > 1) == large],
                    "weight_decay": schedule.decay if large else 0.0,
                    "part": part,
                }
                for part in nets.names
                for large in (True, False)
            ],
            lr=schedule.rate, betas=(0.9, 0.99), fused=True,
        )  # fmt: skip
        self.mean = [each.detach().clone() for each in self.learnt]
        self.best = [each.detach().clone() for each in self.learnt]
        self.lowest: dict[str, float] = {}
        self.stale = dict.fromkeys(nets.names, 0)
        self.slowed = dict.fromkeys(nets.names, 1.0)
        self.step = self.epoch = 0
        self.checked = 0.0

    @property
    def learning(self) -> list[str]:
        """The networks that have not ended."""
        return [name for name, each in self.slowed.items() if each >= END]

    def learn(self, rows: Rows, generator: torch.Generator, share: float) -> dict[str, float]:
        """One step."""
        rate = self.schedule.rate * (LOWEST + (1 - LOWEST) * 0.5 * (1 + math.cos(math.pi * min(1.0, share))))
        for group in self.optimizer.param_groups:
            group["lr"] = rate * min(1.0, (self.step + 1) / WARMUP) * self.slowed[group["part"]]
        losses = self.nets.losses(rows, self.schedule.pace, generator, self.learning)
        self.optimizer.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()
        for part in losses:
            nn.utils.clip_grad_norm_(getattr(self.nets, part).parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        kept = min(self.schedule.average, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(self.mean, [each.detach() for each in self.learnt], 1 - kept)
        return {name: float(loss.detach()) for name, loss in losses.items()}

    def check(self, aside: Rows) -> dict[str, float]:
        """Judges the averaged weights on the rows set aside, always by the same noise, and keeps them where better."""
        generator = torch.Generator().manual_seed(self.schedule.seed)
        many = aside.take(torch.arange(max(len(aside), ROWS_TO_JUDGE)) % len(aside))
        with self.with_weights(self.mean), torch.no_grad():
            losses = {name: float(loss) for name, loss in self.nets.losses(many, self.schedule.pace, generator).items()}
        for name in self.learning:
            if losses[name] < (1 - self.schedule.gain) * self.lowest.get(name, math.inf):
                self.lowest[name], self.stale[name] = losses[name], 0
                self._copy(name, self.mean, self.best)
                continue
            self.stale[name] += 1
            if self.stale[name] >= self.schedule.patience:
                self.stale[name], self.slowed[name] = 0, self.slowed[name] * FALL
                self._copy(name, self.best, self.mean)
                self._copy(name, self.best, self.learnt)
        return {f"{name} aside": loss for name, loss in losses.items()}

    def _copy(self, part: str, source: Sequence[Tensor], target: Sequence[Tensor]) -> None:
        with torch.no_grad():
            for name, old, new in zip(self.names, source, target, strict=True):
                if name.startswith(f"{part}."):
                    new.copy_(old)

    def with_weights(self, weights: list[Tensor]) -> "_Swapped":
        """Within it the networks have these weights, and leave nothing out."""
        return _Swapped(self.nets, self.learnt, weights)

    def state(self) -> State:
        """What `resume` takes."""
        tensors: dict[str, Tensor] = {}
        for kind, values in {"now": self.learnt, "mean": self.mean, "best": self.best}.items():
            tensors |= {f"{kind}.{name}": each.detach() for name, each in zip(self.names, values, strict=True)}
        for name, each in zip(self.names, self.learnt, strict=True):
            for moment in ("exp_avg", "exp_avg_sq", "step"):
                tensors[f"{moment}.{name}"] = self.optimizer.state[each][moment]
        told: dict[str, Any] = {"step": self.step, "epoch": self.epoch, "checked": self.checked}
        told |= {"stale": dict(self.stale), "slowed": dict(self.slowed), "lowest": dict(self.lowest)}
        return State({name: each.numpy().copy() for name, each in tensors.items()}, told)

    def resume(self, state: State) -> None:
        """Goes on where the state was saved. raises KeyError for one of another fit"""
        read = {name: torch.from_numpy(np.array(each)) for name, each in state.tensors.items()}
        with torch.no_grad():
            for kind, values in {"now": self.learnt, "mean": self.mean, "best": self.best}.items():
                for name, each in zip(self.names, values, strict=True):
                    each.copy_(read[f"{kind}.{name}"])
        for name, each in zip(self.names, self.learnt, strict=True):
            moments = {moment: read[f"{moment}.{name}"] for moment in ("exp_avg", "exp_avg_sq", "step")}
            self.optimizer.state[each] = moments
        told: Any = state.told
        self.step, self.epoch, self.checked = told["step"], told["epoch"], told["checked"]
        self.stale, self.slowed, self.lowest = dict(told["stale"]), dict(told["slowed"]), dict(told["lowest"])


class _Swapped:
    def __init__(self, nets: Nets, learnt: list[nn.Parameter], weights: list[Tensor]) -> None:
        self.nets, self.learnt, self.weights = nets, learnt, weights

    def __enter__(self) -> None:
        self.own = [each.detach().clone() for each in self.learnt]
        self.nets.eval()
        self._set(self.weights)

    def __exit__(self, *_: object) -> None:
        self._set(self.own)
        self.nets.train()

    def _set(self, weights: list[Tensor]) -> None:
        with torch.no_grad():
            for each, weight in zip(self.learnt, weights, strict=True):
                each.copy_(weight)


def train(nets: Nets, rows: Rows, aside: Rows, schedule: Schedule, watch: Watch) -> None:
    """Trains the networks in place; they end with the best of their averaged weights."""
    training = Training(nets, schedule)
    if watch.resume is not None:
        training.resume(watch.resume)
    nets.train()
    share = _share(training, watch, 0.0)
    with torch.random.fork_rng(devices=[]):
        while share < 1 and training.learning:
            share, losses = _epoch(training, rows, watch, share)
            due = share >= min(1.0, training.checked + 1 / CHECKS)
            if due:
                training.checked = share
                losses |= training.check(aside)
            if watch.told is not None:
                watch.told(Step(min(1.0, share), training.epoch, losses))
            if due and watch.save is not None:
                watch.save(training.state())
    if not training.lowest:
        training.check(aside)
    with torch.no_grad():
        for each, weight in zip(training.learnt, training.best, strict=True):
            each.copy_(weight)
    nets.eval()


def _epoch(training: Training, rows: Rows, watch: Watch, share: float) -> tuple[float, dict[str, float]]:
    generator = torch.Generator().manual_seed(training.schedule.seed * 1_000_003 + training.epoch)
    torch.manual_seed(training.schedule.seed * 1_000_003 + training.epoch)  # of what is left out
    found: list[dict[str, float]] = []
    batches = list(_batches(len(rows), training.schedule.batch, generator))
    for number, which in enumerate(batches):
        found.append(training.learn(rows.take(which), generator, share))
        share = _share(training, watch, (number + 1) / len(batches))
        if share >= 1:
            break
    training.epoch += 1
    return share, {name: float(np.mean([each[name] for each in found])) for name in found[0]}


def _share(training: Training, watch: Watch, part: float) -> float:
    told: Callable[[], float] | None = watch.share
    return told() if told is not None else (training.epoch + part) / training.schedule.epochs


def _batches(rows: int, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    order = torch.randperm(rows, generator=generator)
    for at in range(0, max(1, rows - size // 2), size):
        yield order[at : at + size]
