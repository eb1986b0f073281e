"""A tagger of entities goes from notes to those who annotate: trained, gated, approved, serving, and taken back."""

import json
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from careloom.errors import AccessError, QueryError, StateError, Withheld
from careloom.mlops import pipeline_file
from careloom.nlp.corpora_notes import gold_notes
from careloom.nlp.ner_material import HEADS
from careloom.services.annotate import AnalyzeAsk, analyze
from careloom.services.model_card import shown_card
from careloom.services.models import open_version, shown, verify
from careloom.services.models_pipeline import resume, run
from careloom.services.models_promote import approve, promote, roll_back
from careloom.services.models_runs import runs, show_run
from careloom.services.models_trainer import Asked, trainer_named
from careloom.services.note_models import note_models
from careloom.services.note_reader import ARCHIVE
from careloom.services.simulate import SimulateAsk, simulate
from tests.api.kit import Installation
from tests.later import Later, has
from tests.models_kit import SECOND

pytestmark = pytest.mark.skipif(
    not has("torch", "transformers", "onnxscript"), reason="the extra ml is not installed: make ml"
)
torch, transformers = Later("torch"), Later("transformers")
learn, ner = Later("careloom.learn_torch"), Later("careloom.nlp.ner_torch")

MODEL = "clinical-entities"
PIPELINE = f"""
version = 1
name = "notes"
model = "{MODEL}"
trainer = "ner"
gates = "notes"
reason = "of a test"
steps = ["snapshot", "checks", "train", "evaluate", "gates", "register", "approval", "deploy", "smoke", "monitor"]
[options]
data = "DATA"
corpora = ["simulated"]
teacher = "TEACHER"
layers = 1
epochs = 2
seed = 3
[deploy]
to = "champion"
"""
GATES = """
version = 1
name = "notes"
[[gate]]
measure = "f1_note"
at_least = 0.2
[[gate]]
measure = "leaks"
at_most = 0
[[gate]]
measure = "tainted"
at_most = 0
[[gate]]
measure = "f1_note"
not_worse_by = 0.5
"""
NOTES = 15


class Ward:
    """An installation, a corpus of its notes, and a small tagger that teaches."""

    def __init__(self, folder: Path) -> None:
        simulate(SimulateAsk(folder / "hospital", 3, 11, feeds=("notes",)))
        lines = (folder / "hospital/answers/notes.ndjson").read_bytes().splitlines()
        short = sorted(lines, key=lambda line: len(json.loads(line)["text"]))[:NOTES]
        self.corpus = folder / "corpora/simulated/answers/notes.ndjson"
        self.corpus.parent.mkdir(parents=True)
        self.corpus.write_bytes(b"\n".join(short) + b"\n")
        self.teacher = folder / "teacher.zip"
        self.gates = folder / "notes.toml"
        self.gates.write_text(GATES)
        self.text = PIPELINE.replace("DATA", str(folder / "corpora")).replace("TEACHER", str(self.teacher))
        self.installation = Installation(folder / "here", models={"gates": folder})
        self.platform, self.engineer = self.installation.platform, self.installation.operator

    def gone(self, text: str) -> dict[str, Any]:
        """A run of a pipeline, as far as it goes by itself; the teacher learns before the first."""
        if not self.teacher.exists():
            self.teacher.write_bytes(taught(self.corpus.read_bytes()))
        return run(self.platform, self.engineer, text)

    def entities(self) -> str:
        """The version of the tagger that reads a text now."""
        read = analyze(self.platform, self.engineer, AnalyzeAsk("He takes warfarin."))
        return str(read.reading.annotated.readers["entities"])

    def digest(self, version: str) -> str:
        """How a registered tagger is called by who reads with it."""
        return sha256(open_version(self.platform, version)[1][ARCHIVE]).hexdigest()[:12]

    def released(self, text: str) -> str:
        """A run of a pipeline that a second person approved: its version."""
        one = self.gone(text)
        approve(self.platform, SECOND, one["version"], "its F1 holds")
        assert resume(self.platform, self.engineer, one["run"])["state"] == "done"
        return str(one["version"])


