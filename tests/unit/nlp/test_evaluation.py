"""Scores of spans: strict and by overlap, per label, with intervals, and errors sorted by kind."""

import pytest

from careloom.nlp.corpora import Document
from careloom.nlp.evaluation import Tally, interval, scored

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
    assert (result.strict, result.overlap) == (strict, overlap)
    assert {kind: len(rows) for kind, rows in result.errors.items()} == errors
    assert result.interval is None


def test_labels_add_up_and_may_be_chosen() -> None:
    result = scored([DOCUMENT, DOCUMENT], [GOLD, GOLD[:1]])
    assert sum(result.labels.values(), Tally()) == result.strict == Tally(4, 0, 2)
    assert scored([DOCUMENT], [GOLD[:1]], ["SYMPTOM"]).strict == Tally(1, 0, 0)


def test_an_interval_holds_the_value_and_is_the_same_each_time() -> None:
    tallies = [Tally(8, 1, 1), Tally(3, 3, 2), Tally(9, 0, 1), Tally(5, 2, 0)] * 5
    found = interval(tallies)
    assert found == interval(tallies)
    assert found is not None
    value = sum(tallies, Tally()).f1
    assert value is not None
    assert found[0] < value < found[1]


def test_rates_of_nothing_are_none() -> None:
    assert (Tally().precision, Tally().recall, Tally().f1) == (None, None, None)
    assert interval([Tally(), Tally()]) is None


def test_documents_without_finds_for_each_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        scored([DOCUMENT], [])
