"""RXO, RXE, RXD, RXG, RXA, RXR, RXC: medication ordered, encoded, dispensed, given, and what it is made of.

RXO is the order as written, RXE as the pharmacy encoded it (a MedicationRequest based on the first), RXD a
MedicationDispense, RXG and RXA a MedicationAdministration (in VXU an Immunization: hl7v2_to_fhir_immunization.py).
Guide: RXO[MedicationRequest], RXR[MedicationRequest], TQ1[MedicationRequest], ORC[MedicationAdministration]; it has no
table for RXE, RXD, RXG and RXC: fields by their meaning, HL7 v2.8.2 4A.4. The drug is a Medication of its own, known by
its code, form and strength, and by the order where RXC says what it is made of.
"""

from typing import cast

from careloom.fhir.drafts import Resource
from careloom.hl7v2.parse import Segment
from careloom.ingest import hl7v2_to_fhir_parties as parties
from careloom.ingest import hl7v2_to_fhir_values as values
from careloom.ingest.hl7v2_to_fhir_build import Build, absent, unknown_concept
from careloom.ingest.hl7v2_to_fhir_codes import code_maps
from careloom.ingest.hl7v2_to_fhir_context import Context
from careloom.ingest.hl7v2_to_fhir_dose import amount, dosage_texts, dose_and_rate, most_per_day, strength
from careloom.ingest.hl7v2_to_fhir_order import (
    add_order_provenance,
    common_order,
    order_key,
    order_numbers,
    order_status,
    orderer,
)
from careloom.ingest.hl7v2_to_fhir_people import address
from careloom.ingest.hl7v2_to_fhir_plans import fill, plan
from careloom.ingest.hl7v2_to_fhir_timing import UCUM, quantity_of, take_older_timing, unit_of_time
from careloom.ingest.hl7v2_to_fhir_values import Element

# HL7 v2.8.2 4A.4.7.20, table 0322: completion of an administration.
_GIVEN = {"CP": "completed", "PA": "completed", "NA": "not-done", "RE": "not-done"}
_PRESCRIPTION = {"text": "Prescription number"}


def _open(context: Context, segment: Segment, kind: str, code_field: int, which: str = "") -> tuple[Resource, str]:
    """A resource with what every pharmacy order has: key, numbers, patient, visit.

    which  tells apart what happens many times under one order: a dose given, a package handed out
    """
    build, orc = context.build, context.orc
    context.end_results()
    what = f"{segment.name}|{segment.value(code_field) or segment.value(code_field, 2)}{which}"
    key = order_key(build, orc, segment, what)
    out: Resource = {"resourceType": kind}
    numbers = order_numbers(build, orc, None)
    if numbers:
        out["identifier"] = numbers
    out["subject"] = build.patient
    if build.visit is not None:
        out["encounter" if kind == "MedicationRequest" else "context"] = build.visit
    return out, key


def _add_drug(context: Context, segment: Segment, fields_: tuple[int, int], key: str, out: Resource) -> None:
    """Says what the drug is: the Medication of a code and a form field, to which an RXC adds; or that it is unknown."""
    build = context.build
    code_field, form_field = fields_
    code = values.concept(build, segment.one(code_field)) if segment.one(code_field) else None
    if code is None:
        out["medicationCodeableConcept"] = unknown_concept()
        return
    drug: Resource = {"resourceType": "Medication", "code": code}
    form = values.concept(build, segment.one(form_field)) if form_field and segment.one(form_field) else None
    if form is not None:
        drug["form"] = form
    context.medication = drug
    out["medicationReference"] = build.put(f"{key}|{segment.name}", drug)


def _begin(context: Context, out: Resource, key: str) -> None:
    orc = context.orc
    reference = context.build.put(key, out)
    if orc is not None and orc is not context.told_orc:
        add_order_provenance(context.build, orc, key, reference)
        context.told_orc = orc
    context.begin_order(out, reference)


