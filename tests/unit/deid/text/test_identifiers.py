"""The identifiers of 45 CFR 164.514(b)(2)(i), each with what it is and what only looks like it."""

import pytest

from careloom.deid.text_spans import LETTERS
from tests.deid_marks import found_in, parsed

# Letter -> texts with the identifier marked, texts without any. (Q) is a photograph: no text holds one.
TABLE = {
    "A": (["Mr. <NAME|Robert Lee> agreed", "<NAME|Smith, John Q.>"], ["the patient agreed", "Bell palsy"]),
    "B": (
        [
            "<LOCATION|12 Main Street, Apt 4, Springfield, IL 62704>",
            "lives in <LOCATION|Tucson>",
            "<LOCATION|P.O. Box 123>",
        ],
        ["lives in Texas", "room 12, bed 4", "12 main vessels"],
    ),
    "C": (
        [
            "on <DATE|3/4/61>",
            "<DATE|April 4th>",
            "<DATE|2020-01-02>T10:00",
            "a <AGE_OVER_89|93>-year-old",
            "aged <AGE_OVER_89|104>",
        ],
        ["in 1961", "an 89-year-old", "1/2 tablet", "at 3:45"],
    ),
    "D": (
        ["call <PHONE|(508) 555-0101 x23>", "pager <PHONE|78584>", "<PHONE|+41 62 585 51 90>"],
        ["platelets 250000", "5-10 mg", "120-80-60"],
    ),
    "E": (["fax <FAX|508 555 0101>", "Facsimile: <FAX|+44 20 7946 0018>"], ["fax it tomorrow"]),
    "F": (["<EMAIL|jane.doe@mail.example>"], ["seen @ home", "2 tabs @ night"]),
    "G": (["<SSN|123-45-6789>", "SSN: <SSN|123 45 6789>"], ["12-34-56 mmHg"]),
    "H": (
        ["MRN: <MRN|12-34-567>", "Medical record number <MRN|46386717>"],
        ["MRN was asked for", "medical records were read"],
    ),
    "I": (
        ["Member ID: <HEALTH_PLAN|WPE024777624>", "policy number <HEALTH_PLAN|H71924385>"],
        ["insurance was discussed"],
    ),
    "J": (
        [
            "account number <ACCOUNT|948-595976>",
            "card <ACCOUNT|4111 1111 1111 1111>",
            "<ACCOUNT|GB82WEST12345698765432>",
        ],
        ["on account of pain"],
    ),
    "K": (
        ["NPI <LICENSE|1234567893>", "DEA: <LICENSE|AB1234563>", "driver's license number <LICENSE|D1234567>"],
        ["licensed nurse"],
    ),
    "L": (
        ["VIN <VEHICLE|1HGCM82633A004352>", "license plate <VEHICLE|7XPB 060>"],
        ["a plate and 4 screws", "motor vehicle accident"],
    ),
    "M": (["serial number <DEVICE|LR-8662441>", "S/N: <DEVICE|12345678>"], ["serial examinations, 2 devices"]),
    "N": (["<URL|https://portal.hospital.example/a?b=1>", "see <URL|www.hospital.org>"], ["and/or", "a.m. and p.m."]),
    "O": (
        ["from <IP|10.104.232.58>", "<IP|2001:db8::8a2e:370:7334>", "<IP|00:1B:44:11:3A:B7>"],
        ["version 1.2.3", "10:20:30"],
    ),
    "P": (
        ["fingerprint ID <BIOMETRIC|88213>", "voiceprint: <BIOMETRIC|VP-20931>"],
        ["fingerprint bruise", "retinal scan normal"],
    ),
    "R": (
        ["accession <OTHER_ID|F231516D>", "specimen number <OTHER_ID|S21-004512>"],
        ["specimen 2 of 3", "order 5 tablets"],
    ),
}


@pytest.mark.parametrize(
    ("letter", "marked"), [(letter, text) for letter, (texts, _) in TABLE.items() for text in texts]
)
def test_each_identifier_of_safe_harbor_is_found(letter: str, marked: str) -> None:
    text, expected = parsed(marked)
    assert found_in(text) == expected
    assert letter in {LETTERS[label] for label, _ in expected}


@pytest.mark.parametrize(("letter", "text"), [(letter, text) for letter, (_, texts) in TABLE.items() for text in texts])
def test_what_only_looks_like_an_identifier_stays(letter: str, text: str) -> None:
    assert found_in(text) == []


def test_every_letter_but_that_of_photographs_has_its_rows() -> None:
    assert set(TABLE) == set("ABCDEFGHIJKLMNOPR") == {letter for letter in LETTERS.values() if letter}
