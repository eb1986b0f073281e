"""ACC, PDA, CON and CTD: accidents, deaths, consents and whom to talk to.

The guide has no table for them: fields by their meaning, HL7 v2.8.2 6.5.9, 3.4.13, 9.5.1 and 11.8.4. FHIR has no codes
for an accident or an autopsy report that the standard gives these segments, so they are said in words.
"""

from careloom.fhir.drafts import Resource
from careloom.hl7v2.parse import Segment
from careloom.ingest import hl7v2_to_fhir_parties as parties
from careloom.ingest import hl7v2_to_fhir_values as values
from careloom.ingest.hl7v2_to_fhir_build import Build, absent
from careloom.ingest.hl7v2_to_fhir_codes import V2_TABLE, code_maps
from careloom.ingest.hl7v2_to_fhir_context import Context
from careloom.ingest.hl7v2_to_fhir_people import address, human_names
from careloom.ingest.hl7v2_to_fhir_places import location, named_location
from careloom.ingest.hl7v2_to_fhir_values import Element

_SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
_WHERE = "http://hl7.org/fhir/StructureDefinition/event-location"
# HL7 table 0498: consent status.
_CONSENTED = {"A": "active", "P": "proposed", "R": "rejected", "L": "active", "B": "inactive", "X": "inactive"}


def _yes_or_no(segment: Segment, number: int) -> Element | None:
    """A value of HL7 table 0136 as a concept."""
    code = segment.value(number).upper()
    if code not in ("Y", "N"):
        return None
    display = "Yes" if code == "Y" else "No"
    return {"coding": [{"system": f"{V2_TABLE}0136", "code": code, "display": display}]}


def take_acc(context: Context, acc: Segment) -> bool:
    """An accident, as an Observation of the patient: when, where, what happened, and who tells."""
    build = context.build
    out: Resource = {"resourceType": "Observation", "status": "final", "code": {"text": "Accident"}}
    kind = values.concept(build, acc.one(2)) if acc.one(2) else None
    if kind is not None:
        out["code"] = kind
    number = acc.value(13)
    if number:
        out["identifier"] = [{"value": number}]
    out["subject"] = build.patient
    if build.visit is not None:
        out["encounter"] = build.visit
    when = build.date_time(acc.value(1), "ACC-1")
    if when is not None:
        out["effectiveDateTime"] = when
    who = parties.practitioner(build, acc.one(7), "ACC-7") if acc.one(7) else None
    if who is not None:
        out["performer"] = [who]
    if acc.plain(8):
        out["valueString"] = acc.plain(8)
    parts = [
        {"code": {"text": text}, "valueCodeableConcept": found}
        for number, text in ((5, "Job related"), (6, "Caused death"), (10, "Police notified"))
        if (found := _yes_or_no(acc, number)) is not None
    ]
    where = named_location(build, acc.plain(3), acc.one(11), "ACC-11")
    if where is not None:
        out["extension"] = [{"url": _WHERE, "valueReference": where}]
    if parts:
        out["component"] = parts
    if len(out) <= 4 and not parts and "valueString" not in out:
        return False
    build.put(build.once(f"{build.patient_id}|ACC|{acc.value(1)}|{number}"), out)
    return True


def take_pda(context: Context, pda: Segment) -> bool:
    """A death: its causes as conditions, its certification and autopsy as procedures."""
    build = context.build
    taken = False
    for raw in pda.repetitions(1):
        cause = values.concept(build, raw)
        if cause is not None:
            note = [{"text": "Cause of death"}]
            out: Resource = {"resourceType": "Condition", "code": cause, "subject": build.patient, "note": note}
            build.put(build.once(f"{build.patient_id}|PDA|{build.read.values(raw, 1)[0]}"), out)
            taken = True
    place = location(build, pda.one(2), "PDA-2") if pda.one(2) else None
    signed = build.date_time(pda.value(4), "PDA-4")
    if pda.value(3) == "Y" or signed is not None:
        _done(context, pda, "Death certification", 5, {"performedDateTime": signed} if signed else {}, place)
        taken = True
    start, end = build.read.values(pda.one(7), 2)
    period = values.period_of(build, start, end, "PDA-7")
    if pda.value(6) == "Y" or period is not None:
        _done(context, pda, "Autopsy", 8, {"performedPeriod": period} if period else {}, None)
        taken = True
    for number, text in ((3, "Death certified"), (6, "Autopsy performed"), (9, "Coroner informed")):
        said = _yes_or_no(pda, number)
        if said is not None:
            found: Resource = {"resourceType": "Observation", "status": "final", "code": {"text": text}}
            found["subject"] = build.patient
            found["valueCodeableConcept"] = said
            build.put(f"{build.patient_id}|PDA-{number}", found)
            taken = True
    return taken


def _done(context: Context, pda: Segment, text: str, who_field: int, when: Element, place: Element | None) -> None:
    build = context.build
    out: Resource = {"resourceType": "Procedure", "status": "completed", "code": {"text": text}}
    out["subject"] = build.patient
    out.update(when)
    who = parties.practitioner(build, pda.one(who_field), f"PDA-{who_field}") if pda.one(who_field) else None
    if who is not None:
        out["performer"] = [{"actor": who}]
    if place is not None:
        out["location"] = place
    build.put(f"{build.patient_id}|PDA|{text}", out)


def take_con(context: Context, con: Segment) -> bool:
    """A consent, with what it says of itself in words."""
    build = context.build
    kind = values.concept(build, con.one(2)) if con.one(2) else None
    words = "\n".join(text for number in (5, 6) if (text := con.plain(number)))
    if kind is None and not words:
        return False
    out: Resource = {"resourceType": "Consent", "status": _CONSENTED.get(con.value(11).upper(), "active")}
    display = {"system": _SCOPE, "code": "patient-privacy", "display": "Privacy Consent"}
    out["scope"] = {"coding": [display]}
    out["category"] = [kind if kind is not None else {"text": words}]
    out["patient"] = build.patient
    when = build.date_time(con.value(13), "CON-13")
    if when is not None:
        out["dateTime"] = when
    out["policyRule"] = {"text": words} if words else {"extension": [absent()]}
    build.put(build.once(f"{build.patient_id}|CON|{con.value(2)}|{con.value(13)}"), out)
    return True


def take_ctd(context: Context, ctd: Segment) -> bool:
    """Whom to talk to about the patient, where the patient stands before it."""
    patient, build = context.patient, context.build
    if patient is None or context.holder is not patient:
        return False
    contact = _contact(build, ctd)
    # FHIR invariant pat-1: a contact says how to reach it.
    if not any(name in contact for name in ("name", "telecom", "address")):
        return False
    patient.setdefault("contact", []).append(contact)
    return True


def _contact(build: Build, ctd: Segment) -> Element:
    out: Element = {}
    roles = [found for raw in ctd.repetitions(1) if (found := values.concept(build, raw, code_maps()["ContactRole"]))]
    if roles:
        out["relationship"] = roles
    names = human_names(build, ctd.repetitions(2)[0], "CTD-2") if ctd.one(2) else None
    if names:
        out["name"] = names[0]
    phones = parties.phones(build, ctd.repetitions(5), "CTD-5")
    if phones:
        out["telecom"] = phones
    where = address(build, ctd.repetitions(3)[0], "CTD-3") if ctd.one(3) else None
    if where is not None:
        out["address"] = where
    return out
