"""Routes of jobs: list, show, log, follow, cancel, run again. One's own, or everybody's for who may operate."""

from typing import Any

from flask import Response, request
from flask_openapi3 import APIBlueprint, OpenAPI, Tag

from careloom.api import job_events, job_links
from careloom.api.answers import answers, document, json_answer, problems
from careloom.api.context import platform, who
from careloom.api.jobs_schemas import STREAM, Job, JobPage, JobPath, JobsQuery, LogPage, LogQuery, NoQuery
from careloom.api.schemas import Problem
from careloom.services import jobs_shown as service
from careloom.store.jobs import JobFilter

_TAG = Tag(name="Jobs", description="Long work: what runs, what ran, what failed; stop it, or run it again.")
_SCOPE: list[dict[str, list[str]]] = [{"oauth2": ["careloom/operate"]}]
_REFUSALS = (400, 401, 403, 409, 500, 503)

jobs = APIBlueprint("jobs", __name__, url_prefix="/api/v1/jobs", abp_tags=[_TAG])


def register(app: OpenAPI) -> None:
    """Adds the routes, room for those who follow jobs, and links from answers that queue work."""
    document(jobs, Problem, Job, JobPage, LogPage)
    job_events.install(app, app.extensions["careloom"].settings.api.threads)
    job_links.install(app)
    app.register_api(jobs)


def _stream() -> dict[str, Any]:
    text = {"type": "string"}
    schema = {
        "type": "object",
        "description": "One event.",
        "properties": {
            "id": text,
            "event": {"type": "string", "enum": ["log", "progress", "end"]},
            "data": {"type": "string", "contentMediaType": "application/json"},
        },
        "required": ["id", "event", "data"],
    }
    return {
        "description": "Events: `log` a line, `progress` the job as it goes on, `end` the job that has ended.",
        "content": {job_events.STREAM: {"schema": schema, "example": STREAM}},
    }


@jobs.get(
    "",
    summary="List jobs",
    operation_id="list_jobs",
    security=_SCOPE,
    responses={200: answers(JobPage, "A page of jobs, newest first."), **problems(*_REFUSALS)},
)
def listed(query: JobsQuery) -> Response:
    """With careloom/operate those of everybody, without it the caller's own."""
    wanted = JobFilter(query.kind, query.state, query.actor, query.since, query.until)
    return json_answer(service.list_page(platform(), who(), service.JobsAsk(wanted, query.limit, query.cursor)))


@jobs.get(
    "/<job_id>",
    summary="Show one job",
    operation_id="show_job",
    security=_SCOPE,
    responses={200: answers(Job, "The job as it stands."), **problems(*_REFUSALS, 404)},
)
def shown(path: JobPath, query: NoQuery) -> Response:
    """404 also for a job of somebody else, to who may not operate."""
    return json_answer(service.show_one(platform(), who(), path.job_id))


@jobs.get(
    "/<job_id>/log",
    summary="Read the log of a job",
    operation_id="job_log",
    security=_SCOPE,
    responses={200: answers(LogPage, "A page of its log, oldest first."), **problems(*_REFUSALS, 404)},
)
def log(path: JobPath, query: LogQuery) -> Response:
    """Fixed codes with their times."""
    return json_answer(service.log_page(platform(), who(), path.job_id, after=query.after, limit=query.limit))


@jobs.get(
    "/<job_id>/events",
    summary="Follow a job",
    operation_id="follow_job",
    security=_SCOPE,
    responses={
        200: _stream(),
        204: {"description": "The job has ended, and the header Last-Event-ID shows that the caller knows."},
        **problems(*_REFUSALS, 404),
    },
)
def events(path: JobPath, query: NoQuery) -> Response:
    """Server-sent events. An answer is open for 20 seconds at most; connect again with the header Last-Event-ID, as
    browsers do by themselves. 503 while as many follow jobs as the server takes at once, or two streams are yours."""
    last, caller = request.headers.get("Last-Event-ID", ""), who()
    watch = service.watch(platform(), caller, path.job_id, last)
    if request.method == "HEAD":
        return Response(content_type=job_events.STREAM)
    return job_events.streamed(watch, caller.name)


@jobs.post(
    "/<job_id>/cancel",
    summary="Stop a job",
    operation_id="cancel_job",
    security=_SCOPE,
    responses={200: answers(Job, "The job, cancelled."), **problems(*_REFUSALS, 404)},
)
def cancelled(path: JobPath) -> Response:
    """At once while it waits; what runs ends at its next report. The caller's own job needs the rights with which it
    was queued."""
    return json_answer(service.cancel_one(platform(), who(), path.job_id))


@jobs.post(
    "/<job_id>/retry",
    summary="Run a job again",
    operation_id="retry_job",
    security=_SCOPE,
    responses={200: answers(Job, "The job, which waits again."), **problems(*_REFUSALS, 404)},
)
def retried(path: JobPath) -> Response:
    """One that failed or was cancelled, with all its tries; it goes on after what it had committed. 409 for any
    other, and where what it was asked is not kept any more."""
    return json_answer(service.retry_one(platform(), who(), path.job_id))
