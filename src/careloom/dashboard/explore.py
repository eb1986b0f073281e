"""Explore: what a zone holds as distributions, trends, cross-tabs and rows, alone or beside another zone."""

from dataclasses import replace
from typing import Any

from dash import html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.explore_reports import Explored, ExploredRows, ExploreSource
from careloom.dashboard import explore_figures, forms, words
from careloom.dashboard.address import Address, href
from careloom.dashboard.explore_asked import LOOKS, OPERATORS, ROOM, Asked, asked, title
from careloom.dashboard.explore_rows import rows_card
from careloom.dashboard.parts import Content, Page, card, command, head, link, note, tile, tiles
from careloom.dashboard.session import Person
from careloom.errors import CareloomError

TITLE = "Explore"
LEAD = "Distributions, trends and rows of what a zone holds. What few patients stand behind is left out on the server."
NEEDS: dict[str, tuple[str, ...]] = {
    "overview": (), "distribution": ("column",), "trend": ("column", "by", "value"), "cross": ("column", "by"),
    "correlations": (), "rows": (),
}  # fmt: skip
"""What is drawn -> the columns that are chosen for it."""
_TOGETHER = 8
_NO_TABLES = "No table lies in this zone yet. A table of a view holds every row and answers fastest."


def page(api: Careloom, person: Person, address: Address) -> Page:
    """What an address asks for (`careloom.dashboard.explore_asked`), with the forms that ask for more."""
    ask = asked(address, person.explore_zones)
    sources = api.explore(ask.zone).sources()
    if not ask.source:
        ask = asked(Address(address.parts, {**address.query, "source": _usual(sources)}), person.explore_zones)
    content: list[Content] = [head(TITLE, lead=LEAD), _zones(ask, person), _source_form(ask, sources, person)]
    try:
        content += _drawn(api, ask)
    except CareloomError as error:
        content += [_looks(ask), card("Not shown", note(error.where, error.remedy, tone="warn", role="alert"))]
    if not any(one.kind == "table" for one in sources) and ask.zone != "identified":
        shown = command(f"careloom view labs_wide --zone {ask.zone} --table", "Make a table of a view")
        content.append(card("Tables", html.Div([html.P(_NO_TABLES), shown], className="empty")))
    return Page(TITLE, content)


def _usual(sources: tuple[ExploreSource, ...]) -> str:
    names = [one.name for one in sources]
    return next((one for one in ("silver/patients", "patient") if one in names), names[0])


def _drawn(api: Careloom, ask: Asked) -> list[Content]:
    """The filters, what was looked at, and the charts or rows."""
    filters = [one.as_body() for one in ask.where]
    if ask.look == "rows":
        sort = ask.sort.removeprefix("-")
        found = api.explore(ask.zone).rows(
            ask.source, filters=filters, sort=sort, is_descending=ask.sort.startswith("-"), start=ask.start, limit=50
        )
        return [*_controls(ask, found), rows_card(ask, found)]
    ask, told = _charts(api, ask, filters)
    charts = [one for one in told.charts if ask.look != "overview" or explore_figures.tells(one)]
    found_charts: list[Content] = [explore_figures.panel(one, told.smallest_cell) for one in charts]
    if not found_charts:
        found_charts = [_nothing()]
    is_wide = len(found_charts) == 1
    shown = html.Div(found_charts, className="stack-page" if is_wide else "columns columns-1-1 columns-even")
    said = f"With filters, counts are rounded down to multiples of {told.smallest_cell}."
    rounded = html.P(said, className="soft") if filters else None
    return [*_controls(ask, told), _tiles(told), rounded, _partial(told), shown]


def _charts(api: Careloom, ask: Asked, filters: list[dict[str, Any]]) -> tuple[Asked, Explored]:
    """The charts, and what was asked with the columns that were chosen where nobody chose."""
    explore = api.explore(ask.zone)
    more: dict[str, Any] = {"filters": filters, "against": ask.against}
    told = None
    if ask.look == "overview" or not _is_chosen(ask):
        told = explore.charts(ask.source, (), **more)
        ask = _chosen(ask, told)
    if ask.look == "correlations" and told is not None:
        names = _best(told)
        wanted = {"kind": "correlations", "names": names} if len(names) > 1 else None
    else:
        chosen = {name: getattr(ask, name) for name in NEEDS[ask.look]}
        wanted = {"kind": ask.look, **chosen} if _is_chosen(ask) and ask.look != "overview" else None
    if wanted is None and told is not None:
        return ask, told
    return ask, explore.charts(ask.source, [] if wanted is None else [wanted], **more)


def _is_chosen(ask: Asked) -> bool:
    return ask.look != "correlations" and bool(ask.column) and (ask.look != "cross" or bool(ask.by))


def _chosen(ask: Asked, told: Explored) -> Asked:
    """With columns of the overview, as far as a look needs some."""
    drawn = [one.column for one in told.charts if one.kind == "distribution"]
    times = [one.column for one in told.charts if one.kind == "trend"]
    column = ask.column or next(iter(times if ask.look == "trend" else drawn), "")
    if ask.look == "cross":
        return replace(ask, column=column, by=ask.by or next((one for one in drawn if one != column), ""))
    return replace(ask, column=column) if ask.look in ("distribution", "trend") else ask


def _best(told: Explored) -> list[str]:
    """Columns that are held against each other: those of the overview first."""
    drawn = [one.column for one in told.charts if one.kind == "distribution"]
    names = [one.name for one in told.columns if not one.is_identifier and one.kind == "number"]
    return [*drawn, *(one for one in names if one not in drawn)][:_TOGETHER]