def take_rxo(context: Context, rxo: Segment) -> bool:
    """The order as it was written."""
    build, orc = context.build, context.orc
    out, key = _open(context, rxo, "MedicationRequest", 1)
    out["status"], out["intent"] = request_status(orc), "original-order"
    _add_drug(context, rxo, (1, 5), key, out)
    _ordered_by(build, orc, out, rxo.repetitions(14))
    dosage = dose_and_rate(build, rxo, dose=(2, 3, 4), rate=(21, 22))
    dosage_texts(build, rxo, dosage, (7, 6))
    most_per_day(build, rxo.one(23), dosage)
    if dosage:
        out["dosageInstruction"] = [dosage]
    strength(build, rxo, context.medication, ((18, 19), (25, 26)))
    fill(plan("RXO[MedicationRequest]"), rxo, build, out)
    indication = values.concept(build, rxo.one(20)) if rxo.one(20) else None
    if indication is not None:
        out["reasonCode"] = [indication]
    dispense: Element = out.get("dispenseRequest", {})
    quantity = amount(build, rxo, 11, 12)
    if quantity is not None:
        dispense["quantity"] = quantity
    days = values.positive(rxo.value(28))
    if days is not None:
        dispense["dispenseInterval"] = {"value": days, "unit": "days", "system": UCUM, "code": "d"}
    _add_pharmacy(build, rxo, (32, 33, 36), dispense)
    if dispense:
        out["dispenseRequest"] = dispense
    _begin(context, out, key)
    return True


def take_rxe(context: Context, rxe: Segment) -> bool:
    """The order as the pharmacy encoded it: based on the written one, where that stands in the same group."""
    build = context.build
    written = context.request if context.order is not None and context.order.get("intent") == "original-order" else None
    orc = context.orc or context.group_orc
    context.orc = orc
    out, key = _open(context, rxe, "MedicationRequest", 2)
    out["status"], out["intent"] = request_status(orc), "filler-order"
    _add_drug(context, rxe, (2, 6), key, out)
    if written is not None:
        out["basedOn"] = [written]
    _ordered_by(build, orc, out, rxe.repetitions(13))
    dosage = dose_and_rate(build, rxe, dose=(3, 4, 5), rate=(23, 24))
    dosage_texts(build, rxe, dosage, (7, 0))
    most_per_day(build, rxe.one(19), dosage)
    if dosage:
        out["dosageInstruction"] = [dosage]
    strength(build, rxe, context.medication, ((25, 26), (33, 34)))
    fill(plan("RXE[MedicationRequest]"), rxe, build, out)
    _encoded_dispense(build, rxe, out)
    if rxe.one(1):
        take_older_timing(build, rxe.repetitions(1)[0], out, "RXE-1")
    _begin(context, out, key)
    return True


def _encoded_dispense(build: Build, rxe: Segment, out: Resource) -> None:
    dispense: Element = out.get("dispenseRequest", {})
    quantity = amount(build, rxe, 10, 11)
    if quantity is not None:
        dispense["quantity"] = quantity
    first = amount(build, rxe, 39, 11)
    if first is not None:
        dispense["initialFill"] = {"quantity": first}
    _add_pharmacy(build, rxe, (40, 41, 45), dispense)
    if dispense:
        out["dispenseRequest"] = dispense
    if rxe.value(15):
        number: Element = {"type": _PRESCRIPTION, "value": rxe.value(15)}
        if number not in out.get("identifier", ()):
            out.setdefault("identifier", []).append(number)


def _add_pharmacy(build: Build, segment: Segment, numbers: tuple[int, int, int], dispense: Element) -> None:
    """Who hands the drug out, by the fields of its name, address and phones."""
    named, home, phone = numbers
    sent = segment.one(named)
    pharmacy = parties.coded_organization(build, sent, f"{segment.name}-{named}") if sent else None
    if pharmacy is None:
        return
    dispense["performer"] = pharmacy
    held = build.known("Organization", pharmacy["reference"].partition("/")[2])
    if held is None:
        return
    where = address(build, segment.one(home), f"{segment.name}-{home}") if segment.one(home) else None
    if where is not None:
        held.setdefault("address", [where])
    found = parties.phones(build, segment.repetitions(phone), f"{segment.name}-{phone}")
    if found:
        held.setdefault("telecom", found)


