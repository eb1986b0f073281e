"""Names of code systems and shapes of codes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.terminology.packaged import PACKAGED
from careloom.terminology.systems import (
    ICD_10_CM,
    LOINC,
    OIDS,
    RXNORM,
    SNOMED_CT,
    canonical,
    is_icd10cm,
    is_loinc,
    is_snomed_concept,
)

NAMES = [
    ("SNOMED-CT", SNOMED_CT),
    ("sct", SNOMED_CT),
    ("SNOMED_CT", SNOMED_CT),
    (" LN ", LOINC),
    ("RxNorm", RXNORM),
    ("I10C", ICD_10_CM),
    ("ICD-10-CM", ICD_10_CM),
    ("2.16.840.1.113883.6.96", SNOMED_CT),
    ("urn:oid:2.16.840.1.113883.6.1", LOINC),
    ("urn:oid:1.2.3.4", "urn:oid:1.2.3.4"),
    ("1.2.3.4", "urn:oid:1.2.3.4"),
    ("http://example.org/codes", "http://example.org/codes"),
    ("urn:my:own", "urn:my:own"),
    ("hospital codes", None),
    ("", None),
    ("99LOCAL", None),
]


@pytest.mark.parametrize(("name", "uri"), NAMES)
def test_a_code_system_has_one_uri(name: str, uri: str | None) -> None:
    assert canonical(name) == uri


def test_every_canonical_uri_is_its_own_answer() -> None:
    for uri in OIDS.values():
        assert canonical(uri) == uri


CONCEPTS = [
    ("195662009", True),
    ("454711000124102", True),
    ("105531004", True),
    ("195662008", False),  # check digit
    ("314076", False),  # an RxNorm concept
    ("140", False),
    ("0195662009", False),
    ("19566200x", False),
    ("", False),
]


@pytest.mark.parametrize(("code", "expected"), CONCEPTS)
def test_snomed_concepts_are_told_by_partition_and_check_digit(code: str, *, expected: bool) -> None:
    assert is_snomed_concept(code) is expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [("8302-2", True), ("72166-2", True), ("34109-9", True), ("8302-3", False), ("LA4-4", False), ("QALY", False)],
)
def test_loinc_numbers_are_told_by_their_check_digit(code: str, *, expected: bool) -> None:
    assert is_loinc(code) is expected


@given(st.integers(0, 10**13), st.integers(1, 9))
def test_one_changed_digit_breaks_a_snomed_check_digit(number: int, shift: int) -> None:
    stem = f"1{number:013d}10"
    right = next(digit for digit in "0123456789" if is_snomed_concept(stem + digit))
    assert not is_snomed_concept(stem + str((int(right) + shift) % 10))
    changed = str((int(stem[3]) + shift) % 10)
    assert not is_snomed_concept(stem[:3] + changed + stem[4:] + right)


def test_every_code_of_icd10cm_has_its_form_and_names_and_numbers_have_not() -> None:
    codes = [code for code in PACKAGED.codes(ICD_10_CM) if "-" not in code and not code.isdigit()]
    assert len(codes) > 98_000
    assert [code for code in codes if not is_icd10cm(code) or not is_icd10cm(code.replace(".", ""))] == []
    assert [
        word for word in ("SAMUEL", "ANN", "A-7", "123", "e11.9", "E11.", "E11.99999", "UU7.1", "") if is_icd10cm(word)
    ] == []
