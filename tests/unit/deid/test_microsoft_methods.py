"""The methods of Microsoft's anonymizer, one table each; expected values as its documents and tests give them."""

import base64
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.deid.microsoft_dates import offset_days
from careloom.deid.microsoft_methods import decrypted
from careloom.errors import FormatError, SetupError
from tests.unit.deid.anonymizer_kit import KEYS, anonymizer, rule, value_after

DATES = rule("nodesByType('dateTime') | nodesByType('date') | nodesByType('instant')", "dateShift")
PARTIAL = {"enablePartialDatesForRedact": True}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-02-28", "2024-03-06"),
        ("2024-02-28T10:11:12Z", "2024-03-06T00:00:00Z"),
        ("2024-02-28T10:11:12.345+05:30", "2024-03-06T00:00:00.000+05:30"),
        ("2024-02-28T10:11", "2024-03-06"),
        ("2001-01-01Z", "2001-01-08"),
        ("2024-02", None),
        ("2024", None),
        ("1934-05-31", None),  # 90 years old on the day
        ("1934-06-02", "1934-06-09"),
        ("2023-02-30", None),
        ("9999-12-30", None),
        ("in spring", None),
    ],
)
def test_a_date_with_its_day_moves_and_its_clock_is_set_to_zero(text: str, expected: str | None) -> None:
    found = value_after("effectiveDateTime", {"effectiveDateTime": text}, DATES, dateShiftFixedOffsetInDays=7)
    assert found == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("2024-02", "2024"), ("2024", "2024"), ("1934-05", None), ("2023-02-30", "2023")]
)
def test_a_date_that_cannot_move_keeps_its_year_where_that_is_allowed(text: str, expected: str | None) -> None:
    assert value_after("effectiveDateTime", {"effectiveDateTime": text}, DATES, **PARTIAL) == expected


def test_the_offset_is_that_of_the_original_tool() -> None:
    # From its functional tests: 2001-01-01 became 2001-02-11 for Patient "example" and key "123".
    assert offset_days("example", "123") == 41
    assert offset_days("bundle-transaction", "123") == 7
    assert offset_days("", "dummy") == -21


@given(st.text(max_size=40), st.text(max_size=40))
def test_an_offset_is_at_most_fifty_days(prefix: str, key: str) -> None:
    assert -50 <= offset_days(prefix, key) <= 50


def test_the_scope_of_the_shift_is_the_resource_or_what_the_caller_names() -> None:
    one = anonymizer(DATES)
    given_ones = [{"resourceType": "Observation", "id": name, "issued": "2020-05-05T00:00:00Z"} for name in ("a", "b")]
    alone = {one.anonymize(resource).resource["issued"] for resource in given_ones}
    together = {one.anonymize(resource, "ward.ndjson").resource["issued"] for resource in given_ones}
    assert (len(alone), len(together)) == (2, 1)


@pytest.mark.parametrize(
    ("text", "partial", "expected"),
    [
        ("2001-05-06", True, "2001"), ("2001-05-06", False, None), ("1930-01-01", True, None), ("2001", True, "2001"),
        ("Smith", True, None),
    ],
)  # fmt: skip
def test_a_redacted_date_keeps_at_most_its_year(text: str, partial: bool, expected: str | None) -> None:
    how = {"enablePartialDatesForRedact": partial}
    redact = rule("Observation.effective", "redact")
    assert value_after("effectiveDateTime", {"effectiveDateTime": text}, redact, **how) == expected


@pytest.mark.parametrize(
    ("age", "partial", "expected"),
    [
        (89, True, 89),
        (90, True, None),
        (Decimal("89.5"), True, None),
        (30, False, None),
        (Decimal("45.5"), True, Decimal("45.5")),
    ],
)
def test_a_redacted_age_stays_up_to_89(age: Any, partial: bool, expected: Any) -> None:
    resource = {"resourceType": "Condition", "onsetAge": {"value": age, "unit": "a"}}
    one = anonymizer(rule("Condition.onset as Age", "redact"), enablePartialAgesForRedact=partial)
    assert one.anonymize(resource).resource.get("onsetAge", {}).get("value") == expected


