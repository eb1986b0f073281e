"""Trains the tagger of clinical entities, or any encoder of Hugging Face, on corpora of a folder."""

import gzip
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from careloom.errors import QueryError
from careloom.nlp.corpora import CASE_REPORT, DETAIL, Document, brat, corrected, pubtator
from careloom.nlp.corpora_notes import gold_notes
from careloom.nlp.ner_material import HEADS, HELD_OUT, NCBI, fingerprint, gazetteer_names, joined, kept_and_held_out
from careloom.pipeline.registry import load
from careloom.services.simulate import SimulateAsk, simulate

EPOCHS, RATE, PATIENTS, SIMULATED_SEED, SEED = 6, 4e-4, 100, 6001, 20261129
NOTES = "simulated/answers/notes.ndjson"
"""Below the folder of the corpora, as `careloom simulate DATA/simulated --feeds notes` writes them."""
HELD_OUT_OF_NOTES = 5
"""Of notes of the folder every so many-th part, at the end, is held out."""
SUBJECTS = "subjects.json"
"""Beside BRAT files: name of a pair -> keyed pseudonym of the patient."""
CORRECTED = 5
"""How often an epoch reads each corrected note: they are few, and what a person said weighs more."""
TERMS = (
    "term_rxnorm_prescribable/rxnorm.jsonl.gz",
    "term_symptom_ontology/symp.jsonl",
    "term_disease_ontology/doid.jsonl.gz",
    "term_mondo_xref/mondo.jsonl.gz",
)
LICENCES = {
    "bc5cdr": "public domain (NLM)",
    "ncbi_disease": "public domain (NLM)",
    "maccrobat2020": "CC BY 4.0 (Caufield and others, doi:10.6084/m9.figshare.9764942)",
    "raw_text_biomed, aci_bench, mts_dialog": "CC BY 4.0; their words only, for the vocabulary",
    "simulated notes": "ours",
    "gazetteer": "RxNorm (NLM), Symptom Ontology and Disease Ontology (CC0), MONDO (CC0), NCIt synonyms (CC BY 4.0)",
    "encoder": "all-MiniLM-L6-v2, Apache-2.0",
}


@dataclass(frozen=True, slots=True)
class TrainNerAsk:
    """What to train on, and how.

    data         folder with bc5cdr, ncbi_disease, maccrobat2020 and the term_* folders
    out          the archive to write; with `encoder` a folder
    base         folder of the base model; None: it is downloaded by its hash
    encoder      an encoder of Hugging Face, a folder or an id of the hub, in place of the one that ships
    online       the hub may be asked for `encoder`
    guideline    what `encoder` is trained on: one of HEADS
    corrections  notes that people corrected: what `careloom annotate export --corrections` printed, or a folder of BRAT
                 files in the labels of HEADS["note"], with `SUBJECTS` beside them
    left_out     keyed pseudonyms of patients of whom no correction is read
    is_whole     the held-out documents are learnt from as well; nothing is left to measure on
    teacher      the archive of a tagger from which one of `layers` layers is to learn; it keeps words and names
    heads        guidelines that are learnt, of HEADS: ``note`` is then `NOTES` of the folder, a fifth of them held out.
                 Empty: all, and the notes are simulated
    seed         of order, cuts and dropout
    """

    data: Path
    out: Path
    base: Path | None = None
    encoder: str = ""
    online: bool = False
    guideline: str = "note"
    corrections: Path | None = None
    is_whole: bool = False
    epochs: int = EPOCHS
    threads: int = 1
    left_out: frozenset[str] = frozenset()
    teacher: Path | None = None
    layers: int = 5
    heads: tuple[str, ...] = ()
    seed: int = SEED


@dataclass(frozen=True, slots=True)
class TrainNerReport:
    """What was made."""

    out: str
    size_bytes: int
    sha256: str
    documents: dict[str, int]
    loss: list[float]

    def as_json(self) -> dict[str, Any]:
        """The report for machines."""
        return asdict(self)


