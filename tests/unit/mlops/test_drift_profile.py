"""A profile holds counts, none of them small, and codes rows as it coded its own."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careloom.errors import FormatError, InputError
from careloom.mlops.drift import PredictionWindow, judge
from careloom.mlops.drift_measures import Apart, apart, bounded
from careloom.mlops.drift_profile import MISSING, OTHER, OUTSIDE, SMALLEST, Profile, fillings, make_profile, nearest
from careloom.mlops.drift_thresholds import shipped
from careloom.tables.schema import SchemaMismatch
from tests.unit.mlops.drift_kit import FEATURES, profiled, rows, scores_of


def test_a_profile_comes_back_from_its_file_and_keeps_its_digest() -> None:
    made = profiled()
    again = Profile.read(made.as_json())
    assert again == made
    assert again.digest == made.digest
    assert len(made.digest) == 32


def test_numbers_fall_into_tenths_and_every_kind_of_trouble_has_a_code() -> None:
    made = profiled()
    frame = pl.DataFrame(
        {
            "glucose": [None, 6.1, 999.0, float("nan"), 110.0],
            "sex": ["female", None, "unheard", "male", "male"],
            "smoker": [True, False, None, True, False],
        }
    )
    codes = made.bins(frame)
    assert codes[:4, 0].tolist() == [MISSING, OUTSIDE, OUTSIDE, OUTSIDE]
    assert 0 < codes[4, 0] < 9
    assert codes[:, 1].tolist() == [0, MISSING, OTHER, 1, 1]
    assert codes[:, 2].tolist() == [1, 0, MISSING, 1, 0]
    tenths = np.array(made.columns[0].counts[:10])
    assert tenths.size == len(made.columns[0].edges) + 1 == 10
    assert (np.abs(tenths - tenths.mean()) < 0.1 * tenths.mean()).all()


def test_one_row_is_coded_as_it_is_among_many() -> None:
    made, frame = profiled(), rows(40, 3)
    assert np.vstack([made.bins(frame[at]) for at in range(40)]).tolist() == made.bins(frame).tolist()


@given(st.lists(st.sampled_from(["a", "b", "c", "d", "rare", None]), min_size=100, max_size=160), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_no_count_of_a_profile_is_small(levels: list[str | None], seed: int) -> None:
    draw = np.random.default_rng(seed)
    numbers = draw.choice([1.0, 2.0, 3.0, 250.0], len(levels), p=[0.7, 0.2, 0.08, 0.02])
    frame = pl.DataFrame({"level": pl.Series(levels, dtype=pl.String), "number": numbers})
    outcomes = draw.random(len(levels)) < 0.1
    told = [{"name": "level", "type": "code"}, {"name": "number", "type": "number"}]
    made = make_profile(frame, told, draw.random(len(levels)), outcomes, threshold=0.5, groups=frame.select("level"))
    counts = [count for one in made.columns for count in one.counts] + list(made.scores.counts)
    counts += [count for groups in made.scores.groups.values() for count in groups.values()]
    for groups in made.scores.judged.values():
        counts += [part for tally in groups.values() for part in (tally.events, tally.rows - tally.events)]
    if made.scores.whole is not None:
        counts += [made.scores.whole.events, made.scores.whole.rows - made.scores.whole.events]
    if made.scores.alerts is not None and made.scores.hits is not None:
        counts += [made.scores.hits, made.scores.alerts - made.scores.hits]
    assert all(count == 0 or count >= SMALLEST for count in counts)


def test_a_value_that_fills_most_rows_has_a_bin_alone() -> None:
    numbers = np.concatenate((np.zeros(800), np.arange(1, 201)))
    frame = pl.DataFrame({"visits": numbers})
    made = make_profile(frame, [{"name": "visits", "type": "number"}], np.full(1000, 0.5))
    assert made.columns[0].counts[0] == 800
    assert made.bins(pl.DataFrame({"visits": [0.0, 1.0]}))[:, 0].tolist() == [0, 1]


def test_what_makes_no_profile_is_refused() -> None:
    frame = rows(200, 1)
    with pytest.raises(InputError):
        make_profile(frame.head(99), FEATURES, scores_of(frame.head(99)))
    with pytest.raises(InputError):
        make_profile(frame, FEATURES, scores_of(frame) + 1)
    with pytest.raises(SchemaMismatch):
        make_profile(frame.drop("sex"), FEATURES, scores_of(frame))
    made = profiled()
    with pytest.raises(SchemaMismatch):
        made.bins(frame.drop("glucose"))
    with pytest.raises(SchemaMismatch):
        made.bins(frame.with_columns(glucose=pl.lit("high")))


@pytest.mark.parametrize("raw", [b"{", b"{}", b'{"format": 2}', b"[]"], ids=["no JSON", "empty", "format", "list"])
def test_a_file_that_is_no_profile_is_refused(raw: bytes) -> None:
    with pytest.raises(FormatError):
        Profile.read(raw)


@pytest.mark.parametrize("size", [120, 300])
def test_what_a_small_profile_suppresses_is_unknown_and_no_drift(size: int) -> None:
    draw, features = np.random.default_rng(7), [{"name": "level", "type": "code"}, {"name": "number", "type": "number"}]

    def drawn(count: int) -> tuple[pl.DataFrame, np.ndarray]:
        number = pl.Series(np.where(draw.random(count) < 0.06, np.nan, draw.normal(size=count))).fill_nan(None)
        level = draw.choice(list("abcde"), count, p=[0.6, 0.325, 0.025, 0.025, 0.025])
        return pl.DataFrame({"level": level, "number": number}), 1 / (1 + np.exp(2 - draw.normal(size=count)))

    alarms = 0
    for _ in range(60):
        profile = make_profile(drawn(size)[0], features, drawn(size)[1])
        frame, scores = drawn(1000)
        told = PredictionWindow(profile.bins(frame), scores, scores >= 2, np.full(1000, -1, dtype=np.int8))
        alarms += any(one.is_alarm for one in judge(profile, told, told, shipped()))
    assert alarms <= 1


def test_a_cell_that_no_row_can_lie_in_is_none_and_a_hidden_one_is_at_most_ten() -> None:
    assert nearest(100, (60, 40, 0), [500, 300, 200]).tolist() == [60, 40, 0]
    assert nearest(100, (60, 35, 0), [500, 300, 200]).tolist() == [60, 35, 5]
    assert nearest(100, (60, 20, 0, 0), [500, 300, 200, 10]).tolist() == [60, 20, 10, pytest.approx(100 / 101)]


@pytest.mark.parametrize(
    ("rows", "counts", "window", "holds", "ways"),
    [
        (100, (60, 40, 0, 0), [500, 300, 200, 0], None, [(60, 40, 0, 0)]),
        (98, (60, 36, 0, 0), [60, 36, 2, 0], None, [(60, 36, 2, 0), (60, 36, 1, 1), (60, 36, 0, 2)]),
        (98, (60, 36, 0, 0), [60, 36, 2, 0], [True, True, False, True], [(60, 36, 0, 2)]),
        (115, (60, 36, 0, 0), [60, 36, 9, 0], None, [(60, 36, 10, 9), (60, 36, 9, 10)]),
        (85, (60, 0, 0, 0), [60, 0, 5, 30], None,
         [(60, 0, pytest.approx(85 / 19), 10), (60, 10, 10, 5), (60, 5, 10, 10)]),
    ],
    ids=["none", "two cells", "one cell can", "both are at least nine", "three cells"],
)  # fmt: skip
def test_what_is_suppressed_lies_in_the_cells_that_may_hide_it(
    rows: int, counts: tuple[int, ...], window: list[int], holds: list[bool] | None, ways: list[tuple[float, ...]]
) -> None:
    found = [tuple(one) for one in fillings(rows, counts, window, holds)]
    assert found == ways


@given(
    st.lists(st.integers(SMALLEST, 400), min_size=1, max_size=6), st.integers(0, 10), st.integers(0, 10),
    st.lists(st.integers(0, 300), min_size=8, max_size=8),
)  # fmt: skip
@settings(max_examples=80, deadline=None)
def test_bounds_hold_whatever_was_suppressed(plain: list[int], outside: int, missing: int, drawn: list[int]) -> None:
    now = np.array([*drawn[: len(plain)], *drawn[-2:]], dtype=float)
    rows, counts = sum(plain) + outside + missing, (*plain, 0, 0)

    def seen(before: np.ndarray) -> Apart:
        return apart(before, now, ordered=False)

    true, told = seen(np.array([*plain, outside, missing], dtype=float)), fillings(rows, counts, now)
    sure = bounded([seen(one) for one in told])
    assert sure.psi <= true.psi <= true.most <= sure.most
    assert sure.js <= true.js
    assert sure.p >= true.p


@pytest.mark.parametrize("gaps", [0, 4, 9])
@pytest.mark.parametrize("share", [0.022, 0.027, 0.034])
def test_a_gap_that_opens_is_found_though_a_few_gaps_of_before_were_suppressed(gaps: int, share: float) -> None:
    draw = np.random.default_rng(3)

    def drawn(count: int, missing: int) -> tuple[pl.DataFrame, np.ndarray]:
        urea = draw.gamma(4, size=count)
        urea[:missing] = np.nan
        return pl.DataFrame({"urea": pl.Series(urea).fill_nan(None)}), draw.random(count)

    frame, scores = drawn(4860, gaps)
    profile = make_profile(frame, [{"name": "urea", "type": "number"}], scores)
    assert profile.columns[0].counts[-1] == 0
    frame, scores = drawn(1000, int(1000 * share))
    told = PredictionWindow(profile.bins(frame), scores, scores >= 2, np.full(1000, -1, dtype=np.int8))
    assert [(one.kind, one.place) for one in judge(profile, told, told, shipped()) if one.is_alarm] == [
        ("missing", "urea")
    ]


def test_a_profile_of_few_rows_is_taken_as_the_sample_that_it_is() -> None:
    draw, features, alarms = np.random.default_rng(11), [{"name": "level", "type": "code"}], 0
    names, shares = [f"level {number}" for number in range(12)], np.array([0.6, 0.2] + [0.02] * 10)
    for _ in range(60):
        frame = pl.DataFrame({"level": draw.choice(names, 150, p=shares)})
        profile = make_profile(frame, features, draw.random(150))
        now, scores = pl.DataFrame({"level": draw.choice(names, 1000, p=shares)}), draw.random(1000)
        told = PredictionWindow(profile.bins(now), scores, scores >= 2, np.full(1000, -1, dtype=np.int8))
        alarms += any(one.is_alarm for one in judge(profile, told, told, shipped()))
    assert alarms <= 1
