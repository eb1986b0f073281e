"""FHIR R4 CodeSystem, ValueSet and ConceptMap as JSON, alone, in a Bundle or as lines.

source  FHIR R4 4.0.1, CodeSystem, ValueSet, ConceptMap
"""

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

from careloom.terminology.concepts import EQUIVALENCES, Release
from careloom.terminology.release_rows import ConceptRow, MapRow, NameRow, ParentRow, PropertyRow, Reading, Row, SetRow

Json = dict[str, Any]


def _release(resource: Json, version: str, *, is_whole: bool) -> Release:
    day = str(resource.get("date") or "")[:10]
    try:
        effective = date.fromisoformat(day)
    except ValueError:
        effective = None
    return Release(
        system=str(resource.get("url") or f"urn:uuid:{resource.get('id', 'unnamed')}"),
        version=version or str(resource.get("version") or "unknown"),
        title=str(resource.get("title") or resource.get("name") or resource.get("id") or ""),
        effective=effective,
        is_whole=is_whole,
        licence=str(resource.get("copyright") or "")[:200],
    )


def resources(value: Any) -> Iterator[Json]:
    """The resources of a document: itself, or the entries of a Bundle."""
    if isinstance(value, dict) and value.get("resourceType") == "Bundle":
        for entry in value.get("entry") or []:
            yield from resources(entry.get("resource"))
    elif isinstance(value, dict) and "resourceType" in value:
        yield value


def readings(value: Any, name: str, version: str = "") -> Iterator[Reading]:
    """One reading for each CodeSystem with concepts, each ValueSet and each ConceptMap of a document."""
    for resource in resources(value):
        kind = resource["resourceType"]
        if kind == "CodeSystem" and resource.get("concept"):
            reading = Reading(_release(resource, version, is_whole=resource.get("content") == "complete"), iter(()))
            reading.rows = _concepts(resource, resource["concept"], "", reading, name)
        elif kind == "ConceptMap":
            reading = Reading(_release(resource, version, is_whole=False), iter(()))
            reading.rows = _mappings(resource, reading, name)
        elif kind == "ValueSet":
            release = _release(resource, version, is_whole=False)
            reading = Reading(release, iter([SetRow(release.system, release.version, json.dumps(resource))]))
        else:
            continue
        yield reading


def _value(entry: Json) -> str:
    found = next((value for key, value in entry.items() if key.startswith("value")), "")
    return str(
        found.get("code", "") if isinstance(found, dict) else str(found).lower() if found in (True, False) else found
    )


def _concepts(system: Json, concepts: list[Json], parent: str, reading: Reading, file: str) -> Iterator[Row]:
    is_hierarchy = system.get("hierarchyMeaning", "is-a") == "is-a"
    for concept in concepts:
        code = concept.get("code")
        if not isinstance(code, str) or not code:
            reading.leave_out(file)
            continue
        properties = [(str(entry.get("code", "")), _value(entry)) for entry in concept.get("property") or []]
        told = dict(properties)
        retired = told.get("inactive") == "true" or told.get("status") in ("retired", "deprecated", "inactive")
        abstract = told.get("notSelectable") == "true" or told.get("abstract") == "true"
        rest = tuple((key, value) for key, value in properties if key not in ("parent", "child") and value)
        yield ConceptRow(code, str(concept.get("display") or code), not retired, abstract, rest)
        for designation in concept.get("designation") or []:
            if designation.get("value") and str(designation.get("language", "en")).startswith("en"):
                yield NameRow(code, str(designation["value"]), "synonym")
        parents = [parent] if parent and is_hierarchy else []
        parents += [value for key, value in properties if key in ("parent", "subsumedBy") and value]
        for each in dict.fromkeys(parents):
            yield ParentRow(code, each)
        if concept.get("definition"):
            yield PropertyRow(code, "definition", str(concept["definition"]))
        yield from _concepts(system, concept.get("concept") or [], code, reading, file)


def _mappings(resource: Json, reading: Reading, file: str) -> Iterator[Row]:
    origin = reading.release.system
    for group in resource.get("group") or []:
        source = group.get("source") or resource.get("sourceUri") or resource.get("sourceCanonical")
        target = group.get("target") or resource.get("targetUri") or resource.get("targetCanonical")
        for element in group.get("element") or []:
            for each in element.get("target") or []:
                equivalence = each.get("equivalence", "equivalent")
                if not (source and target and element.get("code") and equivalence in EQUIVALENCES):
                    reading.leave_out(file)
                elif each.get("code"):
                    yield MapRow(str(source), element["code"], str(target), each["code"], equivalence, origin)
