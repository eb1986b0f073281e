"""Searches through references over HTTP: what goes out beside the matches, in what shape, and to whom."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from werkzeug.test import TestResponse

from careloom.fhir.validate import check
from careloom.services.terminology import load
from tests.api.kit import OBSERVATION, PATIENT, Installation

LOINC = "http://loinc.org"
BLOOD_PRESSURE: dict[str, Any] = {
    **OBSERVATION,
    "id": "o3",
    "code": {"coding": [{"system": LOINC, "code": "85354-9"}], "text": "Blood pressure panel"},
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">blood pressure</div>'},
    "effectiveDateTime": "2025-01-02T03:04:05Z",
    "subject": {"reference": "Patient/p2"},
    "encounter": {"reference": "Encounter/e1"},
    "component": [
        {"code": {"coding": [{"system": LOINC, "code": code}]}, "valueQuantity": {"value": value, "unit": "mmHg"}}
        for code, value in (("8480-6", 150), ("8462-4", 80))
    ],
}
FEED: list[dict[str, Any]] = [
    {"resourceType": "Organization", "id": "g1", "name": "St. Agnes"},
    {"resourceType": "Organization", "id": "g2", "name": "Ward 4", "partOf": {"reference": "Organization/g1"}},
    {**PATIENT, "managingOrganization": {"reference": "Organization/g2"}},
    {**PATIENT, "id": "p2", "name": [{"family": "Brandywine"}]},
    {
        "resourceType": "Encounter",
        "id": "e1",
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": {"reference": "Patient/p2"},
        "serviceProvider": {"reference": "Organization/g1"},
    },
    *({**OBSERVATION, "id": f"o{number}"} for number in range(3)),
    BLOOD_PRESSURE,
]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("links")) as made:
        made.ingest(FEED)
        yield made


@pytest.fixture(scope="module")
def bearer(installation: Installation) -> dict[str, str]:
    return installation.bearer()


def ask(installation: Installation, headers: dict[str, str], query: str, method: str = "GET") -> TestResponse:
    kind, _, parameters = query.partition("?")
    if method == "GET":
        return installation.client.get(f"/fhir/identified/{query}", headers=headers)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return installation.client.post(
        f"/fhir/identified/{kind}/_search", data=parameters.encode(), headers=headers | form
    )


def entries(answer: TestResponse, mode: str) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.get_data(as_text=True)
    bundle = answer.get_json(force=True)
    assert check(bundle) == []
    return [entry["resource"] for entry in bundle.get("entry", []) if entry["search"]["mode"] == mode]


def names(installation: Installation, resources: list[dict[str, Any]]) -> list[str]:
    """The ids under which they came, sorted; made Provenances by their type."""
    back = {installation.stored_id(one["resourceType"], one["id"]): one["id"] for one in FEED}
    return sorted(back.get(one["id"], one["resourceType"]) for one in resources)


FOUND = [
    ("Observation?subject:Patient.name=brandy", "o3", ""),
    ("Observation?subject.name=brandy", "o3", ""),
    ("Observation?patient.organization.name=ward", "o0 o1 o2", ""),
    ("Observation?patient.organization.partof.name=st.", "o0 o1 o2", ""),
    ("Observation?encounter.service-provider:Organization.name:contains=agnes", "o3", ""),
    ("Observation?patient:Patient._has:Encounter:patient:status=finished", "o3", ""),
    ("Patient?_has:Observation:patient:code=85354-9", "p2", ""),
    ("Patient?_has:Observation:patient:encounter.service-provider.name=agnes&_summary=count", "", ""),
    ("Patient?_has:Observation:patient:_has:Provenance:target:_id=none", "", ""),
    ("Organization?_has:Patient:organization:family=quill", "g2", ""),
    ("Observation?component-code-value-quantity=8480-6$gt140", "o3", ""),
    ("Observation?component-code-value-quantity=8462-4$gt140", "", ""),
    ("Observation?code:text=blood", "o3", ""),
    ("Patient?family:contains=YWIN", "p2", ""),
    ("Observation?code=http://loinc.org|&_sort=-date&_count=1", "o0", ""),
    ("Observation?_sort=date&_count=1", "o3", ""),
    ("Observation?_id=o3&_include=Observation:subject", "o3", "p2"),
    ("Observation?_include=Observation:patient", "o0 o1 o2 o3", "p1 p2"),
    ("Observation?code=85354-9&_include=Observation:subject:Group", "o3", ""),
    ("Observation?code=85354-9&_include=*", "o3", "e1 p2"),
    (
        "Observation?code=85354-9&_include=Observation:encounter&_include:iterate=Encounter:service-provider",
        "o3", "e1 g1",
    ),
    ("Observation?code=85354-9&_include=Observation:encounter&_include=Encounter:service-provider", "o3", "e1"),
    ("Patient?_id=p1&_include=Patient:organization&_include:iterate=Organization:partof", "p1", "g1 g2"),
    ("Organization?_include:iterate=Organization:partof", "g1 g2", ""),
    ("Patient?_id=p2&_revinclude=Observation:subject&_revinclude=Encounter:patient", "p2", "e1 o3"),
    (
        "Organization?_id=g1&_revinclude=Encounter:service-provider&_revinclude:iterate=Observation:encounter",
        "g1", "e1 o3",
    ),
    ("Observation?_id=o3&_revinclude=Provenance:target", "o3", "Provenance"),
    ("Observation?_id=o3&_include=Observation:subject&_count=0", "", ""),
]  # fmt: skip


@pytest.mark.parametrize(("query", "matches", "included"), FOUND, ids=[row[0] for row in FOUND])
def test_a_search_follows_references(
    installation: Installation, bearer: dict[str, str], query: str, matches: str, included: str
) -> None:
    for method in ("GET", "POST"):
        answer = ask(installation, bearer, query, method)
        found = names(installation, entries(answer, "match"))
        assert found == matches.split() or (matches == "o0" and found[0] in ("o0", "o1", "o2"))
        assert names(installation, entries(answer, "include")) == included.split()


def test_every_included_patient_is_in_the_audit(installation: Installation, bearer: dict[str, str]) -> None:
    answer = ask(installation, bearer, "Organization?_id=g2&_revinclude=Patient:organization")
    assert names(installation, entries(answer, "include")) == ["p1"]
    event = installation.events()[-1]
    store = installation.platform.store("identified")
    assert event["subjects"] == [store.pseudonym(installation.stored_id("Patient", "p1"))]
    assert (event["detail"]["count"], event["detail"]["included"]) == (1, 1)


ACCESS = [
    # what is asked for                                          what the token searches            status  included
    ("Observation?subject:Patient.name=brandy", "Observation", 403, ""),
    ("Observation?subject:Patient.name=brandy", "Observation Patient", 200, ""),
    ("Observation?subject.name=brandy", "Observation Patient", 403, ""),  # a Location has a name too
    ("Observation?patient.organization.name=ward", "Observation Patient", 403, ""),
    ("Observation?patient.organization.name=ward", "Observation Organization", 403, ""),
    ("Observation?patient.organization.name=ward", "Observation Patient Organization", 200, ""),
    ("Patient?_has:Observation:patient:code=85354-9", "Patient", 403, ""),
    ("Patient?_has:Observation:patient:code=85354-9", "Patient Observation", 200, ""),
    ("Patient?_has:Observation:patient:encounter.status=finished", "Patient Observation", 403, ""),
    ("Observation?patient._has:Encounter:patient:status=finished", "Observation Patient", 403, ""),
    ("Observation?_id=o3&_include=Observation:subject:Patient", "Observation", 403, ""),
    ("Observation?_id=o3&_include=Observation:patient", "Observation", 403, ""),
    ("Observation?_id=o3&_include=Observation:subject", "Observation", 403, ""),
    ("Observation?_id=o3&_include=Observation:subject", "Observation Group", 200, ""),
    ("Observation?_id=o3&_include=Observation:subject", "Observation Patient", 200, "p2"),
    ("Observation?_id=o3&_include=*", "Observation", 200, ""),
    ("Observation?_id=o3&_include=*", "Observation Encounter", 200, "e1"),
    ("Observation?_id=o3&_include=*&_include:iterate=Encounter:service-provider", "Observation Encounter", 403, ""),
    ("Patient?_id=p2&_revinclude=Observation:subject", "Patient", 403, ""),
    ("Patient?_id=p2&_revinclude=Observation:subject", "Patient Observation", 200, "o3"),
    ("Observation?_id=o3&_revinclude=Provenance:target", "Observation", 403, ""),
]


@pytest.mark.parametrize(("query", "types", "status", "included"), ACCESS, ids=[f"{a} {b}" for a, b, *_ in ACCESS])
def test_no_type_that_may_not_be_searched_is_shown_or_learned_of(
    installation: Installation, query: str, types: str, status: int, included: str
) -> None:
    headers = installation.bearer(scopes=" ".join(f"system/{kind}.s" for kind in types.split()))
    before = len(installation.events())
    answer = ask(installation, headers, query)
    assert answer.status_code == status
    event = installation.events()[-1]
    assert len(installation.events()) == before + 1
    assert event["outcome"] == ("success" if status == 200 else "refused")
    if status == 200:
        assert names(installation, entries(answer, "include")) == included.split()
    else:
        assert event["subjects"] == []


SUBSETTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
SHAPES = [
    ("_elements=value", {"status", "code"}),
    ("_elements=Observation.effective,subject", {"status", "code", "effectiveDateTime", "subject"}),
    ("_summary=text", {"status", "code", "text"}),
    ("_summary=data", {"status", "code", "subject", "encounter", "effectiveDateTime", "component", "valueQuantity"}),
    ("_summary=true", {"status", "code", "subject", "encounter", "effectiveDateTime", "component", "valueQuantity"}),
    ("_summary=false", None),
]


@pytest.mark.parametrize(("shape", "members"), SHAPES, ids=[row[0] for row in SHAPES])
def test_a_match_has_the_elements_that_were_asked_for(
    installation: Installation, bearer: dict[str, str], shape: str, members: set[str] | None
) -> None:
    answer = ask(installation, bearer, f"Observation?_id=o3&{shape}&_include=Observation:patient")
    (match,) = entries(answer, "match")
    (patient,) = entries(answer, "include")
    assert patient["name"] == [{"family": "Brandywine"}]
    if members is None:
        assert "text" in match
        assert "tag" not in match["meta"]
    else:
        assert SUBSETTED in match["meta"]["tag"]
        has_value = {"valueQuantity"} if shape == "_elements=value" else set()
        assert match.keys() - {"resourceType", "id", "meta"} == members | has_value
    assert match["meta"]["versionId"] == "1"


def test_a_source_record_finds_what_was_made_from_it(installation: Installation, bearer: dict[str, str]) -> None:
    (one,) = entries(ask(installation, bearer, "Observation?_id=o1"), "match")
    source = one["meta"]["source"]
    for name in (source, source.removeprefix("urn:careloom:record:")):
        assert names(installation, entries(ask(installation, bearer, f"Observation?_source={name}"), "match")) == ["o1"]
    assert entries(ask(installation, bearer, "Observation?_source=urn:other"), "match") == []


VALUE_SET = {
    "resourceType": "ValueSet",
    "url": "urn:test:vitals",
    "version": "1",
    "status": "active",
    "compose": {"include": [{"system": LOINC, "concept": [{"code": "85354-9"}, {"code": "1-8"}]}]},
}


def test_a_code_is_found_by_the_value_set_it_is_in(installation: Installation, bearer: dict[str, str]) -> None:
    file = installation.folder / "vitals.json"
    file.write_bytes(orjson.dumps(VALUE_SET))
    load(installation.platform, installation.operator, file)
    for query, expected in (("code:in=urn:test:vitals", ["o3"]), ("code:not-in=urn:test:vitals", ["o0", "o1", "o2"])):
        answer = ask(installation, bearer, f"Observation?{query}")
        assert names(installation, entries(answer, "match")) == expected
    through = "Patient?_has:Observation:patient:code:in=urn:test:vitals"
    assert names(installation, entries(ask(installation, bearer, through), "match")) == ["p2"]


@pytest.mark.parametrize("query", ["code:in=urn:test:none", "code:below=http://loinc.org|0-0", "code:above=urn:x|y"])
def test_what_no_terminology_tells_is_refused(installation: Installation, bearer: dict[str, str], query: str) -> None:
    assert ask(installation, bearer, f"Observation?{query}").status_code == 400
