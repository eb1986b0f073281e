"""Locations that a message names: mentioned, never put, each known by its path from the site down to the bed."""

from careloom.hl7v2 import fields
from careloom.hl7v2.fields import NOBODY, Authority, Place
from careloom.ingest import hl7v2_to_fhir_values as values
from careloom.ingest.hl7v2_to_fhir_build import Build, Reference
from careloom.ingest.hl7v2_to_fhir_codes import V2_TABLE, code_maps
from careloom.ingest.hl7v2_to_fhir_people import address
from careloom.ingest.hl7v2_to_fhir_values import Element

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


def location(build: Build, raw: str, place: str) -> Reference | None:
    """PL to mentioned Locations from the site down; the reference is to the smallest."""
    del place
    return location_of(build, fields.place(build.read, raw))


def location_of(build: Build, value: Place) -> Reference | None:
    """A place to mentioned Locations, each part of the next larger one."""
    ward, room, bed = value.units
    parts = (
        (value.facility.key, value.facility),
        (value.building, NOBODY),
        (value.floor, NOBODY),
        (value.point_of_care, ward),
        (value.room, room),
        (value.bed, bed),
    )
    key = ""
    reference: Reference | None = None
    made: Element | None = None
    for (level, code, display), (name, unit) in zip(_LEVELS, parts, strict=True):
        if not name:
            continue
        key = f"{key}/{level}:{name}" if key else f"{level}:{name}"
        made = build.known("Location", key)
        if made is None:
            made = _level(name, unit, reference)
            made["physicalType"] = {"coding": [{"system": _PHYSICAL, "code": code, "display": display}]}
            build.mention(key, made)
        reference = {"reference": f"Location/{key}"}
    if reference is None and value.description:
        made = {"resourceType": "Location", "name": value.description, "mode": "instance"}
        return build.mention(f"description:{value.description}", made)
    if made is not None and value.description:
        made.setdefault("description", value.description)
    if made is not None and value.kind:
        made.setdefault("type", [{"coding": [_kind(value.kind)]}])
    return reference


def _kind(code: str) -> Element:
    """PL.6 as a code of HL7 table 0305."""
    target = code_maps()["PersonLocationType"].targets.get(code)
    out: Element = {"system": f"{V2_TABLE}0305", "code": values.clean_code(code)}
    if target is not None:
        out["display"] = target.display
    return out


def _level(name: str, unit: Authority, larger: Reference | None) -> Element:
    out: Element = {"resourceType": "Location"}
    if unit.universal_id:
        out["identifier"] = [values.universal_identifier(unit)]
    out["name"] = name
    out["mode"] = "instance"
    if larger is not None:
        out["partOf"] = dict(larger)
    return out


def site(build: Build, value: Authority) -> Reference | None:
    """HD[Location] (EVN-7): a site by its name and universal id."""
    return location_of(build, Place("", facility=value)) if value.key else None


def named_location(build: Build, name: str, address_raw: str = "", place: str = "") -> Reference | None:
    """A place of which name and address are known."""
    where = address(build, address_raw, place) if address_raw else None
    if not name and where is None:
        return None
    out: Element = {"resourceType": "Location"}
    if name:
        out["name"] = name
    out["mode"] = "instance"
    if where is not None:
        out["address"] = where
    return build.mention(f"named:{name.casefold()}|{_address_key(where)}", out)


def _address_key(where: Element | None) -> str:
    if where is None:
        return ""
    parts = (*where.get("line", ()), where.get("city", ""), where.get("postalCode", ""))
    return "|".join(part.casefold() for part in parts)


def discharge_location(build: Build, raw: str, place: str) -> Reference | None:
    """DLD[Location-Discharge] (PV1-37): where the patient went."""
    del place
    value = fields.coded_part(build.read, build.read.parts(raw)[0])
    name = value.text or value.code
    if not name:
        return None
    out: Element = {"resourceType": "Location"}
    if value.code and value.text:
        kind = values.concept_of(value)
        if kind is not None:
            out["type"] = [kind]
    out["name"] = name
    out["mode"] = "instance"
    return build.mention(f"destination:{name}", out)
