"""Resources in the many shapes that hospitals and simulators send, around people of the sample generator.

Only structure matters here: every name, address and number is random letters and digits, so that none is frequent
enough to enter a dictionary.
"""

from collections.abc import Iterator
from random import Random
from string import ascii_lowercase
from typing import Any

from make_sample_hospital_codes import MEDICINES, PROCEDURES, VISITS
from make_sample_hospital_people import Clinician, Person, Visit, uuid

Json = dict[str, Any]
SYNTHEA = "https://github.com/synthetichealth/synthea"
TERMS = "http://terminology.hl7.org/CodeSystem/"
US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
BLUE = "https://bluebutton.cms.gov/resources/"
SCT, LOINC, RXNORM = "http://snomed.info/sct", "http://loinc.org", "http://www.nlm.nih.gov/research/umls/rxnorm"
NPI = "http://hl7.org/fhir/sid/us-npi"
_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"


def word(chance: Random, low: int = 4, high: int = 9) -> str:
    """A word that means nothing."""
    return "".join(chance.choices(ascii_lowercase, k=chance.randint(low, high))).capitalize()


def nameless(person: Person, clinicians: list[Clinician], chance: Random) -> None:
    """Replaces every name and address by letters that nobody shares."""
    person.first, person.middle, person.last = word(chance), word(chance), word(chance)
    person.street = f"{chance.randrange(1, 9999)} {word(chance)} {word(chance)}"
    person.town = (word(chance), person.town[1], f"{chance.randrange(10**5):05}", word(chance), *person.town[4:])
    for visit in person.visits:
        old = chance.choice(clinicians)
        npi = f"99999{chance.randrange(10**5):05}"
        visit.clinician = Clinician(old.number, uuid(chance), npi, word(chance), word(chance), old.specialty)


class Style:
    """How one sender writes: references, times, profiles, displays."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.references = chance.choice(("urn", "type", "keyed", "keyed"))
        self.conditional = self.references == "urn" and chance.random() < 0.5
        self.profiles = chance.random() < 0.7
        self.offset = chance.choice(("Z", "+00:00", "-05:00", "-04:00", "-07:00", "-08:00", "+10:00", "+01:00"))
        self.payer = f"{word(chance)} {word(chance)}"

    def key(self) -> str:
        """An id as this sender writes them."""
        return "".join(self.chance.choices(_BASE32, k=26)) if self.references == "keyed" else uuid(self.chance)

    def to(self, kind: str, key: str, display: str = "") -> Json:
        """A reference."""
        found: Json = {"reference": f"urn:uuid:{key}" if self.references == "urn" else f"{kind}/{key}"}
        return found | ({"display": display} if display else {})

    def shared(self, kind: str, key: str, display: str = "") -> Json:
        """A reference to an organisation, a place or a clinician, which some senders search for."""
        if not self.conditional:
            return self.to(kind, key, display)
        system = NPI if kind == "Practitioner" else SYNTHEA
        value = f"99999{self.chance.randrange(10**5):05}" if kind == "Practitioner" else key
        return {"reference": f"{kind}?identifier={system}|{value}"} | ({"display": display} if display else {})

    def begin(self, kind: str, profile: str = "") -> Json:
        """The first members of a resource, as sent or as stored."""
        meta: Json = {}
        if self.references == "keyed":
            meta["source"] = f"urn:careloom:record:{self.key()}"
        if profile and self.profiles:
            meta["profile"] = [US_CORE + profile]
        found: Json = {"resourceType": kind, "id": self.key()}
        return found | ({"meta": meta} if meta else {})

    def time(self, moment: Any, *, exact: bool = False) -> str:
        """A time with this sender's offset."""
        millis = f".{self.chance.randrange(1000):03}" if exact else ""
        return f"{moment:%Y-%m-%dT%H:%M:%S}{millis}{self.offset}"


def coded(system: str, code: str, display: str, *, text: bool = True) -> Json:
    """A CodeableConcept with display."""
    found: Json = {"coding": [{"system": system, "code": code, "display": display}]}
    return found | ({"text": display} if text else {})


def term(system: str, code: str, display: str = "") -> Json:
    """A CodeableConcept of an HL7 code system."""
    return {"coding": [{"system": TERMS + system, "code": code} | ({"display": display} if display else {})]}


def usd(chance: Random) -> Json:
    """An amount of money."""
    return {"value": round(chance.uniform(0, 4000), 2), "currency": "USD"}


