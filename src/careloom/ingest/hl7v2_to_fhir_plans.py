"""The segment tables of maps/hl7v2_segments.toml, compiled to plans that fill a resource from a segment.

Converters (the third word of a row): string, string-identifier, name, name-text, address, contact:USE, concept[:Map],
coding:Map, code:Map, concept-identifier, concept-organization, identifier[:TYPE], entity[:TYPE], date, date-time,
instant, quantity, days, integer, money, annotation, facility, location, actor, organization, organization-name,
practitioner, discharge-location, participant:CODE display, performer:SNOMED display, role:CODE display,
named-role:CODE display.
"""

import re
import tomllib
from collections.abc import Callable
from functools import cache

from careloom.fhir.drafts import Resource
from careloom.hl7v2 import fields
from careloom.hl7v2.parse import NULL, Segment
from careloom.ingest import hl7v2_to_fhir_parties as parties
from careloom.ingest import hl7v2_to_fhir_people as people
from careloom.ingest import hl7v2_to_fhir_places as places
from careloom.ingest import hl7v2_to_fhir_values as values
from careloom.ingest.hl7v2_to_fhir_build import Build
from careloom.ingest.hl7v2_to_fhir_codes import code_maps, system_uri
from careloom.ingest.hl7v2_to_fhir_values import Element
from careloom.runtime import packaged

Made = Element | str | int | float | list[Element] | None
Convert = Callable[[Build, str, str], Made]
Store = Callable[[Resource, Made], None]
Row = tuple[int, str, bool, Convert, Store]
"""Field number, place for issues, whether repetitions are all taken, converter, what puts the value in."""

_STEP = re.compile(r"extension\(([^)]+)\)(\[\])?|([A-Za-z]+)(\[\])?")
_REMEMBERED = 64  # a repetition is dropped when one of so many before it says the same: work stays linear
_CURRENCY = re.compile(r"[A-Z]{3}")
_PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"


def fill(plan: tuple[Row, ...], segment: Segment, build: Build, resource: Resource) -> None:
    """Puts what the segment's fields say into the resource, as the plan's rows tell."""
    sent = segment.fields
    count = len(sent)
    repetition = segment.delimiters.repetition
    for number, place, many, convert, store in plan:
        if number >= count:
            continue
        raw = sent[number]
        if not raw or raw == NULL:
            continue
        for part in raw.split(repetition) if repetition and repetition in raw else (raw,):
            if not part or part == NULL:
                continue
            made = convert(build, part, place)
            if made is None:
                continue
            store(resource, made)
            if not many:
                break


@cache
def plan(name: str) -> tuple[Row, ...]:
    """The compiled rows of a table, e.g. ``PID[Patient]``."""
    return _plans()[name]


@cache
def _plans() -> dict[str, tuple[Row, ...]]:
    tables = tomllib.loads(packaged("ingest", "maps/hl7v2_segments.toml").decode())
    return {name: tuple(_row(name[:3], row) for row in entry["rows"]) for name, entry in tables.items()}


def _row(segment: str, row: list[object]) -> Row:
    number, target, named = row
    kind, _, argument = str(named).partition(":")
    steps = [
        ((found[1] or found[3]), bool(found[1]), bool(found[2] or found[4])) for found in _STEP.finditer(str(target))
    ]
    many = any(repeats for _, _, repeats in steps)
    return int(str(number)), f"{segment}-{number}", many, _converter(kind, argument), _store(steps)


def _store(steps: list[tuple[str, bool, bool]]) -> Store:
    """What puts a value at a path; each step is (name or URL, is an extension, takes many)."""
    last = len(steps) - 1

    def put(resource: Resource, made: Made) -> None:
        node = resource
        for index, (name, is_extension, many) in enumerate(steps):
            if is_extension:
                fresh: Element = {"url": name}
                node.setdefault("extension", []).append(fresh)
                node = fresh
            elif index == last and not many:
                node.setdefault(name, made[0] if isinstance(made, list) else made)
            elif index == last:
                held = node.setdefault(name, [])
                for one in made if isinstance(made, list) else (made,):
                    if one not in held[-_REMEMBERED:]:
                        held.append(one)
            elif many:
                below: Element = {}
                node.setdefault(name, []).append(below)
                node = below
            else:
                node = node.setdefault(name, {})

    return put


