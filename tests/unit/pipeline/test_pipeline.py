from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.errors import IntegrityError, SetupError
from careloom.issues import Issue
from careloom.pipeline.batch import Batch, Merge, Outcome, Refusal, Schema, some_at_a_time
from careloom.pipeline.pipeline import Pipeline
from careloom.pipeline.stage import Stage

NUMBER, TEXT = Schema("number"), Schema("text")
BAD = Issue("test.negative", "error", "item", "it is negative")


def double(batch: Batch[Any]) -> Outcome[Any]:
    items, origins, refused, merged = [], [], [], []
    for item, origin in zip(batch.items, batch.origins, strict=True):
        if item < 0:
            refused.append(Refusal(origin, (BAD,)))
        elif item == 0:
            merged.append(Merge(origin, origin, "nothing to double"))
        else:
            items += [item, item]
            origins += [origin, origin]
    return Outcome(Batch(NUMBER, items, origins), refused, merged)


def show(batch: Batch[Any]) -> Outcome[Any]:
    return Outcome(Batch(TEXT, [str(item) for item in batch.items], batch.origins))


def lose(batch: Batch[Any]) -> Outcome[Any]:
    return Outcome(Batch(TEXT, batch.items[1:], batch.origins[1:]))


def invent(batch: Batch[Any]) -> Outcome[Any]:
    return Outcome(Batch(TEXT, [*batch.items, 1], [*batch.origins, 99]))


def stage(run: Any, takes: Schema = NUMBER, gives: Schema = NUMBER) -> Stage:
    return Stage(run.__name__, "1", takes, gives, run)


@given(st.lists(st.integers(-2, 2)))
def test_every_origin_is_produced_refused_or_merged(numbers: list[int]) -> None:
    result = Pipeline("p", [stage(double), stage(show, NUMBER, TEXT)], {}).run(Batch.of(NUMBER, numbers))
    accounted = set(result.batch.origins) | {r.origin for r in result.refused} | {m.origin for m in result.merged}
    assert accounted == set(range(len(numbers)))
    assert list(result.batch.items) == [str(n) for n in numbers if n > 0 for _ in range(2)]


@given(st.lists(st.integers(-2, 2)), st.integers(1, 4))
def test_few_items_at_a_time_give_what_all_together_give(numbers: list[int], at_a_time: int) -> None:
    stages = [stage(double), stage(show, NUMBER, TEXT)]
    together = Pipeline("p", stages, {}).run(Batch.of(NUMBER, numbers))
    parts = Pipeline("p", stages, {}, at_a_time).run(Batch.of(NUMBER, numbers))
    for result in (together, parts):
        assert result.counts.keys() == {"double", "show"}
        for count in result.counts.values():
            count.seconds = 0.0
    assert list(parts.batch.items) == list(together.batch.items)
    assert list(parts.batch.origins) == list(together.batch.origins)
    assert (parts.refused, parts.merged, parts.counts) == (together.refused, together.merged, together.counts)


@pytest.mark.parametrize("cheat", [lose, invent])
def test_a_stage_that_loses_or_invents_an_input_stops_the_run(cheat: Any) -> None:
    with pytest.raises(IntegrityError):
        Pipeline("p", [stage(cheat, NUMBER, TEXT)], {}).run(Batch.of(NUMBER, [1, 2]))


def test_stages_that_do_not_fit_are_refused_when_built() -> None:
    with pytest.raises(SetupError):
        Pipeline("p", [stage(show, NUMBER, TEXT), stage(double)], {})


def test_columns_are_part_of_the_fit() -> None:
    wide = Schema("number", (("a", "Int64"),))
    with pytest.raises(SetupError):
        Pipeline("p", [stage(double), stage(show, wide, TEXT)], {})


def test_an_empty_pipeline_and_a_doubled_stage_are_refused() -> None:
    with pytest.raises(SetupError):
        Pipeline("p", [], {})
    with pytest.raises(SetupError):
        Pipeline("p", [stage(double), stage(double)], {})


def test_the_configuration_hash_changes_with_configuration_and_versions() -> None:
    one = Pipeline("p", [stage(double)], {"a": 1})
    newer = Stage("double", "2", NUMBER, NUMBER, double)
    assert one.config_hash == Pipeline("p", [stage(double)], {"a": 1}).config_hash
    assert one.config_hash != Pipeline("p", [stage(double)], {"a": 2}).config_hash
    assert one.config_hash != Pipeline("p", [newer], {"a": 1}).config_hash


def test_an_empty_batch_passes() -> None:
    assert list(Pipeline("p", [stage(double)], {}).run(Batch.of(NUMBER, [])).batch.items) == []


@given(st.lists(st.integers()), st.integers(1, 7))
def test_items_come_in_order_some_at_a_time_and_none_is_lost(items: list[int], size: int) -> None:
    taken = list(some_at_a_time(iter(items), size))
    assert [item for some in taken for item in some] == items
    assert all(len(some) == size for some in taken[:-1])
    assert all(taken)
