"""Offset maps and their laws."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.text.normalize import normalize
from careloom.text.note import Annotation, Note, Section, Span
from careloom.text.offsets import ByteOffsets, Edit, OffsetMap, replace

TEXT = "0123456789"


@st.composite
def edits_of(draw: st.DrawFn, text: str) -> list[tuple[Span, str]]:
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    spans = [Span(start, end) for start, end in zip(cuts[::2], cuts[1::2], strict=False)]
    return [(span, draw(st.text("xyz", max_size=4))) for span in dict.fromkeys(spans)]


@st.composite
def replaced(draw: st.DrawFn) -> tuple[str, str, OffsetMap]:
    text = draw(st.text("ab c", max_size=12))
    return text, *replace(text, draw(edits_of(text)))


@st.composite
def replaced_twice(draw: st.DrawFn) -> tuple[str, str, str, OffsetMap, OffsetMap]:
    text, middle, first = draw(replaced())
    last, second = replace(middle, draw(edits_of(middle)))
    return text, middle, last, first, second


def spans_of(text: str) -> list[Span]:
    return [Span(start, end) for start in range(len(text) + 1) for end in range(start, len(text) + 1)]


MAPPED = [
    # edits, span in the old text, its text in the new one
    ([(Span(2, 4), "abcd")], Span(0, 2), "01"),
    ([(Span(2, 4), "abcd")], Span(4, 6), "45"),
    ([(Span(2, 4), "abcd")], Span(2, 4), "abcd"),
    ([(Span(2, 4), "abcd")], Span(3, 4), "abcd"),
    ([(Span(2, 4), "abcd")], Span(3, 6), "abcd45"),
    ([(Span(2, 4), "")], Span(1, 5), "14"),
    ([(Span(2, 4), "")], Span(2, 4), ""),
    ([(Span(2, 2), "in")], Span(0, 2), "01"),
    ([(Span(2, 2), "in")], Span(2, 4), "23"),
    ([(Span(2, 2), "in")], Span(1, 3), "1in2"),
    ([(Span(2, 2), "in")], Span(2, 2), "in"),
    ([(Span(2, 4), "A"), (Span(4, 6), "B")], Span(2, 4), "AB"),
    ([(Span(2, 4), "A"), (Span(5, 6), "B")], Span(2, 4), "A"),
    ([(Span(10, 10), "end")], Span(8, 10), "89"),
    ([(Span(0, 10), "")], Span(3, 5), ""),
]


@pytest.mark.parametrize(("edits", "span", "expected"), MAPPED)
def test_a_span_snaps_outwards(edits: list[tuple[Span, str]], span: Span, expected: str) -> None:
    new, offsets = replace(TEXT, edits)
    assert offsets.span(span).of(new) == expected


@given(st.integers(0, 9))
def test_the_identity_moves_nothing(length: int) -> None:
    for span in spans_of("x" * length):
        assert OffsetMap.identity(length).span(span) == span


@given(replaced())
def test_what_no_edit_touches_keeps_its_characters(case: tuple[str, str, OffsetMap]) -> None:
    old, new, offsets = case
    for span in spans_of(old):
        if len(span) and not any(edit.source.overlaps(span) or span.covers(edit.source) for edit in offsets.edits):
            assert offsets.span(span).of(new) == span.of(old)


@given(replaced())
def test_mapping_keeps_order_and_nesting(case: tuple[str, str, OffsetMap]) -> None:
    old, _, offsets = case
    spans = [span for span in spans_of(old) if len(span)]
    for one in spans:
        for other in spans:
            if one.covers(other):
                assert offsets.span(one).covers(offsets.span(other))
            if one.start <= other.start and one.end <= other.end:
                mapped_one, mapped_other = offsets.span(one), offsets.span(other)
                assert mapped_one.start <= mapped_other.start
                assert mapped_one.end <= mapped_other.end


@given(replaced())
def test_inverting_twice_is_the_same_map_and_there_and_back_loses_nothing(case: tuple[str, str, OffsetMap]) -> None:
    old, new, offsets = case
    back = offsets.inverted()
    assert back.inverted() == offsets
    assert (back.source_length, back.target_length) == (len(new), len(old))
    if all(len(edit.target) for edit in offsets.edits):  # what was deleted at the edge of a span stays outside
        for span in spans_of(old):
            assert back.span(offsets.span(span)).covers(span)


@given(replaced_twice())
def test_two_maps_in_turn_are_one_map(case: tuple[str, str, str, OffsetMap, OffsetMap]) -> None:
    old, _, new, first, second = case
    both = first.then(second)
    assert (both.source_length, both.target_length) == (len(old), len(new))
    for span in spans_of(old):
        through = first.span(span)
        if len(span) and len(through):
            assert both.span(span).covers(second.span(through))


@given(replaced_twice())
def test_the_joint_map_copies_only_what_is_equal(case: tuple[str, str, str, OffsetMap, OffsetMap]) -> None:
    old, _, new, first, second = case
    both = first.then(second)
    at_old = at_new = 0
    for edit in (*both.edits, Edit(Span(len(old), len(old)), Span(len(new), len(new)))):
        assert old[at_old : edit.source.start] == new[at_new : edit.target.start]
        at_old, at_new = edit.source.end, edit.target.end


@given(replaced())
def test_the_identity_changes_no_map(case: tuple[str, str, OffsetMap]) -> None:
    old, new, offsets = case
    assert OffsetMap.identity(len(old)).then(offsets) == offsets
    assert offsets.then(OffsetMap.identity(len(new))) == offsets


@given(replaced_twice(), st.data())
def test_composing_is_associative(case: tuple[str, str, str, OffsetMap, OffsetMap], data: st.DataObject) -> None:
    _, _, last, first, second = case
    _, third = replace(last, data.draw(edits_of(last)))
    assert first.then(second).then(third) == first.then(second.then(third))


BAD_EDITS = [
    [Edit(Span(0, 2), Span(0, 1)), Edit(Span(1, 3), Span(1, 2))],
    [Edit(Span(2, 3), Span(1, 2))],
    [Edit(Span(9, 11), Span(9, 9))],
]


@pytest.mark.parametrize("edits", BAD_EDITS)
def test_edits_that_do_not_fit_are_refused(edits: list[Edit]) -> None:
    with pytest.raises(ValueError, match="edit"):
        OffsetMap(edits, 10)


def test_maps_of_different_texts_do_not_join() -> None:
    with pytest.raises(ValueError, match="does not start"):
        OffsetMap.identity(3).then(OffsetMap.identity(4))
    with pytest.raises(ValueError, match="outside"):
        OffsetMap.identity(3).span(Span(0, 4))


@pytest.mark.parametrize("edits", [[(Span(0, 3), ""), (Span(2, 4), "")], [(Span(9, 11), "")]])
def test_replacements_that_overlap_or_leave_the_text_are_refused(edits: list[tuple[Span, str]]) -> None:
    with pytest.raises(ValueError, match=r"overlap|outside"):
        replace(TEXT, edits)


NORMALIZED = [
    ("plain", "plain"),
    ("a\r\nb\rc\nd", "a\nb\nc\nd"),
    ("a\x85b\u2028c\u2029d\x0ce\x0bf", "a\nb\nc\nd\ne\nf"),
    ("\ufeffa\ufeff", "a\ufeff"),
    ("A\u0308rztin", "Ärztin"),
    ("o\u0302\u0323", "\u1ed9"),
    ("\u1112\u1161\u11ab", "\ud55c"),
    ("\u2126 \u212b", "\u03a9 \u00c5"),
    ("\u0958", "\u0915\u093c"),
]


@pytest.mark.parametrize(("source", "text"), NORMALIZED)
def test_a_text_comes_into_normal_form(source: str, text: str) -> None:
    assert normalize(source).text == text


@given(st.text(st.sampled_from("aé\u0308\u0301\u0323A\r\n\ufeff\u1112\u1161\u11ab\u212b\u09c7\u09be 0"), max_size=15))
def test_normal_form_is_stable_and_its_map_is_true(source: str) -> None:
    made = normalize(source)
    assert normalize(made.text).text == made.text or made.text.startswith("\ufeff")
    assert unicodedata.is_normalized("NFC", made.text)
    assert (made.offsets.source_length, made.offsets.target_length) == (len(source), len(made.text))
    back = made.offsets.inverted()
    for span in spans_of(made.text):
        if len(span) == 1 and not made.text[span.start].isspace():
            here = unicodedata.normalize("NFC", back.span(span).of(source)).replace("\r", "")
            assert span.of(made.text) in here


@given(st.text())
def test_any_text_can_be_normalized(source: str) -> None:
    made = normalize(source)
    assert made.offsets.target_length == len(made.text)
    assert "\r" not in made.text


@given(st.text(st.characters(blacklist_categories=["Cs"]), max_size=60), st.sampled_from(["utf-8", "utf-16-le"]))
def test_bytes_of_a_span_are_its_characters(text: str, encoding: str) -> None:
    raw = text.encode(encoding)
    offsets = ByteOffsets(text, encoding)
    for span in spans_of(text)[::7]:
        assert offsets.span(span).of(raw.decode("latin-1")).encode("latin-1") == span.of(text).encode(encoding)


def test_byte_offsets_hold_beyond_the_first_mark_and_after_a_byte_order_mark() -> None:
    text = "Ä" * 3000
    assert ByteOffsets(text, "utf-8", start=3).span(Span(2500, 3000)) == Span(5003, 6003)


def test_a_span_knows_its_place() -> None:
    span = Span(2, 5)
    assert (len(span), span.of(TEXT), span.shifted(2)) == (3, "234", Span(4, 7))
    assert span.covers(Span(2, 2))
    assert not span.covers(Span(1, 3))
    assert span.overlaps(Span(4, 9))
    assert not span.overlaps(Span(5, 9))
    assert not span.overlaps(Span(3, 3))
    assert bool(Span(3, 3))


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (3, 2)])
def test_a_span_needs_order(start: int, end: int) -> None:
    with pytest.raises(ValueError, match="span"):
        Span(start, end)


@pytest.mark.parametrize("text", ["a\r\n", "A\u0308"])
def test_a_note_needs_normal_form(text: str) -> None:
    with pytest.raises(ValueError, match="NFC"):
        Note("n", text)


def test_notes_sections_and_annotations_are_plain_values() -> None:
    note = Note("n", "Plan:\nrest", patient_id="p")
    section = Section("plan", Span(0, 5), Span(6, 10))
    assert section.body.of(note.text) == "rest"
    assert Annotation(section.body, "PLAN") == Annotation(section.body, "PLAN", attributes={})
