"""Capacity: beds, discharges and clinic slots ahead beside what came so far, overbooking, and whom to call first."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
from dash import html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.forecasts_reports import ForecastDay, UnitForecast
from careloom.dashboard import capacity_calls, figures, forms, theme, words
from careloom.dashboard.address import Address, href
from careloom.dashboard.capacity_calls import refused
from careloom.dashboard.parts import Column, Content, Contents, Page, Table, badge, card, head, link, note, tile, tiles
from careloom.dashboard.session import Person
from careloom.errors import CareloomError, InputError

TITLE = "Capacity"
LEAD = "How many beds, discharges and clinic slots to expect, how far to overbook, and whom to call first."
WHATS = {"beds": "Occupied beds", "discharges": "Discharges", "slots": "Clinic slots"}
DAYS = {"7": "7 days", "28": "28 days"}
WHOLE = "all"
_PAST_DAYS = 56
_LOOKED_BACK = 10
_FEW = "It takes half a year of counted days"
_UNITS_SHOWN = 40
_ZONES = {"identified": "Identified", "research": "Research", "synthetic": "Synthetic"}
KEPT = ("what", "days", "unit", "zone", "judged")


def page(api: Careloom, person: Person, address: Address) -> Page:
    """The forecast that the address asks for, and what its forms ask; no patient is in any address."""
    asked = _asked(person, address)
    content: list[Content] = [head(TITLE, lead=LEAD)]
    try:
        units = api.forecasts.units(asked["what"], int(asked["days"]), zone=asked["zone"], past=_PAST_DAYS)
        chosen, failed = _chosen(api, asked, units)
    except CareloomError as error:
        content += [_form(person, asked, ()), card("No forecast", refused(error))]
        return Page(TITLE, [*content, *capacity_calls.cards(api, person, address, asked)])
    content += [
        _form(person, asked, units),
        _tiles(chosen, asked),
        _ahead(chosen, asked),
        html.Div([_judged(chosen, asked, failed), _so_far(chosen)], className="columns columns-1-1"),
        _units(units, asked),
        *capacity_calls.cards(api, person, address, asked),
    ]
    return Page(TITLE, content)


def _asked(person: Person, address: Address) -> dict[str, str]:
    """What the address asks for; what it does not say, or wrongly, is as usual."""
    query = address.query
    zones = person.patient_zones or ("identified",)
    return {
        "what": query.get("what", "") if query.get("what") in WHATS else "beds",
        "days": query.get("days", "") if query.get("days") in DAYS else "7",
        "zone": query.get("zone", "") if query.get("zone") in zones else zones[0],
        "unit": query.get("unit", "") or WHOLE,
        "judged": "1" if query.get("judged") == "1" else "",
    }


def _chosen(
    api: Careloom, asked: dict[str, str], units: Sequence[UnitForecast]
) -> tuple[UnitForecast, CareloomError | None]:
    """The unit that is drawn, judged where the address asks for that, and why it cannot be; the zone as a whole where
    no unit is named.
    """
    what, days, more = asked["what"], int(asked["days"]), {"zone": asked["zone"], "past": _PAST_DAYS}
    named = next((one for one in units if one.unit == asked["unit"]), None)
    failed = None
    if asked["judged"]:
        try:
            if named is None:
                return api.forecasts.zone(what, days, judged=True, **more), None
            found = api.forecasts.units(what, days, judged=True, **more)
            return next((one for one in found if one.unit == named.unit), named), None
        except InputError as error:
            failed = error
    return named or api.forecasts.zone(what, days, **more), failed


def _form(person: Person, asked: dict[str, str], units: Sequence[UnitForecast]) -> Component:
    names = {WHOLE: "All together", **{one.unit: one.unit for one in units}}
    fields: list[Component | None] = [
        forms.choice("what", "What", WHATS, asked["what"]),
        forms.choice("days", "How far ahead", DAYS, asked["days"]),
        forms.choice("unit", "Ward or clinic", names, asked["unit"] if asked["unit"] in names else WHOLE),
        forms.choice("zone", "Zone", {one: _ZONES[one] for one in person.patient_zones}, asked["zone"])
        if len(person.patient_zones) > 1
        else None,
    ]
    return card("What to forecast", forms.filters(href("capacity"), fields))


def _name(one: UnitForecast) -> str:
    return "All together" if one.unit == WHOLE else one.unit


def _tiles(one: UnitForecast, asked: dict[str, str]) -> Component | None:
    if not one.rows:
        return None
    first, most = one.rows[0], max(one.rows, key=lambda row: row.high)
    newest = one.past[-1].count if one.past else None
    return tiles(
        [
            tile("Last counted day", f"{newest:,.0f}" if newest is not None else words.NONE, words.day(one.until)),
            tile("The day after", f"{first.median:,.0f}", f"nine in ten: {first.low:,.0f} to {first.high:,.0f}"),
            tile("Highest that is likely", f"{most.high:,.0f}", f"on {words.day(most.date)}"),
            tile("Mean of a day", f"{one.mean:,.1f}", "over the last year"),
        ]
    )


def _ahead(one: UnitForecast, asked: dict[str, str]) -> Component:
    title = f"{WHATS[asked['what']]}, {DAYS[asked['days']]} ahead: {_name(one)}"
    if not one.rows:
        return card(title, note("Too few days to forecast", f"{_FEW}.", tone="warn"))
    columns = [
        Column("Day"), Column("Forecast", "right"), Column("Nine in ten", "right"), Column("Mean", "right wide-only"),
    ]  # fmt: skip
    rows = [
        (f"{row.date:%a} {words.day(row.date)}", f"{row.median:,.0f}", _between(row), f"{row.mean:,.1f}")
        for row in one.rows
    ]
    figure = figures.graph(_figure(one, asked), title, "capacity-ahead")
    said = "Shaded: the interval that holds nine days in ten; dotted: what would have been forecast of the last days."
    return card(title, [figure, html.P(said, className="soft small"), figures.twin(Table(title, columns, rows))])


def _between(row: ForecastDay) -> str:
    return f"{row.low:,.0f} to {row.high:,.0f}"


def _figure(one: UnitForecast, asked: dict[str, str]) -> go.Figure:
    drawn = go.Figure()
    blue, orange, slate = (theme.SERIES[name] for name in ("blue", "orange", "slate"))
    for rows, colour in ((one.earlier, slate), (one.rows, blue)):
        if rows:
            days = [row.date.isoformat() for row in rows]
            drawn.add_trace(
                go.Scatter(
                    x=[*days, *reversed(days)], y=[*(row.high for row in rows), *(row.low for row in reversed(rows))],
                    mode="lines", line={"width": 0}, fill="toself", fillcolor=_wash(colour), hoverinfo="skip",
                    showlegend=False,
                )
            )  # fmt: skip
    drawn.add_trace(
        go.Scatter(
            x=[day.date.isoformat() for day in one.past], y=[day.count for day in one.past], mode="lines+markers",
            name="Counted", line={"color": slate, "width": 2}, marker={"size": 5},
            hovertemplate="%{y:.0f} on %{x|%a %d %b}<extra>Counted</extra>",
        )
    )  # fmt: skip
    for rows, name, colour, dash, symbol in (
        (one.earlier, "Forecast before", orange, "dot", "diamond"), (one.rows, "Forecast", blue, "solid", "circle"),
    ):  # fmt: skip
        if rows:
            drawn.add_trace(
                go.Scatter(
                    x=[row.date.isoformat() for row in rows], y=[row.median for row in rows], mode="lines+markers",
                    name=name, line={"color": colour, "width": 2, "dash": dash}, marker={"size": 6, "symbol": symbol},
                    text=[_between(row) for row in rows],
                    hovertemplate="%{y:.0f} (%{text}) on %{x|%a %d %b}<extra>" + name + "</extra>",
                )
            )  # fmt: skip
    figures.styled(drawn, y=WHATS[asked["what"]], height=320)
    drawn.update_yaxes(rangemode="tozero", nticks=6)
    return drawn.update_xaxes(type="date", nticks=8)


def _wash(colour: str) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.16)"


def _judged(one: UnitForecast, asked: dict[str, str], failed: CareloomError | None) -> Component:
    """How far forecasts of the last year were off, against repeating last week."""
    title = "How good is this?"
    kept = {name: asked[name] for name in KEPT}
    if failed is not None:
        return card(title, note("Too few days to judge", "It takes more than a year of counted days.", tone="warn"))
    if one.judged is None:
        ask = link(
            "Forecast the last year, and compare", href("capacity", **{**kept, "judged": "1"}), className="button"
        )
        text = "The last year is forecast from many days, and held against repeating the week before. It takes a while."
        return card(title, html.Div([html.P(text), ask], className="empty"))
    told = one.judged
    mase, naive = told.get("mase"), told.get("mase_naive")
    rows: list[tuple[Contents, ...]] = [
        ("Error (MASE)", _plain(mase), "below 1 beats repeating last week"),
        ("Repeating last week (MASE)", _plain(naive), "the same days"),
        ("Days within the interval", words.share(told.get("coverage")), "nine in ten are meant"),
        ("Forecast too high by", _plain(told.get("bias")), "in the mean; below 0 too low"),
        ("Forecasts", words.number(told.get("forecasts")), ""),
    ]
    verdict = None
    if isinstance(mase, float) and isinstance(naive, float):
        better = mase < naive
        verdict = note(
            "Better than repeating last week" if better else "No better than repeating last week",
            f"Off by {mase:.2f} where repeating last week is off by {naive:.2f}.", tone="good" if better else "warn",
        )  # fmt: skip
    columns = [Column("Measure"), Column("Value", "right"), Column("How to read it", "wide-only")]
    return card(title, [verdict, Table("Backtest of the last year", columns, rows).shown()])


def _plain(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, int | float) else words.NONE


def _so_far(one: UnitForecast) -> Component:
    """What was counted on the newest days, beside what the days before would have foretold of them."""
    title = "Against what happened so far"
    counted = {day.date: day.count for day in one.past}
    both = [(row, counted[row.date]) for row in one.earlier if row.date in counted]
    if not both:
        return card(title, html.P("Too few days to look back.", className="soft"))
    inside = sum(row.low <= count <= row.high for row, count in both)
    columns = [Column("Day"), Column("Counted", "right"), Column("Foretold", "right"), Column("Within", "tight")]
    rows = [
        (
            f"{row.date:%a} {words.day(row.date)}", f"{count:,.0f}", f"{row.median:,.0f} ({_between(row)})",
            badge("Yes", "good") if row.low <= count <= row.high else badge("No", "warn"),
        )
        for row, count in list(reversed(both))[:_LOOKED_BACK]
    ]  # fmt: skip
    aside = html.P(f"{inside} of {words.count_of(len(both), 'day')} within", className="soft")
    return card(title, Table("Counted and foretold, newest first", columns, rows).shown(), aside=aside)


def _units(units: Sequence[UnitForecast], asked: dict[str, str]) -> Component:
    """Every ward or clinic: where it stands and what comes."""
    title = "Clinics" if asked["what"] == "slots" else "Wards"
    if not units:
        return card(title, html.P("No unit is named in the record.", className="soft"))
    columns = [
        Column("Unit"), Column("Last counted", "right"), Column("The day after", "right"),
        Column("Nine in ten", "right wide-only"), Column("Highest that is likely", "right"),
    ]  # fmt: skip
    rows = [_unit(one, asked) for one in units[:_UNITS_SHOWN]]
    more = f"{len(rows)} of {words.count_of(len(units), 'unit')}, the fullest first"
    return card(title, Table(f"{title}, those with the most first", columns, rows).shown(),
                aside=html.P(more, className="soft"))  # fmt: skip


def _unit(one: UnitForecast, asked: dict[str, str]) -> tuple[Contents, ...]:
    name = link(one.unit, href("capacity", **{**{each: asked[each] for each in KEPT}, "unit": one.unit, "judged": ""}))
    newest = f"{one.past[-1].count:,.0f}" if one.past else words.NONE
    if not one.rows:
        return name, newest, html.Span(_FEW, className="soft"), words.NONE, words.NONE
    first = one.rows[0]
    return name, newest, f"{first.median:,.0f}", _between(first), f"{max(row.high for row in one.rows):,.0f}"
