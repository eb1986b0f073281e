"""The hospital's extract: the columns of a Synthea CSV export."""

import csv
import io
from collections.abc import Callable, Iterator
from datetime import datetime

from make_sample_hospital_codes import MEDICINES, PROCEDURES, VACCINES, VISITS
from make_sample_hospital_fhir import HOSPITAL, HOSPITAL_NAME
from make_sample_hospital_people import Clinician, Person, Visit

PAYER = "7f0c2a9e-33a1-4d3e-8d53-1f2f6f1f9d10"
_CLASSES = {"wellness": "wellness", "ambulatory": "ambulatory", "emergency": "emergency", "inpatient": "inpatient"}
Rows = Iterator[list[object]]

HEADERS = {
    "patients": "Id,BIRTHDATE,DEATHDATE,SSN,DRIVERS,PASSPORT,PREFIX,FIRST,LAST,SUFFIX,MAIDEN,MARITAL,RACE,"
    "ETHNICITY,GENDER,BIRTHPLACE,ADDRESS,CITY,STATE,COUNTY,ZIP,LAT,LON,HEALTHCARE_EXPENSES,HEALTHCARE_COVERAGE",
    "encounters": "Id,START,STOP,PATIENT,ORGANIZATION,PROVIDER,PAYER,ENCOUNTERCLASS,CODE,DESCRIPTION,"
    "BASE_ENCOUNTER_COST,TOTAL_CLAIM_COST,PAYER_COVERAGE,REASONCODE,REASONDESCRIPTION",
    "conditions": "START,STOP,PATIENT,ENCOUNTER,CODE,DESCRIPTION",
    "observations": "DATE,PATIENT,ENCOUNTER,CATEGORY,CODE,DESCRIPTION,VALUE,UNITS,TYPE",
    "medications": "START,STOP,PATIENT,PAYER,ENCOUNTER,CODE,DESCRIPTION,BASE_COST,PAYER_COVERAGE,DISPENSES,TOTALCOST,"
    "REASONCODE,REASONDESCRIPTION",
    "allergies": "START,STOP,PATIENT,ENCOUNTER,CODE,SYSTEM,DESCRIPTION,TYPE,CATEGORY,REACTION1,DESCRIPTION1,SEVERITY1,"
    "REACTION2,DESCRIPTION2,SEVERITY2",
    "immunizations": "DATE,PATIENT,ENCOUNTER,CODE,DESCRIPTION,BASE_COST",
    "procedures": "START,STOP,PATIENT,ENCOUNTER,CODE,DESCRIPTION,BASE_COST,REASONCODE,REASONDESCRIPTION",
    "organizations": "Id,NAME,ADDRESS,CITY,STATE,ZIP,LAT,LON,PHONE,REVENUE,UTILIZATION",
    "providers": "Id,ORGANIZATION,NAME,GENDER,SPECIALITY,ADDRESS,CITY,STATE,ZIP,LAT,LON,UTILIZATION",
    "payers": "Id,NAME,ADDRESS,CITY,STATE_HEADQUARTERED,ZIP,PHONE,AMOUNT_COVERED,AMOUNT_UNCOVERED,REVENUE,"
    "COVERED_ENCOUNTERS,UNCOVERED_ENCOUNTERS,COVERED_MEDICATIONS,UNCOVERED_MEDICATIONS,COVERED_PROCEDURES,UNCOVERED_PROCEDURES,"
    "COVERED_IMMUNIZATIONS,UNCOVERED_IMMUNIZATIONS,UNIQUE_CUSTOMERS,QOLS_AVG,MEMBER_MONTHS",
}


