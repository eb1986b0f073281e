"""Segments with little to say each: ARV, AUT, CTI, DB1, INV, ODS, PRD, RF1, RQ1, RQD, SAC.

The guide has no table for them: fields by their meaning in HL7 v2.8.2, the paragraph beside each.
"""

from careloom.fhir.drafts import Resource
from careloom.hl7v2 import fields
from careloom.hl7v2.fields import Authority, Entity
from careloom.hl7v2.parse import Segment
from careloom.ingest import hl7v2_to_fhir_parties as parties
from careloom.ingest import hl7v2_to_fhir_values as values
from careloom.ingest.hl7v2_to_fhir_build import absent, unknown_concept
from careloom.ingest.hl7v2_to_fhir_codes import code_maps, system_uri
from careloom.ingest.hl7v2_to_fhir_context import Context
from careloom.ingest.hl7v2_to_fhir_dose import amount
from careloom.ingest.hl7v2_to_fhir_order import common_order, order_key, order_numbers, order_status, orderer
from careloom.ingest.hl7v2_to_fhir_people import address, human_names
from careloom.ingest.hl7v2_to_fhir_plans import fill, plan
from careloom.ingest.hl7v2_to_fhir_values import Element

_ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_CLAIM_TYPE = "http://terminology.hl7.org/CodeSystem/claim-type"
_ADJUDICATION = "http://terminology.hl7.org/CodeSystem/adjudication"


def take_arv(context: Context, arv: Segment) -> bool:
    """ARV (3.4.16): what may not be disclosed, as security labels of the patient or the visit; R is the rest."""
    holder = context.visit if context.visit is not None and context.holder is not context.patient else context.patient
    if holder is None or arv.value(2) == "D":
        return False
    maps = code_maps()
    labels: list[Element] = []
    for number, name in ((3, "AccessRestriction"), (4, "AccessRestrictionReason")):
        for raw in arv.repetitions(number):
            code = context.build.read.values(raw, 1)[0]
            target = maps[name].targets.get(code)
            if target is not None:
                labels.append(target.coding())
    for raw in arv.repetitions(5):
        text = context.build.read.text(raw)
        if text:
            labels.append({"display": text})
    held: list[Element] = holder.setdefault("meta", {}).setdefault("security", [])
    held.extend(label for label in labels if label not in held)
    if not held:
        del holder["meta"]
    return bool(labels)


def take_aut(context: Context, aut: Segment) -> bool:
    """AUT (11.8.2): a pre-authorization, as the payer's answer to it."""
    build = context.build
    number = values.entity_identifier(fields.entity(build.read, aut.one(6))) if aut.one(6) else None
    created = build.date_time(aut.value(10), "AUT-10") or build.date_time(aut.value(4), "AUT-4")
    if number is None or created is None:
        return False
    out: Resource = {"resourceType": "ClaimResponse", "identifier": [number], "status": "active"}
    out["type"] = {"coding": [{"system": _CLAIM_TYPE, "code": "institutional", "display": "Institutional"}]}
    out["use"] = "preauthorization"
    out["patient"] = build.patient
    out["created"] = created
    payer = fields.Organization(aut.value(3) or aut.value(2, 2), aut.value(2))
    insurer = parties.organization_of(build, payer, "AUT-3")
    out["insurer"] = insurer if insurer is not None else {"extension": [absent()]}
    out["outcome"] = "complete"
    period = values.period_of(build, aut.value(4), aut.value(5), "AUT-5")
    if period is not None:
        out["preAuthRef"] = number["value"]
        out["preAuthPeriod"] = period
    limit = values.number(aut.value(7))
    if limit is not None:
        kind = {"coding": [{"system": _ADJUDICATION, "code": "benefit", "display": "Benefit Amount"}]}
        out["total"] = [{"category": kind, "amount": {"value": limit}}]
    counts = [
        {"category": {"text": text}, "value": found}
        for field, text in ((8, "Requested number of treatments"), (9, "Authorized number of treatments"))
        if (found := values.number(aut.value(field))) is not None
    ]
    if counts:
        out["item"] = [{"itemSequence": 1, "adjudication": counts}]
    if aut.plain(28):
        out["processNote"] = [{"text": aut.plain(28)}]
    build.put(f"{build.patient_id}|AUT|{aut.value(2)}|{number['value']}", out)
    return True


def take_cti(context: Context, cti: Segment) -> bool:
    """CTI (7.8.3): the study that the order before it belongs to."""
    build = context.build
    given = fields.entity(build.read, cti.one(1))
    number = values.entity_identifier(given)
    if number is None:
        return False
    out: Resource = {"resourceType": "ResearchStudy", "identifier": [number], "status": "active"}
    phase = values.concept(build, cti.one(2)) if cti.one(2) else None
    if phase is not None:
        out["phase"] = phase
    study = build.mention(f"{given.authority.key}|{given.value}", out)
    order = context.request_resource
    names = {"ServiceRequest": "supportingInfo", "MedicationRequest": "supportingInformation"}
    if order is not None and order["resourceType"] in names:
        order.setdefault(names[order["resourceType"]], []).append(study)
    return True


