"""Quality: how good a zone's data is, by category, source, rule and field, and how that has changed."""

from typing import Any

from dash import html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.quality_reports import FieldCounts, LookBrief, QualityReport, RuleResult
from careloom.dashboard import words
from careloom.dashboard.address import PREFIX, Address, href
from careloom.dashboard.parts import (
    Column,
    Content,
    Contents,
    Page,
    Table,
    badge,
    bar,
    card,
    head,
    link,
    note,
    tile,
    tiles,
    time,
)
from careloom.dashboard.session import Person
from careloom.errors import NotFound

TITLE = "Quality"
RIGHT = "right"
LOOKS_SHOWN = 40
STATUSES = {"fail": ("Fails", "bad"), "pass": ("Passes", "good"), "not applicable": ("Does not apply", "")}
SEVERITIES = {"error": "bad", "warning": "warn", "information": ""}
RULE_COLUMNS = [
    Column("Rule"),
    Column("Status", "tight"),
    Column("Broken", RIGHT),
    Column("Of", "right wide-only"),
    Column("Share", RIGHT),
    Column("Allowed", "right wide-only"),
    Column("Why", "wide-only"),
]


def page(api: Careloom, person: Person, address: Address, run_id: str = "") -> Page:
    """The newest look at a zone, or one look. ``?zone=``, ``?status=`` and ``?type=`` narrow what is shown."""
    zones = person.quality_zones
    zone = address.query.get("zone", "") or (zones[0] if zones else "identified")
    try:
        report = api.quality.report(run_id, zone=zone)
    except NotFound:
        if run_id:
            raise
        return Page(
            TITLE,
            [head(TITLE, lead="How good the data is."), _queued(api, address), _tabs(zones, zone), _nothing(zone)],
            is_live=bool(address.query.get("queued")),
        )
    looks = api.quality.looks(report.zone, limit=LOOKS_SHOWN).items
    lead = [
        "Looked at ",
        time(report.started),
        f" UTC by {report.actor}: {words.count_of(report.resources, 'resource')}.",
    ]
    content: list[Content] = [
        head(TITLE, lead=html.Span(lead), aside=_exports(report)),
        _queued(api, address),
        _tabs(zones, report.zone),
        _narrowed(report),
        _scores(report),
        html.Div([_sources(report), _trend(looks, report.run_id)], className="columns columns-1-1"),
        _rules(report, address),
        _completeness(report, address),
    ]
    trail = ((TITLE, href("quality")),) if run_id else ()
    return Page(report.run_id if run_id else TITLE, content, trail, is_live=bool(address.query.get("queued")))


def _queued(api: Careloom, address: Address) -> Component | None:
    """How far the look is that this person has asked for."""
    run_id = address.query.get("queued", "")
    if not run_id:
        return None
    look = api.quality.state(run_id)
    if look.state == "done":
        return note("Your look is done.", link("Show it", href("quality", look.id)), tone="good")
    if look.state in ("failed", "cancelled"):
        return note(f"Your look has {look.state}", f"Its code: {look.error or 'none'}.", tone="bad")
    far = (
        f"{look.progress.done:,} of {look.progress.total:,} resources."
        if look.progress.total
        else "It has not begun yet."
    )
    return note("Your look is under way", far)


def score(value: float | None) -> str:
    """``96.9``; a dash where no rule applied."""
    return words.NONE if value is None else f"{value:.1f}"


def percent(value: float | None) -> str:
    """A share as people read it, from a percent."""
    return words.share(None if value is None else value / 100)


def status_badge(name: str) -> Component:
    """The status of a rule."""
    said, tone = STATUSES[name]
    return badge(said, tone)


def _tabs(zones: tuple[str, ...], zone: str) -> Component | None:
    if len(zones) < 2:
        return None
    labelled: dict[str, Any] = {"aria-label": "Zones"}
    each = [
        link(words.ZONES[one], href("quality", zone=one), **({"aria-current": "page"} if one == zone else {}))
        for one in zones
    ]
    return html.Nav(each, className="tabs", **labelled)


