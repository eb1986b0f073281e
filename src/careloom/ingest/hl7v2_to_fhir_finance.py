"""Accounts, coverage and charges: PID-18, GT1, IN1, IN2, BLG, FT1, AUT.

Guide: PID[Account], IN1[Coverage]; it has no table for GT1, IN2, BLG, FT1 and AUT: fields by their meaning, HL7 v2.8.2
6.5 and 11.8. Identity: an account by its number; coverage by patient, plan, company and the insured's number; a charge
by FT1-2, else code and date; an authorization by AUT-6.
"""

from careloom.fhir.drafts import Resource
from careloom.hl7v2 import fields
from careloom.hl7v2.parse import Segment
from careloom.ingest import hl7v2_to_fhir_parties as parties
from careloom.ingest import hl7v2_to_fhir_values as values
from careloom.ingest.hl7v2_to_fhir_build import Build, absent
from careloom.ingest.hl7v2_to_fhir_codes import V2_TABLE, code_maps
from careloom.ingest.hl7v2_to_fhir_context import Context
from careloom.ingest.hl7v2_to_fhir_dose import amount
from careloom.ingest.hl7v2_to_fhir_patient import related_person
from careloom.ingest.hl7v2_to_fhir_people import human_names
from careloom.ingest.hl7v2_to_fhir_plans import fill, plan
from careloom.ingest.hl7v2_to_fhir_values import Element
from careloom.terminology.systems import US_SSN

_SELF = frozenset(("SEL", "SLF", "SELF", "01", "18"))
_CLASS = "http://terminology.hl7.org/CodeSystem/coverage-class"
_MEDICARE = "http://hl7.org/fhir/sid/us-medicare"
# IN2 field -> (HL7 table 0203 type, system) of a number that the patient's payer gave.
_IN2_NUMBERS = ((6, "MC", _MEDICARE), (8, "MA", ""), (10, "MI", ""))
# HL7 table 0017: what is no charge (payments and adjustments have no ChargeItem).
_CHARGES = frozenset(("CG", "CD", "CO", ""))


def account_of_patient(context: Context, pid: Segment) -> None:
    """PID-18 as the account of this patient."""
    build = context.build
    held = values.identifier(build, pid.one(18), "AN", "PID-18") if pid.one(18) else None
    if held is None:
        return
    out: Resource = {"resourceType": "Account", "identifier": [held], "status": "active", "subject": [build.patient]}
    context.account = out
    context.account_reference = build.main_draft(account_key(build, pid.one(18)), out)


def account_key(build: Build, raw: str) -> str:
    """The identity of the account that a CX names."""
    number = fields.identifier(build.read, raw)
    return f"{build.patient_id}|account|{number.authority.key}|{number.value}"


def take_gt1(context: Context, gt1: Segment) -> bool:
    """A guarantor of the patient's account."""
    build = context.build
    relation = gt1.value(11).upper()
    party = build.patient if relation in _SELF else related_person(build, gt1, "GT1[RelatedPerson]", 3)
    if party is None:
        return False
    if context.account is None:
        context.account = {"resourceType": "Account", "status": "active", "subject": [build.patient]}
        key = f"{build.patient_id}|account|guarantors"
        context.account_reference = build.main_draft(key, context.account)
    entry: Element = {"party": party}
    hold = code_maps()["YesNoIndicator"].word(gt1.value(22)) if gt1.value(22) else None
    if hold is not None:
        entry["onHold"] = hold.code == "true"
    period = values.period_of(build, gt1.value(13), gt1.value(14), "GT1-13")
    if period is not None:
        entry["period"] = period
    context.account.setdefault("guarantor", []).append(entry)
    _employer(build, gt1)
    held = build.known("RelatedPerson", party["reference"].partition("/")[2]) if party != build.patient else None
    ssn = gt1.value(12)
    if held is not None and ssn:
        number = {"type": values.identifier_type("SS"), "system": US_SSN, "value": ssn}
        held.setdefault("identifier", []).append(number)
    context.speak_of(context.account)
    return True


