"""Every code that the simulated hospital writes, and a check of them against the terminologies.

SNOMED CT is named by identifier only; the texts beside the codes are our own words.
"""

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

from make_sample_hospital_problems import PROBLEMS


@dataclass(frozen=True)
class Measure:
    """An observation: LOINC code, text, UCUM unit, usual mean and spread, decimals, reference range."""

    key: str
    loinc: str
    text: str
    unit: str
    mean: float
    spread: float
    decimals: int
    low: float | None = None
    high: float | None = None


VITALS = (
    Measure("height", "8302-2", "Body height", "cm", 170, 8, 1),
    Measure("weight", "29463-7", "Body weight", "kg", 78, 14, 1),
    Measure("bmi", "39156-5", "Body mass index", "kg/m2", 27, 4, 1),
    Measure("systolic", "8480-6", "Systolic blood pressure", "mm[Hg]", 122, 9, 0),
    Measure("diastolic", "8462-4", "Diastolic blood pressure", "mm[Hg]", 77, 7, 0),
    Measure("pulse", "8867-4", "Heart rate", "/min", 74, 9, 0),
    Measure("breaths", "9279-1", "Respiratory rate", "/min", 15, 2, 0),
    Measure("temperature", "8310-5", "Body temperature", "Cel", 36.8, 0.3, 1),
    Measure("oxygen", "59408-5", "Oxygen saturation", "%", 97.5, 1, 0),
)
PRESSURE = "85354-9"
SMOKING = "72166-2"
SMOKING_ANSWERS = {"never": "266919005", "former": "8517006", "daily": "449868002"}

LABS = {
    "metabolic": (
        Measure("glucose", "2339-0", "Glucose", "mg/dL", 92, 9, 0, 70, 99),
        Measure("urea", "6299-2", "Urea nitrogen", "mg/dL", 14, 3.5, 0, 7, 20),
        Measure("creatinine", "38483-4", "Creatinine", "mg/dL", 0.9, 0.15, 2, 0.6, 1.2),
        Measure("sodium", "2947-0", "Sodium", "mmol/L", 140, 2, 0, 136, 145),
        Measure("potassium", "6298-4", "Potassium", "mmol/L", 4.2, 0.35, 1, 3.5, 5.1),
    ),
    "lipids": (
        Measure("cholesterol", "2093-3", "Total cholesterol", "mg/dL", 212, 28, 0, None, 200),
        Measure("triglycerides", "2571-8", "Triglycerides", "mg/dL", 150, 40, 0, None, 150),
        Measure("ldl", "18262-6", "LDL cholesterol", "mg/dL", 130, 24, 0, None, 130),
        Measure("hdl", "2085-9", "HDL cholesterol", "mg/dL", 50, 10, 0, 40, None),
    ),
    "blood-count": (
        Measure("leukocytes", "6690-2", "White blood cells", "10*3/uL", 7.2, 1.6, 1, 4.5, 11),
        Measure("hemoglobin", "718-7", "Hemoglobin", "g/dL", 13.9, 1.1, 1, 12, 17.5),
        Measure("hematocrit", "4544-3", "Hematocrit", "%", 41.5, 3, 1, 36, 50),
        Measure("platelets", "777-3", "Platelets", "10*3/uL", 250, 50, 0, 150, 400),
    ),
    "a1c": (Measure("a1c", "4548-4", "Hemoglobin A1c", "%", 7.4, 0.8, 1, 4, 5.6),),
    "inr": (Measure("inr", "6301-6", "INR", "{INR}", 2.5, 0.4, 1, 2, 3),),
}
PANELS = {
    "metabolic": ("51990-0", "Basic metabolic panel"),
    "lipids": ("57698-3", "Lipid panel"),
    "blood-count": ("58410-2", "Blood count"),
    "a1c": ("4548-4", "Hemoglobin A1c"),
    "inr": ("6301-6", "INR"),
}
MEDICINES = {
    "lisinopril": ("314076", "lisinopril 10 MG Oral Tablet"),
    "amlodipine": ("308136", "amlodipine 2.5 MG Oral Tablet"),
    "metformin": ("861007", "metformin hydrochloride 500 MG Oral Tablet"),
    "atorvastatin": ("617312", "atorvastatin 10 MG Oral Tablet"),
    "simvastatin": ("312961", "simvastatin 20 MG Oral Tablet"),
    "albuterol": ("745752", "albuterol 0.09 MG/ACTUAT Metered Dose Inhaler"),
    "warfarin": ("855332", "warfarin sodium 5 MG Oral Tablet"),
    "furosemide": ("313988", "furosemide 40 MG Oral Tablet"),
    "sertraline": ("312941", "sertraline 50 MG Oral Tablet"),
    "acetaminophen": ("198440", "acetaminophen 500 MG Oral Tablet"),
    "ibuprofen": ("197805", "ibuprofen 400 MG Oral Tablet"),
    "amoxicillin": ("308182", "amoxicillin 250 MG Oral Capsule"),
}
ALLERGIES = (
    ("91936005", "Allergy to penicillin", "medication", "271807003", "Skin rash"),
    ("91935009", "Allergy to peanut", "food", "247472004", "Wheals"),
    ("418689008", "Allergy to grass pollen", "environment", "49727002", "Cough"),
    ("300913006", "Allergy to shellfish", "food", "271807003", "Skin rash"),
)
VACCINES = {
    "tdap": ("115", "Tetanus, diphtheria, pertussis (Tdap)"),
    "pneumo13": ("133", "Pneumococcal conjugate, 13 valent"),
    "pneumo23": ("33", "Pneumococcal polysaccharide, 23 valent"),
    "zoster": ("187", "Zoster, recombinant"),
    "mening": ("114", "Meningococcal conjugate"),
}
PROCEDURES = {
    "reconcile": ("430193006", "Medicines gone through with the patient"),
    "chest-xray": ("399208008", "X-ray of the chest"),
    "ecg": ("268400002", "12-lead electrocardiogram"),
    "throat-culture": ("117015009", "Throat culture"),
    "depression-screen": ("171207006", "Screening for depression"),
    "colonoscopy": ("73761001", "Colonoscopy"),
}
VISITS = {
    "wellness": ("185349003", "Check-up visit", "AMB"),
    "ambulatory": ("185345009", "Visit for a symptom", "AMB"),
    "emergency": ("50849002", "Emergency room visit", "EMER"),
    "inpatient": ("32485007", "Hospital stay", "IMP"),
}
NOTES = {
    "ambulatory": ("11506-3", "Progress note"),
    "wellness": ("34117-2", "History and physical"),
    "emergency": ("34111-5", "Emergency department note"),
    "inpatient": ("18842-5", "Discharge summary"),
}


