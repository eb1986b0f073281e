"""The hospital's FHIR: transaction bundles of one patient each, and a bulk export."""

import base64
from typing import Any

from make_sample_hospital_codes import (
    MEDICINES,
    NOTES,
    PANELS,
    PRESSURE,
    PROCEDURES,
    SMOKING,
    SMOKING_ANSWERS,
    VACCINES,
    VISITS,
)
from make_sample_hospital_notes import note_text
from make_sample_hospital_people import Clinician, Illness, Person, Reading, Visit
from make_sample_hospital_problems import Problem

Json = dict[str, Any]
SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
CVX = "http://hl7.org/fhir/sid/cvx"
ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
UCUM = "http://unitsofmeasure.org"
TERMS = "http://terminology.hl7.org/CodeSystem/"
US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
MRN_SYSTEM = "urn:oid:2.16.840.1.113883.19.5"
NPI = "http://hl7.org/fhir/sid/us-npi"
HOSPITAL = "5d2f8b7c-4f6e-4d0a-9c1b-0a6a7c7e0f01"
HOSPITAL_NAME = "Careloom Sample Hospital"


def concept(system: str, code: str, text: str, display: bool = True) -> Json:
    """A CodeableConcept; texts of SNOMED CT codes are ours and no display."""
    coding = {"system": system, "code": code} | ({"display": text} if display and system != SNOMED else {})
    return {"coding": [coding], "text": text}


def term(system: str, code: str) -> Json:
    """A CodeableConcept of an HL7 code system."""
    return {"coding": [{"system": TERMS + system, "code": code}]}


class Links:
    """How resources name each other: ``urn:uuid:`` in a transaction, ``Type/id`` in a bulk export."""

    def __init__(self, *, bulk: bool) -> None:
        self.bulk = bulk

    def to(self, kind: str, identity: str) -> Json:
        return {"reference": f"{kind}/{identity}" if self.bulk else f"urn:uuid:{identity}"}

    def clinician(self, clinician: Clinician) -> Json:
        if self.bulk:
            return {"reference": f"Practitioner/{clinician.id}"}
        return {"reference": f"Practitioner?identifier={NPI}|{clinician.npi}", "display": f"Dr. {clinician.last}"}

    def hospital(self) -> Json:
        reference = f"Organization/{HOSPITAL}" if self.bulk else f"Organization?identifier=urn:ietf:rfc:3986|{HOSPITAL}"
        return {"reference": reference, "display": HOSPITAL_NAME}


def patient(person: Person) -> Json:
    """The Patient."""
    _, code, race, _ = person.race
    ethnic = ("2135-2", "Hispanic or Latino") if person.hispanic else ("2186-5", "Not Hispanic or Latino")
    cdc = "urn:oid:2.16.840.1.113883.6.238"
    resource: Json = {
        "resourceType": "Patient",
        "id": person.id,
        "meta": {"profile": [US_CORE + "patient"]},
        "extension": [
            {
                "url": US_CORE + name,
                "extension": [
                    {"url": "ombCategory", "valueCoding": {"system": cdc, "code": found[0], "display": found[1]}},
                    {"url": "text", "valueString": found[1]},
                ],
            }
            for name, found in (("race", (code, race)), ("ethnicity", ethnic))
        ]
        + [{"url": US_CORE + "birthsex", "valueCode": person.sex}],
        "identifier": [
            {"type": term("v2-0203", "MR"), "system": MRN_SYSTEM, "value": person.mrn},
            {"type": term("v2-0203", "SS"), "system": "http://hl7.org/fhir/sid/us-ssn", "value": person.ssn},
        ],
        "name": [{"use": "official", "family": person.last, "given": [person.first, person.middle]}],
        "telecom": [{"system": "phone", "value": person.phone, "use": "home"}],
        "gender": "male" if person.sex == "M" else "female",
        "birthDate": person.birth.isoformat(),
        "address": [
            {
                "line": [person.street],
                "city": person.town[0],
                "state": person.town[1],
                "postalCode": person.town[2],
                "country": "US",
            }
        ],
        "maritalStatus": term("v3-MaritalStatus", person.married),
    }
    if person.death:
        resource["deceasedDateTime"] = moment(person.death)
    return resource


def moment(time: Any) -> str:
    """FHIR instant of a UTC time."""
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


