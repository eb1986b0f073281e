"""Gives problems, symptoms, drugs, tests and procedures the codes they mean.

    linker = Linker.packaged()
    linker.link("breast ca", "PROBLEM")[0]     Concept(SNOMED CT, 254837009, "breast cancer", 0.9, rank 1)

Datasheet: docs/datasheets/nlp-linking.md
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType

import numpy as np

from careloom import runtime
from careloom.nlp.component import digest
from careloom.nlp.linking_abbreviations import definitions
from careloom.nlp.linking_codes import LETTERS, Coder, is_symptom
from careloom.nlp.linking_dense import Reranker
from careloom.nlp.linking_doubt import Match, is_doubtful
from careloom.nlp.linking_features import Measurer, Query
from careloom.nlp.linking_scorer import Ranked, Scorer, ranked
from careloom.nlp.linking_search import candidates, query_of
from careloom.nlp.linking_table import NameTable, packaged_table
from careloom.terminology.concepts import Terminology
from careloom.terminology.packaged import PACKAGED
from careloom.terminology.systems import LOINC
from careloom.text.note import AnnotatedNote, Annotation, Concept

VOCABULARIES: Mapping[str, str] = MappingProxyType(
    {
        "PROBLEM": "diseases",
        "SYMPTOM": "diseases",
        "MEDICATION": "drugs",
        "ALLERGEN": "drugs",
        "TEST": "acts",
        "PROCEDURE": "acts",
    }
)
"""Label -> the vocabulary in which its mentions are looked for; other labels have no codes."""
_TABLES = ("diseases", "drugs", "acts")
_DATA = ("linking.toml", "abbreviations.zst", "models/linking.zip", *(f"names/{name}.zst" for name in _TABLES))
"""What decides about codes beside the tables of an installation, whose versions are told one by one."""
TAGGER, RERANKER, RERANKED = "models/clinical-en.zip", "models/linking-dense.zip", "diseases"
"""Whose encoder ranks anew, the model by which it does, and the vocabulary whose names it ranks."""
_LOOKED_AT = 32
"""Names that are measured for each mention."""
_AROUND = 150
"""Characters on either side of a mention that decide between meanings of an abbreviation."""
_KEPT = 5
_DOUBT = 0.9
"""``no_code`` of a mention that `careloom.nlp.linking_doubt` doubts, at least."""
_SHORTEST = 2
"""Letters of a problem: one letter names none, though corpora mention some."""
_SYMPTOM = 1.0
"""What it is worth to a meaning that it is a symptom where one is mentioned. Chosen on simulated notes of the families
chart, dictated and letter."""
_LONGEST_NOTE = 200_000
"""Characters of a note that are searched for definitions of abbreviations."""


@dataclass(frozen=True, slots=True)
class Linked:
    """What a mention may mean.

    codes    by rank; codes of one rank are of one meaning
    no_code  probability that none of the vocabulary is meant
    match    how the best meaning was found; None where there is none
    own      codes of the meaning whose own name the mention is, where only a corpus calls another one so; else empty
    """

    codes: tuple[Concept, ...]
    no_code: float
    match: Match | None = None
    own: tuple[Concept, ...] = ()


class Vocabulary:
    """A table of names with what measures its names."""

    def __init__(self, table: NameTable) -> None:
        self.table = table
        self.measurer = Measurer(table)


class Linker:
    """Component ``linking``.

    vocabularies  ``diseases``, ``drugs``, ``acts`` -> tables; a label whose vocabulary is missing gets no codes. Of
                  several tables of one vocabulary the surest answers, of equally sure ones the first
    terminology   names of codes, and which of them are in use
    reranker      ranks the likeliest names of problems and symptoms anew; None: nothing does
    """

    name = "linking"

    def __init__(
        self,
        vocabularies: Mapping[str, Sequence[NameTable]],
        scorer: Scorer,
        terminology: Terminology = PACKAGED,
        reranker: Reranker | None = None,
    ) -> None:
        self._vocabularies = {name: [Vocabulary(table) for table in tables] for name, tables in vocabularies.items()}
        self._scorer, self._reranker = scorer, reranker
        self._coder = Coder(terminology)
        made = "+".join(str(table.head.get("version", "")) for tables in vocabularies.values() for table in tables)
        anew = "" if reranker is None else f"+{RERANKER}-{digest(RERANKER)}"
        self.version = f"{scorer.card['version']}/{made}-{digest(*_DATA)}{anew}"
        self._found = lru_cache(maxsize=16384)(self._find)

    @classmethod
    def packaged(
        cls,
        terminology: Terminology = PACKAGED,
        beside: Mapping[str, NameTable] = MappingProxyType({}),
        *,
        rerank: bool = False,
    ) -> "Linker":
        """With the vocabularies and the model that ship.

        beside  tables of an installation's own releases
        rerank  by the encoder that ships, too: `careloom.nlp.linking_dense`
        raises  SetupError where a model does not load
        """
        tables = {
            name: [*([beside[name]] if name in beside else []), packaged_table(name)]
            for name in dict.fromkeys(VOCABULARIES.values())
        }
        anew = Reranker(runtime.packaged("nlp", RERANKER), runtime.packaged("nlp", TAGGER)) if rerank else None
        return cls(tables, Scorer(runtime.packaged("nlp", "models/linking.zip")), terminology, anew)

    def _sureness_of(self, label: str) -> Scorer:
        """Who says how sure the best meaning of a label's mention is."""
        is_anew = self._reranker is not None and VOCABULARIES.get(label) == RERANKED
        return self._reranker.scorer if self._reranker is not None and is_anew else self._scorer

    def _ranked(self, vocabulary: Vocabulary, label: str, query: Query) -> list[Ranked]:
        found = candidates(vocabulary.table, query, _LOOKED_AT)
        if not found:
            return []
        rows = vocabulary.measurer.rows(query, found)
        worths = self._scorer.worths(rows)
        if self._reranker is not None and VOCABULARIES[label] == RERANKED:
            worths = self._reranker.worths(vocabulary.table, query, found, rows, worths)
        if label == "SYMPTOM":
            table = vocabulary.table
            worths = worths + np.array(
                [_SYMPTOM * is_symptom(table.codes_of(table.meaning[each.number])) for each in found]
            )
        return ranked(vocabulary.table, found, rows, worths)

    def _find(self, label: str, query: Query) -> Linked:
        """What a mention may mean; the arguments hold all that the answer depends on, and of a note nothing else."""
        best = Linked((), 1.0)
        for vocabulary in self._vocabularies.get(VOCABULARIES.get(label, ""), ()):
            linked = self._coded(
                vocabulary, label, query, self._ranked(vocabulary, label, query) if query.forms else []
            )
            best = min(best, linked, key=lambda each: each.no_code)
        return best

    def _coded(self, vocabulary: Vocabulary, label: str, query: Query, found: Sequence[Ranked]) -> Linked:
        """The best meanings that have codes which the label may have; those without are passed over."""
        fit: list[tuple[Ranked, list[tuple[str, str, str]]]] = []
        for each in found:
            of = self._coder.codes(vocabulary.table.meaning_of(each.meaning), label)
            if of:
                fit.append((each, of))
            if len(fit) == _KEPT:
                break
        if not fit:
            return Linked((), 1.0)
        sure = self._sureness_of(label).certainty([each for each, _ in fit])
        rest = sum(each.share for each, _ in fit[1:]) or 1.0
        codes = [
            Concept(
                system, code, display, round(sure if rank == 1 else min(sure, (1 - sure) * each.share / rest), 4), rank
            )
            for rank, (each, of) in enumerate(fit, 1)
            for system, code, display in of
        ]
        first = fit[0][0]
        table = vocabulary.table
        match = Match(table.names[first.name], query.forms, table.names_of(first.meaning))
        named = table.named_so(first.name) if match.name in query.forms else frozenset()
        rank = next((rank for rank, (each, _) in enumerate(fit, 1) if each.meaning in named), 0)
        own = (replace(each, score=round(sure, 4), rank=1) for each in codes if each.rank == rank)
        return Linked(tuple(codes), round(1 - sure, 4), match, tuple(own))

    def linked(self, mention: str, label: str, context: str = "", defined: Mapping[str, str] | None = None) -> Linked:
        """What a mention may mean, best first, and how likely it means nothing that has a code.

        context  the words around it: they decide between meanings of an abbreviation, and may define it
        defined  abbreviation -> long form, where the caller knows what the note defines; read from `context` without it
        """
        if label not in VOCABULARIES:
            return Linked((), 1.0)
        known = definitions(context[:_LONGEST_NOTE]) if defined is None else defined
        if VOCABULARIES[label] == "diseases" and len(mention.strip()) < _SHORTEST:
            return Linked((), 1.0)
        return self._found(label, query_of(mention, known, context[: 4 * _AROUND]))

    def link(self, mention: str, label: str, context: str = "", codes: int = _KEPT) -> tuple[Concept, ...]:
        """The `codes` meanings that a mention may have, best first, also where the best one is unlikely.

        Codes of one meaning share their rank, so there may be more of them than meanings.
        """
        return tuple(each for each in self.linked(mention, label, context).codes if each.rank <= codes)

    def read(self, annotated: AnnotatedNote) -> AnnotatedNote:
        """Annotations with the codes they mean; what likely means nothing that has a code keeps none, and says so.

        Codes say what a mention means, not that the patient has it: denied and relatives' findings have codes too.
        """
        text = annotated.note.text
        defined = definitions(text[:_LONGEST_NOTE])
        made = tuple(self._with_codes(each, text, defined) for each in annotated.annotations)
        return replace(annotated, annotations=made, readers={**annotated.readers, self.name: self.version})

    def _with_codes(self, annotation: Annotation, text: str, defined: Mapping[str, str]) -> Annotation:
        if annotation.label not in LETTERS or annotation.codes:
            return annotation
        loinc = annotation.attributes.get("loinc", "")
        if annotation.label == "TEST" and loinc:  # a rule knows it by name (nlp/quantities.toml): none is guessed
            return replace(annotation, codes=(Concept(LOINC, loinc, self._coder.name(LOINC, loinc) or "", 1.0, 1),))
        span = annotation.span
        around = text[max(0, span.start - _AROUND) : span.end + _AROUND]
        linked = self.linked(span.of(text), annotation.label, around, defined)
        if linked.no_code > 1 - self._sureness_of(annotation.label).threshold:
            return replace(annotation, attributes={**annotation.attributes, "no_code": f"{linked.no_code:.2f}"})
        if linked.match is not None and is_doubtful(span.of(text), annotation.label, around, defined, linked.match):
            unsure = max(linked.no_code, _DOUBT)
            return replace(annotation, attributes={**annotation.attributes, "no_code": f"{unsure:.2f}"})
        if linked.own:
            return replace(annotation, codes=linked.own)
        # Who takes the best code of each system must not take another meaning's where the best one has none.
        systems = {each.system for each in linked.codes if each.rank == 1}
        return replace(annotation, codes=tuple(each for each in linked.codes if each.system in systems))
