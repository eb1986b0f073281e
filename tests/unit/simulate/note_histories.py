"""A patient with all that notes can tell, made by hand: a stay for heart failure, a biopsy, an emergency, visits."""

from datetime import date, datetime, timedelta

from careloom.simulate.history import (
    Allergy,
    Code,
    Condition,
    History,
    Immunization,
    Medication,
    Observation,
    Person,
    Procedure,
    Relative,
    Report,
)
from careloom.terminology.systems import CVX, LOINC, RXNORM
from tests.unit.simulate.note_people import BEGIN, IV, ORAL, encounters, icd, person, sct


def conditions() -> list[Condition]:
    def since(days: int) -> datetime:
        return BEGIN - timedelta(days=days)

    return [
        Condition(
            "C1",
            (icd("I10", "Essential (primary) hypertension"),),
            since(4000),
            since(4000),
            None,
            "E0",
            "hypertension",
        ),
        Condition("C2", (icd("E11.9", "Type 2 diabetes mellitus"),), since(2000), since(2000), None, "E0", "diabetes"),
        Condition(
            "C3", (icd("J20.9", "Acute bronchitis, unspecified"),), since(900), since(900), since(880), "E0", "minor"
        ),
        Condition(
            "C4", (icd("I50.9", "Heart failure, unspecified"),), since(300), since(300), None, "E0", "heart_failure"
        ),
        Condition(
            "C5",
            (icd("I50.23", "Acute on chronic systolic (congestive) heart failure"),),
            BEGIN,
            BEGIN + timedelta(hours=1),
            BEGIN + timedelta(days=6),
            "E2",
            "heart_failure",
            "encounter-diagnosis",
        ),
        Condition(
            "C6",
            (icd("N17.9", "Acute kidney failure, unspecified"),),
            BEGIN + timedelta(days=1),
            BEGIN + timedelta(days=1),
            BEGIN + timedelta(days=5),
            "E2",
            "kidney",
            "encounter-diagnosis",
        ),
        Condition(
            "C7",
            (icd("C50.919", "Malignant neoplasm of breast"),),
            BEGIN + timedelta(days=45),
            BEGIN + timedelta(days=50),
            None,
            "E4",
            "breast_cancer",
        ),
    ]


def medications() -> list[Medication]:
    def drug(code: str, display: str) -> tuple[Code, ...]:
        return (Code(RXNORM, code, display),)

    old = BEGIN - timedelta(days=700)
    home = BEGIN + timedelta(days=6)
    return [
        Medication("M1", drug("314077", "lisinopril 20 MG Oral Tablet"), old, None, 20.0, "mg", 1, ORAL, "E0", "C1"),
        Medication(
            "M2",
            drug("861004", "metformin hydrochloride 1000 MG Oral Tablet"),
            old,
            None,
            1000.0,
            "mg",
            2,
            ORAL,
            "E0",
            "C2",
        ),
        Medication("M3", drug("310429", "furosemide 20 MG Oral Tablet"), old, home, 20.0, "mg", 1, ORAL, "E0", "C4"),
        Medication(
            "M4",
            drug("313988", "furosemide 40 MG Oral Tablet"),
            home,
            None,
            40.0,
            "mg",
            1,
            ORAL,
            "E2",
            "C4",
            replaces="M3",
        ),
        Medication(
            "M5",
            drug("1719286", "10 ML furosemide 10 MG/ML Injection"),
            BEGIN,
            home,
            40.0,
            "mg",
            2,
            IV,
            "E2",
            "C5",
            administered=[BEGIN + timedelta(hours=3)],
        ),
        Medication(
            "M6", drug("313096", "spironolactone 25 MG Oral Tablet"), home, None, 25.0, "mg", 1, ORAL, "E2", "C4"
        ),
        Medication(
            "M7",
            drug("197806", "ibuprofen 600 MG Oral Tablet"),
            old,
            BEGIN + timedelta(hours=2),
            600.0,
            "mg",
            0,
            ORAL,
            "E0",
            as_needed=True,
        ),
        Medication(
            "M8",
            drug("198440", "Acetaminophen 500 MG Oral Tablet"),
            home,
            home + timedelta(days=10),
            500.0,
            "mg",
            4,
            ORAL,
            "E2",
            as_needed=True,
        ),
    ]


def lab(
    key: str, code: str, display: str, when: tuple[str, float], value: float, about: tuple[str, float, float]
) -> Observation:
    encounter, hours = when
    unit, low, high = about
    flag = "L" if value < low else "H" if value > high else "N"
    begin = {one.key: one.start for one in encounters()}[encounter]
    panel = Code(LOINC, "51990-0", "Basic metabolic panel - Blood")
    return Observation(
        key,
        (Code(LOINC, code, display),),
        begin + timedelta(hours=hours),
        "laboratory",
        value,
        unit,
        encounter,
        low,
        high,
        flag,
        panel,
    )


