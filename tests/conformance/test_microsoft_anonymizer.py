"""Microsoft's functional tests of its FHIR anonymizer: every pair that is here, every configuration judged alike."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from careloom.deid.microsoft import Configuration, read_configuration
from careloom.deid.microsoft_anonymizer import Anonymizer
from careloom.deid.microsoft_json import read_exact, read_lenient, write_exact
from careloom.deid.microsoft_labels import LABELS
from careloom.deid.microsoft_methods import Keys
from careloom.errors import FormatError, SetupError
from careloom.fhir.validate_tables import resource_types

FOLDER = "ms_anonymizer"
A_DAY = date(2024, 6, 1)  # on which nobody in the files is older than 89

COMMON, ALL, R4 = "common-config", "redact-all-config", "r4-configuration-sample"
SEVERAL, SKIPS = "substitute-multiple", "configuration-skip-processing-error"
PAIRS = [  # as ResourceTests, CollectionResourceTests and VersionSpecificTests pair them
    (COMMON, "patient-basic", "patient-basic-target"),
    (COMMON, "patient-special-content", "patient-special-content-target"),
    (COMMON, "patient-null-date", "patient-null-date-target"),
    (COMMON, "contained-basic", "contained-basic-target"),
    (COMMON, "bundle-basic", "bundle-basic-target"),
    (COMMON, "contained-in-bundle", "contained-in-bundle-target"),
    (COMMON, "bundle-without-entry-resource", "bundle-without-entry-resource-target"),
    ("common-no-partial-config", "patient-no-partial", "patient-no-partial-target"),
    (ALL, "patient-basic", "patient-redact-all-target"),
    (ALL, "contained-basic", "contained-redact-all-target"),
    (ALL, "bundle-basic", "bundle-redact-all-target"),
    (ALL, "contained-in-bundle", "contained-in-bundle-redact-all-target"),
    ("substitute-primitive", "patient-substitute-primitive", "patient-substitute-primitive-target"),
    ("substitute-complex", "patient-substitute-complex", "patient-substitute-complex-target"),
    ("substitute-conflict-rules", "patient-substitute-conflict-rules", "patient-substitute-conflict-rules-target"),
    (SEVERAL, "patient-substitute-multiple", "patient-substitute-multiple-target"),
    ("substitute-multiple-2", "patient-substitute-multiple-2", "patient-substitute-multiple-2-target"),
    (SEVERAL, "contained-substitute", "contained-substitute-target"),
    (SEVERAL, "bundle-substitute", "bundle-substitute-target"),
    ("generalize-patient-config", "patient-generalize", "patient-generalize-target"),
    (SKIPS, "patient-basic", "patient-empty"),
    (SKIPS, "contained-basic", "condition-empty"),
    (SKIPS, "bundle-basic", "bundle-empty"),
    *((R4, f"R4OnlyResource/{name}", f"R4OnlyResource/{name}-target") for name in (
        "Account-R4", "Claim-R4", "Contract-R4", "MedicinalProduct", "OrganizationAffiliation", "ServiceRequest",
    )),
]  # fmt: skip
HERE_AT_LEAST = 18
"""Pairs whose expected output is here; others are skipped one by one."""


def configuration(suites: Path, name: str, folder: str = "configurations") -> Configuration:
    return read_configuration((suites / FOLDER / folder / f"{name}.json").read_bytes())


def resource(suites: Path, name: str) -> dict[str, Any]:
    return read_lenient((suites / FOLDER / "functional" / f"{name}.json").read_bytes())


def anonymizer(configured: Configuration) -> Anonymizer:
    parameters = configured.parameters
    keys = Keys(parameters.date_shift_key, parameters.crypto_hash_key, b"k" * 32)
    return Anonymizer(configured, keys, today=A_DAY, random_bytes=bytes)


@pytest.mark.parametrize(("rules", "given", "expected"), PAIRS, ids=[f"{rules}: {given}" for rules, given, _ in PAIRS])
def test_a_functional_pair_is_reproduced(suites: Path, rules: str, given: str, expected: str) -> None:
    if not (suites / FOLDER / "functional" / f"{expected}.json").exists():
        pytest.skip("the expected output is not in this copy")
    assert anonymizer(configuration(suites, rules)).anonymize(resource(suites, given)).resource == resource(
        suites, expected
    )


def test_the_pairs_that_are_here_are_many(suites: Path) -> None:
    found = [pair for pair in PAIRS if (suites / FOLDER / "functional" / f"{pair[2]}.json").exists()]
    assert len(found) >= HERE_AT_LEAST


@pytest.mark.parametrize("rules", ["configuration-raise-processing-error", "configuration-without-processing-error"])
@pytest.mark.parametrize("given", ["patient-basic", "contained-basic", "bundle-basic"])
def test_a_failing_rule_stops_where_the_configuration_does_not_skip(suites: Path, rules: str, given: str) -> None:
    with pytest.raises(FormatError) as caught:
        anonymizer(configuration(suites, rules)).anonymize(resource(suites, given))
    assert "fhirPathRules[1]" in caught.value.where


REFUSED = {
    "configuration-Stu3-version": "fhirVersion",
    "configuration-invalid-version": "fhirVersion",
    "configuration-custom-processor": "fhirPathRules[1].method",
    "configuration-unsupported-method": ".method",
    "configuration-generalize-fail-compiled-expression": ".cases",
    "configuration-generalize-invalid-othervalues": "fhirPathRules[1].otherValues",
    "configuration-generalize-miss-cases": ".cases",
    "configuration-invalid-encryptkey": "parameters.encryptKey",
    "configuration-invalid-fhirpath": "fhirPathRules[1].path",
    "configuration-miss-replacement": ".replaceWith",
    "configuration-miss-rules": "fhirPathRules",
    "configuration-perturb-exceed-28-roundTo": ".roundTo",
    "configuration-perturb-miss-span": ".span",
    "configuration-perturb-negative-roundTo": "fhirPathRules[1].roundTo",
    "configuration-perturb-negative-span": "fhirPathRules[1].span",
    "configuration-perturb-wrong-rangetype": "fhirPathRules[1].rangeType",
    "configuration-perturb-wrong-roundTo": ".roundTo",
}
READ = (
    "configuration-R4-version",
    "configuration-empty-version",
    "configuration-null-version",
    "configuration-test-sample",
    "configuration-without-processing-error",
)


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_configuration_is_refused_with_its_place(suites: Path, name: str) -> None:
    if not (suites / FOLDER / "config_validation" / f"{name}.json").exists():
        pytest.skip("this configuration is not in this copy")
    with pytest.raises(SetupError) as caught:
        configuration(suites, name, "config_validation")
    assert REFUSED[name] in caught.value.where
    assert caught.value.remedy


@pytest.mark.parametrize("name", READ)
def test_a_good_configuration_is_read(suites: Path, name: str) -> None:
    rules = configuration(suites, name, "config_validation").rules
    kinds = [rule.resource_type for rule in rules]
    assert sorted(kinds) == ["", "Device", "Patient", "Resource", "TestResource"]


def test_every_configuration_is_judged(suites: Path) -> None:
    here = {file.stem for file in (suites / FOLDER / "config_validation").glob("*.json")}
    assert here <= REFUSED.keys() | set(READ)


def test_every_configuration_that_is_no_test_of_the_check_is_read(suites: Path) -> None:
    for file in sorted((suites / FOLDER / "configurations").glob("*.json")):
        assert read_configuration(file.read_bytes()).rules, file.stem


def example_resources(suites: Path) -> Iterator[dict[str, Any]]:
    """HL7's examples of R4, of every resource type that has one here."""
    for file in sorted((suites / "fhir_r4_examples").glob("*.json")):
        found = read_exact(file.read_bytes())
        if "resourceType" in found:
            yield found


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from leaves(inner)
    else:
        yield value


def test_keeping_everything_gives_every_example_back_to_the_last_digit(suites: Path) -> None:
    keep = anonymizer(read_configuration(b'{"fhirPathRules": [{"path": "Resource", "method": "keep"}]}'))
    seen = [(given, keep.anonymize(given).resource) for given in example_resources(suites)]
    assert len(seen) > 400
    assert [given["resourceType"] for given, made in seen if write_exact(made) != write_exact(given)] == []


def test_redacting_everything_leaves_types_and_labels_of_every_example(suites: Path) -> None:
    redact = anonymizer(configuration(suites, ALL))
    told = set(leaves(LABELS[0][1]))
    for given in example_resources(suites):
        made = list(leaves(redact.anonymize(given).resource))
        assert {word for word in made if word not in told} <= resource_types(), given["resourceType"]


def test_the_safe_harbor_sample_runs_over_every_example(suites: Path) -> None:
    sample = anonymizer(configuration(suites, "configuration-sample"))
    labelled = [sample.anonymize(given).changes for given in example_resources(suites)]
    assert sum(bool(changes) for changes in labelled) > 400
