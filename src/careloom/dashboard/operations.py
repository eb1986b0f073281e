"""Operations: how everything is that the platform depends on, what waits, and what failed last."""

from collections.abc import Callable

from dash import html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.jobs import Job, JobFilter
from careloom.client.operations_reports import DependencyState, Health
from careloom.dashboard import (
    operations_costs,
    operations_jobs,
    operations_logs,
    operations_queues,
    operations_usage,
    session,
    words,
)
from careloom.dashboard.address import Address, href
from careloom.dashboard.operations_parts import ROOM, TITLE, WHOLE, job_table, tabs
from careloom.dashboard.parts import (
    Column,
    Content,
    Contents,
    Page,
    Table,
    as_of,
    badge,
    card,
    head,
    link,
    note,
    tile,
    tiles,
)
from careloom.dashboard.session import Person
from careloom.errors import NotFound

STATES = {"ok": ("Works", "good"), "degraded": ("Degraded", "warn"), "failed": ("Failed", "bad"), "off": ("Off", "")}
NAMES = {
    "keys": "Keys", "store-identified": "Store of the identified zone", "store-research": "Store of the research zone",
    "store-synthetic": "Store of the synthetic zone", "queue": "Queue of jobs", "worker": "Worker", "disk": "Disk",
    "signing-keys": "Keys that sign tokens", "retraining": "Rights to train models again", "redis": "Redis",
    "mlflow": "MLflow", "collector-metrics": "Collector of metrics", "collector-traces": "Collector of traces",
}  # fmt: skip
REASONS = {
    "waits-long": "A job has waited for more than an hour.",
    "disk-low": "Less than 5 % of the disk is free.",
    "keys-old": "The key that signs tokens is due for renewal.",
    "rights-missing": "Nobody wrote down the rights to train some models again.",
    "worker.setup": "Nobody runs jobs. The server starts a worker, or careloom worker does.",
}
_COLUMNS = [
    Column("What"), Column("State", "tight"), Column("Answered in", "right wide-only"), Column("Numbers", "wide-only"),
]  # fmt: skip
FAILED_SHOWN = 5


def page(api: Careloom, person: Person, address: Address, below: list[str]) -> Page:
    """The page of an address below ``operations``. raises NotFound, and what the API refuses"""
    match below:
        case []:
            return _overview(api, person)
        case ["jobs"]:
            return operations_jobs.page(api, person, address)
        case ["jobs", job_id]:
            return operations_jobs.job_page(api, person, job_id)
        case ["queues"]:
            return operations_queues.page(api, person)
        case ["logs"]:
            return operations_logs.page(api, person, address)
        case ["usage"]:
            return operations_usage.page(api, person, address)
        case ["costs"]:
            return operations_costs.page(api, person, address)
    raise NotFound("there is no such page", "Choose one on the left.")


def _overview(api: Careloom, person: Person) -> Page:
    health = api.health() if person.sees_health else None
    lead = "Whether everything works, what waits, and what went wrong last."
    content: list[Content] = [head(TITLE, lead=lead, aside=as_of(session.now())), tabs(person, "")]
    running = api.jobs.page(JobFilter(state="running"), limit=20).items
    failed = api.jobs.page(JobFilter(state="failed"), limit=FAILED_SHOWN).items
    if health is not None:
        content += [_tiles(health, running), _dependencies(health)]
    content.append(html.Div([_running(running), _failed(failed)], className="columns columns-1-1"))
    return Page(TITLE, content, is_live=True)


def _tiles(health: Health, running: tuple[Job, ...]) -> Component:
    said, _ = WHOLE[health.state]
    looked_at = [one for one in health.dependencies if one.state != "off"]
    well = sum(one.state == "ok" for one in looked_at)
    numbers = {one.name: one.numbers for one in health.dependencies}
    waiting = numbers.get("queue", {}).get("waiting")
    oldest = numbers.get("queue", {}).get("oldest_waiting_seconds", 0.0)
    free, share = numbers.get("disk", {}).get("free_bytes"), numbers.get("disk", {}).get("free_share")
    return tiles(
        [
            tile("Health", f"{well} of {len(looked_at)}", said),
            tile("Running", words.number(len(running)), "jobs now"),
            tile("Waiting", words.number(None if waiting is None else round(waiting)),
                 f"the oldest for {words.seconds(oldest)}" if waiting else "nothing in the queue"),
            tile("Free disk", words.size(None if free is None else round(free)), f"{words.share(share)} of the disk"),
        ]
    )  # fmt: skip


def _dependencies(health: Health) -> Component:
    order = {"failed": 0, "degraded": 1, "ok": 2, "off": 3}
    rows = [_row(one) for one in sorted(health.dependencies, key=lambda one: order[one.state])]
    said, tone = WHOLE[health.state]
    return card("What the platform depends on", Table("Dependencies", _COLUMNS, rows).shown(), aside=badge(said, tone))


def _row(one: DependencyState) -> tuple[Contents, ...]:
    said, tone = STATES[one.state]
    why = REASONS.get(f"{one.name}.{one.reason}", REASONS.get(one.reason, one.reason))
    name = [html.Div(NAMES.get(one.name, one.name)), html.Div(why, className="soft small") if why else None]
    took = words.seconds(one.seconds) if one.state != "off" else words.NONE
    return html.Div(name), badge(said, tone), took, _numbers(one)


def _numbers(one: DependencyState) -> str:
    if one.state == "off":
        return "Nothing here needs it."
    shown: dict[str, Callable[[float], str]] = {
        "waiting": lambda value: f"{value:,.0f} waiting",
        "oldest_waiting_seconds": lambda value: f"the oldest for {words.seconds(value)}" if value else "",
        "free_bytes": lambda value: f"{words.size(round(value))} free",
        "free_share": words.share,
        "oldest_days": lambda value: words.count_of(round(value), "day") + " old",
        "versions": lambda value: words.count_of(round(value), "model") + " in use",
        "without_rights": lambda value: f"{value:,.0f} without rights" if value else "",
    }
    each = [shown[name](value) if name in shown else f"{name} {value:g}" for name, value in one.numbers.items()]
    return ", ".join(text for text in each if text) or words.NONE


def _running(jobs: tuple[Job, ...]) -> Component:
    if not jobs:
        return card("Running now", html.P("No job runs.", className="soft"))
    return card("Running now", job_table("Jobs that run", jobs, is_short=True))


def _failed(jobs: tuple[Job, ...]) -> Component:
    every = link("All failed jobs", href(ROOM, "jobs", state="failed"))
    if not jobs:
        return card("Failed last", note("No job has failed.", tone="good"))
    return card("Failed last", job_table("Jobs that failed last", jobs, is_short=True), aside=every)
