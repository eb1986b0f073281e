"""Procedures, encounters, planned acts, devices and supplies, after the guide's pages on procedures and encounters."""

from careloom.fhir.drafts import Resource
from careloom.ingest.ccda_act import Act, SectionContext, add_notes, begin, performers, reasons, recorded, status_of
from careloom.ingest.ccda_build import Build, Part, Reference, unknown_concept
from careloom.ingest.ccda_codes import codes
from careloom.ingest.ccda_conditions import condition
from careloom.ingest.ccda_header import set_class, status_by_time
from careloom.ingest.ccda_narrative import text_of
from careloom.ingest.ccda_parties import location, organization, party
from careloom.ingest.ccda_read import child, first, kids
from careloom.ingest.ccda_values import concept, concepts, identifiers, key_of, period, when
from careloom.ingest.xml_read import Element

_DIAGNOSIS = "29308-4"
_INSTRUCTION = "2.16.840.1.113883.10.20.22.4.20"
_PROBLEM = "2.16.840.1.113883.10.20.22.4.4"
_FDA = "2.16.840.1.113883.3.3719"
_PLACES = frozenset(("LOC", "SDLOC"))


def procedure(build: Build, act: Act, section: SectionContext) -> list[Reference]:
    """The Procedure of a procedure activity; one that is only meant to happen is a ServiceRequest."""
    if act.mood != "EVN":
        return [service_request(build, act)]
    out = begin("Procedure", act)
    related = list(act.related())
    out["status"] = "not-done" if act.negated else status_of("procedure-status", act, "unknown")
    out["code"] = concept(build, act.one("code")) or _words(build, act)
    out["subject"] = build.patient
    when(build, act.one("effectiveTime"), out, "performed")
    authors = act.held.get("author")
    recorded(build, out, authors, who="recorder", when="")
    if out.get("recorder", {}).get("reference", "").startswith("Organization/"):
        del out["recorder"]
    who = performers(build, act)
    if who:
        out["performer"] = [{"actor": each} for each in who]
    _participants(build, act, out)
    why = reasons(build, related)
    if why:
        out["reasonCode"] = why
    sites = concepts(build, act.held.get("targetSiteCode"))
    if sites:
        out["bodySite"] = sites
    add_notes(build, related, out)
    del section
    return [build.put(act.key, out)]


def _words(build: Build, act: Act) -> Part:
    words = text_of(build, act.one("text"))
    return {"text": words} if words else unknown_concept()


def _participants(build: Build, act: Act, out: Resource) -> None:
    """Where a procedure was done, and the devices that were used or put in."""
    for each in act.held.get("participant", ()):
        role = child(each, "participantRole")
        if role is None:
            continue
        if each.get("typeCode") in _PLACES or role.get("classCode") in _PLACES:
            place = location(build, role)
            if place is not None:
                out["location"] = place
        elif role.get("classCode") == "MANU" or each.get("typeCode") == "DEV":
            made = device(build, role)
            if made is not None:
                out.setdefault("focalDevice", []).append({"manipulated": made})


def device(build: Build, role: Element) -> Reference | None:
    """The Device of a product instance; None where nothing is known of it."""
    held = kids(role)
    out: Resource = {"resourceType": "Device"}
    numbers = identifiers(held.get("id"))
    if numbers:
        out["identifier"] = numbers
    for each in held.get("id", ()):
        if each.get("root") == _FDA and each.get("extension"):
            out["udiCarrier"] = [{"carrierHRF": each.get("extension")}]
    playing = first(held, "playingDevice")
    told = kids(playing) if playing is not None else {}
    maker = first(held, "scopingEntity")
    if maker is not None:
        found = kids(maker)
        name = text_of(build, first(found, "desc")) or text_of(build, first(found, "name"))
        if name:
            out["manufacturer"] = name
    model = text_of(build, first(told, "manufacturerModelName"))
    if model:
        out["deviceName"] = [{"name": model, "type": "model-name"}]
    kind = concept(build, first(told, "code"))
    if kind is not None:
        out["type"] = kind
    if len(out) == 1:
        return None
    out["patient"] = build.patient
    return build.put(f"device|{key_of(numbers)}" if numbers else "", out)


def supply(build: Build, act: Act, section: SectionContext) -> list[Reference]:
    """A supply that is no medication: a DeviceUseStatement or a DeviceRequest with its Device; a SupplyRequest or
    SupplyDelivery where no device is named.
    """
    del section
    made = None
    for each in act.held.get("participant", ()):
        role = child(each, "participantRole")
        if role is not None and made is None and role.get("classCode") not in _PLACES:
            made = device(build, role)
    code = concept(build, act.one("code"))
    words = text_of(build, act.one("text"))
    if made is None and code is None and not words:
        return []
    if made is None:
        made = build.put("", {"resourceType": "Device", "type": code or {"text": words}, "patient": build.patient})
    elif code is not None:
        (build.known(made) or {}).setdefault("type", code)
    if act.mood != "EVN":
        out = begin("DeviceRequest", act)
        out["status"] = status_of("request-status", act, "unknown")
        out["intent"] = codes("request-intent").get(act.mood, "plan")
        out["codeReference"] = made
        out["subject"] = build.patient
        when(build, act.one("effectiveTime"), out, "occurrence")
        return [build.put(act.key, out)]
    out = begin("DeviceUseStatement", act)
    out["status"] = "completed" if act.status == "completed" else "active"
    out["subject"] = build.patient
    when(build, act.one("effectiveTime"), out, "timing")
    out["device"] = made
    add_notes(build, list(act.related()), out)
    return [build.put(act.key, out)]


