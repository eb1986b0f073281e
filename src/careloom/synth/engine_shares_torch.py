"""How often each code comes: as it was counted, or counted under noise; and logits leant until a model agrees."""

import math

import numpy as np
import torch
from torch import Tensor

from careloom.synth.accounting import calibrated
from careloom.synth.accounting_mechanisms import Gaussian
from careloom.synth.engine import Privacy
from careloom.synth.engine_blocks_torch import Blocks

_SPENT_ON_SHARES = 0.25
"""Of epsilon, if the counts stood alone; composed with the training they cost far less."""


def counted(blocks: Blocks, flat: Tensor) -> Tensor:
    """[all codes] the share of the rows that have each."""
    return torch.bincount(flat.flatten(), minlength=blocks.width).float() / max(1, len(flat))


def mechanism(privacy: Privacy) -> Gaussian:
    """What `counted_privately` does to a patient."""
    epsilon = _SPENT_ON_SHARES * privacy.epsilon
    return Gaussian(calibrated(lambda noise: (Gaussian(noise),), epsilon, privacy.delta))


def counted_privately(blocks: Blocks, flat: Tensor, privacy: Privacy, noise: np.random.Generator) -> Tensor:
    """[all codes] shares from counts with noise: a row adds 1 to one code of each part."""
    reach = privacy.rows_per_patient * math.sqrt(len(blocks.sizes))
    deviation = mechanism(privacy).noise * reach
    counts = torch.bincount(flat.flatten(), minlength=blocks.width).double()
    noisy = (counts + torch.from_numpy(noise.normal(0.0, deviation, blocks.width))).clamp(min=0.0)
    noisy = torch.where(noisy < deviation, noisy * 0.25, noisy) + 1e-3  # what noise alone makes of codes nobody has
    totals = (noisy @ blocks.home.double()) @ blocks.home.double().T
    return (noisy / totals).float()


def as_known(found: Tensor, wanted: Tensor, rows: int) -> Tensor:
    """[codes] of one part the shares to lean to: those found, drawn to the wanted ones up to a standard error of these.

    Nearer than so many rows know the wanted shares it would only show who was among them by chance.

    found  [codes] mean chances that a model says
    rows   that the wanted shares were counted in; 0: they are met exactly
    """
    if not rows:
        return wanted
    error = (wanted * (1 - wanted) / rows).sqrt()
    near = found.clamp(wanted - error, wanted + error).clamp(min=1e-9)
    return near / near.sum()


def leaning(
    blocks: Blocks, logits: Tensor, wanted: Tensor, fixed: Tensor | None = None, *, learnt: int = 0, rounds: int = 30
) -> Tensor:
    """[all codes] what to add to logits so that the mean probabilities are those wanted: iterative scaling.

    logits  [rows, all codes] of rows as the model draws them
    fixed   [rows, all codes] 1 where the logits are not leant
    learnt  rows that were counted: within a standard error of their shares nothing is leant, since nearer than that
            shares tell who was counted; 0: as near as can be
    """
    free = 1 if fixed is None else 1 - fixed
    lean = torch.zeros(blocks.width)
    least = 0.1 / len(logits)
    if learnt:
        error = (wanted * (1 - wanted) / learnt).clamp(min=0).sqrt()
        near = blocks.shares(logits).mean(0).clamp(wanted - error, wanted + error)
        wanted = near / ((near @ blocks.home) @ blocks.home.T)
    for _ in range(rounds):
        got = blocks.shares(logits + lean * free).mean(0)
        lean = (lean + 0.9 * ((wanted + least) / (got + least)).log()).clamp(-12, 12)
    return lean