def used() -> dict[str, set[str]]:
    """System -> every code of it that the hospital can write."""
    return {
        "SNOMED-CT": {problem.snomed for problem in PROBLEMS}
        | {code for entry in ALLERGIES for code in (entry[0], entry[3])}
        | {code for code, _ in PROCEDURES.values()}
        | {code for code, _, _ in VISITS.values()}
        | set(SMOKING_ANSWERS.values()),
        "LOINC": {measure.loinc for measure in VITALS}
        | {measure.loinc for panel in LABS.values() for measure in panel}
        | {code for code, _ in PANELS.values()}
        | {PRESSURE, SMOKING},
        "LOINC-documents": {code for code, _ in NOTES.values()},
        "RXNORM": {code for code, _ in MEDICINES.values()},
        "CVX": {code for code, _ in VACCINES.values()},
        "ICD-10-CM": {problem.icd10 for problem in PROBLEMS},
    }


def unknown(suites: Path) -> list[str]:
    """The codes that the terminologies under `suites` do not hold, ``system code``."""
    known: dict[str, set[str]] = {system: set() for system in used()}
    for line in (suites / "term_synthea_codes" / "codes.jsonl").read_text().splitlines():
        entry = json.loads(line)
        known.setdefault(entry["system"], set()).add(entry["code"])
    with gzip.open(suites / "term_rxnorm_prescribable" / "rxnorm.jsonl.gz", "rt") as rxnorm:
        known["RXNORM"] |= {json.loads(line)["rxcui"] for line in rxnorm}
    with gzip.open(suites / "term_icd10cm" / "code-list-April-2026.txt.gz", "rt") as icd:
        valid = {line.split()[0].replace(".", "") for line in icd if line.strip()}
    known["ICD-10-CM"] = {code for code in used()["ICD-10-CM"] if code.replace(".", "") in valid}
    known["LOINC-documents"] = {
        code for code in used()["LOINC-documents"] if any(code in text for text in _definitions(suites))
    }
    return [f"{system} {code}" for system, codes in used().items() for code in sorted(codes - known[system])]


def _definitions(suites: Path) -> list[str]:
    found = []
    for path in sorted((suites / "fhir_definitions").rglob("*")):
        if path.is_file() and "alue" in path.name:
            raw = path.read_bytes()
            found.append((gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8", "replace"))
    return found
