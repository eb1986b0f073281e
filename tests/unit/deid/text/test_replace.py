from hypothesis import given, settings
from hypothesis import strategies as st

from careloom.deid.surrogates import Draw, Surrogates
from careloom.deid.text_replace import moved, replace_found, tag
from careloom.deid.text_spans import Found
from careloom.text.note import Annotation, Span
from tests.deid_marks import RECORD, SCRUBBER

SURROGATES = Surrogates(Draw(bytes(range(32)), "p"), RECORD, 40)
PIECES = st.sampled_from(
    [
        "John Szöllösy ",
        "Dr. Gray ",
        "chest pain ",
        "on 3/4/2020 ",
        "MRN 81281208 ",
        "\n",
        "Foley catheter ",
        "93-year-old ",
        "508-555-0101 ",
        "é",
        "\u200b",
        "Ѕzöllösy ",
        "x@y.org ",
        "in Worcester ",
        "5 mg ",
        "May ",
        "🙂 ",
    ]
)
NOTES = st.lists(PIECES, max_size=12).map("".join)


@settings(max_examples=60)
@given(NOTES)
def test_everything_outside_the_found_places_is_unchanged(text: str) -> None:
    scrubbed = SCRUBBER.scrub(text, SURROGATES)
    old = new = 0
    for found, place in zip(scrubbed.found, scrubbed.replaced, strict=True):
        assert text[old : found.span.start] == scrubbed.text[new : place.start]
        old, new = found.span.end, place.end
    assert text[old:] == scrubbed.text[new:]


@settings(max_examples=60)
@given(NOTES)
def test_the_map_leads_each_found_place_to_what_replaced_it(text: str) -> None:
    scrubbed = SCRUBBER.scrub(text, SURROGATES)
    assert scrubbed.offsets.source_length == len(text)
    assert scrubbed.offsets.target_length == len(scrubbed.text)
    for found, place in zip(scrubbed.found, scrubbed.replaced, strict=True):
        there = scrubbed.offsets.span(found.span)
        assert there.covers(place)
        assert scrubbed.offsets.inverted().span(there).covers(found.span)


@settings(max_examples=40)
@given(NOTES)
def test_the_same_text_gives_the_same_surrogates(text: str) -> None:
    assert SCRUBBER.scrub(text, SURROGATES) == SCRUBBER.scrub(text, SURROGATES)


def test_an_annotation_finds_its_words_again() -> None:
    text = "Szöllösy has chest pain since 3/4/2020"
    replaced = replace_found(text, [Found(Span(0, 8), "NAME", "test", 1.0)], tag)
    pain = Annotation(Span(13, 23), "PROBLEM")
    assert pain.span.of(text) == moved([pain], replaced.offsets)[0].span.of(replaced.text) == "chest pain"
    assert replaced.spans == (Span(0, 6),)
