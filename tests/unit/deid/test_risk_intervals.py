from collections import defaultdict
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.deid.risk_intervals import Clues, interval_attack
from careloom.errors import QueryError

START = date(2020, 1, 1)
EVENTS = st.lists(st.tuples(st.integers(0, 4), st.sampled_from("ab"), st.integers(0, 12)), min_size=1, max_size=25)
Event = tuple[int, str, int]


def table(events: list[Event]) -> pl.DataFrame:
    rows = [(patient, code, START + timedelta(days=day)) for patient, code, day in events]
    return pl.DataFrame(rows, schema={"patient_id": pl.Int64, "code": pl.String, "time": pl.Date}, orient="row")


def moved(events: list[Event], shifts: list[int]) -> list[Event]:
    return [(patient, code, day + shifts[patient]) for patient, code, day in events]


def sets(events: list[Event]) -> dict[int, set[tuple[str, int]]]:
    found: dict[int, set[tuple[str, int]]] = defaultdict(set)
    for patient, code, day in events:
        found[patient].add((code, day))
    return found


@given(EVENTS, st.lists(st.integers(-9, 9), min_size=5, max_size=5), st.none() | st.integers(0, 9), st.integers(1, 4))
def test_whole_histories_match_whom_trying_every_shift_matches(
    events: list[Event], shifts: list[int], limit: int | None, known: int
) -> None:
    true = {patient: had for patient, had in sets(events).items() if len(had) <= known}
    kept = [event for event in events if event[0] in true]
    research = sets(moved(events, shifts))
    clues = Clues("time", ("code",), shift_days=limit)
    ((points, found),) = interval_attack(table(moved(events, shifts)), table(kept), clues, [known], seed=1)
    claimed = right = 0
    tried = [patient for patient, had in true.items() if len(had) == known]
    for patient in tried:
        fitting = [
            other
            for other, theirs in research.items()
            if any(
                {(code, day + shift) for code, day in true[patient]} <= theirs
                for shift in (range(-60, 61) if limit is None else range(-limit, limit + 1))
            )
        ]
        claimed += len(fitting) == 1
        right += fitting == [patient]
    assert (points, found.tried, found.present, found.claimed, found.right) == (
        known,
        len(tried),
        len(tried),
        claimed,
        right,
    )


def drawn(patients: int, seed: int) -> list[Event]:
    generator = np.random.default_rng(seed)
    return [
        (patient, "abcd"[int(generator.integers(4))], int(day))
        for patient in range(patients)
        for day in generator.integers(0, 1_500, 12)
    ]


def test_a_shift_of_dates_does_not_hide_intervals() -> None:
    true = drawn(300, 1)
    shifts = np.random.default_rng(2).integers(-365, 366, 300).tolist()
    shifted, listed = table(moved(true, shifts)), table(true)
    blind = dict(interval_attack(shifted, listed, Clues("time", patients_tried=100), [1, 2, 3], seed=3))
    told = dict(interval_attack(shifted, listed, Clues("time", ("code",), shift_days=365), [1, 2, 3], seed=3))
    assert [each.recall.share for each in (blind[1], told[1])] == [0.0, 0.0]
    assert (blind[2].recall.share or 0) < (told[2].recall.share or 0)
    assert (told[3].recall.share or 0) > 0.95
    assert told[3].precision.share == 1.0
    again = dict(
        interval_attack(shifted[::-1], listed[::-1], Clues("time", ("code",), shift_days=365), [1, 2, 3], seed=3)
    )
    assert again == told


def test_intervals_that_were_not_kept_match_nobody_for_sure() -> None:
    true = drawn(100, 1)
    jittered = [(patient, code, day + (at * 7919) % 61) for at, (patient, code, day) in enumerate(true)]
    found = dict(interval_attack(table(jittered), table(true), Clues("time", ("code",)), [4], seed=3))
    assert found[4].right <= 2


def test_who_is_not_in_the_table_is_tried_and_not_present() -> None:
    found = dict(
        interval_attack(table([(1, "a", 3), (1, "a", 5)]), table([(2, "a", 4), (2, "a", 6)]), Clues("time"), [2], 1)
    )
    assert (found[2].tried, found[2].present, found[2].claimed, found[2].right) == (1, 0, 1, 0)


@pytest.mark.parametrize("research", [[], [(1, "a", 3)]])
def test_empty_tables_are_no_trouble(research: list[Event]) -> None:
    ((_, found),) = interval_attack(table(research), table([]), Clues("time"), [1], seed=1)
    assert (found.tried, found.precision.share) == (0, None)
    ((_, found),) = interval_attack(table([]), table([(1, "a", 3)]), Clues("time"), [1], seed=1)
    assert (found.tried, found.present, found.claimed) == (1, 0, 0)


@pytest.mark.parametrize(
    ("clues", "known", "said"),
    [
        (Clues("seen"), [1], "no column 'seen'"),
        (Clues("code"), [1], "holds no dates"),
        (Clues("time"), [0], "below 1"),
        (Clues("time", ("colour",)), [1], "no column 'colour'"),
    ],
)
def test_clues_that_are_none_are_refused(clues: Clues, known: list[int], said: str) -> None:
    with pytest.raises(QueryError, match=said):
        interval_attack(table([(1, "a", 1)]), table([(1, "a", 1)]), clues, known, seed=1)
