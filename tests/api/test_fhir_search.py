"""Searching over HTTP: the Bundle, the parameters that are answered and those that are not, and who may."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from careloom.fhir.validate import check
from tests.api.kit import BASE_URL, OBSERVATION, PATIENT, Installation

FHIR = "application/fhir+json"
BASE = "/fhir/identified/Observation"
LENIENT = {"Prefer": "respond-async, handling=lenient"}
FEED = [PATIENT, {**PATIENT, "id": "p2", "name": [{"family": "Brandywine"}]}] + [
    {**OBSERVATION, "id": f"o{number}", "subject": {"reference": f"Patient/p{1 + number % 2}"}} for number in range(7)
]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("search"), search={"default_count": 3, "max_count": 5}) as made:
        made.ingest(FEED)
        yield made


@pytest.fixture(scope="module")
def bearer(installation: Installation) -> dict[str, str]:
    return installation.bearer()


def links(bundle: dict[str, Any]) -> dict[str, str]:
    return {link["relation"]: link["url"] for link in bundle.get("link", [])}


def matches(answer: TestResponse) -> list[dict[str, Any]]:
    """The resources that match, after the Bundle was found to be valid."""
    assert answer.status_code == 200, answer.get_data(as_text=True)
    bundle = answer.get_json(force=True)
    assert check(bundle) == []
    assert bundle["type"] == "searchset"
    return [entry["resource"] for entry in bundle.get("entry", []) if entry["search"]["mode"] == "match"]


def test_a_search_gives_a_searchset(installation: Installation, bearer: dict[str, str]) -> None:
    patient = installation.stored_id("Patient", "p1")
    asked = f"{BASE}?patient=Patient/{patient}&code=http://loinc.org%7C8867-4&_total=accurate"
    answer = installation.client.get(asked, headers=bearer)
    bundle = answer.get_json(force=True)
    assert {one["subject"]["reference"] for one in matches(answer)} == {f"Patient/{patient}"}
    assert (answer.content_type, bundle["total"]) == (FHIR, 4)
    assert links(bundle)["self"] == BASE_URL + asked
    for entry in bundle["entry"]:
        assert entry["fullUrl"] == f"{BASE_URL}{BASE}/{entry['resource']['id']}"
        assert installation.client.get(entry["fullUrl"], headers=bearer).get_json(force=True) == entry["resource"]


COUNTED = [
    ("", 3, None),
    ("_count=2", 2, None),
    ("_count=5000", 5, None),
    ("_count=0", 0, 7),
    ("_summary=count", 0, 7),
    ("_total=accurate", 3, 7),
    ("_total=estimate&_count=1", 1, 7),
    ("_total=none", 3, None),
    ("_count=0&_totalMethod=count", 0, 7),  # fhirpy
    ("code=none&_total=accurate", 0, 0),
]


@pytest.mark.parametrize(("query", "shown", "total"), COUNTED)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_page_has_what_was_asked_and_the_total_if_it_was_asked(
    installation: Installation, bearer: dict[str, str], query: str, shown: int, total: int | None, method: str
) -> None:
    answer = ask(installation, bearer, method, query)
    assert len(matches(answer)) == shown
    assert answer.get_json(force=True).get("total") == total
    assert ("next" in links(answer.get_json(force=True))) == (0 < shown < 7)


def ask(installation: Installation, headers: dict[str, str], method: str, query: str, base: str = BASE) -> TestResponse:
    if method == "GET":
        return installation.client.get(f"{base}?{query}", headers=headers)
    kind = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    return installation.client.post(f"{base}/_search", data=query, headers=headers | kind)


def test_a_search_by_form_gives_no_address_with_what_was_searched(
    installation: Installation, bearer: dict[str, str]
) -> None:
    answer = ask(installation, bearer, "POST", "family=Quillfeather&_count=1", "/fhir/identified/Patient")
    assert [one["name"][0]["family"] for one in matches(answer)] == ["Quillfeather"]
    assert "Quill" not in str(links(answer.get_json(force=True)))
    here = links(answer.get_json(force=True))["self"]
    assert matches(installation.client.get(here, headers=bearer)) == matches(answer)


def test_a_form_and_its_address_are_read_together(installation: Installation, bearer: dict[str, str]) -> None:
    form = {"_count": "2"}
    answer = installation.client.post(f"{BASE}/_search?code=8867-4", data=form, headers=bearer)
    assert len(matches(answer)) == 2
    assert len(matches(installation.client.post(f"{BASE}/_search", headers=bearer))) == 3


REFUSED = [
    ("cod=1", "input.query"),
    ("_include=Observation:colour", "input.query"),
    ("subject:Patient.colour=x", "input.query"),
    ("_has:Observation:code:status=final", "input.query"),
    ("code-value-quantity=8867-4", "input.query"),
    ("_elements=colour", "input.query"),
    ("code:below=x", "input.query"),
    ("date=yesterday", "input.query"),
    ("_count=-1", "input.query"),
    ("_count=some", "input.query"),
    ("_sort=code", "input.query"),
    ("_summary=some", "input.query"),
    ("_id=a_b", "input.query"),
    ("_id=", "input.query"),
    ("_count=1&_count=2", "input.query"),
    ("code=%ff", "input.query"),
    ("&".join(["code=1"] * 101), "input.query"),
    ("_format=xml", "http.not-acceptable"),
]


@pytest.mark.parametrize(("query", "code"), REFUSED, ids=[row[0][:30] for row in REFUSED])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_means_nothing_here_is_refused(
    installation: Installation, bearer: dict[str, str], query: str, code: str, method: str
) -> None:
    answer = ask(installation, bearer, method, query)
    outcome = answer.get_json(force=True)
    assert answer.status_code == (406 if code == "http.not-acceptable" else 400)
    assert check(outcome) == []
    assert outcome["issue"][0]["details"]["coding"][0]["code"] == code


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_lenient_handling_leaves_out_what_is_unknown_and_says_so(
    installation: Installation, bearer: dict[str, str], method: str
) -> None:
    query = "code=8867-4&_filter=x&colour=blue&subject:Patient.colour=x&_count=2"
    answer = ask(installation, bearer | LENIENT, method, query)
    assert len(matches(answer)) == 2
    (said,) = [e["resource"] for e in answer.get_json(force=True)["entry"] if e["search"]["mode"] == "outcome"]
    assert [issue["severity"] for issue in said["issue"]] == ["warning"] * 3
    assert [issue["details"]["text"].split(" ")[1] for issue in said["issue"]] == ["2", "3", "4"]
    assert answer.headers["Preference-Applied"] == "handling=lenient"
    if method == "GET":
        assert links(answer.get_json(force=True))["self"] == f"{BASE_URL}{BASE}?code=8867-4&_count=2"


@pytest.mark.parametrize("query", ["date=yesterday", "code:below=x", "_sort=code", "code="])
def test_lenient_handling_does_not_widen_what_is_known(
    installation: Installation, bearer: dict[str, str], query: str
) -> None:
    assert ask(installation, bearer | LENIENT, "GET", query).status_code == 400


def test_lenient_handling_says_nothing_when_all_is_known(installation: Installation, bearer: dict[str, str]) -> None:
    answer = ask(installation, bearer | LENIENT, "GET", "code=none")
    assert "entry" not in answer.get_json(force=True)
    assert "Preference-Applied" not in answer.headers


BODIES = [
    ("application/json", b'{"code": "1"}', 415),
    ("multipart/form-data; boundary=x", b"--x--", 415),
    ("", b"code=1", 415),
    ("application/x-www-form-urlencoded", b"\xff\xfe", 400),
    ("application/x-www-form-urlencoded", b"code=1&" * 200_000, 413),
    ("application/json", b"", 200),
]


@pytest.mark.parametrize(("kind", "body", "status"), BODIES, ids=[f"{row[0]} {row[2]}" for row in BODIES])
def test_a_search_by_form_takes_forms_only(
    installation: Installation, bearer: dict[str, str], kind: str, body: bytes, status: int
) -> None:
    answer = installation.client.post(f"{BASE}/_search", data=body, content_type=kind, headers=bearer)
    assert (answer.status_code, answer.content_type) == (status, FHIR)


PLACES = [("landing/Patient", 404), ("elsewhere/Patient", 404), ("identified/Kitten", 404), ("research/Patient", 200)]


@pytest.mark.parametrize(("place", "status"), PLACES)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_only_types_in_zones_can_be_searched(
    installation: Installation, bearer: dict[str, str], place: str, status: int, method: str
) -> None:
    answer = ask(installation, bearer, method, "", f"/fhir/{place}")
    assert (answer.status_code, answer.content_type) == (status, FHIR)


WHO: list[tuple[str, dict[str, Any], int]] = [
    ("a clinician", {"roles": ["clinician"]}, 200),
    ("every type", {"scopes": "system/*.s"}, 200),
    ("this type", {"scopes": "system/Observation.rs"}, 200),
    ("another type", {"scopes": "system/Patient.rs"}, 403),
    ("read only", {"scopes": "system/*.r"}, 403),
    ("no searching role", {"roles": ["administrator"]}, 403),
    ("another zone", {"zones": ["research"]}, 403),
]


@pytest.mark.parametrize(("what", "granted", "status"), WHO, ids=[row[0] for row in WHO])
def test_who_may_search_searches_and_each_try_is_one_event(
    installation: Installation, what: str, granted: dict[str, Any], status: int
) -> None:
    headers = installation.bearer(**granted)
    before = len(installation.events())
    for method in ("GET", "POST"):
        answer = ask(installation, headers, method, "_count=5")
        event = installation.events()[-1]
        assert answer.status_code == status
        assert event["detail"]["request"] == answer.headers["X-Request-Id"]
        assert (event["operation"], event["outcome"]) == ("search", "success" if status == 200 else "refused")
        assert len(event["subjects"]) == (2 if status == 200 else 0)
    assert len(installation.events()) == before + 2


def test_a_refused_search_does_not_tell_what_it_would_have_meant(installation: Installation) -> None:
    headers = installation.bearer(scopes="system/Patient.rs")
    assert ask(installation, headers, "GET", "cod=1").status_code == 403


def test_a_search_that_fails_is_in_the_audit_without_what_was_searched(
    installation: Installation, bearer: dict[str, str]
) -> None:
    ask(installation, bearer, "GET", "code:below=Zephyrine")
    event = installation.events()[-1]
    assert (event["operation"], event["outcome"], event["detail"]["code"]) == ("search", "failed", "input.query")
    assert "Zephyrine" not in str(event)


@pytest.mark.parametrize(("method", "path"), [("GET", BASE), ("POST", f"{BASE}/_search")])
def test_nobody_searches_without_a_token(installation: Installation, method: str, path: str) -> None:
    before = installation.events()
    assert installation.client.open(path, method=method).status_code == 401
    assert installation.events() == before


METHODS = [
    ("GET", f"{BASE}/_search", "POST"), ("DELETE", f"{BASE}/_search", "POST"), ("PUT", f"{BASE}/_history", "GET, HEAD"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "allowed"), METHODS)
def test_other_methods_are_told_which_there_are(
    installation: Installation, bearer: dict[str, str], method: str, path: str, allowed: str
) -> None:
    answer = installation.client.open(path, method=method, headers=bearer, json=PATIENT)
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == set(allowed.split(", "))


def test_nothing_is_shown_when_the_audit_chain_cannot_be_written(tmp_path: Path) -> None:
    with Installation(tmp_path) as made:
        made.ingest([PATIENT])
        headers = made.bearer()
        anchor = made.platform.store("identified").anchor
        assert anchor is not None
        anchor.path.write_text("{}")
        read = f"/fhir/identified/Patient/{made.stored_id('Patient', 'p1')}"
        for path in (read, f"{read}/_history/1", "/fhir/identified/Patient?family=Quill"):
            answer = made.client.get(path, headers=headers)
            assert (answer.status_code, answer.get_json(force=True)["resourceType"]) == (500, "OperationOutcome")
            assert "Quill" not in answer.get_data(as_text=True)