def train_ner(ask: TrainNerAsk, watch: Callable[[int, float], None] | None = None) -> TrainNerReport:
    """Trains and writes a model; the same ask on the same machine writes the same bytes.

    watch   (epochs done, loss of the last)
    raises  QueryError where a corpus or the guideline is missing, and where a teacher has fewer layers than asked for;
            SetupError where torch, the base model or the teacher is
    """
    if ask.guideline not in HEADS:
        raise QueryError(f"there is no guideline {ask.guideline!r}", f"Known ones: {', '.join(HEADS)}.")
    documents = _documents(ask)
    losses: list[float] = []

    def told(number: int, loss: float) -> None:
        losses.append(round(loss, 4))
        if watch is not None:
            watch(number, loss)

    counts = {head: len(each) for head, each in documents.items()}
    if ask.encoder:
        load("train.encoder")(ask, documents[ask.guideline], HEADS[ask.guideline], told)
        files = sorted(path for path in ask.out.rglob("*") if path.is_file())
        digest = sha256(b"".join(sha256(path.read_bytes()).digest() for path in files)).hexdigest()
        size = sum(path.stat().st_size for path in files)
        return TrainNerReport(str(ask.out), size, digest, {ask.guideline: counts[ask.guideline]}, losses)
    if ask.teacher is not None:
        card = {**_card(ask, documents), "command": f"careloom train ner DATA --teacher FILE --layers {ask.layers}"}
        archive: bytes = load("train.smaller_ner")(
            ask, documents, _without_gold(ask, documents), _read(ask.teacher), card, told
        )
        return _written(ask.out, archive, counts, losses)
    names = gazetteer_names(*(_read(ask.data / name) for name in TERMS))
    archive = load("train.ner")(ask, documents, names, _plain(ask.data), _card(ask, documents), told)
    return _written(ask.out, archive, counts, losses)


def _written(out: Path, archive: bytes, documents: dict[str, int], losses: list[float]) -> TrainNerReport:
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(archive)
    return TrainNerReport(str(out), len(archive), sha256(archive).hexdigest(), documents, losses)


def _documents(ask: TrainNerAsk) -> dict[str, list[Document]]:
    found = corpora(ask.data, ask.heads)
    if not ask.heads:
        with tempfile.TemporaryDirectory() as place:
            simulate(SimulateAsk(Path(place) / "notes", PATIENTS, SIMULATED_SEED, feeds=("notes",)))
            found["note"] = _gold(Path(place) / "notes/answers/notes.ndjson")
    if not ask.is_whole:
        found = {head: split(ask.heads, head, each)[0] for head, each in found.items()}
    if ask.corrections is not None:
        found["note"] = found.get("note", []) + _corrections(ask.corrections, ask.left_out) * CORRECTED
    if bare := [head for head, each in found.items() if not each]:
        raise QueryError(f"{bare[0]}: no document is left to learn from", "Add documents: the last ones are held out.")
    return found


def split(heads: tuple[str, ...], head: str, documents: list[Document]) -> tuple[list[Document], list[Document]]:
    """The documents of a guideline to learn from, and those that are held out. heads: of the ask"""
    held_out = len(documents) // HELD_OUT_OF_NOTES if heads and head == "note" else HELD_OUT[head]
    return kept_and_held_out(documents, held_out)


def _gold(file: Path) -> list[Document]:
    return [one.document for one in gold_notes(_read(file))]


def subjects_in(path: Path) -> set[str]:
    """The keyed pseudonyms of the patients whose corrected notes these are; none where nobody wrote them down."""
    if path.is_dir():
        return set(_subjects_beside(path).values())
    return {_subject(line) for line in _read(path).splitlines()} - {""}


def _subjects_beside(folder: Path) -> dict[str, str]:
    file = folder / SUBJECTS
    return dict(orjson.loads(file.read_bytes())) if file.is_file() else {}


