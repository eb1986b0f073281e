"""Prints how well sections and assertions are read, on corpora of others and on simulated notes.

    CARELOOM_SUITES=... python -m tools.measure_nlp_context [--patients 12] [--seed 11] [--kit FILE] [--headers FILE]

--kit, --headers  other rows of the NegEx kit and of MTS-Dialog than those of CARELOOM_SUITES, e.g. parts kept apart

The simulated notes are of every template family; the rules were written with these families in sight.
"""

import argparse
import json
import os
import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from careloom.nlp.assertion import Assertions, Reader
from careloom.nlp.evaluate_context import accuracy, kit_tallies, macro_f1, section_kinds, tallies
from careloom.nlp.section_classifier import packaged_classifier
from careloom.nlp.sections import Sections
from careloom.simulate.draw import Draw
from careloom.simulate.hospital import build_hospital
from careloom.simulate.narrative.family import families
from careloom.simulate.notes import NotePlan, SimulatedNote, notes_of
from careloom.simulate.patients import simulate_patient
from careloom.text.note import AnnotatedNote, Annotation, Assertion, Note, Span
from careloom.text.sentences import sentences

SIMULATED = {
    "problem": "PROBLEM", "symptom": "SYMPTOM", "finding": "SYMPTOM", "drug": "MEDICATION", "test": "TEST",
    "procedure": "PROCEDURE", "device": "DEVICE", "vaccine": "MEDICATION",
}  # fmt: skip
REPORTED = {
    "Disease_disorder": "PROBLEM", "Sign_symptom": "SYMPTOM", "Medication": "MEDICATION",
    "Diagnostic_procedure": "TEST", "Therapeutic_procedure": "PROCEDURE",
}  # fmt: skip
POLARITY = {"NEG": "absent", "UNCERTAIN": "possible", "MAYBE_POS": "possible", "MAYBE_NEG": "possible"}


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a file, one JSON object a line."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def simulated(patients: int, seed: int) -> Iterator[tuple[str, SimulatedNote]]:
    """Family and note, every family for each patient."""
    hospital = build_hospital(seed)
    for number in range(1, patients + 1):
        history = simulate_patient(number, seed, hospital=hospital)
        for family in families():
            for note in notes_of(history, hospital, Draw(seed, number, "notes"), NotePlan(families=(family,))):
                yield family, note


def value(one: Assertion) -> str:
    """An assertion in the words of the simulator."""
    if one.presence != "present":
        return one.presence
    if one.experiencer != "patient":
        return one.experiencer
    return "historical" if one.temporality == "historical" else "present"


@dataclass
class Read:
    """Gold and found, side by side."""

    gold: list[str]
    found: list[str]


def on_simulated(patients: int, seed: int) -> tuple[Mapping[str, Read], Mapping[str, Read], float]:
    """Family -> sections, family -> assertions, and milliseconds of a core for a note."""
    titled: dict[str, Read] = defaultdict(lambda: Read([], []))
    asserted: dict[str, Read] = defaultdict(lambda: Read([], []))
    find, say, spent, count = Sections(), Assertions(), 0.0, 0
    for family, note in simulated(patients, seed):
        gold = [
            span for span in note.gold.spans if span.kind == "entity" and span.label in SIMULATED and span.assertion
        ]
        given = tuple(Annotation(Span(span.start, span.end), SIMULATED[span.label]) for span in gold)
        before = AnnotatedNote(Note(note.note_id, note.text), (), tuple(sentences(note.text)), given)
        begun = time.process_time()
        after = say.read(find.read(before))
        spent, count = spent + time.process_time() - begun, count + 1
        spans = [(Span(one.start, one.end), one.label) for one in note.gold.spans if one.kind == "section"]
        titled[family].gold += [kind for _, kind in spans]
        titled[family].found += section_kinds(spans, after.sections)
        asserted[family].gold += [span.assertion for span in gold]
        asserted[family].found += [value(one.assertion) for one in after.annotations if one.assertion is not None]
    return titled, asserted, 1000 * spent / max(1, count)


def on_case_reports(place: Path) -> Read:
    """Presence on MACCROBAT2020, mentions given."""
    reader, read = Reader(), Read([], [])
    for path in sorted(place.glob("*.txt")):
        text = path.read_bytes().decode("utf-8")
        mentions, events, polarity = {}, {}, {}
        for line in path.with_suffix(".ann").read_text("utf-8").splitlines():
            parts = line.split("\t")
            head = parts[1].split() if len(parts) > 1 else []
            if line.startswith("T") and ";" not in parts[1] and head[0] in REPORTED:
                mentions[parts[0]] = (Span(int(head[1]), int(head[2])), REPORTED[head[0]])
            elif line.startswith("E"):
                events[parts[0]] = head[0].partition(":")[2]
            elif line.startswith("A") and head[0] == "POLARITY":
                polarity[events.get(head[1], head[1])] = head[2]
        spans = sentences(text)
        starts = [span.start for span in spans]
        for name, (span, label) in mentions.items():
            sentence = spans[max(0, bisect_right(starts, span.start) - 1)]
            whole = replace(sentence, end=max(sentence.end, span.end))
            (one,) = reader.assertions(text, whole, [(span, label)])
            read.gold.append(POLARITY.get(polarity.get(name, ""), "present"))
            read.found.append(one.presence)
    return read


def show(title: str, read: Read) -> None:
    """A table of one measure."""
    print(f"\n{title}: {len(read.gold)} rows, accuracy {accuracy(read.gold, read.found):.3f}")
    for label, tally in tallies(read.gold, read.found).items():
        if tally.right + tally.missed:
            print(f"  {label:26} P {tally.precision:.3f}  R {tally.recall:.3f}  F1 {tally.f1:.3f}")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=12)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--kit", type=Path)
    parser.add_argument("--headers", type=Path)
    asked = parser.parse_args()
    suites = Path(os.environ["CARELOOM_SUITES"])
    for name, tally in kit_tallies(rows_of(asked.kit or suites / "negex_context" / "annotations.jsonl")).items():
        print(f"NegEx kit, {name}: P {tally.precision:.3f}  R {tally.recall:.3f}  F1 {tally.f1:.3f}")
    rows = rows_of(asked.headers or suites / "mts_dialog" / "test1.jsonl")
    gold = [row["section_header"] for row in rows]
    found = [packaged_classifier().header(row["section_text"])[0] for row in rows]
    print(f"headers of MTS-Dialog: accuracy {accuracy(gold, found):.3f}, macro F1 {macro_f1(gold, found):.3f}")
    print("  (the packaged model was trained on these rows where no other file was given)")
    show("MACCROBAT2020, presence", on_case_reports(suites / "maccrobat2020"))
    titled, asserted, milliseconds = on_simulated(asked.patients, asked.seed)
    for family, read in titled.items():
        print(f"simulated, {family}: sections {accuracy(read.gold, read.found):.3f} of {len(read.gold)}")
    for family, read in asserted.items():
        show(f"simulated, {family}: assertion", read)
    print(f"\nsections and assertions: {milliseconds:.1f} ms of a core for a note")


if __name__ == "__main__":
    main()
