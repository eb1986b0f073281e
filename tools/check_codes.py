"""Looks up every clinical code in TOML and JSON files: is it in the publisher's list, and does its name fit?

    CARELOOM_SUITES=... python tools/check_codes.py PATH... [--suites FOLDER] [--strict] [--json]

PATH is a file or a folder of ``*.toml``, ``*.json`` and ``*.ndjson``. Three forms of a code are found: an object with
system and code as in FHIR (a name beside it under display, name or text); a key that names a system with a code, a
list of codes, ``[code, name]`` or a list of these (``icd10cm = ["R73.03", "Prediabetes"]``, ``loinc_code =
"2345-7"``); and a text ``system|code``.

Verdicts: ``right``; ``wrong`` (the list is whole and lacks it, or its check digit is wrong); ``header`` (an ICD-10-CM
category that cannot be billed); ``name`` (right code, a name that shares too little with any name of it); ``own`` (the
same of SNOMED CT, whose own names may not be shipped: a person looks, nothing fails); ``unverifiable`` (no local list
is whole for it). Exit status 1 where anything is wrong, with --strict also for headers and names.

source  term_icd10cm (whole), term_rxnorm_prescribable (whole but for ingredients that begin with A, and what can no
        longer be prescribed), fhir_definitions v2 table 0292 (CVX), term_synthea_codes, cross-references of the Disease
        Ontology and MONDO, value sets of FHIR R4 (SNOMED CT, LOINC: parts)
"""

import argparse
import gzip
import json
import os
import re
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rapidfuzz import fuzz, utils

from careloom.terminology.systems import (
    CVX,
    ICD_10_CM,
    LOINC,
    RXNORM,
    SNOMED_CT,
    canonical,
    is_loinc,
    is_snomed_concept,
)

CHECKED = {ICD_10_CM: "ICD-10-CM", SNOMED_CT: "SNOMED CT", LOINC: "LOINC", RXNORM: "RxNorm", CVX: "CVX"}
SHAPES = {
    ICD_10_CM: re.compile(r"[A-Z][0-9A-Z]{2}(\.[0-9A-Z]{1,4})?"),
    SNOMED_CT: re.compile(r"[0-9]{6,18}"),
    LOINC: re.compile(r"(?:[0-9]{1,7}|LA[0-9]+|LP[0-9]+|LL[0-9]+)-[0-9]"),
    RXNORM: re.compile(r"[0-9]{1,8}"),
    CVX: re.compile(r"[0-9]{2,3}"),
}
NAMES = ("display", "name", "text", "description", "title")
LIKE_AT_LEAST = 45.0
"""Least share of a name (0 to 100, best of its known names) below which a person should look."""
SEMANTIC_TAG = re.compile(r" \([a-z][a-z /+-]*\)$")


