"""The policies that ship beside the first: what passes under HIPAA's Safe Harbor and as a limited data set."""

from datetime import date
from typing import Any

import pytest

from careloom.crypto.sealed_values import SealedValues
from careloom.deid.declared import Secrets, noise
from careloom.deid.policy import SHIPPED, Policy, packaged_policy, read_policy
from careloom.deid.scrub import Scrubber
from careloom.errors import SetupError
from careloom.fhir.validate_tables import type_table
from careloom.runtime import packaged

Json = dict[str, Any]
SAFE_HARBOR = packaged("deid", "policies/safe-harbor.toml").decode()
FIRST = packaged("deid", "policies/first.toml")
CODES = packaged("deid", "policies/codes.toml")
DAY = date(2026, 11, 28)
PATIENT: Json = {
    "resourceType": "Patient",
    "id": "p1",
    "name": [{"family": "Quillfeather"}],
    "birthDate": "1961-04-03",
    "address": [
        {"line": ["1 Elm St"], "city": "Salem", "district": "Essex", "state": "MA", "postalCode": "01970-1234"},
        {"city": "Roma", "postalCode": "00184", "country": "IT"},
    ],
}


SEAL = SealedValues(bytes(range(64)), "test").seal


def scrubber(name: str) -> Scrubber:
    return Scrubber(
        packaged_policy(name), lambda kind, one: f"{kind}-{one[::-1]}", lambda _: 10, DAY, lambda *_: None,
        Secrets(noise(bytes(32)), SEAL),
    )  # fmt: skip


def passed(name: str, resource: Json) -> Json:
    found, issues = scrubber(name).scrub(resource, "p1")
    assert found is not None, issues
    return found


def observation(**more: Any) -> Json:
    told = {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]}
    return {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        "code": told,
        "subject": {"reference": "Patient/p1"},
        **more,
    }


@pytest.mark.parametrize("name", SHIPPED)
def test_every_element_of_every_structure_is_decided(name: str) -> None:
    built_in = {"id", "resourceType", "meta", "contained", "implicitRules", "modifierExtension"}
    for structure in packaged_policy(name).structures.values():
        decided = set(structure.kept) | structure.removed | structure.masked
        assert decided == set(type_table(structure.name).properties) - built_in, structure.name


def test_safe_harbor_keeps_years_states_and_three_digits() -> None:
    found = passed("safe-harbor", PATIENT | {"deceasedDateTime": "2024-03-01T10:00:00Z"})
    assert found["birthDate"] == "1961"
    assert found["deceasedDateTime"] == "2024"
    assert found["address"] == [{"state": "MA", "postalCode": "019"}]
    assert "name" not in found


@pytest.mark.parametrize("area", sorted(packaged_policy("safe-harbor").small_zip3))
def test_an_area_of_few_people_is_written_as_zeros(area: str) -> None:
    assert passed("safe-harbor", PATIENT | {"address": [{"state": "VT", "postalCode": f"{area}12"}]})["address"] == [
        {"state": "VT", "postalCode": "000"}
    ]


@pytest.mark.parametrize("code", ["1970", "0197O", "SW1A 1AA", "019701", "01970-12"])
def test_a_postal_code_that_is_no_zip_code_does_not_pass(code: str) -> None:
    found, issues = scrubber("safe-harbor").scrub(PATIENT | {"address": [{"state": "MA", "postalCode": code}]}, "p1")
    assert found is not None
    assert found["address"] == [{"state": "MA"}]
    assert [issue.code for issue in issues] == ["deid.zip-unreadable"]


MOMENTS: list[tuple[str, Json, Json]] = [
    ("a day", {"effectiveDateTime": "2024-02-28"}, {"effectiveDateTime": "2024"}),
    ("a moment", {"effectiveDateTime": "2024-02-28T23:30:00-05:00"}, {"effectiveDateTime": "2024"}),
    ("an instant", {"issued": "2024-02-28T23:30:00Z"}, {}),
    (
        "a period",
        {"effectivePeriod": {"start": "2023-12-30", "end": "2024-01-02"}},
        {"effectivePeriod": {"start": "2023", "end": "2024"}},
    ),
    ("a value", {"valueDateTime": "2020-05-06"}, {"valueDateTime": "2020"}),
]


@pytest.mark.parametrize(("what", "told", "expected"), MOMENTS, ids=[row[0] for row in MOMENTS])
def test_of_a_moment_safe_harbor_keeps_the_year_alone(what: str, told: Json, expected: Json) -> None:
    found = passed("safe-harbor", observation(**told))
    assert {key: found[key] for key in found.keys() - observation().keys() - {"meta"}} == expected