def take_db1(context: Context, db1: Segment) -> bool:
    """DB1 (3.4.12): the number under which the patient's disability is registered."""
    patient, build = context.patient, context.build
    if patient is None or db1.value(2).upper() not in ("PT", ""):
        return False
    found = [one for raw in db1.repetitions(3) if (one := values.identifier(build, raw, "", "DB1-3")) is not None]
    held: list[Element] = patient.setdefault("identifier", [])
    held.extend(one for one in found if one not in held)
    if not held:
        del patient["identifier"]
    return bool(found)


def take_inv(context: Context, inv: Segment) -> bool:
    """INV (13.4.4): a reagent, calibrator or control, as a Substance."""
    build = context.build
    code = values.concept(build, inv.one(1)) if inv.one(1) else None
    if code is None:
        return False
    out: Resource = {"resourceType": "Substance"}
    for number in (16, 17, 18):
        found = values.entity_identifier(fields.entity(build.read, inv.one(number)))
        if found is not None:
            out.setdefault("identifier", []).append(found)
    state = code_maps()["SubstanceStatus"].targets.get(inv.value(2))
    if state is not None:
        out["status"] = state.code
    kind = values.concept(build, inv.one(3)) if inv.one(3) else None
    if kind is not None:
        out["category"] = [kind]
    out["code"] = code
    box: Element = {}
    container = fields.coded(build.read, inv.one(4))
    if container.code:
        box["identifier"] = {"value": container.code}
        if system_uri(container.system):
            box["identifier"]["system"] = system_uri(container.system)
    expiry = build.date_time(inv.value(12), "INV-12")
    if expiry is not None:
        box["expiry"] = expiry
    quantity = amount(build, inv, 9, 11)
    if quantity is not None:
        box["quantity"] = quantity
    if box:
        out["instance"] = [box]
    key = f"{build.message_key}|INV|{inv.value(1)}|{inv.value(16)}|{inv.value(18)}"
    made = build.put(build.once(key), out)
    if context.specimen is not None:
        context.specimen.setdefault("container", []).append({"additiveReference": made})
    return True


def _ordered(context: Context, segment: Segment, kind: str, code: int) -> tuple[Resource, str]:
    build, orc = context.build, context.orc or context.group_orc
    context.end_results()
    key = order_key(build, orc, segment, f"{segment.name}|{segment.value(code)}")
    out: Resource = {"resourceType": kind}
    numbers = order_numbers(build, orc, None)
    if numbers:
        out["identifier"] = numbers
    return out, key


def take_ods(context: Context, ods: Segment) -> bool:
    """ODS (4.8.1): a diet order; several of one ORC are one order."""
    build, orc = context.build, context.orc
    held = context.order
    if orc is None and held is not None and held["resourceType"] == "NutritionOrder":
        fill(plan("ODS[NutritionOrder]"), ods, build, held)
        return True
    out, key = _ordered(context, ods, "NutritionOrder", 3)
    out["status"], out["intent"] = order_status(orc), "order"
    out["patient"] = build.patient
    if build.visit is not None:
        out["encounter"] = build.visit
    when = build.date_time(orc.value(9), "ORC-9") if orc is not None else None
    if when is None:
        when = build.date_time(build.message.header.value(7), "MSH-7")
    if when is not None:
        out["dateTime"] = when
    else:
        out["_dateTime"] = {"extension": [absent()]}
    requester = orderer(build, orc, orc.repetitions(12) if orc is not None else [], "ORC-12")
    if requester is not None:
        out["orderer"] = requester
    fill(plan("ODS[NutritionOrder]"), ods, build, out)
    if "oralDiet" not in out:  # FHIR invariant nor-1: a diet, a supplement or a formula
        out["oralDiet"] = {"type": [unknown_concept()]}
    context.begin_order(out, build.put(key, out))
    return True


def take_rqd(context: Context, rqd: Segment) -> bool:
    """RQD (4.11.1): something to be supplied."""
    build, orc = context.build, context.orc
    item = next((values.concept(build, rqd.one(number)) for number in (3, 2, 4) if rqd.one(number)), None)
    quantity = amount(build, rqd, 5, 6)
    if item is None or quantity is None:
        return False
    out, key = _ordered(context, rqd, "SupplyRequest", 3)
    status = order_status(orc)
    out["status"] = {"revoked": "cancelled", "on-hold": "suspended"}.get(status, status)
    written: Resource = {"resourceType": "SupplyRequest"}
    if orc is not None:
        common_order(build, orc, written)
    if "authoredOn" in written:
        out["authoredOn"] = written["authoredOn"]
    out["itemCodeableConcept"] = item
    out["quantity"] = quantity
    wanted = build.date_time(rqd.value(10), "RQD-10")
    if wanted is not None:
        out["occurrenceDateTime"] = wanted
    out["deliverTo"] = build.patient
    requester = orderer(build, orc, orc.repetitions(12) if orc is not None else [], "ORC-12")
    if requester is not None:
        out["requester"] = requester
    context.begin_order(out, build.put(key, out))
    return True


