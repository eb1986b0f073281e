"""Bodies in XML: what is stored of them is what the same resource in JSON gives; what is no FHIR is refused."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from careloom.services.fhir_xml import resource_of_xml
from tests.api.kit import OBSERVATION, PATIENT, Installation
from tests.fhir_xml_writer import as_xml

XML = "application/fhir+xml"
LAB = {"resourceType": "Organization", "name": "Lab & Sons <1>", "active": True}
BUNDLE = {
    "resourceType": "Bundle", "type": "transaction",
    "entry": [
        {
            "fullUrl": "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a", "resource": PATIENT,
            "request": {"method": "POST", "url": "Patient"},
        },
        {
            "resource": OBSERVATION | {"subject": {"reference": "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a"}},
            "request": {"method": "POST", "url": "Observation"},
        },
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("xml")) as installation:
        yield installation


def ask(made: Installation, path: str, sent: str | bytes, method: str = "POST", kind: str = XML) -> TestResponse:
    return made.client.open(
        f"/fhir/identified{path}", method=method, headers=made.bearer(), data=sent, content_type=kind
    )


def same(stored: dict[str, Any], sent: dict[str, Any]) -> bool:
    return {**sent, "id": stored["id"], "meta": stored["meta"]} == stored


@pytest.mark.parametrize("kind", [XML, "application/xml", "text/xml", "application/fhir+xml; charset=utf-8"])
def test_a_resource_in_xml_is_stored_as_it_is_in_json(made: Installation, kind: str) -> None:
    answer = ask(made, "/Organization", as_xml(LAB), kind=kind)
    stored = answer.get_json(force=True)
    assert (answer.status_code, answer.mimetype, same(stored, LAB)) == (201, "application/fhir+json", True)
    again = ask(made, f"/Organization/{stored['id']}", as_xml({**LAB, "id": stored["id"], "active": False}), "PUT")
    assert (again.status_code, again.get_json(force=True)["active"]) == (200, False)


def test_a_transaction_in_xml_keeps_its_links(made: Installation) -> None:
    answer = ask(made, "", as_xml(BUNDLE))
    assert answer.status_code == 200, answer.text
    where = answer.get_json(force=True)["entry"][1]["response"]["location"].split("/")
    stored = made.client.get(f"/fhir/identified/Observation/{where[-3]}", headers=made.bearer()).get_json(force=True)
    assert stored["subject"]["reference"].startswith("Patient/")
    assert stored["valueQuantity"] == OBSERVATION["valueQuantity"]


def test_xml_is_validated_with_its_places(made: Installation) -> None:
    sent = as_xml(LAB).replace('value="true"', 'value="perhaps"')
    (issue,) = ask(made, "/Organization/$validate", sent).get_json(force=True)["issue"]
    assert issue["expression"] == ["Organization.active"]
    assert ask(made, "/Organization", sent).status_code == 400


ENTITY = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><Organization xmlns="http://hl7.org/fhir"/>'
OUTSIDE = '<!DOCTYPE x SYSTEM "file:///etc/passwd"><Organization xmlns="http://hl7.org/fhir"/>'
DEEP = "<extension>" * 5_000
REFUSED = [
    ("<Organization", "xml.broken"),
    ("", "xml.broken"),
    ("<Organization/>", "fhir-xml.no-resource"),
    ('<Wish xmlns="http://hl7.org/fhir"/>', "fhir-xml.no-resource"),
    (ENTITY, "xml.doctype"),
    (OUTSIDE, "xml.doctype"),
    (f'<Organization xmlns="http://hl7.org/fhir">{DEEP}', "xml.too-deep"),
    ('<?xml version="1.0" encoding="wish"?><Organization xmlns="http://hl7.org/fhir"/>', "xml.encoding"),
]


@pytest.mark.parametrize(("sent", "code"), REFUSED)
def test_what_is_no_resource_in_xml_is_refused(made: Installation, sent: str, code: str) -> None:
    before = made.platform.store("identified").count()
    answer = ask(made, "/Organization", sent)
    issues = answer.get_json(force=True)["issue"]
    assert (answer.status_code, issues[-1]["details"]["coding"][0]["code"]) == (400, code)
    assert made.platform.store("identified").count() == before


def test_many_levels_that_xml_lets_pass_are_refused_as_fhir(made: Installation) -> None:
    inner = "<extension>" * 200 + "</extension>" * 200
    answer = ask(made, "/Organization", f'<Organization xmlns="http://hl7.org/fhir">{inner}</Organization>')
    assert answer.status_code == 400


def test_answers_are_json_and_xml_is_refused_by_name(made: Installation) -> None:
    headers = {**made.bearer(), "Accept": XML}
    for path in ("/fhir/identified/Organization", "/fhir/identified/metadata"):
        answer = made.client.get(path, headers=headers)
        assert (answer.status_code, answer.mimetype) == (406, "application/fhir+json")
        assert "application/fhir+json" in answer.get_json(force=True)["issue"][0]["diagnostics"]


def test_examples_of_the_specification_have_the_same_elements_from_xml(suites: Path) -> None:
    """Values are compared where ingestion is tested, which reads with the same reader."""
    files = sorted((suites / "fhir_r4_examples").glob("*.json"))[:200]
    assert files
    for file in files:
        resource = json.loads(file.read_bytes())
        found, issues = resource_of_xml(as_xml(resource).encode())
        assert issues == [], file.name
        assert found["resourceType"] == resource["resourceType"]
        assert {name for name in found if name != "text"} == {name for name in resource if name != "text"}, file.name
