"""Masked diffusion of codes: noise hides tokens one after another, and a network says what was there.

A token is hidden at time t with probability t ** k, each token with a k of its own (per-column schedules, as Shi et al,
TabDiff, ICLR 2025). Going back in time, tokens thus come to light in a random order in which the one with the larger k
tends to come first; nothing but what is hidden matters to the network, so that one token at a time is an exact way back
(Zheng et al, Masked Diffusion Models are Secretly Time-Agnostic, ICLR 2025), and any codes may be given.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from careloom.synth.diffusion_quick_torch import has_int8, quick
from careloom.synth.engine_shares_torch import as_known

LEVELLINGS = 6
GOLDEN = 0.6180339887498949
CACHED = 1_024
"""Rows that go through the layers together: what they need stays in the cache."""
KNOTS = 12
"""Of the smooth functions that tell the codes of a number apart."""


class Blocks(nn.Module):
    """Residual layers of one width, with dropout."""

    def __init__(self, width: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Dropout(dropout), nn.Linear(width, width)
            )
            for _ in range(layers)
        )  # fmt: skip
        self.last = nn.LayerNorm(width)
        for layer in self.layers:
            nn.init.normal_(layer[-1].weight, std=0.5 * width**-0.5)
            nn.init.zeros_(layer[-1].bias)

    def forward(self, hidden: Tensor) -> Tensor:
        """[rows, width] of the same."""
        for layer in self.layers:
            hidden = hidden + layer(hidden)
        made: Tensor = self.last(hidden)
        return made


class Codebook(nn.Module):
    """A vector of each code of each token: free ones, and for numbers smooth functions of the score besides."""

    def __init__(self, sizes: tuple[int, ...], scores: list[npt.NDArray[np.float64]], width: int) -> None:
        super().__init__()
        self.free = nn.Parameter(torch.zeros(sum(sizes), width))
        self.register_buffer("basis", smooth(sizes, scores), persistent=False)
        self.smooth = nn.Parameter(torch.zeros(self.basis.shape[1], width))

    def forward(self) -> Tensor:
        """[codes of all tokens, width]."""
        return self.free + self.basis @ self.smooth if len(self.smooth) else self.free


def smooth(sizes: tuple[int, ...], scores: list[npt.NDArray[np.float64]]) -> Tensor:
    """[codes of all tokens, functions] bumps along the score and the score itself, for tokens that have scores."""
    offset, columns = 0, []
    for size, each in zip(sizes, scores, strict=True):
        if len(each) > 2:
            made = np.zeros((sum(sizes), KNOTS + 1))
            knots = np.quantile(each, np.linspace(0, 1, KNOTS))
            width = max(float(np.ptp(each)) / KNOTS, 1e-6) * 1.5
            made[offset : offset + size, :KNOTS] = np.exp(-0.5 * ((each[:, None] - knots) / width) ** 2)
            made[offset : offset + size, KNOTS] = (each - each.mean()) / (each.std() + 1e-9)
            columns.append(made)
        offset += size
    if not columns:
        return torch.zeros(sum(sizes), 0)
    return torch.as_tensor(np.concatenate(columns, axis=1), dtype=torch.float32)


class MaskedNet(nn.Module):
    """From what is seen of a row to logits of all codes of all tokens."""

    def __init__(
        self, sizes: tuple[int, ...], scores: list[npt.NDArray[np.float64]], width: int, layers: int, dropout: float
    ) -> None:
        super().__init__()
        self.sizes = sizes
        self.entry, self.exit = Codebook(sizes, scores, width), Codebook(sizes, scores, width)
        self.hidden = nn.Parameter(torch.randn(len(sizes), width) * 0.1)
        self.bias = nn.Parameter(torch.zeros(sum(sizes)))
        self.start = nn.Parameter(torch.zeros(width))
        self.trunk = Blocks(width, layers, dropout)
        nn.init.normal_(self.entry.free, std=0.3)
        nn.init.normal_(self.entry.smooth, std=0.3)
        ordered = torch.as_tensor(np.repeat([len(each) > 2 for each in scores], sizes))
        self.entry.free.data[ordered] = 0.0
        offsets = torch.as_tensor(np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64))
        self.register_buffer("offsets", offsets, persistent=False)
        which = torch.repeat_interleave(torch.arange(len(sizes)), torch.as_tensor(sizes))
        self.register_buffer("member", functional.one_hot(which, len(sizes)).float(), persistent=False)

    def begin(self, codes: npt.NDArray[np.int64]) -> None:
        """Lets the first logits be how often codes are."""
        for at, size in enumerate(self.sizes):
            offset = int(self.offsets[at])
            with torch.no_grad():
                self.bias[offset : offset + size] = shares(codes[:, at], size).log()

    def losses(self, codes: Tensor, hidden: Tensor) -> Tensor:
        """[rows, tokens] minus the log chance of each code; `hidden` [rows, tokens] says which are not seen."""
        vectors = torch.cat([self.entry(), self.hidden])
        places = codes + self.offsets
        blank = torch.arange(len(self.sizes)) + len(self.bias)
        seen = torch.where(hidden, blank, places)
        inside = self.trunk(functional.embedding_bag(seen, vectors, mode="sum") + self.start)
        logits = functional.linear(inside, self.exit(), self.bias)
        logits = (logits - logits.detach().amax(1, keepdim=True)).clamp(min=-60)
        sums = (logits.exp() @ self.member).clamp(min=1e-30)
        return sums.log() - logits.gather(1, places)


def shares(codes: npt.NDArray[np.int64], size: int) -> Tensor:
    """[codes] how often each is, what was never seen a little above 0."""
    counts = np.bincount(codes, minlength=size) + 0.1
    return torch.as_tensor(counts / counts.sum(), dtype=torch.float32)


def hide(rows: int, pace: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """([rows, tokens] which tokens are hidden, what the loss of each weighs), at a random time of the way back.

    pace    [rows or 1, tokens] k of the schedules
    returns weights that add up to 1 in a row: the chance of each hidden token to be the next that comes to light
    """
    tokens = pace.shape[1]
    times = -torch.rand(rows, tokens, generator=generator).clamp(min=1e-12).log() / pace
    place = times.argsort(1).argsort(1)
    seen = torch.randint(0, tokens, (rows, 1), generator=generator)
    hidden = place >= seen
    weights = pace * hidden
    return hidden, weights / weights.sum(1, keepdim=True)


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """What keeps the chances of codes where they should be on the whole, however small mistakes add up.

    shift    [codes of all tokens] what is added to the logits
    wanted   [codes of all tokens] how often codes should come: then `shift` is set so that they do
    learnt   rows that say so: within a standard error of their shares nothing is shifted, since who was among them by
             chance would show; 0: shares are met exactly
    """

    shift: Tensor
    wanted: Tensor | None = None
    learnt: int = 0


def unmask(
    net: MaskedNet,
    order: list[tuple[int, ...]],
    rows: int,
    allowed: dict[int, npt.NDArray[np.bool_]],
    draw: np.random.Generator,
    levels: Levels,
) -> npt.NDArray[np.int64]:
    """[rows, tokens] codes, one group of tokens after the other; rows that are alike so far are looked at once.

    order    groups of tokens; those of one come to light together, each by itself
    allowed  token -> [rows, codes] which codes it may have
    """
    shift, wanted = levels.shift, levels.wanted
    made = np.zeros((rows, len(net.sizes)), np.int64)
    alike, first = np.zeros(rows, np.int64), np.zeros(min(1, rows), np.int64)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=has_bfloat16()):
        vectors, exits = net.entry(), net.exit()
        trunk = quick(net.trunk.layers, net.trunk.last) if has_int8() else net.trunk
        state = (net.hidden.sum(0) + net.start).repeat(rows, 1)
        for group in order:
            inside = torch.cat([trunk(each) for each in state[first].split(CACHED)])
            for token in group:
                offset, size = int(net.offsets[token]), net.sizes[token]
                mine = slice(offset, offset + size)
                logits = functional.linear(inside, exits[mine], net.bias[mine]).float()[torch.as_tensor(alike)]
                if wanted is not None:
                    shift[mine] = levelled(logits, wanted[mine], levels.learnt)
                logits = logits + shift[mine]
                if token in allowed:
                    logits = logits.masked_fill(~torch.as_tensor(allowed[token]), -1e9)
                codes = spread(torch.softmax(logits, 1), draw)
                made[:, token] = codes.numpy()
                state += vectors[mine][codes] - net.hidden[token]
            for token in group:
                _, first, alike = np.unique(
                    alike * net.sizes[token] + made[:, token], return_index=True, return_inverse=True
                )
    return made


def levelled(logits: Tensor, wanted: Tensor, learnt: int = 0) -> Tensor:
    """[codes] what has to be added to the logits so that the mean chances are those wanted, as `Levels` has it."""
    wanted = as_known(torch.softmax(logits, 1).mean(0), wanted, learnt)
    shift = torch.zeros(logits.shape[1])
    for _ in range(LEVELLINGS):
        found = torch.softmax(logits + shift, 1).mean(0)
        shift += (wanted.log() - found.clamp(min=1e-9).log()).clamp(-1, 1)
    return shift


def has_bfloat16() -> bool:
    """The processor multiplies in bfloat16: drawing takes half of the time; others would imitate it slowly."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) and torch.backends.cpu.get_cpu_capability() == "AVX512"


def spread(chances: Tensor, draw: np.random.Generator) -> Tensor:
    """[rows] codes drawn by their chances, evenly: as many of each, among rows of like chances, as there should be.

    Each row by itself is drawn by its own chances. Rows are put in order by their mean code, and the numbers that
    decide are steps of the golden ratio along that order, which are even over every stretch of it.
    """
    below = chances.cumsum(1)
    key = below.sum(1) + torch.as_tensor(1e-4 * draw.random(len(chances)), dtype=torch.float32)
    steps = (draw.random() + GOLDEN * np.arange(len(chances))) % 1.0
    decide = torch.empty(len(chances))
    decide[key.argsort()] = torch.as_tensor(steps, dtype=torch.float32)
    scaled = (decide * below[:, -1]).unsqueeze(1)
    return torch.searchsorted(below, scaled, right=True).squeeze(1).clamp(max=chances.shape[1] - 1)
