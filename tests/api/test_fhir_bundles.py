"""Batch and transaction over HTTP: links are resolved, a transaction is whole or nothing, batch entries stand alone."""

from collections.abc import Iterator
from typing import Any

import pytest

from careloom.fhir.validate import check
from tests.api.kit import BASE_URL, OBSERVATION, PATIENT, Installation
from tests.api.test_fhir_write import ORGANIZATION, Ward

URN = "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e3009450%02x"
PERSON = {**PATIENT, "identifier": [{"system": "urn:mrn", "value": "1"}]}


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    with Installation(tmp_path_factory.mktemp("bundles"), fhir={"max_bundle_entries": 12}) as made:
        yield Ward(made)


def entry(method: str, url: str, resource: Any = None, urn: int = -1, **request: str) -> dict[str, Any]:
    told: dict[str, Any] = {"request": {"method": method, "url": url, **request}}
    if resource is not None:
        told["resource"] = resource
    return told | ({"fullUrl": URN % urn} if urn >= 0 else {})


def bundle(kind: str, *entries: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def pulse(subject: str, **more: Any) -> dict[str, Any]:
    told = {**OBSERVATION, "subject": {"reference": subject}, **more}
    return {name: value for name, value in told.items() if name != "id"}


def answered(ward: Ward, sent: dict[str, Any], **headers: str) -> list[dict[str, Any]]:
    answer = ward.ask("POST", "", sent, **headers)
    assert answer.status_code == 200, answer.text
    body = answer.get_json(force=True)
    assert check(body) == []
    assert body["type"] == f"{sent['type']}-response"
    found: list[dict[str, Any]] = body.get("entry", [])
    assert len(found) == len(sent["entry"])
    return found


def statuses(entries: list[dict[str, Any]]) -> list[str]:
    return [one["response"]["status"][:3] for one in entries]


def name_of(one: dict[str, Any]) -> str:
    """``Type/id`` of the location of an answer."""
    location: str = one["response"]["location"]
    return location.removeprefix(f"{BASE_URL}/fhir/identified/").partition("/_history")[0]


def test_links_between_entries_lead_to_what_is_stored(ward: Ward) -> None:
    note = {
        "resourceType": "Composition", "status": "final", "type": {"text": "note"}, "date": "2026-01-02", "title": "t",
        "author": [{"reference": URN % 2}], "subject": {"reference": URN % 1},
        "extension": [{"url": "http://example.org/about", "valueUri": URN % 1}],
        "identifier": {"system": "urn:ietf:rfc:3986", "value": URN % 1},
        "text": {
            "status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{URN % 1}">x</a></div>',
        },
    }  # fmt: skip
    sent = bundle(
        "transaction",
        entry("POST", "Composition", note, 3),
        entry("POST", "Observation", pulse(URN % 1), 0),
        entry("POST", "Patient", PERSON, 1, ifNoneExist="identifier=urn:mrn|1"),
        entry("POST", "Organization", ORGANIZATION, 2),
    )
    found = answered(ward, sent, Prefer="return=representation")
    assert statuses(found) == ["201"] * 4
    patient, lab = name_of(found[2]), name_of(found[3])
    made = found[0]["resource"]
    assert (made["subject"]["reference"], made["author"][0]["reference"]) == (patient, lab)
    assert made["extension"][0]["valueUri"] == patient
    assert made["identifier"]["value"] == URN % 1  # a text, no link
    assert f'href="{patient}"' in made["text"]["div"]
    assert found[1]["resource"]["subject"]["reference"] == patient
    again = answered(ward, sent)
    assert statuses(again) == ["201", "201", "200", "201"]
    assert name_of(again[2]) == patient
    store = ward.made.platform.store("identified")
    second = store.read(*name_of(again[1]).split("/"))
    assert second.resource()["subject"]["reference"] == patient


def test_criteria_may_name_other_entries_and_references_may_search(ward: Ward) -> None:
    ward.ask("POST", "", bundle("transaction", entry("POST", "Patient", PERSON, ifNoneExist="identifier=urn:mrn|1")))
    sent = bundle(
        "transaction",
        entry("PUT", f"Observation?subject={URN % 1}&code=http://loinc.org|1-8", pulse("Patient?identifier=urn:mrn|1",
              code={"coding": [{"system": "http://loinc.org", "code": "1-8"}]})),
        entry("POST", "Patient", PERSON, 1, ifNoneExist="identifier=urn:mrn|1"),
    )  # fmt: skip
    assert statuses(answered(ward, sent)) == ["201", "200"]
    sent["entry"][0]["resource"] = {**sent["entry"][0]["resource"], "status": "amended"}
    assert statuses(answered(ward, sent)) == ["200", "200"]


def test_deletes_come_first_and_reads_last(ward: Ward) -> None:
    patient = ward.new(PATIENT)
    old = ward.new(pulse(f"Patient/{patient}"))
    sent = bundle(
        "transaction",
        entry("GET", f"Patient/{patient}"),
        entry("GET", "Organization?name=first-of-all"),
        entry("POST", "Organization", {**ORGANIZATION, "name": "first-of-all"}),
        entry("DELETE", f"Patient/{patient}"),
        entry("DELETE", f"Observation/{old}"),
        entry("GET", f"Observation/{old}/_history/1"),
    )
    found = answered(ward, sent)
    assert statuses(found) == ["410", "200", "201", "204", "204", "200"]
    assert len(found[1]["resource"]["entry"]) == 1
    assert found[5]["resource"]["id"] == old


WRONG: list[tuple[str, list[Any], int, str]] = [
    ("an invalid resource", [entry("POST", "Patient", {**PATIENT, "gender": "x"})], 400, "[1]"),
    ("a reference to nowhere", [entry("POST", "Observation", pulse("Patient/nowhere"))], 422, "[1]"),
    ("a link to nothing", [entry("POST", "Observation", pulse(URN % 9))], 422, "[1]"),
    ("a search for nobody", [entry("POST", "Observation", pulse("Patient?identifier=urn:mrn|none"))], 412, "[1]"),
    ("an unknown id", [entry("PUT", "Organization/never", {**ORGANIZATION, "id": "never"})], 405, "[1]"),
    ("another version", [entry("DELETE", "Organization/never", ifMatch='W/"1"')], 412, "[1]"),
    ("the same one twice", [entry("DELETE", "Organization/{one}"),
                            entry("PUT", "Organization/{one}", {**ORGANIZATION, "id": "{one}"})], 400, "[2]"),
    ("no request", [{"resource": ORGANIZATION}], 400, "[1]"),
    ("no entry", ["text"], 400, "[1]"),
    ("no resource", [entry("POST", "Organization")], 400, "[1]"),
    ("an unknown method", [entry("BREW", "Organization", ORGANIZATION)], 400, "[1]"),
    ("an unknown type", [entry("POST", "Kitten", ORGANIZATION)], 404, "[1]"),
    ("an operation", [entry("POST", "Patient/1/$everything", ORGANIZATION)], 405, "[1]"),
    ("a patch that is none", [entry("PATCH", "Organization/{one}", ORGANIZATION)], 400, "[1]"),
    ("criteria in a circle", [entry("PUT", f"Patient?link={URN % 6}", PATIENT, 5),
                              entry("PUT", f"Patient?link={URN % 5}", PATIENT, 6)], 400, ""),
    ("too many", [entry("POST", "Organization", ORGANIZATION)] * 12, 413, ""),
]  # fmt: skip


@pytest.mark.parametrize(("what", "entries", "status", "place"), WRONG, ids=[row[0] for row in WRONG])
def test_a_transaction_that_fails_names_the_entry_and_leaves_nothing(
    ward: Ward, what: str, entries: list[Any], status: int, place: str
) -> None:
    one = ward.new()
    filled = [
        {**each, "request": {**each["request"], "url": each["request"]["url"].format(one=one)},
         **({"resource": {**each["resource"], "id": one}} if each.get("resource", {}).get("id") == "{one}" else {})}
        if isinstance(each, dict) and "request" in each else each
        for each in entries
    ]  # fmt: skip
    store = ward.made.platform.store("identified")
    before = store.content_hash()
    sent = bundle("transaction", entry("POST", "Organization", {**ORGANIZATION, "name": "kept?"}), *filled)
    answer = ward.ask("POST", "", sent)
    assert answer.status_code == status, answer.text
    outcome = answer.get_json(force=True)
    assert check(outcome) == []
    if place:
        assert outcome["issue"][0]["expression"] == [f"Bundle.entry{place}"]
        assert outcome["issue"][0]["details"]["text"].startswith(f"Bundle.entry{place}: ")
    assert store.content_hash() == before
    assert ward.made.events()[-1]["outcome"] == "failed"


def test_an_invalid_entry_is_told_place_by_place(ward: Ward) -> None:
    sent = bundle("transaction", entry("POST", "Patient", {**PATIENT, "gender": "x", "birthDate": "soon"}))
    issues = ward.ask("POST", "", sent).get_json(force=True)["issue"]
    assert {place for one in issues[1:] for place in one["expression"]} == {
        "Bundle.entry[0].resource.gender",
        "Bundle.entry[0].resource.birthDate",
    }


def test_entries_of_a_batch_stand_alone(ward: Ward) -> None:
    sent = bundle(
        "batch",
        entry("POST", "Organization", ORGANIZATION),
        entry("POST", "Patient", {**PATIENT, "gender": "x"}),
        entry("GET", "Patient/nowhere"),
        "text",
        entry("POST", "Organization", ORGANIZATION),
    )
    found = answered(ward, sent)
    assert statuses(found) == ["201", "400", "404", "400", "201"]
    assert found[1]["response"]["outcome"]["issue"][0]["expression"] == ["Bundle.entry[1]"]


def test_criteria_by_a_chain_take_leave_to_search_what_it_leads_through(ward: Ward) -> None:
    patient = ward.new({**PATIENT, "identifier": [{"system": "urn:mrn", "value": "chain"}]})
    ward.new(pulse(f"Patient/{patient}"))
    criteria = "subject:Patient.identifier=urn:mrn|chain"
    for scopes, status in (("system/Observation.cruds", 403), ("system/Observation.cruds system/Patient.s", 200)):
        headers = {**ward.made.bearer(scopes=scopes), "If-None-Exist": criteria}
        made = ward.made.client.post("/fhir/identified/Observation", headers=headers, json=pulse(f"Patient/{patient}"))
        assert made.status_code == status, made.text
    sent = bundle("transaction", entry("POST", "Observation", pulse("Patient?identifier=urn:mrn|chain")))
    for scopes, status in (("system/Observation.cruds", 403), ("system/Observation.c system/Patient.s", 200)):
        headers = ward.made.bearer(scopes=scopes)
        assert ward.made.client.post("/fhir/identified", headers=headers, json=sent).status_code == status
        assert ward.made.events()[-1]["outcome"] == ("refused" if status == 403 else "success")


def test_who_may_not_do_one_entry_does_none(ward: Ward) -> None:
    headers = ward.made.bearer(scopes="system/Organization.c")
    store = ward.made.platform.store("identified")
    before = store.content_hash()
    one, other = entry("POST", "Organization", ORGANIZATION), entry("POST", "Patient", PATIENT)
    answer = ward.made.client.post("/fhir/identified", headers=headers, json=bundle("transaction", one, other))
    assert (answer.status_code, store.content_hash() == before) == (403, True)
    answer = ward.made.client.post("/fhir/identified", headers=headers, json=bundle("batch", one, other))
    assert statuses(answer.get_json(force=True)["entry"]) == ["201", "403"]
    answer = ward.made.client.post("/fhir/research", headers=ward.headers, json=bundle("transaction", one))
    assert answer.status_code == 403
