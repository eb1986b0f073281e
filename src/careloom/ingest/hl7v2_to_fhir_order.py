"""ORC and OBR: the identity of an order, its numbers and state, and the ServiceRequest that it becomes.

Identity of an order: patient, filler number (OBR-3, else ORC-3) or placer number (OBR-2, else ORC-2), and the code of
OBR-4, numbered where these repeat; without a number: patient, OBR-4 and OBR-7; without these too: MSH-10 and position.
"""

from careloom.fhir.drafts import Resource
from careloom.hl7v2 import fields
from careloom.hl7v2.parse import Segment
from careloom.ingest import hl7v2_to_fhir_parties as parties
from careloom.ingest import hl7v2_to_fhir_values as values
from careloom.ingest.hl7v2_to_fhir_build import Build, Reference, unknown_concept
from careloom.ingest.hl7v2_to_fhir_codes import code_maps
from careloom.ingest.hl7v2_to_fhir_people import address, contact_point
from careloom.ingest.hl7v2_to_fhir_plans import fill, plan
from careloom.ingest.hl7v2_to_fhir_timing import take_older_timing
from careloom.ingest.hl7v2_to_fhir_values import Element

_CALLBACK = "http://hl7.org/fhir/StructureDefinition/servicerequest-order-callback-phone-number"
_REASON = "http://hl7.org/fhir/StructureDefinition/request-statusReason"
_AGENT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_OPERATION = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
# ORC-1 -> v3 DataOperation (guide ORC[Provenance]).
_ACTIVITIES = {"NW": "CREATE", "SC": "UPDATE", "OC": "CANCEL", "CA": "CANCEL"}
_SUPPORTING = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ServiceRequest.supportingInfo"


def order_key(build: Build, orc: Segment | None, detail: Segment, code: str, observed: str = "") -> str:
    """The identity of an order whose detail segment has its numbers in fields 2 and 3, where it is an OBR."""
    is_obr = detail.name == "OBR"
    for letter, number in (("F", 3), ("P", 2)):
        for segment in (detail if is_obr else None, orc):
            given = fields.entity(build.read, segment.one(number)) if segment is not None else None
            if given is not None and given.value:
                key = f"{letter}|{given.authority.key}|{given.value}|{code}"
                return build.once(f"{build.patient_id}|{key}")
    when = build.moment(observed, f"{detail.name}-7") if observed else None
    if code and when is not None:
        return build.once(f"{build.patient_id}|{code}|{when.date}T{when.time}")
    return build.once(f"{build.patient_id}|message|{build.message_key}|{code}")


def order_numbers(build: Build, orc: Segment | None, obr: Segment | None) -> list[Element]:
    """Placer and filler number as identifiers (ORC-2, ORC-3 and OBR-2, OBR-3)."""
    out: list[Element] = []
    for number, kind in ((2, "PLAC"), (3, "FILL")):
        for segment in (obr, orc):
            given = fields.entity(build.read, segment.one(number)) if segment is not None else None
            found = values.entity_identifier(given, kind) if given is not None else None
            if found is not None:
                out.append(found)
                break
    return out


def order_status(orc: Segment | None) -> str:
    """Request status: ORC-5, else ORC-1, else unknown."""
    if orc is None:
        return "unknown"
    maps = code_maps()
    by_status = maps["OrderStatus"].targets.get(orc.value(5))
    if by_status is not None:
        return by_status.code
    by_control = maps["OrderControlCode[ServiceRequest.status]"].targets.get(orc.value(1))
    return by_control.code if by_control is not None else "unknown"


def ordering_facility(build: Build, orc: Segment) -> Reference | None:
    """ORC-21, with its address (ORC-22) and phone (ORC-23)."""
    if not orc.one(21):
        return None
    facility = parties.organization_of(
        build, fields.organization(build.read, orc.repetitions(21)[0]), "ORC-21", orc.one(22)
    )
    held = build.known("Organization", facility["reference"].partition("/")[2]) if facility is not None else None
    if held is not None and orc.one(23) and "telecom" not in held:
        phones = [found for raw in orc.repetitions(23) if (found := contact_point(build, raw, "", "ORC-23"))]
        if phones:
            held["telecom"] = phones
    return facility


def orderer(build: Build, orc: Segment | None, raws: list[str], place: str) -> Reference | None:
    """The ordering provider as a role, at the ordering facility where ORC names one."""
    facility = ordering_facility(build, orc) if orc is not None else None
    who = next((found for raw in raws if (found := parties.practitioner(build, raw, place))), None)
    if who is None and facility is None:
        return None
    held = build.known("Practitioner", who["reference"].partition("/")[2]) if who is not None else None
    home = address(build, orc.one(24), "ORC-24") if orc is not None and orc.one(24) else None
    if held is not None and home is not None:
        held.setdefault("address", [home])
    return parties.role(build, parties.provider_role("OP", "Ordering Provider"), who, organization=facility)


