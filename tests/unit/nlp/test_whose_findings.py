"""Whose findings: of mothers and their children, of relatives in brackets; and what was declined."""

import pytest

from careloom.nlp.assertion import Assertions, sex_of, subject_of
from careloom.nlp.sections import sections
from careloom.nlp.to_fhir_problems import family
from careloom.nlp.to_fhir_view import View
from careloom.text.note import AnnotatedNote, Annotation, Assertion, Section, Span
from tests.nlp_kit import note

MOTHER = "G2P1 at 39 weeks, rupture of membranes. EBL 400 mL. "
NEWBORN = "Term male infant born to a G2P1 mother. Apgars 8 and 9. DOL 2. "
CHILD = "Oliver is a 4 year old boy. "

WHOSE = [
    (MOTHER, "Maternal temp 38, [chorioamnionitis].", "patient"),
    (MOTHER, "Maternal history of [gestational diabetes].", "patient"),
    (MOTHER, "Mother denies [headache].", "patient"),
    (MOTHER, "Mum is on labetalol for [pre-eclampsia].", "patient"),
    (MOTHER, "Baby has a [cephalohaematoma].", "other"),
    (MOTHER, "Infant with [jaundice] on day 2.", "other"),
    (MOTHER, "Baby's [hypoglycaemia] was treated.", "other"),
    (MOTHER, "Fetal [bradycardia].", "other"),
    (MOTHER, "Neonatal [sepsis] ruled out.", "other"),
    (MOTHER, "Baby well, mother has [headache].", "patient"),
    (MOTHER, "Her mother had [pre-eclampsia].", "family"),
    (MOTHER, "Her sister has [asthma].", "family"),
    (NEWBORN, "Mother has [gestational diabetes].", "family"),
    (NEWBORN, "Maternal history of [hypothyroidism].", "family"),
    (NEWBORN, "[Maternal depression] on sertraline.", "family"),
    (MOTHER, "[Neonatal sepsis] ruled out.", "other"),
    (MOTHER, "[Maternal fever] in labour.", "patient"),
    (NEWBORN, "Infant has [jaundice].", "patient"),
    (NEWBORN, "Baby with [hypoglycaemia].", "patient"),
    (CHILD, "Mum says he has had a [fever].", "patient"),
    (CHILD, "Mum had [pneumonia] last winter.", "family"),
    (CHILD, "His brother has [asthma].", "family"),
    ("", "Family concerned re: [confusion].", "patient"),
    ("", "Mum had a rash with [penicillin].", "family"),
    ("", "[penicillin] (mother), codeine causes vomiting", "family"),
    ("", "penicillin (mother), [codeine] causes vomiting", "patient"),
    ("", "Wife at bedside, she has [COVID].", "other"),
    ("", "Wife at bedside, he has [COVID].", "patient"),
    ("72 yo F. ", "Husband at bedside, he has [pneumonia].", "other"),
    ("72 yo F. ", "Husband at bedside, she has [pneumonia].", "patient"),
    ("She is a 40 year old woman. ", "Sister visits, she has [asthma].", "patient"),
    ("", "Lives with roommate who has [scabies].", "other"),
    ("", "Lives with his wife, who was diagnosed with [shingles].", "other"),
    ("", "Lives with her mother. She has [asthma].", "patient"),
    ("", "Lives with his wife for [safety].", "patient"),
    ("", "Exposed to his wife with [COVID].", "other"),
    ("", "Was exposed to her husband who had [strep].", "other"),
    ("", "Several coworkers with [norovirus].", "other"),
    ("", "Another child in daycare has [RSV].", "other"),
    ("", "Her significant other was diagnosed with [gonorrhea].", "other"),
    ("", "Kids at home have [hand foot and mouth disease].", "family"),
    ("", "Grandson had [croup] last week.", "family"),
    ("", "Stepfather with [alcoholism].", "family"),
    ("", "Patient and wife both have [COVID].", "patient"),
    ("", "Updated wife regarding [sepsis].", "patient"),
    ("", "Brought in by his wife for [altered mental status].", "patient"),
    ("", "Wife notes that he has [memory loss].", "patient"),
]


def asserted(before: str, sentence: str, label: str = "PROBLEM", sections: tuple[Section, ...] = ()) -> Annotation:
    text = before + sentence.replace("[", "").replace("]", "")
    start = len(before) + sentence.index("[")
    end = len(before) + sentence.index("]") - 1
    one = Annotation(Span(start, end), label, text=text[start:end])
    return Assertions().read(AnnotatedNote(note(text), sections=sections, annotations=(one,))).annotations[0]


@pytest.mark.parametrize(("before", "sentence", "whose"), WHOSE)
def test_a_finding_belongs_to_who_has_it(before: str, sentence: str, whose: str) -> None:
    told = asserted(before, sentence).assertion
    assert told is not None
    assert told.experiencer == whose


