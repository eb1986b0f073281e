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
import re
import time
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from careloom.nlp.evaluate_social import Counts, Labelled, interval, overlapping, sets, status_of, total
from careloom.nlp.labels import TONE
from careloom.nlp.social import Social, determinants_of
from careloom.nlp.tone import Tone
from careloom.simulate.answers import NoteAnswer
from careloom.simulate.draw import Draw
from careloom.simulate.hospital import build_hospital
from careloom.simulate.notes import NotePlan, SimulatedNote, notes_of
from careloom.simulate.patients import simulate_patient
from careloom.text.note import AnnotatedNote, Note, Span
from tools import frozen_notes

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
SIX = frozenset({"EMPLOYMENT", "HOUSING", "TRANSPORT", "RELATIONSHIP", "SUPPORT", "PARENT"})
SWAPPED = {"he": "she", "she": "he", "him": "her", "himself": "herself", "herself": "himself"}
RACES = ("Black", "white", "Hispanic", "Asian", "female", "male")
TONES = {
    "positive": ("SENTIMENT", "positive"),
    "negative": ("SENTIMENT", "negative"),
    "pain": ("PAIN", "present"),
    "no-pain": ("PAIN", "absent"),
    "stigmatizing": ("STANCE", "stigmatizing"),
    "doubting": ("STANCE", "doubting"),
    "kind": ("STANCE", "positive"),
}
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


def speed(answers: Sequence[NoteAnswer], social: Social | Tone) -> float:
    """Milliseconds of one core for 250 words, warm."""
    read = [AnnotatedNote(Note(answer.note_id, answer.text)) for answer in answers]
    for one in read:
        social.read(one)
    begin = time.process_time()
    for one in read:
        social.read(one)
    words = sum(len(answer.text.split()) for answer in answers)
    return (time.process_time() - begin) * 1000 * 250 / words


def sentences_of(file: str, part: str) -> list[tuple[str, str]]:
    """Gold and sentence of each line of a part of a file of sentences beside this one."""
    lines = tomllib.loads(Path(__file__).with_name(file).read_text(encoding="utf-8"))[part].strip().split("\n")
    rows = [line.split("|", 1) for line in lines]
    return [(gold.strip(), sentence.strip()) for gold, sentence in rows]


def measure_sentences(part: str) -> tuple[list[Counts], list[Counts], int]:
    """Counts of labels and of adverse labels for each sentence, and how many change with a word for sex or race."""
    labels, adverse, flips = [], [], 0
    for gold, sentence in sentences_of("social_sentences.toml", part):
        names = [name.strip() for name in gold.split(",") if name.strip()]
        found = {label: told for label, told in determinants_of(sentence).items() if label in SIX}
        labels.append(sets({(name.rstrip("!"), "") for name in names}, {(label, "") for label in found}))
        told = {(label, "") for label, is_adverse in found.items() if is_adverse}
        adverse.append(sets({(name.rstrip("!"), "") for name in names if name.endswith("!")}, told))
        flips += any(
            {label: one for label, one in determinants_of(changed).items() if label in SIX} != found
            for changed in changed_people(sentence)
        )
    return labels, adverse, flips


def changed_people(sentence: str) -> list[str]:
    """The sentence with other words for sex and race, as the robustness pairs of Guevara et al. 2024 have them."""
    swapped = re.sub(
        r"\b(he|she|him|himself|herself)\b",
        lambda found: SWAPPED[found[0].lower()].capitalize() if found[0][0].isupper() else SWAPPED[found[0]],
        sentence,
        flags=re.IGNORECASE,
    )
    people = [re.sub(r"\b([Tt]he |^)[Pp]atient\b", rf"\1{word} patient", sentence) for word in RACES]
    return [swapped, *people]


def measure_tone(part: str) -> tuple[dict[str, list[Counts]], tuple[int, int]]:
    """Counts of each sentence by label of tone, and of the pain scores how many were right."""
    tone, scores = Tone(), [0, 0]
    counts: dict[str, list[Counts]] = {label: [] for label in TONE}
    for gold, sentence in sentences_of("tone_sentences.toml", part):
        meant = {TONES[name.strip().split(":")[0]] for name in gold.split(",") if name.strip()}
        read = tone.read(AnnotatedNote(Note("n", sentence))).annotations
        found = {(one.label, one.attributes.get("value", one.attributes.get("presence", ""))) for one in read}
        for label, some in counts.items():
            some.append(
                sets(
                    {(value, "") for name, value in meant if name == label},
                    {(value, "") for name, value in found if name == label},
                )
            )
        if ":" in gold:
            scores[1] += 1
            scores[0] += any(one.attributes.get("score") == gold.split(":")[1] for one in read)
    return counts, (scores[0], scores[1])


def frozen(suites: Path) -> list[NoteAnswer]:
    """The notes of the frozen families with all their gold; `frozen_notes` itself tells of identifiers alone."""
    whole: list[NoteAnswer] = []

    def kept(*given: Any, **named: Any) -> list[SimulatedNote]:
        written = notes_of(*given, **named)
        whole.extend(one.gold for one in written)
        return written

    with mock.patch.object(frozen_notes, "notes_of", kept):
        for _ in frozen_notes.frozen_notes(suites):
            pass
    return whole


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("simulated", "sentences", "tone", "speed", "frozen"))
    parser.add_argument("--families", nargs="+", default=REPORTED)
    parser.add_argument("--patients", type=int, default=120)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--part", choices=("develop", "evaluate"), default="evaluate")
    parser.add_argument("--suites", type=Path)
    told = parser.parse_args()
    if told.what == "sentences":
        labels, adverse, flips = measure_sentences(told.part)
        report(labels, f"{len(labels)} sentences ({told.part}), labels")
        report(adverse, "the same, adverse labels")
        print(f"changed by a word for sex or race: {flips} of {len(labels)}")
        return
    if told.what == "tone":
        counts, (right, asked) = measure_tone(told.part)
        for label, some in counts.items():
            report(some, f"{len(some)} sentences ({told.part}), {label}")
        print(f"pain scores right: {right} of {asked}")
        return
    answers = frozen(told.suites) if told.what == "frozen" else list(notes(told.families, told.patients, told.seed))
    if told.what == "speed":
        print(f"social {speed(answers, Social()):.2f} ms, tone {speed(answers, Tone()):.2f} ms for 250 words")
        return
    source = "frozen families" if told.what == "frozen" else f"{' '.join(told.families)}, seed {told.seed}"
    print(f"{len(answers)} notes of {source}")
    for documents, what in zip(
        measure(answers, Social()), ("spans, label and status", "spans, label", "notes, label and status"), strict=True
    ):
        report(documents, what)


if __name__ == "__main__":
    main()