@pytest.mark.parametrize(
    ("code", "partial", "expected", "label"),
    [
        ("98052", True, "98000", "ABSTRED"), ("98052-1234", True, "98000-0000", "ABSTRED"),
        ("20301", True, "00000", "ABSTRED"), ("98052", False, None, "REDACTED"),
        ("CB1 2AB", True, "CB1 0AB", "ABSTRED"),
    ],
)  # fmt: skip
def test_a_zip_code_keeps_three_digits_unless_few_live_there(
    code: str, partial: bool, expected: str | None, label: str
) -> None:
    one = anonymizer(
        rule("Patient.address.postalCode", "redact"),
        enablePartialZipCodesForRedact=partial, restrictedZipCodeTabulationAreas=["203"],
    )  # fmt: skip
    made = one.anonymize({"resourceType": "Patient", "address": [{"city": "E", "postalCode": code}]}).resource
    assert made["address"][0].get("postalCode") == expected
    assert [each["code"] for each in made["meta"]["security"]] == [label]


A = "698d54f0494528a759f19c8e87a9f99e75a5881b9267ee3926bcf62c992d84ba"  # "example" under the key "123"
B = "c846593cc9ec1e3a2126c5aa321f8e1c2246f976ffd8f1b9c0fe75a1e26c985d"  # "23"


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("Patient/example", f"Patient/{A}"),
        ("Patient/23/_history/2", f"Patient/{B}/_history/2"),
        ("https://example.org/fhir/Patient/23", f"https://example.org/fhir/Patient/{B}"),
        ("#23", f"#{B}"),
        ("#", "#"),
        ("urn:oid:1.2.3", "urn:oid:"),
        ("urn:uuid:04121321-4af5-424c-a0e1-ed3aab1c349d", "urn:uuid:"),
        ("example", A),
        ("Nonsense/example", ""),
    ],
)
def test_a_hashed_reference_keeps_its_form(reference: str, expected: str) -> None:
    hashed = rule("Observation.subject", "cryptoHash")
    made = value_after("subject", {"subject": {"reference": reference}}, hashed)["reference"]
    assert made.startswith(expected)
    assert reference == "#" or reference.rsplit("/", 1)[-1].lstrip("#") not in ("", made)
    assert len(made) <= len(expected) + 64


@pytest.mark.parametrize("element", [{"valueBoolean": True}, {"valueInteger": 7}, {"valueString": "7"}])
def test_any_primitive_can_be_hashed_and_encrypted(element: dict[str, Any]) -> None:
    ((name, value),) = element.items()
    text = {True: "True"}.get(value, str(value))
    assert len(value_after(name, element, rule("Observation.value", "cryptoHash"))) == 64
    sealed = value_after(name, element, rule("Observation.value", "encrypt"))
    assert decrypted(sealed, KEYS.encrypt) == text


@given(st.text(min_size=1, max_size=60).filter(lambda text: text.isprintable()), st.binary(min_size=16, max_size=16))
def test_what_is_encrypted_comes_back_with_the_key_and_begins_with_its_vector(text: str, vector: bytes) -> None:
    resource = {"resourceType": "Patient", "address": [{"city": text}]}
    one = anonymizer(rule("Patient.address.city", "encrypt"), random_bytes=lambda size: vector[:size])
    sealed = one.anonymize(resource).resource["address"][0]["city"]
    assert base64.b64decode(sealed)[:16] == vector
    assert decrypted(sealed, KEYS.encrypt) == text


def perturbed(number: Any, share: float, element: str = "valueQuantity", **setting: Any) -> Any:
    byte = int(share * (1 << 64)).to_bytes(8, "big")
    value = {"value": number, "unit": "mg"} if element == "valueQuantity" else number
    done = value_after(
        element, {element: value}, rule("Observation.value", "perturb", **setting),
        random_bytes=lambda size: byte[:size],
    )  # fmt: skip
    return done["value"] if element == "valueQuantity" else done


