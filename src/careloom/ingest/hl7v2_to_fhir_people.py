"""Names, addresses and ways to reach somebody: XPN, XAD and XTN of HL7 v2 as FHIR data types, after the guide."""

import re

from careloom.hl7v2 import fields
from careloom.hl7v2.fields import Contact, Name
from careloom.ingest import hl7v2_to_fhir_values as values
from careloom.ingest.hl7v2_to_fhir_build import Build
from careloom.ingest.hl7v2_to_fhir_codes import code_maps
from careloom.ingest.hl7v2_to_fhir_values import Element

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


def human_name(build: Build, value: Name, place: str) -> Element | None:
    """XPN to HumanName; a name without family, given name or nickname is none."""
    out: Element = {}
    use = code_maps()["NameType"].targets.get(value.kind)
    if use is not None:
        out["use"] = use.code
    if value.family:
        out["family"] = value.family
        surname = _surname(value.surname)
        if surname:
            out["_family"] = {"extension": surname}
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
        period = values.period_of(build, start, end, place)
        if period:
            out["period"] = period
    return out


def _surname(parts: tuple[str, ...]) -> list[Element]:
    """FN.2 to FN.5 as the extensions that FHIR has for them."""
    return [
        {"url": f"http://hl7.org/fhir/StructureDefinition/humanname-{name}", "valueString": text}
        for name, text in zip(("own-prefix", "own-name", "partner-prefix", "partner-name"), parts, strict=False)
        if text
    ]


def human_names(build: Build, raw: str, place: str) -> list[Element] | None:
    """XPN to a HumanName, and a second one, the nickname, where XPN.15 says how the person is called."""
    value = fields.name(build.read, raw)
    found = human_name(build, value, place)
    out = [found] if found is not None else []
    if value.called_by:
        out.append({"use": "nickname", "given": [value.called_by]})
    return out or None


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
        period = values.period_of(build, value.start, value.end, place)
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
    if named is not None or use:
        out["use"] = named.code if named is not None else use
    elif value.equipment == "CP" and out["system"] == "phone":
        out["use"] = "mobile"
    rank = values.positive(value.rank)
    if rank is not None:
        out["rank"] = rank
    if value.start or value.end:
        period = values.period_of(build, value.start, value.end, place)
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
