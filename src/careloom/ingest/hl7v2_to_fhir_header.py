"""MSH, SFT, EVN and MSA: the MessageHeader, and the Provenance of the message and of its event.

Guide: MSH[MessageHeader], SFT[MessageHeader], MSA[MessageHeader], MSH[Provenance-Source], EVN[Provenance], SFT[Device],
PID[Provenance-Patient]. The bytes themselves are kept in landing, where every resource is led back to them; what is
made here says what the sender says of itself. A MessageHeader has no focus: it would hold a patient's id outside of the
patient's compartment; the Provenance has the patient as its target instead.

Identity: sender, MSH-10 (a hash of the message where it is missing); for the Provenance of a patient PID-33 too.
"""

from careloom.fhir.drafts import Resource
from careloom.hl7v2 import fields
from careloom.hl7v2.fields import Authority
from careloom.hl7v2.parse import Segment
from careloom.ingest import hl7v2_to_fhir_parties as parties
from careloom.ingest import hl7v2_to_fhir_values as values
from careloom.ingest.hl7v2_to_fhir_build import Build, absent
from careloom.ingest.hl7v2_to_fhir_codes import V2_TABLE, code_maps, universal_urn
from careloom.ingest.hl7v2_to_fhir_places import site
from careloom.ingest.hl7v2_to_fhir_values import Element

_AGENT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_OPERATION = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
# HD.3 -> how HD.2 becomes an endpoint (guide HD[MessageHeader.source-endpoint]).
_ENDPOINTS = {"DNS": "urn:dns:", "URI": "urn:uri:"}
# HL7 table 0008 and FHIR R4 response-code.
_RESPONSES = {"AA": "ok", "CA": "ok", "AE": "transient-error", "CE": "transient-error", "AR": "fatal-error"}
_RESPONSES["CR"] = "fatal-error"


def add_header(build: Build, kind: str, trigger: str) -> None:
    """The MessageHeader, what the message came from (Device, Organization) and its Provenance."""
    msh = build.message.header
    key = f"{msh.value(3)}|{msh.value(4)}|{build.message_key}"
    out: Resource = {"resourceType": "MessageHeader"}
    name = "^".join(build.read.values(msh.one(9), 3)).rstrip("^")
    event: Element = {"system": f"{V2_TABLE}0003"}
    if trigger:
        event["code"] = trigger
    out["eventCoding"] = {**event, "display": name or kind}
    language = values.clean_code(msh.value(19))
    if language and " " not in language:
        out["language"] = language
    out["source"] = _source(build, msh)
    destination = _destination(build, msh)
    if destination is not None:
        out["destination"] = [destination]
    sender = parties.facility(build, msh.one(4)) if msh.one(4) else None
    if sender is not None:
        out["sender"] = sender
        country = msh.value(17)
        held = build.known("Organization", sender["reference"].partition("/")[2])
        if country and held is not None:
            held.setdefault("address", [{"country": country}])
    responsible = parties.organization(build, msh.one(22), "MSH-22") if msh.one(22) else None
    if responsible is not None:
        out["responsible"] = responsible
    _respond(build, out)
    header = build.put(key, out)
    software = _software(build)
    _message_provenance(build, key, name, [header, build.patient], responsible or sender, software)
    _event_provenance(build, key, name, [header, build.patient], responsible or sender)


def _respond(build: Build, out: Resource) -> None:
    msa = build.message.first("MSA")
    code = _RESPONSES.get(msa.value(1).upper()) if msa is not None else None
    if msa is not None and code is not None and values.ID.fullmatch(msa.value(2)):
        out["response"] = {"identifier": msa.value(2), "code": code}


def _source(build: Build, msh: Segment) -> Element:
    out: Element = {}
    application = parties.authority_of(build, msh.one(3)) if msh.one(3) else fields.NOBODY
    address = parties.authority_of(build, msh.one(24)) if msh.one(24) else fields.NOBODY
    if application.namespace or address.namespace:
        out["name"] = application.namespace or address.namespace
    sft = build.message.first("SFT")
    if sft is not None and sft.value(3):
        out["software"] = sft.value(3)
    elif application.universal_id:
        out["software"] = application.universal_id
    if sft is not None and sft.value(2):
        out["version"] = sft.value(2)
    _endpoint(out, address if address.key else application)
    return out


def _destination(build: Build, msh: Segment) -> Element | None:
    out: Element = {}
    application = parties.authority_of(build, msh.one(5)) if msh.one(5) else fields.NOBODY
    address = parties.authority_of(build, msh.one(25)) if msh.one(25) else fields.NOBODY
    name = address.namespace or application.namespace
    if name:
        out["name"] = name
    receiver = parties.organization(build, msh.one(23), "MSH-23") if msh.one(23) else None
    if receiver is None and msh.one(6):
        receiver = parties.facility(build, msh.one(6))
    if not name and receiver is None and not address.key:
        return None
    _endpoint(out, address if address.key else application)
    if receiver is not None:
        out["receiver"] = receiver
    return out


