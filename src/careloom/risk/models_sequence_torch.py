"""Trains a network of `careloom.risk.models_sequence`: the loss is that of the last state, the best epoch is kept."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from careloom.errors import InputError
from careloom.learn_torch import Epoch, Schedule, by_length, train
from careloom.risk.evaluate_measures import Floats
from careloom.risk.models_features import ModelFeature
from careloom.risk.models_sequence import Sequence, gaps

Json = dict[str, Any]
Told = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network is trained.

    seed       of the first weights, the order of batches and what is dropped
    width      of an embedding; `states` of the network's memory
    drop       share of the embedding that is dropped while training
    hide       share of facts that training hides: no single fact may be leant on
    positions  facts in a batch, with padding
    threads    of the processor
    """

    seed: int
    epochs: int = 6
    rate: float = 5e-3
    width: int = 24
    states: int = 32
    drop: float = 0.2
    hide: float = 0.1
    decay: float = 0.05
    positions: int = 8_192
    threads: int = 1

    def as_json(self) -> Json:
        """The recipe as plain data."""
        return asdict(self)


class _Network(torch.nn.Module):
    """Embedding of code and gap, a gated recurrent unit, one line from its last and mean state."""

    def __init__(self, levels: int, recipe: Recipe) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(levels + 1, recipe.width)
        self.gap = torch.nn.Linear(2, recipe.width, bias=False)
        self.drop = torch.nn.Dropout(recipe.drop)
        self.unit = torch.nn.GRU(recipe.width, recipe.states, batch_first=True)
        self.head = torch.nn.Linear(2 * recipe.states, 1)
        torch.nn.init.normal_(self.embedding.weight, std=0.1)

    def forward(self, codes: torch.Tensor, days: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
        """[B] log odds after the last of `counts` facts. codes [B, T]; days [B, T, 2]; counts [B], at least 1."""
        told = self.drop(self.embedding(codes) + self.gap(days))
        states, _ = self.unit(told)
        last = states[torch.arange(codes.shape[0]), counts - 1]
        there = (torch.arange(codes.shape[1]) < counts[:, None]).to(states.dtype)
        mean = (states * there[:, :, None]).sum(dim=1) / counts[:, None]
        odds: torch.Tensor = self.head(torch.cat([last, mean], dim=1))[:, 0]
        return odds


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows with their facts from the oldest on, the rest padding; [n, T], [n, T, 2], [n], [n]."""

    codes: torch.Tensor
    days: torch.Tensor
    counts: torch.Tensor
    outcome: torch.Tensor

    def batch(self, chosen: list[int]) -> tuple[Told, torch.Tensor]:
        """Some rows, no longer than the longest of them."""
        longest = int(self.counts[chosen].max())
        told = (self.codes[chosen, :longest], self.days[chosen, :longest], self.counts[chosen])
        return told, self.outcome[chosen]


def fit_sequence(
    features: tuple[ModelFeature, ...],
    train_rows: tuple[Floats, ArrayLike],
    validation: tuple[Floats, ArrayLike],
    recipe: Recipe,
) -> tuple[Sequence, list[Json]]:
    """The network of the epoch with the least log loss on the validation rows; and each epoch's losses.

    train_rows, validation  (encoded rows [n, 2 length], outcomes [n]); rows without a fact train nothing
    raises                  InputError where one of the outcomes has no training row
    """
    outcome = np.asarray(train_rows[1], dtype=np.float64)
    if outcome.size == 0 or outcome.min() == outcome.max():
        raise InputError("sequence model", "both outcomes need rows")
    torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    network = _Network(len(features[0].levels), recipe)
    with torch.no_grad():
        rate = float(outcome.mean())
        network.head.bias.fill_(float(np.log(rate / (1 - rate))))
    known, held = _rows(*train_rows), _rows(*validation)
    draw = torch.Generator().manual_seed(recipe.seed)
    kept: dict[str, Any] = {"loss": np.inf, "weights": None, "epoch": 0}
    history: list[Json] = []

    def watch(epoch: Epoch) -> None:
        loss = _loss(network, held)
        history.append({"epoch": epoch.number, "loss": epoch.loss, "validation_loss": loss, "seconds": epoch.seconds})
        if loss < kept["loss"]:
            kept.update(loss=loss, weights=_weights(network), epoch=len(history))
        network.train()

    train(
        network,
        lambda number: _batches(known, recipe, number),
        lambda batch: _cost(network, batch, recipe, draw),
        Schedule(recipe.epochs, recipe.rate, decay=recipe.decay),
        watch=watch,
    )
    return Sequence(train_rows[0].shape[1] // 2, kept["weights"], epochs=kept["epoch"]), history


def _rows(told: Floats, outcome: ArrayLike) -> _Rows:
    length = told.shape[1] // 2
    codes, days = told[:, :length], told[:, length:]
    counts = (~np.isnan(codes)).sum(axis=1)
    some = counts > 0
    codes, days, counts = codes[some], days[some], counts[some]
    labels = np.asarray(outcome, dtype=np.float32)[some]
    order = np.clip(counts[:, None] - 1 - np.arange(length), 0, length - 1)
    forward = np.take_along_axis(codes, order, axis=1)
    gone = np.take_along_axis(days, order, axis=1)
    told_gaps = gaps(gone.reshape(-1)).reshape(*gone.shape, 2)
    return _Rows(
        torch.from_numpy(np.nan_to_num(forward).astype(np.int64)),
        torch.from_numpy(told_gaps),
        torch.from_numpy(counts.astype(np.int64)),
        torch.from_numpy(labels),
    )


def _batches(known: _Rows, recipe: Recipe, number: int) -> Iterator[tuple[Told, torch.Tensor]]:
    draw = torch.Generator().manual_seed(recipe.seed * 1_000 + number)
    for chosen in by_length(known.counts.tolist(), recipe.positions, draw):
        yield known.batch(chosen)


def _cost(network: _Network, batch: tuple[Told, torch.Tensor], recipe: Recipe, draw: torch.Generator) -> torch.Tensor:
    (codes, days, counts), outcome = batch
    hidden = torch.rand(codes.shape, generator=draw) < recipe.hide
    other = network.embedding.num_embeddings - 1
    odds = network(torch.where(hidden, other, codes), days, counts)
    return torch.nn.functional.binary_cross_entropy_with_logits(odds, outcome)


def _loss(network: _Network, held: _Rows) -> float:
    network.eval()
    total = 0.0
    with torch.no_grad():
        for at in range(0, held.counts.shape[0], 4096):
            told, outcome = held.batch(list(range(at, min(at + 4096, held.counts.shape[0]))))
            cost = torch.nn.functional.binary_cross_entropy_with_logits(network(*told), outcome, reduction="sum")
            total += float(cost)
    return total / max(1, held.counts.shape[0])


def _weights(network: _Network) -> dict[str, Any]:
    unit = network.unit
    named = {
        "embedding": network.embedding.weight,
        "gap": network.gap.weight.T,
        "input": unit.weight_ih_l0,
        "input_bias": unit.bias_ih_l0,
        "state": unit.weight_hh_l0,
        "state_bias": unit.bias_hh_l0,
        "head": network.head.weight[0],
        "head_bias": network.head.bias[0],
    }
    return {name: one.detach().numpy().astype(np.float32).copy() for name, one in named.items()}
