"""Every file of other people's feeds ingests: nothing crashes, nothing is lost, what is refused has its reason."""

import json
from pathlib import Path

import pytest

from tests.journeys.hospital import CommandLine

PARTS = ("known", "stored", "kept", "quarantined", "erased")
SETS = {
    "synthea_bundles": {"notes.no-patient"},
    "synthea_bulk_ndjson": {"notes.no-patient"},
    "synthea_csv": {"notes.no-patient"},
    "fhir_r4_examples": {"fhir.delete-unclear", "notes.no-patient"},
    "us_core_examples": {
        "ingest.yaml-not-read", "ingest.csv-unknown-header", "notes.no-patient", "fhir.unknown-resource-type",
        "fhir.required-missing",
    },
    "hl7v2_ms_fhir_converter": {
        "hl7v2.message-type-not-mapped", "notes.no-patient", "fhir.required-missing", "fhir.binding",
        "fhir.invariant-cpt-2", "fhir.invariant-org-1", "fhir.invariant-lnk-1",
    },
    "hl7v2_linuxforhealth": {
        "hl7v2.message-type-not-mapped", "hl7v2.segment-missing", "hl7v2.patient-id-missing", "notes.no-patient",
        "hl7v2.message-type-missing",
    },
    "ccda_ms_fhir_converter": {
        "fhir.required-missing", "fhir.binding", "fhir.format", "fhir.invariant-ppc-1", "notes.no-patient",
    },
    "ccda_sample_ccdas": {"notes.no-patient"},
    "ccda_hl7_examples": {
        "ccda.fragment", "xml.broken", "ccda.no-patient", "ingest.xml-not-read", "notes.no-patient",
    },
    "hl7v2_hapi": {
        "hl7v2.message-type-not-mapped", "hl7v2.segment-missing", "hl7v2.patient-id-missing", "notes.no-patient",
        "hl7v2.message-type-missing", "hl7v2.acknowledgement", "hl7v2.msh-missing",
    },
}  # fmt: skip
"""Folder -> the reasons for which some of its files or records are refused, each looked at by a person.

The folders' own README files are notes without a patient."""


LARGE = {"synthea_bundles", "synthea_bulk_ndjson", "synthea_csv", "hl7v2_ms_fhir_converter", "ccda_sample_ccdas"}
"""The campaigns read them whole. Other tests of every day read parts of each."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.long) if name in LARGE else name for name in SETS]
)
def test_every_file_ingests_and_every_record_is_accounted_for(suites: Path, tmp_path: Path, name: str) -> None:
    line = CommandLine(tmp_path)
    report = line.json("ingest", suites / name)
    for file in report["files"]:
        assert file["records"] == sum(file[part] for part in PARTS)
        assert file["records"] > 0
    refused = line.json("quarantine", "list", "--limit", "1000000")
    assert {row["reason"] for row in refused} <= SETS[name]
    assert len(refused) == sum(file["quarantined"] for file in report["files"])
    assert all(row["message"] and row["remedy"] for row in refused)
    assert json.loads(line.run("store", "check", "--json").stdout)["consistent"]


def test_the_same_files_again_change_nothing(suites: Path, tmp_path: Path) -> None:
    line = CommandLine(tmp_path)
    feeds = [suites / "hl7v2_linuxforhealth", suites / "synthea_csv"]
    line.json("ingest", *feeds)
    before = line.json("store", "check")["content_hash"]
    again = line.json("ingest", *feeds)
    assert {file["state"] for file in again["files"]} == {"unchanged"}
    assert line.json("store", "check")["content_hash"] == before
