"""Makes the vocabularies of linking: names of diseases, drugs, tests and procedures with their codes.

    python tools/make_linking_names.py SUITES [--check]

SUITES is the folder with the sources. Writes diseases, drugs and acts (``.zst``) in ``src/careloom/nlp/names``;
``--check`` only compares. What is taken, and under which licence:

diseases  MONDO: names and exact matches to SNOMED CT, ICD-10-CM, MeSH and OMIM (CC0), synonyms of NCIt (CC BY 4.0);
          Disease Ontology and Symptom Ontology (CC0); ICD-10-CM (public domain); mentions of the BC5CDR and NCBI
          disease corpora with the MeSH id that they were given (public domain), marked as such. Of SNOMED CT and MeSH
          identifiers only
drugs     ingredients, salts and brands of the packaged RxNorm table (US National Library of Medicine, public domain),
          vaccines of CVX (CC0), classes of drugs by the MeSH id that the BC5CDR corpus gives them (public domain)
acts      tests of the packaged LOINC table (LOINC licence) and procedures of the packaged SNOMED CT starter set, with
          names of our own (linking_names.toml)
"""

import argparse
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from disease_entities import MENTION, ORDER, PREFERRED, SYNONYM, Entity, Mention, entities, lines, mentions
from rapidfuzz import fuzz

from careloom.nlp.linking_codes import bare_name
from careloom.nlp.linking_table import Entry, packed
from careloom.nlp.linking_text import canonical, key
from careloom.terminology.packaged import PACKAGED, lookup
from careloom.terminology.systems import CVX, ICD_10_CM, LOINC, RXNORM, SNOMED_CT

OUTPUT = Path(__file__).parents[1] / "src/careloom/nlp/names"
OWN = Path(__file__).parent / "linking_names.toml"
VERSION = "2026-11"
LICENCES = {
    "diseases": "MONDO, Disease and Symptom Ontology: CC0; NCIt: CC BY 4.0; ICD-10-CM, BC5CDR, NCBI: public domain",
    "drugs": "RxNorm, BC5CDR: public domain, courtesy of the U.S. National Library of Medicine; CVX: CC0",
    "acts": "LOINC licence, https://loinc.org/license; SNOMED CT: identifiers only; names of our own",
}


def entry(entity: Entity) -> Entry:
    """An entity as the table takes it; of several codes of one system the one named most alike comes first."""
    if len(entity.codes["I"]) > 1:
        entity.codes["I"].sort(key=lambda code: -_likeness(entity, code))
    codes = [(letter, code) for letter in "SIDMHOYRCL" for code in entity.codes.get(letter, ())]
    ordered = sorted(entity.names.items(), key=lambda item: (ORDER.index(item[1][0]), item[0]))
    return Entry(entity.display, codes, [(form, kind, times) for form, (kind, times) in ordered])


def _likeness(entity: Entity, code: str) -> float:
    concept = lookup(ICD_10_CM, code)
    names = [bare_name(name) for name in (concept.name, *concept.names)] if concept else []
    own = {key(canonical(text)) for text in _findings().get(code, ())}
    if own & {key(form) for form, (kind, _) in entity.names.items() if kind == PREFERRED}:
        return 300
    known = {key(form) for form, (kind, _) in entity.names.items() if kind != MENTION}
    if known.intersection(names):
        return 200 - len(code)
    return max((fuzz.token_sort_ratio(key(canonical(entity.display)), name) for name in names), default=0.0)


def _own(part: str) -> dict[str, list[str]]:
    return dict(tomllib.loads(OWN.read_text())[part])


@cache
def _findings() -> dict[str, list[str]]:
    return _own("findings")


def diseases(suites: Path, taken: Sequence[Mention]) -> list[Entry]:
    """The vocabulary of problems and symptoms; `taken` are the mentions of corpora that become names."""
    return [entry(each) for each in entities(suites, taken, _findings())]


def _ingredients_of_salts() -> dict[str, str]:
    """Salt -> ingredient, as the components of drugs list them in pairs."""
    found: dict[str, str] = {}
    for code in PACKAGED.codes(RXNORM):
        concept = lookup(RXNORM, code)
        held = concept.properties.get("ingredient", ()) if concept else ()
        kinds = {each: (lookup(RXNORM, each) or concept).properties.get("tty", ("",))[0] for each in held if concept}
        salts = [each for each, kind in kinds.items() if kind == "PIN"]
        plain = [each for each, kind in kinds.items() if kind == "IN"]
        if len(salts) == len(plain) == 1:
            found[salts[0]] = plain[0]
    return found


def _ingredients_of_brands() -> tuple[dict[str, list[str]], set[str]]:
    """Brand name -> ingredients that every branded drug holds, the combination first; the brands of combinations.

    The table lists combinations that a component is in, also of other brands: one counts whose parts the drug names.
    """
    held: dict[str, list[set[str]]] = defaultdict(list)
    combined: dict[str, set[bool]] = defaultdict(set)
    for code in PACKAGED.codes(RXNORM):
        concept = lookup(RXNORM, code)
        brand = re.search(r"\[([^\]]+)\]$", concept.name) if concept else None
        if concept is None or brand is None:
            continue
        name = brand[1].lower()
        inside = {each for each in concept.properties.get("ingredient", ()) if lookup(RXNORM, each)}
        held[name].append({each for each in inside if not _is_combination(each) or _names(concept.name, each)})
        combined[name].add(" / " in concept.name)
    shared = {name: sorted(set.intersection(*sets), key=_combinations_first) for name, sets in held.items()}
    return shared, {name for name, kinds in combined.items() if kinds == {True}}