def time(moment: datetime) -> str:
    """ISO time in UTC."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _patients(people: list[Person]) -> Rows:
    for p in people:
        town, _state, zip_code, county, lat, lon = p.town
        yield [
            p.id,
            p.birth,
            f"{p.death:%Y-%m-%d}" if p.death else "",
            p.ssn,
            "",
            "",
            "Mr." if p.sex == "M" else "Mrs.",
            p.first,
            p.last,
            "",
            "",
            p.married if p.married in "MSDW" else "",
            p.race[0],
            "hispanic" if p.hispanic else "nonhispanic",
            p.sex,
            f"{town}  Massachusetts  US",
            p.street,
            town,
            "Massachusetts",
            county,
            zip_code,
            lat,
            lon,
            "15000.00",
            "12000.00",
        ]


def _visits(people: list[Person]) -> Iterator[tuple[Person, Visit]]:
    for person in people:
        for visit in person.visits:
            yield person, visit


def _encounters(people: list[Person]) -> Rows:
    for p, v in _visits(people):
        code, text, _ = VISITS[v.kind]
        reason = (v.problem.snomed, v.problem.text) if v.problem else ("", "")
        yield [
            v.id,
            time(v.start),
            time(v.stop),
            p.id,
            HOSPITAL,
            v.clinician.id,
            PAYER,
            _CLASSES[v.kind],
            code,
            text,
            "85.55",
            "142.58",
            "100.00",
            *reason,
        ]


def _conditions(people: list[Person]) -> Rows:
    for p in people:
        for i in p.illnesses:
            yield [i.onset, i.abatement or "", p.id, p.visits[i.visit].id, i.problem.snomed, i.problem.text]


def _observations(people: list[Person]) -> Rows:
    for p, v in _visits(people):
        readings = [("vital-signs", r) for r in v.vitals]
        readings += [("laboratory", r) for panel in v.labs.values() for r in panel]
        for category, r in readings:
            value = f"{r.value:.{r.measure.decimals}f}"
            yield [
                time(v.start),
                p.id,
                v.id,
                category,
                r.measure.loinc,
                r.measure.text,
                value,
                r.measure.unit,
                "numeric",
            ]


def _medications(people: list[Person]) -> Rows:
    for p, v in _visits(people):
        for given in v.medicines:
            code, text = MEDICINES[given.key]
            reason = (v.problem.snomed, v.problem.text) if v.problem else ("", "")
            yield [time(v.start), "", p.id, PAYER, v.id, code, text, "12.40", "8.00", "1", "12.40", *reason]


def _allergies(people: list[Person]) -> Rows:
    for p in people:
        for _, (code, text, category, reaction, reaction_text), since in p.allergies:
            if p.visits:
                yield [
                    since,
                    "",
                    p.id,
                    p.visits[0].id,
                    code,
                    "SNOMED-CT",
                    text,
                    "allergy",
                    category,
                    reaction,
                    reaction_text,
                    "MILD",
                    "",
                    "",
                    "",
                ]


def _immunizations(people: list[Person]) -> Rows:
    for p, v in _visits(people):
        for given in v.vaccines:
            yield [time(v.start), p.id, v.id, *VACCINES[given.key], "136.00"]


def _procedures(people: list[Person]) -> Rows:
    for p, v in _visits(people):
        for given in v.procedures:
            reason = (v.problem.snomed, v.problem.text) if v.problem else ("", "")
            yield [time(v.start), time(v.stop), p.id, v.id, *PROCEDURES[given.key], "431.40", *reason]


def files(people: list[Person], clinicians: list[Clinician]) -> dict[str, bytes]:
    """File name -> its bytes, LF between rows as Synthea writes."""
    makers: dict[str, Callable[[list[Person]], Rows]] = {
        "patients": _patients,
        "encounters": _encounters,
        "conditions": _conditions,
        "observations": _observations,
        "medications": _medications,
        "allergies": _allergies,
        "immunizations": _immunizations,
        "procedures": _procedures,
    }
    found = {name: _written(name, make(people)) for name, make in makers.items()}
    where = ["1 Sample Way", "Springfield", "MA", "01103"]
    found["organizations"] = _written(
        "organizations", iter([[HOSPITAL, HOSPITAL_NAME, *where, 42.1, -72.59, "555-200-1000", "0.0", 100]])
    )
    found["providers"] = _written(
        "providers",
        (
            [c.id, HOSPITAL, f"{c.first} {c.last}", "F", c.specialty.upper(), *where, 42.1, -72.59, 10]
            for c in clinicians
        ),
    )
    found["payers"] = _written(
        "payers", iter([[PAYER, "Sample Health Plan", *where, "555-200-2000", *["0.00"] * 3, *["0"] * 9, "NaN", 0]])
    )
    return {f"{name}.csv": data for name, data in found.items()}


def _written(name: str, rows: Rows) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADERS[name].split(","))
    writer.writerows(rows)
    return out.getvalue().encode()
