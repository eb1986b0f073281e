"""The target of a small table, drawn last: classifiers learnt from the rows say it of rows that an engine made.

What few rows tell of a target is lost where an engine learns all columns alike. Classifiers learn it alone, each from
rows drawn with replacement, and end where the rows that it did not draw say so (Breiman L, Bagging predictors, Machine
Learning 24, 1996). What they say together is made as sure as those rows bear out, times an option: the columns of made
rows tell less of a target than those of real rows do. It is levelled to the shares learnt.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from careloom.synth.diffusion_masked_torch import levelled, spread
from careloom.synth.engine import Ask, Json
from careloom.synth.engine_blocks_torch import Blocks, thinned
from careloom.synth.engine_saving_torch import Tensors, arrays, average, restore

_HIDDEN = 16
_STEPS, _LOOK, _PATIENCE = 800, 10, 12
"""Steps at most, steps between two looks at the rows not drawn, looks without a gain after which they end."""
_RATE, _DECAY, _UNSEEN, _KEPT = 5e-3, 0.05, 0.3, 0.95
_HEATS = np.linspace(0.5, 2.5, 41)
FEW = 2_000
"""Rows below which engines draw a target last."""


class Heads(nn.Module):
    """Several classifiers side by side: each a linear layer and a small hidden one, added."""

    def __init__(self, members: int, inputs: int, codes: int, source: torch.Generator) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.randn(members, inputs, _HIDDEN, generator=source) * 0.3)
        self.bias = nn.Parameter(torch.zeros(members, 1, _HIDDEN))
        self.last = nn.Parameter(torch.randn(members, _HIDDEN, codes, generator=source) * 0.1)
        self.direct = nn.Parameter(torch.zeros(members, inputs, codes))
        self.usual = nn.Parameter(torch.zeros(members, 1, codes))
        self.register_buffer("heat", torch.ones(()))

    def forward(self, rows: Tensor) -> Tensor:
        """[members, rows, codes] logits of rows [rows, inputs]."""
        every = rows.expand(len(self.first), *rows.shape)
        hidden = functional.silu(torch.baddbmm(self.bias, every, self.first))
        return torch.baddbmm(self.usual, every, self.direct) + hidden @ self.last

    def logits(self, rows: Tensor) -> Tensor:
        """[rows, codes] logarithms of what all say together, as sure as was borne out."""
        made: Tensor = self(rows).softmax(2).mean(0).clamp(min=1e-6).log() * self.heat
        return made


@dataclass(frozen=True, slots=True, eq=False)
class Last:
    """The target of rows whose other columns are made.

    part   which of the discrete parts it is
    mine   [row] 1 at the codes of the target in what is shown of a row, 0 elsewhere
    shift  [codes] added to the logits so that shares come as learnt
    """

    part: int
    mine: Tensor
    heads: Heads
    shift: Tensor

    def drawn(self, rows: Tensor, draw: np.random.Generator) -> npt.NDArray[np.int32]:
        """[rows] codes of the target, drawn evenly over rows of like chances.

        rows  [rows, row] as they were shown in learning; what stands at the target's codes does not matter
        """
        if not len(rows):
            return np.zeros(0, np.int32)
        with torch.no_grad():
            chances = (self.heads.logits(rows * (1 - self.mine)) + self.shift).softmax(1)
        return spread(chances, draw).numpy().astype(np.int32)

    def levelled(self, rows: Tensor, wanted: Tensor, learnt: int) -> "Last":
        """With the shift that makes codes of made rows come as often as they were learnt, up to a standard error."""
        with torch.no_grad():
            logits = self.heads.logits(rows * (1 - self.mine))
        return Last(self.part, self.mine, self.heads, levelled(logits, wanted, learnt))

    def tensors(self) -> Tensors:
        """What `last_from` takes."""
        return arrays(self.heads, "target.") | {"target.shift": self.shift.numpy()}


def is_last(ask: Ask, options: Json, target: int | None) -> bool:
    """Whether a target is drawn last: of a fit that is not private and has the option `heads`."""
    return target is not None and ask.privacy is None and options["heads"] > 0


def last_of(blocks: Blocks, part: int, flat: Tensor, rows: Tensor, options: Json, seed: int) -> Last:
    """The target learnt from rows, by the options `heads` (how many classifiers) and `sure`.

    flat  [rows, parts] places of codes
    rows  [rows, row] what is shown of them: codes at their places first
    """
    source, members = torch.Generator().manual_seed(seed + 2), options["heads"]
    mine, codes = _mine(blocks, part, rows.shape[1]), flat[:, part] - blocks.starts[part]
    shown = rows * (1 - mine)
    heads = Heads(members, rows.shape[1], blocks.sizes[part], source)
    with torch.no_grad():
        counts = torch.bincount(codes, minlength=blocks.sizes[part]) + 0.1
        heads.usual += (counts / counts.sum()).log()
    _learn(heads, shown, codes, source)
    heads.heat *= options["sure"]
    return Last(part, mine, heads.requires_grad_(False), torch.zeros(blocks.sizes[part]))


def last_from(blocks: Blocks, part: int, row: int, tensors: Tensors) -> Last:
    """That of a state. raises KeyError, ValueError for one that lacks it"""
    members, _, codes = np.asarray(tensors["target.direct"]).shape
    heads = Heads(members, row, codes, torch.Generator())
    restore(heads, tensors, "target.")
    shift = torch.from_numpy(np.asarray(tensors["target.shift"]).copy())
    return Last(part, _mine(blocks, part, row), heads.requires_grad_(False), shift)


def _mine(blocks: Blocks, part: int, row: int) -> Tensor:
    return functional.pad(blocks.home[:, part], (0, row - blocks.width))


def _learn(heads: Heads, shown: Tensor, codes: Tensor, source: torch.Generator) -> None:
    """Leaves in the classifiers the averaged weights that are least surprised by rows that each did not draw."""
    often = torch.poisson(torch.ones(len(heads.first), len(codes)), generator=source)
    optimizer = torch.optim.AdamW(heads.parameters(), _RATE, weight_decay=_DECAY)
    kept, best = (Heads(len(heads.first), shown.shape[1], heads.last.shape[2], source) for _ in range(2))
    for each in (kept, best):
        each.load_state_dict(heads.state_dict())
    least, since = float("inf"), 0
    for step in range(_STEPS):
        optimizer.zero_grad(set_to_none=True)
        (_surprise(heads(thinned(shown, _UNSEEN, source)), codes) * often).mean().backward()
        optimizer.step()
        average(kept, heads, step, _KEPT)
        if (step + 1) % _LOOK:
            continue
        with torch.no_grad():
            away = (often == 0).float()
            found = float((_surprise(kept(shown), codes) * away).sum() / away.sum().clamp(min=1))
        since += 1
        if found < least:
            least, since = found, 0
            best.load_state_dict(kept.state_dict())
        if since >= _PATIENCE:
            break
    heads.load_state_dict(best.state_dict())
    _heated(heads, shown, codes, often == 0)


def _surprise(logits: Tensor, codes: Tensor) -> Tensor:
    """[members, rows]."""
    return functional.cross_entropy(logits.transpose(1, 2), codes.expand(len(logits), -1), reduction="none")


def _heated(heads: Heads, shown: Tensor, codes: Tensor, away: Tensor) -> None:
    """Makes the classifiers together as sure as the rows that some did not draw bear out."""
    with torch.no_grad():
        said = (heads(shown).softmax(2) * away[:, :, None]).sum(0)
        seen = away.any(0)
        logits = (said / said.sum(1, keepdim=True).clamp(min=1e-9)).clamp(min=1e-6).log()[seen]
        if len(logits):
            losses = [float(functional.cross_entropy(logits * heat, codes[seen])) for heat in _HEATS]
            heads.heat.fill_(float(_HEATS[int(np.argmin(losses))]))
