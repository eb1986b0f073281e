"""Patients: who PID is about, under which identity, with PD1, NK1 and MRG.

Identity of a patient: the first usable identifier in this order of fields: PID-3, PID-2, PID-4, PID-19. Among the
repetitions of PID-3 the kind decides, then whether an authority is named, then the order sent: MR (or MRN); PI; PT;
none named; other kinds; account and visit numbers (AN, VN) last. The identity is ``authority|number`` (with the kind
before it for kinds of the last two groups); an authority is known by its namespace, else by its universal id. A number
without an authority is taken to be unique within the source, which is why an issue says so.
"""

from urllib.parse import quote

from careloom.fhir.drafts import Resource
from careloom.hl7v2 import fields
from careloom.hl7v2.fields import Identifier
from careloom.hl7v2.parse import NULL, Segment
from careloom.ingest import hl7v2_to_fhir_values as values
from careloom.ingest.hl7v2_to_fhir_build import Build
from careloom.ingest.hl7v2_to_fhir_codes import LOCAL_AUTHORITY, code_maps
from careloom.ingest.hl7v2_to_fhir_people import address, contact_point, human_name, human_names
from careloom.ingest.hl7v2_to_fhir_plans import fill, plan
from careloom.ingest.hl7v2_to_fhir_values import Element
from careloom.terminology.systems import US_SSN

_RANKS = {"MR": 0, "MRN": 0, "PI": 1, "PT": 2, "": 3, "AN": 9, "VN": 9, "ACSN": 9}
_OTHER_KIND = 5
_RACE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"
_ETHNICITY = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity"
_ANIMAL = "http://hl7.org/fhir/StructureDefinition/patient-animal"
_IMPORTANCE = "http://hl7.org/fhir/StructureDefinition/patient-importance"
_CDC = "urn:oid:2.16.840.1.113883.6.238"
_NULL_FLAVOR = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"
# NK1-3 and NK1-7 values that name an organization, not a person (guide, ADT_A01 message map, NK1 conditions).
_ORGANIZATIONS = frozenset(("EMR", "E", "F", "I", "S"))


def patient_source_id(build: Build, pid: Segment) -> str:
    """The identity of the patient that a PID segment names; empty where it names none."""
    chosen = _best(build, pid.repetitions(3), "PID-3")
    for number in (2, 4):
        if not chosen:
            chosen = _best(build, pid.repetitions(number), f"PID-{number}")
    if not chosen:
        ssn = pid.value(19)
        if not ssn:
            return ""
        text = "no record number names the patient: the social security number does"
        remedy = "let the sender fill PID-3; until then the same person may stand here twice"
        build.issue("hl7v2.patient-by-ssn", "PID-19", text, remedy=remedy)
        return f"SS|{US_SSN}|{ssn}"
    return chosen


def merged_source_id(build: Build, mrg: Segment) -> list[str]:
    """The identities that MRG-1 says are merged away, in order."""
    found = [_best(build, [raw], "MRG-1") for raw in mrg.repetitions(1)]
    return list(dict.fromkeys(key for key in found if key))


def _best(build: Build, repetitions: list[str], place: str) -> str:
    chosen: tuple[int, int, Identifier] | None = None
    for raw in repetitions:
        if not raw or raw == NULL:
            continue
        value = fields.identifier(build.read, raw)
        if not value.value:
            continue
        rank = _RANKS.get(value.kind, _OTHER_KIND)
        candidate = (rank, 0 if _authority(value) else 1, value)
        if chosen is None or candidate[:2] < chosen[:2]:
            chosen = candidate
    if chosen is None:
        return ""
    rank, unnamed, value = chosen
    if unnamed:
        build.issue(
            "hl7v2.patient-id-without-authority",
            place,
            "the patient's number names no authority; it is taken to be unique within the source",
            "information",
            "let the sender fill CX.4, and ingest feeds of different hospitals as different sources",
        )
    key = f"{_authority(value)}|{value.value}"
    return f"{value.kind}|{key}" if rank >= _OTHER_KIND else key


def _authority(value: Identifier) -> str:
    return value.authority.key or value.facility.key


def patient_resource(build: Build, pid: Segment) -> Resource:
    """The Patient of a PID segment; PD1 and contacts are added by the caller."""
    out: Resource = {"resourceType": "Patient"}
    identifiers = _identifiers(build, pid)
    if identifiers:
        out["identifier"] = identifiers
    fill(plan("PID[Patient]"), pid, build, out)
    _birth(build, pid, out)
    _death(build, pid, out)
    _multiple_birth(build, pid, out)
    _county(pid, out)
    _race(build, pid, out)
    _ethnicity(build, pid, out)
    _animal(build, pid, out)
    prefer_only_language(out)
    return out


def prefer_only_language(out: Resource) -> None:
    """The primary language (PID-15, NK1-20, GT1-36) is the preferred one."""
    if len(out.get("communication", ())) == 1:
        out["communication"][0]["preferred"] = True


