"""Social determinants: tables of sentences, then what holds whatever the text."""

import re
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.nlp.labels import SOCIAL
from careloom.nlp.social import Social, determinants_of, meaning
from careloom.nlp.social_rules import rules
from careloom.runtime import packaged
from careloom.terminology.packaged import lookup
from careloom.terminology.systems import ICD_10_CM, LOINC, SNOMED_CT
from careloom.text.note import AnnotatedNote, Note, Section, Span

COMPONENT = Social()
SUBSTANCES = """
Denies tobacco, alcohol, and illicit drugs. | TOBACCO none, ALCOHOL none, DRUG_USE none
No smoking, alcohol, or drug abuse. | TOBACCO none, ALCOHOL none, DRUG_USE none
denied ETOH/Tobacco/illicit drug use. | TOBACCO none, ALCOHOL none, DRUG_USE none
The patient does not smoke nor drink alcohol. | TOBACCO none, ALCOHOL none
She has never smoked. | TOBACCO never
She has never smoked and drinks 6 units of alcohol a week. | TOBACCO never, ALCOHOL current
He does not smoke and rarely drinks alcohol. | TOBACCO none, ALCOHOL current
Lifelong nonsmoker. | TOBACCO never
no tob, EtOH neg, +cocaine | TOBACCO none, ALCOHOL none, DRUG_USE current
Tobacco: Never used | TOBACCO never
Alcohol: Yes - 1-2 drinks per week | ALCOHOL current
Drug use: Not currently; past cocaine | DRUG_USE past
Tobacco/ETOH/drugs: denies | TOBACCO none, ALCOHOL none, DRUG_USE none
Smoker? No. | TOBACCO none
Quit smoking 17 years ago. | TOBACCO past
He used to smoke 2 packs per day, but quit in 1995. | TOBACCO past
Former smoker, with 20 years of use. | TOBACCO past
ex-smoker, 20 yrs | TOBACCO past
20-pack-year tobacco use, quit in 1991 | TOBACCO past
Active smoker. | TOBACCO current
He is still a smoker. | TOBACCO current
She smokes half a pack per day. | TOBACCO current
1 ppd x 20 years | TOBACCO current
He wants to quit smoking. | TOBACCO current
PMH: nicotine dependence | TOBACCO current
The patient is a social drinker. | ALCOHOL current
He occasionally has a beer. | ALCOHOL current
He drinks six beers a day. | ALCOHOL heavy
History of alcohol abuse, sober for five years. | ALCOHOL past
She is a recovering alcoholic. | ALCOHOL past
Teetotal. | ALCOHOL never
He avoids alcohol. | ALCOHOL none
Occasional alcohol, no tobacco. | ALCOHOL current, TOBACCO none
He smokes marijuana daily. | DRUG_USE current
Used cocaine in the past. | DRUG_USE past
Never used heroin. | DRUG_USE never
IV drug use 15 years ago. | DRUG_USE past
No recreational drugs. | DRUG_USE none
The patient smokes marijuana but does not smoke cigarettes. | DRUG_USE current, TOBACCO none
Non-smoker. Social drinker. | TOBACCO none, ALCOHOL current
smkoes 1 pack per day | TOBACCO current
Unknown history of tobacco use. |
Her father was a heavy smoker. |
His wife smokes. | RELATIONSHIP married
The patient was encouraged to stop smoking. |
Drink plenty of water. |
No known drug allergies. |
Nicotine patch was applied. |
Alcohol swabs were used. |
Nonalcoholic fatty liver disease. |
Allergies: sulfa drugs. |
Smoking cessation counseling was provided. |
"""
OTHERS = """
Works as an accountant. | EMPLOYMENT employed
He is a retired bus driver. | EMPLOYMENT retired
ret'd machinist | EMPLOYMENT retired
She is unemployed at this time. | EMPLOYMENT unemployed
He lost his job last month. | EMPLOYMENT unemployed
On disability. | EMPLOYMENT disabled
on SSDI | EMPLOYMENT disabled
She is not employed outside the home. | EMPLOYMENT unemployed
Works odd jobs. | EMPLOYMENT underemployed
He is a full-time student. | EMPLOYMENT student
She is a homemaker. | EMPLOYMENT homemaker
He used to work as a welder. | EMPLOYMENT past
Occupation: machinist, retired | EMPLOYMENT retired
Employment: Full time (cook) | EMPLOYMENT employed
He has no job and no income. | EMPLOYMENT unemployed
Her mother is a teacher. |
The working diagnosis is pneumonia. |
Work-up was negative. |
She lives alone. | HOUSING alone
lives w/ spouse | HOUSING spouse, RELATIONSHIP married
Soc: w/ family. | HOUSING family
She lives with her two daughters. | HOUSING family, PARENT unknown
He resides in an assisted living facility. | HOUSING facility
SNF resident | HOUSING facility
The patient is homeless. | HOUSING homeless
Staying in a shelter. | HOUSING homeless
Living in his car. | HOUSING homeless
He was evicted last week. | HOUSING unstable
Housing has been unstable. | HOUSING unstable
She is behind on her rent. | HOUSING unstable
There is mold in the apartment. | HOUSING inadequate
Housing status: Stable | HOUSING stable
She owns a house. | HOUSING stable
He is not homeless. | HOUSING stable
He resides at 12 Elm Street. | HOUSING stable
Meds: no home meds |
Discharged home with parents. |
Food insecurity is reported. | FOOD insecure
Ran out of food before the end of the month. | FOOD insecure
Food security: No concerns | FOOD secure
Food insecurity: no | FOOD secure
Relies on a food pantry. | FOOD insecure
Denies food insecurity. | FOOD secure
Food allergies: none. |
The patient lacks transportation. | TRANSPORT lacking
no ride | TRANSPORT lacking
Missed appointments because she has no car. | TRANSPORT lacking
Transportation: No barrier | TRANSPORT available
Transportation: Has kept patient from appointments | TRANSPORT lacking
Drives herself to her appointments. | TRANSPORT available
The patient was transported to the ward. |
He is married. | RELATIONSHIP married
Divorced. | RELATIONSHIP divorced
She is a widow. | RELATIONSHIP widowed
He is single. | RELATIONSHIP single
Marital status: single | RELATIONSHIP single
Separated from his wife. | RELATIONSHIP separated
A single dose was given. |
The bony deflection was separated with the elevator. |
She has a strong support system. | SUPPORT present
No social support. | SUPPORT absent
Limited family support. | SUPPORT limited
He feels isolated. | SUPPORT absent
Supportive care was given. |
The lesion is isolated to the left lobe. |
No children. | PARENT none
She has a 3-year-old son. | PARENT minor
He has two grown sons. | PARENT adult
Eighth grade education: completed eighth grade. | EDUCATION less_than_high_school
She has a bachelor's degree. | EDUCATION college
High school graduate. | EDUCATION high_school
He cannot read or write. | EDUCATION low_literacy
Spanish speaking. | LANGUAGE other
Seen with the help of a phone interpreter. | LANGUAGE interpreter
Preferred language: English | LANGUAGE english
He walks two miles daily. | EXERCISE active
Sedentary lifestyle. | EXERCISE inactive
She does not exercise. | EXERCISE inactive
Exercise stress test was normal. |
Feels safe at home. | SAFETY safe
Denies physical abuse. | SAFETY safe
She is afraid of her husband. | SAFETY abuse, RELATIONSHIP married
History of physical and sexual abuse. | SAFETY past
There are guns in the home. | SAFETY weapons
Received IPV and MMR. |
Pain with pronation of the forearm. |
"""
DETERMINANTS = (
    ("Patient is recently divorced and lives in a shelter", {"RELATIONSHIP": True, "HOUSING": True}),
    ("She has difficulty getting to her appointments since her car broke down", {"TRANSPORT": True}),
    ("Works as an accountant", {"EMPLOYMENT": False}),
    ("He is accompanied by his supportive daughter", {"SUPPORT": False}),
    ("Lives alone", {"SUPPORT": True}),
    ("Lives with her husband", {"RELATIONSHIP": False}),
    ("She is a single mother of two toddlers", {"RELATIONSHIP": True, "PARENT": True}),
    ("He has no children", {}),
    ("The wound was closed in layers", {}),
    ("", {}),
)


