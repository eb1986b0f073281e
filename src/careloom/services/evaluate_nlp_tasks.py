"""Tasks of `careloom evaluate nlp` on corpora of others and on sentences of our own, beside entities."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from careloom.nlp.adverse_events import AdverseEvents
from careloom.nlp.corpora_ade import Part, Sentence, in_part, negatives, positives
from careloom.nlp.evaluate_context import Judged, kit_answers
from careloom.nlp.evaluate_linking import Answer
from careloom.nlp.evaluate_relations import (
    Link,
    by_abstract,
    end_to_end,
    errors_of,
    every_pair,
    found,
    of_sentence,
    with_gold_spans,
)
from careloom.nlp.evaluate_social import social_sentences, tone_sentences
from careloom.nlp.evaluation import Counts, Errors, Scores, keep
from careloom.nlp.labels import TONE
from careloom.nlp.linking import Linker
from careloom.nlp.relations import Relations
from careloom.nlp.section_classifier import packaged_classifier
from careloom.services.evaluate_nlp_corpora import Material
from careloom.services.evaluate_nlp_reports import Read, TaskReport, judged, quoted, rates, share, together
from careloom.services.note_models import card_of
from careloom.terminology.packaged import PACKAGED
from careloom.text.note import Span

ADE = "ade_corpus_v2"
NOTHING_UNSEEN = "there is no part that nothing was made with"
_IDS = ("doid", "mondo")
_KIT = ("sentence", "phrase", "negation", "temporality")
_HEADERS_SEEN = frozenset(("train.jsonl", "valid.jsonl", "test1.jsonl"))
_AMONG = 5
_SHOWN = 120
"""Characters of a section that an example shows."""


def context(given: Material) -> TaskReport | str:
    """Negation and history on rows of the NegEx kit, the phrase given; documents are its reports."""
    rows = given.rows("negex_context", frozenset(("annotations.jsonl",)), _KIT)
    if not rows:
        return NOTHING_UNSEEN
    answers = list(kit_answers(rows))
    parts = []
    for question in ("negated", "historical"):
        read = [
            Read(str(row.get("report", number)), f"row {number}", row["sentence"], [told[question]])
            for number, (row, told) in enumerate(zip(rows, answers, strict=True), 1)
        ]
        made = judged(question, read, " phrases")
        total = made.scores[question].total
        of = f"{total.right + total.missed:,} of {len(rows):,} phrases"
        parts.append(replace(made, measures=tuple(rates(question, made.scores[question], of))))
    return together(parts)


def headers(given: Material) -> TaskReport | str:
    """The header of a section from its text alone, on rows of MTS-Dialog."""
    rows = given.rows("mts_dialog", _HEADERS_SEEN, ("section_header", "section_text"))
    if not rows:
        return NOTHING_UNSEEN
    classifier = packaged_classifier()
    read = []
    for number, row in enumerate(rows, 1):
        text = row["section_text"]
        told = Judged(Span(0, min(len(text), _SHOWN)), row["section_header"], classifier.header(text)[0])
        read.append(Read(str(number), f"row {number}", text, [told]))
    return judged("", read, " sections")


def codes(given: Material) -> TaskReport | str:
    """Diseases to DO or MONDO on distinct mentions; any accepted id counts, rows without one are left out."""
    rows = given.rows("normalization_gold", frozenset(("disease_mentions.jsonl",)), ("mention", *_IDS))
    linker = Linker.packaged(PACKAGED, rerank=given.rerank)
    answers = []
    errors: Errors = {}
    texts: dict[str, str] = {}
    for number, row in enumerate(rows, 1):
        ranked: list[set[str]] = [set() for _ in range(_AMONG)]
        gold = frozenset(code for name in _IDS for code in row[name])
        if not gold:
            continue
        for concept in linker.link(row["mention"], "PROBLEM", row.get("context", ""), _AMONG):
            ranked[concept.rank - 1].add(concept.code)
        answers.append(Answer(tuple(map(frozenset, ranked)), gold, 1.0))
        if not answers[-1].is_right():
            texts[f"row {number}"] = row["mention"]
            told = (f"row {number}", 0, len(row["mention"]), ", ".join(sorted(gold)), ", ".join(sorted(ranked[0])))
            keep(errors, "label" if ranked[0] else "missed", told)
    if not answers:
        return NOTHING_UNSEEN
    measures = tuple(
        share(f"accuracy at {among}", ((one.is_right(among), 1) for one in answers), " mentions")
        for among in (1, _AMONG)
    )
    return TaskReport(measures, {}, errors, quoted(errors, texts))


def adverse_events(given: Material) -> TaskReport | str:
    """Drugs and their adverse events in ade_corpus_v2, strict in both places; documents are its abstracts.

    By the relations that ship, which never saw it, the spans given; and by a model of adverse events, where one is
    given, on what it has not learnt from: the spans given, and from raw sentences.
    """
    related = _sentences(given, "all")
    if not related:
        return "there is no data"
    known = [of_sentence(one) for one in related]
    shipped = _links("gold spans", related, found(Relations(), known))
    parts = [shipped, replace(_links("gold spans, every pair", related, every_pair(related)), errors={}, texts={})]
    if given.adverse_events is not None:
        parts += _by_model(given, given.adverse_events)
    return together(parts)


def _by_model(given: Material, archive: bytes) -> Iterator[TaskReport]:
    component = AdverseEvents(archive)
    learnt = card_of("the model of adverse events", archive)["card"].get("data", {}).get("ade_corpus_v2", {})
    part: Part = "report" if learnt.get("part") == "train" else "all"
    related = _sentences(given, part, is_unseen=part == "all" and not given.seen)
    if not related:
        return
    yield _links("model, gold spans", related, with_gold_spans(component, related))
    yield _links("model, sentences with relations", related, end_to_end(component, related, gate=False))
    unrelated = _unrelated(given, part, is_unseen=part == "all" and not given.seen)
    if unrelated:
        both = [*related, *unrelated]
        yield _links("model, all sentences", both, end_to_end(component, both, gate=True))


def _links(name: str, sentences: Sequence[Sentence], told: Sequence[Iterable[Link]]) -> TaskReport:
    scores = by_abstract(sentences, told)
    names = [f"{one.pmid}, sentence {number}" for number, one in enumerate(sentences, 1)]
    errors = errors_of(names, [of_sentence(one).links for one in sentences], told)
    texts = {name: one.text for name, one in zip(names, sentences, strict=True)}
    of = f"{scores.total.right + scores.total.missed:,} relations"
    return TaskReport(tuple(rates(name, scores, of)), {name: scores}, errors, quoted(errors, texts))


def _sentences(given: Material, part: Part, *, is_unseen: bool = False) -> list[Sentence]:
    """Sentences with a relation. `is_unseen`: of a held-out part alone; `part` is that of the rest."""
    doses = b"\n".join(content for content, _ in given.files(ADE, "*drug_dose*.jsonl"))
    return _those(((positives(content, doses), held_out) for content, held_out in given.files(ADE, "*drug_ae*.jsonl")),
                  part, is_unseen=is_unseen)  # fmt: skip


def _unrelated(given: Material, part: Part, *, is_unseen: bool) -> list[Sentence]:
    files = given.files(ADE, "*ade_neg*.jsonl")
    return _those(((negatives(content), held_out) for content, held_out in files), part, is_unseen=is_unseen)


def _those(files: Iterable[tuple[list[Sentence], bool]], part: Part, *, is_unseen: bool) -> list[Sentence]:
    return [
        one
        for sentences, held_out in files
        for one in sentences
        if one.text.strip() and (held_out or (not is_unseen and in_part(one.pmid, part)))
    ]


def tone(_given: Material) -> TaskReport | str:
    """Sentiment, pain and stance in the sentences of our own that are kept for it; each is a document."""
    read = list(tone_sentences("evaluate"))
    of = f"{len(read):,} sentences"
    scores = {label: Scores(tuple(one.tone[label] for one in read)) for label in TONE}
    told = [one.is_score_right for one in read if one.is_score_right is not None]
    measures = [each for label, one in scores.items() for each in rates(label, one, of)]
    measures.append(share("pain scores right", ((right, 1) for right in told), " scores"))
    errors: Errors = {}
    for number, one in enumerate(read, 1):
        _keep_sets(errors, f"sentence {number}", one.text, one.tone.values())
    texts = {f"sentence {number}": one.text for number, one in enumerate(read, 1)}
    return TaskReport(tuple(measures), scores, errors, quoted(errors, texts))


def social_in_sentences() -> TaskReport:
    """Six determinants, and which are adverse, in the sentences of our own that are kept for it."""
    read = list(social_sentences("evaluate"))
    of = f"{len(read):,} sentences"
    scores = {
        "sentences": Scores(tuple(one.labels for one in read)),
        "sentences, adverse": Scores(tuple(one.adverse for one in read)),
    }
    measures = [each for name, one in scores.items() for each in rates(name, one, of)]
    changed = share("sentences that a word for sex or race changes", ((one.is_changed, 1) for one in read), of)
    errors: Errors = {}
    for number, one in enumerate(read, 1):
        _keep_sets(errors, f"sentence {number}", one.text, [one.labels])
    texts = {f"sentence {number}": one.text for number, one in enumerate(read, 1)}
    return TaskReport((*measures, changed), scores, errors, quoted(errors, texts))


def _keep_sets(errors: Errors, name: str, text: str, some: Iterable[Counts]) -> None:
    """Examples of labels of a whole sentence that were missed, or found where they are not."""
    for label, tally in ((label, tally) for one in some for label, tally in one.items()):
        if tally.missed:
            keep(errors, "missed", (name, 0, len(text), label, ""))
        if tally.wrong:
            keep(errors, "spurious", (name, 0, len(text), "", label))