def _animal(build: Build, pid: Segment, out: Resource) -> None:
    """PID-35 and PID-36: species and breed."""
    parts: list[Element] = []
    for number, name in ((35, "species"), (36, "breed")):
        found = values.concept(build, pid.field(number)) if pid.field(number) else None
        if found is not None:
            parts.append({"url": name, "valueCodeableConcept": found})
    if parts:
        out.setdefault("extension", []).append({"url": _ANIMAL, "extension": parts})


def add_importance(build: Build, pv1: Segment, patient: Resource) -> None:
    """PV1-16 as the patient's importance (guide PV1[Patient])."""
    found = values.concept(build, pv1.field(16)) if pv1.field(16) else None
    entry = {"url": _IMPORTANCE, "valueCodeableConcept": found}
    if found is not None and entry not in patient.get("extension", ()):
        patient.setdefault("extension", []).append(entry)


def _identifiers(build: Build, pid: Segment) -> list[Element]:
    held: dict[tuple[str, str], Element] = {}
    for number in (3, 2, 4):
        for raw in pid.repetitions(number):
            found = values.identifier(build, raw, "", f"PID-{number}")
            if found is not None:
                held.setdefault((found.get("system", ""), found["value"]), found)
    ssn = pid.value(19)
    if ssn:
        found = {"type": values.identifier_type("SS"), "system": US_SSN, "value": ssn}
        held.setdefault((US_SSN, ssn), found)
    out = list(held.values())
    licence = build.read.values(pid.field(20), 3) if pid.field(20) else ["", "", ""]
    if licence[0]:
        found = {"type": values.identifier_type("DL"), "value": licence[0]}
        period = values.period_of(build, "", licence[2], "PID-20")
        if period:
            found["period"] = period
        if licence[1]:
            found["system"] = f"{LOCAL_AUTHORITY}{quote(licence[1], safe='')}"
            found["assigner"] = {"display": licence[1]}
        out.append(found)
    return out


def _birth(build: Build, pid: Segment, out: Resource) -> None:
    sent = pid.value(7)
    found = build.moment(sent, "PID-7")
    if found is None:
        return
    out["birthDate"] = found.date
    if found.time and found.has_day:
        url = "http://hl7.org/fhir/StructureDefinition/patient-birthTime"
        out["_birthDate"] = {"extension": [{"url": url, "valueDateTime": build.date_time(sent, "PID-7")}]}


def _death(build: Build, pid: Segment, out: Resource) -> None:
    died = build.date_time(pid.value(29), "PID-29")
    if died is not None:
        out["deceasedDateTime"] = died
        return
    said = code_maps()["YesNoIndicator"].word(pid.value(30)) if pid.value(30) else None
    if said is not None:
        out["deceasedBoolean"] = said.code == "true"


def _multiple_birth(build: Build, pid: Segment, out: Resource) -> None:
    order = pid.value(25)
    rank = values.positive(order)
    if rank is not None:
        out["multipleBirthInteger"] = rank
        return
    if order:
        build.issue("hl7v2.number-invalid", "PID-25", "this is no birth order; it was left out")
    said = code_maps()["YesNoIndicator"].word(pid.value(24)) if pid.value(24) else None
    if said is not None:
        out["multipleBirthBoolean"] = said.code == "true"


def _county(pid: Segment, out: Resource) -> None:
    county = pid.value(12)
    held = out.get("address", [])
    if county and not held:
        out["address"] = [{"district": county}]
    elif county and len(held) == 1:
        held[0].setdefault("district", county)


def _race(build: Build, pid: Segment, out: Resource, number: int = 10) -> None:
    omb = code_maps()["Race"].targets
    parts: list[Element] = []
    words: list[str] = []
    for raw in pid.repetitions(number):
        value = fields.coded(build.read, raw)
        if not value.code and not value.text:
            continue
        known = omb.get(value.code)
        if known is not None:
            found = known.coding()
            parts.append({"url": "ombCategory", "valueCoding": found})
        words.append(value.text or (known.display if known is not None else value.code))
    _us_core(out, _RACE, parts[:5], words)


def _ethnicity(build: Build, pid: Segment, out: Resource) -> None:
    parts: list[Element] = []
    words: list[str] = []
    for raw in pid.repetitions(22):
        value = fields.coded(build.read, raw)
        if not value.code and not value.text:
            continue
        known = code_maps()["EthnicGroup"].targets.get(value.code)
        if known is not None:
            found = known.coding()
            parts.append({"url": "ombCategory", "valueCoding": found})
        words.append(value.text or (known.display if known is not None else value.code))
    _us_core(out, _ETHNICITY, parts[:1], words)


def _us_core(out: Resource, url: str, parts: list[Element], words: list[str]) -> None:
    if not words:
        return
    seen: list[Element] = []
    for part in parts:
        if part not in seen:
            seen.append(part)
    text = ", ".join(dict.fromkeys(words))
    out.setdefault("extension", []).append({"url": url, "extension": [*seen, {"url": "text", "valueString": text}]})


