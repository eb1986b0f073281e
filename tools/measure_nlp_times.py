"""How well time expressions and their values are found: on MACCROBAT 2020 and on simulated notes.

    python tools/measure_nlp_times.py [--suites DIR] [--part reported] [--patients 40] [--seed 7] [--step 1]

MACCROBAT (labels Date, Time, Duration; discontinuous spans left out, the longest of nested ones kept): the first 100
documents of the development part by name are `developed`, the other 50 are `reported`. Of the simulator's families,
chart, dictated and letter are `developed`, open and resident `reported`. Milliseconds are
CPU time of one process, warm.
"""

import argparse
import os
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from careloom.nlp.evaluate_times import GoldTime, SpanScore, ValueScore, span_score, value_score
from careloom.nlp.times import Times
from careloom.simulate.draw import Draw
from careloom.simulate.hospital import build_hospital
from careloom.simulate.notes import NotePlan, SimulatedNote, notes_of
from careloom.simulate.patients import simulate_patient
from careloom.text.normalize import normalize
from careloom.text.note import Note

FAMILIES = {"developed": ("chart", "dictated", "letter"), "reported": ("open", "resident")}
DOCUMENTS = {"developed": slice(0, 100), "reported": slice(100, None)}
LABELS = {"Date": "DATE_TIME", "Time": "DATE_TIME", "Duration": "DURATION"}


def maccrobat(folder: Path, part: str) -> Iterator[tuple[str, list[GoldTime]]]:
    """Texts with their gold of a part of the corpus."""
    for text_file in sorted(folder.glob("*.txt"))[DOCUMENTS[part]]:
        gold = []
        for line in text_file.with_suffix(".ann").read_text(encoding="utf-8").splitlines():
            if not line.startswith("T"):
                continue
            label, _, places = line.split("\t")[1].partition(" ")
            if label in LABELS and ";" not in places:
                start, end = places.split()
                gold.append(GoldTime(int(start), int(end), LABELS[label]))
        yield text_file.read_text(encoding="utf-8"), _outermost(gold)


def _outermost(gold: list[GoldTime]) -> list[GoldTime]:
    kept: list[GoldTime] = []
    for one in sorted(gold, key=lambda each: (each.start, -each.end)):
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
    return kept


def simulated(family: str, patients: int, seed: int) -> Iterator[SimulatedNote]:
    """The notes that one family writes of the same patients."""
    hospital = build_hospital(seed)
    for number in range(1, patients + 1):
        history = simulate_patient(number, seed, hospital=hospital)
        yield from notes_of(history, hospital, Draw(seed, number, "notes"), NotePlan(families=(family,)))


def gold_of(note: SimulatedNote) -> list[GoldTime]:
    """The gold expressions of a simulated note, with values."""
    return [
        GoldTime(
            span.start,
            span.end,
            "DURATION" if span.label == "duration" else "DATE_TIME",
            dict(span.attributes).get("value", ""),
        )
        for span in note.gold.spans
        if span.kind == "time"
    ]


def _shown(name: str, spans: SpanScore, labelled: SpanScore, values: ValueScore, milliseconds: float) -> str:
    told = f" value {values.accuracy:.3f} exact {values.exact_accuracy:.3f}" if values.gold else ""
    return (
        f"{name:10} gold {spans.gold:5} strict {spans.strict_f1:.3f} overlap {spans.overlap_f1:.3f}"
        f" labelled {labelled.strict_f1:.3f} {labelled.overlap_f1:.3f}{told} {milliseconds:.2f} ms a note"
    )


def measure(name: str, notes: Iterator[tuple[Note, list[GoldTime]]]) -> str:
    """One line of scores."""
    reader = Times()
    spans, labelled, values = SpanScore(), SpanScore(), ValueScore()
    spent, number = 0.0, 0
    for note, gold in notes:
        begun = time.process_time()
        found = reader.times(note)
        spent += time.process_time() - begun
        number += 1
        spans += span_score(gold, found)
        labelled += span_score(gold, found, labelled=True)
        values += value_score(gold, found)
    return _shown(name, spans, labelled, values, 1000 * spent / max(1, number))


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures time expressions.")
    parser.add_argument("--suites", type=Path, default=Path(os.environ.get("CARELOOM_SUITES", "")))
    parser.add_argument("--part", choices=tuple(FAMILIES), default="reported")
    parser.add_argument("--patients", type=int, default=40)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--step", type=int, default=1, help="read every so many notes")
    asked = parser.parse_args()
    corpus = asked.suites / "maccrobat2020"
    if corpus.is_dir():
        read = ((Note("", normalize(text).text), gold) for text, gold in maccrobat(corpus, asked.part))
        print(measure("maccrobat", read))
    for family in FAMILIES[asked.part]:
        notes = islice(simulated(family, asked.patients, asked.seed), 0, None, asked.step)
        print(measure(family, ((Note("", one.text, time=one.time.isoformat()), gold_of(one)) for one in notes)))


if __name__ == "__main__":
    main()