@dataclass(frozen=True, slots=True)
class Used:
    """A code as a file uses it."""

    place: str
    system: str
    code: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of looking it up."""

    place: str
    system: str
    code: str
    verdict: str
    why: str = ""


@dataclass(slots=True)
class Lists:
    """What the local sources say.

    names       system -> code -> its names
    billable    codes of ICD-10-CM that can be billed
    unverified  codes of RxNorm that nobody has verified
    """

    names: dict[str, dict[str, set[str]]]
    billable: set[str]
    unverified: set[str]


def rows(path: Path) -> Iterator[dict[str, Any]]:
    data = path.read_bytes()
    for line in (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines():
        if line.strip():
            yield json.loads(line)


def dotted(code: str) -> str:
    return f"{code[:3]}.{code[3:]}" if len(code) > 3 else code


def read_icd10cm(suites: Path, lists: Lists) -> None:
    names = lists.names[ICD_10_CM]
    for row in rows(suites / "term_icd10cm/icd10cm_tabular.jsonl.gz"):
        names[row["code"]] |= {row["desc"], *row["inclusion"]}
    listed = gzip.decompress((suites / "term_icd10cm/code-list-April-2026.txt.gz").read_bytes()).decode().split()
    codes = sorted(dotted(code) for code in listed if re.fullmatch(r"[A-Z][0-9A-Z]{2,6}", code))
    for code, following in zip(codes, [*codes[1:], ""], strict=True):
        _ = names[code]
        if not following.startswith(code):
            lists.billable.add(code)


def read_ontologies(suites: Path, lists: Lists) -> None:
    snomed = lists.names[SNOMED_CT]
    for row in rows(suites / "term_disease_ontology/doid.jsonl.gz"):
        for code in row["xrefs"].get("SNOMEDCT_US", []):
            snomed[code.split("_")[-1]] |= {row["name"], *(synonym["text"] for synonym in row["synonyms"])}
    for row in rows(suites / "term_mondo_xref/mondo.jsonl.gz"):
        for kind in ("exact", "broad", "close"):
            for code in row[kind].get("SCTID", []):
                snomed[code] |= {row["name"], *row["synonyms_ncit2018"]}


def read_rxnorm(suites: Path, lists: Lists) -> None:
    folder = suites / "term_rxnorm_prescribable"
    for row in rows(folder / "rxnorm.jsonl.gz"):
        lists.names[RXNORM][row["rxcui"]].add(row["name"])
    for row in rows(folder / "rxnorm_letter_A_supplement.jsonl"):
        lists.names[RXNORM][row["rxcui"]].add(row["name"])
        if row["verified"].startswith("NO"):
            lists.unverified.add(row["rxcui"])


def read_synthea(suites: Path, lists: Lists) -> None:
    for row in rows(suites / "term_synthea_codes/codes.jsonl"):
        system = canonical(row["system"])
        if system in CHECKED and not row["code"].startswith("99999-"):  # Synthea's own placeholders under LOINC
            lists.names[system][row["code"]] |= set(row["displays"])


def read_definitions(suites: Path, lists: Lists) -> None:
    for file in ("valuesets.json.gz", "v2-tables.json.gz"):
        bundle = json.loads(gzip.decompress((suites / "fhir_definitions" / file).read_bytes()))
        for entry in bundle["entry"]:
            resource = entry["resource"]
            if resource.get("url") == "http://terminology.hl7.org/CodeSystem/v2-0292":
                for concept in resource["concept"]:
                    notes = {note.get("valueString", "") for note in concept.get("extension", [])}
                    lists.names[CVX][concept["code"]] |= {concept["display"], *notes} - {""}
            for include in resource.get("compose", {}).get("include", []):
                if include.get("system") in (SNOMED_CT, LOINC):
                    for concept in include.get("concept", []):
                        known = lists.names[include["system"]][concept["code"]]
                        known |= {concept.get("display", "")} - {""}


def read_lists(suites: Path) -> Lists:
    lists = Lists({system: defaultdict(set) for system in CHECKED}, set(), set())
    for reader in (read_icd10cm, read_ontologies, read_rxnorm, read_synthea, read_definitions):
        reader(suites, lists)
    return lists


def system_of(key: str) -> str | None:
    """The system that a key names: ``snomed``, ``icd10cm_codes``, ``loincCode``, ``rxnorm_ingredient``."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key).lower()
    words = re.sub(r"_(codes?|ids?|ingredient|drug|concepts?)$", "", words)
    for text in (words, words.replace("_", ""), words.replace("_", "-")):
        system = canonical(text)
        if system in CHECKED:
            return system
    return None


def under(system: str, value: Any, place: str) -> Iterator[Used]:
    """The codes that a value under a key of a system holds."""
    if isinstance(value, str):
        yield Used(place, system, value)
    elif isinstance(value, dict) and isinstance(value.get("code"), str):
        yield Used(place, system, value["code"], next((value[name] for name in NAMES if name in value), ""))
    elif isinstance(value, list):
        texts = [item for item in value if isinstance(item, str)]
        if len(value) == len(texts) == 2 and not SHAPES[system].fullmatch(texts[1]):
            yield Used(place, system, texts[0], texts[1])
            return
        for number, item in enumerate(value):
            yield from under(system, item, f"{place}[{number}]")


