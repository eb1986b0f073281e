"""The trained classifier: what it reads, what it finds without a list, what stays."""

import gzip
import json
import os
from itertools import pairwise
from pathlib import Path

import pytest

from careloom.deid.text import TextScrubber, rule_detectors
from careloom.deid.text_classifier import ClassifierDetector, packaged_tagger, suspect_parts
from careloom.deid.text_combine import combine
from careloom.deid.text_known import NOBODY
from careloom.deid.text_spans import DATE, LOCATION, NAME, ORGANIZATION, Found
from careloom.text.note import Span

DETECTOR = ClassifierDetector()


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Lungs are clear. No edema.", []),
        ("Lungs are clear. Zarnovska called. No edema.", ["Lungs are clear. Zarnovska called."]),
        ("The patient is on Lasix 40 mg daily and Tylenol as needed.", []),
        ("A Foley catheter was placed; no Babinski sign.", []),
        ("HISTORY OF PRESENT ILLNESS:\nNormal sinus rhythm in 2019, 75 bpm.", []),
        ("Call A. B. about the results of the scan that was done in the morning of the day before.", [0]),
        ("seen by kowalczyk today", [0]),
        ("Ref 4711-0815 was closed.", [0]),
        ("He works at Target.", [0]),
        ("", []),
    ],
)
def test_only_sentences_with_a_suspect_word_are_read(text: str, read: list[str | int]) -> None:
    found = [part.of(text) for part in suspect_parts(text)]
    assert found == ([text] if read == [0] else read)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Zarnovska called about the refill.", ["Zarnovska"]),
        ("I told Ebubekir that the scan was fine.", ["Ebubekir"]),
        ("She moved here from Quillanbrook last spring.", ["Quillanbrook"]),
        ("He drives a truck for Brightwater and lives with his sister Oona.", ["Brightwater", "Oona"]),
        ("pt seen w/ her mom jaylee, doing well", ["jaylee"]),
    ],
)
def test_it_finds_what_no_list_knows(text: str, words: list[str]) -> None:
    found = [one.span.of(text) for one in DETECTOR.find(text, NOBODY)]
    assert all(any(word in place for place in found) for word in words), found


@pytest.mark.parametrize(
    "text",
    [
        "Ref " + "12345" * 2000 + " was closed by Zarnovska.",  # more digits than Python reads as a number
        "Ratio 2019\u00b9\u00b2 in the note of Zarnovska.",  # digits that are no number
        "was " * 26 + "\n" + f"{'q7x9z' * 12} " * 2 + f"ran by Zarnovska. {'q7x9z' * 12}",  # words of sixty pieces
    ],
)
def test_no_text_stops_it(text: str) -> None:
    found = [one.span.of(text) for one in ClassifierDetector(gated=False).find(text, NOBODY)]
    assert any("Zarnovska" in place for place in found), found
    assert DETECTOR.find(text, NOBODY)


@pytest.mark.parametrize(
    "text",
    [
        "Parkinson disease is stable, no Crohn's disease.",
        "Started Coumadin bridge with Lovenox; Lipitor continued.",
        "MRI shows T2 hyperintensity at L4-L5, unchanged since 2019.",
        "WBC 7.4, Hgb 13.2, BP 120/80 at 08:15.",
    ],
)
def test_what_identifies_nobody_stays(text: str) -> None:
    assert [one.span.of(text) for one in DETECTOR.find(text, NOBODY)] == []


def test_a_day_and_month_with_a_dot_go_though_they_look_like_a_time() -> None:
    text = "Ms Zarnovska was seen on 12.05 and again later, with a glucose of 10.30 mmol/l."
    assert [one.span.of(text) for one in DETECTOR.find(text, NOBODY) if one.label == DATE] == ["12.05"]


def test_scores_are_probabilities_and_spans_are_disjoint() -> None:
    text = "Dear Dr. Zarnovska,\n\nthank you for Oona Brightwater (MRN 4711-0815) of 17 Quill Lane, Ebbsworth."
    found = DETECTOR.find(text, NOBODY)
    assert all(0.4 <= one.score <= 1 for one in found)
    assert all(a.span.end <= b.span.start for a, b in pairwise(found))


def test_the_model_tells_how_it_was_made() -> None:
    card = packaged_tagger().card
    assert card["command"].startswith("python -m tools.train_deid_classifier")
    assert card["base"]["licence"] == "Apache-2.0"


def found(text: str, words: str, label: str, detector: str, score: float = 0.9) -> Found:
    start = text.index(words)
    return Found(Span(start, start + len(words)), label, detector, score)


def test_the_model_says_where_places_end_and_nothing_of_the_rules_is_lost() -> None:
    text = "Lives at 450 Oak Lane, Ebbsworth with Oona Maria Lee."
    joined = combine(
        text,
        [
            found(text, "450 Oak Lane, Ebbsworth", LOCATION, "places"),
            found(text, "450 Oak Lane", LOCATION, "classifier"),
            found(text, "Ebbsworth", LOCATION, "classifier"),
            found(text, "Oona Maria Lee", NAME, "names"),
            found(text, "Maria", NAME, "classifier"),
        ],
    )
    assert [(one.label, one.span.of(text)) for one in joined] == [
        (LOCATION, "450 Oak Lane"), (LOCATION, "Ebbsworth"), (NAME, "Oona Maria Lee"),
    ]  # fmt: skip


def test_what_the_record_knows_and_dates_keep_their_own_ends() -> None:
    text = "Oona Lee came on May 3, 2021 to Mercy."
    joined = combine(
        text,
        [
            found(text, "Oona Lee", NAME, "record", 1.0),
            found(text, "Oona", ORGANIZATION, "classifier"),
            found(text, "May 3, 2021", DATE, "dates"),
            found(text, "May", NAME, "classifier"),
        ],
    )
    assert [(one.label, one.span.of(text)) for one in joined] == [(NAME, "Oona Lee"), (DATE, "May 3, 2021")]


def test_with_it_more_is_found_in_notes_of_others() -> None:
    """Sentences of presidio-research of templates that nobody developed on."""
    suites = os.environ.get("CARELOOM_SUITES")
    if not suites:
        pytest.skip("CARELOOM_SUITES is not set")
    from tools.measure_text_deid import LABELS
    from tools.text_deid_scores import is_reported, is_year, score

    with (Path(suites) / "phi_presidio_synth/synth_v2.jsonl").open(encoding="utf-8") as lines:
        told = [row for row in map(json.loads, lines) if is_reported(row["template_id"])]
    rows = [(row["text"], [(s["start"], s["end"], LABELS.get(s["label"], "")) for s in row["spans"]]) for row in told]
    without = score(rows[:200], TextScrubber(rule_detectors()).find, is_year)
    with_it = score(rows[:200], TextScrubber([*rule_detectors(), DETECTOR]).find, is_year)
    assert with_it.recall() > without.recall() + 0.03
    assert with_it.recall() > 0.94


def test_clinical_prose_costs_little() -> None:
    """At most a quarter of other people's notes has to be read."""
    suites = os.environ.get("CARELOOM_SUITES")
    if not suites:
        pytest.skip("CARELOOM_SUITES is not set")
    with gzip.open(Path(suites) / "mtsamples/notes.jsonl.gz", "rt", encoding="utf-8") as lines:
        notes = [json.loads(next(lines))["text"] for _ in range(150)]
    read = sum(len(part) for note in notes for part in suspect_parts(note))
    assert read < sum(map(len, notes)) / 4
