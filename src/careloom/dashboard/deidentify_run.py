"""One run of de-identification: how far it is, what passed, what was taken out, who could still be told apart."""

from dash import html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.deidentification_reports import (
    DeidentificationDetail,
    DeidentificationReport,
    LabelRecall,
    Measure,
    ResidualRisk,
    TextRecall,
)
from careloom.dashboard import words
from careloom.dashboard.address import PREFIX, href
from careloom.dashboard.deidentify import ROOM, TITLE, sentence
from careloom.dashboard.marked import said_of
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
    state,
    tile,
    tiles,
)
from careloom.dashboard.run_parts import unfinished
from careloom.dashboard.session import Person

TYPE_COLUMNS = [
    Column("Type"), Column("Read", "right"), Column("Passed", "right"), Column("Held back", "right"),
]  # fmt: skip
LETTER_COLUMNS = [Column("Letter", "tight"), Column("Identifier"), Column("Taken out or changed", "right")]
RISK_COLUMNS = [Column("Measure"), Column("Value", "right"), Column("Target", "tight")]
RECALL_COLUMNS = [Column("Identifier"), Column("Found", "right"), Column("Recall and interval", "right")]
FINDING_COLUMNS = [Column("What"), Column("Times", "right")]
TABLE_COLUMNS = [Column("Table"), Column("Rows", "right")]


def page(api: Careloom, person: Person, run_id: str) -> Page:
    """The run, live while it runs, with its report when it is done."""
    run = api.deidentifications.get(run_id)
    content: list[Content] = [
        head("De-identification", lead=html.Code(run.id), aside=_aside(run)),
        _standing(run, person),
        None if run.state == "waiting" else _tiles(run),
        *(_report(run.report) if run.report is not None else ()),
    ]
    return Page(run.id, content, trail=((TITLE, href(ROOM)),), is_live=not run.has_ended)


def _aside(run: DeidentificationDetail) -> Component:
    if run.signed is None:
        return state(run.state)
    endings = ("json", "html") if run.signed else ("json",)
    each = [
        link(
            f"Report as {ending.upper()}",
            f"{PREFIX}/deidentify-report/{run.id}.{ending}",
            className="button button-small",
            download=f"deidentification-{run.id}.{ending}",
        )
        for ending in endings
    ]
    return html.Div([state(run.state), *each], className="buttons")


def _standing(run: DeidentificationDetail, person: Person) -> Component:
    by = f"under {run.policy}, by {run.actor}"
    if run.signed is False:
        return note(
            "The report is not as it was signed",
            "Somebody changed the file: nothing of it is shown. Call the operator; a new run writes a new report.",
            tone="bad", role="alert",
        )  # fmt: skip
    told = unfinished(
        run,
        "resources",
        by=by,
        waits="Nothing was changed yet",
        stays="What it had committed stays: the research zone may hold resources of two policies until a run is done.",
        cancel=f"deidentify-cancel/{run.id}" if person.may_deidentify else "",
    )
    if told is not None:
        return told
    return note(
        f"The research zone was made {by}, in {words.lasting(run.started, run.ended)}",
        ["Its report is as it was signed. Check a copy: ", html.Code("careloom audit signature FILE.json")],
        tone="good",
    )


def _tiles(run: DeidentificationDetail) -> Component:
    return tiles(
        [
            tile("Read", words.number(run.read), "resources of the identified zone"),
            tile("Passed", words.number(run.kept), words.share(run.kept / run.read if run.read else None)),
            tile("Held back", words.number(run.held_back), "free text, images, types that are not decided"),
            tile("Left the zone", words.number(run.gone), "no longer there, or no longer passing"),
        ],
        is_small=True,
    )


def _report(report: DeidentificationReport) -> list[Component]:
    return [
        html.Div([_identifiers(report), _risk(report.risk)], className="columns columns-1-1"),
        html.Div([_types(report), _tables(report)], className="columns columns-1-1"),
        html.Div([_recall(report.recall), _findings(report)], className="columns columns-1-1"),
    ]


