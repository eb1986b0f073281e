"""Pages: each match is shown once, and a link shows nothing, opens nothing else, and does not last."""

import base64
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from careloom.runtime import Runtime
from careloom.services.erase import erase
from tests.api.kit import BASE_URL, OBSERVATION, PATIENT, Installation

CODE = "8867-4"
FEED = [{**PATIENT, "id": f"p{number}"} for number in range(4)] + [
    {
        **OBSERVATION,
        "id": f"o{number}",
        "subject": {"reference": f"Patient/p{number % 4}"},
        "effectiveDateTime": f"2026-01-{1 + number:02}",
    }
    for number in range(23)
]


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


CLOCK = Clock()


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("pages"), Runtime(clock=CLOCK), api={"token_seconds": 3600}) as made:
        made.ingest(FEED)
        yield made


@pytest.fixture
def bearer(installation: Installation) -> dict[str, str]:
    return installation.bearer()


def next_of(bundle: dict[str, Any]) -> str:
    """The path of the next page, empty on the last one."""
    urls = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
    assert all(url.startswith(BASE_URL) for url in urls)
    return urls[0].removeprefix(BASE_URL) if urls else ""


def get(installation: Installation, path: str, headers: dict[str, str]) -> dict[str, Any]:
    answer = installation.client.get(path, headers=headers)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    bundle: dict[str, Any] = answer.get_json(force=True)
    return bundle


def walk(
    installation: Installation,
    path: str,
    headers: dict[str, str],
    between: Callable[[int], None] = lambda page: None,
) -> list[str]:
    """The ids on all pages, in order."""
    shown: list[str] = []
    for page in range(99):
        bundle = get(installation, path, headers)
        shown += [entry["resource"]["id"] for entry in bundle.get("entry", [])]
        path = next_of(bundle)
        if not path:
            return shown
        between(page)
    raise AssertionError("the pages have no end")


QUERIES = [
    "_count=1", "_count=5", "_count=22", "_count=23", "_count=24", f"code={CODE}&_count=4", "date=ge2026&_count=5",
    "_sort=_id&_count=5", "_sort=-_id&_count=5", "_sort=_lastUpdated&_count=5", "_sort=-_lastUpdated&_count=5",
    f"code={CODE}&_sort=-_lastUpdated&_count=7&_total=accurate",
]  # fmt: skip


@pytest.mark.parametrize("query", QUERIES)
def test_the_pages_show_each_match_once(installation: Installation, bearer: dict[str, str], query: str) -> None:
    shown = walk(installation, f"/fhir/identified/Observation?{query}", bearer)
    assert sorted(shown) == sorted(installation.stored_id("Observation", f"o{number}") for number in range(23))


def test_a_search_by_form_is_paged_by_links(installation: Installation, bearer: dict[str, str]) -> None:
    form = {"code": CODE, "_count": "10"}
    first = installation.client.post("/fhir/identified/Observation/_search", data=form, headers=bearer)
    shown = [entry["resource"]["id"] for entry in first.get_json(force=True)["entry"]]
    shown += walk(installation, next_of(first.get_json(force=True)), bearer)
    assert len(shown) == len(set(shown)) == 23


@pytest.mark.parametrize("query", ["_count=4", "_sort=-_lastUpdated&_count=4", "_sort=_id&_count=4"])
def test_what_does_not_change_is_shown_once_while_the_rest_does(tmp_path: Path, query: str) -> None:
    with Installation(tmp_path) as made:
        made.ingest(FEED)
        headers = made.bearer()

        def change(page: int) -> None:
            if page < 3:
                made.ingest([{**OBSERVATION, "id": f"new{page}", "subject": {"reference": "Patient/p1"}}])
                made.ingest([{**FEED[4 + 4 * page], "status": "amended"}])
            if page == 2:
                erase(made.platform, made.operator, "Patient/p3")

        shown = walk(made, f"/fhir/identified/Observation?{query}", headers, change)
        steady = [number for number in range(23) if number % 4 != 3 and number % 4 != 0]
        for number in steady:
            assert shown.count(made.stored_id("Observation", f"o{number}")) == 1


def link_of(installation: Installation, headers: dict[str, str], query: str = "family=Quillfeather&_count=1") -> str:
    found = next_of(get(installation, f"/fhir/identified/Patient?{query}", headers))
    assert found
    return found


def test_a_link_shows_nothing_of_the_search(installation: Installation, bearer: dict[str, str]) -> None:
    link = link_of(installation, bearer)
    head, _, token = link.partition("=")
    assert head == "/fhir/identified/Patient?_page"
    opened = base64.urlsafe_b64decode(token + "==")
    assert not any(word in opened for word in (b"family", b"Quill", b"_count"))
    assert link_of(installation, bearer) != link, "two links of one search cannot be told from links of two"


