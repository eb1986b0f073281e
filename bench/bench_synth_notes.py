"""Synthetic notes from a small language model: learns simulated notes and aci-bench, and is judged beside real notes.

``python bench/bench_synth_notes.py fit MODEL [EPOCHS]``   learns; writes MODEL.safetensors and MODEL.json
``python bench/bench_synth_notes.py judge MODEL [NOTES]``  writes notes and prints the table

Needs CARELOOM_SUITES (aci_bench) and the extra ml. Learnt from: notes of 20 simulated patients (seed 21) and the 67
training notes of aci-bench (twice an epoch). Tested on notes of 8 other simulated patients (seed 22) and the 40 notes
of aci-bench's test1. Entities of simulated notes are those of their gold, of aci-bench those that the shipped reader
finds; synthetic notes are judged as the shipped reader reads them, not as the generator meant them.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

from careloom.nlp.corpora_notes import gold_notes
from careloom.nlp.reader import NoteReader
from careloom.pipeline.registry import load
from careloom.services.simulate import SimulateAsk, simulate
from careloom.services.synthesize_notes import from_annotated, from_simulated
from careloom.services.synthesize_notes_names import public_names
from careloom.synth.engine import State, Step, Watch
from careloom.synth.notes_facts import RECORDED, Fact, NoteRecord, SourceNote, facts_of
from careloom.synth.notes_fidelity import TextJudge, agreement
from careloom.synth.notes_fit_torch import NotesAsk, fit_notes, load_notes
from careloom.synth.notes_generate import NoteGenerator, Wanted
from careloom.synth.notes_gpt_torch import Training
from careloom.synth.notes_manner import Written
from careloom.synth.notes_material import Material, known
from careloom.synth.notes_ner_sklearn import labels_of, utility
from careloom.terminology.packaged import PACKAGED

PATIENTS, TESTED = (20, 21), (8, 22)
"""Simulated patients and seed: to learn from, to test on."""
COMPARED = ("PROBLEM", "SYMPTOM", "MEDICATION", "TEST", "PROCEDURE", "ALLERGEN")
TEACHING = 60
GIVEN = 20
"""Notes that are written from given records."""
"""Notes at most that each arm of the tagger learns from, of each corpus."""


def simulated(patients: int, seed: int) -> list[SourceNote]:
    """Notes of a simulated hospital by their gold."""
    with tempfile.TemporaryDirectory() as place:
        simulate(SimulateAsk(Path(place) / "notes", patients, seed, feeds=("notes",)))
        lines = (Path(place) / "notes/answers/notes.ndjson").read_bytes()
    about = {row["note_id"]: (row["patient_id"], row["kind"]) for row in map(json.loads, lines.splitlines())}
    return [from_simulated(note, *about[note.id]) for note in gold_notes(lines)]


def aci(name: str, reader: NoteReader) -> Iterator[SourceNote]:
    """Notes of aci-bench as the reader reads them."""
    file = Path(os.environ["CARELOOM_SUITES"]) / "aci_bench" / f"{name}.jsonl"
    for row in map(json.loads, file.read_bytes().splitlines()):
        read = reader.read_text(row["note"]).annotated
        yield from_annotated(read, row["encounter_id"], f"aci_bench.{row['dataset']}", "visit")


def fit(model: Path, epochs: int) -> None:
    """Learns and writes a model."""
    notes = [*simulated(*PATIENTS), *aci("train", load("reader.nlp")(PACKAGED))]
    started = time.process_time()

    def told(step: Step) -> None:
        print(f"epoch {step.number}: {step.losses} after {time.process_time() - started:.0f} CPU-s", flush=True)

    ask = NotesAsk(Training(epochs=epochs), weights={"aci_bench": 2}, public=public_names())
    fitted = fit_notes(notes, ask, Watch(told=told, save=lambda state: written(model.with_suffix(".part"), state)))
    written(model, fitted.state())


def written(model: Path, state: State) -> None:
    """A state as files."""
    save_file({name: np.ascontiguousarray(one) for name, one in state.tensors.items()}, f"{model}.safetensors")
    Path(f"{model}.json").write_text(json.dumps(state.told))


def read_back(made: Iterable[Written], reader: NoteReader) -> list[SourceNote]:
    """Synthetic notes as the reader reads them."""
    return [
        from_annotated(reader.read_text(one.text).annotated, f"nobody-{number}", one.style, one.kind)
        for number, one in enumerate(made)
    ]


def told_by(note: SourceNote, label_set: tuple[str, ...]) -> Any:
    """The facts of a real note by its own annotation, each once."""
    return list({(f.label, f.status, f.concept): f for _, f in facts_of(note) if f.label in label_set}.values())


def as_meant(one: Written) -> SourceNote:
    """A synthetic note with the labels that the generator wrote: what a tagger learns from."""
    return SourceNote("nobody", one.style, one.kind, one.text, (), one.mentions)


def corpus_table(
    corpus: str, train: list[SourceNote], test: list[SourceNote], made: list[Written], reader: NoteReader,
    material: Material,
) -> None:  # fmt: skip
    """The rows of one corpus."""

    def names(fact: Fact) -> Iterable[str]:
        return material.forms.get(corpus, {}).get(known(fact), {})

    judge = TextJudge.of(train)
    as_read = read_back(made, reader)
    real_read = [from_annotated(reader.read_text(note.text).annotated, "", note.style, note.kind) for note in test]
    print(f"\n{corpus}: {len(train)} notes learnt from, {len(test)} held out, {len(made)} written")
    for name, notes in (("held out", test), ("held out, as read", real_read), ("synthetic, as read", as_read),
                        ("synthetic, as meant", [as_meant(one) for one in made])):  # fmt: skip
        print(f"{name:20s} {json.dumps({key: round(value, 3) for key, value in judge.judge(notes).as_json().items()})}")
    records = [([fact for fact in one.record.facts if fact.label in COMPARED], note)
               for one, note in zip(made, as_read, strict=True)]  # fmt: skip
    pairs = [(told_by(note, COMPARED), read) for note, read in zip(test, real_read, strict=True)]
    for name, each in (("held out", pairs), ("synthetic", records)):
        found = agreement(each, COMPARED, names)
        print(f"agreement {name}: told {found.told:.3f} true {found.true:.3f} f1 {found.f1:.3f} "
              f"statuses {found.statuses:.3f} parts {found.parts:.3f} of {found.facts} facts")  # fmt: skip
    print(f"facts lost: {sum(len(one.lost) for one in made)}")


def from_records(
    generator: NoteGenerator, test: list[SourceNote], reader: NoteReader, draw: np.random.Generator
) -> None:
    """The row of notes written from records of patients that the generator never saw."""
    chosen = [test[at] for at in draw.permutation(len(test))[:GIVEN]]
    wanted = [Wanted(one.style, one.kind, NoteRecord(tuple(told_by(one, RECORDED)))) for one in chosen]
    made = generator.write(wanted, draw)
    asked = [one.record.facts if one.record is not None else () for one in wanted]
    lost = sum(len(one.lost) for one in made)

    def names(fact: Fact) -> Iterable[str]:
        return generator.material.forms.get("simulated", {}).get(known(fact), {})

    whole = [([fact for fact in one.record.facts if fact.label in COMPARED], read)
             for one, read in zip(made, read_back(made, reader), strict=True)]  # fmt: skip
    only = [(facts, read) for facts, (_, read) in zip(asked, whole, strict=True)]
    found, told = agreement(whole, COMPARED, names), agreement(only, RECORDED, names)
    print(f"given records, {len(made)} notes: told {told.told:.3f} of {told.facts} given facts, their statuses "
          f"{told.statuses:.3f}, parts {told.parts:.3f}; of all facts told {found.told:.3f} true {found.true:.3f} "
          f"f1 {found.f1:.3f}; {lost} lost", flush=True)  # fmt: skip


def judge(model: Path, count: int) -> None:
    """Writes notes of nobody and prints how near they are."""
    reader = load("reader.nlp")(PACKAGED)
    state = State(load_file(f"{model}.safetensors"), json.loads(Path(f"{model}.json").read_text()))
    generator = load_notes(state).generator()
    draw = np.random.default_rng(5)
    real = {"simulated": (simulated(*PATIENTS), simulated(*TESTED)),
            "aci_bench": (list(aci("train", reader)), list(aci("test1", reader)))}  # fmt: skip
    made: dict[str, list[Written]] = {}
    for corpus in real:
        styles = {
            style: sum(kinds.values()) for style, kinds in generator.material.styles.items() if style.startswith(corpus)
        }
        names = draw.choice(list(styles), count, p=np.array(list(styles.values())) / sum(styles.values()))
        started = time.process_time()
        made[corpus] = generator.write([Wanted(str(name)) for name in names], draw)
        print(f"{corpus}: {count} notes in {time.process_time() - started:.1f} CPU-s", flush=True)
    from_records(generator, real["simulated"][1], reader, draw)
    for corpus, (train, test) in real.items():
        corpus_table(corpus, train, test, made[corpus], reader, generator.material)
        labels = labels_of(train)
        teaching = [train[at] for at in draw.permutation(len(train))[: min(TEACHING, count)]]
        written = [as_meant(one) for one in made[corpus]]
        for some, others in ((teaching, written[: len(teaching)]), (train, written)):
            use = utility(some, others, test, labels)
            print(f"tagger from {len(some)} real notes F1 {use.real:.3f}, from {len(others)} synthetic "
                  f"{use.synthetic:.3f}: ratio {use.ratio:.3f}; {use.entities} entities, {len(labels)} labels",
                  flush=True)  # fmt: skip
    for corpus in real:
        print(f"\n--- {corpus}: the first note\n{made[corpus][0].text}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    what, where, *rest = sys.argv[1:]
    if what == "fit":
        fit(Path(where), int(rest[0]) if rest else 5)
    else:
        judge(Path(where), int(rest[0]) if rest else 60)
