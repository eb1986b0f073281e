import copy

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careloom.fhir.issue_texts import TEXTS
from careloom.fhir.validate import advise, check, check_bytes
from careloom.fhir.validate_explain import explain
from careloom.fhir.validate_shapes import Shapes
from tests.fhir_mutants import DOCUMENT_REFERENCE, MEDICATION_REQUEST, OBSERVATION, PATIENT, SMALL, mutants

NO_CODE = {"resourceType": "Observation", "status": "final"}

CASES = [
    ("required element missing", OBSERVATION, {"code": None}, "fhir.required-missing", "Observation.code"),
    ("unknown element", PATIENT, {"colour": "x"}, "fhir.unknown-element", "Patient"),
    ("object where an array belongs", PATIENT, {"name": {"family": "X"}}, "fhir.array-expected", "Patient.name"),
    ("array where one value belongs", PATIENT, {"gender": ["male"]}, "fhir.array-unexpected", "Patient.gender"),
    ("empty array", PATIENT, {"name": []}, "fhir.empty", "Patient.name"),
    ("empty object", PATIENT, {"maritalStatus": {}}, "fhir.empty", "Patient.maritalStatus"),
    ("null in an array", PATIENT, {"name": [None]}, "fhir.empty", "Patient.name[0]"),
    ("empty string", PATIENT, {"language": ""}, "fhir.format", "Patient.language"),
    ("only white space", PATIENT, {"name": [{"family": "  "}]}, "fhir.format", "Patient.name[0].family"),
    ("a day that is not in the calendar", PATIENT, {"birthDate": "2019-02-29"}, "fhir.format", "Patient.birthDate"),
    (
        "time without zone",
        OBSERVATION,
        {"effectiveDateTime": "2019-02-20T10:00:00"},
        "fhir.format",
        "Observation.effective",
    ),
    ("number as string", OBSERVATION, {"valueQuantity": {"value": "6"}}, "fhir.format", "Observation.value.value"),
    ("boolean as number", MEDICATION_REQUEST, {"doNotPerform": 1}, "fhir.format", "MedicationRequest.doNotPerform"),
    ("id with an underscore", PATIENT, {"id": "a_b"}, "fhir.format", "Patient.id"),
    ("id of 65 characters", PATIENT, {"id": "a" * 65}, "fhir.format", "Patient.id"),
    ("code outside of a required list", PATIENT, {"gender": "f"}, "fhir.binding", "Patient.gender"),
    ("two forms of a choice", OBSERVATION, {"valueString": "x"}, "fhir.choice-repeated", "Observation.value"),
    (
        "code unknown to its HL7 code system",
        PATIENT,
        {"maritalStatus": {"coding": [{"system": "http://hl7.org/fhir/administrative-gender", "code": "q"}]}},
        "fhir.code-unknown",
        "Patient.maritalStatus.coding[0]",
    ),
    (
        "system that is a value set",
        PATIENT,
        {"maritalStatus": {"coding": [{"system": "http://hl7.org/fhir/ValueSet/marital-status", "code": "M"}]}},
        "fhir.coding-system-valueset",
        "Patient.maritalStatus.coding[0]",
    ),
    (
        "relative system",
        PATIENT,
        {"maritalStatus": {"coding": [{"system": "marital", "code": "M"}]}},
        "fhir.coding-system-relative",
        "Patient.maritalStatus.coding[0]",
    ),
    (
        "reference that is no reference",
        OBSERVATION,
        {"subject": {"reference": "p 1"}},
        "fhir.reference-format",
        "Observation.subject",
    ),
    (
        "reference to an unknown type",
        OBSERVATION,
        {"subject": {"reference": "Chicken/1"}},
        "fhir.reference-format",
        "Observation.subject",
    ),
    (
        "local reference to nothing",
        OBSERVATION,
        {"subject": {"reference": "#x"}},
        "fhir.invariant-ref-1",
        "Observation.subject",
    ),
    (
        "contained resource of the wrong type",
        MEDICATION_REQUEST,
        {"subject": {"reference": "#med"}},
        "fhir.reference-target",
        "MedicationRequest.subject",
    ),
    (
        "contained resource that nobody names",
        MEDICATION_REQUEST,
        {"medicationReference": {"reference": "Medication/1"}},
        "fhir.invariant-dom-3",
        "MedicationRequest.contained",
    ),
    (
        "extension with value and extensions",
        PATIENT,
        {"extension": [{"url": "http://a.b/c", "valueString": "x", "extension": [{"url": "d", "valueCode": "e"}]}]},
        "fhir.invariant-ext-1",
        "Patient.extension[0]",
    ),
    (
        "extension without url",
        PATIENT,
        {"extension": [{"valueString": "x"}]},
        "fhir.required-missing",
        "Patient.extension[0].url",
    ),
    (
        "extension with a relative url",
        PATIENT,
        {"extension": [{"url": "colour", "valueString": "x"}]},
        "fhir.extension-url",
        "Patient.extension[0]",
    ),
    (
        "extension with a version in its url",
        PATIENT,
        {"extension": [{"url": "http://a.b/c|1", "valueString": "x"}]},
        "fhir.extension-url",
        "Patient.extension[0]",
    ),
    (
        "known extension with another type of value",
        PATIENT,
        {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/patient-congregation", "valueCode": "x"}]},
        "fhir.extension-value",
        "Patient.extension[0]",
    ),
    (
        "known extension in other letters",
        PATIENT,
        {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/Patient-congregation", "valueString": "x"}]},
        "fhir.extension-unknown",
        "Patient.extension[0]",
    ),
    (
        "plain extension as modifier",
        PATIENT,
        {
            "modifierExtension": [
                {"url": "http://hl7.org/fhir/StructureDefinition/patient-congregation", "valueString": "x"}
            ]
        },
        "fhir.extension-modifier",
        "Patient.modifierExtension[0]",
    ),
    (
        "attachment of another size",
        DOCUMENT_REFERENCE,
        {"content": [{"attachment": {"contentType": "text/plain", "data": "aGVsbG8=", "size": 4}}]},
        "fhir.attachment-size",
        "DocumentReference.content[0].attachment",
    ),
    (
        "data that is no base64",
        DOCUMENT_REFERENCE,
        {"content": [{"attachment": {"contentType": "text/plain", "data": "%%"}}]},
        "fhir.format",
        "DocumentReference.content[0].attachment.data",
    ),
    (
        "script in the narrative",
        PATIENT,
        {"text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml"><script>x</script></div>'}},
        "fhir.invariant-txt-1",
        "Patient.text.div",
    ),
    (
        "unclosed narrative",
        PATIENT,
        {"text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml"><p>x</div>'}},
        "fhir.xhtml-invalid",
        "Patient.text.div",
    ),
    (
        "an id and nothing else",
        PATIENT,
        {"maritalStatus": {"id": "x"}},
        "fhir.invariant-ele-1",
        "Patient.maritalStatus",
    ),
]


@pytest.mark.parametrize(("base", "change", "code", "place"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_a_fault_is_refused_with_its_code_and_place(base, change, code, place):
    resource = {k: v for k, v in {**copy.deepcopy(base), **change}.items() if v is not None}

    issues = check(resource)

    assert (code, place) in [(issue.code, issue.place) for issue in issues]
    assert all(issue.refuses for issue in issues)


@pytest.mark.parametrize("resource", SMALL, ids=lambda r: r["resourceType"])
def test_valid_resources_have_no_issue_however_often_they_are_seen(resource):
    assert [check(resource) for _ in range(4)] == [[]] * 4


VALID = {
    "a required code given by an extension only": {
        "resourceType": "Observation",
        "code": {"text": "x"},
        "_status": {
            "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]
        },
    },
    "an id beside a primitive": {**PATIENT, "_birthDate": {"id": "b"}},
    "nulls where extensions stand": {
        **PATIENT,
        "name": [{"given": ["A", None], "_given": [None, {"extension": [{"url": "http://a.b/c", "valueCode": "d"}]}]}],
    },
    "leap second": {**OBSERVATION, "issued": "2016-12-31T23:59:60Z"},
    "year only": {**PATIENT, "birthDate": "1970"},
    "conditional reference": {**OBSERVATION, "subject": {"reference": "Patient?identifier=urn:oid:1.2.3|77"}},
    "reference by identifier": {**OBSERVATION, "subject": {"identifier": {"value": "77"}}},
    "unknown extension of somebody else": {
        **PATIENT,
        "extension": [
            {
                "url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race",
                "extension": [{"url": "text", "valueString": "x"}],
            }
        ],
    },
    "contained that points out": {
        **OBSERVATION,
        "contained": [
            {
                "resourceType": "Provenance",
                "id": "pr",
                "target": [{"reference": "#"}],
                "recorded": "2020-01-01T00:00:00Z",
                "agent": [{"who": {"display": "x"}}],
            }
        ],
    },
    "white space in base64": {
        **DOCUMENT_REFERENCE,
        "content": [{"attachment": {"contentType": "text/plain", "data": "aGVs\n bG8=", "size": 5}}],
    },
}


@pytest.mark.parametrize("resource", VALID.values(), ids=VALID.keys())
def test_what_the_specification_allows_is_accepted(resource):
    assert [issue.code for _ in range(3) for issue in check(resource)] == []


def test_every_reference_is_handed_out_once_on_both_paths():
    resource = copy.deepcopy(MEDICATION_REQUEST)
    resource["extension"] = [{"url": "http://a.b/c", "valueReference": {"reference": "Patient/in-extension"}}]
    resource["contained"][0]["manufacturer"] = {"reference": "Organization/in-contained"}
    wanted = {"#med", resource["subject"]["reference"], "Patient/in-extension", "Organization/in-contained"}

    for _ in range(4):
        met = []
        assert check(resource, met) == []
        assert sorted(r["reference"] for r in met) == sorted(wanted)


def test_references_come_from_bytes_too():
    for _ in range(4):
        met = []
        resource, issues = check_bytes(orjson.dumps(OBSERVATION), met)
        assert (resource, issues, met) == (OBSERVATION, [], [{"reference": "Patient/p1"}])


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "fhir.json-invalid"),
        (b"[]", "fhir.object-expected"),
        (b"null", "fhir.object-expected"),
        (b'{"resourceType":"Patient",}', "fhir.json-invalid"),
        (b'{"resourceType":"Patient"/* x */}', "fhir.json-invalid"),
        (b'{"resourceType":"Patient","multipleBirthInteger":NaN}', "fhir.json-invalid"),
        (b'{"resourceType":"Patient","language":"\xff"}', "fhir.json-invalid"),
        (b'{"resourceType":"Patient","id":"a","id":"b"}', "fhir.json-duplicate-key"),
        (b'{"resourceType":"Patient","name":[{"family":"a","family":"b"}]}', "fhir.json-duplicate-key"),
        (b'{"resourceType" : "Patient", "id" : "a", "id" : "b"}', "fhir.json-duplicate-key"),
        (b'{"id":"a"}', "fhir.unknown-resource-type"),
        (b'{"resourceType":"Chicken"}', "fhir.unknown-resource-type"),
        (b'{"resourceType":["Patient"]}', "fhir.unknown-resource-type"),
        (b'{"resourceType":"DomainResource"}', "fhir.unknown-resource-type"),
    ],
)
def test_bytes_that_hold_no_acceptable_resource_are_refused(raw, code):
    for _ in range(3):
        assert code in [issue.code for issue in check_bytes(raw)[1]]


def test_a_colon_inside_of_a_string_is_no_second_property():
    raw = orjson.dumps({**PATIENT, "name": [{"family": 'say "this": that'}]})

    assert [check_bytes(raw)[1] for _ in range(4)] == [[]] * 4


@pytest.mark.parametrize("depth", [70, 400, 5_000, 200_000])
def test_a_depth_bomb_gives_an_issue_and_no_crash(depth):
    bombs = (
        b'{"resourceType":"Patient","extension":'
        + b'[{"url":"http://a.b/c","extension":' * depth
        + b"[]"
        + b"}]" * depth
        + b"}",
        b'{"resourceType":"Patient","name":' + b"[" * depth + b"]" * depth + b"}",
    )
    for bomb in bombs:
        for _ in range(3):
            assert check_bytes(bomb)[1]


def test_the_number_of_issues_is_bounded():
    assert len(check({"resourceType": "Patient", "name": [{}] * 5_000})) == 200


def test_doubts_do_not_refuse():
    resource = {**OBSERVATION, "performer": [{"reference": "Encounter/e"}]}

    assert check(resource) == []
    assert [(issue.code, issue.refuses) for issue in advise(resource)] == [("fhir.reference-target", False)]


def test_messages_hold_no_value_of_the_record():
    canary = "Xylophone"
    resource = {
        "resourceType": "Patient",
        "gender": canary,
        "birthDate": canary,
        "name": canary,
        canary: canary,
        "managingOrganization": {"reference": f"{canary} {canary}"},
        "extension": [{"url": canary, "valueCode": canary}],
    }

    issues = check(resource)

    assert len(issues) >= 5
    assert not [issue for issue in issues if canary in f"{issue.code}{issue.place}{issue.message}{issue.remedy}"]


def test_every_issue_code_is_a_stable_name():
    assert all(code.startswith("fhir.") and code == code.lower() for code in TEXTS)


@given(mutants(SMALL))
@settings(max_examples=400)
def test_what_the_generated_code_accepts_has_no_issue(mutant):
    shapes = Shapes()
    try:
        accepted = max(shapes.resource(mutant, [].append) for _ in range(4))
    except (TypeError, AttributeError, KeyError, ValueError, IndexError):
        accepted = 0

    assert not (accepted and explain(mutant, []).issues)


@given(mutants(SMALL))
@settings(max_examples=200)
def test_checking_changes_nothing_and_repeats_itself(mutant):
    before = copy.deepcopy(mutant)

    first, second, third = check(mutant), check(mutant), check(mutant)

    assert first == second == third
    assert mutant == before


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["id", "name", "extension", "url", "contained", "resourceType", "x"]), inner, max_size=4
            )
        ),
        max_leaves=12,
    )
)
@settings(max_examples=200)
def test_no_json_value_makes_the_validator_raise(value):
    issues = check({"resourceType": "Patient", "name": value, "extension": value, "contained": [value], "text": value})

    assert issues
