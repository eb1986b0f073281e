"""Fitting of the autoregressive network: batches in random orders of the parts, averaged weights, an early end."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from careloom.synth.autoregressive_net_torch import ColumnNet
from careloom.synth.engine import Json, State, Step, Watch

Codes = npt.NDArray[np.int64]
_EVERY = 5
"""Epochs between two saves."""
_WEIGHTS = tuple(round(0.05 * at, 2) for at in range(25))
"""Of the logits that were learnt, tried by `temper`: 0 to 1.2."""
_LEVEL = 0.65
"""Share of the budget after which the learning rate falls."""
_STEPS = 40
"""Without a gain, at least, before a fit ends: epochs of small tables are few steps."""


@dataclass(frozen=True, slots=True)
class Training:
    """How a network learns.

    epochs    where the caller sets no budget
    batch     rows of a step
    rate      highest learning rate; it falls to nothing over the last part of a budget
    decay     of weights, a step, times the rate
    ordered   share of rows that are learnt in the order in which rows are made; the others in any order
    average   of weights: how much of the old is kept in a step
    patience  epochs without a better validation after which the fit ends
    aside     share of the rows that are set aside
    gain      by which share the loss of the rows set aside has to fall for an epoch to be better: what is learnt beyond
              helps those who guess at who was learnt from more than it helps the rows
    """

    epochs: int
    batch: int
    rate: float
    decay: float
    ordered: float
    average: float
    patience: int
    aside: float
    gain: float


@dataclass(slots=True)
class Run:
    """A fit that is under way.

    best    the averaged weights that did best on the rows set aside
    gained  steps after which they were found
    since   epochs without a gain
    """

    net: ColumnNet
    averaged: dict[str, torch.Tensor]
    optimizer: torch.optim.AdamW
    epoch: int = 0
    steps: int = 0
    best: dict[str, torch.Tensor] = field(default_factory=dict)
    best_loss: float = float("inf")
    gained: int = 0
    since: int = 0


def orders(
    parts: int, rows: int, order: tuple[int, ...], ordered: float, draw: np.random.Generator, *, by_coin: bool = False
) -> torch.Tensor:
    """[parts, rows, parts] 1 where in that row the first part comes after the last, and so sees it.

    ordered  the share of the rows in which parts come as in `order`; in others they come in any
    by_coin  each row by a coin of its own, whichever others there are; False: the first of them
    """
    ranks = draw.random((rows, parts), dtype=np.float32).argsort(1).argsort(1)
    usual = np.empty(parts, np.int64)
    usual[list(order)] = np.arange(parts)
    ranks[draw.random(rows) < ordered if by_coin else slice(round(ordered * rows))] = usual
    ranked = torch.from_numpy(ranks)
    return (ranked.T.unsqueeze(2) > ranked.unsqueeze(0)).float()


def learn(
    net: ColumnNet, codes: Codes, order: tuple[int, ...], how: Training, seed: int, watch: Watch
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    """Leaves in the network the averaged weights that are best on the rows set aside, which it does not learn.

    returns  (these rows, the rows that it learns), [n, parts] each
    """
    shuffled = torch.from_numpy(codes[np.random.default_rng([seed, 1]).permutation(len(codes))])
    aside = max(1, int(how.aside * len(shuffled))) if len(shuffled) >= 50 else 0
    checked, learnt = shuffled[:aside], shuffled[aside:]
    run = _begun(net, how, watch)
    share = watch.share or (lambda: run.epoch / how.epochs)
    while True:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1_000_003 * seed + run.epoch)
            net.train()
            _epoch(run, learnt, order, how, np.random.default_rng([seed, 2, run.epoch]), share)
            net.eval()
        run.epoch += 1
        loss = validation(run, checked, order, seed) if aside else float(-run.epoch)
        done = 1.0 if _judged(run, loss, how) else share()
        if watch.told is not None:
            watch.told(Step(min(1.0, done), run.epoch, {"validation": loss}))
        if done >= 1:
            break
        if watch.save is not None and run.epoch % _EVERY == 0:
            watch.save(saved(run))
    net.load_state_dict(run.best)
    return checked, learnt


def temper(net: ColumnNet, rows: torch.Tensor, order: tuple[int, ...], shares: list[torch.Tensor]) -> None:
    """Draws each part back to its shares as far as rows that were not learnt say: what was learnt by heart goes.

    Logits become a mean of their own and those of the shares, by the weight at which these rows are likeliest.
    """
    with torch.no_grad():
        seen = orders(rows.shape[1], len(rows), order, 1.0, np.random.default_rng(0))
        for part, (logits, share) in enumerate(zip(net(rows, seen), shares, strict=True)):
            alone, head = share.log(), net.heads[part]
            losses = [
                float(functional.cross_entropy(alone + weight * (logits - alone), rows[:, part])) for weight in _WEIGHTS
            ]
            weight = _WEIGHTS[int(np.argmin(losses))]
            head.weight.mul_(weight)
            head.bias.mul_(weight).add_(alone, alpha=1 - weight)


def _begun(net: ColumnNet, how: Training, watch: Watch) -> Run:
    optimizer = torch.optim.AdamW(net.parameters(), how.rate, betas=(0.9, 0.99), weight_decay=how.decay)
    averaged = {name: one.detach().clone() for name, one in net.state_dict().items()}
    run = Run(net, averaged, optimizer)
    return run if watch.resume is None else resumed(run, watch.resume)


def _epoch(
    run: Run, rows: torch.Tensor, order: tuple[int, ...], how: Training, draw: np.random.Generator,
    share: Callable[[], float],
) -> None:  # fmt: skip
    places = torch.from_numpy(draw.permutation(len(rows)))
    for some in places.split(how.batch):
        if len(some) < how.batch // 2 and len(places) > how.batch:
            continue
        for group in run.optimizer.param_groups:
            group["lr"] = how.rate * min(1.0, (run.steps + 1) / 50) * _height(share())
        seen = orders(rows.shape[1], len(some), order, how.ordered, draw)
        loss = run.net.losses(rows[some], seen).sum(1).mean()
        run.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(run.net.parameters(), 5.0)
        run.optimizer.step()
        run.steps += 1
        kept = min(how.average, (run.steps + 1) / (run.steps + 10))
        with torch.no_grad():
            for name, one in run.net.state_dict().items():
                run.averaged[name].lerp_(one, 1 - kept)


def _height(share: float) -> float:
    """Of the learning rate, 0..1: level, then down along a cosine."""
    return float(0.5 + 0.5 * np.cos(np.pi * min(1.0, max(0.0, (share - _LEVEL) / (1 - _LEVEL)))))


def _judged(run: Run, loss: float, how: Training) -> bool:
    """Keeps the averaged weights where they are better; True: there was no gain for so long that the fit ends."""
    run.since += 1
    if loss < run.best_loss - how.gain * abs(run.best_loss) or not run.best:
        run.since, run.best_loss, run.gained = 0, loss, run.steps
        run.best = {name: one.clone() for name, one in run.averaged.items()}
    return run.since >= how.patience and run.steps - run.gained >= _STEPS


def validation(run: Run, rows: torch.Tensor, order: tuple[int, ...], seed: int) -> float:
    """Mean loss of the rows set aside, by the averaged weights; half of it in the usual order, half in any."""
    own = {name: one.clone() for name, one in run.net.state_dict().items()}
    run.net.load_state_dict(run.averaged)
    draw = np.random.default_rng([seed, 3])
    total = 0.0
    with torch.no_grad():
        for some in rows.split(1_024):
            for ordered in (0.0, 1.0):
                total += float(run.net.losses(some, orders(rows.shape[1], len(some), order, ordered, draw)).sum()) / 2
    run.net.load_state_dict(own)
    return total / len(rows)


def saved(run: Run) -> State:
    """What `resumed` takes."""
    tensors: dict[str, npt.NDArray[Any]] = {}
    told: Json = {"epoch": run.epoch, "steps": run.steps, "best_loss": run.best_loss, "since": run.since,
                  "gained": run.gained}  # fmt: skip
    for kind, weights in (("net", run.net.state_dict()), ("averaged", run.averaged), ("best", run.best)):
        tensors |= {f"{kind}/{name}": one.detach().numpy().copy() for name, one in weights.items()}
    for at, (_, moments) in enumerate(sorted(run.optimizer.state_dict()["state"].items())):
        tensors |= {f"moments/{at}/{name}": one.numpy().copy() for name, one in moments.items()}
    return State(tensors, told)


def resumed(run: Run, state: State) -> Run:
    """The fit where it was saved."""
    kinds: dict[str, dict[str, torch.Tensor]] = {"net": {}, "averaged": {}, "best": {}}
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for name, array in state.tensors.items():
        kind, _, rest = name.partition("/")
        tensor = torch.from_numpy(np.array(array))
        if kind == "moments":
            at, _, which = rest.partition("/")
            moments.setdefault(int(at), {})[which] = tensor
        else:
            kinds[kind][rest] = tensor
    run.net.load_state_dict(kinds["net"])
    groups = run.optimizer.state_dict()["param_groups"]
    run.optimizer.load_state_dict({"state": moments, "param_groups": groups})
    told: Mapping[str, Any] = state.told
    return Run(
        run.net, kinds["averaged"], run.optimizer, told["epoch"], told["steps"], kinds["best"], told["best_loss"],
        told["gained"], told["since"],
    )  # fmt: skip
