"""HL7 v2 data types as FHIR data types, after the guide's data type maps."""

import re
from typing import Any

from careloom.fhir.moments import held_together, order
from careloom.hl7v2 import fields
from careloom.hl7v2.fields import Authority, Coded
from careloom.ingest.hl7v2_to_fhir_build import Build
from careloom.ingest.hl7v2_to_fhir_codes import V2_TABLE, CodeMap, authority_uri, code_maps, system_uri, universal_urn

Element = dict[str, Any]

V2_IDENTIFIER_TYPE = V2_TABLE + "0203"
ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
"""What FHIR allows as an id."""
NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)", re.ASCII)
_COMPARED = re.compile(r"\s*(<=|>=|<|>)\s*([+-]?(?:\d+\.?\d*|\.\d+))\s*", re.ASCII)
_MAX_DIGITS = 17


def number(text: str) -> int | float | None:
    """The number that an NM value names; None for words and for more digits than JSON readers keep."""
    if len(text) > 2 * _MAX_DIGITS or not NUMBER.fullmatch(text):
        return None
    digits = sum(character.isdigit() for character in text.lstrip("+-0."))
    if digits > _MAX_DIGITS:
        return None
    return float(text) if "." in text else int(text)


def positive(text: str) -> int | None:
    """A positiveInt, or None."""
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        return None
    return int(text) or None


def compared(text: str) -> tuple[str, int | float] | None:
    """The comparator and the number of ``<5`` or ``>= 2.5``; an empty comparator for a plain number."""
    plain = number(text)
    if plain is not None:
        return "", plain
    found = _COMPARED.fullmatch(text)
    value = number(found[2]) if found is not None else None
    return (found[1], value) if found is not None and value is not None else None


def quantity(value: float, unit: Element, comparator: str = "") -> Element:
    """A Quantity; `unit` as `unit_of` gives it."""
    out: Element = {"value": value}
    if comparator:
        out["comparator"] = comparator
    out.update(unit)
    return out


def unit_of(build: Build, raw: str) -> Element:
    """unit, system and code of a CWE with a unit; system and code only where the system is a known one."""
    if not raw:
        return {}
    code = fields.coded(build.read, raw)
    text = code.text or code.code or code.original or code.alternate_text or code.alternate_code
    out: Element = {"unit": text} if text else {}
    for value, named in ((code.code, code.system), (code.alternate_code, code.alternate_system)):
        system = system_uri(named)
        if value and system and " " not in value:
            out["system"] = system
            out["code"] = value
            break
    return out


def clean_code(text: str) -> str:
    """A code as FHIR allows it: no spaces around, single ones inside."""
    return " ".join(text.split())


def coding(code: str, display: str, system: str, version: str = "") -> Element | None:
    """A Coding, or None where neither code nor display is there."""
    out: Element = {}
    if system:
        out["system"] = system
    if version:
        out["version"] = version
    if code:
        out["code"] = clean_code(code)
    if display:
        out["display"] = display
    return out if code or display else None


def concept(build: Build, raw: str, mapped: CodeMap | None = None) -> Element | None:
    """A CodeableConcept: the guide's target where the map has one, else the codes as sent; text for mere words."""
    return concept_of(fields.coded(build.read, raw), mapped)


def mapped_coding(code: str, system: str, version: str, mapped: CodeMap | None) -> Element | None:
    """The Coding that the guide's map has for a code; its version is the sender's where the system stays the same."""
    target = mapped.exact(code, system) if mapped is not None else None
    if target is None:
        return None
    out: Element = {"system": target.system, "code": target.code}
    if version:
        out["version"] = version
    if target.display:
        out["display"] = target.display
    return out


def concept_of(value: Coded, mapped: CodeMap | None = None) -> Element | None:
    """A CodeableConcept of a coded value."""
    codings: list[Element] = []
    target = mapped.exact(value.code, value.system) if mapped is not None and value.code else None
    words = value.original
    if target is not None:
        codings.append(mapped_coding(value.code, value.system, value.version, mapped) or {})
    elif value.code:
        if not value.system and not value.text and " " in value.code:
            words = words or value.code
        system = system_uri(value.system)
        if not system and value.system_oid:
            system = system_uri(value.system_oid)
        first = coding(value.code, value.text, system, value.version)
        if first is not None:
            codings.append(first)
    elif value.text:
        codings.append({"display": value.text})
        words = words or value.text
    for code, text, named, version in (
        (value.alternate_code, value.alternate_text, value.alternate_system, value.alternate_version),
        (value.second_code, value.second_text, value.second_system, value.second_version),
    ):
        if code:
            other = mapped_coding(code, named, version, mapped) or coding(code, text, system_uri(named), version)
            if other is not None:
                codings.append(other)
        elif text and not words:
            words = text
    out: Element = {"coding": codings} if codings else {}
    if words:
        out["text"] = words
    return out or None


