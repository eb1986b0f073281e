"""Overlaps, ids, offsets and refusals of the whole reader."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.errors import FormatError, TooLarge
from careloom.nlp.annotation_json import as_json, from_json
from careloom.nlp.assembly import reader
from careloom.nlp.reader import NoteReader, settled
from careloom.nlp.splitting import Sentences
from careloom.terminology.packaged import PACKAGED
from careloom.text.normalize import normalize
from careloom.text.note import AnnotatedNote, Annotation, Assertion, Concept, Relation, Span
from tests.nlp_kit import Headed, Joins, Words, note

CODE = Concept("http://snomed.info/sct", "29857009", "Chest pain", 0.9, 1)


def found(*annotations: Annotation, text: str = "chest pain since Monday") -> list[tuple[int, int, str]]:
    made = settled(AnnotatedNote(note(text), annotations=annotations))
    return [(one.span.start, one.span.end, one.label) for one in made.annotations]


def at(start: int, end: int, label: str = "PROBLEM", **fields: object) -> Annotation:
    return Annotation(Span(start, end), label, **fields)  # type: ignore[arg-type]


OVERLAPS: Sequence[tuple[str, tuple[Annotation, ...], list[tuple[int, int, str]]]] = [
    ("the longer one stays", (at(0, 5), at(0, 10)), [(0, 10, "PROBLEM")]),
    ("other labels stay too", (at(0, 5, "ANATOMY"), at(0, 10)), [(0, 5, "ANATOMY"), (0, 10, "PROBLEM")]),
    ("neighbours stay", (at(0, 5), at(5, 10)), [(0, 5, "PROBLEM"), (5, 10, "PROBLEM")]),
    ("a chain keeps what its longest leaves free", (at(0, 4), at(3, 9), at(8, 11)), [(3, 9, "PROBLEM")]),
    ("both ends of a chain", (at(0, 6), at(5, 8), at(7, 13)), [(0, 6, "PROBLEM"), (7, 13, "PROBLEM")]),
    ("the same twice is once", (at(0, 5), at(0, 5)), [(0, 5, "PROBLEM")]),
]


@pytest.mark.parametrize(("name", "annotations", "expected"), OVERLAPS, ids=[one[0] for one in OVERLAPS])
def test_overlaps_within_a_label_are_resolved(
    name: str, annotations: tuple[Annotation, ...], expected: list[tuple[int, int, str]]
) -> None:
    assert found(*annotations) == expected


def test_at_equal_length_a_rule_wins_and_keeps_what_only_the_other_says() -> None:
    guess = at(0, 10, score=0.8, codes=(CODE,), attributes={"a": "1", "b": "2"}, source="guess")
    rule = at(0, 10, attributes={"a": "9"}, assertion=Assertion("absent"), source="rule")
    (one,) = settled(AnnotatedNote(note("chest pain"), annotations=(rule, guess))).annotations
    assert (one.source, one.codes, dict(one.attributes)) == ("rule", (CODE,), {"a": "9", "b": "2"})
    assert one.assertion == Assertion("absent")


def test_a_relation_follows_the_annotation_that_its_end_became_part_of() -> None:
    short, long, dose = at(0, 5, id="T1"), at(0, 10, id="T2"), at(17, 23, "DOSAGE", id="T3")
    relations = (Relation("x", "T1", "T3"), Relation("x", "T2", "T3", 0.5), Relation("y", "T1", "T2"))
    made = settled(AnnotatedNote(note("chest pain since Monday"), (), (), (short, long, dose), relations))
    assert [(one.id, one.type, one.head, one.tail) for one in made.relations] == [("R1", "x", "T1", "T2")]


def test_joiners_find_ids_and_what_they_add_is_numbered_by_place() -> None:
    finder = Words([("aspirin", "MEDICATION", {}), ("81 mg", "DOSAGE", {})])
    late = Words([("daily", "FREQUENCY", {}), ("Takes", "COURSE", {})], name="late")
    joins = Joins([("drug-dose", "aspirin", "81 mg")])
    made = NoteReader([Sentences(), finder], [joins, late]).read(note("Takes aspirin 81 mg daily."))
    assert [(one.id, one.text) for one in made.annotations] == [
        ("T1", "Takes"), ("T2", "aspirin"), ("T3", "81 mg"), ("T4", "daily"),
    ]  # fmt: skip
    assert [(one.id, one.head, one.tail) for one in made.relations] == [("R1", "T2", "T3")]
    assert dict(made.readers) == {"sentences": "1", "words": "1", "joins": "1", "late": "1"}


def test_the_version_changes_with_any_component() -> None:
    one = NoteReader([Words([]), Sentences()])
    assert one.version == NoteReader([Words([]), Sentences()]).version
    assert one.version != NoteReader([Words([], version="2"), Sentences()]).version
    assert one.version != NoteReader([Sentences(), Words([])]).version
    assert one.version != NoteReader([Words([]), Sentences()], knowing={"terminology": "2"}).version
    with pytest.raises(ValueError, match="one name"):
        NoteReader([Words([])], [Words([])])


def test_annotations_know_their_section() -> None:
    parts = Headed({"Plan": "plan", "Allergies": "allergies"})
    made = NoteReader([parts, Words([("penicillin", "ALLERGEN", {}), ("rest", "COURSE", {})])]).read(
        note("rest\nAllergies: penicillin\nPlan: rest")
    )
    assert [one.section for one in made.annotations] == ["", "allergies", "plan"]


SOURCES = [
    "",
    " \n\t ",
    "\ufeffchest pain",
    "one\r\nchest pain\r\n",
    "Caf\u0065\u0301 \U0001f600 chest pain",
    "a\u0301\u0323 | chest pain | \x07 of the bell",
    "e\u0301" * 50 + "chest pain",
]


@pytest.mark.parametrize("source", SOURCES)
def test_offsets_lead_back_to_the_text_as_it_came(source: str) -> None:
    reading = NoteReader([Words([("chest pain", "SYMPTOM", {})])]).read_text(source)
    places = [reading.place(one.span).of(source) for one in reading.annotated.annotations]
    assert places == ["chest pain"] * source.count("chest pain")


@given(st.text(st.sampled_from("aé\u0301\r\n \U0001f600\u1100\u1161"), max_size=40), st.integers(0, 40))
def test_offsets_lead_back_whatever_stands_around(text: str, place: int) -> None:
    source = f"{text[:place]}.chest pain.{text[place:]}"
    reading = NoteReader([Words([("chest pain", "SYMPTOM", {})])]).read_text(source)
    (one,) = reading.annotated.annotations
    assert reading.place(one.span).of(source) == "chest pain"


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_how_many_notes_are_read_at_once_changes_nothing(size: int) -> None:
    whole = reader(PACKAGED)
    notes = [note(f"{name} has chest pain.\nPlan: rest", note_id=name) for name in "abcdefg"]
    one_by_one = [whole.read(one) for one in notes]
    batched = [one for start in range(0, len(notes), size) for one in whole.read_many(notes[start : start + size])]
    assert batched == one_by_one


REFUSED = [
    ("x" * 11, 10, TooLarge),
    ("\u00e9" * 6, 10, TooLarge),
    ("a\0b", 10, FormatError),
    ("\x01\x02\x03abc", 100, FormatError),
    ("half \ud83d of it", 100, FormatError),
    ("%PDF\ufffd\ufffd\x07", 100, FormatError),
]


@pytest.mark.parametrize(("source", "most", "error"), REFUSED)
def test_what_is_no_text_or_too_long_is_refused(source: str, most: int, error: type[Exception]) -> None:
    with pytest.raises(error) as refusal:
        NoteReader([]).read_text(source, most_bytes=most)
    assert source not in str(refusal.value)


def test_five_megabytes_are_read() -> None:
    source = ("Denies chest pain." + " and more of the same" * 11 + "\r\n") * 20_000
    assert 4_900_000 < len(source) < 5_100_000
    reading = NoteReader([Words([("chest pain", "SYMPTOM", {})])]).read_text(source, most_bytes=5_100_000)
    last = reading.annotated.annotations[-1]
    assert (last.id, reading.place(last.span).of(source)) == ("T20000", "chest pain")


def test_a_document_leads_back_to_the_annotated_note() -> None:
    source = "Plan:\r\naspirin 81 mg for chest pain"
    words: list[tuple[str, str, dict[str, object]]] = [
        ("aspirin", "MEDICATION", {"score": 0.5, "attributes": {"class": "x"}}),
        ("chest pain", "SYMPTOM", {"codes": (CODE,), "assertion": Assertion("possible", certainty="positivePossible")}),
    ]
    whole = NoteReader([Headed({"Plan": "plan"}), Sentences(), Words(words)], [Joins([("r", "aspirin", "chest pain")])])
    reading = whole.read_text(source)
    document = as_json(reading.annotated, reading.place)
    form = normalize(source)
    assert from_json(document, form.text, form.offsets.span) == reading.annotated
    with pytest.raises(FormatError):
        from_json(document, form.text[:10], form.offsets.span)
    with pytest.raises(FormatError):
        from_json({**document, "annotations": document["annotations"][1:]}, form.text, form.offsets.span)


def test_an_id_is_given_once() -> None:
    annotated = AnnotatedNote(note("chest pain"), annotations=(at(0, 5), at(6, 10)))
    assert settled(settled(annotated)) == settled(annotated)
    assert replace(settled(annotated), annotations=()).annotations == ()
