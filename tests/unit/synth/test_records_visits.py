"""Models of the next encounter: what they are worth when they learnt from real, like and unlike records."""

from dataclasses import replace

import polars as pl
import pytest

from careloom.pipeline.registry import load
from tests.later import has
from tests.unit.synth.invented_records import invented

pytestmark = pytest.mark.skipif(not has("sklearn"), reason="the extra ml is not installed: make ml")


def test_records_like_the_real_ones_teach_what_those_teach_and_shuffled_ones_less() -> None:
    real, test = invented(200, seed=1), invented(150, seed=2)
    sexes = real.patients["sex"].replace({"male": "female", "female": "male"})
    swapped = replace(real, patients=real.patients.with_columns(sex=sexes), conditions=real.conditions.with_columns(
        code=pl.col("code").reverse()))  # fmt: skip
    worth = load("synth.records.next_visit")({"real": real, "like": invented(200, seed=3), "swapped": swapped}, test, 1)
    assert worth["real"].auc > 0.7
    assert worth["like"].auc > worth["real"].auc - 0.06
    assert worth["swapped"].auc < worth["real"].auc - 0.1
    assert worth["real"].recall > 0.9
