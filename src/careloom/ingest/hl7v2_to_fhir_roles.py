"""ROL and PRT: who else takes part, as PractitionerRole, and where it belongs: patient, visit, order or observation.

Guide: ROL[Patient-GeneralPractitioner], ROL[CareTeam], ROL[Encounter-PractitionerRole], PRT[PractitionerRole],
PRT[CareTeam], PRT[Device], PRT[Observation-Location]. A participant of the patient that is not the primary care
provider is a member of the patient's care team.
"""

from careloom.fhir.drafts import Resource
from careloom.hl7v2 import fields
from careloom.hl7v2.parse import Segment
from careloom.ingest import hl7v2_to_fhir_parties as parties
from careloom.ingest import hl7v2_to_fhir_values as values
from careloom.ingest.hl7v2_to_fhir_build import Build, Reference
from careloom.ingest.hl7v2_to_fhir_codes import code_maps
from careloom.ingest.hl7v2_to_fhir_context import Context
from careloom.ingest.hl7v2_to_fhir_people import address, contact_point
from careloom.ingest.hl7v2_to_fhir_places import location
from careloom.ingest.hl7v2_to_fhir_values import Element

_PRIMARY = "PP"
# HL7 table 0443/0912 -> element of the report that holds the role (guide, ORU_R01, PRT of OBR).
_REPORT_ROLES = {"ARI": "performer", "TN": "performer", "TR": "performer", "PRI": "resultsInterpreter"}


class Part:
    """One ROL or PRT as read: the role, who plays it, and the PractitionerRole made of both."""

    __slots__ = ("code", "device", "organization", "period", "person", "place", "role", "word")

    def __init__(self, build: Build, segment: Segment) -> None:
        is_role = segment.name == "ROL"
        numbers = (3, 4, 14, 13, 5, 6, 12, 11) if is_role else (4, 5, 8, 9, 11, 12, 15, 14)
        role, person, facility, place, start, end, phones, home = numbers
        name = segment.name
        self.word = segment.value(role)
        self.code = values.concept(build, segment.one(role)) if segment.one(role) else None
        self.person = _person(build, segment, person, home)
        value = fields.organization(build.read, segment.repetitions(facility)[0]) if segment.one(facility) else None
        self.organization = parties.organization_of(build, value, f"{name}-{facility}") if value is not None else None
        self.place = location(build, segment.repetitions(place)[0], f"{name}-{place}") if segment.one(place) else None
        self.period = values.period_of(build, segment.value(start), segment.value(end), f"{name}-{start}")
        self.device = None if is_role else _device(build, segment)
        details = _details(build, segment, is_role, phones, self.period)
        self.role = parties.role(
            build, self.code, self.person, organization=self.organization, location=self.place, details=details
        )


def _person(build: Build, segment: Segment, number: int, home: int) -> Reference | None:
    found = [parties.practitioner(build, raw, f"{segment.name}-{number}") for raw in segment.repetitions(number)]
    who = next((one for one in found if one is not None), None)
    held = build.known("Practitioner", who["reference"].partition("/")[2]) if who is not None else None
    where = address(build, segment.repetitions(home)[0], f"{segment.name}-{home}") if segment.one(home) else None
    if held is not None and where is not None:
        held.setdefault("address", [where])
    return who


def _details(build: Build, segment: Segment, is_role: bool, phones: int, period: Element | None) -> Element:
    out: Element = {}
    given = values.entity_identifier(fields.entity(build.read, segment.one(1))) if segment.one(1) else None
    if given is not None and not given["value"].isdigit():
        out["identifier"] = [given]
    if period is not None:
        out["period"] = period
    specialty = 9 if is_role else 6
    found = [one for raw in segment.repetitions(specialty) if (one := values.concept(build, raw)) is not None]
    if found:
        out["specialty"] = found
    reached = [
        one for raw in segment.repetitions(phones) if (one := contact_point(build, raw, "", f"{segment.name}-{phones}"))
    ]
    if reached:
        out["telecom"] = reached
    return out


