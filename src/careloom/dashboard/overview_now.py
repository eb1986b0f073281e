"""The overview's news: whether everything works, what runs and what rings now, what changed since yesterday."""

from datetime import datetime, timedelta

from dash import html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.jobs import Job, JobFilter
from careloom.client.reports import DayCount, Overview, ZoneCounts
from careloom.dashboard import words
from careloom.dashboard.address import href
from careloom.dashboard.operations_parts import WHOLE
from careloom.dashboard.parts import Column, Contents, Table, badge, card, link, note, time
from careloom.dashboard.session import Person
from careloom.errors import CareloomError, Unauthenticated

JOBS_SHOWN = 5
OLD = timedelta(days=2)
"""After so long without a change a zone is marked as old."""


def standing(api: Careloom, person: Person, seen: Overview) -> Component | None:
    """One line of what needs a look now, each with the page that tells more; None where there is nothing to tell."""
    shown: list[Component] = []
    health = _health(api) if person.sees_health else ""
    if health:
        said, tone = WHOLE[health]
        shown.append(link(badge(said, tone), href("operations")))
    alarms = [zone.alarms for zone in seen.zones if zone.alarms is not None]
    if alarms and person.sees_models:
        ringing = sum(alarms)
        said = f"{words.count_of(ringing, 'alarm')} of models" if ringing else "No alarm of models"
        shown.append(link(badge(said, "warn" if ringing else "good"), href("models")))
    if seen.refused is not None and seen.refused.waiting and person.has_quarantine:
        waits = words.count_of(seen.refused.waiting, "record")
        shown.append(link(badge(f"{waits} in quarantine", "warn"), href("quarantine")))
    if seen.jobs is not None and seen.jobs.failed:
        failed = badge(f"{words.count_of(seen.jobs.failed, 'job')} failed", "bad")
        shown.append(link(failed, href("operations", "jobs", state="failed")))
    running = _running(api) if seen.jobs is not None and seen.jobs.running else ()
    lines: list[Component] = [html.Div(shown, className="chips standing")] if shown else []
    lines += [_job(job) for job in running]
    return html.Div(lines, className="stack") if lines else None


def _health(api: Careloom) -> str:
    """The state of the whole; empty where the API does not tell."""
    try:
        return api.health().state
    except Unauthenticated:
        raise
    except CareloomError:
        return ""


def _running(api: Careloom) -> tuple[Job, ...]:
    try:
        return tuple(api.jobs.page(JobFilter(state="running"), limit=JOBS_SHOWN).items)
    except Unauthenticated:
        raise
    except CareloomError:
        return ()


def _job(job: Job) -> Component:
    done, total = job.progress.done, job.progress.total
    far = f"{100 * done // total} %" if total else "has begun"
    name = job.kind[:1].upper() + job.kind[1:].replace("-", " ")
    return note(f"{name} runs", link(f"{far}, by {job.actor}", href("operations", "jobs", job.id)), role="status")


def changes(seen: Overview) -> Component | None:
    """What the last day brought beside the day before; None for who may not monitor arrivals."""
    if seen.arrivals is None:
        return None
    today = seen.generated.date()
    days = {each.day: each for each in seen.arrivals.by_day}
    now, before = (days.get(day.isoformat(), DayCount(day.isoformat(), 0, 0)) for day in (today, today - timedelta(1)))
    rows: list[tuple[Contents, ...]] = [
        ("Stored", words.number(now.stored), words.number(before.stored), _step(now.stored - before.stored)),
        (
            "Quarantined", words.number(now.quarantined), words.number(before.quarantined),
            _step(now.quarantined - before.quarantined),
        ),
    ]  # fmt: skip
    columns = [Column("Records"), Column("Today", "right"), Column("Yesterday", "right"), Column("Change", "right")]
    return card("Since yesterday", Table("Records of today beside yesterday (UTC)", columns, rows).shown(),
                aside=html.P("days in UTC", className="soft"))  # fmt: skip


def _step(difference: int) -> str:
    return "±0" if not difference else f"{difference:+,}".replace("-", "−")


def zones(seen: Overview) -> Component:
    """What each zone holds, and how fresh it is."""
    rows = [_zone(zone, seen.generated) for zone in seen.zones]
    if not rows:
        return card("Freshness", html.P("No zone holds anything that you may see.", className="soft"))
    columns = [Column("Zone"), Column("Patients", "right"), Column("Resources", "right"), Column("Changed last (UTC)"),
               Column("State", "tight", True)]  # fmt: skip
    return card("Freshness", Table("Zones, what they hold and when they changed last", columns, rows).shown())


def _zone(zone: ZoneCounts, now: datetime) -> tuple[Contents, ...]:
    fresh = badge("Empty")
    if zone.changed is not None:
        is_old = now - zone.changed > OLD
        fresh = badge(f"{(now - zone.changed).days} days old", "warn") if is_old else badge("Fresh", "good")
    return (
        words.ZONES.get(zone.zone, zone.zone), words.number(zone.resources.get("Patient", 0)),
        words.number(zone.total), time(zone.changed), fresh,
    )  # fmt: skip
