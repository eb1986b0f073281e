"""Jobs: found by state, kind and asker; and one as it goes, with its log, to be stopped or run again."""

from typing import Any

from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.jobs import Job, JobFilter, LogLine
from careloom.dashboard import forms, session, words
from careloom.dashboard.address import Address, href, read
from careloom.dashboard.calls import ApiOf, signed_in
from careloom.dashboard.operations_parts import KINDS, ROOM, TRAIL, job_table, kind_of, progress, tabs
from careloom.dashboard.parts import (
    Column,
    Content,
    Page,
    Table,
    as_of,
    card,
    head,
    link,
    note,
    state,
    tile,
    tiles,
    time,
)
from careloom.dashboard.session import Person
from careloom.errors import CareloomError

TITLE = "Jobs"
SHOWN = 25
LINES_SHOWN = 500
LIVE_MILLISECONDS = 2000
PLACES = {
    "/api/v1/ingestions/": ("runs",),
    "/api/v1/deidentifications/": ("deidentify",),
    "/api/v1/quality/looks/": ("quality",),
    "/api/v1/normalizations/": ("normalize",),
    "/api/v1/nlp/annotations/": ("notes", "runs"),
}
"""Where the API shows what a job makes -> the page of this dashboard that does."""
CODES = {
    "jobs.recovered": "Its worker died; it was begun again.",
    "jobs.stopped": "Its worker was asked to end; it was begun again.",
    "jobs.cancelled": "It stopped because somebody cancelled it.",
    "jobs.timed-out": "It took longer than it may and was stopped.",
    "jobs.killed": "It took longer than it may and was stopped with its worker.",
    "internal": "A fault of the programme. Tell its makers, with the id.",
    "access": "Who asked for it may not do so any more.",
    "input": "What it was asked for, or what it read, is not as it must be.",
    "input.format": "What it read is not of the format that it was said to be.",
    "input.not-found": "Something that it was asked for is not there any more.",
    "state.conflict": "Somebody else was writing at that time.",
    "setup.unavailable": "The database or its disk did not answer.",
    "state.timed-out": "It took longer than such a job may.",
}


def page(api: Careloom, person: Person, address: Address) -> Page:
    """One page of the list; filters and the place in the list stand in the address."""
    wanted = {name: address.query.get(name, "") for name in ("state", "kind", "actor")}
    cursor = address.query.get("cursor", "")
    found = api.jobs.page(
        JobFilter(state=wanted["state"], kind=wanted["kind"], actor=wanted["actor"]), limit=SHOWN, cursor=cursor
    )
    lead = "Long work: what waits, runs and ended." if person.may_operate else "The long work that you asked for."
    content: list[Content] = [head(TITLE, lead=lead, aside=as_of(session.now())), tabs(person, "jobs")]
    content.append(_filters(person, wanted))
    if found.items:
        table = job_table("Jobs, newest first", found.items)
        content.append(card("Newest first", [table, _pager(wanted, cursor, found.next)]))
    elif any(wanted.values()) or cursor:
        content.append(card("No job fits", html.P(link("Show all jobs", href(ROOM, "jobs")))))
    else:
        said = (
            "Whatever takes longer than a second becomes a job: an ingestion, an export, a training. None was queued."
        )
        content.append(card("No jobs yet", html.Div(html.P(said), className="empty")))
    return Page(TITLE, content, TRAIL, is_live=not cursor and not any(wanted.values()))


def _filters(person: Person, wanted: dict[str, str]) -> Component:
    kinds = {"": "Every kind"} | dict(sorted(KINDS.items(), key=lambda each: each[1]))
    fields: list[Component | None] = [
        forms.choice("state", "State", {"": "Every state", **words.STATES}, wanted["state"]),
        forms.choice("kind", "Kind", kinds, wanted["kind"]),
        forms.text("actor", "Asked by", wanted["actor"], placeholder="Name") if person.may_operate else None,
    ]
    return forms.filters(href(ROOM, "jobs"), fields, reset=any(wanted.values()))


def _pager(wanted: dict[str, str], cursor: str, following: str | None) -> Component | None:
    if not cursor and not following:
        return None
    newest = link("Newest", href(ROOM, "jobs", **wanted), className="button button-small") if cursor else None
    target = href(ROOM, "jobs", **wanted, cursor=following or "")
    older = link("Older", target, className="button button-small") if following else None
    labelled: dict[str, Any] = {"aria-label": "More jobs"}
    return html.Div(html.Nav([newest, older], **labelled), className="pager")


def job_page(api: Careloom, person: Person, job_id: str) -> Page:
    """One job; what changes is asked for again every two seconds until it has ended."""
    job = api.jobs.get(job_id)
    title = kind_of(job.kind)
    live = html.Div(_live(api, job), id="job-live", className="stack-page")
    tick = dcc.Interval(id="job-tick", interval=LIVE_MILLISECONDS, disabled=job.has_ended)
    lead = html.Span(["Queued ", time(job.created), f" UTC by {job.actor}."])
    return Page(title, [head(title, lead=lead), live, tick], (*TRAIL, (TITLE, href(ROOM, "jobs"))))


