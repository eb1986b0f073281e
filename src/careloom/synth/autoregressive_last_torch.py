"""The last part of a row, the target, learnt on by itself: from all the others, after these have ended.

A target of two codes is learnt later than what the other columns have to do with each other, and tells attackers on
membership hardly anything; so the others end early, and its block alone goes on. A step costs one block instead of all.
"""

import numpy as np
import torch
from torch.nn import functional

from careloom.synth.autoregressive_fit_torch import Training
from careloom.synth.autoregressive_net_torch import ColumnNet

_PATIENCE = 4
"""Epochs without any gain after which it ends."""
_STEPS = 100
"""Without any gain, at least, before it ends."""


def learn(net: ColumnNet, learnt: torch.Tensor, aside: torch.Tensor, part: int, how: Training, seed: int) -> None:
    """Leaves in the block of one part the averaged weights that are best on the rows set aside.

    learnt, aside  [rows, parts] codes
    """
    shown, known = _inputs(net, learnt, part), _inputs(net, aside, part)
    own = [one.clone().requires_grad_() for one in _weights(net, part)]
    averaged = [one.detach().clone() for one in own]
    best, lowest, since, steps, gained = averaged, float(_loss(averaged, known, aside[:, part])), 0, 0, 0
    optimizer = torch.optim.AdamW(own, how.rate, betas=(0.9, 0.99), weight_decay=how.decay)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1_000_003 * seed + 7)
        for epoch in range(how.epochs):
            order = torch.from_numpy(np.random.default_rng([seed, 5, epoch]).permutation(len(learnt)))
            for some in order.split(how.batch):
                optimizer.zero_grad()
                _loss(own, shown[some], learnt[some, part], net.dropout).backward()
                optimizer.step()
                steps += 1
                kept = min(how.average, (steps + 1) / (steps + 10))
                torch._foreach_lerp_(averaged, [one.detach() for one in own], 1 - kept)
            since += 1
            loss = float(_loss(averaged, known, aside[:, part]))
            if loss < lowest:
                best, lowest, since, gained = [one.clone() for one in averaged], loss, 0, steps
            if since >= _PATIENCE and steps - gained >= _STEPS:
                break
    with torch.no_grad():
        for one, found in zip(_weights(net, part), best, strict=True):
            one.copy_(found)


def _weights(net: ColumnNet, part: int) -> list[torch.Tensor]:
    """Of the block of one part, layer by layer, the head last: weights and biases, in the network's own memory."""
    head = net.heads[part]
    layers = [net.first, *net.deeper]
    return [one.detach()[part] for layer in layers for one in (layer.weight, layer.bias)] + [
        one.detach() for one in (head.weight, head.bias)
    ]


def _inputs(net: ColumnNet, codes: torch.Tensor, part: int) -> torch.Tensor:
    """[rows, parts * place] what stands for the codes of all other parts."""
    with torch.no_grad():
        known = net.embed(codes + net.starts)
        known[:, part] = 0
        return known.flatten(1)


def _loss(own: list[torch.Tensor], known: torch.Tensor, codes: torch.Tensor, dropout: float = 0.0) -> torch.Tensor:
    """The mean negative log likelihood by a block with these weights, as `ColumnNet.forward` has it."""
    first, bias, *deeper = own[:-2]
    hidden = functional.dropout(functional.relu(functional.linear(known, first, bias)), dropout)
    for weight, shift in zip(deeper[::2], deeper[1::2], strict=True):
        hidden = hidden + functional.dropout(functional.relu(functional.linear(hidden, weight, shift)), dropout)
    return functional.cross_entropy(functional.linear(hidden, own[-2], own[-1]), codes)
