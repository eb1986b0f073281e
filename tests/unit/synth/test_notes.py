"""Synthetic notes: notes become form and facts, and form with facts becomes notes that repeat nobody."""

from datetime import date, time

import numpy as np
import numpy.typing as npt
import pytest

from careloom.errors import FormatError
from careloom.synth.notes_alphabet import Alphabet, of_words
from careloom.synth.notes_dates import format_of, written
from careloom.synth.notes_facts import (
    SourceNote,
    allergy,
    facts_of,
    measured,
    medication,
    problem,
    procedure,
)
from careloom.synth.notes_fidelity import TextJudge, WordModel, agreement, distance
from careloom.synth.notes_generate import NoteGenerator, Wanted
from careloom.synth.notes_grams import Grams
from careloom.synth.notes_material import Material, gather
from careloom.synth.notes_slots import blocks, words_in
from careloom.synth.notes_verbatim import Guard, Longest, Tail
from tests.unit.synth.notes_made import DRUGS, NOTES, RECORD, STYLE, note


class Flat:
    """A language model that has no opinion, but for what it was told to like."""

    length = 120

    def __init__(self, alphabet: Alphabet, liked: str = "") -> None:
        self.alphabet, self.liked = alphabet, liked
        self.rows = 0

    def begin(self, rows: int) -> None:
        self.rows = rows

    def after(self, symbols: npt.NDArray[np.int64], back: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        scores = np.zeros((self.rows, len(self.alphabet.pieces)), np.float32)
        likes = [at for at, piece in enumerate(self.alphabet.pieces) if piece.strip() in self.liked.split()]
        scores[:, likes] = 6.0
        return scores


def generator(notes: list[SourceNote], run: int = 5) -> NoteGenerator:
    """One with a flat model."""
    material = gather(notes, [blocks(one) for one in notes])
    alphabet = of_words(material)
    return NoteGenerator(material, alphabet, Flat(alphabet), Guard.of([one.text for one in notes], run))


def test_a_note_becomes_blocks_whose_slots_stand_for_its_facts() -> None:
    medications, assessment, signature = blocks(NOTES[0])
    assert medications.place == "sec:medications"
    assert [slot for slot, _ in medications.slots] == ["MEDICATION:present", "DOSAGE"]
    assert "aspirin" not in "".join(piece for piece in medications.pieces if isinstance(piece, str))
    assert [slot for slot, _ in assessment.slots] == ["PROBLEM:present"]
    assert [slot for slot, _ in signature.slots] == ["NAME", "DATE_TIME"]


def test_a_dose_is_a_part_of_its_drug() -> None:
    drug = next(fact for _, fact in facts_of(NOTES[0]) if fact.label == "MEDICATION")
    assert (drug.name, dict(drug.parts)) == ("aspirin", {"DOSAGE": "10 mg"})


def test_words_of_too_few_patients_are_not_kept() -> None:
    rare = [note(20, "zzyzx", ends="unforgettably"), note(21, "zzyzx", ends="unforgettably")]
    material = gather(NOTES + rare, [blocks(one) for one in NOTES + rare])
    told = str(material.as_json())
    assert " today" in material.words
    assert "unforgettably" not in told
    assert "zzyzx" not in told
    assert "Ann" not in told


def test_material_comes_back_from_plain_values() -> None:
    material = gather(NOTES, [blocks(one) for one in NOTES])
    assert Material.of(material.as_json()).as_json() == material.as_json()
    with pytest.raises(FormatError):
        Material.of({"words": [], "slots": []})


@pytest.mark.parametrize(
    "words", ["May 3, 2021", "03-May-2021", "5/3/2021", "05/03/21", "2021-05-03", "May 2021", "7:05 PM", "19:05"]
)
def test_dates_become_formats_and_formats_dates(words: str) -> None:
    form = format_of(words)
    assert "%" in form
    assert written(form, date(2021, 5, 3), time(19, 5)).casefold() == words.casefold()


def test_what_is_no_date_stays_as_it_is() -> None:
    assert format_of("last winter") == "last winter"


def test_given_facts_are_told_and_no_other_drug_or_problem_is() -> None:
    made = generator(NOTES).write([Wanted(STYLE, "visit", RECORD)] * 6, np.random.default_rng(3))
    for one in made:
        assert one.lost == ()
        told = {one.text[m.start : m.end] for m in one.mentions if m.label in ("MEDICATION", "PROBLEM")}
        assert told == {"warfarin", "anemia"}
        assert "5 mg" in one.text
        assert one.record.facts == RECORD.facts


def test_without_a_record_facts_come_from_what_enough_patients_share() -> None:
    made = generator(NOTES).write([Wanted()] * 6, np.random.default_rng(4))
    names = {fact.name for one in made for fact in one.record.facts}
    assert names
    assert names <= {*DRUGS, "asthma", "gout"}


def test_the_same_chance_writes_the_same_notes() -> None:
    first, second = (generator(NOTES).write([Wanted()] * 3, np.random.default_rng(9)) for _ in range(2))
    assert first == second


def test_no_run_of_the_guard_is_ever_written() -> None:
    made = generator(NOTES, 4).write([Wanted()] * 12, np.random.default_rng(5))
    longest = Longest(one.text for one in NOTES)
    assert max(len(longest.run(one.text)) for one in made) <= 3


def test_mentions_of_a_written_note_lie_where_their_words_are() -> None:
    for one in generator(NOTES).write([Wanted(STYLE, "visit", RECORD)] * 3, np.random.default_rng(6)):
        for mention in one.mentions:
            if mention.label == "NAME":
                assert one.text[mention.start : mention.end] == "[NAME]"
            if mention.label == "DOSAGE":
                assert one.mentions[mention.head].label == "MEDICATION"


def test_the_longest_run_is_that_of_a_slow_search() -> None:
    chance = np.random.default_rng(7)
    texts = [" ".join(chance.choice(list("abc"), 40)) for _ in range(6)]
    longest = Longest(texts)
    for _ in range(40):
        words = list(chance.choice(list("abcd"), 25))
        runs = [words[i:j] for i in range(25) for j in range(i + 1, 26) if _stands(words[i:j], texts)]
        assert len(longest.run(" ".join(words))) == max(map(len, runs), default=0)


def _stands(run: list[str], texts: list[str]) -> bool:
    return any(f" {' '.join(run)} " in f" {text} " for text in texts)


def test_a_run_never_crosses_from_one_text_to_the_next() -> None:
    assert Longest(["a b", "c d"]).run("a b c d") == ["a", "b"]


def test_a_tail_sees_words_that_grow_by_pieces() -> None:
    guard = Guard.of(["no acute distress"], 3)
    tail = Tail()
    assert tail.takes("no", guard)
    assert tail.takes(" acute", guard)
    assert not tail.takes(" distress", guard)
    assert tail.takes(" dis", guard)
    assert not tail.takes("tress", guard)


def test_agreement_counts_what_is_told_and_what_is_true() -> None:
    facts = (medication("aspirin", "10 mg"), problem("gout"))
    found = agreement([(facts, NOTES[0])])
    assert (found.told, found.true, found.parts) == (0.5, 0.5, 1.0)
    assert found.f1 == 0.5


def test_distance_is_nothing_for_the_same_and_one_for_strangers() -> None:
    slots = TextJudge.of(NOTES).slots
    assert distance(slots, slots) == 0
    strangers = slots.__class__({"OTHER": 3})
    assert distance(slots, strangers) == pytest.approx(1.0)


def test_words_seen_before_are_less_of_a_surprise() -> None:
    model = WordModel(["the heart is quiet and the lungs are clear"] * 3)
    assert model.perplexity(["the heart is quiet"]) < model.perplexity(["lungs the and quiet"])


def test_a_judge_says_of_training_notes_that_they_are_copies() -> None:
    report = TextJudge.of(NOTES).judge(NOTES[:4])
    assert report.longest_run == len(words_in(NOTES[0].text))
    assert report.known_grams == 1.0


def test_facts_have_plain_makers() -> None:
    made = (measured("glucose", "98", "mg/dL"), allergy("peanut"), procedure("colonoscopy"))
    assert [fact.label for fact in made] == ["TEST", "ALLERGEN", "PROCEDURE"]
    assert dict(made[0].parts) == {"TEST_VALUE": "98", "UNIT": "mg/dL"}


def memories(enough: int) -> tuple[Grams, Alphabet]:
    """What enough of the patients wrote."""
    its = [blocks(one) for one in NOTES]
    alphabet = of_words(gather(NOTES, its))
    pairs = [(one.patient, alphabet.numbers(block)) for one, parts in zip(NOTES, its, strict=True) for block in parts]
    return Grams.of(pairs, alphabet, enough), alphabet


def test_memories_hold_what_enough_patients_wrote_and_come_back_as_numbers() -> None:
    grams, _ = memories(3)
    assert len(grams.table()) > 0
    assert np.array_equal(Grams.from_table(grams.table()).table(), grams.table())
    assert len(memories(len(NOTES) + 1)[0].table()) == 0


def test_with_memories_a_model_without_opinion_goes_on_as_the_notes_do() -> None:
    grams, alphabet = memories(3)
    block = alphabet.numbers(blocks(NOTES[0])[1])
    at = alphabet.pieces.index(" patient")
    place = block.index(at)
    odds = np.full(len(alphabet.pieces), 1 / len(alphabet.pieces))
    grams.mixed(odds, block[:place], alphabet)
    assert odds.sum() == pytest.approx(1.0)
    assert odds.argmax() == at


def test_a_part_of_a_given_fact_that_was_not_told_is_told_in_a_block_of_its_own() -> None:
    generator_ = generator(NOTES)
    for one in generator_.write([Wanted(STYLE, "visit", RECORD)] * 8, np.random.default_rng(12)):
        doses = [mention for mention in one.mentions if mention.label == "DOSAGE"]
        assert doses
        assert all(one.text[mention.start : mention.end] == "5 mg" for mention in doses)
