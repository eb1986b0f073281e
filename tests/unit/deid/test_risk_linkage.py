from datetime import date, timedelta
from math import log2

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.deid.risk_linkage import Attack, Known, damaged, linkage_attack
from careloom.errors import QueryError

KINDS = {"person": pl.Int64, "birth": pl.Int64, "zip": pl.String}
ROWS = st.lists(st.tuples(st.integers(1950, 1954) | st.none(), st.sampled_from("abc") | st.none()), max_size=12)
KNOWN = [Known("birth", error=0.1, near=1), Known("zip", error=0.05)]


def table(rows: list[tuple[int | None, str | None]], first: int = 0) -> pl.DataFrame:
    return pl.DataFrame([(first + at, *row) for at, row in enumerate(rows)], schema=KINDS, orient="row")


def slow(research: pl.DataFrame, identified: pl.DataFrame) -> tuple[int, int, int, float]:
    """(present, claimed, right, guessed) by scoring each pair alone."""
    present = claimed = right = 0
    guessed = 0.0
    records = research.rows()
    for person, birth, zip_ in identified.rows():
        scores = []
        for _, their_birth, their_zip in records:
            births = [each[1] for each in records]
            zips = [each[2] for each in records]
            score = 0.0
            if birth is not None and their_birth is not None:
                gap = min(2, abs(birth - their_birth))
                chance = (0.9, 0.08, 0.02)[gap]
                alike = sum(1 for each in births if each is not None and min(2, abs(birth - each)) == gap)
                score += log2(chance * len(records) / alike)
            if zip_ is not None and their_zip is not None:
                chance = 0.95 if zip_ == their_zip else 0.05
                alike = sum(1 for each in zips if each is not None and (each == zip_) == (their_zip == zip_))
                score += log2(chance * len(records) / alike)
            scores.append(score)
        best = [records[at][0] for at, score in enumerate(scores) if score >= max(scores) - 1e-9]
        present += person in [each[0] for each in records]
        claimed += len(best) == 1
        right += best == [person]
        guessed += 1 / len(best) if person in best else 0
    return present, claimed, right, guessed


@given(ROWS, ROWS, st.integers(0, 6))
def test_the_attack_finds_whom_scoring_each_pair_finds(
    rows: list[tuple[int | None, str | None]], others: list[tuple[int | None, str | None]], first: int
) -> None:
    research, identified = table(rows), table(others, first)
    found = linkage_attack(research, identified, KNOWN, seed=1)
    present, claimed, right, guessed = slow(research, identified)
    assert (found.tried, found.present, found.claimed, found.right) == (len(others), present, claimed, right)
    assert found.guessed == (pytest.approx(guessed / present) if present else None)


def people(count: int, seed: int) -> pl.DataFrame:
    generator = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "person": np.arange(count),
            "birth": [date(1940, 1, 1) + timedelta(days=int(day)) for day in generator.integers(0, 20_000, count)],
            "zip": [f"{each:05d}" for each in generator.integers(0, 50, count)],
        }
    )


def attack(research: pl.DataFrame, known: list[Known]) -> Attack:
    return linkage_attack(research, damaged(people(2_000, 3), known, seed=4), known, seed=5)


def test_what_is_known_exactly_and_is_unique_finds_everybody() -> None:
    found = attack(people(2_000, 3), [Known("birth", error=0.0), Known("zip", error=0.0)])
    assert (found.precision.share, found.chance) == (1.0, 1 / 2_000)
    assert (found.recall.share or 0) > 0.99


def test_errors_and_gaps_make_the_attack_worse_and_near_values_help_it() -> None:
    exact = attack(people(2_000, 3), [Known("birth", error=0.3, missing=0.1), Known("zip", error=0.1)])
    near = attack(people(2_000, 3), [Known("birth", error=0.3, missing=0.1, near=10), Known("zip", error=0.1)])
    assert 0.5 < (exact.recall.share or 0) < (near.recall.share or 0) < 0.95


def test_people_who_are_not_in_the_table_cost_precision_not_recall() -> None:
    half = people(2_000, 3).filter(pl.col("person") % 2 == 0)
    found = attack(half, [Known("birth", error=0.0), Known("zip", error=0.0)])
    assert found.present == pytest.approx(500, abs=60)
    assert (found.recall.share or 0) > 0.98
    assert found.claimed > found.present
    assert found.precision.share == found.right / found.claimed < 1


def test_a_table_in_which_all_are_alike_leaves_only_chance() -> None:
    same = table([(1950, "a")] * 20)
    found = linkage_attack(same, same, KNOWN, seed=1)
    assert (found.claimed, found.recall.share) == (0, 0.0)
    assert (found.guessed, found.chance) == (pytest.approx(1 / 20), 1 / 20)


def test_an_empty_table_finds_nobody() -> None:
    found = linkage_attack(table([]), table([(1950, "a")]), KNOWN, seed=1)
    assert (found.tried, found.claimed, found.precision.share, found.guessed, found.chance) == (1, 0, None, None, None)


def test_damage_is_as_heavy_as_said_and_keeps_the_rest() -> None:
    whole = people(20_000, 1)
    known = [Known("birth", error=0.2, missing=0.1, near=3), Known("zip", error=0.1)]
    hurt = damaged(whole, known, seed=2)
    assert hurt.equals(damaged(whole, known, seed=2))
    assert hurt["birth"].null_count() / 20_000 == pytest.approx(0.1, abs=0.01)
    off = (hurt["birth"] - whole["birth"]).dt.total_days().drop_nulls().abs()
    assert (off > 0).sum() / off.len() == pytest.approx(0.2, abs=0.01)
    assert ((off > 0) & (off <= 3)).sum() / (off > 0).sum() == pytest.approx(0.8, abs=0.02)
    assert (hurt["zip"] != whole["zip"]).sum() / 20_000 == pytest.approx(0.1 * 49 / 50, abs=0.01)
    assert hurt.schema == whole.schema


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ([], "none is named"),
        ([Known("shoe_size")], "shoe_size"),
        ([Known("zip", near=1)], "nothing is near"),
    ],
)
def test_what_cannot_be_known_is_refused(known: list[Known], said: str) -> None:
    with pytest.raises(QueryError, match=said):
        linkage_attack(table([(1950, "a")]), table([(1950, "a")]), known, seed=1)


def test_two_forms_of_one_column_are_refused() -> None:
    with pytest.raises(QueryError, match="two types"):
        linkage_attack(table([(1950, "a")]), table([(1950, "a")]).cast({"birth": pl.String}), [Known("birth")], seed=1)


@pytest.mark.parametrize("wrong", [{"error": 1.0}, {"missing": 1.1}, {"near": 0}])
def test_knowledge_outside_its_range_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(QueryError, match="'zip'"):
        Known("zip", **wrong)
