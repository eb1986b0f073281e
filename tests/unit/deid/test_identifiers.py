"""What was taken out is counted by the eighteen identifiers of Safe Harbor, and what identifies nobody is not."""

from collections import Counter
from datetime import date
from typing import Any

import pytest

from careloom.deid.identifiers import identifier_letter, letters
from careloom.deid.policy import packaged_policy
from careloom.deid.scrub import Scrubber
from careloom.fhir.validate_tables import codes_of
from careloom.runtime import packaged

Json = dict[str, Any]
TYPES = "http://terminology.hl7.org/CodeSystem/v2-0203"
SCRUBBER = Scrubber(
    packaged_policy("safe-harbor"),
    lambda kind, name: f"{kind}-{name[::-1]}",
    lambda _: 9,
    date(2026, 11, 28),
    lambda *_: None,
)


def typed(code: str) -> Json:
    return {"type": {"coding": [{"system": TYPES, "code": code}]}, "value": "4711"}


def reached(*systems: str) -> Json:
    return patient(telecom=[{"system": system, "value": "4711"} for system in systems])


def numbered(*codes: str, system: str = "") -> Json:
    return patient(identifier=[*map(typed, codes), *([{"system": system, "value": "1"}] if system else ())])


def patient(**told: Any) -> Json:
    return {"resourceType": "Patient", "id": "p", **told}


def device(**told: Any) -> Json:
    return {"resourceType": "Device", "id": "d", "patient": {"reference": "Patient/p"}, **told}


REMOVED: list[tuple[str, Json, dict[str, int]]] = [
    ("(A) names", patient(name=[{"family": "Gray"}, {"family": "May"}]), {"A": 2}),
    ("(A) and (D) of a contact", patient(contact=[{"name": {"family": "May"}, "telecom": [{}]}]), {"A": 1, "D": 1}),
    ("(B) a street and a ZIP code", patient(address=[{"line": ["1"], "state": "MA", "postalCode": "01970"}]), {"B": 2}),
    ("(C) a day of birth", patient(birthDate="1961-04-03"), {"C": 1}),
    ("(C) an age over 89", patient(birthDate="1920-04-03"), {"C": 1}),
    ("(D) a telephone", reached("phone", "pager"), {"D": 2}),
    ("(E) a fax", reached("fax"), {"E": 1}),
    ("(F) an e-mail address", reached("email"), {"F": 1}),
    ("(G) a social security number", numbered("SS", system="http://hl7.org/fhir/sid/us-ssn"), {"G": 2}),
    ("(H) a medical record number", numbered("MR", "PI"), {"H": 2}),
    ("(I) a health plan number", numbered("MB", "MC"), {"I": 2}),
    ("(J) an account number", numbered("AN"), {"J": 1}),
    ("(K) a license", numbered("DL", system="http://hl7.org/fhir/sid/us-npi"), {"K": 2}),
    ("(M) a device's numbers", device(serialNumber="7", udiCarrier=[{}], lotNumber="9"), {"M": 3}),
    ("(N) a URL", reached("url"), {"N": 1}),
    ("(N) a device's URL", device(url="http://a.example"), {"N": 1}),
    ("(Q) a photograph", patient(photo=[{"data": "AAAA"}]), {"Q": 1}),
    ("(R) a number of no known kind", numbered("VN", system="urn:of:ours"), {"R": 2}),
    ("free text", patient(text={"status": "generated", "div": "<div>May</div>"}), {"text": 1}),
]  # fmt: skip
NOT_REMOVED: list[tuple[str, Json]] = [
    ("what passes", patient(gender="female", active=True)),
    ("a year of birth", patient(birthDate="1961")),
    ("a language", patient(language="en")),
    ("a state", patient(address=[{"state": "MA"}])),
    ("nothing at all", patient()),
]


@pytest.mark.parametrize(("what", "resource", "expected"), REMOVED, ids=[row[0] for row in REMOVED])
def test_what_was_taken_out_is_counted_under_its_letter(what: str, resource: Json, expected: dict[str, int]) -> None:
    tally: Counter[str] = Counter()
    found, issues = SCRUBBER.scrub(resource, "p", tally)
    assert found is not None, issues
    assert dict(+tally) == expected


@pytest.mark.parametrize(("what", "resource"), NOT_REMOVED, ids=[row[0] for row in NOT_REMOVED])
def test_what_identifies_nobody_is_not_counted(what: str, resource: Json) -> None:
    tally: Counter[str] = Counter()
    assert SCRUBBER.scrub(resource, "p", tally)[0] is not None
    assert +tally == Counter()


def test_there_are_eighteen_letters() -> None:
    assert list(letters()) == list("ABCDEFGHIJKLMNOPQR")
    assert all(letters().values())


def test_every_listed_kind_of_identifier_is_one_of_table_0203() -> None:
    import tomllib

    listed = tomllib.loads(packaged("deid", "policies/identifiers.toml").decode())["code"]
    assert set(listed) <= set(codes_of(TYPES) or ())
    assert set(listed.values()) <= set(letters())


@pytest.mark.parametrize(
    "value", [None, "4711", {}, {"type": "MR"}, {"type": {"coding": "MR"}}, {"type": {"coding": [7]}}]
)
def test_a_malformed_identifier_is_any_other_number(value: Any) -> None:
    assert identifier_letter(value) == "R"


def test_an_extension_that_is_not_listed_is_reported_without_its_address() -> None:
    found, issues = SCRUBBER.scrub(patient(extension=[{"url": "http://salem.example/secret", "valueString": "x"}]), "p")
    assert found is not None
    assert "extension" not in found
    assert [issue.code for issue in issues] == ["deid.extension-unlisted"]
    assert "salem" not in repr(issues)
