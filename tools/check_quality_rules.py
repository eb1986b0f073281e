"""Checks the codes in quality/rules against lists that others publish, and writes rules/codes.toml.

Every LOINC code of ``quantities.toml`` must stand with a name in one of: the concepts of the Synthea OMOP extract, the
codes of Synthea's modules, the examples of FHIR R4 and of US Core, another converter's output of C-CDA and HL7 v2.
``codes.toml`` gets the codes that only one sex can have, from ICD-10-CM's tabular list and from the Disease Ontology's
cross-references, and FHIR R4's vital signs.

Usage: python tools/check_quality_rules.py SUITES [--write]     (SUITES as in CARELOOM_SUITES)
"""

import argparse
import csv
import gzip
import json
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RULES = Path(__file__).resolve().parent.parent / "src" / "careloom" / "quality" / "rules"
FEMALE = re.compile(
    r"\b(?:female genital|uter(?:us|i|ine)|cervix uteri|ovar(?:y|ian|ies)|vagina|vulva|placenta)\b", re.IGNORECASE
)
MALE = re.compile(r"\b(?:male genital|prostate|testis|penis|scrotum)\b", re.IGNORECASE)
ICD_SECTIONS = {"female": ("C51-C58", "N70-N77", "N80-N98"), "male": ("C60-C63", "N40-N53")}
"""Blocks of the tabular list about the genital organs of one sex."""
OBSTETRIC = "O"
"""Chapter 15: codes for use only on the maternal record (ICD-10-CM Official Guidelines, section I.C.15)."""
ROOTS = {
    sex: tuple(f"{sex} reproductive {what}" for what in ("system disease", "organ cancer", "organ benign neoplasm"))
    for sex in ("female", "male")
}


def lines(file: Path) -> Iterator[Any]:
    """The JSON objects of a file, one a line."""
    opener = gzip.open if file.suffix == ".gz" else open
    with opener(file, "rt", encoding="utf-8") as stream:
        for line in stream:
            yield json.loads(line)


def text_of(file: Path) -> bytes:
    """A file's content, unpacked."""
    return gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()


def named_loinc(suites: Path) -> dict[str, str]:
    """LOINC code -> a name, from everything that is at hand."""
    found: dict[str, str] = {}
    folders = ("fhir_r4_examples", "us_core_examples", "ccda_ms_fhir_converter", "hl7v2_ms_fhir_converter")
    for file in (file for folder in folders for file in (suites / folder).rglob("*.json*")):
        try:
            for coding in codings(json.loads(text_of(file))):
                found.setdefault(coding["code"], coding["display"])
        except (ValueError, OSError):
            continue
    for entry in lines(suites / "term_synthea_codes" / "codes.jsonl"):
        if entry["system"] == "LOINC":
            found[entry["code"]] = entry["displays"][0]
    with gzip.open(suites / "synthea_omop" / "concept.csv.gz", "rt") as stream:
        for row in csv.DictReader(stream):
            if row["vocabulary_id"] == "LOINC":
                found[row["concept_code"]] = row["concept_name"]
    return found


def codings(node: Any) -> Iterator[dict[str, str]]:
    """Every LOINC coding with a display below a JSON value."""
    if isinstance(node, dict):
        if node.get("system") == "http://loinc.org" and node.get("code") and node.get("display"):
            yield node
        for value in node.values():
            yield from codings(value)
    elif isinstance(node, list):
        for value in node:
            yield from codings(value)


def icd_of_sex(suites: Path) -> dict[str, list[str]]:
    """Sex -> three-character categories of ICD-10-CM, and the obstetric chapter as its letter."""
    found: dict[str, set[str]] = {"female": {OBSTETRIC}, "male": set()}
    for entry in lines(suites / "term_icd10cm" / "icd10cm_tabular.jsonl.gz"):
        code, section = entry["code"], entry["section"]
        if len(code) != 3 or code.startswith(("O", "P", "Q", "R", "S", "T", "Z", "A", "I")):
            continue
        for sex, pattern in (("female", FEMALE), ("male", MALE)):
            is_other = {"female": MALE, "male": FEMALE}[sex].search(entry["desc"].replace("female", "f"))
            if section in ICD_SECTIONS[sex] or (pattern.search(entry["desc"]) and not is_other):
                if sex == "male" and "female" in entry["desc"].lower():
                    continue
                found[sex].add(code)
    return {sex: sorted(codes) for sex, codes in found.items()}


