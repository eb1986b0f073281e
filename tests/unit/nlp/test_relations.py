"""Relations: what a clinician would say belongs together, on sentences that no model learnt from."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careloom.errors import SetupError
from careloom.nlp.evaluate_relations import place_of
from careloom.nlp.labels import ENTITIES, RELATIONS
from careloom.nlp.relation_pairs import group_of
from careloom.nlp.relation_rules import rules
from careloom.nlp.relations import Relations
from careloom.text.note import AnnotatedNote, Annotation, Note, Relation, Span
from tests.growth import refuse_worse_than_linear
from tools.relation_data import marked

COMPONENT = Relations()

MEDICATIONS = [
    "1. <carvedilol|MEDICATION a> <12.5 mg|DOSAGE of a> <PO|ROUTE of a> <BID|FREQUENCY of a>\n"
    "2. <spironolactone|MEDICATION b> <25 mg|DOSAGE of b> <PO|ROUTE of b> <daily|FREQUENCY of b>\n"
    "3. <torsemide|MEDICATION c> <20 mg|DOSAGE of c> <PO|ROUTE of c> <daily|FREQUENCY of c>",
    "<hydralazine|MEDICATION a> | <50 mg|DOSAGE of a> | <oral|ROUTE of a> | <three times daily|FREQUENCY of a>\n"
    "<ranolazine|MEDICATION b> | <500 mg|DOSAGE of b> | <oral|ROUTE of b> | <twice daily|FREQUENCY of b>",
    "<lisinopril|MEDICATION a> <10 mg|DOSAGE of a> and <metoprolol|MEDICATION b> <25 mg|DOSAGE of b>"
    " <daily|FREQUENCY of a> and <twice daily|FREQUENCY of b> respectively",
    "<Lisinopril|MEDICATION a>, <metoprolol|MEDICATION b> and <digoxin|MEDICATION c> were given at"
    " <10 mg|DOSAGE of a>, <25 mg|DOSAGE of b> and <0.25 mg|DOSAGE of c>, respectively.",
    "<dexamethasone|MEDICATION a> <8 mg|DOSAGE of a> for <2 days|DURATION of a>, then <4 mg|DOSAGE of a>"
    " for <2 days|DURATION of a>",
    "He was given <4 mg|DOSAGE of a> of <ondansetron|MEDICATION a> and <1 g|DOSAGE of b> of <cefazolin|MEDICATION b>.",
    "<sumatriptan|MEDICATION a> <50 mg|DOSAGE of a> <tablet|FORM of a> <as needed|FREQUENCY of a>",
]
LISTED = [
    "Meds: <lisinopril|MEDICATION a>, <aspirin|MEDICATION b> <81 mg|DOSAGE of b> <daily|FREQUENCY of b>,"
    " <atorvastatin|MEDICATION c>, <metoprolol|MEDICATION d> <25 mg|DOSAGE of d> <BID|FREQUENCY of d>",
    "Continue <lasix|MEDICATION a>, <Combivent|MEDICATION b>, <Bactrim|MEDICATION c> <BID|FREQUENCY of c>.",
    "<aspirin|MEDICATION a>, <clopidogrel|MEDICATION b> and <atorvastatin|MEDICATION c>"
    " <daily|FREQUENCY of a of b of c>",
]
REASONS = [
    "She takes <losartan|MEDICATION a> <50 mg|DOSAGE of a> <daily|FREQUENCY of a> for <hypertension|PROBLEM reason a>.",
    "<Levofloxacin|MEDICATION a> was stopped due to <tendinitis|PROBLEM adverse a>.",
    "She developed a <rash|SYMPTOM adverse a> after <trimethoprim|MEDICATION a>.",
    "<amiodarone|MEDICATION a>-induced <hyperthyroidism|PROBLEM adverse a>",
    "Allergies: <amoxicillin|ALLERGEN a> (<hives|SYMPTOM of a>),"
    " <tramadol|MEDICATION b> (<vomiting|SYMPTOM adverse b>)",
    "<Hyperkalemia|PROBLEM adverse a> secondary to <spironolactone|MEDICATION a>.",
]
TESTS = [
    "<Sodium|TEST a>      <133|TEST_VALUE of a>   <mmol/L|UNIT of a>\n"
    "<Potassium|TEST b>   <3.2|TEST_VALUE of b>   <mmol/L|UNIT of b>\n"
    "<Chloride|TEST c>    <101|TEST_VALUE of c>   <mmol/L|UNIT of c>",
    "<Hgb|TEST a> <8.1|TEST_VALUE of a>, <Plt|TEST b> <95|TEST_VALUE of b>, <INR|TEST c> <1.9|TEST_VALUE of c>",
    "| <AST|TEST a> | <88|TEST_VALUE of a> | <U/L|UNIT of a> |\n"
    "| <ALT|TEST b> | <102|TEST_VALUE of b> | <U/L|UNIT of b> |",
    "<ferritin|TEST a> <9|TEST_VALUE of a> <ng/mL|UNIT of a> (reference range <15-150|TEST_VALUE reference a>)",
    "<BP|TEST a>: <118/76|TEST_VALUE of a> <mmHg|UNIT of a> <Pulse|TEST b>: <64|TEST_VALUE of b>",
    "Results of <02/03/2024|DATE_TIME of a of b>:\n<WBC|TEST a> <7.1|TEST_VALUE of a>\n"
    "<Hct|TEST b> <41|TEST_VALUE of b>",
]
PROBLEMS = [
    "<severe|SEVERITY of a> <back pain|SYMPTOM a> and <mild|SEVERITY of b> <headache|SYMPTOM b>",
    "<swelling|SYMPTOM a> of the <left ankle|ANATOMY of a> and <bruising|SYMPTOM b> of the <right wrist|ANATOMY of b>",
    "<osteoarthritis|PROBLEM a> of the <right hip|ANATOMY of a>",
    "<mother|FAMILY_RELATION of a> had <breast cancer|PROBLEM a> at <45|AGE of a>,"
    " <father|FAMILY_RELATION of b> <MI|PROBLEM b> at <60|AGE of b>",
    "<brother|FAMILY_RELATION of a>: <asthma|PROBLEM a>; <sister|FAMILY_RELATION of b>: <type 1 diabetes|PROBLEM b>",
    "<cholecystectomy|PROCEDURE a> in <2011|DATE_TIME of a>, <hernia repair|PROCEDURE b> in <2018|DATE_TIME of b>",
    "<stent|PROCEDURE a> placement in the <right coronary artery|ANATOMY of a>",
]


def links(note: AnnotatedNote) -> set[tuple[str, tuple[int, int], tuple[int, int]]]:
    places = {one.id: place_of(one) for one in note.annotations}
    return {(r.type, places[r.head], places[r.tail]) for r in COMPONENT.read(note).relations}


@pytest.mark.parametrize("line", [*MEDICATIONS, *LISTED, *REASONS, *TESTS, *PROBLEMS])
def test_a_sentence_has_the_relations_that_a_reader_sees(line: str) -> None:
    known = marked("n", line)
    text = known.note.note.text
    said = {(kind, text[a:b], text[c:d]) for kind, (a, b), (c, d) in links(known.note)}
    assert said == {(kind, text[a:b], text[c:d]) for kind, (a, b), (c, d) in known.links}


def test_a_dose_belongs_to_one_drug() -> None:
    known = marked("n", "<warfarin|MEDICATION> was held; <heparin|MEDICATION a> <5000 units|DOSAGE of a> was given.")
    assert links(known.note) == set(known.links)


def test_the_same_pair_is_not_both_reason_and_adverse_event() -> None:
    for line in REASONS:
        pairs = [link[1:] for link in links(marked("n", line).note)]
        assert len(pairs) == len(set(pairs))


def test_what_a_rule_says_has_no_score_and_what_the_model_says_has_one() -> None:
    note = COMPONENT.read(marked("n", MEDICATIONS[2]).note)
    scores = {one.type: one.score for one in note.relations}
    assert scores["drug-frequency"] is None
    assert 0.5 <= (scores["drug-dose"] or 0) <= 1


def test_relations_that_are_there_stay_and_are_not_said_twice() -> None:
    note = marked("n", MEDICATIONS[0]).note
    once = COMPONENT.read(note)
    assert COMPONENT.read(once).relations == once.relations
    other = Relation("before", "T1", "T2", id="R1")
    assert other in COMPONENT.read(AnnotatedNote(note.note, annotations=note.annotations, relations=(other,))).relations


def test_annotations_without_ids_are_refused() -> None:
    with pytest.raises(ValueError, match="ids"):
        COMPONENT.read(AnnotatedNote(Note("n", "pain"), annotations=(Annotation(Span(0, 4), "SYMPTOM"),)))


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(SetupError):
        Relations(b"PK")


@pytest.mark.parametrize("text", ["", "   \n\t", "😀 e\u0301", "|  |  |\n|--|--|\n"])
def test_texts_with_nothing_in_them_have_no_relations(text: str) -> None:
    from careloom.text.normalize import normalize

    note = AnnotatedNote(Note("n", normalize(text).text))
    read = COMPONENT.read(note)
    assert read.relations == ()
    assert read.readers == {"relations": COMPONENT.version}


def test_every_type_has_its_rule() -> None:
    assert set(rules().instead) == set(RELATIONS)


@st.composite
def notes(draw: st.DrawFn) -> AnnotatedNote:
    """Words with random labels between random marks."""
    chance = random.Random(draw(st.integers(0, 10**6)))
    text, found = "", []
    for number in range(draw(st.integers(0, 25))):
        text += chance.choice([" ", ", ", " and ", "; ", ". ", "\n", "\n\n", " | ", " (", ") ", " for ", " due to "])
        word = chance.choice(["aspirin", "10 mg", "e\u0301", "😀", "x" * 30, "2020", "mother", "7.1"])
        word = word if "\u0301" not in word else "\u00e9"
        label = chance.choice(sorted(ENTITIES))
        found.append(Annotation(Span(len(text), len(text) + len(word)), label, id=f"T{number + 1}", text=word))
        text += word
        if chance.random() < 0.1:
            found.append(Annotation(found[-1].span, chance.choice(sorted(ENTITIES)), id=f"X{number}", text=word))
    return AnnotatedNote(Note("n", text), annotations=tuple(found))


@settings(max_examples=60, deadline=None)
@given(notes(), st.randoms(use_true_random=False))
def test_relations_join_what_their_type_says_in_any_order_of_annotations(
    note: AnnotatedNote, chance: random.Random
) -> None:
    read = COMPONENT.read(note)
    labels = {one.id: group_of(one.label) for one in note.annotations}
    said = [(one.type, one.head, one.tail) for one in read.relations]
    assert len(said) == len(set(said))
    for kind, head, tail in said:
        assert head != tail
        assert (labels[head], labels[tail]) == RELATIONS[kind]
    shuffled = list(note.annotations)
    chance.shuffle(shuffled)
    again = COMPONENT.read(AnnotatedNote(note.note, annotations=tuple(shuffled)))
    assert again.relations == read.relations


def test_a_row_of_thousands_is_read_in_time_that_grows_with_it() -> None:
    def of(count: int) -> AnnotatedNote:
        text = ", ".join(["Na 140 mmol/L aspirin 10 mg pain knee"] * count)
        found = []
        for number in range(count):
            at = number * 39
            for begin, end, label in ((0, 2, "TEST"), (3, 6, "TEST_VALUE"), (14, 21, "MEDICATION"), (22, 27, "DOSAGE")):
                found.append(Annotation(Span(at + begin, at + end), label, id=f"T{len(found)}"))
        return AnnotatedNote(Note("n", text), sentences=(Span(0, len(text)),), annotations=tuple(found))

    refuse_worse_than_linear(COMPONENT.read, of, 250)
