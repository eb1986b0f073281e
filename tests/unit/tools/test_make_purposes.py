"""The purposes of use are those of the value set as it was published."""

import gzip
import json
import os
import tomllib
from pathlib import Path

import pytest

from careloom.services.purposes import OF_ROLE, displays, known
from tools.make_purposes import OUT, purposes

SUITES = os.environ.get("CARELOOM_SUITES")
SYSTEM = {"url": "urn:s", "concept": [
    {"code": "other", "display": "Other"},
    {"code": "Root", "display": "Root", "concept": [
        {"code": "B", "display": "b"}, {"code": "A", "display": "a", "concept": [{"code": "C", "display": "c"}]},
    ]},
]}  # fmt: skip


def test_everything_below_the_root_is_a_purpose_with_what_it_is_a_kind_of() -> None:
    rule = {"property": "concept", "op": "is-a", "value": "Root"}
    value_set = {"compose": {"include": [{"system": "urn:s", "filter": [rule]}]}}
    assert purposes(value_set, SYSTEM) == [("A", "a", ""), ("B", "b", ""), ("C", "c", "A")]
    rule["op"] = "descendent-of"
    with pytest.raises(SystemExit):
        purposes(value_set, SYSTEM)


def test_the_file_that_ships_is_what_the_value_set_says() -> None:
    if SUITES is None:
        pytest.skip("no suites: set CARELOOM_SUITES")
    with gzip.open(Path(SUITES) / "fhir_definitions" / "v3-codesystems.json.gz") as file:
        listed = [entry["resource"] for entry in json.load(file)["entry"]]
    by_name = {(one["resourceType"], one["id"]): one for one in listed}
    rows = purposes(by_name["ValueSet", "v3-PurposeOfUse"], by_name["CodeSystem", "v3-ActReason"])
    assert tomllib.loads(OUT.read_text("utf-8")) == {
        code: {"display": display, "parent": parent} for code, display, parent in rows
    }
    assert known() == {code: parent for code, _, parent in rows}
    assert displays().keys() == known().keys()


def test_every_purpose_of_a_role_is_one() -> None:
    assert {code for codes in OF_ROLE.values() for code in codes} <= known().keys()
