"""An erasure looked at beforehand, queued, done by a worker, its certificate checked; nothing of it names anybody."""

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from careloom.client.audit import EventFilter
from careloom.client.careloom import Careloom
from careloom.errors import AccessError, Erased, Held, NotFound
from careloom.services.clients import disable_client
from careloom.services.erase import erase
from careloom.services.erase_pending import folder
from careloom.services.jobs import work
from careloom.store.jobs import FORGOTTEN
from tests.api.test_sdk import client_of
from tests.rights_kit import hospital
from tests.vault_kit import Hospital


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Hospital]:
    with hospital(tmp_path) as installation:
        yield installation


@pytest.fixture
def api(made: Hospital) -> Iterator[Careloom]:
    with client_of(made, roles=["privacy-officer"]) as client:
        yield client


def test_what_would_go_is_told_and_nothing_goes(made: Hospital, api: Careloom) -> None:
    told = api.subjects.preview_erasure("Patient/p2")
    assert told.pseudonym == made.platform.store("identified").pseudonym(made.stored_id("Patient", "p2"))
    assert not told.is_held
    assert told.resources["Patient"] == 1
    assert told == api.subjects.preview_erasure(f"Patient/{made.stored_id('Patient', 'p2')}")
    done = erase(made.platform, made.operator, "Patient/p2", search=False)
    assert sum(told.resources.values()) == done["removed"]["resources"]
    assert told.counts["source records"] == done["removed"]["source records"]
    with pytest.raises(Erased):
        api.subjects.preview_erasure("Patient/p2")
    with pytest.raises(NotFound):
        api.subjects.preview_erasure("Patient/nobody")


def test_a_hold_is_told_beforehand_and_refuses_to_queue(api: Careloom) -> None:
    rule = api.subjects.hold("court order", patient="Patient/p2")
    assert api.subjects.preview_erasure("Patient/p2").is_held
    with pytest.raises(Held):
        api.subjects.queue_erasure("Patient/p2")
    api.subjects.end(rule.rule)
    assert not api.subjects.preview_erasure("Patient/p2").is_held


def test_a_worker_erases_and_only_the_pseudonym_is_kept(made: Hospital, api: Careloom) -> None:
    stored = made.stored_id("Patient", "p2")
    queued = api.subjects.queue_erasure("Patient/p2")
    assert (queued.state, queued.report) == ("waiting", None)
    with made.platform.jobs() as jobs:
        assert stored not in orjson.dumps(jobs.get(queued.id).request).decode()
    work(made.platform, once=True)
    done = api.subjects.wait(queued.id)
    assert done.report is not None
    assert done.report.hits == 0
    assert done.report.removed["resources"] >= 1
    with made.platform.jobs() as jobs:
        job = jobs.get(queued.id)
        assert job.request == FORGOTTEN
        assert stored not in orjson.dumps(job.result).decode()
    (kept,) = api.subjects.certificates()
    assert (kept.certificate, kept.subject) == (done.report.certificate, done.report.pseudonym)
    assert (kept.is_signed, kept.adds_up, kept.hits) == (True, True, 0)
    assert api.jobs.get(queued.id).about == f"/api/v1/subjects/erasure-runs/{queued.id}"
    assert stored not in "".join(map(repr, api.audit.events().items))


def test_a_hold_that_came_after_it_was_queued_stops_the_worker(made: Hospital, api: Careloom) -> None:
    queued = api.subjects.queue_erasure("Patient/p2")
    api.subjects.hold("court order", zone="identified")
    work(made.platform, once=True)
    assert api.subjects.erasure_run(queued.id).error == Held.code
    assert api.fhir("identified").read("Patient", made.stored_id("Patient", "p2"))["resourceType"] == "Patient"


def test_who_was_stopped_meanwhile_erases_nobody(made: Hospital) -> None:
    with client_of(made, roles=["privacy-officer"]) as officer:
        queued, name = officer.subjects.queue_erasure("Patient/p2"), officer.me().name
    disable_client(made.platform, made.operator, name)
    work(made.platform, once=True)
    with client_of(made, roles=["privacy-officer"]) as other:
        assert other.subjects.erasure_run(queued.id).error == AccessError.code


def test_a_queued_erasure_that_was_cancelled_forgets_whom_it_was_about(made: Hospital, api: Careloom) -> None:
    queued = api.subjects.queue_erasure("Patient/p2")
    api.jobs.cancel(queued.id)
    work(made.platform, once=True)
    assert api.subjects.certificates() == ()
    erase(made.platform, made.operator, "Patient/p3", search=False)
    with made.platform.jobs() as jobs:
        assert jobs.get(queued.id).request == FORGOTTEN


def test_a_certificate_that_was_changed_is_told_as_such(made: Hospital, api: Careloom) -> None:
    name = erase(made.platform, made.operator, "Patient/p2", search=False)["certificate"]
    file = folder(made.platform) / f"{name}.json"
    told = orjson.loads(file.read_bytes())
    told["report"]["totals"]["resources"] += 1
    file.write_bytes(orjson.dumps(told))
    (kept,) = api.subjects.certificates()
    assert (kept.is_signed, kept.adds_up) == (False, False)


@pytest.mark.parametrize("role", ["data-engineer", "clinician", "auditor", "administrator"])
def test_nobody_else_looks_queues_or_lists(made: Hospital, role: str) -> None:
    with client_of(made, roles=[role]) as other:
        for ask in (
            lambda: other.subjects.preview_erasure("Patient/p2"),
            lambda: other.subjects.queue_erasure("Patient/p2"),
            other.subjects.certificates,
            lambda: other.subjects.erasure_run("20261129T120000Z-abcdef"),
        ):
            with pytest.raises(AccessError):
                ask()


def test_events_are_found_by_the_pseudonym_alone(made: Hospital, api: Careloom) -> None:
    subject = api.subjects.preview_erasure("Patient/p2").pseudonym
    found = api.audit.events(EventFilter(subject=subject)).items
    assert {one.operation for one in found} >= {"preview-erasure"}
    assert all(subject in one.subjects for one in found)
