"""Lists come in pages of one shape: filtered, linked, gone on with by a cursor that nobody else can make."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from careloom.api import lists
from careloom.client.careloom import Careloom
from careloom.client.credentials import Bearer
from tests.api.kit import BASE_URL, Installation

RULES = "/api/v1/subjects/rules"
LISTS = [
    "/api/v1/models", "/api/v1/model-runs", "/api/v1/monitoring/versions",
    "/api/v1/monitoring/versions/none@1/looks", "/api/v1/synthetic/models", "/api/v1/synthetic/samples",
    "/api/v1/synthetic/releases", "/api/v1/synthetic/ledger", RULES,
]  # fmt: skip


@pytest.fixture
def headers(installation: Installation) -> dict[str, str]:
    return installation.bearer()


def hold(made: Installation, headers: dict[str, str], number: int) -> str:
    asked = {"kind": "hold", "zone": "research", "reason": f"case {number}"}
    answer = made.client.post(RULES, headers=headers, json=asked)
    assert answer.status_code in (200, 201), answer.json
    made_rule: str = answer.json["rule"]  # type: ignore[index]
    ended = made.client.delete(f"{RULES}/{made_rule}", headers=headers)
    assert ended.status_code == 200
    return made_rule


def get(made: Installation, headers: dict[str, str], path: str) -> Any:
    answer = made.client.get(path, headers=headers)
    assert answer.status_code == 200, answer.json
    return answer


@pytest.mark.parametrize("path", LISTS)
def test_every_list_has_the_same_shape_and_bounds(
    installation: Installation, headers: dict[str, str], path: str
) -> None:
    assert set(get(installation, headers, path).json) == {"items", "next"}
    for wrong in ("limit=0", "limit=501", "cursor=%20", "since=5"):
        refused = installation.client.get(f"{path}?{wrong}", headers=headers)
        assert refused.status_code in (400, 200 if wrong.startswith("since") else 400)
    forged = installation.client.get(f"{path}?cursor=AAAA", headers=headers)
    assert (forged.status_code, forged.json["code"]) == (400, "input.query")  # type: ignore[index]


def test_pages_together_are_the_list_once_and_in_order(installation: Installation, headers: dict[str, str]) -> None:
    rules = [hold(installation, headers, number) for number in range(5)]
    path, seen, pages = f"{RULES}?ended=true&limit=2", [], 0
    while path:
        answer = get(installation, headers, path)
        seen += [one["rule"] for one in answer.json["items"]]
        pages += 1
        link = answer.headers.get("Link", "")
        assert bool(link) == (answer.json["next"] is not None)
        path = ""
        if link:
            assert link.endswith('>; rel="next"')
            assert link.startswith(f"<{BASE_URL}{RULES}?")
            parts = urlsplit(link[1:].partition(">")[0])
            path = f"{parts.path}?{parts.query}"
    assert (sorted(seen), len(seen), pages) == (sorted(rules), 5, 3)
    whole = [one["rule"] for one in get(installation, headers, f"{RULES}?ended=true").json["items"]]
    assert seen == whole


def test_what_comes_meanwhile_neither_repeats_nor_hides(installation: Installation, headers: dict[str, str]) -> None:
    first = [hold(installation, headers, number) for number in range(3)]
    page = get(installation, headers, f"{RULES}?ended=true&limit=2").json
    later = hold(installation, headers, 9)
    rest = get(installation, headers, f"{RULES}?ended=true&cursor={page['next']}").json
    assert sorted(one["rule"] for one in [*page["items"], *rest["items"]]) == sorted([*first, later])


def test_a_cursor_belongs_to_its_list_and_its_filters(installation: Installation, headers: dict[str, str]) -> None:
    for number in range(2):
        hold(installation, headers, number)
    cursor = get(installation, headers, f"{RULES}?ended=true&limit=1").json["next"]
    assert get(installation, headers, f"{RULES}?ended=true&limit=7&cursor={cursor}").json["next"] is None
    for other in (f"{RULES}?cursor={cursor}", f"/api/v1/models?cursor={cursor}"):
        assert installation.client.get(other, headers=headers).status_code == 400
    broken = cursor[:-2] + ("AA" if cursor[-2:] != "AA" else "BB")
    assert installation.client.get(f"{RULES}?ended=true&cursor={broken}", headers=headers).status_code == 400


def test_a_list_is_filtered_by_time(installation: Installation, headers: dict[str, str]) -> None:
    hold(installation, headers, 1)
    [rule] = get(installation, headers, f"{RULES}?ended=true").json["items"]
    made = rule["created"].replace("+00:00", "Z")
    assert len(get(installation, headers, f"{RULES}?ended=true&since={made}").json["items"]) == 1
    assert get(installation, headers, f"{RULES}?ended=true&until={made}").json["items"] == []
    assert get(installation, headers, f"{RULES}?ended=true&since=2999-01-01T00:00:00Z").json["items"] == []


ITEMS = [
    {"id": "a", "state": "done", "at": "2026-11-22T10:00:00+00:00"},
    {"id": "b", "state": "failed", "at": "2026-11-22T11:00:00Z"},
    {"id": "c", "state": "waiting", "at": None},
]
FILTERED = [
    ("", ["b", "a", "c"]), ("state=done", ["a"]), ("state=unheard", []), ("since=2026-11-22T10:30:00Z", ["b"]),
    ("until=2026-11-22T11:00:00Z", ["a"]), ("since=2026-11-22T11:00:00%2B01:00", ["b", "a"]),
]  # fmt: skip


@pytest.mark.parametrize(("query", "expected"), FILTERED)
def test_filters_are_by_state_and_time(installation: Installation, query: str, expected: list[str]) -> None:
    with installation.app.test_request_context(f"/api/v1/models?{query}"):
        from flask import request

        ask = lists.StatesQuery.model_validate(dict(request.args))
        answer = lists.paged(ITEMS, ask, by="id", at="at")
    assert [one["id"] for one in answer.json["items"]] == expected


def test_the_sdk_fetches_every_page(installation: Installation) -> None:
    headers = installation.bearer()
    rules = [hold(installation, headers, number) for number in range(3)]
    asked: list[str] = []
    installation.app.before_request_funcs.setdefault(None, [])

    with Careloom(BASE_URL, Bearer(installation.token()), transport=_counting(installation, asked)) as api:
        short = api._session.whole(f"{BASE_URL}{RULES}?ended=true&limit=1")
        found = api.subjects.rules(ended=True)
    assert [one["rule"] for one in short["items"]] == [one.rule for one in found]
    assert sorted(one.rule for one in found) == sorted(rules)
    assert len(asked) == 4


def _counting(made: Installation, asked: list[str]) -> Any:
    import httpx

    class Counting(httpx.WSGITransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            asked.append(str(request.url))
            return super().handle_request(request)

    return Counting(app=made.app)
