"""Training by sampling: which code is asked of a row, and which real rows have it.

source  Xu L et al, Modeling Tabular Data using Conditional GAN, NeurIPS 2019, section 4.3
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from careloom.synth.engine_blocks_torch import Blocks


@dataclass(frozen=True, slots=True, eq=False)
class Conditions:
    """Conditions as drawn in training: any part, its codes by the logarithm of how often they are seen.

    counts   [all codes]
    running  [parts, most codes] running sums of the probabilities of codes
    rows     [parts, rows] numbers of rows sorted by their code there
    first    [all codes] where the rows of a code begin in that
    weights  [rows] how often a row is met, 1 on average
    """

    blocks: Blocks
    counts: Tensor
    running: Tensor
    rows: Tensor
    first: Tensor
    weights: Tensor

    def drawn(self, count: int, source: torch.Generator) -> tuple[Tensor, Tensor]:
        """([count] places of codes, [count] a real row with each)."""
        sizes = torch.tensor(self.blocks.sizes)
        part = torch.randint(len(sizes), (count,), generator=source)
        uniform = torch.rand(count, 1, generator=source, dtype=torch.float64)
        code = torch.searchsorted(self.running[part], uniform).squeeze(1).minimum(sizes[part] - 1)
        cell = code + self.blocks.starts[part]
        nth = (torch.rand(count, generator=source, dtype=torch.float64) * self.counts[cell]).long()
        return cell, self.rows[part, (self.first[cell] + nth).clamp(max=self.rows.shape[1] - 1)]


def conditions_of(blocks: Blocks, flat: Tensor, padded: Tensor) -> Conditions:
    """The conditions of rows ([rows, parts] places of codes)."""
    counts = torch.bincount(flat.flatten(), minlength=blocks.width).double()
    logs = (counts + 1).log() * (counts > 0)
    shares = logs / ((logs @ blocks.home.double()) @ blocks.home.double().T)
    running = torch.cat([shares, torch.zeros(1, dtype=torch.float64)])[padded].cumsum(1)
    order = flat.argsort(dim=0, stable=True).T.contiguous()
    ordered = flat.T.gather(1, order).contiguous()
    places = [torch.arange(size) + start for size, start in zip(blocks.sizes, blocks.starts.tolist(), strict=True)]
    first = torch.cat([torch.searchsorted(each, at) for each, at in zip(ordered, places, strict=True)])
    weights = (shares / counts.clamp(min=1))[flat].mean(1) * len(flat)
    return Conditions(blocks, counts, running, order, first, weights.float())


def usual(blocks: Blocks, shares: Tensor, count: int, draw: np.random.Generator) -> Tensor:
    """[count] places of codes, of any part, as often as they are: conditions of rows that nothing is asked of."""
    part = draw.integers(len(blocks.sizes), size=count)
    running = shares.double().cumsum(0).numpy()
    starts, sizes = blocks.starts.numpy(), np.asarray(blocks.sizes)
    below = np.concatenate([[0.0], running])[starts]
    total = running[starts + sizes - 1] - below
    found = np.searchsorted(running, below[part] + draw.random(count) * total[part], side="right")
    return torch.from_numpy(np.clip(found, starts[part], starts[part] + sizes[part] - 1))
