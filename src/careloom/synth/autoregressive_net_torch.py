"""A network with one block for each discrete part, which sees whatever parts are known and says how the part is spread.

Any subset may be known, so that one network holds the conditionals of every order.
"""

from collections.abc import Sequence

import torch
from torch.nn import functional

from careloom.synth.masked_torch import GroupedLinear


class ColumnNet(torch.nn.Module):
    """Codes of some parts -> for each part the logits of its codes, from the others that it may see.

    sizes    codes of each part
    width    of the hidden layers of a block; depth: how many there are after the first
    place    width of what stands for one code
    dropout  share of hidden values that a learning step leaves out
    """

    def __init__(self, sizes: Sequence[int], width: int, depth: int, place: int, dropout: float = 0.0) -> None:
        """First weights, and what is dropped while it learns, are drawn from torch's own generator."""
        super().__init__()
        self.sizes, self.place, self.dropout = tuple(sizes), place, dropout
        parts = len(self.sizes)
        starts = torch.tensor((0, *self.sizes[:-1])).cumsum(0)
        self.register_buffer("starts", starts, persistent=False)
        self.embed = torch.nn.Embedding(sum(self.sizes), place)
        self.first = GroupedLinear(parts, parts * place, width, fan_in=parts * place / 2)
        self.deeper = torch.nn.ModuleList(GroupedLinear(parts, width, width) for _ in range(depth))
        self.heads = torch.nn.ModuleList(torch.nn.Linear(width, size) for size in self.sizes)
        for layer in self.deeper:
            torch.nn.init.normal_(layer.weight, std=0.5 * (2 / width) ** 0.5)
        for head in self.heads:
            torch.nn.init.normal_(head.weight, std=0.1 / width**0.5)
            torch.nn.init.zeros_(head.bias)

    def rank(self, part: int) -> None:
        """Before it has learnt anything, lets codes of one part that are near each other stand for nearly the same."""
        size = self.sizes[part]
        along = (torch.arange(size).unsqueeze(1) + 0.5) / size
        waves = torch.cos(torch.pi * along * torch.arange(1, self.place + 1)) * 2**0.5
        waves = waves / torch.arange(1, self.place + 1) ** 0.5
        first = int(self.starts[part])
        own = self.embed.weight.data[first : first + size]
        own.mul_(0.2).add_(waves @ torch.linalg.qr(torch.randn(self.place, self.place))[0])

    def forward(self, codes: torch.Tensor, seen: torch.Tensor) -> list[torch.Tensor]:
        """[parts] of [B, size] logits.

        codes  [B, parts]
        seen   [parts, B, parts] 1 where the block of the first part sees the last; never itself
        """
        known = self.embed(codes + self.starts)
        visible = (known.unsqueeze(0) * seen.unsqueeze(-1)).flatten(2)
        hidden = functional.relu(self.first(visible.transpose(0, 1)))
        hidden = functional.dropout(hidden, self.dropout, self.training)
        for layer in self.deeper:
            hidden = hidden + functional.dropout(functional.relu(layer(hidden)), self.dropout, self.training)
        return [head(hidden[:, at]) for at, head in enumerate(self.heads)]

    def losses(self, codes: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        """[B, parts] the negative log likelihood of each part in nats."""
        logits = self(codes, seen)
        return torch.stack(
            [functional.cross_entropy(each, codes[:, at], reduction="none") for at, each in enumerate(logits)], 1
        )

    def block(self, part: int, known: torch.Tensor, of: torch.Tensor) -> torch.Tensor:
        """[B, size] logits of one part.

        known  [B, seen parts * place] what stands for the codes of the parts seen, one after the other
        of     [seen parts * place] the places of these among all inputs
        """
        hidden = functional.relu(torch.addmm(self.first.bias[part], known, self.first.weight[part][:, of].T))
        for layer in self.deeper:
            hidden = hidden + functional.relu(torch.addmm(layer.bias[part], hidden, layer.weight[part].T))
        return self.heads[part](hidden)

    def stands_for(self, part: int, codes: torch.Tensor) -> torch.Tensor:
        """[B, place] of the codes of one part."""
        return self.embed.weight[codes + int(self.starts[part])]
