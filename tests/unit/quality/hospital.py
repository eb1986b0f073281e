"""A small clean hospital as FHIR resources, and ways to look at it. Seeded: the same seed gives the same resources."""

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

from careloom.quality.assessment import Assessed, Assessment
from careloom.quality.days import span_of
from careloom.quality.rules import Rulebook, packaged_rulebook
from careloom.quality.scene import IdSet, Scene

Resource = dict[str, Any]
TODAY = date(2026, 11, 1)
FAMILIES = (
    "Abara",
    "Brandt",
    "Cheng",
    "Dupré",
    "Eriksen",
    "Fonseca",
    "García",
    "Horvath",
    "Ito",
    "Jansen",
    "Kovač",
    "Lindqvist",
)
GIVEN = ("Ana", "Ben", "Chloé", "Dan", "Eva", "Finn", "Gül", "Hugo", "Ines", "Jon", "Kai", "Lea", "Max", "Nora", "Olaf")
LABS = (
    ("2345-7", "mg/dL", 70, 140),
    ("2160-0", "mg/dL", 0.6, 1.4),
    ("2951-2", "mmol/L", 135, 145),
    ("2823-3", "mmol/L", 3.5, 5.1),
    ("718-7", "g/dL", 11, 17),
    ("4548-4", "%", 4.8, 8.5),
    ("2093-3", "mg/dL", 130, 260),
)
PROBLEMS = (
    ("http://snomed.info/sct", "38341003"),
    ("http://snomed.info/sct", "44054006"),
    ("http://hl7.org/fhir/sid/icd-10-cm", "J45.909"),
    ("http://hl7.org/fhir/sid/icd-10-cm", "I10"),
)
_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"


def look(resources: list[Resource], book: Rulebook | None = None, source: str = "main") -> Assessed:
    """Everything that the rules find; a resource's row is its place in the list."""
    book = book or packaged_rulebook()
    now = span_of(TODAY.isoformat())
    assert now is not None
    scene = Scene(now.low, IdSet(f"{one['resourceType']}/{one['id']}" for one in resources))
    for one in resources:
        scene.meet(one)
    scene.stays.freeze()
    assessment = Assessment(book, scene)
    for row, one in enumerate(resources):
        assessment.take(one, row, source)
    return assessment.finish()


def broken(resources: list[Resource], book: Rulebook | None = None) -> dict[str, set[str]]:
    """Rule -> ids of the resources that break it."""
    found: dict[str, set[str]] = {}
    for cell in look(resources, book).cells:
        if cell.rows:
            found.setdefault(cell.rule, set()).update(resources[row]["id"] for row in cell.rows)
    return found


def clean_hospital(patients: int, seed: int) -> list[Resource]:
    """Patients with encounters, vital signs, laboratory results, problems, prescriptions and vaccinations."""
    chance = random.Random(seed)
    made: list[Resource] = []
    for number in range(patients):
        made += _patient(chance, number)
    return made


def _patient(chance: random.Random, number: int) -> list[Resource]:
    name = f"p{number}"
    birth = date(1945, 1, 1) + timedelta(days=chance.randrange(20_000))
    given = f"{chance.choice(GIVEN)}{chr(97 + number % 26)}{chr(97 + number // 26 % 26)}"
    person: Resource = {
        "resourceType": "Patient",
        "id": name,
        "gender": chance.choice(("female", "male")),
        "birthDate": birth.isoformat(),
        "identifier": [{"system": "urn:oid:1.2.3", "value": f"mrn-{number}"}],
        "name": [{"family": chance.choice(FAMILIES), "given": [given]}],
        "address": [{"city": "Springfield", "postalCode": "12345"}],
        "telecom": [{"system": "phone", "value": f"555-{number:05d}"}],
        "communication": [{"language": {"text": "English"}}],
    }
    if chance.random() < 0.1:
        person["deceasedDateTime"] = (TODAY - timedelta(days=chance.randrange(100, 400))).isoformat()
    made, weight, height = [person], chance.uniform(50, 110), chance.uniform(150, 195)
    last = span_of(person.get("deceasedDateTime", TODAY.isoformat()))
    assert last is not None
    end = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=last.low - 100)
    for visit in range(chance.randrange(4, 8)):
        at = end - timedelta(days=30 * visit + chance.randrange(20), minutes=chance.randrange(600))
        made += _visit(chance, name, f"{name}-{visit}", at, (weight, height))
    return made


