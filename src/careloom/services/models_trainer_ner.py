"""Trains the tagger of clinical entities by the steps of a pipeline, on corpora of a folder and what people corrected.

Options: data (the folder of ``careloom train ner``), corrections (a file or folder), epochs, threads, base (a folder).
"""

import tempfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from careloom.errors import QueryError
from careloom.nlp.entities import Entities, PackagedTagger
from careloom.nlp.ner_material import fingerprint, kept_and_held_out
from careloom.services.evaluate_nlp import EvaluateNlpAsk, evaluate_nlp
from careloom.services.models_trainer import Asked, Fitted
from careloom.services.train_ner import EPOCHS, TrainNerAsk, corpora, subjects_in, train_ner
from careloom.services.trainings import permitted

ARCHIVE = "tagger.zip"
TASKS = {"bc5cdr": "f1_chemical_disease", "ncbi_disease": "f1_disease", "maccrobat2020": "f1_case_report"}
"""Task of `evaluate_nlp` -> what its strict F1 is called in an evaluation."""
SMOKE_DOCUMENTS = 5
Json = dict[str, Any]


class NerTrainer:
    """See the module. It keeps nothing: what a step needs is in the options, or in the model's files."""

    def snapshot(self, asked: Asked) -> Json:
        """SHA-256 over every document and the corrections. raises QueryError where a corpus is missing"""
        found, total = corpora(_folder(asked.options)), sha256()
        for head in sorted(found):
            for one in found[head]:
                total.update(sha256(one.text.encode()).digest())
        corrections = _corrections(asked.options)
        for file in _files(corrections):
            total.update(sha256(file.read_bytes()).digest())
        zone = "public" if corrections is None else "identified"
        counts = {head: len(each) for head, each in found.items()}
        return {"zone": zone, "snapshot": f"sha256:{total.hexdigest()}", "documents": counts}

    def checks(self, asked: Asked) -> Json:
        """How many held-out documents are among those that are learnt from, word for word."""
        twice = 0
        for head, each in corpora(_folder(asked.options)).items():
            kept, held_out = kept_and_held_out(head, each)
            learnt = {fingerprint(one.text) for one in kept}
            twice += sum(fingerprint(one.text) in learnt for one in held_out)
        return {"findings": twice, "kind": "documents in both parts"}

    def train(self, asked: Asked) -> Fitted:
        """Trains; patients who left or objected are left out. raises as `careloom.services.train_ner.train_ner`"""
        told, corrections = asked.options, _corrections(asked.options)
        people = set() if corrections is None else subjects_in(corrections)
        allowed = frozenset(permitted(asked.platform, people)) if people else frozenset[str]()
        with tempfile.TemporaryDirectory() as place:
            out = Path(place) / ARCHIVE
            ask = TrainNerAsk(
                _folder(told), out, Path(told["base"]) if told.get("base") else None, corrections=corrections,
                epochs=int(told.get("epochs", EPOCHS)), threads=int(told.get("threads", 1)),
                left_out=frozenset(people - allowed),
            )  # fmt: skip
            train_ner(ask)
            return Fitted({ARCHIVE: out.read_bytes()}, {"training": int(told.get("seed", 1))}, allowed)

    def evaluate(self, asked: Asked, files: Mapping[str, bytes], champion: Mapping[str, bytes] | None) -> Json:
        """Strict F1 on documents that no training sees, with intervals by document.

        champion  compared by the bounds that cannot overlap by chance: the difference of the F1, its lower bound from
                  both intervals, which is wider than that of a paired comparison
        """
        measures = _measured(asked, files)
        told: Json = {"data": "held-out documents of BC5CDR, NCBI disease, MACCROBAT2020", "measures": measures}
        if champion is not None:
            before = _measured(asked, champion)
            told["against"] = {name: _less(one, before[name]) for name, one in measures.items() if name in before}
        return told

    def smoke(self, asked: Asked, files: Mapping[str, bytes]) -> Json:
        """Reads held-out documents with the registered archive: one in which it finds nothing is wrong."""
        head, found = "chemical_disease", corpora(_folder(asked.options))
        version = sha256(files[ARCHIVE]).hexdigest()[:12]
        reader = Entities(PackagedTagger(files[ARCHIVE]), version, head)
        documents = kept_and_held_out(head, found[head])[1][:SMOKE_DOCUMENTS]
        empty = sum(not list(reader.find(one.text)) for one in documents)
        return {"answers": len(documents), "wrong": empty}


def _measured(asked: Asked, files: Mapping[str, bytes]) -> dict[str, Json]:
    with tempfile.TemporaryDirectory() as place:
        archive = Path(place) / ARCHIVE
        archive.write_bytes(files[ARCHIVE])
        report = evaluate_nlp(EvaluateNlpAsk(_folder(asked.options), tuple(TASKS), archive))
    found: dict[str, Json] = {}
    for task, name in TASKS.items():
        for one in report.tasks[task].measures if task in report.tasks else ():
            if one.name == "strict F1":
                low, high = one.interval or (None, None)
                found[name] = {"value": one.value, "low": low, "high": high}
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
