from datetime import date

import pytest

from careloom.deid import text_checks as checks
from careloom.deid.text_combine import combine
from careloom.deid.text_known import NOBODY, Known, KnownAddress, KnownName, known_from
from careloom.deid.text_shadow import shadow
from careloom.deid.text_spans import Found
from careloom.text.note import Span

PATIENT = {
    "resourceType": "Patient",
    "gender": "female",
    "birthDate": "1961-04-03",
    "name": [{"given": ["Anna", "B."], "family": "Smith"}, {"text": "Annie Jones"}],
    "address": [{"line": ["12 Main St"], "city": "Gardner", "postalCode": "01440"}],
    "telecom": [{"system": "phone", "value": "508-555-0101"}, {"system": "email", "value": "a@b.org"}],
    "identifier": [
        {"value": "M123456"},
        {"system": "http://hl7.org/fhir/sid/us-ssn", "value": "123-45-6789"},
        {"type": {"coding": [{"code": "DL"}]}, "value": "D999"},
    ],
    "contact": [{"name": {"family": "Smith", "given": ["Karl"]}, "gender": "male"}],
}
OTHERS = [
    {"resourceType": "Practitioner", "name": [{"family": "Gray"}], "identifier": [{"value": "1234567893"}]},
    {"resourceType": "Organization", "name": "Gardner Clinic"},
    {"resourceType": "Device", "serialNumber": "SN-1"},
    {"resourceType": "Patient", "name": "malformed", "birthDate": "1961-13-99", "address": [None], "identifier": 5},
]


def test_a_record_tells_what_it_knows() -> None:
    known = known_from([PATIENT, *OTHERS])
    assert KnownName(("Anna", "B."), "Smith", "patient", "female") in known.names
    assert KnownName(("Annie",), "Jones", "patient", "female") in known.names
    assert KnownName(("Karl",), "Smith", "relative", "male") in known.names
    assert KnownName((), "Gray", "clinician") in known.names
    assert known.addresses == (KnownAddress(("12 Main St",), "Gardner", "01440"),)
    assert known.birth_dates == (date(1961, 4, 3),)
    assert set(known.values) == {
        ("PHONE", "508-555-0101"),
        ("EMAIL", "a@b.org"),
        ("MRN", "M123456"),
        ("SSN", "123-45-6789"),
        ("LICENSE", "D999"),
        ("LICENSE", "1234567893"),
        ("ORGANIZATION", "Gardner Clinic"),
        ("DEVICE", "SN-1"),
    }
    assert known_from([]) == NOBODY == Known()


IDENTIFIERS = [
    ("SB", "", "HEALTH_PLAN"),
    ("SB", "http://hl7.org/fhir/sid/us-ssn", "SSN"),
    ("PPN", "", "LICENSE"),
    ("MC", "", "HEALTH_PLAN"),
    ("SNO", "", "DEVICE"),
    ("NIIP", "", "MRN"),
    ("", "http://hl7.org/fhir/sid/us-mbi", "HEALTH_PLAN"),
    ("", "", "MRN"),
]


@pytest.mark.parametrize(("code", "system", "label"), IDENTIFIERS)
def test_an_identifier_has_the_label_of_its_letter(code: str, system: str, label: str) -> None:
    identifier = {"value": "47110815", "system": system, "type": {"coding": [{"code": code}]}}
    assert known_from([{"resourceType": "Patient", "identifier": [identifier]}]).values == ((label, "47110815"),)


def one(start: int, end: int, label: str, detector: str = "patterns", score: float = 0.9) -> Found:
    return Found(Span(start, end), label, detector, score)


COMBINED = [
    (
        "what overlaps becomes one that covers both",
        "508-555-0101 x2",
        [one(0, 12, "PHONE"), one(4, 15, "PHONE")],
        [(0, 15, "PHONE")],
    ),
    (
        "the record decides the label",
        "81281208",
        [one(0, 8, "OTHER_ID"), one(0, 8, "MRN", "record", 1.0)],
        [(0, 8, "MRN")],
    ),
    (
        "an address of the net keeps its label",
        "http://x/81281208",
        [one(0, 17, "URL"), one(9, 17, "MRN", "record", 1.0)],
        [(0, 17, "URL")],
    ),
    ("names in a row become one", "Mary Smith", [one(0, 4, "NAME"), one(5, 10, "NAME")], [(0, 10, "NAME")]),
    ("a weak find goes", "Smith", [one(0, 5, "NAME", "names", 0.2)], []),
    ("ends lose their marks", "Smith, ", [one(0, 7, "NAME")], [(0, 5, "NAME")]),
    ("an eponym of a list is protected", "Foley catheter", [one(0, 5, "NAME", "names", 0.5)], []),
    ("an eponym of the record is not", "Foley catheter", [one(0, 5, "NAME", "record", 1.0)], [(0, 5, "NAME")]),
]


@pytest.mark.parametrize(("text", "found", "expected"), [row[1:] for row in COMBINED], ids=[row[0] for row in COMBINED])
def test_finds_combine_by_the_rule(text: str, found: list[Found], expected: list[tuple[int, int, str]]) -> None:
    assert [(it.span.start, it.span.end, it.label) for it in combine(text, found)] == expected


@pytest.mark.parametrize(
    ("disguised", "plain"),
    [
        ("Ｓｍｉｔｈ", "Smith"),
        ("Sm\u200bith", "Smith"),
        ("Ѕmith", "Smith"),
        ("𝐒𝐦𝐢𝐭𝐡", "Smith"),
        ("١٢٣", "123"),
        ("a\u2011b\u00a0c", "a-b c"),
        ("Иван", "Иван"),
        ("café", "café"),
    ],
)
def test_a_shadow_shows_what_a_reader_sees(disguised: str, plain: str) -> None:
    made = shadow(disguised)
    assert made.text == plain
    assert made.back(Span(0, len(plain))).covers(Span(0, len(disguised.rstrip("\u200b"))))


CHECKS = [
    (
        checks.is_ssn,
        ["123-45-6789"],
        ["000-12-3456", "666-12-3456", "900-12-3456", "123-00-4567", "123-45-0000", "12345"],
    ),
    (checks.is_npi, ["1234567893"], ["1234567890", "3234567893", "123"]),
    (checks.is_dea, ["AB1234563"], ["AB1234564", "11234563", "A1"]),
    (checks.is_vin, ["1HGCM82633A004352"], ["1HGCM82633A004353", "1HGCM82633I004352", "1H"]),
    (checks.is_card, ["4111 1111 1111 1111"], ["4111 1111 1111 1112", "41"]),
    (checks.is_iban, ["GB82 WEST 1234 5698 7654 32"], ["GB82 WEST 1234 5698 7654 33", "GB82"]),
    (checks.is_ip, ["10.0.0.1", "2001:db8::1"], ["10.0.0.256", "10:20:30"]),
]


@pytest.mark.parametrize(("check", "right", "wrong"), CHECKS)
def test_check_digits_tell_numbers_from_digits(check, right: list[str], wrong: list[str]) -> None:  # type: ignore[no-untyped-def]
    assert [text for text in right if not check(text)] == []
    assert [text for text in wrong if check(text)] == []
