"""What tests of document conversion share: documents as records, small documents around one section."""

import copy
from pathlib import Path
from typing import Any

from careloom.fhir.drafts import Draft
from careloom.fhir.validate import check
from careloom.fhir.validate_tables import resource_types
from careloom.ingest.ccda import convert
from careloom.ingest.conversion import Conversion
from careloom.ingest.identity import Identity, find_references
from careloom.pipeline.record import FileContext, Record
from tests.unit.ingest.hl7v2_support import plain_id

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "ccda"
HEAD = (
    '<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:sdtc="urn:hl7-org:sdtc" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><id root="1.2.3" extension="D"/>'
    '<code code="34133-9" codeSystem="2.16.840.1.113883.6.1"/><title>T</title>'
    '<effectiveTime value="20240311081500-0500"/>'
)
PATIENT = '<recordTarget><patientRole><id root="1.2.4" extension="P"/>{}</patientRole></recordTarget>'


def golden_documents() -> list[bytes]:
    """The documents of the golden cases."""
    return [place.read_bytes() for place in sorted(GOLDEN.glob("*/input.xml"))]


def converted(raw: bytes | str, **options: str) -> Conversion:
    """What the converter makes of a document."""
    data = raw if isinstance(raw, bytes) else raw.encode()
    return convert(Record(0, data, "file", FileContext("ccda", options=options)))


def document(*sections: str, patient: str = "", header: str = "") -> str:
    """A document with these sections, each as the content of a section element."""
    parts = "".join(f"<component><section>{section}</section></component>" for section in sections)
    body = f"<component><structuredBody>{parts}</structuredBody></component>" if sections else ""
    return HEAD + PATIENT.format(patient) + header + body + "</ClinicalDocument>"


def section(code: str, *entries: str, text: str = "words") -> str:
    """The content of a section with entries."""
    held = "".join(f"<entry>{entry}</entry>" for entry in entries)
    return f'<code code="{code}" codeSystem="2.16.840.1.113883.6.1"/><title>S</title><text>{text}</text>{held}'


def entry(code: str, statement: str, **options: str) -> Conversion:
    """What the converter makes of a document with one entry in one section."""
    return converted(document(section(code, statement)), **options)


def keyed(drafts: list[Draft]) -> list[dict[str, Any]]:
    """Copies of the drafts' resources with keyed ids and references."""
    identity = Identity(plain_id, "test", resource_types())
    out: list[dict[str, Any]] = []
    for draft in drafts:
        own = Draft(copy.deepcopy(draft.resource), draft.action, draft.source_id)
        identity.name(own)
        found: list[dict[str, Any]] = []
        find_references(own.resource, found)
        identity.rewrite(found)
        out.append(own.resource)
    return out


def faults(drafts: list[Draft]) -> list[str]:
    """What the validator says against the drafts, before and after ids are keyed."""
    return [
        f"{resource['resourceType']} {issue.code} {issue.place}"
        for resource in [*(draft.resource for draft in drafts), *keyed(drafts)]
        for issue in check(resource)
        if issue.refuses
    ]


def only(conversion: Conversion, kind: str) -> dict[str, Any]:
    """The one resource of a type."""
    found = resources(conversion, kind)
    assert len(found) == 1, f"{len(found)} of {kind}"
    return found[0]


def resources(conversion: Conversion, kind: str) -> list[dict[str, Any]]:
    """The resources of a type, in order."""
    return [draft.resource for draft in conversion.drafts if draft.resource["resourceType"] == kind]


def codes(conversion: Conversion) -> set[str]:
    """The codes of the issues."""
    return {issue.code for issue in conversion.issues}