def used(value: Any, place: str) -> Iterator[Used]:
    """Every code in a document."""
    if isinstance(value, dict):
        system = canonical(value["system"]) if isinstance(value.get("system"), str) else None
        if system in CHECKED and isinstance(value.get("code"), str):
            yield Used(place, system, value["code"], next((value[name] for name in NAMES if name in value), ""))
        for key, item in value.items():
            below = f"{place}.{key}" if place else key
            named = system_of(key)
            if named is not None and (found := list(under(named, item, below))):
                yield from found
            else:
                yield from used(item, below)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from used(item, f"{place}[{number}]")
    elif isinstance(value, str) and "|" in value:
        name, _, code = value.partition("|")
        system = canonical(name)
        if system in CHECKED and SHAPES[system].fullmatch(code):
            yield Used(place, system, code)


def likeness(name: str, known: set[str]) -> float:
    plain = SEMANTIC_TAG.sub("", name)
    return max(
        fuzz.token_set_ratio(plain, SEMANTIC_TAG.sub("", other), processor=utils.default_process) for other in known
    )


def judged(use: Used, lists: Lists) -> Verdict:
    """One code looked up."""

    def verdict(word: str, why: str = "") -> Verdict:
        return Verdict(use.place, CHECKED[use.system], use.code, word, why)

    known = lists.names[use.system].get(use.code)
    if known is None:
        return missing(use, verdict)
    if use.system == RXNORM and use.code in lists.unverified:
        return verdict(
            "unverifiable", "only in the supplement of ingredients that begin with A, which was not verified"
        )
    if use.name and known and likeness(use.name, known) < LIKE_AT_LEAST:
        return verdict("own" if use.system == SNOMED_CT else "name", f"is called: {' / '.join(sorted(known)[:3])}")
    if use.system == ICD_10_CM and use.code not in lists.billable:
        return verdict("header", "a category: a diagnosis needs one of the codes below it")
    return verdict("right")


def missing(use: Used, verdict: Any) -> Verdict:
    """A code that no local list holds."""
    if use.system == ICD_10_CM:
        return verdict("wrong", "not in ICD-10-CM of April 2026")
    if not SHAPES[use.system].fullmatch(use.code):
        return verdict("wrong", "not the shape of a code of this system")
    if use.system == SNOMED_CT and not is_snomed_concept(use.code):
        return verdict("wrong", "the check digit or the partition is not that of a concept")
    if use.system == LOINC and use.code[0].isdigit() and not is_loinc(use.code):
        return verdict("wrong", "the check digit is wrong")
    return verdict("unverifiable", "no local list holds it")


def documents(paths: list[Path]) -> Iterator[tuple[str, Any]]:
    """(file, content) of every file that can be read."""
    for path in paths:
        files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
        for file in files:
            if file.suffix == ".toml":
                yield str(file), tomllib.loads(file.read_text("utf-8"))
            elif file.suffix == ".json":
                yield str(file), json.loads(file.read_text("utf-8"))
            elif file.suffix in (".ndjson", ".jsonl"):
                yield str(file), list(rows(file))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--suites", type=Path, default=os.environ.get("CARELOOM_SUITES"))
    parser.add_argument("--strict", action="store_true", help="headers and names that do not fit fail too")
    parser.add_argument("--json", action="store_true", help="every verdict as a line of JSON")
    options = parser.parse_args(arguments)
    if options.suites is None:
        parser.error("CARELOOM_SUITES names no folder, and no --suites is given")
    lists = read_lists(Path(options.suites))
    verdicts = [judged(use, lists) for file, content in documents(options.paths) for use in used(content, f"{file}: ")]
    for verdict in verdicts:
        if options.json:
            print(json.dumps(asdict(verdict)))
        elif verdict.verdict != "right":
            print(f"{verdict.verdict:<13} {verdict.system} {verdict.code}  {verdict.place}  {verdict.why}")
    counts = Counter((verdict.system, verdict.verdict) for verdict in verdicts)
    for system in sorted({verdict.system for verdict in verdicts}):
        line = ", ".join(f"{count} {word}" for (name, word), count in sorted(counts.items()) if name == system)
        print(f"{system}: {line}", file=sys.stderr)
    failing = {"wrong", "header", "name"} if options.strict else {"wrong"}
    return 1 if any(verdict.verdict in failing for verdict in verdicts) else 0


if __name__ == "__main__":
    sys.exit(main())
