"""FHIR JSON records: resources, entries, envelopes, garbage."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.ingest.conversion import Conversion
from careloom.ingest.fhir_json import MAX_DEPTH, MAX_NESTED_BUNDLES, convert, resolve_references
from careloom.ingest.identity import find_references
from careloom.pipeline.record import FileContext, Record

UUID = "urn:uuid:0aa0aa00-0000-0000-0000-000000000001"
TARGETS = {UUID: "Patient/p1", "http://server/fhir/Encounter/e1": "Encounter/e1"}


def make(document: Any, targets: dict[str, str] | None = None, bundle_type: str = "") -> Conversion:
    raw = document if isinstance(document, bytes) else orjson.dumps(document)
    options = {"bundle_type": bundle_type} if bundle_type else {}
    return convert(Record(0, raw, "line 1", FileContext("fhir", targets=targets, options=options)))


def resolve(made: Conversion) -> bool:
    """Resolves the references of all drafts as ingestion does; False if one leads nowhere."""
    resolved = True
    for draft in made.drafts:
        met: list[dict[str, Any]] = []
        find_references(draft.resource, met)
        assert draft.targets is not None
        resolved = resolve_references(met, draft.targets) and resolved
    return resolved


def codes(made: Conversion) -> list[str]:
    return [issue.code for issue in made.issues]


def test_a_resource_with_an_id_is_itself() -> None:
    patient = {"resourceType": "Patient", "id": "p1", "name": [{"family": "A"}], "contained": [{"id": "x"}]}
    made = make(patient)
    assert made.issues == []
    assert [(draft.resource, draft.action, draft.source_id) for draft in made.drafts] == [(patient, "put", "")]


def test_a_resource_without_an_id_goes_by_its_content() -> None:
    one = make(b'{"resourceType":"Basic","a":1,"b":2}').drafts[0]
    other = make(b'{ "b":2, "a":1, "resourceType":"Basic" }').drafts[0]
    assert one.source_id == other.source_id == '{"a":1,"b":2,"resourceType":"Basic"}'
    assert make(b'{"resourceType":"Basic","a":2}').drafts[0].source_id != one.source_id


REFUSED = [
    (b"", "fhir.not-json"),
    (b"not json", "fhir.not-json"),
    (b'{"resourceType":"Patient"', "fhir.not-json"),
    (b'{"resourceType":"Observation","x":NaN}', "fhir.not-json"),
    (b'{"resourceType":"Observation","x":Infinity}', "fhir.not-json"),
    (b'{"resourceType":"Patient","name":"\xff"}', "fhir.not-json"),
    (b'{"resourceType":"Patient","name":"\\ud800"}', "fhir.not-json"),
    (b"\xff\xfe{\x00}\x00", "fhir.not-json"),
    (b"[1]", "fhir.not-a-resource"),
    (b"7", "fhir.not-a-resource"),
    (b"null", "fhir.not-a-resource"),
    (b"{}", "fhir.not-a-resource"),
    (b'{"id":"x"}', "fhir.not-a-resource"),
    (b'{"resourceType":7}', "fhir.not-a-resource"),
    (b'{"resourceType":""}', "fhir.not-a-resource"),
    (b'{"resourceType":"../Patient"}', "fhir.not-a-resource"),
    (b'{"resource":{"id":"1"}}', "fhir.not-a-resource"),
    (b'{"resource":[]}', "fhir.not-a-resource"),
    (b'{"resourceType":"Patient","id":7}', "fhir.bad-id"),
    (b'{"resourceType":"Patient","id":""}', "fhir.bad-id"),
    (b'{"resourceType":"Patient","id":"a b"}', "fhir.bad-id"),
    (b'{"resourceType":"Patient","id":"' + b"x" * 65 + b'"}', "fhir.bad-id"),
    (b"[" * 100_000, "fhir.not-json"),
    (b'{"resourceType":"Basic","x":' + b"[" * 200 + b"]" * 200 + b"}", "fhir.too-deep"),
    (b'{"resourceType":"Bundle","entry":{}}', "fhir.not-a-resource"),
    (b'{"resourceType":"Bundle","entry":[1]}', "fhir.not-a-resource"),
    (b'{"request":{"method":"DELETE","url":"Patient?identifier=1"}}', "fhir.delete-unclear"),
    (b'{"request":{"method":"DELETE"}}', "fhir.delete-unclear"),
    (b'{"request":{"method":"PATCH","url":"Patient/1"},"resource":{"resourceType":"Parameters"}}', "fhir.patch-entry"),
]


@pytest.mark.parametrize(("raw", "code"), REFUSED)
def test_what_is_no_resource_is_refused_with_its_reason(raw: bytes, code: str) -> None:
    made = make(raw)
    assert (codes(made), made.drafts, made.refused) == ([code], [], True)


@given(st.binary(max_size=300))
def test_any_bytes_are_answered(raw: bytes) -> None:
    assert make(raw).refused


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["resourceType", "resource", "entry", "request", "method", "url", "fullUrl", "id", "reference"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(_JSON)
def test_any_json_is_answered(document: Any) -> None:
    made = make(document, TARGETS)
    assert made.drafts or made.issues


def test_depth_up_to_the_limit_is_read() -> None:
    levels = MAX_DEPTH - 1
    assert len(make(b'{"resourceType":"Basic","x":' + b"[" * levels + b"]" * levels + b"}").drafts) == 1
    levels += 1
    assert codes(make(b'{"resourceType":"Basic","x":' + b"[" * levels + b"]" * levels + b"}")) == ["fhir.too-deep"]


def entry(resource: Any = None, method: str = "", url: str = "", **more: Any) -> dict[str, Any]:
    made = dict(more)
    if resource is not None:
        made["resource"] = resource
    if method:
        made["request"] = {"method": method, "url": url}
    return made


@pytest.mark.parametrize("method", ["", "POST", "PUT"])
def test_an_entry_puts_its_resource(method: str) -> None:
    made = make(entry({"resourceType": "Patient", "id": "p1"}, method, "Patient"), {}, "transaction")
    assert [(draft.action, draft.resource["id"]) for draft in made.drafts] == [("put", "p1")]


def test_a_resource_without_id_goes_by_the_name_that_its_bundle_gives_it() -> None:
    targets = {UUID: f"Patient/{UUID}"}
    made = make(entry({"resourceType": "Patient"}, fullUrl=UUID), targets)
    assert made.drafts[0].source_id == UUID
    observation = {"resourceType": "Observation", "id": "o", "subject": {"reference": UUID}}
    pointing = make(entry(observation), targets)
    assert resolve(pointing)
    assert pointing.drafts[0].resource["subject"] == {"reference": f"Patient/{UUID}"}


DELETIONS = [
    entry(method="DELETE", url="Patient/p1"),
    entry({"resourceType": "Patient", "id": "p1"}, "DELETE", "Patient/p1"),
]


@pytest.mark.parametrize("document", DELETIONS)
def test_a_deletion_names_what_is_gone(document: dict[str, Any]) -> None:
    made = make(document, {}, "history")
    assert [(draft.action, draft.resource) for draft in made.drafts] == [
        ("delete", {"resourceType": "Patient", "id": "p1"})
    ]


TRANSPORT = [
    (entry(method="GET", url="Patient/p1"), "fhir.entry-without-resource"),
    (entry(response={"status": "201"}), "fhir.entry-without-resource"),
    (entry({"resourceType": "OperationOutcome"}, search={"mode": "outcome"}), "fhir.search-outcome"),
    ({"resourceType": "Bundle", "type": "transaction", "entry": []}, "fhir.bundle-envelope"),
    ({"resourceType": "Bundle", "type": "searchset"}, "fhir.bundle-envelope"),
]


@pytest.mark.parametrize(("document", "code"), TRANSPORT)
def test_what_only_transports_says_so_and_refuses_nothing(document: dict[str, Any], code: str) -> None:
    made = make(document, {}, "batch")
    assert (codes(made), made.drafts, made.refused) == ([code], [], False)


REFERENCES = [
    ({"reference": UUID}, {"reference": "Patient/p1"}, True),
    ({"reference": "http://server/fhir/Encounter/e1"}, {"reference": "Encounter/e1"}, True),
    ({"reference": "http://elsewhere/Patient/1"}, {"reference": "http://elsewhere/Patient/1"}, True),
    ({"reference": "Patient/p9"}, {"reference": "Patient/p9"}, True),
    ({"reference": "#inside"}, {"reference": "#inside"}, True),
    (
        {"reference": "Practitioner?identifier=http://npi|99", "display": "Dr. X"},
        {"type": "Practitioner", "identifier": {"system": "http://npi", "value": "99"}, "display": "Dr. X"},
        True,
    ),
    (
        {"reference": "Location?identifier=http%3A%2F%2Fx%7C1%202"},
        {"type": "Location", "identifier": {"system": "http://x", "value": "1 2"}},
        True,
    ),
    ({"reference": "Location?identifier=7"}, {"type": "Location", "identifier": {"value": "7"}}, True),
    ({"reference": "Location?identifier=x|"}, {"reference": "Location?identifier=x|"}, False),
    ({"reference": "Patient?name=x"}, {"reference": "Patient?name=x"}, False),
    (
        {"reference": "Patient?identifier=x|1&active=true"},
        {"reference": "Patient?identifier=x|1&active=true"},
        False,
    ),
    ({"reference": "urn:uuid:none"}, {"reference": "urn:uuid:none"}, False),
]


@pytest.mark.parametrize(("given_reference", "expected", "leads_somewhere"), REFERENCES)
@pytest.mark.parametrize("in_entry", [True, False])
def test_references_lead_to_ids_or_identifiers(
    given_reference: dict[str, Any], expected: dict[str, Any], leads_somewhere: bool, *, in_entry: bool
) -> None:
    resource = {"resourceType": "Observation", "id": "o", "performer": [given_reference], "x": {"y": [given_reference]}}
    made = make(entry(resource) if in_entry else resource, TARGETS)
    assert codes(made) == []
    assert resolve(made) is leads_somewhere
    assert made.drafts[0].resource["performer"] == [expected]
    assert made.drafts[0].resource["x"]["y"] == [expected]


def test_an_escaped_reference_is_resolved_as_well() -> None:
    raw = json.dumps({"resourceType": "Basic", "id": "b", "subject": {"reference": UUID}}).replace("urn", "\\u0075rn")
    made = make(raw.encode(), TARGETS)
    assert resolve(made)
    assert made.drafts[0].resource["subject"] == {"reference": "Patient/p1"}


def nested(depth: int) -> dict[str, Any]:
    resource: dict[str, Any] = {"resourceType": "Patient", "id": "p"}
    for _ in range(depth):
        resource = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": resource}]}
    return resource


def test_bundles_in_bundles_are_flattened() -> None:
    made = make({"resource": nested(MAX_NESTED_BUNDLES)}, {}, "collection")
    assert [draft.resource["id"] for draft in made.drafts] == ["p"]


def test_bundles_nested_too_deep_are_refused() -> None:
    assert codes(make({"resource": nested(MAX_NESTED_BUNDLES + 1)}, {}, "collection")) == ["fhir.bundle-too-deep"]


def test_a_nested_bundle_resolves_its_own_names() -> None:
    inner = {
        "resourceType": "Bundle",
        "entry": [
            {"fullUrl": "urn:uuid:n", "resource": {"resourceType": "Patient", "id": "n1"}},
            {"resource": {"resourceType": "Basic", "id": "b", "subject": {"reference": "urn:uuid:n"}}},
        ],
    }
    made = make({"resource": inner}, TARGETS)
    assert resolve(made)
    assert made.drafts[1].resource["subject"] == {"reference": "Patient/n1"}


def test_one_bad_inner_entry_refuses_the_whole_record() -> None:
    inner = {
        "resourceType": "Bundle",
        "entry": [{"resource": {"resourceType": "Patient", "id": "n1"}}, {"resource": 1}],
    }
    made = make({"resource": inner})
    assert made.drafts == []
    assert made.issues[0].place == "resource.entry[1].resource"
