"""An attacker against private training: canaries in one run prove no more than is claimed, and show what is broken."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
import pytest

from careloom.pipeline.registry import load
from careloom.synth.engine import Ask, Privacy, Watch
from careloom.synth.metadata import Column, Table
from careloom.synth.privacy_audit import Audited, audit_one_run
from careloom.synth.tabular import fit
from tests.later import Later, has

pytestmark = pytest.mark.skipif(not has("torch"), reason="the extra ml is not installed: make ml")
torch = Later("torch")

CANARIES, EPSILON, DELTA = 200, 1.0, 1e-5
NAMES = [f"canary {at}" for at in range(CANARIES)]
TABLE = Table(
    "t",
    (
        Column("sex", "categorical", values=("F", "M"), public=True, nullable=False),
        Column("code", "categorical", values=("a", "b", "c", "d", *NAMES), public=True, nullable=False),
    ),
)
ROWS = pl.DataFrame({"sex": ["F", "M"] * 50, "code": ["a", "b", "c", "d"] * 25})


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Silent(np.random.Generator):
    """A source from which lots come, but no noise: training with its noise off."""

    def standard_normal(self, size: Any = None, dtype: Any = np.float64, out: Any = None) -> Any:
        made = np.zeros(size or (), dtype) if out is None else out
        made[...] = 0  # what `out` held before is not nothing
        return made


def audited(noise: np.random.Generator, rows_of_a_canary: int = 1) -> Audited:
    """The bound by one fit: canaries of a code each, each put in by the toss of a coin, looked for among drawn rows."""
    tosses = np.random.default_rng(5).random(CANARIES) < 0.5
    codes = np.repeat(np.array(NAMES)[tosses], rows_of_a_canary)
    rows = pl.concat([ROWS, pl.DataFrame({"sex": ["M"] * len(codes), "code": codes.tolist()})])
    ask = Ask(1, Privacy(EPSILON, DELTA), "", {"private_steps": 150, "private_sampling": 0.5})
    model = fit(TABLE, rows, load("synth.engine.autoregressive"), ask, Watch(noise=noise))
    counts = dict(model.sample(40_000, np.random.default_rng(1))["code"].value_counts().iter_rows())
    scores = np.array([float(counts.get(name, 0)) for name in NAMES])
    return audit_one_run(scores, tosses, CANARIES // 8, DELTA)


def test_canaries_in_private_training_show_no_more_than_the_claim() -> None:
    assert audited(np.random.default_rng(3)).lower <= EPSILON


def test_private_training_with_its_noise_off_is_caught() -> None:
    assert audited(Silent(np.random.PCG64(3))).lower > 2 * EPSILON


@pytest.mark.long
def test_more_rows_of_a_patient_than_gradients_are_clipped_for_are_caught() -> None:
    assert audited(np.random.default_rng(3), rows_of_a_canary=150).lower > EPSILON
