"""The queue: what waits for the worker, by kind, and for how long."""

from collections import Counter

from dash import html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.jobs import Job, JobFilter
from careloom.dashboard import session, words
from careloom.dashboard.operations_parts import TRAIL, job_table, kind_of, tabs
from careloom.dashboard.parts import Column, Content, Page, Table, as_of, bar, card, head, note, tile, tiles
from careloom.dashboard.session import Person

TITLE = "Queue"
MOST = 200
LISTED = 25


def page(api: Careloom, person: Person) -> Page:
    """What waits and what runs, as this person may see it."""
    now = session.now()
    waiting = api.jobs.page(JobFilter(state="waiting"), limit=MOST)
    running = api.jobs.page(JobFilter(state="running"), limit=MOST).items
    lead = "One worker runs the jobs of an installation, one after the other, the oldest first."
    content: list[Content] = [head(TITLE, lead=lead, aside=as_of(now)), tabs(person, "queues")]
    content.append(_tiles(waiting.items, running, is_more=waiting.next is not None))
    if running:
        content.append(card("Running", job_table("Jobs that run", running)))
    if waiting.items:
        first = list(reversed(waiting.items))
        table = job_table("Jobs that wait, the next first", first[:LISTED])
        columns = html.Div([_kinds(waiting.items), card("Next", table)], className="columns columns-1-1")
        content.append(columns)
    else:
        content.append(note("Nothing waits.", "What is queued now begins at once.", tone="good"))
    return Page(TITLE, content, TRAIL, is_live=True)


def _tiles(waiting: tuple[Job, ...], running: tuple[Job, ...], *, is_more: bool) -> Component:
    due = [job for job in waiting if job.due is None or job.due <= session.now()]
    later = len(waiting) - len(due)
    oldest = words.lasting(min(job.created for job in due), session.now()) if due else words.NONE
    return tiles(
        [
            tile("Waiting", f"{len(waiting):,}{'+' if is_more else ''}", "jobs"),
            tile("Oldest", oldest, "waits for the worker"),
            tile("For later", words.number(later), "begin at a time, or after a failed try"),
            tile("Running", words.number(len(running)), kind_of(running[0].kind) if running else "nothing"),
        ]
    )


def _kinds(waiting: tuple[Job, ...]) -> Component:
    counted = Counter(job.kind for job in waiting).most_common()
    rows = [(kind_of(kind), bar((count, ""), whole=counted[0][1]), words.number(count)) for kind, count in counted]
    columns = [Column("Kind"), Column("Share", "bar-cell", True), Column("Jobs", "right")]
    return card("Waiting by kind", Table("Jobs that wait by kind", columns, rows).shown())
