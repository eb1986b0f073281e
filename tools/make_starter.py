"""Packs the starter set: SNOMED CT, LOINC, RxNorm, CVX, Disease Ontology and Symptom Ontology concepts, and their maps.

    python tools/make_starter.py SUITES [--check]

SUITES is the folder with the sources below. Writes snomed, loinc, rxnorm, cvx, doid, symp and maps (``.zst``) in
``src/careloom/terminology/tables``; ``--check`` only compares. What is taken, and under which licence:

snomed  identifiers (facts) that MONDO calls an exact match of a disease (CC0 mappings), with the name and exact
        synonyms of MONDO and the Disease Ontology (CC0); identifiers of term_synthea_codes with our own names
        (starter_names.toml) or the name of the symptom (Symptom Ontology, CC0). No description of SNOMED CT is copied.
loinc   codes that Synthea (Apache-2.0) and the FHIR and US Core examples (CC0) use, with LOINC's long common name where
        they give it, UCUM unit and kind as Synthea's observations use them. LOINC's licence asks for its notice: NOTICE
rxnorm  Current Prescribable Content of 2025-10-06 (US National Library of Medicine, public domain): ingredients,
        brands, clinical and branded drugs; verified ingredients that begin with A; what Synthea uses beside them.
cvx     table 0292 as HL7 publishes it with FHIR (CC0), and the five codes of Synthea.
doid    diseases of the Disease Ontology (CC0) that have a counterpart in SNOMED CT or ICD-10-CM.
symp    the Symptom Ontology (CC0).
"""

import argparse
import csv
import gzip
import io
import json
import re
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import starter_maps
import zstandard

from careloom.terminology import molar_mass, ucum
from careloom.terminology.concept_table import pack, packed_line
from careloom.terminology.concepts import Release
from careloom.terminology.systems import (
    CVX,
    DISEASE_ONTOLOGY,
    LOINC,
    RXNORM,
    SNOMED_CT,
    SYMPTOM_ONTOLOGY,
    is_loinc,
    is_snomed_concept,
)
from careloom.terminology.ucum_spellings import read as read_unit

OUTPUT = Path(__file__).parents[1] / "src/careloom/terminology/tables"
OWN = Path(__file__).parent / "starter_names.toml"
RELEASES = {
    "snomed": Release(SNOMED_CT, "starter-2026-11", "SNOMED CT, a starter set", is_whole=False,
                      licence="identifiers; names CC0 (MONDO, Disease Ontology, Symptom Ontology) or our own"),
    "loinc": Release(LOINC, "starter-2026-11", "LOINC, a starter set", is_whole=False,
                     licence="LOINC licence, https://loinc.org/license"),
    "rxnorm": Release(RXNORM, "2025-10-06", "RxNorm, Current Prescribable Content", date(2025, 10, 6), is_whole=False,
                      licence="public domain; courtesy of the U.S. National Library of Medicine"),
    "cvx": Release(CVX, "hl7-0292-r4", "Vaccines administered (CVX)", is_whole=False, licence="public domain; HL7 CC0"),
    "doid": Release(DISEASE_ONTOLOGY, "2026-08", "Human Disease Ontology, a part", is_whole=False, licence="CC0 1.0"),
    "symp": Release(SYMPTOM_ONTOLOGY, "7a295d9", "Symptom Ontology", licence="CC0 1.0"),
}  # fmt: skip
TAG = re.compile(r" \([a-z][a-z /+-]*\)$")