def _converter(kind: str, argument: str) -> Convert:
    simple = _SIMPLE.get(kind)
    if simple is not None and not argument:
        return simple
    return _ARGUED[kind](argument)


def _string(build: Build, raw: str, place: str) -> Made:
    del place
    return " ".join(part for part in map(build.read.text, build.read.parts(raw)) if part) or None


def _string_identifier(build: Build, raw: str, place: str) -> Made:
    text = _string(build, raw, place)
    return {"value": text} if text else None


def _name(build: Build, raw: str, place: str) -> Made:
    return people.human_names(build, raw, place)


def _name_text(build: Build, raw: str, place: str) -> Made:
    del place
    value = fields.name(build.read, raw)
    parts = (value.prefix, value.given, value.further, value.family, value.suffix)
    return " ".join(part for part in parts if part) or None


def _organization_name(build: Build, raw: str, place: str) -> Made:
    del place
    return fields.organization(build.read, raw).name or None


def _concept(build: Build, raw: str, place: str) -> Made:
    del place
    return values.concept(build, raw)


def _concept_identifier(build: Build, raw: str, place: str) -> Made:
    del place
    value = fields.coded(build.read, raw)
    if not value.code:
        return None
    system = system_uri(value.system)
    return {"system": system, "value": value.code} if system else {"value": value.code}


def _date(build: Build, raw: str, place: str) -> Made:
    return build.date(build.read.values(raw, 1)[0], place)


def _date_time(build: Build, raw: str, place: str) -> Made:
    return build.date_time(build.read.values(raw, 1)[0], place)


def _instant(build: Build, raw: str, place: str) -> Made:
    return build.instant(build.read.values(raw, 1)[0], place)


def _quantity(build: Build, raw: str, place: str) -> Made:
    parts = build.read.parts(raw)
    value = values.number(build.read.text(parts[0]))
    if value is None:
        build.issue("hl7v2.number-invalid", place, "this is no number; it was left out")
        return None
    unit = build.read.leaves(parts[1])[0] if len(parts) > 1 else ""
    return values.quantity(value, {"unit": unit} if unit else {})


def _days(build: Build, raw: str, place: str) -> Made:
    value = values.number(build.read.text(raw))
    if value is None or value < 0:
        build.issue("hl7v2.number-invalid", place, "this is no number of days; it was left out")
        return None
    return {"value": value, "unit": "days", "system": "http://unitsofmeasure.org", "code": "d"}


def _named_role(argument: str) -> Convert:
    code, _, display = argument.partition(" ")

    def convert(build: Build, raw: str, place: str) -> Made:
        value = fields.named(build.read, raw)
        who = parties.practitioner_of(build, value.person, place)
        where = places.location_of(build, value.place)
        period = values.period_of(build, value.start, value.end, place)
        details = {"period": period} if period else None
        played = parties.provider_role(code, display) if code else None
        return parties.role(build, played, who, location=where, details=details)

    return convert


def _role(argument: str) -> Convert:
    code, _, display = argument.partition(" ")

    def convert(build: Build, raw: str, place: str) -> Made:
        return parties.role(build, parties.provider_role(code, display), parties.practitioner(build, raw, place))

    return convert


def _location(build: Build, raw: str, place: str) -> Made:
    return places.location(build, raw, place)


def _money(build: Build, raw: str, place: str) -> Made:
    del place
    amount, currency = [*build.read.leaves(build.read.parts(raw)[0]), ""][:2]
    value = values.number(amount)
    if value is None:
        return None
    return {"value": value, "currency": currency} if _CURRENCY.fullmatch(currency) else {"value": value}