def equipment_organizer(build: Build, act: Act, section: SectionContext) -> list[Reference]:
    """The supplies and procedures of a medical equipment organizer."""
    out: list[Reference] = []
    for inner in act.components():
        if inner.name == "supply":
            out += supply(build, inner, section)
        elif inner.name == "procedure":
            out += procedure(build, inner, section)
    return out


def encounter(build: Build, act: Act, section: SectionContext) -> list[Reference]:
    """The Encounter of an encounter activity, with its diagnoses; a planned one has the status planned."""
    out = begin("Encounter", act)
    related = list(act.related())
    status = codes("encounter-status").get(act.status, "") or status_by_time(act.one("effectiveTime"))
    out["status"] = status if act.mood == "EVN" else "planned"
    set_class(build, out, act.one("code"))
    out["subject"] = build.patient
    people = [each for each in performers(build, act) if not each["reference"].startswith("Organization/")]
    if people:
        out["participant"] = [{"individual": each} for each in people]
    length = period(build, act.one("effectiveTime"))
    if length is not None:
        out["period"] = length
    gone = concept(build, act.one("sdtc:dischargeDispositionCode"))
    if gone is not None:
        out["hospitalization"] = {"dischargeDisposition": gone}
    for each in act.held.get("participant", ()):
        role = child(each, "participantRole")
        if role is not None and (each.get("typeCode") in _PLACES or role.get("classCode") in _PLACES):
            place = location(build, role)
            if place is not None:
                out.setdefault("location", []).append({"location": place})
            organization(build, child(role, "scopingEntity"))
    why = reasons(build, related)
    if why:
        out["reasonCode"] = why
    key = act.key
    made = build.put(f"encounter|{key}" if key else "", out)
    found = _diagnoses(build, related, section)
    held = build.known(made)
    if found and held is not None:
        held["diagnosis"] = [{"condition": each} for each in found]
    return [made, *found]


def _diagnoses(build: Build, related: list[tuple[str, Act]], section: SectionContext) -> list[Reference]:
    out: list[Reference] = []
    for kind, inner in related:
        if inner.name == "act" and (inner.code == _DIAGNOSIS or kind in ("COMP", "SUBJ")):
            for _, each in inner.related():
                if each.name == "observation":
                    out.append(condition(build, each, section, inner, "encounter-diagnosis"))
        elif inner.name == "observation" and kind in ("COMP", "SUBJ") and _PROBLEM in inner.templates:
            out.append(condition(build, inner, section, None, "encounter-diagnosis"))
    return out


def planned(build: Build, act: Act, section: SectionContext) -> list[Reference]:
    """The ServiceRequest of a planned act, observation or procedure, a referral or an instruction."""
    del section
    return [service_request(build, act)]


def service_request(build: Build, act: Act) -> Reference:
    """The ServiceRequest of one statement."""
    out = begin("ServiceRequest", act)
    related = list(act.related())
    out["status"] = status_of("request-status", act, "active" if act.mood != "EVN" else "completed")
    out["intent"] = codes("request-intent").get(act.mood, "plan")
    urgent = first(act.held, "priorityCode")
    priority = codes("request-priority").get((urgent.get("code") or ""), "") if urgent is not None else ""
    if priority:
        out["priority"] = priority
    if act.negated:
        out["doNotPerform"] = True
    out["code"] = concept(build, act.one("code")) or _words(build, act)
    out["subject"] = build.patient
    when(build, act.one("effectiveTime"), out, "occurrence")
    recorded(build, out, act.held.get("author"), who="requester", when="authoredOn")
    who = performers(build, act)
    if who:
        out["performer"] = who
    for each in act.held.get("participant", ()):
        made = party(build, child(each, "participantRole")) if each.get("typeCode") in ("REFT", "PRF", "IRCP") else None
        if made is not None and made not in out.get("performer", ()):
            out.setdefault("performer", []).append(made)
    why = reasons(build, related)
    if why:
        out["reasonCode"] = why
    sites = concepts(build, act.held.get("targetSiteCode"))
    if sites:
        out["bodySite"] = sites
    add_notes(build, related, out)
    _instructions(build, act, related, out)
    return build.put(act.key, out)


def _instructions(build: Build, act: Act, related: list[tuple[str, Act]], out: Resource) -> None:
    """The text of an instruction, of the act itself or of one inside."""
    told = [act] if _INSTRUCTION in act.templates else []
    told += [inner for _, inner in related if inner.name == "act" and _INSTRUCTION in inner.templates]
    words = [found for each in told if (found := text_of(build, each.one("text")))]
    if words:
        out["patientInstruction"] = "\n".join(dict.fromkeys(words))
