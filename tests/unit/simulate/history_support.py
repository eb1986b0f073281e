"""Two simulated people made by hand: one with a rich history at two sites, one with a single visit."""

from datetime import UTC, date, datetime, timedelta

from careloom.simulate.answers import NoteAnswer
from careloom.simulate.charts import Place
from careloom.simulate.history import (
    Address,
    Allergy,
    Appointment,
    Clinician,
    Code,
    Condition,
    Coverage,
    Encounter,
    History,
    Immunization,
    Medication,
    Observation,
    Outcome,
    Person,
    Procedure,
    RecordNumber,
    Relative,
    Report,
    Site,
    Stay,
)
from careloom.terminology.systems import (
    BCP_47,
    CDC_RACE,
    CVX,
    ICD_10_CM,
    LOINC,
    NUCC_TAXONOMY,
    RXNORM,
    SNOMED_CT,
)

HOME = Address("12 Harbour Rd", "Springfield", "Hampden", "MA", "01103")
NEW_HOME = Address("9 Mill & Lane", "Chicopee", "Hampden", "MA", "01013")
CARDIOLOGY = Code(NUCC_TAXONOMY, "207RC0000X", "Cardiovascular Disease Physician")
FAMILY = Code(NUCC_TAXONOMY, "207Q00000X", "Family Medicine Physician")
PLACE = Place(
    {
        "north": Site(
            "north", "North Hospital", "hospital", "2.16.840.1.113883.19.5", "1234567893", HOME, "4135550100"
        ),
        "river": Site("river", "River Clinic", "clinic", "2.16.840.1.113883.19.6", "1114567890", HOME, "4135550101"),
        "lake": Site("lake", "Lake Clinic", "clinic", "2.16.840.1.113883.19.7", "1114567809", HOME, "4135550102"),
    },
    {
        "c1": Clinician("c1", "1215930367", "Ana", "Duarte", CARDIOLOGY, "north"),
        "c2": Clinician("c2", "1770509990", "Ngozi", "Okafor", FAMILY, "river"),
    },
)
_MI = (
    Code(ICD_10_CM, "I21.4", "Non-ST elevation (NSTEMI) myocardial infarction"),
    Code(SNOMED_CT, "401314000", "heart attack, NSTEMI"),
)
_DIABETES = (
    Code(ICD_10_CM, "E11.9", "Type 2 diabetes mellitus without complications"),
    Code(SNOMED_CT, "44054006", "type 2 diabetes"),
)
_PRESSURE = Code(LOINC, "85354-9", "Blood pressure panel with all children optional")
_BMP = Code(LOINC, "51990-0", "Basic metabolic panel - Blood")
_POTASSIUM = Code(LOINC, "2823-3", "Potassium [Moles/volume] in Serum or Plasma")
_GLUCOSE = Code(LOINC, "2345-7", "Glucose [Mass/volume] in Serum or Plasma")
_CREATININE = Code(LOINC, "2160-0", "Creatinine [Mass/volume] in Serum or Plasma")
_METFORMIN = Code(RXNORM, "861007", "metformin hydrochloride 500 MG Oral Tablet")
_ORAL = Code(SNOMED_CT, "26643006", "by mouth")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def person(number: int = 1, **changes: object) -> Person:
    values: dict[str, object] = {
        "patient_id": f"sim-{number:07}",
        "sex": "female",
        "given": "Maja",
        "middle": "Rose",
        "family": "O'Öster|Lund",
        "suffix": "",
        "birth": date(1958, 2, 28),
        "race": Code(CDC_RACE, "2106-3", "White"),
        "ethnicity": Code(CDC_RACE, "2186-5", "Not Hispanic or Latino"),
        "language": Code(BCP_47, "en", "English"),
        "marital_status": Code("http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "M", "Married"),
        "ssn": "987-65-4320",
        "phone": "(413) 555-0142",
        "email": "maja@example.org",
        "addresses": [(date(1980, 1, 1), HOME), (date(2024, 2, 1), NEW_HOME)],
        "record_numbers": [RecordNumber("north", f"N4001{number:02}"), RecordNumber("river", f"R77{number:03}")],
        "contact": ("Lars", "Öster", "SPO"),
    }
    return Person(**(values | changes))  # type: ignore[arg-type]


def _vitals(encounter: str, start: datetime, first: int) -> list[Observation]:
    def vital(n: int, code: Code, value: float, unit: str, **more: object) -> Observation:
        return Observation(f"O{first + n}", (code,), start, "vital-signs", value, unit, encounter, **more)  # type: ignore[arg-type]

    return [
        Observation(
            f"O{first}", (_PRESSURE,), start, "vital-signs", None, "", encounter,
            components=(
                (Code(LOINC, "8480-6", "Systolic blood pressure"), 148.0, "mm[Hg]"),
                (Code(LOINC, "8462-4", "Diastolic blood pressure"), 92.0, "mm[Hg]"),
            ),
        ),
        vital(1, Code(LOINC, "8867-4", "Heart rate"), 88.0, "/min", low=60.0, high=100.0, interpretation="N"),
        vital(2, Code(LOINC, "8310-5", "Body temperature"), 37.2, "Cel"),
        vital(3, Code(LOINC, "29463-7", "Body weight"), 81.4, "kg"),
        vital(4, Code(LOINC, "8302-2", "Body height"), 168.0, "cm"),
    ]  # fmt: skip


def rich(number: int = 1) -> History:
    """An infarction with its stay, a clinic visit before it, a telephone contact after it."""
    clinic, stay, call = at("2024-01-16T14:00:00"), at("2024-03-11T08:15:00"), at("2024-03-20T10:00:00")
    home = stay + timedelta(days=3, hours=5)
    history = History(person(number))
    checkup = Code(SNOMED_CT, "162673000", "general check")
    history.encounters = [
        Encounter("E1", "ambulatory", clinic, clinic + timedelta(minutes=30), checkup, "river", "c2", [_DIABETES[1]]),
        Encounter(
            "E2", "inpatient", stay, home, Code(SNOMED_CT, "32485007", "hospital stay"), "north", "c1", [_MI[1]],
            [
                Stay("CCU", "2", "A", stay, stay + timedelta(days=1)),
                Stay("4N", "412", "B", stay + timedelta(days=1), home),
            ],
            "7", "01",
        ),
        Encounter(
            "E3", "virtual", call, call + timedelta(minutes=15),
            Code(SNOMED_CT, "185317003", "telephone visit"), "river", "c2",
        ),
    ]  # fmt: skip
    history.conditions = [
        Condition("C1", _DIABETES, clinic, clinic, None, "E1", "diabetes"),
        Condition("C2", _MI, stay - timedelta(hours=2), stay, home, "E2", "coronary", "encounter-diagnosis"),
    ]
    history.observations = [
        *_vitals("E1", clinic + timedelta(minutes=5), 1),
        Observation(
            "O6", (Code(LOINC, "72166-2", "Tobacco smoking status"),), clinic + timedelta(minutes=6), "social-history",
            Code(SNOMED_CT, "8517006", "former smoker"), "", "E1",
        ),
        *_vitals("E2", stay + timedelta(minutes=5), 7),
        Observation(
            "O12", (_POTASSIUM,), stay + timedelta(minutes=30), "laboratory", 3.1, "mmol/L", "E2", 3.5, 5.1, "L", _BMP,
            "R1",
        ),
        Observation(
            "O13", (_GLUCOSE,), stay + timedelta(minutes=30), "laboratory", 214.0, "mg/dL", "E2", 70.0, 99.0, "H",
            _BMP, "R1",
        ),
        Observation(
            "O14", (_CREATININE,), stay + timedelta(minutes=30), "laboratory", 1.05, "mg/dL", "E2", None, 1.2, "N",
            _BMP, "R1",
        ),
    ]  # fmt: skip
    history.reports = [
        Report(
            "R1", (_BMP,), "laboratory", stay + timedelta(minutes=20), stay + timedelta(minutes=30),
            stay + timedelta(minutes=75), "E2",
        ),
        Report(
            "R2", (Code(LOINC, "36643-5", "XR Chest 2 Views"),), "radiology", stay + timedelta(minutes=25),
            stay + timedelta(minutes=45), stay + timedelta(hours=2), "E2", _MI[0],
            "Heart size normal.\nNo pneumothorax | no effusion.",
        ),
    ]  # fmt: skip
    given = [stay + timedelta(days=day, hours=hour) for day in range(2) for hour in (1, 13)]
    history.medications = [
        Medication("M1", (_METFORMIN,), clinic, stay, 1.0, "{tbl}", 2.0, _ORAL, "E1", "C1"),
        Medication(
            "M2", (_METFORMIN,), stay, None, 2.0, "{tbl}", 2.0, _ORAL, "E2", "C1", replaces="M1", administered=given
        ),
    ]
    history.allergies = [
        Allergy(
            "L1", (Code(RXNORM, "7980", "penicillin G"),), "medication", "high", at("1999-05-02T00:00:00"), clinic,
            "E1", (Code(SNOMED_CT, "247472004", "hives"),), "severe",
        )
    ]  # fmt: skip
    history.immunizations = [
        Immunization(
            "I1", (Code(CVX, "140", "Influenza, seasonal, injectable, preservative free"),), clinic, "E1", "LT77", 1
        )
    ]
    history.procedures = [
        Procedure(
            "X1", (Code(SNOMED_CT, "415070008", "coronary stent or balloon"),), stay + timedelta(hours=2),
            stay + timedelta(hours=3), "E2", "C2",
        )
    ]  # fmt: skip
    history.appointments = [
        Appointment("A1", clinic - timedelta(days=20), clinic, 30, "fulfilled", "river", "c2", _DIABETES[1], "E1"),
        Appointment("A2", clinic, clinic + timedelta(days=30), 20, "noshow", "river", "c2", None),
        Appointment("A3", home, home + timedelta(days=30), 20, "cancelled", "north", "c1", _MI[1]),
        Appointment("A4", home, home + timedelta(days=90), 20, "booked", "north", "c1", _MI[1]),
    ]
    public = Code("http://terminology.hl7.org/CodeSystem/v3-ActCode", "PUBLICPOL", "public healthcare")
    history.coverages = [Coverage("V1", "Medicare", "MCARE", public, "1EG4-TE5-MK73", date(2023, 1, 1), None)]
    mother = Code("http://terminology.hl7.org/CodeSystem/v3-RoleCode", "MTH", "mother")
    history.relatives = [Relative(mother, _MI[1], 61)]
    history.outcomes = [
        Outcome("readmission_30_days", home, "E2", 0.17, 0.0),
        Outcome("no_show", clinic, "A2", 0.3, 1.0),
    ]
    return history


def short(number: int = 2) -> History:
    """One emergency visit under way, of somebody else."""
    start = at("2024-03-11T09:00:00")
    someone = person(
        number, given="Kim", middle="", family="Ito", sex="male", ssn="", email="", contact=("", "", ""), suffix="Jr",
        birth=date(1990, 12, 1), record_numbers=[RecordNumber("north", "N400999")],
        addresses=[(date(1990, 12, 1), HOME)],
    )  # fmt: skip
    history = History(someone)
    history.encounters = [
        Encounter(
            "E1",
            "emergency",
            start,
            None,
            Code(SNOMED_CT, "50849002", "emergency department visit"),
            "north",
            "c1",
            [_MI[1]],
        )
    ]
    history.observations = _vitals("E1", start, 1)
    return history


def notes(history: History) -> list[NoteAnswer]:
    """A note for each encounter, without gold: the feeds carry its text."""
    return [
        NoteAnswer(
            f"n-{history.person.patient_id[-4:]}-{one.key}", history.person.patient_id, one.key, "progress", "hand",
            one.start.isoformat(), f"Seen today.\nDenies chest pain | stable.\n\nPlan: see {one.key}.\n", (), (),
        )
        for one in history.encounters
    ]  # fmt: skip
