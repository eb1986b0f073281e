"""From records to tables and out again: an erased patient's pseudonym is in no byte of the lake."""

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from careloom.crypto.pseudonyms import KeyedNames
from careloom.deid.dates import shift_days
from careloom.deid.policy import packaged_policy
from careloom.deid.scrub import Scrubber
from careloom.fhir.flatten import flatten
from careloom.store.lake import Lake
from careloom.tables.research import RESEARCH

Json = dict[str, Any]
NAMES = KeyedNames(bytes(range(32)))
SCRUBBER = Scrubber(
    packaged_policy(), lambda kind, name: NAMES.resource_id("", kind, name), shift_days(bytes(32)), date(2026, 11, 21)
)
PATIENTS = ("ann", "ben")


def chart(patient: str) -> list[Json]:
    """One resource for each research table."""
    subject = {"subject": {"reference": f"Patient/{patient}", "display": patient}}
    code = {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]}
    return [
        {"resourceType": "Patient", "id": patient, "birthDate": "1971-12-29"},
        {"resourceType": "Encounter", "id": f"e-{patient}", "status": "finished", "class": {"code": "AMB"}} | subject,
        {"resourceType": "Condition", "id": f"c-{patient}", "code": code} | subject,
        {"resourceType": "Observation", "id": f"o-{patient}", "status": "final", "code": code, "valueInteger": 7}
        | subject,
        {"resourceType": "MedicationStatement", "id": f"m-{patient}", "status": "active"} | subject,
        {"resourceType": "DocumentReference", "id": f"n-{patient}", "status": "current"} | subject,
    ]


def everything_under(root: Path) -> str:
    """Every byte below a folder, with the values of Parquet files read out as well."""
    text = ""
    for file in sorted(path for path in root.rglob("*") if path.is_file()):
        text += file.name + file.read_bytes().decode("latin-1")
        if file.suffix == ".parquet":
            text += str(pq.read_table(file).to_pylist()) + str(pq.read_metadata(file).to_dict())
    return text


def test_an_erased_patient_is_in_no_byte_of_the_lake_and_the_other_stays(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    for run, patient in enumerate([*PATIENTS, *PATIENTS]):  # twice: the second time changes nothing
        resources = [SCRUBBER.scrub(part, patient)[0] or SCRUBBER.outline(part, patient) for part in chart(patient)]
        frames = flatten([part for part in resources if part is not None])
        for table in RESEARCH:
            assert frames[table.name].height == 1, table.name
            lake.write(table, frames[table.name], f"run-{run}")
    gone, stays = (NAMES.resource_id("", "Patient", patient) for patient in PATIENTS)
    assert gone in everything_under(tmp_path)
    assert [version.run for version in lake.versions("silver/notes")] == ["run-0", "run-0", "run-1"]
    for table in RESEARCH:
        assert lake.erase(table.path, table.subject, [gone], "erase") == 1
    left = everything_under(tmp_path)
    assert gone not in left
    assert [
        name for part in chart("ann") if (name := NAMES.resource_id("", part["resourceType"], part["id"])) in left
    ] == []
    assert stays in left
    assert all(state.rows == 1 for state in lake.tables())
    assert not set(PATIENTS) & set(left.replace('"', " ").split())