@pytest.mark.parametrize(
    ("number", "share", "setting", "expected"),
    [
        (10, 0.0, {"span": 4}, Decimal(8)),
        (10, 0.75, {"span": 4}, Decimal(11)),
        (10, 0.5, {"span": 4}, Decimal(10)),
        (100, 0.0, {"span": 0.2, "rangeType": "proportional"}, Decimal(90)),
        (-100, 0.0, {"span": 0.2, "rangeType": "Proportional"}, Decimal(-110)),
        (Decimal("1.005"), 0.5, {"span": 1}, Decimal("1.00")),
        (Decimal("2.5"), 0.5, {"span": 1, "roundTo": 0}, Decimal(2)),
        (Decimal("3.5"), 0.5, {"span": 1, "roundTo": "0"}, Decimal(4)),
    ],
)
def test_noise_is_within_the_span_and_rounded(number: Any, share: float, setting: Any, expected: Decimal) -> None:
    assert perturbed(number, share, **setting) == expected


def test_a_whole_number_stays_whole() -> None:
    assert perturbed(10, 0.9, "valueInteger", span=5, roundTo=3) == 12


@given(st.integers(-10_000, 10_000), st.floats(0, 0.999), st.integers(0, 100))
def test_noise_is_never_more_than_half_the_span(number: int, share: float, span: int) -> None:
    assert abs(perturbed(number, share, span=span) - number) <= Decimal(span) / 2


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (3, 1)])
def test_a_positive_number_stays_positive(count: int, expected: int) -> None:
    resource = {"resourceType": "Patient", "telecom": [{"rank": count}]}
    one = anonymizer(rule("Patient.telecom.rank", "perturb", span=100), random_bytes=bytes)
    assert one.anonymize(resource).resource["telecom"][0]["rank"] == expected


RANGES = {
    "$this>=0 and $this<20": "20", "$this>=20 and $this<40": "40", "$this>=40 and $this<60": "60",
    "$this>=60 and $this<80": "80",
}  # fmt: skip
VALUE_SET = {
    "$this in ('en-AU' | 'en-CA' | 'en-GB')": "'en'",
    "('es-AR' | 'es-ES' | 'es-UY') contains $this": "'es'",
}
MASK = {"$this.startsWith('123') or $this.endsWith('234')": "$this.substring(0,3)+'****'"}
DAYS = {
    "$this >= @1990-01-01 and $this < @2000-01-01": "@1990",
    "$this = @2010": "@2010-01-01",
    "$this ~ @2020": "@2020-01-01",
}
TIMES = {
    "$this >= @1990-01-01T00:00:00Z and $this <= @2000-01-01T00:00:00+08:00": "@1990",
    "$this = @2010-01-01T00:00:00+08:00": "@2010-01-01",
    "$this ~ @2020-01-01T00:00:00": "@2020-01-01",
}
OMIT_DAY = {
    "true": r"$this.toString().replaceMatches('\\b(?<year>\\d{2,4})-(?<month>\\d{1,2})-(?<day>\\d{1,2})\\b', "
    "'${year}-${month}')"
}


