"""Names by list, and words that are none: persons, numbers of items, abbreviations of places."""

import pytest

from careloom.nlp.assertion import Assertions
from careloom.nlp.lexicon import Lexicon, item_marks
from careloom.nlp.linking import Linker
from careloom.nlp.reader import settled
from careloom.nlp.sections import Sections
from careloom.nlp.to_fhir import facts_of
from careloom.text.note import AnnotatedNote, Annotation, Span
from tests.nlp_kit import note

LEXICON = Lexicon()


def read(text: str, *found: tuple[str, str]) -> list[tuple[str, str]]:
    """What is left of, and comes to, what a tagger found in a text: (words, label)."""
    ones = tuple(
        Annotation(Span(text.index(word), text.index(word) + len(word)), label, "tagger", 0.9, text=word)
        for word, label in found
    )
    made = LEXICON.read(Sections().read(AnnotatedNote(note(text), annotations=ones)))
    return [(one.text, one.label) for one in made.annotations]


NONE = [
    ("Mrs Harlow was seen.", ("Harlow", "SYMPTOM")),
    ("PCP: Dr. Rosalind Harlow. Harlow called.", ("Harlow", "PROBLEM")),
    ("Anaesthetist: Dr March. No events.", ("March", "DATE_TIME")),
    ("Surgeon: Mr Cold", ("Cold", "PROBLEM")),
    ("EF preserved.", ("EF", "PROBLEM")),
    ("Referred to GI.", ("GI", "PROBLEM")),
    ("Lisinopril restarted by PCP.", ("PCP", "PROBLEM")),
    ("ST elevation in II, III, aVF.", ("aVF", "PROBLEM")),
    ("Dispo SNF.", ("SNF", "PROBLEM")),
    ("Plan:\n2. Metoprolol", ("2.", "MEDICATION")),
    ("Plan:\n2. Metoprolol", ("2", "DOSAGE")),
    ("a) Coumadin", ("a", "MEDICATION")),
    ("Mucous membranes dry.", ("dry", "SYMPTOM")),
    ("The gallbladder is thin walled.", ("thin walled", "PROBLEM")),
    ("Abdomen soft.", ("soft", "SYMPTOM")),
    ("SpO2 94% RA", ("RA", "PROBLEM")),
    ("Immunizations UTD.", ("UTD", "PROBLEM")),
    ("Ortho 1 wk", ("Ortho", "MEDICATION")),
    ("has not needed medication", ("medication", "MEDICATION")),
    ("fever to 101 last night", ("101", "AGE")),
    ("Sleeps on 2L home O2", ("2L home O2", "PROBLEM")),
    ("on 2-3 L/min O2 via nasal cannula", ("2-3 L/min O2 via nasal cannula", "PROBLEM")),
    ("noncompliant w CPAP", ("noncompliant w CPAP", "PROBLEM")),
    ("poorly adherent to diet", ("poorly adherent to diet", "SYMPTOM")),
]


@pytest.mark.parametrize(("text", "found"), NONE)
def test_what_names_nothing_is_dropped(text: str, found: tuple[str, str]) -> None:
    assert read(text, found) == []


KEPT = [
    ("PCP pneumonia in HIV", ("PCP", "PROBLEM")),
    ("GI bleed in 2019", ("GI bleed", "PROBLEM")),
    ("stopped March 2024", ("March 2024", "DATE_TIME")),
    ("Dr March saw her, stopped March 2024", ("March 2024", "DATE_TIME")),
    ("has a cold", ("cold", "SYMPTOM")),
    ("aspirin 2 tablets", ("2 tablets", "DOSAGE")),
    ("on 3. May", ("3. May", "DATE_TIME")),
    ("complains of a dry mouth", ("dry mouth", "SYMPTOM")),
    ("thin stools for a week", ("thin stools", "SYMPTOM")),
    ("seropositive RA on methotrexate", ("RA", "PROBLEM")),
    ("RA on Humira, hands stiff", ("RA", "PROBLEM")),
    ("asthma at 12", ("12", "AGE")),
    ("oxygen toxicity", ("oxygen toxicity", "PROBLEM")),
    ("adherent placenta", ("adherent placenta", "PROBLEM")),
]


@pytest.mark.parametrize(("text", "found"), KEPT)
def test_what_names_something_stays(text: str, found: tuple[str, str]) -> None:
    assert found in read(text, found)


def test_a_name_loses_the_number_of_an_item_and_a_verb_it_drags_along() -> None:
    text = "Diagnosis: 1. Chronic psoriasis 2. Eczema"
    assert read(text, ("Chronic psoriasis 2", "PROBLEM")) == [("Chronic psoriasis", "PROBLEM")]
    assert read("with diabetes declined insulin", ("diabetes declined", "PROBLEM"))[0] == ("diabetes", "PROBLEM")


def test_a_relative_that_a_finding_has_taken_in_is_told_apart() -> None:
    assert read("FH: sister breast cancer aged 40", ("sister breast cancer", "PROBLEM")) == [
        ("sister", "FAMILY_RELATION"),
        ("breast cancer", "PROBLEM"),
    ]


