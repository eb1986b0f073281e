import pytest

from careloom.deid.policy import packaged_policy
from careloom.errors import SetupError

CODES = packaged_policy().codes
HL7 = "http://terminology.hl7.org/CodeSystem/"


@pytest.mark.parametrize(
    ("system", "code", "passes"),
    [
        ("http://snomed.info/sct", "38341003", True),
        ("http://snomed.info/sct", "38341004", False),  # wrong check digit
        ("http://snomed.info/sct", "5551234567", False),  # a phone number
        ("http://snomed.info/sct", "38341003 |Smith|", False),
        ("http://snomed.info/sct", "1597AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", True),
        ("http://loinc.org", "8480-6", True),
        ("http://loinc.org", "8480-7", False),
        ("http://loinc.org", "LA6668-3", True),
        ("http://loinc.org", "078-05-1120", False),  # a social security number
        ("http://www.nlm.nih.gov/research/umls/rxnorm", "1660014", True),
        ("http://www.nlm.nih.gov/research/umls/rxnorm", "aspirin for Ann", False),
        ("http://hl7.org/fhir/sid/icd-10-cm", "E11.9", True),
        ("http://hl7.org/fhir/sid/icd-10-cm", "E119", True),
        ("http://hl7.org/fhir/sid/icd-10-cm", "QA0.0101", True),
        ("http://hl7.org/fhir/sid/icd-10-cm", "Smith", False),
        ("http://hl7.org/fhir/sid/icd-10-cm", "SAMUEL", False),
        ("http://hl7.org/fhir/sid/ndc", "0069-2587-10", True),
        ("http://hl7.org/fhir/sid/ndc", "16175551234", False),
        (HL7 + "v3-ActCode", "AMB", True),
        (HL7 + "v3-ActCode", "SMITH", False),
        (HL7 + "observation-category", "vital-signs", True),
        ("http://hospital.example/local", "8480-6", False),
        ("urn:oid:2.16.840.1.113883.6.238", "2106-3", True),
        ("http://loinc.org", "8480-6\n", False),
        ("http://loinc.org", "٨480-6", False),  # an Arabic digit
        ("http://loinc.org", None, False),
        (None, "8480-6", False),
        (["http://loinc.org"], "8480-6", False),
        ("http://loinc.org", {"a": 1}, False),
    ],
)
def test_a_code_passes_only_if_its_system_is_listed_and_can_have_it(system: object, code: object, passes: bool) -> None:
    assert CODES.passes(system, code) is passes
    assert CODES.passes(system, code) is passes  # remembered


@pytest.mark.parametrize(
    ("unit", "passes"),
    [
        *(
            (unit, True)
            for unit in "mm[Hg] mg/dL 10*3/uL {score} /min mL/min/{1.73_m2} kg/m2 mmHg a % ug/kg/h g/(24.h)".split()[
                :11
            ]
        ),
        *((unit, True) for unit in "1 [degF] nmol/L {beats}/min /100{WBCs} U/L m[IU]/L meq/L [in_i] Cel fL pg".split()),
        *(
            (unit, False)
            for unit in "{John} Smith 555.1212 617-555-1234 Pat Ann mg/Smith a@b.c {score}{Ann} 1234567".split()
        ),
        ("", False),
        (None, False),
        (7, False),
        (["mg"], False),
    ],
)
def test_a_unit_passes_only_if_it_is_made_of_known_parts(unit: object, passes: bool) -> None:
    assert CODES.passes_unit(unit) is passes


def test_memory_stays_bounded_whatever_is_asked() -> None:
    for number in range(70_000):
        CODES.passes("http://loinc.org", f"x{number}")
        CODES.passes_unit(f"x{number}")
    assert len(CODES._codes) <= 65_536
    assert len(CODES._units) <= 65_536


def test_an_observation_of_an_address_is_known_to_be_identifying() -> None:
    assert CODES.is_identifying("http://loinc.org", "56799-0")
    assert not CODES.is_identifying("http://loinc.org", "8480-6")


def test_there_is_no_policy_of_an_unknown_name() -> None:
    with pytest.raises(SetupError):
        packaged_policy("safe-harbor-some-day")
