"""Practitioners, organizations and locations that a message names: mentioned, never put, each under one identity.

Identity, in this order: authority and number; number alone; name. Two people of one name and no number are one here.
"""

from careloom.hl7v2 import fields
from careloom.hl7v2.fields import Authority, Organization, Person, Place
from careloom.ingest.hl7v2_to_fhir_build import Build, Reference
from careloom.ingest.hl7v2_to_fhir_codes import authority_uri, system_uri
from careloom.ingest.hl7v2_to_fhir_values import Element, address, human_name, identifier_type

_PHYSICAL = "http://terminology.hl7.org/CodeSystem/location-physical-type"
# FHIR R4 location-physical-type; the guide leaves the point of care open: an area.
_LEVELS: tuple[tuple[str, str, str], ...] = (
    ("facility", "si", "Site"),
    ("building", "bu", "Building"),
    ("floor", "lvl", "Level"),
    ("point_of_care", "area", "Area"),
    ("room", "ro", "Room"),
    ("bed", "bd", "Bed"),
)


def practitioner(build: Build, raw: str, place: str) -> Reference | None:
    """XCN to a mentioned Practitioner."""
    return practitioner_of(build, fields.person(build.read, raw), place)


def practitioner_of(build: Build, value: Person, place: str) -> Reference | None:
    """A person to a mentioned Practitioner; None where neither number nor name is there."""
    authority = value.authority if value.authority.key else value.facility
    if not value.id and not value.name.family and not value.name.given:
        return None
    key = _party_key(authority, value.id, "|".join(value.name[:5]))
    known = {"reference": f"Practitioner/{key}"}
    if build.known("Practitioner", key) is not None:
        return known
    out: Element = {"resourceType": "Practitioner"}
    if value.id:
        out["identifier"] = [_number(authority, value.id, value.kind)]
    named = human_name(build, value.name, place)
    if named is not None:
        out["name"] = [named]
    return build.mention(key, out)


def organization(build: Build, raw: str, place: str) -> Reference | None:
    """XON to a mentioned Organization."""
    return organization_of(build, fields.organization(build.read, raw), place)


def organization_of(build: Build, value: Organization, place: str, address_raw: str = "") -> Reference | None:
    """An organization to a mentioned Organization; None where neither number nor name is there."""
    if not value.id and not value.name:
        return None
    key = _party_key(value.authority, value.id, value.name)
    if build.known("Organization", key) is not None:
        return {"reference": f"Organization/{key}"}
    out: Element = {"resourceType": "Organization"}
    if value.id:
        out["identifier"] = [_number(value.authority, value.id, value.kind)]
    if value.name:
        out["name"] = value.name
    if address_raw:
        where = address(build, address_raw, place)
        if where is not None:
            out["address"] = [where]
    return build.mention(key, out)


def coded_organization(build: Build, raw: str, place: str) -> Reference | None:
    """CWE[Organization] (OBX-15): an identifier with a name."""
    value = fields.coded(build.read, raw)
    del place
    if not value.code and not value.text:
        return None
    key = _party_key(Authority(value.system), value.code, value.text)
    out: Element = {"resourceType": "Organization"}
    if value.code:
        number: Element = {"value": value.code}
        system = system_uri(value.system)
        if system:
            number["system"] = system
        out["identifier"] = [number]
    if value.text:
        out["name"] = value.text
    return build.mention(key, out)


def location(build: Build, raw: str, place: str) -> Reference | None:
    """PL to mentioned Locations from the site down; the reference is to the smallest."""
    del place
    return location_of(build, fields.place(build.read, raw))


def location_of(build: Build, value: Place) -> Reference | None:
    """A place to mentioned Locations, each part of the next larger one."""
    names = (value.facility.key, value.building, value.floor, value.point_of_care, value.room, value.bed)
    key = ""
    reference: Reference | None = None
    for (level, code, display), name in zip(_LEVELS, names, strict=True):
        if not name:
            continue
        key = f"{key}/{level}:{name}" if key else f"{level}:{name}"
        if build.known("Location", key) is not None:
            reference = {"reference": f"Location/{key}"}
            continue
        out: Element = {"resourceType": "Location"}
        if level == "facility":
            system = authority_uri(value.facility)
            if value.facility.universal_id and system.startswith("urn:oid:"):
                out["identifier"] = [{"system": "urn:ietf:rfc:3986", "value": system}]
        out["name"] = name
        out["mode"] = "instance"
        out["physicalType"] = {"coding": [{"system": _PHYSICAL, "code": code, "display": display}]}
        if reference is not None:
            out["partOf"] = dict(reference)
        reference = build.mention(key, out)
    if reference is None and value.description:
        out = {"resourceType": "Location", "name": value.description, "mode": "instance"}
        reference = build.mention(f"description:{value.description}", out)
    return reference


def discharge_location(build: Build, raw: str, place: str) -> Reference | None:
    """DLD[Location-Discharge] (PV1-37): where the patient went."""
    del place
    value = fields.coded_part(build.read, build.read.parts(raw)[0])
    name = value.text or value.code
    if not name:
        return None
    return build.mention(f"destination:{name}", {"resourceType": "Location", "name": name, "mode": "instance"})


def _party_key(authority: Authority, number: str, name: str) -> str:
    if number:
        return f"{authority.key}|{number}"
    return f"name|{name.casefold()}"


def _number(authority: Authority, number: str, kind: str) -> Element:
    out: Element = {"type": identifier_type(kind)} if kind else {}
    system = authority_uri(authority)
    if system:
        out["system"] = system
    out["value"] = number
    return out