def _endpoint(out: Element, authority: Authority) -> None:
    """The endpoint, or that it is not known: FHIR requires one."""
    kind = authority.universal_id_type.upper()
    urn = universal_urn(authority) if authority.universal_id else ""
    if not urn and kind in _ENDPOINTS and authority.universal_id and " " not in authority.universal_id:
        urn = f"{_ENDPOINTS[kind]}{authority.universal_id}"
    if urn:
        out["endpoint"] = urn
    else:
        out["_endpoint"] = {"extension": [absent()]}


def _software(build: Build) -> list[tuple[str, Element]]:
    """(role, Device) of the sending application and of each SFT."""
    out: list[tuple[str, Element]] = []
    application = parties.authority_of(build, build.message.header.one(3))
    if application.key:
        numbers: list[Element] = [{"value": application.namespace}] if application.namespace else []
        if application.universal_id:
            numbers.append(values.universal_identifier(application))
        made = build.mention(f"HD|{application.key}", {"resourceType": "Device", "identifier": numbers})
        out.append(("source", made))
    for sft in build.message.all("SFT"):
        made_of = _device(build, sft)
        if made_of is not None:
            out.append(("derivation", made_of))
    return out


def _device(build: Build, sft: Segment) -> Element | None:
    maker = fields.organization(build.read, sft.one(1))
    out: Resource = {"resourceType": "Device"}
    if maker.name or maker.id:
        out["manufacturer"] = maker.name or maker.id
    if sft.value(3):
        out["deviceName"] = [{"name": sft.value(3), "type": "manufacturer-name"}]
    if sft.value(4):
        out["modelNumber"] = sft.value(4)
    if sft.value(2):
        out["version"] = [{"value": sft.value(2)}]
    if sft.plain(5):
        out["note"] = [{"text": sft.plain(5)}]
    if len(out) == 1:
        return None
    return build.mention(f"SFT|{maker.name or maker.id}|{sft.value(3)}|{sft.value(2)}|{sft.value(4)}", out)


def _message_provenance(
    build: Build,
    key: str,
    name: str,
    targets: list[Element],
    who: Element | None,
    software: list[tuple[str, Element]],
) -> None:
    sent = build.message.header.value(7)
    recorded = build.instant(sent, "MSH-7")
    if who is None or recorded is None:
        return  # FHIR requires both; the message itself is in landing
    out: Resource = {"resourceType": "Provenance", "target": targets}
    out["occurredDateTime"] = recorded
    out["recorded"] = recorded
    out["activity"] = {"coding": [{"display": f"message - {name}"}]}
    out["agent"] = [_agent("author", who)]
    if software:
        out["entity"] = [{"role": role, "what": what} for role, what in software]
    build.put(f"{key}|MSH", out)


def _event_provenance(build: Build, key: str, name: str, targets: list[Element], who: Element | None) -> None:
    evn = build.message.first("EVN")
    if evn is None:
        return
    recorded = build.instant(evn.value(2), "EVN-2")
    operators = [found for raw in evn.repetitions(5) if (found := parties.practitioner(build, raw, "EVN-5"))]
    agents = operators or ([who] if who is not None else [])
    if recorded is None or not agents:
        return
    out: Resource = {"resourceType": "Provenance", "target": targets}
    occurred = build.date_time(evn.value(6), "EVN-6")
    if occurred is not None:
        out["occurredDateTime"] = occurred
    out["recorded"] = recorded
    reason = values.concept(build, evn.one(4), code_maps()["EventReason"]) if evn.value(4) != "U" else None
    if reason is not None:
        out["reason"] = [reason]
    event = "^".join(name.split("^")[:2])
    out["activity"] = {"coding": [{"display": f"event - {event}"}], "text": name}
    where = site(build, parties.authority_of(build, evn.one(7))) if evn.one(7) else None
    if where is not None:
        out["location"] = where
    out["agent"] = [{"who": one} for one in agents]
    build.put(f"{key}|EVN", out)


def add_patient_update(build: Build, pid: Segment) -> None:
    """PID-33 and PID-34: when and where the patient's data was last changed."""
    occurred = build.date_time(pid.value(33), "PID-33")
    recorded = build.instant(build.message.header.value(7), "MSH-7")
    who = parties.facility(build, pid.one(34)) if pid.one(34) else None
    if occurred is None or recorded is None or who is None:
        return
    out: Resource = {"resourceType": "Provenance", "target": [build.patient]}
    out["occurredDateTime"] = occurred
    out["recorded"] = recorded
    out["activity"] = {"coding": [{"system": _OPERATION, "code": "UPDATE"}]}
    out["agent"] = [_agent("performer", who)]
    build.put(f"{build.patient_id}|PID-33|{pid.value(33)}", out)


def _agent(code: str, who: Element) -> Element:
    return {"type": {"coding": [{"system": _AGENT, "code": code}]}, "who": who}