def snomed_of_sex(suites: Path) -> dict[str, list[str]]:
    """Sex -> SNOMED CT ids that the Disease Ontology names for descendants of that sex's diseases."""
    entries = list(lines(suites / "term_disease_ontology" / "doid.jsonl.gz"))
    children: dict[str, list[str]] = {}
    for entry in entries:
        for parent in entry["parents"]:
            children.setdefault(parent, []).append(entry["name"])
    by_name = {entry["name"]: entry for entry in entries}
    reached = {sex: below(children, roots) for sex, roots in ROOTS.items()}
    found = {}
    for sex, names in reached.items():
        others = set().union(*(other for name, other in reached.items() if name != sex))
        kept = [name for name in names - others if "breast" not in name and "male" not in name.replace("female", "")]
        kept += [name for name in names - others if sex == "male" and re.search(r"\bmale\b", name)]
        ids = {code for name in kept for code in by_name.get(name, {}).get("xrefs", {}).get("SNOMEDCT_US", [])}
        found[sex] = sorted(ids, key=int)
    return found


def below(children: dict[str, list[str]], roots: tuple[str, ...]) -> set[str]:
    """The names below some roots, roots included."""
    found, todo = set(), list(roots)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += children.get(name, [])
    return found


def vital_signs(suites: Path) -> list[str]:
    """The codes of the value set observation-vitalsignresult that are values, not panels."""
    bundle = json.loads(text_of(suites / "fhir_definitions" / "valuesets.json.gz"))
    sets = {entry["resource"]["id"]: entry["resource"] for entry in bundle["entry"]}
    included = sets["observation-vitalsignresult"]["compose"]["include"]
    return [concept["code"] for part in included for concept in part["concept"]]


HEAD = """# Codes by what they say of a patient. Made by tools/check_quality_rules.py; do not edit.
#
#   codes.vital_signs   LOINC, value set observation-vitalsignresult of FHIR R4 4.0.1 (CC0)
#   codes.sex.<sex>     what only that sex can have: icd10cm, beginnings of codes, from blocks and titles of the tabular
#                       list of ICD-10-CM April 2026 (public domain; O: codes of the maternal record, Official
#                       Guidelines I.C.15); snomed, ids alone, cross-references of descendants of the sex's
#                       reproductive system diseases in the Disease Ontology 2026-08 (CC0). After OHDSI DQD
#                       plausibleGenderUseDescendants.

"""


def listed(name: str, codes: list[str]) -> str:
    """A TOML list in lines of readable length."""
    out, line = [f"{name} = ["], "   "
    for code in codes:
        if len(line) + len(code) + 4 > 118:
            out.append(line)
            line = "   "
        line += f' "{code}",'
    return "\n".join([*out, line, "]", ""])


def main() -> int:
    """Checks, and writes when asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suites", type=Path)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    names = named_loinc(asked.suites)
    table = tomllib.loads((RULES / "quantities.toml").read_text("utf-8"))["quantity"]
    unknown = [(row["name"], code) for row in table for code in row["loinc"] if code not in names]
    for name, code in unknown:
        sys.stdout.write(f"{code} of {name} stands in none of the lists\n")
    icd, snomed = icd_of_sex(asked.suites), snomed_of_sex(asked.suites)
    text = HEAD + "[codes]\n" + listed("vital_signs", vital_signs(asked.suites))
    for sex in ("female", "male"):
        text += f"\n[codes.sex.{sex}]\n" + listed("icd10cm", icd[sex]) + listed("snomed", snomed[sex])
    if asked.write:
        (RULES / "codes.toml").write_text(text, "utf-8")
    elif (RULES / "codes.toml").read_text("utf-8") != text:
        sys.stdout.write("codes.toml is not what this tool makes\n")
        return 1
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main())
