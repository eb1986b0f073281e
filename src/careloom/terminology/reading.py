"""Which format the files of a release have, and the reader for it."""

import json
from collections.abc import Iterator
from typing import Any

from careloom.errors import FormatError
from careloom.terminology import read_fhir, read_ontologies
from careloom.terminology.read_rf2 import is_rf2, read_rf2
from careloom.terminology.read_tables import is_loinc_table, is_rxnorm, read_loinc, read_rxnorm
from careloom.terminology.release_rows import Files, Reading

REMEDY = (
    "Give a folder, an archive or a file of SNOMED CT (RF2), RxNorm (RRF), LOINC (Loinc.csv), an ontology (OBO or OBO "
    "graphs) or FHIR JSON."
)


def readings(files: Files, version: str = "") -> Iterator[Reading]:
    """Each release in the files; its rows must be taken before the next is asked for.

    version  as the operator names it, where the files do not
    raises   FormatError if no reader knows the files, or if they are releases of several publishers
    """
    names = files.names()
    _one_terminology(names)
    if is_rf2(names):
        yield read_rf2(files)
    elif is_rxnorm(names):
        yield read_rxnorm(files, version)
    elif is_loinc_table(names):
        yield read_loinc(files, version)
    else:
        known = [name for name in names if name.lower().endswith((".obo", ".json", ".ndjson"))]
        if not known:
            raise FormatError("no file of a terminology is among them", REMEDY)
        for name in known:
            yield from _one(files, name, version)


def _one_terminology(names: list[str]) -> None:
    """Nothing is passed over in silence: which of several releases is meant is for the operator to say."""
    kinds = {"SNOMED CT": is_rf2(names), "RxNorm": is_rxnorm(names), "LOINC": is_loinc_table(names),
             "OBO": any(name.lower().endswith(".obo") for name in names)}  # fmt: skip
    found = [kind for kind, is_there in kinds.items() if is_there]
    if len(found) > 1:
        raise FormatError(f"the files are of several terminologies: {', '.join(found)}", "Load each by its own path.")


def _document(files: Files, name: str) -> Any:
    try:
        return json.loads("\n".join(files.lines(name)))
    except (json.JSONDecodeError, RecursionError):
        raise FormatError(f"{name} is no JSON", REMEDY) from None


def _one(files: Files, name: str, version: str) -> Iterator[Reading]:
    if name.lower().endswith(".obo"):
        yield read_ontologies.read_obo(files, name, version)
    elif name.lower().endswith(".ndjson"):
        for number, line in enumerate(files.lines(name), 1):
            try:
                value = json.loads(line) if line.strip() else None
            except (json.JSONDecodeError, RecursionError):
                raise FormatError(f"{name}, line {number}, is no JSON", REMEDY) from None
            yield from read_fhir.readings(value, name, version)
    else:
        value = _document(files, name)
        if isinstance(value, dict) and isinstance(value.get("graphs"), list):
            for graph in value["graphs"]:
                yield read_ontologies.read_graph(graph, name, version)
        else:
            yield from read_fhir.readings(value, name, version)