def _subject(line: bytes) -> str:
    try:
        return str(orjson.loads(line).get("subject", ""))
    except (ValueError, AttributeError):
        return ""  # `corrected` says which line is none


def _corrections(path: Path, left_out: frozenset[str]) -> list[Document]:
    """In the labels that simulated notes have: they are learnt together."""
    known = HEADS["note"]
    if path.is_dir():
        about = _subjects_beside(path)
        documents = brat_folder(path, {label: label for label in known})
        return [one for one in documents if about.get(one.id, "") not in left_out]
    lines = [line for line in _read(path).splitlines() if _subject(line) not in left_out]
    return corrected(b"\n".join(lines), known)


def corpora(data: Path, heads: tuple[str, ...] = ()) -> dict[str, list[Document]]:
    """The annotated corpora of a folder by guideline, in their own order.

    heads   of HEADS; empty: the three that others annotated
    raises  QueryError for one that is missing
    """
    ways: dict[str, Callable[[], list[Document]]] = {
        "chemical_disease": lambda: _pubtator(data / "bc5cdr", None),
        "disease": lambda: _pubtator(data / "ncbi_disease", NCBI),
        "case_report": lambda: brat_folder(data / "maccrobat2020", {**CASE_REPORT, **DETAIL}),
        "note": lambda: _gold(data / NOTES),
    }
    return {head: way() for head, way in ways.items() if head in (heads or tuple(ways)[:3])}


def _pubtator(folder: Path, labels: Mapping[str, str] | None) -> list[Document]:
    return [row for name in ("train", "devel") for row in pubtator(_read(folder / f"{name}.jsonl"), labels)]


def brat_folder(folder: Path, labels: dict[str, str]) -> list[Document]:
    """The documents of a folder of BRAT files, by name. raises QueryError where there is none."""
    found = [
        brat(path.stem, path.read_text(encoding="utf-8"), path.with_suffix(".ann").read_text(encoding="utf-8"), labels)
        for path in sorted(folder.glob("*.txt"))
        if path.with_suffix(".ann").exists()
    ]
    if not found:
        raise QueryError(f"{folder} holds no BRAT files", "It needs pairs of .txt and .ann.")
    return found


def _plain(data: Path) -> Iterator[str]:
    """Texts without gold, whose words the vocabulary shall hold; what is not there is left out."""
    yield from _sentences(data)
    yield from _notes(data)


def _without_gold(ask: TrainNerAsk, documents: Mapping[str, list[Document]]) -> list[str]:
    """Texts to learn from by what a teacher says of them: no sentence of what is held out is among them.

    A folder without such texts has the documents that are learnt from.
    """
    found = corpora(ask.data, ask.heads).items()
    held_out = [one.text for head, each in found for one in split(ask.heads, head, each)[1]]
    texts = [*joined(_sentences(ask.data), held_out), *_notes(ask.data)]
    return texts or [one.text for each in documents.values() for one in each]


def _sentences(data: Path) -> list[str]:
    raw = data / "raw_text_biomed/sentences.txt.gz"
    return gzip.decompress(raw.read_bytes()).decode().splitlines() if raw.exists() else []


def _notes(data: Path) -> Iterator[str]:
    for folder, key in (("aci_bench", "note"), ("mts_dialog", "section_text")):
        for path in sorted((data / folder).glob("*.jsonl")):
            yield from (orjson.loads(line)[key] for line in path.read_bytes().splitlines())


def _card(ask: TrainNerAsk, documents: dict[str, list[Document]]) -> dict[str, Any]:
    named = {head: each for head, each in documents.items() if head != "note" or ask.heads}
    seen = sorted({fingerprint(one.text) for each in named.values() for one in each})
    return {
        "name": "clinical-en",
        "version": "1",
        "licences": LICENCES,
        "simulated": {} if ask.heads else {"patients": PATIENTS, "seed": SIMULATED_SEED},
        "command": "careloom train ner DATA",
        "seen": seen,
    }


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise QueryError(f"{path} is missing", "Name the folder that holds the corpora.") from None
