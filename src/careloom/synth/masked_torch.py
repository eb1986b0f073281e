"""Linear layers of which parts are kept apart: weights held at zero, or groups that do not see each other."""

import torch


class MaskedLinear(torch.nn.Linear):
    """Linear with its weight times a mask; gradients of masked weights are zero.

    mask  [outputs, inputs] 0 or 1
    """

    mask: torch.Tensor

    def __init__(self, mask: torch.Tensor, *, bias: bool = True) -> None:
        """Inputs and outputs by the shape of the mask."""
        super().__init__(mask.shape[1], mask.shape[0], bias=bias)
        self.register_buffer("mask", mask.to(self.weight.dtype))

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002 - torch's own name
        """[..., outputs]."""
        return torch.nn.functional.linear(input, self.weight * self.mask, self.bias)


class GroupedLinear(torch.nn.Module):
    """As many linear layers side by side as there are groups: [B, groups, inputs] -> [B, groups, outputs].

    weight  [groups, outputs, inputs]
    bias    [groups, outputs]
    """

    def __init__(self, groups: int, inputs: int, outputs: int, fan_in: float | None = None) -> None:
        """fan_in: how many inputs are usually not zero, for the scale of the first weights; None: all."""
        super().__init__()
        scale = (2 / (fan_in or inputs)) ** 0.5
        self.weight = torch.nn.Parameter(torch.randn(groups, outputs, inputs) * scale)
        self.bias = torch.nn.Parameter(torch.zeros(groups, outputs))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """[B, groups, outputs]."""
        made = torch.baddbmm(self.bias.unsqueeze(1), inputs.transpose(0, 1), self.weight.transpose(1, 2))
        return made.transpose(0, 1)
