"""SIU: an Appointment of SCH, with the people, places and things of AIS, AIG, AIL and AIP as its participants.

Guide: SCH[Appointment], SCH[ServiceRequest], PID[Appointment], AIS[Appointment], AIS[ServiceRequest],
AIG[Appointment], AIL[Appointment], AIP[Appointment], NTE[Appointment-Comment]. The guide makes no Slot, nor do we.
Identity of an appointment: SCH-2 (filler), else SCH-1 (placer), with SCH-5's occurrence left out; else MSH-10.
"""

from datetime import datetime, timedelta

from careloom.fhir.drafts import Resource
from careloom.hl7v2 import fields
from careloom.hl7v2.parse import Segment
from careloom.ingest import hl7v2_to_fhir_parties as parties
from careloom.ingest import hl7v2_to_fhir_values as values
from careloom.ingest.hl7v2_to_fhir_build import Reference, absent
from careloom.ingest.hl7v2_to_fhir_codes import code_maps
from careloom.ingest.hl7v2_to_fhir_context import Context
from careloom.ingest.hl7v2_to_fhir_order import order_key
from careloom.ingest.hl7v2_to_fhir_people import address
from careloom.ingest.hl7v2_to_fhir_places import location
from careloom.ingest.hl7v2_to_fhir_timing import unit_of_time
from careloom.ingest.hl7v2_to_fhir_values import Element

_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "wk": 604800}
_YEAR = 366 * 86400
"""Seconds; nothing that is scheduled lasts longer."""
_SUBJECT = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Appointment.subject"
# Field, who it is; HL7 table 0443 where it has the role, else the guide's word for it.
_PEOPLE = ((12, "", "Placer Contact"), (16, "", "Filler Contact"), (20, "EP", "Entering Provider"))
# Person field -> phone, address, location field.
_REACHED = {12: (13, 14, 15), 16: (17, 18, 19), 20: (21, 0, 22)}
_MEDICAL = frozenset(("booked", "pending", "checked-in", "arrived", "fulfilled"))


def take_sch(context: Context, sch: Segment) -> bool:
    """The appointment itself; its patient is added when PID has been read, which may stand later."""
    finish_appointment(context)
    build = context.build
    given = fields.entity(build.read, sch.one(2))
    if not given.value:
        given = fields.entity(build.read, sch.one(1))
    key = f"SCH|{given.authority.key}|{given.value}" if given.value else f"SCH|message|{build.message_key}"
    out: Resource = {"resourceType": "Appointment"}
    for number, kind in ((1, "PLAC"), (2, "FILL")):
        found = values.entity_identifier(fields.entity(build.read, sch.one(number)), kind)
        if found is not None:
            out.setdefault("identifier", []).append(found)
    out["status"] = _status(context, sch.value(25))
    _reason(context, sch, out)
    _times(context, sch, out)
    out["participant"] = [{"actor": build.patient, "status": _accepted(out)}]
    out["extension"] = [{"url": _SUBJECT, "valueReference": build.patient}]
    for number, code, display in _PEOPLE:
        for raw in sch.repetitions(number):
            who = parties.practitioner(build, raw, f"SCH-{number}")
            if who is not None:
                _reach(context, sch, number, who)
                played = parties.provider_role(code, display) if code else {"text": display}
                out["participant"].append({"type": [played], "actor": who, "status": _accepted(out)})
    context.appointment = out
    context.speak_of(out)
    build.put(key, out)
    if sch.one(26) or sch.one(27):
        _ordered(context, sch, out)
    return True


def _reach(context: Context, sch: Segment, number: int, who: Reference) -> None:
    """Phone and address of a contact person, and where to find them, as a role at that place."""
    build = context.build
    phone, home, place = _REACHED[number]
    held = build.known("Practitioner", who["reference"].partition("/")[2])
    phones = parties.phones(build, sch.repetitions(phone), f"SCH-{phone}")
    where = address(build, sch.repetitions(home)[0], f"SCH-{home}") if home and sch.one(home) else None
    if held is not None and phones:
        held.setdefault("telecom", phones)
    if held is not None and where is not None:
        held.setdefault("address", [where])
    at = location(build, sch.one(place), f"SCH-{place}") if sch.one(place) else None
    if at is not None:
        _, code, display = next(one for one in _PEOPLE if one[0] == number)
        played = parties.provider_role(code, display) if code else {"text": display}
        parties.role(build, played, who, location=at)


def finish_appointment(context: Context) -> None:
    """FHIR invariant app-3: an appointment that stands has a start and an end, if only as not known."""
    out = context.appointment
    if out is None or out["status"] in ("proposed", "cancelled", "waitlist"):
        if out is not None and "start" in out and "end" not in out:
            out["_end"] = {"extension": [absent()]}
        return
    for name in ("start", "end"):
        if name not in out:
            out[f"_{name}"] = {"extension": [absent()]}