def vital(key: str, code: str, display: str, encounter: str, value: float, unit: str) -> Observation:
    begin = {one.key: one.start for one in encounters()}[encounter]
    parts = ()
    if code == "85354-9":
        parts = (
            (Code(LOINC, "8480-6", "Systolic blood pressure"), 162.0, "mm[Hg]"),
            (Code(LOINC, "8462-4", "Diastolic blood pressure"), 94.0, "mm[Hg]"),
        )
    return Observation(
        key,
        (Code(LOINC, code, display),),
        begin + timedelta(minutes=5),
        "vital-signs",
        None if parts else value,
        unit,
        encounter,
        components=parts,
    )


def observations() -> list[Observation]:
    out = []
    for number, encounter in enumerate(("E1", "E2", "E3", "E4")):
        first = 20 * number
        out += [
            vital(f"O{first + 1}", "85354-9", "Blood pressure panel", encounter, 0.0, "mm[Hg]"),
            vital(f"O{first + 2}", "8867-4", "Heart rate", encounter, 104.0, "/min"),
            vital(f"O{first + 3}", "8310-5", "Body temperature", encounter, 36.8, "Cel"),
            vital(f"O{first + 4}", "59408-5", "Oxygen saturation", encounter, 91.0, "%"),
            vital(f"O{first + 5}", "29463-7", "Body weight", encounter, 82.4, "kg"),
        ]
    for number, hours in enumerate((1.0, 40.0, 120.0)):
        first = 100 + 10 * number
        out += [
            lab(f"O{first}", "38483-4", "Creatinine", ("E2", hours), 2.1 - 0.5 * number, ("mg/dL", 0.5, 1.2)),
            lab(f"O{first + 1}", "6298-4", "Potassium", ("E2", hours), 4.4, ("mmol/L", 3.5, 5.0)),
            lab(f"O{first + 2}", "2947-0", "Sodium", ("E2", hours), 131.0 + 3 * number, ("mmol/L", 135.0, 145.0)),
            lab(f"O{first + 3}", "33762-6", "NT-proBNP", ("E2", hours), 5230.0 - 1500 * number, ("pg/mL", 0.0, 300.0)),
        ]
    out.append(lab("O200", "4548-4", "Hemoglobin A1c", ("E1", 0.1), 7.9, ("%", 4.0, 5.6)))
    smoker = sct("8517006", "former smoker")
    begin = BEGIN - timedelta(days=60)
    out.append(
        Observation(
            "O300", (Code(LOINC, "72166-2", "Tobacco smoking status"),), begin, "social-history", smoker, "", "E1"
        )
    )
    return out


def reports() -> list[Report]:
    chest = (Code(LOINC, "36643-5", "Chest X-ray 2 views"),)
    day = BEGIN + timedelta(days=50)
    return [
        Report(
            "R1",
            chest,
            "radiology",
            BEGIN,
            BEGIN + timedelta(hours=1),
            BEGIN + timedelta(hours=2),
            "E2",
            None,
            "",
            (
                (icd("J81.1", "Pulmonary edema"), True),
                (icd("J90", "Pleural effusion"), True),
                (icd("J93.9", "Pneumothorax"), False),
            ),
        ),
        Report(
            "R2",
            (Code(LOINC, "11526-1", "Pathology study"),),
            "pathology",
            day,
            day,
            day + timedelta(minutes=30),
            "E4",
            None,
            "",
            (
                (icd("C50.919", "Malignant neoplasm of breast"), True),
                (icd("R89.7", "Lymphovascular invasion"), False),
            ),
        ),
    ]


def history(birth: date = date(1951, 7, 19), sex: str = "female") -> History:
    """The patient; every list in order of time."""
    penicillin = Code(RXNORM, "7980", "penicillin G")
    lived = history_of(person(birth, sex))
    lived.allergies = [
        Allergy(
            "A1",
            (penicillin,),
            "medication",
            "high",
            BEGIN,
            BEGIN - timedelta(days=3000),
            "E0",
            (icd("L50.9", "Urticaria"),),
        ),
        Allergy("A2", (sct("91935009", "peanut allergy"),), "food", "low", BEGIN, BEGIN - timedelta(days=3000), "E0"),
    ]
    lived.immunizations = [
        Immunization("I1", (Code(CVX, "140", "Influenza vaccine"),), BEGIN - timedelta(days=100), "E0", "X1", 1)
    ]
    lived.procedures = [
        Procedure(
            "P1",
            (sct("73761001", "colonoscopy"),),
            BEGIN - timedelta(days=800),
            BEGIN - timedelta(days=800),
            "E0",
        ),
        Procedure(
            "P2",
            (sct("40701008", "echocardiography"),),
            BEGIN + timedelta(days=1),
            BEGIN + timedelta(days=1, hours=1),
            "E2",
        ),
    ]
    role = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
    lived.relatives = [
        Relative(Code(role, "NMTH", "natural mother"), icd("I21.9", "Acute myocardial infarction"), 61),
        Relative(Code(role, "NFTH", "natural father"), icd("C18.9", "Malignant neoplasm of colon"), None),
    ]
    return lived


def history_of(one: Person) -> History:
    """The events of the patient, whoever it is."""
    return History(
        one,
        encounters(),
        conditions(),
        sorted(observations(), key=lambda each: each.time),
        reports(),
        sorted(medications(), key=lambda each: each.start),
    )
