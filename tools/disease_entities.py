"""Diseases and findings with all their names and codes, gathered from open sources. Used by make_linking_names.py.

A disease of MONDO and the diseases of the Disease Ontology that it matches exactly are one. A MeSH id that a corpus
uses and that no disease matches stands for a finding of its own.
"""

import gzip
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from careloom.nlp.linking_text import canonical, key
from careloom.terminology.packaged import PACKAGED, lookup
from careloom.terminology.systems import ICD_10_CM, SNOMED_CT, SYMPTOM_ONTOLOGY, is_snomed_concept

PREFERRED, SYNONYM, LOOSE, MENTION = "p", "s", "l", "m"
"""Kinds of names: the source's own; an exact synonym; a broader, narrower or related one; as a corpus mentions it."""
_UNNAMED = (MENTION, 0)
ORDER = (PREFERRED, SYNONYM, LOOSE, MENTION)
CORPORA = {"bc5cdr": ("train", "devel"), "ncbi_disease": ("train", "devel")}
_UNSAID = re.compile(
    r"\s*\([^)]*\)|,? not elsewhere classified|,? (?:unspecified|NOS|uncomplicated)(?= |,|$)|^Unspecified "
    r"|,? without (?:complications?|mention of .*)"
    r"|,? (?:of )?unspecified (?:site|organism|cause|type|nature)|,? site not specified",
    re.IGNORECASE,
)
_VAGUE = re.compile(
    r"^other\b|\bclassified elsewhere\b|\bother (?:and|or|specified)\b|\bnot otherwise\b|\bin diseases\b|^[^a-z]*$",
    re.IGNORECASE,
)
Mention = tuple[str, str, str]
"""pmid, words, concept (MeSH ``D...`` or ``OMIM:...``)."""


