"""Tables of measurements: names over columns, values below."""

import pytest

from careloom.nlp.quantities import Quantities
from careloom.nlp.quantities_tables import columns
from careloom.nlp.relations import Relations
from careloom.nlp.times import Times
from careloom.text.note import AnnotatedNote, Annotation, Span
from tests.nlp_kit import note

TABLES = [
    (
        "VITALS\nBP       HR    T      RR    SpO2\n120/80   72    98.6   16    98%\n",
        "blood_pressure 120/80, heart_rate 72, temperature 98.6, respiratory_rate 16, oxygen_saturation 98",
    ),
    (
        "Time | BP | HR | Pain\n08:00 | 132/84 | 88 | 6/10\n12:00 | 128/80 | 76 | 3/10\nDoing well.",
        "blood_pressure 132/84, heart_rate 88, pain 6, blood_pressure 128/80, heart_rate 76, pain 3",
    ),
    ("BP HR T\n120/80 72 98.6", "blood_pressure 120/80, heart_rate 72, temperature 98.6"),
    ("| BP | HR |\n|---|---|\n| 120/80 | 70 |", "blood_pressure 120/80, heart_rate 70"),
    ("Na\tK\n138\t4.1", "sodium 138, potassium 4.1"),
    ("Na   K    Cl\n138  4.1  101\n139       100", "sodium 138, potassium 4.1, chloride 101, sodium 139, chloride 100"),
    (
        "LABS\n          1/2/2024   1/3/2024\nNa        138        140\nCreat     1.0        1.1\n",
        "sodium 138, sodium 140, creatinine 1.0, creatinine 1.1",
    ),
    (
        "Time   0800   1200\nBP     120/80 118/76\nHR     80     76",
        "blood_pressure 120/80, blood_pressure 118/76, heart_rate 80, heart_rate 76",
    ),
    ("| Lab | 3/1 | 3/2 |\n|---|---|---|\n| Na | 138 | 140 |", "sodium 138, sodium 140"),
    ("Date  3/1/2024  3/2/2024  3/3/2024\nNa    138                 141", "sodium 138, sodium 141"),
    ("Seen 3/1/2024  and 3/2/2024\nNa 138 today", ""),
    ("3/1/2024  3/2/2024\nsaw the cardiologist", ""),
    ("BP HR\n\n120/80 72", ""),
    ("BP 120/80  HR 72  T 98.6", ""),
    ("BP HR\nboth were normal", ""),
    ("BP HR\n9999/1 x", ""),
    ("", ""),
]


@pytest.mark.parametrize(("text", "expected"), TABLES)
def test_a_value_is_that_of_the_name_over_it(text: str, expected: str) -> None:
    told = [f"{one.test.key} {one.value.attributes['value']}" for one in columns(text)]
    assert ", ".join(told) == expected


UNITS = [
    ("Test\tNa\tHgb\nResult\t138\t132\nUnit\tmmol/L\tg/L", {"138": "mmol/L", "132": "g/L"}),
    ("Na (mmol/L)   Hgb (g/L)\n138           132", {"138": "mmol/L", "132": "g/L"}),
    ("Date        3/1/2024  3/2/2024\nHgb (g/L)   132       128", {"132": "g/L", "128": "g/L"}),
    ("Na   Hgb\n138  13.2", {"138": None, "13.2": None}),
]


@pytest.mark.parametrize(("text", "expected"), UNITS)
def test_a_value_has_the_unit_of_its_row_of_units_or_of_the_brackets_behind_its_name(
    text: str, expected: dict[str, str | None]
) -> None:
    told = {one.value.attributes["value"]: one.value.attributes.get("unit") for one in columns(text)}
    assert told == expected


def test_values_below_times_have_those_times() -> None:
    text = "LABS\n     1/2/2024   1/3/2024\nNa   138        140"
    read = Quantities().read(Times().read(tagged(text)))
    told = {one.text: one.attributes.get("at") for one in read.annotations if one.label == "TEST_VALUE"}
    assert told == {"138": "2024-01-02", "140": "2024-01-03"}


