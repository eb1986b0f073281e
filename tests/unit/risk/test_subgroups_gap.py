"""Gaps between groups: what of them is more than chance, over all groups at once; the gate can pass and fail."""

import numpy as np
import polars as pl
import pytest

from careloom.risk.evaluate import Resampling, evaluate
from careloom.risk.subgroups_gap import LEAST_EVENTS, gaps

HOW = Resampling(1, 200)
LIMIT = 0.15


def drawn(seed: int, groups: int = 10, rows: int = 150, worse: float = 0.0) -> pl.DataFrame:
    """Patients with two rows each; the first group's risks are blurred by `worse`."""
    draw = np.random.default_rng(seed)
    count = groups * rows
    group = np.repeat(np.arange(groups), rows)
    truth = draw.normal(0, 1.5, count)
    happened = draw.random(count) < 1 / (1 + np.exp(1.0 - truth))
    blurred = np.where(group == 0, truth + draw.normal(0, 1, count) * worse, truth)
    return pl.DataFrame(
        {
            "patient_id": [f"p{number // 2}" for number in range(count)], "happened": happened,
            "risk": 1 / (1 + np.exp(1.0 - blurred)), "group": [f"g{one}" for one in group],
        }
    )  # fmt: skip


def test_a_gap_is_the_auroc_of_all_less_that_of_the_group() -> None:
    rows = drawn(3, worse=2.0)
    whole, own = (
        evaluate(one["happened"].to_numpy(), one["risk"].to_numpy(), one["patient_id"].to_numpy(), HOW).auroc.value
        for one in (rows, rows.filter(pl.col("group") == "g0"))
    )
    found = {one.group: one for one in gaps(rows, ["group"], HOW)}
    assert whole is not None
    assert own is not None
    assert found["g0"].gap == pytest.approx(whole - own)
    assert found["g0"].low < found["g0"].gap
    assert len(found) == 10


def test_of_groups_that_are_served_alike_hardly_ever_one_is_said_to_be_served_worse() -> None:
    said = [max(one.low for one in gaps(drawn(seed), ["group"], HOW)) > 0 for seed in range(40)]
    looks = [max(one.gap for one in gaps(drawn(seed), ["group"], HOW)) for seed in range(5)]
    assert sum(said) <= 5  # 2 of 40 are what 5 % comes to; more than 5 has a chance below 2 %
    assert min(looks) > 0.02, "the worst of ten groups always looks worse"


def test_a_group_that_is_served_much_worse_is_found() -> None:
    found = gaps(drawn(8, rows=600, worse=8.0), ["group"], HOW)
    assert found[0].group == "g0"
    assert found[0].low > LIMIT


def test_the_more_groups_there_are_the_more_one_has_to_stand_out() -> None:
    rows = drawn(8, worse=3.0)
    alone = next(one for one in gaps(rows, ["group"], HOW) if one.group == "g0")
    more = rows.with_columns(other=pl.col("group") + "x")
    among = next(one for one in gaps(more, ["group", "other"], HOW) if one.group == "g0")
    assert among.gap == alone.gap
    assert among.error == pytest.approx(alone.error)
    assert among.low < alone.low


def test_a_group_with_few_events_or_few_without_says_nothing() -> None:
    rows = drawn(5, groups=3)
    few = rows.filter(pl.col("group") == "g0").head(40)
    assert min(few["happened"].sum(), 40 - few["happened"].sum()) < LEAST_EVENTS
    found = gaps(pl.concat([few, rows.filter(pl.col("group") != "g0")]), ["group"], HOW)
    assert {one.group for one in found} == {"g1", "g2"}
    assert gaps(few, ["group"], HOW) == []