def service_request(build: Build, orc: Segment | None, obr: Segment) -> Resource:
    """The ServiceRequest of an OBR and the ORC before it; `obr` may be empty."""
    out: Resource = {"resourceType": "ServiceRequest", "status": order_status(orc)}
    out["intent"] = "reflex-order" if obr.value(11) == "G" else "order"
    numbers = order_numbers(build, orc, obr)
    if numbers:
        out["identifier"] = numbers
    out["subject"] = build.patient
    if build.visit is not None:
        out["encounter"] = build.visit
    if orc is not None:
        common_order(build, orc, out)
        fill(plan("ORC[ServiceRequest]"), orc, build, out)
    fill(plan("OBR[ServiceRequest]"), obr, build, out)
    requester = orderer(build, orc, orc.repetitions(12) if orc is not None else [], "ORC-12")
    if (requester is None or orc is None or not orc.one(12)) and obr.one(16):
        requester = orderer(build, orc, obr.repetitions(16), "OBR-16")
    if requester is not None:
        out["requester"] = requester
        _callback(build, orc, obr, requester)
    _supporting(build, obr, out)
    if obr.one(27):
        take_older_timing(build, obr.repetitions(27)[0], out, "OBR-27")
    elif orc is not None and orc.one(7):
        take_older_timing(build, orc.repetitions(7)[0], out, "ORC-7")
    if "orderDetail" in out:
        out.setdefault("code", unknown_concept())  # FHIR invariant prr-1: details need a code
    return out


def add_order_provenance(build: Build, orc: Segment, key: str, target: Reference) -> None:
    """ORC[Provenance]: who entered, verified, wrote and carried out the order, and when."""
    recorded = build.instant(orc.value(9), "ORC-9") or build.instant(build.message.header.value(7), "MSH-7")
    agents: list[Element] = []
    for number, code in ((10, "enterer"), (11, "verifier"), (12, "author"), (19, "performer")):
        for raw in orc.repetitions(number):
            who = parties.practitioner(build, raw, f"ORC-{number}")
            if who is not None:
                agents.append({"type": {"coding": [{"system": _AGENT, "code": code}]}, "who": who})
    organization = parties.coded_organization(build, orc.one(17), "ORC-17") if orc.one(17) else None
    if organization is not None and agents:
        agents[0]["onBehalfOf"] = organization
    if recorded is None or not agents:
        return
    out: Resource = {"resourceType": "Provenance", "target": [target, build.patient], "recorded": recorded}
    occurred = build.date_time(orc.value(9), "ORC-9")
    if occurred is not None:
        out["occurredDateTime"] = occurred
    activity = _ACTIVITIES.get(orc.value(1))
    if activity is not None:
        out["activity"] = {"coding": [{"system": _OPERATION, "code": activity}]}
    out["agent"] = agents
    build.put(f"{key}|ORC|{build.message_key}", out)


def common_order(build: Build, orc: Segment, out: Resource) -> None:
    """What ORC says alike of every kind of order: when it was written, and why it changed."""
    written = build.date_time(orc.value(9), "ORC-9") if orc.value(1) == "NW" else None
    if written is not None:
        out["authoredOn"] = written
    reason = values.concept(build, orc.one(16)) if orc.one(16) and not orc.value(5) else None
    if reason is not None:
        out.setdefault("extension", []).append({"url": _REASON, "valueCodeableConcept": reason})
    _groups(build, orc, out)


def _groups(build: Build, orc: Segment, out: Resource) -> None:
    """ORC-4 as the requisition: an EI, from v2.8.2 on an EIP whose second part is the filler's, as ORC-38 is."""
    mark = build.message.delimiters.subcomponent
    parts = build.read.parts(orc.one(4)) if orc.one(4) else [""]
    is_pair = bool(mark) and any(mark in part for part in parts[:2])
    placed = fields.entity_part(build.read, parts[0]) if is_pair else fields.entity(build.read, orc.one(4))
    filled = fields.entity_part(build.read, parts[1]) if is_pair and len(parts) > 1 else fields.Entity("")
    if orc.one(38):
        filled = fields.entity(build.read, orc.one(38))
    requisition = values.entity_identifier(placed, "PGN")
    if requisition is not None and out["resourceType"] == "ServiceRequest":
        out["requisition"] = requisition
    elif requisition is not None and out["resourceType"] == "MedicationRequest":
        out["groupIdentifier"] = requisition
    number = values.entity_identifier(filled, "FGN")
    if number is not None:
        out.setdefault("identifier", []).append(number)


def _callback(build: Build, orc: Segment | None, obr: Segment, requester: Reference) -> None:
    raws = obr.repetitions(17) or (orc.repetitions(14) if orc is not None else [])
    found = [phone for raw in raws if (phone := contact_point(build, raw, "", "OBR-17"))]
    if found:
        requester["extension"] = [{"url": _CALLBACK, "valueContactPoint": found[0]}]


def _supporting(build: Build, obr: Segment, out: Resource) -> None:
    """OBR-13 as the extension that the guide names, OBR-29 as the order that this one is based on."""
    said = values.concept(build, obr.one(13)) if obr.one(13) else None
    if said is not None:
        out.setdefault("extension", []).append({"url": _SUPPORTING, "valueCodeableConcept": said})
    parts = build.read.parts(obr.one(29))[:2] if obr.one(29) else []
    for part, kind in zip(parts, ("PLAC", "FILL"), strict=False):
        number = values.entity_identifier(fields.entity_part(build.read, part), kind)
        if number is not None:
            out.setdefault("basedOn", []).append({"type": "ServiceRequest", "identifier": number})
