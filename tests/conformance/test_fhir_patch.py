"""Patches of other people: HL7's tests of FHIRPath Patch, and the JSON Patch tests that FHIR points to."""

import json
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from careloom.fhir.patch import PatchError
from careloom.fhir.patch_fhirpath import fhirpath_patched
from careloom.fhir.patch_json import json_patched
from careloom.ingest.fhir_xml import resource_of

FOLDER = "fhir_patch_tests"
FHIR = "{http://hl7.org/fhir}"


def resource(case: Any, name: str) -> Any:
    return resource_of(next(case.find(name).iterchildren(tag=etree.Element)))


def test_every_fhirpath_patch_gives_what_the_suite_says(suites: Path) -> None:
    cases = etree.parse(suites / FOLDER / "fhir-patch-tests.xml").findall("case")
    assert len(cases) == 33
    for case in cases:
        given, patch = resource(case, "input"), resource(case, "diff")
        before = json.dumps(given)
        if case.find("error") is not None:
            with pytest.raises(PatchError) as caught:
                fhirpath_patched(given, patch)
            assert caught.value.operation == 0
        else:
            assert fhirpath_patched(given, patch) == resource(case, "output"), case.get("name")
        assert json.dumps(given) == before


def test_every_json_patch_gives_what_the_suite_says(suites: Path) -> None:
    cases = json.loads((suites / FOLDER / "json-patch-tests.json").read_bytes())
    assert len(cases) == 16
    for case in cases:
        if "error" in case:
            with pytest.raises(PatchError):
                json_patched(case["doc"], case["patch"])
        else:
            assert json_patched(case["doc"], case["patch"]) == case["expected"], case["comment"]
