"""Tokens and sentences: offsets stay true, clinical layout is understood."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.text.sentences import sentences
from careloom.text.tokens import tokens
from tests.growth import refuse_worse_than_linear

TOKENS = [
    ("Patient denies pain.", "Patient|denies|pain|."),
    ("BP 120/80, T 37.5", "BP|120|/|80|,|T|37.5"),
    ("5mg b.i.d. p.o.", "5|mg|b.i.d.|p.o."),
    ("doesn't O’Neill's", "doesn't|O’Neill's"),
    ("C5-C6 1,200.50", "C|5|-|C|6|1,200.50"),
    ("a\u0323b", "a\u0323b"),
    ("naïve Ärztin", "naïve|Ärztin"),
    ("'quoted'", "'|quoted|'"),
    ("", ""),
]


@pytest.mark.parametrize(("text", "expected"), TOKENS)
def test_tokens(text: str, expected: str) -> None:
    assert "|".join(token.span.of(text) for token in tokens(text)) == expected


@given(st.text())
def test_tokens_are_disjoint_and_leave_out_only_white_space(text: str) -> None:
    at = 0
    for token in tokens(text):
        assert token.span.start >= at
        assert text[at : token.span.start].strip() == ""
        assert len(token.span) > 0
        at = token.span.end
    assert text[at:].strip() == ""


SENTENCES = [  # | marks where one sentence ends and the next begins
    "He fell. |She called.",
    "Seen by Dr. Smith today. |Stable.",
    "Takes 0.5 mg b.i.d. with food. |No pain.",
    "Weight 70.5 kg. |Height 1.80 m.",
    "Really? |Yes! |Ok.",
    'He said "stop." |She left.',
    "Given 5 mg p.o. q.d. for pain. |Next.",
    "No. 5 was removed. |Done.",
    "Seen by J. Smith. |Ok.",
    "Allergies:|\nPenicillin\n|Codeine",
    "HISTORY OF PRESENT ILLNESS|\nThe patient is a 50-year-old man.",
    "1. Aspirin 81 mg\n|2. Metoprolol 25 mg\n|3. Lisinopril",
    "- fever\n|- cough",
    "The patient was admitted with a long history of chest\npain and was treated with aspirin. |He improved",
    "First paragraph\n\n|second paragraph",
    "Vitals: BP 120/80. |HR 80.",
    "CHIEF COMPLAINT: Pain.\n|PAST HISTORY: None.",
    "Short line\n|Another short line of the same note that is clearly much longer than it",
    "Pain etc. |Then he left.",
    "pH 7.35 vs. 7.40 before",
    "Resp: clear, no wheeze\n|abd: soft, no guarding, rebound\n|ext: warm, no edema",
    "neuro     : [x] headache  [ ] denies falls\n|mind      : [ ] denies worry",
    "creatinine     1.11   mg/dL\n|calcium        9.6    mg/dL",
    "## ROS Checklist\n|general findings were none",
    "white cells; 8.4; x10^3/uL; normal\n|hemoglobin; 14.5; g/dL; normal",
]


@pytest.mark.parametrize("marked", SENTENCES)
def test_sentences(marked: str) -> None:
    text = marked.replace("|", "")
    assert [span.of(text) for span in sentences(text)] == [part.strip() for part in marked.split("|")]


def test_rows_between_bars_are_sentences_of_their_own() -> None:
    text = "lisinopril | 10 mg | daily\naspirin | 81 mg | daily"
    assert [span.of(text) for span in sentences(text)] == text.split("\n")


@given(st.text(st.sampled_from("aA .!?:-1\n\t\"'()*") | st.characters(blacklist_categories=["Cs"]), max_size=80))
def test_sentences_are_disjoint_and_leave_out_only_white_space(text: str) -> None:
    at = 0
    for span in sentences(text):
        assert span.start >= at
        assert text[at : span.start].strip() == ""
        assert span.of(text) == span.of(text).strip() != ""
        at = span.end
    assert text[at:].strip() == ""


@pytest.mark.parametrize("hostile", [". ", ".", "A", "A:", "\n", "-"])
def test_hostile_text_takes_no_more_than_linear_time(hostile: str) -> None:
    def read(text: str) -> None:
        sentences(text)
        tokens(text)

    refuse_worse_than_linear(read, lambda size: hostile * (size // len(hostile)), 10_000)
