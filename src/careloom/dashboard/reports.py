"""Reports: those that schedules make, when the next is due and what came of the last, and a hash to verify one by."""

from collections.abc import Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.made_reports import ReportEntry, ReportSchedule
from careloom.dashboard import forms, words
from careloom.dashboard.address import PREFIX, Address, href
from careloom.dashboard.parts import Column, Content, Page, Table, badge, card, head, link, note, time
from careloom.dashboard.session import Person

ROOM, TITLE, NEW = "reports", "Reports", "new"
SHOWN = 100
PAGES = {
    "": "Overview", "runs": "Runs", "quality": "Quality", "normalize": "Normalize",
    "explore": "Explore", "models": "Models", "notes/runs": "Runs of notes", "capacity": "Capacity",
    "synthetic": "Synthetic data", "deidentify": "De-identification",
    "operations": "Operations",
}  # fmt: skip
"""Pages that a schedule may have: address -> title."""
CADENCES = {"daily": "Every day", "weekly": "Every Monday", "monthly": "On the first of each month"}
CODES = {
    "access": "You may not see this page any more, or your account was stopped.",
    "input.not-found": "What the page shows is not there any more.",
    "setup": "The worker that makes reports was not set up for it.",
    "input": "A schedule may not have this page, or one of its filters, any more. Delete it, and make another one.",
    "state.conflict": "A patient was erased while it was made. The next one is made without.",
    "internal": "A fault of the programme.",
}
RIGHT = "right"


def page(api: Careloom, person: Person, address: Address) -> Page:
    """Schedules, kept reports, and what a hash is of."""
    planned, entries = api.reports.schedules(limit=SHOWN).items, api.reports.list(limit=SHOWN).items
    lead = "Pages as PDF, made again and again with the rights that you have at that time; and who made which."
    way = link("Schedule a page", href(ROOM, NEW), className="button button-main")
    content: list[Content] = [head(TITLE, lead=lead, aside=way)]
    content.append(_schedules(planned, person) if planned else _no_schedules())
    if entries:
        content.append(_entries(entries, planned))
    content.append(_verify(api, address.query.get("sha256", "").strip().lower()))
    return Page(TITLE, content)


def _no_schedules() -> Component:
    said = (
        "Choose a page and how often: the report is made by itself, kept here sealed, and can be downloaded. "
        "A page that you only want now: Report (PDF), at its top."
    )
    return card("Nothing is scheduled yet", html.Div(html.P(said), className="empty"))


def _schedules(planned: Sequence[ReportSchedule], person: Person) -> Component:
    rows = [_schedule(each, person) for each in planned]
    columns = [
        Column("Page"), Column("When (UTC)"), Column("Next", "tight"), Column("Last"), Column("Kept", RIGHT),
        Column("What to do", "tight", True),
    ]  # fmt: skip
    return card("Schedules", Table("Schedules of reports", columns, rows).shown())


def _schedule(each: ReportSchedule, person: Person) -> tuple[Content, ...]:
    by = html.Div(f"for {each.by}", className="soft small") if each.by != person.name else None
    shown = html.Div([link(title_of(each.page), f"{PREFIX}/{each.page}"), _chosen(each.page), by])
    when = f"{CADENCES.get(each.cadence, each.cadence)}, {each.hour:02}:00"
    pause = forms.act(
        f"report-schedule-pause/{each.id}?paused={'' if each.paused else 'yes'}", "Go on" if each.paused else "Pause"
    )
    said = "No report is made any more, and the files of those that were made are destroyed. Who made which stays."
    end = forms.asked_twice("Delete", said, forms.act(f"report-schedule-delete/{each.id}", "Delete this schedule"))
    following = badge("paused", "warn") if each.paused else time(each.next)
    return shown, when, following, _last(each), words.number(each.keep), html.Div([pause, end], className="buttons")


def _last(each: ReportSchedule) -> Content:
    if each.last is None:
        return html.Span("not yet", className="soft")
    if each.last.state == "done":
        return html.Div([badge("made", "good"), " ", time(each.last.at)])
    why = CODES.get(each.last.error or "", f"Its code: {each.last.error}.")
    return html.Div([badge("failed", "bad"), " ", time(each.last.at), html.Div(why, className="soft small")])


def title_of(page: str) -> str:
    """What a page is called, by its address."""
    path = page.partition("?")[0]
    return PAGES.get(path) or PAGES.get(path.partition("/")[0]) or path


def _chosen(page: str) -> Component | None:
    path, _, query = page.partition("?")
    more = [path] if path not in PAGES else []
    said = ", ".join([*more, *query.replace("=", ": ").split("&")] if query else more)
    return html.Div(html.Code(said), className="small") if said else None


