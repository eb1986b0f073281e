from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.errors import CareloomError, QueryError, SetupError
from tests.unit.client.scripted import BASE, PATIENT, Scripted, answer

EMPTY = {"resourceType": "Bundle", "type": "searchset"}


def bundle(ids: list[str], following: str = "", **more: Any) -> dict[str, Any]:
    entries = [{"resource": {"resourceType": "Patient", "id": each}, "search": {"mode": "match"}} for each in ids]
    links = [{"relation": "next", "url": following}] if following else []
    return {**EMPTY, "entry": entries, "link": [{"relation": "self", "url": f"{BASE}/self"}, *links], **more}


QUERIES: list[tuple[Any, list[tuple[str, str]]]] = [
    ((), []),
    ({"code": "8480-6"}, [("code", "8480-6")]),
    ({"date": ["ge2024", "lt2025"]}, [("date", "ge2024"), ("date", "lt2025")]),
    ([("name", "Ä & Ö"), ("name", "b")], [("name", "Ä & Ö"), ("name", "b")]),
    ({"subject:missing": True, "_count": 7}, [("subject:missing", "true"), ("_count", "7")]),
    ({"value-quantity": 5.4}, [("value-quantity", "5.4")]),
    ({"code": "http://loinc.org|8480-6,http://loinc.org|8462-4"}, [("code", "http://loinc.org|8480-6,http://loinc.org|8462-4")]),
]  # fmt: skip


@pytest.mark.parametrize(("query", "sent"), QUERIES)
def test_searched_values_stand_in_the_body_and_not_in_the_address(query: Any, sent: list[tuple[str, str]]) -> None:
    platform = Scripted(answer(EMPTY))
    platform.client().fhir("research").search("Patient", query)
    request = platform.requests[0]
    assert (request.method, str(request.url)) == ("POST", f"{BASE}/fhir/research/Patient/_search")
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert request.headers["Accept"] == "application/fhir+json"
    assert parse_qsl(request.content.decode(), keep_blank_values=True) == sent


@pytest.mark.parametrize(("query", "sent"), QUERIES)
def test_a_search_in_the_address_says_the_same(query: Any, sent: list[tuple[str, str]]) -> None:
    platform = Scripted(answer(EMPTY))
    platform.client().fhir("research").search("Patient", query, in_address=True)
    request = platform.requests[0]
    assert (request.method, request.url.path) == ("GET", "/fhir/research/Patient")
    assert parse_qsl(request.url.query.decode(), keep_blank_values=True) == sent


READS = [
    (("Patient", "p1"), "/fhir/research/Patient/p1"),
    (("Observation", "A-1.b"), "/fhir/research/Observation/A-1.b"),
]


@pytest.mark.parametrize(("names", "path"), READS)
def test_a_read_goes_to_the_address_of_the_resource(names: tuple[str, str], path: str) -> None:
    platform = Scripted(answer(PATIENT))
    zone = platform.client().fhir("research")
    assert zone.read(*names) == PATIENT
    assert zone.vread(*names, "3") == PATIENT
    assert [request.url.path for request in platform.requests] == [path, f"{path}/_history/3"]


ASTRAY = [("Patient", ".."), ("..", "p1"), ("Patient/p1", "x"), ("Patient", "p1/_history/1"), ("", "p1"), ("P-t", "p1")]


@pytest.mark.parametrize(("resource_type", "resource_id"), ASTRAY)
def test_a_name_cannot_lead_a_read_elsewhere(resource_type: str, resource_id: str) -> None:
    platform = Scripted(answer(PATIENT))
    with pytest.raises(QueryError):
        platform.client().fhir("research").read(resource_type, resource_id)
    assert platform.requests == []


@pytest.mark.parametrize("zone", ["", "..", "research/../identified", "research?x"])
def test_a_zone_is_a_name(zone: str) -> None:
    with pytest.raises(QueryError):
        Scripted(answer(PATIENT)).client().fhir(zone)


def test_capabilities_are_asked_without_a_token() -> None:
    platform = Scripted(answer({"resourceType": "CapabilityStatement"}))
    assert platform.client().fhir("research").capabilities()["resourceType"] == "CapabilityStatement"
    assert platform.tokens_given == 0
    assert platform.authorizations == [""]


