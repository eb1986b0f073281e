"""The private fit of the autoregressive network: noisy shares of all parts, then DP-SGD; all of it fixed beforehand."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from careloom.synth.accounting import calibrated
from careloom.synth.accounting_mechanisms import Gaussian, Mechanism, per_patient
from careloom.synth.autoregressive_fit_torch import orders
from careloom.synth.autoregressive_net_torch import ColumnNet
from careloom.synth.dpsgd import Course, course
from careloom.synth.dpsgd_torch import PrivateGradients
from careloom.synth.engine import Privacy, Step, Watch

Codes = npt.NDArray[np.int64]
FOR_SHARES = 0.15
"""Of epsilon, for the shares by themselves; what both together spend is accounted exactly."""


@dataclass(frozen=True, slots=True)
class PrivateTraining:
    """How a network learns privately, as far as privacy does not hang on it; as `autoregressive_fit_torch.Training`."""

    rate: float
    ordered: float
    average: float


@dataclass(frozen=True, slots=True)
class PrivatePlan:
    """What a private fit does to the data; fixed without looking at a row.

    shares  noise on the counts of the codes of all parts, one part after the other
    course  of DP-SGD
    """

    shares: Gaussian
    course: Course
    rows_per_patient: int

    @property
    def mechanisms(self) -> tuple[Mechanism, ...]:
        """Counted per patient."""
        rows = self.rows_per_patient
        return (per_patient(self.shares, rows), self.course.mechanism(rows))


def planned(privacy: Privacy, parts: int, *, rate: float, steps: int, clip: float) -> PrivatePlan:
    """The plan that keeps to a bound."""
    rows = privacy.rows_per_patient

    def alone(factor: float) -> list[Mechanism]:
        return [per_patient(Gaussian(factor, parts), rows)]

    shares = Gaussian(calibrated(alone, FOR_SHARES * privacy.epsilon, privacy.delta), parts)
    others = (per_patient(shares, rows),)
    return PrivatePlan(shares, course(privacy, rate=rate, steps=steps, clip=clip, others=others), rows)


def noisy_shares(
    codes: Codes, sizes: tuple[int, ...], plan: PrivatePlan, noise: np.random.Generator
) -> list[torch.Tensor]:
    """[parts] of [size] shares that add up to 1; none is 0. A row is in one cell of each part."""
    found = []
    for at, size in enumerate(sizes):
        counts = np.bincount(codes[:, at], minlength=size) + plan.shares.noise * noise.standard_normal(size)
        floor = 0.5 * plan.shares.noise
        kept = np.where(counts > 2 * floor, counts, 0.0)
        made = np.maximum(kept, 0.02 * floor)
        found.append(torch.from_numpy(made / made.sum()).float())
    return found


def learn(
    net: ColumnNet,
    codes: Codes,
    order: tuple[int, ...],
    plan: PrivatePlan,
    how: PrivateTraining,
    watch: Watch,
) -> None:
    """Leaves in the network the average of its weights over the last part of the course."""
    if watch.noise is None:
        raise ValueError("a private fit needs a source of noise")
    rows, private = torch.from_numpy(codes), PrivateGradients(net, plan.course, watch.noise)
    optimizer = torch.optim.Adam(net.parameters(), how.rate, betas=(0.9, 0.99))
    averaged = {name: one.detach().clone() for name, one in net.state_dict().items()}
    noise = watch.noise

    def losses(some: torch.Tensor) -> torch.Tensor:  # by coins that nobody knows: no row decides those of another
        seen = orders(rows.shape[1], len(some), order, how.ordered, noise, by_coin=True)
        return net.losses(rows[some], seen).sum(1)

    for step in range(plan.course.steps):
        for group in optimizer.param_groups:
            group["lr"] = how.rate * min(1.0, (step + 1) / 20) * (1 - 0.9 * step / plan.course.steps)
        private.step(losses, len(rows))
        optimizer.step()
        kept = min(how.average, (step + 1) / (step + 10))
        with torch.no_grad():
            for name, one in net.state_dict().items():
                averaged[name].lerp_(one, 1 - kept)
        if watch.told is not None and (step + 1) % 20 == 0:
            watch.told(Step((step + 1) / plan.course.steps, (step + 1) // 20, {}))
    net.load_state_dict(averaged)
