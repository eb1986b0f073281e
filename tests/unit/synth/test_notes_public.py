"""Where too few patients share a name or a word, another comes from elsewhere, and a set of notes keeps its shares."""

from collections import Counter

import numpy as np
import pytest

from careloom.errors import StateError
from careloom.synth.notes_alphabet import of_words
from careloom.synth.notes_facts import Mention, SourceNote
from careloom.synth.notes_generate import NoteGenerator, Wanted
from careloom.synth.notes_grams import Grams, MixedScores
from careloom.synth.notes_material import Material, gather, shape_of
from careloom.synth.notes_public import (
    WORDS,
    Public,
    PublicName,
    as_lists,
    can_stand_in,
    common_word,
    common_words,
    is_rare,
    stand_in,
)
from careloom.synth.notes_slots import blocks
from careloom.synth.notes_tally import Tally
from careloom.synth.notes_verbatim import Guard
from tests.unit.synth.notes_made import DRUGS, NOTES, note
from tests.unit.synth.test_notes import Flat

PUBLIC: Public = {
    "MEDICATION": (PublicName("digoxin", "rx|1"), PublicName("heparin", "rx|2", 9)),
    WORDS: (PublicName("walking", ""), PublicName("lantern", "")),
}
IDENTIFIERS = ("Quackenbush", "Zebulon", "MRN7741906", "555-0147", "Xanadu")
"""Each stands in the notes of two patients, marked in one and overlooked in the other."""


def planted(number: int, is_marked: bool) -> SourceNote:
    """A note that names its patient, as a mention or in plain text."""
    one = note(number, "zolpidem of Quackenbush", ends="near Xanadu, by Zebulon Quackenbush, MRN7741906, 555-0147")
    start = one.text.index("Zebulon")
    name = Mention(start, start + len("Zebulon Quackenbush"), "NAME")
    mentions = sorted((*one.mentions, *([name] if is_marked else [])), key=lambda each: each.start)
    return SourceNote(one.patient, one.style, one.kind, one.text, one.sections, tuple(mentions))


TRAINED = [*NOTES, planted(40, True), planted(41, False)]


def material(public: Public = PUBLIC, notes: list[SourceNote] = TRAINED) -> Material:
    """What enough of the patients share, with public names."""
    return gather(notes, [blocks(one) for one in notes], 3, as_lists(public))


def generator(found: Material, notes: list[SourceNote] = TRAINED, enough: int = 3) -> NoteGenerator:
    """One with a model without opinion, and memories."""
    alphabet = of_words(found)
    pairs = [(one.patient, alphabet.numbers(block)) for one in notes for block in blocks(one)]
    scores = MixedScores(Flat(alphabet), Grams.of(pairs, alphabet, enough), alphabet)
    return NoteGenerator(found, alphabet, scores, Guard.of([one.text for one in notes], 6))


def test_identifiers_of_training_notes_reach_neither_the_material_nor_a_note() -> None:
    found = material()
    made = generator(found).write([Wanted()] * 12, np.random.default_rng(2))
    told = "\n".join(one.text for one in made) + str(found.as_json())
    assert [one for one in IDENTIFIERS if one.casefold() in told.casefold()] == []
    assert all(one.text.count("[NAME]") for one in made)


def test_without_the_rule_of_enough_patients_overlooked_identifiers_would_be_written() -> None:
    found = gather(TRAINED, [blocks(one) for one in TRAINED], 1, as_lists(PUBLIC))
    made = generator(found, enough=1).write([Wanted()] * 12, np.random.default_rng(2))
    assert "Xanadu" in str(found.as_json())
    assert any(word in one.text for one in made for word in IDENTIFIERS)


def test_names_that_two_patients_share_are_replaced_as_often_as_they_stood() -> None:
    found = material()
    assert found.rare["made"]["MEDICATION:present"] == [2, 14]
    draw = np.random.default_rng(1)
    lots = [is_rare(found, "made", "MEDICATION:present", draw) for _ in range(2000)]
    assert np.mean(lots) == pytest.approx(2 / 14, abs=0.03)


def test_what_stands_in_is_public_or_shared_and_heavier_names_come_oftener() -> None:
    found, draw = material(), np.random.default_rng(3)
    names = Counter(stand_in(found, "made", "MEDICATION:present", draw).name for _ in range(600))
    assert set(names) == {*DRUGS, "digoxin", "heparin"}
    assert names["heparin"] > 3 * names["digoxin"]


def test_a_label_without_any_name_cannot_be_said() -> None:
    found = material({})
    assert can_stand_in(found, "made", "MEDICATION")
    assert not can_stand_in(found, "made", "DEVICE")
    with pytest.raises(StateError):
        stand_in(found, "made", "DEVICE:present", np.random.default_rng(1))


def test_names_are_put_together_from_words_that_follow_each_other_in_names_of_three_patients() -> None:
    sites = ("left knee", "left knee", "left knee", "right hip", "right hip", "right hip", "left hip")
    notes = [note(number, sickness=site) for number, site in enumerate(sites)]
    after = material({}, notes).joints["made PROBLEM"]
    assert after == {"": {"left": 4, "right": 3}, "left": {"knee": 3}, "right": {"hip": 3}, "knee": {"": 3},
                     "hip": {"": 4}}  # fmt: skip


@pytest.mark.parametrize(
    ("piece", "shape"), [(" walked", " xed"), ("Xanadu", "X"), ("7741906", "9999999"), (" the", " x"), (" ed", " x")]
)
def test_the_shape_of_a_word_tells_none_of_its_letters(piece: str, shape: str) -> None:
    assert shape_of(piece) == shape


def test_a_common_word_stands_where_three_patients_have_a_word_of_their_own() -> None:
    notes = [note(number, ends=f"while {word}") for number, word in enumerate(["rowing", "rafting", "skiing"] * 2)]
    for at, one in enumerate(notes):  # six patients, three words: each word is of two
        notes[at] = SourceNote(f"patient-{at}", one.style, one.kind, one.text, one.sections, one.mentions)
    found = material(PUBLIC, notes)
    assert found.unknowns["made  while"] == {" xing": 6}
    draw = np.random.default_rng(1)
    assert common_word(found, common_words(found), "made", " while", draw) == " walking"
    made = generator(found, notes).write([Wanted()] * 6, np.random.default_rng(4))
    assert any(" walking" in one.text for one in made)
    assert not any(word in one.text for one in made for word in ("rowing", "rafting", "skiing"))


def test_without_public_words_nothing_stands_in_for_a_word() -> None:
    assert common_words(material({})) == {}


def test_what_a_set_of_notes_says_too_seldom_is_called_for() -> None:
    found = material()
    tally = Tally(found, 2.0, 3.0)
    slots = sorted(found.shares["made"])
    assert np.allclose(tally.pull("made", slots), 0.0)
    tally.add("made", ["DATE_TIME"] * 400)
    pull = dict(zip(slots, tally.pull("made", slots), strict=True))
    assert pull["DATE_TIME"] < 0 < pull["MEDICATION:present"]
    tally.add("made", ["DATE_TIME"] * 400, -1)
    assert np.allclose(tally.pull("made", slots), 0.0)
    assert tally.pull("elsewhere", slots).tolist() == [0.0] * len(slots)


def test_a_terse_set_waits_longer_for_the_next_slot() -> None:
    tally = Tally(material(), 2.0, 3.0)
    assert tally.patience("made") == pytest.approx(0.0)
    tally.wrote("made", 0, 900)
    assert 0 < tally.patience("made") <= 1.5
    assert tally.patience("elsewhere") == 0.0
