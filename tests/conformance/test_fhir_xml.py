"""FHIR XML of other people: the verdict of HL7's validator where it needs no profile, the content of its JSON."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from careloom.fhir.validate import check
from careloom.ingest.fhir_xml import resource_of
from careloom.ingest.xml_read import read
from tests.fhir_xml_writer import as_xml

OTHERWISE = {
    "observation-example.xml": "its JSON lacks an extension",
    "parameters-example-types.xml": "its JSON is not FHIR",
}


def told(node: Any) -> Any:
    """JSON with numbers by what they say, and texts without the line breaks that an attribute loses."""
    if isinstance(node, dict):
        return {key: told(value) for key, value in node.items()}
    if isinstance(node, list):
        return [told(value) for value in node]
    if isinstance(node, int | float) and not isinstance(node, bool):
        return Decimal(str(node)).normalize()
    return " ".join(node.split()) if isinstance(node, str) else node


def narrative_apart(node: Any) -> Any:
    """The resource with its narratives in canonical XML without white space: quotes and comments are the writer's."""
    if isinstance(node, dict):
        return {key: _canonical(value) if key == "div" else narrative_apart(value) for key, value in node.items()}
    return [narrative_apart(value) for value in node] if isinstance(node, list) else node


def _canonical(div: Any) -> str:
    return "".join(etree.canonicalize(div).split()) if isinstance(div, str) else str(div)


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.long)])
def test_every_example_of_the_specification_survives_the_way_through_xml(suites: Path, every: int) -> None:
    """Each fourth of every day, all of them in the campaigns."""
    seen = 0
    for place in sorted((suites / "fhir_r4_examples").glob("*.json"))[::every]:
        resource = json.loads(place.read_bytes())
        if resource.get("resourceType") is None or check(resource):
            continue
        root, problem = read(as_xml(resource).encode())
        assert problem is None, place.name
        assert root is not None
        assert told(narrative_apart(resource_of(root))) == told(narrative_apart(resource)), place.name
        seen += 1
    assert seen > 400 // every


def test_pairs_of_xml_and_json_say_the_same(suites: Path) -> None:
    seen = 0
    for place in sorted((suites / "fhirpath_r4" / "input").glob("*.xml")):
        other = place.with_suffix(".json")
        root, _ = read(place.read_bytes())
        if not other.exists() or root is None or place.name in OTHERWISE:
            continue
        ours, theirs = resource_of(root), json.loads(other.read_bytes())
        for resource in (ours, theirs):
            resource.pop("text", None)
        assert told(narrative_apart(ours)) == told(narrative_apart(theirs)), place.name
        seen += 1
    assert seen >= 5


@pytest.mark.parametrize("expected", ["valid", "invalid"])
def test_the_verdict_is_that_of_the_validator(suites: Path, expected: str) -> None:
    folder = suites / "fhir_test_cases_validator"
    wrong, seen = [], 0
    for case in json.loads((folder / "manifest.json").read_bytes()):
        name = str(case.get("file", ""))
        place = folder / "files" / name
        if not name.endswith(".xml") or not case.get("base_structural") or case.get("expected") != expected:
            continue
        if not place.exists():
            continue
        seen += 1
        root, _ = read(place.read_bytes())
        refused = root is None or bool(check(resource_of(root)))
        if refused != (expected == "invalid"):
            wrong.append(name)
    assert seen >= 8
    assert len(wrong) <= seen // 3, wrong
