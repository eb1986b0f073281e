"""HL7 v2 data types as FHIR data types, after the guide's data type maps."""

import re
from typing import Any

from careloom.fhir.moments import order
from careloom.hl7v2 import fields
from careloom.hl7v2.fields import Authority, Coded, Contact, Name
from careloom.ingest.hl7v2_to_fhir_build import Build
from careloom.ingest.hl7v2_to_fhir_codes import V2_TABLE, CodeMap, authority_uri, code_maps, system_uri

Element = dict[str, Any]

V2_IDENTIFIER_TYPE = V2_TABLE + "0203"
NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)", re.ASCII)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
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
        if value and system and not system.startswith("urn:careloom:") and " " not in value:
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


def concept_of(value: Coded, mapped: CodeMap | None = None) -> Element | None:
    """A CodeableConcept of a coded value."""
    codings: list[Element] = []
    target = mapped.exact(value.code, value.system) if mapped is not None and value.code else None
    words = value.original
    if target is not None:
        codings.append({"system": target.system, "code": target.code})
        if target.display:
            codings[0]["display"] = target.display
    elif value.code and (value.system or value.text or " " not in value.code):
        system = system_uri(value.system)
        if not system and value.system_oid:
            system = system_uri(value.system_oid)
        first = coding(value.code, value.text, system, value.version)
        if first is not None:
            codings.append(first)
    else:
        words = words or value.text or value.code
    for code, text, named, version in (
        (value.alternate_code, value.alternate_text, value.alternate_system, value.alternate_version),
        (value.second_code, value.second_text, value.second_system, value.second_version),
    ):
        if code:
            other = coding(code, text, system_uri(named), version)
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
        return {"text": kind}
    found: Element = {"system": target.system, "code": target.code}
    if target.display:
        found["display"] = target.display
    return {"coding": [found]}


def assigner(build: Build, authority: Authority) -> Element | None:
    """Reference to the Organization that assigns, where it has more than a local name."""
    if not authority.universal_id:
        return None
    return build.mention(f"HD|{authority.key}", authority_resource(authority))


def authority_resource(authority: Authority) -> Element:
    """An Organization known by its HD only."""
    identifiers: list[Element] = []
    if authority.universal_id:
        identifiers.append({"value": authority.universal_id})
        uri = authority_uri(authority)
        if uri.startswith(("urn:oid:", "urn:uuid:")):
            identifiers[0] = {"system": "urn:ietf:rfc:3986", "value": uri}
    out: Element = {"resourceType": "Organization"}
    if identifiers:
        out["identifier"] = identifiers
    out["name"] = authority.key
    return out


def identifier(build: Build, raw: str, kind: str = "", place: str = "") -> Element | None:
    """CX to Identifier; `kind` is its type where the value names none."""
    value = fields.identifier(build.read, raw)
    if not value.value:
        return None
    out: Element = {}
    if value.kind or kind:
        out["type"] = identifier_type(value.kind or kind)
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


def entity_identifier(value: fields.Entity, kind: str = "") -> Element | None:
    """EI to Identifier."""
    if not value.value:
        return None
    out: Element = {}
    if kind:
        out["type"] = {"coding": [{"system": V2_IDENTIFIER_TYPE, "code": kind}]}
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
    if order(start, end) != 1 or start is None or end is None:
        return period
    size = min(len(start), len(end))
    if size <= 10 and start[:size] == end[:size]:
        build.issue(
            "hl7v2.period-imprecise", place, "start and end differ in precision only; both were cut to the less"
        )
        period["start"], period["end"] = start[:size], end[:size]
        return period
    build.issue("hl7v2.period-reversed", place, "the end lies before the start; it was left out")
    del period["end"]
    return period


def human_name(build: Build, value: Name, place: str) -> Element | None:
    """XPN to HumanName; a name without family, given name or nickname is none."""
    out: Element = {}
    use = code_maps()["NameType"].targets.get(value.kind)
    if use is not None:
        out["use"] = use.code
    if value.family:
        out["family"] = value.family
    given = [part for part in (value.given, value.further) if part]
    if given:
        out["given"] = given
    if not value.family and not given:
        return None
    if value.prefix:
        out["prefix"] = [value.prefix]
    suffix = [part for part in (value.suffix, value.degree, value.professional_suffix) if part]
    if suffix:
        out["suffix"] = suffix
    start, end = value.start, value.end
    if value.validity and not start and not end:
        start, end = [*build.read.leaves(value.validity), ""][:2]
    if start or end:
        period = period_of(build, start, end, place)
        if period:
            out["period"] = period
    return out


def address(build: Build, raw: str, place: str) -> Element | None:
    """XAD to Address."""
    value = fields.address(build.read, raw)
    out: Element = {}
    maps = code_maps()
    for key, name in (("use", "AddressType[Use]"), ("type", "AddressType[Type]")):
        target = maps[name].targets.get(value.kind)
        if target is not None:
            out[key] = target.code
    start = len(out)
    lines = [line for line in (*value.street, value.other, value.addressee) if line]
    if lines:
        out["line"] = lines
    for key, text in (
        ("city", value.city),
        ("district", value.county),
        ("state", value.state),
        ("postalCode", value.postal_code),
        ("country", value.country),
    ):
        if text:
            out[key] = text
    if len(out) == start:
        return None
    if value.start or value.end:
        period = period_of(build, value.start, value.end, place)
        if period:
            out["period"] = period
    return out


def contact_point(build: Build, raw: str, use: str, place: str) -> Element | None:
    """XTN to ContactPoint; `use` where the value names none."""
    value = fields.contact(build.read, raw)
    maps = code_maps()
    equipment = maps["TelecommunicationEquipmentType"].targets.get(value.equipment)
    is_mail = value.equipment in ("Internet", "X.400")
    text = (value.address or value.number) if is_mail else _dialled(value)
    out: Element = {}
    if not text:
        text = value.address
        is_mail = bool(text)
    if not text:
        return None
    if is_mail or _EMAIL.fullmatch(text):
        out["system"] = "email"
    else:
        out["system"] = "phone" if equipment is None or equipment.code == "mobile" else equipment.code
    out["value"] = text
    named = maps["TelecommunicationUseCode"].targets.get(value.use)
    if value.equipment == "CP" and out["system"] == "phone":
        out["use"] = "mobile"
    elif named is not None or use:
        out["use"] = named.code if named is not None else use
    rank = positive(value.rank)
    if rank is not None:
        out["rank"] = rank
    if value.start or value.end:
        period = period_of(build, value.start, value.end, place)
        if period:
            out["period"] = period
    return out


def _dialled(value: Contact) -> str:
    if value.unformatted:
        return value.unformatted
    if value.local:
        country = f"+{value.country.lstrip('+')}" if value.country else ""
        extension = f"X{value.extension}" if value.extension else ""
        return " ".join(part for part in (country, value.area, value.local, extension) if part)
    return value.number
