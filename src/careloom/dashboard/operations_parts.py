"""What pages of operations share: their tabs, names of kinds of jobs, tables of jobs, windows of time."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from dash import html
from dash.development.base_component import Component

from careloom.client.jobs import Job
from careloom.dashboard import forms, words
from careloom.dashboard.address import href
from careloom.dashboard.parts import Column, Contents, Table, link, state, time
from careloom.dashboard.session import Person

WHOLE = {
    "ok": ("Everything works", "good"),
    "degraded": ("Something needs a look", "warn"),
    "failed": ("Something vital has failed", "bad"),
}
TITLE = "Operations"
ROOM = "operations"
TRAIL = ((TITLE, href(ROOM)),)
KINDS = {
    "ingest": "Ingestion", "export": "Export", "deidentify": "De-identification", "linkage": "Record linkage",
    "duplicates": "Search for duplicates", "normalize": "Normalization", "quality": "Data quality",
    "annotate": "Reading of notes", "audit-verify": "Audit verification", "lake-refresh": "Refresh of a table",
    "monitor": "Look at a model", "models-mirror": "Mirror of models", "models-pipeline": "Training pipeline",
    "score-cohort": "Scores of a cohort", "synthesize": "Synthetic data", "train-risk": "Training of a risk model",
    "index-parameters": "Indexing for search", "erase": "Erasure", "report": "Scheduled report",
}  # fmt: skip
"""Kind of a job -> what people call it; another kind is told as it is."""
WINDOWS = {"1h": ("Hour", 1), "24h": ("Day", 24), "7d": ("Week", 168), "30d": ("30 days", 720)}
"""What stands in an address -> words, hours."""


def tabs(person: Person, active: str) -> Component:
    """The pages of operations that this person may see; `active` is the last part of the address."""
    every = [("", "Health", True), ("jobs", "Jobs", True), ("queues", "Queue", True)]
    every += [(name, title, person.may_operate) for name, title in
              (("logs", "Logs"), ("usage", "API usage"), ("costs", "Costs"))]  # fmt: skip
    shown = [(title, href(ROOM, name) if name else href(ROOM), name == active) for name, title, may in every if may]
    return forms.tabs("Operations", shown)


def window(chosen: str, now: datetime) -> tuple[str, datetime]:
    """(the key of a window, when it begins); a day for what is none."""
    key = chosen if chosen in WINDOWS else "24h"
    return key, now - timedelta(hours=WINDOWS[key][1])


def windows(active: str, *place: str, **kept: str) -> Component:
    """Links to the same page over another stretch of time."""
    each = [(words_, href(*place, window=key, **kept), key == active) for key, (words_, _) in WINDOWS.items()]
    return forms.tabs("Time", each)


def kind_of(name: str) -> str:
    """``Ingestion`` for ``ingest``."""
    return KINDS.get(name, name.replace("-", " ").capitalize())


_COLUMNS = [
    Column("Job (queued, UTC)"), Column("State", "tight"), Column("Asked by", "wide-only"),
    Column("Tries", "right wide-only"), Column("Took", "right wide-only"), Column("CPU", "right wide-only"),
]  # fmt: skip
_SHORT = [Column("Job (queued, UTC)"), Column("State", "tight"), Column("Asked by", "wide-only")]


def job_table(caption: str, jobs: Iterable[Job], *, is_short: bool = False) -> Component:
    """Jobs, one a row, each with the way to its page. `is_short` leaves out what they took."""
    rows = [_row(job)[: 3 if is_short else None] for job in jobs]
    return Table(caption, _SHORT if is_short else _COLUMNS, rows).shown()


def _row(job: Job) -> tuple[Contents, ...]:
    name = [
        link(kind_of(job.kind), href(ROOM, "jobs", job.id)),
        html.Div(time(job.created), className="soft small"),
    ]
    end = [state(job.state), progress(job) if job.state == "running" else None]
    if job.error:
        end.append(html.Div(html.Code(job.error), className="soft small"))
    took = words.lasting(job.started, job.ended) if job.wall_seconds is None else words.seconds(job.wall_seconds)
    return html.Div(name), html.Div(end), job.actor, words.number(job.attempts), took, words.seconds(job.cpu_seconds)


def progress(job: Job) -> Component | None:
    """How far a job is; nothing before its size is known."""
    if not job.progress.total:
        return None
    percent = min(100, 100 * job.progress.done // job.progress.total)
    said: dict[str, Any] = {
        "role": "progressbar", "aria-valuenow": str(percent), "aria-valuemin": "0", "aria-valuemax": "100",
        "aria-label": f"{kind_of(job.kind)} {job.id}",
    }  # fmt: skip
    filled = html.Div(html.Span(style={"width": f"{percent}%"}), className="bar", **said)
    told = f"{job.progress.done:,} of {job.progress.total:,} ({percent} %)"
    return html.Div([filled, html.Span(told, className="soft small number")], className="progress")