def _employer(build: Build, gt1: Segment) -> None:
    """GT1-51 (else GT1-16), 17, 18, 45, 46: the guarantor's employer, with whom to talk to there."""
    name = fields.organization(build.read, gt1.one(51)).name or gt1.plain(16)
    value = fields.Organization(name, gt1.value(29), kind=gt1.value(29, 5))
    employer = parties.organization_of(build, value, "GT1-51", gt1.one(17))
    held = build.known("Organization", employer["reference"].partition("/")[2]) if employer is not None else None
    if held is None:
        return
    phones = parties.phones(build, gt1.repetitions(18), "GT1-18")
    if phones:
        held.setdefault("telecom", phones)
    for index, raw in enumerate(gt1.repetitions(45)):
        names = human_names(build, raw, "GT1-45")
        entry: Element = {"name": names[0]} if names else {}
        if index == 0:
            reached = parties.phones(build, gt1.repetitions(46), "GT1-46")
            if reached:
                entry["telecom"] = reached
            purpose = values.concept(build, gt1.one(47)) if gt1.one(47) else None
            if purpose is not None:
                entry["purpose"] = purpose
        if entry and entry not in held.get("contact", ()):
            held.setdefault("contact", []).append(entry)


def take_in1(context: Context, in1: Segment) -> bool:
    """IN1 as a Coverage."""
    build = context.build
    out: Resource = {"resourceType": "Coverage", "status": "active"}
    fill(plan("IN1[Coverage]"), in1, build, out)
    out["beneficiary"] = build.patient
    if "period" in out:
        values.ordered(build, out["period"], "IN1-13")
    holder = _policy_holder(build, in1)
    if holder is not None:
        out["policyHolder"] = holder
    numbered = fields.identifier(build.read, in1.one(49)) if in1.one(49) else None
    number = numbered.value if numbered is not None and numbered.value else in1.value(36)
    if number:
        out["subscriberId"] = number
    _classes(build, in1, out)
    _policy(build, in1, out)
    company = fields.organization(build.read, in1.repetitions(4)[0]) if in1.one(4) else None
    payor = _payor(build, in1, company)
    out["payor"] = [payor if payor is not None else {"extension": [absent()]}]
    context.insured = None
    if in1.value(17).upper() in _SELF:
        out["subscriber"] = build.patient
    else:
        insured = related_person(build, in1, "IN1[RelatedPerson]", 16)
        if insured is not None:
            out["subscriber"] = insured
            context.insured = build.known("RelatedPerson", insured["reference"].partition("/")[2])
    context.coverage = out
    name = fields.identifier(build.read, in1.one(3)).value or in1.value(4)
    key = f"{in1.value(2)}|{name}|{number}"
    build.put(build.once(f"{build.patient_id}|IN1|{key if key != '||' else in1.value(1)}"), out)
    context.speak_of(out)
    return True


def _policy_holder(build: Build, in1: Segment) -> Element | None:
    """IN1-11, with the number of IN1-10 and the address of IN1-44."""
    if not in1.one(11) and not in1.one(10):
        return None
    named = fields.organization(build.read, in1.repetitions(11)[0]) if in1.one(11) else fields.Organization("")
    number = fields.identifier(build.read, in1.one(10)) if in1.one(10) else fields.Identifier("")
    if number.value and not named.id:
        named = named._replace(id=number.value, authority=number.authority, kind=number.kind)
    return parties.organization_of(build, named, "IN1-11", in1.repetitions(44)[0] if in1.one(44) else "")


def _classes(build: Build, in1: Segment, out: Resource) -> None:
    plan_of = fields.coded(build.read, in1.one(2)) if in1.one(2) else None
    for code, display, value, name in (
        ("plan", "Plan", plan_of.code if plan_of is not None else "", plan_of.text if plan_of is not None else ""),
        ("group", "Group", in1.value(8), in1.plain(9)),
    ):
        if value:
            kind = {"system": _CLASS, "code": code, "display": display}
            entry: Element = {"type": {"coding": [kind]}, "value": value}
            if name:
                entry["name"] = name
            out.setdefault("class", []).append(entry)


