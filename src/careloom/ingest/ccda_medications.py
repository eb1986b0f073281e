"""Medication activities to MedicationStatement (what happened), MedicationRequest (what is meant to happen),
MedicationAdministration (in sections of what was given), MedicationDispense and Medication; immunizations.

After the guide's pages on medications and immunizations. It leaves histories (moodCode EVN) open; here they are
statements, as R4 says of what a patient is taking. A coded product is a Medication of its own, which the guide allows.
"""

from typing import Any

from careloom.fhir.drafts import Resource
from careloom.ingest.ccda_act import (
    Act,
    SectionContext,
    add_notes,
    begin,
    only_practitioners,
    performers,
    reasons,
    recorded,
    status_of,
)
from careloom.ingest.ccda_build import Build, Part, Reference, absent, unknown_concept
from careloom.ingest.ccda_codes import codes
from careloom.ingest.ccda_contacts import plain_name
from careloom.ingest.ccda_dosage import dosage, split_times
from careloom.ingest.ccda_narrative import text_of
from careloom.ingest.ccda_parties import organization
from careloom.ingest.ccda_read import Kids, child, either, first, kids
from careloom.ingest.ccda_values import concept, ordered, period, quantity, simple_quantity, times, whole

_AP = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0443", "code": "AP"}]}
_SERIES = "30973-2"


def medication(build: Build, act: Act, section: SectionContext) -> list[Reference]:
    """What a medication activity becomes: by its mood, and by the section it stands in."""
    if act.mood != "EVN":
        return [_request(build, act)]
    if section.medications == "administration":
        return [_administration(build, act)]
    return [_statement(build, act)]


def wrapped_medication(build: Build, act: Act, section: SectionContext) -> list[Reference]:
    """The medications of a discharge or admission medication act."""
    return [
        reference
        for _, inner in act.related()
        if inner.name == "substanceAdministration"
        for reference in medication(build, inner, section)
    ]


def _product(act: Act) -> Kids:
    for holder, name in (("consumable", "manufacturedProduct"), ("product", "manufacturedProduct")):
        found = act.one(holder)
        inner = child(found, name) if found is not None else None
        if inner is not None:
            return kids(inner)
    return {}


def set_medication(build: Build, act: Act, out: Resource) -> None:
    """``medication[x]``: a reference to a Medication where the product has a coded name, else its words."""
    held = _product(act)
    material = either(held, "manufacturedMaterial", "manufacturedLabeledDrug")
    told = kids(material) if material is not None else {}
    code = concept(build, first(told, "code"))
    if code is None or "coding" not in code:
        name = plain_name(build, first(told, "name"))
        words = name or (code or {}).get("text") or text_of(build, act.one("text"))
        out["medicationCodeableConcept"] = {"text": words} if words else unknown_concept()
        return
    words = code.pop("text", "")
    out["medicationReference"] = _medication(build, act, (held, told), code)
    said = words or code["coding"][0].get("display", "")
    if said:
        out["medicationReference"]["display"] = said


def _medication(build: Build, act: Act, product: tuple[Kids, Kids], code: Part) -> Reference:
    """The Medication: nothing of the patient is in it, so that it may be shared."""
    held, told = product
    out: Resource = {"resourceType": "Medication", "code": code}
    form = concept(build, act.one("administrationUnitCode"))
    if form is not None and "coding" in form:
        out["form"] = {"coding": form["coding"]}
    maker = organization(build, first(held, "manufacturerOrganization"))
    if maker is not None:
        out["manufacturer"] = maker
    lot = text_of(build, first(told, "lotNumberText"))
    if lot:
        out["batch"] = {"lotNumber": lot}
    vehicles = [_vehicle(build, each) for each in act.held.get("participant", ()) if each.get("typeCode") == "CSM"]
    if any(vehicles):
        out["ingredient"] = [{"itemCodeableConcept": each, "isActive": False} for each in vehicles if each]
    names = [f"{each.get('system', '')}|{each['code']}" for each in code["coding"]]
    names += [each.get("code", "") for each in (form or {}).get("coding", ())]
    names += [maker["reference"] if maker is not None else "", lot]
    names += [each["coding"][0]["code"] for each in vehicles if each]
    return build.share("|".join(names), out)


def _vehicle(build: Build, participant: Any) -> Part | None:
    role = child(participant, "participantRole")
    entity = child(role, "playingEntity") if role is not None else None
    found = concept(build, child(entity, "code")) if entity is not None else None
    return {"coding": found["coding"]} if found is not None and "coding" in found else None