def _status(context: Context, sent: str) -> str:
    maps = code_maps()
    found = maps["FillerStatusCodes[Appointment]"].word(sent) if sent else None
    if found is not None:
        return found.code
    by_event = maps["AppointmentEvent"].targets.get(context.trigger)
    return by_event.code if by_event is not None else "proposed"


def _accepted(appointment: Resource) -> str:
    """ParticipationStatus for an appointment of this status: nobody is asked again for one that stands or fell."""
    if appointment["status"] in ("cancelled", "entered-in-error"):
        return "declined"
    return "accepted" if appointment["status"] in _MEDICAL else "needs-action"


def _reason(context: Context, sch: Segment, out: Resource) -> None:
    build, maps = context.build, code_maps()
    # FHIR invariant app-4: a reason of the event has a place where it is a cancellation only.
    event = values.concept(build, sch.one(6)) if sch.one(6) and out["status"] == "cancelled" else None
    if event is not None:
        out["cancelationReason"] = event
    for number in (7, 8):
        if not sch.one(number):
            continue
        table = build.read.values(sch.one(number), 3)[2].upper()
        is_type = table.endswith("0277") or (number == 8 and not table.endswith("0276"))
        mapped = maps["AppointmentTypeCodes" if is_type else "AppointmentReasonCodes"]
        found = values.concept(build, sch.one(number), mapped)
        if found is None:
            continue
        if is_type:
            out.setdefault("appointmentType", found)
        else:
            out.setdefault("reasonCode", []).append(found)


def _times(context: Context, sch: Segment, out: Resource) -> None:
    """SCH-9 in minutes, SCH-11 (TQ): start, end and priority."""
    build = context.build
    length = _minutes(sch.value(9), sch.value(10) or "MIN")
    if length:
        out["minutesDuration"] = length
    elif sch.value(9):
        build.issue("hl7v2.number-invalid", "SCH-9", "this is no length of an appointment; it was left out")
    sent = build.read.values(sch.repetitions(11)[0], 6) if sch.one(11) else [""] * 6
    start, end = build.instant(sent[3], "SCH-11"), build.instant(sent[4], "SCH-11")
    if start is not None:
        end = end or _later(start, length * 60)
        out.update(values.ordered(build, {"start": start, **({"end": end} if end else {})}, "SCH-11"))
    level = code_maps()["AppointmentPriority"].targets.get(sent[5].upper()[:1]) if sent[5] else None
    if level is not None:
        out["priority"] = int(level.code)


def _minutes(number: str, unit: str) -> int:
    """0 for what is no number, in no unit of time, or longer than any appointment."""
    value, scale = values.number(number), _SECONDS.get(unit_of_time(unit))
    found = value * scale / 60 if value is not None and scale is not None else 0
    return round(found) if 0 < found <= _YEAR / 60 else 0


def _later(start: str, seconds: float) -> str | None:
    """A FHIR dateTime so many seconds later, in the same zone; None where nothing is to be added."""
    if seconds <= 0 or seconds > _YEAR:
        return None
    try:
        return (datetime.fromisoformat(start) + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError):
        return None


def _ordered(context: Context, sch: Segment, appointment: Resource) -> None:
    """SCH-26 and SCH-27: the order that the appointment is for, as far as SIU tells of it."""
    build = context.build
    out: Resource = {"resourceType": "ServiceRequest", "status": "active", "intent": "order"}
    if appointment["status"] in ("cancelled", "entered-in-error"):
        out["status"] = "revoked" if appointment["status"] == "cancelled" else "entered-in-error"
    for number, kind in ((26, "PLAC"), (27, "FILL")):
        found = values.entity_identifier(fields.entity(build.read, sch.one(number)), kind)
        if found is not None:
            out.setdefault("identifier", []).append(found)
    out["subject"] = build.patient
    order = Segment("|".join(("OBR", "", sch.one(26), sch.one(27))).replace("|", sch.delimiters.field), sch.delimiters)
    reference = build.mention(order_key(build, None, order, ""), out)
    appointment["basedOn"] = [reference]
    context.scheduled = out


def take_timing(context: Context, tq1: Segment) -> bool:
    """TQ1 of an appointment: start, end and priority, over those of SCH-11."""
    appointment, build = context.appointment, context.build
    if appointment is None or (not tq1.value(7) and not tq1.value(9)):
        return False
    start, end = build.instant(tq1.value(7), "TQ1-7"), build.instant(tq1.value(8), "TQ1-8")
    if start is not None:
        appointment.pop("end", None)
        appointment.update(values.ordered(build, {"start": start, **({"end": end} if end else {})}, "TQ1-8"))
    level = code_maps()["AppointmentPriority"].targets.get(tq1.value(9).upper()[:1])
    if level is not None:
        appointment["priority"] = int(level.code)
    return True


