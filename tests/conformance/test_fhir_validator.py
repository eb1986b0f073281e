"""HL7's validator suite, the examples of the specification, US Core and Synthea: shares reached, kept from falling."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from careloom.fhir.validate import CheckOptions, check_bytes
from careloom.fhir.validate_explain import explain

R5_TYPES = "R5Requirements-"
WITHOUT_NARRATIVE = "diagnosticreport-cbc.json"
"""Guide source: its Narrative gets its required div from the publisher."""


def read(path: Path) -> bytes:
    raw = path.read_bytes()
    return gzip.decompress(raw) if path.name.endswith(".gz") else raw


def cases(suites: Path, *, structural: bool) -> Iterator[tuple[str, str, bool]]:
    """Name, expected outcome and whether we accept, of each JSON case."""
    folder = suites / "fhir_test_cases_validator"
    for case in json.loads((folder / "manifest.json").read_text()):
        path = folder / "files" / case["file"]
        path = path if path.exists() else path.with_name(path.name + ".gz")
        if case["file"].endswith(".json") and path.exists() and (case["base_structural"] or not structural):
            yield case["name"], case["expected"], not check_bytes(read(path), options=options(case["test"]))[1]


def options(test: dict[str, object]) -> CheckOptions:
    """The options of HL7's validator that the case declares: the same bytes are another case without them."""
    return CheckOptions(
        allow_comments=test.get("allow-comments") is True, check_contained=test.get("validateContains") != "IGNORE"
    )


def test_structural_cases_of_hl7s_validator_suite(suites):
    found = list(cases(suites, structural=True))
    valid = [(name, accepted) for name, expected, accepted in found if expected == "valid"]
    invalid = [accepted for _, expected, accepted in found if expected == "invalid"]

    assert [name for name, accepted in valid if not accepted] == []
    assert invalid.count(False) / len(invalid) >= 0.86


def test_cases_that_need_profiles_are_not_refused_without_them(suites):
    found = [(name, accepted) for name, expected, accepted in cases(suites, structural=False) if expected == "valid"]

    assert sum(accepted for _, accepted in found) / len(found) >= 0.96


def test_examples_of_the_specification_are_accepted(suites):
    paths = [p for p in sorted((suites / "fhir_r4_examples").iterdir()) if ".json" in p.name]
    refused = [p.name for p in paths if check_bytes(read(p))[1]]

    assert len(paths) > 400
    assert len(refused) <= 1, refused


def test_us_core_examples_are_accepted(suites):
    paths = sorted((suites / "us_core_examples").rglob("*.json*"))
    resources = [p for p in paths if b'"resourceType"' in read(p)]
    refused = {p.name for p in resources if check_bytes(read(p))[1]}

    assert len(resources) > 300
    assert {name for name in refused if not name.startswith(R5_TYPES)} <= {WITHOUT_NARRATIVE}


@pytest.fixture(scope="module")
def synthea(suites) -> list[bytes]:
    lines = []
    for path in sorted((suites / "synthea_bundles").rglob("*.json*")):
        entries = orjson.loads(read(path)).get("entry", [])
        lines += [orjson.dumps(entry["resource"]) for entry in entries if "resource" in entry]
    for path in sorted((suites / "synthea_bulk_ndjson").rglob("*.ndjson*")):
        lines += [line for line in read(path).split(b"\n") if line.strip()]
    return lines


@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.long)])
def test_every_synthea_resource_is_accepted(synthea, every):
    """Each fifth of every day, all of them in the campaigns."""
    assert len(synthea) > 40_000
    assert [issue.code for line in synthea[::every] for issue in check_bytes(line)[1]] == []


def test_generated_code_and_explaining_pass_agree_on_synthea(synthea):
    sample = [orjson.loads(line) for line in synthea[::25]]

    for resource in sample:
        fast, slow = [], []
        assert check_bytes(orjson.dumps(resource), fast)[1] == explain(resource, slow).issues
        assert sorted(map(str, fast)) == sorted(map(str, slow))


def test_every_synthea_transaction_is_accepted_as_a_bundle(suites):
    paths = sorted((suites / "synthea_bundles").rglob("*.json*"))[::12]

    assert [issue.code for path in paths for issue in check_bytes(read(path))[1]] == []