def _statement(build: Build, act: Act) -> Reference:
    out = begin("MedicationStatement", act)
    related = list(act.related())
    out["status"] = "not-taken" if act.negated else status_of("medication-statement-status", act, "unknown")
    set_medication(build, act, out)
    out["subject"] = build.patient
    _effective(build, act, out)
    recorded(build, out, act.held.get("author"), who="informationSource", when="dateAsserted")
    why = reasons(build, related)
    if why:
        out["reasonCode"] = why
    add_notes(build, related, out)
    found = dosage(build, act, related, bounded=False)
    if found:
        out["dosage"] = [found]
    made = build.put(act.key, out)
    _supplies(build, related, out, made)
    return made


def _effective(build: Build, act: Act, out: Resource) -> None:
    length, _ = split_times(act)
    value, low, high = times(length)
    if value is not None and low is None and high is None:
        time = build.date_time(value)
        if time is not None:
            out["effectiveDateTime"] = time
        return
    held = period(build, length)
    if held is not None:
        out["effectivePeriod"] = held


def _request(build: Build, act: Act) -> Reference:
    out = begin("MedicationRequest", act)
    related = list(act.related())
    out["status"] = status_of("medication-request-status", act, "unknown")
    out["intent"] = codes("medication-request-intent").get(act.mood, "order")
    if act.negated:
        out["doNotPerform"] = True
    set_medication(build, act, out)
    out["subject"] = build.patient
    recorded(build, out, act.held.get("author"), who="requester", when="authoredOn")
    why = reasons(build, related)
    if why:
        out["reasonCode"] = why
    add_notes(build, related, out)
    found = dosage(build, act, related, bounded=True)
    if found:
        out["dosageInstruction"] = [found]
    for _, inner in related:
        if inner.name == "supply" and inner.mood != "EVN":
            _dispense_request(build, inner, out)
    if "dispenseRequest" not in out:
        _repeats(act, out)
    made = build.put(act.key, out)
    for _, inner in related:
        if inner.name == "supply" and inner.mood == "EVN":
            dispense(build, inner, out, made)
    return made


def _repeats(act: Act, out: Resource) -> None:
    """repeatNumber counts all dispenses; numberOfRepeatsAllowed those after the first."""
    element = act.one("repeatNumber")
    count = whole(element.get("value")) if element is not None else None
    if count is not None and count > 0:
        out.setdefault("dispenseRequest", {})["numberOfRepeatsAllowed"] = count - 1


def _dispense_request(build: Build, supply: Act, out: Resource) -> None:
    held: Part = {}
    valid = period(build, supply.one("effectiveTime"))
    if valid is not None:
        held["validityPeriod"] = valid
    amount = quantity(build, supply.one("quantity"))
    if amount is not None:
        held["quantity"] = amount
    if held:
        out["dispenseRequest"] = held
    _repeats(supply, out)


def _supplies(build: Build, related: list[tuple[str, Act]], out: Resource, made: Reference) -> None:
    """Supply orders and dispenses of a medication that is taken."""
    for _, inner in related:
        if inner.name != "supply":
            continue
        if inner.mood == "EVN":
            dispense(build, inner, out, made)
        else:
            supply_order(build, inner, out)


def supply_order(build: Build, supply: Act, parent: Resource | None) -> Reference:
    """The MedicationRequest of a supply order; the medication is its own or its parent's."""
    out = begin("MedicationRequest", supply)
    out["status"] = status_of("medication-request-status", supply, "unknown")
    out["intent"] = codes("medication-request-intent").get(supply.mood, "order")
    _own_or_parents(build, supply, out, parent)
    out["subject"] = build.patient
    recorded(build, out, supply.held.get("author"), who="requester", when="authoredOn")
    add_notes(build, list(supply.related()), out)
    _dispense_request(build, supply, out)
    return build.put(supply.key, out)


def _own_or_parents(build: Build, supply: Act, out: Resource, parent: Resource | None) -> None:
    if "product" in supply.held or parent is None:
        set_medication(build, supply, out)
        return
    for name in ("medicationReference", "medicationCodeableConcept"):
        if name in parent:
            out[name] = dict(parent[name])


def dispense(build: Build, supply: Act, parent: Resource | None, order: Reference | None) -> Reference:
    """The MedicationDispense of a supply that took place."""
    out = begin("MedicationDispense", supply)
    out["status"] = status_of("medication-dispense-status", supply, "unknown")
    _own_or_parents(build, supply, out, parent)
    out["subject"] = build.patient
    who = performers(build, supply)
    if who:
        out["performer"] = [{"actor": each} for each in who]
    if order is not None and order["reference"].startswith("MedicationRequest/"):
        out["authorizingPrescription"] = [{"reference": order["reference"]}]
    amount = quantity(build, supply.one("quantity"))
    if amount is not None:
        out["quantity"] = amount
    value, low, high = times(supply.one("effectiveTime"))
    prepared, handed = build.date_time(low), build.date_time(value or high)
    span = ordered(build, {"start": prepared, "end": handed}) if prepared and handed else {}
    if handed is not None and (prepared is None or "end" in span):
        out["whenHandedOver"] = span.get("end", handed)
    if prepared is not None:
        out["whenPrepared"] = span.get("start", prepared)
    return build.put(supply.key, out)