def _identifiers(report: DeidentificationReport) -> Component:
    rows = [
        (
            f"({one.letter})" if len(one.letter) == 1 else one.letter.capitalize(),
            sentence(one.name),
            words.number(one.count) if one.count else html.Span("none was there", className="soft"),
        )
        for one in report.identifiers
    ]
    lead = "The eighteen identifiers of 45 CFR 164.514(b)(2)(i)."
    table = Table("Identifiers taken out, by letter", LETTER_COLUMNS, rows).shown()
    return card("Identifiers taken out", [html.P(lead, className="soft small"), table])


def _risk(risk: ResidualRisk | None) -> Component:
    title = "What an attacker could still tell"
    if risk is None:
        return card(title, html.P("No patient passed: there is nobody to tell.", className="soft"))
    known = ", ".join(one.replace("_", " ") for one in risk.quasi_identifiers)
    lead = f"Of {words.count_of(risk.patients, 'patient')}, by somebody who knows {known}."
    has_targets = any(one.target is not None for one in risk.measures)
    lead += "" if has_targets else " No target was set."
    rows = [
        (one.title + (f": {one.column}" if one.column else ""), _number(one.value, one.unit),
         *([_target(one)] if has_targets else []))
        for one in risk.measures
        if has_targets or one.name != "patients_missing_a_target"
    ]  # fmt: skip
    table = Table("Residual risk", RISK_COLUMNS if has_targets else RISK_COLUMNS[:2], rows).shown()
    return card(title, [html.P(lead, className="soft small"), table])


def _recall(recall: TextRecall | None) -> Component:
    title = "Recall in texts"
    if recall is None:
        return card(title, html.P("No text passed: there was nothing to measure.", className="soft"))
    lead = (
        f"{words.count_of(recall.planted, 'identifier')} of nobody, planted in copies of "
        f"{words.count_of(recall.notes, 'note')} of this run, in memory only. The record knew none of them. "
        f"Intervals are Wilson's, at {recall.confidence:.0%}."
    )
    rows = [_found("All", recall), *(_found(sentence(said_of(one.label)), one) for one in recall.by_label)]
    table = Table("Recall by identifier", RECALL_COLUMNS, rows).shown()
    return card(title, [html.P(lead, className="soft small"), table])


def _found(name: str, told: TextRecall | LabelRecall) -> tuple[Contents, ...]:
    interval = f"{words.share(told.low).removesuffix(' %')} to {words.share(told.high)}"
    recall: Contents = [words.share(told.recall), html.Span(f" ({interval})", className="soft")]
    return name, f"{told.found:,} of {told.planted:,}", recall


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return words.NONE
    if unit in ("share", "probability"):
        return words.share(value)
    return f"{value:,.0f}" if value.is_integer() else f"{value:,.2f}"


def _target(measure: Measure) -> Contents:
    if measure.target is None:
        return html.Span("None", className="soft")
    met = badge("Met", "good") if measure.holds else badge("Missed", "bad")
    return [_number(measure.target, measure.unit), " ", met]


def _types(report: DeidentificationReport) -> Component:
    rows = [
        (words.spaced(one.type), words.number(one.read), words.number(one.kept), words.number(one.held_back))
        for one in report.types
    ]
    if not rows:
        return card("Resources", html.P("The identified zone was empty.", className="soft"))
    return card("Resources", Table("Resources by type", TYPE_COLUMNS, rows).shown())


def _tables(report: DeidentificationReport) -> Component:
    rows = [(html.Code(one.table), words.number(one.rows)) for one in report.tables]
    policy = html.P(
        [
            "By ",
            link(report.policy.name, href(ROOM, "policies", report.policy.name)),
            f", version {report.policy.version}, digest ",
            html.Code(report.policy.digest),
            ".",
            f" Pseudonyms of the project {report.project}, epoch {report.epoch}." if report.project else "",
        ],
        className="soft small",
    )
    return card("Tables afterwards", [policy, Table("Tables of the research zone", TABLE_COLUMNS, rows).shown()])


def _findings(report: DeidentificationReport) -> Component:
    if not report.findings:
        return card("Found on the way", html.P("Nothing.", className="soft"))
    rows = [
        (
            html.Div(
                [
                    one.message or one.code,
                    html.Div(html.Code(one.code), className="soft"),
                    html.Div(one.remedy, className="soft small", style={"fontWeight": "400"}) if one.remedy else None,
                ]
            ),
            words.number(one.count),
        )
        for one in report.findings
    ]
    return card("Found on the way", Table("Findings by code", FINDING_COLUMNS, rows).shown())
