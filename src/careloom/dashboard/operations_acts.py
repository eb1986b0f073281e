"""What the pages of operations do beside showing: stop a job, and run one again."""

from contextlib import suppress

from flask import Flask, Response, redirect

from careloom.dashboard.address import href
from careloom.dashboard.calls import ApiOf, acting
from careloom.dashboard.operations_parts import ROOM
from careloom.errors import Conflict


def install(server: Flask, api_of: ApiOf) -> None:
    """Adds the two addresses; the gate has let in whoever asks, and has refused forms of other sites."""

    @server.post("/job-cancel/<job_id>")
    def cancel_job(job_id: str) -> Response:
        with acting(api_of) as api, suppress(Conflict):  # it ended in the meantime: its page says how
            api.jobs.cancel(job_id)
        return redirect(href(ROOM, "jobs", job_id))  # type: ignore[return-value]

    @server.post("/job-retry/<job_id>")
    def retry_job(job_id: str) -> Response:
        with acting(api_of) as api, suppress(Conflict):
            api.jobs.retry(job_id)
        return redirect(href(ROOM, "jobs", job_id))  # type: ignore[return-value]
