"""Adverse events by a small model that the test makes: what it finds becomes annotations and relations. Needs ml."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from careloom.errors import SetupError
from careloom.nlp.adverse_events import TYPE, AdverseEvents
from careloom.nlp.corpora_ade import Sentence
from careloom.nlp.evaluate_relations import of_sentence
from careloom.services.evaluate_nlp import EvaluateNlpAsk, evaluate_nlp
from careloom.text.note import AnnotatedNote, Annotation, Note, Span
from careloom.text.pieces import SPECIAL, Pieces
from tests.later import Later, has

pytestmark = pytest.mark.skipif(
    not has("torch", "onnxscript", "sklearn"), reason="the extra ml is not installed: make ml"
)
torch, learn = Later("torch"), Later("careloom.learn_torch")
encoder, training = Later("careloom.text.encoder_torch"), Later("careloom.text.training_torch")
ade, ade_training, relations = Later("tools.ade"), Later("tools.ade_training"), Later("tools.train_relation_model")

VOCABULARY = (*SPECIAL, *"aspirin zinc rash hives after from with and took she no pain . ,".split())
TOLD = [
    ("rash after aspirin", [((11, 18), (0, 4))]),
    ("hives from zinc .", [((11, 15), (0, 5))]),
    ("she took zinc with rash and hives", [((9, 13), (19, 23)), ((9, 13), (28, 33))]),
    ("hives after aspirin and zinc", [((12, 19), (0, 5)), ((24, 28), (0, 5))]),
]
UNTOLD = ["she took pain .", "no pain , no .", "pain and pain", "she with pain"]


def sentence(text: str, pairs: list[tuple[tuple[int, int], tuple[int, int]]]) -> Sentence:
    return Sentence(text, "1", set(pairs))


@pytest.fixture(scope="module")
def archive() -> Iterator[bytes]:
    """A model of one layer that has learnt `TOLD` by heart."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    pieces = Pieces(VOCABULARY)
    rows = [row for text in UNTOLD for row in ade_training.rows_of(text, {"related": []}, pieces)]
    for text, pairs in TOLD:
        one = sentence(text, pairs)
        spans = {"drug": one.drugs, "event": one.events, "related": [(0, len(text))]}
        rows += ade_training.rows_of(text, spans, pieces)
    tagger = encoder.Tagger(
        encoder.Encoder(encoder.Shape(len(VOCABULARY), width=32, layers=1, heads=2, inner=32, dropout=0.0)),
        ade_training.HEADS,
    )
    ade_training._fit(tagger, lambda _: rows, learn.Schedule(40, 0.02), lambda _: None)
    other = Sentence("rash from aspirin with zinc", "1", {((10, 17), (0, 4))}, {(23, 27)})
    pairs_model = relations.fitted([of_sentence(one) for one in (*(sentence(*told) for told in TOLD), other)] * 3, {})
    yield ade.with_pairs(training.packed(tagger, VOCABULARY, {"name": "tiny", "version": "7"}), pairs_model)
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def component(archive: bytes) -> AdverseEvents:
    return AdverseEvents(archive)


def test_what_was_learnt_by_heart_is_found_by_every_protocol(archive: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "ade_corpus_v2/holdout"
    folder.mkdir(parents=True)
    rows = [
        {"pmid": "1", "sentence": text, "drug_start": a, "drug_end": b, "arg_start": c, "arg_end": d}
        for text, pairs in TOLD
        for (a, b), (c, d) in pairs
    ]
    (folder / "drug_ae.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    others = [{"pmid": "2", "sentence": text} for text in UNTOLD]
    (folder / "ade_neg.jsonl").write_text("\n".join(map(json.dumps, others)), "utf-8")
    (tmp_path / "model.zip").write_bytes(archive)
    ask = EvaluateNlpAsk(tmp_path, ("ade_corpus_v2",), adverse_events=tmp_path / "model.zip")
    values = {one.name: one.value for one in evaluate_nlp(ask).tasks["ade_corpus_v2"].measures}
    protocols = ("gold spans", "sentences with relations", "all sentences")
    assert [values[f"model, {name} F1"] for name in protocols] == [1.0, 1.0, 1.0]
    assert values["gold spans, every pair F1"] == 1.0


def test_found_spans_become_annotations_with_ids_and_a_relation(component: AdverseEvents) -> None:
    note = component.read(note_of("she took pain .\n\nrash after aspirin"))
    assert [(one.label, one.span.of(note.note.text)) for one in note.annotations] == [
        ("PROBLEM", "rash"),
        ("MEDICATION", "aspirin"),
    ]
    (relation,) = note.relations
    by_id = {one.id: one.text for one in note.annotations}
    assert (relation.type, by_id[relation.head], by_id[relation.tail]) == (TYPE, "aspirin", "rash")
    assert 0 < (relation.score or 0) <= 1
    assert note.readers == {"adverse-events": "7"}
    assert component.read(note).relations == note.relations


def test_annotations_that_are_there_are_taken(component: AdverseEvents) -> None:
    there = (
        Annotation(Span(0, 4), "SYMPTOM", id="T1"),
        Annotation(Span(5, 18), "MEDICATION", id="T2"),
        Annotation(Span(11, 18), "ALLERGEN", id="T3"),
    )
    note = component.read(AnnotatedNote(Note("n", "rash after aspirin"), annotations=there))
    assert note.annotations == there
    assert [(one.head, one.tail) for one in note.relations] == [("T2", "T1")]


@pytest.mark.parametrize("text", ["", " \n ", "😀 é", "\n\n\n", "no " * 3000])
def test_odd_texts_are_read(component: AdverseEvents, text: str) -> None:
    assert component.read(note_of(text)).relations == ()


def test_annotations_without_ids_are_refused(component: AdverseEvents) -> None:
    with pytest.raises(ValueError, match="ids"):
        component.read(AnnotatedNote(Note("n", "pain"), annotations=(Annotation(Span(0, 4), "SYMPTOM"),)))


def test_a_tagger_of_something_else_is_refused(archive: bytes) -> None:
    other = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as members, zipfile.ZipFile(other, "w") as copy:
        for name in members.namelist():
            content = members.read(name)
            copy.writestr(name, content.replace(b'"drug"', b'"dragon"') if name == "heads.json" else content)
    with pytest.raises(SetupError, match="adverse events"):
        AdverseEvents(other.getvalue())
    with pytest.raises(SetupError):
        AdverseEvents(b"no model")


def note_of(text: str) -> AnnotatedNote:
    return AnnotatedNote(Note("n", text))