def _rows(table: str) -> list[tuple[str, str]]:
    rows = [line.split("|") for line in table.strip().split("\n")]
    return [(sentence.strip(), expected.strip()) for sentence, expected in rows]


def _read(text: str, section: str = "social_history") -> AnnotatedNote:
    parts = (Section(section, Span(0, 0), Span(0, len(text))),) if section else ()
    return COMPONENT.read(AnnotatedNote(Note("n", text), sections=parts))


@pytest.mark.parametrize(("sentence", "expected"), _rows(SUBSTANCES) + _rows(OTHERS))
def test_a_sentence_tells_a_determinant_and_its_status(sentence: str, expected: str) -> None:
    meant = {tuple(pair.split()) for pair in expected.split(",") if pair.strip()}
    found = {(one.label, one.attributes["status"]) for one in _read(sentence).annotations}
    assert found == meant


@pytest.mark.parametrize(("sentence", "expected"), DETERMINANTS)
def test_determinants_of_a_sentence(sentence: str, expected: dict[str, bool]) -> None:
    assert determinants_of(sentence) == expected


@pytest.mark.parametrize(
    ("sentence", "amount", "time"),
    [
        ("Smokes 1.5 packs per day for 20 years.", "1.5 packs per day", "for 20 years"),
        ("Quit smoking in 2010.", "", "in 2010"),
        ("40 pack-year smoking history.", "40 pack-year", ""),
        ("He drinks 2 beers on weekends.", "2 beers on weekends", ""),
        ("Used cocaine 10 years ago.", "", "10 years ago"),
        ("Drinks a glass of wine with dinner.", "a glass of wine with dinner", ""),
    ],
)
def test_amount_and_time_are_told(sentence: str, amount: str, time: str) -> None:
    (one,) = _read(sentence).annotations
    assert (one.attributes.get("amount", ""), one.attributes.get("time", "")) == (amount, time)
    assert amount in one.text
    assert time in one.text


