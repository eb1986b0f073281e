"""The reference names everything that a user of the SDK can reach."""

import ast
import re
from dataclasses import fields, is_dataclass

import pytest

from careloom import errors
from careloom.client import careloom, credentials, fhir, ingestions, pace, problems, reports
from careloom.errors import CareloomError
from tests.architecture.source import PACKAGE, ROOT, imports, parse

PAGE = (ROOT / "docs" / "reference" / "python-sdk.md").read_text("utf-8")
NAMED = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`\n]+)`", re.sub(r"(?s)```.*?```", "", PAGE)))))
INSIDE = {"Tokens", "Fields", "Proof"}
"""Classes of the modules below that no user makes or meets."""
MEMBERS_INSIDE = {"proof", "hidden"}


def classes() -> list[type]:
    modules = (careloom, credentials, fhir, ingestions, pace, problems, reports)
    return [
        kind
        for module in modules
        for name, kind in vars(module).items()
        if isinstance(kind, type) and kind.__module__ == module.__name__ and name not in INSIDE
    ]


@pytest.mark.parametrize("kind", classes(), ids=lambda kind: kind.__name__)
def test_every_class_and_each_of_its_members_is_in_the_reference(kind: type) -> None:
    own = {name for name in vars(kind) if not name.startswith("_")} - MEMBERS_INSIDE
    members = own | ({field.name for field in fields(kind)} if is_dataclass(kind) else set())
    assert {kind.__name__, *members} - NAMED == set()


def test_the_reference_names_every_error() -> None:
    kinds = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, CareloomError)]
    assert {kind.__name__ for kind in kinds} - {"CareloomError"} - NAMED == set()


@pytest.mark.parametrize("module", sorted((PACKAGE / "client").glob("*.py")), ids=lambda module: module.name)
def test_the_sdk_knows_the_errors_and_nothing_else_of_the_house(module: object) -> None:
    tree = parse(module)  # type: ignore[arg-type]
    assert isinstance(tree, ast.Module)
    known = ("careloom.client.", "careloom.errors")
    found = [each.module for each in imports(tree) if each.module.startswith("careloom")]
    assert [name for name in found if not name.startswith(known)] == []
