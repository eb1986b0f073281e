"""Annotations of stored notes: start one, watch it, read what became of the facts. No word of a note is here."""

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.note_reports import AnnotationReport, AnnotationRun, AnnotationRunDetail, NoteConflict
from careloom.dashboard import words
from careloom.dashboard.address import PREFIX, Address, href
from careloom.dashboard.note_marks import said_of
from careloom.dashboard.note_places import ROOM, RUNS, tabs
from careloom.dashboard.note_places import TITLE as NOTES
from careloom.dashboard.parts import (
    Column,
    Content,
    Contents,
    Page,
    Table,
    card,
    head,
    link,
    note,
    state,
    tile,
    tiles,
    time,
)
from careloom.dashboard.run_parts import older_runs, unfinished
from careloom.dashboard.session import Person

TITLE = "Runs over stored notes"
RUNS_SHOWN = 20
RUN_COLUMNS = [
    Column("Run (began, UTC)"), Column("State", "tight"), Column("Zone", "wide-only"), Column("Notes read", "right"),
    Column("New facts", "right"), Column("Conflicts", "right wide-only"), Column("Took", "right wide-only"),
    Column("By", "wide-only"),
]  # fmt: skip
CONFLICT_COLUMNS = [Column("The record"), Column("Says otherwise in", "tight"), Column("Than the note")]
FOUND_COLUMNS = [Column("What"), Column("Times", "right")]
ZONES = {"identified": "Identified", "research": "Research"}
REASONS = {"verification": "whether it is so", "status": "whether it lasts", "value": "its value"}


def page(api: Careloom, person: Person, address: Address) -> Page:
    """The way to start one, and all of them, newest first, live; ``?before=`` continues where a page ended."""
    before = address.query.get("before", "")
    found = api.nlp.list(limit=RUNS_SHOWN, cursor=before)
    lead = "What stored notes say becomes facts of the record, each with its way back to the words."
    ahead: list[Content] = [
        head(TITLE, lead=lead),
        tabs(person, RUNS),
        _start(person) if person.may_annotate and not before else None,
    ]
    content: list[Content] = []
    if found.items:
        table = Table("Runs, newest first", RUN_COLUMNS, [_row(run) for run in found.items]).shown()
        content.append(card("Runs", [table, older_runs(before, found.next, ROOM, RUNS)]))
    elif before:
        content.append(card("No more runs", html.P(link("Back to the newest", href(ROOM, RUNS)))))
    else:
        content.append(_never())
    return Page(TITLE, content, trail=((NOTES, href(ROOM)),), is_live=not before, ahead=ahead)


def run_page(api: Careloom, person: Person, run_id: str) -> Page:
    """One run, live while it runs, with its report when it is done."""
    run = api.nlp.get(run_id)
    content: list[Content] = [
        head("Run over stored notes", lead=html.Code(run.id), aside=state(run.state)),
        _standing(run, person),
        None if run.state == "waiting" else _figures(run),
        *(_report(run.report) if run.report is not None else ()),
    ]
    trail = ((NOTES, href(ROOM)), (TITLE, href(ROOM, RUNS)))
    return Page(run.id, content, trail=trail, is_live=not run.has_ended)


def _start(person: Person) -> Component:
    zones = [zone for zone in ZONES if zone in person.zones]
    choices = [
        _choice("zone", "Zone", {zone: ZONES[zone] for zone in zones}),
        _choice("notes", "Notes", {"incremental": "New and changed", "all": "All, anew"}),
        _choice("absent", "What is said to be absent", {"none": "Becomes no fact", "refuted": "Is written as refuted"}),
    ]
    hint = html.P(
        "What the record says otherwise is reported, and never overwritten.",
        className="hint",
    )
    button = html.Button("Read the notes", type="submit", className="button button-main")
    form = html.Form(
        [html.Div(choices, className="filters"), hint, html.Div(button, className="decision-buttons")],
        method="post", action=f"{PREFIX}/notes-start", className="stack",
    )  # fmt: skip
    return card("Read stored notes", form)


def _choice(name: str, label: str, values: dict[str, str]) -> Component:
    """A field of the form: the first value unless another is chosen."""
    radios = [dmc.Radio(label=title, value=value) for value, title in values.items()]
    group: Component = dmc.RadioGroup(dmc.Group(radios, gap="lg"), name=name, label=label, value=next(iter(values)))
    return group


