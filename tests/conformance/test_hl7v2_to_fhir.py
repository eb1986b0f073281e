"""Messages that others wrote: each becomes valid FHIR R4 or is refused with a true reason."""

import gzip
import importlib
import json
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from careloom.hl7v2.batch import split
from tests.unit.ingest.hl7v2_support import converted, faults, keyed, shared

SETS = ("hl7v2_ms_fhir_converter", "hl7v2_linuxforhealth", "hl7v2_hapi")


def messages(suites: Path, name: str) -> Iterator[tuple[str, bytes]]:
    """(case, message) of a set."""
    for place in sorted((suites / name).glob("*.hl7")):
        for raw in split(place.read_bytes()):
            yield place.stem, raw


@cache
def schema_of(suites: Path, kind: str) -> Any:
    """A validator of the official R4 JSON schema for one type."""
    path = suites / "fhir_definitions" / "fhir.schema.r4.json.gz"
    schema = {key: value for key, value in _schema(path).items() if key not in ("oneOf", "discriminator")}
    return jsonschema_rs.validator_for({**schema, "$ref": f"#/definitions/{kind}"})


@cache
def _schema(path: Path) -> dict[str, Any]:
    return json.loads(gzip.decompress(path.read_bytes()))


def model_of(kind: str) -> Any:
    """The pydantic model of a type, from a library that is not ours."""
    return getattr(importlib.import_module(f"fhir.resources.R4B.{kind.lower()}"), kind)


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize("name", SETS)
def test_every_message_becomes_valid_resources_or_is_refused_with_a_reason(suites: Path, name: str, every: int) -> None:
    """Each fourth of every day, all of them in the campaigns."""
    seen = used = 0
    for case, raw in islice(messages(suites, name), 0, None, every):
        seen += 1
        found = converted(raw)
        assert found.refused == (not found.drafts), case
        assert all(issue.message and issue.remedy for issue in found.issues if issue.refuses), case
        assert faults(found.drafts) == [], case
        assert shared(found.drafts) == 0, case
        used += not found.refused
        for resource in keyed(found.drafts):
            assert schema_of(suites, resource["resourceType"]).is_valid(resource), case
            model_of(resource["resourceType"]).model_validate(resource)
    assert seen > 80 // every
    assert used > 20 // every


def test_the_types_asked_for_are_refused_only_for_want_of_a_patient_or_a_document(suites: Path) -> None:
    allowed = {
        "hl7v2.patient-id-missing",
        "hl7v2.segment-missing",
        "hl7v2.merge-into-itself",
        "hl7v2.message-type-not-mapped",
        "hl7v2.message-type-missing",
        "hl7v2.acknowledgement",
    }
    for name in SETS:
        for case, raw in messages(suites, name):
            reasons = {issue.code for issue in converted(raw).issues if issue.refuses}
            assert reasons <= allowed, case
