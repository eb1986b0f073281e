"""Gradients for private training: each sample's clipped exactly, summed, and noised; at about the cost of plain ones.

One backward pass gives the gradients of what the layers put out. From these and from what went into the layers come the
norm of every sample's gradient, and then the sum of the clipped ones, layer by layer (`dpsgd_layers_torch`): no
per-sample gradient is made where that is dear. What a layer's rule does not see is not learnt, so it cannot leak.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from careloom.errors import InputError
from careloom.synth.dpsgd import Course
from careloom.synth.dpsgd_layers_torch import RULES, Share

Index = npt.NDArray[np.int64]
AT_ONCE = 2_048
"""Samples of a batch that go through the model together."""
_MIXES = (torch.nn.modules.batchnorm._BatchNorm, torch.nn.modules.instancenorm._InstanceNorm)


@dataclass(frozen=True, slots=True, eq=False)
class _Call:
    """One call of a layer: what went in, what came out and how often that was changed in place by then."""

    inputs: torch.Tensor
    output: torch.Tensor
    version: int


class PrivateGradients:
    """Sets the `grad` of every trainable parameter of a model, as DP-SGD does; any optimizer may follow.

    A sample is the first dimension of all that goes into layers ([B, ...]), and its loss may depend on nothing else.
    Frozen layers are let be. Batch normalisation, and trainable layers without a rule in `RULES`, are refused.
    """

    def __init__(self, model: torch.nn.Module, course: Course, noise: np.random.Generator) -> None:
        """noise: a source whose seed nobody may guess. raises InputError for a model that cannot be trained so"""
        self._layers = trainable_layers(model)
        self._parameters = [
            one for layer in self._layers for one in layer.parameters(recurse=False) if one.requires_grad
        ]
        self._course, self._noise = course, noise
        self._room = [np.empty(tuple(one.shape), np.float32) for one in self._parameters]

    def drawn(self, rows: int) -> Index:
        """The rows of the next batch: each by its own coin."""
        return self._course.drawn(rows, self._noise)

    def step(self, losses: Callable[[torch.Tensor], torch.Tensor], rows: int, *, at_once: int = AT_ONCE) -> None:
        """The noisy mean gradient of a batch drawn from so many rows.

        losses   [b] numbers of rows -> [b] the loss of each
        rows     how many there are: the noisy sum is divided by `rows` times the rate
        at_once  rows of the batch that go through the model together
        """
        drawn = torch.from_numpy(self.drawn(rows))
        scale = 1 / max(1.0, rows * self._course.rate)
        for one, room in zip(self._parameters, self._room, strict=True):
            self._noise.standard_normal(dtype=np.float32, out=room)
            one.grad = torch.from_numpy(room).to(one).mul_(self._course.noise * self._course.clip * scale)
        for some in drawn.split(at_once) if len(drawn) else ():
            for one, more in zip(self._parameters, self.clipped(losses, some), strict=True):
                one.grad.add_(more, alpha=scale)

    def clipped(self, losses: Callable[[torch.Tensor], torch.Tensor], rows: torch.Tensor) -> list[torch.Tensor]:
        """The sum of the clipped gradients of these samples, a tensor a parameter: exact, and not private yet."""
        shares, norms = _shares(self._layers, lambda: losses(rows))
        factors = (self._course.clip / norms.clamp(min=1e-12)).clamp(max=1.0)
        with torch.no_grad():
            sums = {id(share.parameter): share.total(factors) for share in shares}  # one share a parameter
            return [sums[id(one)] if id(one) in sums else torch.zeros_like(one) for one in self._parameters]


def gradient_norms(model: torch.nn.Module, losses: Callable[[], torch.Tensor]) -> torch.Tensor:
    """[B] the norm of each sample's gradient over all trainable parameters."""
    return _shares(trainable_layers(model), losses)[1]


def trainable_layers(model: torch.nn.Module) -> list[torch.nn.Module]:
    """The layers of a model that learn. raises InputError for one whose samples cannot be told apart"""
    seen: set[int] = set()
    found = []
    for name, layer in model.named_modules():
        if isinstance(layer, _MIXES):
            raise InputError(f"DP-SGD: {name or 'the model'} mixes samples", "Use LayerNorm.")
        own = [one for one in layer.parameters(recurse=False) if one.requires_grad]
        if not own:
            continue
        if type(layer) not in RULES or _is_odd(layer):
            known = ", ".join(kind.__name__ for kind in RULES)
            raise InputError(
                f"DP-SGD: there is no rule for {name or 'the model'}", f"Build it of {known}; or freeze it."
            )
        if seen & {id(one) for one in own}:
            raise InputError(f"DP-SGD: {name} shares a weight with another layer", "Give each its own.")
        seen |= {id(one) for one in own}
        found.append(layer)
    if not found:
        raise InputError("DP-SGD: nothing in this model learns", "Give one with trainable layers.")
    return found


