import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.nlp.frequencies import frequencies, frequency
from careloom.nlp.quantities import Quantities
from careloom.nlp.quantities_values import declared, dose, parsed, unit_of
from careloom.terminology.packaged import lookup
from careloom.terminology.systems import LOINC
from careloom.terminology.ucum import is_valid
from careloom.text.note import AnnotatedNote, Annotation, Note, Span
from tests.growth import refuse_worse_than_linear

QUANTITIES = Quantities()

FREQUENCIES = [
    ("bid", "2", "BID"), ("BID", "2", "BID"), ("b.i.d.", "2", "BID"), ("TID", "3", "TID"), ("t.i.d.", "3", "TID"),
    ("qid", "4", "QID"), ("QD", "1", "QD"), ("q day", "1", "QD"), ("QDay", "1", "QD"), ("daily", "1", "QD"),
    ("once daily", "1", "QD"), ("once a day", "1", "QD"), ("every day", "1", "QD"), ("twice daily", "2", "BID"),
    ("twice a day", "2", "BID"), ("two times a day", "2", "BID"), ("two times daily", "2", "BID"),
    ("2x daily", "2", "BID"),
    ("three times a day", "3", "TID"), ("three times daily", "3", "TID"), ("4 times daily", "4", "QID"),
    ("q6h", "4", "Q6H"), ("q 6 h", "4", "Q6H"), ("q8h", "3", "Q8H"), ("q4h", "6", "Q4H"), ("q12h", "2", None),
    ("q24h", "1", None), ("q4-6h", "6", "Q4H"), ("every 8 hours", "3", "Q8H"), ("every six hours", "4", "Q6H"),
    ("every 4 to 6 hours", "6", "Q4H"), ("every other day", "0.5", "QOD"), ("QOD", "0.5", "QOD"),
    ("every 2 days", "0.5", "QOD"),
    ("weekly", "0.14", "WK"), ("once a week", "0.14", "WK"), ("twice a week", "0.29", None),
    ("3 times per week", "0.43", None),
    ("every 3 months", "0.01", None), ("monthly", "0.03", "MO"), ("hourly", "24", "Q1H"), ("every 30 min", "48", None),
    ("nightly", "1", "QD"), ("at bedtime", "1", "QD"), ("every morning", "1", "QD"), ("before meals", "3", "TID"),
    ("1-0-1", "2", "BID"), ("1-1-1", "3", "TID"), ("0-0-1", "1", "QD"), ("1-1-1-1", "4", "QID"), ("once", "0", None),
    ("x1", "0", None), ("prn", "0", None), ("as needed", "0", None), ("daily as needed", "1", "QD"),
    ("q6h prn", "4", "Q6H"),
]  # fmt: skip
VALUES = [
    ("12.3", {"value": "12.3"}),
    ("1,200", {"value": "1200"}),
    ("<0.01 ng/mL", {"value": "0.01", "comparator": "<", "unit": "ng/mL"}),
    ("> 60", {"value": "60", "comparator": ">"}),
    ("≤5 mg/L", {"value": "5", "comparator": "<=", "unit": "mg/L"}),
    ("less than 0.5", {"value": "0.5", "comparator": "<"}),
    ("120/80", {"value": "120/80", "systolic": "120", "diastolic": "80"}),
    ("136/60 mm Hg", {"value": "136/60", "systolic": "136", "diastolic": "60", "unit": "mm[Hg]"}),
    ("3.5-5.0", {"value": "3.5-5.0", "low": "3.5", "high": "5.0"}),
    ("55–60 %", {"value": "55-60", "low": "55", "high": "60", "unit": "%"}),
    ("98.6 F", {"value": "98.6", "unit": "[degF]"}),
    ("98.1 degrees F", {"value": "98.1", "unit": "[degF]"}),
    ("36.6 °C", {"value": "36.6", "unit": "Cel"}),
    ("5'10\"", {"value": "70", "unit": "[in_i]"}),
    ("5 ft 4 in", {"value": "64", "unit": "[in_i]"}),
    ("1.2 x 10^9/L", {"value": "1.2", "unit": "10*9/L"}),
    ("6.6 10*3/uL", {"value": "6.6", "unit": "10*3/uL"}),
    ("150 K/uL", {"value": "150", "unit": "10*3/uL"}),
    ("2+", {"value": "2+"}),
    ("trace", {"value": "trace"}),
    ("Negative", {"value": "negative"}),
    ("not detected", {"value": "not detected"}),
    ("12.3 H (4.0-11.0)", {"value": "12.3", "flag": "H", "reference_low": "4.0", "reference_high": "11.0"}),
    ("161*", {"value": "161", "flag": "*"}),
    ("126 mg/dL (ref 70-99)", {"value": "126", "unit": "mg/dL", "reference_low": "70", "reference_high": "99"}),
    ("72 mL/min/1.73m2", {"value": "72", "unit": "mL/min/{1.73_m2}"}),
    ("25 IU/L", {"value": "25", "unit": "U/L"}),
    ("2.1 mIU/L", {"value": "2.1", "unit": "m[IU]/L"}),
    ("88 bpm", {"value": "88", "unit": "/min"}),
    ("16 per minute", {"value": "16", "unit": "/min"}),
    ("180 lbs", {"value": "180", "unit": "[lb_av]"}),
    ("-2.5", {"value": "-2.5"}),
    ("unremarkable", {}),
    ("", {}),
]
DOSES = [
    ("500 mg", "500", "mg"), ("500mg", "500", "mg"), ("1,000 mg", "1000", "mg"), ("0.5 mg", "0.5", "mg"),
    ("25 mcg", "25", "ug"),
    ("2 puffs", "2", "{actuat}"), ("1 tablet", "1", "{tbl}"), ("1/2 tablet", "0.5", "{tbl}"),
    ("half a tablet", "0.5", "{tbl}"),
    ("1½ tablets", "1.5", "{tbl}"), ("20 units", "20", "[USP'U]"), ("10 mL", "10", "mL"), ("20 mEq", "20", "meq"),
    ("1-2 tabs", "1", "{tbl}"), ("1 to 2 tablets", "1", "{tbl}"), ("5 mg/kg", "5", "mg/kg"), ("1 g", "1", "g"),
    ("80 mg/m2", "80", "mg/m2"), ("two puffs", "2", "{actuat}"), ("3 drops", "3", "[drp]"),
]  # fmt: skip
LINES = [
    ("BP 120/80, HR 88, T 98.6, SpO2 97 % on RA", ["120/80 mm[Hg]", "88 /min", "98.6 [degF]", "97 %"]),
    ("Na 138  K 4.1 Cl 101", ["138 mmol/L", "4.1 mmol/L", "101 mmol/L"]),
    ("WBC 12.3 H (4.0-11.0)", ["12.3 10*3/uL"]),
    ("sodium; 139; mmol/L; normal", ["139 mmol/L"]),
    ("Hgb                               10.3      g/dL        ref 12-16", ["10.3 g/dL"]),
    ("a blood pressure of 136/60 mm Hg and a pulse of 74", ["136/60 mm[Hg]", "74 /min"]),
    ("the bicarbonate came back at 22 mmol/L, which is low", ["22 mmol/L"]),
    ("(blood pressure) 136/60 mmHg; (RR) 16 bpm", ["136/60 mm[Hg]", "16 /min"]),
    ("Blood pressure ... 119/61 mmHg", ["119/61 mm[Hg]"]),
    ("Cr 1.2 -> 0.9 mg/dL", ["1.2 mg/dL", "0.9 mg/dL"]),
    ("the calcium moved from 8.5 to 8.6 mg/dL", ["8.5 mg/dL", "8.6 mg/dL"]),
    ("T 37.2 P 74 R 16", ["37.2 Cel", "74 /min", "16 /min"]),
    ("A1c 7.2%", ["7.2 %"]),
    ("INR of 2.3", ["2.3 {INR}"]),
    ("LVEF 55-60%", ["55-60 %"]),
    ("| Na | 138 |\n| K | 4.1 |", ["138 mmol/L", "4.1 mmol/L"]),
    ("Height 5'10\", weight 180 lbs", ["70 [in_i]", "180 [lb_av]"]),
    ("Troponin <0.01 ng/mL", ["0.01 ng/mL"]),
    ("vitamin K 5 mg daily", []),
    ("pain for 3 days", []),
    ("A/P: 80yo F", []),
    ("P 2 days", []),
    ("weight 5 of 7", []),
    ("HR normal", []),
]


