"""The tagger that ships, and how what it finds becomes entities."""

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careloom.errors import InputError
from careloom.nlp.entities import _NAMES, CLINICAL, LEAST, MODEL, Entities, PackagedTagger
from careloom.nlp.labels import ENTITIES
from careloom.runtime import packaged
from careloom.text.note import AnnotatedNote, Note


@cache
def tagger() -> PackagedTagger:
    return PackagedTagger(packaged("nlp", MODEL))


def found(text: str, guideline: str = CLINICAL) -> list[tuple[str, str]]:
    return [(one.label, one.text) for one in Entities(tagger(), "1", guideline).find(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Denies chest pain.", [("SYMPTOM", "chest pain")]),
        ("History of type 2 diabetes mellitus.", [("PROBLEM", "type 2 diabetes mellitus")]),
        (
            "Metformin 500 mg tablet PO BID.",
            [
                ("MEDICATION", "Metformin"),
                ("DOSAGE", "500 mg tablet"),
                ("FORM", "tablet"),
                ("ROUTE", "PO"),
                ("FREQUENCY", "BID"),
            ],
        ),
        (
            "Takes one tablet of metformin daily.",
            [("DOSAGE", "one tablet"), ("FORM", "tablet"), ("MEDICATION", "metformin"), ("FREQUENCY", "daily")],
        ),
        ("Worsening cough.", [("COURSE", "Worsening"), ("SYMPTOM", "cough")]),
        ("Her mother had breast cancer.", [("FAMILY_RELATION", "mother"), ("PROBLEM", "breast cancer")]),
        ("Nothing was done.", []),
        ("", []),
        (" \n\t\n", []),
    ],
)
def test_what_a_sentence_names_is_found(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


def test_an_abbreviation_is_what_its_long_form_is_wherever_it_stands() -> None:
    text = "Patients with renal cell carcinoma (RCC) were seen. RCC was bilateral in two. RCCA was not."
    assert [one for one in found(text, "disease") if one[1].startswith("RC")] == [
        ("Disease", "RCC"),
        ("Disease", "RCC"),
    ]


def test_each_guideline_speaks_its_own_labels() -> None:
    text = "Warfarin may cause bleeding."
    assert found(text, "chemical_disease") == [("Chemical", "Warfarin"), ("Disease", "bleeding")]
    assert {label for label, _ in found(text)} <= set(ENTITIES)
    with pytest.raises(InputError, match="no guideline"):
        found(text, "unheard of")


@pytest.mark.parametrize("before", ["", "😀 ", "e\u0301a\u0301 ", "\ufeff", "\x07 ", "| a | b |\n| - | - |\n"])
def test_offsets_count_code_points_whatever_stands_before(before: str) -> None:
    text = f"{before}She takes warfarin daily."
    drugs = [one for one in Entities(tagger(), "1").find(text) if one.label == "MEDICATION"]
    assert [one.span.of(text) for one in drugs] == ["warfarin"]


@settings(deadline=None, max_examples=25)
@given(st.text(max_size=200))
def test_any_text_is_read_and_spans_of_the_tagger_lie_inside_it(text: str) -> None:
    for one in Entities(tagger(), "1").find(text):
        assert 0 <= one.span.start < one.span.end <= len(text)
        assert one.text == one.span.of(text)


def test_a_note_gives_the_same_alone_and_behind_others() -> None:
    reader = Entities(tagger(), "1")
    notes = [
        AnnotatedNote(Note(str(n), text)) for n, text in enumerate(("No fever.", "x " * 700, "Takes aspirin 81 mg."))
    ]
    alone = [reader.read(one) for one in notes]
    assert [reader.read(one) for one in reversed(notes)] == alone[::-1]
    assert all(one.score is None or 0 <= one.score <= 1 for each in alone for one in each.annotations)


@pytest.mark.parametrize(
    ("text", "names"), [("the", False), ("in the", False), ("...", False), ("on call", True), ("A1c", True)]
)
def test_words_that_name_nothing_are_no_entity(text: str, names: bool) -> None:
    assert bool(_NAMES.search(text)) is names


def test_the_product_gives_no_guess() -> None:
    text = "He was out on the wet x2 dressing of Harlow with NICU in the cream."
    assert all(one.score is None or one.score >= LEAST for one in Entities(tagger(), "1").find(text))


def test_the_model_says_what_it_is_made_of() -> None:
    card = tagger().card
    assert card["name"] == "clinical-en"
    assert set(card["licences"]) >= {"bc5cdr", "ncbi_disease", "maccrobat2020", "encoder", "gazetteer"}
    assert len(packaged("nlp", MODEL)) < 25_000_000