def rows(path: Path) -> Iterator[dict[str, Any]]:
    data = path.read_bytes()
    for line in (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines():
        if line.strip():
            yield json.loads(line)


def clean(names: Iterable[str], name: str) -> list[str]:
    """Other names, once each, without the separators of a table."""
    plain = dict.fromkeys(" ".join(each.replace("|", "/").split()) for each in names)
    return [each for each in plain if each and each != name]


class Sources:
    """What the folders hold, read once."""

    def __init__(self, suites: Path) -> None:
        self.suites = suites
        self.mondo = list(rows(suites / "term_mondo_xref/mondo.jsonl.gz"))
        self.diseases = {row["id"]: row for row in rows(suites / "term_disease_ontology/doid.jsonl.gz")}
        self.symptoms = list(rows(suites / "term_symptom_ontology/symp.jsonl"))
        self.synthea = list(rows(suites / "term_synthea_codes/codes.jsonl"))

    def synonyms(self, disease: dict[str, Any]) -> list[str]:
        return [each["text"] for each in disease["synonyms"] if each["type"].startswith("EXACT")]

    def exact_diseases(self, row: dict[str, Any]) -> list[dict[str, Any]]:
        found = [self.diseases.get(f"DOID:{number}") for number in row["exact"].get("DOID", [])]
        return [disease for disease in found if disease is not None]


def snomed(sources: Sources) -> list[str]:
    lines: dict[str, str] = {}
    for row in sources.mondo:
        diseases = sources.exact_diseases(row)
        for code in row["exact"].get("SCTID", []):
            if is_snomed_concept(code) and (diseases or row["exact"].get("ICD10CM")):
                others = [name for each in diseases for name in (each["name"], *sources.synonyms(each))]
                line = packed_line(
                    code, row["name"], names=clean(others, row["name"]), properties=[("kind", "problem")]
                )
                lines.setdefault(code, line)
    for kind, entries in tomllib.loads(OWN.read_text("utf-8")).items():
        for code, text in entries.items():
            name, *others = text.split("|")
            lines.setdefault(code, packed_line(code, name, names=others, properties=[("kind", kind)]))
    symptoms = {name.lower(): row for row in sources.symptoms for name in symptom_names(row)}
    for row in sources.synthea:
        symptom = symptoms.get(TAG.sub("", row["displays"][0]).lower()) if row["system"] == "SNOMED-CT" else None
        if symptom is not None and is_snomed_concept(row["code"]):
            others = clean(symptom_names(symptom), symptom["name"])
            line = packed_line(row["code"], symptom["name"], names=others, properties=[("kind", "symptom")])
            lines.setdefault(row["code"], line)
    return list(lines.values())


def symptom_names(row: dict[str, Any]) -> list[str]:
    return [row["name"], *(each["text"] for each in row["synonyms"] if each["type"] == "EXACT")]


def observed(sources: Sources) -> tuple[dict[str, Counter[str]], dict[str, Counter[str]]]:
    """LOINC code -> units and kinds, as Synthea's observations use them."""
    units: dict[str, Counter[str]] = defaultdict(Counter)
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for path in sorted(sources.suites.glob("synthea_csv*/observations.csv*")):
        data = path.read_bytes()
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")
        for row in csv.DictReader(io.StringIO(text)):
            if (code := read_unit(row["UNITS"], "").code) is not None:
                units[row["CODE"]][code] += 1
            if row.get("CATEGORY"):
                kinds[row["CODE"]][row["CATEGORY"]] += 1
    return units, kinds


def examples(value: Any, names: dict[str, Counter[str]], units: dict[str, Counter[str]]) -> None:
    """Adds the LOINC codes of a FHIR document, with their displays and the UCUM units beside them."""
    if isinstance(value, dict):
        if value.get("system") == LOINC and isinstance(value.get("code"), str) and value.get("display"):
            names[value["code"]][" ".join(value["display"].replace("\u200b", "").split())] += 1
        quantity = value.get("valueQuantity")
        if isinstance(quantity, dict) and isinstance(quantity.get("code"), str) and ucum.is_valid(quantity["code"]):
            for coding in value.get("code", {}).get("coding", []):
                if coding.get("system") == LOINC:
                    units[coding["code"]][quantity["code"]] += 1
        for item in value.values():
            examples(item, names, units)
    elif isinstance(value, list):
        for item in value:
            examples(item, names, units)


def example_files(suites: Path) -> Iterator[Any]:
    for folder in ("fhir_r4_examples", "us_core_examples"):
        for path in sorted((suites / folder).rglob("*.json*")):
            data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            lines = data.splitlines() if "ndjson" in path.name else [data]
            yield from (json.loads(line) for line in lines if line.strip())


def component(name: str) -> str:
    """What is measured, from a LOINC long common name: ``Glucose [Mass/volume] in Blood`` is glucose."""
    return re.split(r" \[| in |--", name)[0].strip()


def loinc(sources: Sources) -> list[str]:
    units, kinds = observed(sources)
    names: dict[str, Counter[str]] = defaultdict(Counter)
    for document in example_files(sources.suites):
        examples(document, names, units)
    for row in sources.synthea:
        if row["system"] == "LOINC":
            names[row["code"]].update({" ".join(display.split()): 50 for display in row["displays"]})
    lines = []
    for code, found in names.items():
        if not is_loinc(code) or code.startswith("99999-"):
            continue
        ordered = sorted(found, key=lambda name: ("[" not in name, -found[name], name))
        properties = [("kind", kinds[code].most_common(1)[0][0])] if kinds[code] else []
        if units[code]:
            properties.append(("unit", min(units[code], key=lambda unit: (-units[code][unit], unit))))
        substance = next(filter(None, (molar_mass.named(component(name)) for name in ordered)), None)
        if substance is not None:
            properties.append(("substance", substance))
        lines.append(packed_line(code, ordered[0], names=clean(ordered[1:], ordered[0]), properties=properties))
    return lines


def rxnorm(sources: Sources) -> list[str]:
    folder = sources.suites / "term_rxnorm_prescribable"
    lines = {}
    for row in rows(folder / "rxnorm.jsonl.gz"):
        properties = [
            ("tty", row["tty"]),
            *(("ingredient", each) for each in row["ingredients"] if each != row["rxcui"]),
        ]
        lines[row["rxcui"]] = packed_line(row["rxcui"], row["name"], properties=properties)
    for row in rows(folder / "rxnorm_letter_A_supplement.jsonl"):
        if not row["verified"].startswith("NO"):
            lines.setdefault(row["rxcui"], packed_line(row["rxcui"], row["name"], properties=[("tty", row["tty"])]))
    for row in sources.synthea:
        if row["system"] == "RXNORM" and row["code"].isdigit():
            name = " ".join(row["displays"][0].split())
            lines.setdefault(row["code"], packed_line(row["code"], name, names=clean(row["displays"][1:], name)))
    return list(lines.values())


def cvx(sources: Sources) -> list[str]:
    """Vaccines. Every row of the table is marked deprecated, for HL7 left the table to the CDC: no code is retired."""
    bundle = json.loads(gzip.decompress((sources.suites / "fhir_definitions/v2-tables.json.gz").read_bytes()))
    (table,) = [
        entry["resource"] for entry in bundle["entry"]
        if entry["resource"].get("url") == "http://terminology.hl7.org/CodeSystem/v2-0292"
    ]  # fmt: skip
    lines = {}
    for concept in table["concept"]:
        notes = [note["valueString"] for note in concept.get("extension", []) if "valueString" in note]
        name, kind = concept["display"], [("kind", "vaccine")]
        line = packed_line(concept["code"], name, names=clean(notes, name), properties=kind)
        lines[concept["code"]] = line
    for row in sources.synthea:
        if row["system"] == "CVX":
            lines.setdefault(
                row["code"], packed_line(row["code"], row["displays"][0], properties=[("kind", "vaccine")])
            )
    return list(lines.values())


def ontology_lines(sources: Sources) -> tuple[list[str], list[str]]:
    by_name = {row["name"]: row["id"] for row in sources.diseases.values()}
    kept = [row for row in sources.diseases.values() if {"SNOMEDCT_US", "ICD10CM"} & set(row["xrefs"])]
    ids = {row["id"] for row in kept}
    diseases = [
        packed_line(
            row["id"], row["name"], names=clean(sources.synonyms(row), row["name"]),
            parents=sorted({by_name[name] for name in row["parents"] if by_name.get(name) in ids}),
            properties=[("kind", "problem")],
        )
        for row in kept
    ]  # fmt: skip
    known = {row["id"] for row in sources.symptoms}
    symptoms = [
        packed_line(
            row["id"], row["name"], names=clean(symptom_names(row), row["name"]),
            parents=[parent for parent in row["parents"] if parent in known], properties=[("kind", "symptom")],
        )
        for row in sources.symptoms
    ]  # fmt: skip
    return diseases, symptoms


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", type=Path)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    sources = Sources(arguments.suites)
    diseases, symptoms = ontology_lines(sources)
    made = {"snomed": snomed(sources), "loinc": loinc(sources), "rxnorm": rxnorm(sources), "cvx": cvx(sources)}
    made |= {"doid": diseases, "symp": symptoms}
    files = {f"{name}.zst": pack(RELEASES[name], lines) for name, lines in made.items()}
    maps = starter_maps.lines(sources.mondo, sources.diseases.values(), sources.symptoms, sources.synthea)
    files["maps.zst"] = zstandard.ZstdCompressor(level=22).compress(("\n".join(maps) + "\n").encode())
    wrong = [name for name, packed in files.items() if arguments.check and (OUTPUT / name).read_bytes() != packed]
    for name, packed in files.items():
        if not arguments.check:
            (OUTPUT / name).write_bytes(packed)
        print(f"{name}: {len(made.get(name.removesuffix('.zst'), maps)):,} lines, {len(packed):,} bytes")
    print("differs: " + ", ".join(wrong) if wrong else "done")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