def read(text: str, *earlier: Annotation) -> list[Annotation]:
    return list(QUANTITIES.read(AnnotatedNote(Note("n", text), annotations=earlier)).annotations)


@pytest.mark.parametrize(("written", "per_day", "code"), FREQUENCIES)
def test_a_frequency_has_its_intakes_a_day_and_its_code(written, per_day, code):
    told = frequency(written)
    assert (told["per_day"], told.get("code")) == (per_day, code)
    assert (told.get("as_needed") == "true") == ("prn" in written or "needed" in written)
    assert frequencies(written.lower()) == [(0, len(written))]


@pytest.mark.parametrize("words", ["", "slowly", "often", "0-0-0", "every so often"])
def test_words_that_tell_no_frequency_tell_nothing(words):
    assert frequency(words) == {}


def test_a_recurrence_is_iso_8601_where_it_divides():
    assert frequency("every 3 months")["value"] == "R/P3M"
    assert frequency("bid")["value"] == "R/PT12H"
    assert "value" not in frequency("5 times a week")
    assert frequency("1-0-1")["when"] == "MORN EVE"
    assert frequency("qhs")["when"] == "HS"


@pytest.mark.parametrize(("written", "expected"), VALUES)
def test_a_value_tells_number_comparator_range_and_unit(written, expected):
    assert parsed(written) == expected


