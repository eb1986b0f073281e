"""What jobs took, as measured: seconds of processors, time, bytes; in money by the prices that a person names."""

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

import plotly.graph_objects as go
from dash import html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.operations_reports import CostRow, Costs
from careloom.dashboard import figures, forms, session, theme, words
from careloom.dashboard.address import Address, href
from careloom.dashboard.operations_parts import ROOM, TRAIL, kind_of, tabs, window, windows
from careloom.dashboard.parts import Column, Content, Contents, Page, Table, as_of, card, head, link, note, tile, tiles
from careloom.dashboard.session import Person

TITLE = "Costs"
RIGHT = "right"
GIGABYTE = 1e9


class Prices(NamedTuple):
    """What a person says that things cost; None where they did not say.

    unit  of money, as they wrote it
    """

    cpu_hour: float | None
    gigabyte: float | None
    unit: str

    @property
    def is_any(self) -> bool:
        """True when something has a price."""
        return self.cpu_hour is not None or self.gigabyte is not None

    def of(self, row: CostRow) -> float | None:
        """What it comes to by these prices; None where nothing that has a price was measured."""
        parts = []
        if self.cpu_hour is not None and row.cpu_seconds is not None:
            parts.append(self.cpu_hour * row.cpu_seconds / 3600)
        if self.gigabyte is not None and row.bytes is not None:
            parts.append(self.gigabyte * row.bytes / GIGABYTE)
        return sum(parts) if parts else None

    def money(self, value: float | None) -> str:
        """``EUR 1.24``; small amounts with more digits."""
        if value is None:
            return words.NONE
        if 0 < value < 0.0001:
            return f"< {self.unit} 0.0001".replace("  ", " ")
        return f"{self.unit} {value:,.2f}".strip() if value >= 1 or value == 0 else f"{self.unit} {value:.4f}".strip()


def read_prices(query: Mapping[str, str]) -> tuple[Prices, str]:
    """(prices of an address, what is wrong with them)."""
    found: dict[str, float | None] = {}
    wrong = ""
    for name in ("cpu_hour", "gigabyte"):
        text = query.get(name, "").strip().replace(",", ".")
        try:
            value = float(text) if text else None
        except ValueError:
            value = math.nan
        if value is not None and not 0 <= value <= 1e9:
            value, wrong = None, "A price is a number from 0 to 1,000,000,000."
        found[name] = value
    unit = "".join(letter for letter in query.get("unit", "").strip()[:8] if letter.isprintable())
    return Prices(found["cpu_hour"], found["gigabyte"], unit), wrong


def page(api: Careloom, person: Person, address: Address) -> Page:
    """What was queued in the last hour, day, week or month; prices stand in the address."""
    now = session.now()
    chosen, since = window(address.query.get("window", "7d"), now)
    prices, wrong = read_prices(address.query)
    kept = {name: address.query.get(name, "") for name in ("cpu_hour", "gigabyte", "unit")}
    took = api.costs(since=since.isoformat(), until=now.isoformat())
    lead = "What jobs took of the machine, as their worker measured it. Prices are yours: none is known here."
    content: list[Content] = [head(TITLE, lead=lead, aside=as_of(now)), tabs(person, "costs")]
    content += [windows(chosen, ROOM, "costs", **kept), _prices(kept, chosen, is_any=prices.is_any)]
    if wrong:
        content.append(note("A price cannot be read", wrong, tone="bad", role="alert"))
    if took.items:
        content += [_tiles(took, prices), _chart(took), _table(took, prices)]
    else:
        said = "No job was queued in this time. Choose a longer one."
        content.append(card("Nothing to count", html.P([said, " ", link("See the jobs", href(ROOM, "jobs"))])))
    return Page(TITLE, content, TRAIL)


def _prices(kept: dict[str, str], chosen: str, *, is_any: bool) -> Component:
    fields: list[Component | None] = [
        forms.hidden("window", chosen),
        forms.text("cpu_hour", "Price of a processor hour", kept["cpu_hour"], placeholder="0.05"),
        forms.text("gigabyte", "Price of a gigabyte read", kept["gigabyte"], placeholder="0.02"),
        forms.text("unit", "In", kept["unit"], placeholder="EUR"),
    ]
    return forms.filters(href(ROOM, "costs"), fields, button="Reckon", reset=is_any)


