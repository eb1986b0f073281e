"""The maps are well-formed, every code map that a row names is there, and they are the guide's."""

import csv
import io
import tomllib
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from careloom.hl7v2.fields import Authority
from careloom.ingest.hl7v2_to_fhir_codes import authority_uri, code_maps, system_uri
from careloom.ingest.hl7v2_to_fhir_plans import plan
from careloom.runtime import packaged
from tools import make_hl7v2_maps

SEGMENTS = tomllib.loads(packaged("ingest", "maps/hl7v2_segments.toml").decode())
# Rows of ours: what the guide leaves open, each with a comment in the map or in the code.
OURS = set(
    "FT1[ChargeItem] GOL[Goal] GT1[RelatedPerson] IN1[RelatedPerson] IN2[RelatedPerson] ODS[NutritionOrder] "
    "PRB[Condition] PTH[CarePlan] RF1[ServiceRequest] RXA[MedicationAdministration] RXD[MedicationDispense] "
    "RXE[MedicationRequest]".split()
)


@pytest.mark.parametrize("table", SEGMENTS)
def test_every_table_compiles(table: str) -> None:
    assert len(plan(table)) == len(SEGMENTS[table]["rows"])


@pytest.mark.parametrize("table", sorted(set(SEGMENTS) - OURS))
def test_every_row_is_a_row_of_the_guide(suites: Path, table: str) -> None:
    folder = suites / "hl7v2_to_fhir_ig" / "mappings" / "segments"
    found = [place for place in folder.glob("*.csv") if f"__{table}_" in place.name]
    assert len(found) == 1
    with found[0].open(encoding="utf-8-sig", newline="") as handle:
        mapped = {row[1].strip() for row in list(csv.reader(handle))[2:] if len(row) > 9 and row[9].strip()}
    assert {f"{table[:3]}-{number}" for number, _, _ in SEGMENTS[table]["rows"]} <= mapped


def test_tables_that_the_guide_has_are_not_called_ours(suites: Path) -> None:
    folder = suites / "hl7v2_to_fhir_ig" / "mappings" / "segments"
    guide = {place.name.partition("__")[2].partition("_")[0] for place in folder.glob("*.csv")}
    assert OURS & guide == set()
    assert set(SEGMENTS) >= OURS


def test_the_concept_maps_are_what_the_tool_makes_of_the_guide(suites: Path) -> None:
    out = io.StringIO()
    with redirect_stdout(out):
        make_hl7v2_maps.main(suites / "hl7v2_to_fhir_ig")
    assert out.getvalue() == packaged("ingest", "maps/hl7v2_concepts.toml").decode()


def test_our_codes_lie_over_the_guides() -> None:
    events = code_maps()["Event[EncounterStatus]"].targets
    assert (events["A01"].code, events["A04"].code, "A08" in events) == ("in-progress", "arrived", False)
    assert all(
        entry["source"] for entry in tomllib.loads(packaged("ingest", "maps/hl7v2_codes.toml").decode()).values()
    )


@pytest.mark.parametrize(
    ("code", "system", "target"),
    [("M", "", "M"), ("M", "HL70002", "M"), ("M", "HL7002", "M"), ("M", "L", None), ("M", "HL70001", None)],
)
def test_a_code_is_mapped_only_in_the_maps_own_table(code: str, system: str, target: str | None) -> None:
    found = code_maps()["MaritalStatus"].exact(code, system)
    assert (found.code if found is not None else None) == target


@pytest.mark.parametrize(
    ("name", "uri"),
    [
        ("LN", "http://loinc.org"),
        ("SCT", "http://snomed.info/sct"),
        ("HL70005", "http://terminology.hl7.org/CodeSystem/v2-0005"),
        ("2.16.840.1.113883.6.1", "http://loinc.org"),
        ("L", ""),
        ("", ""),
        ("99 LAB", "urn:careloom:hl7v2:codesystem:99%20LAB"),
    ],
)
def test_code_systems_get_their_uri(name: str, uri: str) -> None:
    assert system_uri(name) == uri


@pytest.mark.parametrize(
    ("authority", "uri"),
    [
        (Authority("H"), "urn:careloom:hl7v2:authority:H"),
        (Authority("North & Co"), "urn:careloom:hl7v2:authority:North%20%26%20Co"),
        (Authority("H", "1.2.840.3", "ISO"), "urn:oid:1.2.840.3"),
        (Authority("", "2.16.840.1.113883.4.6", "ISO"), "http://hl7.org/fhir/sid/us-npi"),
        (Authority("NPI"), "http://hl7.org/fhir/sid/us-npi"),
        (
            Authority("H", "9C1B7A60-37B0-4A35-A9AB-0123456789AB", "GUID"),
            "urn:uuid:9c1b7a60-37b0-4a35-a9ab-0123456789ab",
        ),
        (Authority("H", "https://h.example.org/mrn", "URI"), "https://h.example.org/mrn"),
        (Authority("H", "01.2", "ISO"), "urn:careloom:hl7v2:authority:H"),
        (Authority(), ""),
    ],
)
def test_authorities_get_their_uri(authority: Authority, uri: str) -> None:
    assert authority_uri(authority) == uri