@pytest.mark.parametrize(("written", "amount", "unit"), DOSES)
def test_a_dose_tells_amount_and_unit(written, amount, unit):
    told = dose(written)
    assert (told["dose"], told["unit"]) == (amount, unit)


@pytest.mark.parametrize(("line", "expected"), LINES)
def test_a_line_of_results_is_read_without_a_tagger(line, expected):
    values = [one for one in read(line) if one.label == "TEST_VALUE"]
    assert [f"{one.attributes['value']} {one.attributes['unit']}" for one in values] == expected
    assert all(one.text == line[one.span.start : one.span.end] for one in values)


def test_a_unit_that_is_only_meant_is_told_as_such():
    value = next(one for one in read("HR 88") if one.label == "TEST_VALUE")
    assert value.attributes["unit_assumed"] == "true"
    assert not [one for one in read("HR 88") if one.label == "UNIT"]
    assert "unit_assumed" not in next(one for one in read("HR 88 bpm") if one.label == "TEST_VALUE").attributes


def test_a_drug_line_has_dose_and_frequency():
    found = {one.label: one for one in read("metformin 1,000 mg PO BID")}
    assert found["DOSAGE"].attributes == {"dose": "1000", "unit": "mg"}
    assert found["FREQUENCY"].attributes["code"] == "BID"


def test_what_recurs_without_a_drug_is_a_set():
    assert read("follow-up every 3 months")[0].attributes["type"] == "set"
    assert "type" not in read("aspirin 81 mg daily")[-1].attributes
    assert read("seen once more in the morning") == []


def test_a_value_of_the_tagger_is_split_from_its_unit():
    text = "The thing was 12.3 g/dL then."
    found = read(text, Annotation(Span(14, 23), "TEST_VALUE", "entities 1", 0.9))
    assert [(one.label, one.text, one.score) for one in found] == [("TEST_VALUE", "12.3", 0.9), ("UNIT", "g/dL", 0.9)]


def test_a_number_inside_a_unit_is_no_value():
    text = "WBC 6.6 10*3/uL"
    found = read(text, *(Annotation(Span(*place), "TEST_VALUE", "entities 1", 0.9) for place in ((8, 10), (11, 12))))
    assert [(one.label, one.text) for one in found] == [("TEST", "WBC"), ("TEST_VALUE", "6.6"), ("UNIT", "10*3/uL")]


def test_the_taggers_test_stands_and_its_wider_value_gives_way():
    text = "Serum sodium 138 mmol/L"
    tagged = (
        Annotation(Span(0, 12), "TEST", "entities 1", 0.8),
        Annotation(Span(13, 23), "TEST_VALUE", "entities 1", 0.7),
        Annotation(Span(0, 5), "ANATOMY", "entities 1", 0.2),
    )
    found = read(text, *tagged)
    assert [(one.label, one.span.of(text), one.score) for one in found] == [
        ("ANATOMY", "Serum", 0.2), ("TEST", "Serum sodium", 0.8), ("TEST_VALUE", "138", 0.7), ("UNIT", "mmol/L", None),
    ]  # fmt: skip


def test_every_code_is_in_the_packaged_loinc_and_every_unit_is_ucum():
    data = declared()
    for test in data["tests"].values():
        assert not test["loinc"] or lookup(LOINC, test["loinc"]) is not None
        assert not test["unit"] or is_valid(test["unit"])
        assert test["low"] < test["high"]
    for table in ("units", "doses"):
        assert all(is_valid(code) for code in data[table].values())
        assert all(written == written.lower() for written in data[table])


def test_a_unit_beyond_the_list_is_read_as_a_spelling():
    assert unit_of("x10E9/L") == "10*9/L"
    assert unit_of("no such unit") == ""


@pytest.mark.parametrize(
    "piece", ["BP 120/80 ", "Na 138 K 4.1 ", "5 mg ", "every ", "1-2-3-4-", "blood pressure was is of at ", "9", "... "]
)
def test_long_lines_take_linear_time(piece):
    refuse_worse_than_linear(
        QUANTITIES.read, lambda size: AnnotatedNote(Note("n", piece * (size // len(piece)))), 5_000
    )


@given(st.text(alphabet="BPHRNaK0123456789/.<>%:mgdL q-\n|'é😀", max_size=60))
def test_any_text_is_read_without_an_error_and_spans_are_its_own(text):
    for one in read(text):
        assert one.text == text[one.span.start : one.span.end]
        assert one.text


@given(st.integers(1, 23), st.sampled_from(["q{}h", "every {} hours", "q {} h"]))
def test_hours_between_intakes_give_intakes_a_day(hours, form):
    assert float(frequency(form.format(hours))["per_day"]) == pytest.approx(24 / hours, abs=0.006)
