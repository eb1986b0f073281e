"""How far to overbook a session, and whom to call first under a capacity: by what each costs, as the address says."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
from dash import html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.forecasts_reports import Overbooking, SessionCall
from careloom.client.models_reports import ListedModelVersion
from careloom.client.scores_reports import CohortScore
from careloom.dashboard import figures, forms, people, theme, words
from careloom.dashboard.address import Address, href
from careloom.dashboard.parts import Column, Content, Contents, Table, badge, card, link, note, tile, tiles
from careloom.dashboard.session import Person
from careloom.errors import CareloomError, InputError

NO_SHOW = "no-show"
MOST_CALLS = 200
_NUMBERS: dict[str, tuple[str, float, float]] = {
    "capacity": ("Slots", 1, 1000), "booked": ("Visits booked", 0, 1000), "show": ("Of booked come (%)", 0, 100),
    "show_new": ("Of new ones come (%)", 0, 100), "idle": ("Cost of an idle slot", 0, 1e9),
    "over": ("Cost of a visit over", 0, 1e9), "k": ("Calls at most", 0, MOST_CALLS),
    "event": ("Cost of an event", 0, 1e9), "call": ("Cost of a call", 0, 1e9),
    "prevented": ("A call prevents (%)", 0, 100),
}  # fmt: skip
"""Field of a form -> title, least, most."""
_USUAL = {"capacity": "18", "booked": "20", "show": "80", "show_new": "75", "k": "10"}
_FORECAST = ("what", "days", "unit", "zone")


def cards(api: Careloom, person: Person, address: Address, asked: Mapping[str, str]) -> list[Content]:
    """Overbooking and the list of calls; each is worked out once its form was sent."""
    champions: list[ListedModelVersion] = []
    if person.sees_models:
        champions = [one for one in api.models.versions() if "champion" in one.aliases]
    return [_overbooking(api, champions, address, asked), _calls(api, champions, address, asked)]


def _number(query: Mapping[str, str], name: str) -> float:
    """The number of a field. raises InputError where it is none, or beyond its bounds"""
    title, least, most = _NUMBERS[name]
    try:
        value = float(query.get(name, ""))
    except ValueError:
        value = float("nan")
    if not least <= value <= most:
        raise InputError(title, f"Give a number from {least:g} to {most:g}.")
    return value


def _field(query: Mapping[str, str], name: str) -> Component:
    value = query.get(name, "") or _USUAL.get(name, "")
    props = {"inputMode": "decimal", "maxLength": 12}
    return forms.text(name, _NUMBERS[name][0], value, inputProps=props, required=True, withAsterisk=False)


def _kept(asked: Mapping[str, str], ask: str) -> list[Component | None]:
    """What the address keeps of the forecast above, and which form was sent."""
    return [*(forms.hidden(f"{name}", asked[name]) for name in _FORECAST), forms.hidden("ask", ask)]


def refused(error: CareloomError) -> Component:
    """What the API says, and what to do."""
    return note(_sentence(error.where), _sentence(error.remedy), tone="warn", role="alert")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _overbooking(
    api: Careloom, champions: Sequence[ListedModelVersion], address: Address, asked: Mapping[str, str]
) -> Component:
    query = address.query
    has_model = any(one.model == NO_SHOW for one in champions)
    by = {"rate": "One rate for all visits"} | ({"model": f"The model {NO_SHOW}"} if has_model else {})
    chosen = query.get("by", "") if query.get("by") in by else "rate"
    fields: list[Component | None] = [
        forms.choice("by", "Who comes, by", by, chosen) if has_model else None,
        *(_field(query, name) for name in ("capacity", "booked", "show", "show_new", "idle", "over")),
        forms.text("day", "Day (with the model)", query.get("day", ""), inputProps={"type": "date"})
        if has_model
        else None,
        *_kept(asked, "overbook"),
    ]
    said = html.P(
        "Costs are yours: none is built in. The number with the least expected cost is told.", className="soft small"
    )
    form = forms.filters(href("capacity"), fields, button="Work it out")
    told = _overbooked(api, chosen, address, asked) if query.get("ask") == "overbook" else None
    return card("How far to overbook", [form, said, told])


def _overbooked(api: Careloom, by: str, address: Address, asked: Mapping[str, str]) -> Component:
    query = address.query
    try:
        costs = {
            "show_of_new": _number(query, "show_new") / 100, "cost_idle": _number(query, "idle"),
            "cost_over": _number(query, "over"),
        }  # fmt: skip
        capacity = int(_number(query, "capacity"))
        if by == "model":
            unit = "" if asked["unit"] == "all" else asked["unit"]
            found = api.forecasts.session(
                f"{NO_SHOW}@champion", query.get("day", ""), capacity, zone=asked["zone"], unit=unit, calls=10, **costs
            )
            lead = f"{found.booked} visits are booked; {found.expected:.1f} are expected to come, by {found.model}."
            return html.Div([_verdict(found.overbooking), html.P(lead), _reminders(found.calls, asked["zone"])],
                            className="stack")  # fmt: skip
        show = [_number(query, "show") / 100] * int(_number(query, "booked"))
        return _verdict(api.forecasts.overbooking(show, capacity, **costs))
    except CareloomError as error:
        return refused(error)


def _verdict(told: Overbooking) -> Component:
    return tiles(
        [
            tile("Book more", words.number(told.extra), "visits than are booked"),
            tile("Expected cost", f"{told.cost:,.0f}", f"{told.cost_without:,.0f} without more"),
            tile("Saves", f"{told.saves:,.0f}", "in the mean of such sessions"),
            tile("Idle slots", f"{told.idle:.1f}", "expected"),
            tile("Visits over", f"{told.over:.1f}", "expected"),
        ],
        is_small=True,
    )


def _reminders(found: Sequence[SessionCall], zone: str) -> Component | None:
    if not found:
        return None
    columns = [Column("Remind"), Column("Patient"), Column("Begins (UTC)", "tight"), Column("Risk to miss", "right")]
    rows = [
        (str(one.rank), _patient(one.patient, zone, {}), words.moment(one.begin), words.share(one.risk))
        for one in found
    ]
    return Table("Whom to remind first", columns, rows).shown()


def _calls(
    api: Careloom, champions: Sequence[ListedModelVersion], address: Address, asked: Mapping[str, str]
) -> Component:
    title = "Whom to call first"
    models = {one.model: one.model for one in champions if "auroc" in one.measures}
    if not models:
        return card(
            title, html.P("A list needs a model of a risk that answers, and whoever may see models.", className="soft")
        )
    query = address.query
    chosen = query.get("model", "") if query.get("model") in models else next(iter(models))
    fields: list[Component | None] = [
        forms.choice("model", "Model", models, chosen),
        *(_field(query, name) for name in ("k", "event", "call", "prevented")),
        *_kept(asked, "calls"),
    ]
    said = html.P(
        "Everybody for whom the model foretells is scored, and each answer is logged. "
        "What a call prevents is a trial's finding that you bring: no model knows it.", className="soft small",
    )  # fmt: skip
    form = forms.filters(href("capacity"), fields, button="Make the list")
    told = _listed(api, chosen, query, asked["zone"]) if query.get("ask") == "calls" else None
    return card(title, [form, said, told])


def _listed(api: Careloom, model: str, query: Mapping[str, str], zone: str) -> Component:
    try:
        capacity = int(_number(query, "k"))
        costs = {"event": _number(query, "event"), "call": _number(query, "call"),
                 "prevented": _number(query, "prevented") / 100}  # fmt: skip
        found = api.scores.cohort(f"{model}@champion", capacity, zone=zone, costs=costs)
    except CareloomError as error:
        return refused(error)
    if not found.listed:
        said = note("Nobody to call", "No call is worth its cost, or nobody is at risk now.")
        return html.Div([_figures(found), said], className="stack")
    rows = _rows(api, found, costs, zone)
    columns = [
        Column("Call", "right"), Column("Patient"), Column("Risk", "right"), Column("Alert", "tight wide-only"),
        Column("Since (UTC)", "tight wide-only"), Column("This call saves", "right"), Column("Saved so far", "right"),
    ]  # fmt: skip
    table = Table("Whom to call, the first first", columns, rows).shown()
    worth = [one.risk * costs["prevented"] * costs["event"] - costs["call"] for one in found.listed]
    figure = figures.graph(_saved(worth), "Expected cost that calls avoid, one after the other", "capacity-saved")
    return html.Div([_figures(found), figure, table], className="stack")


def _figures(found: CohortScore) -> Component:
    return tiles(
        [
            tile("Called", words.number(found.called), f"of {words.count_of(found.of, 'patient')}"),
            tile("Events expected", f"{found.expected_events:.1f}", "among all of them"),
            tile("Among those called", f"{found.expected_caught:.1f}", f"{found.by_chance:.1f} by calling at random"),
            tile("Avoided", _plain(found.avoided, 1), "events, expected"),
            tile("Cost avoided", _plain(found.saved, 0), "expected, less calls"),
        ],
        is_small=True,
    )  # fmt: skip


def _plain(value: float | None, digits: int) -> str:
    return words.NONE if value is None else f"{value:,.{digits}f}"


def _rows(api: Careloom, found: CohortScore, costs: Mapping[str, float], zone: str) -> list[tuple[Contents, ...]]:
    names = _names(api, [one.patient for one in found.listed], zone)
    rows: list[tuple[Contents, ...]] = []
    so_far = 0.0
    for one in found.listed:
        saves = one.risk * costs["prevented"] * costs["event"] - costs["call"]
        so_far += saves
        alert = badge("Alert", "warn") if one.alert else words.NONE
        rows.append((
            str(one.rank), _patient(one.patient, zone, names), words.share(one.risk), alert,
            words.moment(one.index_time), f"{saves:,.0f}", f"{so_far:,.0f}",
        ))  # fmt: skip
    return rows


def _names(api: Careloom, patients: Sequence[str], zone: str) -> dict[str, str]:
    """Names of patients by id, in the page alone; none of those whom the person may not search."""
    ids = [one.rpartition("/")[2] for one in patients]
    try:
        found = api.fhir(zone).search("Patient", {"_id": ",".join(ids)}, count=len(ids)).resources
    except CareloomError:
        return {}
    return {str(one.get("id")): people.name_of(one) for one in found}


def _patient(patient: str, zone: str, names: Mapping[str, str]) -> Component:
    own = patient.rpartition("/")[2]
    return link(names.get(own) or f"Patient {own[:12]}", href("patients", zone, own))


def _saved(worth: Sequence[float]) -> go.Figure:
    """Expected cost that is avoided, call by call."""
    total, sums = 0.0, []
    for each in worth:
        total += each
        sums.append(total)
    drawn = go.Figure(
        go.Scatter(
            x=list(range(1, len(sums) + 1)), y=sums, mode="lines+markers", showlegend=False, fill="tozeroy",
            fillcolor="rgba(24,154,117,0.14)", line={"color": theme.SERIES["green"], "width": 2}, marker={"size": 6},
            hovertemplate="%{y:,.0f} after %{x} calls<extra></extra>",
        )
    )  # fmt: skip
    figures.styled(drawn, x="Calls", y="Cost avoided so far", height=220)
    return drawn.update_xaxes(dtick=max(1, len(sums) // 8))
