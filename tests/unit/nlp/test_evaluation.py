"""Scores of spans: strict and by overlap, per label, with intervals, and errors sorted by kind."""

import pytest

from careloom.nlp.corpora import Document
from careloom.nlp.evaluation import (
    EXAMPLES,
    Scores,
    Shares,
    Tally,
    counts,
    interval,
    joined,
    keep,
    of_labels,
    of_sets,
    scored,
)

TEXT = "no chest pain on metformin 500 mg"
GOLD = ((3, 13, "SYMPTOM"), (17, 26, "MEDICATION"), (27, 33, "DOSAGE"))
DOCUMENT = Document("a", TEXT, GOLD)


@pytest.mark.parametrize(
    ("found", "strict", "overlap", "errors"),
    [
        (GOLD, Tally(3, 0, 0), Tally(3, 0, 0), {}),
        ((), Tally(0, 0, 3), Tally(0, 0, 3), {"missed": 3}),
        (((9, 13, "SYMPTOM"), *GOLD[1:]), Tally(2, 1, 1), Tally(3, 0, 0), {"borders": 1}),
        (((3, 13, "PROBLEM"), *GOLD[1:]), Tally(2, 1, 1), Tally(2, 1, 1), {"label": 1}),
        (((9, 13, "PROBLEM"), *GOLD[1:]), Tally(2, 1, 1), Tally(2, 1, 1), {"borders and label": 1}),
        (((0, 2, "SYMPTOM"), *GOLD), Tally(3, 1, 0), Tally(3, 1, 0), {"spurious": 1}),
        (((3, 8, "SYMPTOM"), (9, 13, "SYMPTOM"), *GOLD[1:]), Tally(2, 2, 1), Tally(3, 1, 0), {"borders": 2}),
    ],
)
def test_finds_are_counted_and_errors_are_told_apart(
    found: tuple[tuple[int, int, str], ...], strict: Tally, overlap: Tally, errors: dict[str, int]
) -> None:
    result = scored([DOCUMENT], [found])
    assert (result.strict.total, result.overlap.total) == (strict, overlap)
    assert {kind: len(rows) for kind, rows in result.errors.items()} == errors
    assert result.strict.interval is None


def test_labels_add_up_and_may_be_chosen() -> None:
    strict = scored([DOCUMENT, DOCUMENT], [GOLD, GOLD[:1]]).strict
    assert sum(strict.labels.values(), Tally()) == strict.total == Tally(4, 0, 2)
    assert list(strict.labels) == ["DOSAGE", "MEDICATION", "SYMPTOM"]
    assert scored([DOCUMENT], [GOLD[:1]], ["SYMPTOM"]).strict.total == Tally(1, 0, 0)


def test_an_interval_holds_the_value_and_is_the_same_each_time() -> None:
    scores = Scores(tuple({"A": one} for one in [Tally(8, 1, 1), Tally(3, 3, 2), Tally(9, 0, 1), Tally(5, 2, 0)] * 5))
    assert scores.interval == scores.interval_of("A") == scores.interval
    assert scores.interval is not None
    assert scores.interval[0] < (scores.total.f1 or 0) < scores.interval[1]
    assert scores.interval_of("B") is None


def test_a_share_is_a_ratio_of_sums() -> None:
    shares = Shares(((1, 2), (3, 3), (0, 0), (0, 5)))
    assert (shares.value, shares.of) == (0.4, 10)
    assert shares.interval is not None
    assert shares.interval[0] <= 0.4 <= shares.interval[1]
    assert (Shares(()).value, Shares(()).interval, Shares(((1, 2),)).interval) == (None, None, None)


def test_documents_without_anything_to_count_have_no_interval() -> None:
    assert interval([(0, 0), (0, 0)]) is None
    assert interval([(1, 1), (0, 0)]) is None
    assert interval([(1, 1), (1, 1)]) == (1, 1)


def test_rates_of_nothing_are_none() -> None:
    assert (Tally().precision, Tally().recall, Tally().f1) == (None, None, None)
    assert Scores(()).as_json()["all"]["f1"] is None


def test_counts_of_labels_sets_and_things() -> None:
    assert counts(["A", "A", "B"], ["A", "C"], ["A"]) == {"A": Tally(1, 0, 1), "B": Tally(0, 0, 1), "C": Tally(0, 1)}
    assert of_sets({("A", 1), ("A", 2)}, {("A", 2), ("A", 3)}) == {"A": Tally(1, 1, 1)}
    assert of_labels("A", "B") == {"A": Tally(0, 0, 1), "B": Tally(0, 1, 0)}
    assert of_labels("A", "A") == {"A": Tally(1)}
    assert of_labels("", "") == {}
    assert joined([of_labels("A", "A"), of_labels("A", "")]) == {"A": Tally(1, 0, 1)}


def test_of_each_kind_of_error_some_are_kept() -> None:
    errors: dict[str, list[tuple[str, int, int, str, str]]] = {}
    for number in range(2 * EXAMPLES):
        keep(errors, "missed", (str(number), 0, 1, "A", ""))
    assert len(errors["missed"]) == EXAMPLES


def test_documents_without_finds_for_each_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        scored([DOCUMENT], [])