def _visit(chance: random.Random, who: str, name: str, at: datetime, body: tuple[float, float]) -> list[Resource]:
    about = {"subject": {"reference": f"Patient/{who}"}, "encounter": {"reference": f"Encounter/{name}"}}
    when = f"{at:%Y-%m-%dT%H:%M:%S}Z"
    made: list[Resource] = [
        {
            "resourceType": "Encounter",
            "id": name,
            "status": "finished",
            "subject": about["subject"],
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
            "type": [{"text": "visit"}],
            "identifier": [{"system": "urn:oid:1.2.4", "value": f"visit-{name}"}],
            "period": {"start": when, "end": f"{at + timedelta(minutes=40):%Y-%m-%dT%H:%M:%S}Z"},
        },
    ]
    vitals = [
        ("29463-7", "kg", body[0] + chance.gauss(0, 1)),
        ("8302-2", "cm", body[1]),
        ("8867-4", "/min", chance.gauss(74, 9)),
        ("8310-5", "Cel", chance.gauss(36.9, 0.4)),
        ("59408-5", "%", chance.uniform(94, 100)),
    ]
    for code, unit, value in vitals:
        made.append(observation(f"{name}-{code}", code, value, unit, when, about=about, category="vital-signs"))
    low = chance.gauss(78, 8)
    made.append(pressure(f"{name}-bp", low + chance.gauss(45, 6), low, when, about=about))
    for code, unit, least, most in chance.sample(LABS, 4):
        made.append(
            observation(
                f"{name}-{code}", code, chance.uniform(least, most), unit, when, about=about, category="laboratory"
            )
        )
    system, problem = chance.choice(PROBLEMS)
    made += [
        {
            "resourceType": "Condition",
            "id": f"{name}-c",
            "code": {"coding": [{"system": system, "code": problem}]},
            **about,
            "clinicalStatus": {
                "coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]
            },
            "category": [{"text": "problem"}],
            "onsetDateTime": when,
            "recordedDate": when,
        },
        {
            "resourceType": "MedicationRequest",
            "id": f"{name}-m",
            "status": "active",
            "intent": "order",
            **about,
            "medicationCodeableConcept": {
                "coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "860975"}]
            },
            "authoredOn": when,
            "dosageInstruction": [{"text": "one tablet in the morning"}],
        },
        {
            "resourceType": "Immunization",
            "id": f"{name}-i",
            "status": "completed",
            "occurrenceDateTime": when,
            "vaccineCode": {"coding": [{"system": "http://hl7.org/fhir/sid/cvx", "code": "140"}]},
            "patient": about["subject"],
            "encounter": about["encounter"],
        },
    ]
    return made


def observation(
    name: str, code: str, value: float, unit: str, when: str, *, about: Resource, category: str = ""
) -> Resource:
    """One measurement."""
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        **about,
        "category": [{"coding": [{"system": _CATEGORY, "code": category}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "effectiveDateTime": when,
        "valueQuantity": {"value": round(value, 2), "unit": unit, "system": "http://unitsofmeasure.org", "code": unit},
    }


def pressure(name: str, high: float, low: float, when: str, *, about: Resource) -> Resource:
    """One blood pressure."""
    whole = observation(name, "85354-9", 0, "mm[Hg]", when, about=about, category="vital-signs")
    del whole["valueQuantity"]
    whole["component"] = [
        {name: part[name] for name in ("code", "valueQuantity")}
        for part in (
            observation("", "8480-6", high, "mm[Hg]", when, about=about),
            observation("", "8462-4", low, "mm[Hg]", when, about=about),
        )
    ]
    return whole
