"""The hospital's staff, and FHIR resources as files: transaction bundles and NDJSON."""

import json
from typing import Any

from make_sample_hospital_fhir import HOSPITAL, HOSPITAL_NAME, NPI, TERMS, concept
from make_sample_hospital_people import Clinician

Json = dict[str, Any]


def staff(clinicians: list[Clinician]) -> list[Json]:
    """The hospital and the people who treat."""
    organisation = {
        "resourceType": "Organization",
        "id": HOSPITAL,
        "active": True,
        "name": HOSPITAL_NAME,
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": HOSPITAL}],
        "type": [concept(TERMS + "organization-type", "prov", "Healthcare Provider")],
    }
    people = [
        {
            "resourceType": "Practitioner",
            "id": c.id,
            "active": True,
            "identifier": [{"system": NPI, "value": c.npi}],
            "name": [{"family": c.last, "given": [c.first], "prefix": ["Dr."]}],
            "qualification": [{"code": {"text": c.specialty}}],
        }
        for c in clinicians
    ]
    return [organisation, *people]


def transaction(resources: list[Json], *, indent: int | None = None) -> bytes:
    """A transaction Bundle that puts these resources."""
    entries = [
        {
            "fullUrl": f"urn:uuid:{resource['id']}",
            "resource": resource,
            "request": {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"},
        }
        for resource in resources
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    separators = None if indent else (",", ":")
    return (json.dumps(bundle, indent=indent, separators=separators, ensure_ascii=False) + "\n").encode()


def lines(resources: list[Json]) -> bytes:
    """NDJSON."""
    return b"".join(json.dumps(r, separators=(",", ":"), ensure_ascii=False).encode() + b"\n" for r in resources)
