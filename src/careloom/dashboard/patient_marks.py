"""Which events of a patient count for what: index events, what a cohort's rules saw, what a risk rests on."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from dash import html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.risk_reports import CohortWhy
from careloom.dashboard import forms, timeline, words
from careloom.dashboard.address import Address, href
from careloom.dashboard.events import Event, newest_first
from careloom.dashboard.parts import Column, Content, Table, badge, card, link, note
from careloom.errors import AccessError, CareloomError

ROLES = {"index": ("Index event", "run"), "qualifying": ("Qualifies", "good"), "factor": ("Behind the risk", "warn")}
"""What an event counts for -> word, tone; in the order in which the strongest is told."""
ORIGINS = {"": "Everything", "record": "Structured data", "note": "Read from notes"}
KEPT = ("as_of", "cohort", "risk", "origin", "trends", "lanes", "period")
Marks = dict[str, str]
"""``Observation/x1`` -> a key of `ROLES`."""


def as_of(address: Address) -> date | None:
    """The day of ``?as_of=``; None for none, or one that no calendar has."""
    try:
        return date.fromisoformat(address.query.get("as_of", ""))
    except ValueError:
        return None


def end_of(day: date) -> datetime:
    """The first moment after a day, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)


def kept(address: Address, **change: str) -> dict[str, str]:
    """What the address says, with changes; an empty value leaves out."""
    told = {name: address.query[name] for name in KEPT if address.query.get(name)} | change
    return {name: value for name, value in told.items() if value}


def controls(api: Careloom, zone: str, patient_id: str, address: Address, *, has_notes: bool) -> Component:
    """As of which day, for which cohort, from which origin; all of it stands in the address."""
    here = href("patients", zone, patient_id)
    try:
        cohorts = {one.name: one.title for one in api.risk.cohorts()}
    except AccessError:
        cohorts = {}
    chosen = address.query.get("cohort", "")
    day = as_of(address)
    fields: list[Component | None] = [
        forms.text("as_of", "As of", day.isoformat() if day else "", inputProps={"type": "date"}),
        forms.choice("cohort", "Cohort", {"": "None", **cohorts}, chosen if chosen in cohorts else "")
        if cohorts
        else None,
        *(forms.hidden(name, address.query.get(name, "")) for name in ("risk", "origin", "trends")),
    ]
    form = forms.filters(here, fields, reset=bool(day or chosen))
    origins = forms.tabs(
        "Where facts come from",
        [(title, href("patients", zone, patient_id, **kept(address, origin=name)), name == _origin(address))
         for name, title in ORIGINS.items()],
    ) if has_notes or _origin(address) else None  # fmt: skip
    said = (
        note(
            f"As of {words.day(day)}",
            "Each fact counts from when it was issued, recorded or ordered, else from when it happened. "
            "What had not ended by then goes on.",
        )
        if day
        else None
    )
    return card("What to show", [form, origins, said])


def _origin(address: Address) -> str:
    told = address.query.get("origin", "")
    return told if told in ORIGINS else ""


def of_origin(events: Iterable[Event], address: Address) -> list[Event]:
    """The events of the origin that the address asks for."""
    wanted = _origin(address)
    return [one for one in events if not wanted or (one.origin == "note") == (wanted == "note")]


def asked_why(api: Careloom, zone: str, patient_id: str, address: Address) -> tuple[Sequence[CohortWhy], Content]:
    """Every moment of the patient for the cohort of the address, and what is said where there is no answer."""
    cohort = address.query.get("cohort", "")
    if not cohort:
        return (), None
    try:
        found = api.risk.why(patient_id, cohort, zone=zone)
    except CareloomError as error:
        where = error.where[:1].upper() + error.where[1:]
        return (), card("In the cohort?", note(where, error.remedy, tone="warn"))
    day = as_of(address)
    if day is not None:
        found = tuple(one for one in found if one.index_time is None or one.index_time < end_of(day))
    return found, _why(found)


def _why(found: Sequence[CohortWhy]) -> Component:
    """Each moment: in or not, and which rules say so."""
    title = "In the cohort?"
    if not found:
        return card(title, html.P("No event of this patient could begin a prediction.", className="soft"))
    inside = sum(one.is_in for one in found)
    columns = [
        Column("Moment (UTC)", "tight"),
        Column("In", "tight"),
        Column("Outcome", "tight wide-only"),
        Column("Why"),
    ]
    rows = [
        (
            link(_moment(one), f"#{anchor(one.resource_key)}"),
            badge("In", "good")
            if one.is_in
            else badge("Nearly" if one.near_miss else "Not in", "warn" if one.near_miss else ""),
            words.spaced(one.state or "") or words.NONE,
            _reasons(one),
        )
        for one in sorted(found, key=lambda each: str(each.index_time), reverse=True)
    ]
    aside = html.P(f"{inside} of {words.count_of(len(found), 'moment')} in", className="soft")
    return card(title, Table("Moments of this patient, newest first", columns, rows).shown(), aside=aside)


def _moment(one: CohortWhy) -> str:
    return "no time" if one.index_time is None else words.moment(one.index_time)


def _reasons(one: CohortWhy) -> Content:
    if one.left_out:
        return one.left_out
    if one.failed:
        told = "; ".join(one.failed)
        return f"One rule alone keeps it out: {told}" if one.near_miss else f"Fails: {told}"
    return "Every rule holds."


def marks_of(found: Sequence[CohortWhy], assessment: Mapping[str, Any] | None) -> Marks:
    """What each event counts for: factors of a risk, what rules saw of moments that are in, index events over both."""
    marks: Marks = {}
    if assessment is not None:
        for factor in assessment["explanation"]["factors"]:
            for fact in (fact for said in factor["statements"] for fact in said["facts"]):
                marks[plain_key(fact["resource"])] = "factor"
    for one in found:
        if one.is_in:
            marks |= {plain_key(key): "qualifying" for keys in one.facts.values() for key in keys}
    for one in found:
        if one.is_in:
            marks[plain_key(one.resource_key)] = "index"
    if assessment is not None and assessment.get("index"):
        marks[plain_key(assessment["index"])] = "index"
    return marks


def plain_key(reference: str) -> str:
    """``Observation/x1`` of ``Observation/x1/_history/1``."""
    return "/".join(str(reference).split("/")[:2])


def anchor(key: str) -> str:
    """Where a marked event stands in the page."""
    return f"fact-{plain_key(key).replace('/', '-')}"


def marked(events: Sequence[Event], marks: Marks) -> Component | None:
    """The marked events with what they count for, newest first; None where there is none."""
    own = [one for one in newest_first(events) if one.key in marks]
    if not own:
        return None
    columns = [Column("What"), Column("Counts as", "tight"), Column("When (UTC)", "tight"), Column("Value")]
    rows = [
        (
            html.Span([one.title, _from(one)], id=anchor(one.key), tabIndex="-1"), badge(*ROLES[marks[one.key]]),
            timeline.when(one), one.value or words.NONE,
        )
        for one in own
    ]  # fmt: skip
    aside = html.P(words.count_of(len(own), "event"), className="soft")
    return card("Events that count", Table("Events that count, newest first", columns, rows).shown(), aside=aside)


def _from(event: Event) -> Component | None:
    return html.Span([" ", badge("From a note", "plain")]) if event.origin else None