def _tiles(took: Costs, prices: Prices) -> Component:
    cpu = [row.cpu_seconds for row in took.items if row.cpu_seconds is not None]
    wall = [row.wall_seconds for row in took.items if row.wall_seconds is not None]
    jobs, measured = sum(row.jobs for row in took.items), sum(row.measured for row in took.items)
    read = [row.bytes for row in took.items if row.bytes is not None]
    shown = [
        tile("Jobs", words.number(jobs), f"{measured:,} of them measured"),
        tile("Processor", words.seconds(sum(cpu)) if cpu else words.NONE, "of time, over all tries"),
        tile("Time", words.seconds(sum(wall)) if wall else words.NONE, "that jobs ran"),
        tile("Read", words.size(sum(read)) if read else words.NONE, "by ingestions"),
    ]
    if prices.is_any:
        each = [money for row in took.items if (money := prices.of(row)) is not None]
        shown.append(tile("Cost", prices.money(sum(each) if each else None), "by the prices above"))
    return tiles(shown)


def _chart(took: Costs) -> Component:
    by_kind: dict[str, float] = defaultdict(float)
    for row in took.items:
        by_kind[row.kind] += row.cpu_seconds or 0.0
    ordered = sorted(by_kind.items(), key=lambda each: each[1])[-12:]
    names = [kind_of(kind) for kind, _ in ordered]
    drawn = go.Figure(
        go.Bar(x=[seconds for _, seconds in ordered], y=names, orientation="h", marker_color=theme.SERIES["blue"],
               hovertemplate="%{y}: %{x:,.1f} s<extra></extra>")
    )  # fmt: skip
    rows = [(kind_of(kind), words.seconds(seconds)) for kind, seconds in reversed(ordered)]
    table = Table("Processor time by kind", [Column("Kind"), Column("Processor time", RIGHT)], rows)
    styled = figures.styled(drawn, x="Processor time [s]", height=70 + 34 * len(ordered))
    styled.update_xaxes(rangemode="tozero", showgrid=True)
    styled.update_yaxes(showgrid=False)
    shown = figures.graph(styled, "Processor time by kind of job", "costs-kinds")
    return card("Processor time by kind", [shown, figures.twin(table)])


def _table(took: Costs, prices: Prices) -> Component:
    columns = [
        Column("Kind"), Column("Asked by"), Column("Jobs", RIGHT), Column("Tries", "right wide-only"),
        Column("Processor", RIGHT), Column("Time", "right wide-only"), Column("Read", "right wide-only"),
        Column("Processor per GB", "right wide-only"),
    ]  # fmt: skip
    columns += [Column("Cost", RIGHT)] if prices.is_any else []
    rows = [_row(row, prices) for row in took.items]
    partly = any(row.measured < row.jobs for row in took.items)
    said = "Not every job was measured: earlier versions did not, and what a killed worker took is unknown."
    more = html.P(f"{took.more:,} more kinds and askers took less.", className="hint") if took.more else None
    hint = html.P(said, className="hint") if partly else None
    return card("By feed and kind", [Table("What jobs took, by kind and asker", columns, rows).shown(), more, hint])


def _row(row: CostRow, prices: Prices) -> tuple[Contents, ...]:
    per = row.cpu_seconds / (row.bytes / GIGABYTE) if row.cpu_seconds is not None and row.bytes else None
    shown: tuple[Contents, ...] = (
        link(kind_of(row.kind), href(ROOM, "jobs", kind=row.kind, actor=row.actor)), row.actor, words.number(row.jobs),
        words.number(row.attempts), words.seconds(row.cpu_seconds), words.seconds(row.wall_seconds),
        words.size(row.bytes), words.seconds(per),
    )  # fmt: skip
    return (*shown, prices.money(prices.of(row))) if prices.is_any else shown