def context_of(person: Person, visit: Visit, style: Style) -> "Context":
    """What the resources of one visit share."""
    subject = style.key()
    encounter, place, organisation = style.key(), style.key(), style.key()
    doctor = style.shared("Practitioner", visit.clinician.id, f"Dr. {word(style.chance)} {word(style.chance)}")
    where = style.shared("Location", place, word(style.chance).upper())
    firm = style.shared("Organization", organisation, word(style.chance).upper())
    return Context(person, visit, style, subject, encounter, doctor, where, firm)


class Context:
    """What the resources of one visit share."""

    def __init__(
        self, person: Person, visit: Visit, style: Style, subject: str, encounter: str, *parties: Json
    ) -> None:
        self.person, self.visit, self.style, self.chance = person, visit, style, style.chance
        self.who = style.to("Patient", subject)
        self.named = style.to("Patient", subject, f"{word(style.chance)} {word(style.chance)}")
        self.at = style.to("Encounter", encounter)
        self.doctor, self.where, self.firm = parties
        self.period = {"start": style.time(visit.start), "end": style.time(visit.stop)}
        self.problem = visit.problem

    def links(self) -> Json:
        """Whose it is and from which visit."""
        return {"subject": self.who, "encounter": self.at}

    def reason(self) -> Json:
        """The problem as SNOMED CT with a text."""
        code, text = (self.problem.snomed, self.problem.text) if self.problem else ("389095005", word(self.chance))
        return coded(SCT, code, text)


def encounter_shape(c: Context) -> Json:
    code, text, kind = VISITS[c.visit.kind]
    found = c.style.begin("Encounter", "encounter")
    found["identifier"] = [{"use": "official", "system": SYNTHEA, "value": uuid(c.chance)}]
    found |= {
        "status": "finished",
        "class": {"system": TERMS + "v3-ActCode", "code": kind},
        "type": [coded(SCT, code, text)],
        "subject": c.named,
        "participant": [
            {
                "type": [term("v3-ParticipationType", "PPRF", "primary performer") | {"text": "primary performer"}],
                "period": c.period,
                "individual": c.doctor,
            }
        ],
        "period": c.period,
    }
    if c.problem:
        found["reasonCode"] = [coded(SCT, c.problem.snomed, c.problem.text, text=False)]
    return found | {"location": [{"location": c.where}], "serviceProvider": c.firm}


# LOINC code, display, unit: LOINC is (c) Regenstrief Institute, free to use; displays as simulators shorten them.
_MEASURED = tuple(
    line.split("|")
    for line in """8302-2|Body Height|cm
29463-7|Body Weight|kg
39156-5|Body Mass Index|kg/m2
59576-9|Body mass index (BMI) [Percentile] Per age and gender|%
77606-2|Weight-for-length Per age and sex|%
9843-4|Head Occipital-frontal circumference|cm
72514-3|Pain severity - 0-10 verbal numeric rating [Score] - Reported|{score}
8867-4|Heart rate|/min
9279-1|Respiratory rate|/min
8310-5|Body temperature|Cel
2708-6|Oxygen saturation in Arterial blood|%
6690-2|Leukocytes [#/volume] in Blood by Automated count|10*3/uL
789-8|Erythrocytes [#/volume] in Blood by Automated count|10*6/uL
718-7|Hemoglobin [Mass/volume] in Blood|g/dL
4544-3|Hematocrit [Volume Fraction] of Blood by Automated count|%
787-2|MCV [Entitic volume] by Automated count|fL
785-6|MCH [Entitic mass] by Automated count|pg
786-4|MCHC [Mass/volume] by Automated count|g/dL
21000-5|Erythrocyte distribution width [Entitic volume] by Automated count|fL
777-3|Platelets [#/volume] in Blood by Automated count|10*3/uL
2339-0|Glucose|mg/dL
6299-2|Urea Nitrogen|mg/dL
38483-4|Creatinine|mg/dL
49765-1|Calcium|mg/dL
2947-0|Sodium|mmol/L
6298-4|Potassium|mmol/L
2069-3|Chloride|mmol/L
20565-8|Carbon Dioxide|mmol/L
33914-3|Estimated Glomerular Filtration Rate|mL/min/{1.73_m2}
2093-3|Total Cholesterol|mg/dL
2571-8|Triglycerides|mg/dL
18262-6|Low Density Lipoprotein Cholesterol|mg/dL
2085-9|High Density Lipoprotein Cholesterol|mg/dL
4548-4|Hemoglobin A1c/Hemoglobin.total in Blood|%
14959-1|Microalbumin Creatinine Ratio|mg/g""".split("\n")
)
# CVX code and short description: CDC, public domain.
_VACCINES = tuple(
    line.split("|")
    for line in """140|Influenza, seasonal, injectable, preservative free
08|Hep B, adolescent or pediatric
20|DTaP
10|IPV
49|Hib (PRP-OMP)
133|Pneumococcal conjugate PCV 13
119|rotavirus, monovalent
03|MMR
21|varicella
83|Hep A, ped/adol, 2 dose
113|Td (adult) preservative free
115|Tdap
114|meningococcal MCV4P
62|HPV, quadrivalent
33|pneumococcal polysaccharide vaccine, 23 valent
52|Hep A, adult
43|Hep B, adult
121|zoster""".split("\n")
)


