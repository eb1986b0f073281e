"""Clinical codes in data files are found in every form, and judged by the lists of their publishers."""

import json
from pathlib import Path

import pytest

from careloom.terminology.systems import CVX, ICD_10_CM, LOINC, RXNORM, SNOMED_CT
from tools import check_codes
from tools.check_codes import Used, system_of, used

KEYS = [
    ("icd10cm", ICD_10_CM),
    ("icd_10_cm_code", ICD_10_CM),
    ("snomed", SNOMED_CT),
    ("snomed_ct", SNOMED_CT),
    ("snomedCodes", SNOMED_CT),
    ("loinc_code", LOINC),
    ("rxnorm_ingredient", RXNORM),
    ("cvx", CVX),
    ("code", None),
    ("icd10", None),
    ("name", None),
]


@pytest.mark.parametrize(("key", "system"), KEYS)
def test_a_key_names_its_system(key: str, system: str | None) -> None:
    assert system_of(key) == system


FORMS = [
    ({"icd10cm": "E11.9"}, [("E11.9", "")]),
    ({"icd10cm": ["E11.9", "Type 2 diabetes"]}, [("E11.9", "Type 2 diabetes")]),
    ({"icd10cm": ["E11.9", "E11.65"]}, [("E11.9", ""), ("E11.65", "")]),
    (
        {"icd10cm": [["E11.9", "Type 2 diabetes"], ["I10", "Hypertension"]]},
        [("E11.9", "Type 2 diabetes"), ("I10", "Hypertension")],
    ),
    ({"icd10cm": {"code": "I10", "name": "Hypertension"}}, [("I10", "Hypertension")]),
    ({"coding": [{"system": ICD_10_CM, "code": "I10", "display": "Hypertension"}]}, [("I10", "Hypertension")]),
    ({"reason": f"{ICD_10_CM}|I10"}, [("I10", "")]),
    ({"reason": "icd10cm|I10"}, [("I10", "")]),
    ({"states": [{"then": {"icd10cm": "I10"}}]}, [("I10", "")]),
    ({"text": "a | b", "system": "phone"}, []),
]


@pytest.mark.parametrize(("document", "expected"), FORMS)
def test_a_code_is_found_in_every_form(document: object, expected: list[tuple[str, str]]) -> None:
    assert [(use.code, use.name) for use in used(document, "")] == expected


@pytest.fixture(scope="module")
def lists(suites: Path) -> check_codes.Lists:
    return check_codes.read_lists(suites)


VERDICTS = [
    (Used("", ICD_10_CM, "E11.9", "Type 2 diabetes mellitus without complications"), "right"),
    (Used("", ICD_10_CM, "S72.001A"), "right"),
    (Used("", ICD_10_CM, "E11"), "header"),
    (Used("", ICD_10_CM, "E11.999"), "wrong"),
    (Used("", ICD_10_CM, "E119"), "wrong"),
    (Used("", ICD_10_CM, "I10", "Chronic kidney disease"), "name"),
    (Used("", SNOMED_CT, "44054006", "type 2 diabetes"), "right"),
    (Used("", SNOMED_CT, "44054006", "sugar sickness"), "own"),
    (Used("", SNOMED_CT, "44054007"), "wrong"),
    (Used("", SNOMED_CT, "12345"), "wrong"),
    (Used("", LOINC, "2345-7", "Glucose"), "right"),
    (Used("", LOINC, "2345-8"), "wrong"),
    (Used("", LOINC, "56888-1"), "unverifiable"),
    (Used("", RXNORM, "860975"), "right"),
    (Used("", RXNORM, "1191", "aspirin"), "right"),
    (Used("", RXNORM, "435", "albuterol"), "unverifiable"),
    (Used("", RXNORM, "99999999"), "unverifiable"),
    (Used("", CVX, "03", "MMR"), "right"),
    (Used("", CVX, "140"), "unverifiable"),
    (Used("", CVX, "999999"), "wrong"),
]


@pytest.mark.parametrize(("use", "verdict"), VERDICTS)
def test_a_code_is_judged(lists: check_codes.Lists, use: Used, verdict: str) -> None:
    assert check_codes.judged(use, lists).verdict == verdict


def test_a_folder_with_a_wrong_code_fails(suites: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.toml").write_text('[glucose]\nloinc = "2345-7"\n')
    assert check_codes.main([str(tmp_path), "--suites", str(suites)]) == 0
    (tmp_path / "b.json").write_text(json.dumps([{"system": LOINC, "code": "2345-1"}]))
    assert check_codes.main([str(tmp_path), "--suites", str(suites)]) == 1
    told = capsys.readouterr()
    assert "wrong         LOINC 2345-1" in told.out
    assert "LOINC: 1 right, 1 wrong" in told.err