def add_demographics(build: Build, pd1: Segment, patient: Resource) -> None:
    """PD1 into the patient."""
    fill(plan("PD1[Patient]"), pd1, build, patient)


def add_mother(build: Build, pid: Segment) -> None:
    """PID-21, the mother's identifiers, as a RelatedPerson."""
    found = [values.identifier(build, raw, "", "PID-21") for raw in pid.repetitions(21)]
    identifiers = [one for one in found if one is not None]
    if not identifiers:
        return
    role = {"system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": "MTH", "display": "mother"}
    out: Resource = {"resourceType": "RelatedPerson", "identifier": identifiers}
    out["patient"] = build.patient
    out["relationship"] = [{"coding": [role]}]
    build.main_draft(f"{build.patient_id}|mother", out)


def add_next_of_kin(build: Build, nk1: Segment, patient: Resource) -> None:
    """NK1: Patient.contact, and for people a RelatedPerson too."""
    if nk1.value(3) in _ORGANIZATIONS or nk1.value(7) in _ORGANIZATIONS - {"E", "S"}:
        _add_contact(build, nk1, patient)
        return
    _add_contact(build, nk1, patient)
    out: Resource = {"resourceType": "RelatedPerson"}
    fill(plan("NK1[RelatedPerson]"), nk1, build, out)
    _race(build, nk1, out, 35)
    ssn = nk1.value(37)
    if ssn:
        number = {"type": values.identifier_type("SS"), "system": US_SSN, "value": ssn}
        out.setdefault("identifier", []).append(number)
    if len(out) == 1:
        return
    prefer_only_language(out)
    out["patient"] = build.patient
    if "period" in out:
        values.ordered(build, out["period"], "NK1-9")
    key = _person_key(build, nk1, 2, nk1.value(3))
    build.main_draft(build.once(f"{build.patient_id}|NK1|{key}"), out)


def _add_contact(build: Build, nk1: Segment, patient: Resource) -> None:
    contact: Element = {}
    fill(plan("NK1[Patient]"), nk1, build, contact)
    if "period" in contact:
        values.ordered(build, contact["period"], "NK1-9")
    _reach(build, nk1, contact.get("organization"))
    # FHIR invariant pat-1: a contact says how to reach it, or names an organization.
    if any(key in contact for key in ("name", "telecom", "address", "organization")):
        patient.setdefault("contact", []).append(contact)


def _reach(build: Build, nk1: Segment, organization: Element | None) -> None:
    """NK1-30 to NK1-32 as the contact of the organization of NK1-13."""
    held = (
        build.known("Organization", organization["reference"].partition("/")[2]) if organization is not None else None
    )
    if held is None or "contact" in held:
        return
    contact: Element = {}
    names = human_names(build, nk1.repetitions(30)[0], "NK1-30") if nk1.field(30) else None
    if names:
        contact["name"] = names[0]
    phones = [found for raw in nk1.repetitions(31) if (found := contact_point(build, raw, "", "NK1-31"))]
    if phones:
        contact["telecom"] = phones
    where = address(build, nk1.repetitions(32)[0], "NK1-32") if nk1.field(32) else None
    if where is not None:
        contact["address"] = where
    if contact:
        held["contact"] = [contact]


def related_person(build: Build, segment: Segment, table: str, name_field: int) -> Element | None:
    """The person of a GT1 or IN1 segment as a RelatedPerson; None where it names nobody."""
    out: Resource = {"resourceType": "RelatedPerson"}
    fill(plan(table), segment, build, out)
    if "name" not in out and "identifier" not in out:
        return None
    prefer_only_language(out)
    out["patient"] = build.patient
    key = _person_key(build, segment, name_field, "")
    return build.main_draft(f"{build.patient_id}|{segment.name}|{key}", out)


def _person_key(build: Build, segment: Segment, name_field: int, role: str) -> str:
    raw = segment.repetitions(name_field)
    name = fields.name(build.read, raw[0]) if raw else None
    if name is None or not (name.family or name.given):
        return f"set {segment.value(1)}|{role}"
    return f"{name.family.casefold()}|{name.given.casefold()}|{name.further.casefold()}|{role}"


def merge(build: Build, prior_id: str, mrg: Segment) -> None:
    """The patient that MRG merges away: inactive, replaced by the patient of this group."""
    out: Resource = {"resourceType": "Patient"}
    found = [values.identifier(build, raw, "", "MRG-1") for raw in mrg.repetitions(1)]
    identifiers = [one for one in found if one is not None]
    if identifiers:
        out["identifier"] = identifiers
    out["active"] = False
    names = [human_name(build, fields.name(build.read, raw), "MRG-7") for raw in mrg.repetitions(7)]
    if any(names):
        out["name"] = [name for name in names if name is not None]
    out["link"] = [{"other": build.patient, "type": "replaced-by"}]
    build.put(prior_id, out)
