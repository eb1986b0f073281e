"""Rows of codes and numbers as the adversaries see them: one-hot blocks, then a number for each continuous part."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from careloom.synth.engine_blocks_torch import Blocks, blocks_of
from careloom.synth.transforms_space import ModelRows, Part


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Where things lie in a row, and in what the generator puts out: logits, then numbers.

    There is a number for each code of the state of a continuous part (its modes), so that place and mode agree.

    padded, back  [parts, most codes] places of codes with `width` for none, and where each code stands in that
    gates         [numbers] the place of the code that lets the number through; `width` for always
    owners        [numbers, continuous parts] 1 where a number belongs to a part
    states        [continuous parts] the discrete part that holds its state; -1 for none
    """

    blocks: Blocks
    padded: Tensor
    back: Tensor
    gates: Tensor
    owners: Tensor
    states: tuple[int, ...]

    @property
    def row(self) -> int:
        """Width of a row."""
        return self.blocks.width + len(self.states)

    @property
    def output(self) -> int:
        """Width of what the generator puts out."""
        return self.blocks.width + len(self.gates)

    def hot(self, flat: Tensor) -> Tensor:
        """[rows, all codes] 1 at places of codes."""
        return self.blocks.hot(flat)

    def rows(self, rows: ModelRows) -> tuple[Tensor, Tensor]:
        """([rows, parts] places of codes, [rows, row] rows of the model space)."""
        flat = self.blocks.flat(rows.discrete)
        numbers = torch.from_numpy(rows.continuous.astype(np.float32)).clamp(-4, 4)
        return flat, torch.cat([self.hot(flat), numbers], 1)

    def own(self, condition: Tensor) -> Tensor:
        """[rows, all codes] 1 at all codes of the part that a condition is about."""
        return (condition @ self.blocks.home) @ self.blocks.home.T

    def chosen(self, logits: Tensor, condition: Tensor, heat: float, source: torch.Generator) -> Tensor:
        """[rows, all codes] one-hot draws that gradients pass straight through; the condition is met.

        source  Jang E et al, Categorical Reparameterization with Gumbel-Softmax, ICLR 2017, section 2.2
        """
        uniform = torch.rand(logits.shape, generator=source).clamp(1e-9, 1 - 1e-7)
        tried = nn.functional.pad(logits - (-uniform.log()).log(), (0, 1), value=-1e9)[:, self.padded]
        soft = (tried / heat).softmax(2)
        hard = torch.zeros_like(soft).scatter_(2, tried.argmax(2, keepdim=True), 1.0)
        drawn = (hard - soft.detach() + soft).flatten(1)[:, self.back]
        return drawn * (1 - self.own(condition)) + condition

    def numbers(self, given: Tensor, hot: Tensor) -> Tensor:
        """[rows, continuous parts] of the numbers put out, those of the states drawn."""
        through = nn.functional.pad(hot, (0, 1), value=1.0)[:, self.gates]
        return (given * through) @ self.owners


def layout_of(parts: Sequence[Part]) -> Layout:
    """The layout of a model space; the state of a continuous part is the discrete part of its column before it."""
    sizes = [part.size for part in parts if part.size]
    blocks = blocks_of(sizes)
    most = max(sizes, default=1)
    padded = torch.full((len(sizes), most), blocks.width)
    for row, (size, start) in enumerate(zip(sizes, blocks.starts.tolist(), strict=True)):
        padded[row, :size] = torch.arange(start, start + size)
    back = torch.cat([torch.arange(size) + row * most for row, size in enumerate(sizes)] or [torch.zeros(0)]).long()
    gates, of, states = [], [], []
    discrete = -1
    for at, part in enumerate(parts):
        if part.size:
            discrete += 1
            continue
        has_state = at > 0 and parts[at - 1].size > 0 and parts[at - 1].column == part.column
        states.append(discrete if has_state else -1)
        start = int(blocks.starts[discrete]) if has_state else blocks.width
        of += [len(states) - 1] * (sizes[discrete] if has_state else 1)
        gates += list(range(start, start + sizes[discrete])) if has_state else [start]
    owners = torch.zeros(len(gates), len(states))
    owners[torch.arange(len(gates)), torch.tensor(of, dtype=torch.long)] = 1
    return Layout(blocks, padded, back, torch.tensor(gates, dtype=torch.long), owners, tuple(states))
