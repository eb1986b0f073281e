"""Our FHIRPath finds in HL7's examples what foreign code (fhirpathpy, R4 model) finds, for HL7's own expressions."""

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fhirpathpy import compile as compile_fhirpath
from fhirpathpy.models import models

from careloom.fhir.fhirpath import compile_fhirpath as compile_ours
from careloom.fhir.fhirpath_errors import PathMeaningError

PER_TYPE = 3
_AS = re.compile(r"\.as\((\w+)\)|\s+as\s+(\w+)")
_RESOLVE = re.compile(r"\.where\(resolve\(\) is \w+\)")


def resources(suites: Path) -> Iterator[dict[str, Any]]:
    seen: Counter[str] = Counter()
    for path in sorted((suites / "fhir_r4_examples").glob("*.json")):
        one = json.loads(path.read_bytes())
        kind = one.get("resourceType", "")
        seen[kind] += 1
        if kind and seen[kind] <= PER_TYPE:
            yield one


def expressions(suites: Path) -> dict[str, set[str]]:
    """Resource type -> what HL7's search parameters ask of it; ``as`` means ``ofType`` there."""
    found: dict[str, set[str]] = {}
    with gzip.open(suites / "fhir_definitions/search-parameters.json.gz", "rt") as stream:
        for entry in json.load(stream)["entry"]:
            for arm in re.split(r"\s*\|\s*", entry["resource"].get("expression", "")):
                text = _RESOLVE.sub("", _AS.sub(r".ofType(\1\2)", arm))
                for base in entry["resource"]["base"]:
                    if re.match(rf"\(?{base}\b", text) and "resolve" not in text and "extension(" not in text:
                        found.setdefault(base, set()).add(text)
    return found


def json_of(item: Any) -> str:
    return json.dumps(item, sort_keys=True, default=float)  # decimals of theirs are Decimal, in JSON they are floats


def test_every_expression_of_a_search_parameter_finds_the_same(suites: Path) -> None:
    asked, differing = Counter[str](), []
    known = expressions(suites)
    for resource in resources(suites):
        kind = resource["resourceType"]
        for text in sorted(known.get(kind, ())):
            theirs = sorted(map(json_of, compile_fhirpath(text, models["r4"])(resource)))
            try:
                ours = sorted(map(json_of, compile_ours(text, kind).evaluate(resource)))
            except PathMeaningError:  # the expression names an element that its type does not have
                asked["refused"] += 1
                ours = []
            asked["found" if theirs else "nothing"] += 1
            if ours != theirs:
                differing.append((kind, text))
    assert asked["found"] > 1000
    assert asked["refused"] < 20
    assert differing == []
