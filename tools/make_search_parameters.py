"""Compiles the FHIR R4 search parameters to the compact table that `careloom.fhir.search_parameters` reads.

    python tools/make_search_parameters.py DEFINITIONS [--check]

DEFINITIONS is a folder with ``search-parameters.json.gz`` (1,378 definitions of FHIR R4 4.0.1, HL7, CC0),
``search-parameters-uscore.json.gz`` (US Core 5.0.1, HL7, CC0), ``StructureDefinition-base.ndjson.gz`` and
``valuesets.json.gz``. Writes ``src/careloom/fhir/search/parameters-r4.json``; ``--check`` only compares.

An expression is a union of arms. An arm becomes a path program and a data type: ``component* code CodeableConcept``
(``*`` repeats, ``[field=value]`` selects). Arms that the same parameters share form one *slot*, indexed once:
``Observation.patient`` is the slot ``subject`` where the target is a Patient, ``combo-code`` is two slots.
"""

import argparse
import gzip
import json
import re
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OUTPUT = Path(__file__).parents[1] / "src/careloom/fhir/search/parameters-r4.json"

_TEXTS = {"string", "markdown"}
_CODES = {"code", "string", "id", "uri", "url", "oid", "uuid", "canonical"}
_URIS = {"uri", "url", "canonical", "oid", "uuid"}
_QUANTITIES = {"Quantity", "Age", "Duration", "Count", "Distance", "SimpleQuantity"}
_INTEGERS = {"integer", "positiveInt", "unsignedInt"}

EMITS: dict[str, dict[str, str]] = {
    "token": dict.fromkeys(_CODES, "code")
    | {"boolean": "boolean", "Coding": "Coding", "CodeableConcept": "CodeableConcept"}
    | {"Identifier": "Identifier", "ContactPoint": "ContactPoint"},
    "reference": {"Reference": "Reference"} | dict.fromkeys(_URIS, "canonical"),
    "string": dict.fromkeys(_TEXTS, "string"),
    "date": {"date": "date", "dateTime": "date", "instant": "date", "Period": "Period", "Timing": "Timing"},
    "number": dict.fromkeys(_INTEGERS, "number") | {"decimal": "number", "Range": "NumberRange"},
    "quantity": dict.fromkeys(_QUANTITIES, "Quantity") | {"Money": "Money", "Range": "Range"},
    "uri": dict.fromkeys(_URIS, "uri") | {"canonical": "canonical"},
}
"""What the index makes of a data type, per type of parameter; data types that are absent carry no value for it."""

PARTS = {
    "HumanName": ("text", "family", "given*", "prefix*", "suffix*"),
    "Address": ("text", "line*", "city", "district", "state", "postalCode", "country"),
}
ANY_TARGET = 100
"""A reference that names at least this many target types may point to anything; they are not listed."""
BIRTH = {"Patient", "Person", "RelatedPerson", "Practitioner"}
WHOLE = {("Observation", "valueCodeableConcept text"), ("Observation", "valueString")}
"""Texts of the largest type: found whole, not by their start, which would be most of the rows of the whole index."""
COLUMNS = {"Resource-id": "_id", "Resource-lastUpdated": "_lastUpdated"}
REASONS = {
    "DomainResource-text": "full text of the narrative: no expression; text search is another index",
    "Resource-content": "full text of the content: no expression; text search is another index",
    "Resource-query": "names a custom query: no expression, nothing to index",
    "Resource-source": "the store keeps the link from a resource to its record itself",
    "Location-near": "distance on the globe needs a spatial index",
    "Bundle-composition": "the target is the first entry itself, not a reference",
    "Bundle-message": "the target is the first entry itself, not a reference",
    "individual-phonetic": "sounds-alike needs a sound code; search name instead",
    "Organization-phonetic": "sounds-alike needs a sound code; search name instead",
}
REWRITES = {
    "name": "InsurancePlan.name",
    "alias": "InsurancePlan.alias",
    "Patient.deceased.exists() and Patient.deceased != false": "Patient.deceased!",
    "Patient.extension.where(url='http://hl7.org/fhir/us/core/StructureDefinition/us-core-race').extension.value.code":
        "Patient.extension.where(url='http://hl7.org/fhir/us/core/StructureDefinition/us-core-race')"
        ".extension.valueCoding",
    "Patient.extension.where(url='http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity')"
    ".extension.value.code":
        "Patient.extension.where(url='http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity')"
        ".extension.valueCoding",
    "Patient.extension.where(url='http://hl7.org/fhir/us/core/StructureDefinition/us-core-genderIdentity')"
    ".value.coding.code":
        "Patient.extension.where(url='http://hl7.org/fhir/us/core/StructureDefinition/us-core-genderIdentity')"
        ".valueCodeableConcept",
}  # fmt: skip
"""Expressions that say a code where the index needs the whole Coding, so that its system is searchable too."""

