"""Tone: tables of sentences, then what holds whatever the text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.nlp.labels import TONE
from careloom.nlp.tone import Tone, tone_of
from careloom.text.note import AnnotatedNote, Note

COMPONENT = Tone()
TABLE = """
She is very anxious about the surgery. | SENTIMENT negative
He feels terrible today. | SENTIMENT negative
Patient reports feeling hopeless and tearful. | SENTIMENT negative
He is not happy with the result. | SENTIMENT negative
She cannot take it anymore. | SENTIMENT negative
She is pleased with her weight loss. | SENTIMENT positive
He says he feels much better today. | SENTIMENT positive
He is in good spirits. | SENTIMENT positive
He denies feeling sad or hopeless. |
She is not anxious today. |
ST depression in the lateral leads. |
A depressed skull fracture was seen. |
Her mother was worried about the rash. |
Low anterior resection was performed. |
He complains of severe back pain. | PAIN present
Mild tenderness over the right knee. | PAIN present
She has a throbbing headache. | PAIN present
Denies chest or abdominal pain. | PAIN absent
No nausea, vomiting or abdominal pain. | PAIN absent
Abdomen soft, nontender. | PAIN absent
The pain has resolved. | PAIN absent
Pain 0/10. | PAIN absent
Call if you have severe pain. |
Ibuprofen as needed for pain. |
Referred to the pain clinic. |
He is drug seeking. | STANCE stigmatizing
This frequent flyer presents again. | STANCE stigmatizing
Noncompliant with insulin. | STANCE stigmatizing
The patient refuses to take his medications. | STANCE stigmatizing
She is a heroin addict. | STANCE stigmatizing
He was belligerent. | STANCE stigmatizing
She is a poor historian. | STANCE stigmatizing
He claims that he took his medication. | STANCE doubting
She insists that she has an allergy. | STANCE doubting
Patient reportedly fell. | STANCE doubting
He states that he "lost" his prescription. | STANCE doubting
Her story does not add up. | STANCE doubting
She is a pleasant 67-year-old woman. | STANCE positive
He is compliant with all of his medications. | STANCE positive
Patient is an excellent historian. | STANCE positive
The patient was argumentative, although a pleasant man before. | STANCE positive,stigmatizing
She declined the vaccine. |
He has opioid use disorder. |
Lung compliance was poor. |
Insurance claims were submitted. |
She has maintained her weight. |
If the patient refuses, repeat the offer. |
She failed to progress in labor. |
Aggressive hydration was started. |
He takes "baby aspirin" daily. |
"""
ROWS = [tuple(part.strip() for part in line.split("|")) for line in TABLE.strip().split("\n")]


@pytest.mark.parametrize(("sentence", "expected"), ROWS)
def test_a_sentence_has_its_tone(sentence: str, expected: str) -> None:
    assert tone_of(sentence) == (dict([expected.split(" ", 1)]) if expected else {})


@pytest.mark.parametrize(
    ("sentence", "score", "severity"),
    [
        ("Pain is rated 7/10.", "7", ""),
        ("Severe abdominal pain, 8 out of 10.", "8", "severe"),
        ("Pain score: 3", "3", ""),
        ("Currently rates his pain as a 5.", "5", ""),
        ("Mild back pain for 3 days.", "", "mild"),
        ("Knee pain, strength 4/5.", "", ""),
    ],
)
def test_pain_has_its_score_and_severity(sentence: str, score: str, severity: str) -> None:
    (one,) = COMPONENT.read(AnnotatedNote(Note("n", sentence))).annotations
    assert (one.attributes.get("score", ""), one.attributes.get("severity", "")) == (score, severity)


def test_the_category_of_a_stance_is_told() -> None:
    (one,) = COMPONENT.read(AnnotatedNote(Note("n", "He is a frequent flyer."))).annotations
    assert dict(one.attributes) == {"value": "stigmatizing", "category": "difficult patient"}
    assert one.text == "frequent flyer"


@given(st.lists(st.sampled_from([row[0] for row in ROWS] + ["", "🙂", '"', "pain", "\n"]), max_size=8))
def test_spans_are_those_of_the_text(parts: list[str]) -> None:
    text = " \n".join(parts)
    read = COMPONENT.read(AnnotatedNote(Note("n", text)))
    for one in read.annotations:
        assert one.text == one.span.of(text)
        assert one.text
        assert one.label in TONE
    assert read.readers == {"tone": COMPONENT.version}


def test_a_word_for_race_or_sex_changes_nothing() -> None:
    for sentence, _ in ROWS:
        for word in ("Black", "white", "Hispanic", "female"):
            assert tone_of(f"This is a {word} person. {sentence}") == tone_of(f"This is a person. {sentence}")


def test_a_line_of_twenty_thousand_characters_is_read_in_time() -> None:
    for piece in ("he claims that ", "no pain or ", 'says "x" ', "very pleasant and kind ", "is not very "):
        COMPONENT.read(AnnotatedNote(Note("n", piece * (20_000 // len(piece)))))