@pytest.mark.parametrize("born", ["1936-11-28", "1936", "1930-01-01"])
def test_under_safe_harbor_nobody_is_seen_to_be_ninety(born: str) -> None:
    assert "birthDate" not in passed("safe-harbor", PATIENT | {"birthDate": born})


def test_who_is_eighty_nine_shows_the_year_of_birth() -> None:
    assert passed("safe-harbor", PATIENT | {"birthDate": "1936-11-29"})["birthDate"] == "1936"


def test_a_limited_data_set_keeps_dates_towns_and_zip_codes() -> None:
    found = passed("limited-data-set", PATIENT)
    assert found["birthDate"] == "1961-04-03"
    assert found["address"] == [{"city": "Salem", "state": "MA", "postalCode": "01970-1234"}]
    assert "name" not in found
    moment = {"effectiveDateTime": "2024-02-28T23:30:00-05:00", "issued": "2024-02-29T08:00:00Z"}
    assert passed("limited-data-set", observation(**moment)).items() >= moment.items()


def test_under_the_gdpr_record_numbers_pass_sealed_and_of_a_european_address_the_area() -> None:
    race = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"
    omb = {"url": "ombCategory", "valueCoding": {"system": "urn:oid:2.16.840.1.113883.6.238", "code": "2106-3"}}
    home = {"line": ["Rosenweg 1"], "city": "Wien", "postalCode": "1190", "country": "AT", "state": "Wien"}
    told = {"identifier": [{"system": "urn:mrn", "value": "730014"}], "address": [home, *PATIENT["address"]]}
    found = passed("gdpr-pseudonymisation", PATIENT | told | {"extension": [{"url": race, "extension": [omb]}]})
    sealed = SEAL('["p1","urn:mrn","730014"]')
    del found["meta"]
    assert found == {
        "resourceType": "Patient", "id": "Patient-1p", "birthDate": "1961",
        "identifier": [{"system": "urn:careloom:sealed", "value": sealed}],
        "address": [{"postalCode": "11", "country": "AT"}, {"postalCode": "00", "country": "IT"}],
    }  # fmt: skip
    visit = {"resourceType": "Encounter", "id": "e", "status": "finished", "subject": {"reference": "Patient/p1"},
             "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
             "identifier": [{"system": "urn:visit", "value": "V-1"}]}  # fmt: skip
    (number,) = passed("gdpr-pseudonymisation", visit)["identifier"]
    assert number == {"system": "urn:careloom:pseudonym", "value": "Identifier-1-V|tisiv:nru"}


APPOINTMENT: Json = {
    "resourceType": "Appointment", "id": "a", "status": "noshow",
    "identifier": [{"system": "urn:visit", "value": "V-1"}],
    "start": "2024-03-01T10:00:00Z", "end": "2024-03-01T10:30:00Z", "created": "2024-02-01", "minutesDuration": 30,
    "comment": "Call Ms Quillfeather", "description": "Quillfeather", "patientInstruction": "Ask for Quillfeather",
    "cancelationReason": {"text": "her son is ill", "coding": [
        {"system": "http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason", "code": "pat-crs"}]},
    "slot": [{"reference": "Slot/s"}],
    "participant": [
        {"actor": {"reference": "Patient/p1", "display": "Quillfeather"}, "status": "accepted"},
        {"actor": {"reference": "Practitioner/d"}, "status": "accepted"},
        {"actor": {"reference": "RelatedPerson/r", "display": "Quillfeather"}, "status": "accepted"},
    ],
}  # fmt: skip
MOVED = {"start": "2024-03-11T10:00:00Z", "end": "2024-03-11T10:30:00Z", "created": "2024-02-11"}


@pytest.mark.parametrize(
    ("name", "when"),
    [
        ("first", MOVED),
        ("expert", MOVED),
        ("gdpr-pseudonymisation", MOVED),
        ("limited-data-set", {key: APPOINTMENT[key] for key in MOVED}),
    ],
)
def test_an_appointment_keeps_when_and_how_it_ended_where_days_pass(name: str, when: Json) -> None:
    found = passed(name, APPOINTMENT)
    del found["meta"]
    reason = APPOINTMENT["cancelationReason"]["coding"]
    assert found == {
        "resourceType": "Appointment", "id": "Appointment-a", "status": "noshow", "minutesDuration": 30, **when,
        "cancelationReason": {"coding": reason},
        "participant": [
            {"actor": {"reference": "Patient/Patient-1p"}, "status": "accepted"},
            {"actor": {"reference": "Practitioner/Practitioner-d"}, "status": "accepted"},
        ],
    }  # fmt: skip


OWN = b'name = "own"\nversion = "1"\nmoments = "year"\nextends = "first"\n[refuse]\nBinary = "bytes"\n'


