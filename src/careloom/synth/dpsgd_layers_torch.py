"""What each sample adds to the gradients of a layer: its norm without making it, and the weighted sum of all.

Inputs and gradients come as [B, T, ...]: B samples, all that happened to one sample (tokens, visits, several calls of
the layer) along T. Sources: Goodfellow, arXiv:1510.01799 (norms of linear layers); Li et al, ICLR 2022 (ghost clipping
of sequences); Bu et al, NeurIPS 2022 (which of the two ways is cheaper, layer by layer).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from careloom.errors import InputError
from careloom.synth.masked_torch import GroupedLinear, MaskedLinear

_CELLS_AT_ONCE = 1 << 24
"""Per-sample gradients that are made at once: 64 MiB."""


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """What the samples add to the gradient of one parameter.

    squares  [B] squared norm of what each adds
    total    [B] factors -> the sum of what each adds times its factor, shaped as the parameter
    """

    parameter: torch.nn.Parameter
    squares: torch.Tensor
    total: Callable[[torch.Tensor], torch.Tensor]


Rule = Callable[[Any, torch.Tensor, torch.Tensor], list[Share]]


def linear(layer: Any, inputs: torch.Tensor, grads: torch.Tensor) -> list[Share]:
    """Shares of weight and bias; `mask` of the layer counts."""
    shares = []
    if layer.weight.requires_grad:
        mask = getattr(layer, "mask", None)
        many = _sequence if inputs.shape[1] > 1 else _single
        shares.append(many(layer.weight, inputs, grads, mask))
    if layer.bias is not None and layer.bias.requires_grad:
        shares.append(_whole(layer.bias, grads.sum(1)))
    return shares


def grouped(layer: Any, inputs: torch.Tensor, grads: torch.Tensor) -> list[Share]:
    """Shares of weights and biases of groups that stand along T; the layer may be called once.

    raises  InputError where it was called more often
    """
    if inputs.shape[1] != layer.weight.shape[0]:
        raise InputError("DP-SGD: a grouped layer was called more than once", "Call it once for each step.")
    shares = []
    if layer.weight.requires_grad:
        squares = (inputs.square().sum(2) * grads.square().sum(2)).sum(1)

        def total(factors: torch.Tensor) -> torch.Tensor:
            return (grads * factors[:, None, None]).permute(1, 2, 0) @ inputs.transpose(0, 1)

        shares.append(Share(layer.weight, squares, total))
    if layer.bias.requires_grad:
        each = grads.flatten(1)
        shares.append(Share(layer.bias, each.square().sum(1), lambda factors: (factors @ each).view_as(layer.bias)))
    return shares


def embedding(layer: Any, inputs: torch.Tensor, grads: torch.Tensor) -> list[Share]:
    """The share of the table: tokens that stand more than once in a sample add up before they are squared."""
    if layer.padding_idx is not None:
        grads = grads * (inputs != layer.padding_idx).unsqueeze(-1)
    if inputs.shape[1] == 1:
        squares = grads.square().sum((1, 2))
    else:
        same = inputs.unsqueeze(1) == inputs.unsqueeze(2)
        squares = ((grads @ grads.transpose(1, 2)) * same).sum((1, 2))

    def total(factors: torch.Tensor) -> torch.Tensor:
        made = torch.zeros_like(layer.weight)
        return made.index_add_(0, inputs.reshape(-1), (grads * factors[:, None, None]).flatten(0, 1))

    return [Share(layer.weight, squares, total)]


def layer_norm(layer: Any, inputs: torch.Tensor, grads: torch.Tensor) -> list[Share]:
    """Shares of scale and shift, over the last dimension."""
    inputs = torch.nn.functional.layer_norm(inputs, layer.normalized_shape, eps=layer.eps)
    return _affine(layer, inputs, grads)


def root_mean_square_norm(layer: Any, inputs: torch.Tensor, grads: torch.Tensor) -> list[Share]:
    """The share of the scale, over the last dimension."""
    return _affine(layer, torch.nn.functional.rms_norm(inputs, layer.normalized_shape, eps=layer.eps), grads)


def _affine(layer: Any, normal: torch.Tensor, grads: torch.Tensor) -> list[Share]:
    shares = []
    if layer.weight is not None and layer.weight.requires_grad:
        shares.append(_whole(layer.weight, (grads * normal).sum(1)))
    bias = getattr(layer, "bias", None)
    if bias is not None and bias.requires_grad:
        shares.append(_whole(bias, grads.sum(1)))
    return shares


def _whole(parameter: torch.nn.Parameter, each: torch.Tensor) -> Share:
    """Of a vector, where the gradients of all samples ([B, width]) are small enough to make."""
    return Share(parameter, _square(each), lambda factors: factors @ each)


def _square(each: torch.Tensor) -> torch.Tensor:
    """[B] squared length over the last dimension."""
    return torch.linalg.vector_norm(each, dim=-1).square()


def _single(weight: torch.nn.Parameter, inputs: torch.Tensor, grads: torch.Tensor, mask: torch.Tensor | None) -> Share:
    """|g a'|^2 = |g|^2 |a|^2; masked |(g a') * M|^2 = g^2 M a^2."""
    given, back = inputs[:, 0], grads[:, 0]
    if mask is None:
        squares = _square(given) * _square(back)
    else:
        squares = ((back.square() @ mask.square()) * given.square()).sum(1)

    def total(factors: torch.Tensor) -> torch.Tensor:
        made = (back * factors[:, None]).T @ given
        return made if mask is None else made * mask

    return Share(weight, squares, total)


def _sequence(
    weight: torch.nn.Parameter, inputs: torch.Tensor, grads: torch.Tensor, mask: torch.Tensor | None
) -> Share:
    """By the products of all pairs in T, or by making the gradients, whichever is less work."""
    samples, steps = inputs.shape[:2]
    if mask is None and steps * (sum(weight.shape) + 1) < weight.numel():
        squares = ((inputs @ inputs.transpose(1, 2)) * (grads @ grads.transpose(1, 2))).sum((1, 2))
    else:
        at_once = max(1, _CELLS_AT_ONCE // weight.numel())
        parts = []
        for first in range(0, samples, at_once):
            made = grads[first : first + at_once].transpose(1, 2) @ inputs[first : first + at_once]
            parts.append((made if mask is None else made * mask).square().sum((1, 2)))
        squares = torch.cat(parts) if parts else inputs.new_zeros(0)

    def total(factors: torch.Tensor) -> torch.Tensor:
        made = (grads * factors[:, None, None]).flatten(0, 1).T @ inputs.flatten(0, 1)
        return made if mask is None else made * mask

    return Share(weight, squares, total)


RULES: dict[type[torch.nn.Module], Rule] = {
    torch.nn.Linear: linear,
    MaskedLinear: linear,
    GroupedLinear: grouped,
    torch.nn.Embedding: embedding,
    torch.nn.LayerNorm: layer_norm,
    torch.nn.RMSNorm: root_mean_square_norm,
}
"""By the very class: a subclass may do anything."""
