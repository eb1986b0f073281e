"""FHIR XML: the same resources as their JSON, entry by entry, and what is refused."""

import random
from typing import Any

import pytest

from careloom.fhir.validate import check
from careloom.ingest.conversion import Conversion
from careloom.ingest.detect import detect
from careloom.ingest.fhir_xml import convert, resource_of
from careloom.ingest.framing import frame
from careloom.ingest.source import of_bytes
from careloom.ingest.xml_read import read
from careloom.pipeline.record import FileContext, Record
from tests.ccda_mutants import mutant

CASES: list[tuple[str, dict[str, Any]]] = [
    ('<Patient xmlns="http://hl7.org/fhir"><id value="p"/><active value="true"/><name><given value="A"/>'
     '<given value="B"/></name></Patient>',
     {"resourceType": "Patient", "id": "p", "active": True, "name": [{"given": ["A", "B"]}]}),
    ('<f:Patient xmlns:f="http://hl7.org/fhir"><!-- c --><f:gender value="male"/></f:Patient>',
     {"resourceType": "Patient", "gender": "male"}),
    ('<Patient xmlns="http://hl7.org/fhir"><birthDate value="1961" id="b"><extension url="http://e.org">'
     '<valueInteger value="3"/></extension></birthDate></Patient>',
     {"resourceType": "Patient", "birthDate": "1961",
      "_birthDate": {"id": "b", "extension": [{"url": "http://e.org", "valueInteger": 3}]}}),
    ('<Patient xmlns="http://hl7.org/fhir"><name><given value="A"/><given><extension url="http://e.org">'
     '<valueCode value="x"/></extension></given><given value="C"/></name></Patient>',
     {"resourceType": "Patient", "name": [{"given": ["A", None, "C"],
                                           "_given": [None, {"extension": [{"url": "http://e.org", "valueCode": "x"}]},
                                                      None]}]}),
    ('<Patient xmlns="http://hl7.org/fhir"><text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml">'
     '<p>a &amp; <b>b</b></p></div></text></Patient>',
     {"resourceType": "Patient", "text": {
         "status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml"><p>a &amp; <b>b</b></p></div>'}}),
    ('<Observation xmlns="http://hl7.org/fhir" xmlns:x="http://www.w3.org/2001/XMLSchema-instance" '
     'x:schemaLocation="a b"><contained><Patient><id value="c"/></Patient></contained><status value="final"/>'
     '<valueQuantity><value value="7.20"/></valueQuantity></Observation>',
     {"resourceType": "Observation", "contained": [{"resourceType": "Patient", "id": "c"}], "status": "final",
      "valueQuantity": {"value": 7.2}}),
    ('<Patient xmlns="http://hl7.org/fhir"><odd value="1"/><active value="maybe"/></Patient>',
     {"resourceType": "Patient", "odd": "1", "active": "maybe"}),
    ('<Patient xmlns="http://hl7.org/fhir"><active value="true" id="a"/></Patient>',
     {"resourceType": "Patient", "active": True, "_active": {"id": "a"}}),
    ('<Patient xmlns="http://hl7.org/fhir"><gender value="male"/><gender value="female"/></Patient>',
     {"resourceType": "Patient", "gender": ["male", "female"]}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), CASES, ids=range(len(CASES)))
def test_xml_becomes_the_json_of_the_specification(text: str, expected: dict[str, Any]) -> None:
    root, _ = read(text.encode())
    assert root is not None
    assert resource_of(root) == expected


def records(text: str) -> list[Record]:
    raw = text.encode()
    return list(frame(of_bytes(raw), detect(raw, lambda header: None)))


def converted(record: Record) -> Conversion:
    return convert(record)


BUNDLE = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Bundle xmlns="http://hl7.org/fhir"><type value="{}"/>\n'
    '<entry><fullUrl value="urn:uuid:1"/><resource><Patient><id value="p"/></Patient></resource></entry>\n'
    '<entry><resource><Observation><status value="final"/><code><text value="caf\u00e9"/></code>'
    '<subject><reference value="urn:uuid:1"/></subject></Observation></resource></entry>\n'
    "<!-- end --></Bundle>\n"
)


def test_a_bundle_is_cut_into_its_entries_without_losing_a_byte() -> None:
    text = BUNDLE.format("transaction")
    found = records(text)
    assert [record.place for record in found] == ["Bundle", "entry[0]", "entry[1]"]
    assert {record.context.format for record in found} == {"fhir-xml"}
    held = sorted(character for record in found for character in record.raw.decode() if not character.isspace())
    assert held == sorted(character for character in text if not character.isspace())
    assert found[1].context.targets == {"urn:uuid:1": "Patient/p"}
    assert (found[0].context.options or {})["part"] == "envelope"
    patient, observation = (converted(record).drafts[0] for record in found[1:])
    assert patient.resource == {"resourceType": "Patient", "id": "p"}
    assert observation.resource["code"] == {"text": "caf\u00e9"}
    assert observation.targets == {"urn:uuid:1": "Patient/p"}


def test_a_history_comes_oldest_first() -> None:
    assert [record.place for record in records(BUNDLE.format("history"))] == ["Bundle", "entry[1]", "entry[0]"]


def test_a_bundle_in_utf_16_is_one_record_and_gives_the_same_drafts() -> None:
    raw = BUNDLE.format("collection").replace("UTF-8", "UTF-16").encode("utf-16")
    found = list(frame(of_bytes(raw), detect(raw, lambda header: None)))
    assert len(found) == 1
    assert [draft.resource["resourceType"] for draft in converted(found[0]).drafts] == ["Patient", "Observation"]


REFUSED = [
    ('<Patient xmlns="http://hl7.org/fhir"><active', "xml.broken"),
    ('<!DOCTYPE x [<!ENTITY e "a">]><Patient xmlns="http://hl7.org/fhir"><id value="&e;"/></Patient>', "xml.doctype"),
    ('<Odd xmlns="http://hl7.org/fhir"/>', "fhir-xml.no-resource"),
    ("<Patient/>", "fhir-xml.no-resource"),
    ('<Patient xmlns="http://hl7.org/fhir">' + "<contact>" * 150 + "</contact>" * 150 + "</Patient>", "fhir.too-deep"),
]


@pytest.mark.parametrize(("text", "code"), REFUSED, ids=[code for _, code in REFUSED])
def test_what_is_no_resource_is_refused_with_its_reason(text: str, code: str) -> None:
    found = converted(Record(0, text.encode(), "file", FileContext("fhir-xml")))
    assert [issue.code for issue in found.issues] == [code]
    assert found.refused
    assert not found.drafts


def test_a_bundle_that_is_cut_off_is_one_refused_record() -> None:
    found = records(BUNDLE.format("batch")[:-30])
    assert len(found) == 1
    assert converted(found[0]).refused


def test_mutated_bundles_yield_drafts_or_a_reason_and_no_exception() -> None:
    rng = random.Random(4)
    for _ in range(400):
        raw = mutant(BUNDLE.format("batch").encode(), rng)
        for record in frame(of_bytes(raw), detect(raw, lambda header: None)):
            if record.problem is None and record.context.format == "fhir-xml":
                found = convert(record)
                assert found.refused <= (not found.drafts)
                for draft in found.drafts:
                    check(draft.resource)
