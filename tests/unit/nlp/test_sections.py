"""Sections: titles of many layouts, kinds with their codes, texts without titles, and no input that breaks them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.nlp.headings import normal, packaged_titles
from careloom.nlp.section_classifier import KINDS, packaged_classifier
from careloom.nlp.sections import Sections, sections
from careloom.terminology.systems import is_loinc
from careloom.text.note import AnnotatedNote, Note
from tests.growth import refuse_worse_than_linear

LAYOUTS = [  # one note a row -> kind: text of each section
    (
        "HISTORY OF PRESENT ILLNESS:\nCough.\nALLERGIES: None.",
        ["history_of_present_illness: Cough.", "allergies: None."],
    ),
    (
        "Chief Complaint\n\nCough.\n\nMeds - lisinopril 10 mg",
        ["chief_complaint: Cough.", "medications: lisinopril 10 mg"],
    ),
    ("## Plan\nRest.\n\n## Allergies\nNone", ["plan: Rest.", "allergies: None"]),
    ("=== Family History ===\nFather: MI", ["family_history: Father: MI"]),
    ("[Vital Signs]\nHR 80\n[Exam]\nClear.", ["vital_signs: HR 80", "physical_examination: Clear."]),
    ("** What medicines do you take? **\nAspirin.", ["medications: Aspirin."]),
    ("Why did you come in?\nI fell.\n\nWhat happens next?\nRest.", ["chief_complaint: I fell.", "plan: Rest."]),
    (
        "1. PAST MEDICAL HISTORY:\nAsthma.\n2. MEDICATIONS:\nAlbuterol.",
        ["past_medical_history: Asthma.", "medications: Albuterol."],
    ),
    (
        "PMH: HTN\nPSH: none\nFHx: neg\nSH: no tobacco\nROS: neg\nPE: wnl\nA/P: well",
        [
            "past_medical_history: HTN",
            "past_surgical_history: none",
            "family_history: neg",
            "social_history: no tobacco",
            "review_of_systems: neg",
            "physical_examination: wnl",
            "assessment_and_plan: well",
        ],
    ),
    ("ALLERGIES - NONE.\nMEDICATIONS -- aspirin", ["allergies: NONE.", "medications: aspirin"]),
    (
        "ALLERGIES:  None. MEDICATIONS:  Aspirin. PLAN:  Rest.",
        ["allergies: None.", "medications: Aspirin.", "plan: Rest."],
    ),
    (
        "PHYSICAL EXAMINATION:\nVITAL SIGNS: HR 80\nHEENT: Clear.\nNECK: Supple.\nPLAN: Rest.",
        ["physical_examination: VITAL SIGNS: HR 80\nHEENT: Clear.\nNECK: Supple.", "plan: Rest."],
    ),
    ("Assessment\n----------\nWell.", ["assessment: Well."]),
    (
        "TECHNIQUE: CT.\nCOMPARISON: None.\nFINDINGS: Clear.\nIMPRESSION: Normal.",
        ["technique: CT.", "comparison: None.", "findings: Clear.", "impression: Normal."],
    ),
    ("IMPRESSION: Cough.\nPLAN: Rest.", ["assessment: Cough.", "plan: Rest."]),
    (
        "DISCHARGE MEDICATIONS:\naspirin\nMEDICATIONS ON ADMISSION:\nnone",
        ["discharge_medications: aspirin", "admission_medications: none"],
    ),
    ("PLAN:\nRest.\nFollow up: one week.\nDiet: low salt.", ["plan: Rest.\nFollow up: one week.\nDiet: low salt."]),
    (
        "PLAN: Rest.\n\nElectronically signed by A. Smith, MD",
        ["plan: Rest.", "signature: Electronically signed by A. Smith, MD"],
    ),
    (
        "SUBJECTIVE: Cough.\nOBJECTIVE: Clear.\nASSESSMENT: Cold.\nPLAN: Rest.",
        ["subjective: Cough.", "objective: Clear.", "assessment: Cold.", "plan: Rest."],
    ),
    ("Allergies and Adverse Reactions (reviewed):\nPenicillin", ["allergies: Penicillin"]),
    (
        "HOSPITAL COURSE: Stable.\nDISPOSITION: Home.\nCONDITION ON DISCHARGE: Good.",
        ["hospital_course: Stable.", "disposition: Home.", "discharge_condition: Good."],
    ),
    (
        "IMMUNIZATIONS: Up to date.\nSURGICAL HISTORY: None.\nPROCEDURES: Biopsy.",
        ["immunizations: Up to date.", "past_surgical_history: None.", "procedures: Biopsy."],
    ),
    ("LABORATORY DATA: Na 140.\nIMAGING: Chest x-ray clear.", ["results: Na 140.", "imaging: Chest x-ray clear."]),
    (
        "Patient: Doe, Jane\nMRN: 123\nDOB: 1/2/1980\n\nPLAN: Rest.",
        ["header: Patient: Doe, Jane\nMRN: 123\nDOB: 1/2/1980", "plan: Rest."],
    ),
]


@pytest.mark.parametrize(("text", "expected"), LAYOUTS)
def test_titles_of_many_layouts_open_sections(text: str, expected: list[str]) -> None:
    assert [f"{one.kind}: {one.body.of(text)}" for one in sections(text)] == expected


TITLES = [
    ("Past Medical Hx", "past_medical_history"),
    ("The Patient's Allergies", "allergies"),
    ("Assessment & Plan", "assessment_and_plan"),
    ("CURRENT MEDICATIONS (per pharmacy)", "medications"),
    ("Pertinent Results", "results"),
    ("ED COURSE", "emergency_course"),
    ("OB/GYN History", "gynecologic_history"),
    ("Review of Systems Checklist", "review_of_systems"),
    ("What we found when we examined you", "physical_examination"),
    ("Your medicines when you leave", "discharge_medications"),
    ("How things are at home: smoking", "social_history"),
    ("Shots and vaccines", "immunizations"),
    ("When to get help", "discharge_instructions"),
    ("Nothing known", ""),
]


@pytest.mark.parametrize(("title", "kind"), TITLES)
def test_what_a_title_says(title: str, kind: str) -> None:
    assert packaged_titles().like(title) == kind


def test_every_kind_with_a_code_has_a_sound_one_and_no_title_has_two_kinds() -> None:
    titles = packaged_titles()
    assert len(titles.codes) >= 20
    assert all(is_loinc(code) for code in titles.codes.values() if code)
    assert set(KINDS.values()) <= set(titles.codes)
    assert titles.codes["past_medical_history"] == "11348-0"


def test_listed_titles_are_in_the_form_that_is_looked_up() -> None:
    titles = packaged_titles()
    assert [title for title in titles.listed() if normal(title) != title] == []


HEADERLESS = [
    ("Mother died at 79 of a stroke. Father has diabetes. No family history of cancer.", "family_history"),
    ("He smokes one pack per day and drinks socially. Married, works as a teacher.", "social_history"),
    ("Aspirin 81 mg p.o. daily, lisinopril 10 mg p.o. daily, metformin 500 mg b.i.d.", "medications"),
    ("No known drug allergies.", "allergies"),
    (
        "Lungs clear to auscultation bilaterally. Heart regular rate and rhythm, no murmur. Abdomen soft, nontender.",
        "physical_examination",
    ),
    ("Appendectomy and tonsillectomy.", "past_surgical_history"),
    (
        "The patient is a 45-year-old man who presents with two days of chest pain. He states that it began suddenly.",
        "history_of_present_illness",
    ),
]


@pytest.mark.parametrize(("text", "kind"), HEADERLESS)
def test_a_text_without_a_title_gets_the_kind_it_looks_like_with_a_probability(text: str, kind: str) -> None:
    (found,) = sections(text)
    assert found.kind == kind
    assert found.score is not None
    assert 0 < found.score <= 1
    assert len(found.title) == 0


def test_neighbouring_paragraphs_of_one_kind_are_one_section() -> None:
    text = "Aspirin 81 mg daily, metformin 500 mg b.i.d.\n\nLisinopril 10 mg daily, atenolol 25 mg daily."
    (found,) = sections(text)
    assert found.body.of(text) == text


def test_the_component_sets_the_sections_and_says_so() -> None:
    read = Sections().read(AnnotatedNote(Note("1", "PLAN: Rest.")))
    assert [one.kind for one in read.sections] == ["plan"]
    assert read.sections[0].code == "18776-5"
    assert read.sections[0].score is None
    assert set(read.readers) == {"sections"}


LINES = st.sampled_from(
    ["PLAN:", "Plan: rest", "## X", "", "  ", "He is well.", "[A]", "ALLERGIES: a. MEDICATIONS: b", "- x", "Name: B",
     "----", "Signed by A", "\U0001f600 e\u0301", "a | b | c", "Medications", "What?", "::", "Yours sincerely,"]
)  # fmt: skip


@given(st.lists(LINES | st.text(max_size=20), max_size=12).map("\n".join))
def test_sections_are_disjoint_and_leave_out_only_white_space(text: str) -> None:
    at = 0
    for one in sections(text):
        assert one.title.start >= at
        assert text[at : one.title.start].strip() == ""
        assert text[one.title.end : one.body.start].strip() == ""
        assert one.body.start >= one.title.end
        at = one.body.end
    assert text[at:].strip() == ""


@pytest.mark.parametrize(
    "hostile", ["A", "A:", "# ", "A B ", "\n\n", "- - ", "Plan:\n", "=", "[", "Aa ", "PLAN: "]
)  # fmt: skip
def test_hostile_text_takes_no_more_than_linear_time(hostile: str) -> None:
    refuse_worse_than_linear(sections, lambda size: hostile * (size // len(hostile)) + ":", 12_500)


def test_the_model_is_small_and_says_what_it_was_made_from() -> None:
    assert packaged_classifier().version
    assert packaged_classifier().card["corpora"][0]["licence"] == "CC BY 4.0"
