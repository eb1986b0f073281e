"""One form for units, codes, names, addresses and phones, with every change told."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.errors import SetupError
from careloom.fhir.validate import check
from careloom.quality.normalize import normalize
from careloom.quality.normalize_policy import NormalizePolicy, packaged_policy, read_policy
from careloom.terminology.packaged import PACKAGED
from careloom.terminology.systems import ICD_10_CM, LOINC, UCUM


def observation(loinc: str, value: Any, **quantity: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation", "id": "o", "status": "final", "subject": {"reference": "Patient/p"},
        "code": {"coding": [{"system": LOINC, "code": loinc}]}, "valueQuantity": {"value": value, **quantity},
    }  # fmt: skip


def codes(issues: list[Any]) -> list[str]:
    return [issue.code.removeprefix("normalize.") for issue in issues]


@pytest.mark.parametrize(
    ("loinc", "value", "quantity", "expected", "changes"),
    [
        ("2345-7", 99, {"unit": "mg/dl"}, (99, "mg/dL"), ["unit-coded"]),
        ("2345-7", 5.5, {"unit": "mmol/L", "system": UCUM, "code": "mmol/L"}, (99.1, "mg/dL"), ["unit-converted"]),
        ("8310-5", 98.6, {"unit": "F", "system": UCUM, "code": "[degF]"}, (37, "Cel"), ["unit-converted"]),
        ("29463-7", 150, {"unit": "lbs"}, (68.04, "kg"), ["unit-coded", "unit-converted"]),
        ("777-3", 250, {"unit": "x10E3/uL"}, (250, "10*3/uL"), ["unit-coded"]),
        ("718-7", 131, {"unit": "g/L", "system": UCUM, "code": "g/L"}, (13.1, "g/dL"), ["unit-converted"]),
        ("8867-4", 71, {"unit": "bpm"}, (71, "{beats}/min"), ["unit-coded"]),
        ("2345-7", 99, {"unit": "mg/dL", "system": UCUM, "code": "mg/dL"}, (99, "mg/dL"), []),
    ],
)
def test_a_value_comes_in_the_unit_of_its_code(
    loinc: str, value: float, quantity: dict[str, str], expected: tuple[float, str], changes: list[str]
) -> None:
    given_one = observation(loinc, value, **quantity)
    before = copy.deepcopy(given_one)
    made, issues = normalize(given_one, PACKAGED)
    assert given_one == before, "what came is left alone"
    assert codes(issues) == changes
    found = (made or given_one)["valueQuantity"]
    assert (found["value"], found.get("code")) == expected
    assert all(issue.place.startswith("Observation.valueQuantity") for issue in issues)
    if made is not None:
        assert not [issue for issue in check(made) if issue.refuses]


@pytest.mark.parametrize(
    ("quantity", "warning"),
    [
        ({"unit": "furlongs"}, "unit-unknown"),
        ({"unit": "kg", "system": UCUM, "code": "kg"}, "unit-not-comparable"),
    ],
)
def test_what_cannot_be_told_stays_as_it_came_with_a_warning(quantity: dict[str, str], warning: str) -> None:
    made, issues = normalize(observation("2345-7", 99, **quantity), PACKAGED)
    assert (made, codes(issues)) == (None, [warning])
    assert "furlongs" not in "".join(issue.message + issue.remedy for issue in issues)


def test_components_and_reference_ranges_go_with_their_value() -> None:
    pressure = observation("85354-9", 1)
    del pressure["valueQuantity"]
    pressure["component"] = [
        {"code": {"coding": [{"system": LOINC, "code": "8480-6"}]}, "valueQuantity": {"value": 16, "unit": "kPa"}}
    ]
    made, _ = normalize(pressure, PACKAGED)
    assert made is not None
    assert made["component"][0]["valueQuantity"]["code"] == "mm[Hg]"
    assert made["component"][0]["valueQuantity"]["value"] == 120
    glucose = observation("2345-7", 5.5, unit="mmol/L")
    glucose["referenceRange"] = [{"low": {"value": 3.9, "unit": "mmol/L"}, "high": {"value": 5.5, "unit": "mmol/L"}}]
    made, _ = normalize(glucose, PACKAGED)
    assert made is not None
    assert [made["referenceRange"][0][side]["value"] for side in ("low", "high")] == [70.3, 99.1]


def test_a_unit_of_ones_own_choice_goes_before_the_packaged_one() -> None:
    own = read_policy('[units]\nto_ucum = true\nto_preferred = true\n[units.preferred]\n"2345-7" = "mmol/L"')
    made, _ = normalize(observation("2345-7", 99, unit="mg/dL"), PACKAGED, own)
    assert made is not None
    assert (made["valueQuantity"]["value"], made["valueQuantity"]["code"]) == (5.5, "mmol/L")


OID = "urn:oid:2.16.840.1.113883.6.90"


def condition(*codings: dict[str, str]) -> dict[str, Any]:
    return {"resourceType": "Condition", "code": {"coding": list(codings)}, "subject": {"reference": "Patient/p"}}


@pytest.mark.parametrize(
    ("coding", "expected", "changes"),
    [
        ({"system": ICD_10_CM, "code": "E119"}, (ICD_10_CM, "E11.9"), ["code-form"]),
        ({"system": ICD_10_CM, "code": "QA00101"}, (ICD_10_CM, "QA0.0101"), ["code-form"]),
        (
            {"system": "urn:oid:2.16.840.1.113883.6.90", "code": "e11.9"},
            (ICD_10_CM, "E11.9"),
            ["system-canonical", "code-form"],
        ),
        ({"system": ICD_10_CM, "code": "E11.9"}, (ICD_10_CM, "E11.9"), []),
        ({"system": ICD_10_CM, "code": "Z9999"}, (ICD_10_CM, "Z9999"), []),
        ({"system": ICD_10_CM, "code": "I10"}, (ICD_10_CM, "I10"), []),
        ({"system": "urn:local", "code": "E119"}, ("urn:local", "E119"), []),
    ],
)
def test_codes_come_in_the_form_of_their_system(
    coding: dict[str, str], expected: tuple[str, str], changes: list[str]
) -> None:
    made, issues = normalize(condition(coding), PACKAGED)
    assert codes(issues) == changes
    found = (made or condition(coding))["code"]["coding"][0]
    assert (found["system"], found["code"]) == expected


def test_a_concept_map_adds_a_code_beside_the_one_that_came() -> None:
    pairs = [(ICD_10_CM, "http://snomed.info/sct")]
    policy = NormalizePolicy(translate=tuple(pairs))
    exact = ("equal", "equivalent")

    def has_exact(code: str) -> bool:
        mapped = PACKAGED.translations(ICD_10_CM, code)
        return any(one.system == pairs[0][1] and one.equivalence in exact for one in mapped)

    found = next(filter(has_exact, ("E11.9", "I10", "J45.909", "N18.9", "J44.9", "I48.91", "F32.9")))
    made, issues = normalize(condition({"system": ICD_10_CM, "code": found}), PACKAGED, policy)
    assert made is not None
    assert [one["system"] for one in made["code"]["coding"]] == [ICD_10_CM, "http://snomed.info/sct"]
    assert codes(issues) == ["code-translated"]
    again, _ = normalize(made, PACKAGED, policy)
    assert again is None


PATIENT: dict[str, Any] = {
    "resourceType": "Patient", "id": "p", "name": [{"family": "Quill  feather ", "given": ["Oda", " Lu\u0301 "]}],
    "address": [{"line": ["1 Elm  St"], "city": "Boston", "state": "Massachusetts", "postalCode": "2139"}],
    "telecom": [{"system": "phone", "value": "(617) 555-0101"}, {"system": "email", "value": "a@b.org"}],
}  # fmt: skip


def test_names_addresses_and_phones_get_one_form() -> None:
    made, issues = normalize(PATIENT, PACKAGED)
    assert made is not None
    assert made["name"] == [{"family": "Quill feather", "given": ["Oda", "Lú"]}]
    assert made["address"] == [{"line": ["1 Elm St"], "city": "Boston", "state": "MA", "postalCode": "02139"}]
    assert made["telecom"][0]["value"] == "+1-617-555-0101"
    assert made["telecom"][1] == PATIENT["telecom"][1]
    assert set(codes(issues)) == {"spaces", "state-code", "zip-padded", "phone-form"}
    assert "Patient.address[0].state" in [issue.place for issue in issues]


BAVARIA = {"state": "Bayern", "postalCode": "8033", "country": "DE"}


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ({"state": "TX", "postalCode": "7700"}, {"state": "TX", "postalCode": "7700"}),
        ({"state": "ma", "postalCode": "021391234"}, {"state": "MA", "postalCode": "02139-1234"}),
        (
            {"state": "Bayern", "postalCode": "8033", "country": "DE"},
            {"state": "Bayern", "postalCode": "8033", "country": "DE"},
        ),
        ({"state": "Ontario", "country": "CA"}, {"state": "Ontario", "country": "CA"}),
    ],
)
def test_addresses_elsewhere_and_what_cannot_be_told_stay(address: dict[str, str], expected: dict[str, str]) -> None:
    patient = {"resourceType": "Patient", "address": [address]}
    made, _ = normalize(patient, PACKAGED)
    assert (made or patient)["address"] == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "units = 1",
        "[unit]\nx=1",
        "[units]\nto_ucum = 1",
        "[codes]\ntranslate = [1]",
        '[units.preferred]\n"1-8" = "furlong"',
        "[",
    ],
)
def test_a_policy_with_a_slip_is_refused_with_its_key(text: str) -> None:
    with pytest.raises(SetupError):
        read_policy(text)


UNITS = ("mg/dl", "mmol/L", "g/L", "lbs", "F", "bpm", "x10E3/uL", "?", "", "kg", "mm Hg")


@given(
    st.sampled_from(["2345-7", "718-7", "8310-5", "29463-7", "777-3", "1-8"]),
    st.one_of(st.integers(0, 10**6), st.floats(0, 1e6, allow_nan=False)), st.sampled_from(UNITS),
)  # fmt: skip
def test_a_second_time_changes_nothing_and_what_is_made_is_valid(loinc: str, value: float, unit: str) -> None:
    resource = observation(loinc, value, **({"unit": unit} if unit else {}))
    made, _ = normalize(resource, PACKAGED)
    if made is not None:
        assert not [issue for issue in check(made) if issue.refuses]
        assert normalize(made, PACKAGED)[0] is None


def test_the_packaged_policy_translates_only_local_codes() -> None:
    assert {source for source, _ in packaged_policy().translate} == {"*"}
