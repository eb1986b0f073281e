"""Counts under noise, then noisy steps: what a private fit of the autoencoder or of the GAN does to a patient."""

from functools import lru_cache

import numpy as np
from torch import Tensor

from careloom.errors import InputError
from careloom.synth.accounting_mechanisms import Mechanism
from careloom.synth.dpsgd import Course, course
from careloom.synth.engine import Json, Privacy
from careloom.synth.engine_blocks_torch import Blocks
from careloom.synth.engine_shares_torch import counted, counted_privately, mechanism


@lru_cache(maxsize=8)
def _course(privacy: Privacy, rate: float, steps: int, clip: float) -> Course:
    return course(privacy, rate=rate, steps=steps, clip=clip, others=(mechanism(privacy),))


def private_course(options: Json, privacy: Privacy) -> Course:
    """The course of the options `private_rate`, `private_steps`, `private_clip`, beside the counts."""
    return _course(privacy, options["private_rate"], options["private_steps"], options["private_clip"])


def mechanisms(options: Json, privacy: Privacy | None) -> tuple[Mechanism, ...]:
    """What `shares_of` and the course do to a patient."""
    if privacy is None:
        return ()
    return (mechanism(privacy), private_course(options, privacy).mechanism(privacy.rows_per_patient))


def shares_of(
    kind: str, blocks: Blocks, flat: Tensor, privacy: Privacy | None, noise: np.random.Generator | None
) -> Tensor:
    """[all codes] how often each comes. raises InputError for a private count without noise

    kind  of the engine, for the message
    """
    if privacy is None:
        return counted(blocks, flat)
    if noise is None:
        raise InputError(f"{kind}: a private fit needs a source of noise", "Give one that nobody can guess.")
    return counted_privately(blocks, flat, privacy, noise)
