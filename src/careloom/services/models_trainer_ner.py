"""Trains the tagger of clinical entities by the steps of a pipeline, on corpora of a folder and what people corrected.

Options: data (the folder of ``careloom train ner``), corpora (some of `TASKS`; without, as ``careloom train ner``),
corrections (a file or folder), teacher (an archive, or ``shipped``) and layers, epochs, threads, base (a folder), seed.
"""

import tempfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from careloom.errors import QueryError, StateError
from careloom.nlp.corpora import Document
from careloom.nlp.entities import MODEL, Entities, PackagedTagger
from careloom.nlp.ner_material import fingerprint
from careloom.runtime import packaged
from careloom.services.evaluate_nlp import EvaluateNlpAsk, evaluate_nlp
from careloom.services.models_trainer import Asked, Fitted, require_options
from careloom.services.note_reader import ARCHIVE
from careloom.services.train_ner import EPOCHS, SEED, TrainNerAsk, corpora, split, subjects_in, train_ner
from careloom.services.trainings import permitted

SHIPPED = "shipped"
TASKS = {
    "bc5cdr": ("chemical_disease", "f1_chemical_disease"),
    "ncbi_disease": ("disease", "f1_disease"),
    "maccrobat2020": ("case_report", "f1_case_report"),
    "simulated": ("note", "f1_note"),
}
"""Task of `evaluate_nlp` -> guideline, and what its strict F1 is called in an evaluation."""
OTHERS = ("bc5cdr", "ncbi_disease", "maccrobat2020")
SMOKE_DOCUMENTS = 5
OPTIONS = ("data", "corpora", "corrections", "teacher", "layers", "epochs", "threads", "base", "seed")
Json = dict[str, Any]


class NerTrainer:
    """See the module. It keeps nothing: what a step needs is in the options, or in the model's files."""

    def snapshot(self, asked: Asked) -> Json:
        """SHA-256 over every document, its gold, and the corrections.

        raises  QueryError where a corpus is missing, or for an option that there is not
        """
        require_options(asked.options, OPTIONS)
        found = _corpora(asked)
        zone = "public" if _corrections(asked.options) is None else "identified"
        counts = {head: len(each) for head, each in found.items()}
        return {"zone": zone, "snapshot": _pin(asked, found), "documents": counts}

    def checks(self, asked: Asked) -> Json:
        """How many held-out documents are among those that are learnt from, word for word."""
        twice = 0
        for head, each in _corpora(asked).items():
            kept, held_out = split(_heads(asked), head, each)
            learnt = {fingerprint(one.text) for one in kept}
            twice += sum(fingerprint(one.text) in learnt for one in held_out)
        return {"findings": twice, "kind": "documents in both parts"}

    def train(self, asked: Asked) -> Fitted:
        """Trains; patients who left or objected are left out.

        raises  as `careloom.services.train_ner.train_ner`; StateError where the data are others than in the snapshot
        """
        if _pin(asked, _corpora(asked)) != asked.snapshot["snapshot"]:
            raise StateError("the corpora are others than when the run began", "Run the pipeline again.")
        told, corrections = asked.options, _corrections(asked.options)
        people = set() if corrections is None else subjects_in(corrections)
        allowed = frozenset(permitted(asked.platform, people)) if people else frozenset[str]()
        seed = int(told.get("seed", SEED))
        with tempfile.TemporaryDirectory() as place:
            out = Path(place) / ARCHIVE
            ask = TrainNerAsk(
                _folder(told), out, Path(told["base"]) if told.get("base") else None, corrections=corrections,
                epochs=int(told.get("epochs", EPOCHS)), threads=int(told.get("threads", 1)),
                left_out=frozenset(people - allowed), teacher=_teacher(told, Path(place)),
                layers=int(told.get("layers", 5)), heads=_heads(asked), seed=seed,
            )  # fmt: skip
            train_ner(ask)
            return Fitted({ARCHIVE: out.read_bytes()}, {"training": seed}, allowed)

    def evaluate(self, asked: Asked, files: Mapping[str, bytes], champion: Mapping[str, bytes] | None) -> Json:
        """Strict F1 on documents that no training sees, with intervals by document.

        champion  compared by the bounds that cannot overlap by chance: the difference of the F1, its lower bound from
                  both intervals, which is wider than that of a paired comparison
        """
        measures = _measured(asked, files)
        told: Json = {"data": f"held-out documents of {', '.join(_tasks(asked))}", "measures": measures}
        if champion is not None:
            before = _measured(asked, champion)
            told["against"] = {name: _less(one, before[name]) for name, one in measures.items() if name in before}
        return told

    def smoke(self, asked: Asked, files: Mapping[str, bytes]) -> Json:
        """Reads held-out documents with the registered archive: one in which it finds nothing is wrong."""
        head, each = next(iter(_corpora(asked).items()))
        reader = Entities(PackagedTagger(files[ARCHIVE]), sha256(files[ARCHIVE]).hexdigest()[:12], head)
        documents = [one for one in split(_heads(asked), head, each)[1] if one.gold][:SMOKE_DOCUMENTS]
        empty = sum(not list(reader.find(one.text)) for one in documents)
        return {"answers": len(documents), "wrong": empty}