def _device(build: Build, prt: Segment) -> Reference | None:
    given = fields.entity(build.read, prt.one(10)) if prt.one(10) else fields.Entity("")
    carrier = fields.entity(build.read, prt.one(16)) if prt.one(16) else fields.Entity("")
    details: dict[str, object] = {
        "udiCarrier": [{"deviceIdentifier": carrier.value}] if carrier.value else None,
        "manufactureDate": build.date_time(prt.value(17), "PRT-17"),
        "expirationDate": build.date_time(prt.value(18), "PRT-18"),
        "lotNumber": prt.plain(19),
        "serialNumber": prt.plain(20),
        "distinctIdentifier": prt.value(21),
        "type": values.concept(build, prt.one(22)) if prt.one(22) else None,
    }
    if not given.value and not given.authority.key and not carrier.value:
        return None
    return parties.device(build, given, **details)


def take_part(context: Context, segment: Segment) -> bool:
    """ROL or PRT; False where it names nobody, nowhere and nothing."""
    part = Part(context.build, segment)
    if part.role is None and part.device is None:
        return False
    holder = context.holder if context.holder is not None else context.patient
    if holder is None:
        return False
    take = _TAKERS.get(holder["resourceType"], _support)
    take(context, part, holder)
    return True


def _patient(context: Context, part: Part, patient: Resource) -> None:
    if part.role is None:
        return
    if part.word == _PRIMARY:
        if part.role not in patient.setdefault("generalPractitioner", []):
            patient["generalPractitioner"].append(part.role)
        return
    build = context.build
    key = f"{build.patient_id}|care team"
    team = build.known("CareTeam", key)
    if team is None:
        team = {"resourceType": "CareTeam", "status": "active", "subject": build.patient}
        build.main_draft(key, team)
    member: Element = {}
    if part.code is not None:
        member["role"] = [part.code]
    member["member"] = part.role if part.person is not None else part.organization or part.role
    if part.person is not None and part.organization is not None:
        member["member"], member["onBehalfOf"] = part.person, part.organization
    if part.period is not None:
        member["period"] = part.period
    if member not in team.get("participant", ()):
        team.setdefault("participant", []).append(member)


def _visit(context: Context, part: Part, visit: Resource) -> None:
    del context
    if part.role is None:
        return
    entry: Element = {}
    target = code_maps()["ProviderRole"].targets.get(part.word)
    if target is not None:
        entry["type"] = [{"coding": [target.coding()]}]
    elif part.code is not None:
        entry["type"] = [part.code]
    if part.period is not None:
        entry["period"] = part.period
    entry["individual"] = part.role
    visit.setdefault("participant", []).append(entry)


def _observation(context: Context, part: Part, observation: Resource) -> None:
    del context
    if part.device is not None:
        observation.setdefault("device", part.device)
    if part.role is not None and part.role not in observation.get("performer", ()):
        observation.setdefault("performer", []).append(part.role)


def _request(context: Context, part: Part, request: Resource) -> None:
    if part.word == "SC" and context.specimen is not None and part.role is not None:
        context.specimen.setdefault("collection", {}).setdefault("collector", part.role)
        return
    report = context.report
    element = _REPORT_ROLES.get(part.word)
    if report is not None and element is not None and part.role is not None:
        report.setdefault(element, []).append(part.role)
        return
    if part.word == "OP" and part.role is not None and part.person is not None:
        request["requester"] = part.role
        return
    _support(context, part, request)


def _immunization(context: Context, part: Part, immunization: Resource) -> None:
    del context
    if part.role is not None and part.person is not None:
        entry: Element = {"actor": part.role}
        if part.code is not None:
            entry["function"] = part.code
        immunization.setdefault("performer", []).append(entry)


def _procedure(context: Context, part: Part, procedure: Resource) -> None:
    del context
    who = part.role
    if who is not None and part.person is not None:
        entry: Element = {"actor": who}
        if part.code is not None:
            entry["function"] = part.code
        procedure.setdefault("performer", []).append(entry)
    if part.device is not None:
        procedure.setdefault("usedReference", []).append(part.device)


def _support(context: Context, part: Part, resource: Resource) -> None:
    """Orders: who else takes part supports the order; other resources have no place for it, but it is made."""
    del context
    name = {"ServiceRequest": "supportingInfo", "MedicationRequest": "supportingInformation"}.get(
        resource["resourceType"]
    )
    if name is None:
        return
    for one in (part.role, part.device):
        if one is not None:
            resource.setdefault(name, []).append(one)


_TAKERS = {
    "Patient": _patient,
    "Encounter": _visit,
    "Observation": _observation,
    "ServiceRequest": _request,
    "Immunization": _immunization,
    "Procedure": _procedure,
}
