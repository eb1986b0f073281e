"""The component of sentences: none reaches over two sections."""

from hypothesis import given
from hypothesis import strategies as st

from careloom.nlp.sections import Sections
from careloom.nlp.splitting import Sentences
from careloom.text.note import AnnotatedNote, Note, Span


def read(text: str) -> AnnotatedNote:
    return Sentences().read(Sections().read(AnnotatedNote(Note("1", text))))


def test_a_sentence_ends_where_a_section_begins() -> None:
    text = "ALLERGIES:  None  MEDICATIONS:  aspirin and\nmetformin. PLAN:  Rest."
    assert [one.of(text) for one in read(text).sentences] == [
        "ALLERGIES:  None",
        "MEDICATIONS:  aspirin and\nmetformin.",
        "PLAN:  Rest.",
    ]


def test_sentences_that_are_there_stay() -> None:
    given = AnnotatedNote(Note("1", "He is well. She is not."), (), (Span(0, 23),))
    assert Sentences().read(given) == given


@given(st.text(st.sampled_from("aA .:\n#P") | st.characters(blacklist_categories=["Cs"]), max_size=60))
def test_sentences_are_disjoint_and_leave_out_only_white_space(text: str) -> None:
    import unicodedata

    text = unicodedata.normalize("NFC", text).replace("\r", " ")
    at = 0
    for span in read(text).sentences:
        assert span.start >= at
        assert text[at : span.start].strip() == ""
        at = span.end
    assert text[at:].strip() == ""