def taught(notes: bytes) -> bytes:
    """A tagger of two narrow layers that knows the words of these notes."""
    torch.set_num_threads(1)
    torch.manual_seed(5)
    documents = [one.document for one in gold_notes(notes)]
    words = sorted({word for one in documents for word in one.text.lower().split()})
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *words]
    config = transformers.BertConfig(
        vocab_size=len(pieces), hidden_size=384, num_hidden_layers=2, num_attention_heads=12, intermediate_size=32,
        max_position_embeddings=512,
    )  # fmt: skip
    base = transformers.BertModel(config).state_dict(), pieces
    recipe = ner.Recipe(learn.Schedule(epochs=5, rate=2e-3), layers=2, inner=32, seed=2)
    return bytes(
        ner.train_ner(base, [ner.Source("note", HEADS["note"], documents, 60)], [], recipe, card={"name": "tiny"})
    )


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    made = Ward(tmp_path_factory.mktemp("ward"))
    with made.installation:
        yield made


@pytest.mark.long
def test_a_tagger_goes_the_whole_way_and_reads_notes_until_it_is_taken_back(ward: Ward) -> None:
    platform, engineer, shipped = ward.platform, ward.engineer, ward.entities()
    one = ward.gone(ward.text)
    assert (one["state"], one["version"]) == ("waiting", f"{MODEL}@1")
    assert ward.entities() == shipped, "nobody approved it yet"
    with pytest.raises(AccessError):
        approve(platform, engineer, one["version"], "mine")
    approve(platform, SECOND, one["version"], "its F1 holds")
    assert resume(platform, engineer, one["run"])["done"][-1] == "monitor"
    outputs = show_run(platform, SECOND, one["run"])["outputs"]
    assert outputs["evaluate"]["measures"]["f1_note"]["value"] >= 0.2
    assert outputs["smoke"] == {"answers": NOTES // 5, "wrong": 0}

    told = shown(platform, SECOND, MODEL)
    assert (told["aliases"], told["pipeline"], told["lineage"]["data"]["zone"]) == (["champion"], one["run"], "public")
    assert told["lineage"]["seeds"] == {"training": 3}
    assert verify(platform, SECOND, f"{MODEL}@1")["whole"]
    card = shown_card(platform, SECOND, f"{MODEL}@1").as_json()
    assert (card["name"], card["version"]) == (MODEL, 1)
    assert ward.entities().startswith(f"{ward.digest(f'{MODEL}@1')}/")
    assert note_models(platform, engineer)["models"][0]["file"] == f"{MODEL}@1"

    second = ward.released(ward.text.replace("seed = 3", "seed = 4"))
    assert second == f"{MODEL}@2"
    assert ward.entities().startswith(f"{ward.digest(second)}/")
    with pytest.raises(AccessError):
        promote(platform, engineer, second, "mine again")
    assert roll_back(platform, engineer, MODEL, "it misses doses")["now"] == f"{MODEL}@1"
    assert ward.entities().startswith(f"{ward.digest(f'{MODEL}@1')}/")


@pytest.mark.long
def test_a_tagger_below_its_gate_is_not_registered(ward: Ward) -> None:
    before = len(runs(ward.platform, SECOND))
    ward.gates.write_text(GATES.replace("at_least = 0.2", "at_least = 0.9999"))
    with pytest.raises(Withheld):
        ward.gone(ward.text)
    ward.gates.write_text(GATES)
    assert runs(ward.platform, SECOND)[0]["state"] == "withheld"
    assert len(runs(ward.platform, SECOND)) == before + 1


def test_notes_that_changed_since_the_snapshot_are_not_learnt_from(ward: Ward) -> None:
    trainer, options = trainer_named("ner"), pipeline_file.read(ward.text).options
    asked = Asked(ward.platform, ward.engineer, options, MODEL, "run")
    pinned, notes = trainer.snapshot(asked), ward.corpus.read_bytes()
    ward.corpus.write_bytes(notes.partition(b"\n")[2])
    with pytest.raises(StateError):
        trainer.train(replace(asked, snapshot=pinned))
    ward.corpus.write_bytes(notes)


def test_a_corpus_that_there_is_not_is_named(ward: Ward) -> None:
    options = {"data": str(ward.corpus.parents[2]), "corpora": ["novels"]}
    with pytest.raises(QueryError):
        trainer_named("ner").snapshot(Asked(ward.platform, ward.engineer, options, MODEL, "run"))
