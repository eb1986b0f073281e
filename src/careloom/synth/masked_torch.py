"""A linear layer of which some weights are held at zero."""

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
