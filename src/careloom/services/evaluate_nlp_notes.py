"""Tasks of `careloom evaluate nlp` on simulated notes, and on what others annotated likewise, beside entities."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from careloom.nlp.assertion import Assertions
from careloom.nlp.corpora import Document, Gold, brat
from careloom.nlp.corpora_notes import GoldNote
from careloom.nlp.evaluate_context import case_report_answers, note_answers
from careloom.nlp.evaluate_linking import WANTED, Answer, answers_of
from careloom.nlp.evaluate_quantities import Ratio, dates_in, quantities_in
from careloom.nlp.evaluate_relations import errors_of, found, of_note, scores
from careloom.nlp.evaluate_social import determinants_in, found_in, in_note, overlapping
from careloom.nlp.evaluate_times import GoldTime, ValueScore, spans_of, value_score
from careloom.nlp.evaluation import Counts, Scored, Scores, scored
from careloom.nlp.linking import Linker
from careloom.nlp.quantities import Quantities
from careloom.nlp.relations import Relations
from careloom.nlp.sections import Sections
from careloom.nlp.social import Social
from careloom.nlp.timeline import Timeline
from careloom.nlp.times import Times
from careloom.services.evaluate_nlp_corpora import Material, seen_by_rules
from careloom.services.evaluate_nlp_reports import Measure, Read, TaskReport, judged, quoted, rates, share, together
from careloom.services.evaluate_nlp_tasks import social_in_sentences
from careloom.terminology.packaged import PACKAGED
from careloom.text.normalize import normalize
from careloom.text.note import Note

NO_NOTES = "there are no simulated notes: careloom simulate DATA/simulated --feeds notes"
_TIMES = {"Date": "DATE_TIME", "Time": "DATE_TIME", "Duration": "DURATION"}


def _by_family(notes: Sequence[GoldNote]) -> Mapping[str, list[int]]:
    """Family -> which notes are its; none where there is one family alone."""
    found: dict[str, list[int]] = {}
    for number, one in enumerate(notes):
        found.setdefault(one.family, []).append(number)
    return dict(sorted(found.items())) if len(found) > 1 else {}


def _families(notes: Sequence[GoldNote], name: str, measure: Callable[[list[int]], Measure]) -> Iterator[Measure]:
    """The first measure of each family by itself."""
    for family, numbers in _by_family(notes).items():
        yield replace(measure(numbers), name=f"{name}, family {family}")


def sections(given: Material) -> TaskReport | str:
    """Kinds of sections of simulated notes."""
    return _context(given, 0, "sections", " sections")


def assertion(given: Material) -> TaskReport | str:
    """Assertions of entities that are given, in simulated notes, and presence in MACCROBAT2020."""
    reports = [] if not given.notes else [_context(given, 1, "simulated", " entities")]
    if given.case_reports:
        read = [Read(one.id, one.id, one.text, case_report_answers(one.text, ann)) for one, ann in given.case_reports]
        reports.append(judged("presence, MACCROBAT", read, " mentions"))
    told = [one for one in reports if isinstance(one, TaskReport)]
    return together(told) if told else NO_NOTES


def _context(given: Material, which: int, name: str, of: str) -> TaskReport | str:
    if not given.notes:
        return NO_NOTES
    find, say = Sections(), Assertions()
    read = [Read(one.id, one.id, one.text, note_answers(one, find, say)[which]) for one in given.notes]

    def family(numbers: list[int]) -> Measure:
        return judged(name, [read[number] for number in numbers], of).measures[0]

    made = judged(name, read, of)
    return replace(made, measures=(*made.measures, *_families(given.notes, f"{name} accuracy", family)))


def codes(given: Material) -> TaskReport | str:
    """Codes of the entities of simulated notes: the best of the record's, by label and system."""
    if not given.notes:
        return NO_NOTES
    linker = Linker.packaged(PACKAGED, rerank=given.rerank)
    by_note: list[dict[str, list[Answer]]] = []
    for note in given.notes:
        entities = [one for one in note.of("entity") if one.label in WANTED and one.codes and one.note_label]
        told: dict[str, list[Answer]] = {}
        gold = {one.id: one for one in entities}
        for one in linker.read(note.given(entities, with_sections=False)).annotations:
            label = gold[one.id].label
            for wanted, answer in answers_of(one, label, gold[one.id].codes):
                told.setdefault(f"{label}, {wanted}", []).append(answer)
        by_note.append(told)
    return TaskReport(tuple(_accuracies(by_note, given.notes)))


def _accuracies(by_note: Sequence[Mapping[str, Sequence[Answer]]], notes: Sequence[GoldNote]) -> Iterator[Measure]:
    for name in sorted({name for told in by_note for name in told}):
        for among in (1, 5):

            def of(numbers: Iterable[int], name: str = name, among: int = among) -> Measure:
                rows = [by_note[number].get(name, ()) for number in numbers]
                right = ((sum(one.is_right(among) for one in each), len(each)) for each in rows)
                return share(f"{name} at {among}", right, " mentions")

            yield of(range(len(by_note)))
            if among == 1:
                yield from _families(notes, f"{name} at 1", of)


def relations(given: Material) -> TaskReport | str:
    """Relations of simulated notes between entities that are given."""
    if not given.notes:
        return NO_NOTES
    known = [of_note(one) for one in given.notes]
    told = found(Relations(), known)
    made = scores([one.links for one in known], told)
    of = f"{made.total.right + made.total.missed:,} relations"
    errors = errors_of([one.id for one in given.notes], [one.links for one in known], told)
    families = _families(given.notes, "F1", lambda numbers: _f1(made, numbers))
    texts = quoted(errors, {one.id: one.text for one in given.notes})
    return TaskReport((*rates("", made, of), *families), {"strict": made}, errors, texts)