def take_ais(context: Context, ais: Segment) -> bool:
    """The service: of the appointment, and of the order where there is one."""
    appointment = context.appointment
    if appointment is None:
        return False
    build = context.build
    service = values.concept(build, ais.one(3)) if ais.one(3) else None
    if service is not None and service not in appointment.get("serviceType", ()):
        appointment.setdefault("serviceType", []).append(service)
    start, end = _span(context, ais, (4, 5, 6, 7, 8))
    if start is not None and "start" not in appointment:
        appointment["start"] = start
        appointment["end"] = end or _later(start, appointment.get("minutesDuration", 0) * 60) or start
    order = context.scheduled
    if order is not None:
        if service is not None:
            order.setdefault("code", service)
        if start is not None and not any(name.startswith("occurrence") for name in order):
            order["occurrencePeriod"] = {"start": start, **({"end": end} if end else {})}
        for number in (11, 12):
            more = [found for raw in ais.repetitions(number) if (found := values.concept(build, raw)) is not None]
            if more and "code" in order:
                order.setdefault("orderDetail", []).extend(more)
    context.speak_of(appointment)
    return True


def _span(context: Context, segment: Segment, numbers: tuple[int, int, int, int, int]) -> tuple[str | None, str | None]:
    """Start and end of a resource: its own time, else an offset from the appointment's start, and its duration."""
    build, appointment = context.build, context.appointment or {}
    start_field, offset, offset_unit, lasting, lasting_unit = numbers
    start = build.instant(segment.value(start_field), f"{segment.name}-{start_field}")
    if start is None and segment.value(offset) and "start" in appointment:
        start = _later(appointment["start"], _minutes(segment.value(offset), segment.value(offset_unit)) * 60)
    minutes = _minutes(segment.value(lasting), segment.value(lasting_unit) or "MIN")
    return start, _later(start, minutes * 60) if start is not None and minutes else None


def _participant(
    context: Context, segment: Segment, actor: Reference | None, kind: str, numbers: tuple[int, ...]
) -> bool:
    appointment = context.appointment
    if appointment is None:
        return False
    entry: Element = {}
    role = values.concept(context.build, kind) if kind else None
    if role is not None:
        entry["type"] = [role]
    if actor is not None:
        entry["actor"] = actor
    if not entry:
        return False
    start, end = _span(context, segment, (numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]))
    if start is not None:
        entry["period"] = {"start": start, **({"end": end} if end else {})}
    entry["status"] = _participation(segment.value(numbers[5]), appointment)
    if entry not in appointment["participant"]:
        appointment["participant"].append(entry)
    return True


def _participation(sent: str, appointment: Resource) -> str:
    found = code_maps()["FillerStatusCodes[Participation]"].word(sent) if sent else None
    return found.code if found is not None else _accepted(appointment)


def take_aig(context: Context, aig: Segment) -> bool:
    """A thing or group: a Device."""
    value = fields.coded(context.build.read, aig.one(3))
    device = None
    if value.code or value.text:
        named = [{"name": value.text, "type": "model-name"}] if value.text else None
        given = fields.Entity(value.code, fields.Authority(value.system))
        device = parties.device(context.build, given, deviceName=named)
    taken = _participant(context, aig, device, aig.one(4), (8, 9, 10, 11, 12, 14))
    held = context.build.known("Device", device["reference"].partition("/")[2]) if device is not None else None
    if held is not None:
        context.speak_of(held)
    return taken


def take_ail(context: Context, ail: Segment) -> bool:
    """A place."""
    found = [location(context.build, raw, "AIL-3") for raw in ail.repetitions(3)]
    where = next((one for one in found if one is not None), None)
    context.speak_of(context.appointment)
    return _participant(context, ail, where, ail.one(4), (6, 7, 8, 9, 10, 12))


def take_aip(context: Context, aip: Segment) -> bool:
    """A person."""
    found = [parties.practitioner(context.build, raw, "AIP-3") for raw in aip.repetitions(3)]
    who = next((one for one in found if one is not None), None)
    context.speak_of(context.appointment)
    return _participant(context, aip, who, aip.one(4), (6, 7, 8, 9, 10, 12))


def take_rgs(context: Context, rgs: Segment) -> bool:
    """The start of a group of resources; it says nothing of its own that FHIR has a place for."""
    del rgs
    return context.appointment is not None
