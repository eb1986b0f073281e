"""Quarantine over HTTP: what waits is listed without a value, and another try of it is a job."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from careloom.client.careloom import Careloom
from careloom.client.credentials import ClientSecret
from careloom.errors import AccessError, InputError, NotFound
from careloom.services.jobs import work
from careloom.store.jobs import Stop
from tests.api.kit import Installation
from tests.journeys.small_hospital import feed

ENGINEER = ["data-engineer"]
ZONES = ["landing", "identified"]


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Installation]:
    with Installation(tmp_path) as installation:
        installation.ingest(feed())
        yield installation


def client(made: Installation, roles: list[str], zones: list[str]) -> Careloom:
    """The SDK for a new client."""
    registered = made.register(roles, zones)
    credential = ClientSecret(registered.client.id, registered.secret)
    return Careloom(made.platform.settings.base_url, credential, transport=httpx.WSGITransport(app=made.app))


def test_what_waits_is_listed_by_reason_and_in_pages(made: Installation) -> None:
    api = client(made, ENGINEER, ZONES)
    page = api.quarantine.list(limit=2)
    assert (page.waiting, [(each.code, each.count) for each in page.reasons]) == (3, [("fhir.binding", 3)])
    rest = api.quarantine.list(limit=2, cursor=page.next or "")
    assert rest.next is None
    records = [each.record for each in (*page.items, *rest.items)]
    assert records == [each.record for each in api.quarantine.all(code="fhir.binding")]
    assert len(set(records)) == 3
    assert api.quarantine.list(code="csv.cell").items == ()


def test_what_was_not_mended_is_refused_again_and_waits(made: Installation) -> None:
    api = client(made, ENGINEER, ZONES)
    before = api.quarantine.list()
    queued = api.quarantine.redrive()
    assert queued.state == "waiting"
    work(made.platform, once=True)
    done = api.quarantine.wait(queued.id)
    assert (done.tried, done.stored, done.refused, done.erased) == (3, 0, 3, 0)
    assert (done.progress.done, done.progress.total) == (3, 3)
    after = api.quarantine.list()
    assert [each.record for each in after.items] == [each.record for each in before.items]
    assert {each.attempts for each in after.items} == {2}


def test_named_records_alone_are_tried(made: Installation) -> None:
    api = client(made, ENGINEER, ZONES)
    first, *others = [each.record for each in api.quarantine.list().items]
    made_ = api.quarantine.redrive([first])
    work(made.platform, once=True)
    assert api.quarantine.get(made_.id).tried == 1
    attempts = {each.record: each.attempts for each in api.quarantine.list().items}
    assert attempts == {first: 2} | dict.fromkeys(others, 1)


def test_a_try_that_is_stopped_goes_on_behind_what_it_told_of(made: Installation) -> None:
    api = client(made, ENGINEER, ZONES)
    queued = api.quarantine.redrive()

    class AfterTheFirst(Stop):
        """Asks the worker to end once it has told of one record."""

        def __getattribute__(self, name: str) -> Any:
            return api.quarantine.get(queued.id).tried >= 1 if name == "asked" else super().__getattribute__(name)

    work(made.platform, once=True, stop=AfterTheFirst())
    assert api.quarantine.get(queued.id).tried == 1
    while api.quarantine.get(queued.id).state != "done":
        work(made.platform, once=True)
    done = api.quarantine.get(queued.id)
    assert done.tried == done.refused == 3
    assert {each.attempts for each in api.quarantine.list().items} == {2}


def test_a_wrong_ask_is_refused_before_anything_is_queued(made: Installation) -> None:
    api = client(made, ENGINEER, ZONES)
    record = api.quarantine.list().items[0].record
    with pytest.raises(InputError):
        api.quarantine.redrive([record], code="fhir.binding")
    with pytest.raises(NotFound):
        api.quarantine.redrive(["a" * 26])
    with pytest.raises(NotFound):
        api.quarantine.get("20261122T010203Z-abcdef")


def test_who_may_see_what_waits_need_not_be_one_who_may_try_it_again(made: Installation) -> None:
    scientist = client(made, ["data-scientist"], ["research"])
    with pytest.raises(AccessError):
        scientist.quarantine.list()
    with pytest.raises(AccessError):
        scientist.quarantine.redrive()
