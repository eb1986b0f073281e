"""Low-rank adapters (Hu et al, ICLR 2022): a model keeps its weights and learns a small product beside each matrix."""

import math

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D


class Adapted(nn.Module):
    """A layer [..., I] to [..., O] with what its adapter adds: x A B scale; A [I, R], B [R, O], which is 0 first."""

    def __init__(self, layer: nn.Module, rank: int, scale: float) -> None:
        super().__init__()
        self.layer, self.scale = layer, scale
        for one in layer.parameters():
            one.requires_grad_(False)
        weight = layer.get_parameter("weight")
        wide, out = weight.shape if isinstance(layer, Conv1D) else weight.shape[::-1]
        self.down, self.up = nn.Parameter(torch.empty(wide, rank)), nn.Parameter(torch.zeros(rank, out))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[..., I] to [..., O]."""
        return torch.as_tensor(self.layer(x) + (x @ self.down) @ self.up * self.scale)


def adapt(model: nn.Module, rank: int, scale: float, spared: nn.Module | None) -> int:
    """Freezes a model and puts adapters beside its matrices, in place; how many. `spared`: the scores of symbols."""
    for one in model.parameters():
        one.requires_grad_(False)
    found = [
        (parent, name, layer)
        for parent in list(model.modules())
        for name, layer in parent.named_children()
        if isinstance(layer, nn.Linear | Conv1D) and layer is not spared
    ]
    for parent, name, layer in found:
        setattr(parent, name, Adapted(layer, rank, scale))
    return len(found)


def joined(model: nn.Module) -> None:
    """Adds what adapters learnt to the weights, in place, and takes the adapters away."""
    for parent in list(model.modules()):
        for name, one in list(parent.named_children()):
            if isinstance(one, Adapted):
                weight = one.layer.get_parameter("weight")
                product = (one.down @ one.up * one.scale).detach()
                with torch.no_grad():
                    weight += product if isinstance(one.layer, Conv1D) else product.T
                setattr(parent, name, one.layer)
