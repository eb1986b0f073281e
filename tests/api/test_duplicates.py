"""Duplicates over HTTP and by the SDK: look, watch, page through groups, export; what is gone since is left out."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from careloom.client.careloom import Careloom
from careloom.client.credentials import Bearer
from careloom.errors import AccessError, NotFound, StateError
from careloom.services.duplicates import kept_looks
from careloom.services.erase import erase
from careloom.services.jobs import cancel_job, work
from careloom.services.linkage import run
from tests.api.kit import BASE_URL, PATIENT, Installation

Json = dict[str, Any]
ROUTE = "/api/v1/linkage/duplicates"
LOT = "LOT-7294-QF"
"""Longer than what bytes under a seal say by chance."""


def dose(name: str, patient: str, day: str, **other: Any) -> Json:
    code = {"coding": [{"system": "http://hl7.org/fhir/sid/cvx", "code": "140"}]}
    return {"resourceType": "Immunization", "id": name, "status": "completed", "vaccineCode": code,
            "patient": {"reference": f"Patient/{patient}"}, "occurrenceDateTime": day, **other}  # fmt: skip


FEED = [
    PATIENT,
    PATIENT | {"id": "p2"},
    PATIENT | {"id": "q1", "name": [{"family": "Sandpiper", "given": ["Abel"]}], "birthDate": "1944-02-01"},
    dose("a1", "p1", "2026-01-02"),
    dose("a2", "p2", "2026-01-02"),
    dose("b1", "p1", "2026-02-03", lotNumber=LOT),
    dose("b2", "p1", "2026-02-03"),
    *(dose(f"c{number}", "q1", "2026-03-04") for number in range(60)),
]
"""Two records of one person with the same dose; one dose in two wordings; and one dose sixty times."""


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Installation]:
    with Installation(tmp_path) as installation:
        installation.ingest(FEED)
        run(installation.platform, installation.operator)
        yield installation


@pytest.fixture
def api(made: Installation) -> Iterator[Careloom]:
    token = made.token(["data-steward"], zones=["identified"])
    with Careloom(BASE_URL, Bearer(token), transport=httpx.WSGITransport(app=made.app)) as found:
        yield found


def test_a_look_is_queued_done_and_read_by_page(made: Installation, api: Careloom) -> None:
    assert api.linkage.duplicates.groups().look is None
    queued = api.linkage.duplicates.look()
    assert (queued.state, queued.has_ended) == ("waiting", False)
    with pytest.raises(StateError):
        api.linkage.duplicates.wait(queued.id, timeout=0.0)
    assert work(made.platform, once=True) == 1
    page = api.linkage.duplicates.wait(queued.id)
    state = api.linkage.duplicates.state(queued.id)
    assert (state.state, state.progress.done, state.progress.total) == ("done", 64, 64)
    assert page.look is not None
    assert (page.look.id, page.look.resources, page.look.group_count, page.look.is_whole) == (queued.id, 64, 3, True)
    assert [(one.kind, one.groups, one.surplus) for one in page.counts] == [("content", 2, 60), ("event", 1, 1)]
    sizes = {(group.kind, group.size, len(group.members)) for group in page.items}
    assert sizes == {("content", 2, 2), ("event", 2, 2), ("content", 60, 50)}
    (pair,) = [group for group in page.items if group.kind == "content" and group.size == 2]
    ids = [made.stored_id("Patient", name) for name in ("p1", "p2")]
    assert {member.patient for member in pair.members} == {f"Patient/{one}" for one in ids}
    assert all(member.record for member in pair.members)
    first = api.linkage.duplicates.groups(limit=2)
    assert first.next
    assert [*first.items, *api.linkage.duplicates.groups(cursor=first.next).items] == list(page.items)
    assert list(api.linkage.duplicates.all(kind="event")) == [one for one in page.items if one.kind == "event"]
    assert api.linkage.duplicates.groups(resource_type="Condition").items == ()


def test_every_resource_of_every_group_is_in_the_export(made: Installation, api: Careloom) -> None:
    look = api.linkage.duplicates.look()
    with pytest.raises(NotFound):
        api.linkage.duplicates.export(look.id)
    work(made.platform, once=True)
    lines = list(csv.DictReader(api.linkage.duplicates.export(look.id).decode().splitlines()))
    assert len(lines) == 64
    assert {line["type"] for line in lines} == {"Immunization"}
    answer = made.client.get(f"{ROUTE}/looks/{look.id}/export", headers=made.bearer())
    assert answer.headers["Content-Disposition"] == f'attachment; filename="duplicates-{look.id}.csv"'


def test_nothing_that_is_told_or_kept_names_anybody(made: Installation, api: Careloom) -> None:
    look = api.linkage.duplicates.look()
    work(made.platform, once=True)
    told = made.client.get(ROUTE, headers=made.bearer()).text + api.linkage.duplicates.export(look.id).decode()
    kept = b"".join(file.read_bytes() for file in (made.folder / "data" / "duplicates").iterdir())
    for word in ("Quillfeather", "Sandpiper", "1961-04", "2026-02-03", LOT):
        assert word not in told
        assert word.encode() not in kept
    assert made.stored_id("Patient", "p1").encode() not in kept


def test_what_is_erased_since_the_look_is_left_out(made: Installation, api: Careloom) -> None:
    look = api.linkage.duplicates.look()
    work(made.platform, once=True)
    erase(made.platform, made.operator, f"Patient/{made.stored_id('Patient', 'q1')}")
    page = api.linkage.duplicates.groups()
    assert [group.size for group in page.items] == [2, 2]
    assert len(api.linkage.duplicates.export(look.id).splitlines()) == 5


def test_a_cursor_goes_on_in_its_look_and_ends_with_it(made: Installation, api: Careloom) -> None:
    api.linkage.duplicates.look()
    work(made.platform, once=True)
    before = api.linkage.duplicates.groups(limit=1)
    api.linkage.duplicates.look()
    work(made.platform, once=True)
    after = api.linkage.duplicates.groups(limit=1, cursor=before.next or "")
    assert before.look
    assert after.look
    assert (after.look.id, after.items[0] != before.items[0]) == (before.look.id, True)
    kept_looks(made.platform).keep({"id": "20990101T000000Z-aaaaaa"}, [], most=1)
    with pytest.raises(NotFound):
        api.linkage.duplicates.groups(cursor=before.next or "")


def test_a_look_that_is_cancelled_or_not_there_says_so(made: Installation, api: Careloom) -> None:
    look = api.linkage.duplicates.look()
    cancel_job(made.platform, made.operator, look.id)
    with pytest.raises(StateError):
        api.linkage.duplicates.wait(look.id)
    for call in (api.linkage.duplicates.state, api.linkage.duplicates.export):
        with pytest.raises(NotFound):
            call("20261122T010203Z-abc234")


def test_who_may_not_link_sees_no_group(made: Installation) -> None:
    token = made.token(["clinician"], zones=["identified"])
    with Careloom(BASE_URL, Bearer(token), transport=httpx.WSGITransport(app=made.app)) as clinician:
        for call in (clinician.linkage.duplicates.groups, clinician.linkage.duplicates.look):
            with pytest.raises(AccessError):
                call()


@pytest.mark.parametrize("query", ["kind=other", "cursor=x", "limit=0", "type=immunization", "limit=201"])
def test_a_query_that_breaks_the_schema_is_refused(made: Installation, query: str) -> None:
    answer = made.client.get(f"{ROUTE}?{query}", headers=made.bearer())
    assert (answer.status_code, answer.json["code"].startswith("input")) == (400, True)
