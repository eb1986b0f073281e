"""Searches over several types: decided type by type, paged through each exactly once, refused where types differ."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.kit import BASE_URL, OBSERVATION, PATIENT, Installation

ROUTE = "/fhir/identified"
TAG = {"meta": {"tag": [{"system": "http://t", "code": "x"}]}}
LAB = {"resourceType": "Organization", "id": "h1", "name": "Hospital"} | TAG
TAGGED = PATIENT | TAG
WARD = [TAGGED, LAB, *(OBSERVATION | {"id": f"o{number}"} for number in range(7))]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("types")) as opened:
        opened.ingest(WARD)
        yield opened


def pages(made: Installation, query: str, **rights: Any) -> list[dict[str, Any]]:
    headers, address = made.bearer(**rights), f"{ROUTE}?{query}"
    found = []
    while address:
        answer = made.client.get(address.removeprefix(BASE_URL), headers=headers)
        assert answer.status_code == 200, answer.text
        found.append(answer.json)
        links = {one["relation"]: one["url"] for one in answer.json.get("link", [])}
        address = links.get("next", "")
    return found


def names(found: list[dict[str, Any]]) -> list[str]:
    return [
        f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
        for page in found
        for entry in page.get("entry", [])
        if entry["search"]["mode"] == "match"
    ]


@pytest.mark.parametrize("count", [1, 2, 3, 50])
def test_every_page_together_shows_each_resource_of_each_type_once(made: Installation, count: int) -> None:
    found = pages(made, f"_type=Observation,Organization,Patient&_count={count}&_total=accurate")
    assert all(len(page.get("entry", [])) <= count for page in found)
    assert {page["total"] for page in found} == {9}
    listed = names(found)
    assert len(listed) == len(set(listed)) == 9
    assert [name.split("/")[0] for name in listed] == ["Observation"] * 7 + ["Organization", "Patient"]


def test_without_a_type_every_type_is_searched_that_the_caller_may_search(made: Installation) -> None:
    assert len(names(pages(made, ""))) == 9
    assert {name.split("/")[0] for name in names(pages(made, "", scopes="system/Patient.s system/Organization.s"))} == {
        "Patient", "Organization",
    }  # fmt: skip
    answer = made.client.get(f"{ROUTE}?_type=Patient,Observation", headers=made.bearer(scopes="system/Patient.s"))
    assert answer.status_code == 403


def test_what_all_types_are_searched_by_narrows_each(made: Installation) -> None:
    patient = made.stored_id("Patient", "p1")
    assert names(pages(made, f"_id={patient}")) == [f"Patient/{patient}"]
    assert {name.split("/")[0] for name in names(pages(made, "_tag=http://t|x"))} == {"Patient", "Organization"}
    assert names(pages(made, "_type=Patient,Observation&_lastUpdated=gt2100")) == []
    assert pages(made, "_type=Patient,Observation&_summary=count")[0]["total"] == 8
    (page,) = pages(made, "_type=Observation,Patient&_include=Observation:subject")
    assert len(page["entry"]) == 8, "the patient is a match, and goes out once"
    assert len(names(pages(made, "_type=Observation&code=8867-4&_sort=-date&_count=3"))) == 7


def test_a_search_over_types_by_form_tells_the_same(made: Installation) -> None:
    answer = made.client.post(
        f"{ROUTE}/_search", headers=made.bearer(), data="_type=Patient,Organization",
        content_type="application/x-www-form-urlencoded",
    )  # fmt: skip
    assert names([answer.json]) == names(pages(made, "_type=Patient,Organization"))


@pytest.mark.parametrize("is_form", [False, True])
@pytest.mark.parametrize(
    ("query", "left", "searched"),
    [
        ("_type=Patient,Organization&code=1&_count=5", ["2"], "_type=Patient,Organization&_count=5"),
        (
            "_type=Patient,Organization&subject:Patient.name=x&_sort=_id&x",
            ["2", "3", "4"],
            "_type=Patient,Organization",
        ),
        ("_type=Observation&code=8867-4&colour=blue", ["3"], "_type=Observation&code=8867-4"),
        ("_type=Patient,Organization&_tag=http://t|x", [], "_type=Patient,Organization&_tag=http://t%7Cx"),
        ("colour=blue", ["1"], ""),
    ],
)
def test_lenient_handling_leaves_out_what_not_every_type_has_and_says_so(
    made: Installation, query: str, left: list[str], searched: str, is_form: bool
) -> None:
    kind = "application/x-www-form-urlencoded"
    for prefer in ("handling=lenient", "handling=strict", ""):
        headers = made.bearer() | {"Prefer": prefer}
        if is_form:
            answer = made.client.post(f"{ROUTE}/_search", headers=headers, data=query, content_type=kind)
        else:
            answer = made.client.get(f"{ROUTE}?{query}", headers=headers)
        if prefer != "handling=lenient":
            assert answer.status_code == (400 if left else 200)
            continue
        told = [one["resource"] for one in answer.json["entry"] if one["search"]["mode"] == "outcome"]
        assert [issue["details"]["text"].split(" ")[1] for one in told for issue in one["issue"]] == left
        assert names([answer.json]) == names(pages(made, searched))
        assert answer.headers.get("Preference-Applied") == ("handling=lenient" if left else None)
        if not is_form:
            (here,) = [one["url"] for one in answer.json["link"] if one["relation"] == "self"]
            assert here == f"{BASE_URL}{ROUTE}" + (f"?{searched}" if searched else "")


def test_lenient_handling_of_types_does_not_widen_what_is_known(made: Installation) -> None:
    for query in ("_type=Patient,Nothing", "_type=Patient,Organization&_lastUpdated=x", "_type=Observation&date=x"):
        answer = made.client.get(f"{ROUTE}?{query}", headers=made.bearer() | {"Prefer": "handling=lenient"})
        assert answer.status_code == 400


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("_type=Patient,Nothing", "_type names no resource type"),
        ("_type=Patient,Observation&code=1", "parameter 1 of the search is not one that every type has"),
        ("_type=Patient,Observation&_sort=_id", "parameter 1 of the search is not one that every type has"),
        ("_type=Patient,Observation&_count=x", "_count is no number"),
    ],
)
def test_what_types_do_not_share_is_refused(made: Installation, query: str, words: str) -> None:
    answer = made.client.get(f"{ROUTE}?{query}", headers=made.bearer())
    assert answer.status_code == 400
    assert words in answer.text


@pytest.mark.parametrize("query", ["colour=blue", "=true", "_lastUpdated=never"])
def test_where_nothing_is_stored_what_means_nothing_is_refused_too(made: Installation, query: str) -> None:
    answer = made.client.get(f"/fhir/synthetic?{query}", headers=made.bearer())
    assert (answer.status_code, answer.get_json(force=True)["resourceType"]) == (400, "OperationOutcome")
