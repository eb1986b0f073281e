"""Two patients who share a CSV, an NDJSON and an HL7 batch."""

import json
from pathlib import Path

ALDA = {
    "id": "p-alda-7731",
    "mrn": "MRN7731",
    "family": "Quillfeather",
    "given": "Aldasine",
    "birth": "1951-03-17",
    "ssn": "999-71-7731",
    "street": "77 Quagmire Lane",
    "note": "Aldasine Quillfeather plays the theremin",
}
BRAM = {
    "id": "p-bram-4402",
    "mrn": "MRN4402",
    "family": "Brandywine",
    "given": "Bramwell",
    "birth": "1964-11-02",
    "ssn": "999-44-4402",
    "street": "4 Orchard Row",
    "note": "Bramwell Brandywine keeps bees",
}
PATIENTS = (ALDA, BRAM)

CSV_HEADER = (
    "Id,BIRTHDATE,DEATHDATE,SSN,DRIVERS,PASSPORT,PREFIX,FIRST,LAST,SUFFIX,MAIDEN,MARITAL,RACE,ETHNICITY,GENDER,"
    "BIRTHPLACE,ADDRESS,CITY,STATE,COUNTY,ZIP,LAT,LON,HEALTHCARE_EXPENSES,HEALTHCARE_COVERAGE"
)


def csv_row(who: dict[str, str]) -> str:
    return (
        f"{who['id']},{who['birth']},,{who['ssn']},,,,{who['given']},{who['family']},,,,white,nonhispanic,F,Boston,"
        f"{who['street']},Boston,Massachusetts,Suffolk County,02108,42.3,-71.0,10.0,5.0"
    )


def ndjson_lines(who: dict[str, str]) -> list[str]:
    patient = {
        "resourceType": "Patient",
        "id": "fhir-" + who["id"],
        "identifier": [{"system": "urn:test:mrn", "value": who["mrn"]}],
        "name": [{"family": who["family"], "given": [who["given"]]}],
        "birthDate": who["birth"],
    }
    observation = {
        "resourceType": "Observation",
        "id": "obs-" + who["id"],
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        "subject": {"reference": f"Patient/fhir-{who['id']}"},
        "effectiveDateTime": "2024-05-06T07:08:09Z",
        "note": [{"text": who["note"]}],
        "valueQuantity": {
            "value": 61, "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min",
        },
    }  # fmt: skip
    return [json.dumps(patient), json.dumps(observation)]


def hl7_message(who: dict[str, str], control: str) -> str:
    family, given = who["family"].upper(), who["given"].upper()
    birth = who["birth"].replace("-", "")
    return "\r".join(
        [
            f"MSH|^~\\&|LAB|HOSP|CARELOOM|HOSP|20240506070809||ORU^R01^ORU_R01|{control}|P|2.5.1",
            f"PID|1||{who['mrn']}^^^HOSP^MR||{family}^{given}||{birth}|F|||{who['street']}^^BOSTON^MA^02108",
            "OBR|1||F" + control + "|2345-7^Glucose^LN|||20240506070000|||||||||||||||20240506070809|||F",
            "OBX|1|NM|2345-7^Glucose^LN||97|mg/dL^^UCUM|70-99|N|||F|||20240506070000",
        ]
    )


def write_feeds(folder: Path) -> list[Path]:
    """The three shared files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / "extract.csv", folder / "export.ndjson", folder / "feed.hl7"]
    files[0].write_text("\n".join([CSV_HEADER, *map(csv_row, PATIENTS)]) + "\n")
    files[1].write_text("\n".join(line for who in PATIENTS for line in ndjson_lines(who)) + "\n")
    messages = [hl7_message(who, f"C{number}") for number, who in enumerate(PATIENTS, 1)]
    batch = ["FHS|^~\\&|LAB|HOSP", "BHS|^~\\&|LAB|HOSP", *messages, "BTS|2", "FTS|1"]
    files[2].write_bytes("\r".join(batch).encode() + b"\r")
    return files


def secrets(who: dict[str, str]) -> list[bytes]:
    """Everything that would give the person away, in the spellings of the three feeds."""
    plain = [value for name, value in who.items() if name != "birth"]
    return sorted({text.encode() for value in plain for text in (value, value.upper(), value.lower())})