def request_status(orc: Segment | None) -> str:
    """MedicationRequest.status: what the order's state is called there."""
    status = order_status(orc)
    return {"revoked": "cancelled", "draft": "draft"}.get(status, status)


def _ordered_by(build: Build, orc: Segment | None, out: Resource, raws: list[str]) -> None:
    if orc is not None:
        common_order(build, orc, out)
        entered = parties.practitioner(build, orc.one(10), "ORC-10") if orc.one(10) else None
        if entered is not None:
            out["recorder"] = entered
    requester = orderer(build, orc, (orc.repetitions(12) if orc is not None else []) or raws, "ORC-12")
    if requester is not None:
        out["requester"] = requester


def take_rxd(context: Context, rxd: Segment) -> bool:
    """What was handed out."""
    build = context.build
    prescription = context.request
    context.orc = context.orc or context.group_orc
    out, key = _open(context, rxd, "MedicationDispense", 2, f"|{rxd.value(1)}|{rxd.value(3)}")
    out["status"] = "unknown" if not rxd.value(3) else "completed"
    _add_drug(context, rxd, (2, 6), key, out)
    fill(plan("RXD[MedicationDispense]"), rxd, build, out)
    quantity = amount(build, rxd, 4, 5)
    if quantity is not None:
        out["quantity"] = quantity
    if prescription is not None:
        out["authorizingPrescription"] = [prescription]
    if rxd.value(7):
        number = {"type": _PRESCRIPTION, "value": rxd.value(7)}
        written = {"type": "MedicationRequest", "identifier": number}
        out.setdefault("authorizingPrescription", []).append(written)
    dosage: Element = {}
    most_per_day(build, rxd.one(12), dosage)
    if dosage:
        out["dosageInstruction"] = [dosage]
    context.begin_order(out, build.put(key, out), keeps=True)
    return True


def take_administration(context: Context, segment: Segment) -> bool:
    """RXA as a MedicationAdministration (RAS)."""
    build, orc = context.build, context.orc or context.group_orc
    prescription, context.orc = context.request, orc
    which = f"|{segment.value(1)}|{segment.value(2)}|{segment.value(3)}"
    out, key = _open(context, segment, "MedicationAdministration", 5, which)
    status = _GIVEN.get(segment.value(20).upper(), "completed")
    out["status"] = "entered-in-error" if segment.value(21) == "D" else status
    _add_drug(context, segment, (5, 8), key, out)
    fill(plan("RXA[MedicationAdministration]"), segment, build, out)
    period = values.period_of(build, segment.value(3), segment.value(4), "RXA-4") if segment.value(4) else None
    started = build.date_time(segment.value(3), "RXA-3")
    if period is not None and "end" in period and period["end"] != period.get("start"):
        out["effectivePeriod"] = period
    elif started is not None:
        out["effectiveDateTime"] = started
    else:
        out["effectivePeriod"] = {"extension": [absent()]}
    ordering = parties.practitioner(build, orc.one(12), "ORC-12") if orc is not None and orc.one(12) else None
    if ordering is not None:
        role = parties.provider_role("OP", "Ordering Provider")
        out.setdefault("performer", []).append({"function": role, "actor": ordering})
    dose = amount(build, segment, 6, 7)
    if dose is not None:
        out["dosage"] = {"dose": dose}
    if prescription is not None:
        out["request"] = prescription
    context.begin_order(out, build.put(key, out), keeps=True)
    return True


def take_rxg(context: Context, rxg: Segment) -> bool:
    """What is to be given: the written or encoded order's dose, where there is one; else an order of its own."""
    build, orc = context.build, context.orc or context.group_orc
    based, context.orc = context.request, orc
    out, key = _open(context, rxg, "MedicationRequest", 4)
    out["status"], out["intent"] = request_status(orc), "instance-order"
    _add_drug(context, rxg, (4, 8), key, out)
    if based is not None:
        out["basedOn"] = [based]
    _ordered_by(build, orc, out, [])
    dosage = dose_and_rate(build, rxg, dose=(5, 6, 7), rate=(15, 16))
    dosage_texts(build, rxg, dosage, (13, 0))
    if dosage:
        out["dosageInstruction"] = [dosage]
    strength(build, rxg, context.medication, ((17, 18), (23, 24)))
    if rxg.one(3):
        take_older_timing(build, rxg.repetitions(3)[0], out, "RXG-3")
    context.begin_order(out, build.put(key, out), keeps=True)
    return True


