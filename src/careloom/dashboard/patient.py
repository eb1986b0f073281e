"""One patient: who it is, and everything that happened, as a timeline and as a table of the same events."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, ctx, dcc, html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.reports import Resource
from careloom.dashboard import events as happenings
from careloom.dashboard import (
    history,
    patient_drugs,
    patient_marks,
    patient_risk,
    people,
    session,
    timeline,
    trends,
    words,
)
from careloom.dashboard.address import Address, href
from careloom.dashboard.calls import ApiOf, signed_in
from careloom.dashboard.events import LANES, Event
from careloom.dashboard.parts import Column, Content, Page, Table, badge, card, head, link, note
from careloom.dashboard.patients import TITLE as PATIENTS
from careloom.dashboard.session import Person
from careloom.errors import CareloomError

ROWS_AT_ONCE = 50
MEASURES_SHOWN = 12
COLUMNS = [
    Column("What"), Column("When (UTC)", "tight"), Column("Value"), Column("Status"), Column("Lane", "wide-only"),
    Column("Source", "wide-only"),
]  # fmt: skip
PERIOD_WORDS = {"all": "All", "10y": "10 years", "5y": "5 years", "1y": "1 year", "90d": "90 days"}


def page(api: Careloom, person: Person, zone: str, patient_id: str, address: Address) -> Page:
    """Head, risk and history; ``?as_of=``, ``?cohort=``, ``?risk=``, ``?origin=``, ``?trends=``, ``?lanes=`` and
    ``?period=`` say what is shown. None of them holds anything of the patient.
    """
    patient = api.fhir(zone).read("Patient", patient_id)
    piece = history.begin(api, zone, patient_id)
    has_notes = any(event.origin for event in piece.events)
    known = _known(piece, address)
    assessment, risk = patient_risk.asked(api, person, zone, patient_id, address)
    found, why = patient_marks.asked_why(api, zone, patient_id, address)
    marks = patient_marks.marks_of(found, assessment)
    title = people.name_of(patient) or f"Patient {patient_id[:12]}"
    lanes, period = _chosen(address, known.events)
    kept, within = _kept(zone, known, marks, patient_marks.kept(address)), timeline.window(known.events, period, 0)
    listed = _events(known.events, lanes, within, ROWS_AT_ONCE, _may_compare(person, zone))
    every = href("patients", zone, patient_id, **patient_marks.kept(address, trends="all"))
    content: list[Content] = [
        head(title, lead=_lead(patient), aside=badge(f"{words.ZONES.get(zone, zone)} zone", "plain")),
        _facts(patient, zone, may_compare=_may_compare(person, zone)),
        patient_marks.controls(api, zone, patient_id, address, has_notes=has_notes),
        risk,
        why,
        _timeline(kept, known.events, lanes, period),
        patient_marks.marked(known.events, marks),
        trends.shown(known.points, every, is_whole=address.query.get("trends") == "all"),
        patient_drugs.bars(known.events, _until(address, known.events)),
        patient_drugs.documents(known.events, zone),
        html.Div(_measures(known.events), id="measures"),
        html.Section(listed, id="events", className="card"),
        dcc.Store(id="history", data=kept),
        dcc.Store(id="rows", data=ROWS_AT_ONCE),
        dcc.Store(id="steps-back", data=0),
    ]  # fmt: skip
    # The name stands in the page, not in the browser's history: there, a title is kept for months.
    return Page("Patient", content, trail=((PATIENTS, href("patients", zone=zone)),))


def _known(piece: history.Piece, address: Address) -> history.Piece:
    """What was known by the day of the address, from the origin that it names."""
    events, points = patient_marks.of_origin(piece.events, address), piece.points
    day = patient_marks.as_of(address)
    if day is not None:
        end = patient_marks.end_of(day)
        events = happenings.known_by(events, end)
        points = [one for one in points if (known := happenings.moment_of(one.known)) is None or known < end]
    keys = {event.key for event in events}
    return replace(piece, events=events, points=[one for one in points if one.key in keys])


def _until(address: Address, events: Sequence[Event]) -> datetime:
    """Until when what goes on is drawn: the day that is asked for, else the last event, in a shifted zone too."""
    day = patient_marks.as_of(address)
    if day is not None:
        return patient_marks.end_of(day)
    moments = [moment for event in events if (moment := happenings.moment_of(event.end or event.start)) is not None]
    return max(moments, default=session.now())


def register(app: Dash, api_of: ApiOf) -> None:
    """Adds what filters and buttons do."""
    _register_choice(app)

    @app.callback(
        Output("history", "data"),
        Output("measures", "children"),
        Output("more-words", "children"),
        Output("more", "disabled"),
        Input("more", "n_clicks"),
        State("history", "data"),
        prevent_initial_call=True,
    )
    def load_more(_clicks: int, kept: dict[str, Any]) -> tuple[dict[str, Any], Any, Any, bool]:
        try:
            with signed_in(api_of) as api:
                piece = _known(history.go_on(api, kept["zone"], kept["following"]), Address((), kept["asked"]))
        except CareloomError as error:
            return kept, _measures(happenings.unpack(kept["events"])), f"{error.where}. {error.remedy}", False
        more = {**kept, "events": kept["events"] + happenings.pack(piece.events), "following": piece.following}
        return more, _measures(happenings.unpack(more["events"])), _more_words(more), not piece.following

    app.clientside_callback(  # type: ignore[no-untyped-call]  # dash 4.4
        ClientsideFunction("careloom", "remember"),
        Output("announce-lanes", "data"),
        Input("lanes", "value"),
        Input("period", "value"),
        prevent_initial_call=True,
    )


def _register_choice(app: Dash) -> None:
    @app.callback(
        Output("timeline", "figure"),
        Output("events", "children"),
        Output("timeline-words", "children"),
        Output("rows", "data"),
        Output("steps-back", "data"),
        Output("later", "disabled"),
        Output("earlier", "disabled"),
        Input("history", "data"),
        Input("lanes", "value"),
        Input("period", "value"),
        Input("earlier", "n_clicks"),
        Input("later", "n_clicks"),
        Input("more-rows", "n_clicks"),
        State("rows", "data"),
        State("steps-back", "data"),
        prevent_initial_call=True,
    )
    def choose(*given: Any) -> tuple[Any, ...]:
        kept, lanes, period, rows, back = given[0], given[1] or [], given[2], given[6], given[7]
        by = ctx.triggered_id
        back = max(0, back + {"earlier": 1, "later": -1}.get(str(by), 0)) if by != "period" else 0
        rows = rows + ROWS_AT_ONCE if by == "more-rows" else ROWS_AT_ONCE
        events = happenings.unpack(kept["events"])
        within = timeline.window(events, period, back)
        seen = timeline.shown(events, lanes, within)
        listed = _events(events, lanes, within, rows, _may_compare(session.person(), kept["zone"]))
        return (
            timeline.figure(seen, within, kept["marks"]), listed, _words(seen, within), rows, back,
            back == 0, period == "all",
        )  # fmt: skip


def _kept(zone: str, piece: history.Piece, marks: patient_marks.Marks, asked: Mapping[str, str]) -> dict[str, Any]:
    return {
        "marks": marks, "zone": zone, "events": happenings.pack(piece.events), "following": piece.following,
        "total": piece.total, "refused": piece.refused, "asked": dict(asked),
    }  # fmt: skip


def _chosen(address: Address, events: Collection[Event]) -> tuple[list[str], str]:
    used = [lane.name for lane in timeline.lanes_of(events)]
    asked = [name for name in address.query.get("lanes", "").split(",") if name in used]
    period = address.query.get("period", "all")
    return asked or used, period if period in timeline.PERIODS else "all"


def _lead(patient: Resource) -> str:
    today = session.now().date()
    died = people.died(patient)
    years = people.age(patient, today)
    born = people.born(patient)
    said = [
        people.gender(patient),
        f"born {born}" if born != words.NONE else "",
        (f"died at {years}" if died else years) if years else "",
    ]
    return ", ".join(part for part in said if part and part != words.NONE)


def _may_compare(person: Person, zone: str) -> bool:
    return zone == "identified" and person.may_preview


def _compare(kind: str, name: str) -> Component:
    """The way to what de-identification makes of a record."""
    return link("Compare", href("deidentify", "compare", kind, name), className="compare")


def _facts(patient: Resource, zone: str, *, may_compare: bool) -> Component:
    meta = patient.get("meta", {})
    said: list[tuple[str, Content]] = [("Id", html.Code(str(patient.get("id", ""))))]
    died = people.died(patient)
    said += [("Died", died)] if died else []
    said += [(title, value) for title, value in people.facts(patient)]
    said.append(("Changed", str(meta.get("lastUpdated", ""))[:16].replace("T", " ") or words.NONE))
    said.append(("Source record", _source(str(meta.get("source", "")))))
    listed = html.Dl([html.Div([html.Dt(title), html.Dd(value)]) for title, value in said], className="facts")
    shifted = (
        note(
            "Dates are shifted",
            "Every date of this patient is moved by the same secret number of days; intervals are true.",
        )
        if zone == "research"
        else None
    )
    aside = _compare("Patient", str(patient.get("id", ""))) if may_compare else None
    return card("About this patient", [listed, shifted], aside=aside)


def _timeline(kept: dict[str, Any], events: Sequence[Event], lanes: list[str], period: str) -> Component:
    used = timeline.lanes_of(events)
    if not used:
        return card("Timeline", html.P("Nothing is known to have happened.", className="soft"))
    within = timeline.window(events, period, 0)
    seen = timeline.shown(events, lanes, within)
    graph = dcc.Graph(
        id="timeline",
        figure=timeline.figure(seen, within, kept["marks"]),
        className="figure",
        responsive=True,
        config={"displayModeBar": False, "staticPlot": False, "showTips": False},
    )
    labelled: dict[str, Any] = {"aria-labelledby": "timeline-words"}
    said = html.P(_words(seen, within), id="timeline-words", className="soft small", role="status")
    return card(
        "Timeline",
        [
            html.Div([_lane_filter(used, lanes), _period_filter(period)], className="filters"),
            html.Div(graph, role="img", **labelled),
            said,
            _more(kept),
            dcc.Store(id="announce-lanes"),
        ],
    )  # fmt: skip


def _lane_filter(used: Sequence[happenings.Lane], lanes: list[str]) -> Component:
    chips = dmc.ChipGroup(
        [dmc.Chip(lane.title, value=lane.name, size="sm", variant="outline") for lane in used],
        id="lanes",
        multiple=True,
        value=lanes,
    )
    return html.Fieldset([html.Legend("Lanes"), html.Div(chips, className="chips")], className="filter")


def _period_filter(period: str) -> Component:
    choice = dmc.SegmentedControl(
        id="period",
        value=period,
        size="sm",
        data=[{"value": key, "label": PERIOD_WORDS[key]} for key in timeline.PERIODS],
    )
    step = [
        html.Button("Earlier", id="earlier", type="button", className="button button-small", disabled=period == "all"),
        html.Button("Later", id="later", type="button", className="button button-small", disabled=True),
    ]
    return html.Fieldset(
        [html.Legend("Time before the last event"), html.Div([choice, *step], className="chips")], className="filter"
    )


def _more(kept: dict[str, Any]) -> Component:
    """What is not loaded, and a button for it; hidden when all is there."""
    refused = (
        html.P(
            f"You may not see {', '.join(words.spaced(kind).lower() for kind in kept['refused'])}.",
            className="soft small",
        )
        if kept["refused"]
        else None
    )
    button = html.Button("Load more", id="more", type="button", className="button button-small")
    return html.Div(
        [
            refused,
            html.Div(
                [html.Span(_more_words(kept), id="more-words", role="status"), button],
                className="note note-warn pager", hidden=not kept["following"],
            ),
        ]
    )  # fmt: skip


def _more_words(kept: dict[str, Any]) -> str:
    loaded, total = len(kept["events"]), kept["total"]
    if not kept["following"]:
        return f"All {loaded:,} events are loaded."
    return f"{loaded:,} of {total:,} events are loaded, not always the newest. The others are missing on this page."


def _words(seen: Collection[Event], within: timeline.Window | None) -> str:
    lanes = len(timeline.lanes_of(seen))
    text = f"{words.count_of(len(seen), 'event')} in {words.count_of(lanes, 'lane')}"
    if within is not None:
        text += f" from {words.day(within.start.date())} to {words.day(within.end.date())}"
    undated = sum(1 for event in seen if not event.start)
    return f"{text}. The table below lists the same events" + (f"; {undated:,} have no date." if undated else ".")


def _measures(events: Sequence[Event]) -> Component | None:
    """What was measured: the latest value of each kind, the most frequent first."""
    kinds: dict[tuple[str, str], list[Event]] = {}
    for event in happenings.newest_first(events):
        if event.lane in {"vitals", "laboratory"} and event.value:
            kinds.setdefault((event.code, event.title), []).append(event)
    if not kinds:
        return None
    most = sorted(kinds.items(), key=lambda item: (-len(item[1]), item[0][1]))
    rows = [
        (title, own[0].value, timeline.when(own[0]), words.number(len(own)))
        for (_, title), own in most[:MEASURES_SHOWN]
    ]
    columns = [Column("Measurement"), Column("Latest value"), Column("When (UTC)", "tight"), Column("Times", "right")]
    aside = html.P(
        f"{len(rows)} of {len(kinds)} kinds" if len(kinds) > len(rows) else words.count_of(len(kinds), "kind"),
        className="soft",
    )
    return card("Latest measurements", Table("Latest measurements by kind", columns, rows).shown(), aside=aside)


def _events(
    events: Sequence[Event], lanes: Collection[str], within: timeline.Window | None, rows: int, may_compare: bool
) -> list[Component]:
    seen = happenings.newest_first(timeline.shown(events, lanes, within))
    titles = {lane.name: lane.title for lane in LANES}
    listed = [
        (
            html.Div(
                [event.title, _code(event), _origin(event), _compare(event.kind, event.id) if may_compare else None]
            ),
            timeline.when(event),
            event.value or words.NONE,
            event.status or words.NONE,
            titles[event.lane],
            _source(event.source),
        )
        for event in seen[:rows]
    ]
    more = html.Button(
        "Show 50 more", id="more-rows", type="button", className="button button-small", disabled=len(seen) <= rows
    )
    shown = f"{len(listed):,} of {words.count_of(len(seen), 'event')}, newest first"
    return [
        html.Div([html.H2("Events"), html.P(shown, className="soft number")], className="card-head"),
        Table("Events, newest first", COLUMNS, listed).shown() if listed else html.P("Nothing fits.", className="soft"),
        html.Div(more, className="pager"),
    ]


def _code(event: Event) -> Component | None:
    return html.Code(event.code, className="event-code wide-only") if event.code and event.code != event.title else None


def _origin(event: Event) -> Component | None:
    return html.Span([" ", badge("From a note", "plain")]) if event.origin else None


def _source(source: str) -> Component | str:
    """The source record, short; whole as its title."""
    short = source.rpartition(":")[2]
    return html.Code(short[:12], title=source) if short else words.NONE