def _entries(entries: Sequence[ReportEntry], planned: Sequence[ReportSchedule]) -> Component:
    known = {each.id: title_of(each.page) for each in planned}
    rows = [
        (
            known.get(each.schedule or "", title_of("" if each.page == "overview" else each.page)),
            time(each.made),
            f"{each.by}, by schedule" if each.schedule else each.by,
            html.Code(each.content[:16], title=each.content),
            _file(each),
        )
        for each in entries
    ]
    columns = [
        Column("Page"), Column("Made (UTC)", "tight"), Column("By", "wide-only"), Column("SHA-256 begins"),
        Column("File", "tight"),
    ]  # fmt: skip
    aside = html.P(words.count_of(len(entries), "report"), className="soft")
    return card("Reports that were made", Table("Reports, newest first", columns, rows).shown(), aside=aside)


def _file(each: ReportEntry) -> Content:
    if not each.is_kept:
        return html.Span("not kept" if each.schedule else "with who made it", className="soft")
    named: dict[str, Any] = {"aria-label": f"Download the report of {words.moment(each.made)}"}
    get = html.A(
        "Download", href=f"{PREFIX}/report-file/{each.id}", download="", className="button button-small", **named
    )
    return html.Div([get, forms.act(f"report-delete/{each.id}", "Delete")], className="buttons")


def _verify(api: Careloom, digest: str) -> Component:
    field = forms.text("sha256", "SHA-256 of the report, or of its file", digest, placeholder="64 letters and digits")
    lead = (
        "At the foot of each sheet stands the hash of what it says. "
        "The register tells whether a schedule made it here, or who declared it."
    )
    content: list[Content] = [
        html.P(lead, className="soft"), forms.filters(href(ROOM), [field], button="Verify", reset=bool(digest)),
    ]  # fmt: skip
    if digest:
        content.append(_found(api, digest))
    return card("Verify a report", content)


def _found(api: Careloom, digest: str) -> Component:
    if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        return note("This is no SHA-256", "It has 64 digits and letters from a to f.", tone="warn")
    found = api.reports.verify(digest)
    if not found:
        return note("No report has this hash", "It was not made here, or was changed since.", tone="bad")
    made = [each for each in found if each.schedule is not None]
    declared = [each for each in found if each.schedule is None]
    content = [
        note("This report was made here", html.Span(_told(each, digest, "by a schedule of")), tone="good")
        for each in made
    ] or [
        note(
            "This hash was declared",
            "No schedule of this installation made the report. Whoever is named says to have made it: ask them.",
            tone="warn",
        ),
        html.Ul([html.Li(_told(each, digest, "declared by")) for each in declared]),
    ]
    return html.Div(content, className="stack")


def _told(entry: ReportEntry, digest: str, by: str) -> list[Content]:
    of = "of its file" if entry.file == digest else "of what it says"
    title = title_of("" if entry.page == "overview" else entry.page)
    return [f"{title}, {by} {entry.by}, ", time(entry.made), f" UTC; the hash is that {of}."]


def new_page(address: Address) -> Page:
    """A form that schedules a page: the one that `at` names, or one of a list."""
    at = address.query.get("at", "").removeprefix(PREFIX).lstrip("/")
    refused = note(
        "This page cannot be scheduled",
        "A schedule takes pages that tell of nobody in particular, with filters that only narrow what is counted, and "
        "twenty of one person at most.", tone="warn",
    ) if address.query.get("refused") else None  # fmt: skip
    which = (
        [html.P(["Page: ", html.Strong(title_of(at))]), _chosen(at), forms.hidden("page", at)]
        if at
        else [forms.choice("page", "Page", PAGES)]
    )
    hours = {str(hour): f"{hour:02}:00" for hour in range(24)}
    keeps = {str(count): str(count) for count in (3, 6, 12, 24, 60)}
    fields: list[Component | None] = [
        *which,
        forms.choice("cadence", "How often", CADENCES, "weekly"),
        forms.choice("hour", "At (UTC)", hours, "6"),
        forms.choice("keep", "How many stay", keeps, "12"),
    ]
    button = html.Button("Schedule", type="submit", className="button button-main")
    form = html.Form([*fields, button], method="post", action=f"{PREFIX}/report-schedule", className="stack")
    lead = "It is made with what you may see at that time, and only then: what is taken from you is gone from the next."
    content: list[Content] = [head("Schedule a report", lead=lead), refused, card("Which page, and when", form)]
    return Page("Schedule a report", content, ((TITLE, href(ROOM)),))