def _combinations_first(code: str) -> tuple[bool, str]:
    return not _is_combination(code), code


def _names(drug: str, combination: str) -> bool:
    """True where a branded drug has the parts of a combination and no more."""
    concept = lookup(RXNORM, combination)
    parts = concept.name.lower().split(" / ") if concept else []
    return drug.count(" / ") + 1 == len(parts) and all(part.split()[0] in drug.lower() for part in parts)


def _is_combination(code: str) -> bool:
    concept = lookup(RXNORM, code)
    return concept is not None and "MIN" in concept.properties.get("tty", ())


def _classes(suites: Path) -> list[Entry]:
    """Classes of drugs, each of which BC5CDR mentions by one of its names."""
    said: dict[str, set[str]] = defaultdict(set)
    for part in ("train", "devel"):
        for row in lines(suites / f"bc5cdr/{part}.jsonl"):
            for one in row["entities"]:
                said[one["concept"]].add(canonical(row["text"][one["start"] : one["end"]]))
    found = []
    for code, names in _own("classes").items():
        if not said[code].intersection(map(canonical, names)):
            raise SystemExit(f"linking_names.toml: BC5CDR mentions {code} by none of its names")
        found.append(_named("H", [code], names, names[0]))
    return found


def drugs(suites: Path) -> list[Entry]:
    """The vocabulary of drugs, classes of drugs and vaccines."""
    salts, (brands, combined), own = _ingredients_of_salts(), _ingredients_of_brands(), _own("drugs")
    found = []
    for code in PACKAGED.codes(RXNORM):
        concept = lookup(RXNORM, code)
        kind = concept.properties.get("tty", ("",))[0] if concept else ""
        if concept is None or kind not in ("IN", "PIN", "MIN", "BN"):
            continue
        entity = Entity(concept.name)
        plain = [salts[code]] if kind == "PIN" and code in salts else []
        plain += brands.get(concept.name.lower(), []) if kind == "BN" else []
        # What is first stands for the whole: of a combination never one ingredient alone.
        is_whole = kind != "BN" or (concept.name.lower() in combined and not any(map(_is_combination, plain[:1])))
        entity.code("R", [code, *plain] if is_whole else [*plain, code])
        entity.name(concept.name, PREFERRED if kind == "IN" else SYNONYM)
        for text in (*concept.names, *own.get(code, ())):
            entity.name(text, SYNONYM)
        found.append(entry(entity))
    for code in PACKAGED.codes(CVX):
        concept = lookup(CVX, code)
        if concept is not None:
            entity = Entity(concept.name)
            entity.code("C", [code])
            for text in (concept.name, *concept.names):
                entity.name(text, SYNONYM)
            found.append(entry(entity))
    return found + _classes(suites)


def _named(letter: str, codes: Sequence[str], names: Iterable[str], display: str) -> Entry:
    entity = Entity(display)
    entity.code(letter, codes)
    for place, text in enumerate(names):
        entity.name(text, PREFERRED if place == 0 else SYNONYM)
    return entry(entity)


def acts() -> list[Entry]:
    """The vocabulary of tests and procedures."""
    found = []
    tests, procedures = _own("tests"), _own("procedures")
    used = set()
    for codes, names in tests.items():
        known = [lookup(LOINC, code) for code in codes.split()]
        if None in known:
            raise SystemExit(f"linking_names.toml: {codes} is not in the packaged LOINC table")
        used.update(codes.split())
        formal = [concept.name for concept in known if concept]
        found.append(_named("L", codes.split(), [*names, *formal], names[0]))
    for code in PACKAGED.codes(LOINC):
        concept = lookup(LOINC, code)
        if (
            concept is not None
            and code not in used
            and concept.properties.get("kind", ("",))[0] != "survey"
            and len(concept.name) < 80
        ):
            component = re.split(r" \[| in (?:Serum|Blood|Urine|Arterial|Venous|Platelet)", concept.name)[0]
            found.append(_named("L", [code], [concept.name, *concept.names, component], concept.name))
    for code in PACKAGED.codes(SNOMED_CT):
        concept = lookup(SNOMED_CT, code)
        if concept is not None and concept.properties["kind"][0] == "procedure":
            found.append(_named("S", [code], [concept.name, *concept.names, *procedures.pop(code, [])], concept.name))
    if procedures:
        raise SystemExit(f"linking_names.toml: {sorted(procedures)} are no procedures of the packaged SNOMED CT table")
    return found


def made(suites: Path) -> dict[str, bytes]:
    """Vocabulary -> its file."""
    entries = {"diseases": diseases(suites, mentions(suites)), "drugs": drugs(suites), "acts": acts()}
    return {
        name: packed(those, {"version": VERSION, "licence": LICENCES[name], "meanings": len(those)})
        for name, those in entries.items()
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Make the vocabularies of linking.")
    parser.add_argument("suites", type=Path)
    parser.add_argument("--check", action="store_true")
    asked = parser.parse_args()
    differ = 0
    for name, content in made(asked.suites).items():
        place = OUTPUT / f"{name}.zst"
        if asked.check:
            differ += place.read_bytes() != content
        else:
            OUTPUT.mkdir(exist_ok=True)
            place.write_bytes(content)
        print(f"{name}: {len(content):,} bytes")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
