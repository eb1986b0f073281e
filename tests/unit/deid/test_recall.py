"""Identifiers planted in copies of notes: where they stand is known, so recall can be counted."""

from careloom.deid.recall import MOST_NOTES, PLANTS, Recall, planted
from careloom.deid.surrogates import Draw
from careloom.deid.text import TextScrubber
from careloom.deid.text_known import NOBODY
from careloom.deid.text_spans import LETTERS

KEY = bytes(range(32))
NOTE = (
    "Chief complaint: pain on exertion since two weeks. No dyspnea at rest.\n"
    "Plan: metoprolol 25 mg twice daily. Return if pain at rest."
)
SCRUBBER = TextScrubber()
NOTHING = TextScrubber([])


def offered(run: str = "run", notes: int = 1, of: int = 1, scrubber: TextScrubber = NOTHING) -> Recall:
    recall = Recall(KEY, run, of)
    for number in range(notes):
        recall.offer(f"n{number}", NOTE, NOBODY, scrubber)
    return recall


def test_what_is_planted_stands_where_it_is_said_between_the_sentences_of_the_note() -> None:
    copy, plants = planted(NOTE, Draw(KEY, "n"), len(PLANTS))
    assert sorted(label for label, _ in plants) == sorted(PLANTS)
    assert all(label in LETTERS for label in PLANTS)
    bare = copy
    for _, span in sorted(plants, key=lambda one: -one[1].start):
        assert span.of(copy).strip() == span.of(copy) != ""
        bare = bare[: span.start] + bare[span.end :]
    assert not [span.of(copy) for label, span in plants if label != "AGE_OVER_89" and span.of(copy) in NOTE]
    assert "metoprolol 25 mg twice daily." in bare


def test_the_same_key_run_and_note_plant_the_same_and_another_run_others() -> None:
    same = [planted(NOTE, Draw(KEY, f"recall/{run}/n"), 5) for run in ("a", "a", "b")]
    assert same[0] == same[1] != same[2]


def test_no_more_than_so_many_notes_are_read_and_few_notes_carry_every_label() -> None:
    many = offered(notes=3 * MOST_NOTES, of=3 * MOST_NOTES)
    assert MOST_NOTES // 2 < many.read <= MOST_NOTES
    assert many.planted.total() == 4 * many.read
    assert set(offered().planted) == set(PLANTS)
    assert Recall(KEY, "run", 0).as_json() is None


def test_detectors_that_find_nothing_have_a_recall_of_nothing_and_the_rules_a_high_one() -> None:
    blind = offered(notes=5).as_json()
    assert blind is not None
    assert (blind["found"], blind["recall"], blind["low"]) == (0, 0, 0)
    assert blind["high"] < 0.06
    seeing = offered(notes=20, scrubber=SCRUBBER).as_json()
    assert seeing is not None
    assert seeing["planted"] == 20 * len(PLANTS) == sum(row["planted"] for row in seeing["by_label"])
    assert seeing["low"] > 0.95
    assert seeing["low"] < seeing["recall"] <= seeing["high"] <= 1