def _nothing(zone: str) -> Component:
    said = [
        html.P(
            f"Nobody has looked at the {zone} zone yet. A look holds each resource against all rules; it mends nothing."
        ),
        look_now(zone),
        html.P(["Or on the command line: ", html.Code(f"careloom quality --zone {zone}")]),
    ]
    return card("No look yet", html.Div(said, className="empty"))


def look_now(zone: str) -> Component:
    """A button that queues a look."""
    button = html.Button("Look now", type="submit", className="button button-small")
    return html.Form(button, method="post", action=f"{PREFIX}/quality-look?zone={zone}")


def _exports(report: QualityReport) -> Component:
    each = [
        link(
            name,
            f"{PREFIX}/quality-export/{report.run_id}.{ending}",
            className="button button-small",
            download=f"quality.{ending}",
        )
        for name, ending in (("HTML", "html"), ("CSV", "csv"), ("JSON", "json"))
    ]
    return html.Div([html.Span("Export", className="soft small"), *each, look_now(report.zone)], className="buttons")


def _as_csv(report: QualityReport, table: str, said: str) -> Component:
    """A link to one table of the report as CSV."""
    target = f"{PREFIX}/quality-export/{report.run_id}.csv?table={table}"
    return link(said, target, download=f"quality-{table}.csv")


def _narrowed(report: QualityReport) -> Component | None:
    said = [f"only source {report.source}"] if report.source else []
    said += [f"only what was stored since {report.since}"] if report.since else []
    said += ["by rules or thresholds of your own"] if report.own_rules else []
    return note(f"This look was narrowed: {', '.join(said)}.") if said else None


def _scores(report: QualityReport) -> Component:
    failed = sum(rule.status == "fail" for rule in report.rules)
    applied = sum(rule.status != "not applicable" for rule in report.rules)
    shown = [tile("Score", score(report.score), f"of 100; {failed} of {applied} rules that apply fail")]
    shown += [
        tile(
            one.category.capitalize(),
            score(one.score),
            f"{one.failed} fail, {one.passed} pass, {one.not_applicable} do not apply",
        )
        for one in report.categories
    ]
    return tiles(shown)


def _sources(report: QualityReport) -> Component:
    columns = [
        Column("Source"),
        Column("Score", RIGHT),
        Column("Share", "bar-cell", True),
        Column("Rules that fail", RIGHT),
        Column("Resources", "right wide-only"),
    ]
    rows = [
        (
            one.source or "unknown",
            score(one.score),
            bar((round(one.score or 0), ""), whole=100),
            words.number(one.rules_failed),
            words.number(one.resources),
        )
        for one in report.sources
    ]
    if not rows:
        return card("Sources", html.P("Nothing was looked at.", className="soft"))
    return card("Sources", Table("Scores by source", columns, rows).shown())