def _is_odd(layer: Any) -> bool:
    """True for settings of a layer that its rule does not know."""
    if isinstance(layer, torch.nn.Embedding):
        return layer.max_norm is not None or bool(layer.scale_grad_by_freq) or bool(layer.sparse)
    return len(getattr(layer, "normalized_shape", (1,))) != 1


def _shares(layers: Sequence[torch.nn.Module], losses: Callable[[], torch.Tensor]) -> tuple[list[Share], torch.Tensor]:
    """What each sample adds to each parameter, and [B] the norm of all that it adds."""
    calls: list[list[_Call]] = [[] for _ in layers]
    with _recorded(layers, calls), torch.enable_grad():
        each = losses()
    _require_samples(each, calls)
    outputs = [call.output for some in calls for call in some]
    if any(call.output._version != call.version for some in calls for call in some):
        raise InputError("DP-SGD: what a layer puts out is changed in place", "Leave inplace=True out.")
    grads = iter(torch.autograd.grad(each.sum(), outputs, allow_unused=True))
    with torch.no_grad():
        pairs = [(layer, *_joined(layer, [(call, next(grads)) for call in some]))
                 for layer, some in zip(layers, calls, strict=True) if some]  # fmt: skip
        shares = [share for layer, given, back in pairs for share in RULES[type(layer)](layer, given, back)]
        squares = torch.stack([share.squares for share in shares]).sum(0)
        lost = ~squares.isfinite()
        if lost.any():  # a sample whose gradient overflows adds nothing
            pairs = [(layer, _without(lost, given), _without(lost, back)) for layer, given, back in pairs]
            shares = [share for layer, given, back in pairs for share in RULES[type(layer)](layer, given, back)]
            squares = torch.stack([share.squares for share in shares]).sum(0)
    return shares, squares.clamp(min=0).sqrt()


@contextmanager
def _recorded(layers: Sequence[torch.nn.Module], calls: list[list[_Call]]) -> Iterator[None]:
    def hook(at: int) -> Callable[[torch.nn.Module, tuple[Any, ...], torch.Tensor], None]:
        def keep(layer: torch.nn.Module, given: tuple[Any, ...], output: torch.Tensor) -> None:
            calls[at].append(_Call(given[0].detach(), output, output._version))

        return keep

    handles = [layer.register_forward_hook(hook(at)) for at, layer in enumerate(layers)]
    try:
        yield
    finally:
        for each in handles:
            each.remove()


def _require_samples(losses: torch.Tensor, calls: list[list[_Call]]) -> None:
    if losses.ndim != 1:
        raise InputError("DP-SGD: the loss is not one a sample", "Return [B] losses.")
    if not any(calls):
        raise InputError("DP-SGD: no layer was called", "Call the layers as modules.")
    if any(
        call.output.shape[0] != len(losses) or call.inputs.shape[0] != len(losses) for some in calls for call in some
    ):
        raise InputError("DP-SGD: the first dimension is not the sample", "Keep [B, ...] through all layers.")


def _joined(layer: torch.nn.Module, some: list[tuple[_Call, torch.Tensor | None]]) -> tuple[torch.Tensor, torch.Tensor]:
    """[B, T, ...] inputs and gradients of all calls of a layer, one after the other along T."""
    inputs, grads = [], []
    for call, grad in some:
        samples = call.output.shape[0]
        back = torch.zeros_like(call.output) if grad is None else grad
        grads.append(back.reshape(samples, -1, back.shape[-1]))
        tail = () if isinstance(layer, torch.nn.Embedding) else (call.inputs.shape[-1],)
        inputs.append(call.inputs.reshape(samples, -1, *tail))
    if len(inputs) == 1:
        return inputs[0], grads[0]
    return torch.cat(inputs, 1), torch.cat(grads, 1)


def _without(lost: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    return values.masked_fill(lost.view(-1, *[1] * (values.ndim - 1)), 0)
