"""Emergencies, views of a patient and disclosures come in pages: every one once, whatever happens between two pages."""

from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from careloom.client.careloom import Careloom
from careloom.client.credentials import ClientSecret
from careloom.errors import QueryError
from careloom.runtime import Runtime
from tests.api.kit import BASE_URL, OBSERVATION, PATIENT, Clock, Installation

REASON = "unconscious, allergies unknown"


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("pages"), Runtime(clock=clock)) as installation:
        installation.ingest([PATIENT, OBSERVATION])
        yield installation


def sdk(made: Installation, role: str) -> Careloom:
    registered = made.register([role], ["identified"])
    transport = httpx.WSGITransport(app=made.app)
    return Careloom(BASE_URL, ClientSecret(registered.client.id, registered.secret), transport=transport)


def opened(made: Installation, clock: Clock, count: int) -> list[str]:
    """So many emergencies, some at the same moment; their ids, newest first."""
    found = []
    with sdk(made, "clinician") as doctor:
        for number in range(count):
            found.append(doctor.access.break_glass("Patient/p1", f"{REASON} {number}").id)
            clock.now += timedelta(seconds=number % 2)
    return found[::-1]


def test_every_emergency_is_on_one_page_also_when_some_are_opened_and_acknowledged_meanwhile(
    made: Installation, clock: Clock
) -> None:
    before = opened(made, clock, 7)
    with sdk(made, "privacy-officer") as officer:
        page = officer.access.emergencies_page(waiting=True, limit=3)
        seen = list(page.emergencies)
        assert len(seen) == 3
        (late,) = opened(made, clock, 1)
        officer.access.acknowledge(seen[1].id)
        while page.next:
            page = officer.access.emergencies_page(waiting=True, limit=3, cursor=page.next)
            seen += page.emergencies
        assert sorted(one.id for one in seen) == sorted(before)
        assert [one.opened for one in seen] == sorted((one.opened for one in seen), reverse=True)
        everything = officer.access.emergencies()
        assert {one.id for one in everything} == {*before, late}
        assert len(officer.access.emergencies(waiting=True)) == 7


def test_the_sdk_follows_pages_of_emergencies_to_the_last(made: Installation, clock: Clock) -> None:
    opened(made, clock, 3)
    with sdk(made, "privacy-officer") as officer:
        asked: list[str] = []
        page_of = officer.access.emergencies_page
        first = page_of(limit=2)
        assert first.next
        asked += [one.id for one in first.emergencies]
        second = page_of(limit=1000, cursor=first.next)
        assert second.next is None
        asked += [one.id for one in second.emergencies]
        assert tuple(asked) == tuple(one.id for one in officer.access.emergencies())


def test_views_go_on_behind_the_last_one_and_each_page_counts_all(made: Installation) -> None:
    patient = made.stored_id("Patient", "p1")
    reader = made.bearer(["clinician"], ["identified"])
    for _ in range(5):
        assert made.client.get(f"/fhir/identified/Patient/{patient}", headers=reader).status_code == 200
    with sdk(made, "auditor") as auditor:
        page = auditor.access.views_page("p1", limit=2)
        seen, total = list(page.views), page.total
        made.client.get(f"/fhir/identified/Patient/{patient}", headers=reader)
        while page.next:
            page = auditor.access.views_page("p1", limit=2, cursor=page.next)
            assert len(page.views) <= 2
            seen += page.views
        numbers = [one.seq for one in seen]
        assert numbers == sorted(set(numbers), reverse=True)
        assert len(numbers) == total, "what was added meanwhile is on no later page"
        assert page.total == total + 1
        whole = auditor.access.patient_views("p1")
        assert [one.seq for one in whole.views][1:] == numbers
        assert whole.next is None


def test_pages_of_disclosures_together_are_the_whole_accounting(made: Installation, clock: Clock) -> None:
    patient = made.stored_id("Patient", "p1")
    for purpose in ("PUBHLTH", "HRESCH"):
        for _ in range(2):
            reader = made.bearer(["service"], ["identified"]) | {"X-Purpose-Of-Use": purpose}
            assert made.client.get(f"/fhir/identified/Patient/{patient}", headers=reader).status_code == 200
            clock.now += timedelta(days=1)
    auditor = made.bearer(["auditor"], ["identified"])
    whole = made.client.get(f"/api/v1/audit/patients/{patient}/disclosures", headers=auditor).get_json()
    assert len(whole["disclosures"]) == 4
    assert whole["next"] is None
    with sdk(made, "auditor") as api:
        page = api.access.disclosures_page("p1", limit=3)
        assert len(page.disclosures) == 3
        assert page.next
        rest = api.access.disclosures_page("p1", limit=3, cursor=page.next)
        assert rest.next is None
        together = [one.seq for one in (*page.disclosures, *rest.disclosures)]
        assert together == [tuple(one["seq"]) for one in whole["disclosures"]]
        assert [one.seq for one in api.access.disclosures("p1").disclosures] == together


@pytest.mark.parametrize("form", ["csv", "html"])
@pytest.mark.parametrize("asked", [{"limit": "2"}, {"cursor": "abc"}])
def test_what_is_printed_has_no_pages(made: Installation, form: str, asked: dict[str, str]) -> None:
    path = f"/api/v1/audit/patients/{made.stored_id('Patient', 'p1')}/disclosures"
    headers = made.bearer(["auditor"], ["identified"])
    answer = made.client.get(path, query_string={"format": form} | asked, headers=headers)
    assert (answer.status_code, answer.get_json()["code"]) == (400, "input.query")


@pytest.mark.parametrize("waiting", [True, False])
def test_a_cursor_holds_for_its_list_and_its_filters_alone(made: Installation, clock: Clock, waiting: bool) -> None:
    opened(made, clock, 2)
    with sdk(made, "privacy-officer") as officer:
        cursor = officer.access.emergencies_page(limit=1, waiting=waiting).next
        assert cursor
        with pytest.raises(QueryError):
            officer.access.emergencies_page(limit=1, waiting=not waiting, cursor=cursor)
        with pytest.raises(QueryError):
            officer.access.views_page("p1", cursor=cursor)
        with pytest.raises(QueryError):
            officer.access.emergencies_page(limit=1, waiting=waiting, cursor="abcd")