def _trend(looks: tuple[LookBrief, ...], current: str) -> Component:
    """Scores over looks, oldest left."""
    scored = [look for look in reversed(looks) if look.score is not None]
    if len(scored) < 2:
        return card("Trend", html.P("Look again another day: the trend needs two looks.", className="soft"))
    least = min(look.score or 0 for look in scored)
    floor = max(0, int(least // 10) * 10 - 10)
    columns = [
        html.Li(
            html.Span(style={"height": f"{100 * ((look.score or 0) - floor) / (100 - floor):.2f}%"}),
            title=f"{words.moment(look.started)}: {score(look.score)}",
        )
        for look in scored
    ]
    hidden: dict[str, Any] = {"aria-hidden": "true"}
    axis = html.Div([html.Span(str(value)) for value in (100, (100 + floor) // 2, floor)], className="days-axis")
    ends = html.Div(
        [html.Span(words.moment(scored[0].started)), html.Span(words.moment(scored[-1].started))], className="days-ends"
    )
    plot = html.Div([axis, html.Ul(columns, className="days-plot"), ends], className="days", **hidden)
    rows = [
        (
            html.Strong(words.moment(look.started))
            if look.run_id == current
            else link(words.moment(look.started), href("quality", look.run_id)),
            score(look.score),
            words.number(look.failed),
            words.number(look.resources),
        )
        for look in reversed(scored)
    ]
    table = Table(
        "Looks", [Column("Look (UTC)"), Column("Score", RIGHT), Column("Fail", RIGHT), Column("Resources", RIGHT)], rows
    )
    return card("Trend", [plot, html.Details([html.Summary("Show as a table"), table.shown()])])


def _rules(report: QualityReport, address: Address) -> Component:
    wanted = address.query.get("status", "fail")
    wanted = wanted if wanted in STATUSES else "fail"
    labelled: dict[str, Any] = {"aria-label": "Status of rules"}
    tabs = html.Nav(
        [
            link(
                f"{said} ({sum(rule.status == name for rule in report.rules)})",
                href("quality", report.run_id, status=name),
                **({"aria-current": "page"} if name == wanted else {}),
            )
            for name, (said, _) in STATUSES.items()
        ],
        className="tabs",
        **labelled,
    )
    order, aside = list(SEVERITIES), _as_csv(report, "findings", "All findings as CSV")
    chosen = [rule for rule in report.rules if rule.status == wanted]
    chosen.sort(key=lambda rule: (order.index(rule.severity), -rule.failed))
    if not chosen:
        return card(
            "Rules",
            [tabs, note("No rule fails.", tone="good") if wanted == "fail" else html.P("None.", className="soft")],
            aside=aside,
        )
    table = Table("Rules by status", RULE_COLUMNS, [_row(report, rule) for rule in chosen])
    return card("Rules", [tabs, table.shown()], aside=aside)


def _row(report: QualityReport, rule: RuleResult) -> tuple[Contents, ...]:
    has_rows = bool(rule.failed)
    title = link(rule.title, href("quality", report.run_id, rule.id)) if has_rows else rule.title
    about = html.Div([html.Code(rule.id), f", {rule.category} {rule.subcategory}".rstrip()], className="soft")
    return (
        html.Div([title, about]),
        html.Div([status_badge(rule.status), html.Br(), html.Span(rule.severity.capitalize(), className="soft small")]),
        words.number(rule.failed),
        words.number(rule.total),
        percent(rule.percent),
        f"{rule.threshold_percent:g} %",
        rule.reason,
    )


def _completeness(report: QualityReport, address: Address) -> Component:
    """Field by source, for one type at a time."""
    kinds = sorted({one.type for one in report.completeness})
    if not kinds:
        return card("What is there", html.P("Nothing was looked at.", className="soft"))
    wanted = address.query.get("type", "")
    kind = wanted if wanted in kinds else ("Patient" if "Patient" in kinds else kinds[0])
    labelled: dict[str, Any] = {"aria-label": "Resource types"}
    tabs = html.Nav(
        [
            link(
                words.spaced(one),
                href("quality", report.run_id, type=one),
                **({"aria-current": "page"} if one == kind else {}),
            )
            for one in kinds
        ],
        className="tabs",
        **labelled,
    )
    groups = [one for one in report.completeness if one.type == kind]
    aside = _as_csv(report, "completeness", "All types as CSV")
    return card(f"What is there: {words.spaced(kind)}", [tabs, _heat(kind, groups)], aside=aside)


def _heat(kind: str, groups: list[FieldCounts]) -> Component:
    shares = [{one.field: one.percent or 0.0 for one in group.fields} for group in groups]
    fields = sorted({name for share in shares for name in share})
    columns = [
        Column("Element"),
        *(Column(f"{group.source or 'unknown'} ({group.total:,})", "heat") for group in groups),
    ]
    rows = [(html.Code(name), *(_shade(share.get(name, 0.0)) for share in shares)) for name in fields]
    return Table(f"Share of {kind} resources that have each element, by source", columns, rows).shown()


def _shade(value: float) -> Component:
    return html.Span(percent(value), className="shade", style={"--share": f"{value:.0f}%"})
