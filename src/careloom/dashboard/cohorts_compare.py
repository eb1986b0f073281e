"""Two cohorts side by side: how large, how many patients are in both, who they are. Small cells are left out behind."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
from dash import html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.risk_reports import CohortComparison, CohortDistribution, ShippedCohort
from careloom.dashboard import figures, forms, words
from careloom.dashboard.address import Address, href
from careloom.dashboard.cohorts_asked import BUILD, COMPARE, ROOM, built
from careloom.dashboard.cohorts_facts import with_facts
from careloom.dashboard.parts import Column, Content, Page, Table, card, head, note, tile, tiles
from careloom.dashboard.session import Person
from careloom.errors import CareloomError

TITLE = "Compare cohorts"
LEFT_OUT = "left out"
TITLES = {"age": "Age at the first moment", "sex": "Sex", "conditions": "Conditions known before"}
_LONG = 30


def page(api: Careloom, person: Person, address: Address) -> Page:
    """``?one=`` and ``?other=`` of those that ship; ``build`` for the cohort that the rest of the address says."""
    zone = address.query.get("zone") or ("research" if "research" in person.explore_zones else person.explore_zones[0])
    shipped = api.risk.cohorts() if person.lists_cohorts else ()
    one, other = address.query.get("one", ""), address.query.get("other", "")
    lead = "Each patient once, at the first moment that is in. What few patients stand behind is left out."
    content: list[Content] = [head(TITLE, lead=lead), form(address, person, shipped)]
    if one and other:
        content += _compared(api, person, address, zone)
    else:
        content.append(card("Nothing to compare yet", html.P("Choose two cohorts above.", className="soft")))
    return Page(TITLE, content, trail=(("Cohorts", href(ROOM)),))


def form(address: Address, person: Person, shipped: Sequence[ShippedCohort]) -> Component:
    """Which two, in which zone. A cohort that is built stands in the address already."""
    query = built(address, person.explore_zones).query()
    is_built = bool(set(query) - {"zone"}) or BUILD in (address.query.get("one"), address.query.get("other"))
    known = {"": "Choose", **({BUILD: "The cohort that you build"} if is_built else {}),
             **{one.name: one.title for one in shipped}}  # fmt: skip
    kept = [forms.hidden(name, value) for name, value in query.items() if name != "zone"]
    zones = {one: words.ZONES[one] for one in person.explore_zones}
    fields = [
        forms.choice("one", "One", known, address.query.get("one", "")),
        forms.choice("other", "The other", known, address.query.get("other", "")),
        forms.choice("zone", "Zone", zones, query.get("zone", "")),
    ]
    return forms.filters(href(ROOM, COMPARE), [*kept, *fields], button="Compare")


def _compared(api: Careloom, person: Person, address: Address, zone: str) -> list[Content]:
    asked = built(address, person.explore_zones)

    def told(name: str) -> dict[str, str]:
        return {"definition": asked.definition()} if name == BUILD else {"cohort": name}

    one, other = told(address.query["one"]), told(address.query["other"])
    try:
        found: CohortComparison = with_facts(
            lambda facts: api.risk.compare(one, other, zone=zone, facts=facts, notes=asked.notes),
            is_read=zone == "identified" or asked.notes,
        )
    except CareloomError as error:
        return [card("Not compared", note(error.where, error.remedy, tone="warn", role="alert"))]
    names = [each.title for each in found.cohorts]
    parts = [_distribution(each, found, names) for each in found.distributions]
    few = f"fewer than {found.smallest_cell} patients, or it would tell of few"
    sizes = [tile(each.title, _size(each.patients), "" if each.patients is not None else few) for each in found.cohorts]
    both = tile("In both", _size(found.overlap.both), "" if found.overlap.both is not None else few)
    shown = html.Div([_overlap(found, names), *parts], className="columns columns-1-1 columns-even")
    return [tiles([*sizes, both]), shown]


def _size(patients: int | None) -> str:
    return "Left out" if patients is None else words.count_of(patients, "patient")


def _overlap(found: CohortComparison, names: Sequence[str]) -> Component:
    rows = [
        (f"Only: {names[0]}", found.overlap.only_one), ("In both", found.overlap.both),
        (f"Only: {names[1]}", found.overlap.only_other),
    ]  # fmt: skip
    drawn = go.Figure(go.Bar(
        x=[count for _, count in rows], y=[_short(said) for said, _ in rows], orientation="h",
        marker={"color": figures.colour(0)}, hovertemplate="%{y}: %{x:,} patients<extra></extra>",
    ))  # fmt: skip
    _lying(drawn, len(rows), "Patients")
    table = Table("Overlap", [Column("Patients who are"), Column("How many", "right")],
                  [(said, LEFT_OUT if count is None else f"{count:,}") for said, count in rows])  # fmt: skip
    return card("Overlap", [figures.graph(drawn, "Patients of one, of both, of the other", "cohorts-overlap"),
                            figures.twin(table)])  # fmt: skip


def _distribution(one: CohortDistribution, found: CohortComparison, names: Sequence[str]) -> Component:
    """Shares of each cohort, bar by bar."""
    title = TITLES[one.name]
    if not one.bins or not any((*one.one, *one.other)):
        said = f"Fewer than {found.smallest_cell} patients stand behind each part of this."
        return card(title, html.P(said, className="soft"))
    bins = [at for at in range(len(one.bins)) if one.one[at] != 0 or one.other[at] != 0]
    drawn = go.Figure()
    for number, counts in enumerate((one.one, one.other)):
        whole = found.cohorts[number].patients or sum(each or 0 for each in counts)
        shares = [None if counts[at] is None or not whole else (counts[at] or 0) / whole for at in bins]
        text = [f"{one.bins[at]}: {LEFT_OUT if counts[at] is None else words.count_of(counts[at] or 0, 'patient')}"
                for at in bins]  # fmt: skip
        drawn.add_trace(go.Bar(
            x=shares, y=[one.bins[at] for at in bins], orientation="h", name=_short(names[number]), text=text,
            textposition="none", marker={"color": figures.colour(number)}, hovertemplate="%{text}<extra></extra>",
        ))  # fmt: skip
    _lying(drawn, 1.6 * len(bins), "Share of patients")
    drawn.update_xaxes(tickformat=".0%")
    columns = [Column(title), *(Column(name, "right") for name in names)]
    rows = [(one.bins[at], *(LEFT_OUT if each[at] is None else f"{each[at]:,}" for each in (one.one, one.other)))
            for at in bins]  # fmt: skip
    apart = None
    if one.difference is not None:
        said = f"Total variation {one.difference:.3f}: half the sum of the differences of shares."
        apart = html.P(said, className="soft small")
    hint = html.P(_hint(one, found), className="soft small") if _hint(one, found) else None
    graph = figures.graph(drawn, f"{title} of both cohorts", f"cohorts-{one.name}")
    return card(title, [graph, apart, hint, figures.twin(Table(title, columns, rows))])


def _hint(one: CohortDistribution, found: CohortComparison) -> str:
    left = sum(each is None for each in (*one.one, *one.other))
    if not left:
        return ""
    few = f"fewer than {found.smallest_cell} patients stand behind them, or they would tell of those"
    return f"{words.count_of(left, 'count is', 'counts are')} left out: {few}."


def _lying(drawn: go.Figure, bars: float, said: str) -> None:
    figures.styled(drawn, x=said, height=round(100 + 26 * bars))
    ticks: dict[str, Any] = {"ticks": "outside", "ticklen": 6, "tickcolor": "rgba(0,0,0,0)"}
    drawn.update_yaxes(autorange="reversed", type="category", showgrid=False, **ticks)
    drawn.update_xaxes(showgrid=True, rangemode="tozero")


def _short(text: str) -> str:
    return text if len(text) <= _LONG else text[: _LONG - 1] + "…"
