"""A few patients with lives simple enough to check: pressure, its drug, a birth that only women give, a few stays."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from careloom.synth.records import Records, records

ICD, LOINC, RXNORM, SNOMED = (
    "http://hl7.org/fhir/sid/icd-10-cm", "http://loinc.org", "http://www.nlm.nih.gov/research/umls/rxnorm",
    "http://snomed.info/sct",
)  # fmt: skip
BEGIN = datetime(2018, 1, 1, 9, 0, tzinfo=UTC)


def invented(patients: int = 60, seed: int = 5) -> Records:
    """Records of so many patients."""

    chance = np.random.default_rng(seed)
    rows: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("patients", "encounters", "conditions", "observations", "medications", "procedures")
    }
    for number in range(patients):
        _one(number, chance, rows)
    return records({name: pl.DataFrame(each, infer_schema_length=None) for name, each in rows.items()})


def _one(number: int, chance: np.random.Generator, rows: dict[str, list[dict[str, Any]]]) -> None:
    who = f"p{number}"
    sex = "female" if number % 2 else "male"
    day = BEGIN + timedelta(days=int(chance.integers(0, 300)))
    person: dict[str, Any] = {"patient_id": who, "sex": sex, "race": chance.choice(["White", "Asian", "Black"]),
                              "birth": date(1940 + number % 50, 3, 4), "death": None}  # fmt: skip
    ill = number % 3 == 0
    for visit in range(int(chance.integers(1, 7))):
        stays = visit == 2
        own = {"patient_id": who, "encounter_id": f"{who}-e{visit}"}
        stop = day + (timedelta(days=3) if stays else timedelta(minutes=30))
        rows["encounters"].append(
            own | {"kind": "IMP" if stays else "AMB", "system": SNOMED, "code": "32485007" if stays else "185349003",
                   "display": "stay" if stays else "visit", "start": day, "stop": stop}
        )  # fmt: skip
        _visit(own, (sex, ill, visit), (day, stop), chance, rows)
        day += timedelta(days=int(chance.integers(1, 200)))
    if number % 10 == 9:
        person["death"] = day + timedelta(days=30)
    rows["patients"].append(person)


def _visit(
    own: dict[str, str], who: tuple[str, bool, int], span: tuple[datetime, datetime], chance: np.random.Generator,
    rows: dict[str, list[dict[str, Any]]],
) -> None:  # fmt: skip
    (sex, ill, visit), (day, stop) = who, span
    numbered = 0

    def add(table: str, system: str, code: str, **more: Any) -> None:
        nonlocal numbered
        numbered += 1
        rows[table].append(
            own | {"event_id": f"{own['encounter_id']}-{numbered}", "system": system, "code": code, "display": code,
                   "start": day} | more
        )  # fmt: skip

    if ill and visit == 0:
        add("conditions", ICD, "I10", stop=None)
        add("medications", RXNORM, "314076", stop=day + timedelta(days=int(chance.integers(20, 400))))
    if chance.random() < 0.4:
        add("conditions", ICD, "J06.9", stop=day + timedelta(days=int(chance.integers(3, 12))))
    if sex == "female" and visit == 2:
        add("conditions", ICD, "O80", stop=stop)
        add("procedures", SNOMED, "177184002", stop=day + timedelta(hours=2))
    lab = {"category": "vital-signs", "unit": "mm[Hg]"}
    add("observations", LOINC, "8480-6", value=float(round(chance.normal(150 if ill else 120, 5))), **lab)
    if visit == 2:
        add("observations", LOINC, "8480-6", value=130.0, **lab | {"start": day + timedelta(days=2)})
    smokes = chance.random() < 0.3
    add("observations", LOINC, "72166-2", category="social-history", answer_system=SNOMED,
        answer_code="77176002" if smokes else "266919005", answer="smoker" if smokes else "never")  # fmt: skip
