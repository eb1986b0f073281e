"""Queued work as a job: every answer 202 says at which address of ``/api/v1/jobs`` its work is seen.

source  RFC 8288 (2017), Web Linking; RFC 5989 (2010), the relation ``monitor``
"""

import re

from flask import Flask, Response, request

from careloom.api.context import base_url, platform
from careloom.api.jobs_schemas import JOB_PATTERN

_ID = re.compile(JOB_PATTERN)


def install(app: Flask) -> None:
    """Adds the header Link to answers 202; call it after the conventions, which keep answers as they leave."""
    app.after_request(_linked)


def _linked(response: Response) -> Response:
    if response.status_code == 202:
        job_id = _named(response)
        if job_id and _is_under_way(job_id):
            response.headers.add("Link", f'<{base_url()}/api/v1/jobs/{job_id}>; rel="monitor"')
    return response


def _named(response: Response) -> str:
    """The id that the answer gives its work: in its body, or at the end of the address where it is watched."""
    body = response.get_json(silent=True) if request.path.startswith("/api/v1/") else None
    told = body.get("id") if isinstance(body, dict) else None
    address = response.headers.get("Content-Location", response.headers.get("Location", ""))
    job_id = told if isinstance(told, str) else address.rpartition("/")[2]
    return job_id if _ID.fullmatch(job_id) else ""


def _is_under_way(job_id: str) -> bool:
    """False for what an earlier job made, and for what was never queued."""
    if not platform().has_jobs():
        return False
    with platform().jobs() as jobs:
        job = jobs.find(job_id)
    return job is not None and job.ended is None
