"""Ontologies as OBO text and as OBO graphs (OWL in JSON): terms, synonyms, is-a, cross-references, what is obsolete.

source  OBO Flat File Format 1.4; OBO Graphs JSON 0.3 (geneontology)
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from careloom.errors import FormatError
from careloom.terminology.concepts import Release
from careloom.terminology.release_rows import ConceptRow, Files, MapRow, NameRow, ParentRow, PropertyRow, Reading, Row
from careloom.terminology.systems import ICD_9_CM, ICD_10_CM, LOINC, MESH, NCI_THESAURUS, RXNORM, SNOMED_CT

PREFIXES = {
    "SNOMEDCT_US": SNOMED_CT,
    "SNOMEDCT": SNOMED_CT,
    "SCTID": SNOMED_CT,
    "ICD10CM": ICD_10_CM,
    "ICD9CM": ICD_9_CM,
    "MESH": MESH,
    "NCI": NCI_THESAURUS,
    "NCIT": NCI_THESAURUS,
    "LOINC": LOINC,
    "RXNORM": RXNORM,
}
"""Prefix of a cross-reference, a date at its end left out -> code system."""
_SYNONYM = re.compile(r'"((?:[^"\\]|\\.)*)"')
_DATED = re.compile(r"_\d{4}_\d{2}_\d{2}$")
_PURL = re.compile(r"^https?://purl\.obolibrary\.org/obo/([A-Za-z]+)_([A-Za-z0-9]+)$")


def _system(name: str) -> str:
    return f"http://purl.obolibrary.org/obo/{name.removesuffix('.owl').removesuffix('.obo')}.owl"


def _reference(system: str, code: str, text: str) -> MapRow | None:
    prefix, colon, other = text.split(" ", maxsplit=1)[0].partition(":")
    target = PREFIXES.get(_DATED.sub("", prefix).upper())
    return MapRow(system, code, target, other, "relatedto", "xref") if target and colon and other else None


def _stanzas(lines: Iterator[str]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """(kind, tags) of the header, whose kind is empty, and of each stanza."""
    kind, tags = "", list[tuple[str, str]]()
    for line in lines:
        if line.startswith("["):
            yield kind, tags
            kind, tags = line.strip("[] \t"), []
        elif ": " in line:
            key, _, value = line.partition(": ")
            tags.append((key, value.strip()))
    yield kind, tags


def read_obo(files: Files, name: str, version: str = "") -> Reading:
    """One ontology in OBO text.

    raises  FormatError if the header names no ontology
    """
    stanzas = _stanzas(files.lines(name))
    header = dict(next(stanzas)[1])
    ontology = header.get("ontology", "")
    if not ontology:
        raise FormatError("the header names no ontology", "An OBO file begins with 'ontology: name'.")
    known = version or header.get("data-version", "") or header.get("date", "") or "unknown"
    reading = Reading(Release(_system(ontology), known, ontology), iter(()))
    reading.rows = _obo_rows(stanzas, reading, name)
    return reading


def _obo_rows(stanzas: Iterator[tuple[str, list[tuple[str, str]]]], reading: Reading, file: str) -> Iterator[Row]:
    for kind, tags in stanzas:
        if kind != "Term":
            continue
        first = dict(reversed(tags))
        code, name = first.get("id", ""), first.get("name", "")
        if not code or not (name or first.get("is_obsolete")):
            reading.leave_out(file)
            continue
        yield ConceptRow(code, name, first.get("is_obsolete") != "true")
        for key, value in tags:
            yield from _obo_tag(reading.release.system, code, key, value)


def _obo_tag(system: str, code: str, key: str, value: str) -> Iterator[Row]:
    if key == "synonym" and (found := _SYNONYM.match(value)):
        yield NameRow(code, re.sub(r"\\(.)", r"\1", found[1]), "synonym")
    elif key == "is_a":
        yield ParentRow(code, re.split(r"[ {!]", value)[0])
    elif key in ("replaced_by", "consider"):
        yield PropertyRow(code, key.replace("_", "-"), value.split(" ", maxsplit=1)[0])
    elif key == "xref" and (reference := _reference(system, code, value)):
        yield reference


def compact(identifier: str) -> str:
    """A term's id as OBO text writes it: ``http://purl.obolibrary.org/obo/DOID_9352`` is ``DOID:9352``."""
    found = _PURL.match(identifier)
    return f"{found[1]}:{found[2]}" if found else identifier


def read_graph(graph: dict[str, Any], name: str, version: str = "") -> Reading:
    """One graph of an OBO-graphs document.

    raises  FormatError if it has no id
    """
    identifier = str(graph.get("id") or "")
    if not identifier:
        raise FormatError("a graph has no id", "OBO graphs name their ontology in graphs[].id.")
    ontology = re.sub(r"\.(owl|json|obo)$", "", identifier.rpartition("/")[2])
    known = version or str((graph.get("meta") or {}).get("version") or "unknown")
    dated = re.search(r"\d{4}-\d{2}-\d{2}", known)
    reading = Reading(Release(_system(ontology), dated[0] if dated else known, ontology), iter(()))
    reading.rows = _graph_rows(graph, reading, name)
    return reading


def _graph_rows(graph: dict[str, Any], reading: Reading, file: str) -> Iterator[Row]:
    for node in graph.get("nodes") or []:
        if not isinstance(node, dict) or node.get("type", "CLASS") != "CLASS" or "id" not in node:
            continue
        meta = node.get("meta") or {}
        code, retired = compact(str(node["id"])), bool(meta.get("deprecated"))
        if not node.get("lbl") and not retired:
            reading.leave_out(file)
            continue
        yield ConceptRow(code, str(node.get("lbl") or ""), not retired)
        for synonym in meta.get("synonyms") or []:
            yield NameRow(code, str(synonym.get("val", "")), "synonym")
        for reference in meta.get("xrefs") or []:
            if row := _reference(reading.release.system, code, str(reference.get("val", ""))):
                yield row
    for edge in graph.get("edges") or []:
        if edge.get("pred") in ("is_a", "http://www.w3.org/2000/01/rdf-schema#subClassOf"):
            yield ParentRow(compact(str(edge["sub"])), compact(str(edge["obj"])))


def read_graphs(text: str, name: str, version: str = "") -> Iterator[Reading]:
    """Every graph of a document in OBO-graphs JSON. raises FormatError."""
    for graph in json.loads(text).get("graphs") or []:
        yield read_graph(graph, name, version)
