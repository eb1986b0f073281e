"""The prior of the autoencoder: a mixture of normal distributions, bent by invertible layers, learnt from the codes."""

import math

import numpy as np
import torch
from torch import Tensor, nn

from careloom.synth.engine_blocks_torch import linear

_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


class Coupling(nn.Module):
    """One affine coupling: half of the coordinates scale and shift the others.

    source  Dinh L et al, Density estimation using Real NVP, ICLR 2017, section 3.2; the scale is bounded by tanh
    """

    def __init__(self, latent: int, hidden: int, kept: Tensor, source: torch.Generator) -> None:
        """kept [latent] 1 for coordinates that stay."""
        super().__init__()
        self.register_buffer("kept", kept)
        self.first = linear(latent, hidden, source, gain=1.4)
        self.second = linear(hidden, hidden, source, gain=1.4)
        self.last = linear(hidden, 2 * latent, source, gain=0.1)

    def bent(self, at: Tensor) -> tuple[Tensor, Tensor]:
        """(logarithm of the scale, shift), 0 where the coordinate stays."""
        hidden = nn.functional.silu(self.first(at * self.kept))
        scale, shift = self.last(nn.functional.silu(self.second(hidden))).chunk(2, dim=1)
        free = 1 - self.kept
        return 2 * torch.tanh(scale / 2) * free, shift * free


class Prior(nn.Module):
    """A density over codes that can be drawn from as fast as it is evaluated."""

    def __init__(self, latent: int, components: int, layers: int, hidden: int, source: torch.Generator) -> None:
        """With one component and no layer it is N(0, I) with a learnt mean and width."""
        super().__init__()
        self.means = nn.Parameter(torch.empty(components, latent).normal_(generator=source) * (components > 1))
        self.widths = nn.Parameter(torch.zeros(components, latent))
        self.weights = nn.Parameter(torch.zeros(components))
        flows = []
        for _ in range(layers):
            kept = torch.zeros(latent)
            kept[torch.randperm(latent, generator=source)[: latent // 2]] = 1
            flows += [Coupling(latent, hidden, kept, source), Coupling(latent, hidden, 1 - kept, source)]
        self.layers = nn.ModuleList(flows)

    def log_density(self, at: Tensor) -> Tensor:
        """[rows] the logarithm of the density."""
        volume = torch.zeros(len(at))
        for layer in self.layers:
            scale, shift = layer.bent(at)
            at, volume = at * scale.exp() + shift, volume + scale.sum(1)
        inverse = (-2 * self.widths).exp()
        squares = at.square() @ inverse.T - 2 * at @ (self.means * inverse).T + (self.means.square() * inverse).sum(1)
        each = -0.5 * squares - self.widths.sum(1) - at.shape[1] * _HALF_LOG_2PI
        return torch.logsumexp(each + self.weights.log_softmax(0), 1) + volume

    def drawn(self, rows: int, draw: np.random.Generator) -> Tensor:
        """[rows, latent] codes."""
        shares = self.weights.double().softmax(0).numpy()
        chosen = torch.from_numpy(np.searchsorted(shares.cumsum()[:-1], draw.random(rows)))
        noise = torch.from_numpy(draw.standard_normal((rows, self.means.shape[1]), dtype=np.float32))
        at = self.means[chosen] + self.widths[chosen].exp() * noise
        for layer in reversed(self.layers):
            scale, shift = layer.bent(at)
            at = (at - shift) * (-scale).exp()
        return at
