"""Duplicates: what is there twice by type and kind, and the groups. Ids only; no value of a patient is here."""

from typing import Any

from dash import html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.duplicates_reports import DuplicateGroup, DuplicateMember, DuplicatePage
from careloom.dashboard import words
from careloom.dashboard.address import PREFIX, Address, href
from careloom.dashboard.linkage import TITLE as LINKAGE
from careloom.dashboard.linkage import tabs
from careloom.dashboard.parts import (
    Column,
    Content,
    Contents,
    Page,
    Table,
    badge,
    card,
    head,
    link,
    note,
    queued,
    tile,
    tiles,
    time,
)
from careloom.dashboard.session import Person

TITLE = "Duplicates"
GROUPS_SHOWN = 25
MEMBERS_SHOWN = 5
KINDS = {"content": ("Same content", "good"), "event": ("Same event", "warn")}
MEANING = (
    "Same content: nothing differs but ids and where they came from. "
    "Same event: told in other words; look at both before you leave one out."
)
COUNT_COLUMNS = [
    Column("Type"), Column("What is the same", "tight"), Column("Groups", "right wide-only"),
    Column("Too many", "right"),
]  # fmt: skip
GROUP_COLUMNS = [
    Column("Type"), Column("What is the same", "tight"), Column("Resources", "right wide-only"),
    Column("Which", "wide-only"), Column("Patients"),
]  # fmt: skip


def page(api: Careloom, person: Person, address: Address) -> Page:
    """The newest look. ``?type=`` and ``?kind=`` narrow the groups, ``?after=`` continues where a page ended."""
    kind, name, after = (address.query.get(one, "") for one in ("kind", "type", "after"))
    kind = kind if kind in KINDS else ""
    found = api.linkage.duplicates.groups(resource_type=name, kind=kind, limit=GROUPS_SHOWN, cursor=after)
    waits = address.query.get("queued", "")
    lead = "Resources of one person that are there twice, over all linked records. Nothing is removed."
    content: list[Content] = [
        head(LINKAGE, lead=lead, aside=tabs(TITLE)),
        queued(api.linkage.duplicates.state(waits), "resources", href("linkage", "duplicates")) if waits else None,
    ]
    if found.look is None:
        content.append(None if waits else _never())
    else:
        content += [_tiles(found), _counts(found), _groups(found, person, (name, kind), after)]
    return Page(TITLE, content, is_live=bool(waits))


def look_now() -> Component:
    """A button that queues a look."""
    button = html.Button("Look now", type="submit", className="button button-small")
    return html.Form(button, method="post", action=f"{PREFIX}/duplicates-look")


def _never() -> Component:
    said = [
        html.P("Nobody has looked for duplicates yet. A look reads every resource; it removes nothing."),
        look_now(),
        html.P(["Or on the command line: ", html.Code("careloom linkage duplicates")]),
    ]
    return card("No look yet", html.Div(said, className="empty"))


def _tiles(found: DuplicatePage) -> Component:
    looked = found.look
    surplus = sum(one.surplus for one in found.counts)
    return tiles(
        [
            tile("Groups", words.number(looked.group_count if looked else None)),
            tile("Too many", words.number(surplus), "more than one of each"),
            tile("Looked at", words.number(looked.resources if looked else None), "resources with a key"),
        ],
        is_small=True,
    )


def _counts(found: DuplicatePage) -> Component | None:
    if found.look is None:
        return None
    when = html.P(["Looked at ", time(found.look.ended), f" UTC by {found.look.actor}."])
    buttons = html.Div(
        [
            look_now(),
            link("Export CSV", f"{PREFIX}/duplicates-export/{found.look.id}.csv", className="button button-small",
                 download="duplicates.csv"),
        ],
        className="buttons",
    )  # fmt: skip
    below = html.Div([when, buttons], className="pager")
    if not found.counts:
        return card("By type", [note("Nothing is there twice.", tone="good"), below])
    rows = [
        (
            link(words.spaced(one.type), href("linkage", "duplicates", type=one.type, kind=one.kind)),
            _kind(one.kind),
            words.number(one.groups),
            words.number(one.surplus),
        )
        for one in found.counts
    ]
    table = Table("What is there twice, by type and kind", COUNT_COLUMNS, rows).shown()
    return card("By type", [html.P(MEANING, className="soft"), table, below])


def _kind(name: str) -> Component:
    said, tone = KINDS[name]
    return badge(said, tone)


def _groups(found: DuplicatePage, person: Person, narrowed: tuple[str, str], after: str) -> Component | None:
    if not found.counts:
        return None
    name, kind = narrowed
    title = ", ".join(["Groups", *([words.spaced(name)] if name else []), *([KINDS[kind][0].lower()] if kind else [])])
    aside = link("Show all groups", href("linkage", "duplicates")) if name or kind else None
    if not found.items and not found.next:
        return card(title, html.P("None, or none any more.", className="soft"), aside=aside)
    whole = found.look is None or found.look.is_whole
    said = None if whole else note("Not all groups are listed", "The counts above are of all of them.", tone="warn")
    rows = [_row(group, may_open="identified" in person.patient_zones) for group in found.items]
    table = Table("Groups of resources that are the same", GROUP_COLUMNS, rows).shown()
    return card(title, [said, table, _pager(found, narrowed, after)], aside=aside)


def _pager(found: DuplicatePage, narrowed: tuple[str, str], after: str) -> Component | None:
    name, kind = narrowed
    place: dict[str, str] = {"type": name, "kind": kind}
    small: dict[str, Any] = {"className": "button button-small"}
    first = link("From the start", href("linkage", "duplicates", **place), **small) if after else None
    more = link("More", href("linkage", "duplicates", **place, after=found.next), **small) if found.next else None
    return html.Div(html.Div([first, more], className="buttons"), className="pager") if first or more else None


def _row(group: DuplicateGroup, *, may_open: bool) -> tuple[Contents, ...]:
    shown = group.members[:MEMBERS_SHOWN]
    more = group.size - len(shown)
    which: list[Component] = [html.Div(html.Code(_short(one.resource), title=one.resource)) for one in shown]
    which += [html.Div(f"and {more:,} more", className="soft small")] if more else []
    return (
        words.spaced(group.type),
        _kind(group.kind),
        words.number(group.size),
        html.Div(which),
        html.Div([html.Div(_patient(one, may_open=may_open)) for one in _patients(group)]),
    )


def _patients(group: DuplicateGroup) -> list[DuplicateMember]:
    """One member for each patient, of the first ones."""
    found = {one.patient: one for one in group.members if one.patient}
    return list(found.values())[:MEMBERS_SHOWN]


def _patient(member: DuplicateMember, *, may_open: bool) -> Content:
    stored = member.patient.removeprefix("Patient/")
    shown = html.Code(stored[:12], title=member.patient)
    return link(shown, href("patients", "identified", stored)) if may_open else shown


def _short(name: str) -> str:
    return name.partition("/")[2][:12]
