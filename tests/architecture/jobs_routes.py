"""Example requests of the routes of jobs, for `test_routes`, and what they name."""

from typing import Any

from careloom.errors import InputError
from careloom.services.redrives import submit
from careloom.store.jobs import Jobs
from tests.api.kit import Installation

BASE = "/api/v1/jobs"
_OPERATE: dict[str, Any] = {"verb": "operate", "zones": ("landing",), "lacking": ()}
"""Who may not operate is not refused: they see their own jobs, and others are not there for them (tests/api)."""
EXAMPLES: dict[str, dict[str, Any]] = {
    f"GET {BASE}": {"path": f"{BASE}?kind=test", **_OPERATE},
    f"GET {BASE}/{{job_id}}": {"path": f"{BASE}/{{waiting_job}}", **_OPERATE},
    f"GET {BASE}/{{job_id}}/log": {"path": f"{BASE}/{{failed_job}}/log", **_OPERATE},
    f"GET {BASE}/{{job_id}}/events": {"path": f"{BASE}/{{failed_job}}/events", **_OPERATE},
    f"POST {BASE}/{{job_id}}/cancel": {"path": f"{BASE}/{{waiting_job}}/cancel", **_OPERATE},
    f"POST {BASE}/{{job_id}}/retry": {"path": f"{BASE}/{{failed_job}}/retry", **_OPERATE},
}


def waiting(made: Installation, actor: str = "somebody", kind: str = "test") -> str:
    """The id of a new job that no worker has touched."""
    with made.platform.jobs() as jobs:
        return jobs.submit(kind, {}, actor=actor)


def redriven(made: Installation) -> str:
    """The id of a queued try of what waits in quarantine."""
    return str(submit(made.platform, made.operator)["id"])


def failed(made: Installation, actor: str = "somebody", kind: str = "test") -> str:
    """The id of a new job that has failed, with two lines in its log."""

    def fails(progress: Any, request: dict[str, Any]) -> None:
        progress.log("test.begun")
        progress.report(1, 2)
        progress.log("test.half")
        raise InputError("no", "never")

    job_id = waiting(made, actor, kind)
    with made.platform.jobs() as jobs:
        _run_one(jobs, job_id, kind, fails)
    return job_id


def _run_one(jobs: Jobs, job_id: str, kind: str, work: Any) -> None:
    jobs.register(kind, work)
    jobs._run(job_id)