def _policy(build: Build, in1: Segment, out: Resource) -> None:
    """IN1-36, the policy number, and IN1-37, the deductible."""
    if in1.value(36):
        out.setdefault("identifier", []).append({"type": {"text": "Policy number"}, "value": in1.value(36)})
    if not in1.one(37):
        return
    parts = build.read.parts(in1.one(37))
    leaves = [*build.read.leaves(parts[0]), ""][:2]
    value = values.number(leaves[0])
    if value is None:
        return
    money: Element = {"value": value}
    if len(leaves[1]) == 3 and leaves[1].isalpha() and leaves[1].isupper():
        money["currency"] = leaves[1]
    entry: Element = {"valueMoney": money}
    kind = build.read.text(parts[1]) if len(parts) > 1 else ""
    if kind:
        target = code_maps()["PriceType"].targets.get(kind)
        shown = {"display": target.display} if target is not None else {}
        entry["type"] = {"coding": [{"system": f"{V2_TABLE}0205", "code": kind, **shown}]}
    out["costToBeneficiary"] = [entry]


def _payor(build: Build, in1: Segment, company: fields.Organization | None) -> Element | None:
    """IN1-4 with its number (IN1-3), address (IN1-5), contact (IN1-6) and phone (IN1-7)."""
    numbered = fields.identifier(build.read, in1.one(3)) if in1.one(3) else fields.Identifier("")
    name = company.name if company is not None else ""
    if not name and not numbered.value:
        return None
    value = fields.Organization(name, numbered.value, numbered.authority, numbered.kind)
    payor = parties.organization_of(build, value, "IN1-4", in1.repetitions(5)[0] if in1.one(5) else "")
    held = build.known("Organization", payor["reference"].partition("/")[2]) if payor is not None else None
    if held is not None:
        period = values.period_of(build, numbered.start, numbered.end, "IN1-3")
        if period is not None and "identifier" in held:
            held["identifier"][0].setdefault("period", period)
        contact: Element = {}
        names = human_names(build, in1.repetitions(6)[0], "IN1-6") if in1.one(6) else None
        if names:
            contact["name"] = names[0]
        phones = parties.phones(build, in1.repetitions(7), "IN1-7")
        if phones:
            held.setdefault("telecom", phones)
        if contact:
            held.setdefault("contact", [contact])
    return payor


def take_in2(context: Context, in2: Segment) -> bool:
    """IN2: the numbers of public payers for coverage and patient, and more of the insured person."""
    build, coverage, patient = context.build, context.coverage, context.patient
    if coverage is None:
        return False
    for number, kind, system in _IN2_NUMBERS:
        if in2.value(number):
            found: Element = {"type": values.identifier_type(kind)}
            if system:
                found["system"] = system
            found["value"] = in2.value(number)
            for holder in (coverage, patient) if kind != "MI" else (patient,):
                if holder is not None and found not in holder.get("identifier", ()):
                    holder.setdefault("identifier", []).append(found)
    member = values.identifier(build, in2.one(61), "", "IN2-61") if in2.one(61) else None
    for holder in (coverage, patient):
        if member is not None and holder is not None and member not in holder.get("identifier", ()):
            holder.setdefault("identifier", []).append(member)
    _insured_employer(build, in2, coverage)
    insured = context.insured
    if insured is not None:
        fill(plan("IN2[RelatedPerson]"), in2, build, insured)
        ssn = in2.value(2)
        if ssn:
            held = {"type": values.identifier_type("SS"), "system": US_SSN, "value": ssn}
            insured.setdefault("identifier", []).append(held)
    return True


def _insured_employer(build: Build, in2: Segment, coverage: Resource) -> None:
    """IN2-49, 50 and 64: whom to talk to at the organization that holds the policy, and its phone."""
    holder = coverage.get("policyHolder")
    held = build.known("Organization", holder["reference"].partition("/")[2]) if holder is not None else None
    if held is None:
        return
    names = human_names(build, in2.repetitions(49)[0], "IN2-49") if in2.one(49) else None
    phones = parties.phones(build, in2.repetitions(50), "IN2-50")
    entry: Element = {"name": names[0]} if names else {}
    if phones:
        entry["telecom"] = phones
    if entry:
        held.setdefault("contact", []).append(entry)
    numbers = parties.phones(build, in2.repetitions(64), "IN2-64")
    if numbers:
        held.setdefault("telecom", numbers)