def _integer(build: Build, raw: str, place: str) -> Made:
    value = values.number(build.read.values(raw, 1)[0])
    if value is None or value != int(value) or not 0 <= value < 2**31:
        build.issue("hl7v2.number-invalid", place, "this is no whole number; it was left out")
        return None
    return int(value)


def _annotation(build: Build, raw: str, place: str) -> Made:
    text = _string(build, raw, place)
    return {"text": text} if text else None


def _actor(build: Build, raw: str, place: str) -> Made:
    who = parties.practitioner(build, raw, place)
    return {"actor": who} if who is not None else None


def _facility(build: Build, raw: str, place: str) -> Made:
    del place
    return parties.facility(build, raw)


def _contact(use: str) -> Convert:
    return lambda build, raw, place: people.contact_point(build, raw, use, place)


def _mapped_concept(name: str) -> Convert:
    mapped = code_maps()[name]
    return lambda build, raw, place: values.concept(build, raw, mapped)


def _coding(name: str) -> Convert:
    mapped = code_maps()[name]

    def convert(build: Build, raw: str, place: str) -> Made:
        del place
        found = values.concept(build, raw, mapped)
        return found["coding"][0] if found is not None and "coding" in found else None

    return convert


def _code(name: str) -> Convert:
    mapped = code_maps()[name]

    def convert(build: Build, raw: str, place: str) -> Made:
        sent = build.read.values(raw, 2)
        for text in sent:
            target = mapped.word(text) if text else None
            if target is not None:
                return target.code
        if any(sent):
            build.issue("hl7v2.code-unknown", place, f"the code is not in the map {name}; the element was left out")
        return None

    return convert


def _identifier(kind: str) -> Convert:
    return lambda build, raw, place: values.identifier(build, raw, kind, place)


def _entity(kind: str) -> Convert:
    return lambda build, raw, place: values.entity_identifier(fields.entity(build.read, raw), kind)


def _participant(argument: str) -> Convert:
    code, _, display = argument.partition(" ")

    def convert(build: Build, raw: str, place: str) -> Made:
        who = parties.practitioner(build, raw, place)
        if who is None:
            return None
        role: Element = {"coding": [{"system": _PARTICIPATION, "code": code}]}
        if code == "ATND":  # the guide gives this one a display and the others a text
            role["coding"][0]["display"] = display
        else:
            role["text"] = display
        return {"type": [role], "individual": who}

    return convert


def _performer(argument: str) -> Convert:
    code, _, display = argument.partition(" ")

    def convert(build: Build, raw: str, place: str) -> Made:
        who = parties.practitioner(build, raw, place)
        if who is None:
            return None
        if not code:
            return {"actor": who}
        role = {"coding": [{"system": "http://snomed.info/sct", "code": code, "display": display}]}
        return {"function": role, "actor": who}

    return convert


_SIMPLE: dict[str, Convert] = {
    "string": _string,
    "string-identifier": _string_identifier,
    "name": _name,
    "name-text": _name_text,
    "address": people.address,
    "concept": _concept,
    "concept-identifier": _concept_identifier,
    "concept-organization": parties.coded_organization,
    "date": _date,
    "date-time": _date_time,
    "instant": _instant,
    "quantity": _quantity,
    "days": _days,
    "organization": parties.organization,
    "organization-name": _organization_name,
    "practitioner": parties.practitioner,
    "location": _location,
    "money": _money,
    "integer": _integer,
    "annotation": _annotation,
    "facility": _facility,
    "actor": _actor,
    "discharge-location": places.discharge_location,
}
_ARGUED: dict[str, Callable[[str], Convert]] = {
    "contact": _contact,
    "concept": _mapped_concept,
    "coding": _coding,
    "code": _code,
    "identifier": _identifier,
    "entity": _entity,
    "participant": _participant,
    "performer": _performer,
    "role": _role,
    "named-role": _named_role,
}
