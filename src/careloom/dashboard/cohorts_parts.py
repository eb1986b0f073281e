"""What a cohort holds as panels: what each rule leaves, what came of it, who is in, why one is in or not."""

import plotly.graph_objects as go
from dash import html
from dash.development.base_component import Component

from careloom.client.risk_reports import CohortCounts, CohortWhy
from careloom.dashboard import figures, words
from careloom.dashboard.address import href
from careloom.dashboard.parts import Column, Content, Table, badge, card, link, note, tile, tiles, time

STATES = {
    "event": ("The outcome came", "warn"), "none": ("It did not come", "good"), "death": ("Death came before", ""),
    "censored": ("Nobody can tell yet", ""),
}  # fmt: skip
_LONG = 26


def counted(found: CohortCounts) -> Component:
    """How large it is, and how often the outcome came."""
    known = found.states.get("event", 0) + found.states.get("none", 0)
    share = found.states.get("event", 0) / known if known else None
    return tiles([
        tile("Patients", words.number(found.patients)),
        tile("Moments", words.number(found.rows), "at which a prediction is made"),
        tile("Outcome", words.share(share), f"of {words.count_of(known, 'moment')} of which it is known"),
    ])  # fmt: skip


def hints(found: CohortCounts) -> list[Content]:
    """What it lacks because of its zone."""
    return [note(one.message, one.remedy, tone="warn") for one in found.hints]


def attrition(found: CohortCounts) -> Component:
    """A bar for each rule: moments that it leaves, and those that it takes out."""
    names = [_short(f"{at}. {one.name}") for at, one in enumerate(found.steps)]
    drawn = go.Figure()
    for number, (said, values) in enumerate(
        (("Left", [one.rows for one in found.steps]), ("Taken out", [one.removed for one in found.steps]))
    ):
        text = [
            f"<b>{_plain(one.name)}</b><br>{one.rows:,} moments of {one.patients:,} patients left"
            f"<br>{one.removed:,} taken out"
            for one in found.steps
        ]
        drawn.add_trace(go.Bar(
            x=values, y=names, orientation="h", name=said, text=text, textposition="none",
            hovertemplate="%{text}<extra></extra>",
            marker={"color": figures.colour(0) if not number else "#b9c4c9"},
        ))  # fmt: skip
    figures.styled(drawn, x="Moments", height=max(180, 80 + 38 * len(names)), barmode="stack")
    drawn.update_yaxes(
        autorange="reversed", type="category", showgrid=False, ticks="outside", ticklen=6, tickcolor="rgba(0,0,0,0)"
    )
    drawn.update_xaxes(showgrid=True, rangemode="tozero")
    columns = [
        Column("Rule"), Column("Moments left", "right"), Column("Patients left", "right"),
        Column("Taken out", "right wide-only"),
    ]  # fmt: skip
    rows = [
        (html.Div([one.name, html.Div(one.why, className="soft small")]) if one.why else one.name,
         words.number(one.rows), words.number(one.patients), words.number(one.removed))
        for one in found.steps
    ]  # fmt: skip
    shown = figures.graph(drawn, "What each rule leaves", "cohort-attrition")
    return card("What each rule leaves", [shown, Table("What each rule leaves", columns, rows).shown()])


def states(found: CohortCounts) -> Component:
    """What came of the moments that are in."""
    kept = {name: said for name, said in STATES.items() if found.states.get(name)}
    if not kept:
        return card("What came of it", html.P("Nobody is in, so nothing came of it.", className="soft"))
    drawn = go.Figure(go.Bar(
        x=[found.states[name] for name in kept], y=[said for said, _ in kept.values()], orientation="h",
        marker={"color": figures.colour(0)}, hovertemplate="%{y}: %{x:,}<extra></extra>",
    ))  # fmt: skip
    figures.styled(drawn, x="Moments", height=90 + 34 * len(kept))
    drawn.update_yaxes(
        autorange="reversed", type="category", showgrid=False, ticks="outside", ticklen=6, tickcolor="rgba(0,0,0,0)"
    )
    drawn.update_xaxes(showgrid=True, rangemode="tozero")
    whole = sum(found.states.values())
    rows = [(said, words.number(found.states[name]), words.share(found.states[name] / whole))
            for name, (said, _) in kept.items()]  # fmt: skip
    table = Table("What came of it", [Column("State"), Column("Moments", "right"), Column("Share", "right")], rows)
    return card("What came of it", [figures.graph(drawn, "What came of it", "cohort-states"), figures.twin(table)])


def people(found: CohortCounts, zone: str, why: str) -> Component | None:
    """Some moments that are in, each with the way to its patient and to why; `why` ends where the patient's id goes."""
    if not found.shown:
        return None
    columns = [
        Column("Patient"),
        Column("Moment (UTC)"),
        Column("What came of it"),
        Column("Why", "tight", True),
    ]
    rows = []
    for one in found.shown:
        patient = str(one["patient_id"])
        said, tone = STATES.get(str(one.get("state")), ("Unknown", ""))
        at, _, query = why.partition("?")
        rows.append((
            link(html.Code(patient[:8]), href("patients", zone, patient), title="Show this patient"),
            str(one["index_time"])[:16].replace("T", " "), badge(said, tone),
            link("Why", f"{at}/{patient}?{query}"),
        ))  # fmt: skip
    more = f"The first {len(rows)} of {found.rows:,}." if found.rows > len(rows) else None
    return card("Who is in", [Table("Moments that are in", columns, rows).shown(), html.P(more, className="hint")])


def reasons(found: tuple[CohortWhy, ...]) -> Component:
    """Each moment of one patient: in or not, and which rules kept it out."""
    columns = [
        Column("Moment (UTC)", "tight"),
        Column("In", "tight"),
        Column("Why"),
        Column("What was seen", "wide-only"),
    ]
    rows = [(
        words.NONE if one.index_time is None else time(one.index_time),
        badge("In", "good") if one.is_in else badge("Nearly", "warn") if one.near_miss else badge("Out"),
        _why(one), _facts(one),
    ) for one in found]  # fmt: skip
    if not rows:
        return card("Why", html.P("This patient has no moment at which the cohort could predict.", className="soft"))
    return card("Why, moment by moment", Table("Moments of one patient", columns, rows).shown())


def _why(one: CohortWhy) -> Content:
    if one.is_in:
        return STATES.get(one.state or "", ("Every rule holds", ""))[0]
    kept_out = [*one.failed, *([one.left_out] if one.left_out else [])]
    return html.Div([html.Div(f"Fails: {each}") for each in kept_out] or "Left out")


def _facts(one: CohortWhy) -> Content:
    told = [f"{rule}: {words.count_of(len(keys), 'record')}" for rule, keys in one.facts.items() if keys]
    return html.Div([html.Div(each, className="soft small") for each in told]) if told else words.NONE


def _short(text: str) -> str:
    plain = _plain(text)
    return plain if len(plain) <= _LONG else plain[: _LONG - 1] + "…"


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
