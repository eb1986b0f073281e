"""The two adversaries: a generator of rows that meet a condition, and a critic of several rows at once."""

from typing import cast

import torch
from torch import Tensor, nn

from careloom.synth.engine import Json
from careloom.synth.engine_blocks_torch import linear
from careloom.synth.engine_gan_layout_torch import Layout


class Generator(nn.Module):
    """Noise and a condition to what `Layout` reads as a row."""

    def __init__(self, layout: Layout, options: Json, source: torch.Generator) -> None:
        """Residual layers; the last begins near nothing, so that its bias speaks first."""
        super().__init__()
        hidden = options["hidden"]
        self.first = linear(options["noise"] + layout.blocks.width, hidden, source, gain=1.4)
        self.layers = nn.ModuleList(linear(hidden, hidden, source, gain=1.4) for _ in range(options["layers"]))
        self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(options["layers"] + 1))
        self.last = linear(hidden, layout.output, source, gain=options["gain"])

    def forward(self, noise: Tensor, condition: Tensor) -> Tensor:
        """[rows, output]."""
        hidden = nn.functional.silu(self.norms[0](self.first(torch.cat([noise, condition], 1))))
        for layer, norm in zip(self.layers, list(self.norms)[1:], strict=True):
            hidden = hidden + nn.functional.silu(norm(layer(hidden)))
        return cast(Tensor, self.last(hidden))


class Critic(nn.Module):
    """How real some rows are together.

    source  Lin Z et al, PacGAN, NeurIPS 2018: who sees several rows at once sees that they are too much alike. Here
            each row goes through the same first layer before they meet, which takes a tenth of the weights
    """

    def __init__(self, layout: Layout, options: Json, together: int, source: torch.Generator) -> None:
        """together: rows in one judgement."""
        super().__init__()
        self.together = together
        self.row = linear(layout.row + layout.blocks.width, options["row"], source, gain=1.4)
        self.first = linear(options["row"] * together, options["critic"], source, gain=1.4)
        self.second = linear(options["critic"], options["critic"], source, gain=1.4)
        self.last = linear(options["critic"], 1, source)

    def forward(self, rows: Tensor) -> Tensor:
        """[groups] scores of rows beside their conditions ([groups * together, ...])."""
        seen = nn.functional.leaky_relu(self.row(rows), 0.2).view(len(rows) // self.together, -1)
        hidden = nn.functional.leaky_relu(self.first(seen), 0.2)
        hidden = nn.functional.leaky_relu(self.second(hidden), 0.2)
        return cast(Tensor, self.last(hidden)).squeeze(1)


def penalty(critic: Critic, real: Tensor, made: Tensor, source: torch.Generator) -> Tensor:
    """How far the critic's slope between real and made groups of rows is from 1, squared, on average.

    source  Gulrajani I et al, Improved Training of Wasserstein GANs, NeurIPS 2017, section 4
    """
    groups = len(real) // critic.together
    share = torch.rand(groups, 1, generator=source).repeat_interleave(critic.together, 0)
    between = (share * real + (1 - share) * made).requires_grad_(True)
    slope = torch.autograd.grad(critic(between).sum(), between, create_graph=True)[0]
    return cast(Tensor, (slope.view(groups, -1).norm(2, 1) - 1).square().mean())


def bound(critic: Critic, directions: dict[str, Tensor]) -> None:
    """Divides each weight by its largest singular value where that is above 1: the slope is at most 1.

    directions  by name, as the last call left them; one step of power iteration each
    source      Miyato T et al, Spectral Normalization for GANs, ICLR 2018
    """
    for name, layer in critic.named_children():
        with torch.no_grad():
            weight = layer.weight
            left = directions.get(name, torch.ones(weight.shape[0]))
            right = nn.functional.normalize(weight.T @ left, dim=0)
            left = nn.functional.normalize(weight @ right, dim=0)
            directions[name] = left
            weight.div_((left @ weight @ right).clamp(min=1.0))