@dataclass
class Entity:
    """codes: letter of `careloom.nlp.linking_table.SYSTEMS` -> codes; names: canonical name -> (kind, mentions)."""

    display: str
    codes: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    names: dict[str, tuple[str, int]] = field(default_factory=dict)

    def name(self, text: str, kind: str, times: int = 0) -> None:
        """Keeps a name; the better kind where it is known already."""
        form = canonical(text)
        if not form:
            return
        known, before = self.names.get(form, (kind, 0))
        self.names[form] = (min(known, kind, key=ORDER.index), before + times)

    def code(self, letter: str, codes: Iterable[str]) -> None:
        """Keeps codes, in their order."""
        for each in codes:
            if each not in self.codes[letter]:
                self.codes[letter].append(each)


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a file of JSON lines, packed or not."""
    with path.open("rb") as packed, gzip.open(packed) if path.suffix == ".gz" else packed as file:
        for line in file:
            yield json.loads(line)


def mentions(suites: Path) -> list[Mention]:
    """Every disease mention of the corpora that names one concept."""
    found = []
    for corpus, parts in CORPORA.items():
        for part in parts:
            for row in lines(suites / corpus / f"{part}.jsonl"):
                found += [
                    (row["pmid"], each["text"], each["concept"])
                    for each in row["entities"]
                    if each["label"] != "Chemical" and each["concept"] != "-1" and "|" not in each["concept"]
                ]
    return found


def _of_mondo(rows: Iterable[dict[str, Any]]) -> dict[str, Entity]:
    found = {}
    for row in rows:
        if row["name"].startswith("obsolete"):
            continue
        entity = Entity(row["name"])
        exact = row["exact"]
        entity.name(row["name"], PREFERRED)
        for text in row["synonyms_ncit2018"]:
            entity.name(text, SYNONYM)
        entity.code("M", [row["id"].removeprefix("MONDO:")])
        entity.code("D", exact.get("DOID", []))
        entity.code("S", filter(is_snomed_concept, exact.get("SCTID", [])))
        entity.code("I", (code for code in exact.get("ICD10CM", []) if lookup(ICD_10_CM, code)))
        entity.code("H", exact.get("mesh", []))
        entity.code("O", exact.get("OMIM", []))
        found[row["id"]] = entity
    return found


def _with_diseases(found: dict[str, Entity], rows: Iterable[dict[str, Any]]) -> None:
    """Adds the Disease Ontology; what MONDO matches exactly goes to it."""
    by_number = {number: entity for entity in found.values() for number in entity.codes["D"]}
    for row in rows:
        number = row["id"].removeprefix("DOID:")
        if row["name"].startswith("obsolete"):
            continue
        entity = by_number.get(number)
        if entity is None:
            entity = found[row["id"]] = Entity(row["name"])
            entity.code("D", [number])
        entity.name(row["name"], PREFERRED)
        for each in row["synonyms"]:
            entity.name(each["text"], SYNONYM if each["type"].startswith("EXACT") else LOOSE)
        refs = row["xrefs"]
        entity.code("S", filter(is_snomed_concept, refs.get("SNOMEDCT_US", [])))
        entity.code("I", (code for code in refs.get("ICD10CM", []) if lookup(ICD_10_CM, code)))
        entity.code("H", refs.get("MESH", []))
        entity.code("O", refs.get("MIM", []))


def _by_code(found: dict[str, Entity]) -> dict[str, list[Entity]]:
    """MeSH or OMIM id -> its entities; those of MONDO alone where it has any."""
    held: dict[str, list[Entity]] = defaultdict(list)
    for letter, prefix in (("H", ""), ("O", "OMIM:")):
        for entity in found.values():
            for code in entity.codes[letter]:
                held[prefix + code].append(entity)
    return {code: [each for each in those if each.codes["M"]] or those for code, those in held.items()}


def _with_findings(found: dict[str, Entity]) -> None:
    """Adds symptoms, signs and diseases of the packaged tables that nothing here has yet."""
    by_snomed = {code: entity for entity in found.values() for code in entity.codes["S"]}
    by_name: dict[str, Entity] = {}
    for entity in found.values():
        for form, (kind, _) in entity.names.items():
            if kind in (PREFERRED, SYNONYM):
                by_name.setdefault(form, entity)
    for system, letter in ((SNOMED_CT, "S"), (SYMPTOM_ONTOLOGY, "Y")):
        for code in PACKAGED.codes(system):
            concept = PACKAGED.find(system, code)
            if concept is None or concept.properties.get("kind", ("",))[0] not in ("problem", "symptom", "finding"):
                continue
            bare = code.removeprefix("SYMP:")
            entity = by_snomed.get(code) or by_name.get(canonical(concept.name))
            if entity is None:
                entity = found[code] = Entity(concept.name)
            entity.code(letter, [bare])
            entity.name(concept.name, PREFERRED)
            for text in concept.names:
                entity.name(text, SYNONYM)
            for form in entity.names:
                by_name.setdefault(form, entity)
            for each in PACKAGED.translations(system, code):
                if each.system == ICD_10_CM and each.equivalence in ("equivalent", "relatedto"):
                    entity.code("I", [each.code])
                if each.system == SNOMED_CT:
                    entity.code("S", [each.code])


def icd10cm_name(text: str) -> str:
    """A name of ICD-10-CM as a note would say it: without what is unspecified."""
    text = _UNSAID.sub("", text)
    return re.sub(r"\s+", " ", text).strip(" ,;")


def _with_icd10cm(found: dict[str, Entity]) -> None:
    """Gives ICD-10-CM codes to what has the same name; what nothing has becomes a meaning of its own.

    Chapters A to T, and codes of at most five characters: external causes, and sides and encounters of an injury, are
    nothing that a mention names.
    """
    by_key: dict[str, list[Entity]] = defaultdict(list)
    for entity in found.values():
        for form in dict.fromkeys(
            key(form) for form, (kind, _) in entity.names.items() if kind in (PREFERRED, SYNONYM)
        ):
            by_key[form].append(entity)
    for code in PACKAGED.codes(ICD_10_CM):
        concept = lookup(ICD_10_CM, code)
        bare = code.replace(".", "")
        if concept is None or not re.fullmatch(r"[A-T]\d[0-9A-Z]{1,3}", bare) or _VAGUE.search(concept.name):
            continue
        name = icd10cm_name(concept.name)
        others = [icd10cm_name(text) for text in concept.names if not _VAGUE.search(text) and len(text) < 80]
        owners = by_key.get(key(canonical(name)), [])
        if not owners and len(bare) <= (5 if code[0] == "R" else 4):
            found[code] = Entity(name)
            owners = [found[code]]
            for text in (name, *others):
                by_key[key(canonical(text))].append(found[code])
        for entity in owners:
            entity.code("I", [code])
            for text in (name, *others):
                entity.name(text, SYNONYM)
        for text in others:
            for entity in by_key.get(key(canonical(text)), []):
                if not entity.codes["I"]:
                    entity.code("I", [code])


def _with_own(found: dict[str, Entity], own: Mapping[str, Sequence[str]]) -> None:
    """Gives codes of ICD-10-CM to findings that its own names do not name as notes do."""
    by_key: dict[str, list[Entity]] = defaultdict(list)
    for entity in found.values():
        for form in entity.names:
            by_key[key(form)].append(entity)
    for code, names in own.items():
        if lookup(ICD_10_CM, code) is None:
            raise SystemExit(f"linking_names.toml: {code} is no code of ICD-10-CM")
        for text in names:
            owners = by_key.get(key(canonical(text)), [])
            for entity in owners:
                entity.codes["I"].insert(0, code)
            if not owners:
                entity = found.setdefault(f"own {code}", Entity(names[0]))
                entity.code("I", [code])
                entity.name(text, SYNONYM)


def _by_preferred(found: Mapping[str, Entity]) -> dict[str, list[Entity]]:
    """Canonical name -> what prefers it."""
    named: dict[str, list[Entity]] = defaultdict(list)
    for entity in found.values():
        for form, (kind, _) in entity.names.items():
            if kind == PREFERRED:
                named[form].append(entity)
    return named


def _unless_benign(text: str, main: Entity, named_so: Mapping[str, list[Entity]]) -> list[Entity]:
    """Whose name a mention becomes that is no name yet of what has its MeSH id: that, but nothing benign.

    The Disease Ontology gives headings of MeSH such as Lung Neoplasms to the benign neoplasm; lung cancer is none.
    """
    if "benign" not in main.display or "benign" in text.lower():
        return [main]
    return named_so.get(canonical(text), [])


def _with_mentions(found: dict[str, Entity], taken: Sequence[Mention]) -> None:
    """Adds what the corpora say; a concept that nothing matches is a finding named as it is mentioned most often."""
    held = _by_code(found)
    by_name: dict[str, list[Entity]] = defaultdict(list)
    for entity in found.values():
        if not entity.codes["H"]:
            for form, (kind, _) in entity.names.items():
                if kind == PREFERRED:
                    by_name[form].insert(0, entity)
                elif kind == SYNONYM:
                    by_name[form].append(entity)
    named_so = _by_preferred(found)
    texts: dict[str, Counter[str]] = defaultdict(Counter)
    for _, text, concept in taken:
        texts[concept][text] += 1
    for concept, said in sorted(texts.items()):
        entities = held.get(concept)
        if entities is None:
            display = min(said, key=lambda text: (-said[text], len(text), text))
            named = by_name.get(canonical(display), [])
            entities = named[:1] or [
                found.setdefault(concept, Entity(display.lower() if display.istitle() else display))
            ]
            letter = "O" if concept.startswith("OMIM:") else "H"
            entities[0].code(letter, [concept.removeprefix("OMIM:")])
            if not named:
                entities[0].name(display, PREFERRED)
        owned = {
            text: [each for each in entities if each.names.get(canonical(text), _UNNAMED)[0] != MENTION]
            for text in said
        }
        main = max(entities, key=lambda each: sum(times for text, times in said.items() if each in owned[text]))
        for text, times in said.items():
            for entity in owned[text] or _unless_benign(text, main, named_so):
                entity.name(text, MENTION, times)


def entities(suites: Path, taken: Sequence[Mention], own: Mapping[str, Sequence[str]]) -> list[Entity]:
    """All of them, sorted; `taken` are the mentions that may become names, `own` our names by ICD-10-CM code."""
    found = _of_mondo(lines(suites / "term_mondo_xref/mondo.jsonl.gz"))
    _with_diseases(found, lines(suites / "term_disease_ontology/doid.jsonl.gz"))
    _with_findings(found)
    _with_icd10cm(found)
    _with_mentions(found, taken)
    _with_own(found, own)
    return [found[name] for name in sorted(found)]
