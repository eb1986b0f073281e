from itertools import product
from math import log2

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careloom.deid.risk_hierarchies import Hierarchy, ages, bands, grouped, untouched, whole_or_none
from careloom.deid.risk_reduce import Means, reduce_risk
from careloom.deid.risk_report import assess
from careloom.deid.targets import Targets
from careloom.errors import QueryError

ROWS = st.lists(
    st.tuples(st.integers(0, 19) | st.none(), st.sampled_from("abc"), st.sampled_from("xyz")), min_size=1, max_size=25
)
KINDS = {"age": pl.Int64, "zip": pl.String, "diagnosis": pl.String}
HIERARCHIES: dict[str, Hierarchy] = {
    "age": bands([1, 5, 10]),
    "zip": grouped({"region": {"a": "A", "b": "A", "c": "C"}}),
}
TARGETS = [
    Targets(k=2),
    Targets(k=3, distinct_l=2),
    Targets(entropy_l=1.5),
    Targets(k=2, t=0.4),
    Targets(recursive_cl=(2.0, 2)),
    Targets(maximum_risk=0.25),
]


def table(rows: list[tuple[int | None, str, str]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=KINDS, orient="row")


def slow_loss(frame: pl.DataFrame, out: pl.DataFrame, kept: pl.Series) -> float:
    """Bits by non-uniform entropy, record by record."""
    total = 0.0
    for name in HIERARCHIES:
        shown = iter(out[name].to_list())
        groups = group_sizes(frame, out, kept, name)
        for value, stays in zip(frame[name].to_list(), kept.to_list(), strict=True):
            same = frame[name].to_list().count(value)
            total += log2((groups[next(shown)] if stays else frame.height) / same)
    return total


def group_sizes(frame: pl.DataFrame, out: pl.DataFrame, kept: pl.Series, name: str) -> dict[object, int]:
    """How many records of the whole table share each group that is shown."""
    for level in range(len(HIERARCHIES[name].levels)):
        whole = HIERARCHIES[name].at(frame[name], level)
        if whole.filter(kept).to_list() == out[name].to_list():
            return {value: whole.to_list().count(value) for value in whole.to_list()}
    raise AssertionError("no level shows this")


def every_way(frame: pl.DataFrame, targets: Targets, share: float) -> list[float]:
    """The loss of each way that meets the targets, found by trying all, suppressing class by class."""
    found = []
    for node in product(*(range(len(each.levels)) for each in HIERARCHIES.values())):
        here = frame.with_columns(
            HIERARCHIES[name].at(frame[name], level) for name, level in zip(HIERARCHIES, node, strict=True)
        ).with_row_index("row")
        while True:
            bad = [
                group["row"].to_list()
                for _, group in here.group_by(list(HIERARCHIES))
                if not alone_holds(group, here, targets)
            ]
            if not bad:
                break
            here = here.filter(~pl.col("row").is_in([row for rows in bad for row in rows]))
        kept = pl.Series([row in set(here["row"]) for row in range(frame.height)], dtype=pl.Boolean)
        if frame.height - here.height <= share * frame.height + 1e-9:
            found.append(slow_loss(frame, here, kept))
    return found


def alone_holds(group: pl.DataFrame, whole: pl.DataFrame, targets: Targets) -> bool:
    """Whether one class meets the targets, by its own counts."""
    counts = sorted(group["diagnosis"].value_counts()["count"].to_list(), reverse=True)
    shares = np.array(counts) / group.height
    values = whole["diagnosis"].unique().to_list()
    gap = sum(
        abs((group["diagnosis"] == value).sum() / group.height - (whole["diagnosis"] == value).sum() / whole.height)
        for value in values
    )
    wanted = targets.recursive_cl
    return (
        group.height >= targets.smallest_class
        and len(counts) >= (targets.distinct_l or 1)
        and np.exp(-(shares * np.log(shares)).sum()) >= (targets.entropy_l or 1) - 1e-9
        and gap / 2 <= (1.0 if targets.t is None else targets.t) + 1e-9
        and (wanted is None or counts[0] < wanted[0] * sum(counts[wanted[1] - 1 :]))
    )


@settings(max_examples=60)
@given(ROWS, st.sampled_from(TARGETS), st.sampled_from([0.0, 0.1, 0.5, 1.0]))
def test_the_search_loses_as_little_as_trying_every_way(
    rows: list[tuple[int | None, str, str]], targets: Targets, share: float
) -> None:
    frame = table(rows)
    losses = every_way(frame, targets, share)
    if not losses:
        with pytest.raises(QueryError, match="no way to generalize"):
            reduce_risk(frame, HIERARCHIES, targets, ["diagnosis"], Means(share))
        return
    found = reduce_risk(frame, HIERARCHIES, targets, ["diagnosis"], Means(share))
    assert found.loss.bits == pytest.approx(min(losses), abs=1e-6)
    assert found.loss.bits == pytest.approx(slow_loss(frame, found.frame, found.kept), abs=1e-6)
    assert found.report.holds
    assert found.suppressed == frame.height - found.frame.height <= share * frame.height + 1e-9
    assert assess(found.frame, ["age", "zip"], ["diagnosis"], targets).holds


@settings(max_examples=50)
@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_the_records_changes_nothing(rows: list[tuple[int | None, str, str]], order: object) -> None:
    mixed = list(rows)
    order.shuffle(mixed)  # type: ignore[attr-defined]
    one, other = (reduce_risk(table(each), HIERARCHIES, Targets(k=2), means=Means(1.0)) for each in (rows, mixed))
    assert one.levels == other.levels
    assert sorted(one.frame.rows(), key=repr) == sorted(other.frame.rows(), key=repr)


def test_the_better_of_several_hierarchies_is_taken() -> None:
    frame = pl.DataFrame({"age": [30, 31, 32, 33], "note": ["p", "q", "r", "s"]})
    found = reduce_risk(frame, {"age": ages()}, Targets(k=2))
    assert found.levels == (("age", "2 years"),)
    assert found.in_its_form(pl.DataFrame({"age": [91, 31]}))["age"].to_list() == ["90+", "30-31"]
    assert found.frame.to_dict(as_series=False) == {"age": ["30-31", "30-31", "32-33", "32-33"], "note": list("pqrs")}


def test_few_records_are_suppressed_where_that_loses_less_than_generalizing() -> None:
    frame = table([(5, "a", "x")] * 50 + [(17, "c", "y")])
    found = reduce_risk(frame, HIERARCHIES, Targets(k=2), means=Means(0.05))
    assert (found.suppressed, found.levels) == (1, (("age", "1 year"), ("zip", "as it is")))
    assert found.kept.to_list() == [True] * 50 + [False]
    told = found.as_json()
    assert (told["suppressed_patients"], told["loss_by_column"][0]) == (1, {"column": "age", "loss_share": 0.0})


def test_class_size_as_loss_prefers_many_classes() -> None:
    frame = table([(1, "a", "x"), (1, "a", "x"), (2, "b", "x"), (3, "b", "x"), (11, "c", "x"), (12, "c", "x")])
    found = reduce_risk(frame, HIERARCHIES, Targets(k=2), means=Means(loss="class-size"))
    assert found.loss.class_ratio == pytest.approx(6 / 3 / 2)


def test_a_table_that_meets_its_targets_stays_as_it_is() -> None:
    frame = table([(1, "a", "x")] * 3)
    found = reduce_risk(frame, {"age": untouched(), "zip": whole_or_none()}, Targets(k=3))
    assert found.frame.equals(frame)
    assert (found.loss.bits, found.loss.share) == (0.0, 0.0)


def test_an_empty_table_needs_nothing() -> None:
    found = reduce_risk(table([]), HIERARCHIES, Targets(k=5, t=0.1), ["diagnosis"])
    assert (found.frame.height, found.suppressed, found.loss.class_ratio, found.report.holds) == (0, 0, None, True)


def test_a_hierarchy_that_splits_a_group_is_refused() -> None:
    crooked = grouped({"half": {"a": "A", "b": "A"}, "whole": {"a": "X", "b": "Y"}})
    with pytest.raises(QueryError, match="'whole' splits"):
        reduce_risk(table([(1, "a", "x"), (1, "b", "x")]), {"zip": crooked}, Targets(k=1))


def test_too_many_ways_are_refused_before_any_is_tried() -> None:
    wide = pl.DataFrame({f"q{at}": [1] for at in range(9)})
    with pytest.raises(QueryError, match="ways to generalize"):
        reduce_risk(wide, {name: bands([1, 2, 4, 8]) for name in wide.columns}, Targets(k=1))


@pytest.mark.parametrize("wrong", [{"suppressed_at_most": 1.1}, {"loss": "beauty"}])
def test_means_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(QueryError, match=next(iter(wrong))):
        Means(**wrong)  # type: ignore[arg-type]