def identifier_type(kind: str) -> Element:
    """Identifier.type for a value of HL7 table 0203; a code that is not in it stands as text."""
    target = code_maps()["IdentifierType"].targets.get(kind)
    if target is None:
        return {"coding": [{"code": clean_code(kind)}], "text": kind}
    return {"coding": [target.coding()]}


def assigner(build: Build, authority: Authority) -> Element | None:
    """Reference to the Organization that assigns, where it has more than a local name."""
    if not authority.universal_id:
        return None
    return named_authority(build, authority)


def named_authority(build: Build, authority: Authority) -> Element:
    """Reference to the mentioned Organization of an authority."""
    key = f"HD|{authority.key}"
    if build.known("Organization", key) is not None:
        return {"reference": f"Organization/{key}"}
    return build.mention(key, authority_resource(authority))


def authority_resource(authority: Authority) -> Element:
    """HD[Organization]: an Organization known by its namespace and its universal id only."""
    identifiers: list[Element] = [{"value": authority.namespace}] if authority.namespace else []
    if authority.universal_id:
        identifiers.append(universal_identifier(authority))
    out: Element = {"resourceType": "Organization"}
    if identifiers:
        out["identifier"] = identifiers
    out["name"] = authority.key
    return out


def universal_identifier(authority: Authority) -> Element:
    """HD.2 and HD.3 as an Identifier: a URN where it is an OID or a UUID, else the id as sent."""
    out: Element = {}
    kind = code_maps()["UniversalIDType"].targets.get(authority.universal_id_type)
    if kind is not None:
        out["type"] = {"coding": [kind.coding()]}
    elif authority.universal_id_type:
        out["type"] = {"text": authority.universal_id_type}
    urn = universal_urn(authority)
    if urn:
        out["system"] = "urn:ietf:rfc:3986"
    out["value"] = urn or authority.universal_id
    return out


def identifier(build: Build, raw: str, kind: str = "", place: str = "") -> Element | None:
    """CX to Identifier; `kind` is its type where the value names none, with ``=`` before it in any case."""
    value = fields.identifier(build.read, raw)
    if not value.value:
        return None
    out: Element = {}
    if value.check_digit:
        out["extension"] = [check_digit(value.check_digit)]
    named = kind[1:] if kind.startswith("=") else value.kind or kind
    if named:
        out["type"] = identifier_type(named)
    authority = value.authority if value.authority.key else value.facility
    system = authority_uri(authority)
    if system:
        out["system"] = system
    out["value"] = value.value
    period = period_of(build, value.start, value.end, place)
    if period:
        out["period"] = period
    assigned = assigner(build, authority)
    if assigned is not None:
        out["assigner"] = assigned
    return out


def check_digit(text: str) -> Element:
    """The extension for a check digit (CX.2, XCN.11)."""
    return {"url": "http://hl7.org/fhir/StructureDefinition/identifier-checkDigit", "valueString": text}


def entity_identifier(value: fields.Entity, kind: str = "") -> Element | None:
    """EI to Identifier."""
    if not value.value:
        return None
    out: Element = {}
    if kind:
        out["type"] = identifier_type(kind)
    system = authority_uri(value.authority)
    if system:
        out["system"] = system
    out["value"] = value.value
    return out


def period_of(build: Build, start: str, end: str, place: str) -> Element | None:
    """A Period of two DTM values, as `ordered` lets it stand."""
    out: Element = {}
    first = build.date_time(start, place) if start else None
    last = build.date_time(end, place) if end else None
    if first is not None:
        out["start"] = first
    if last is not None:
        out["end"] = last
    return ordered(build, out, place) if out else None


def ordered(build: Build, period: Element, place: str) -> Element:
    """A Period that FHIR lets stand (invariant per-1): an end before its start is left out; where one goes on and the
    other does not, as 2024-03 and 2024-03-12, both are cut to what is known of both.
    """
    start, end = period.get("start"), period.get("end")
    if start is None or end is None or order(start, end) != 1:
        return period
    period["start"], last, fault = held_together(start, end)
    if last is not None:
        period["end"] = last
    else:
        del period["end"]
    if fault == "imprecise":
        build.issue(
            "hl7v2.period-imprecise", place, "start and end differ in precision only; both were cut to the less"
        )
    else:
        build.issue("hl7v2.period-reversed", place, "the end lies before the start; it was left out")
    return period
