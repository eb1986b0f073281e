"""All notes of a zone together: concepts, which stand together, trends, how things are said, kinds of documents."""

from collections.abc import Mapping

import plotly.graph_objects as go
from dash import html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.note_corpus import CorpusConcept, CorpusQuery, NoteCorpus
from careloom.dashboard import forms, theme, words
from careloom.dashboard.address import Address, href
from careloom.dashboard.figures import colour, graph, line, marker, styled, twin
from careloom.dashboard.note_graph import together
from careloom.dashboard.note_marks import KINDS, said_of
from careloom.dashboard.note_places import CORPUS, FIND, ROOM, tabs, type_words, zone_of
from careloom.dashboard.parts import Column, Content, Contents, Page, Table, card, head, link, note, tile, tiles
from careloom.dashboard.session import Person
from careloom.errors import AccessError, InputError

TITLE = "All notes together"
SAID = {
    "present": "Present", "absent": "Absent", "uncertain": "Uncertain", "historical": "Historical",
    "planned": "Planned", "others": "Of others",
}  # fmt: skip
TONES = {"present": "blue", "absent": "slate", "uncertain": "orange", "historical": "purple", "planned": "green",
         "others": "ochre"}  # fmt: skip
BARS = 20
FILTERS = ("type", "said", "since", "until")
CONCEPTS = [
    Column("Concept"), Column("Code", "tight wide-only"), Column("Patients", "right"), Column("Notes", "right"),
    *(Column(title, "right wide-only") for title in SAID.values()),
]  # fmt: skip


def page(api: Careloom, person: Person, address: Address) -> Page:
    """Counts over the notes of a zone, narrowed by what the address says. raises AccessError."""
    if not person.note_zones:
        raise AccessError("you may not search notes", "An administrator can grant a role that searches a zone.")
    query = dict(address.query)
    zone = zone_of(person, query)
    content: list[Content] = [
        head(TITLE, lead="What notes say, in counts: no word of a note, and nothing that few patients stand behind."),
        tabs(person, CORPUS),
        _filters(person, zone, query),
    ]
    ask = _asked(query)
    try:
        found = api.nlp.corpus(zone, ask)
    except InputError as error:
        return Page(TITLE, [*content, note(error.where, error.remedy, tone="warn", role="alert")])
    return Page(TITLE, [*content, _rounded(ask, found), *_shown(found)])


def _asked(query: Mapping[str, str]) -> CorpusQuery:
    _, labels = KINDS.get(query.get("type", ""), ("", ()))
    said = query.get("said", "present")
    return CorpusQuery(
        labels=labels,
        said=(said,) if said in SAID else (),
        since=query.get("since", "").strip(),
        until=query.get("until", "").strip(),
    )


def _filters(person: Person, zone: str, query: dict[str, str]) -> Component:
    kinds = {"": "Every type"} | {key: title for key, (title, _) in KINDS.items()}
    zones = {each: words.ZONES[each] for each in person.note_zones}
    fields = [
        forms.choice("zone", "Zone", zones, zone) if len(zones) > 1 else None,
        forms.choice("type", "Type", kinds, query.get("type", "")),
        forms.choice("said", "Said to be", {**SAID, "any": "However it is said"}, query.get("said", "present")),
        forms.text("since", "Written from", query.get("since", ""), placeholder="2025-06"),
        forms.text("until", "Before", query.get("until", ""), placeholder="2026"),
    ]
    is_narrowed = any(query.get(name) for name in FILTERS)
    return card("What counts", forms.filters(href(ROOM, CORPUS), fields, reset=is_narrowed))


def _rounded(ask: CorpusQuery, found: NoteCorpus) -> Component | None:
    """That counts of a part of the notes are not exact."""
    if not found.looked_at or not (ask.labels or ask.said or ask.since or ask.until):
        return None
    said = f"Of a part of what notes say, counts are rounded down to multiples of {found.smallest_cell}."
    return html.P(said, className="soft")