def test_what_is_part_of_a_longer_name_gives_way_and_a_fraction_is_a_dose() -> None:
    assert read("CA 27-29 normal", ("CA", "TEST"), ("27-29", "TEST_VALUE")) == [("CA 27-29", "TEST")]
    assert read("Norco 5/325 q6h", ("5/325", "DATE_TIME")) == [("5/325", "DOSAGE")]
    assert read("seen 5/12", ("5/12", "DATE_TIME")) == [("5/12", "DATE_TIME")]


SHORTHAND = [
    ("Family history: F MI 50s, M DM2", (), ["F", "M"], ["MI", "DM2"], []),
    ("FH: B colon ca 40s", (("B colon ca 40s", "PROBLEM"),), ["B"], ["colon ca"], ["40s"]),
    ("FHx: Mo: HTN. Fa: CAD. Sis - asthma", (), ["Mo", "Fa", "Sis"], ["HTN", "CAD"], []),
    ("FH: MGM with stroke, PGF died of MI", (), ["MGM", "PGF"], ["MI"], []),
    ("Vitals: T 37 F. M murmur. B lines.", (), [], [], []),
    ("FH: grade B, type F, M-spike", (), [], [], []),
]


@pytest.mark.parametrize(("text", "found", "relatives", "problems", "ages"), SHORTHAND)
def test_letters_are_relatives_in_a_family_history_alone(
    text: str, found: tuple[tuple[str, str], ...], relatives: list[str], problems: list[str], ages: list[str]
) -> None:
    made = read(text, *found)
    assert [word for word, label in made if label == "FAMILY_RELATION"] == relatives
    assert [word for word, label in made if label == "PROBLEM"] == problems
    assert [word for word, label in made if label == "AGE"] == ages


DRUG_LISTS = [
    ("Medications: Combivent, Bactrim DS", (), ["Combivent", "Bactrim"]),
    ("Discharge medications:\n1. combivent\n2) Advair Diskus\n- NICE\n* none", (), ["combivent", "Advair"]),
    ("Meds: water, glucose tabs; aspirin", (), ["aspirin"]),
    ("Meds: Vitamin D, Lasix", (("Vitamin D", "MEDICATION"),), ["Vitamin D", "Lasix"]),
    ("Plan: Combivent, Bactrim DS", (), []),
    ("Meds: he takes no Combivent", (), []),
]


@pytest.mark.parametrize(("text", "found", "drugs"), DRUG_LISTS)
def test_an_item_of_a_list_of_drugs_is_one_by_its_name_alone(
    text: str, found: tuple[tuple[str, str], ...], drugs: list[str]
) -> None:
    assert [word for word, label in read(text, *found) if label == "MEDICATION"] == drugs


MARKS = [
    ("1. aspirin\n2) metformin", ["1.", "2)"]),
    ("Dx: 1. asthma 2. eczema", ["1.", "2."]),
    ("temp 38. Cough", []),
    ("for 2. days", []),
]


@pytest.mark.parametrize(("text", "marks"), MARKS)
def test_numbers_of_items_are_told_by_their_place(text: str, marks: list[str]) -> None:
    assert [span.of(text) for span in item_marks(text)] == marks


NAMED = [
    ("Presented with STEMI.", ("STEMI", "PROCEDURE"), ("STEMI", "PROBLEM")),
    ("ran out of insulin", ("insulin", "PROBLEM"), ("insulin", "MEDICATION")),
    ("Hx C diff", ("Hx", "PROBLEM"), ("C diff", "PROBLEM")),
    ("s/p CABG in 2011", ("CABG", "PROBLEM"), ("CABG", "PROCEDURE")),
    ("ESRD, missed HD MWF", ("HD MWF", "PROBLEM"), ("HD", "PROCEDURE")),
    ("started an ARB", ("ARB", "PROCEDURE"), ("ARB", "MEDICATION")),
    ("known Crohn’s, quiet", ("quiet", "TEST_VALUE"), ("Crohn’s", "PROBLEM")),
    ("Parkinson's with falls", ("Parkinson", "PROBLEM"), ("Parkinson's", "PROBLEM")),
    ("Alzheimer's disease", ("Alzheimer's disease", "PROBLEM"), ("Alzheimer's disease", "PROBLEM")),
]


@pytest.mark.parametrize(("text", "found", "expected"), NAMED)
def test_a_listed_name_has_its_label_whatever_the_tagger_said(
    text: str, found: tuple[str, str], expected: tuple[str, str]
) -> None:
    made = [one for one in read(text, found) if one[1] in ("PROBLEM", "PROCEDURE", "MEDICATION") and one[0] != "ESRD"]
    assert made == [expected]


