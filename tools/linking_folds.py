"""Mentions of the corpora in folds by document, and what the search finds for them. Used by train_linking.py and
measure_nlp_linking.py.

A fold's mentions are looked for in a vocabulary in which the mentions of all other folds are names and its own are not,
as a new document's would be. One example is a distinct pair of mention and concept within a fold.
"""

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from disease_entities import Mention, lines, mentions
from make_linking_names import diseases

from careloom.nlp.linking_abbreviations import definitions
from careloom.nlp.linking_features import Candidate, Measurer, Query, Rows
from careloom.nlp.linking_search import candidates, query_of
from careloom.nlp.linking_table import NameTable, packed

FOLDS = 4
LOOKED_AT = 32


@dataclass(frozen=True)
class Gold:
    """Accepted ids of a concept: DO and MONDO (``DOID:``, ``MONDO:``), SNOMED CT, ICD-10-CM."""

    ids: frozenset[str] = frozenset()
    snomed: frozenset[str] = frozenset()
    icd10cm: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Example:
    """A mention and what was found. `hits` says of each candidate whether its meaning is right."""

    mention: str
    concept: str
    source: str
    times: int
    gold: Gold
    query: Query
    found: list[Candidate]
    rows: Rows
    hits: list[bool]


@dataclass(frozen=True)
class Corpus:
    """folds: pmid -> fold; gold: concept -> accepted ids; contexts: (mention, concept) -> words around."""

    mentions: Sequence[Mention]
    folds: Mapping[str, int]
    gold: Mapping[str, Gold]
    contexts: Mapping[tuple[str, str], str]
    sources: Mapping[str, str]

    def pairs(self, fold: int) -> dict[tuple[str, str], tuple[str, int]]:
        """(mention, concept) -> (corpus, how often) in the documents of a fold."""
        found: dict[tuple[str, str], tuple[str, int]] = {}
        for pmid, text, concept in self.mentions:
            if self.folds[pmid] == fold and concept in self.gold:
                source, times = found.get((text, concept), (self.sources[pmid], 0))
                found[text, concept] = (source, times + 1)
        return dict(sorted(found.items()))


def corpus(suites: Path, folds: int = FOLDS) -> Corpus:
    """The development parts of BC5CDR and NCBI disease with the gold of normalization_gold."""
    gold: dict[str, Gold] = {}
    contexts: dict[tuple[str, str], str] = {}
    for row in lines(suites / "normalization_gold/disease_mentions.jsonl"):
        ids = frozenset((*row["doid"], *row["mondo"]))
        gold[row["mesh_or_omim"]] = Gold(ids, frozenset(row["snomedct"]), frozenset(row["icd10cm"]))
        contexts.setdefault((row["mention"].lower(), row["mesh_or_omim"]), row["context"])
    sources: dict[str, str] = defaultdict(lambda: "ncbi_disease")
    for part in ("train", "devel"):
        sources.update((row["pmid"], "bc5cdr") for row in lines(suites / f"bc5cdr/{part}.jsonl"))
    said = mentions(suites)
    documents = sorted({pmid for pmid, _, _ in said})
    random.Random(0).shuffle(documents)
    return Corpus(said, {pmid: place % folds for place, pmid in enumerate(documents)}, gold, contexts, sources)


def ids_of(table: NameTable, meaning: int) -> tuple[set[str], set[str]]:
    """DO and MONDO ids, and MeSH and OMIM ids, of a meaning."""
    codes = table.meaning_of(meaning).codes
    return (
        {{"D": "DOID:", "M": "MONDO:"}[letter] + code for letter, code in codes if letter in "DM"},
        {{"H": "", "O": "OMIM:"}[letter] + code for letter, code in codes if letter in "HO"},
    )


def is_right(table: NameTable, meaning: int, concept: str, gold: Gold) -> bool:
    """True where a meaning has an accepted id; of a concept without any, where it is the corpus's own concept."""
    ids, own = ids_of(table, meaning)
    return bool(ids & gold.ids) if gold.ids else concept in own


def table_without(suites: Path, held: Corpus, fold: int) -> NameTable:
    """The vocabulary of diseases without the mentions of a fold."""
    taken = [mention for mention in held.mentions if held.folds[mention[0]] != fold]
    return NameTable(packed(diseases(suites, taken), {}))


def examples(table: NameTable, held: Corpus, fold: int) -> Iterator[Example]:
    """What the search finds for the mentions of a fold."""
    measurer = Measurer(table)
    for (mention, concept), (source, times) in held.pairs(fold).items():
        context = held.contexts.get((mention.lower(), concept), "")
        query = query_of(mention, definitions(context), context)
        found = candidates(table, query, LOOKED_AT) if query.forms else []
        gold = held.gold[concept]
        right = {
            number: is_right(table, number, concept, gold) for number in {table.meaning[each.number] for each in found}
        }
        hits = [right[table.meaning[each.number]] for each in found]
        yield Example(mention, concept, source, times, gold, query, found, measurer.rows(query, found), hits)
