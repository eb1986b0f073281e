"""Real and synthetic rows of a sample beside each other: one column as bars, and how pairs hang together."""

from collections.abc import Sequence

import plotly.graph_objects as go
from dash import html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.synthetic_reports import OverlaidColumn, OverlaidPairs, SampleOverlays, SyntheticSample
from careloom.dashboard import figures, forms, words
from careloom.dashboard.address import Address, href
from careloom.dashboard.parts import Column, Content, Table, card

_BINS = [Column("Bin"), Column("Real", "right"), Column("Synthetic", "right"), Column("Difference", "right")]
_PAIRS = [Column("Pair"), Column("Real", "right"), Column("Synthetic", "right"), Column("Difference", "right")]
_MOST_WRITTEN = 9
"""Columns up to which a heatmap writes its numbers."""


def panels(api: Careloom, one: SyntheticSample, address: Address) -> list[Content]:
    """The column that ``?column=`` names, or the one that differs most, and the pairs; nothing of what is no table."""
    if one.kind != "table" or not one.measures:
        return []
    found = api.synthetic.overlays(one.id)
    if found.state == "none":
        return []
    if found.state == "before" or not found.columns:
        text = "This judgement is of before real and synthetic columns were kept side by side. Judge the sample again."
        return [card("Real beside synthetic", html.P(text, className="soft"))]
    apart = {each.name: distance(each, found) for each in found.columns}
    ordered = sorted(found.columns, key=lambda each: -apart[each.name])
    asked = address.query.get("column", "")
    shown = next((each for each in ordered if each.name == asked), ordered[0])
    return [_column(one, found, shown, {each.name: f"{each.name}: {apart[each.name]:.1%}" for each in ordered}),
            _pairs(found.pairs)]  # fmt: skip


def distance(one: OverlaidColumn, found: SampleOverlays) -> float:
    """How far the two sides of a column lie apart: half the sum of differences of shares, 0 to 1, of what is shown."""
    shares = zip(_shares(one.real, found.real_rows), _shares(one.synthetic, found.synthetic_rows), strict=True)
    return sum(abs(real - other) for real, other in shares if real is not None and other is not None) / 2


def _shares(counts: Sequence[int | None], rows: int) -> list[float | None]:
    return [None if count is None or not rows else count / rows for count in counts]


def _column(one: SyntheticSample, found: SampleOverlays, shown: OverlaidColumn, names: dict[str, str]) -> Component:
    place = href("synthetic", "samples", one.id)
    chooser = forms.filters(place, [forms.choice("column", "Column, and how far apart it lies", names, shown.name)])
    real, synthetic = _shares(shown.real, found.real_rows), _shares(shown.synthetic, found.synthetic_rows)
    labels = list(shown.labels)
    drawn = go.Figure([_bars("Real", labels, real, 1), _bars("Synthetic", labels, synthetic, 0)])
    unit = f" [{shown.unit}]" if shown.unit else ""
    figures.styled(drawn, x=f"{shown.name}{unit}", y="Share of rows", height=320)
    drawn.update_xaxes(type="category", tickangle=-35 if len(labels) > 6 else 0)
    drawn.update_yaxes(rangemode="tozero", tickformat=".0%")
    rows = [
        (label, _share(left), _share(right), _points(left, right))
        for label, left, right in zip(labels, real, synthetic, strict=True)
    ]
    table = Table(f"{shown.name}: share of rows, real and synthetic", _BINS, rows)
    is_part = None in (*shown.real, *shown.synthetic)
    left_out = " A gap was left out, as it is of so few or would give them away." if is_part else ""
    text = (
        f"Share of {found.real_rows:,} rows that were learnt from and of {found.synthetic_rows:,} synthetic ones. "
        f"Fewer than {found.smallest} patients are never shown.{left_out}"
    )
    label = f"Share of rows of {shown.name}, real beside synthetic"
    return card(
        "Real beside synthetic",
        [html.P(text, className="soft"), chooser, figures.graph(drawn, label, "overlay"), figures.twin(table)],
    )


def _bars(name: str, labels: list[str], shares: list[float | None], place: int) -> go.Bar:
    return go.Bar(x=labels, y=shares, name=name, marker={"color": figures.colour(place)},
                  hovertemplate="%{x}: %{y:.1%}<extra>" + name + "</extra>")  # fmt: skip


def _pairs(pairs: OverlaidPairs) -> Component | None:
    """Synthetic less real, pair by pair."""
    apart = [
        [None if left is None or right is None else round(right - left, 3) for left, right in zip(*lines, strict=True)]
        for lines in zip(pairs.real, pairs.synthetic, strict=True)
    ]
    if not any(value is not None for line in apart for value in line):
        return None
    names = list(pairs.columns)
    drawn = go.Figure(
        go.Heatmap(
            z=apart, x=names, y=names, zmin=-1, zmax=1, colorscale=figures.DIVERGING, xgap=2, ygap=2, hoverongaps=False,
            texttemplate="%{z:.2f}" if len(names) <= _MOST_WRITTEN else None,
            hovertemplate="%{y} and %{x}: %{z:+.3f}<extra></extra>", colorbar={"thickness": 10, "outlinewidth": 0},
        )
    )  # fmt: skip
    figures.styled(drawn, height=max(260, 120 + 40 * len(names)))
    drawn.update_yaxes(autorange="reversed", showgrid=False)
    rows = [
        (
            f"{names[at]}, {names[to]}",
            _signed(pairs.real[at][to]),
            _signed(pairs.synthetic[at][to]),
            _signed(apart[at][to]),
        )
        for at in range(len(names))
        for to in range(at + 1, len(names))
    ]
    text = (
        "How much more (teal) or less (red) two columns hang together in synthetic rows than in real ones; 0 is as "
        "real. Correlation of two numbers, association (Cramér's V) of all else."
    )
    label = "Difference of how pairs of columns hang together, synthetic less real"
    content = [html.P(text, className="soft"), figures.graph(drawn, label, "pairs-apart"),
               figures.twin(Table("Pairs of columns", _PAIRS, rows))]  # fmt: skip
    return card("Pairs of columns", content)


def _share(value: float | None) -> str:
    return "left out" if value is None else f"{value:.1%}"


def _points(left: float | None, right: float | None) -> str:
    return words.NONE if left is None or right is None else f"{right - left:+.1%}"


def _signed(value: float | None) -> str:
    return words.NONE if value is None else f"{value:+.2f}"
