"""The overview: what arrived, what was refused, and what each zone holds, at one glance."""

from datetime import date, timedelta
from typing import Any

from dash import html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.reports import Arrivals, DayCount, FormatCount, JobCounts, Overview, Quality, Refused, ZoneCounts
from careloom.dashboard import overview_now as now
from careloom.dashboard import words
from careloom.dashboard.address import href
from careloom.dashboard.parts import (
    Column,
    Content,
    Page,
    Table,
    as_of,
    badge,
    bar,
    card,
    head,
    link,
    note,
    severity,
    tile,
    tiles,
    time,
)
from careloom.dashboard.sending import how_to_send
from careloom.dashboard.session import Person

TITLE = "Overview"
DAYS_SHOWN = 45
FEWEST_DAYS = 14
TYPES_SHOWN = 12
RIGHT = "right"


def page(api: Careloom, person: Person) -> Page:
    """The whole page, from one call."""
    seen = api.overview()
    lead = "What arrived, what was refused, and what is stored."
    content: list[Component | None] = [head(TITLE, lead=lead, aside=as_of(seen.generated))]
    content.append(now.standing(api, person, seen))
    if seen.arrivals is not None and seen.arrivals.runs == 0 and not any(zone.total for zone in seen.zones):
        content.append(card("Nothing has arrived yet", how_to_send()))
    else:
        content += _figures(seen, person)
    return Page(TITLE, content, is_live=True)


def _figures(seen: Overview, person: Person) -> list[Component]:
    shown = []
    if seen.arrivals is not None:
        shown.append(_tiles(seen.arrivals, seen.refused, seen.quality))
        shown.append(
            html.Div([_days(seen.arrivals), _formats(seen.arrivals, seen.jobs)], className="columns columns-2-1")
        )
    if seen.refused is not None and seen.quality is not None:
        refused, issues = _refused(seen.refused, person), _issues(seen.quality)
        shown.append(html.Div([refused, issues], className="columns columns-1-1"))
    changed = now.changes(seen)
    shown.append(html.Div([now.zones(seen), changed], className="columns columns-2-1") if changed else now.zones(seen))
    shown.append(_zones(seen.zones))
    return shown


def _tiles(arrivals: Arrivals, refused: Refused | None, quality: Quality | None) -> Component:
    others = [
        words.count_of(count, word, word)
        for count, word in (
            (arrivals.known, "known before"),
            (arrivals.kept, "kept in landing only"),
            (arrivals.erased, "of erased patients"),
        )
        if count
    ]
    accepted = quality.accepted_share if quality is not None else None
    shown = [
        tile("Records", words.number(arrivals.records),
             f"{words.count_of(arrivals.files, 'file')}, {words.size(arrivals.bytes)}"),
        tile("Stored", words.number(arrivals.stored),
             f"as {words.count_of(arrivals.resources, 'resource')}", swatch="stored"),
        tile("Quarantined", words.number(arrivals.quarantined),
             f"{words.number(refused.waiting)} still waiting" if refused else "", swatch="quarantined"),
        tile("Accepted", words.share(accepted), ", ".join(others) or "of all new records"),
    ]  # fmt: skip
    return tiles(shown)