def _nothing() -> Component:
    said = "No row is left, or no column says anything. Take a filter away, or choose other columns."
    return card("Nothing to show", html.P(said, className="soft"))


def _zones(ask: Asked, person: Person) -> Component | None:
    if len(person.explore_zones) < 2:
        return None
    each = [(words.ZONES[one], href(ROOM, zone=one), one == ask.zone) for one in person.explore_zones]
    return forms.tabs("Zones", each)


def _source_form(ask: Asked, sources: tuple[ExploreSource, ...], person: Person) -> Component:
    """What to look at, and beside which zone."""
    groups = [
        html.Optgroup(
            [html.Option(_named(one), value=one.name, selected=one.name == ask.source) for one in sources
             if one.kind == kind],
            label=said,
        )
        for kind, said in (("table", "Tables of the lake"), ("view", "Views over the store"))
        if any(one.kind == kind for one in sources)
    ]  # fmt: skip
    chosen: dict[str, Any] = {"name": "source", "id": "filter-source", "key": f"source-{ask.zone}-{ask.source}"}
    what = html.Div([html.Label("Look at", htmlFor="filter-source"), html.Select(groups, **chosen)], className="field")
    others = {one: words.ZONES[one] for one in person.explore_zones if one != ask.zone}
    if "identified" in others:
        others["identified"] += " (views alone)"  # it has no tables: nothing of it lies in plain text
    beside = forms.choice("against", "Beside", {"": "Nothing", **others}, ask.against) if others else None
    kept = [forms.hidden(name, value) for name, value in ask.kept(("zone", "look")).items()]
    return forms.filters(href(ROOM), [*kept, what, beside])


def _named(one: ExploreSource) -> str:
    return f"{one.title} ({one.name})" if one.kind == "table" else title(one.name)


def _controls(ask: Asked, told: Explored | ExploredRows) -> list[Content]:
    """What is drawn, of which columns, under which filters."""
    return [_looks(ask), _column_form(ask, told), _filters(ask, told)]


def _looks(ask: Asked) -> Component:
    return forms.tabs(
        "What is drawn",
        [(said, ask.address(look=name, column="", by="", value="", sort="", start=0), name == ask.look)
         for name, said in LOOKS.items()],
    )  # fmt: skip


def _column_form(ask: Asked, told: Explored | ExploredRows) -> Component | None:
    needs = NEEDS[ask.look]
    if not needs:
        return None
    free = [one for one in told.columns if not one.is_identifier]
    kinds = {"column": ("time",) if ask.look == "trend" else ("category", "number", "time"),
             "by": ("category", "number"), "value": ("number",)}  # fmt: skip
    titles = {"column": "Column" if ask.look != "trend" else "Time", "by": "By", "value": "Mean of"}
    fields = [
        forms.choice(
            name, titles[name],
            {"": "Choose" if name == "column" or ask.look == "cross" else "Nothing",
             **{one.name: title(one.name) for one in free if one.kind in kinds[name]}},
            getattr(ask, name),
        )
        for name in needs
    ]  # fmt: skip
    kept = [
        forms.hidden(name, value) for name, value in ask.kept(("zone", "source", "look", "against", "where")).items()
    ]
    return forms.filters(href(ROOM), [*kept, *fields])


def _filters(ask: Asked, told: Explored | ExploredRows) -> Component:
    """The filters that hold, each with the way out of it, and a form for one more."""
    unread: dict[str, Any] = {"aria-hidden": "true"}
    chips = [
        link([one.said(), html.Span("\u00a0×", **unread)],
             ask.address(where=tuple(each for each in ask.where if each != one), start=0),
             className="button button-small", title="Take this filter away")
        for one in ask.where
    ]  # fmt: skip
    free = {one.name: title(one.name) for one in told.columns if not one.is_identifier}
    names = ("zone", "source", "look", "against", "column", "by", "value", "sort", "where")
    kept = [forms.hidden(name, value) for name, value in ask.kept(names).items()]
    fields = [
        forms.choice("add", "Only rows where", {"": "Choose a column", **free}),
        forms.choice("how", "Condition", OPERATORS, "is"),
        forms.text("is", "Values", placeholder="Codes or a number; several with commas"),
    ]
    form = forms.filters(href(ROOM), [*kept, *fields], button="Add filter")
    shown = html.Div(chips, className="buttons") if chips else None
    said = f"Filters ({len(ask.where)})" if ask.where else "Filter rows"
    return html.Div([shown, html.Details([html.Summary(said), form], open=False)], className="stack")


def _tiles(told: Explored) -> Component:
    few = f"fewer than {told.smallest_cell} patients"
    return tiles([
        tile(words.ZONES[one.zone], few.capitalize() if one.rows is None else words.count_of(one.rows, "row"),
             one.source if one.patients is None else f"{words.count_of(one.patients, 'patient')}, {one.source}")
        for one in told.zones
    ])  # fmt: skip


def _partial(told: Explored) -> Component | None:
    """What says that not all of a view was looked at."""
    part = [one for one in told.zones if one.looked_at < one.of]
    if not part:
        return None
    said = "; ".join(f"{words.ZONES[one.zone]}: {one.looked_at:,} of {one.of:,} resources" for one in part)
    return note("Not all of it was looked at", f"{said}. A table of the view holds all.", tone="warn")
