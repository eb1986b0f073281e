"""Diffusion of numbers given the codes: normal scores under Gaussian noise, and a network that takes the noise away.

source  Karras et al, Elucidating the Design Space of Diffusion-Based Generative Models, NeurIPS 2022 (EDM): the
        preconditioning, the weights of the loss, the steps of the noise and Heun's method
"""

import math
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from careloom.synth.diffusion_masked_torch import Blocks, Codebook, has_bfloat16

LEAST, MOST, RHO = 0.004, 20.0, 7.0
"""Noise at the end and at the beginning of the way back, and how its steps are spread: the paper's table 1."""
MEAN, DEVIATION = -0.8, 1.3
"""Of the logarithm of the noise that is learnt at."""
WAVES = 4


class ScoreNet(nn.Module):
    """The numbers of a row without noise, from those with noise and its codes."""

    def __init__(
        self,
        numbers: int,
        sizes: tuple[int, ...],
        scores: list[npt.NDArray[np.float64]],
        width: int,
        layers: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.codes = Codebook(sizes, scores, width)
        nn.init.normal_(self.codes.free, std=0.1)
        self.entry = nn.Linear(numbers * (1 + 2 * WAVES), width)
        self.noise = nn.Linear(2 * 8, width)
        self.trunk = Blocks(width, layers, dropout)
        self.exit = nn.Linear(width, numbers)
        nn.init.zeros_(self.exit.weight)
        nn.init.zeros_(self.exit.bias)
        offsets = torch.as_tensor(np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64))
        self.register_buffer("offsets", offsets[: len(sizes)], persistent=False)

    def condition(self, codes: Tensor) -> Tensor:
        """[rows, width] what the codes say; once for all steps."""
        if not codes.shape[1]:
            return torch.zeros(len(codes), self.noise.out_features)
        return functional.embedding_bag(codes + self.offsets, self.codes(), mode="sum")

    def forward(self, noisy: Tensor, noise: Tensor, condition: Tensor) -> Tensor:
        """[rows, numbers] without noise; `noise` [rows, 1] is its standard deviation, that of the numbers is 1."""
        total = noise**2 + 1
        scaled = noisy / total.sqrt()
        turns = scaled.unsqueeze(2) * (torch.arange(1, WAVES + 1) * (math.pi / 2))
        known = torch.cat([scaled, turns.sin().flatten(1), turns.cos().flatten(1)], 1)
        level = noise.log() / 4 * (2.0 ** torch.arange(-1, 7))
        inside = self.entry(known) + self.noise(torch.cat([level.sin(), level.cos()], 1)) + condition
        return noisy / total + noise / total.sqrt() * self.exit(self.trunk(inside))

    def losses(self, clean: Tensor, codes: Tensor, present: Tensor, generator: torch.Generator) -> Tensor:
        """[rows] the weighted squared error of the numbers that are there, at a noise drawn for each row."""
        noise = (torch.randn(len(clean), 1, generator=generator) * DEVIATION + MEAN).exp()
        dust = torch.randn(clean.shape, generator=generator)
        found = self(torch.where(present, clean + noise * dust, 0.0), noise, self.condition(codes))
        weight = (noise**2 + 1) / noise**2
        return (weight * (found - clean) ** 2 * present).sum(1) / present.shape[1]


def denoise(
    net: ScoreNet, codes: Tensor, present: Tensor, steps: int, generator: torch.Generator
) -> npt.NDArray[np.float64]:
    """[rows, numbers] drawn given the codes: Heun's method down the steps of the noise."""
    ramp = torch.linspace(0, 1, steps)
    levels = (MOST ** (1 / RHO) + ramp * (LEAST ** (1 / RHO) - MOST ** (1 / RHO))) ** RHO
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=has_bfloat16()):
        condition = net.condition(codes)
        now = torch.randn(present.shape, generator=generator) * MOST
        for level, after in pairwise([*levels.tolist(), 0.0]):
            slope = _slope(net, now, level, condition, present)
            ahead = now + (after - level) * slope
            if after > 0:
                slope = (slope + _slope(net, ahead, after, condition, present)) / 2
                ahead = now + (after - level) * slope
            now = ahead
    made: npt.NDArray[np.float64] = now.double().numpy()
    return made


def _slope(net: ScoreNet, now: Tensor, level: float, condition: Tensor, present: Tensor) -> Tensor:
    seen = torch.where(present, now, 0.0)
    clean: Tensor = net(seen, torch.full((len(now), 1), level), condition)
    return (now - clean.float()) / level