def _f1(made: Scores, numbers: Iterable[int]) -> Measure:
    """F1 of some of the documents."""
    some = Scores(tuple(made.documents[number] for number in numbers))
    return Measure("F1", some.total.f1, f"{len(some.documents):,} notes", some.interval)


def times(given: Material) -> TaskReport | str:
    """Time expressions: spans in MACCROBAT2020, and spans and values in simulated notes."""
    reader = Times()
    known = frozenset() if given.seen else seen_by_rules("times")
    reports = [brat(one.id, one.text, ann, _TIMES) for one, ann in given.case_reports if one.id not in known]
    parts = []
    if reports:
        finds = [spans_of(reader.times(Note("", normalize(one.text).text))) for one in reports]
        plain = [replace(one, gold=tuple(_unlabelled(one.gold))) for one in reports]
        parts.append(_spans("MACCROBAT", plain, scored(plain, [_unlabelled(some) for some in finds])))
        labelled = _spans("MACCROBAT, date or duration told apart,", reports, scored(reports, finds))
        parts.append(replace(labelled, errors={}, texts={}))
    if given.notes:
        parts.append(_simulated_times(given.notes, reader))
    return together(parts) if parts else NO_NOTES


def _simulated_times(notes: Sequence[GoldNote], reader: Times) -> TaskReport:
    told = [reader.times(Note("", one.text, time=one.time)) for one in notes]
    golds = [[GoldTime(*each.place, each.attributes.get("value", "")) for each in one.of("time")] for one in notes]
    documents = [Document(one.id, one.text, tuple((*each.place, "TIME") for each in one.of("time"))) for one in notes]
    result = scored(documents, [_unlabelled(spans_of(some)) for some in told])
    values = [value_score(gold, some) for gold, some in zip(golds, told, strict=True)]
    made = _spans("simulated", documents, result)
    families = [
        *_families(notes, "simulated strict F1", lambda numbers: _f1(result.strict, numbers)),
        *_families(notes, "simulated values right", lambda numbers: _values([values[one] for one in numbers])[0]),
    ]
    return replace(made, measures=(*made.measures, *_values(values), *families))


def _unlabelled(spans: Iterable[Gold]) -> list[Gold]:
    return [(start, end, "TIME") for start, end, _ in spans]


def _values(values: Sequence[ValueScore]) -> tuple[Measure, Measure]:
    return (
        share("simulated values right", ((one.right, one.met) for one in values), " expressions that were found"),
        share("simulated values exact", ((one.exact, one.met) for one in values), " expressions that were found"),
    )


def _spans(name: str, documents: Sequence[Document], result: Scored) -> TaskReport:
    of = f"{len(documents):,} documents"
    measures = (*rates(f"{name} strict", result.strict, of), *rates(f"{name} overlap", result.overlap, of))
    by_label = {f"{name} strict": result.strict, f"{name} overlap": result.overlap}
    return TaskReport(measures, by_label, result.errors, quoted(result.errors, {one.id: one.text for one in documents}))


def quantities(given: Material) -> TaskReport | str:
    """Quantities of simulated notes by rules alone, and the dates of events that are given."""
    if not given.notes:
        return NO_NOTES
    reader, find_times, timeline = Quantities(), Times(), Timeline()
    read = [quantities_in(one, reader) for one in given.notes]
    dated = [dates_in(one, find_times, timeline) for one in given.notes]
    strict = Scores(tuple(counts for counts, _ in read))
    of = f"{len(read):,} notes"
    values = _ratios("values right", [right for _, right in read], " found")
    return TaskReport((*rates("strict", strict, of), *values, *_ratios("dated", dated, " events")), {"strict": strict})


def _ratios(name: str, documents: Sequence[Mapping[str, Ratio]], of: str) -> Iterator[Measure]:
    for label in sorted({label for one in documents for label in one}):
        yield share(f"{label} {name}", (one.get(label, (0, 0)) for one in documents), of)


def social(given: Material) -> TaskReport | str:
    """Social determinants: of simulated notes, read as raw text, and in sentences of our own."""
    return together([*_social_notes(given.notes), social_in_sentences()])


def _social_notes(notes: Sequence[GoldNote]) -> Iterator[TaskReport]:
    if not notes:
        return
    reader = Social()
    pairs = [(determinants_in(one), found_in(one.text, reader)) for one in notes]
    criteria: dict[str, list[Counts]] = {
        "spans, label and status": [overlapping(*one, with_status=True) for one in pairs],
        "spans, label": [overlapping(*one, with_status=False) for one in pairs],
        "notes, label and status": [in_note(*one) for one in pairs],
    }
    made = {name: Scores(tuple(some)) for name, some in criteria.items()}
    of = f"{len(notes):,} notes"
    measures = [each for name, one in made.items() for each in rates(name, one, of)]
    first, whole = next(iter(made.items()))
    measures += _families(notes, f"{first} F1", lambda numbers: _f1(whole, numbers))
    documents = [
        Document(note.id, note.text, tuple(sorted((one.span.start, one.span.end, one.label) for one in gold)))
        for note, (gold, _) in zip(notes, pairs, strict=True)
    ]
    finds = [[(one.span.start, one.span.end, one.label) for one in told] for _, told in pairs]
    errors = scored(documents, finds).errors
    yield TaskReport(tuple(measures), made, errors, quoted(errors, {one.id: one.text for one in notes}))
