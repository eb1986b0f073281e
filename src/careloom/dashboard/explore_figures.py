"""Charts of counts as panels: a figure, its table, and what is left out of both."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
from dash import html
from dash.development.base_component import Component

from careloom.client.explore_reports import ExploreChart, ExploreSeries
from careloom.dashboard import figures, words
from careloom.dashboard.explore_asked import title
from careloom.dashboard.parts import Column, Content, Table, card, tile, tiles

LEFT_OUT = "left out"
MEASURES = {
    "total_variation": ("Total variation", "half the sum of the differences of shares"),
    "jensen_shannon": ("Jensen-Shannon", "divergence, to base 2"),
    "kolmogorov_smirnov": ("Kolmogorov-Smirnov", "largest difference of cumulated shares"),
    "largest": ("Largest difference", "of a pair of columns"),
}
ALIKE = ((0.05, "very much alike"), (0.15, "much alike"), (0.3, "somewhat apart"), (1.01, "far apart"))
"""Of the total variation, as words; where the bounds lie is ours."""
_LONG = 34


def panel(chart: ExploreChart, smallest: int) -> Component:
    """One chart of one or two zones."""
    if chart.correlations is not None:
        return _together(chart)
    if not any(one for series in chart.series for one in series.rows):
        return card(heading(chart), html.P(_nothing(chart, smallest), className="soft"))
    inside: list[Content] = [_figure(chart), _summaries(chart), difference(chart), _left_out(chart, smallest)]
    return card(heading(chart), [*inside, figures.twin(_table(chart))])


def tells(chart: ExploreChart) -> bool:
    """True where two counts at least are there to be seen."""
    return any(sum(1 for one in series.rows if one) > 1 for series in chart.series)


def heading(chart: ExploreChart) -> str:
    """``Category by Unit``."""
    if chart.kind == "correlations":
        return "What hangs together"
    if chart.kind == "trend":
        what = f"Mean of {title(chart.value).lower()}" if chart.value else "Rows"
        by = f", by {title(chart.by).lower()}" if chart.by else ""
        return f"{what} over {title(chart.column).lower()}{by}"
    return f"{title(chart.column)} by {title(chart.by).lower()}" if chart.by else title(chart.column)


def _nothing(chart: ExploreChart, smallest: int) -> str:
    if any(one is None for series in chart.series for one in series.rows):
        return f"Fewer than {smallest} patients stand behind each part of this, so nothing of it is shown."
    return "No row says anything here."


def _left_out(chart: ExploreChart, smallest: int) -> Component | None:
    if not chart.left_out:
        return None
    what = words.count_of(chart.left_out, "count is", "counts are")
    why = f"fewer than {smallest} patients stand behind them, or they would tell of those"
    return html.P(f"{what} left out: {why}.", className="soft small")


def difference(chart: ExploreChart) -> Component | None:
    """How far two zones lie apart, in words and numbers."""
    told = chart.difference
    if not told:
        return None
    variation = told.get("total_variation")
    said = next((say for most, say in ALIKE if variation is not None and variation < most), "")
    shown = [
        tile(name, f"{value:.3f}", said if key == "total_variation" else how)
        for key, (name, how) in MEASURES.items()
        if (value := told.get(key)) is not None
    ]
    return tiles(shown, is_small=True)


def _summaries(chart: ExploreChart) -> Component | None:
    """Mean, spread and quartiles of a number, zone by zone."""
    found = [one for one in chart.series if one.summary is not None]
    if not found:
        return None
    columns = [Column("Zone"), *(Column(one, "right") for one in ("Mean", "SD", "25 %", "Median", "75 %"))]
    rows = [
        (words.ZONES[one.zone], *(f"{one.summary[key]:,.4g}" for key in ("mean", "sd", "p25", "median", "p75")))
        for one in found
        if one.summary is not None
    ]
    return Table(f"Mean and quartiles of {title(chart.column).lower()}", columns, rows).shown()


def _figure(chart: ExploreChart) -> Component:
    if chart.kind == "cross":
        return html.Div([_heat(chart, zone) for zone in _zones(chart)], className="stack")
    drawn = _lines(chart) if chart.kind == "trend" else _bars(chart)
    return figures.graph(drawn, f"{heading(chart)}: {', '.join(_names(chart))}", _id(chart))


def _zones(chart: ExploreChart) -> list[str]:
    return list(dict.fromkeys(one.zone for one in chart.series))


def _names(chart: ExploreChart) -> list[str]:
    return [_name(chart, one) for one in chart.series]


def _name(chart: ExploreChart, one: ExploreSeries) -> str:
    zone = words.ZONES[one.zone]
    if not one.name:
        return zone
    return f"{one.name}, {zone.lower()}" if len(_zones(chart)) > 1 else one.name


def _id(chart: ExploreChart, zone: str = "") -> str:
    parts = (chart.kind, chart.column, chart.by, chart.value, zone)
    return "explore-" + "-".join(part.replace("_", "-").lower() for part in parts if part)


def _shares(one: ExploreSeries) -> list[float | None]:
    """Of all rows of the series; of those that are shown where their number is left out."""
    whole = one.total_rows or sum(each or 0 for each in one.rows)
    return [None if each is None or not whole else each / whole for each in one.rows]


def _shown_bins(chart: ExploreChart) -> list[int]:
    """Bins in which anything is; none that is open or not recorded, and empty."""
    last = len(chart.bins) - 1
    return [
        at
        for at, one in enumerate(chart.bins)
        if any(series.rows[at] != 0 for series in chart.series)
        or (chart.axis != "category" and one.low is not None and one.high is not None and at != last)
    ]


def _bars(chart: ExploreChart) -> go.Figure:
    """Bars of rows, of shares where two zones of unlike sizes stand beside each other."""
    lying, are_shares, drawn = chart.axis == "category", len(chart.series) > 1, go.Figure()
    shown = [at for at in _shown_bins(chart) if lying or at != len(chart.bins) - 1]
    places, widths = ([], None) if lying else _places(chart, shown)
    for number, one in enumerate(chart.series):
        shares = _shares(one)
        values = [shares[at] if are_shares else one.rows[at] for at in shown]
        labels = [_short(chart.bins[at].label) for at in shown] if lying else places
        text = [_hover(chart.bins[at].label, one, at, shares[at]) for at in shown]
        x, y = (values, labels) if lying else (labels, values)
        drawn.add_trace(go.Bar(
            x=x, y=y, orientation="h" if lying else "v", name=_name(chart, one), text=text, textposition="none",
            width=None if lying or are_shares else widths,
            marker={"color": figures.colour(number)}, hovertemplate="%{text}<extra></extra>",
        ))  # fmt: skip
    said = "Share of rows" if are_shares else "Rows"
    height = max(160, 60 + len(shown) * (12 + 12 * len(chart.series))) if lying else figures.HEIGHT
    figures.styled(drawn, x=said if lying else _axis(chart), y="" if lying else said, height=height)
    if are_shares:
        (drawn.update_xaxes if lying else drawn.update_yaxes)(tickformat=".0%")
    if lying:
        drawn.update_yaxes(
            autorange="reversed", showgrid=False, type="category", ticks="outside", ticklen=6, tickcolor="rgba(0,0,0,0)"
        )
        drawn.update_xaxes(showgrid=True, rangemode="tozero")
    else:
        drawn.update_xaxes(type="date" if chart.axis == "time" else "linear", nticks=8, tickformat=_ticks(chart))
    return drawn


def _places(chart: ExploreChart, shown: Sequence[int]) -> tuple[list[Any], list[Any]]:
    """Where each bin stands on its axis, and how wide it is; an open one is as wide as its neighbour."""
    inner = [one for one in chart.bins if one.low is not None and one.high is not None]
    step = inner[0].high - inner[0].low if inner and inner[0].high is not None and inner[0].low is not None else 1.0
    places: list[Any] = []
    for at in shown:
        one = chart.bins[at]
        low = one.low if one.low is not None else (one.high or 0.0) - step
        places.append(_day(low) if chart.axis == "time" else low + step / 2)
    width = step * 30 * 86_400_000 if chart.axis == "time" else step
    return places, [0.94 * width] * len(places)


def _day(months: float) -> str:
    """The first day of a month that is counted from the year 0."""
    return f"{int(months) // 12:04d}-{int(months) % 12 + 1:02d}-01"


def _ticks(chart: ExploreChart) -> str:
    """Years are no amounts: they have no comma."""
    is_year = chart.axis == "number" and all(one.low is None or 1800 <= one.low <= 2200 for one in chart.bins)
    return "d" if is_year and any(one.low is not None for one in chart.bins) else ""


def _hover(label: str, one: ExploreSeries, at: int, share: float | None) -> str:
    rows, patients = one.rows[at], one.patients[at]
    if rows is None or patients is None:
        return f"{_plain(label)}: {LEFT_OUT}"
    return f"<b>{_plain(label)}</b><br>{rows:,} rows ({words.share(share)})<br>{words.count_of(patients, 'patient')}"


def _lines(chart: ExploreChart) -> go.Figure:
    """Rows of each stretch of time, or means, a line for each series."""
    last, drawn = len(chart.bins) - 1, go.Figure()
    shown = [at for at, one in enumerate(chart.bins) if at != last and one.low is not None and one.high is not None]
    are_shares = not chart.value and not chart.by and len(_zones(chart)) > 1
    for number, one in enumerate(chart.series):
        shares = _shares(one)
        values = one.means or () if chart.value else shares if are_shares else one.rows
        text = [_hover(chart.bins[at].label, one, at, shares[at]) for at in shown]
        drawn.add_trace(go.Scatter(
            x=[_day(chart.bins[at].low or 0) for at in shown], y=[values[at] for at in shown], mode="lines+markers",
            name=_name(chart, one), text=text, line=figures.line(number), marker=figures.marker(number, 5),
            hovertemplate="%{text}<br>%{y:.4~g}<extra></extra>" if chart.value else "%{text}<extra></extra>",
        ))  # fmt: skip
    said = f"Mean of {title(chart.value).lower()}" if chart.value else "Share of rows" if are_shares else "Rows"
    figures.styled(drawn, x=_axis(chart), y=said)
    drawn.update_xaxes(type="date", nticks=8, tickangle=0)
    drawn.update_yaxes(rangemode="normal" if chart.value else "tozero", tickformat=".0%" if are_shares else "")
    return drawn


def _heat(chart: ExploreChart, zone: str) -> Component:
    series = [one for one in chart.series if one.zone == zone]
    shown = [at for at in range(len(chart.bins)) if any(one.rows[at] != 0 for one in series)]
    text = [[_hover(chart.bins[at].label, one, at, None) for at in shown] for one in series]
    drawn = go.Figure(go.Heatmap(
        z=[[one.rows[at] for at in shown] for one in series], x=[_short(chart.bins[at].label) for at in shown],
        y=[_short(one.name) for one in series], text=text, hovertemplate="%{y}<br>%{text}<extra></extra>",
        colorscale=figures.SCALE, xgap=2, ygap=2, hoverongaps=False, texttemplate="%{z:,}" if len(shown) < 9 else None,
        colorbar={"thickness": 10, "title": {"text": "Rows", "side": "top"}, "outlinewidth": 0},
    ))  # fmt: skip
    figures.styled(drawn, x=title(chart.column), y=title(chart.by), height=max(220, 110 + 30 * len(series)))
    drawn.update_xaxes(type="category", tickangle=-35 if len(shown) > 6 else 0)
    drawn.update_yaxes(type="category", autorange="reversed", showgrid=False)
    above = html.H3(words.ZONES[zone]) if len(_zones(chart)) > 1 else None
    return html.Div([above, figures.graph(drawn, f"{heading(chart)}, {zone}", _id(chart, zone))])


def _axis(chart: ExploreChart) -> str:
    unit = f" [{chart.unit}]" if chart.unit and chart.axis == "number" else ""
    per = f" ({chart.unit})" if chart.unit and chart.axis == "time" else ""
    return f"{title(chart.column)}{unit}{per}"


def _table(chart: ExploreChart) -> Table:
    columns, several = [Column(title(chart.column))], len(chart.series) > 1
    for name in _names(chart):
        before = f"{name}: " if several else ""
        columns += [Column(f"{before}rows", "right"), Column(f"{before}patients", "right")]
        columns += [Column(f"{before}mean", "right")] if chart.value else []
    rows = []
    for at in _shown_bins(chart):
        cells: list[Content] = [chart.bins[at].label]
        for one in chart.series:
            cells += [_cell(one.rows[at]), _cell(one.patients[at])]
            cells += [_mean(one.means, at)] if chart.value else []
        rows.append(cells)
    return Table(heading(chart), columns, rows)


def _cell(count: int | None) -> str:
    return LEFT_OUT if count is None else f"{count:,}"


def _mean(means: Sequence[float | None] | None, at: int) -> str:
    found = None if means is None else means[at]
    return words.NONE if found is None else f"{found:,.4g}"


def _together(chart: ExploreChart) -> Component:
    held = _hanging(chart)
    labels = [title(chart.bins[at].label) for at in held]
    inside: list[Content] = []
    for found in chart.correlations or ():
        values = [[found.values[row][column] for column in held] for row in held]
        drawn = go.Figure(go.Heatmap(
            z=values, x=labels, y=labels, zmin=-1, zmax=1, colorscale=figures.DIVERGING, xgap=2, ygap=2,
            texttemplate="%{z:.2f}", hovertemplate="%{y} and %{x}: %{z:.3f}<extra></extra>", hoverongaps=False,
            colorbar={"thickness": 10, "outlinewidth": 0},
        ))  # fmt: skip
        figures.styled(drawn, height=max(260, 120 + 44 * len(labels)))
        drawn.update_yaxes(autorange="reversed", showgrid=False)
        columns = [Column("Column"), *(Column(one, "right") for one in labels)]
        rows = [
            (name, *(words.NONE if one is None else f"{one:.3f}" for one in line))
            for name, line in zip(labels, values, strict=True)
        ]
        name = words.ZONES[found.zone]
        inside += [
            html.H3(name), figures.graph(drawn, f"What hangs together, {name}", f"explore-together-{found.zone}"),
            figures.twin(Table(f"What hangs together, {name}", columns, rows)),
        ]  # fmt: skip
    how = "Pearson's r of two numbers (-1 to 1); of a number and a category the correlation ratio, of two categories "
    return card(heading(chart), [html.P(how + "Cramér's V (0 to 1).", className="soft"), difference(chart), *inside])


def _hanging(chart: ExploreChart) -> list[int]:
    """Columns of which anything is told beside another; those that never differ, or of few patients, are none."""
    told = [
        at
        for at in range(len(chart.bins))
        if any(one.values[at][other] is not None for one in chart.correlations or () for other in range(len(chart.bins))
               if other != at)
    ]  # fmt: skip
    return told or list(range(len(chart.bins)))


def _short(text: str) -> str:
    plain = _plain(text)
    return plain if len(plain) <= _LONG else plain[: _LONG - 1] + "…"


def _plain(text: Any) -> str:
    """Text of a source without what plotly would take for markup."""
    return " ".join(str(text).split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