SWAPPED = {
    "DocumentReference-relationship": {
        "code": "http://hl7.org/fhir/SearchParameter/DocumentReference-relation",
        "target": "http://hl7.org/fhir/SearchParameter/DocumentReference-relatesto",
    }
}
"""R4 names the reference where it reads the code, and the code where it reads the reference."""

_STEP = re.compile(r"(?P<name>[A-Za-z]+)(?P<deceased>!)?(?:\.where\((?P<field>\w+)='(?P<value>[^']*)'\))?(?:\.|$)")
_RESOLVE = re.compile(r"\.where\(resolve\(\) is (\w+)\)$")
_CAST = re.compile(r"^\((?P<path>.+) as (?P<type>\w+)\)(?P<rest>(?:\.\w+)*)$")
_AS = re.compile(r"^(?P<path>.+)\.(?:as|ofType)\((?P<type>\w+)\)(?P<rest>)$")


class NotCompiledError(Exception):
    """This arm of an expression is outside the language of path programs."""


@dataclass(frozen=True)
class Arm:
    """One place that a parameter reads: `program` with the data type last; `only` restricts target or system."""

    program: str
    only: str = ""
    implied: str = ""


@dataclass(frozen=True)
class Element:
    """What the definitions say of one element; `same_as` is the path whose children it borrows."""

    types: tuple[str, ...]
    repeats: bool
    value_set: str
    same_as: str = ""


class Definitions:
    """The elements of every resource and data type by dotted path."""

    def __init__(self, folder: Path) -> None:
        self.elements: dict[str, Element] = {}
        self.resources: list[str] = []
        with gzip.open(folder / "StructureDefinition-base.ndjson.gz", "rt") as lines:
            for line in lines:
                self._add(json.loads(line))
        self.systems = _single_systems(_read(folder / "valuesets.json.gz"))

    def _add(self, definition: dict[str, Any]) -> None:
        if definition["kind"] == "resource" and not definition.get("abstract"):
            self.resources.append(definition["type"])
        for element in definition["snapshot"]["element"]:
            types = tuple(kind["code"] for kind in element.get("type", []))
            binding = element.get("binding", {})
            value_set = binding.get("valueSet", "") if binding.get("strength") == "required" else ""
            repeats = element.get("max") not in ("0", "1")
            same_as = element.get("contentReference", "").partition("#")[2]
            self.elements[element["path"]] = Element(types, repeats, value_set.partition("|")[0], same_as)

    def child(self, path: str, types: tuple[str, ...], name: str) -> list[tuple[str, str, Element, str]]:
        """The elements `name` can mean under `path`: (JSON name, path, element, its one type)."""
        borrowed = self.elements[path].same_as if path in self.elements else ""
        for parent in (path, *types, *filter(None, [borrowed])):
            element = self.elements.get(f"{parent}.{name}")
            if element is not None:
                kinds = element.types or ("BackboneElement",)
                return [(name, f"{parent}.{name}", element, kinds[0])]
            choice = self.elements.get(f"{parent}.{name}[x]")
            if choice is not None:
                return [
                    (name + kind[0].upper() + kind[1:], f"{parent}.{name}[x]", choice, kind) for kind in choice.types
                ]
            for cut in range(len(name) - 1, 0, -1):
                choice = self.elements.get(f"{parent}.{name[:cut]}[x]")
                kinds = [kind for kind in choice.types if kind.lower() == name[cut:].lower()] if choice else []
                if choice and kinds:
                    return [(name, f"{parent}.{name[:cut]}[x]", choice, kinds[0])]
        raise NotCompiledError(f"no element {name} under {path}")