def encounter(person: Person, visit: Visit, links: Links) -> Json:
    """The Encounter."""
    code, text, kind = VISITS[visit.kind]
    resource: Json = {
        "resourceType": "Encounter",
        "id": visit.id,
        "meta": {"profile": [US_CORE + "encounter"]},
        "identifier": [{"use": "official", "system": "urn:oid:2.16.840.1.113883.19.6", "value": visit.number}],
        "status": "finished",
        "class": {"system": TERMS + "v3-ActCode", "code": kind},
        "type": [concept(SNOMED, code, text)],
        "subject": links.to("Patient", person.id),
        "participant": [
            {"type": [term("v3-ParticipationType", "PPRF")], "individual": links.clinician(visit.clinician)}
        ],
        "period": {"start": moment(visit.start), "end": moment(visit.stop)},
        "serviceProvider": links.hospital(),
    }
    if visit.problem:
        resource["reasonCode"] = [problem_concept(visit.problem)]
    if visit.kind == "inpatient":
        resource["hospitalization"] = {"dischargeDisposition": term("discharge-disposition", "home")}
    return resource


def problem_concept(problem: Problem) -> Json:
    """Both codes of a problem."""
    return {
        "coding": [{"system": SNOMED, "code": problem.snomed}, {"system": ICD10, "code": problem.icd10}],
        "text": problem.text,
    }


def condition(person: Person, illness: Illness, links: Links) -> Json:
    """The Condition."""
    resource: Json = {
        "resourceType": "Condition",
        "id": illness.id,
        "clinicalStatus": term("condition-clinical", "resolved" if illness.abatement else "active"),
        "verificationStatus": term("condition-ver-status", "confirmed"),
        "category": [term("condition-category", "encounter-diagnosis")],
        "code": problem_concept(illness.problem),
        "subject": links.to("Patient", person.id),
        "encounter": links.to("Encounter", person.visits[illness.visit].id),
        "onsetDateTime": illness.onset.isoformat(),
        "recordedDate": moment(person.visits[illness.visit].start),
    }
    if illness.abatement:
        resource["abatementDateTime"] = illness.abatement.isoformat()
    return resource


def observation(person: Person, visit: Visit, reading: Reading, links: Links, category: str) -> Json:
    """One measured value."""
    measure = reading.measure
    resource = _observed(person, visit, reading.id, links, category) | {
        "code": concept(LOINC, measure.loinc, measure.text),
        "valueQuantity": quantity(reading),
    }
    if measure.low is not None or measure.high is not None:
        bounds = {"low": measure.low, "high": measure.high}
        resource["referenceRange"] = [
            {
                side: {"value": bound, "unit": measure.unit, "system": UCUM, "code": measure.unit}
                for side, bound in bounds.items()
                if bound is not None
            }
        ]
    return resource


def quantity(reading: Reading) -> Json:
    """The value with its UCUM unit; whole numbers are written whole."""
    value = reading.value if reading.measure.decimals else int(reading.value)
    return {"value": value, "unit": reading.measure.unit, "system": UCUM, "code": reading.measure.unit}


def _observed(person: Person, visit: Visit, identity: str, links: Links, category: str) -> Json:
    return {
        "resourceType": "Observation",
        "id": identity,
        "status": "final",
        "category": [term("observation-category", category)],
        "subject": links.to("Patient", person.id),
        "encounter": links.to("Encounter", visit.id),
        "effectiveDateTime": moment(visit.start),
        "issued": moment(visit.stop),
    }


def vital_signs(person: Person, visit: Visit, links: Links) -> list[Json]:
    """The vital signs of a visit, blood pressure as one Observation with two components, and smoking."""
    by_key = {reading.measure.key: reading for reading in visit.vitals}
    pressure = _observed(person, visit, by_key["systolic"].id, links, "vital-signs") | {
        "code": concept(LOINC, PRESSURE, "Blood pressure"),
        "component": [
            {
                "code": concept(LOINC, by_key[key].measure.loinc, by_key[key].measure.text),
                "valueQuantity": quantity(by_key[key]),
            }
            for key in ("systolic", "diastolic")
        ],
    }
    others = [reading for key, reading in by_key.items() if key not in ("systolic", "diastolic")]
    found = [pressure, *(observation(person, visit, reading, links, "vital-signs") for reading in others)]
    if visit.kind == "wellness":
        smoking = _observed(person, visit, visit.smoking_id, links, "social-history") | {
            "code": concept(LOINC, SMOKING, "Tobacco smoking status"),
            "valueCodeableConcept": concept(SNOMED, SMOKING_ANSWERS[person.smoking], f"Smoking: {person.smoking}"),
        }
        found.append(smoking)
    return found


