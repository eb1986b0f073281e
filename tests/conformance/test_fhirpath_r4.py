"""HL7's tests of FHIRPath on R4 resources: our compiler finds what they say, and refuses what they refuse."""

import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from lxml import etree

from careloom.deid.microsoft_json import read_exact
from careloom.fhir.fhirpath import compile_fhirpath
from careloom.fhir.fhirpath_errors import PathError, PathMeaningError, PathSyntaxError
from careloom.fhir.fhirpath_scope import Environment
from careloom.fhir.fhirpath_values import Node, resource_node, system, text_of, type_of
from careloom.ingest.fhir_xml import resource_of
from careloom.ingest.xml_read import read

FOLDER = "fhirpath_r4"
NOW = Environment(now=datetime(2024, 6, 1, 12, 30, tzinfo=UTC))
EXPECTED_TO_FAIL: dict[str, str] = {}
"""Name of a test that we fail -> why. One of these that passes is a failure too."""
AT_LEAST = 0.97


def cases(suites: Path) -> list[Any]:
    tree = etree.parse(suites / FOLDER / "tests-fhir-r4.xml")
    return [test for group in tree.iter("group") for test in group.iter("test")]


@cache
def resource(folder: Path, name: str) -> Any:
    """The input of a test: its XML, or its JSON where the name says so."""
    if name.endswith(".json"):
        return read_exact((folder / name).read_bytes())
    root, _ = read((folder / name).read_bytes())
    return {} if root is None else resource_of(root)


def told(item: Any) -> tuple[str, str]:
    """(type, text) of an item as the suite writes them."""
    name = type_of(item).name
    kind = name if isinstance(item, Node) or name == "Quantity" else name[0].lower() + name[1:]
    value = system(item)
    return kind, (text_of(value) or "") if value is not None else ""


def expected(output: Any) -> str:
    text = output.text or ""
    return text if output.get("type") == "string" else re.sub(r"^@T?", "", text)


def found(test: Any, folder: Path) -> list[Any]:
    name = test.get("inputfile") or "patient-example.xml"
    given = resource(folder, name)
    expression = test.find("expression").text
    compiled = compile_fhirpath(expression, given["resourceType"], strict=test.get("mode") == "strict")
    return compiled.items(resource_node(given), NOW)


def agrees(test: Any, folder: Path) -> str:
    """Nothing where a test passes, else what was found instead."""
    invalid = test.find("expression").get("invalid")
    try:
        items = found(test, folder)
    except (PathMeaningError, PathSyntaxError) as error:
        return "" if invalid else str(error)
    except PathError as error:
        return "" if invalid == "execution" else str(error)
    if invalid:
        return f"not refused ({invalid}): {items}"
    outputs = test.findall("output")
    if test.get("predicate") == "true":
        items = [bool(items)]
    said = [told(item) for item in items]
    same = len(said) == len(outputs) and all(
        expected(output) in ("", text) and output.get("type") in (None, kind)
        for output, (kind, text) in zip(outputs, said, strict=True)
    )
    return "" if same else f"found {said}"


def test_every_expression_finds_what_the_suite_says(suites: Path) -> None:
    tests = cases(suites)
    failed = {test.get("name"): why for test in tests if (why := agrees(test, suites / FOLDER / "input"))}
    unexpected = {name: why for name, why in failed.items() if name not in EXPECTED_TO_FAIL}
    assert unexpected == {}
    assert set(EXPECTED_TO_FAIL) <= set(failed), "tests that pass now are still listed as failing"
    assert 1 - len(failed) / len(tests) >= AT_LEAST
