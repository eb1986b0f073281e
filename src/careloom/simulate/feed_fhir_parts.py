"""Elements of FHIR R4 that many resources share, as plain JSON."""

from datetime import datetime
from functools import lru_cache
from typing import Any

from careloom.fhir.drafts import Resource
from careloom.simulate.charts import Chart, system_of
from careloom.simulate.history import Address, Clinician, Code, Site
from careloom.terminology.systems import UCUM, US_NPI

V2 = "http://terminology.hl7.org/CodeSystem/v2-"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"


@lru_cache(maxsize=8192)
def coding(code: Code) -> dict[str, str]:
    """A Coding. The same object every time: nobody may write into it."""
    out = {"system": code.system, "code": code.code}
    if code.display:
        out["display"] = code.display
    return out


@lru_cache(maxsize=8192)
def concept(*codes: Code) -> dict[str, Any]:
    """A CodeableConcept of codes that mean the same, the first one's name as its text."""
    return {"coding": [coding(code) for code in codes], "text": codes[0].display or codes[0].code}


@lru_cache(maxsize=512)
def word(system: str, code: str, display: str = "") -> dict[str, Any]:
    """A CodeableConcept of one code."""
    return {"coding": [coding(Code(system, code, display))]}


def instant(at: datetime) -> str:
    """A dateTime or instant, UTC."""
    return f"{at.isoformat()[:19]}Z"


def period(start: datetime, end: datetime | None) -> dict[str, str]:
    """A Period."""
    out = {"start": instant(start)}
    if end is not None:
        out["end"] = instant(end)
    return out


def quantity(value: float, unit: str) -> dict[str, Any]:
    """A Quantity in UCUM."""
    whole = int(value) if value == int(value) else value
    return {"value": whole, "unit": unit, "system": UCUM, "code": unit} if unit else {"value": whole}


def reference(kind: str, name: str) -> dict[str, str]:
    """A Reference within the site's server."""
    return {"reference": f"{kind}/{name}"}


def own_id(chart: Chart, key: str) -> str:
    """The id of a resource by its key."""
    return f"{chart.serial}-{key}"


def subject(chart: Chart) -> dict[str, str]:
    """The patient."""
    return {"reference": f"Patient/{chart.serial}"}


def linked(chart: Chart, kind: str, key: str) -> dict[str, str]:
    """A Reference to another resource of the chart."""
    return {"reference": f"{kind}/{chart.serial}-{key}"}


def identified(chart: Chart, branch: int, number: str) -> list[dict[str, Any]]:
    """An identifier below the site's OID."""
    return [{"system": f"{system_of(chart.site)}.{branch}", "value": number}]


def address(where: Address, use: str = "home") -> dict[str, Any]:
    """An Address."""
    return {
        "use": use,
        "line": [where.line],
        "city": where.city,
        "district": where.county,
        "state": where.state,
        "postalCode": where.postal_code,
        "country": "US",
    }


def organization(site: Site) -> Resource:
    """The site as an Organization."""
    return {
        "resourceType": "Organization",
        "id": site.site_id,
        "identifier": [{"system": US_NPI, "value": site.npi}],
        "active": True,
        "type": [word(f"{TERMINOLOGY}organization-type", "prov", "Healthcare Provider")],
        "name": site.name,
        "telecom": [{"system": "phone", "value": site.phone, "use": "work"}],
        "address": [address(site.address, "work")],
    }


def location(site: Site, unit: str = "") -> Resource:
    """The site as a Location, or a unit of it: a ward, a department."""
    level = ("wa", "Ward") if unit else ("si", "Site")
    out: Resource = {
        "resourceType": "Location",
        "id": location_id(site, unit),
        "status": "active",
        "name": unit or site.name,
        "mode": "instance",
        "physicalType": word(f"{TERMINOLOGY}location-physical-type", *level),
        "managingOrganization": reference("Organization", site.site_id),
    }
    if unit:
        out["partOf"] = reference("Location", location_id(site))
    return out


def location_id(site: Site, unit: str = "") -> str:
    """The id of a Location."""
    return f"{site.site_id}-{unit}" if unit else site.site_id


def practitioner(who: Clinician) -> Resource:
    """A clinician as a Practitioner."""
    return {
        "resourceType": "Practitioner",
        "id": who.clinician_id,
        "identifier": [{"system": US_NPI, "value": who.npi}],
        "active": True,
        "name": [{"family": who.family, "given": [who.given], "prefix": ["Dr"]}],
        "qualification": [{"code": concept(who.role)}],
    }