def _pin(asked: Asked, found: Mapping[str, list[Document]]) -> str:
    total = sha256()
    for head in sorted(found):
        for one in found[head]:
            total.update(sha256(orjson.dumps([one.text, one.gold])).digest())
    for file in _files(_corrections(asked.options)):
        total.update(sha256(file.read_bytes()).digest())
    return f"sha256:{total.hexdigest()}"


def _tasks(asked: Asked) -> tuple[str, ...]:
    told = tuple(asked.options.get("corpora", ()))
    if unknown := [one for one in told if one not in TASKS]:
        raise QueryError(f"there is no corpus {unknown[0]!r}", f"Name some of {', '.join(TASKS)}.")
    return told or OTHERS


def _heads(asked: Asked) -> tuple[str, ...]:
    """The guidelines that the pipeline names; empty where it names none."""
    return tuple(TASKS[one][0] for one in _tasks(asked)) if asked.options.get("corpora") else ()


def _corpora(asked: Asked) -> dict[str, list[Document]]:
    return corpora(_folder(asked.options), _heads(asked))


def _teacher(options: Mapping[str, Any], place: Path) -> Path | None:
    named = str(options.get("teacher", ""))
    if named != SHIPPED:
        return Path(named) if named else None
    file = place / "teacher.zip"
    file.write_bytes(packaged("nlp", MODEL))
    return file


def _measured(asked: Asked, files: Mapping[str, bytes]) -> dict[str, Json]:
    with tempfile.TemporaryDirectory() as place:
        archive = Path(place) / ARCHIVE
        archive.write_bytes(files[ARCHIVE])
        report = evaluate_nlp(EvaluateNlpAsk(_folder(asked.options), _tasks(asked), archive))
    found: dict[str, Json] = {}
    for task in report.tasks:
        for one in report.tasks[task].measures:
            if one.name == "strict F1":
                low, high = one.interval or (None, None)
                found[TASKS[task][1]] = {"value": one.value, "low": low, "high": high}
    return found


def _less(one: Json, other: Json) -> Json:
    """The difference of two measures with bounds that hold whatever their correlation."""
    sides = (("value", "value"), ("low", "high"), ("high", "low"))
    return {
        side: None if one[side] is None or other[beside] is None else one[side] - other[beside]
        for side, beside in sides
    }  # fmt: skip


def _folder(options: Mapping[str, Any]) -> Path:
    if not options.get("data"):
        raise QueryError("no corpora were named", "Name their folder: data in [options] of the pipeline.")
    return Path(str(options["data"]))


def _corrections(options: Mapping[str, Any]) -> Path | None:
    return Path(str(options["corrections"])) if options.get("corrections") else None


def _files(place: Path | None) -> list[Path]:
    if place is None:
        return []
    return sorted(one for one in place.rglob("*") if one.is_file()) if place.is_dir() else [place]


TRAINER = NerTrainer()
