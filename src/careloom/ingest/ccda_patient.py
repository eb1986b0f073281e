"""recordTarget to Patient (US Core race, ethnicity; religion, birth place, guardian), after the guide's patient page.

Identity of a patient: the first id with an extension that is no social security number; else that number; else the
first id that is a root alone. A document without any of these is refused.
"""

from typing import Any

from careloom.fhir.drafts import Resource
from careloom.ingest.ccda_build import Build, Part
from careloom.ingest.ccda_codes import codes, system_uri
from careloom.ingest.ccda_contacts import address, addresses, contact_points, human_names
from careloom.ingest.ccda_parties import organization, related_person
from careloom.ingest.ccda_read import Kids, child, first, kids
from careloom.ingest.ccda_values import coding, concept, identifiers, mapped, whole
from careloom.ingest.xml_read import Element
from careloom.terminology.systems import BCP_47, US_SSN

_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
_FHIR = "http://hl7.org/fhir/StructureDefinition/"
_NULL_FLAVOR = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"
_ROLE_CODE = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
# US Core value sets omb-race-category and omb-ethnicity-category
_RACES = frozenset(("1002-5", "2028-9", "2054-5", "2076-8", "2106-3", "UNK", "ASKU"))
_ETHNICITIES = frozenset(("2135-2", "2186-5"))
_SPOKEN = {"en": "English", "es": "Spanish", "fr": "French", "it": "Italian", "de": "German", "pt": "Portuguese"}
_MAX_ORDER = 100


def patient_key(ids: list[Element] | None) -> str:
    """The identity of the patient whose ids these are; empty where none says anything."""
    social = plain = ""
    for element in ids or ():
        root, extension = (element.get("root") or "").strip(), (element.get("extension") or "").strip()
        if extension and system_uri(root) == US_SSN:
            social = social or f"SS|{US_SSN}|{extension}"
        elif extension:
            return f"{root}|{extension}"
        elif root and element.get("nullFlavor") is None and system_uri(root) != US_SSN:
            plain = plain or root
    return social or plain


def add_patient(build: Build, role: Element) -> Resource:
    """The Patient, put under `build.patient_id`."""
    held = kids(role)
    out: Resource = {"resourceType": "Patient"}
    numbers = identifiers(held.get("id"))
    if numbers:
        out["identifier"] = numbers
    telecoms = contact_points(build, held.get("telecom"))
    if telecoms:
        out["telecom"] = telecoms
    places = addresses(build, held.get("addr"))
    if places:
        out["address"] = places
    person = first(held, "patient")
    if person is not None:
        _person(build, kids(person), out)
    owner = organization(build, first(held, "providerOrganization"))
    if owner is not None:
        out["managingOrganization"] = owner
    build.share(build.patient_id, out, "put")
    return out


def _person(build: Build, held: Kids, out: Resource) -> None:
    names = human_names(build, held.get("name"))
    if names:
        out["name"] = names
    gender = mapped("gender", first(held, "administrativeGenderCode"))
    if gender:
        out["gender"] = gender
    elif first(held, "administrativeGenderCode") is not None:
        out["gender"] = "unknown"
    _birth(build, held, out)
    _death(build, held, out)
    marital = concept(build, first(held, "maritalStatusCode"))
    if marital is not None:
        out["maritalStatus"] = marital
    extensions = _extensions(build, held)
    if extensions:
        out["extension"] = extensions
    spoken = [found for each in held.get("languageCommunication", ()) if (found := _language(build, each)) is not None]
    if spoken:
        out["communication"] = spoken
    for guardian in held.get("guardian", ()):
        contact = _guardian(build, guardian)
        if contact is not None:
            out.setdefault("contact", []).append(contact)
            related_person(build, guardian)


def _birth(build: Build, held: Kids, out: Resource) -> None:
    element = first(held, "birthTime")
    value = element.get("value") if element is not None else None
    full = build.date_time(value, "recordTarget/patientRole/patient/birthTime")
    if full is not None:
        out["birthDate"] = full[:10]
        if len(full) > 10 and value is not None and value[8:14].strip("0"):
            url = f"{_FHIR}patient-birthTime"
            out["_birthDate"] = {"extension": [{"url": url, "valueDateTime": full}]}
    born = first(held, "sdtc:multipleBirthOrderNumber")
    order = whole(born.get("value")) if born is not None else None
    several = first(held, "sdtc:multipleBirthInd")
    if order is not None and 0 < order < _MAX_ORDER:
        out["multipleBirthInteger"] = order
    elif several is not None and several.get("value") in ("true", "false"):
        out["multipleBirthBoolean"] = several.get("value") == "true"


