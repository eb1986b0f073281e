"""The risk of one patient: how likely, how sure, why, what can be changed, what a guideline asks for."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from dash import html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.models_reports import ListedModelVersion
from careloom.client.scores_reports import Score
from careloom.dashboard import forms, model_figures, session, words
from careloom.dashboard.address import Address, href
from careloom.dashboard.model_words import version_href
from careloom.dashboard.parts import Column, Content, Contents, Table, badge, card, link, note, tile, tiles
from careloom.dashboard.patient_marks import anchor, as_of, end_of, kept, plain_key
from careloom.dashboard.session import Person
from careloom.errors import CareloomError

Json = Mapping[str, Any]
_BANDS = {"high": ("High", "bad"), "medium": ("Medium", "warn"), "low": ("Low", "good")}
_KINDS = {
    "drug": "Medication",
    "safety": "Safety",
    "screening": "Screening",
    "vaccine": "Vaccine",
    "monitoring": "Monitoring",
}
_NOT_SCORED = {
    "over": "The moment for which this model foretells has passed, and its outcome is known.",
    "not-eligible": "This patient is not in the cohort for which the model foretells.",
    "no-index": "Nothing has happened yet at which the model foretells: such as the discharge that it waits for.",
}


def asked(api: Careloom, person: Person, zone: str, patient_id: str, address: Address) -> tuple[Json | None, Content]:
    """The assessment that the address asks for, and the panel; nothing for who may not see models.

    A risk is asked for by name alone: each is logged, audited and held against what comes.
    """
    if not person.sees_models:
        return None, None
    champions = [one for one in api.models.versions() if "champion" in one.aliases and "auroc" in one.measures]
    if not champions:
        return None, None
    name = address.query.get("risk", "")
    here = [
        (one.model, href("patients", zone, patient_id, **kept(address, risk=one.model)), one.model == name)
        for one in champions
    ]
    none = ("None", href("patients", zone, patient_id, **kept(address, risk="")), not name)
    choice = forms.tabs("Models", [none, *here])
    if not name:
        said = html.P(
            "Choose a model. Its answer is kept in the log of predictions and in the audit chain.",
            className="soft small",
        )
        return None, card("Risk", [choice, said])
    day = as_of(address)
    moment = {} if day is None or end_of(day) > session.now() else {"as_of": end_of(day).isoformat()}
    try:
        score = api.scores.patient(patient_id, name, zone=zone, gaps=True, **moment)
    except CareloomError as error:
        where = error.where[:1].upper() + error.where[1:]
        return None, card("Risk", [choice, note(where, error.remedy, tone="warn", role="alert")])
    version = next((one for one in champions if one.version == score.model), None)
    return score.assessment, _panel(score, choice, version)


def _panel(score: Score, choice: Component, version: ListedModelVersion | None) -> Component:
    told = score.assessment
    if told is None:
        rules = f" Rules that do not hold: {'; '.join(score.failed)}." if score.failed else ""
        said = _NOT_SCORED.get(score.state, "There is no risk for this patient now.")
        return card("Risk", [choice, note("No risk", said + rules)])
    inside: list[Content] = [choice, _figures(told), html.P(_in_words(told)), _alert(told), _why(told), _gaps(told)]
    return card("Risk", [*inside, _about(score, told, version)], kind="card-risk")


def _figures(told: Json) -> Component:
    around = told.get("interval") or {}
    low, high = around.get("low"), around.get("high")
    ratio = told.get("relative_risk")
    return tiles(
        [
            tile(_sentence(told["outcome"]), words.share(told["probability"]),
                 f"interval: {words.share(low)} to {words.share(high)}" if low is not None else "no interval"),
            tile("Band", _BANDS.get(told.get("band", ""), (str(told.get("band") or words.NONE).capitalize(), ""))[0],
                 f"{ratio:.1f} times the mean" if ratio is not None else ""),
            tile("Holds from", _day(told["index_time"]), f"until {_day(told['until'])}"),
        ],
        is_small=True,
    )  # fmt: skip


def _day(text: str) -> str:
    return words.day(datetime.fromisoformat(text).date())


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _in_words(told: Json) -> str:
    """The risk as a count of people: natural frequencies are understood by more people than percents."""
    around = told.get("interval") or {}
    said = f"About {round(100 * told['probability'])} of 100 patients with such a record: {told['outcome']}."
    if around.get("low") is not None:
        low, high = round(100 * around["low"]), round(100 * around["high"])
        said += f" The interval reaches from {low} to {high} of 100."
    if around.get("event_possible") and around.get("no_event_possible"):
        said += " Neither outcome can be ruled out."
    return said


def _alert(told: Json) -> Component | None:
    limit = told.get("alert_from")
    if limit is None:
        return None
    if told.get("alert"):
        return note("Above the threshold of alerts", f"Alerts begin at {words.share(limit)}.", tone="warn")
    return note("Below the threshold of alerts", f"Alerts begin at {words.share(limit)}.", tone="good")


def _why(told: Json) -> Component:
    """Factors as bars to both sides, and as a table with the facts behind each."""
    factors: Sequence[Json] = told["explanation"]["factors"]
    if not factors:
        return html.P("The model tells no factors.", className="soft")
    figure = model_figures.sides([(one["concept"], one["log_odds"], bool(one["modifiable"])) for one in factors])
    columns = [Column("Factor"), Column("Does", "tight"), Column("Because"), Column("Log odds", "right wide-only")]
    table = Table("Factors of the risk, the strongest first", columns, [_factor(one) for one in factors])
    shown = model_figures.shown(figure, "Factors that raise or lower the risk")
    return html.Div([html.H3("Why"), shown, table.shown()], className="stack")


def _factor(one: Json) -> tuple[Contents, ...]:
    name = html.Div([one["concept"], html.Div(badge("Can be changed", "run")) if one["modifiable"] else None])
    does = badge("Raises", "bad") if one["log_odds"] > 0 else badge("Lowers", "good")
    said = [html.Div([statement["text"], *_facts(statement["facts"])]) for statement in one["statements"]]
    return name, does, html.Div(said), f"{one['log_odds']:+.2f}"


def _facts(facts: Sequence[Json]) -> list[Content]:
    """Links to the events behind a statement, by their day."""
    found: list[Content] = []
    for fact in facts:
        target = f"#{anchor(fact['resource'])}"
        kind = words.spaced(plain_key(fact["resource"]).partition("/")[0]).lower()
        found += [", " if found else " ", link(f"{kind} of {str(fact.get('time') or '')[:10]}", target)]
    return found


def _gaps(told: Json) -> Component | None:
    """What a guideline asks for and the record lacks."""
    gaps: Sequence[Json] = told.get("care_gaps") or []
    if not gaps:
        return html.Div(
            [html.H3("Care gaps"), html.P("No rule of a guideline finds anything lacking.", className="soft")]
        )
    columns = [
        Column("What lacks"),
        Column("Kind", "tight wide-only"),
        Column("Guideline"),
        Column("Strength", "wide-only"),
    ]
    rows = [
        (
            html.Div([one["text"], *_facts(_behind(one))]), _KINDS.get(one["kind"], words.spaced(one["kind"])),
            html.Div([f"{one['source']['organisation']}, {one['source']['guideline']}, {one['source']['year']}",
                      html.Div(one["source"]["reference"], className="soft")]),
            one["source"]["strength"],
        )
        for one in gaps
    ]  # fmt: skip
    table = Table("Care gaps", columns, rows).shown()
    return html.Div([html.H3("Care gaps"), table], className="stack")


def _behind(gap: Json) -> list[Json]:
    return [fact for fact in gap.get("because") or [] if isinstance(fact, Mapping) and "resource" in fact]


def _about(score: Score, told: Json, version: ListedModelVersion | None) -> Component:
    """Which model says so, since when, and who may see it."""
    since = f", registered on {words.day(version.created.date())}" if version is not None else ""
    said: list[Content] = ["By ", link(score.model, version_href(score.model)), f"{since}. "]
    left = told.get("left_out")
    if left:
        count = left if isinstance(left, int) else len(left)
        said.append(f"{words.count_of(count, 'resource')} that a consent withholds from you did not count. ")
    said.append("Shown to whoever may read this patient's record and the models; this view stands in the audit chain.")
    return html.P(said, className="soft small")
