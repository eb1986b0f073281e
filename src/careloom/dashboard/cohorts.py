"""Cohorts: those that ship, one that somebody builds with counts as it changes, and why a patient is in or not."""

from typing import Any

from dash import html
from dash.development.base_component import Component
from flask import Flask, Response, request

from careloom.client.careloom import Careloom
from careloom.client.risk_reports import CohortCounts, ShippedCohort
from careloom.dashboard import cohorts_parts, forms, session, words
from careloom.dashboard.address import Address, href
from careloom.dashboard.cohorts_asked import BUILD, COMPARE, ROOM, built
from careloom.dashboard.cohorts_facts import with_facts
from careloom.dashboard.cohorts_form import criteria_card, definition_card, form_card
from careloom.dashboard.parts import Column, Content, Page, Table, card, head, link, note
from careloom.dashboard.session import Person
from careloom.errors import CareloomError, NotFound

TITLE = "Cohorts"
LEAD = "Who is predicted for, at which moments, and what is foretold. What came before is told as it was known then."
SHOWN = 20


def page(api: Careloom, person: Person, address: Address) -> Page:
    """The cohorts that ship, and the way to build one."""
    shipped = api.risk.cohorts() if person.lists_cohorts else ()
    zone = _zone(address, person)
    ways = html.Div([
        link("Compare two", href(ROOM, COMPARE, zone=zone), className="button"),
        link("Build a cohort", href(ROOM, BUILD, zone=zone), className="button button-main"),
    ], className="buttons")  # fmt: skip
    content: list[Content] = [head(TITLE, lead=LEAD, aside=ways), _zones(person, zone)]
    rows = [
        (link(one.title, href(ROOM, one.name, zone=zone)), html.Span(one.source, className="soft small"))
        for one in shipped
    ]
    table = Table("Cohorts that ship", [Column("Cohort"), Column("Defined by", "wide-only")], rows)
    empty = html.Div(html.P("Cohorts that ship are not listed for you. You can build one."), className="empty")
    content.append(card("Ready to use", table.shown() if rows else empty))
    return Page(TITLE, content)


def shipped_page(api: Careloom, person: Person, address: Address, name: str) -> Page:
    """One that ships, in a zone."""
    zone = _zone(address, person)
    found = next((one for one in api.risk.cohorts() if one.name == name), None) if person.lists_cohorts else None
    if person.lists_cohorts and found is None:
        raise NotFound("there is no such cohort", "Choose one of the list.")
    title = found.title if found is not None else name
    tabs = forms.tabs(
        "Zones", [(words.ZONES[one], href(ROOM, name, zone=one), one == zone) for one in person.explore_zones]
    )
    content: list[Content] = [
        head(title, lead=_source(found), aside=_compare(one=name, zone=zone)),
        tabs if len(person.explore_zones) > 1 else None,
    ]
    content += _counted(api, zone, {"cohort": name}, href(ROOM, name, zone=zone))
    return Page(title, content, trail=((TITLE, href(ROOM)),))


def build_page(api: Careloom, person: Person, address: Address) -> Page:
    """A form of criteria, and what they leave; the form asks again by itself when it changes."""
    asked = built(address, person.explore_zones)
    lead = "Counts follow what you choose. The address holds the definition: save it, or send it on."
    lacking = [
        one for one in (asked.index, asked.outcome, *(each.meant for each in asked.criteria)) if one.lacks_system
    ]
    hint = note(
        "Name the system of the codes", "Codes count with their system alone: choose one beside them.", tone="warn"
    )
    content: list[Content] = [
        head("Build a cohort", lead=lead, aside=_compare(one=BUILD, **asked.query())), form_card(asked, person),
        criteria_card(asked), hint if lacking else None,
        *_counted(api, asked.zone, {"definition": asked.definition(), "notes": asked.notes}, asked.address()),
        definition_card(asked),
    ]  # fmt: skip
    return Page("Build a cohort", content, trail=((TITLE, href(ROOM)),))


def why_page(api: Careloom, person: Person, address: Address, name: str, patient: str) -> Page:
    """Why each moment of one patient is in, or not."""
    asked = built(address, person.explore_zones) if name == BUILD else None
    zone = _zone(address, person)
    told: dict[str, Any] = {"cohort": name} if asked is None else {
        "definition": asked.definition(), "notes": asked.notes
    }  # fmt: skip
    found = with_facts(
        lambda facts: api.risk.why(patient, zone=zone, facts=facts, **told), is_read=_is_read(zone, told)
    )
    back = href(ROOM, name, zone=zone) if asked is None else asked.address()
    title = "Why in, or why not"
    aside = link("Show this patient", href("patients", zone, patient), className="button button-small")
    lead = f"One patient of the {zone} zone, moment by moment. Nearly: one rule alone keeps it out."
    content: list[Content] = [head(title, lead=lead, aside=aside), cohorts_parts.reasons(found)]
    return Page(title, content, trail=((TITLE, href(ROOM)), ("Cohort", back)))


def install(server: Flask) -> None:
    """Adds the address of a built cohort's definition as a file."""

    @server.get("/cohort-definition.toml")
    def definition() -> Response:
        who = session.person()
        asked = built(Address((), dict(request.args)), who.explore_zones or ("research",))
        answer = Response(asked.definition(), content_type="application/toml; charset=utf-8")
        answer.headers["Content-Disposition"] = 'attachment; filename="cohort.toml"'
        return answer


def _counted(api: Careloom, zone: str, told: dict[str, Any], at: str) -> list[Content]:
    """What a cohort holds, or why nothing can be said."""
    try:
        found: CohortCounts = with_facts(
            lambda facts: api.risk.count(zone=zone, facts=facts, limit=SHOWN, **told), is_read=_is_read(zone, told)
        )
    except CareloomError as error:
        return [card("Not counted", note(error.where, error.remedy, tone="warn", role="alert"))]
    beside = html.Div([cohorts_parts.states(found), _about(found)], className="stack-page")
    return [
        cohorts_parts.counted(found), *cohorts_parts.hints(found),
        html.Div([cohorts_parts.attrition(found), beside], className="columns columns-2-1"),
        cohorts_parts.people(found, zone, at),
    ]  # fmt: skip


def _about(found: CohortCounts) -> Component:
    """How labels are given."""
    said = "A moment whose outcome nobody can know yet is never counted as one without."
    return card(
        "What is counted",
        [html.P(said, className="soft"), html.P(["Digest ", html.Code(found.digest)], className="soft small")],
    )


def _compare(**query: str) -> Component:
    """The way to what compares this cohort with another."""
    return link("Compare with another", href(ROOM, COMPARE, **query), className="button")


def _is_read(zone: str, told: dict[str, Any]) -> bool:
    """True where no table of facts holds what is asked for."""
    return zone == "identified" or bool(told.get("notes"))


def _zone(address: Address, person: Person) -> str:
    usual = "research" if "research" in person.explore_zones else person.explore_zones[0]
    return address.query.get("zone", usual)


def _zones(person: Person, zone: str) -> Component | None:
    if len(person.explore_zones) < 2:
        return None
    return forms.tabs("Zones", [(words.ZONES[one], href(ROOM, zone=one), one == zone) for one in person.explore_zones])


def _source(found: ShippedCohort | None) -> str:
    return "" if found is None else f"After {found.source}"
