"""What tests of HL7 v2 conversion share: messages as records, drafts with keyed ids, what is wrong with a resource."""

import copy
from hashlib import blake2b
from pathlib import Path
from typing import Any

from careloom.fhir.drafts import Draft
from careloom.fhir.validate import check
from careloom.ingest.conversion import Conversion
from careloom.ingest.hl7v2_to_fhir import convert
from careloom.ingest.identity import Identity, find_references
from careloom.pipeline.record import FileContext, Record

HEAD = "MSH|^~\\&|A|B|||20240311081500-0500||{}|N1|P|2.5\r"
PID = "PID|1||12^^^H^MR||Doe^Jane\r"
GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "hl7v2"
TYPES = frozenset(
    "Account AllergyIntolerance Appointment CarePlan CareTeam ChargeItem ClaimResponse Condition Consent Coverage "
    "Device DiagnosticReport DocumentReference Encounter EpisodeOfCare Goal Immunization Linkage Location Medication "
    "MedicationAdministration MedicationDispense MedicationRequest MessageHeader NutritionOrder Observation "
    "Organization Patient Practitioner PractitionerRole Procedure Provenance RelatedPerson ResearchStudy "
    "ServiceRequest Specimen Substance SupplyRequest Task".split()
)


def golden_messages() -> list[bytes]:
    """The messages of the golden cases."""
    return [place.read_bytes() for place in sorted(GOLDEN.glob("*/input.hl7"))]


def converted(raw: bytes | str, **options: str) -> Conversion:
    """What the converter makes of a message; a text may use new lines between segments."""
    data = raw if isinstance(raw, bytes) else raw.encode()
    return convert(Record(0, data, "message 1", FileContext("hl7v2", options=options)))


def sent(kind: str, *segments: str, **options: str) -> Conversion:
    """What the converter makes of a message of that type with these segments; the options are the source's."""
    return converted(HEAD.format(kind) + "\r".join(segments), **options)


def fields(name: str, values: dict[int, str]) -> str:
    """A segment from its field numbers."""
    return "|".join([name, *(values.get(number, "") for number in range(1, max(values, default=0) + 1))])


def plain_id(source: str, kind: str, original: str) -> str:
    """An id that is valid in FHIR and the same for the same thing."""
    return blake2b(f"{source}|{kind}|{original}".encode(), digest_size=13).hexdigest()


def keyed(drafts: list[Draft]) -> list[dict[str, Any]]:
    """Copies of the drafts' resources with valid ids and references; what they share stays shared, as in a run."""
    identity = Identity(plain_id, "test", TYPES)
    out: list[dict[str, Any]] = []
    resources = copy.deepcopy([draft.resource for draft in drafts])
    for draft, resource in zip(drafts, resources, strict=True):
        own = Draft(resource, draft.action, draft.source_id)
        identity.name(own)
        found: list[dict[str, Any]] = []
        find_references(own.resource, found)
        identity.rewrite(found)
        out.append(own.resource)
    return out


def shared(drafts: list[Draft]) -> int:
    """How many objects stand at more than one place: each is keyed in place, and must be keyed once."""
    seen: set[int] = set()
    count = 0
    todo: list[Any] = [draft.resource for draft in drafts]
    while todo:
        node = todo.pop()
        if isinstance(node, dict | list):
            count += id(node) in seen
            seen.add(id(node))
            todo.extend(node.values() if isinstance(node, dict) else node)
    return count


def faults(drafts: list[Draft]) -> list[str]:
    """What the validator says against the drafts."""
    return [
        f"{resource['resourceType']} {issue.code} {issue.place}"
        for resource in keyed(drafts)
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