def test_a_note_is_about_a_mother_or_a_newborn_only_where_more_than_one_word_says_so() -> None:
    assert subject_of(MOTHER) == "mother"
    assert subject_of(NEWBORN) == "newborn"
    assert subject_of("She is pregnant.") == ""
    assert subject_of("") == ""


DECLINED = [
    ("Patient declined [influenza vaccine].", "MEDICATION", "absent"),
    ("[Colonoscopy] declined.", "PROCEDURE", "absent"),
    ("[Influenza vaccine] declined by patient.", "MEDICATION", "absent"),
    ("She declined [surgery] for her hernia.", "PROCEDURE", "absent"),
    ("She declined surgery for her [hernia].", "PROBLEM", "present"),
    ("Patient with [diabetes] declined insulin.", "PROBLEM", "present"),
    ("[Hemoglobin] declined to 8.", "TEST", "present"),
    ("[Kidney function] has declined.", "TEST", "present"),
    ("[Weight] declined by 3 kg.", "TEST", "present"),
]


@pytest.mark.parametrize(("sentence", "label", "presence"), DECLINED)
def test_an_offer_is_declined_and_a_value_declines(sentence: str, label: str, presence: str) -> None:
    told = asserted("", sentence, label).assertion
    assert told is not None
    assert told.presence == presence


DICTATED = "lungs clear no wheezes assessment copd stable plan start [symbicort] follow up for his diabetes"


def test_what_is_denied_ends_at_the_assessment_and_plan_of_dictated_text() -> None:
    told = asserted("", DICTATED, "MEDICATION").assertion
    assert told is not None
    assert told.presence == "present"


@pytest.mark.parametrize(("score", "temporality"), [(None, "historical"), (0.9, "historical"), (0.6, "current")])
def test_a_section_that_was_guessed_speaks_only_where_it_is_likely(score: float | None, temporality: str) -> None:
    before = "Well known to this clinic, followed for many years here and elsewhere in town, "
    part = Section("past_medical_history", Span(0, 0), Span(0, len(before) + 19), "11348-0", score)
    told = asserted(before, "seen with [pneumonia]", sections=(part,)).assertion
    assert told is not None
    assert told.temporality == temporality


@pytest.mark.parametrize(("score", "temporality"), [(None, "historical"), (0.95, "current")])
def test_nothing_is_guessed_of_a_text_of_a_few_words(score: float | None, temporality: str) -> None:
    part = Section("past_medical_history", Span(0, 0), Span(0, 14), "11348-0", score)
    told = asserted("", "Severe [asthma].", sections=(part,)).assertion
    assert told is not None
    assert told.temporality == temporality


@pytest.mark.parametrize(
    "text", ["FH: F: MI at 60. S: [asthma]. M: HTN", "FH:\nF: MI\nS: [asthma]", "FH:\n\nS: [asthma]"]
)
def test_s_in_a_family_history_is_a_sister_and_no_title(text: str) -> None:
    found = sections(text.replace("[", "").replace("]", ""))
    assert [one.kind for one in found] == ["family_history"]
    told = asserted("", text, sections=found).assertion
    assert told is not None
    assert told.experiencer == "family"


def test_what_is_denied_of_a_wrapped_list_is_denied_of_all_its_lines() -> None:
    for word in ("fainting", "vomiting", "bleeding"):
        text = "We asked about fainting, vomiting and\nbleeding: you have had none of these."
        told = asserted("", text.replace(word, f"[{word}]")).assertion
        assert told is not None
        assert told.presence == "absent", word


def test_a_relative_is_the_last_one_named_before_what_the_relative_has() -> None:
    text = "Mum well. His brother has asthma."
    ones = (
        Annotation(Span(0, 3), "FAMILY_RELATION", text="Mum", id="T1"),
        Annotation(Span(14, 21), "FAMILY_RELATION", text="brother", id="T2"),
        Annotation(Span(26, 32), "PROBLEM", text="asthma", id="T3", assertion=Assertion(experiencer="family")),
    )
    made = family(View(AnnotatedNote(note(text), annotations=ones)))
    assert [one.resource["relationship"]["coding"][0]["code"] for one in made] == ["BRO"]


SEXES = [
    ("A 63 year old man. His wife drove him.", "male"),
    ("72F with a fall. Her husband found her.", "female"),
    ("He is here with his husband.", "male"),
    ("Wife at bedside, she drove.", "male"),
    ("She saw him, he saw her.", ""),
    ("", ""),
]


@pytest.mark.parametrize(("text", "sex"), SEXES)
def test_the_sex_of_a_patient_is_told_by_nouns_and_pronouns_or_not_at_all(text: str, sex: str) -> None:
    assert sex_of(text) == sex
