"""How many relations are found between known annotations, or from the raw sentence: strict in both places and type."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from careloom.nlp.adverse_events import TYPE, AdverseEvents, Found
from careloom.nlp.corpora_ade import Sentence
from careloom.nlp.corpora_notes import GoldNote
from careloom.nlp.evaluation import Counts, Errors, Scores, joined, keep, of_sets
from careloom.nlp.labels import RELATIONS
from careloom.nlp.relations import Relations
from careloom.text.note import AnnotatedNote, Annotation, Note, Span

Place = tuple[int, int]
Link = tuple[str, Place, Place]
"""Type, place of the head, place of the tail: half-open, in code points."""
# Relative times and times of the day are left out: the simulator says of none what it belongs to.
SIMULATED_TYPES = frozenset(RELATIONS) - {
    "drug-form", "problem-severity", "problem-course", "procedure-anatomy", "test-reference",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Known:
    """A note with its gold.

    types   of which everything is known here
    family  which part of the source it is from
    """

    note: AnnotatedNote
    links: frozenset[Link]
    types: frozenset[str]
    source: str
    family: str = ""


def place_of(one: Annotation) -> Place:
    """Start and end."""
    return one.span.start, one.span.end


def of_note(note: GoldNote) -> Known:
    """A simulated note with its entities, its sections, and its relations in our types."""
    entities = [
        one for one in note.spans
        if one.note_label and (one.kind == "entity" or one.label in ("date", "duration"))
    ]  # fmt: skip
    spans = {one.id: one for one in note.spans}
    links = set()
    for label, head, tail in note.relations:
        kind = "allergen-reaction" if spans[head].label == "allergen" else label.replace("vaccine-", "drug-")
        links.add((kind, spans[head].place, spans[tail].place))
    return Known(note.given(entities), frozenset(links), SIMULATED_TYPES, "simulated", note.family)


def of_sentence(one: Sentence) -> Known:
    """A sentence of ade_corpus_v2 as a note: its drugs, its events, and which belong together."""
    places = [
        *((place, "MEDICATION") for place in sorted({*one.drugs, *one.others})),
        *((place, "PROBLEM") for place in one.events),
    ]
    annotations = tuple(
        Annotation(Span(*place), label, id=f"T{number}") for number, (place, label) in enumerate(sorted(places), 1)
    )
    note = AnnotatedNote(Note("", one.text), (), (Span(0, len(one.text)),), annotations)
    return Known(note, frozenset(_gold(one)), frozenset({TYPE}), "ade_corpus_v2", one.pmid)


def found(component: Relations, known: Iterable[Known]) -> list[set[Link]]:
    """What a component says of each note, of the types that its source knows."""
    told = []
    for one in known:
        places = {each.id: place_of(each) for each in one.note.annotations}
        relations = component.read(one.note).relations
        told.append({(r.type, places[r.head], places[r.tail]) for r in relations if r.type in one.types})
    return told


def scores(gold: Sequence[Iterable[Link]], told: Sequence[Iterable[Link]]) -> Scores:
    """By type, over notes in the same order; a relation counts once a note.

    raises  ValueError where there are not as many notes of both
    """
    return Scores(tuple(of_sets(truth, given) for truth, given in zip(gold, told, strict=True)))


def by_abstract(sentences: Sequence[Sentence], told: Sequence[Iterable[Link]]) -> Scores:
    """The same of sentences of ade_corpus_v2, those of one abstract as one document."""
    documents: dict[str, list[Counts]] = {}
    for one, links in zip(sentences, told, strict=True):
        documents.setdefault(one.pmid, []).append(of_sets(_gold(one), links))
    return Scores(tuple(map(joined, documents.values())))


def with_gold_spans(component: AdverseEvents, sentences: Iterable[Sentence]) -> list[set[Link]]:
    """What a model of adverse events says of the drugs and events of each sentence, all of them given."""
    return [
        _told(component.related(one.text, *([Span(*place) for place in some] for some in (_drugs(one), one.events))))
        for one in sentences
    ]


def end_to_end(component: AdverseEvents, sentences: Iterable[Sentence], *, gate: bool) -> list[set[Link]]:
    """What it finds in each raw sentence; without `gate` each is known to tell of a relation."""
    return [_told(component.find(one.text, [Span(0, len(one.text))], gate=gate)) for one in sentences]


def every_pair(sentences: Iterable[Sentence]) -> list[set[Link]]:
    """Every drug with every event of a sentence: what a model must be better than."""
    return [{(TYPE, drug, event) for drug, event, _ in one.candidates()} for one in sentences]


def errors_of(names: Sequence[str], gold: Sequence[Iterable[Link]], told: Sequence[Iterable[Link]]) -> Errors:
    """Examples of relations that are missed, and of those that are none: from the first place to the last."""
    errors: Errors = {}
    for name, truth, given in zip(names, gold, told, strict=True):
        wanted, made = set(truth), set(given)
        for kind, links in (("missed", wanted - made), ("spurious", made - wanted)):
            for link in sorted(links):
                start, end = min(link[1][0], link[2][0]), max(link[1][1], link[2][1])
                keep(errors, kind, (name, start, end, *((link[0], "") if kind == "missed" else ("", link[0]))))
    return errors


def _drugs(one: Sentence) -> list[Place]:
    return sorted({*one.drugs, *one.others})


def _gold(one: Sentence) -> Iterator[Link]:
    return ((TYPE, drug, event) for drug, event in one.pairs)


def _told(found: Iterable[Found]) -> set[Link]:
    return {(TYPE, (one.drug.start, one.drug.end), (one.event.start, one.event.end)) for one in found}
