"""How well quantities are found and read, and events dated, on simulated notes.

    python tools/measure_nlp_quantities.py [--part reported] [--patients 40] [--seed 7] [--step 4]

Quantities are found by rules alone, without a tagger: F1 of exact spans of tests (only those with a value can be
found), results, units, doses and frequencies, and the share of the found spans whose value, unit, dose or intakes a day
are the gold's; two codes of one measure, such as meq/L and mmol/L, are one unit. Dates are those of relations such as
``procedure-date``, with the gold's entities and sections given: right where the gold date lies in the time that the
event was given by its clause.
The families are split as in tools/measure_nlp_times.py.
"""

import argparse
import time
from collections import Counter
from collections.abc import Mapping
from itertools import islice

from careloom.nlp.quantities import Quantities
from careloom.nlp.timeline import Timeline
from careloom.nlp.times import Times
from careloom.simulate.answers import SpanAnswer
from careloom.simulate.notes import SimulatedNote
from careloom.terminology.ucum import UnitError, factor
from careloom.text.note import AnnotatedNote, Annotation, Note, Section, Span
from careloom.text.sentences import sentences
from tools.measure_nlp_times import FAMILIES, simulated

LABELS = {"test": "TEST", "result": "TEST_VALUE", "unit": "UNIT", "dose": "DOSAGE", "frequency": "FREQUENCY"}
EVENTS = {
    "problem": "PROBLEM", "symptom": "SYMPTOM", "finding": "SYMPTOM", "test": "TEST", "drug": "MEDICATION",
    "vaccine": "MEDICATION", "procedure": "PROCEDURE",
}  # fmt: skip


def same_unit(one: str, other: str) -> bool:
    """True where both codes are one measure."""
    try:
        return one == other or factor(one, other) == 1
    except UnitError:
        return False


def is_right(kind: str, gold: Mapping[str, str], found: Mapping[str, str]) -> bool:
    """True where what was read is what the gold tells."""
    match kind:
        case "result":
            same = found.get("value") == gold.get("value")
            return same and same_unit(found.get("unit", ""), gold.get("unit", ""))
        case "unit":
            return same_unit(found.get("unit", ""), gold.get("ucum", ""))
        case "dose":
            return found.get("dose") == gold.get("value") and same_unit(found.get("unit", ""), gold.get("unit", ""))
        case "frequency":
            same = found.get("per_day", "0") == gold.get("per_day")
            return same and found.get("as_needed") == gold.get("as_needed")
    return True


def count_quantities(note: SimulatedNote, read: AnnotatedNote, counts: Counter[tuple[str, str]]) -> None:
    """Adds one note."""
    for kind, label in LABELS.items():
        gold = {
            (one.start, one.end): dict(one.attributes)
            for one in note.gold.spans
            if one.kind == "entity" and one.label == kind
        }
        found = {
            (one.span.start, one.span.end): one.attributes
            for one in read.annotations
            if one.label == label and one.attributes.get("type") != "set"
        }
        both = gold.keys() & found.keys()
        counts[kind, "gold"] += len(gold)
        counts[kind, "found"] += len(found)
        counts[kind, "exact"] += len(both)
        counts[kind, "right"] += sum(is_right(kind, gold[place], found[place]) for place in both)


def given(note: SimulatedNote) -> AnnotatedNote:
    """The note with the gold's entities and sections."""

    def event(one: SpanAnswer) -> Annotation:
        return Annotation(Span(one.start, one.end), EVENTS[one.label], id=one.id, text=one.text)

    events = tuple(event(one) for one in note.gold.spans if one.kind == "entity" and one.label in EVENTS)
    sections = tuple(
        Section(one.label, Span(one.start, one.start), Span(one.start, one.end))
        for one in note.gold.spans
        if one.kind == "section"
    )
    plain = Note("", note.text, time=note.time.isoformat())
    return AnnotatedNote(plain, sections, tuple(sentences(note.text)), events)


def count_dates(note: SimulatedNote, read: AnnotatedNote, counts: Counter[tuple[str, str]]) -> None:
    """Adds the dated relations of one note."""
    values = {one.id: dict(one.attributes).get("value", "") for one in note.gold.spans if one.kind == "time"}
    events = {one.id: one.attributes for one in read.annotations if one.id}
    for relation in note.gold.relations:
        value = values.get(relation.tail, "")
        if not relation.label.endswith("-date") or relation.head not in events or not value:
            continue
        told = events[relation.head]
        size = len(value)
        is_dated = told.get("time_from") == "clause"
        counts[relation.label, "gold"] += 1
        counts[relation.label, "right"] += is_dated and told["start"][:size] <= value <= told["end"][:size]


def measure(families: tuple[str, ...], patients: int, seed: int, step: int) -> None:
    """Prints the scores."""
    quantities, times, timeline = Quantities(), Times(), Timeline()
    counts: Counter[tuple[str, str]] = Counter()
    spent: Counter[str] = Counter()
    notes = [note for family in families for note in islice(simulated(family, patients, seed), 0, None, step)]
    for note in notes:
        begun = time.process_time()
        read = quantities.read(AnnotatedNote(Note("", note.text, time=note.time.isoformat())))
        spent["quantities"] += int(1e6 * (time.process_time() - begun))
        count_quantities(note, read, counts)
        timed = times.read(given(note))
        begun = time.process_time()
        dated = timeline.read(timed)
        spent["timeline"] += int(1e6 * (time.process_time() - begun))
        count_dates(note, dated, counts)
    for kind in LABELS:
        gold, found, exact = (counts[kind, what] for what in ("gold", "found", "exact"))
        f1 = 2 * exact / max(1, gold + found)
        print(f"{kind:15} gold {gold:5} F1 {f1:.3f} right {counts[kind, 'right'] / max(1, exact):.3f}")
    for kind in sorted({label for label, _ in counts} - LABELS.keys()):
        gold = counts[kind, "gold"]
        print(f"{kind:15} gold {gold:5} right {counts[kind, 'right'] / max(1, gold):.3f}")
    print(*(f"{name} {total / 1000 / max(1, len(notes)):.2f} ms a note" for name, total in spent.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures quantities and dated events.")
    parser.add_argument("--part", choices=tuple(FAMILIES), default="reported")
    parser.add_argument("--patients", type=int, default=40)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--step", type=int, default=4, help="read every so many notes")
    asked = parser.parse_args()
    measure(FAMILIES[asked.part], asked.patients, asked.seed, asked.step)


if __name__ == "__main__":
    main()
