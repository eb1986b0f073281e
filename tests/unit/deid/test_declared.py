"""Treatments that a policy declares itself: each with what passes, what does not, and the law that it keeps."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careloom.crypto.sealed_values import MOST_LETTERS, SealedValues
from careloom.deid.declared import SEALED_SYSTEM, Secrets, noise, perturbed
from careloom.deid.policy import Policy, read_policy
from careloom.deid.policy_treatments import Perturb
from careloom.deid.scrub import Scrubber
from careloom.errors import SetupError
from careloom.fhir.validate import check
from careloom.runtime import packaged

Json = dict[str, Any]
FIRST, CODES = packaged("deid", "policies/first.toml"), packaged("deid", "policies/codes.toml")
DAY = date(2026, 11, 28)
UCUM = "http://unitsofmeasure.org"
KEYS = (bytes(range(64)), bytes(range(1, 65)))
PATIENT: Json = {"resourceType": "Patient", "id": "p1"}
ADDRESS = 'remove."use, type, line, city, district, period, state" = "not needed"\n'


def declared(treatments: str, structures: str) -> Policy:
    head = 'name = "own"\nversion = "1"\nextends = "first"\n'
    return read_policy((head + treatments + structures).encode(), CODES, [FIRST])


PATIENT_ENTRIES = {
    "birthDate": 'keep."birthDate as band" = "x"\nremove."identifier" = "x"\n',
    "identifier": 'keep."identifier as sealed" = "x"\nremove."birthDate" = "x"\n',
    "gender": 'keep."gender as fixed" = "x"\nremove."birthDate" = "x"\n',
}


def patient_policy(treatments: str, element: str) -> Policy:
    others = "active, maritalStatus, deceased[x], link, name, telecom, photo, contact, multipleBirth[x], communication"
    rest = f'remove."{others}, generalPractitioner, managingOrganization" = "x"\n'
    rest += "" if element == "gender" else 'remove."gender" = "x"\n'
    entries = PATIENT_ENTRIES[element].replace('remove."identifier" = "x"\n', "")
    address = f'[structure.Address]\nkeep."postalCode as area, country as stated" = "x"\n{ADDRESS}'
    area = "" if "[treatment.area]" in treatments else '[treatment.area]\naction = "postal-area"\ndigits = 2\n'
    return declared(treatments + area, f'[structure.Patient]\n{entries}keep."address" = "x"\n{rest}{address}')


def scrubber(policy: Policy, key: bytes = KEYS[0]) -> Scrubber:
    secrets = Secrets(noise(key), SealedValues(key, "test").seal)
    return Scrubber(policy, lambda kind, one: f"{kind}-{one[::-1]}", lambda _: 10, DAY, lambda *_: None, secrets)


def passed(policy: Policy, resource: Json, key: bytes = KEYS[0]) -> tuple[Json, list[str]]:
    found, issues = scrubber(policy, key).scrub(resource, "p1")
    assert found is not None
    assert [issue for issue in check(found) if issue.refuses] == []
    return found, [issue.code for issue in issues]


BAND = patient_policy('[treatment.band]\naction = "age-band"\nyears = 10\n', "birthDate")
BIRTHS: list[tuple[str, str | None]] = [
    ("1961-04-03", "1960"), ("1959-12-25", "1960"), ("1960-01-01", "1960"), ("1961", "1960"), ("1937-01-01", "1930"),
    ("1936-11-28", None), ("1900-01-01", None), ("Salem", None),
]  # fmt: skip


@pytest.mark.parametrize(("born", "band"), BIRTHS)
def test_a_date_of_birth_becomes_the_first_year_of_its_band(born: str, band: str | None) -> None:
    found, _ = passed(BAND, PATIENT | {"birthDate": born})
    assert found.get("birthDate") == band
    assert ("_birthDate" in found) == (born in ("1936-11-28", "1900-01-01"))


AGES: list[tuple[Json, Json | None]] = [
    ({"value": 47, "code": "a"}, {"value": 40}),
    ({"value": 40, "code": "a"}, {"value": 40}),
    ({"value": 7, "code": "mo"}, {"value": 10, "comparator": "<"}),
    ({"value": 30, "code": "d"}, {"value": 10, "comparator": "<"}),
    ({"value": 89, "code": "a"}, {"value": 80}),
    ({"value": 90, "code": "a"}, {"value": 90, "comparator": ">="}),
    ({"value": 104.5, "code": "a"}, {"value": 90, "comparator": ">="}),
    ({"value": 1200, "code": "mo"}, {"value": 90, "comparator": ">="}),
    ({"value": 47, "code": "a", "comparator": ">"}, None),
    ({"value": 47, "code": "kg"}, None),
    ({"value": "47", "code": "a"}, None),
]


@pytest.mark.parametrize(("age", "band"), AGES)
def test_an_age_becomes_the_first_year_of_its_band_and_is_open_from_ninety(age: Json, band: Json | None) -> None:
    entries = (
        'keep."subject, code" = "x"\nkeep."onsetAge as band" = "x"\nremove."clinicalStatus, verificationStatus, '
        "category, severity, bodySite, encounter, onset[x], abatement[x], recordedDate, recorder, asserter, stage, "
        'evidence" = "x"\n'
    )
    policy = declared('[treatment.band]\naction = "age-band"\nyears = 10\n', f"[structure.Condition]\n{entries}")
    told = {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/p1"}}
    found, codes = passed(policy, told | {"onsetAge": {"system": UCUM, **age}})
    unit = {"unit": "a", "system": UCUM, "code": "a"}
    assert found.get("onsetAge") == (None if band is None else band | unit)
    assert codes == ([] if band is not None else ["deid.quantity-unkept"])


POSTAL: list[tuple[str, str | None]] = [
    ("80331", "80"), ("D-80331", "80"), ("1010", "10"), ("1012 AB", "10"), ("SW1A 1AA", "SW"), ("b1 1aa", "B"),
    ("00-950", "00"), ("1000-001", "10"),
    ("D02 X285", "D"), ("114 55", "11"), ("101", None), ("Salem", None), ("80331 Munich", None), ("", None),
]  # fmt: skip


@pytest.mark.parametrize(("code", "area"), POSTAL)
def test_of_a_european_postal_code_the_area_passes(code: str, area: str | None) -> None:
    found, codes = passed(BAND, PATIENT | {"address": [{"postalCode": code, "country": "DE"}]})
    assert found["address"] == [{"country": "DE"} | ({} if area is None else {"postalCode": area})]
    assert codes == ([] if area is not None else ["deid.postal-code-unreadable"])


def test_a_fixed_value_stands_for_every_value() -> None:
    policy = patient_policy('[treatment.fixed]\naction = "substitute"\nvalue = "unknown"\n', "gender")
    assert passed(policy, PATIENT | {"gender": "female"})[0]["gender"] == "unknown"
    assert "gender" not in passed(policy, PATIENT)[0]


# -- noise ------------------------------------------------------------------------------------------------------------

NOISY = (
    '[treatment.noise]\naction = "perturb"\nshare = 0.05\ndigits = 1\n',
    '[structure.Observation]\nkeep."status, code, subject, effectiveDateTime" = "x"\nkeep."valueQuantity as noise" = '
    '"x"\nkeep."valueInteger as noise" = "x"\nremove."category, dataAbsentReason, interpretation, bodySite, method, '
    'referenceRange, component, value[x], effective[x], issued, basedOn, partOf, focus, encounter, performer, specimen'
    ', device, hasMember, derivedFrom" = "x"\n',
)  # fmt: skip
OBSERVATION: Json = {
    "resourceType": "Observation", "id": "o", "status": "final", "subject": {"reference": "Patient/p1"},
    "code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]},
}  # fmt: skip


def noisy(value: float, key: bytes = KEYS[0], unit: str = "mm[Hg]", patient: str = "p1") -> Any:
    quantity = {"value": value, "unit": unit, "system": UCUM, "code": unit}
    told = OBSERVATION | {"valueQuantity": quantity, "subject": {"reference": f"Patient/{patient}"}}
    found, _ = scrubber(declared(*NOISY), key).scrub(told, patient)
    assert found is not None
    if "valueQuantity" in found:
        assert {**found["valueQuantity"], "value": value} == quantity
    return found.get("valueQuantity", {}).get("value")


def test_a_quantity_keeps_its_unit_and_gets_the_same_noise_again() -> None:
    assert noisy(120) == noisy(120)
    assert 114 <= noisy(120) <= 126
    assert noisy(0) == 0
    assert noisy(0.05) is None  # no tenth lies within five percent
    assert 0 < noisy(89, unit="a") < 90


def test_whole_numbers_stay_whole() -> None:
    found, _ = passed(declared(*NOISY), OBSERVATION | {"valueInteger": 100})
    assert type(found["valueInteger"]) is int
    assert 95 <= found["valueInteger"] <= 105


def test_noise_differs_between_projects_patients_and_numbers() -> None:
    numbers = [float(one) for one in range(1000, 1020)]
    mine = [noisy(one) - one for one in numbers]
    assert len(set(mine)) > 10
    assert mine != [noisy(one, KEYS[1]) - one for one in numbers]
    assert mine != [noisy(one, patient="p2") - one for one in numbers]


NUMBERS = st.floats(-1e9, 1e9, allow_nan=False).map(lambda one: round(one, 4)) | st.integers(-(10**9), 10**9)
BOUNDS = st.builds(Perturb, st.floats(0.001, 0.5), st.just(0.0), st.integers(0, 6)) | st.builds(
    Perturb, st.just(0.0), st.floats(0.001, 1e6), st.integers(0, 6)
)


@settings(max_examples=200, deadline=None)
@given(NUMBERS, BOUNDS, st.integers(0, 2**128 - 1))
def test_noise_stays_within_its_bound_keeps_the_sign_and_the_decimals(number: float, how: Perturb, drawn: int) -> None:
    found = perturbed(number, how, drawn)
    if found is None:
        return
    bound = how.most or abs(number) * how.share
    assert abs(found - number) <= bound * (1 + 1e-9) + 1e-6
    assert (found > 0) - (found < 0) == (number > 0) - (number < 0)
    assert round(found, how.digits) == found


UNMOVED = [(10, 0.05, 0.0, 0), (-10, 0.05, 0.0, 0), (37, 0.0, 0.4, 0), (1.5, 0.05, 0.0, 1), (19.0, 0.05, 0.0, 0)]


@pytest.mark.parametrize(("number", "share", "most", "digits"), UNMOVED)
def test_a_number_that_no_noise_would_move_does_not_pass(number: float, share: float, most: float, digits: int) -> None:
    assert {perturbed(number, Perturb(share, most, digits), drawn) for drawn in range(20)} == {None}


def test_a_number_that_no_noise_would_move_is_told_and_its_rounding_is_noise() -> None:
    found, codes = passed(declared(*NOISY), OBSERVATION | {"valueInteger": 10})
    assert ("valueInteger" in found, codes) == (False, ["deid.number-too-coarse"])
    assert perturbed(37.2, Perturb(0.0, 0.4, 0), 7) == 37


def test_one_number_gets_one_noise_however_it_is_written_and_in_whatever_unit() -> None:
    written = [noisy(number, unit=unit) for number in (700, 700.0, 7e2) for unit in ("kg", "g", "1")]
    assert len(set(written)) == 1
    assert len({noisy(700 + step) - step for step in range(10)}) > 3


# -- sealed values ----------------------------------------------------------------------------------------------------

SEALED = patient_policy('[treatment.sealed]\naction = "encrypt"\n', "identifier")
MRN = {"system": "urn:mrn", "value": "MRN-730014", "type": {"text": "Quillfeather"}}


def test_an_identifier_is_sealed_and_nothing_else_of_it_passes() -> None:
    found, codes = passed(SEALED, PATIENT | {"identifier": [MRN, {"system": "urn:mrn"}]})
    (sealed,) = found["identifier"]
    assert sealed.keys() == {"system", "value"}
    assert sealed["system"] == SEALED_SYSTEM
    assert "730014" not in sealed["value"]
    assert SealedValues(KEYS[0], "test").open(sealed["value"]) == '["p1","urn:mrn","MRN-730014"]'
    assert codes == ["deid.number-unsealed"]


def test_two_projects_and_two_patients_cannot_link_what_is_sealed() -> None:
    def sealed(key: bytes, patient: str) -> Any:
        found, _ = scrubber(SEALED, key).scrub({"resourceType": "Patient", "id": patient, "identifier": [MRN]}, patient)
        assert found is not None
        return found["identifier"][0]["value"]

    ways = [(key, patient) for key in KEYS for patient in ("p1", "p2")]
    assert len({sealed(*way) for way in ways}) == 4
    assert sealed(*ways[0]) == sealed(*ways[0])


LONG = [("x" * 2400, True), ("x" * 2460, False), ("\u4e2d" * 800, True), ("\u4e2d" * 900, False), ("\x01" * 600, False)]


@pytest.mark.parametrize(("number", "fits"), LONG)
def test_what_is_sealed_can_be_asked_of_the_vault(number: str, fits: bool) -> None:
    found, codes = passed(SEALED, PATIENT | {"identifier": [{"system": "urn:mrn", "value": number}]})
    assert [len(one["value"]) <= MOST_LETTERS for one in found.get("identifier", [])] == [True] * fits
    assert codes == ["deid.number-unsealed"] * (not fits)


# -- what is refused --------------------------------------------------------------------------------------------------

BAD = [
    '[treatment.band]\naction = "age-band"\nyears = 1\n',
    '[treatment.band]\naction = "age-band"\nyears = 10\nopen = 80\n',
    '[treatment.band]\naction = "age-band"\n',
    '[treatment.band]\naction = "magic"\n',
    '[treatment.band]\naction = "perturb"\nshare = 0.1\nmost = 3\ndigits = 1\n',
    '[treatment.band]\naction = "perturb"\nshare = 1.5\ndigits = 1\n',
    '[treatment.band]\naction = "perturb"\nshare = 0.1\n',
    '[treatment.band]\naction = "perturb"\nmost = 3\ndigits = 1\n',  # sound, but no treatment of a date
    '[treatment.band]\naction = "encrypt"\n',
    '[treatment.band]\naction = "encrypt"\nkey = "x"\n',
    '[treatment.band]\naction = "substitute"\nvalue = "long ago"\n',
    '[treatment.band]\naction = "substitute"\nvalue = []\n',
    '[treatment.band]\naction = "postal-area"\ndigits = 5\n',
    '[treatment.zip3]\naction = "encrypt"\n[treatment.band]\naction = "age-band"\nyears = 10\n',
]


@pytest.mark.parametrize("treatments", BAD)
def test_a_treatment_that_says_nothing_sure_is_refused(treatments: str) -> None:
    with pytest.raises(SetupError):
        patient_policy(treatments, "birthDate")


@pytest.mark.parametrize("bounds", ["most = 0.4\ndigits = 0", "most = 0.05\ndigits = 1", "most = 0.5\ndigits = 1"])
def test_noise_that_cannot_move_a_number_is_refused(bounds: str) -> None:
    with pytest.raises(SetupError):  # the last: whole numbers have no decimals, and one element is valueInteger
        declared(f'[treatment.noise]\naction = "perturb"\n{bounds}\n', NOISY[1])


def test_noise_and_seals_cannot_be_applied_without_keys() -> None:
    for policy in (SEALED, declared(*NOISY)):
        with pytest.raises(SetupError):
            Scrubber(policy, lambda kind, one: one, lambda _: 1, DAY)