def take_blg(context: Context, blg: Segment) -> bool:
    """BLG-3: the account that the order is charged to."""
    build = context.build
    held = values.identifier(build, blg.one(3), "AN", "BLG-3") if blg.one(3) else None
    if held is None:
        return False
    out: Resource = {"resourceType": "Account", "identifier": [held], "status": "active", "subject": [build.patient]}
    build.mention(account_key(build, blg.one(3)), out)
    return True


def take_ft1(context: Context, ft1: Segment) -> bool:
    """A charge."""
    build = context.build
    if ft1.value(6).upper() not in _CHARGES:
        return False
    out: Resource = {"resourceType": "ChargeItem", "status": "unknown"}
    fill(plan("FT1[ChargeItem]"), ft1, build, out)
    described = ft1.plain(8)
    if described:
        out.setdefault("code", {}).setdefault("text", described)
    if "code" not in out:
        return False
    out["subject"] = build.patient
    if build.visit is not None:
        out["context"] = build.visit
    quantity = amount(build, ft1, 10, 0)
    if quantity is not None:
        out["quantity"] = quantity
    if context.account_reference is not None:
        out["account"] = [context.account_reference]
    if context.request is not None and context.request_resource is not None:
        out["supportingInformation"] = [context.request]
    _product(build, ft1, out)
    given = fields.entity(build.read, ft1.one(2))
    key = f"{given.authority.key}|{given.value}" if given.value else f"{ft1.value(7)}|{ft1.value(4)}"
    build.put(build.once(f"{build.patient_id}|FT1|{key}"), out)
    context.speak_of(out)
    return True


def _product(build: Build, ft1: Segment, out: Resource) -> None:
    """FT1-25 as the procedure charged, FT1-29 as the drug dispensed, FT1-34 and 35 as the thing used."""
    code = values.concept(build, ft1.one(25)) if ft1.one(25) else None
    if code is not None:
        done: Resource = {"resourceType": "Procedure", "status": "unknown", "code": code, "subject": build.patient}
        when = build.date_time(ft1.value(4), "FT1-4")
        if when is not None:
            done["performedDateTime"] = when
        key = f"{build.patient_id}|FT1|{ft1.value(25)}|{ft1.value(4)}"
        out.setdefault("service", []).append(build.mention(key, done))
    drug = values.concept(build, ft1.one(29)) if ft1.one(29) else None
    if drug is not None:
        handed: Resource = {"resourceType": "MedicationDispense", "status": "unknown"}
        handed["medicationCodeableConcept"] = drug
        handed["subject"] = build.patient
        quantity = _drug_quantity(build, ft1.one(43)) if ft1.one(43) else None
        if quantity is not None:
            handed["quantity"] = quantity
        if ft1.value(42):
            number = {"type": {"text": "Prescription number"}, "value": ft1.value(42)}
            handed["authorizingPrescription"] = [{"type": "MedicationRequest", "identifier": number}]
        key = f"{build.patient_id}|FT1|{ft1.value(29)}|{ft1.value(4)}"
        out.setdefault("service", []).append(build.mention(key, handed))
    item = fields.coded(build.read, ft1.one(34))
    model = ft1.value(35)
    if item.code or model:
        named = fields.Entity(item.code, fields.Authority(item.system))
        device = parties.device(build, named, modelNumber=model)
        if device is not None:
            out["productReference"] = device


def _drug_quantity(build: Build, raw: str) -> Element | None:
    """FT1-43 (CQ): how much of the drug."""
    parts = build.read.parts(raw)
    value = values.number(build.read.text(parts[0]))
    if value is None:
        return None
    unit = parts[1] if len(parts) > 1 else ""
    mark = build.message.delimiters
    whole = unit.replace(mark.subcomponent, mark.component) if mark.subcomponent and mark.component else unit
    return values.quantity(value, values.unit_of(build, whole))
