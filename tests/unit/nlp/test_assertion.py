"""Assertion: one sentence a row, the annotation in brackets, and what is asserted of it where it is not plain."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.nlp.assertion import LABELS, Assertions, Reader, assertion_of
from careloom.nlp.triggers import packaged_triggers, words_of
from careloom.text.note import AnnotatedNote, Annotation, Assertion, Note, Section, Span
from tests.growth import refuse_worse_than_linear

CASES = """
absent | The patient denies [chest pain].
absent | Denies fever, chills, or [night sweats].
absent | No [murmurs], rubs or gallops.
absent | No murmurs, rubs or [gallops].
absent | There is no evidence of [pneumonia].
absent | CT was negative for [hemorrhage].
absent | He has never had [a seizure].
absent | Lungs without [wheezes].
absent | [Pulmonary embolism] was ruled out.
absent | He was ruled out for [myocardial infarction].
absent | [Edema]: none.
absent | [Fever]: no, cough: yes.
absent | Abdomen is free of [tenderness].
absent | [Nausea] has resolved.
absent | The patient doesn't have [headaches].
absent | She didn’t report [dizziness].
absent | [Deep vein thrombosis] is unlikely.
absent | There were no [focal deficits] on examination.
absent | Neither [vomiting] nor diarrhea was reported.
absent | Neither vomiting nor [diarrhea] was reported.
absent | No fever but reports a cough and denies [dyspnea].
absent | HEENT - No [headache] or difficulty hearing.
absent | Extremities: No clubbing or [cyanosis].
absent | [Malignancy] is absent.
absent | w/o [rales]
absent | There is nothing to suggest [sepsis].
absent | No complaints of [pain].
absent | The biopsy failed to reveal [carcinoma].
absent | He no longer has [palpitations].
absent | [Rash] is not present.
absent | She is without [fever] today.
absent | STOP taking: furosemide 40 mg, lisinopril 10 mg, [ibuprofen]
absent | [Glipizide] 5 mg PO daily - DISCONTINUED (hypoglycemia)
absent | [Warfarin] 5 mg PO daily - STOPPED 2026-03-01, replaced by apixaban
present | Warfarin 5 mg PO daily - STOPPED 2026-03-01, replaced by [apixaban]
absent | Meds: [ASA] 81 mg (stopped at 36 weeks), labetalol 200 mg BID.
present | Meds: ASA 81 mg (stopped at 36 weeks), [labetalol] 200 mg BID.
absent | She tried [propranolol], which was stopped because of bronchospasm.
present | She tried propranolol, which was stopped because of [bronchospasm].
absent | Never took the prescribed [gabapentin].
present | Quit taking lisinopril d/t [cough]
absent | Not on [aspirin].
absent | He is not taking his [metformin].
present | He is not taking metformin for [diabetes].
present | She is not on any medication for [hypertension].
absent | The patient refused [heparin].
absent | We asked about [fainting], vomiting and bleeding: you have had none of these.
absent | He had neither diarrhea, rash, [a dry cough], nor runny nose.
absent | He had neither diarrhea, rash, a dry cough, nor [runny nose].
present | [Asthma]; none of these drugs helped.
absent | [Lisinopril] held, to be restarted by the clinic.
absent | [Omeprazole] 20 mg PO daily - HOLD until seen
present | [Metoprolol] 25 mg BID, hold for SBP under 100
absent | [Betamethasone] not indicated.
present | [Heart failure]: diuresed with furosemide, net negative 6 L.
present | Acute [otitis media] R. Unlikely meningitis.
absent | HPI: +nausea, +sweating. -[SOB], no rash.
present | -[cough] -fever
absent | She is not allergic to [aspirin].
present | Denies fever but has [a cough].
present | No change in [the mass].
present | No significant interval change in [the pleural effusion].
present | Not only [chest pain] but also dyspnea is reported.
present | The patient has [pneumonia].
present | She complains of [back pain].
present | Gram negative [sepsis] was treated.
present | There was no increase in [the headache].
present | No fever, however [cough] is reported.
present | Without difficulty he lives with [asthma].
present | [Tenderness] is present over the left flank, no rebound.
present | He denies fever, chest pain and reports [nausea].
present | No fracture was seen, although [swelling] was marked.
possible | Possible [pneumonia] on the left.
possible | Rule out [myocardial infarction].
possible | This is likely [viral bronchitis].
possible | Findings are suspicious for [malignancy].
possible | [Pulmonary embolism] cannot be excluded.
possible | We cannot rule out [appendicitis].
possible | Question of [a small effusion].
possible | The differential diagnosis includes [sarcoidosis].
possible | Concern for [sepsis].
possible | This may represent [a cyst].
possible | [Pneumonia] is suspected.
possible | She was evaluated for [stroke].
possible | [Appendicitis] has not been ruled out.
possible | r/o [PE]
possible | No e/o PE, c/f poss [ACS].
possible | [Pneumonia]?
present | May I suggest that [lisinopril] be continued?
conditional | She has [dyspnea] on exertion.
conditional | [Chest pain] with activity.
conditional | Exertional [angina].
hypothetical | Return if you develop [fever].
hypothetical | Methotrexate can cause [liver damage].
hypothetical | Possible side effects include [nausea].
hypothetical | [Concussion] precautions given.
present | The fall caused [concussion].
hypothetical | Return to the emergency department for [worsening pain].
hypothetical | If [bleeding] occurs, call the clinic.
hypothetical | Should she have [vomiting], she will call.
hypothetical | Acetaminophen as needed for [pain].
hypothetical | He is at risk for [falls].
hypothetical | Watch for [redness].
hypothetical | Seek care for [shortness of breath].
historical | History of [stroke].
historical | Past medical history of [hypertension] and diabetes.
historical | Past medical history of hypertension and [diabetes].
historical | PAST MEDICAL HISTORY: [asthma], hypertension.
historical | MEDICAL HISTORY: Asthma, arthritis, [GERD].
historical | Patient status post [liver transplant].
historical | s/p [appendectomy] in 1998
historical | He had [pneumonia] five years ago.
historical | [Myocardial infarction] in 2004.
historical | She has a h/o [breast cancer].
historical | Prior [cholecystectomy].
historical | [Asthma] as a child.
historical | The patient is a 60-year-old with a history of COPD, [tobacco use], presents with chest pain.
historical absent | No history of [diabetes].
historical absent | SOCIAL HISTORY: Denies [alcohol] use.
historical absent | [Tobacco]: Quit smoking in 1998.
historical | Risk factors include [tobacco use].
historical | Patient with known [coronary artery disease].
absent | negative for tachycardia; murmur; [gallop]
absent | Metformin was stopped; [aspirin] was discontinued.
present | Although no asynergy was seen, a large [mass] was found.
hypothetical | Follow up in two weeks, or sooner for [fever].
present | He does not have enough food and has [diabetes].
current | The patient with a history of COPD presents with [chest tightness].
current | A two-week history of [cough].
current | HISTORY OF PRESENT ILLNESS: [Chest pain].
current | CLINICAL HISTORY: [Thyroid nodule].
current | A man with a past medical history of hypertension who presents today after [a fall].
current | [Pain] for the past three days.
current | A 70-year-old man with [pneumonia].
current | She was previously healthy and now has [fever].
future | She is scheduled for [colonoscopy] next week.
future | We will order [a chest x-ray].
future | [MRI] is pending.
family | His mother had [breast cancer].
family | Family history of [colon cancer].
family | FAMILY HISTORY: Father with [diabetes].
family | Positive family history for [stroke].
family | [Breast cancer] in his mother.
family | History of [breast cancer] in mother.
family | Mum has [a cold].
patient | Mum says he has [a cold].
family | MGM with [thrombophilia].
other | Mild fetal [pyelectasis].
patient | Intrauterine fetal [demise].
family absent | There is no family history of [melanoma].
family | Brother died of [myocardial infarction].
patient | The patient's mother states that he has [a fever].
patient | He lives with his father and has [asthma].
patient absent | Per his wife he denies [chest pain].
other | Her husband has [influenza].
other | Exposed to [tuberculosis].
"""


def rows() -> list[tuple[str, str]]:
    return [tuple(part.strip() for part in line.split("|", 1)) for line in CASES.strip().split("\n")]  # type: ignore[misc]


def asserted(marked: str, section: str = "", label: str = "PROBLEM") -> Assertion:
    found = list(re.finditer(r"\[(.+?)\]", marked, re.DOTALL))[-1]
    before = marked[: found.start()].replace("[", "").replace("]", "")
    text = before + found[1] + marked[found.end() :]
    span = Span(len(before), len(before) + len(found[1]))
    return assertion_of(text, span, Span(0, len(text)), section, label)


def values(one: Assertion) -> set[str]:
    return {one.presence, one.temporality, one.experiencer}


def test_an_empty_box_behind_a_word_is_no() -> None:
    text = "depression [x], suicidal ideation [ ]"
    told = {word: assertion_of(text, Span(text.index(word), text.index(word) + len(word)), Span(0, len(text))).presence
            for word in ("depression", "suicidal ideation")}  # fmt: skip
    assert told == {"depression": "present", "suicidal ideation": "absent"}


@pytest.mark.parametrize(("expected", "marked"), rows())
def test_what_a_sentence_asserts(expected: str, marked: str) -> None:
    found = values(asserted(marked))
    wanted = set(expected.split())
    assert wanted <= found
    if wanted <= {"absent", "possible", "conditional", "hypothetical", "present"}:
        assert "patient" in found


def test_there_are_a_hundred_cases() -> None:
    assert len(rows()) >= 100


CERTAIN = [
    ("Denies [pain].", "negative"),
    ("Probable [pneumonia].", "positivePossible"),
    ("Possible [pneumonia].", "neutralPossible"),
    ("He has [pneumonia].", "positive"),
    ("Low suspicion for [pneumonia].", "negativePossible"),
]


@pytest.mark.parametrize(("marked", "certainty"), CERTAIN)
def test_how_certain_the_author_is(marked: str, certainty: str) -> None:
    assert asserted(marked).certainty == certainty


SECTIONS = [
    ("[Diabetes], stroke.", "family_history", "PROBLEM", "family"),
    ("[Diabetes], stroke.", "past_medical_history", "PROBLEM", "historical"),
    ("[Appendectomy].", "past_surgical_history", "PROCEDURE", "historical"),
    ("[Penicillin].", "allergies", "MEDICATION", "conditional"),
    ("[Fever], vomiting.", "discharge_instructions", "SYMPTOM", "hypothetical"),
    ("[Diabetes].", "assessment", "PROBLEM", "current"),
    ("[Hypertension].", "", "PROBLEM", "historical"),
    ("[Hypertension].", "assessment", "PROBLEM", "current"),
]


@pytest.mark.parametrize(("marked", "section", "label", "expected"), SECTIONS)
def test_a_section_says_what_no_trigger_says(marked: str, section: str, label: str, expected: str) -> None:
    assert expected in values(asserted(marked, section, label))


def test_a_trigger_inside_the_annotation_says_nothing_of_it() -> None:
    assert asserted("[No acute distress] was noted").presence == "present"


def test_upper_case_changes_nothing() -> None:
    for _, marked in rows():
        assert asserted(marked.upper()) == asserted(marked)


def read(text: str, phrases: dict[str, str], sections: tuple[Section, ...] = ()) -> dict[str, Assertion | None]:
    spans = {phrase: Span(text.index(phrase), text.index(phrase) + len(phrase)) for phrase in phrases}
    given = tuple(Annotation(spans[phrase], label) for phrase, label in phrases.items())
    made = Assertions().read(AnnotatedNote(Note("1", text), sections, (), given))
    return {one.span.of(text): one.assertion for one in made.annotations}


def test_the_line_that_leads_a_list_speaks_of_its_items() -> None:
    text = "Denies:\n- chest pain\n- fever\n\nReports:\n- cough"
    found = read(text, {"chest pain": "SYMPTOM", "fever": "SYMPTOM", "cough": "SYMPTOM"})
    assert [one.presence for one in found.values() if one is not None] == ["absent", "absent", "present"]


def test_only_what_can_be_there_gets_an_assertion() -> None:
    found = read("No aspirin 81 mg daily.", {"aspirin": "MEDICATION", "81 mg": "DOSAGE"})
    assert found["81 mg"] is None
    assert found["aspirin"] is not None
    assert "MEDICATION" in LABELS


def test_the_section_of_the_note_counts_where_the_annotation_names_none() -> None:
    text = "FAMILY HISTORY:\nDiabetes."
    sections = (Section("family_history", Span(0, 15), Span(16, len(text))),)
    found = read(text, {"Diabetes": "PROBLEM"}, sections)["Diabetes"]
    assert found is not None
    assert found.experiencer == "family"


def test_an_empty_note_and_a_note_without_sentences_are_read() -> None:
    assert Assertions().read(AnnotatedNote(Note("1", ""))).annotations == ()
    odd = AnnotatedNote(Note("1", "   "), (), (), (Annotation(Span(0, 1), "PROBLEM"),))
    assert Assertions().read(odd).annotations[0].assertion is not None


@given(st.text(max_size=80), st.integers(0, 80), st.integers(0, 20))
def test_no_text_breaks_it(text: str, start: int, length: int) -> None:
    start = min(start, len(text))
    span = Span(start, min(len(text), start + length))
    assert assertion_of(text, span, Span(0, len(text))).presence


@given(st.sampled_from(rows()), st.sampled_from(["  ", "\t ", " \u00a0"]))
def test_white_space_changes_nothing(row: tuple[str, str], gap: str) -> None:
    assert asserted(re.sub(r"(?<=[a-z]) (?=[a-z])", gap, row[1])) == asserted(row[1])


@given(st.permutations(["[fever]", "chills", "cough"]))
def test_the_order_of_a_list_changes_nothing(items: list[str]) -> None:
    assert asserted(f"Denies {', '.join(items)}.").presence == "absent"


def test_triggers_are_words_of_their_own() -> None:
    assert asserted("Nocturnal [cough].").presence == "present"
    words = words_of("Don’t h/o 3.5 mg")
    assert words.words == ("don't", "h/o", "3.5", "mg")
    assert packaged_triggers().hits(()) == []


@pytest.mark.parametrize("hostile", ["no ", "history of ", ",", "if "])
def test_a_hostile_sentence_takes_no_more_than_linear_time(hostile: str) -> None:
    reader = Reader()

    def read(text: str) -> None:
        reader.assertions(text, Span(0, len(text)), [(Span(len(text) - 1, len(text)), "PROBLEM")])

    refuse_worse_than_linear(read, lambda size: hostile * size + "x", 2_000)


TESTS = [
    ("No malignant cells were found in the [cytology].", "present"),
    ("Absence of ischemia on [stress test].", "present"),
    ("No [MRI] was done.", "absent"),
    ("No CT, no [MRI].", "absent"),
    ("Without CT, ultrasound or [MRI].", "absent"),
    ("Free of disease by [PET].", "present"),
]


@pytest.mark.parametrize(("sentence", "presence"), TESTS)
def test_what_a_test_did_not_find_does_not_deny_the_test(sentence: str, presence: str) -> None:
    text = sentence.replace("[", "").replace("]", "")
    span = Span(sentence.index("["), sentence.index("]") - 1)
    assert assertion_of(text, span, Span(0, len(text)), label="TEST").presence == presence