def _never() -> Component:
    said = [
        html.P("No stored notes were read yet. Notes arrive with other feeds: as text, RTF, PDF, HL7 v2, C-CDA, FHIR."),
        html.P(["Or on the command line: ", html.Code("careloom annotate --incremental")]),
    ]
    return card("No run yet", html.Div(said, className="empty"))


def _row(run: AnnotationRun) -> tuple[Contents, ...]:
    name = time(run.started) if run.started else "Not yet begun"
    id_ = html.Div(html.Code(run.id), className="soft wide-only")
    return (
        html.Div([link(name, href(ROOM, RUNS, run.id)), id_]),
        state(run.state),
        ZONES[run.zone],
        words.number(run.notes.read),
        words.number(run.facts.new),
        words.number(run.facts.conflict),
        words.lasting(run.started, run.ended),
        run.actor,
    )


def _standing(run: AnnotationRunDetail, person: Person) -> Component:
    by = f"of the {run.zone} zone, for {run.actor}"
    told = unfinished(
        run,
        "notes",
        by=by,
        waits="Nothing was read yet",
        stays="What it had committed stays. An incremental run goes on from there.",
        cancel=f"notes-cancel/{run.id}" if person.may_annotate else "",
    )
    if told is not None:
        return told
    return note(
        f"Read in {words.lasting(run.started, run.ended)}: notes {by}",
        ["Each fact leads to its words. Prove it: ", html.Code(f"careloom annotate verify --zone {run.zone}")],
        tone="good",
    )


def _figures(run: AnnotationRun) -> Component:
    notes, facts = run.notes, run.facts
    each = [
        tile("Notes read", words.number(notes.read)),
        tile("Skipped", words.number(notes.skipped), "read before by this version of the reader"),
        tile("New facts", words.number(facts.new)),
        tile("Agree", words.number(facts.agree), "the record says so already"),
        tile("Conflict", words.number(facts.conflict), "the record says otherwise"),
        tile("Retired", words.number(facts.retired), "no note supports them any more"),
    ]
    if notes.refused:
        each.insert(2, tile("Refused", words.number(notes.refused), "see what was met"))
    return tiles(each, is_small=True)


def _report(report: AnnotationReport) -> list[Component | None]:
    asked = ["new and changed notes" if report.incremental else "all notes anew"]
    asked += ["what is absent written as refuted"] if report.refuted else []
    return [
        html.P([f"Asked for: {', '.join(asked)}. Reader ", html.Code(report.reader.version), "."], className="soft"),
        _conflicts(report) if report.facts.conflict else None,
        html.Div(
            [
                _counts("Facts written", {words.spaced(kind): count for kind, count in report.types.items()}),
                _counts("Found in the notes", {said_of(label): count for label, count in report.found.items()}),
            ],
            className="columns columns-1-1",
        ),
        _counts("Met on the way", dict(report.issues)) if report.issues else None,
    ]


def _conflicts(report: AnnotationReport) -> Component:
    if not report.conflicts:
        said = html.P("They are named to who may look into the zone, while both sides are there.", className="soft")
        return card("The record says otherwise", said)
    table = Table("What the record says otherwise", CONFLICT_COLUMNS, [_conflict(one) for one in report.conflicts])
    more = report.facts.conflict - len(report.conflicts)
    rest = html.P(f"And {more:,} more.", className="soft") if more > 0 else None
    return card("The record says otherwise", [table.shown(), rest])


def _conflict(one: NoteConflict) -> tuple[Contents, ...]:
    return _named(one.against), REASONS.get(one.reason, one.reason), _named(one.note)


def _named(reference: str) -> Component:
    kind, _, name = reference.partition("/")
    return html.Span([words.spaced(kind), " ", html.Code(name[:12], title=reference)])


def _counts(title: str, counts: dict[str, int]) -> Component:
    if not counts:
        return card(title, html.P("None.", className="soft"))
    rows = [(name[:1].upper() + name[1:], words.number(count)) for name, count in counts.items()]
    return card(title, Table(title, FOUND_COLUMNS, rows).shown())