def _given_by(order: Resource) -> Element | None:
    """The element of an order that holds route and site; None where there is none."""
    match order["resourceType"]:
        case "Immunization":
            return order
        case "MedicationAdministration":
            # FHIR invariant mad-1: a dosage has a dose
            return cast(Element, order.setdefault("dosage", {"dose": {"extension": [absent()]}}))
        case "MedicationRequest" | "MedicationDispense":
            return cast(Element, order.setdefault("dosageInstruction", [{}])[0])
        case _:
            return None


def take_rxr(context: Context, rxr: Segment) -> bool:
    """Route, site and method, into the order they follow."""
    order = context.order
    if order is None:
        return False
    build, maps = context.build, code_maps()
    found = {
        "route": values.concept(build, rxr.one(1), maps["RouteOfAdministration"]) if rxr.one(1) else None,
        "site": values.concept(build, rxr.one(2), maps["BodyParts"]) if rxr.one(2) else None,
        "method": values.concept(build, rxr.one(4), maps["AdministrationMethod"]) if rxr.one(4) else None,
    }
    target = _given_by(order)
    if target is None:
        return False
    for name, value in found.items():
        if value is not None and (target is not order or name != "method"):
            target.setdefault(name, value)
    more = values.concept(build, rxr.one(5)) if rxr.one(5) and target is not order else None
    if more is not None and order["resourceType"] != "MedicationAdministration":
        target.setdefault("additionalInstruction", []).append(more)
    if not target and "dosageInstruction" in order:
        del order["dosageInstruction"]
    return True


def take_rxc(context: Context, rxc: Segment) -> bool:
    """A component: an ingredient of the drug of the order it follows, as a Medication of its own."""
    build, mixture = context.build, context.medication
    code = values.concept(build, rxc.one(2)) if rxc.one(2) else None
    if mixture is None or code is None:
        return False
    out: Resource = {"resourceType": "Medication", "code": code}
    quantity = amount(build, rxc, 3, 4)
    if quantity is not None:
        out["amount"] = {"numerator": quantity, "denominator": {"value": 1}}
    key = f"{build.patient_id}|RXC|{rxc.value(2) or rxc.value(2, 2)}|{rxc.value(3)}|{rxc.value(4)}"
    entry: Element = {"itemReference": build.put(build.once(f"{build.message_key}|{key}"), out)}
    top = amount(build, rxc, 5, 6)
    if top is not None:
        bottom = amount(build, rxc, 8, 9)
        entry["strength"] = {"numerator": top, "denominator": bottom if bottom is not None else {"value": 1}}
    mixture.setdefault("ingredient", []).append(entry)
    return True


def take_cdo(context: Context, cdo: Segment) -> bool:
    """A cumulative dosage: the most that may be given in a period, or in a lifetime."""
    order = context.order
    if order is None or order["resourceType"] not in ("MedicationRequest", "MedicationDispense"):
        return False
    limit = quantity_of(context.build, cdo.one(3)) if cdo.one(3) else None
    if limit is None:
        return False
    sent = context.build.read.values(cdo.one(4), 2)
    span = values.number(sent[0]) if sent[0] else 1
    unit = unit_of_time(sent[1])
    dosage: Element = {}
    if sent[1].upper() == "PL":
        dosage["maxDosePerLifetime"] = limit
    elif unit and span is not None:
        per = {"value": span, "unit": unit, "system": UCUM, "code": unit}
        dosage["maxDosePerPeriod"] = {"numerator": limit, "denominator": per}
    else:
        return False
    order.setdefault("dosageInstruction", []).append(dosage)
    return True