def test_a_page_holds_what_was_found_and_no_remark_about_the_search() -> None:
    found = bundle(["a"], f"{BASE}/fhir/research/Patient?_page=2", total=7)
    found["entry"].append({"resource": {"resourceType": "OperationOutcome"}, "search": {"mode": "outcome"}})
    page = Scripted(answer(found)).client().fhir("research").search("Patient")
    assert [each["id"] for each in page.resources] == ["a"]
    assert (page.total, page.next) == (7, f"{BASE}/fhir/research/Patient?_page=2")
    assert page.bundle == found


ODD = [
    {"resourceType": "Patient"},
    {"resourceType": "Bundle", "entry": {"resource": {}}},
    {"resourceType": "Bundle", "link": "next"},
]


@pytest.mark.parametrize("document", ODD)
def test_an_answer_that_is_no_bundle_is_no_page(document: dict[str, Any]) -> None:
    with pytest.raises(SetupError):
        Scripted(answer(document)).client().fhir("research").search("Patient")


def test_odd_entries_links_and_totals_are_passed_over() -> None:
    document = {
        "resourceType": "Bundle",
        "total": True,
        "entry": [7, {}, {"resource": "x"}, {"resource": PATIENT, "search": 7}],
        "link": [7, {"relation": "next"}, {"relation": "next", "url": 7}],
    }
    page = Scripted(answer(document)).client().fhir("research").search("Patient")
    assert (page.resources, page.total, page.next) == ((PATIENT,), None, "")


FOREIGN = [
    "https://evil.example.org/fhir/research/Patient?_page=2",
    "http://careloom.example.org/fhir/research/Patient?_page=2",
    f"{BASE}/fhir/identified/Patient?_page=2",
    f"{BASE}:8443/fhir/research/Patient?_page=2",
]


@pytest.mark.parametrize("link", FOREIGN)
def test_a_link_to_elsewhere_ends_the_pages_and_gets_no_token(link: str) -> None:
    platform = Scripted(answer(bundle(["a"], link)))
    pages = platform.client().fhir("research").pages("Patient")
    assert next(pages).next == link
    with pytest.raises(SetupError):
        next(pages)
    assert len(platform.requests) == 1


def test_pages_in_a_circle_end_as_an_error() -> None:
    first, second = (f"{BASE}/fhir/research/Patient?_page={number}" for number in (1, 2))
    following = {"/_search": first, "_page=1": second, "_page=2": first}

    def circle(request: httpx.Request) -> httpx.Response:
        return answer(bundle(["a"], next(url for end, url in following.items() if str(request.url).endswith(end))))

    platform = Scripted(circle)
    with pytest.raises(SetupError):
        list(platform.client().fhir("research").pages("Patient"))
    assert len(platform.requests) == 3


@given(st.lists(st.integers(0, 7), max_size=12))
def test_every_resource_of_every_page_comes_once_and_in_order(sizes: list[int]) -> None:
    numbers = iter(range(1000))
    pages = [[str(next(numbers)) for _ in range(size)] for size in [*sizes, 3]]

    def serve(request: httpx.Request) -> httpx.Response:
        at = int(request.url.params.get("_page", "0"))
        following = f"{BASE}/fhir/research/Patient?_page={at + 1}" if at + 1 < len(pages) else ""
        return answer(bundle(pages[at], following))

    platform = Scripted(serve)
    found = [each["id"] for each in platform.client().fhir("research").all("Patient")]
    assert found == [each for page in pages for each in page]
    assert len(platform.requests) == len(pages)


def test_a_page_is_fetched_when_it_is_needed() -> None:
    platform = Scripted(answer(bundle(["a", "b"], f"{BASE}/fhir/research/Patient?_page=2")))
    found = platform.client().fhir("research").all("Patient")
    assert [next(found)["id"], next(found)["id"]] == ["a", "b"]
    assert len(platform.requests) == 1


def test_an_error_on_a_later_page_is_raised_and_not_the_end() -> None:
    platform = Scripted(answer(bundle(["a"], f"{BASE}/fhir/research/Patient?_page=2")), httpx.Response(410))
    found = platform.client().fhir("research").all("Patient")
    next(found)
    with pytest.raises(CareloomError):
        next(found)