def _shown(found: NoteCorpus) -> list[Content]:
    if found.looked_at == 0:
        said = [html.P("No note of this zone was read yet."),
                html.P(["On the command line: ", html.Code(f"careloom annotate --zone {found.zone}")])]  # fmt: skip
        return [card("Nothing to count", html.Div(said, className="empty"))]
    parts = [
        _concepts(found),
        html.Div([_pairs(found), _trends(found)], className="columns columns-1-1"),
        html.Div([_assertions(found), _types(found)], className="columns columns-1-1"),
    ]
    return [_figures(found), *parts]


def _figures(found: NoteCorpus) -> Component:
    partial = f"of {found.of:,}, those with the first ids" if found.of > found.looked_at else "all that were read"
    few = f"fewer than {found.smallest_cell}"
    return tiles(
        [
            tile("Notes that count", words.number(found.notes) if found.notes is not None else few),
            tile("Patients", words.number(found.patients) if found.patients is not None else few),
            tile("Notes looked at", words.number(found.looked_at), partial),
            tile("Concepts not named", words.number(found.left_out), f"of fewer than {found.smallest_cell} patients"),
        ],
        is_small=True,
    )


def named(one: CorpusConcept, most: int = 42) -> str:
    """A concept in words, cut where a figure has no room for more characters."""
    display = one.display or one.code
    return display if len(display) <= most else f"{display[: most - 1]}…"


def _concepts(found: NoteCorpus) -> Component:
    if not found.concepts:
        said = f"No concept is in the notes of {found.smallest_cell} patients: ask for more, or wait for more notes."
        return card("Concepts", html.Div(html.P(said), className="empty"))
    top = found.concepts[:BARS][::-1]
    figure = go.Figure(go.Bar(
        x=[one.patients for one in top], y=[named(one) for one in top], orientation="h", name="Patients",
        marker={"color": colour(0)}, customdata=[one.notes for one in top],
        hovertemplate="%{y}: %{x:,} patients in %{customdata:,} notes<extra></extra>",
    ))  # fmt: skip
    shown = styled(figure, x="Patients", height=60 + 24 * len(top), yaxis={"showgrid": False}, xaxis={"showgrid": True})
    rows = [_concept_row(found.zone, one) for one in found.concepts]
    return card(
        "Concepts",
        [graph(shown, "Patients whose notes mention each concept", "corpus-concepts"),
         twin(Table("Concepts by patients", CONCEPTS, rows))],
    )  # fmt: skip


def _concept_row(zone: str, one: CorpusConcept) -> tuple[Contents, ...]:
    to = link(one.display or one.code, href(ROOM, FIND, zone=zone, concept=f"{one.system}|{one.code}"))
    counts = (_few(one.said.get(name)) for name in SAID)
    return to, html.Code(one.code), words.number(one.patients), words.number(one.notes), *counts


def _few(number: int | None) -> str:
    return "few" if number is None else words.number(number)


def _pairs(found: NoteCorpus) -> Component:
    """Concepts that stand in the same notes, as a graph: what meets more often than by chance is nearer and thicker."""
    if not found.pairs:
        said = f"No two concepts stand in the same notes of {found.smallest_cell} patients."
        return card("What stands together", html.Div(html.P(said), className="empty"))
    rows = [
        (named(found.concepts[one.first]), named(found.concepts[one.second]), words.number(one.patients),
         words.number(one.notes), f"{one.lift:.2f}")
        for one in found.pairs
    ]  # fmt: skip
    columns = [Column("One"), Column("Another"), Column("Patients", "right"), Column("Notes", "right wide-only"),
               Column("Lift", "right")]  # fmt: skip
    hint = html.P(
        "Lines join concepts of the same note; the thicker, the more often beyond chance. A lift of 2: twice as often.",
        className="hint",
    )
    figure = styled(together(found), height=430, xaxis={"visible": False}, yaxis={"visible": False})
    return card(
        "What stands together",
        [graph(figure, "Concepts that stand in the same notes", "corpus-pairs"), hint,
         twin(Table("Concepts in the same notes", columns, rows))],
    )  # fmt: skip


