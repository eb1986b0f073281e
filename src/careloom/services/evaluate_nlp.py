"""Measures the reading of notes on corpora that others annotated: what each task is, and what comes out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

from careloom.errors import QueryError
from careloom.nlp.corpora import CASE_REPORT, Document, Gold, pubtator
from careloom.nlp.entities import MODEL, Entities, PackagedTagger, TokenTagger
from careloom.nlp.evaluation import scored
from careloom.nlp.ner_material import NCBI, fingerprint
from careloom.pipeline.registry import load
from careloom.runtime import packaged
from careloom.services import evaluate_nlp_notes as on_notes
from careloom.services import evaluate_nlp_tasks as on_others
from careloom.services.evaluate_nlp_corpora import Material
from careloom.services.evaluate_nlp_reports import EvaluateNlpReport, TaskReport, quoted, rates
from careloom.services.evaluate_nlp_speed import speed

Watch = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class EvaluateNlpAsk:
    """What is to be measured.

    data            a folder with one folder a corpus; files of a held-out part may lie in a folder ``holdout`` inside
    tasks           names of TASKS; all for which there is data where empty
    model           an archive of entities, or a folder of Hugging Face, in place of the model that ships
    seen            documents count that models have learnt from or rules were written on
    families        of simulated notes, those that count; all where empty
    adverse_events  an archive of a model of adverse events, which does not ship
    rerank          codes are ranked anew by the encoder
    """

    data: Path
    tasks: tuple[str, ...] = ()
    model: Path | None = None
    seen: bool = False
    families: tuple[str, ...] = ()
    adverse_events: Path | None = None
    rerank: bool = False


def _lines(folder: str, labels: Mapping[str, str] | None, given: Material) -> list[Document]:
    return [one for content, _ in given.files(folder, "*.jsonl") for one in pubtator(content, labels)]


def _case_reports(given: Material) -> list[Document]:
    return [one for one, _ in given.case_reports]


def _notes(given: Material) -> list[Document]:
    return [one.document for one in given.notes]


def _entities(
    read: Callable[[Material], list[Document]], guideline: str, labels: tuple[str, ...], given: Material
) -> TaskReport | str:
    """Entities by the guideline of a corpus; only `labels` count, all where empty."""
    documents = read(given)
    unseen = documents if given.seen else [one for one in documents if fingerprint(one.text) not in given.learnt]
    heads = [name for name in (guideline, "entities") if name in given.tagger.heads]
    if not heads:
        return "the model has no such guideline"
    if not unseen:
        return "the model has learnt from every document" if documents else "there is no data"
    reader = Entities(given.tagger, given.version, heads[0])
    found: list[list[Gold]] = [
        [(one.span.start, one.span.end, one.label) for one in reader.find(document.text)] for document in unseen
    ]
    result = scored(unseen, found, labels)
    of = f"{len(unseen):,} documents"
    texts = quoted(result.errors, {one.id: one.text for one in unseen})
    measures = (*rates("strict", result.strict, of), *rates("overlap", result.overlap, of))
    return TaskReport(measures, {"strict": result.strict, "overlap": result.overlap}, result.errors, texts)


TASKS: Mapping[str, Callable[[Material], TaskReport | str]] = {
    "bc5cdr": partial(_entities, partial(_lines, "bc5cdr", None), "chemical_disease", ()),
    "ncbi_disease": partial(_entities, partial(_lines, "ncbi_disease", NCBI), "disease", ()),
    "maccrobat2020": partial(_entities, _case_reports, "case_report", tuple(sorted(set(CASE_REPORT.values())))),
    "simulated": partial(_entities, _notes, "note", ()),
    "negex_context": on_others.context,
    "assertion": on_notes.assertion,
    "mts_dialog": on_others.headers,
    "sections": on_notes.sections,
    "normalization_gold": on_others.codes,
    "codes": on_notes.codes,
    "ade_corpus_v2": on_others.adverse_events,
    "relations": on_notes.relations,
    "times": on_notes.times,
    "quantities": on_notes.quantities,
    "social": on_notes.social,
    "tone": on_others.tone,
    "speed": speed,
}
"""Task -> what measures it: a report, or why there is none. The first four are entities, each by the guideline of its
corpus; simulated notes are the output of `careloom simulate`."""


def evaluate_nlp(ask: EvaluateNlpAsk, watch: Watch | None = None) -> EvaluateNlpReport:
    """Measures the tasks for which there is data.

    watch   (tasks done, tasks in all)
    raises  QueryError for an unknown task, and where there is nothing to measure on; SetupError for what is no model
    """
    if not ask.data.is_dir():
        raise QueryError(f"{ask.data} is no folder", "Name one with a folder a corpus.")
    unknown = [name for name in ask.tasks if name not in TASKS]
    if unknown:
        raise QueryError(f"there is no task {unknown[0]!r}", f"Known ones: {', '.join(TASKS)}.")
    tagger, version, learnt = _tagger(ask.model)
    adverse = None if ask.adverse_events is None else _read(ask.adverse_events)
    given = Material(ask.data, tagger, version, learnt, ask.families, adverse, ask.seen, ask.rerank)
    done: dict[str, TaskReport] = {}
    left_out: dict[str, str] = {}
    names = ask.tasks or tuple(TASKS)
    for number, name in enumerate(names):
        if watch is not None:
            watch(number, len(names))
        made = TASKS[name](given)
        if isinstance(made, TaskReport):
            done[name] = made
        else:
            left_out[name] = made
    if not done:
        reasons = "; ".join(f"{name}: {why}" for name, why in left_out.items())
        raise QueryError(f"there is nothing to measure on ({reasons})", f"{ask.data} needs a folder a corpus.")
    return EvaluateNlpReport(version, done, left_out)


def _tagger(model: Path | None) -> tuple[TokenTagger, str, frozenset[str]]:
    """The model, its version, and the fingerprints of what it has learnt from."""
    if model is not None and model.is_dir():
        tagger: TokenTagger = load("tagger.huggingface")(model)
        return tagger, model.name, frozenset()
    archive = packaged("nlp", MODEL) if model is None else _read(model)
    found = PackagedTagger(archive)
    return found, sha256(archive).hexdigest()[:12], frozenset(found.card.get("seen", ()))


def _read(model: Path) -> bytes:
    try:
        return model.read_bytes()
    except OSError:
        raise QueryError(f"{model} cannot be read", "Name the archive of a model.") from None
