"""The header of a document beside the patient: encounter, participants, service events, Composition.

After the guide's pages on the header, on encounters and on participations.
"""

from careloom.fhir.drafts import Resource
from careloom.ingest.ccda_build import ABSENT_REASON, Build, Part, Reference, unknown_concept
from careloom.ingest.ccda_codes import codes
from careloom.ingest.ccda_narrative import text_of
from careloom.ingest.ccda_parties import (
    location,
    organization,
    party,
    related_person,
    role_of,
    unknown_reference,
)
from careloom.ingest.ccda_patient import language
from careloom.ingest.ccda_read import Kids, first, kids
from careloom.ingest.ccda_values import concept, identifiers, key_of, period, times, whole
from careloom.ingest.xml_read import Element

ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_FLAVOR = "2.16.840.1.113883.5.25"
_CONFIDENTIAL = frozenset("LMNRUV")
_VERSION = "http://hl7.org/fhir/us/ccda/StructureDefinition/VersionNumber"
_RELATIVES = frozenset(("PRS", "NOK", "CAREGIVER", "AGNT", "GUARD", "ECON", "CON", "QUAL", "PAT"))
# FHIR R4 encounter participant types are the v3 ParticipationType codes that CDA uses, too
_PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"


def add_encounter(build: Build, held: Kids) -> None:
    """The encompassingEncounter, as `build.visit`."""
    wrapper = first(held, "componentOf")
    found = first(kids(wrapper), "encompassingEncounter") if wrapper is not None else None
    if found is None:
        return
    told = kids(found)
    out: Resource = {"resourceType": "Encounter"}
    numbers = identifiers(told.get("id"))
    if numbers:
        out["identifier"] = numbers
    effective = first(told, "effectiveTime")
    out["status"] = status_by_time(effective)
    set_class(build, out, first(told, "code"))
    out["subject"] = build.patient
    people = [_participant(build, each) for each in told.get("encounterParticipant", ())]
    people += [_participant(build, each, "RESP") for each in told.get("responsibleParty", ())]
    if any(people):
        out["participant"] = [each for each in people if each is not None]
    length = period(build, effective, "componentOf/encompassingEncounter/effectiveTime")
    if length is not None:
        out["period"] = length
    gone = concept(build, first(told, "dischargeDispositionCode"))
    if gone is not None:
        out["hospitalization"] = {"dischargeDisposition": gone}
    for each in told.get("location", ()):
        facility = first(kids(each), "healthCareFacility")
        place = location(build, facility)
        if place is not None:
            out.setdefault("location", []).append({"location": place})
        owner = (
            organization(build, first(kids(facility), "serviceProviderOrganization")) if facility is not None else None
        )
        if owner is not None:
            out["serviceProvider"] = owner
    key = key_of(numbers)
    build.visit = build.put(f"encounter|{key}" if key else "", out)


def status_by_time(effective: Element | None) -> str:
    """Encounter.status where no status code is sent: by the guide's reading of effectiveTime."""
    value, low, high = times(effective)
    if value or high:
        return "finished"
    return "in-progress" if low else "unknown"


def set_class(build: Build, out: Resource, code: Element | None) -> None:
    """Encounter.class from the v3 ActCode among the codes, else by CPT code; Encounter.type from the others."""
    found = concept(build, code)
    codings = found.get("coding", []) if found is not None else []
    own = next((each for each in codings if each.get("system") == ACT_CODE), None)
    others = [each for each in codings if each is not own]
    by_cpt = next((codes("encounter-class").get(each["code"][:4], "") for each in others if len(each["code"]) == 5), "")
    if own is not None:
        out["class"] = own
    elif by_cpt:
        out["class"] = {"system": ACT_CODE, "code": by_cpt}
    else:
        out["class"] = {"extension": [{"url": ABSENT_REASON, "valueCode": "unknown"}]}
    kind: Part = {"coding": others} if others else {}
    if found is not None and "text" in found:
        kind["text"] = found["text"]
    if kind:
        out["type"] = [kind]


def _participant(build: Build, element: Element, kind: str = "") -> Part | None:
    who = party(build, role_of(element))
    if who is None or who["reference"].startswith("Organization/"):
        return None
    out: Part = {"individual": who}
    code = kind or element.get("typeCode") or ""
    if code.isalpha() and code.isascii():
        out["type"] = [{"coding": [{"system": _PARTICIPATION, "code": code}]}]
    length = period(build, first(kids(element), "time"))
    if length is not None:
        out["period"] = length
    return out


