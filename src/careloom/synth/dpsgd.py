"""What a private training does to the data, fixed before a row is read: steps, rate, clip and noise."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from careloom.errors import InputError
from careloom.synth.accounting import calibrated
from careloom.synth.accounting_mechanisms import Mechanism, SampledGaussian, per_patient
from careloom.synth.engine import Privacy


@dataclass(frozen=True, slots=True)
class Course:
    """The course of a training by DP-SGD (Abadi et al, CCS 2016); no part of it may depend on the rows.

    rate   probability that a row is in a batch: each by its own coin
    steps  how many there are
    clip   the most that one row adds to a sum of gradients, as a Euclidean norm over all parameters
    noise  multiplier: standard deviation of the noise over `clip`
    """

    rate: float
    steps: int
    clip: float
    noise: float

    def __post_init__(self) -> None:
        """raises InputError for a course that is none."""
        if not 0 < self.rate <= 1:
            raise InputError("DP-SGD: the rate is out of range", "Give a probability above 0.")
        if self.steps < 1:
            raise InputError("DP-SGD: there are no steps", "Give at least 1.")
        if not (self.clip > 0 and self.noise > 0):
            raise InputError("DP-SGD: clip and noise are out of range", "Give numbers above 0.")

    def mechanism(self, rows_per_patient: int = 1) -> Mechanism:
        """What a training does to one patient, who has at most so many rows."""
        return per_patient(SampledGaussian(self.noise, self.rate, self.steps), rows_per_patient)

    def drawn(self, rows: int, noise: np.random.Generator) -> npt.NDArray[np.int64]:
        """The numbers of the rows of one batch, of so many rows; there may be none.

        noise  a source that nobody may guess: who knows which rows were drawn knows more than the account allows
        """
        return np.flatnonzero(noise.random(rows) < self.rate)


def course(privacy: Privacy, *, rate: float, steps: int, clip: float = 1.0, others: Sequence[Mechanism] = ()) -> Course:
    """The course with the least noise that keeps to a bound.

    others  what else is done to the same patients, counted per patient, within the same bound
    raises  QueryError where no noise is enough: the others alone spend it
    """

    def done(factor: float) -> Sequence[Mechanism]:
        return (*others, Course(rate, steps, clip, factor).mechanism(privacy.rows_per_patient))

    return Course(rate, steps, clip, calibrated(done, privacy.epsilon, privacy.delta, within=(0.2, 1e4)))
