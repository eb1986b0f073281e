"""How well quantities are found and read, and events dated, on simulated notes: gold in, counts of each note out.

Quantities are found by rules alone, without a tagger: exact spans of tests (only those with a value can be found),
results, units, doses and frequencies, and of those the ones whose value, unit, dose or intakes a day are the gold's;
two codes of one measure, such as meq/L and mmol/L, are one unit. Dates are those of relations such as
``procedure-date``, with the gold's entities and sections given: right where the gold date lies in the time that the
event was given by its clause.
"""

from collections.abc import Mapping

from careloom.nlp.corpora_notes import GoldNote
from careloom.nlp.evaluation import Counts, counts
from careloom.nlp.quantities import Quantities
from careloom.nlp.timeline import Timeline
from careloom.nlp.times import Times
from careloom.terminology.ucum import UnitError, factor
from careloom.text.note import AnnotatedNote, Note

LABELS = {"test": "TEST", "result": "TEST_VALUE", "unit": "UNIT", "dose": "DOSAGE", "frequency": "FREQUENCY"}
_EVENTS = frozenset({"PROBLEM", "SYMPTOM", "TEST", "MEDICATION", "PROCEDURE"})
Ratio = tuple[int, int]
"""How many of how many."""


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


def quantities_in(note: GoldNote, reader: Quantities) -> tuple[Counts, Mapping[str, Ratio]]:
    """Counts of exact spans by label, and of those that are exact how many are read right."""
    read = reader.read(AnnotatedNote(Note(note.id, note.text, time=note.time)))
    gold = {(label, *one.place): one for one in note.of("entity") for label in [LABELS.get(one.label, "")] if label}
    found = {
        (one.label, one.span.start, one.span.end): one.attributes
        for one in read.annotations
        if one.label in LABELS.values() and one.attributes.get("type") != "set"
    }
    both = gold.keys() & found.keys()
    right: dict[str, Ratio] = {}
    for key in both:
        one = gold[key]
        done, of = right.get(key[0], (0, 0))
        right[key[0]] = (done + is_right(one.label, one.attributes, found[key]), of + 1)
    return counts(*([key[0] for key in some] for some in (gold, found, both))), right


def dates_in(note: GoldNote, times: Times, timeline: Timeline) -> Mapping[str, Ratio]:
    """Relation -> how many events have the gold's date, of how many that it dates."""
    events = [one for one in note.of("entity") if one.note_label in _EVENTS]
    read = timeline.read(times.read(note.given(events)))
    told = {one.id: one.attributes for one in read.annotations if one.id}
    values = {one.id: one.attributes.get("value", "") for one in note.of("time")}
    found: dict[str, Ratio] = {}
    for label, head, tail in note.relations:
        value = values.get(tail, "")
        if not label.endswith("-date") or head not in told or not value:
            continue
        size, event = len(value), told[head]
        is_dated = event.get("time_from") == "clause" and event["start"][:size] <= value <= event["end"][:size]
        done, of = found.get(label, (0, 0))
        found[label] = (done + is_dated, of + 1)
    return found
