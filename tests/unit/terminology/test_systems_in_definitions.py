"""Our URIs and the codes of the packaged mappings against FHIR's own definitions."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from careloom.ingest.delimited import packaged_mappings
from careloom.terminology import systems

# Real systems that the R4 definitions do not mention; from the HL7 terminology registry (terminology.hl7.org), 2024,
# and the permanent addresses of the OBO Foundry.
ELSEWHERE = {
    systems.ATC,
    systems.CDC_RACE,
    systems.DISEASE_ONTOLOGY,
    systems.HCPCS,
    systems.ICD_10,
    systems.ICD_10_CM,
    systems.ICD_10_PCS,
    systems.ICD_9_CM,
    systems.MESH,
    systems.MONDO,
    systems.MVX,
    systems.NCI_THESAURUS,
    systems.NDC,
    systems.SYMPTOM_ONTOLOGY,
    systems.US_NPI,
    systems.US_SSN,
}
HL7 = ("http://terminology.hl7.org/CodeSystem/", "http://hl7.org/fhir/")


@pytest.fixture(scope="module")
def definitions(suites: Path) -> str:
    folder = suites / "fhir_definitions"
    names = ("valuesets.json.gz", "v3-codesystems.json.gz", "v2-tables.json.gz", "profiles-types.json.gz")
    return "".join(gzip.decompress((folder / name).read_bytes()).decode() for name in names)


def uris() -> Iterator[str]:
    for name, value in vars(systems).items():
        if name.isupper() and not name.startswith("_") and isinstance(value, str):
            yield value


def test_every_uri_is_one_that_fhir_uses(definitions: str) -> None:
    unknown = {
        uri for uri in uris() if f'"{uri}"' not in definitions and uri.removeprefix("urn:oid:") not in definitions
    }
    assert unknown <= ELSEWHERE


def codings(node: Any) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        if isinstance(node.get("system"), str) and isinstance(node.get("code"), str):
            yield node["system"], node["code"]
        for value in node.values():
            yield from codings(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from codings(value)


def concepts(node: dict[str, Any]) -> Iterator[str]:
    for concept in node.get("concept", []):
        yield concept["code"]
        yield from concepts(concept)


def test_every_hl7_code_of_a_packaged_mapping_exists(definitions: str, suites: Path) -> None:
    known: dict[str, set[str]] = {}
    for name in ("valuesets.json.gz", "v3-codesystems.json.gz", "v2-tables.json.gz"):
        bundle = json.loads(gzip.decompress((suites / "fhir_definitions" / name).read_bytes()))
        for entry in bundle["entry"]:
            if entry["resource"]["resourceType"] == "CodeSystem":
                known[entry["resource"]["url"]] = set(concepts(entry["resource"]))
    used = {
        pair
        for mapping in packaged_mappings()
        for part in (
            [dict(table) for table in mapping.values.values()],
            [
                [dict(block.set) for block in template.blocks]
                for file in mapping.files.values()
                for template in file.templates
            ],
        )
        for pair in codings(part)
        if pair[0].startswith(HL7) and "{" not in pair[1]
    }
    assert len(used) > 15
    assert {pair for pair in used if pair[0] in known and pair[1] not in known[pair[0]]} == set()
    assert {pair[0] for pair in used if pair[0] not in known} == set()
