"""Queued work is done with the rights of whoever asked: as they were when asked, and as far as they are still there."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from careloom.services.access import ROLES, ZONES, Principal, Scope, local_operator
from careloom.services.client_grants import Grants, change_grants
from careloom.services.clients import disable_client, enable_client
from careloom.services.job_requests import sealed
from careloom.services.jobs import restart_job, work
from careloom.services.queued import asker_of, rights_of
from careloom.services.subject_rules import RuleAsk, set_rule
from careloom.services.tokens import issue
from careloom.store.jobs import Progress
from tests.api.kit import BASE_URL, PATIENT, Installation

QUEUED: dict[str, dict[str, Any]] = {
    "/api/v1/audit/verifications": {},
    "/api/v1/deidentifications": {},
    "/api/v1/linkage/duplicates/looks": {},
    "/api/v1/linkage/runs": {},
    "/api/v1/nlp/annotations": {"zone": "identified"},
    "/api/v1/normalizations": {},
    "/api/v1/quality/looks": {"zone": "identified"},
    "/api/v1/quarantine/redrives": {},
}


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Installation]:
    with Installation(tmp_path) as installation:
        installation.ingest()
        yield installation


def bearer(made: Installation, *roles: str) -> dict[str, str]:
    """Of a client called feed."""
    return {"Authorization": f"Bearer {issue(made.platform, made.register(roles, name='feed').client).token}"}


def ended(made: Installation, job_id: str) -> tuple[str, str]:
    """State and error code of a job after a worker ran."""
    work(made.platform, once=True)
    with made.platform.jobs() as jobs:
        job = jobs.get(job_id)
    return job.state, job.error_code


def uploaded(made: Installation, headers: dict[str, str]) -> str:
    """The id of a waiting job that brings in another patient."""
    body = orjson.dumps(PATIENT | {"id": "late"})
    answer = made.client.post("/api/v1/ingestions", data=body, content_type="application/fhir+json", headers=headers)
    assert answer.status_code == 202, answer.text
    return str(answer.get_json()["id"])


@pytest.mark.parametrize("path", QUEUED)
def test_what_a_stopped_client_had_queued_fails(made: Installation, path: str) -> None:
    answer = made.client.post(path, json=QUEUED[path], headers=bearer(made, *ROLES))
    assert answer.status_code == 202, answer.text
    disable_client(made.platform, made.operator, "feed")
    assert ended(made, answer.get_json()["id"]) == ("failed", "access")


def test_an_upload_of_a_stopped_client_is_stored_when_it_is_run_again_once_the_client_is_let_in(
    made: Installation,
) -> None:
    job_id = uploaded(made, bearer(made, "data-engineer"))
    disable_client(made.platform, made.operator, "feed")
    assert ended(made, job_id) == ("failed", "access")
    restart_job(made.platform, made.operator, job_id)
    assert ended(made, job_id) == ("failed", "access")
    late = made.stored_id("Patient", "late")
    assert made.platform.store("identified").read_named("Patient", [late]) == {}
    enable_client(made.platform, made.operator, "feed")
    restart_job(made.platform, made.operator, job_id)
    assert ended(made, job_id) == ("done", "")
    assert list(made.platform.store("identified").read_named("Patient", [late])) == [late]


def test_a_right_that_was_taken_meanwhile_is_not_used(made: Installation) -> None:
    job_id = uploaded(made, bearer(made, "data-engineer"))
    change_grants(made.platform, made.operator, "feed", Grants(["clinician"], ["identified"]))
    assert ended(made, job_id) == ("failed", "access")


def test_a_queued_export_holds_nobody_whom_its_asker_does_not_see(made: Installation) -> None:
    set_rule(made.platform, made.operator, RuleAsk("restrict", "Patient/p1", reason="contests it"))
    headers = bearer(made, "data-engineer")
    asked = headers | {"Prefer": "respond-async", "Accept": "application/fhir+json"}
    answer = made.client.get("/fhir/identified/$export", headers=asked)
    assert answer.status_code == 202, answer.text
    work(made.platform, once=True)
    told = made.client.get(answer.headers["Content-Location"].removeprefix(BASE_URL), headers=headers)
    assert (told.status_code, told.get_json()["output"]) == (200, [])


def asker(made: Installation, actor: str, request: dict[str, Any]) -> Principal:
    """In whose name, and with which rights, a job is done."""
    with made.platform.jobs() as jobs:
        job_id = jobs.submit("test", request, actor=actor)
        return asker_of(made.platform, jobs, Progress(jobs, job_id), jobs.get(job_id).request)


def test_the_command_line_and_the_worker_keep_what_they_have(made: Installation) -> None:
    made.register(["auditor"], name="ward")
    disable_client(made.platform, made.operator, "ward")
    line = local_operator("ward")  # who is called as a client that was stopped
    assert asker(made, "ward", sealed(made.platform, {"who": rights_of(line)})) == line
    assert asker(made, "careloom-schedule", {"version": "m@1"}) == local_operator("careloom-schedule")


def test_a_job_of_an_earlier_version_is_done_with_the_rights_of_now(made: Installation) -> None:
    made.register(["clinician"], ["identified"], name="ward")
    who = asker(made, "ward", sealed(made.platform, {"purpose": "TREAT", "request": "r1"}))
    assert (who.roles, who.zones, who.purpose, who.request) == ({"clinician"}, {"identified"}, "TREAT", "r1")
    assert who.scopes
    line = asker(made, "somebody", {"purpose": "TREAT", "request": ""})
    assert (line.roles, line.zones, line.purpose) == (set(ROLES), ZONES, "TREAT")


def test_a_job_does_no_more_than_its_token_and_the_registry_allow(made: Installation) -> None:
    made.register(["clinician"], ["identified"], "system/*.rs", name="ward")
    roles, zones = frozenset({"clinician", "auditor"}), frozenset(ZONES)
    wide = Principal("ward", roles, zones, frozenset({Scope("read", "Patient"), Scope("audit")}), patient="x")
    who = asker(made, "ward", sealed(made.platform, {"who": rights_of(wide)}))
    assert (who.roles, who.zones, who.patient) == ({"clinician"}, {"identified"}, "x")
    assert who.scopes == {Scope("read", "Patient")}