def _death(build: Build, held: Kids, out: Resource) -> None:
    time = first(held, "sdtc:deceasedTime")
    died = build.date_time(time.get("value")) if time is not None else None
    said = first(held, "sdtc:deceasedInd")
    if died is not None:
        out["deceasedDateTime"] = died
    elif said is not None and said.get("value") in ("true", "false"):
        out["deceasedBoolean"] = said.get("value") == "true"


def _extensions(build: Build, held: Kids) -> list[Part]:
    races = [*held.get("raceCode", ()), *held.get("sdtc:raceCode", ())]
    groups = [*held.get("ethnicGroupCode", ()), *held.get("sdtc:ethnicGroupCode", ())]
    out = [
        found
        for found in (_ombs(build, "race", races, _RACES), _ombs(build, "ethnicity", groups, _ETHNICITIES))
        if found is not None
    ]
    religion = concept(build, first(held, "religiousAffiliationCode"))
    if religion is not None:
        out.append({"url": f"{_FHIR}patient-religion", "valueCodeableConcept": religion})
    for place in held.get("birthplace", held.get("birthPlace", ()))[:1]:
        inner = child(place, "place")
        where = child(inner, "addr") if inner is not None else None
        found = address(build, where) if where is not None else None
        if found is not None:
            out.append({"url": f"{_FHIR}patient-birthPlace", "valueAddress": found})
    return out


def _ombs(build: Build, name: str, elements: list[Element], categories: frozenset[str]) -> Part | None:
    """The US Core race or ethnicity extension; null flavors that US Core allows are categories of it."""
    parts: list[Part] = []
    words: list[str] = []
    allowed = 5 if name == "race" else 1
    for element in elements:
        found = coding(element)
        flavor = element.get("nullFlavor")
        if found is None and flavor in ("UNK", "ASKU"):
            display = "Unknown" if flavor == "UNK" else "asked but unknown"
            found = {"system": _NULL_FLAVOR, "code": flavor, "display": display}
        said = (concept(build, element) or {}).get("text", "")
        if found is None:
            words += [said] if said else []
            continue
        is_category = found["code"] in categories or "NullFlavor" in found.get("system", "")
        is_category = is_category and sum(part["url"] == "ombCategory" for part in parts) < allowed
        parts.append({"url": "ombCategory" if is_category else "detailed", "valueCoding": found})
        words.append(str(said or found.get("display", found["code"])))
    if not parts and not words:
        return None
    text = ", ".join(dict.fromkeys(words))
    return {"url": f"{_CORE}{name}", "extension": [*parts, {"url": "text", "valueString": text}]}


def language(element: Element | None) -> str:
    """A languageCode as BCP 47; empty where it says none."""
    code = (element.get("code") or "").strip().replace("_", "-") if element is not None else ""
    short, dash, region = code.partition("-")
    if not short.isascii() or not short.isalpha() or len(short) > 3:
        return ""
    short = codes("language").get(short.lower(), short.lower())
    return f"{short}-{region}" if dash and region.isalnum() and region.isascii() else short


def _language(build: Build, element: Element) -> Part | None:
    held = kids(element)
    code = language(first(held, "languageCode"))
    if not code:
        return None
    named: Part = {"system": BCP_47, "code": code}
    if code.partition("-")[0] in _SPOKEN:
        named["display"] = _SPOKEN[code.partition("-")[0]]
    out: Part = {"language": {"coding": [named]}}
    levels: list[dict[str, Any]] = []
    for url, name in (("type", "modeCode"), ("level", "proficiencyLevelCode")):
        found = concept(build, first(held, name))
        if found is not None and "coding" in found:
            levels.append({"url": url, "valueCoding": found["coding"][0]})
    if levels:
        out["extension"] = [{"url": f"{_FHIR}patient-proficiency", "extension": levels}]
    wanted = first(held, "preferenceInd")
    if wanted is not None and wanted.get("value") in ("true", "false"):
        out["preferred"] = wanted.get("value") == "true"
    return out


def _guardian(build: Build, element: Element) -> Part | None:
    held = kids(element)
    person = first(held, "guardianPerson")
    told = kids(person) if person is not None else {}
    out: Part = {"relationship": [{"coding": [{"system": _ROLE_CODE, "code": "GUARD"}]}]}
    kinds = [concept(build, first(held, "code"))]
    kinds += [concept(build, first(kids(each), "code")) for each in told.get("sdtc:asPatientRelationship", ())]
    out["relationship"] += [kind for at, kind in enumerate(kinds) if kind is not None and kind not in kinds[:at]]
    names = human_names(build, told.get("name"))
    if names:
        out["name"] = names[0]
    telecoms = contact_points(build, held.get("telecom"))
    if telecoms:
        out["telecom"] = telecoms
    places = addresses(build, held.get("addr"))
    if places:
        out["address"] = places[0]
    owner = organization(build, first(held, "guardianOrganization"))
    if owner is not None:
        out["organization"] = owner
    return out if len(out) > 1 else None