def register(app: Dash, api_of: ApiOf) -> None:
    """Adds the callback that tells how a job goes on."""

    @app.callback(
        Output("job-live", "children"),
        Output("job-tick", "disabled"),
        Input("job-tick", "n_intervals"),
        State("url", "pathname"),
        prevent_initial_call=True,
    )
    def follow(_ticks: int, path: str | None) -> Any:
        parts = read(path, "").parts
        if len(parts) != 3 or parts[:2] != (ROOM, "jobs"):
            return no_update, no_update
        try:
            with signed_in(api_of) as api:
                job = api.jobs.get(parts[2])
                return _live(api, job), job.has_ended
        except CareloomError:
            return no_update, no_update


def _live(api: Careloom, job: Job) -> list[Content]:
    lines = []
    for line in api.jobs.log(job.id):
        lines.append(line)
        if len(lines) == LINES_SHOWN:
            break
    return [_ended(job), _tiles(job), _about(job), _log(lines)]


def _ended(job: Job) -> Component | None:
    if job.error:
        return note(
            f"It failed: {job.error}",
            CODES.get(job.error, "The log below, and the log of the server at that time, say more."),
            tone="bad",
            role="alert",
        )
    if job.state == "cancelled":
        return note("It was cancelled", "What it had committed by then stays.", tone="warn")
    return None


def _tiles(job: Job) -> Component:
    took = words.lasting(job.started, job.ended) if job.wall_seconds is None else words.seconds(job.wall_seconds)
    share = f"{100 * job.progress.done // job.progress.total} %" if job.progress.total else words.NONE
    total = (
        f"{job.progress.done:,} of {job.progress.total:,}" if job.progress.total else "nobody knows how much there is"
    )
    shown = [
        tile("State", words.STATES.get(job.state, job.state), words.count_of(job.attempts, "try", "tries")),
        tile("Progress", "100 %" if job.state == "done" else share, "all of it" if job.state == "done" else total),
        tile("Took", took if job.ended else words.lasting(job.started, session.now()), "of time, over all tries"),
        tile("Processor", words.seconds(job.cpu_seconds),
             "measured by its worker" if job.cpu_seconds is not None else "told after the first try"),
    ]  # fmt: skip
    return tiles(shown)


def _about(job: Job) -> Component:
    facts = [
        ("Id", html.Code(job.id)), ("Kind", html.Code(job.kind)), ("Began", time(job.started)),
        ("Ended", time(job.ended)), ("Begins at", time(job.due) if job.due else None),
        ("Read", words.size(job.bytes) if job.bytes is not None else None),
        ("Tries that failed in a row", words.number(job.failures) if job.failures else None),
    ]  # fmt: skip
    shown = [html.Div([html.Dt(name), html.Dd(value)]) for name, value in facts if value is not None]
    bar = progress(job) if job.state == "running" else None
    return card("About it", [html.Dl(shown, className="facts"), bar, _acts(job)], aside=_way(job))


def _way(job: Job) -> Component:
    for place, page_ in PLACES.items():
        if job.state in ("running", "done") and job.about and job.about.startswith(place):
            return link("What it makes", href(*page_, job.about.removeprefix(place)))
    return state(job.state)


def _acts(job: Job) -> Component | None:
    if job.state in ("waiting", "running"):
        said = "It stops at its next report. What it has committed by then stays."
        button = forms.act(f"job-cancel/{job.id}", "Yes, cancel it")
        return forms.asked_twice("Cancel this job", said, button)
    if job.state in ("failed", "cancelled"):
        said = "It waits again, and goes on after what it had committed."
        return forms.asked_twice("Run it again", said, forms.act(f"job-retry/{job.id}", "Yes, run it again"))
    return None


def _log(lines: list[LogLine]) -> Component:
    if not lines:
        return card("Log", html.P("Nothing was noted: a job that goes well says little.", className="soft"))
    rows = [(words.clock(line.time), html.Code(line.code), _meaning(line.code)) for line in lines]
    columns = [Column("Time", "tight"), Column("Code"), Column("What it means")]
    more = html.P(f"The first {LINES_SHOWN} lines.", className="hint") if len(lines) == LINES_SHOWN else None
    return card("Log", [Table("Log of the job, oldest first", columns, rows).shown(), more])


def _meaning(code: str) -> str:
    if code.startswith("jobs.retry."):
        return f"It waits for its next try. {CODES.get(code.removeprefix('jobs.retry.'), '')}".strip()
    if code.startswith("jobs.broken."):
        return CODES["internal"]
    return CODES.get(code, words.NONE)
