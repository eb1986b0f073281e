"""Rows of a table or view, sorted and paged on the server, each with the way to its patient."""

from typing import Any

from dash import html
from dash.development.base_component import Component

from careloom.client.explore_reports import ExploreColumn, ExploredRows
from careloom.dashboard import words
from careloom.dashboard.address import href
from careloom.dashboard.explore_asked import Asked, title
from careloom.dashboard.parts import Column, Content, Table, card, link

AT_ONCE = 50


def rows_card(ask: Asked, found: ExploredRows) -> Component:
    """A page of rows; a column's heading sorts by it, once more the other way round."""
    if not found.rows:
        return card(
            "Rows", html.P("No row is left here. Take a filter away, or go back to the start.", className="soft")
        )
    shown = [one for one in found.columns if not (one.is_identifier and found.patients and _is_subject(one.name))]
    has_people = any(found.patients)
    columns = [Column("Patient")] if has_people else [Column("Row")]
    columns += [_column(ask, one) for one in shown]
    rows = [
        (_whom(ask, patient, found.start + at), *(_cell(row[one.name], one) for one in shown))
        for at, (patient, row) in enumerate(zip(found.patients or [""] * len(found.rows), found.rows, strict=True))
    ]
    table = Table(f"Rows of {found.source}", columns, rows).shown()
    return card("Rows", [table, _pager(ask, found)], aside=html.Span(found.source, className="soft small"))


def _is_subject(name: str) -> bool:
    return name in ("patient_id", "patient_ids", "patient_key")


def _column(ask: Asked, one: ExploreColumn) -> Column:
    """A heading that sorts."""
    kind = "right" if one.kind == "number" else "tight" if one.kind == "time" else ""
    is_here, is_down = ask.sort.removeprefix("-") == one.name, ask.sort == f"-{one.name}"
    target = ask.address(sort=one.name if not is_here or is_down else f"-{one.name}", start=0)
    mark = (" ↓" if is_down else " ↑") if is_here else ""
    said = f"Sort by {title(one.name).lower()}" + (", other way round" if is_here else "")
    unit = f" [{one.unit}]" if one.unit else ""
    return Column(link(f"{title(one.name)}{unit}{mark}", target, title=said), kind)


def _whom(ask: Asked, patient: str, number: int) -> Content:
    if not patient:
        return f"{number + 1:,}"
    return link(html.Code(patient[:8]), href("patients", ask.zone, patient), title="Show this patient")


def _cell(value: Any, one: ExploreColumn) -> Content:
    if value is None:
        return words.NONE
    if one.kind == "number":
        return f"{value:,.6g}" if abs(value) < 1e6 and not float(value).is_integer() else f"{value:.0f}"
    return str(value)


def _pager(ask: Asked, found: ExploredRows) -> Component:
    last = found.start + len(found.rows)
    before = ask.address(start=max(0, found.start - AT_ONCE)) if found.start else ""
    after = ask.address(start=last) if last < found.total else ""
    ways = [
        link("Earlier", before, className="button button-small") if before else None,
        link("More", after, className="button button-small") if after else None,
    ]
    said = f"Rows {found.start + 1:,} to {last:,} of {found.total:,}"
    return html.Div([html.Span(said, className="soft small"), html.Div(ways, className="buttons")], className="pager")
