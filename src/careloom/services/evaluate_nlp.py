"""Measures the reading of notes on corpora that others annotated: what each task is, and what comes out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from careloom.errors import QueryError
from careloom.nlp.corpora import CASE_REPORT, DETAIL, Document, Gold, pubtator, simulated
from careloom.nlp.entities import MODEL, Entities, PackagedTagger, TokenTagger
from careloom.nlp.evaluation import scored
from careloom.nlp.ner_material import NCBI, fingerprint
from careloom.pipeline.registry import load
from careloom.runtime import packaged
from careloom.services.evaluate_nlp_reports import EvaluateNlpReport, Measure, TaskReport
from careloom.services.evaluate_nlp_tasks import TASKS as BESIDE
from careloom.services.train_ner import brat_folder

Watch = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class EvaluateNlpAsk:
    """What is to be measured.

    data   a folder with one folder a corpus; files of a held-out part may lie in a folder ``holdout`` inside
    tasks  names of TASKS; all for which there is data where empty
    model  an archive, or a folder of Hugging Face, in place of the model that ships
    seen   documents count that the model has learnt from
    """

    data: Path
    tasks: tuple[str, ...] = ()
    model: Path | None = None
    seen: bool = False


@dataclass(frozen=True, slots=True)
class _Corpus:
    """folder, guideline, labels that count, how it is read."""

    folder: str
    guideline: str
    labels: tuple[str, ...]
    read: Callable[[Path], list[Document]]


def _lines(labels: dict[str, str] | None = None) -> Callable[[Path], list[Document]]:
    return lambda folder: [
        one for path in sorted(folder.glob("*.jsonl")) for one in pubtator(path.read_bytes(), labels)
    ]


def _notes(folder: Path) -> list[Document]:
    return simulated((folder / "answers/notes.ndjson").read_bytes())


_REPORTS = tuple(sorted(set(CASE_REPORT.values())))
TASKS = {
    "bc5cdr": _Corpus("bc5cdr", "chemical_disease", (), _lines()),
    "ncbi_disease": _Corpus("ncbi_disease", "disease", (), _lines(NCBI)),
    "maccrobat2020": _Corpus(
        "maccrobat2020", "case_report", _REPORTS, lambda folder: brat_folder(folder, {**CASE_REPORT, **DETAIL})
    ),
    "simulated": _Corpus("simulated", "note", (), _notes),
}
"""Recognition of entities, each by the guideline of its corpus; ``simulated`` is the output of `careloom simulate`."""


def evaluate_nlp(ask: EvaluateNlpAsk, watch: Watch | None = None) -> EvaluateNlpReport:
    """Measures the tasks for which there is data.

    watch   (tasks done, tasks in all)
    raises  QueryError for an unknown task, and where there is nothing to measure on
    """
    known = (*TASKS, *BESIDE)
    unknown = [name for name in ask.tasks if name not in known]
    if unknown:
        raise QueryError(f"there is no task {unknown[0]!r}", f"Known ones: {', '.join(known)}.")
    tagger, version, learnt = _tagger(ask.model)
    done: dict[str, TaskReport] = {}
    left_out: dict[str, str] = {}
    names = ask.tasks or known
    for number, name in enumerate(names, 1):
        if watch is not None:
            watch(number - 1, len(names))
        if name in BESIDE:
            rows = BESIDE[name].rows(ask.data, seen=ask.seen)
            if rows:
                done[name] = BESIDE[name].measure(rows)
            else:
                left_out[name] = "there is no part that nothing was made with"
            continue
        documents = _documents(TASKS[name], ask.data)
        unseen = documents if ask.seen else [one for one in documents if fingerprint(one.text) not in learnt]
        if TASKS[name].guideline not in tagger.heads and "entities" not in tagger.heads:
            left_out[name] = "the model has no such guideline"
        elif not unseen:
            left_out[name] = "the model has learnt from every document" if documents else "there is no data"
        else:
            done[name] = _entities(TASKS[name], unseen, tagger, version)
    if not done:
        raise QueryError("there is nothing to measure on", f"{ask.data} needs a folder of {', '.join(names)}.")
    return EvaluateNlpReport(version, done, left_out)


def _tagger(model: Path | None) -> tuple[TokenTagger, str, frozenset[str]]:
    """The model, its version, and the fingerprints of what it has learnt from."""
    if model is not None and model.is_dir():
        tagger: TokenTagger = load("tagger.huggingface")(model)
        return tagger, model.name, frozenset()
    archive = packaged("nlp", MODEL) if model is None else model.read_bytes()
    found = PackagedTagger(archive)
    return found, sha256(archive).hexdigest()[:12], frozenset(found.card.get("seen", ()))


def _documents(corpus: _Corpus, data: Path) -> list[Document]:
    folder = data / corpus.folder
    found: list[Document] = []
    for place in (folder, folder / "dev", folder / "holdout"):
        try:
            found += corpus.read(place)
        except (QueryError, FileNotFoundError):
            continue
    return found


def _entities(corpus: _Corpus, documents: Sequence[Document], tagger: TokenTagger, version: str) -> TaskReport:
    guideline = corpus.guideline if corpus.guideline in tagger.heads else "entities"
    reader = Entities(tagger, version, guideline)
    found: list[list[Gold]] = [
        [(one.span.start, one.span.end, one.label) for one in reader.find(document.text)] for document in documents
    ]
    result = scored(documents, found, corpus.labels)
    of = f"{len(documents):,} documents"
    measures = (
        Measure("strict F1", result.strict.f1, of, result.interval),
        Measure("strict precision", result.strict.precision, of),
        Measure("strict recall", result.strict.recall, of),
        Measure("overlap F1", result.overlap.f1, of),
        *(Measure(f"strict F1 {label}", tally.f1, of) for label, tally in sorted(result.labels.items())),
    )
    return TaskReport(measures, result, {one.id: one.text for one in documents})