def _administration(build: Build, act: Act) -> Reference:
    out = begin("MedicationAdministration", act)
    related = list(act.related())
    out["status"] = "not-done" if act.negated else status_of("medication-administration-status", act, "unknown")
    set_medication(build, act, out)
    out["subject"] = build.patient
    if build.visit is not None:
        out["context"] = dict(build.visit)
    _effective(build, act, out)
    if "effectivePeriod" not in out and "effectiveDateTime" not in out:
        out["effectivePeriod"] = {"extension": [absent()]}
    who = performers(build, act)
    if only_practitioners(who):
        out["performer"] = [{"actor": each} for each in only_practitioners(who)]
    why = reasons(build, related)
    if why:
        out["reasonCode"] = why
    add_notes(build, related, out)
    given = _given(build, act, related)
    if given:
        out["dosage"] = given
    return build.put(act.key, out)


def _given(build: Build, act: Act, related: list[tuple[str, Act]]) -> Part:
    """MedicationAdministration.dosage, which must hold a dose or a rate (mad-1)."""
    told = dosage(build, act, related, bounded=False)
    out: Part = {name: told[name] for name in ("text", "site", "route") if name in told}
    dose = simple_quantity(build, act.one("doseQuantity"))
    if dose is not None:
        out["dose"] = dose
    rate = simple_quantity(build, act.one("rateQuantity"))
    if rate is not None:
        out["rateQuantity"] = rate
    if out and "dose" not in out and "rateQuantity" not in out:
        out["dose"] = {"extension": [absent()]}
    return out


def immunization(build: Build, act: Act, section: SectionContext) -> list[Reference]:
    """The Immunization of an immunization activity; one that is only planned is a request."""
    del section
    if act.mood != "EVN":
        return [_request(build, act)]
    out = begin("Immunization", act)
    related = list(act.related())
    out["status"] = "not-done" if act.negated else status_of("immunization-status", act, "completed")
    held = _product(act)
    material = first(held, "manufacturedMaterial")
    told = kids(material) if material is not None else {}
    _refusal(build, act, related, out)
    name = plain_name(build, first(told, "name")) or text_of(build, act.one("text"))
    out["vaccineCode"] = concept(build, first(told, "code")) or ({"text": name} if name else unknown_concept())
    out["patient"] = build.patient
    value, low, high = times(act.one("effectiveTime"))
    given = build.date_time(value or low or high)
    if given is not None:
        out["occurrenceDateTime"] = given
    else:
        out["occurrenceString"] = "unknown"
    recorded(build, out, act.held.get("author"), who="", when="recorded")
    maker = organization(build, first(held, "manufacturerOrganization"))
    if maker is not None:
        out["manufacturer"] = maker
    lot = text_of(build, first(told, "lotNumberText"))
    if lot:
        out["lotNumber"] = lot
    _how_given(build, act, related, out)
    return [build.put(act.key, out)]


def _refusal(build: Build, act: Act, related: list[tuple[str, Act]], out: Resource) -> None:
    """Why a vaccine was not given (statusReason), or why it was (reasonCode)."""
    for kind, inner in related:
        if kind != "RSON" or inner.name != "observation":
            continue
        if act.negated:
            found = concept(build, inner.one("code"))
            if found is not None:
                out.setdefault("statusReason", found)
    if not act.negated:
        why = reasons(build, related)
        if why:
            out["reasonCode"] = why


def _how_given(build: Build, act: Act, related: list[tuple[str, Act]], out: Resource) -> None:
    for name, source in (("site", "approachSiteCode"), ("route", "routeCode")):
        found = concept(build, act.one(source))
        if found is not None:
            out[name] = found
    dose = simple_quantity(build, act.one("doseQuantity"))
    if dose is not None:
        out["doseQuantity"] = dose
    who = performers(build, act)
    if who:
        out["performer"] = [{"function": _AP, "actor": each} for each in who]
    add_notes(build, related, out)
    repeat = act.one("repeatNumber")
    number = whole(repeat.get("value")) if repeat is not None else None
    for _, inner in related:
        series = inner.one("value") if inner.code == _SERIES else None
        number = whole(series.get("value")) if series is not None else number
    if number is not None and number > 0:
        out["protocolApplied"] = [{"doseNumberPositiveInt": number}]
