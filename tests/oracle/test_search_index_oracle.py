"""The index holds what HL7's own FHIRPath expressions select, evaluated by foreign code (fhirpathpy, R4 model)."""

import gzip
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fhirpathpy import compile as compile_fhirpath
from fhirpathpy.models import models

from careloom.fhir import search_values as values
from careloom.fhir.search_index import extract
from careloom.fhir.search_parameters import Parameter, parameters, resource_types

PER_TYPE = 8
_RESOLVE = re.compile(r"\.where\(resolve\(\) is (\w+)\)")
_CAST = re.compile(r"\.as\((\w+)\)")
_AS = re.compile(r"\((\S+) as (\w+)\)")

EXCEPTIONS = {
    "Patient.deceased": "an expression of its own kind, not a path; tested in the unit tests",
    "CarePlan.activity-date": "scheduledString is a text, though an example holds a time in it",
}


def resources(suites: Path) -> Iterator[dict[str, Any]]:
    seen: dict[str, int] = defaultdict(int)
    for path in sorted((suites / "fhir_r4_examples").glob("*.json")):
        one = json.loads(path.read_bytes())
        if one.get("resourceType") in resource_types() and seen[one["resourceType"]] < PER_TYPE:
            seen[one["resourceType"]] += 1
            yield one
    bundle = next((suites / "synthea_bundles/fhir-data-pipes").glob("*.json.gz"))
    for entry in json.loads(gzip.decompress(bundle.read_bytes()))["entry"]:
        kind = f"synthea {entry['resource']['resourceType']}"
        if seen[kind] < 3 * PER_TYPE:
            seen[kind] += 1
            yield entry["resource"]


def of_type(expression: str) -> str:
    """`as` refuses more than one value; search parameters mean `ofType`."""
    return _AS.sub(r"\1.ofType(\2)", _CAST.sub(r".ofType(\1)", expression))


def definitions(suites: Path) -> dict[str, dict[str, tuple[str, str]]]:
    """Type -> code -> (expression of that type alone, the one target that it wants)."""
    found: dict[str, dict[str, tuple[str, str]]] = defaultdict(dict)
    with gzip.open(suites / "fhir_definitions/search-parameters.json.gz", "rt") as stream:
        for entry in json.load(stream)["entry"]:
            definition = entry["resource"]
            for base in definition["base"]:
                arms = re.split(r"\s*\|\s*", definition.get("expression", ""))
                mine = [arm for arm in arms if re.match(rf"\(?{base}\b", arm)]
                target = _RESOLVE.search(" ".join(mine))
                text = " | ".join(of_type(_RESOLVE.sub("", arm)) for arm in mine)
                if mine:
                    found[base][definition["code"]] = (text, target[1] if target else "")
    return found


def codings(node: Any) -> set[Any]:
    if isinstance(node, bool):
        return {("", str(node).lower())}
    if isinstance(node, str):
        return {("", node)}
    if "coding" in node or not {"code", "value"} & node.keys():
        return {found for one in node.get("coding", ()) for found in codings(one) if "code" in one}
    return {(node.get("system", ""), node["code"] if "code" in node else node["value"])}


def references(node: Any) -> set[Any]:
    if isinstance(node, str):
        return {node, node.partition("|")[0]}
    return {values.reference_key(node["reference"])} - {""} if "reference" in node else set()


def texts(node: Any) -> set[Any]:
    if isinstance(node, str):
        return {node}
    parts = (
        "text",
        "family",
        "given",
        "prefix",
        "suffix",
        "line",
        "city",
        "district",
        "state",
        "postalCode",
        "country",
    )
    return {
        text for part in parts for text in ([node[part]] if isinstance(node.get(part), str) else node.get(part, []))
    }


def times(node: Any) -> set[Any]:
    if isinstance(node, str):
        return {values.time_span(node)} - {None}
    span = values.timing_span(node) if node.keys() & {"event", "repeat", "code"} else values.period_span(node)
    return {span} - {None}


def numbers(node: Any) -> set[Any]:
    if not isinstance(node, dict):
        return {(float(node), float(node))}
    node = {name: float(part) if isinstance(part, Decimal) else part for name, part in node.items()}
    if "value" in node:
        span = values.money_span(node) if "currency" in node else values.quantity_span(node)
    else:
        span = values.range_span(node) if node.keys() & {"low", "high"} else None
    return {span} - {None}


READERS: dict[str, Callable[[Any], set[Any]]] = {
    "token": codings,
    "reference": references,
    "string": texts,
    "date": times,
    "number": numbers,
    "quantity": numbers,
    "uri": lambda node: {node, node.partition("|")[0]} if isinstance(node, str) else set(),
}


def indexed(parameter: Parameter, resource: dict[str, Any]) -> set[Any]:
    wanted = {use.slot: use.only for use in parameter.uses}
    found: set[Any] = set()
    for kind, slot, *what in extract(resource):
        if kind == "p" or slot not in wanted:
            continue
        only = wanted[slot]
        if parameter.kind == "reference" and only and not what[0].startswith(f"{only}/"):
            continue
        if kind == "i" and parameter.kind == "token":
            if not only or what[0] == only:
                found.add(tuple(what))
        elif kind == "b":
            found.add(values.time_span(what[0]))
        else:
            found.add(tuple(what) if len(what) > 1 else what[0])
    return found


def test_the_index_holds_what_the_standard_expressions_select(suites: Path) -> None:
    expressions = definitions(suites)
    compiled: dict[str, Any] = {}
    compared, wrong, nonempty = 0, [], 0
    for resource in resources(suites):
        name = resource["resourceType"]
        for code, parameter in parameters(name).items():
            if code not in expressions[name] or f"{name}.{code}" in EXCEPTIONS:
                continue
            text, target = expressions[name][code]
            run = (
                compiled.setdefault(text, compile_fhirpath(text, models["r4"]))
                if text not in compiled
                else compiled[text]
            )
            expected = {found for node in run(resource) for found in READERS[parameter.kind](node)}
            if target:
                expected = {one for one in expected if one.startswith(f"{target}/")}
            compared += 1
            nonempty += bool(expected)
            if expected != indexed(parameter, resource):
                wrong.append((name, resource.get("id"), code, expected ^ indexed(parameter, resource)))
    assert not wrong, f"{len(wrong)} of {compared} differ: {wrong[:5]}"
    assert nonempty > 1000


@pytest.mark.parametrize("name", sorted(EXCEPTIONS))
def test_every_exception_is_still_a_parameter(name: str) -> None:
    resource_type, _, code = name.partition(".")
    assert code in parameters(resource_type)
