"""HL7's tests of FHIRPath, as far as paths and conditions of anonymizer configurations go."""

from datetime import date
from pathlib import Path
from typing import Any

from lxml import etree

from careloom.deid.fhirpath import compiled
from careloom.deid.fhirpath_values import PathError, plain, text_of
from careloom.deid.microsoft_json import read_exact
from careloom.deid.typed_nodes import Node, ShapeError, read_resource

FOLDER = "fhirpath_r4"
NOT_BUILT = {  # groups of functions that no rule of a configuration asks for
    "HighBoundary", "LowBoundary", "Precision", "testConformsTo", "testEncodeDecode", "testEscapeUnescape",
    "testQuantity", "testSort", "testType",
}  # fmt: skip
AT_LEAST = 0.92
"""Share of the tests of the other groups that must agree; those that do not are mostly about what should be refused."""


def agrees(test: Any, resource: Node) -> bool:
    """Whether an expression finds what its test says, or is refused where it should be."""
    expression = test.find("expression")
    try:
        found = [plain(item) for item in compiled(expression.text).select(resource, date(2024, 6, 1))]
    except PathError:
        return expression.get("invalid") is not None
    if expression.get("invalid") is not None:
        return False
    if test.get("predicate") == "true" and not (len(found) == 1 and isinstance(found[0], bool)):
        found = [bool(found)]
    wanted = [(output.text or "").lstrip("@").removeprefix("T") for output in test.findall("output")]
    told = [item.kind if isinstance(item, Node) else text_of(item) for item in found]
    pairs = zip(wanted, told, strict=False)
    return len(wanted) == len(told) and all(want in ("", tell) for want, tell in pairs)


def resource_of(suites: Path, test: Any) -> Node | None:
    name = (test.get("inputfile") or "patient-example.xml").removesuffix(".xml").removesuffix(".json")
    file = suites / FOLDER / "input" / f"{name}.json"
    try:
        return read_resource(read_exact(file.read_bytes())) if file.exists() else None
    except ShapeError:  # the copy of one input is no FHIR JSON
        return None


def test_expressions_find_what_the_suite_says(suites: Path) -> None:
    tree = etree.parse(suites / FOLDER / "tests-fhir-r4.xml")
    tests = [test for group in tree.iter("group") if group.get("name") not in NOT_BUILT for test in group.iter("test")]
    told = [(test.get("name"), agrees(test, node)) for test in tests if (node := resource_of(suites, test)) is not None]
    differing = [name for name, same in told if not same]
    assert len(told) > 300
    assert 1 - len(differing) / len(told) >= AT_LEAST, differing
