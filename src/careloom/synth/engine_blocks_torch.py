"""Codes of several columns as one vector with a block for each: one-hot rows, likelihoods, draws."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

LIMIT = 30.0
"""Logits are kept within plus and minus this, so that their exponentials need no shift."""


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """Where the codes of each discrete part lie in one vector.

    sizes   [parts] how many codes each has
    starts  [parts] where its block begins
    home    [all codes, parts] 1 where a code belongs to a part
    """

    sizes: tuple[int, ...]
    starts: Tensor
    home: Tensor

    @property
    def width(self) -> int:
        """How many codes there are together."""
        return len(self.home)

    def flat(self, codes: npt.NDArray[np.int32]) -> Tensor:
        """[rows, parts] the place of each code in the vector."""
        return torch.from_numpy(codes.astype(np.int64)) + self.starts

    def hot(self, flat: Tensor) -> Tensor:
        """[rows, all codes] 1 at places of codes."""
        return torch.zeros(len(flat), self.width).scatter_(1, flat, 1.0)

    def log_sums(self, logits: Tensor) -> Tensor:
        """[rows, parts] the logarithm of the sum of exponentials of each block of clamped logits."""
        return (logits.exp() @ self.home).log()

    def surprise(self, logits: Tensor, flat: Tensor) -> Tensor:
        """[rows, parts] minus the log-likelihood of codes, in nats."""
        kept = logits.clamp(-LIMIT, LIMIT)
        return self.log_sums(kept) - kept.gather(1, flat)

    def shares(self, logits: Tensor) -> Tensor:
        """[rows, all codes] probabilities; those of each block sum to 1."""
        weights = logits.clamp(-LIMIT, LIMIT).exp()
        return weights / ((weights @ self.home) @ self.home.T)

    def drawn(self, logits: Tensor, draw: np.random.Generator) -> npt.NDArray[np.int32]:
        """[rows, parts] codes drawn by their probabilities: one uniform number a part, found in the running sum."""
        running = self.shares(logits).double().cumsum(1)
        uniform = torch.from_numpy(draw.random((len(logits), len(self.sizes))))
        before = torch.arange(len(self.sizes), dtype=torch.float64)
        found = torch.searchsorted(running, uniform + before) - self.starts
        codes: npt.NDArray[np.int32] = found.clamp(min=0).minimum(torch.tensor(self.sizes) - 1).numpy().astype(np.int32)
        return codes


def blocks_of(sizes: Sequence[int]) -> Blocks:
    """The blocks of parts with so many codes."""
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64) if sizes else np.zeros(0, np.int64)
    home = np.zeros((int(sum(sizes)), len(sizes)), np.float32)
    home[np.arange(len(home)), np.repeat(np.arange(len(sizes)), sizes)] = 1
    return Blocks(tuple(sizes), torch.from_numpy(starts), torch.from_numpy(home))


def linear(inputs: int, outputs: int, source: torch.Generator, *, gain: float = 1.0) -> nn.Linear:
    """A layer whose weights come from `source` alone: He's width times `gain`; biases are 0."""
    layer = nn.Linear(inputs, outputs, device="meta").to_empty(device="cpu")
    with torch.no_grad():
        layer.weight.normal_(0.0, gain / max(1, inputs) ** 0.5, generator=source)
        layer.bias.zero_()
    return layer


def thinned(values: Tensor, share: float, source: torch.Generator | None) -> Tensor:
    """Dropout from a source of its own: a share of the values is 0, the others make up for it; without one none is."""
    if source is None or share <= 0:
        return values
    return values * (torch.rand(values.shape, generator=source) >= share) / (1 - share)


def pieces(rows: int, size: int, work: Callable[[slice], npt.NDArray[Any]], width: int) -> npt.NDArray[Any]:
    """[rows, width] what `work` makes of at most `size` rows at a time, so that memory does not grow with them."""
    made = [work(slice(at, min(at + size, rows))) for at in range(0, rows, size)]
    return np.concatenate(made) if made else np.zeros((0, width))
