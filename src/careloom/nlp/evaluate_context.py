"""How well sections and assertions are read: rows and notes with gold in, gold and what was found side by side out."""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from careloom.nlp.assertion import Assertions, Reader
from careloom.nlp.corpora import CASE_REPORT
from careloom.nlp.corpora_notes import GoldNote
from careloom.nlp.sections import Sections
from careloom.text.note import Assertion, Section, Span
from careloom.text.sentences import sentences

_POLARITY = {"NEG": "absent", "UNCERTAIN": "possible", "MAYBE_POS": "possible", "MAYBE_NEG": "possible"}
_ASSERTED = ("Disease_disorder", "Sign_symptom", "Medication", "Diagnostic_procedure", "Therapeutic_procedure")
_IN_NOTES = frozenset({"PROBLEM", "SYMPTOM", "MEDICATION", "TEST", "PROCEDURE", "DEVICE"})


@dataclass(frozen=True, slots=True)
class Judged:
    """A place, the label that it should have, and the one that it was given; an empty one is none."""

    span: Span
    gold: str
    found: str


def section_kinds(gold: Iterable[tuple[Span, str]], found: Sequence[Section]) -> list[str]:
    """For each gold section the kind that most of its characters got; empty where they got none.

    gold  span with its title, kind
    """
    kinds = []
    for span, _ in gold:
        held: Counter[str] = Counter()
        for one in found:
            held[one.kind] += max(0, min(span.end, one.body.end) - max(span.start, one.title.start))
        kind, most = max(held.items(), key=lambda item: item[1], default=("", 0))
        kinds.append(kind if most > 0 else "")
    return kinds


def phrase_in(sentence: str, phrase: str) -> Span:
    """Where a phrase of the NegEx kit stands in its sentence: in capitals there, or with other white space.

    The whole sentence where it does not: some phrases of the kit reach over the sentence.
    """
    at = sentence.find(phrase.upper())
    if at >= 0:
        return Span(at, at + len(phrase))
    words = re.search(r"\s+".join(re.escape(word) for word in phrase.split()), sentence, re.IGNORECASE)
    return Span(*words.span()) if words is not None else Span(0, len(sentence))


def kit_answers(rows: Iterable[Mapping[str, str]], reader: Reader | None = None) -> Iterator[Mapping[str, Judged]]:
    """``negated`` and ``historical`` of each row of the NegEx kit, the phrase given; an empty label says no.

    rows  with ``sentence``, ``phrase``, ``negation`` and ``temporality`` as in the kit
    """
    asked = reader if reader is not None else Reader()
    for row in rows:
        sentence = row["sentence"]
        span = phrase_in(sentence, row["phrase"])
        (one,) = asked.assertions(sentence, Span(0, len(sentence)), [(span, "PROBLEM")])
        negated = [("negated" if is_so else "") for is_so in (row["negation"] == "Negated", one.presence == "absent")]
        told = (row["temporality"] == "Historical", one.temporality == "historical")
        historical = [("historical" if is_so else "") for is_so in told]
        yield {"negated": Judged(span, *negated), "historical": Judged(span, *historical)}


def case_report_answers(text: str, annotations: str, reader: Reader | None = None) -> list[Judged]:
    """Presence of each mention of a document of MACCROBAT2020, mentions given.

    annotations  the content of its .ann file
    """
    asked = reader if reader is not None else Reader()
    spans = sentences(text)
    starts = [span.start for span in spans]
    found = []
    for span, label, presence in _mentions(annotations):
        sentence = spans[max(0, bisect_right(starts, span.start) - 1)]
        whole = replace(sentence, end=max(sentence.end, span.end))
        (one,) = asked.assertions(text, whole, [(span, label)])
        found.append(Judged(span, presence, one.presence))
    return found


def _mentions(annotations: str) -> Iterator[tuple[Span, str, str]]:
    """Span, label and presence of what can be asserted."""
    mentions: dict[str, tuple[Span, str]] = {}
    events: dict[str, str] = {}
    polarity: dict[str, str] = {}
    for line in annotations.splitlines():
        parts = line.split("\t")
        head = parts[1].split() if len(parts) > 1 else []
        if line.startswith("T") and ";" not in parts[1] and head[0] in _ASSERTED:
            mentions[parts[0]] = (Span(int(head[1]), int(head[2])), CASE_REPORT[head[0]])
        elif line.startswith("E"):
            events[parts[0]] = head[0].partition(":")[2]
        elif line.startswith("A") and head[0] == "POLARITY":
            polarity[events.get(head[1], head[1])] = head[2]
    for name, (span, label) in mentions.items():
        yield span, label, _POLARITY.get(polarity.get(name, ""), "present")


def note_answers(note: GoldNote, find: Sections, say: Assertions) -> tuple[list[Judged], list[Judged]]:
    """Sections of a simulated note, and assertions of its entities, these given."""
    gold = [one for one in note.of("entity") if one.note_label in _IN_NOTES and one.assertion]
    read = say.read(find.read(note.given(gold, with_sections=False)))
    places = [(Span(*one.place), one.label) for one in note.of("section")]
    kinds = section_kinds(places, read.sections)
    told = {one.id: _in_words(one.assertion) for one in read.annotations if one.assertion is not None}
    return (
        [Judged(span, label, kind) for (span, label), kind in zip(places, kinds, strict=True)],
        [Judged(Span(*one.place), one.assertion, told.get(one.id, "")) for one in gold],
    )


def _in_words(one: Assertion) -> str:
    """An assertion in the words of the simulator."""
    if one.presence != "present":
        return one.presence
    if one.experiencer != "patient":
        return one.experiencer
    return "historical" if one.temporality == "historical" else "present"
