"""An attacker's lower bound of epsilon: never above what is claimed, and far above it where the mechanism is broken."""

import numpy as np
import pytest

from careloom.synth.marginals import fit
from careloom.synth.marginals_plan import Ask, Table
from careloom.synth.privacy_audit import Audited, audit, audit_gaussian, audit_one_run, campaign

TABLE, ASK = Table((2, 6), target=0), Ask(1.0, steps=5)
ROWS = np.tile(np.array([[0, 0], [1, 1], [0, 2], [1, 3]]), (50, 1))
CANARY = np.array([[1, 5]])
"""Of a code that nobody else has: the patient who is easiest to find."""


class Silent(np.random.Generator):
    """A source of noise from which none comes: the mechanism with its noise off."""

    def normal(self, loc: float = 0.0, scale: float = 1.0, size: int | None = None) -> np.ndarray:  # type: ignore[override]
        return np.zeros(size or ()) + loc


def score(noise: np.random.Generator, canaries: int, ask: Ask = ASK) -> float:
    """How many patients the model says have the canary's code, which nobody else has."""
    rows = np.concatenate([ROWS, np.repeat(CANARY, canaries, axis=0)])
    model = fit(rows, TABLE, ask, noise)
    return float(model.total * model.one_way(1)[5])


def audited(runs: int, *, canaries: int = 1, silent: bool = False, ask: Ask = ASK) -> tuple[Audited, Audited]:
    """Bounds by so many runs with the canary and as many without: for any mechanism, and for Gaussian noise."""

    def release(is_in: bool, run: int) -> float:
        noise = Silent(np.random.PCG64(run)) if silent else np.random.default_rng([1, run])
        return score(noise, canaries if is_in else 0, ask)

    within, without = campaign(release, runs)
    return audit(within, without, ASK.delta), audit_gaussian(within, without, ASK.delta)


@pytest.mark.long
@pytest.mark.parametrize("epsilon", [0.5, 1.0, 3.0, 8.0])
def test_canaries_of_200_runs_show_no_more_than_the_claimed_epsilon(epsilon: float) -> None:
    any_noise, gaussian = audited(200, ask=Ask(epsilon, steps=5))
    assert any_noise.lower <= epsilon
    assert gaussian.lower <= epsilon
    assert epsilon < 8 or gaussian.lower > 0.5  # the attacker sees something


@pytest.mark.long
def test_a_patient_with_more_rows_than_the_bound_says_is_caught() -> None:
    assert audited(200, canaries=30)[0].lower > ASK.epsilon


def test_noise_that_is_off_is_caught_in_a_few_runs() -> None:
    found = audited(30, silent=True)[0]
    assert found.lower == found.most
    assert found.lower > 1.2 * ASK.epsilon


def in_one_run(noise: np.random.Generator, canaries: int = 400) -> Audited:
    """Canaries of a code each, each put in by the toss of a coin: one fit tells of all."""
    tosses = np.random.default_rng(5).random(canaries) < 0.5
    table = Table((2, 4 + canaries), target=0)
    planted = np.stack([np.zeros(canaries, int), 4 + np.arange(canaries)], 1)[tosses]
    model = fit(np.concatenate([ROWS, planted]), table, ASK, noise)
    scores = model.total * model.one_way(1)
    return audit_one_run(scores[4:], tosses, canaries // 4, ASK.delta)


def test_one_run_with_many_canaries_shows_no_more_than_the_claim_and_catches_noise_that_is_off() -> None:
    assert in_one_run(np.random.default_rng(3)).lower <= ASK.epsilon
    broken = in_one_run(Silent(np.random.PCG64(3)))
    assert broken.lower > 3 * ASK.epsilon