def take_rq1(context: Context, rq1: Segment) -> bool:
    """RQ1 (4.11.2): who makes or sells what RQD asks for."""
    order, build = context.order, context.build
    if order is None or order["resourceType"] != "SupplyRequest":
        return False
    found = [one for number in (2, 4) if (one := parties.coded_organization(build, rq1.one(number), f"RQ1-{number}"))]
    if found:
        order["supplier"] = found
    return bool(found)


def take_sac(context: Context, sac: Segment) -> bool:
    """SAC (13.4.3): the container of the specimen before it."""
    specimen, build = context.specimen, context.build
    if specimen is None:
        return False
    accession = values.entity_identifier(fields.entity(build.read, sac.one(2)))
    if accession is not None:
        specimen.setdefault("accessionIdentifier", accession)
    box: Element = {}
    for number in (3, 4):
        found = values.entity_identifier(fields.entity(build.read, sac.one(number)))
        if found is not None:
            box.setdefault("identifier", []).append(found)
    size = amount(build, sac, 21, 24)
    if size is not None:
        box["capacity"] = size
    left = amount(build, sac, 22, 24)
    if left is not None:
        box["specimenQuantity"] = left
    if box:
        specimen.setdefault("container", []).append(box)
    return bool(box) or accession is not None


def take_rf1(context: Context, rf1: Segment) -> bool:
    """RF1 (11.8.1): a referral, as a ServiceRequest of that kind."""
    build, maps = context.build, code_maps()
    context.end_results()
    state = maps["ReferralStatus"].word(rf1.value(1)) if rf1.value(1) else None
    out: Resource = {"resourceType": "ServiceRequest", "status": state.code if state is not None else "unknown"}
    out["intent"] = "order"
    priority = maps["ReferralPriority"].word(rf1.value(2)) if rf1.value(2) else None
    if priority is not None:
        out["priority"] = priority.code
    out["subject"] = build.patient
    if build.visit is not None:
        out["encounter"] = build.visit
    out["category"] = [{"text": "Patient referral request"}]
    fill(plan("RF1[ServiceRequest]"), rf1, build, out)
    period = values.period_of(build, rf1.value(7), rf1.value(8), "RF1-8")
    if period is not None:
        out["occurrencePeriod"] = period
    organization = parties.organization(build, rf1.one(19), "RF1-19") if rf1.one(19) else None
    who = parties.practitioner(build, rf1.one(20), "RF1-20") if rf1.one(20) else None
    performer = parties.role(build, None, who, organization=organization)
    if performer is not None:
        out["performer"] = [performer]
    given = fields.entity(build.read, rf1.one(6) or rf1.one(11))
    key = f"{given.authority.key}|{given.value}" if given.value else build.message_key
    context.begin_order(out, build.put(build.once(f"{build.patient_id}|RF1|{key}"), out))
    return True


def take_prd(context: Context, prd: Segment) -> bool:
    """PRD (11.8.3): the referring (RP) and the referred-to provider (RT), with how to reach them."""
    build = context.build
    numbers = [_licence(context, raw) for raw in prd.repetitions(7)]
    found = [one for one in numbers if one is not None]
    names = human_names(build, prd.one(2), "PRD-2") if prd.one(2) else None
    person: Resource = {"resourceType": "Practitioner"}
    if found:
        person["identifier"] = found
    if names:
        person["name"] = names
    where = address(build, prd.repetitions(3)[0], "PRD-3") if prd.one(3) else None
    if where is not None:
        person["address"] = [where]
    reached = parties.phones(build, prd.repetitions(5), "PRD-5")
    if reached:
        person["telecom"] = reached
    who = None
    if found or names:
        first = found[0]["value"] if found else "|".join((names or [{}])[0].get("given", ()))
        family = (names or [{}])[0].get("family", "")
        who = build.mention(f"PRD|{first}|{family.casefold()}", person)
    value = fields.Organization(prd.value(10))
    facility = parties.organization_of(build, value, "PRD-10", prd.one(11)) if value.name else None
    code = values.concept(build, prd.one(1)) if prd.one(1) else None
    period = values.period_of(build, prd.value(8), prd.value(9), "PRD-8")
    role = parties.role(build, code, who, organization=facility, details={"period": period} if period else None)
    order = context.order
    if role is None:
        return False
    if order is not None and order["resourceType"] == "ServiceRequest":
        if prd.value(1).upper() == "RT":
            order.setdefault("performer", []).append(role)
        elif prd.value(1).upper() == "RP":
            order.setdefault("requester", role)
    return True


def _licence(context: Context, raw: str) -> Element | None:
    """PLN[Identifier]: number, type, until when."""
    build = context.build
    sent = build.read.values(raw, 4)
    number = values.entity_identifier(Entity(sent[0], Authority()))
    if number is None:
        return None
    out: Element = {}
    if sent[1]:
        out["type"] = values.identifier_type(sent[1])
    out["value"] = sent[0]
    period = values.period_of(build, "", sent[3], "PRD-7") if sent[3] else None
    if period is not None:
        out["period"] = period
    return out
