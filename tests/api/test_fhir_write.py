"""Writing over HTTP: the status of each interaction, what a refusal leaves, who may, and what the audit says."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from werkzeug.test import TestResponse

from careloom.fhir.validate import check
from tests.api.kit import BASE_URL, OBSERVATION, PATIENT, Installation

FHIR = "application/fhir+json"
JSON_PATCH = "application/json-patch+json"
ORGANIZATION = {"resourceType": "Organization", "name": "Lab"}
CANARY = "Zephyrine-4711"


class Ward:
    """An installation, and a client of it that may write."""

    def __init__(self, made: Installation) -> None:
        self.made = made
        self.headers = made.bearer()

    def ask(self, method: str, path: str, body: Any = None, kind: str = FHIR, **headers: str) -> TestResponse:
        """One request; names of headers with underscores."""
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, bytes) else None if body is None else orjson.dumps(body)
        more: dict[str, Any] = {} if data is None else {"data": data, "content_type": kind}
        return self.made.client.open(f"/fhir/identified{path}", method=method, headers={**self.headers, **told}, **more)

    def new(self, resource: dict[str, Any] = ORGANIZATION) -> str:
        """The id of a new resource."""
        answer = self.ask("POST", f"/{resource['resourceType']}", resource)
        assert answer.status_code == 201, answer.text
        found: str = answer.get_json(force=True)["id"]
        return found

    def count(self) -> dict[str, int]:
        return self.made.platform.store("identified").count()


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    with Installation(tmp_path_factory.mktemp("write")) as made:
        yield Ward(made)


def test_a_resource_is_created_read_updated_patched_and_deleted(ward: Ward) -> None:
    made = ward.ask("POST", "/Organization", {**ORGANIZATION, "id": "own", "meta": {"versionId": "9"}})
    name = made.get_json(force=True)["id"]
    assert (made.status_code, made.headers["ETag"], name != "own") == (201, 'W/"1"', True)
    assert made.headers["Location"] == f"{BASE_URL}/fhir/identified/Organization/{name}/_history/1"
    assert check(made.get_json(force=True)) == []
    at = f"/Organization/{name}"
    again = ward.ask("PUT", at, {**ORGANIZATION, "id": name, "name": "Other"}, If_Match='W/"1"')
    assert (again.status_code, again.headers["ETag"], "Location" in again.headers) == (200, 'W/"2"', False)
    same = ward.ask("PUT", at, {**ORGANIZATION, "id": name, "name": "Other"})
    assert (same.status_code, same.headers["ETag"]) == (200, 'W/"2"')
    patch = [{"op": "add", "path": "/active", "value": True}]
    patched = ward.ask("PATCH", at, patch, JSON_PATCH)
    assert (patched.status_code, patched.get_json(force=True)["active"]) == (200, True)
    gone = ward.ask("DELETE", at)
    assert (gone.status_code, gone.headers["ETag"], gone.data) == (204, 'W/"4"', b"")
    assert ward.ask("GET", at).status_code == 410
    assert ward.ask("GET", f"{at}/_history/3").get_json(force=True)["name"] == "Other"
    assert ward.ask("PATCH", at, patch, JSON_PATCH).status_code == 410
    assert ward.ask("DELETE", at).status_code == 204
    back = ward.ask("PUT", at, {**ORGANIZATION, "id": name})
    assert (back.status_code, back.headers["ETag"]) == (201, 'W/"5"')


def test_a_fhirpath_patch_is_a_patch_too(ward: Ward) -> None:
    parts = [
        {"name": "type", "valueCode": "replace"},
        {"name": "path", "valueString": "Organization.name"},
        {"name": "value", "valueString": "Renamed"},
    ]
    patch = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}
    answer = ward.ask("PATCH", f"/Organization/{ward.new()}", patch)
    assert (answer.status_code, answer.get_json(force=True)["name"]) == (200, "Renamed")


PREFERRED = [
    ("minimal", 201, ""),
    ("representation", 201, "Organization"),
    ("OperationOutcome", 201, "OperationOutcome"),
]


@pytest.mark.parametrize(("wanted", "status", "kind"), PREFERRED)
def test_what_comes_back_is_what_was_preferred(ward: Ward, wanted: str, status: int, kind: str) -> None:
    answer = ward.ask("POST", "/Organization", ORGANIZATION, Prefer=f"return={wanted}")
    assert (answer.status_code, answer.headers["ETag"]) == (201, 'W/"1"')
    assert (answer.get_json(force=True)["resourceType"] if answer.data else "") == kind


NOTHING: list[tuple[str, str, str, Any, str, dict[str, str], int]] = [
    ("an unknown element", "POST", "/Organization", {**ORGANIZATION, CANARY: 1}, FHIR, {}, 400),
    ("another type", "POST", "/Patient", ORGANIZATION, FHIR, {}, 400),
    ("no JSON", "POST", "/Patient", b"{", FHIR, {}, 400),
    ("no object", "POST", "/Patient", [PATIENT], FHIR, {}, 400),
    ("a property twice", "POST", "/Patient", b'{"resourceType":"Patient","id":"1","id":"2"}', FHIR, {}, 400),
    ("no type", "POST", "/Patient", {"active": True}, FHIR, {}, 400),
    ("parameters", "POST", "/Patient?active=true", PATIENT, FHIR, {}, 400),
    ("another media type", "POST", "/Patient", b"<Patient/>", "application/fhir+turtle", {}, 415),
    ("no such type", "POST", "/Kitten", PATIENT, FHIR, {}, 404),
    ("a reference to nowhere", "POST", "/Observation", OBSERVATION, FHIR, {}, 422),
    ("a reference by urn", "POST", "/Observation",
     {**OBSERVATION, "subject": {"reference": "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a"}}, FHIR, {}, 422),
    ("a reference by search", "POST", "/Observation",
     {**OBSERVATION, "subject": {"reference": "Patient?active=true"}}, FHIR, {}, 422),
    ("criteria that are none", "POST", "/Organization", ORGANIZATION, FHIR, {"If_None_Exist": ""}, 400),
    ("criteria of another type", "POST", "/Organization", ORGANIZATION, FHIR, {"If_None_Exist": "gender=male"}, 400),
    ("criteria that count", "POST", "/Organization", ORGANIZATION, FHIR,
     {"If_None_Exist": "name=lab&_summary=count"}, 400),
    ("criteria that include", "POST", "/Organization", ORGANIZATION, FHIR,
     {"If_None_Exist": "name=lab&_include=*"}, 400),
    ("criteria that page", "POST", "/Organization", ORGANIZATION, FHIR, {"If_None_Exist": "name=lab&_count=0"}, 400),
    ("an id that was never here", "PUT", "/Organization/never", {**ORGANIZATION, "id": "never"}, FHIR, {}, 405),
    ("an id that is none", "PUT", "/Organization/not_an_id", {**ORGANIZATION, "id": "never"}, FHIR, {}, 404),
    ("no id", "PUT", "/Organization/{one}", ORGANIZATION, FHIR, {}, 400),
    ("another id", "PUT", "/Organization/{one}", {**ORGANIZATION, "id": "two"}, FHIR, {}, 400),
    ("another version", "PUT", "/Organization/{one}", {**ORGANIZATION, "id": "{one}"}, FHIR,
     {"If_Match": 'W/"7"'}, 412),
    ("no version", "PUT", "/Organization/{one}", {**ORGANIZATION, "id": "{one}"}, FHIR, {"If_Match": "W/"}, 400),
    ("a version of nothing", "DELETE", "/Organization/never", None, FHIR, {"If_Match": "*"}, 412),
    ("no criteria", "DELETE", "/Organization", None, FHIR, {}, 400),
    ("criteria unknown", "DELETE", "/Organization?colour=red", None, FHIR, {}, 400),
    ("id and criteria", "DELETE", "/Organization/{one}?name=lab", None, FHIR, {}, 400),
    ("patched into nonsense", "PATCH", "/Organization/{one}", [{"op": "remove", "path": "/name"},
     {"op": "add", "path": "/active", "value": "perhaps"}], JSON_PATCH, {}, 422),
    ("a patch that fails", "PATCH", "/Organization/{one}", [{"op": "test", "path": "/name", "value": CANARY}],
     JSON_PATCH, {}, 422),
    ("a patch of a path that is not there", "PATCH", "/Organization/{one}", [{"op": "remove", "path": f"/{CANARY}"}],
     JSON_PATCH, {}, 422),
    ("a FHIRPath patch of nothing", "PATCH", "/Organization/{one}", {"resourceType": "Parameters", "parameter": [
        {"name": "operation", "part": [
            {"name": "type", "valueCode": "replace"}, {"name": "value", "valueString": "x"},
            {"name": "path", "valueString": f"Organization.where(name = '{CANARY}').name"},
        ]}]}, FHIR, {}, 422),
    ("a patch of the id", "PATCH", "/Organization/{one}", [{"op": "replace", "path": "/id", "value": "x"}],
     JSON_PATCH, {}, 422),
    ("a patch that is none", "PATCH", "/Organization/{one}", {"op": "remove"}, JSON_PATCH, {}, 400),
    ("a patch of nothing", "PATCH", "/Organization/never", [], JSON_PATCH, {}, 404),
    ("a patch by criteria of nothing", "PATCH", "/Organization?name=nobody", [], JSON_PATCH, {}, 404),
    ("no Bundle", "POST", "", ORGANIZATION, FHIR, {}, 400),
    ("a Bundle of another type", "POST", "", {"resourceType": "Bundle", "type": "collection"}, FHIR, {}, 400),
]  # fmt: skip


@pytest.mark.parametrize("row", NOTHING, ids=[row[0] for row in NOTHING])
def test_a_refusal_says_why_and_leaves_nothing(ward: Ward, row: tuple[Any, ...]) -> None:
    _, method, path, body, kind, headers, status = row
    one = ward.new()
    if isinstance(body, dict) and body.get("id") == "{one}":
        body = {**body, "id": one}
    store = ward.made.platform.store("identified")
    before, events = store.content_hash(), len(ward.made.events())
    answer = ward.ask(method, path.format(one=one), body, kind, **headers)
    assert answer.status_code == status, answer.text
    outcome = answer.get_json(force=True)
    assert check(outcome) == []
    assert store.content_hash() == before
    (event,) = ward.made.events()[events:]
    assert event["outcome"] == "failed"
    assert CANARY not in answer.text + orjson.dumps(event).decode()


def test_criteria_create_once_update_patch_and_delete_the_one(ward: Ward) -> None:
    own = {**ORGANIZATION, "identifier": [{"system": "urn:org", "value": "7"}]}
    criteria = "identifier=urn:org|7"
    first = ward.ask("POST", "/Organization", own, If_None_Exist=criteria)
    second = ward.ask("POST", "/Organization", own, If_None_Exist=criteria)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.headers["Location"] == second.headers["Location"]
    anew = ward.ask("PUT", f"/Organization?{criteria}", {**own, "active": True})
    assert (anew.status_code, anew.headers["ETag"]) == (200, 'W/"2"')
    other = ward.ask("PUT", f"/Organization?{criteria}", {**own, "id": "other"})
    assert other.status_code == 400
    patch = [{"op": "replace", "path": "/active", "value": False}]
    patched = ward.ask("PATCH", f"/Organization?{criteria}", patch, JSON_PATCH)
    assert (patched.status_code, patched.headers["ETag"]) == (200, 'W/"3"')
    unmatched = ward.ask("PUT", "/Organization?identifier=urn:org|8", ORGANIZATION)
    assert unmatched.status_code == 201
    ward.new(own)
    several = [
        ward.ask("POST", "/Organization", own, If_None_Exist=criteria),
        ward.ask("PUT", f"/Organization?{criteria}", own),
        ward.ask("PATCH", f"/Organization?{criteria}", patch, JSON_PATCH),
        ward.ask("DELETE", f"/Organization?{criteria}"),
    ]
    assert [answer.status_code for answer in several] == [412] * 4
    name = first.get_json(force=True)["id"]
    assert ward.ask("DELETE", f"/Organization?{criteria}&_id={name}").status_code == 204
    assert ward.ask("DELETE", "/Organization?identifier=urn:org|9").status_code == 204
    assert ward.ask("GET", f"/Organization/{name}").status_code == 410


def test_what_others_point_to_is_not_deleted(ward: Ward) -> None:
    patient = ward.new(PATIENT)
    own = f"{BASE_URL}/fhir/identified/Patient/{patient}"  # the zone's own address is shortened
    pulse = ward.new({**OBSERVATION, "subject": {"reference": own}})
    stored = ward.made.platform.store("identified").read("Observation", pulse).resource()
    assert stored["subject"]["reference"] == f"Patient/{patient}"
    assert ward.ask("DELETE", f"/Patient/{patient}").status_code == 409
    assert ward.ask("DELETE", f"/Observation/{pulse}").status_code == 204
    assert ward.ask("DELETE", f"/Patient/{patient}").status_code == 204


def test_a_written_resource_is_sealed_for_its_patient_and_leads_back_to_what_came(ward: Ward) -> None:
    patient = ward.new(PATIENT)
    pulse = ward.new({**OBSERVATION, "subject": {"reference": f"Patient/{patient}"}})
    store = ward.made.platform.store("identified")
    proof = store.verify_fact("Observation", pulse)
    assert proof.is_whole
    assert store.subjects_of_record(proof.record_id) == (store.pseudonym(patient),)
    targets = [one["reference"] for one in store.provenance(proof.record_id)["target"]]
    assert targets == [f"Observation/{pulse}/_history/1"]
    event = ward.made.events()[-1]
    assert (event["operation"], event["action"], event["outcome"]) == ("create", "create", "success")
    assert event["subjects"] == [store.pseudonym(patient)]
    assert patient not in orjson.dumps(event).decode()
    assert store.check().is_whole


WHO: list[tuple[str, dict[str, Any], str, int]] = [
    ("an author", {"roles": ["record-author"]}, "identified", 201),
    ("an engineer", {"roles": ["data-engineer"]}, "identified", 201),
    ("a scope of the type", {"scopes": "system/Organization.c"}, "identified", 201),
    ("a scope of SMART 1", {"scopes": "system/*.write"}, "identified", 201),
    ("a reader", {"roles": ["clinician"]}, "identified", 403),
    ("a scope to update", {"scopes": "system/*.rus"}, "identified", 403),
    ("a scope of another type", {"scopes": "system/Patient.c"}, "identified", 403),
    ("anybody in research", {}, "research", 403),
    ("anybody in synthetic", {}, "synthetic", 403),
]


@pytest.mark.parametrize(("what", "granted", "zone", "status"), WHO, ids=[row[0] for row in WHO])
def test_who_may_write_writes(ward: Ward, what: str, granted: dict[str, Any], zone: str, status: int) -> None:
    headers = ward.made.bearer(**granted)
    before = ward.count()
    answer = ward.made.client.post(f"/fhir/{zone}/Organization", headers=headers, json=ORGANIZATION)
    assert answer.status_code == status
    assert (ward.count() == before) == (status == 403)


def test_who_may_not_read_writes_without_seeing(ward: Ward) -> None:
    headers = ward.made.bearer(scopes="system/*.cu system/*.s")
    answer = ward.made.client.post("/fhir/identified/Organization", headers=headers, json=ORGANIZATION)
    assert (answer.status_code, answer.data) == (201, b"")


def test_criteria_take_leave_to_search(ward: Ward) -> None:
    headers = {**ward.made.bearer(scopes="system/*.c"), "If-None-Exist": "name=lab"}
    answer = ward.made.client.post("/fhir/identified/Organization", headers=headers, json=ORGANIZATION)
    assert answer.status_code == 403


def test_a_setting_lets_clients_choose_ids_and_another_lets_references_dangle(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    settings = {"update_creates": True, "referential_integrity": False}
    with Installation(tmp_path_factory.mktemp("settings"), fhir=settings) as made:
        ward = Ward(made)
        first = ward.ask("PUT", "/Organization/own-1", {**ORGANIZATION, "id": "own-1"})
        assert (first.status_code, first.get_json(force=True)["id"]) == (201, "own-1")
        by_criteria = ward.ask("PUT", "/Organization?name=nobody", {**ORGANIZATION, "id": "own-2"})
        assert (by_criteria.status_code, by_criteria.get_json(force=True)["id"]) == (201, "own-2")
        assert ward.ask("PUT", "/Organization?name=nobody", {**ORGANIZATION, "id": "own-2"}).status_code == 409
        assert ward.ask("POST", "/Observation", OBSERVATION).status_code == 201
        said = made.client.get("/fhir/identified/metadata").get_json(force=True)
        assert all(one["updateCreate"] for one in said["rest"][0]["resource"])