@pytest.mark.parametrize(
    ("element", "given_value", "cases", "others", "expected"),
    [
        *(("valueInteger", number, RANGES, "redact", to)
          for number, to in [(5, 20), (20, 40), (43, 60), (78, 80), (110, None)]),
        ("valueInteger", 110, RANGES, "Keep", 110),
        *(("valueInteger", number, {"$this>=-20 and $this<80": "($this div 10 -1)*10 "}, "redact", to)
          for number, to in [(5, -10), (20, 10), (43, 30), (78, 60)]),
        ("valueInteger", 5, {"$this>=0 and $this<20": "$this / 2"}, "redact", Decimal("2.5")),
        ("valueInteger", 5, {"$this<5.5": "$this"}, "redact", 5),
        *(("valueString", text, VALUE_SET, "redact", to)
          for text, to in [("en-AU", "en"), ("en-CI", None), ("es-UY", "es")]),
        *(("valueString", text, MASK, "redact", to)
          for text, to in [("1230005", "123****"), ("2345234", "234****"), ("1111111", None)]),
        *(("effectiveDateTime", text, TIMES, "redact", to) for text, to in [
            ("1990-01-01T00:00:00Z", "1990"), ("1990-01-01T00:00:00+08:00", None), ("1990-01-01", "1990"),
            ("1990-01", "1990"), ("2000-01-01T00:00:00Z", None), ("2000-01-01T00:00:00+08:00", "1990"),
            ("2000-01-01T00:00:00-09:00", None), ("2010-01-01", None), ("2010-01-01T00:00:00+08:00", "2010-01-01"),
            ("2010-01-01T00:00:00+09:00", None), ("2009-12-31T16:00:00Z", "2010-01-01"),
            ("2020-01-01T00:00:00", "2020-01-01"), ("2020-01-01T00:00:00+08:00", None), ("2020-01-01", None)]),
        *(("effectiveDateTime", text, OMIT_DAY, "redact", to)
          for text, to in [("1990-11-01", "1990-11"), ("1990", "1990"), ("1990-11", "1990-11")]),
        *(("valueTime", text, {"$this >= @T13:45:02 and $this < @T23:45:02": "@T12:00:00"}, "redact", to)
          for text, to in [("13:45:02", "12:00:00"), ("02:00:00", None)]),
        ("valueInteger", 18, {"$this<20": "20", "true": "80"}, "redact", 20),
    ],
)  # fmt: skip
def test_a_value_becomes_that_of_the_first_case_that_holds(
    element: str, given_value: Any, cases: dict[str, str], others: str, expected: Any
) -> None:
    path = "Observation.effective" if element.startswith("effective") else "Observation.value"
    general = rule(path, "generalize", cases=cases, otherValues=others)
    assert value_after(element, {element: given_value}, general) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1990-01-01", "1990"), ("2000-01-01", None), ("1990", "1990"), ("2000", "1990"), ("2010", "2010-01-01"),
     ("2010-01-02", "2010-01-01"), ("2020", "2020-01-01"), ("2020-01-01", None), ("2020-05-20", None)],
)  # fmt: skip
def test_dates_are_compared_as_precisely_as_both_are(text: str, expected: str | None) -> None:
    one = anonymizer(rule("Patient.birthDate", "generalize", cases=DAYS))
    assert one.anonymize({"resourceType": "Patient", "birthDate": text}).resource.get("birthDate") == expected


@pytest.mark.parametrize(
    ("element", "value", "case"),
    [("valueInteger", 5, "$this>='0'"), ("valueString", "2015-01-01", "$this > @2015-01-01"),
     ("valueDateTime", "2015-01-01", "$this > @2015-1-1")],
)  # fmt: skip
def test_a_case_that_cannot_be_evaluated_stops_or_empties_the_resource(element: str, value: Any, case: str) -> None:
    general = rule("Observation.value", "generalize", cases={case: "1"})
    resource = {"resourceType": "Observation", "id": "o1", element: value}
    with pytest.raises(FormatError) as caught:
        anonymizer(general).anonymize(resource)
    assert str(value) not in caught.value.where.replace("fhirPathRules[1]", "")
    done = anonymizer(general, errors="skip").anonymize(resource)
    assert done.is_skipped
    assert list(done.resource) == ["resourceType", "meta"]


def test_generalize_is_for_primitives_only() -> None:
    with pytest.raises(SetupError):
        anonymizer(rule("Patient.name", "generalize", cases={"true": "1"}), errors="skip").anonymize(
            {"resourceType": "Patient", "name": [{"family": "Quillfeather"}]}
        )
