"""One rule of one look: why it fired, where, and which resources broke it."""

from dash import html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.quality_reports import BrokenRows, RuleResult
from careloom.dashboard import words
from careloom.dashboard.address import Address, href
from careloom.dashboard.parts import Column, Content, Contents, Page, Table, card, head, link, note
from careloom.dashboard.quality import RIGHT, TITLE, percent, status_badge
from careloom.errors import NotFound

ROWS_SHOWN = 50
ROW_COLUMNS = [Column("Resource"), Column("Source"), Column("Where"), Column("Source record", "wide-only")]


def page(api: Careloom, run_id: str, rule_id: str, address: Address) -> Page:
    """The rule and a page of what broke it. ``?source=`` and ``?type=`` narrow it, ``?after=`` continues the list."""
    report = api.quality.report(run_id)
    rule = next((one for one in report.rules if one.id == rule_id), None)
    if rule is None:
        raise NotFound("there is no such rule in that look", "Choose one of the report's rules.")
    source, kind = address.query.get("source", ""), address.query.get("type", "")
    after = address.query.get("after", "")
    rows = api.quality.rows(run_id, rule_id, source=source, resource_type=kind, limit=ROWS_SHOWN, cursor=after)
    content: list[Content] = [
        head(rule.title, lead=html.Code(rule.id), aside=status_badge(rule.status)),
        note(rule.reason, rule.remedy or None, tone="bad" if rule.status == "fail" else "good"),
        _facts(rule),
        _places(run_id, rule),
        _notes(rule),
        _rows(run_id, rows, address) if rows.items or not rule.notes else None,
    ]
    return Page(rule.title, content, trail=((TITLE, href("quality")), (run_id, href("quality", run_id))))


def _facts(rule: RuleResult) -> Component:
    facts: list[tuple[str, Contents]] = [
        ("Category", f"{rule.category} {rule.subcategory}".strip().capitalize()),
        ("Severity", rule.severity.capitalize()),
        ("Broken", f"{rule.failed:,} of {rule.total:,} ({percent(rule.percent)})"),
        ("Allowed", f"{rule.threshold_percent:g} %"),
        ("Who says so", rule.source),
        ("In the OHDSI dashboard", ", ".join(rule.dqd) or words.NONE),
    ]
    listed = html.Dl([html.Div([html.Dt(title), html.Dd(value)]) for title, value in facts], className="facts")
    return card("About this rule", listed)


def _places(run_id: str, rule: RuleResult) -> Component | None:
    broken = [one for one in rule.places if one.failed]
    if not broken:
        return None
    rows = [
        (
            link(one.source or "unknown", href("quality", run_id, rule.id, source=one.source)),
            link(one.type, href("quality", run_id, rule.id, source=one.source, type=one.type)),
            html.Code(one.path) if one.path else words.NONE,
            words.number(one.failed),
            words.number(one.total),
            percent(one.percent),
        )
        for one in broken
    ]
    columns = [
        Column("Source"),
        Column("Type"),
        Column("Where"),
        Column("Broken", RIGHT),
        Column("Of", RIGHT),
        Column("Share", RIGHT),
    ]
    return card("Where it is broken", Table("Where the rule is broken", columns, rows).shown())


def _notes(rule: RuleResult) -> Component | None:
    return card("On these days", html.Ul([html.Li(one) for one in rule.notes])) if rule.notes else None


def _rows(run_id: str, found: BrokenRows, address: Address) -> Component:
    if not found.items:
        return card("Resources", html.P("None, or none any more.", className="soft"))
    rows = [
        (_resource(found.zone, one.resource), one.source or "unknown", html.Code(one.path) if one.path else words.NONE,
         html.Code(one.record) if one.record else words.NONE)
        for one in found.items
    ]  # fmt: skip
    kept = {name: value for name, value in address.query.items() if name in {"source", "type"}}
    target = href("quality", run_id, found.rule.id, after=found.next or "", **kept)
    more = link("More", target, className="button button-small") if found.next else None
    pager = html.Div(html.Div([more], className="buttons"), className="pager") if more else None
    return card("Resources", [Table("Resources that break the rule", ROW_COLUMNS, rows).shown(), pager])


def _resource(zone: str, name: str) -> Component:
    kind, _, resource_id = name.partition("/")
    return link(name, href("patients", zone, resource_id)) if kind == "Patient" else html.Code(name)