@pytest.mark.parametrize("policy", [packaged_policy("safe-harbor"), read_policy(OWN, CODES, [FIRST])])
def test_where_the_year_alone_passes_no_appointment_does(policy: Policy) -> None:
    found, issues = Scrubber(
        policy, lambda kind, one: one, lambda _: 10, DAY, lambda *_: None, Secrets(noise(bytes(32)), SEAL)
    ).scrub(APPOINTMENT, "p1")
    assert found is None
    assert [issue.code for issue in issues] == ["deid.free-text-not-yet"]


@pytest.mark.parametrize(
    ("actors", "whose"),
    [
        (["Practitioner/d", "Patient/p1"], "p1"),
        (["Patient/p1", "Patient/p1/_history/2"], "p1"),
        (["Patient/p1", "Patient/p2"], None),
        (["Practitioner/d"], None),
        ([], None),
    ],
    ids=["among staff", "twice", "of two", "of staff alone", "of nobody"],
)
def test_an_appointment_passes_that_is_of_one_patient(actors: list[str], whose: str | None) -> None:
    parts = [{"actor": {"reference": one}, "status": "accepted"} for one in actors]
    one = scrubber("first")
    told = APPOINTMENT | {"participant": parts}
    assert one.patient_of(told) == whose
    found, issues = one.scrub(told, whose)
    assert (found is None) is (whose is None)
    assert whose is not None or [issue.code for issue in issues] == ["deid.patient-unknown"]


def test_a_date_that_is_none_does_not_pass_as_it_is() -> None:
    for name in ("safe-harbor", "limited-data-set"):
        found, issues = scrubber(name).scrub(observation(effectiveDateTime="Salem"), "p1")
        assert found is not None
        assert "effectiveDateTime" not in found
        assert [issue.code for issue in issues] == ["deid.date-unreadable"]


def test_a_policy_that_lets_text_pass_cannot_be_applied_without_its_de_identification() -> None:
    raw = (
        SAFE_HARBOR + '\n[structure.Annotation]\nkeep."text as text" = "scrubbed"\nremove."author[x], time" = "names"\n'
    )
    policy = read_policy(raw.encode(), CODES, [FIRST])
    assert policy.reads_text
    with pytest.raises(SetupError):
        Scrubber(policy, lambda kind, one: one, lambda _: 1, DAY)


def test_texts_pass_through_the_de_identification_of_text_or_not_at_all() -> None:
    raw = SAFE_HARBOR + (
        '\n[structure.Annotation]\nkeep."text as text" = "scrubbed"\nremove."author[x], time" = "names"\n'
        '[structure.CareTeam]\nkeep."status, subject, note" = "x"\nkeep."name as text" = "scrubbed"\n'
        'remove."category, period, participant, reasonCode, encounter, reasonReference" = "not needed"\n'
        'remove."managingOrganization, telecom" = "not needed"\n'
    )
    policy = read_policy(raw.encode(), CODES, [FIRST])
    asked: list[tuple[str | None, str]] = []

    def scrub_text(patient: str | None, resource: Json, text: str) -> str | None:
        assert resource["id"] == "t"
        asked.append((patient, text))
        return None if "secret" in text else text.replace("Quillfeather", "[NAME]")

    team = {
        "resourceType": "CareTeam",
        "id": "t",
        "subject": {"reference": "Patient/p1"},
        "name": "Team of Quillfeather",
        "note": [{"text": "Ask Quillfeather", "authorString": "Dr. Quillfeather"}, {"text": "a secret"}],
    }
    found, issues = Scrubber(policy, lambda kind, one: one, lambda _: 1, DAY, scrub_text).scrub(team, "p1")
    assert found is not None
    assert (found["name"], found["note"]) == ("Team of [NAME]", [{"text": "Ask [NAME]"}])
    assert asked == [("p1", "Team of Quillfeather"), ("p1", "Ask Quillfeather"), ("p1", "a secret")]
    assert [issue.code for issue in issues] == ["deid.text-unkept"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('moments = "year"', 'moments = "month"'),
        ("postalCode as zip3", "postalCode as zip4"),
        ("state as us-state", "state as stated"),
        ("state as us-state", "state as zip3, postalCode as birth-year"),
        ('small-zip3 = "', 'other = "'),
        ('need."state"', 'need."city"'),
    ],
)
def test_an_extension_that_contradicts_itself_is_refused(old: str, new: str) -> None:
    assert old in SAFE_HARBOR
    with pytest.raises(SetupError):
        read_policy(SAFE_HARBOR.replace(old, new, 1).encode(), CODES, [FIRST])


def test_the_digest_changes_with_the_policy_that_is_extended() -> None:
    digests = {read_policy(SAFE_HARBOR.encode(), CODES, [one]).digest for one in (FIRST, FIRST + b"\n# x")}
    assert len(digests) == 2
    assert packaged_policy("safe-harbor").digest in digests
