"""One run: what became of its records, file by file, and what was refused with reason, place and remedy."""

from dash import html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.reports import Ingestion, IngestionReport, IssuePage
from careloom.dashboard import session, words
from careloom.dashboard.address import Address, href
from careloom.dashboard.parts import (
    Column,
    Content,
    Contents,
    Page,
    Table,
    as_of,
    card,
    head,
    link,
    note,
    severity,
    state,
    tile,
    tiles,
    time,
)
from careloom.dashboard.runs import TITLE as RUNS
from careloom.dashboard.runs import progress
from careloom.errors import AccessError, Unauthenticated

REFUSED_SHOWN = 25
FILES_SHOWN = 50
RIGHT = "right"
FILE_COLUMNS = [
    Column("File", "tight"), Column("Format"), Column("State"), Column("Size", RIGHT), Column("Records", RIGHT),
    Column("Stored", RIGHT), Column("Known", RIGHT), Column("Kept", RIGHT), Column("Quarantined", RIGHT),
    Column("Resources", RIGHT),
]  # fmt: skip
REFUSED_COLUMNS = [
    Column("Record", "tight"),
    Column("Where"),
    Column("What is wrong"),
    Column("What to do"),
    Column("Since", "tight"),
]


def page(api: Careloom, run_id: str, address: Address) -> Page:
    """One run, live while it runs. ``?code=`` shows the records of one reason, ``?after=`` continues a list."""
    run = api.ingestions.get(run_id)
    code, after = address.query.get("code", ""), address.query.get("after", "")
    issues = _looked_up(api, run, code, after)
    content: list[Content] = [
        head(_title(run), lead=html.Code(run.id), aside=None if run.has_ended else as_of(session.now())),
        _state(run),
        _totals(run),
        _facts(run),
        _issues(run, code),
        _no_records(issues) if isinstance(issues, AccessError) else _refused(run, issues, code, after),
        _files(run),
    ]
    return Page(run.id, content, trail=((RUNS, href("runs")),), is_live=not run.has_ended)


def _title(run: IngestionReport) -> str:
    return f"Run of {words.moment(run.started)}" if run.started else "Run"


def _looked_up(api: Careloom, run: IngestionReport, code: str, after: str) -> IssuePage | AccessError:
    """The refused records, or why this person may not see them: who watches runs need not see what is in quarantine."""
    try:
        return api.ingestions.issues(run.id, code=code, limit=REFUSED_SHOWN, cursor=after)
    except Unauthenticated:
        raise
    except AccessError as error:
        return error


def _no_records(error: AccessError) -> Component:
    return card("Refused records", note(error.where, error.remedy, tone="warn"))


def _state(run: IngestionReport) -> Component | None:
    if run.state == "failed":
        return note(
            "The run failed" + (f": {run.error}" if run.error else ""),
            "What it had stored stays. Mend the reason and send the same files again: nothing is stored twice.",
            tone="bad",
        )
    if run.state == "cancelled":
        return note("The run was cancelled", "What it had stored until then stays.", tone="warn")
    if run.state == "waiting":
        return note("The run waits for a free worker", "Its files are safe; nothing more is needed.")
    return card("Reading", progress(run) or "It has just begun.") if run.state == "running" else None


def _totals(run: Ingestion) -> Component:
    totals = run.totals
    figures = [
        tile("Records", words.number(totals.records)),
        tile("Stored", words.number(totals.stored), swatch="stored"),
        tile("Quarantined", words.number(totals.quarantined), swatch="quarantined"),
        tile("Known before", words.number(totals.known)),
        tile("Kept in landing", words.number(totals.kept)),
        tile("Of erased patients", words.number(totals.erased)),
        tile("Resources made", words.number(totals.resources)),
    ]
    return tiles(figures, is_small=True)


