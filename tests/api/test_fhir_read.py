"""Reading over HTTP: what comes back, what the client already holds, what is not there, and who may."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from werkzeug.test import TestResponse

from careloom.fhir.validate import check
from careloom.services.erase import erase
from tests.api.kit import OBSERVATION, PATIENT, Installation

FHIR = "application/fhir+json"
ERASED = {**PATIENT, "id": "p9"}
CANARY = "Zephyrine-4711"


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("read")) as made:
        made.ingest([PATIENT, OBSERVATION, {**OBSERVATION, "id": "o2"}, ERASED])
        made.ingest([{**OBSERVATION, "status": "amended"}])
        entry = {"request": {"method": "DELETE", "url": "Observation/o2"}}
        made.ingest(orjson.dumps({"resourceType": "Bundle", "type": "transaction", "entry": [entry]}))
        erase(made.platform, made.operator, "Patient/p9")
        yield made


@pytest.fixture(scope="module")
def bearer(installation: Installation) -> dict[str, str]:
    return installation.bearer()


@pytest.fixture(scope="module")
def address(installation: Installation) -> str:
    return f"/fhir/identified/Observation/{installation.stored_id('Observation', 'o1')}"


def code_of(answer: TestResponse) -> str:
    """The code of an OperationOutcome, after it was found to be a valid one."""
    assert answer.content_type == FHIR
    outcome = answer.get_json(force=True)
    assert check(outcome) == []
    code: str = outcome["issue"][0]["details"]["coding"][0]["code"]
    return code


def test_a_resource_is_read_with_its_version(installation: Installation, bearer: dict[str, str], address: str) -> None:
    answer = installation.client.get(address, headers=bearer)
    found = answer.get_json(force=True)
    assert (answer.status_code, answer.content_type, answer.headers["ETag"]) == (200, FHIR, 'W/"2"')
    assert (found["status"], found["meta"]["versionId"]) == ("amended", "2")
    assert found["meta"]["source"].startswith("urn:careloom:record:")
    assert answer.headers["Last-Modified"].endswith(" GMT")
    assert answer.headers["Cache-Control"] == "no-store"
    assert check(found) == []


def test_head_says_what_get_would_without_the_body(
    installation: Installation, bearer: dict[str, str], address: str
) -> None:
    got = installation.client.get(address, headers=bearer)
    head = installation.client.head(address, headers=bearer)
    assert (head.status_code, head.get_data()) == (200, b"")
    for name in ("ETag", "Last-Modified", "Content-Type", "Content-Length"):
        assert head.headers[name] == got.headers[name]


HELD = [
    ({"If-None-Match": 'W/"2"'}, 304),
    ({"If-None-Match": '"2"'}, 304),
    ({"If-None-Match": "2"}, 304),  # fhirpy sends it so
    ({"If-None-Match": 'W/"1", W/"2"'}, 304),
    ({"If-None-Match": "*"}, 304),
    ({"If-None-Match": 'W/"1"'}, 200),
    ({"If-None-Match": '"'}, 200),
    ({"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}, 304),
    ({"If-Modified-Since": "Thu, 01 Jan 2015 00:00:00 GMT"}, 200),
    ({"If-Modified-Since": "yesterday"}, 200),
    ({"If-None-Match": 'W/"1"', "If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}, 200),
]


@pytest.mark.parametrize(("asked", "status"), HELD, ids=[str(row[0]) for row in HELD])
def test_what_the_client_holds_is_not_sent_again(
    installation: Installation, bearer: dict[str, str], address: str, asked: dict[str, str], status: int
) -> None:
    answer = installation.client.get(address, headers={**bearer, **asked})
    assert (answer.status_code, bool(answer.get_data())) == (status, status == 200)
    assert answer.headers["ETag"] == 'W/"2"'
    assert installation.events()[-1]["operation"] == "read"


def test_the_time_of_the_last_change_is_held(installation: Installation, bearer: dict[str, str], address: str) -> None:
    time = installation.client.get(address, headers=bearer).headers["Last-Modified"]
    again = installation.client.get(address, headers={**bearer, "If-Modified-Since": time})
    assert again.status_code == 304


VERSIONS = [("1", 200, "final"), ("2", 200, "amended"), ("3", 404, ""), ("x", 404, ""), ("1%20", 404, "")]


@pytest.mark.parametrize(("number", "status", "said"), VERSIONS)
def test_a_version_is_read_by_its_number(
    installation: Installation, bearer: dict[str, str], address: str, number: str, status: int, said: str
) -> None:
    answer = installation.client.get(f"{address}/_history/{number}", headers=bearer)
    assert answer.status_code == status
    if status == 200:
        assert (answer.get_json(force=True)["status"], answer.headers["ETag"]) == (said, f'W/"{number}"')
    else:
        assert code_of(answer) == "input.not-found"


def test_the_provenance_of_a_record_is_read_by_the_name_in_meta_source(
    installation: Installation, bearer: dict[str, str], address: str
) -> None:
    record = installation.client.get(address, headers=bearer).get_json(force=True)["meta"]["source"].split(":")[-1]
    answer = installation.client.get(f"/fhir/identified/Provenance/{record}", headers=bearer)
    assert (answer.status_code, answer.get_json(force=True)["id"]) == (200, record)
    held = {**bearer, "If-None-Match": answer.headers["ETag"]}
    assert installation.client.get(f"/fhir/identified/Provenance/{record}", headers=held).status_code == 304


NOT_THERE = [
    ("identified/Observation/nothing", 404, "input.not-found"),
    ("identified/Observation/{o2}", 410, "state.erased"),
    ("identified/Patient/{p9}", 410, "state.erased"),
    ("identified/Condition/{o2}", 404, "input.not-found"),
    ("identified/Provenance/nothing", 404, "input.not-found"),
    ("research/Observation/{o2}", 404, "input.not-found"),
    ("landing/Observation/{o2}", 404, "input.not-found"),
    ("elsewhere/Observation/{o2}", 404, "input.not-found"),
    ("identified/observation/{o2}", 404, "input.not-found"),
    ("identified/Kitten/k1", 404, "input.not-found"),
    ("identified/Observation/not_an_id", 404, "input.not-found"),
    ("identified/Observation/" + "a" * 65, 404, "input.not-found"),
    ("identified/Observation/o1%00", 404, "input.not-found"),
    ("identified/Observation/o1/component", 404, "http.not-found"),
    ("identified/", 404, "http.not-found"),
]


@pytest.mark.parametrize(("path", "status", "code"), NOT_THERE, ids=[row[0][:40] for row in NOT_THERE])
def test_what_is_not_there_is_an_outcome(
    installation: Installation, bearer: dict[str, str], path: str, status: int, code: str
) -> None:
    names = {"o2": installation.stored_id("Observation", "o2"), "p9": installation.stored_id("Patient", "p9")}
    answer = installation.client.get("/fhir/" + path.format(**names), headers=bearer)
    assert (answer.status_code, code_of(answer)) == (status, code)


FORMATS: list[tuple[dict[str, str], str, int, str]] = [
    ({}, "", 200, FHIR),
    ({"Accept": FHIR}, "", 200, FHIR),
    ({"Accept": "application/json"}, "", 200, "application/json"),
    ({"Accept": "*/*"}, "", 200, FHIR),
    ({"Accept": "application/fhir+json, */*; q=0.1"}, "", 200, FHIR),
    ({"Accept": "application/fhir+json;fhirVersion=4.0;charset=utf-8"}, "", 200, FHIR),
    ({"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}, "", 200, FHIR),
    ({"Accept": "application/json;q=0.5, application/fhir+json"}, "", 200, FHIR),
    ({"Accept": "application/fhir+xml, application/json;q=0.5"}, "", 200, "application/json"),
    ({"Accept": "application/fhir+json;fhirVersion=5.0"}, "", 406, FHIR),
    ({"Accept": "application/fhir+xml"}, "", 406, FHIR),
    ({"Accept": "application/json;q=0"}, "", 406, FHIR),
    ({"Accept": "application/json;q=much"}, "", 406, FHIR),
    ({"Accept": "nothing at all"}, "", 406, FHIR),
    ({"Accept": "application/fhir+xml"}, "?_format=json", 200, FHIR),
    ({}, "?_format=application/fhir%2Bjson", 200, FHIR),
    ({}, "?_format=application/fhir+json", 200, FHIR),
    ({}, "?_format=application/json", 200, "application/json"),
    ({}, "?_format=xml", 406, FHIR),
    ({}, "?_format=", 406, FHIR),
    ({"Accept": FHIR}, "?_format=application/fhir%2Bxml", 406, FHIR),
    ({}, "?_pretty=perhaps", 400, FHIR),
    ({}, "?_summary=false", 200, FHIR),
    ({}, "?_summary=true", 400, FHIR),
    ({}, "?_elements=status", 400, FHIR),
    ({"Prefer": "handling=lenient"}, "?_elements=status", 200, FHIR),
    ({"Prefer": "return=minimal; handling=strict"}, "?_elements=status", 400, FHIR),
    ({}, "?%ff=1", 400, FHIR),
]


@pytest.mark.parametrize("row", FORMATS, ids=[f"{row[0]}{row[1]}" for row in FORMATS])
def test_the_format_is_the_one_that_was_asked_for(
    installation: Installation, bearer: dict[str, str], address: str, row: tuple[dict[str, str], str, int, str]
) -> None:
    headers, query, status, kind = row
    answer = installation.client.get(address + query, headers={**bearer, **headers})
    assert (answer.status_code, answer.content_type) == (status, kind)


def test_pretty_is_the_same_with_lines(installation: Installation, bearer: dict[str, str], address: str) -> None:
    plain, pretty = (installation.client.get(address + more, headers=bearer) for more in ("", "?_pretty=true"))
    assert plain.get_data().count(b"\n") == 0
    assert pretty.get_data().count(b"\n") > 10
    assert plain.get_json(force=True) == pretty.get_json(force=True)


WHO: list[tuple[str, dict[str, Any], int]] = [
    ("a clinician", {"roles": ["clinician"]}, 200),
    ("every type", {"scopes": "system/*.r"}, 200),
    ("this type", {"scopes": "system/Observation.rs"}, 200),
    ("this type, as SMART 1 writes it", {"scopes": "system/Observation.read"}, 200),
    ("another type", {"scopes": "system/Patient.rs"}, 403),
    ("search only", {"scopes": "system/*.s"}, 403),
    ("no reading role", {"roles": ["administrator"]}, 403),
    ("another zone", {"zones": ["research"]}, 403),
    ("a role of another zone", {"roles": ["data-scientist"]}, 403),
]


@pytest.mark.parametrize(("what", "granted", "status"), WHO, ids=[row[0] for row in WHO])
def test_who_may_read_reads_and_each_try_is_one_event(
    installation: Installation, address: str, what: str, granted: dict[str, Any], status: int
) -> None:
    headers = installation.bearer(**granted)
    before = len(installation.events())
    for path in (address, f"{address}/_history/1"):
        answer = installation.client.get(path, headers=headers)
        assert answer.status_code == status
        event = installation.events()[-1]
        assert event["detail"]["request"] == answer.headers["X-Request-Id"]
        assert (event["operation"], event["outcome"]) == ("read", "success" if status == 200 else "refused")
        assert len(event["subjects"]) == (1 if status == 200 else 0)
        if status == 403:
            assert code_of(answer) == "access"
    assert len(installation.events()) == before + 2


def test_nobody_reads_without_a_token(installation: Installation, address: str) -> None:
    before = installation.events()
    for path in (address, f"{address}/_history/1"):
        answer = installation.client.get(path)
        assert (answer.status_code, code_of(answer)) == (401, "access.unauthenticated")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert installation.events() == before


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "POST"])
def test_a_version_is_never_written(
    installation: Installation, bearer: dict[str, str], address: str, method: str
) -> None:
    answer = installation.client.open(f"{address}/_history/1", method=method, headers=bearer, json=PATIENT)
    assert (answer.status_code, code_of(answer)) == (405, "http.method-not-allowed")
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD"}


REPEATED = [
    f"/fhir/{CANARY}/Observation/o1",
    f"/fhir/identified/{CANARY}/o1",
    f"/fhir/identified/Observation/{CANARY}",
    f"/fhir/identified/Observation/{CANARY}_",
    f"/fhir/identified/Observation/o1/_history/{CANARY}",
    f"/fhir/identified/Observation/o1?{CANARY}=1",
    f"/fhir/identified/Observation/o1?_format={CANARY}",
    f"/fhir/identified/Observation/o1?_pretty={CANARY}",
    f"/fhir/identified/Observation?{CANARY}=1",
    f"/fhir/identified/Observation?date={CANARY}",
    f"/fhir/identified/Observation?_sort={CANARY}",
    f"/fhir/identified/Observation?_id={CANARY}_",
    f"/fhir/identified/Observation?_page={CANARY}",
    f"/fhir/identified/{CANARY}?name={CANARY}",
]


@pytest.mark.parametrize("path", REPEATED)
def test_no_error_repeats_what_was_asked(installation: Installation, bearer: dict[str, str], path: str) -> None:
    before = len(installation.events())
    answer = installation.client.get(path, headers={**bearer, "Prefer": "handling=strict"})
    assert answer.status_code in (400, 404, 406)
    assert CANARY not in answer.get_data(as_text=True) + str(answer.headers)
    assert CANARY not in orjson.dumps(installation.events()[before:]).decode()


SENSELESS = [
    ("GET", "/fhir/identified/Observation/not_an_id", "read", "input.not-found"),
    ("GET", "/fhir/identified/Observation/o1/_history/no_version", "read", "input.not-found"),
    ("GET", "/fhir/identified/Kitten/k1", "read", "input.not-found"),
    ("GET", "/fhir/nowhere/Patient/p1", "read", "input.not-found"),
    ("GET", "/fhir/identified/Patient/p1?_format=xml", "read", "http.406"),
    ("GET", "/fhir/identified/Kitten", "search", "input.not-found"),
    ("GET", "/fhir/identified/Patient?_page=changed", "search", "input.not-found"),
    ("GET", "/fhir/identified/Patient?_id=not_an_id", "search", "input.query"),
    ("POST", "/fhir/identified/Kitten/_search", "search", "input.not-found"),
]


@pytest.mark.parametrize(("method", "path", "operation", "code"), SENSELESS, ids=[row[1] for row in SENSELESS])
def test_what_makes_no_sense_is_one_failed_event_without_its_words(
    installation: Installation, bearer: dict[str, str], method: str, path: str, operation: str, code: str
) -> None:
    before = len(installation.events())
    answer = installation.client.open(path, method=method, headers=bearer)
    (event,) = installation.events()[before:]
    assert (event["operation"], event["outcome"], event["zone"]) == (operation, "failed", "identified")
    assert event["detail"] == {"code": code, "request": answer.headers["X-Request-Id"]}