def _days(arrivals: Arrivals) -> Component:
    days = filled(arrivals.by_day)[-DAYS_SHOWN:]
    if not days:
        return card("Arrivals by day", html.P("No run has ended yet.", className="soft"))
    top = _round_up(max(each.stored + each.quarantined for each in days))
    columns = [
        html.Li(
            [
                html.Span(className="is-quarantined", style={"height": f"{100 * each.quarantined / top:.2f}%"}),
                html.Span(style={"height": f"{100 * each.stored / top:.2f}%"}),
            ],
            title=f"{_day(each.day)}: {each.stored:,} stored, {each.quarantined:,} quarantined",
        )
        for each in days
    ]
    axis = html.Div([html.Span(words.number(value)) for value in (top, top // 2, 0)], className="days-axis")
    ends = html.Div([html.Span(_day(days[0].day)), html.Span(_day(days[-1].day)) if len(days) > 1 else None],
                    className="days-ends")  # fmt: skip
    hidden: dict[str, Any] = {"aria-hidden": "true"}
    plot = html.Div([axis, html.Ul(columns, className="days-plot"), ends], className="days", **hidden)
    legend = html.Ul(
        [
            html.Li([html.Span(className="swatch"), "Stored"]),
            html.Li([html.Span(className="swatch swatch-quarantined"), "Quarantined"]),
        ],
        className="legend",
    )
    rows = [(_day(each.day), words.number(each.stored), words.number(each.quarantined))
            for each in reversed(days) if each.stored or each.quarantined]  # fmt: skip
    table = Table("Arrivals by day", [Column("Day"), Column("Stored", RIGHT), Column("Quarantined", RIGHT)], rows)
    twin = html.Details([html.Summary("Show as a table"), table.shown()])
    return card("Arrivals by day", [plot, twin], aside=legend, kind="card-filled")


def filled(days: tuple[DayCount, ...]) -> list[DayCount]:
    """The days in order, with those between on which nothing came, and some before, so that one day is no wall."""
    if not days:
        return []
    by_day = {date.fromisoformat(each.day): each for each in days}
    last = max(by_day)
    first = max(min(by_day), last - timedelta(days=DAYS_SHOWN - 1))
    first = min(first, last - timedelta(days=FEWEST_DAYS - 1))
    every = [first + timedelta(days=step) for step in range((last - first).days + 1)]
    return [by_day.get(each, DayCount(each.isoformat(), 0, 0)) for each in every]


def _day(text: str) -> str:
    return words.day(date.fromisoformat(text))


def _round_up(value: int) -> int:
    """The next number of two significant digits that halves well, so that the axis reads well."""
    if value <= 2:
        return 2
    step = 2 * int(10 ** max(0, len(str(value)) - 2))
    return -(-value // step) * step


def _formats(arrivals: Arrivals, jobs: JobCounts | None) -> Component:
    formats = by_format(arrivals.by_format)
    most = max((each.records for each in formats), default=0)
    rows = [
        (
            words.FORMATS[each.format],
            bar((each.records - each.quarantined, ""), (each.quarantined, "is-quarantined"), whole=most),
            words.number(each.records),
            words.number(each.quarantined),
        )
        for each in formats
    ]
    columns = [
        Column("Format", "tight"),
        Column("Share", "bar-cell", True),
        Column("Records", RIGHT),
        Column("Quarantined", RIGHT),
    ]
    content: list[Component] = [Table("Records by format", columns, rows).shown()]
    if jobs is not None:
        content.append(_jobs(jobs))
    last = html.P(["Last run ended ", time(arrivals.last)], className="soft") if arrivals.last else None
    return card("By format", content, aside=last)


def by_format(formats: tuple[FormatCount, ...]) -> list[FormatCount]:
    """The formats that are read, the most frequent first; all that are not read as one at the end."""
    read = sorted((each for each in formats if each.format in words.FORMATS), key=lambda each: -each.records)
    others = [each for each in formats if each.format not in words.FORMATS]
    if not others:
        return read
    records, quarantined = sum(each.records for each in others), sum(each.quarantined for each in others)
    return [*read, FormatCount("", records, quarantined)]


def _jobs(jobs: JobCounts) -> Component:
    shown = [
        badge(f"{jobs.running:,} running", "run" if jobs.running else ""),
        badge(f"{jobs.waiting:,} waiting"),
        badge(f"{jobs.failed:,} failed", "bad" if jobs.failed else ""),
    ]
    return html.Div([html.H3("Jobs"), html.Div(shown, className="chips")], className="stack")


def _refused(refused: Refused, person: Person) -> Component:
    runs = link("See the runs", href("runs")) if person.has_runs else None
    if not refused.reasons:
        text = "Nothing waits in quarantine." if not refused.waiting else "The reasons are not known yet."
        return card("Refused by reason", note(text, tone="good" if not refused.waiting else "quiet"), aside=runs)
    most = refused.reasons[0].count
    rows = [
        (
            html.Code(each.code),
            bar((each.count, "is-quarantined"), whole=most),
            words.number(each.count),
        )
        for each in refused.reasons[:TYPES_SHOWN]
    ]
    columns = [Column("Reason"), Column("Share", "bar-cell", True), Column("Records", RIGHT)]
    return card("Refused by reason", Table("Records in quarantine by reason", columns, rows).shown(), aside=runs)


def _issues(quality: Quality) -> Component:
    if not quality.issues:
        return card("Issues in what arrived", note("No issue was met.", tone="good"))
    rows = [(html.Code(each.code), severity(each.severity), words.number(each.count)) for each in quality.issues[:12]]
    columns = [Column("Issue"), Column("Severity"), Column("Times", RIGHT)]
    table = Table("The most frequent issues in what arrived", columns, rows).shown()
    return card("Issues in what arrived", table, aside=html.P("the most frequent", className="soft"))


def _zones(zones: tuple[ZoneCounts, ...]) -> Component:
    if not zones:
        return card("Zones", html.P("No zone holds anything that you may see.", className="soft"))
    totals: dict[str, int] = {}
    for zone in zones:
        for kind, count in zone.resources.items():
            totals[kind] = totals.get(kind, 0) + count
    kinds = sorted(totals, key=lambda kind: (-totals[kind], kind))
    most = max(totals.values(), default=0)
    whole: list[Content] = [
        "All types",
        None,
        *(html.Strong(words.number(zone.total)) for zone in zones),
    ]
    rows: list[list[Content]] = [whole] + [
        [
            words.spaced(kind),
            bar((totals[kind], ""), whole=most),
            *(words.number(zone.resources.get(kind, 0)) for zone in zones),
        ]
        for kind in kinds
    ]
    columns = [Column("Resource type"), Column("Share", "bar-cell", True)]
    columns += [Column(words.ZONES.get(zone.zone, zone.zone), RIGHT) for zone in zones]
    return card("Resources by zone", Table("Resources by type and zone", columns, rows).shown())