def test_what_is_past_and_what_is_denied_stands_in_the_assertion() -> None:
    past, denied = _read("Quit smoking in 2010. Denies alcohol.").annotations
    assert past.assertion is not None
    assert denied.assertion is not None
    assert (past.assertion.presence, past.assertion.temporality) == ("present", "historical")
    assert (denied.assertion.presence, denied.assertion.temporality) == ("absent", "current")


def test_cocaine_has_its_own_code_and_a_denied_substance_no_problem_code() -> None:
    used, denied = _read("Uses cocaine. No heroin.").annotations
    assert used.codes[0].code == "F14.90"
    assert denied.codes == ()


def test_the_history_of_the_family_is_not_that_of_the_patient() -> None:
    assert _read("Smoker, alcoholic.", "family_history").annotations == ()


def test_a_table_of_a_chart_is_read_line_by_line() -> None:
    text = (
        "Tobacco: Never used\nAlcohol: Not currently\nHousehold: Lives alone\nHousing status: Stable\n"
        "Food security: No concerns"
    )
    found = [(one.label, one.attributes["status"]) for one in _read(text, "").annotations]
    assert found == [
        ("TOBACCO", "never"),
        ("ALCOHOL", "none"),
        ("HOUSING", "alone"),
        ("HOUSING", "stable"),
        ("FOOD", "secure"),
    ]


def test_each_code_stands_in_a_packaged_table() -> None:
    for label, entry in tomllib.loads(packaged("nlp", "social_codes.toml").decode()).items():
        codes = [(LOINC, entry["loinc"])] if "loinc" in entry else []
        for told in [*entry["statuses"].values(), *entry.get("substances", {}).values()]:
            named = told.get("icd10cm", [])
            codes += [(ICD_10_CM, code) for code in ([named] if isinstance(named, str) else named)]
            codes += [(SNOMED_CT, told["snomed"])] if "snomed" in told else []
            codes += [(LOINC, told["loinc"])] if "loinc" in told else []
        assert [pair for pair in codes if lookup(*pair) is None] == [], label


def test_every_status_of_a_rule_has_a_meaning() -> None:
    assert {*rules(), "TOBACCO", "ALCOHOL", "DRUG_USE"} == set(SOCIAL)
    for label, some in rules().items():
        for rule in some:
            meaning(label, rule.status)
            if rule.negated:
                meaning(label, rule.negated)


