"""A small transformer that foretells the next word of a patient's stream, from the words so far and the clock.

[B, T, D] = patients, words, width; V words, F features of the clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, scaled_dot_product_attention

from careloom.synth.records_streams import FEATURES

Cache = list[tuple[Tensor, Tensor]]
"""Keys and values of each layer, [B, H, room, D/H]; those of words that are still to come are not written yet."""


class Block(nn.Module):
    """One layer: attention to what was before, then two linear maps; norms come first."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.asks, self.gives = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, cache: tuple[Tensor, Tensor] | None = None, at: int = 0) -> Tensor:
        """[B, T, D]. With a cache T is 1: its keys and values are written at that place, and all before is seen."""
        size, length, width = x.shape
        parts = self.asks(self.before(x)).view(size, length, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        if cache is not None:
            for kept, new in zip(cache, (key, value), strict=True):
                kept[:, :, at] = new[:, :, 0]
            key, value = (kept[:, :, : at + 1] for kept in cache)
        seen = scaled_dot_product_attention(query, key, value, is_causal=cache is None)
        x = x + self.drop(self.gives(seen.transpose(1, 2).reshape(size, length, width)))
        return x + self.drop(self.narrow(nn.functional.gelu(self.wide(self.between(x)))))


@dataclass(frozen=True, slots=True)
class NetShape:
    """How large a net is.

    longest  words of a patient at most
    shared   a word is the sum of its parts, the same going in and coming out: rare words lean on common ones. False:
             each word goes in and comes out by itself, so that what a patient adds to the gradient can be told
    """

    width: int
    layers: int
    heads: int
    longest: int
    dropout: float
    shared: bool


class RecordsNet(nn.Module):
    """Weights of the next word. parts: of each word, as `Vocabulary.parts`"""

    table: Tensor

    def __init__(self, parts: Sequence[Sequence[int]], shape: NetShape) -> None:
        super().__init__()
        self.shared, width = shape.shared, shape.width
        self.places = nn.Embedding(shape.longest, width)
        self.clock = nn.Linear(FEATURES, width)
        self.blocks = nn.ModuleList(Block(width, shape.heads, shape.dropout) for _ in range(shape.layers))
        self.last = nn.LayerNorm(width)
        nn.init.normal_(self.places.weight, std=0.01)
        if shape.shared:
            self._share(parts, width)
        else:
            self.single, self.out = nn.Embedding(len(parts), width), nn.Linear(width, len(parts))
            nn.init.normal_(self.single.weight, std=0.02)

    def _share(self, parts: Sequence[Sequence[int]], width: int) -> None:
        count = 1 + max(max(each) for each in parts)
        most = max(len(each) for each in parts)
        padded = [[*each, *[count] * (most - len(each))] for each in parts]
        self.register_buffer("table", torch.tensor(padded), persistent=False)
        self.parts = nn.Embedding(count + 1, width, padding_idx=count)
        self.bias = nn.Parameter(torch.zeros(len(parts)))
        nn.init.normal_(self.parts.weight, std=0.02)
        with torch.no_grad():
            self.parts.weight[count] = 0

    def words(self) -> Tensor:
        """[V, D] what each word is, going in."""
        return self.parts(self.table).sum(1) if self.shared else self.single.weight

    def forward(self, words: Tensor, clock: Tensor) -> Tensor:
        """[B, T, V] weights of the word after each. words [B, T], clock [B, T, F]"""
        known = self.words() if self.shared else None
        told = known[words] if known is not None else self.single(words)
        places = torch.arange(words.shape[1], device=words.device).expand_as(words)
        x = told + self.places(places) + self.clock(clock)
        for block in self.blocks:
            x = block(x)
        return self._weights(x, known)

    def room(self, patients: int, words: int) -> Cache:
        """An empty cache for so many."""
        layers: list[Block] = list(self.blocks)
        width = self.last.weight.shape[0]
        return [
            tuple(torch.zeros(patients, each.heads, words, width // each.heads) for _ in range(2)) for each in layers
        ]

    def step(self, words: Tensor, clock: Tensor, at: int, cache: Cache, known: Tensor) -> Tensor:
        """[B, V] weights after one more word of each, which is written into the cache.

        at     how many words were before
        known  what `words` gives: it is the same for all steps
        """
        x = (known[words] + self.places.weight[at] + self.clock(clock))[:, None]
        for number, block in enumerate(self.blocks):
            x = block(x, cache[number], at)
        return self._weights(x[:, 0], known)

    def _weights(self, x: Tensor, known: Tensor | None) -> Tensor:
        x = self.last(x)
        return linear(x, known, self.bias) if self.shared else self.out(x)
