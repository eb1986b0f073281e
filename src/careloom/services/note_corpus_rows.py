"""What notes of a zone say, as arrays: a row a mention, without a word of a note. Counts are made of them.

Arrays of the research zone are held for a while, as long as nothing there has changed; of the identified zone nothing
is held.
"""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from careloom.services.annotate_documents import PERSON, Kept

SAID = ("present", "absent", "uncertain", "historical", "planned", "others")
"""How something is said to be: each mention is one of them. ``others`` is of a relative or somebody else."""
PLAIN = -1
"""Of what can be neither there nor absent, of no code, of no time."""
HELD_SECONDS = 300.0
PREFERRED = (
    "http://snomed.info/sct", "http://hl7.org/fhir/sid/icd-10-cm", "http://www.nlm.nih.gov/research/umls/rxnorm",
    "http://loinc.org",
)  # fmt: skip
Numbers = NDArray[np.int64]
Json = dict[str, Any]
Mark = tuple[object, ...]
Asserted = Callable[[Json], Json]


@dataclass(frozen=True, slots=True)
class Corpus:
    """Notes [n] and mentions [m] of a zone.

    people    ids of the patients, by number
    patient   [n] number of the note's patient
    month     [n] months since 0 CE, when it was written; `PLAIN` for no time
    kind      [n] place in `kinds`: LOINC codes of kinds of documents, empty for none
    note      [m] place among the notes
    concept   [m] place in `concepts`: system, code, display; `PLAIN` for no code
    label     [m] place in `labels`
    said      [m] place in `SAID`, or `PLAIN`
    of        notes that there were, of which these were looked at
    """

    people: tuple[str, ...]
    patient: Numbers
    month: Numbers
    kind: Numbers
    kinds: tuple[str, ...]
    note: Numbers
    concept: Numbers
    concepts: tuple[tuple[str, str, str], ...]
    label: Numbers
    labels: tuple[str, ...]
    said: Numbers
    of: int


def corpus_of(kept: Iterable[tuple[Kept, str]], most: int, asserted: Asserted) -> Corpus:
    """What documents say, each with the id of its patient; of a note a person's word of its newest version.

    most      notes at most: those with the first ids
    asserted  how an annotation is asserted; empty for what can be neither there nor absent
    """
    best: dict[str, tuple[Kept, str]] = {}
    for one, patient in kept:
        before = best.get(one.note_id)
        if before is None or _rank(one) > _rank(before[0]):
            best[one.note_id] = (one, patient)
    return _arrays([best[name] for name in sorted(best)[:most]], len(best), asserted)


def _rank(one: Kept) -> tuple[int, bool]:
    return int(one.note.rpartition("/")[2]), one.origin == PERSON


def _arrays(notes: list[tuple[Kept, str]], of: int, asserted: Asserted) -> Corpus:
    people, kinds, labels = _Places(), _Places(), _Places()
    concepts = _Places()
    displays: list[str] = []
    rows: list[tuple[int, int, int]] = []
    mentions: list[tuple[int, int, int, int]] = []
    for place, (one, patient) in enumerate(notes):
        content = one.content
        rows.append(
            (people.at(patient), month_of(str(content.get("time", ""))), kinds.at(str(content.get("type", ""))))
        )
        for each in content["annotations"]:
            code, concept = _best(each), PLAIN
            if code is not None:
                concept = concepts.at((code["system"], code["code"]))
                displays += [str(code.get("display", ""))] * (concept == len(displays))
            mentions.append((place, concept, labels.at(each["label"]), _said(asserted(each))))
    note = np.array(rows, dtype=np.int64).reshape(-1, 3)
    found = np.array(mentions, dtype=np.int64).reshape(-1, 4)
    named = tuple((*key, display) for key, display in zip(concepts.known, displays, strict=True))
    return Corpus(
        tuple(people.known), note[:, 0], note[:, 1], note[:, 2], tuple(kinds.known), found[:, 0], found[:, 1], named,
        found[:, 2], tuple(labels.known), found[:, 3], of,
    )  # fmt: skip


class _Places:
    """Numbers things in the order in which they come."""

    def __init__(self) -> None:
        self.known: dict[Any, int] = {}

    def at(self, thing: Any) -> int:
        """Its number."""
        return self.known.setdefault(thing, len(self.known))


def month_of(moment: str) -> int:
    """Months since 0 CE of ``2026-03-05``, ``2026-03`` or ``2026``, whose month is January; `PLAIN` for none."""
    year, _, rest = moment[:7].partition("-")
    if len(year) != 4 or not year.isdecimal():
        return PLAIN
    return int(year) * 12 + (int(rest) - 1 if rest.isdecimal() and 1 <= int(rest) <= 12 else 0)


def _best(annotation: Json) -> Json | None:
    """Of the likeliest codes that of the first system of `PREFERRED`, else the first; None where there is none."""
    likeliest = [code for code in annotation.get("codes", ()) if code["rank"] == 1]
    for system in PREFERRED:
        for code in likeliest:
            if code["system"] == system:
                found: Json = code
                return found
    return likeliest[0] if likeliest else None


def _said(told: Json) -> int:
    if not told:
        return PLAIN
    if told["experiencer"] != "patient":
        return SAID.index("others")
    if told["temporality"] != "current":
        return SAID.index("historical" if told["temporality"] == "historical" else "planned")
    presence = told["presence"]
    return SAID.index(presence if presence in ("present", "absent") else "uncertain")


class CorporaHeld:
    """What was read of zones a moment ago, by what tells that nothing has changed there since."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._held: dict[str, tuple[Mark, float, Corpus]] = {}

    def get(self, zone: str, mark: Mark, read: Callable[[], Corpus]) -> Corpus:
        """The corpus of a zone at a mark; `read` where it is not held."""
        with self._lock:
            held = self._held.get(zone)
        if held is not None and held[0] == mark and self._clock() - held[1] < HELD_SECONDS:
            return held[2]
        made = read()
        with self._lock:
            self._held[zone] = (mark, self._clock(), made)
        return made