ALLERGENS = [
    ("Allergies: latex, shellfish", ["latex", "shellfish"]),
    ("She is allergic to Elastoplast.", ["Elastoplast"]),
    ("ALLERGIES:\nlatex\nnuts\n\nPlan: none", ["latex", "nuts"]),
    ("Shellfish for dinner. Latex gloves.", []),
]


@pytest.mark.parametrize(("text", "expected"), ALLERGENS)
def test_everyday_words_are_allergens_where_an_allergy_is_told(text: str, expected: list[str]) -> None:
    assert [word for word, label in read(text) if label == "ALLERGEN"] == expected


NOTHING_KNOWN = [
    ("Allergies: NKDA", "409137002"),
    ("ALLERGIES:\nNo known drug allergies.", "409137002"),
    ("No known allergies.", "716186003"),
    ("Allergies: none", "716186003"),
    ("NKFA", "429625007"),
]


@pytest.mark.parametrize(("text", "code"), NOTHING_KNOWN)
def test_that_no_allergy_is_known_is_a_fact_with_a_code(text: str, code: str) -> None:
    made = Assertions().read(LEXICON.read(Sections().read(AnnotatedNote(note(text)))))
    facts = [one.resource for one in facts_of(settled(made))]
    assert [one["code"]["coding"][0]["code"] for one in facts] == [code]
    assert [one["verificationStatus"]["coding"][0]["code"] for one in facts] == ["confirmed"]


def test_that_none_is_known_does_not_stand_beside_an_allergy() -> None:
    text = "Allergies: NKDA. Allergic to penicillin."
    start = text.index("penicillin")
    one = Annotation(Span(start, start + 10), "MEDICATION", text="penicillin")
    made = Assertions().read(LEXICON.read(AnnotatedNote(note(text), annotations=(one,))))
    facts = [fact.resource for fact in facts_of(settled(made))]
    assert [one["code"]["text"] for one in facts] == ["penicillin"]


LINKS = [
    ("On [HD], missed a session, K 6.8", "PROBLEM", ""),
    ("chorea of [HD], genetic testing", "PROBLEM", "58756001"),
    ("[CA 125] of 34", "TEST", ""),
    ("[RF] negative", "TEST", ""),
    ("Lisinopril restarted by [PCP].", "PROBLEM", ""),
    ("[PCP] pneumonia in HIV", "PROBLEM", "415125002"),
    ("[Cold weather] makes it worse", "PROBLEM", ""),
    ("[Feeling cold]", "SYMPTOM", ""),
    ("She has a [cold]", "SYMPTOM", "82272006"),
    ("[COLD] on home oxygen", "PROBLEM", "13645005"),
    ("Denies [SI]/HI", "PROBLEM", "R45.85"),
    ("[SNF]", "PROBLEM", ""),
    ("[aVF]", "PROBLEM", ""),
    ("[CVA]", "PROBLEM", "230690007"),
    ("[NSTEMI]", "PROBLEM", "I21.4"),
    ("[STEMI]", "PROBLEM", "401303003"),
    ("[mass]", "PROBLEM", ""),
    ("it made his [mouth] dry", "SYMPTOM", ""),
    ("[Parkinson's]", "PROBLEM", "49049000"),
    ("[flare]", "PROBLEM", ""),
    ("[surgery]", "PROCEDURE", ""),
    ("[vaginal delivery]", "PROCEDURE", ""),
    ("[laparoscopic cholecystectomy]", "PROCEDURE", "45595009"),
    ("[Cannabis]", "MEDICATION", ""),
    ("[ciclosporin]", "MEDICATION", "3008"),
    ("He had two [seizures].", "PROBLEM", "R56.9"),
    ("[drowsiness]", "SYMPTOM", "R40.0"),
    ("[Becker muscular dystrophy]", "PROBLEM", "387732009"),
    ("[soft tissue infection]", "PROBLEM", ""),
    ("[skin and soft tissue infection]", "PROBLEM", "L08.9"),
    ("[urinary tract infection]", "PROBLEM", "N39.0"),
    ("[soft tissue sarcoma]", "PROBLEM", "424952003"),
    ("on an [ACEi]", "MEDICATION", "D000806"),
    ("[NSAIDs]", "MEDICATION", "D000894"),
    ("[PPI]", "MEDICATION", ""),
    ("a [statin]", "MEDICATION", ""),
    ("[beta blocker]", "MEDICATION", ""),
]
LINKER = Linker.packaged()


@pytest.mark.parametrize(("text", "label", "code"), LINKS)
def test_a_doubtful_mention_has_rather_no_code_than_a_wrong_one(text: str, label: str, code: str) -> None:
    start, end = text.index("["), text.index("]") - 1
    bare = text.replace("[", "").replace("]", "")
    one = Annotation(Span(start, end), label, text=bare[start:end])
    made = LINKER.read(AnnotatedNote(note(bare), annotations=(one,))).annotations[0]
    assert (made.codes[0].code if made.codes else "") == code
    assert bool(made.codes) != ("no_code" in made.attributes)


def test_nothing_is_found_in_nothing() -> None:
    assert read("") == []
