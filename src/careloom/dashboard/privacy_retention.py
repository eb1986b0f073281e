"""Retention: what is kept for how long and why, what is due now, and the legal holds that stand against it."""

from dash import html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.subject_reports import RetentionDue, SubjectRule
from careloom.dashboard import session, words
from careloom.dashboard.address import href
from careloom.dashboard.parts import (
    Column,
    Content,
    Contents,
    Page,
    Table,
    as_of,
    badge,
    card,
    command,
    head,
    link,
    note,
    tile,
    tiles,
    time,
)
from careloom.dashboard.privacy_parts import ROOM, TRAIL, tabs
from careloom.dashboard.session import Person

TITLE = "Retention"
NAMES = {
    "landing": "Source records", "quarantine": "Quarantine", "exports": "Exports", "jobs": "Jobs", "backups": "Backups",
    "relinking-keys": "Keys of pseudonyms", "samples": "Synthetic samples", "predictions": "Predictions",
    "audit": "Audit chains", "tombstones": "Marks of erased patients", "certificates": "Certificates of erasure",
}  # fmt: skip
_RULES = [
    Column("What"), Column("Kept", "tight"), Column("Due", "right"), Column("Held", "right wide-only"),
    Column("Oldest (UTC)", "tight wide-only"), Column("Why", "wide-only"),
]  # fmt: skip
_HOLDS = [Column("Since (UTC)", "tight"), Column("Keeps"), Column("Why"), Column("Set by", "wide-only")]


def page(api: Careloom, person: Person) -> Page:
    """The plan of retention and the legal holds."""
    plan, rules = api.subjects.retention().items, api.subjects.rules()
    holds = [rule for rule in rules if rule.kind == "hold"]
    due = sum(one.due for one in plan if one.removes)
    lead = "What is kept for how long and why. Nothing goes by itself: somebody runs retention, and it is audited."
    content: list[Content] = [head(TITLE, lead=lead, aside=as_of(session.now())), tabs(person, "retention")]
    content += [
        tiles(
            [
                tile("Due", words.number(due), "would go if retention ran now"),
                tile("Held", words.number(sum(one.held for one in plan)), "due, but kept by a hold"),
                tile("Legal holds", words.number(len(holds)), "in force"),
            ]
        ),
        card("Rules", Table("Retention by rule", _RULES, [_row(one) for one in plan]).shown()),
        _holds(holds),
        _run(due),
    ]
    return Page(TITLE, content, TRAIL)


def _row(one: RetentionDue) -> tuple[Contents, ...]:
    name = [html.Div(NAMES.get(one.rule, one.rule)), html.Div(html.Code(one.rule), className="soft small")]
    due: Contents = words.number(one.due)
    if one.due and one.removes:
        due = badge(words.number(one.due), "warn")
    why = [html.Div(one.why[:1].upper() + one.why[1:]), html.Div(one.source, className="soft small")]
    return html.Div(name), one.keep, due, words.number(one.held), time(one.oldest), html.Div(why)


def _holds(holds: list[SubjectRule]) -> Component:
    ways = link("Set or end a hold", href(ROOM, "requests"))
    if not holds:
        return card("Legal holds", html.P("None is in force.", className="soft"), aside=ways)
    rows = [
        (
            time(one.created),
            f"The {words.ZONES.get(one.zone, one.zone).lower()} zone" if not one.patient else "One patient",
            one.reason,
            one.actor,
        )
        for one in holds
    ]
    return card("Legal holds", Table("Legal holds in force", _HOLDS, rows).shown(), aside=ways)


def _run(due: int) -> Component:
    if not due:
        return note("Nothing is due.", "Look again another day.", tone="good")
    said = "On the server, first without a change, then for good:"
    lines = command("careloom retain plan\ncareloom retain run --yes", "Run retention")
    return card("Remove what is due", [html.P(said), lines])
