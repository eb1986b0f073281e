from collections import defaultdict

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.deid.risk_unicity import histories, unicity
from careloom.errors import QueryError

EVENTS = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from("abc"), st.integers(1, 3) | st.none()), min_size=1, max_size=40
)
KINDS = {"patient_id": pl.Int64, "code": pl.String, "month": pl.Int64}


def table(rows: list[tuple[int, str, int | None]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=KINDS, orient="row")


def sets(rows: list[tuple[int, str, int | None]]) -> dict[int, set[tuple[str, int]]]:
    found: dict[int, set[tuple[str, int]]] = defaultdict(set)
    for patient, code, month in rows:
        if month is not None:
            found[patient].add((code, month))
    return dict(sorted(found.items()))


@given(EVENTS, st.data())
def test_who_has_all_of_some_points_is_counted_as_by_sets(
    rows: list[tuple[int, str, int | None]], data: st.DataObject
) -> None:
    slow = sets(rows)
    if not slow:
        return
    found = histories(table(rows), "patient_id", ["code", "month"])
    names = sorted({point for points in slow.values() for point in points})
    drawn = data.draw(st.lists(st.integers(0, len(names) - 1), min_size=1, max_size=4, unique=True))
    wanted = {names[place] for place in drawn}
    assert found.having(np.array(drawn)) == sum(1 for points in slow.values() if wanted <= points)
    assert [{names[point] for point in found.of(at)} for at in range(len(slow))] == list(slow.values())


@given(EVENTS, st.integers(1, 4))
def test_patients_whose_whole_history_is_known_are_unique_if_nobody_has_as_much(
    rows: list[tuple[int, str, int | None]], points: int
) -> None:
    slow = {patient: had for patient, had in sets(rows).items() if len(had) <= points}
    whole = [row for row in rows if row[0] in slow]
    (found,) = unicity(table(whole), ["code", "month"], [points], seed=1)
    full = [had for had in slow.values() if len(had) == points]
    assert found.eligible == found.unique.trials == len(full)
    assert found.unique.successes == sum(1 for had in full if full.count(had) == 1)


def test_more_points_single_out_more_and_the_same_seed_the_same() -> None:
    generator = np.random.default_rng(5)
    rows = [
        (int(generator.integers(300)), "abcdefgh"[int(generator.integers(8))], int(generator.integers(1, 13)))
        for _ in range(4_000)
    ]
    one = unicity(table(rows), ["code", "month"], [1, 2, 3, 4], seed=7, patients_tried=200)
    other = unicity(table(rows[::-1]), ["code", "month"], [1, 2, 3, 4], seed=7, patients_tried=200)
    assert one == other
    shares = [each.unique.share or 0.0 for each in one]
    assert shares == sorted(shares)
    assert shares[0] < 0.05
    assert shares[-1] > 0.6
    assert all(each.unique.low <= (each.unique.share or 0) <= each.unique.high for each in one)
    assert one[0].as_json()["tried_patients"] == 200


def test_no_events_and_too_short_histories_single_nobody_out() -> None:
    for rows in ([], [(1, "a", 1)]):
        (found,) = unicity(table(rows), ["code", "month"], [2], seed=1)
        assert (found.eligible, found.unique.trials, found.unique.share) == (0, 0, None)


@pytest.mark.parametrize(("points", "known"), [([], [1]), (["code"], [0]), (["colour"], [1])])
def test_points_that_cannot_be_known_are_refused(points: list[str], known: list[int]) -> None:
    with pytest.raises(QueryError):
        unicity(table([(1, "a", 1)]), points, known, seed=1)