def test_a_link_that_was_changed_anywhere_opens_nothing(installation: Installation, bearer: dict[str, str]) -> None:
    head, _, token = link_of(installation, bearer).partition("=")
    for at in range(0, len(token) - 1, 7):
        letter = "A" if token[at] != "A" else "B"
        answer = installation.client.get(f"{head}={token[:at]}{letter}{token[at + 1 :]}", headers=bearer)
        assert answer.status_code == 404
    for other in ("", "A", "A" * 200, token[:-4], "%00", "ä", token + token):
        assert installation.client.get(f"{head}={other}", headers=bearer).status_code == 404


@pytest.mark.parametrize("place", ["research/Patient", "identified/Observation"])
def test_a_link_opens_at_its_own_base_only(installation: Installation, bearer: dict[str, str], place: str) -> None:
    token = link_of(installation, bearer).partition("=")[2]
    assert installation.client.get(f"/fhir/{place}?_page={token}", headers=bearer).status_code == 404


def test_a_link_of_another_installation_opens_nothing(
    installation: Installation, bearer: dict[str, str], tmp_path: Path
) -> None:
    with Installation(tmp_path) as other:
        other.ingest(FEED)
        link = link_of(other, other.bearer())
        assert installation.client.get(link, headers=bearer).status_code == 404


def test_a_link_lasts_an_hour(installation: Installation) -> None:
    link = link_of(installation, installation.bearer())
    CLOCK.now += timedelta(minutes=59)
    assert installation.client.get(link, headers=installation.bearer()).status_code == 200
    CLOCK.now += timedelta(minutes=2)
    assert installation.client.get(link, headers=installation.bearer()).status_code == 404


def test_a_link_lets_nobody_in(installation: Installation, bearer: dict[str, str]) -> None:
    link = link_of(installation, bearer)
    assert installation.client.get(link).status_code == 401
    assert installation.client.get(link, headers=installation.bearer(scopes="system/Observation.rs")).status_code == 403
    assert installation.events()[-1]["outcome"] == "refused"
    assert installation.client.get(link, headers=installation.bearer(roles=["clinician"])).status_code == 200


SHAPES = [
    ("&_format=json", 200), ("&_pretty=true", 200), ("&_count=9", 200), ("&_count=x", 400), ("&_count=1&_count=2", 400),
    ("&family=x", 400), ("&_page=x", 404),
]  # fmt: skip


@pytest.mark.parametrize(("more", "status"), SHAPES)
def test_a_link_takes_a_format_and_a_count_and_nothing_else(
    installation: Installation, bearer: dict[str, str], more: str, status: int
) -> None:
    assert installation.client.get(link_of(installation, bearer) + more, headers=bearer).status_code == status


@pytest.mark.parametrize(("asked", "shown"), [("4", 4), ("1000", 10), ("0", 0)])
def test_a_page_can_be_smaller_than_the_one_before_but_not_larger(
    installation: Installation, bearer: dict[str, str], asked: str, shown: int
) -> None:
    first = get(installation, f"/fhir/identified/Observation?code={CODE}&_count=10", bearer)
    link = f"{next_of(first)}&_count={asked}"
    second = get(installation, link, bearer)
    assert len(second.get("entry", [])) == shown
    if shown:
        rest = walk(installation, link, bearer)
        assert len({entry["resource"]["id"] for entry in first["entry"]} | set(rest)) == 10 + len(rest) == 23


def test_a_page_is_audited_as_the_search_that_it_is(installation: Installation, bearer: dict[str, str]) -> None:
    link = link_of(installation, bearer)
    before = len(installation.events())
    get(installation, link, bearer)
    (event,) = installation.events()[before:]
    assert (event["operation"], event["detail"]["type"], len(event["subjects"])) == ("search", "Patient", 1)
    assert "Quill" not in orjson.dumps(event).decode()


def test_a_search_too_long_for_a_link_is_answered_if_it_fits_on_one_page(
    installation: Installation, bearer: dict[str, str]
) -> None:
    unknown = ",".join(installation.stored_id("Observation", f"x{number}") for number in range(600))
    known = ",".join(installation.stored_id("Observation", f"o{number}") for number in range(23))
    path = "/fhir/identified/Observation/_search"
    whole = installation.client.post(path, data={"_id": f"{known},{unknown}"}, headers=bearer)
    assert (whole.status_code, len(whole.get_json(force=True)["entry"])) == (200, 23)
    assert "link" not in whole.get_json(force=True)
    part = installation.client.post(path, data={"_id": f"{known},{unknown}", "_count": "9"}, headers=bearer)
    assert part.status_code == 400
    assert part.get_json(force=True)["issue"][0]["details"]["coding"][0]["code"] == "input.query"