SENTENCES = [sentence for sentence, _ in _rows(SUBSTANCES) + _rows(OTHERS)]
SEX = {"he": "she", "she": "he", "his": "her", "him": "her", "himself": "herself", "herself": "himself"}


@pytest.mark.parametrize(
    "word", ["Black", "white", "Hispanic", "Asian", "African American", "Native American", "male", "female"]
)
def test_a_word_for_race_or_sex_changes_nothing(word: str) -> None:
    for sentence in SENTENCES:
        for who in ("The patient", "The client"):
            plain = f"{who} is a 54 year old person. {sentence}"
            told = f"{who} is a 54 year old {word} person. {sentence}"
            assert determinants_of(plain) == determinants_of(told)
        inserted = re.sub(r"\b([Tt]he patient)\b", rf"The {word} patient", sentence)
        assert determinants_of(inserted) == determinants_of(sentence)


def test_he_and_she_are_read_alike() -> None:
    for sentence in SENTENCES:
        swapped = re.sub(
            r"\b(he|she|him|himself|herself)\b",
            lambda found: SEX[found[0].lower()].capitalize() if found[0][0].isupper() else SEX[found[0]],
            sentence,
            flags=re.IGNORECASE,
        )
        assert determinants_of(swapped) == determinants_of(sentence), sentence


@given(st.lists(st.sampled_from([*SENTENCES, "", "\n", "🙂", "é", "|", " : ", "Tobacco:", "\t- "]), max_size=8))
def test_spans_are_those_of_the_text(parts: list[str]) -> None:
    text = " \n".join(parts)
    for one in _read(text, "").annotations:
        assert one.text == one.span.of(text)
        assert one.text
        assert one.text == one.text.strip()
        assert one.label in SOCIAL
        assert set(one.attributes) <= {"status", "adverse", "amount", "time", "value"}


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    text = text.replace("\r", "")
    assert isinstance(determinants_of(text), dict)


def test_other_annotations_stay_and_the_reader_is_named() -> None:
    read = _read("He smokes.")
    again = COMPONENT.read(read)
    assert len(again.annotations) == 2 * len(read.annotations)
    assert read.readers == {"social": COMPONENT.version}


def test_a_line_of_twenty_thousand_characters_is_read_in_time() -> None:
    for piece in ("no smoking or ", "lives with ", "she has no way to get to the ", "| tobacco : ", "a a a alcohol "):
        _read(piece * (20_000 // len(piece)), "")


CODES = tomllib.loads(packaged("nlp", "social_codes.toml").decode())


@pytest.mark.parametrize("label", CODES)
def test_a_code_for_a_problem_stands_with_what_is_adverse_alone(label: str) -> None:
    for status in CODES[label]["statuses"]:
        told = meaning(label, status)
        problems = [one.code for one in told.codes if re.fullmatch(r"Z(?:5[5-9]|6[0-5])\..*", one.code)]
        assert told.adverse or not problems, status


ALONE = [
    ("Lives alone.", "false", False),
    ("Lives alone and feels isolated.", "true", True),
    ("Lives alone, struggling to cope.", "true", True),
    ("Lives with his wife.", "false", False),
]


@pytest.mark.parametrize(("sentence", "adverse", "has_code"), ALONE)
def test_living_alone_is_a_problem_where_one_is_told_with_it(sentence: str, adverse: str, has_code: bool) -> None:
    read = COMPONENT.read(AnnotatedNote(Note("n", sentence))).annotations
    assert read[0].attributes["adverse"] == adverse
    assert any(code.code == "Z60.2" for code in read[0].codes) is has_code


def test_what_is_lacking_is_not_denied_by_what_else_is_lacking() -> None:
    text = "She has no car and missed two clinic appointments because of lack of transport."
    assert {one.attributes["status"] for one in COMPONENT.read(AnnotatedNote(Note("n", text))).annotations} == {
        "lacking"
    }


def test_a_partner_who_was_violent_is_told() -> None:
    read = COMPONENT.read(AnnotatedNote(Note("n", "Her ex-partner was violent towards her."))).annotations
    assert [(one.label, one.attributes["status"]) for one in read] == [("SAFETY", "past")]