def add_participants(build: Build, held: Kids) -> list[Reference]:
    """Everybody whom the header names beside authors, authenticators and the custodian; references to them."""
    out: list[Reference | None] = []
    for each in held.get("participant", ()):
        role = role_of(each)
        if role is None:
            continue
        if role.get("classCode") in _RELATIVES and first(kids(role), "associatedPerson") is not None:
            out.append(related_person(build, role))
            organization(build, first(kids(role), "scopingOrganization"))
        else:
            out.append(party(build, role))
    for each in held.get("informant", ()):
        role = role_of(each)
        if role is not None and first(kids(role), "relatedPerson") is not None:
            out.append(related_person(build, role))
        else:
            out.append(party(build, role))
    for name in ("dataEnterer", "informationRecipient"):
        out += [party(build, role_of(each)) for each in held.get(name, ())]
    for each in held.get("documentationOf", ()):
        event = first(kids(each), "serviceEvent")
        performers = kids(event).get("performer", ()) if event is not None else ()
        out += [party(build, role_of(performer)) for performer in performers]
    return [each for each in out if each is not None]


def composition(build: Build, held: Kids, sections: list[Part]) -> Resource:
    """The Composition of the document."""
    out: Resource = {"resourceType": "Composition"}
    _versions(held, out)
    numbers = identifiers(held.get("id"))
    if numbers:
        out["identifier"] = {"use": "official", **numbers[0]}
    spoken = language(first(held, "languageCode"))
    if spoken:
        out["language"] = spoken
    out["status"] = "final"
    out["type"] = concept(build, first(held, "code")) or unknown_concept()
    out["subject"] = build.patient
    if build.visit is not None:
        out["encounter"] = dict(build.visit)
    effective = first(held, "effectiveTime")
    dated = build.date_time(effective.get("value") if effective is not None else None, "effectiveTime")
    if dated is not None:
        out["date"] = dated
    else:
        out["_date"] = {"extension": [{"url": ABSENT_REASON, "valueCode": "unknown"}]}
    authors = [who for each in held.get("author", ()) if (who := party(build, role_of(each), devices=True)) is not None]
    out["author"] = _once(authors) or [unknown_reference()]
    out["title"] = text_of(build, first(held, "title")) or out["type"].get("text") or _display(out["type"])
    secret = first(held, "confidentialityCode")
    if secret is not None and secret.get("code") in _CONFIDENTIAL and secret.get("codeSystem", _FLAVOR) == _FLAVOR:
        out["confidentiality"] = secret.get("code")
    attesters = [*_attesters(build, held, "legalAuthenticator", "legal")]
    attesters += _attesters(build, held, "authenticator", "professional")
    if attesters:
        out["attester"] = attesters
    keeper = custodian(build, held)
    if keeper is not None:
        out["custodian"] = keeper
    events = [found for each in held.get("documentationOf", ()) if (found := _event(build, each)) is not None]
    if events:
        out["event"] = events
    if sections:
        out["section"] = sections
    return out


def _versions(held: Kids, out: Resource) -> None:
    version = first(held, "versionNumber")
    value = whole((version.get("value") or "").strip()) if version is not None else None
    if value is not None:
        out["extension"] = [{"url": _VERSION, "valueInteger": value}]


def _display(concept_part: Part) -> str:
    return str(next((each["display"] for each in concept_part.get("coding", ()) if "display" in each), "Document"))


def _once(references: list[Reference]) -> list[Reference]:
    out: list[Reference] = []
    for each in references:
        if each not in out:
            out.append(each)
    return out


def _attesters(build: Build, held: Kids, name: str, mode: str) -> list[Part]:
    out: list[Part] = []
    for each in held.get(name, ()):
        told = kids(each)
        one: Part = {"mode": mode}
        time = first(told, "time")
        signed = build.date_time(time.get("value") if time is not None else None, f"{name}/time")
        if signed is not None:
            one["time"] = signed
        who = party(build, role_of(each))
        if who is not None:
            one["party"] = who
        out.append(one)
    return out


def custodian(build: Build, held: Kids) -> Reference | None:
    """The Organization that keeps the document."""
    wrapper = first(held, "custodian")
    role = first(kids(wrapper), "assignedCustodian") if wrapper is not None else None
    return organization(build, first(kids(role), "representedCustodianOrganization")) if role is not None else None


def _event(build: Build, element: Element) -> Part | None:
    event = first(kids(element), "serviceEvent")
    if event is None:
        return None
    held = kids(event)
    out: Part = {}
    code = concept(build, first(held, "code"))
    kind = event.get("classCode") or ""
    if code is None and kind.isalpha() and kind.isascii():
        code = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActClass", "code": kind}]}
    if code is not None:
        out["code"] = [code]
    length = period(build, first(held, "effectiveTime"), "documentationOf/serviceEvent/effectiveTime")
    if length is not None:
        out["period"] = length
    return out or None


def document_author(build: Build, held: Kids) -> Reference | None:
    """Who wrote the document, where a person or an organization did."""
    for each in held.get("author", ()):
        who = party(build, role_of(each))
        if who is not None:
            return who
    return None