def laboratory(person: Person, visit: Visit, links: Links) -> list[Json]:
    """Results and the reports that hold them together."""
    found: list[Json] = []
    for panel, readings in visit.labs.items():
        results = [observation(person, visit, reading, links, "laboratory") for reading in readings]
        code, text = PANELS[panel]
        report = {
            "resourceType": "DiagnosticReport",
            "id": visit.report_ids[panel],
            "status": "final",
            "category": [term("v2-0074", "LAB")],
            "code": concept(LOINC, code, text),
            "subject": links.to("Patient", person.id),
            "encounter": links.to("Encounter", visit.id),
            "effectiveDateTime": moment(visit.start),
            "issued": moment(visit.stop),
            "performer": [links.hospital()],
            "result": [links.to("Observation", reading.id) for reading in readings],
        }
        found += [*results, report]
    return found


def treatments(person: Person, visit: Visit, links: Links) -> list[Json]:
    """What was ordered, done and given."""
    subject, at = links.to("Patient", person.id), links.to("Encounter", visit.id)
    found: list[Json] = []
    for given in visit.medicines:
        code, text = MEDICINES[given.key]
        found.append(
            {
                "resourceType": "MedicationRequest",
                "id": given.id,
                "status": "active",
                "intent": "order",
                "medicationCodeableConcept": concept(RXNORM, code, text),
                "subject": subject,
                "encounter": at,
                "authoredOn": moment(visit.start),
                "requester": links.clinician(visit.clinician),
                "dosageInstruction": [
                    {"text": "1 a day", "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}}
                ],
            }
        )
    for given in visit.procedures:
        code, text = PROCEDURES[given.key]
        found.append(
            {
                "resourceType": "Procedure",
                "id": given.id,
                "status": "completed",
                "code": concept(SNOMED, code, text),
                "subject": subject,
                "encounter": at,
                "performedPeriod": {"start": moment(visit.start), "end": moment(visit.stop)},
            }
        )
    for given in visit.vaccines:
        code, text = VACCINES[given.key]
        found.append(
            {
                "resourceType": "Immunization",
                "id": given.id,
                "status": "completed",
                "vaccineCode": concept(CVX, code, text),
                "patient": subject,
                "encounter": at,
                "occurrenceDateTime": moment(visit.start),
                "primarySource": True,
            }
        )
    return found


def document(person: Person, visit: Visit, links: Links) -> Json:
    """The note of the visit as a DocumentReference."""
    code, text = NOTES[visit.kind]
    return {
        "resourceType": "DocumentReference",
        "id": visit.note_id,
        "status": "current",
        "type": concept(LOINC, code, text),
        "category": [
            concept(
                US_CORE.replace("StructureDefinition/us-core-", "CodeSystem/us-core-documentreference-category"),
                "clinical-note",
                "Clinical Note",
            )
        ],
        "subject": links.to("Patient", person.id),
        "date": moment(visit.stop),
        "author": [links.clinician(visit.clinician)],
        "content": [
            {
                "attachment": {
                    "contentType": "text/plain; charset=utf-8",
                    "data": base64.b64encode(note_text(person, visit).encode()).decode(),
                }
            }
        ],
        "context": {
            "encounter": [links.to("Encounter", visit.id)],
            "period": {"start": moment(visit.start), "end": moment(visit.stop)},
        },
    }


def allergies(person: Person, links: Links) -> list[Json]:
    """What the person cannot have."""
    return [
        {
            "resourceType": "AllergyIntolerance",
            "id": identity,
            "clinicalStatus": term("allergyintolerance-clinical", "active"),
            "verificationStatus": term("allergyintolerance-verification", "confirmed"),
            "type": "allergy",
            "category": [category],
            "criticality": "low",
            "code": concept(SNOMED, code, text),
            "patient": links.to("Patient", person.id),
            "recordedDate": since.isoformat(),
            "reaction": [{"manifestation": [concept(SNOMED, reaction, reaction_text)]}],
        }
        for identity, (code, text, category, reaction, reaction_text), since in person.allergies
    ]


def record(person: Person, links: Links) -> list[Json]:
    """Everything about one person, in the order in which things happened."""
    found = [patient(person), *allergies(person, links)]
    for number, visit in enumerate(person.visits):
        found.append(encounter(person, visit, links))
        found += [condition(person, i, links) for i in person.illnesses if i.visit == number]
        found += vital_signs(person, visit, links)
        found += laboratory(person, visit, links)
        found += treatments(person, visit, links)
        found.append(document(person, visit, links))
    return found