def _trends(found: NoteCorpus) -> Component:
    if not found.periods:
        return card("Trends", html.Div(html.P("No note that counts has a date."), className="empty"))
    figure = go.Figure(
        go.Scatter(x=list(found.periods), y=list(found.written), name="All notes", mode="lines",
                   line={"color": theme.SERIES["slate"], "width": 1.5, "dash": "dot"})
    )  # fmt: skip
    for place, one in enumerate(found.trends[:5]):
        figure.add_scatter(
            x=list(found.periods), y=list(one.notes), name=named(found.concepts[one.concept], 28), mode="lines+markers",
            line=line(place), marker=marker(place, 7), connectgaps=False,
        )  # fmt: skip
    shown = styled(figure, x=found.step.capitalize(), y="Notes", height=430, xaxis={"type": "category"})
    titles = ["All notes", *(named(found.concepts[one.concept]) for one in found.trends)]
    columns = [Column("Written", "tight"), *(Column(title, "right") for title in titles)]
    rows = [
        (period, _few(found.written[at]), *(_few(one.notes[at]) for one in found.trends))
        for at, period in enumerate(found.periods)
    ]
    return card(
        "Trends",
        [graph(shown, f"Notes that mention the commonest concepts, by {found.step}", "corpus-trends"),
         html.P("A period with few patients has no point.", className="hint"),
         twin(Table("Notes by period", columns, rows))],
    )  # fmt: skip


def _assertions(found: NoteCorpus) -> Component:
    told = [one for one in found.assertions if any(one.said.values())]
    if not told:
        return card("How it is said", html.Div(html.P("Nothing that may be shown."), className="empty"))
    figure = go.Figure()
    for name, title in SAID.items():
        shares = [
            100 * (one.said.get(name) or 0) / max(1, sum(each or 0 for each in one.said.values())) for one in told
        ]
        figure.add_bar(
            x=shares[::-1], y=[said_of(one.label).capitalize() for one in told][::-1], orientation="h", name=title,
            marker={"color": theme.SERIES[TONES[name]]}, hovertemplate="%{y}: %{x:.1f} % " + title + "<extra></extra>",
        )  # fmt: skip
    shown = styled(
        figure, x="Share of mentions [%]", height=110 + 34 * len(told), barmode="stack", legend_traceorder="normal",
        yaxis={"showgrid": False}, xaxis={"showgrid": True, "range": [0, 100]},
    )  # fmt: skip
    columns = [Column("What"), *(Column(title, "right") for title in SAID.values())]
    rows = [(said_of(one.label).capitalize(), *(_few(one.said.get(name)) for name in SAID)) for one in told]
    return card(
        "How it is said",
        [graph(shown, "Shares of mentions by how they are said", "corpus-said"),
         twin(Table("Mentions by how they are said", columns, rows))],
    )  # fmt: skip


def _types(found: NoteCorpus) -> Component:
    told = [one for one in found.types if one.notes]
    columns = [Column("Kind of document"), Column("Notes", "right"), Column("Patients", "right")]
    rows = [(type_words(one.type) or "Not said", _few(one.notes), _few(one.patients)) for one in found.types]
    if not told:
        return card("Kinds of documents", Table("Notes by kind", columns, rows).shown())
    figure = go.Figure(go.Bar(
        x=[one.notes for one in told][::-1], y=[type_words(one.type) or "Not said" for one in told][::-1],
        orientation="h", name="Notes", marker={"color": colour(2)},
        hovertemplate="%{y}: %{x:,} notes<extra></extra>",
    ))  # fmt: skip
    shown = styled(figure, x="Notes", height=80 + 34 * len(told), yaxis={"showgrid": False}, xaxis={"showgrid": True})
    return card(
        "Kinds of documents",
        [graph(shown, "Notes of each kind", "corpus-types"), twin(Table("Notes by kind", columns, rows))],
    )