def _read(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt") as stream:
        return [entry["resource"] for entry in json.load(stream)["entry"]]


def _single_systems(resources: list[dict[str, Any]]) -> dict[str, str]:
    """Value set -> the one code system that all its codes are from."""
    found = {}
    for resource in resources:
        if resource["resourceType"] == "ValueSet":
            compose = resource.get("compose", {})
            systems = {part.get("system", "") for part in compose.get("include", [])}
            if len(systems) == 1 and "" not in systems:
                found[resource["url"]] = systems.pop()
    return found


def compile_arm(text: str, base: str, kind: str, definitions: Definitions) -> list[Arm]:
    """The arms of the index for one arm of an expression."""
    only, cast, rest = "", "", ""
    found = _RESOLVE.search(text)
    if found:
        only, text = found[1], text[: found.start()]
    for pattern in (_CAST, _AS):
        match = pattern.match(text)
        if match:
            text, cast, rest = match["path"], match["type"], match["rest"].lstrip(".")
    ends = _walk(text, base, definitions)
    if cast:
        ends = [end for end in ends if end[1].lower() == cast.lower()]
    for name in filter(None, rest.split(".")):
        ends = [
            (f"{program} {json_name}{'*' * element.repeats}".strip(), data_type, path, element)
            for program, last, path_before, _ in ends
            for json_name, path, element, data_type in definitions.child(path_before, (last,), name)
        ]
    arms: list[Arm] = []
    for program, data_type, _, element in ends:
        implied = definitions.systems.get(element.value_set, "")
        arms += _emit(program, data_type, implied, kind=kind, base=base, only=only)
    if not arms:
        raise NotCompiledError(f"no data type that a {kind} parameter reads")
    return arms


def _walk(text: str, base: str, definitions: Definitions) -> list[tuple[str, str, str, Element]]:
    """(program, data type, path, element) for every way to read a dotted path from its resource."""
    head, _, tail = text.partition(".")
    if head not in (base, "Resource", "DomainResource") or not tail:
        raise NotCompiledError(f"does not start at {base}")
    ends = [("", base, base, Element((base,), repeats=False, value_set=""))]
    position = 0
    while position < len(tail):
        step = _STEP.match(tail, position)
        if step is None:
            raise NotCompiledError("uses FHIRPath beyond path programs")
        position = step.end()
        if step["deceased"]:
            return [("deceased", "Deceased", "", ends[0][3])]
        only = f"[{step['field']}={step['value']}]" if step["field"] else ""
        ends = [
            (f"{program} {name}{'*' * element.repeats}{only}".strip(), data_type, path, element)
            for program, last, before, _ in ends
            for name, path, element, data_type in definitions.child(before, (last,), step["name"])
        ]
    return ends


def _emit(program: str, data_type: str, implied: str, *, kind: str, base: str, only: str) -> list[Arm]:
    if data_type == "Deceased":
        return [Arm("deceased Deceased")]
    if kind == "string" and data_type in PARTS:
        return [Arm(f"{program} {part} string") for part in PARTS[data_type]]
    if kind == "date" and base in BIRTH and program == "birthDate":
        return [Arm("birthDate BirthDate")]
    if kind == "string" and (base, program) in WHOLE:
        return [Arm(f"{program} whole")]
    emitted = EMITS[kind].get(data_type)
    if emitted is None:
        return []
    if emitted == "ContactPoint" and program.endswith("]"):
        program, _, condition = program.rpartition("[")
        only = condition.rstrip("]").removeprefix("system=")
    return [Arm(f"{program} {emitted}", only, implied if emitted == "code" else "")]


def slots_of(parameters: dict[str, tuple[str, list[Arm], list[str]]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Groups arms by the parameters that share them: ({slot: [kind, *programs]}, {code: [kind, slots, targets])."""
    users: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    for code, (kind, arms, _) in parameters.items():
        for arm in arms:
            users[kind, arm.program].add((code, arm.only))
    groups: dict[tuple[str, frozenset[tuple[str, str]]], list[str]] = defaultdict(list)
    for (kind, program), shared in users.items():
        groups[kind, frozenset(shared)].append(program)
    slots: dict[str, Any] = {}
    uses: dict[str, list[str]] = defaultdict(list)
    for (kind, shared), programs in sorted(groups.items(), key=lambda item: (item[0][0], sorted(item[0][1]))):
        codes = sorted(shared, key=lambda use: (bool(use[1]), len(parameters[use[0]][1]), use[0]))
        name = codes[0][0]
        while name in slots:
            name += "~"
        slots[name] = [kind, *sorted(programs)]
        for code, only in sorted(shared):
            uses[code].append(f"{name}>{only}" if only else name)
    rows = {}
    for code, (kind, arms, targets) in sorted(parameters.items()):
        implied = sorted({arm.implied for arm in arms if arm.implied})
        rows[code] = [kind, sorted(uses[code]), targets if kind == "reference" else implied]
    return dict(sorted(slots.items())), rows


def compile_all(folder: Path) -> dict[str, Any]:
    """The whole table."""
    definitions = Definitions(folder)
    per_type: dict[str, dict[str, tuple[str, list[Arm], list[str]]]] = defaultdict(dict)
    refused: dict[str, str] = {}
    partly: dict[str, list[str]] = defaultdict(list)
    composites: list[dict[str, Any]] = []
    standard = _read(folder / "search-parameters.json.gz")
    for parameter in standard + _read(folder / "search-parameters-uscore.json.gz"):
        name, kind = parameter["id"], parameter["type"]
        if name in COLUMNS:
            continue
        if name in REASONS:
            refused[name] = REASONS[name]
            continue
        if kind == "composite":
            composites.append(parameter)
            continue
        _compile_one(parameter, definitions, per_type, partly)
        if not any(parameter["code"] in per_type[base] for base in parameter["base"]):
            refused[name] = "; ".join(sorted(set(partly.pop(name, ["no expression"]))))
    types = {}
    for base in sorted(per_type):
        slots, rows = slots_of(per_type[base])
        types[base] = {"slots": slots, "parameters": rows, "composites": {}}
    named = {parameter["url"]: parameter for parameter in standard}
    for parameter in composites:
        for base in parameter["base"]:
            types[base]["composites"][parameter["code"]] = _compile_composite(parameter, base, named, definitions)
    return {
        "source": "FHIR R4 4.0.1 search parameters and US Core 5.0.1 search parameters, HL7 International",
        "licence": "CC0-1.0",
        "generator": "tools/make_search_parameters.py",
        "definitions": len(standard),
        "resources": sorted(definitions.resources),
        "types": types,
        "not_compiled": dict(sorted(refused.items())),
        "partly_compiled": {name: sorted(set(reasons)) for name, reasons in sorted(partly.items())},
    }


def _compile_one(parameter: dict[str, Any], definitions: Definitions, per_type: Any, partly: Any) -> None:
    name, kind, targets = parameter["id"], parameter["type"], parameter.get("target", [])
    expression = re.sub(r"\s*=\s*'", "='", parameter["expression"])
    arms = [REWRITES.get(arm, arm) for arm in re.split(r"\s*\|\s*", REWRITES.get(expression, expression))]
    targets = targets if len(targets) < ANY_TARGET else []
    for base in parameter["base"]:
        mine = [arm for arm in arms if re.match(rf"\(?(?:{base}|Resource|DomainResource)\b", arm)]
        found: list[Arm] = []
        for arm in mine:
            try:
                found += compile_arm(arm, base, kind, definitions)
            except NotCompiledError as problem:
                partly[name].append(f"{arm}: {problem}")
        if found:
            per_type[base][parameter["code"]] = (kind, list(dict.fromkeys(found)), targets)
        elif not mine:
            partly[name].append(f"no arm for {base}")


def _compile_composite(parameter: dict[str, Any], base: str, named: Any, definitions: Definitions) -> list[Any]:
    """``[[path to a part, ...], [component's code, program from the part, ...], ...]``; ``/`` starts at the root."""
    paths = [path.strip() for path in parameter["expression"].split("|")]
    paths = [path for path in paths if re.match(rf"{base}\b", path)]
    starts = [_walk(path, base, definitions)[0][0] if "." in path else "" for path in paths]
    components = []
    for component in parameter["component"]:
        meant = named[SWAPPED.get(parameter["id"], {}).get(component["expression"], component["definition"])]
        programs: list[str] = []
        for text in component["expression"].split("|"):
            name = text.strip()
            of_root = name.startswith("%resource.")
            path = f"{base}.{name.removeprefix('%resource.')}" if of_root else f"{paths[-1]}.{name}"
            programs += [
                f"/{arm.program}" if of_root else arm.program.removeprefix(starts[-1]).strip()
                for arm in compile_arm(path, base, meant["type"], definitions)
            ]
        components.append([meant["code"], *sorted(set(programs))])
    return [sorted(starts), *components]


def render(table: dict[str, Any]) -> str:
    """The table as JSON with one line for each slot, parameter and reason."""
    lines = ["{"]
    heads = ("source", "licence", "generator", "definitions", "resources")
    lines += [f"{json.dumps(key)}: {json.dumps(table[key])}," for key in heads]
    lines.append('"types": {')
    for number, (base, content) in enumerate(table["types"].items()):
        lines.append(f"{json.dumps(base)}: {{")
        for part in ("slots", "parameters", "composites"):
            rows = [f" {json.dumps(name)}: {json.dumps(row)}" for name, row in sorted(content[part].items())]
            lines.append(f'"{part}": {{\n' + ",\n".join(rows) + "\n}" + ("," if part != "composites" else ""))
        lines.append("}" + ("," if number < len(table["types"]) - 1 else ""))
    lines.append("},")
    for key in ("not_compiled", "partly_compiled"):
        rows = [f" {json.dumps(name)}: {json.dumps(row)}" for name, row in table[key].items()]
        lines.append(f'"{key}": {{\n' + ",\n".join(rows) + "\n}" + ("," if key == "not_compiled" else ""))
    return "\n".join(lines) + "\n}\n"


def main() -> int:
    """Writes or checks the table; prints what was compiled."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("definitions", type=Path)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    table = compile_all(arguments.definitions)
    text = render(table)
    counts = [len(table[key]) for key in ("not_compiled", "partly_compiled")]
    print(f"{table['definitions']} standard definitions: {counts[0]} not compiled, {counts[1]} partly")
    if arguments.check:
        return 0 if OUTPUT.read_text() == text else 1
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