def observation_shapes(c: Context) -> Iterator[Json]:
    """Values, answers and panels."""
    chance = c.chance
    for code, display, unit in chance.sample(_MEASURED, 6):
        is_lab = "/" in unit and unit not in ("/min", "kg/m2")
        yield _observed(c, *(("laboratory", "observation-lab") if is_lab else ("vital-signs", ""))) | {
            "code": coded(LOINC, code, display),
            **_when(c),
            "valueQuantity": {
                "value": round(chance.uniform(1, 260), chance.choice((1, 2, 4, 13))),
                "unit": unit,
                "system": "http://unitsofmeasure.org",
                "code": unit,
            },
        }
    for _ in range(5):
        padded = chance.random() < 0.7
        code = f"{chance.randrange(900, 170000)}".ljust(36, "A") if padded else "72166-2"
        display = " ".join(word(chance) for _ in range(3)).upper() if padded else "Tobacco smoking status NHIS"
        answer = f"{chance.randrange(600, 170000)}".ljust(36, "A") if padded else f"{chance.randrange(10**6, 10**9)}"
        found = _observed(c, chance.choice(("survey", "survey", "survey", "exam", "therapy", "social-history")), "")
        found |= {"code": coded(LOINC, code, display), **_when(c)}
        yield found | {"valueCodeableConcept": coded(SCT, answer, f"{word(chance)} {word(chance).lower()}")}


def _observed(c: Context, category: str, profile: str) -> Json:
    found = c.style.begin("Observation", profile) | {"status": "final"}
    return found | {"category": [term("observation-category", category, category)]}


def _when(c: Context) -> Json:
    start = c.style.time(c.visit.start)
    return {**c.links(), "effectiveDateTime": start, "issued": c.style.time(c.visit.start, exact=True)}


def order_shapes(c: Context) -> Iterator[Json]:
    style = c.style
    found = style.begin("MedicationRequest", "medicationrequest")
    community = term("medicationrequest-category", "community", "Community") | {"text": "Community"}
    yield found | {
        "status": c.chance.choice(("stopped", "active", "completed")),
        "intent": "order",
        "category": [community],
        "medicationCodeableConcept": coded(RXNORM, *c.chance.choice(list(MEDICINES.values()))),
        **c.links(),
        "authoredOn": style.time(c.visit.start),
        "requester": c.doctor,
        "reasonReference": [style.to("Condition", style.key(), c.problem.text if c.problem else "")],
        "dosageInstruction": [
            {
                "sequence": 1,
                "timing": {"repeat": {"frequency": 1, "period": 1.0, "periodUnit": "d"}},
                "asNeededBoolean": False,
                "doseAndRate": [{"type": term("dose-rate-type", "ordered", "Ordered"), "doseQuantity": {"value": 1.0}}],
            }
        ],
    }
    condition = style.begin("Condition", "condition") | {
        "clinicalStatus": term("condition-clinical", c.chance.choice(("active", "resolved"))),
        "verificationStatus": term("condition-ver-status", "confirmed"),
        "category": [term("condition-category", "encounter-diagnosis", "Encounter Diagnosis")],
        "code": c.reason(),
        **c.links(),
        "onsetDateTime": style.time(c.visit.start),
        "abatementDateTime": style.time(c.visit.stop),
        "recordedDate": style.time(c.visit.start),
    }
    yield condition
    yield style.begin("Procedure", "procedure") | {
        "status": "completed",
        "code": coded(SCT, *c.chance.choice(list(PROCEDURES.values()))),
        **c.links(),
        "performedPeriod": c.period,
        "location": c.where,
        "reasonReference": [style.to("Condition", style.key(), c.problem.text if c.problem else "")],
    }
    yield style.begin("Immunization", "immunization") | {
        "status": "completed",
        "vaccineCode": coded("http://hl7.org/fhir/sid/cvx", *c.chance.choice(_VACCINES)),
        "patient": c.who,
        "encounter": c.at,
        "occurrenceDateTime": style.time(c.visit.start),
        "primarySource": True,
        "location": c.where,
    }