def test_where_a_value_went_is_no_value_of_its_own() -> None:
    text = "hematocrit 35.5 (down), potassium 4.1 mmol/L (up)"
    read = Quantities().read(tagged(text, ("down", "TEST_VALUE"), ("up", "TEST_VALUE")))
    assert [one.text for one in read.annotations if one.label == "TEST_VALUE"] == ["35.5", "4.1"]


def test_a_flag_is_no_unit_and_no_hours() -> None:
    text = "| Test | Result |\n|---|---|\n| Potassium | 5.9 H |"
    read = Quantities().read(
        tagged(text, ("H", "UNIT"), ("5.9 H", "DURATION"), ("Potassium", "TEST"), ("5.9", "TEST_VALUE"))
    )
    assert {one.label for one in read.annotations} == {"TEST", "TEST_VALUE"}
    (value,) = [one for one in read.annotations if one.label == "TEST_VALUE"]
    assert (value.attributes["flag"], value.attributes["unit"]) == ("H", "mmol/L")


def tagged(text: str, *found: tuple[str, str]) -> AnnotatedNote:
    ones = tuple(
        Annotation(Span(text.index(word), text.index(word) + len(word)), label, "tagger", 0.9, text=word)
        for word, label in found
    )
    return AnnotatedNote(note(text, time="2024-05-10"), annotations=ones)


def test_what_the_tagger_took_a_name_or_value_for_gives_way() -> None:
    text = "Time | BP | HR | Pain\n08:00 | 132/84 | 88 | 6/10\n12:00 | 128/80 | 76 | 3/10"
    read = Quantities().read(Times().read(tagged(text, ("BP", "SYMPTOM"), ("6/10", "DATE_TIME"), ("HR", "PROBLEM"))))
    assert {(one.text, one.label) for one in read.annotations if one.label not in ("TEST", "TEST_VALUE")} == {
        ("08:00", "DATE_TIME"), ("12:00", "DATE_TIME"),
    }  # fmt: skip
    told = {one.text: one.attributes for one in read.annotations if one.label == "TEST_VALUE"}
    assert told["6/10"]["value"] == "6"
    assert told["6/10"]["unit"] == "{score}"
    assert told["132/84"]["at"].startswith("2024-05-10T08:00")


def test_each_value_of_a_table_is_related_to_its_own_column() -> None:
    text = "BP       HR\n120/80   72\n128/80   76"
    read = Quantities().read(AnnotatedNote(note(text)))
    ids = tuple(
        Annotation(one.span, one.label, one.source, attributes=one.attributes, id=f"T{number}", text=one.text)
        for number, one in enumerate(read.annotations)
    )
    by_id = {one.id: one.text for one in ids}
    made = Relations().read(AnnotatedNote(read.note, annotations=ids))
    found = {(by_id[one.head], by_id[one.tail]) for one in made.relations if one.type == "test-result"}
    assert found == {("BP", "120/80"), ("HR", "72"), ("BP", "128/80"), ("HR", "76")}


SCORES = [
    ("Pain 6/10.", "6/10", "6"),
    ("pain is 10/10 today", "10/10", "10"),
    ("Pain score: 7 out of 10", "7 out of 10", "7"),
    ("chest pain 8/10, previously 3/10", "8/10", "8"),
]


@pytest.mark.parametrize(("text", "written", "value"), SCORES)
def test_a_pain_score_is_a_value_and_no_day(text: str, written: str, value: str) -> None:
    read = Quantities().read(Times().read(tagged(text, (written, "DATE_TIME"))))
    told = [(one.text, one.attributes["value"]) for one in read.annotations if one.label == "TEST_VALUE"]
    assert told == [(written, value)]
    assert not any(one.label == "DATE_TIME" and one.text == written for one in read.annotations)


DAYS = ["seen on 6/10 for pain", "adm 5/10 with chest pain"]


@pytest.mark.parametrize("text", DAYS)
def test_a_day_stays_a_day(text: str) -> None:
    read = Quantities().read(Times().read(tagged(text)))
    assert [one.label for one in read.annotations] == ["DATE_TIME"]
