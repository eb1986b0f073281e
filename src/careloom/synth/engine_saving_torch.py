"""A training as arrays and back, so that it goes on where it was; and the running mean of its parameters."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from careloom.synth.engine import Json, State, Watch

Tensors = dict[str, npt.NDArray[Any]]


def arrays(module: nn.Module, prefix: str = "") -> Tensors:
    """The parameters and buffers of a model."""
    return {prefix + name: each.detach().numpy().copy() for name, each in module.state_dict().items()}


def restore(module: nn.Module, tensors: Mapping[str, npt.NDArray[Any]], prefix: str = "") -> None:
    """Puts `arrays` into a model of the same shape. raises KeyError, ValueError for those of another"""
    with torch.no_grad():
        for name, each in module.state_dict().items():
            given = np.asarray(tensors[prefix + name])
            if given.shape != tuple(each.shape):
                raise ValueError(f"{name} has another shape")
            each.copy_(torch.from_numpy(given.copy()))


def average(kept: nn.Module, module: nn.Module, step: int, decay: float) -> None:
    """Moves the parameters of `kept` towards those of `module`: a running mean, short in the first steps."""
    share = 1 - min(decay, (1 + step) / (10 + step))
    with torch.no_grad():
        torch._foreach_lerp_(list(kept.parameters()), list(module.parameters()), share)


def packed(
    modules: Mapping[str, nn.Module],
    optimizers: Mapping[str, torch.optim.Optimizer],
    source: torch.Generator,
    told: Json,
) -> State:
    """All of a training between two epochs."""
    tensors: Tensors = {"source": source.get_state().numpy().copy()}
    for name, module in modules.items():
        tensors |= arrays(module, f"{name}/")
    for name, optimizer in optimizers.items():
        for at, each in optimizer.state_dict()["state"].items():
            tensors |= {f"{name}/{at}/{key}": np.asarray(value).copy() for key, value in each.items()}
    return State(tensors, told)


def unpack(
    state: State,
    modules: Mapping[str, nn.Module],
    optimizers: Mapping[str, torch.optim.Optimizer],
    source: torch.Generator,
) -> Json:
    """Puts what `packed` made back, and returns what was told. raises KeyError, ValueError for another training"""
    source.set_state(torch.from_numpy(np.asarray(state.tensors["source"]).copy()))
    for name, module in modules.items():
        restore(module, state.tensors, f"{name}/")
    for name, optimizer in optimizers.items():
        held: dict[int, dict[str, torch.Tensor]] = {}
        for key, value in state.tensors.items():
            if key.startswith(f"{name}/"):
                _, at, field = key.split("/")
                held.setdefault(int(at), {})[field] = torch.from_numpy(np.asarray(value).copy())
        optimizer.load_state_dict({**optimizer.state_dict(), "state": held})
    return dict(state.told)


def secret(noise: np.random.Generator) -> torch.Generator:
    """A source of chance for what is drawn beside single rows of a private fit.

    By a source that is known, one row more would shift what others get, and they would tell of it.
    """
    return torch.Generator().manual_seed(int(noise.integers(2**63)))


def share_done(watch: Watch, step: int, steps: int) -> float:
    """How much of a fit that is not private is done, 0 to 1: by the caller's budget, or else by its own steps."""
    return min(1.0, watch.share() if watch.share is not None else step / steps)
