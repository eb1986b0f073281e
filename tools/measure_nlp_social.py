"""How well social determinants and tone are found.

    python -m tools.measure_nlp_social simulated [--families dictated resident chart] [--patients 120] [--seed 11]
    python -m tools.measure_nlp_social sentences           the sentences kept for evaluation: labels, adverse, flips
    python -m tools.measure_nlp_social tone                the same for sentiment, pain and stance
    python -m tools.measure_nlp_social speed
    python -m tools.measure_nlp_social frozen --suites DIR  counts over families that nobody looked at, no texts

Simulated notes are read as raw text: no section and no sentence of the gold is handed to the component. `living` of the
gold is HOUSING. A span counts where it overlaps one of the same label (and status); never and none are one status.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from careloom.nlp.evaluate_social import Counts, Labelled, interval, overlapping, sets, status_of, total
from careloom.nlp.social import Social
from careloom.simulate.answers import NoteAnswer
from careloom.simulate.draw import Draw
from careloom.simulate.hospital import build_hospital
from careloom.simulate.notes import NotePlan, notes_of
from careloom.simulate.patients import simulate_patient
from careloom.text.note import AnnotatedNote, Note, Span

LABELS = {
    "tobacco": "TOBACCO",
    "alcohol": "ALCOHOL",
    "drugs": "DRUG_USE",
    "employment": "EMPLOYMENT",
    "living": "HOUSING",
    "housing": "HOUSING",
    "food": "FOOD",
    "transport": "TRANSPORT",
}
DIAGNOSES = (
    ("F17", "TOBACCO", "current"),
    ("Z72.0", "TOBACCO", "current"),
    ("F10", "ALCOHOL", "current"),
    ("F11", "DRUG_USE", "current"),
    ("F19", "DRUG_USE", "current"),
    ("Z56.0", "EMPLOYMENT", "unemployed"),
    ("Z59.0", "HOUSING", "homeless"),
    ("Z59.8", "HOUSING", "unstable"),
    ("Z59.1", "HOUSING", "unstable"),
    ("Z59.4", "FOOD", "insecure"),
    ("Z60.2", "HOUSING", "alone"),
)
"""ICD-10-CM codes of gold entities that name a determinant: a problem list says that somebody is unemployed, too."""
NOT_SAID = frozenset({"absent", "family", "hypothetical", "possible"})
SCORED = frozenset(LABELS.values())
REPORTED = ("letter", "open")
SEED = 20261129


def notes(families: Sequence[str], patients: int, seed: int) -> Iterator[NoteAnswer]:
    """Notes of simulated patients with their gold, each patient's in one of the families."""
    hospital = build_hospital(seed)
    for number in range(1, patients + 1):
        history = simulate_patient(number, seed, hospital=hospital)
        plan = NotePlan(families=(families[number % len(families)],), visits_at_most=3)
        for note in notes_of(history, hospital, Draw(seed, number, "social"), plan):
            yield note.gold


def gold_of(answer: NoteAnswer) -> list[Labelled]:
    """The determinants of a simulated note by our labels: of its social history, and diagnoses that are one."""
    out = []
    for one in answer.spans:
        if one.kind == "social":
            out.append(Labelled(Span(one.start, one.end), LABELS[one.label], dict(one.attributes).get("status", "")))
        elif one.kind == "entity" and one.assertion not in NOT_SAID:
            codes = [code for _, code in one.codes]
            out += [
                Labelled(Span(one.start, one.end), label, status)
                for prefix, label, status in DIAGNOSES
                if any(code.startswith(prefix) for code in codes)
            ]
    return out


def found_in(text: str, social: Social) -> list[Labelled]:
    """What the component finds of the labels that the gold has."""
    read = social.read(AnnotatedNote(Note("n", text)))
    return [Labelled(one.span, one.label, one.attributes["status"]) for one in read.annotations if one.label in SCORED]


def measure(answers: Sequence[NoteAnswer], social: Social) -> tuple[list[Counts], list[Counts], list[Counts]]:
    """Counts of each note: spans with status, spans, and sets of label and status."""
    with_status, spans, by_note = [], [], []
    for answer in answers:
        gold, found = gold_of(answer), found_in(answer.text, social)
        with_status.append(overlapping(gold, found, with_status=True))
        spans.append(overlapping(gold, found, with_status=False))
        by_note.append(
            sets(
                {(one.label, status_of(one.status)) for one in gold},
                {(one.label, status_of(one.status)) for one in found},
            )
        )
    return with_status, spans, by_note


def report(documents: Sequence[Counts], what: str) -> None:
    """Prints F1 with its interval, and each label."""
    counts = total(documents)
    low, high = interval(documents, Counts.f1, np.random.default_rng(SEED))
    print(
        f"{what}: micro-F1 {counts.f1():.4f} ({low:.4f}-{high:.4f}), P {counts.precision():.4f} R {counts.recall():.4f}"
    )
    for label in counts.labels():
        meant = counts.found[label] + counts.missed[label]
        print(
            f"  {label:13} F1 {counts.f1(label):.3f} P {counts.precision(label):.3f} R {counts.recall(label):.3f}"
            f" of {meant} ({counts.wrong[label]} wrong)"
        )


def speed(answers: Sequence[NoteAnswer], social: Social) -> float:
    """Milliseconds of one core for 250 words, warm."""
    read = [AnnotatedNote(Note(answer.note_id, answer.text)) for answer in answers]
    for one in read:
        social.read(one)
    begin = time.process_time()
    for one in read:
        social.read(one)
    words = sum(len(answer.text.split()) for answer in answers)
    return (time.process_time() - begin) * 1000 * 250 / words


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("simulated", "speed"))
    parser.add_argument("--families", nargs="+", default=REPORTED)
    parser.add_argument("--patients", type=int, default=120)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--suites", type=Path)
    told = parser.parse_args()
    social = Social()
    answers = list(notes(told.families, told.patients, told.seed))
    if told.what == "simulated":
        with_status, spans, by_note = measure(answers, social)
        print(f"{len(answers)} notes of {' '.join(told.families)}, {told.patients} patients, seed {told.seed}")
        report(with_status, "spans, label and status")
        report(spans, "spans, label")
        report(by_note, "notes, label and status")
    else:
        print(f"{speed(answers, social):.2f} ms for 250 words")


if __name__ == "__main__":
    main()
