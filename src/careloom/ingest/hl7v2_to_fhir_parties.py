"""Practitioners, organizations, roles and devices that a message names: mentioned, never put, each under one identity.

Identity, in this order: authority and number; number and family name; name. Two people of one name and no number
are one here. A role is known by its code and by who plays it for whom.
"""

from careloom.hl7v2 import fields
from careloom.hl7v2.fields import Authority, Entity, Organization, Person
from careloom.ingest import hl7v2_to_fhir_values as values
from careloom.ingest.hl7v2_to_fhir_build import Build, Reference
from careloom.ingest.hl7v2_to_fhir_codes import authority_uri, code_maps, system_uri
from careloom.ingest.hl7v2_to_fhir_people import address, contact_point, human_name
from careloom.ingest.hl7v2_to_fhir_values import Element

PROVIDER_ROLE = "http://terminology.hl7.org/CodeSystem/v2-0443"


def practitioner(build: Build, raw: str, place: str) -> Reference | None:
    """XCN to a mentioned Practitioner."""
    return practitioner_of(build, fields.person(build.read, raw), place)


def practitioner_of(build: Build, value: Person, place: str) -> Reference | None:
    """A person to a mentioned Practitioner; None where neither number nor name is there.

    The degree (XCN.7) is a qualification, as the guide's XCN[Practitioner] says.
    """
    authority = value.authority if value.authority.key else value.facility
    if not value.id and not value.name.family and not value.name.given:
        return None
    key = _party_key(authority, value.id, "|".join(value.name[:5]))
    if value.id and not authority.key and value.name.family:
        key = (
            f"{key}|{value.name.family.casefold()}"  # such numbers are not unique: two people of one message share them
        )
    known = {"reference": f"Practitioner/{key}"}
    if build.known("Practitioner", key) is not None:
        return known
    out: Element = {"resourceType": "Practitioner"}
    if value.id:
        number = _number(authority, value.id, value.kind)
        if value.check_digit:
            number["extension"] = [values.check_digit(value.check_digit)]
        assigned = values.assigner(build, authority)
        if assigned is not None:
            number["assigner"] = assigned
        out["identifier"] = [number]
    named = human_name(build, value.name._replace(degree=""), place)
    if named is not None:
        out["name"] = [named]
    if value.name.degree:
        target = code_maps()["DegreeLicenseCertificate"].targets.get(value.name.degree)
        degree: Element = {"text": value.name.degree}
        if target is not None:
            degree = {"coding": [target.coding()]}
        out["qualification"] = [{"code": degree}]
    return build.mention(key, out)


def organization(build: Build, raw: str, place: str) -> Reference | None:
    """XON to a mentioned Organization."""
    return organization_of(build, fields.organization(build.read, raw), place)


def organization_of(build: Build, value: Organization, place: str, address_raw: str = "") -> Reference | None:
    """An organization to a mentioned Organization; None where neither number nor name is there."""
    if not value.id and not value.name:
        return None
    key = _party_key(value.authority, value.id, value.name)
    held = build.known("Organization", key)
    if held is None:
        held = {"resourceType": "Organization"}
        if value.id:
            number = _number(value.authority, value.id, value.kind)
            assigned = values.assigner(build, value.authority)
            if assigned is not None:
                number["assigner"] = assigned
            held["identifier"] = [number]
        if value.name:
            held["name"] = value.name
        build.mention(key, held)
    if address_raw:
        where = address(build, address_raw, place)
        if where is not None and where not in held.get("address", ()):
            held.setdefault("address", []).append(where)
    return {"reference": f"Organization/{key}"}


def coded_organization(build: Build, raw: str, place: str) -> Reference | None:
    """CWE[Organization] (OBX-15, RXA-17): an identifier with a name."""
    value = fields.coded(build.read, raw)
    del place
    name = value.original or value.text
    if not value.code and not name:
        return None
    key = _party_key(Authority(value.system), value.code, name)
    out: Element = {"resourceType": "Organization"}
    if value.code:
        number: Element = {"value": value.code}
        system = system_uri(value.system)
        if system:
            number["system"] = system
        out["identifier"] = [number]
    if name:
        out["name"] = name
    return build.mention(key, out)


def facility(build: Build, raw: str) -> Reference | None:
    """HD to a mentioned Organization; the parts of the HD are components here."""
    return facility_of(build, authority_of(build, raw))


def facility_of(build: Build, value: Authority) -> Reference | None:
    """An authority as a mentioned Organization; None where it has no name."""
    return values.named_authority(build, value) if value.key else None


def authority_of(build: Build, raw: str) -> Authority:
    """HD as a field: its parts are components."""
    return Authority(*build.read.values(raw, 3))


def role(
    build: Build,
    code: Element | None,
    practitioner: Reference | None,
    *,
    organization: Reference | None = None,
    location: Reference | None = None,
    details: Element | None = None,
) -> Reference | None:
    """A mentioned PractitionerRole: who plays which role, for whom and where; None where nobody and nowhere is named.

    code     a CodeableConcept
    details  further elements: identifier, period, specialty, telecom
    """
    parts = [one["reference"] if one is not None else "" for one in (practitioner, organization, location)]
    if not any(parts):
        return None
    out: Element = {"resourceType": "PractitionerRole", **(details or {})}
    if code is not None:
        out["code"] = [code]
    for name, one in (("practitioner", practitioner), ("organization", organization)):
        if one is not None:
            out[name] = one
    if location is not None:
        out["location"] = [location]
    first = (code.get("coding") or [{}])[0] if code is not None else {}
    key = "|".join((first.get("code") or (code or {}).get("text", ""), *parts))
    return build.mention(key, out)


def provider_role(code: str, display: str) -> Element:
    """A role of HL7 table 0443."""
    return {"coding": [{"system": PROVIDER_ROLE, "code": code, "display": display}]}


def device(build: Build, value: Entity, **details: object) -> Reference | None:
    """EI to a mentioned Device; `details` are further elements of it."""
    numbers: list[Element] = []
    found = values.entity_identifier(value)
    if found is not None:
        numbers.append(found)
    elif value.authority.universal_id:
        numbers.append(values.universal_identifier(value.authority))
    shown = {name: detail for name, detail in details.items() if detail}
    if not numbers and not shown:
        return None
    out: Element = {"resourceType": "Device"}
    if numbers:
        out["identifier"] = numbers
    out.update(shown)
    key = f"{value.authority.key}|{value.value}"
    if not value.value:
        key = f"{key}|{'|'.join(str(detail) for detail in shown.values())}"
    return build.mention(key, out)


def _party_key(authority: Authority, number: str, name: str) -> str:
    if number:
        return f"{authority.key}|{number}"
    return f"name|{name.casefold()}"


def _number(authority: Authority, number: str, kind: str) -> Element:
    out: Element = {"type": values.identifier_type(kind)} if kind else {}
    system = authority_uri(authority)
    if system:
        out["system"] = system
    out["value"] = number
    return out


def phones(build: Build, raws: list[str], place: str, use: str = "") -> list[Element]:
    """The ContactPoints of some XTN."""
    return [found for raw in raws if (found := contact_point(build, raw, use, place)) is not None]