def _facts(run: IngestionReport) -> Component:
    seconds = (run.ended - run.started).total_seconds() if run.started and run.ended else 0.0
    speed = f"{run.totals.records / seconds:,.0f} records/s" if seconds > 0 else words.NONE
    facts: list[tuple[str, Contents]] = [
        ("State", state(run.state)),
        ("Sent by", run.actor),
        ("Began", [time(run.started), " UTC"] if run.started else words.NONE),
        ("Took", words.lasting(run.started, run.ended)),
        ("Speed", speed),
        ("Read", f"{words.count_of(run.totals.files, 'file')}, {words.size(run.totals.bytes)}"),
        ("Steps", ", ".join(f"{stage.name} {stage.version}" for stage in run.stages) or words.NONE),
        ("Configuration", html.Code(run.config_hash[:16]) if run.config_hash else words.NONE),
    ]
    listed = html.Dl([html.Div([html.Dt(title), html.Dd(value)]) for title, value in facts], className="facts")
    return card("About this run", listed)


def _issues(run: IngestionReport, code: str) -> Component:
    if not run.issues:
        ended = note("No issue was met.", tone="good") if run.has_ended else html.P("None so far.", className="soft")
        return card("Issues", ended)
    rows: list[tuple[Contents, ...]] = []
    for each in run.issues:
        refuses = each.severity in {"fatal", "error"}
        shown = (
            html.Strong("shown below")
            if each.code == code
            else link("Show records", href("runs", run.id, code=each.code))
        )
        rows.append(
            (html.Code(each.code), severity(each.severity), words.number(each.count), shown if refuses else None)
        )
    columns = [Column("Issue"), Column("Severity"), Column("Times", RIGHT), Column("Records", "tight", True)]
    aside = link("Show all records", href("runs", run.id)) if code else None
    return card("Issues", Table("Issues of this run", columns, rows).shown(), aside=aside)


def _refused(run: IngestionReport, issues: IssuePage, code: str, after: str) -> Component | None:
    if not (run.totals.quarantined or issues.items):
        return None
    title = f"Refused records: {code}" if code else "Refused records"
    if not issues.items:
        return card(title, html.P("None waits in quarantine any more.", className="soft"))
    rows = [
        (
            html.Div(
                [
                    html.Code(each.record),
                    html.Br(),
                    html.Span(words.format_name(each.format), className="soft"),
                ]
            ),
            html.Div([each.place, html.Br(), html.Code(each.where)] if each.where else each.place),
            html.Div([html.Code(each.reason), html.Br(), each.message]),
            each.remedy or words.NONE,
            html.Div(
                [time(each.since), html.Br(), html.Span(words.count_of(each.attempts, "attempt"), className="soft")]
            ),
        )
        for each in issues.items
    ]
    table = Table("Refused records with reason and remedy", REFUSED_COLUMNS, rows).shown()
    first = link("From the start", href("runs", run.id, code=code), className="button button-small") if after else None
    more = (
        link("More", href("runs", run.id, code=code, after=issues.next), className="button button-small")
        if issues.next
        else None
    )
    pager = html.Div(html.Div([first, more], className="buttons"), className="pager") if first or more else None
    aside = html.P(["Mended the cause? ", link("Try again", href("quarantine", code=code))], className="soft")
    return card(title, [table, pager], aside=aside)


def _files(run: IngestionReport) -> Component:
    rows = [
        (
            html.Code(each.manifest_id[:12]), words.format_name(each.format), each.state.capitalize(),
            words.size(each.bytes), words.number(each.records), words.number(each.stored), words.number(each.known),
            words.number(each.kept), words.number(each.quarantined), words.number(each.resources),
        )
        for each in sorted(run.files, key=lambda each: -each.quarantined)[:FILES_SHOWN]
    ]  # fmt: skip
    if not rows:
        return card("Files", html.P("No file has been read yet.", className="soft"))
    hidden = len(run.files) - len(rows)
    more = (
        html.P(
            f"{hidden:,} more files are in the run's manifest; those with refused records stand first.",
            className="soft",
        )
        if hidden
        else None
    )
    aside = html.P("Names stay sealed; the id is that of the file's manifest.", className="soft")
    return card("Files", [Table("Files of this run", FILE_COLUMNS, rows).shown(), more], aside=aside)
