"""Forms for other tools: BRAT there and back, spaCy's tokens, the shape of Text Analytics for health."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from careloom.errors import FormatError
from careloom.nlp.export_brat import as_brat, from_brat
from careloom.nlp.export_spacy import as_spacy
from careloom.nlp.export_text_analytics import CATEGORIES, as_text_analytics
from careloom.nlp.labels import ENTITIES
from careloom.nlp.reader import NoteReader, settled
from careloom.nlp.splitting import Sentences
from careloom.terminology.systems import SNOMED_CT
from careloom.text.note import AnnotatedNote, Annotation, Assertion, Concept, Span
from tests.nlp_kit import Joins, Words, note

TEXT = "No chest\npain \U0001f600 today.\nTakes aspirin 81 mg."
CODE = Concept(SNOMED_CT, "29857009", "Chest pain", 1.0, 1)
WORDS = Words(
    [
        ("chest\npain", "SYMPTOM", {"assertion": Assertion("absent", certainty="negative"), "codes": (CODE,)}),
        ("aspirin", "MEDICATION", {"attributes": {"class": "antiplatelet"}, "assertion": Assertion()}),
        ("81 mg", "DOSAGE", {}),
    ]
)
READER = NoteReader([Sentences(), WORDS], [Joins([("drug-dose", "aspirin", "81 mg")])])


def test_what_is_written_for_brat_is_read_again() -> None:
    annotated = READER.read(note(TEXT))
    back = settled(from_brat(annotated.note, as_brat(annotated), "person mara"))
    plain = [(one.id, one.span, one.label, one.codes, dict(one.attributes), one.assertion) for one in back.annotations]
    assert plain == [
        (one.id, one.span, one.label, one.codes, dict(one.attributes), one.assertion) for one in annotated.annotations
    ]
    assert [(one.type, one.head, one.tail) for one in back.relations] == [("drug-dose", "T2", "T3")]
    assert {one.source for one in back.annotations} == {"person mara"}


def test_a_line_end_divides_a_span_in_brat() -> None:
    assert as_brat(READER.read(note(TEXT))).startswith("T1\tSYMPTOM 3 8;9 13\tchest pain\n")


BAD = [
    ("T1\tSYMPTOM 3 8\tpain", "words"),
    ("T1\tNONSENSE 3 8\tchest", "label"),
    ("T1\tSYMPTOM 3 800\tchest", "places"),
    ("T1\tSYMPTOM 8 3\tchest", "places"),
    ("T1 SYMPTOM 3 8 chest", "text-bound"),
    ("T1\tSYMPTOM 3 8\tchest\nT1\tSYMPTOM 3 8\tchest", "twice"),
    ("A1\tPresence T9 absent", "not there"),
    ("T1\tSYMPTOM 3 8\tchest\nA1\tPresence T1 maybe", "attribute"),
    ("T1\tSYMPTOM 3 8\tchest\nR1\tdrug-dose Arg1:T1 Arg2:T2", "not there"),
    ("T1\tSYMPTOM 3 8\tchest\nN1\tReference T1 nothing\tx", "code"),
    ("T1\tSYMPTOM 3 8\tchest\n#1\tAttributes T1\t[1]", "JSON"),
    ("E1\tevent:T1", "events"),
    ("chest pain", "kind"),
]


@pytest.mark.parametrize(("content", "why"), BAD)
def test_annotations_that_do_not_fit_are_refused_by_line_without_the_words(content: str, why: str) -> None:
    with pytest.raises(FormatError) as refusal:
        from_brat(note(TEXT), content, "x")
    assert "line" in refusal.value.where
    assert why in refusal.value.where
    assert "chest" not in refusal.value.where


def test_remarks_of_people_are_passed_over() -> None:
    content = "T1\tSYMPTOM 3 8\tchest\n#1\tAnnotatorNotes T1\tnot sure\n\n"
    assert len(from_brat(note(TEXT), content, "x").annotations) == 1


RECORDS = {"type": "array", "items": {"type": "object", "additionalProperties": {"type": ["integer", "string"]}}}
SPACY = Draft202012Validator(
    {
        "type": "object",
        "required": ["text", "tokens"],
        "properties": {
            "text": {"type": "string"},
            "tokens": RECORDS,
            "ents": RECORDS,
            "sents": {"type": "array", "items": {"type": "object", "additionalProperties": {"type": "integer"}}},
            "spans": {"type": "object", "additionalProperties": RECORDS},
        },
        "additionalProperties": False,
    }
)
"""``DocJSONSchema`` of spaCy 3.8 (spacy/schemas.py), by which ``from_json(..., validate=True)`` decides, as far as it
is used. spaCy 3.8.18 itself read 400 documents of odd texts and spans as they were meant (29 November 2026)."""


def test_a_doc_of_a_note_is_as_spacy_wants_it() -> None:
    document = as_spacy(READER.read(note(TEXT)))
    assert list(SPACY.iter_errors(document)) == []
    assert {tuple(one) for one in document["ents"]} == {("start", "end", "label", "id", "kb_id")}
    assert list(SPACY.iter_errors({**document, "tokens": None})) != []


@settings(max_examples=60, deadline=None)
@given(
    st.text(" ab\n\t.\U0001f600é5", max_size=30), st.lists(st.tuples(st.integers(0, 29), st.integers(1, 9)), max_size=4)
)
def test_tokens_for_spacy_make_the_text_and_every_span_is_one_of_tokens(
    text: str, places: list[tuple[int, int]]
) -> None:
    spans = [Span(start, min(start + size, len(text))) for start, size in places if start < len(text)]
    found = tuple(Annotation(span, "PROBLEM") for span in spans)
    document = as_spacy(settled(AnnotatedNote(note(text), annotations=found)))
    assert list(SPACY.iter_errors(document)) == []
    tokens = document["tokens"]
    made = "".join(
        text[one["start"] : one["end"]] + (" " if text[one["end"] : one["end"] + 1] == " " else "") for one in tokens
    )
    assert made == text
    starts, ends = {one["start"] for one in tokens}, {one["end"] for one in tokens}
    told = (*document["ents"], *document["spans"]["annotations"], *document.get("sents", ()))
    assert all(one["start"] in starts and one["end"] in ends for one in told)
    assert {one["start"] for one in told} <= {place for place, sign in enumerate(text) if not sign.isspace()}
    covered = [place for one in document["ents"] for place in range(one["start"], one["end"])]
    assert len(covered) == len(set(covered))


def test_every_entity_has_a_category_there_but_devices() -> None:
    assert set(ENTITIES) - set(CATEGORIES) == {"DEVICE"}


def test_relations_lead_to_entities_by_their_number() -> None:
    document = as_text_analytics(READER.read(note(TEXT)), "1")["results"]["documents"][0]
    assert document["entities"][0]["assertion"] == {"certainty": "negative"}
    assert [end["ref"] for end in document["relations"][0]["entities"]] == [
        "#/results/documents/0/entities/1", "#/results/documents/0/entities/2",
    ]  # fmt: skip


def test_a_note_without_findings_makes_empty_documents() -> None:
    empty = AnnotatedNote(note(""))
    assert as_brat(empty) == ""
    assert as_spacy(empty) == {"text": "", "ents": [], "tokens": [], "spans": {"annotations": []}}
    assert as_text_analytics(empty, "1")["results"]["documents"][0]["entities"] == []
